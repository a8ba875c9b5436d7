/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "capabilities.h"

#include <assert.h>
#include <stddef.h>

#include <linux/kvm.h>

#include <viaduct/vmm/host.h>

#define NAMED(capability) capability, #capability

const struct via_kvm_capability via_kvm_capabilities[] = {
	{ NAMED(KVM_CAP_IRQCHIP), NULL },
	{ NAMED(KVM_CAP_USER_MEMORY), NULL },
	{ NAMED(KVM_CAP_SET_TSS_ADDR), NULL },
	{ NAMED(KVM_CAP_EXT_CPUID), NULL },
	{ NAMED(KVM_CAP_IRQ_ROUTING), NULL },
	{ NAMED(KVM_CAP_IRQFD), NULL },
	{ NAMED(KVM_CAP_DEVICE_CTRL), "a guest can have no device of the host" },
	{ NAMED(KVM_CAP_IOEVENTFD), "a guest can have no virtio device" },
	{ NAMED(KVM_CAP_IOEVENTFD_ANY_LENGTH), "notifying virtio devices takes longer" },
	{ NAMED(KVM_CAP_IRQFD_RESAMPLE), "INTx interrupts take exits" },
	{ NAMED(KVM_CAP_TSC_DEADLINE_TIMER), "a guest's timers take more exits" },
	{ NAMED(KVM_CAP_BINARY_STATS_FD), "exits are not counted by reason" },
	{ 0 },
};

static_assert(sizeof(via_kvm_capabilities) / sizeof(via_kvm_capabilities[0]) - 1 ==
		      VIA_VMM_CAPABILITIES,
	      "viaduct/vmm/host.h");
