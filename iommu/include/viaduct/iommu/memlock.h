/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_IOMMU_MEMLOCK_H
#define VIADUCT_IOMMU_MEMLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include <viaduct/util/error.h>
#include <viaduct/util/host.h>

/*
 * How much memory this process may pin. VFIO charges what it maps to the process as locked
 * memory, against RLIMIT_MEMLOCK unless the process has CAP_IPC_LOCK.
 *
 * Read from /proc/self, whose task is the thread group's leader: the one the kernel asks too.
 */
struct via_iommu_memlock {
	bool unlimited;
	uint64_t limit_bytes;
	uint64_t locked_bytes; /* already */
};

/** via_iommu_memlock_read() - unlimited when /proc does not say: the kernel decides then. */
VIA_API struct via_iommu_memlock via_iommu_memlock_read(struct via_host *host);

/** via_iommu_memlock_check() - Return: 0, or -ENOMEM with the limit needed and how to get it. */
VIA_API int via_iommu_memlock_check(const struct via_iommu_memlock *memlock, uint64_t more_bytes,
				    struct via_error *err);

#endif
