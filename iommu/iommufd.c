/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backend.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/iommufd.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <viaduct/iommu/cdev.h>
#include <viaduct/util/cleanup.h>

/*
 * One IOAS of iommufd: each function is bound to the iommufd by its own device file, and attached
 * to the IOAS (Documentation/userspace-api/iommufd.rst, Documentation/driver-api/vfio.rst).
 */

/* Reserved regions cut IOVA space into a handful of ranges. */
#define RANGES_USUAL	16U
#define RANGES_MAX	(1U << 16)
#define RANGE_QUESTIONS 4

struct iommufd {
	struct via_host *host;
	struct via_ioctl_port *port;
	int fd;
	bool given; /* somebody else has it open too, so that closing it does not free the IOAS */
	uint32_t ioas_id;
	bool dirty_tracking; /* of every device so far */
};

static void iommufd_close(void *backend)
{
	struct iommufd *iommufd = backend;

	if (iommufd->given && iommufd->ioas_id) {
		struct iommu_destroy destroy = { .size = sizeof(destroy), .id = iommufd->ioas_id };

		via_ioctl_call(iommufd->port, iommufd->fd, IOMMU_DESTROY, &destroy);
	}
	via_close(&iommufd->fd);
	free(iommufd);
}

static int file_open(struct via_host *host, int *fd_out, struct via_error *err)
{
	int fd = via_host_open(host, O_RDWR, "dev/iommu");

	switch (fd < 0 ? -fd : 0) {
	case 0:
		*fd_out = fd;
		return 0;
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return via_error_set(err, ENOENT,
				     "this host has no /dev/iommu: load it with modprobe iommufd, "
				     "or boot a kernel with CONFIG_IOMMUFD, or choose the backend "
				     "group");
	case EACCES:
	case EPERM:
		return via_error_set(
			err, EACCES,
			"no permission to open /dev/iommu: run as root, let root chown "
			"it to you, or let root open it and hand it over");
	default:
		return via_error_sys(err, -fd, "cannot open /dev/iommu");
	}
}

static int iommufd_check_file(struct via_host *host, struct via_error *err)
{
	via_autoclose int fd = -1;

	return file_open(host, &fd, err);
}

static int ioas_alloc(struct iommufd *iommufd, int given_fd, struct via_error *err)
{
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	int rc;

	if (iommufd->given) {
		iommufd->fd = fcntl(given_fd, F_DUPFD_CLOEXEC, 0);
		if (iommufd->fd < 0)
			return via_error_sys(err, errno, "cannot use descriptor %d as /dev/iommu",
					     given_fd);
	} else {
		rc = file_open(iommufd->host, &iommufd->fd, err);
		if (rc)
			return rc;
	}
	rc = via_ioctl_call(iommufd->port, iommufd->fd, IOMMU_IOAS_ALLOC, &alloc);
	if (rc < 0 && iommufd->given && rc != -ENOMEM)
		return via_error_set(err, EINVAL, "descriptor %d is not an open /dev/iommu: %s",
				     given_fd, strerror(-rc));
	if (rc < 0)
		return via_error_sys(err, -rc, "cannot make an I/O address space in /dev/iommu");
	iommufd->ioas_id = alloc.out_ioas_id;
	return 0;
}

static int iommufd_open(struct via_host *host, struct via_ioctl_port *port, int given_fd,
			void **backend, struct via_error *err)
{
	struct iommufd *iommufd = calloc(1, sizeof(*iommufd));
	int rc;

	if (!iommufd)
		return via_error_sys(err, ENOMEM, "cannot open /dev/iommu");
	iommufd->host = host;
	iommufd->port = port;
	iommufd->fd = -1;
	iommufd->given = given_fd >= 0;
	iommufd->dirty_tracking = true;
	rc = ioas_alloc(iommufd, given_fd, err);
	if (rc) {
		iommufd_close(iommufd);
		return rc;
	}
	*backend = iommufd;
	return 0;
}

static int given_open(struct via_bdf bdf, int given_fd, int *fd, struct via_error *err)
{
	*fd = fcntl(given_fd, F_DUPFD_CLOEXEC, 0);
	return *fd < 0 ? via_error_sys(err, errno,
				       "cannot use descriptor %d as the device file of %s",
				       given_fd, via_bdf_text(bdf).text)
		       : 0;
}

static int cdev_open(struct via_host *host, struct via_bdf bdf, int *fd_out, struct via_error *err)
{
	struct via_bdf_text where = via_bdf_text(bdf);
	struct via_iommu_cdev_path path;
	int fd, rc = via_iommu_cdev_path(host, bdf, &path);

	if (rc == -ENOENT)
		return via_error_set(err, ENXIO,
				     "VFIO offers no device file for %s: it takes a kernel with "
				     "CONFIG_VFIO_DEVICE_CDEV; or choose the backend group",
				     where.text);
	if (rc)
		return via_error_sys(err, -rc, "cannot find the VFIO device file of %s",
				     where.text);
	fd = via_host_open(host, O_RDWR, "%s", path.text + 1);
	switch (fd < 0 ? -fd : 0) {
	case 0:
		*fd_out = fd;
		return 0;
	case EACCES:
	case EPERM:
		return via_error_set(err, EACCES,
				     "no permission to open %s of %s: run as root, let root chown "
				     "it to you, or let root open it and hand it over",
				     path.text, where.text);
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return via_error_set(err, ENXIO, "VFIO offers no %s for %s", path.text, where.text);
	default:
		return via_error_sys(err, -fd, "cannot open %s of %s", path.text, where.text);
	}
}

/*
 * Somebody has the function, or, as the kernel gives out only whole groups, a member of its group.
 * -ENOENT, and no sentence, when there is nobody to be seen.
 */
static int find_holder(struct via_host *host, const struct via_iommu_group *group,
		       struct via_bdf bdf, struct via_error *err)
{
	struct via_bdf_text where = via_bdf_text(bdf);
	int rc = via_iommu_group_check_viable(group, err);

	if (!rc)
		rc = via_iommu_group_busy(host, group->id, bdf, err);
	if (rc != -ENOENT)
		return rc;
	for (size_t i = 0; i < group->member_count; i++) {
		struct via_bdf_text member = via_bdf_text(group->members[i].bdf);
		struct via_process holder;

		if (via_iommu_cdev_find_holder(host, group->members[i].bdf, &holder) ||
		    holder.pid == getpid())
			continue;
		return via_error_set(err, EBUSY,
				     "%s is in use: process %d (%s) has the VFIO device file of "
				     "%s open",
				     where.text, (int)holder.pid, holder.comm, member.text);
	}
	return -ENOENT;
}

static int busy(struct via_host *host, const struct via_iommu_group *group, struct via_bdf bdf,
		struct via_error *err)
{
	int rc = find_holder(host, group, bdf, err);

	return rc != -ENOENT
		       ? rc
		       : via_error_set(err, EBUSY,
				       "%s is in use: the kernel or another process has it, or "
				       "another function of IOMMU group %u",
				       via_bdf_text(bdf).text, group->id);
}

static int iommufd_check_device(struct via_host *host, const struct via_iommu_group *group,
				struct via_bdf bdf, struct via_error *err)
{
	via_autoclose int fd = -1;
	int rc = cdev_open(host, bdf, &fd, err);

	if (rc)
		return rc;
	/* Closed first, so as not to be found among those who have it open. */
	via_close(&fd);
	rc = find_holder(host, group, bdf, err);
	return rc == -ENOENT ? 0 : rc;
}

static int iommufd_unsafe(const struct via_iommu_group *group, struct via_bdf bdf,
			  struct via_error *err)
{
	(void)group;
	return via_error_set(err, EPERM,
			     "%s cannot be bound to /dev/iommu: this host cannot remap "
			     "interrupts, so a guest could forge them; turn interrupt "
			     "remapping on in the firmware, or take the risk with "
			     "iommufd.allow_unsafe_interrupts=1",
			     via_bdf_text(bdf).text);
}

static int bind_failed(struct iommufd *iommufd, const struct via_iommu_group *group,
		       struct via_bdf bdf, int errnum, struct via_error *err)
{
	struct via_bdf_text where = via_bdf_text(bdf);

	switch (errnum) {
	case EPERM:
		return iommufd_unsafe(group, bdf, err);
	case EACCES:
		return via_iommu_token_wanted(bdf, err);
	case EBUSY:
	case EINVAL: /* of a device file that is bound already, here or elsewhere */
		return busy(iommufd->host, group, bdf, err);
	case ENODEV:
		return via_error_set(err, ENODEV, "%s is gone", where.text);
	default:
		return via_error_sys(err, errnum, "cannot bind %s to /dev/iommu", where.text);
	}
}

static int device_attach(struct iommufd *iommufd, int fd, const struct via_iommu_group *group,
			 struct via_bdf bdf, struct via_error *err)
{
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach),
		.pt_id = iommufd->ioas_id,
	};
	int rc = via_ioctl_call(iommufd->port, fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);

	if ((rc == -EPERM || rc == -EINVAL) && group->direct)
		return via_iommu_group_check_direct(group, err);
	if (rc == -EADDRINUSE)
		return via_error_set(err, ERANGE,
				     "%s cannot join the guest's other devices: guest memory is "
				     "mapped where its IOMMU keeps addresses for itself",
				     via_bdf_text(bdf).text);
	return rc < 0 ? via_error_sys(err, -rc, "cannot attach %s to the I/O address space",
				      via_bdf_text(bdf).text)
		      : 0;
}

/* Kernels before 6.7 do not say. */
static bool tracks_dirty(struct iommufd *iommufd, uint32_t device_id)
{
	struct iommu_hw_info info = { .size = sizeof(info), .dev_id = device_id };

	return !via_ioctl_call(iommufd->port, iommufd->fd, IOMMU_GET_HW_INFO, &info) &&
	       info.out_capabilities & IOMMU_HW_CAP_DIRTY_TRACKING;
}

static void forget(const struct via_iommu_attach *attach, int *fd)
{
	if (attach->detached)
		attach->detached(attach->data, *fd);
	via_close(fd);
}

static int iommufd_open_device(void *backend, const struct via_iommu_group *group,
			       struct via_bdf bdf, int given_fd,
			       const struct via_iommu_attach *attach, int *device_fd,
			       struct via_error *err)
{
	struct iommufd *iommufd = backend;
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind), .iommufd = iommufd->fd };
	via_autoclose int fd = -1;
	int rc = given_fd < 0 ? cdev_open(iommufd->host, bdf, &fd, err)
			      : given_open(bdf, given_fd, &fd, err);

	/* KVM first: the kernel takes the guest from the file when the device is bound. */
	if (!rc && attach->attached)
		rc = attach->attached(attach->data, fd, err);
	if (rc)
		return rc;
	rc = via_ioctl_call(iommufd->port, fd, VFIO_DEVICE_BIND_IOMMUFD, &bind);
	if (rc < 0) {
		/* Closed first, so as not to be found among those who have it open. */
		forget(attach, &fd);
		return bind_failed(iommufd, group, bdf, -rc, err);
	}
	rc = device_attach(iommufd, fd, group, bdf, err);
	if (rc) {
		forget(attach, &fd);
		return rc;
	}
	iommufd->dirty_tracking &= tracks_dirty(iommufd, bind.out_devid);
	*device_fd = via_steal_fd(&fd);
	return 0;
}

/* The IOAS keeps what is mapped, with or without devices. */
static bool iommufd_close_device(void *backend, const struct via_iommu_attach *attach,
				 int device_fd)
{
	struct iommufd *iommufd = backend;
	struct vfio_device_detach_iommufd_pt detach = { .argsz = sizeof(detach) };

	/* Closing it would do, if nobody else had it open. */
	via_ioctl_call(iommufd->port, device_fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach);
	forget(attach, &device_fd);
	return true;
}

int via_iommu_iommufd_parse(const struct iommu_iova_range *ranges, size_t count,
			    uint64_t alignment_bytes, struct via_iommu_geometry *geometry)
{
	if (!alignment_bytes || alignment_bytes & (alignment_bytes - 1))
		return -EPROTO;
	geometry->page_bytes = alignment_bytes;
	geometry->entries_left = UINT64_MAX;
	for (size_t i = 0; i < count; i++) {
		int rc;

		if (ranges[i].last < ranges[i].start)
			return -EPROTO;
		rc = via_range_set_add(&geometry->iova,
				       (struct via_range){ ranges[i].start, ranges[i].last });
		if (rc)
			return rc;
	}
	return 0;
}

/* Asked again with more room until all ranges fit. */
static int ranges_ask(struct iommufd *iommufd, struct via_iommu_geometry *geometry)
{
	uint32_t room = RANGES_USUAL;

	for (int i = 0; i < RANGE_QUESTIONS; i++) {
		via_autofree struct iommu_iova_range *ranges = calloc(room, sizeof(*ranges));
		struct iommu_ioas_iova_ranges ask = {
			.size = sizeof(ask),
			.ioas_id = iommufd->ioas_id,
			.num_iovas = room,
			.allowed_iovas = (uintptr_t)ranges,
		};
		int rc;

		if (!ranges)
			return -ENOMEM;
		rc = via_ioctl_call(iommufd->port, iommufd->fd, IOMMU_IOAS_IOVA_RANGES, &ask);
		if (rc < 0 && rc != -EMSGSIZE)
			return rc;
		if (!rc)
			return ask.num_iovas > room
				       ? -EPROTO
				       : via_iommu_iommufd_parse(ranges, ask.num_iovas,
								 ask.out_iova_alignment, geometry);
		if (ask.num_iovas <= room || ask.num_iovas > RANGES_MAX)
			return -EPROTO;
		room = ask.num_iovas;
	}
	return -EPROTO;
}

static int iommufd_query(void *backend, struct via_iommu_geometry *geometry, struct via_error *err)
{
	struct iommufd *iommufd = backend;
	int rc = ranges_ask(iommufd, geometry);

	if (rc) {
		via_range_set_clear(&geometry->iova);
		return via_error_sys(err, -rc, "cannot learn what the IOMMU can map");
	}
	geometry->dirty_tracking = iommufd->dirty_tracking;
	return 0;
}

static int iommufd_map(void *backend, uint64_t iova, void *hva, uint64_t size_bytes,
		       unsigned int access)
{
	struct iommufd *iommufd = backend;
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA,
		.ioas_id = iommufd->ioas_id,
		.user_va = (uintptr_t)hva,
		.length = size_bytes,
		.iova = iova,
	};

	if (access & VIA_IOMMU_READ)
		map.flags |= IOMMU_IOAS_MAP_READABLE;
	if (access & VIA_IOMMU_WRITE)
		map.flags |= IOMMU_IOAS_MAP_WRITEABLE;
	return via_ioctl_call(iommufd->port, iommufd->fd, IOMMU_IOAS_MAP, &map);
}

static int iommufd_unmap(void *backend, uint64_t iova, uint64_t size_bytes)
{
	struct iommufd *iommufd = backend;
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap),
		.ioas_id = iommufd->ioas_id,
		.iova = iova,
		.length = size_bytes,
	};
	int rc = via_ioctl_call(iommufd->port, iommufd->fd, IOMMU_IOAS_UNMAP, &unmap);

	if (rc < 0)
		return rc;
	return unmap.length == size_bytes ? 0 : -EIO;
}

const struct via_iommu_backend_ops via_iommu_iommufd_ops = {
	.module = "iommufd",
	.misc = "iommu",
	.file = "dev/iommu",
	.check_file = iommufd_check_file,
	.check_device = iommufd_check_device,
	.unsafe = iommufd_unsafe,
	.open = iommufd_open,
	.close = iommufd_close,
	.open_device = iommufd_open_device,
	.close_device = iommufd_close_device,
	.query = iommufd_query,
	.map = iommufd_map,
	.unmap = iommufd_unmap,
	.maps_memory_only = true,
};
