/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>

#include <viaduct/iommu/cdev.h>
#include <viaduct/iommu/space.h>
#include <viaduct/util/cleanup.h>

static bool can_open(struct via_host *host, const char *path)
{
	via_autoclose int fd = via_host_open(host, O_RDWR, "%s", path);

	return fd >= 0;
}

bool via_iommu_backend_is_built(enum via_iommu_backend backend)
{
#ifndef VIA_HAVE_IOMMUFD
	if (backend == VIA_IOMMU_BACKEND_IOMMUFD)
		return false;
#endif
	return backend != VIA_IOMMU_BACKEND_AUTO;
}

enum via_iommu_backend via_iommu_backend_choose(struct via_host *host,
						enum via_iommu_backend wanted,
						const struct via_bdf *functions, size_t count)
{
	if (wanted != VIA_IOMMU_BACKEND_AUTO)
		return wanted;
	if (!via_iommu_backend_is_built(VIA_IOMMU_BACKEND_IOMMUFD))
		return VIA_IOMMU_BACKEND_GROUP;
	for (size_t i = 0; i < count; i++) {
		struct via_iommu_cdev_path path;

		if (via_iommu_cdev_path(host, functions[i], &path) ||
		    !can_open(host, path.text + 1))
			return VIA_IOMMU_BACKEND_GROUP;
	}
	/* Last: where there are device files, to open it loads no module of the kernel. */
	return can_open(host, "dev/iommu") ? VIA_IOMMU_BACKEND_IOMMUFD : VIA_IOMMU_BACKEND_GROUP;
}
