/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <viaduct/iommu/memlock.h>

#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>

#include <viaduct/util/cleanup.h>

/* The value behind @key in a file of "key value" lines; false when there is none. */
static bool find_number(struct via_host *host, const char *path, const char *key,
			const char *format, uint64_t *number)
{
	via_autofclose FILE *file = via_host_fopen(host, "%s", path);
	via_autofree char *line = NULL;
	size_t line_bytes = 0;

	while (file && getline(&line, &line_bytes, file) >= 0)
		if (!strncmp(line, key, strlen(key)))
			return sscanf(line + strlen(key), format, number) == 1;
	return false;
}

struct via_iommu_memlock via_iommu_memlock_read(struct via_host *host)
{
	struct via_iommu_memlock memlock = { 0 };
	uint64_t capabilities, locked_kib;

	if (!find_number(host, "proc/self/limits", "Max locked memory", "%" SCNu64,
			 &memlock.limit_bytes))
		memlock.unlimited = true;
	if (find_number(host, "proc/self/status", "CapEff:", "%" SCNx64, &capabilities) &&
	    capabilities >> CAP_IPC_LOCK & 1)
		memlock.unlimited = true;
	if (find_number(host, "proc/self/status", "VmLck:", "%" SCNu64, &locked_kib))
		memlock.locked_bytes = locked_kib * 1024;
	return memlock;
}

int via_iommu_memlock_check(const struct via_iommu_memlock *memlock, uint64_t more_bytes,
			    struct via_error *err)
{
	uint64_t needed_bytes;

	if (__builtin_add_overflow(memlock->locked_bytes, more_bytes, &needed_bytes))
		needed_bytes = UINT64_MAX;
	if (memlock->unlimited || needed_bytes <= memlock->limit_bytes)
		return 0;
	return via_error_set(err, ENOMEM,
			     "guest memory of %" PRIu64 " bytes cannot be pinned: it needs a "
			     "locked-memory limit of %" PRIu64 " bytes and this process has "
			     "%" PRIu64 "; raise it with ulimit -l %" PRIu64
			     " or grant CAP_IPC_LOCK",
			     more_bytes, needed_bytes, memlock->limit_bytes,
			     needed_bytes / 1024 + !!(needed_bytes % 1024));
}
