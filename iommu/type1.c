/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backend.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>

#include <viaduct/util/cleanup.h>

/*
 * A VFIO container with the type1 v2 IOMMU driver: groups are put into it, and the device
 * descriptors come out of the groups (Documentation/driver-api/vfio.rst).
 */

struct attached_group {
	unsigned int id;
	int fd;
	unsigned int open_devices;
	struct attached_group *next;
};

/* Which group a device descriptor came out of. */
struct open_device {
	int fd;
	struct attached_group *group;
	struct open_device *next;
};

struct type1 {
	struct via_host *host;
	struct via_ioctl_port *port;
	int container_fd;
	struct attached_group *groups;
	struct open_device *devices;
};

static void type1_close(void *backend)
{
	struct type1 *type1 = backend;

	while (type1->devices) {
		struct open_device *device = type1->devices;

		type1->devices = device->next;
		free(device);
	}
	while (type1->groups) {
		struct attached_group *group = type1->groups;

		type1->groups = group->next;
		via_close(&group->fd);
		free(group);
	}
	via_close(&type1->container_fd);
	free(type1);
}

static int container_file_open(struct via_host *host, int *fd_out, struct via_error *err)
{
	int fd = via_host_open(host, O_RDWR, "dev/vfio/vfio");

	if (fd == -ENOENT || fd == -ENODEV || fd == -ENXIO)
		return via_error_set(err, ENOENT,
				     "this host has no /dev/vfio/vfio: load VFIO with "
				     "modprobe vfio-pci");
	if (fd == -EACCES || fd == -EPERM)
		return via_error_set(err, EACCES, "no permission to open /dev/vfio/vfio");
	if (fd < 0)
		return via_error_sys(err, -fd, "cannot open /dev/vfio/vfio");
	*fd_out = fd;
	return 0;
}

static int type1_check_file(struct via_host *host, struct via_error *err)
{
	via_autoclose int fd = -1;

	return container_file_open(host, &fd, err);
}

static int container_open(struct type1 *type1, struct via_error *err)
{
	int rc = container_file_open(type1->host, &type1->container_fd, err);
	int fd = type1->container_fd, version;

	if (rc)
		return rc;
	version = via_ioctl_call(type1->port, fd, VFIO_GET_API_VERSION, NULL);
	if (version != VFIO_API_VERSION)
		return via_error_set(err, EPROTONOSUPPORT,
				     "/dev/vfio/vfio speaks version %d of VFIO, not %d", version,
				     VFIO_API_VERSION);
	if (via_ioctl_call(type1->port, fd, VFIO_CHECK_EXTENSION, (void *)VFIO_TYPE1v2_IOMMU) <= 0)
		return via_error_set(err, EPROTONOSUPPORT,
				     "VFIO of this host has no type1 v2 IOMMU driver: load it with "
				     "modprobe vfio_iommu_type1");
	return 0;
}

static int type1_open(struct via_host *host, struct via_ioctl_port *port, int iommufd,
		      void **backend, struct via_error *err)
{
	struct type1 *type1;
	int rc;

	if (iommufd >= 0)
		return via_error_set(
			err, EINVAL,
			"a descriptor of /dev/iommu is of no use to the group backend: "
			"choose iommufd");
	type1 = calloc(1, sizeof(*type1));
	if (!type1)
		return via_error_sys(err, ENOMEM, "cannot open a VFIO container");
	type1->host = host;
	type1->port = port;
	type1->container_fd = -1;
	rc = container_open(type1, err);
	if (rc) {
		type1_close(type1);
		return rc;
	}
	*backend = type1;
	return 0;
}

static int group_busy(struct via_host *host, unsigned int id, struct via_bdf bdf,
		      struct via_error *err)
{
	if (via_iommu_group_busy(host, id, bdf, err) == -ENOENT)
		return via_error_set(err, EBUSY,
				     "%s is in use: another process has IOMMU group %u open",
				     via_bdf_text(bdf).text, id);
	return -EBUSY;
}

static int group_file_open(struct via_host *host, const struct via_iommu_group *group,
			   struct via_bdf bdf, int *fd_out, struct via_error *err)
{
	int fd = via_host_open(host, O_RDWR, "dev/vfio/%u", group->id);

	if (fd == -EBUSY)
		return group_busy(host, group->id, bdf, err);
	if (fd == -EACCES || fd == -EPERM)
		return via_error_set(err, EACCES,
				     "no permission to open /dev/vfio/%u: run as root, or let root "
				     "chown it to you",
				     group->id);
	if (fd == -ENOENT || fd == -ENODEV || fd == -ENXIO)
		return via_error_set(err, ENXIO, "VFIO offers no /dev/vfio/%u for IOMMU group %u",
				     group->id, group->id);
	if (fd < 0)
		return via_error_sys(err, -fd, "cannot open /dev/vfio/%u", group->id);
	*fd_out = fd;
	return 0;
}

static int group_check_status(struct via_ioctl_port *port, const struct via_iommu_group *group,
			      int fd, struct via_error *err)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	int rc = via_ioctl_call(port, fd, VFIO_GROUP_GET_STATUS, &status);

	if (rc < 0)
		return via_error_sys(err, -rc, "cannot ask for the state of IOMMU group %u",
				     group->id);
	if (status.flags & VFIO_GROUP_FLAGS_VIABLE)
		return 0;
	rc = via_iommu_group_check_viable(group, err);
	return rc ? rc
		  : via_error_set(err, EPERM,
				  "IOMMU group %u is not viable: the kernel still uses a "
				  "member of it",
				  group->id);
}

static int group_open(struct type1 *type1, const struct via_iommu_group *group, struct via_bdf bdf,
		      int *fd_out, struct via_error *err)
{
	via_autoclose int fd = -1;
	int rc = group_file_open(type1->host, group, bdf, &fd, err);

	if (!rc)
		rc = group_check_status(type1->port, group, fd, err);
	if (!rc)
		*fd_out = via_steal_fd(&fd);
	return rc;
}

static int type1_check_device(struct via_host *host, const struct via_iommu_group *group,
			      struct via_bdf bdf, struct via_error *err)
{
	struct via_ioctl_port port = { 0 };
	via_autoclose int fd = -1;
	/* Asked first: a file that is open is not opened, not even for this moment. */
	int rc = via_iommu_group_busy(host, group->id, bdf, err);

	if (rc == -ENOENT)
		rc = group_file_open(host, group, bdf, &fd, err);
	if (rc)
		return rc;
	return via_host_is_real(host) ? group_check_status(&port, group, fd, err)
				      : via_iommu_group_check_viable(group, err);
}

static int type1_unsafe(const struct via_iommu_group *group, struct via_bdf bdf,
			struct via_error *err)
{
	(void)bdf;
	return via_error_set(err, EPERM,
			     "the IOMMU cannot be set up for group %u: this host cannot "
			     "remap interrupts, so a guest could forge them; turn interrupt "
			     "remapping on in the firmware, or take the risk with "
			     "vfio_iommu_type1.allow_unsafe_interrupts=1",
			     group->id);
}

static int attach_failed(const struct via_iommu_group *group, int errnum, struct via_error *err)
{
	/* Intel's driver says EPERM, the kernel from 6.6 on EINVAL. */
	if ((errnum == EPERM || errnum == EINVAL) && group->direct)
		return via_iommu_group_check_direct(group, err);
	if (errnum == EPERM)
		return type1_unsafe(group, (struct via_bdf){ 0 }, err);
	return via_error_sys(err, errnum, "cannot attach IOMMU group %u to the address space",
			     group->id);
}

static int group_attach(struct type1 *type1, const struct via_iommu_group *group, int fd,
			struct via_error *err)
{
	int rc = via_ioctl_call(type1->port, fd, VFIO_GROUP_SET_CONTAINER, &type1->container_fd);

	if (rc < 0)
		return attach_failed(group, -rc, err);
	/* The driver is chosen with the first group; the kernel forgets it with the last. */
	if (type1->groups)
		return 0;
	rc = via_ioctl_call(type1->port, type1->container_fd, VFIO_SET_IOMMU,
			    (void *)VFIO_TYPE1v2_IOMMU);
	return rc < 0 ? attach_failed(group, -rc, err) : 0;
}

static int device_open(struct type1 *type1, int group_fd, struct via_bdf bdf, struct via_error *err)
{
	struct via_bdf_text where = via_bdf_text(bdf);
	int fd = via_ioctl_call(type1->port, group_fd, VFIO_GROUP_GET_DEVICE_FD, where.text);

	switch (fd) {
	case -ENODEV:
		return via_error_set(err, EINVAL, "%s is not bound to vfio-pci: viaduct bind %s",
				     where.text, where.text);
	case -EBUSY:
		return via_error_set(err, EBUSY, "%s is already open", where.text);
	case -EACCES:
		return via_iommu_token_wanted(bdf, err);
	default:
		return fd < 0 ? via_error_sys(err, -fd, "cannot open %s", where.text) : fd;
	}
}

static int type1_group_fd(void *backend, unsigned int group_id)
{
	struct type1 *type1 = backend;

	for (struct attached_group *each = type1->groups; each; each = each->next)
		if (each->id == group_id)
			return each->fd;
	return -ENOENT;
}

/* The group, attached; a fresh one, with no device open, if need be. */
static int group_get(struct type1 *type1, const struct via_iommu_group *group, struct via_bdf bdf,
		     const struct via_iommu_attach *attach, struct attached_group **out,
		     struct via_error *err)
{
	struct attached_group *found = type1->groups;
	via_autoclose int fd = -1;
	int rc;

	while (found && found->id != group->id)
		found = found->next;
	if (found) {
		*out = found;
		return 0;
	}
	rc = group_open(type1, group, bdf, &fd, err);
	if (!rc)
		rc = group_attach(type1, group, fd, err);
	if (!rc && attach->attached)
		rc = attach->attached(attach->data, fd, err);
	if (rc)
		return rc;
	found = calloc(1, sizeof(*found));
	if (!found) {
		if (attach->detached)
			attach->detached(attach->data, fd);
		return via_error_sys(err, ENOMEM, "cannot attach IOMMU group %u", group->id);
	}
	*found = (struct attached_group){
		.id = group->id,
		.fd = via_steal_fd(&fd),
		.next = type1->groups,
	};
	type1->groups = found;
	*out = found;
	return 0;
}

/* Gives up a group without open devices: closing the last reference to its file detaches it. */
static void group_put(struct type1 *type1, const struct via_iommu_attach *attach,
		      struct attached_group *group)
{
	struct attached_group **link = &type1->groups;

	if (group->open_devices)
		return;
	while (*link != group)
		link = &(*link)->next;
	*link = group->next;
	if (attach->detached)
		attach->detached(attach->data, group->fd);
	via_close(&group->fd);
	free(group);
}

static int type1_open_device(void *backend, const struct via_iommu_group *group, struct via_bdf bdf,
			     int given_fd, const struct via_iommu_attach *attach, int *device_fd,
			     struct via_error *err)
{
	struct type1 *type1 = backend;
	via_autofree struct open_device *device = calloc(1, sizeof(*device));
	struct attached_group *attached = NULL;
	int fd, rc;

	if (given_fd >= 0)
		return via_error_set(
			err, EINVAL,
			"the open device file of %s is of no use to the group backend: "
			"choose iommufd",
			via_bdf_text(bdf).text);
	if (!device)
		return via_error_sys(err, ENOMEM, "cannot open %s", via_bdf_text(bdf).text);
	rc = group_get(type1, group, bdf, attach, &attached, err);
	if (rc)
		return rc;
	fd = device_open(type1, attached->fd, bdf, err);
	if (fd < 0) {
		group_put(type1, attach, attached);
		return fd;
	}
	attached->open_devices++;
	*device = (struct open_device){ .fd = fd, .group = attached, .next = type1->devices };
	type1->devices = via_steal_ptr(device);
	*device_fd = fd;
	return 0;
}

static bool type1_close_device(void *backend, const struct via_iommu_attach *attach, int device_fd)
{
	struct type1 *type1 = backend;
	struct open_device **link = &type1->devices, *device;

	while (*link && (*link)->fd != device_fd)
		link = &(*link)->next;
	device = *link;
	via_close(&device_fd);
	assert(device); /* else it is not ours */
	*link = device->next;
	device->group->open_devices--;
	group_put(type1, attach, device->group);
	free(device);
	return type1->groups;
}

static int ranges_parse(const struct via_ioctl_cap *cap, struct via_range_set *iova)
{
	const size_t head_bytes = offsetof(struct vfio_iommu_type1_info_cap_iova_range, nr_iovas) -
				  sizeof(struct vfio_info_cap_header);
	const size_t ranges_at =
		offsetof(struct vfio_iommu_type1_info_cap_iova_range, iova_ranges) -
		sizeof(struct vfio_info_cap_header);
	uint32_t count;

	if (cap->size_bytes < ranges_at)
		return -EPROTO;
	memcpy(&count, cap->data + head_bytes, sizeof(count));
	if (count > (cap->size_bytes - ranges_at) / sizeof(struct vfio_iova_range))
		return -EPROTO;
	for (uint32_t i = 0; i < count; i++) {
		struct vfio_iova_range range;
		int rc;

		memcpy(&range, cap->data + ranges_at + i * sizeof(range), sizeof(range));
		if (range.end < range.start)
			return -EPROTO;
		rc = via_range_set_add(iova, (struct via_range){ range.start, range.end });
		if (rc)
			return rc;
	}
	return 0;
}

static int entries_parse(const struct via_ioctl_cap *cap, uint64_t *entries_left)
{
	const size_t at = offsetof(struct vfio_iommu_type1_info_dma_avail, avail) -
			  sizeof(struct vfio_info_cap_header);
	uint32_t avail;

	if (cap->size_bytes < at + sizeof(avail))
		return -EPROTO;
	memcpy(&avail, cap->data + at, sizeof(avail));
	*entries_left = avail;
	return 0;
}

int via_iommu_type1_parse(const struct via_ioctl_info *info, struct via_iommu_geometry *geometry)
{
	struct vfio_iommu_type1_info head;
	struct via_ioctl_cap cap = { 0 };
	bool have_ranges = false;
	int rc;

	if (info->size_bytes < sizeof(head))
		return -EPROTO;
	memcpy(&head, info->data, sizeof(head));
	geometry->entries_left = UINT64_MAX;
	geometry->page_bytes = 1;
	if (head.flags & VFIO_IOMMU_INFO_PGSIZES && head.iova_pgsizes)
		geometry->page_bytes = head.iova_pgsizes & -head.iova_pgsizes;
	if (head.flags & VFIO_IOMMU_INFO_CAPS)
		cap.next = head.cap_offset;

	while ((rc = via_ioctl_cap_next(info, sizeof(head), &cap)) > 0) {
		if (cap.id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE && cap.version == 1) {
			have_ranges = true;
			rc = ranges_parse(&cap, &geometry->iova);
		} else if (cap.id == VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL && cap.version == 1) {
			rc = entries_parse(&cap, &geometry->entries_left);
		} else if (cap.id == VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION && cap.version == 1) {
			geometry->dirty_tracking = true;
		}
		if (rc < 0)
			return rc;
	}
	/* Kernels before 5.4 do not tell; the reserved regions are still taken out in space.c. */
	if (!rc && !have_ranges)
		rc = via_range_set_add(&geometry->iova, (struct via_range){ 0, UINT64_MAX });
	return rc;
}

static int type1_query(void *backend, struct via_iommu_geometry *geometry, struct via_error *err)
{
	struct type1 *type1 = backend;
	struct vfio_iommu_type1_info head = { 0 };
	struct via_ioctl_info info = { 0 };
	int rc = via_ioctl_ask(type1->port, type1->container_fd, VFIO_IOMMU_GET_INFO, &head,
			       sizeof(head), &info);

	if (!rc)
		rc = via_iommu_type1_parse(&info, geometry);
	free(info.data);
	if (rc) {
		via_range_set_clear(&geometry->iova);
		return via_error_sys(err, -rc, "cannot learn what the IOMMU can map");
	}
	return 0;
}

static int type1_map(void *backend, uint64_t iova, void *hva, uint64_t size_bytes,
		     unsigned int access)
{
	struct type1 *type1 = backend;
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.vaddr = (uintptr_t)hva,
		.iova = iova,
		.size = size_bytes,
	};

	if (access & VIA_IOMMU_READ)
		map.flags |= VFIO_DMA_MAP_FLAG_READ;
	if (access & VIA_IOMMU_WRITE)
		map.flags |= VFIO_DMA_MAP_FLAG_WRITE;
	return via_ioctl_call(type1->port, type1->container_fd, VFIO_IOMMU_MAP_DMA, &map);
}

static int type1_unmap(void *backend, uint64_t iova, uint64_t size_bytes)
{
	struct type1 *type1 = backend;
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = iova,
		.size = size_bytes,
	};
	int rc = via_ioctl_call(type1->port, type1->container_fd, VFIO_IOMMU_UNMAP_DMA, &unmap);

	if (rc < 0)
		return rc;
	return unmap.size == size_bytes ? 0 : -EIO;
}

const struct via_iommu_backend_ops via_iommu_type1_ops = {
	.module = "vfio_iommu_type1",
	.misc = "vfio",
	.file = "dev/vfio/vfio",
	.check_file = type1_check_file,
	.check_device = type1_check_device,
	.unsafe = type1_unsafe,
	.open = type1_open,
	.close = type1_close,
	.open_device = type1_open_device,
	.close_device = type1_close_device,
	.group_fd = type1_group_fd,
	.query = type1_query,
	.map = type1_map,
	.unmap = type1_unmap,
};
