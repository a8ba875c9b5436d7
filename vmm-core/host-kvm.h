/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_HOST_KVM_H
#define VIA_VMM_HOST_KVM_H

#include <viaduct/vmm/host.h>

#include "kvm.h"

/** via_vmm_kvm_ask() - what an open @kvm can do, of which vm_fd is a VM. */
void via_vmm_kvm_ask(struct via_kvm *kvm, struct via_vmm_kvm *facts);

#endif
