/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backend.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <viaduct/util/process.h>

int via_iommu_group_find_holder(struct via_host *host, unsigned int group_id,
				struct via_iommu_group_holder *holder)
{
	char path[32];
	struct via_device_file file = { .path = path };
	struct via_process process;
	int rc;

	snprintf(path, sizeof(path), "/dev/vfio/%u", group_id);
	/* Nobody can have open what is not there, and most groups are not. */
	if (!via_host_exists(host, "%s", path + 1))
		return -ENOENT;
	rc = via_process_find_opener(host, &file, &process);
	if (rc)
		return rc;
	*holder = (struct via_iommu_group_holder){ .pid = process.pid };
	static_assert(sizeof(holder->comm) == sizeof(process.comm), "the same name");
	memcpy(holder->comm, process.comm, sizeof(holder->comm));
	return 0;
}

int via_iommu_group_busy(struct via_host *host, unsigned int group_id, struct via_bdf bdf,
			 struct via_error *err)
{
	struct via_iommu_group_holder holder;

	if (via_iommu_group_find_holder(host, group_id, &holder))
		return -ENOENT;
	return via_error_set(err, EBUSY, "%s is in use: %s %d (%s) has IOMMU group %u open",
			     via_bdf_text(bdf).text,
			     holder.pid == getpid() ? "this process" : "process", (int)holder.pid,
			     holder.comm, group_id);
}
