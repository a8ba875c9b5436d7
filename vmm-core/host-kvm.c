/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host-kvm.h"

#include <linux/kvm.h>

#include <viaduct/util/cleanup.h>

#include "capabilities.h"

void via_vmm_kvm_ask(struct via_kvm *kvm, struct via_vmm_kvm *facts)
{
	for (const struct via_kvm_capability *each = via_kvm_capabilities; each->name; each++)
		facts->capabilities[facts->capability_count++] = (struct via_vmm_capability){
			.name = each->name,
			.without = each->without,
			.there = via_kvm_capability(kvm, each->capability),
		};
	facts->cpus_max = via_kvm_capability(kvm, KVM_CAP_MAX_VCPUS);
	facts->slots_max = via_kvm_capability(kvm, KVM_CAP_NR_MEMSLOTS);
}

void via_vmm_kvm_load(struct via_host *host, struct via_vmm_kvm *facts)
{
	struct via_kvm kvm;
	int rc;

	*facts = (struct via_vmm_kvm){ .usable = false };
	if (!via_host_is_real(host))
		return;
	rc = via_kvm_check_loaded(host, &facts->why);
	if (!rc)
		rc = via_kvm_open(host, &kvm, &facts->why);
	facts->usable = !rc;
	if (!rc) {
		via_vmm_kvm_ask(&kvm, facts);
		via_kvm_close(&kvm);
	}
}
