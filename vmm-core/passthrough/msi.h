/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_PASSTHROUGH_MSI_H
#define VIA_VMM_PASSTHROUGH_MSI_H

#include <stdbool.h>
#include <stdint.h>

#include <viaduct/util/error.h>

#include "../pci/vector.h"

/*
 * MSI (PCI Local Bus 3.0, 6.8.1) of a passed-through function. The capability the guest programs
 * is emulated. VFIO allocates the vectors all at once (NORESIZE), so they are taken when the guest
 * enables MSI, as many as it enables, and given back when it disables it.
 */
struct via_passthrough;

#define MSI_VECTORS_MAX 32U

struct via_msi {
	uint8_t count;	 /* messages the function can send; 0: no MSI */
	uint8_t enabled; /* how many of them the guest has enabled */
	struct via_vector vectors[MSI_VECTORS_MAX];
};

/** via_msi_init() - from the capability. Return: 0; -EPROTO when VFIO knows fewer messages. */
int via_msi_init(struct via_passthrough *function, struct via_error *err);

/** via_msi_enabled() - whether the guest has turned MSI on. */
bool via_msi_enabled(const struct via_passthrough *function);

/** via_msi_update() - follow what the guest changed in the capability. */
void via_msi_update(struct via_passthrough *function);

/** via_msi_show_pending() - bring the pending bits of the capability up to date. */
void via_msi_show_pending(struct via_passthrough *function);

/** via_msi_disable() - release all vectors. */
void via_msi_disable(struct via_passthrough *function);

/** via_msi_count() - interrupts so far, by vector: @counts has room for MSI_VECTORS_MAX. */
void via_msi_count(struct via_passthrough *function, uint64_t *counts);

#endif
