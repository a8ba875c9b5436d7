/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a host says of its processor and its IOMMU. The input, each up to a NUL: /proc/cpuinfo, a
 * parameter of KVM's modules, the IOMMU's register, /proc/interrupts.
 */
#include <stdbool.h>

#include <viaduct/iommu/hardware.h>
#include <viaduct/vmm/host.h>

#include "fuzz.h"
#include "tree.h"

static struct tree tree;

static void remove_tree(void)
{
	tree_remove(&tree);
}

/* Of the input, NULs and all, one file after the other. */
static void put_next(struct input *input, const char *path, bool again)
{
	size_t length = strnlen((const char *)input->data, input->left);

	tree_add(&tree, (struct tree_entry){ path, length ? (const char *)input->data : "",
					     .bytes = length });
	if (again)
		return;
	input->data += length;
	input->left -= length;
	take(input, 1);
}

static void check(const struct via_vmm_processor *processor,
		  const struct via_iommu_hardware *hardware)
{
	const enum via_vmm_use uses[] = { processor->nested, processor->gigapages, processor->tags,
					  processor->apic, processor->posting };

	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++)
		MUST(uses[i] <= VIA_VMM_USE_LACKING &&
		     (uses[i] == VIA_VMM_USE_UNKNOWN ||
		      processor->virtualisation != VIA_VMM_VIRTUALISATION_NONE));
	MUST(hardware->kind == VIA_IOMMU_HARDWARE_INTEL ||
	     hardware->kind == VIA_IOMMU_HARDWARE_AMD);
	MUST(hardware->units == 1 && hardware->address_bits <= 64);
	MUST(!hardware->page_sizes || hardware->page_sizes & 1ULL << 12);
	MUST(hardware->posting_known || !hardware->posting);
	MUST(hardware->remapping_known || !hardware->remapping);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct tree_entry nothing[] = { { "sys/" }, { 0 } };
	struct via_vmm_processor processor;
	struct via_iommu_hardware hardware;
	struct input input = { data, size };
	bool amd = size && data[size - 1] & 1;

	if (!tree.host) {
		tree = tree_make(nothing);
		atexit(remove_tree);
	}
	put_next(&input, "proc/cpuinfo", false);
	put_next(&input, "sys/module/kvm_amd/parameters/avic", true);
	put_next(&input, "sys/module/kvm_intel/parameters/ept", false);
	put_next(&input,
		 amd ? "sys/class/iommu/ivhd0/amd-iommu/features"
		     : "sys/class/iommu/dmar0/intel-iommu/cap",
		 false);
	put_next(&input, "proc/interrupts", false);
	via_vmm_processor_load(tree.host, &processor);
	MUST(!via_iommu_hardware_load(tree.host, &hardware, NULL));
	check(&processor, &hardware);
	tree_drop(&tree, "sys");
	tree_drop(&tree, "proc");
	return 0;
}
