/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "private.h"

#include <endian.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>

static int device_load(struct via_vfio_device *device, struct via_error *err)
{
	struct vfio_device_info head = { 0 };
	struct via_ioctl_info info = { 0 };
	int rc = via_ioctl_ask(&device->port, device->fd, VFIO_DEVICE_GET_INFO, &head, sizeof(head),
			       &info);

	if (rc)
		return via_error_sys(err, -rc, "cannot learn what %s is",
				     via_bdf_text(device->bdf).text);
	memcpy(&head, info.data, sizeof(head));
	free(info.data);
	if (!(head.flags & VFIO_DEVICE_FLAGS_PCI))
		return via_error_set(err, ENOTSUP, "VFIO says %s is not a PCI device",
				     via_bdf_text(device->bdf).text);
	device->can_reset = head.flags & VFIO_DEVICE_FLAGS_RESET;

	rc = via_vfio_regions_load(device, head.num_regions, err);
	if (!rc)
		rc = via_vfio_irqs_load(device, head.num_irqs, err);
	if (!rc && device->regions[VFIO_PCI_CONFIG_REGION_INDEX].size_bytes < PCI_STD_HEADER_SIZEOF)
		rc = via_error_set(err, EPROTO, "VFIO offers no configuration space of %s",
				   via_bdf_text(device->bdf).text);
	device->info = device->port.calls;
	return rc;
}

static void device_release(struct via_vfio_device *device)
{
	via_vfio_irqs_release(device);
	via_vfio_regions_release(device);
	via_iommu_space_close_device(device->space, &device->fd);
	free(device);
}

int via_vfio_device_open_with(struct via_iommu_space *space, struct via_bdf bdf, int given_fd,
			      struct via_ioctl_port port, struct via_vfio_device **out,
			      struct via_error *err)
{
	struct via_vfio_device *device = calloc(1, sizeof(*device));
	int rc;

	if (!device)
		return via_error_sys(err, ENOMEM, "cannot open %s", via_bdf_text(bdf).text);
	device->bdf = bdf;
	device->space = space;
	device->fd = -1;
	device->port = port;
	rc = via_iommu_space_open_device(space, bdf, given_fd, &device->fd, err);
	if (!rc)
		rc = device_load(device, err);
	if (rc) {
		device_release(device);
		return rc;
	}
	*out = device;
	return 0;
}

int via_vfio_device_open(struct via_iommu_space *space, struct via_bdf bdf,
			 struct via_vfio_device **device, struct via_error *err)
{
	return via_vfio_device_open_fd(space, bdf, -1, device, err);
}

int via_vfio_device_open_fd(struct via_iommu_space *space, struct via_bdf bdf, int given_fd,
			    struct via_vfio_device **device, struct via_error *err)
{
	return via_vfio_device_open_with(space, bdf, given_fd, (struct via_ioctl_port){ 0 }, device,
					 err);
}

void via_vfio_device_close(struct via_vfio_device *device)
{
	if (!device)
		return;
	/* First of all: after it the function reaches neither memory nor an interrupt. */
	via_vfio_device_set_bus_master(device, false, NULL);
	device_release(device);
}

struct via_bdf via_vfio_device_bdf(const struct via_vfio_device *device)
{
	return device->bdf;
}

const struct via_vfio_region *via_vfio_device_region(const struct via_vfio_device *device,
						     uint32_t index)
{
	static const struct via_vfio_region absent;

	return index < VFIO_PCI_NUM_REGIONS ? &device->regions[index] : &absent;
}

const struct via_vfio_irq *via_vfio_device_irq(const struct via_vfio_device *device, uint32_t index)
{
	static const struct via_vfio_irq absent;

	return index < VFIO_PCI_NUM_IRQS ? &device->irqs[index] : &absent;
}

static int region_place(const struct via_vfio_device *device, uint32_t index, uint64_t offset,
			size_t size_bytes, off_t *place)
{
	const struct via_vfio_region *region = via_vfio_device_region(device, index);

	if (offset > region->size_bytes || size_bytes > region->size_bytes - offset)
		return -ERANGE;
	/* via_vfio_region_parse() saw to it that the end of the region is an off_t. */
	*place = (off_t)(device->places[index].file_offset + offset);
	return 0;
}

int via_vfio_device_read(struct via_vfio_device *device, uint32_t index, uint64_t offset,
			 void *data, size_t size_bytes)
{
	_Atomic uint64_t *counter = index == VFIO_PCI_CONFIG_REGION_INDEX ? &device->config_reads
									  : &device->region_reads;
	ssize_t got;
	off_t place;

	if (!size_bytes || region_place(device, index, offset, size_bytes, &place))
		return size_bytes ? -ERANGE : 0;
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
	got = pread(device->fd, data, size_bytes, place);
	if (got < 0)
		return -errno;
	return (size_t)got == size_bytes ? 0 : -EIO;
}

int via_vfio_device_write(struct via_vfio_device *device, uint32_t index, uint64_t offset,
			  const void *data, size_t size_bytes)
{
	_Atomic uint64_t *counter = index == VFIO_PCI_CONFIG_REGION_INDEX ? &device->config_writes
									  : &device->region_writes;
	ssize_t put;
	off_t place;

	if (!size_bytes || region_place(device, index, offset, size_bytes, &place))
		return size_bytes ? -ERANGE : 0;
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
	put = pwrite(device->fd, data, size_bytes, place);
	if (put < 0)
		return -errno;
	return (size_t)put == size_bytes ? 0 : -EIO;
}

int via_vfio_device_set_doorbell(struct via_vfio_device *device, uint32_t index, uint64_t offset,
				 uint64_t value, uint32_t size_bytes, int32_t eventfd)
{
	struct vfio_device_ioeventfd doorbell = {
		.argsz = sizeof(doorbell),
		.flags = size_bytes, /* VFIO_DEVICE_IOEVENTFD_8 to _64 are these numbers */
		.data = value,
		.fd = eventfd,
	};
	off_t place;

	_Static_assert(VFIO_DEVICE_IOEVENTFD_8 == 1 && VFIO_DEVICE_IOEVENTFD_64 == 8, "flags");
	if (region_place(device, index, offset, size_bytes, &place))
		return -ERANGE;
	doorbell.offset = (uint64_t)place;
	return via_ioctl_call(&device->port, device->fd, VFIO_DEVICE_IOEVENTFD, &doorbell);
}

bool via_vfio_device_can_reset(const struct via_vfio_device *device)
{
	return device->can_reset;
}

int via_vfio_device_reset(struct via_vfio_device *device, struct via_error *err)
{
	int rc;

	if (!device->can_reset)
		return via_error_set(err, ENOTTY, "the kernel has no way to reset %s alone",
				     via_bdf_text(device->bdf).text);
	device->resets++;
	rc = via_ioctl_call(&device->port, device->fd, VFIO_DEVICE_RESET, NULL);
	return rc < 0 ? via_error_sys(err, -rc, "cannot reset %s", via_bdf_text(device->bdf).text)
		      : 0;
}

int via_vfio_device_set_bus_master(struct via_vfio_device *device, bool on, struct via_error *err)
{
	uint16_t command = 0;
	uint16_t wanted;
	int rc = via_vfio_device_read(device, VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND, &command,
				      sizeof(command));

	if (!rc) {
		wanted = htole16(on ? le16toh(command) | PCI_COMMAND_MASTER
				    : le16toh(command) & (uint16_t)~PCI_COMMAND_MASTER);
		if (wanted == command)
			return 0;
		rc = via_vfio_device_write(device, VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND,
					   &wanted, sizeof(wanted));
	}
	return rc ? via_error_sys(err, -rc, "cannot turn bus mastering of %s %s",
				  via_bdf_text(device->bdf).text, on ? "on" : "off")
		  : 0;
}

struct via_vfio_device_stats via_vfio_device_stats(const struct via_vfio_device *device)
{
	return (struct via_vfio_device_stats){
		.set_irqs = device->set_irqs,
		.resets = device->resets,
		.info = device->info,
		.config_reads = atomic_load_explicit(&device->config_reads, memory_order_relaxed),
		.config_writes = atomic_load_explicit(&device->config_writes, memory_order_relaxed),
		.region_reads = atomic_load_explicit(&device->region_reads, memory_order_relaxed),
		.region_writes = atomic_load_explicit(&device->region_writes, memory_order_relaxed),
	};
}
