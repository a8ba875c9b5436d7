/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <viaduct/iommu/space.h>
#include <viaduct/util/cleanup.h>

#define REPEATS	   5
#define HUGE_BYTES (2ULL << 20)

/*
 * How pieces of memory are made. Each map call pins the pages of one piece and writes the IOMMU's
 * tables; a VFIO container has room for 65,535 of them.
 */
static const struct size {
	const char *name, *title;
	uint64_t bytes;
	size_t pieces;
} sizes[] = {
	{ "4k", "pieces of 4 KiB", 4ULL << 10, 1024 },
	{ "2m", "pieces of 2 MiB", 2ULL << 20, 32 },
	{ "1g", "one piece of 1 GiB", 1ULL << 30, 1 },
};

struct map {
	struct via_bench *bench;
	struct via_bench_plan *plan;
	struct via_iommu_space *space;
	int device_fd;
};

static void close_map(struct map *map)
{
	if (map->space)
		via_iommu_space_close_device(map->space, &map->device_fd);
	via_iommu_space_free(map->space);
}

/* The first usable address at or above 4 GiB, past what any IOMMU reserves low, else at 1 MiB. */
static uint64_t first_iova(const struct via_iommu_space *space, uint64_t bytes)
{
	const struct via_range_set *usable = via_iommu_space_iova(space);
	const struct via_range high = { 4ULL << 30, (4ULL << 30) + bytes - 1 };

	return via_range_set_contains(usable, high) ? high.first : 1ULL << 20;
}

/* Huge pages where the host gives them: what a guest's memory is made of, too. */
static char *align(char *memory)
{
	return (char *)(((uintptr_t)memory + HUGE_BYTES - 1) & ~(uintptr_t)(HUGE_BYTES - 1));
}

static void *allocate(const struct size *size)
{
	uint64_t bytes = size->bytes * size->pieces;
	char *memory = mmap(NULL, bytes + HUGE_BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	madvise(align(memory), bytes, size->bytes < HUGE_BYTES ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
	memset(align(memory), 1, bytes);
	return memory;
}

static bool fits(const struct size *size)
{
	struct sysinfo info;

	return !sysinfo(&info) &&
	       size->bytes * size->pieces < (uint64_t)info.freeram * info.mem_unit / 2;
}

static bool has_room(const struct map *map, const struct size *size)
{
	if (fits(size))
		return true;
	via_bench_add_text(map->bench->result, &map->bench->result->warnings,
			   "Run %u of %s left %s out: %llu MiB take more than half of the memory "
			   "that is free.",
			   map->bench->run + 1, map->plan->name, size->title,
			   (unsigned long long)(size->bytes * size->pieces) >> 20);
	return false;
}

static void add(struct map *map, const struct size *size, bool unmap, uint64_t ns)
{
	struct via_bench_result *result = map->bench->result;
	char name[32], title[64];
	struct via_bench_metric *metric;
	struct via_bench_figures *figures;

	snprintf(name, sizeof(name), "%s-%s", unmap ? "unmap" : "map", size->name);
	snprintf(title, sizeof(title), "%s of %s", unmap ? "Unmap" : "Map", size->title);
	metric = via_bench_metric_find(result, name);
	if (!metric)
		metric = via_bench_add_metric(result, name, title, VIA_BENCH_UNIT_NS,
					      VIA_BENCH_BETTER_LOWER, true);
	if (metric) {
		via_bench_set(result, &metric->series, unmap ? "Unmap by size" : "Map by size");
		metric->at = (double)size->bytes;
		metric->at_bytes = true;
	}
	figures = via_bench_figures(result, metric, map->plan->name);
	via_bench_add_sample(result, figures, (double)ns / (double)(size->pieces * REPEATS));
	if (figures)
		figures->operations += size->pieces * REPEATS;
}

static int measure(struct map *map, const struct size *size, struct via_error *err)
{
	uint64_t iova = first_iova(map->space, size->bytes * size->pieces);
	via_autofree struct via_iommu_mapping *pieces = calloc(size->pieces, sizeof(*pieces));
	struct via_iommu_space_stats before = { 0 }, after;
	char *memory = allocate(size);
	int rc = 0;

	if (!memory || !pieces)
		return via_error_sys(err, ENOMEM, "cannot allocate what is mapped");
	for (size_t i = 0; i < size->pieces; i++)
		pieces[i] =
			(struct via_iommu_mapping){ iova + i * size->bytes,
						    align(memory) + i * size->bytes, size->bytes };
	/* The first time warms up: the IOMMU's tables are allocated. */
	for (int repeat = 0; repeat < 1 + REPEATS && !rc; repeat++) {
		rc = via_iommu_space_map_memory(map->space, pieces, size->pieces, err);
		if (!rc)
			rc = via_iommu_space_unmap_all(map->space, err);
		if (!repeat)
			before = via_iommu_space_stats(map->space);
	}
	after = via_iommu_space_stats(map->space);
	if (!rc) {
		add(map, size, false, after.map_ns - before.map_ns);
		add(map, size, true, after.unmap_ns - before.unmap_ns);
	}
	munmap(memory, size->bytes * size->pieces + HUGE_BYTES);
	return rc;
}

int via_bench_map(struct via_bench *bench, struct via_bench_plan *plan, struct via_error *err)
{
	via_cleanup(close_map) struct map map = { .bench = bench, .plan = plan, .device_fd = -1 };
	enum via_iommu_backend backend =
		plan->way == VIA_BENCH_GROUP ? VIA_IOMMU_BACKEND_GROUP : VIA_IOMMU_BACKEND_IOMMUFD;
	int rc = via_bench_hold_give(&bench->hold, "vfio-pci", err);

	if (!rc)
		rc = via_iommu_space_new(bench->cli->host, backend, -1, &map.space, err);
	if (!rc)
		rc = via_iommu_space_open_device(map.space, bench->hold.bdf, -1, &map.device_fd,
						 err);
	for (size_t i = 0; !rc && i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		via_bench_progress(bench, "%s: %s", plan->name, sizes[i].title);
		rc = via_bench_watch_check(&bench->watch, err);
		if (!rc && has_room(&map, &sizes[i]))
			rc = measure(&map, &sizes[i], err);
	}
	return rc;
}
