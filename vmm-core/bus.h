/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_BUS_H
#define VIA_VMM_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Who answers a guest's access that left KVM: one bus for memory, one for I/O ports. Each range
 * has one owner, and counts what it was asked.
 *
 * Guarded by the machine's lock.
 */
struct via_bus_access {
	uint64_t offset; /* from the start of the range */
	uint64_t value;	 /* little-endian in the low @size_bytes; reads start with all ones */
	unsigned int size_bytes; /* 1, 2, 4 or 8 */
	bool write;
};

typedef void (*via_bus_fn)(void *owner, struct via_bus_access *access);

/* A range on a bus. Embedded in its owner; must stay in place while it is on the bus. */
struct via_bus_range {
	uint64_t base;
	uint64_t size_bytes;
	via_bus_fn access;
	void *owner;
	uint64_t reads;
	uint64_t writes;
};

struct via_bus {
	struct via_bus_range **ranges; /* ascending, disjoint */
	size_t count;
	size_t capacity;
	uint64_t unclaimed; /* accesses nobody answered */
};

/** via_bus_add() - Return: 0, -EEXIST when it would overlap another, -EINVAL for an empty or
 * overflowing range, -ENOMEM.
 */
int via_bus_add(struct via_bus *bus, struct via_bus_range *range);

/** via_bus_remove() - take a range off; one that is not on the bus is left alone. */
void via_bus_remove(struct via_bus *bus, struct via_bus_range *range);

/**
 * via_bus_access() - have the owner of @address answer. What nobody owns, or what reaches beyond
 * its owner's range, reads as all ones and is not written, as on a PC.
 */
void via_bus_access(struct via_bus *bus, uint64_t address, void *data, unsigned int size_bytes,
		    bool write);

void via_bus_clear(struct via_bus *bus);

#endif
