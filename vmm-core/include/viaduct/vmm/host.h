/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_VMM_HOST_H
#define VIADUCT_VMM_HOST_H

#include <stdbool.h>
#include <stddef.h>

#include <viaduct/util/error.h>
#include <viaduct/util/host.h>

/* What a host's processor and its KVM can do for a guest. Nothing here changes anything. */

#define VIA_VMM_CAPABILITIES 12U

/* Of KVM: what Viaduct uses. */
struct via_vmm_kvm {
	bool usable;	      /* a VM can be made, and nothing that is needed is lacking */
	struct via_error why; /* when it is not: what to do about it */
	int cpus_max;	      /* of a guest; 0: unknown */
	int slots_max;	      /* memory slots; 0: unknown */
	struct via_vmm_capability {
		const char *name;
		const char *without; /* what is so without it; NULL: there is no guest */
		bool there;
	} capabilities[VIA_VMM_CAPABILITIES];
	size_t capability_count; /* 0: KVM could not be asked */
};

/**
 * via_vmm_kvm_load() - ask KVM, which makes a VM for a moment. A recorded host cannot be asked:
 * it is then not usable, for no reason given.
 */
VIA_API void via_vmm_kvm_load(struct via_host *host, struct via_vmm_kvm *kvm);

enum via_vmm_virtualisation {
	VIA_VMM_VIRTUALISATION_NONE,
	VIA_VMM_VIRTUALISATION_VTX,
	VIA_VMM_VIRTUALISATION_SVM,
};

/* Whether the processor has something and KVM uses it. */
enum via_vmm_use {
	VIA_VMM_USE_UNKNOWN,
	VIA_VMM_USE_YES,
	VIA_VMM_USE_OFF,     /* the processor has it, but KVM was told not to */
	VIA_VMM_USE_LACKING, /* the processor has none */
};

struct via_vmm_processor {
	enum via_vmm_virtualisation virtualisation;
	bool has_module;	    /* kvm_intel or kvm_amd is there */
	enum via_vmm_use nested;    /* EPT, NPT */
	enum via_vmm_use gigapages; /* 1 GiB pages of these */
	enum via_vmm_use tags;	    /* VPID, ASID */
	enum via_vmm_use apic;	    /* APICv, AVIC */
	enum via_vmm_use
		posting; /* of interrupts into a guest that runs, as far as the processor goes */
};

/** via_vmm_processor_load() - from /proc/cpuinfo and the parameters of KVM's modules. */
VIA_API void via_vmm_processor_load(struct via_host *host, struct via_vmm_processor *processor);

#endif
