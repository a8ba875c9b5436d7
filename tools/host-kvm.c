/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host.h"

#include <stdio.h>
#include <string.h>

#include <viaduct/iommu/hardware.h>
#include <viaduct/vmm/host.h>

/* What an option of KVM's module is called, by vendor. */
struct words {
	const char *nested, *tags, *apic;
	const char *no_nested, *no_tags, *no_apic; /* how to turn it on */
};

static const struct words intel_words = {
	"EPT",
	"VPID",
	"APICv",
	"load kvm_intel with ept=1",
	"load kvm_intel with vpid=1",
	"load kvm_intel with enable_apicv=1",
};

static const struct words amd_words = {
	"NPT", "ASID", "AVIC", "load kvm_amd with npt=1", NULL, "load kvm_amd with avic=1",
};

static void add_use(struct via_host_lines *lines, const char *id, const char *title,
		    enum via_vmm_use use, const char *name, const char *fix)
{
	switch (use) {
	case VIA_VMM_USE_YES:
		via_host_line_add(lines, id, title, VIA_VERDICT_OK, NULL, "%s", name);
		return;
	case VIA_VMM_USE_OFF:
		via_host_line_add(lines, id, title, VIA_VERDICT_NO, fix, "%s is off", name);
		return;
	case VIA_VMM_USE_LACKING:
		via_host_line_add(lines, id, title, VIA_VERDICT_NO, "another processor",
				  "the processor has no %s", name);
		return;
	case VIA_VMM_USE_UNKNOWN:
		via_host_line_add(lines, id, title, VIA_VERDICT_NEUTRAL, NULL,
				  "%s: the kernel does not say", name);
		return;
	}
}

static void add_nested(struct via_host_lines *lines, const struct via_vmm_processor *processor,
		       const struct words *words)
{
	char name[64];

	snprintf(name, sizeof(name), "%s%s", words->nested,
		 processor->gigapages == VIA_VMM_USE_YES       ? ", pages of 4 KiB, 2 MiB, 1 GiB"
		 : processor->gigapages == VIA_VMM_USE_LACKING ? ", pages of 4 KiB, 2 MiB"
							       : "");
	add_use(lines, "nested-paging", "nested paging", processor->nested,
		processor->nested == VIA_VMM_USE_YES ? name : words->nested, words->no_nested);
}

/* Posting takes three: the processor, KVM's use of its APIC, and the IOMMU. */
static void add_posting(struct via_host *host, struct via_host_lines *lines,
			const struct via_vmm_processor *processor, const struct words *words)
{
	static const char id[] = "posted-interrupts", title[] = "posted interrupts";
	struct via_iommu_hardware iommu = { .kind = VIA_IOMMU_HARDWARE_NONE };

	if (via_iommu_hardware_load(host, &iommu, NULL))
		lines->failed = true;
	if (processor->posting == VIA_VMM_USE_LACKING)
		via_host_line_add(lines, id, title, VIA_VERDICT_NO, "another processor",
				  "the processor has none");
	else if (processor->apic == VIA_VMM_USE_OFF)
		via_host_line_add(lines, id, title, VIA_VERDICT_NO, words->no_apic,
				  "%s is off, which they take", words->apic);
	else if (iommu.kind == VIA_IOMMU_HARDWARE_NONE)
		via_host_line_add(lines, id, title, VIA_VERDICT_NO, "turn the IOMMU on",
				  "no IOMMU, which they take");
	else if (!iommu.remapping)
		via_host_line_add(lines, id, title, VIA_VERDICT_NO, "turn interrupt remapping on",
				  "interrupts are not remapped, which they take");
	else if (iommu.posting_known && !iommu.posting)
		via_host_line_add(lines, id, title, VIA_VERDICT_NO, "another IOMMU",
				  "the IOMMU has none");
	else if (iommu.posting_known && processor->posting == VIA_VMM_USE_YES &&
		 processor->apic == VIA_VMM_USE_YES)
		via_host_line_add(lines, id, title, VIA_VERDICT_OK, NULL,
				  "the processor's and the IOMMU's");
	else
		via_host_line_add(lines, id, title, VIA_VERDICT_NEUTRAL, NULL,
				  "the kernel does not say");
}

static void add_processor(struct via_host *host, bool kvm_works, struct via_host_lines *lines)
{
	static const char id[] = "virtualisation", title[] = "virtualisation";
	struct via_vmm_processor processor;
	const struct words *words = &intel_words;

	via_vmm_processor_load(host, &processor);
	switch (processor.virtualisation) {
	case VIA_VMM_VIRTUALISATION_NONE:
		if (kvm_works) {
			via_host_line_add(lines, id, title, VIA_VERDICT_NEUTRAL, NULL,
					  "the processor shows neither VT-x nor SVM; KVM works");
			return;
		}
		via_host_line_add(lines, id, title, VIA_VERDICT_NO,
				  "turn it on in the firmware; in a guest, by its host",
				  "the processor shows neither VT-x nor SVM");
		return;
	case VIA_VMM_VIRTUALISATION_SVM:
		words = &amd_words;
		break;
	case VIA_VMM_VIRTUALISATION_VTX:
		break;
	}
	via_host_line_add(lines, id, title, VIA_VERDICT_OK, NULL, "%s",
			  words == &amd_words ? "SVM" : "VT-x");
	add_nested(lines, &processor, words);
	add_use(lines, "address-space-tags", "TLB tags of guests", processor.tags, words->tags,
		words->no_tags);
	add_use(lines, "virtual-apic", "APIC in hardware", processor.apic, words->apic,
		words->no_apic);
	add_posting(host, lines, &processor, words);
}

static void add_capabilities(struct via_host_lines *lines, const struct via_vmm_kvm *kvm)
{
	for (size_t i = 0; i < kvm->capability_count; i++) {
		const struct via_vmm_capability *each = &kvm->capabilities[i];

		via_host_line_add(lines, "kvm-capability", each->name,
				  each->there ? VIA_VERDICT_OK : VIA_VERDICT_NO,
				  each->there ? NULL : "a newer kernel", "%s%s",
				  each->there	  ? "there"
				  : each->without ? "none: "
						  : "none: Viaduct needs it",
				  !each->there && each->without ? each->without : "");
	}
}

void via_host_add_kvm(struct via_host *host, struct via_host_lines *lines)
{
	struct via_vmm_kvm kvm;

	via_vmm_kvm_load(host, &kvm);
	add_processor(host, kvm.usable, lines);
	if (kvm.usable)
		via_host_line_add(lines, "kvm", "KVM", VIA_VERDICT_OK, NULL,
				  "guests of up to %d vCPUs and %d memory slots", kvm.cpus_max,
				  kvm.slots_max);
	else if (kvm.why.text[0])
		via_host_line_add(lines, "kvm", "KVM", VIA_VERDICT_NO, kvm.why.text, "unusable");
	else
		via_host_line_add(lines, "kvm", "KVM", VIA_VERDICT_NEUTRAL, NULL,
				  "a recorded host cannot be asked");
	add_capabilities(lines, &kvm);
}
