/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_CPUID_H
#define VIA_VMM_CPUID_H

#include <linux/kvm.h>
#include <stdint.h>

#include <viaduct/util/error.h>

#include "kvm.h"

/**
 * via_cpuid_new() - what the guest's processors say of themselves: all KVM supports, and what
 * saves exits (x2APIC, TSC deadline timer, KVM's paravirtual features).
 * @cpuid: freed with free(); has room for the leaves via_cpuid_set_topology() adds.
 *
 * Return: 0, -ENOMEM, or the errno of KVM_GET_SUPPORTED_CPUID.
 */
int via_cpuid_new(struct via_kvm *kvm, struct kvm_cpuid2 **cpuid, struct via_error *err);

/** via_cpuid_set_topology() - make @cpuid that of processor @index of @count: one package of
 * single-threaded cores, local APIC ID equal to the index.
 */
void via_cpuid_set_topology(struct kvm_cpuid2 *cpuid, unsigned int index, unsigned int count);

/** via_cpuid_physical_bits() - width of a guest-physical address (leaf 80000008h); 36 unknown. */
unsigned int via_cpuid_physical_bits(const struct kvm_cpuid2 *cpuid);

#endif
