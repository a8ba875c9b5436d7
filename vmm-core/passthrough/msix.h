/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_PASSTHROUGH_MSIX_H
#define VIA_VMM_PASSTHROUGH_MSIX_H

#include <stdbool.h>
#include <stdint.h>

#include <viaduct/util/error.h>

#include "../bus.h"
#include "../pci/msix.h"

/*
 * MSI-X (PCIe 6.0, 6.1.4 and 7.7.2) of a passed-through function. The table the guest programs is
 * emulated: its messages are the guest's, the host's vectors have their own. A vector costs
 * nothing until the guest first unmasks it. Wire and entry have the same number.
 */
struct via_passthrough;

struct via_msix_structure {
	uint32_t bar; /* UINT32_MAX: none */
	uint64_t offset, size_bytes;
};

struct via_msix {
	struct via_msix_structure structures[MSIX_STRUCTURES];
	bool host_enabled; /* VFIO holds vectors */
	struct via_msix_table table;
};

struct via_pci_config;

/** via_msix_vectors() - how many the capability says there are; 0 without it. */
uint32_t via_msix_vectors(const struct via_pci_config *config);

/** via_msix_place() - where the capability, which is there, has the table or the pending bits. */
struct via_msix_structure via_msix_place(const struct via_pci_config *config, int which);

/**
 * via_msix_check_place() - whether the table (MSIX_TABLE) or the pending bits (MSIX_PBA) are inside
 * their BAR, of @region_bytes. Return: 0 or -EPROTO.
 */
int via_msix_check_place(int which, const struct via_msix_structure *structure,
			 uint64_t region_bytes, struct via_error *err);

/**
 * via_msix_init() - from the capability in the function's configuration space.
 *
 * Return: 0; -EPROTO when table or pending bits lie outside their BAR; -ENOMEM.
 */
int via_msix_init(struct via_passthrough *function, struct via_error *err);
void via_msix_free(struct via_passthrough *function);

/** via_msix_covers() - whether table or pending bits have a byte in this part of a BAR. */
bool via_msix_covers(const struct via_msix *msix, uint32_t bar, uint64_t offset,
		     uint64_t size_bytes);

/** via_msix_access() - answer an access to table or pending bits. Return: whether it was one. */
bool via_msix_access(struct via_passthrough *function, uint32_t bar, uint64_t offset,
		     struct via_bus_access *access);

/** via_msix_enabled() - whether the guest has turned MSI-X on. */
bool via_msix_enabled(const struct via_passthrough *function);

/** via_msix_update() - follow what the guest changed in the capability's control register. */
void via_msix_update(struct via_passthrough *function);

/** via_msix_disable() - release all vectors. */
void via_msix_disable(struct via_passthrough *function);

/** via_msix_reset() - mask and clear all entries, as after a reset. After via_msix_disable(). */
void via_msix_reset(struct via_passthrough *function);

/** via_msix_count() - add the running interrupt counts to vectors' own: @counts by vector. */
void via_msix_count(struct via_passthrough *function, uint64_t *counts);

#endif
