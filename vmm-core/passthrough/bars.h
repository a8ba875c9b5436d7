/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_PASSTHROUGH_BARS_H
#define VIA_VMM_PASSTHROUGH_BARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <viaduct/util/error.h>

#include "../bus.h"

/*
 * Base address registers: where the guest sees a function's regions. A region is cut into
 * segments: those the guest reaches directly, through a KVM memory slot, and those that trap: the
 * MSI-X table, I/O ports, what the kernel does not map, and BARs smaller than a page, whose page
 * the guest may lay together with another BAR's.
 */
#define BARS_MAX 6U
#define BARS_ROM BARS_MAX /* the expansion ROM is one more */
#define BARS_ALL (BARS_MAX + 1U)

struct via_passthrough;

struct via_bar_segment {
	struct via_passthrough *function;
	uint32_t bar;
	uint64_t offset, size_bytes; /* in the BAR */
	void *hva;		     /* NULL: it traps */
	int slot;		     /* of a segment that is mapped directly, else -1 */
	bool peers;		     /* other devices reach it by DMA */
	struct via_bus_range range;  /* of a trapping one */
};

struct via_bar {
	uint64_t size_bytes; /* a power of two; 0: no such BAR, or the upper half of the one before
			      */
	bool io, wide;
	bool mapped;
	uint64_t base; /* where, while it is mapped */
	struct via_bar_segment *segments;
	size_t segment_count;
};

struct via_bars {
	struct via_bar bars[BARS_ALL];
	bool trapped; /* even what could be mapped */
};

struct via_pci_host;

/** via_bar_check_size() - whether a BAR of the function can be what it is. Return: 0 or -EPROTO. */
int via_bar_check_size(const struct via_bar *bar, uint32_t index, struct via_error *err);

/**
 * via_bar_place() - an address in the guest's window for BARs of its kind.
 * @index: BARS_ROM for the expansion ROM.
 *
 * Return: 0 or -ENOSPC.
 */
int via_bar_place(struct via_pci_host *pci, const struct via_bar *bar, uint32_t index,
		  uint64_t *address, struct via_error *err);

/**
 * via_bars_init() - size and place the BARs, and map the device's regions into this process.
 * Pages that hold the MSI-X table or its pending bits trap.
 *
 * Return: 0; -EPROTO when sizes make no sense; -ENOSPC when a window is full; -ENOMEM; the errno
 * of mapping a region.
 */
int via_bars_init(struct via_passthrough *function, struct via_error *err);
void via_bars_free(struct via_passthrough *function);

/**
 * via_bars_retract() - take out of the guest what it no longer decodes where it is. Before the
 * device is told: an access to registers it has stopped decoding would end the guest.
 */
void via_bars_retract(struct via_passthrough *function);

/** via_bars_update() - make the mappings follow the command register, power state and BARs. */
void via_bars_update(struct via_passthrough *function);

/**
 * via_bars_trap() - whether every access to registers traps, so that none is missed, or only
 * those that have to.
 */
void via_bars_trap(struct via_passthrough *function, bool all);

/** via_bars_unmap() - take all regions out of the guest. */
void via_bars_unmap(struct via_passthrough *function);

#endif
