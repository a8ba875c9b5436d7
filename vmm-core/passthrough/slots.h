/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_PASSTHROUGH_SLOTS_H
#define VIA_VMM_PASSTHROUGH_SLOTS_H

#include <viaduct/util/error.h>
#include <viaduct/util/host.h>
#include <viaduct/vmm/vmm.h>

/* Where the guest finds a function. */
struct via_passthrough_place {
	uint8_t devfn;
	bool multifunction; /* other functions share the slot */
};

/**
 * via_passthrough_slots() - deal out the slots of the guest's bus 0, from 1 on.
 *
 * Functions of one slot of the host that are also of one IOMMU group are one multi-function device
 * (VFs are not: each has a group of its own). They stay one in the guest, with the same function
 * numbers, as long as function 0, without which no system looks for the others, is among them.
 *
 * Return: 0; the errors of via_iommu_group_load().
 */
int via_passthrough_slots(struct via_host *host, const struct via_vmm_device *devices, size_t count,
			  struct via_passthrough_place *places, struct via_error *err);

#endif
