/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <viaduct/util/range.h>

/* The first range that ends at or after @address; bus->count when there is none. */
static size_t lower_bound(const struct via_bus *bus, uint64_t address)
{
	size_t low = 0, high = bus->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct via_bus_range *range = bus->ranges[middle];

		if (range->base + (range->size_bytes - 1) < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int via_bus_add(struct via_bus *bus, struct via_bus_range *range)
{
	struct via_range wanted;
	size_t at;
	int rc = via_range_make(range->base, range->size_bytes, &wanted);

	if (rc)
		return -EINVAL;
	at = lower_bound(bus, wanted.first);
	if (at < bus->count && bus->ranges[at]->base <= wanted.last)
		return -EEXIST;
	if (bus->count == bus->capacity) {
		size_t capacity = bus->capacity ? bus->capacity * 2 : 16;
		struct via_bus_range **grown =
			realloc(bus->ranges, capacity * sizeof(struct via_bus_range *));

		if (!grown)
			return -ENOMEM;
		bus->ranges = grown;
		bus->capacity = capacity;
	}
	memmove(bus->ranges + at + 1, bus->ranges + at,
		(bus->count - at) * sizeof(struct via_bus_range *));
	bus->ranges[at] = range;
	bus->count++;
	return 0;
}

void via_bus_remove(struct via_bus *bus, struct via_bus_range *range)
{
	for (size_t i = 0; i < bus->count; i++) {
		if (bus->ranges[i] != range)
			continue;
		bus->count--;
		memmove(bus->ranges + i, bus->ranges + i + 1,
			(bus->count - i) * sizeof(struct via_bus_range *));
		return;
	}
}

static void access_part(struct via_bus *bus, uint64_t address, void *data, unsigned int size_bytes,
			bool write)
{
	struct via_bus_access access = { .size_bytes = size_bytes, .write = write };
	size_t at = lower_bound(bus, address);
	struct via_bus_range *range = at < bus->count ? bus->ranges[at] : NULL;

	if (!range || address < range->base ||
	    size_bytes > range->size_bytes - (address - range->base)) {
		bus->unclaimed++;
		if (!write)
			memset(data, 0xff, size_bytes);
		return;
	}

	access.offset = address - range->base;
	if (write) {
		memcpy(&access.value, data, size_bytes);
		range->writes++;
		range->access(range->owner, &access);
	} else {
		access.value = UINT64_MAX;
		range->reads++;
		range->access(range->owner, &access);
		memcpy(data, &access.value, size_bytes);
	}
}

void via_bus_access(struct via_bus *bus, uint64_t address, void *data, unsigned int size_bytes,
		    bool write)
{
	uint8_t *bytes = data;

	/*
	 * KVM cuts an access at a page's edge, so 3, 5, 6 or 7 bytes come too: in naturally
	 * aligned parts then, as a chipset would pass them on.
	 */
	while (size_bytes & (size_bytes - 1)) {
		unsigned int part = 1;

		while (!(address & part) && part * 2 <= size_bytes)
			part *= 2;
		access_part(bus, address, bytes, part, write);
		address += part;
		bytes += part;
		size_bytes -= part;
	}
	if (size_bytes)
		access_part(bus, address, bytes, size_bytes, write);
}

void via_bus_clear(struct via_bus *bus)
{
	free(bus->ranges);
	*bus = (struct via_bus){ 0 };
}
