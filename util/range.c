/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <viaduct/util/range.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int via_range_make(uint64_t first, uint64_t size_bytes, struct via_range *range)
{
	uint64_t last;

	if (!size_bytes)
		return -EINVAL;
	if (__builtin_add_overflow(first, size_bytes - 1, &last))
		return -EOVERFLOW;
	*range = (struct via_range){ .first = first, .last = last };
	return 0;
}

static int set_reserve(struct via_range_set *set, size_t count)
{
	size_t capacity = set->capacity ? set->capacity * 2 : 8;
	struct via_range *ranges;

	if (count <= set->capacity)
		return 0;
	ranges = realloc(set->ranges, capacity * sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;
	set->ranges = ranges;
	set->capacity = capacity;
	return 0;
}

static void set_splice(struct via_range_set *set, size_t at, size_t drop, size_t insert)
{
	memmove(set->ranges + at + insert, set->ranges + at + drop,
		(set->count - at - drop) * sizeof(*set->ranges));
	set->count = set->count - drop + insert;
}

int via_range_set_add(struct via_range_set *set, struct via_range range)
{
	size_t at = 0, end;

	if (range.last < range.first)
		return -EINVAL;
	if (set_reserve(set, set->count + 1))
		return -ENOMEM;

	/* [at, end) are those that overlap or touch: they melt into one. */
	while (at < set->count && range.first && set->ranges[at].last < range.first - 1)
		at++;
	end = at;
	while (end < set->count &&
	       (range.last == UINT64_MAX || set->ranges[end].first <= range.last + 1)) {
		if (set->ranges[end].first < range.first)
			range.first = set->ranges[end].first;
		if (set->ranges[end].last > range.last)
			range.last = set->ranges[end].last;
		end++;
	}
	set_splice(set, at, end - at, 1);
	set->ranges[at] = range;
	return 0;
}

int via_range_set_remove(struct via_range_set *set, struct via_range range)
{
	if (range.last < range.first)
		return -EINVAL;
	/* Taking a piece out of the middle leaves one range more than before. */
	if (set_reserve(set, set->count + 1))
		return -ENOMEM;

	for (size_t i = 0; i < set->count;) {
		struct via_range old = set->ranges[i];
		struct via_range kept[2];
		size_t kept_count = 0;

		if (!via_range_overlaps(old, range)) {
			i++;
			continue;
		}
		if (old.first < range.first)
			kept[kept_count++] = (struct via_range){ old.first, range.first - 1 };
		if (old.last > range.last)
			kept[kept_count++] = (struct via_range){ range.last + 1, old.last };
		set_splice(set, i, 1, kept_count);
		memcpy(set->ranges + i, kept, kept_count * sizeof(*kept));
		i += kept_count;
	}
	return 0;
}

const struct via_range *via_range_set_overlap(const struct via_range_set *set,
					      struct via_range range)
{
	for (size_t i = 0; i < set->count; i++)
		if (via_range_overlaps(set->ranges[i], range))
			return &set->ranges[i];
	return NULL;
}

bool via_range_set_contains(const struct via_range_set *set, struct via_range range)
{
	const struct via_range *found = via_range_set_overlap(set, range);

	return found && via_range_contains(*found, range);
}

void via_range_set_clear(struct via_range_set *set)
{
	free(set->ranges);
	*set = (struct via_range_set){ 0 };
}
