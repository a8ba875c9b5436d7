/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_UTIL_RANGE_H
#define VIADUCT_UTIL_RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <viaduct/util/error.h>

/*
 * Address ranges. Both ends belong to the range, as in the kernel's own tables
 * (struct vfio_iova_range, reserved_regions), so that the last byte of the 64-bit space can be
 * named and no end ever overflows.
 */
struct via_range {
	uint64_t first;
	uint64_t last;
};

/* A set of addresses: ascending, neither overlapping nor touching. Zero-initialised it is empty. */
struct via_range_set {
	struct via_range *ranges;
	size_t count;
	size_t capacity;
};

/**
 * via_range_make() - the range of @size_bytes from @first.
 *
 * Return: 0, -EINVAL for a size of 0, -EOVERFLOW when it passes the end of the address space.
 */
VIA_API int via_range_make(uint64_t first, uint64_t size_bytes, struct via_range *range);

static inline bool via_range_overlaps(struct via_range a, struct via_range b)
{
	return a.first <= b.last && b.first <= a.last;
}

static inline bool via_range_contains(struct via_range outer, struct via_range inner)
{
	return outer.first <= inner.first && inner.last <= outer.last;
}

/**
 * via_range_set_add() - add the addresses of @range, merging with what is there.
 *
 * Return: 0, -EINVAL when @range ends before it begins, -ENOMEM.
 */
VIA_API int via_range_set_add(struct via_range_set *set, struct via_range range);

/**
 * via_range_set_remove() - take the addresses of @range out.
 *
 * Return: 0, -EINVAL when @range ends before it begins, -ENOMEM.
 */
VIA_API int via_range_set_remove(struct via_range_set *set, struct via_range range);

/** via_range_set_contains() - whether every address of @range is in @set. */
VIA_API bool via_range_set_contains(const struct via_range_set *set, struct via_range range);

/** via_range_set_overlap() - the first range of @set that shares an address with @range, or NULL. */
VIA_API const struct via_range *via_range_set_overlap(const struct via_range_set *set,
						      struct via_range range);

/** via_range_set_clear() - release what @set holds and make it empty. */
VIA_API void via_range_set_clear(struct via_range_set *set);

#endif
