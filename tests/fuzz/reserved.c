/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What sysfs says of an IOMMU group: the input is its reserved_regions. */
#include <fcntl.h>
#include <unistd.h>

#include <viaduct/iommu/group.h>

#include "fake-vfio.h"
#include "fuzz.h"

static struct tree tree;

static void remove_tree(void)
{
	tree_remove(&tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct via_bdf bdf = { .bus = 1, .device = 0x10 };
	struct via_iommu_group group = { 0 };
	struct via_error err;
	int fd;

	if (!tree.host) {
		tree = tree_make(fake_vfio_tree);
		atexit(remove_tree);
	}
	fd = via_host_open(tree.host, O_WRONLY | O_TRUNC,
			   "sys/kernel/iommu_groups/12/reserved_regions");
	MUST(fd >= 0);
	MUST(write(fd, data, size) == (ssize_t)size);
	close(fd);
	if (!via_iommu_group_load(tree.host, bdf, &group, &err)) {
		MUST(group.id == 12 && group.member_count == 2);
		for (size_t i = 0; i < group.reserved.count; i++) {
			MUST(group.reserved.ranges[i].first <= group.reserved.ranges[i].last);
			MUST(!i || group.reserved.ranges[i - 1].last + 1 <
					   group.reserved.ranges[i].first);
		}
		via_iommu_group_clear(&group);
	} else {
		MUST(!group.members && !group.reserved.ranges);
	}
	return 0;
}
