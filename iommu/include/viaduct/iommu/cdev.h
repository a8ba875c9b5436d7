/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_IOMMU_CDEV_H
#define VIADUCT_IOMMU_CDEV_H

#include <viaduct/util/bdf.h>
#include <viaduct/util/error.h>
#include <viaduct/util/host.h>
#include <viaduct/util/process.h>

/*
 * VFIO device files, /dev/vfio/devices/vfioN: one a function, for iommufd (Linux 6.6 with
 * CONFIG_VFIO_DEVICE_CDEV; Documentation/driver-api/vfio.rst).
 */
#define VIA_IOMMU_CDEV_PATH_BYTES 64

struct via_iommu_cdev_path {
	char text[VIA_IOMMU_CDEV_PATH_BYTES];
};

/**
 * via_iommu_cdev_path() - the device file of a function: "/dev/vfio/devices/vfio0".
 *
 * Return: 0; -ENOENT when VFIO offers none: another driver has the function, or the kernel has
 * no device files; -EPROTO when sysfs says what makes no sense; -ENOMEM.
 */
VIA_API int via_iommu_cdev_path(struct via_host *host, struct via_bdf bdf,
				struct via_iommu_cdev_path *path);

/**
 * via_iommu_cdev_bdf() - which function an open device file is.
 *
 * Return: 0; -EBADF when @fd is not open; -EINVAL when it is no VFIO device file.
 */
VIA_API int via_iommu_cdev_bdf(struct via_host *host, int fd, struct via_bdf *bdf,
			       struct via_error *err);

/**
 * via_iommu_cdev_find_holder() - who has the device file of a function open, this process included;
 * seen as via_process_find_opener() sees.
 *
 * Return: 0; -ENOENT when there is none to be seen; -ENOMEM.
 */
VIA_API int via_iommu_cdev_find_holder(struct via_host *host, struct via_bdf bdf,
				       struct via_process *holder);

#endif
