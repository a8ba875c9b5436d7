/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_PCI_MSIX_H
#define VIA_VMM_PCI_MSIX_H

#include <stdbool.h>
#include <stdint.h>

#include "../bus.h"
#include "../irq.h"
#include "vector.h"

/*
 * MSI-X as a guest programs it (PCIe 6.0, 6.1.4 and 7.7.2): the table, its pending bits, and the
 * messages of it that reach the guest. Which wire sends which entry is its owner's business: one
 * each for a passed-through function; what the driver chooses for a virtio device, where several
 * may send the same one, and some none.
 *
 * Guarded by the machine's lock.
 */
enum { MSIX_TABLE, MSIX_PBA, MSIX_STRUCTURES };

#define MSIX_ENTRY_WORDS 4U /* address, upper address, data, control */
#define MSIX_NO_ENTRY	 UINT16_MAX

#define MSIX_TABLE_BYTES(count) ((count)*16ULL)
#define MSIX_PBA_BYTES(count)	(((count) + 63ULL) / 64 * 8)

struct via_msix_entry {
	uint32_t words[MSIX_ENTRY_WORDS];
};

struct via_msix_wire {
	struct via_vector vector;
	uint16_t entry; /* or MSIX_NO_ENTRY */
};

struct via_msix_owner {
	/** complain() - what the guest wanted of an entry could not be done. */
	void (*complain)(void *owner, uint32_t entry, const char *what, const char *why);
	/** attached() - wires of entries [first, end) may have become able to reach the guest;
	 * NULL: nothing has to be done about it.
	 */
	void (*attached)(void *owner, uint32_t first, uint32_t end);
};

struct via_msix_table {
	struct via_irq *irq;
	const uint8_t *control; /* upper byte of Message Control, in the configuration space */
	const struct via_msix_owner *ops;
	void *owner;
	uint16_t count; /* entries; 0: no MSI-X */
	struct via_msix_entry *entries;
	uint16_t wire_count;
	struct via_msix_wire *wires;
};

/**
 * via_msix_table_init() - @table has all but entries and wires, whose counts are set.
 *
 * Return: 0 or -ENOMEM.
 */
int via_msix_table_init(struct via_msix_table *table);

/** via_msix_table_free() - release wires and entries. */
void via_msix_table_free(struct via_msix_table *table);

/** via_msix_table_enabled() - whether the guest has turned MSI-X on. */
bool via_msix_table_enabled(const struct via_msix_table *table);

/** via_msix_table_delivers() - whether messages of this entry go to the guest. */
bool via_msix_table_delivers(const struct via_msix_table *table, uint32_t entry);

/** via_msix_table_update() - bring the wires of entries [first, end) to where the guest wants
 * them: one routing update for all.
 */
void via_msix_table_update(struct via_msix_table *table, uint32_t first, uint32_t end);

/** via_msix_table_access() - answer an access at an offset inside of one of the structures. */
void via_msix_table_access(struct via_msix_table *table, int structure, uint64_t offset,
			   struct via_bus_access *access);

/** via_msix_table_reset() - mask and clear all entries, as after a reset. No wire is attached. */
void via_msix_table_reset(struct via_msix_table *table);

#endif
