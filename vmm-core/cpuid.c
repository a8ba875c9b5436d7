/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cpuid.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/*
 * Leaves and bits: Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E; for 4000000xh
 * Documentation/virt/kvm/x86/cpuid.rst.
 */
#define FEATURES		0x1U
#define FEATURES_ECX_X2APIC	(1U << 21)
#define FEATURES_ECX_DEADLINE	(1U << 24)
#define FEATURES_ECX_HYPERVISOR (1U << 31)
#define FEATURES_EDX_HTT	(1U << 28)
#define CACHES			0x4U
#define TOPOLOGY		0xbU
#define TOPOLOGY_V2		0x1fU
#define AMD_ADDRESS_SIZES	0x80000008U
#define AMD_EXTENDED_APIC	0x8000001eU

#define LEAVES_FIRST_TRY 100U
#define LEAVES_MAX	 1024U
#define LEAVES_ADDED	 4U

int via_cpuid_new(struct via_kvm *kvm, struct kvm_cpuid2 **cpuid_out, struct via_error *err)
{
	for (uint32_t room = LEAVES_FIRST_TRY; room <= LEAVES_MAX; room *= 2) {
		struct kvm_cpuid2 *cpuid =
			calloc(1, sizeof(*cpuid) + (room + LEAVES_ADDED) * sizeof(*cpuid->entries));
		int rc;

		if (!cpuid)
			return via_error_sys(err, ENOMEM, "cannot read the processor's features");
		cpuid->nent = room;
		rc = via_kvm_ioctl(kvm, kvm->fd, KVM_GET_SUPPORTED_CPUID, cpuid);
		if (!rc) {
			bool deadline = via_kvm_capability(kvm, KVM_CAP_TSC_DEADLINE_TIMER);

			for (uint32_t i = 0; i < cpuid->nent; i++) {
				struct kvm_cpuid_entry2 *leaf = &cpuid->entries[i];

				if (leaf->function != FEATURES)
					continue;
				/* KVM emulates both with the in-kernel local APIC. */
				leaf->ecx |= FEATURES_ECX_HYPERVISOR | FEATURES_ECX_X2APIC;
				if (deadline)
					leaf->ecx |= FEATURES_ECX_DEADLINE;
			}
			*cpuid_out = cpuid;
			return 0;
		}
		free(cpuid);
		if (rc != -E2BIG)
			return via_error_sys(err, -rc, "KVM does not tell what it supports");
	}
	return via_error_set(err, E2BIG, "KVM reports more than %u CPUID leaves", LEAVES_MAX);
}

static unsigned int bits_for(unsigned int count)
{
	return count > 1 ? 32 - (unsigned int)__builtin_clz(count - 1) : 0;
}

/* Extended topology: level 0 threads of a core, level 1 cores of the package. */
static void add_topology(struct kvm_cpuid2 *cpuid, uint32_t function, unsigned int index,
			 unsigned int count)
{
	enum { LEVEL_NONE, LEVEL_SMT, LEVEL_CORE };
	const struct {
		uint32_t type, shift, processors;
	} levels[] = {
		{ LEVEL_SMT, 0, 1 },
		{ LEVEL_CORE, bits_for(count), count },
	};

	for (uint32_t level = 0; level < 2; level++)
		cpuid->entries[cpuid->nent++] = (struct kvm_cpuid_entry2){
			.function = function,
			.index = level,
			.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
			.eax = levels[level].shift,
			.ebx = levels[level].processors,
			.ecx = levels[level].type << 8 | level,
			.edx = index,
		};
}

void via_cpuid_set_topology(struct kvm_cpuid2 *cpuid, unsigned int index, unsigned int count)
{
	bool v1 = false, v2 = false;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *leaf = &cpuid->entries[i];

		switch (leaf->function) {
		case FEATURES:
			leaf->ebx =
				(leaf->ebx & 0xffff) | index << 24 | 1U << bits_for(count) << 16;
			leaf->edx &= ~FEATURES_EDX_HTT;
			if (count > 1)
				leaf->edx |= FEATURES_EDX_HTT;
			break;
		case CACHES: {
			/* Cores per package; caches above level 2 are shared by all of them. */
			uint32_t cores = (1U << bits_for(count)) - 1;
			uint32_t level = leaf->eax >> 5 & 7;

			if (leaf->eax & 0x1f)
				leaf->eax = (leaf->eax & 0x3fff) | cores << 26 |
					    (level > 2 ? cores << 14 : 0);
			break;
		}
		case TOPOLOGY:
			v1 = true;
			continue;
		case TOPOLOGY_V2:
			v2 = true;
			continue;
		case AMD_ADDRESS_SIZES:
			leaf->ecx = (leaf->ecx & ~0xf0ffU) | bits_for(count) << 12 | (count - 1);
			break;
		case AMD_EXTENDED_APIC:
			leaf->eax = index;
			leaf->ebx = (leaf->ebx & ~0xffffU) | index;
			leaf->ecx &= ~0x7ffU;
			break;
		default:
			break;
		}
		cpuid->entries[kept++] = *leaf;
	}
	cpuid->nent = kept;
	if (v1)
		add_topology(cpuid, TOPOLOGY, index, count);
	if (v2)
		add_topology(cpuid, TOPOLOGY_V2, index, count);
}

unsigned int via_cpuid_physical_bits(const struct kvm_cpuid2 *cpuid)
{
	for (uint32_t i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == AMD_ADDRESS_SIZES)
			return cpuid->entries[i].eax & 0xff;
	return 36;
}
