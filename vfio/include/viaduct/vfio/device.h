/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_VFIO_DEVICE_H
#define VIADUCT_VFIO_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <viaduct/iommu/space.h>
#include <viaduct/util/bdf.h>
#include <viaduct/util/error.h>
#include <viaduct/util/range.h>

/*
 * An open PCI function (linux/vfio.h: struct vfio_device_info and what hangs off it): its
 * regions, interrupts and reset. This module owns the device file descriptor and the mappings
 * of its regions. It knows nothing of KVM: whoever routes interrupts hands in eventfds.
 *
 * Region reads and writes may be made by several threads at once; everything else by one thread
 * at a time per device.
 */
struct via_vfio_device;

/* A part of a region that can be mapped, and where it is mapped. Offsets are into the region. */
struct via_vfio_area {
	uint64_t offset;
	uint64_t size_bytes;
	void *hva; /* NULL until via_vfio_device_map_region() */
};

struct via_vfio_region {
	uint64_t size_bytes; /* 0: the function does not have this region */
	bool readable;
	bool writable;
	struct via_vfio_area *areas; /* what mmap(2) is allowed for, ascending; sparse mmap */
	size_t area_count;
};

struct via_vfio_irq {
	uint32_t count; /* 0: the function cannot raise this kind */
	bool eventfd;
	bool maskable;
	bool automasked;
	bool resizable; /* vectors can be added while others are enabled (no NORESIZE) */
};

/**
 * via_vfio_device_open() - open a function bound to vfio-pci, attached to @space.
 *
 * The kernel resets the function as it opens it (unless it is open already). Bus mastering stays
 * off. What the kernel reports is checked: regions and
 * areas that overlap, overflow or end beyond their region are refused.
 *
 * Return: 0; the errors of via_iommu_space_open_device(); -EPROTO when the kernel's description
 * of the device makes no sense; -ENOTSUP when it is not a PCI device.
 */
VIA_API int via_vfio_device_open(struct via_iommu_space *space, struct via_bdf bdf,
				 struct via_vfio_device **device, struct via_error *err);

/**
 * via_vfio_device_open_fd() - the same with a device file that somebody opened for us, who may have
 * been allowed to: only in a space of iommufd.
 * @bdf: as via_iommu_cdev_bdf() says.
 * @given_fd: not yet bound to an iommufd; stays the caller's. -1: as via_vfio_device_open().
 */
VIA_API int via_vfio_device_open_fd(struct via_iommu_space *space, struct via_bdf bdf, int given_fd,
				    struct via_vfio_device **device, struct via_error *err);

/**
 * via_vfio_device_close() - clear bus mastering, disable interrupts, unmap regions, close, and
 * detach from the address space it was opened in, which must still exist. Resets nothing: whoever
 * used the function calls via_vfio_device_reset() before (the kernel does it once more when the
 * last descriptor goes).
 */
VIA_API void via_vfio_device_close(struct via_vfio_device *device);

VIA_API struct via_bdf via_vfio_device_bdf(const struct via_vfio_device *device);

/** via_vfio_device_region() - by VFIO_PCI_*_REGION_INDEX; never NULL, size 0 when absent. */
VIA_API const struct via_vfio_region *via_vfio_device_region(const struct via_vfio_device *device,
							     uint32_t index);

/** via_vfio_device_irq() - by VFIO_PCI_*_IRQ_INDEX; never NULL, count 0 when absent. */
VIA_API const struct via_vfio_irq *via_vfio_device_irq(const struct via_vfio_device *device,
						       uint32_t index);

/**
 * via_vfio_device_read() / via_vfio_device_write() - @size_bytes (1, 2, 4 or 8 for registers, any
 * for configuration space and ROM) at @offset of a region, in one system call, little-endian as
 * the device has it.
 *
 * Return: 0, -ERANGE when it passes the end of the region, -EIO for a short transfer, or the
 * errno of pread(2)/pwrite(2).
 */
VIA_API int via_vfio_device_read(struct via_vfio_device *device, uint32_t index, uint64_t offset,
				 void *data, size_t size_bytes);
VIA_API int via_vfio_device_write(struct via_vfio_device *device, uint32_t index, uint64_t offset,
				  const void *data, size_t size_bytes);

/**
 * via_vfio_device_map_region() - map every area of a region into this process, shared, readable
 * and writable as the region is, each at its offset from one address, which is aligned to the
 * region's size up to 1 GiB, for huge pages. Again on a mapped region: nothing to do.
 *
 * Return: 0, or the errno of mmap(2) with a sentence.
 */
VIA_API int via_vfio_device_map_region(struct via_vfio_device *device, uint32_t index,
				       struct via_error *err);

/**
 * via_vfio_device_set_doorbell() - have the kernel write @value to a register of a BAR whenever an
 * eventfd is signalled (VFIO_DEVICE_IOEVENTFD).
 * @size_bytes: 1, 2, 4 or 8; @offset is a multiple of it.
 * @eventfd: stays the caller's; -1 takes a former one back.
 *
 * Return: 0; -ENOTTY on a kernel that cannot; the errno of the ioctl.
 */
VIA_API int via_vfio_device_set_doorbell(struct via_vfio_device *device, uint32_t index,
					 uint64_t offset, uint64_t value, uint32_t size_bytes,
					 int32_t eventfd);

/**
 * via_vfio_device_set_irqs() - connect vectors to eventfds (VFIO_DEVICE_SET_IRQS).
 * @index: VFIO_PCI_INTX_IRQ_INDEX, VFIO_PCI_MSI_IRQ_INDEX, VFIO_PCI_MSIX_IRQ_INDEX, ...
 * @start: first vector, @count: how many; within what via_vfio_device_irq() reports.
 * @eventfds: @count descriptors the caller keeps owning; -1 leaves a vector allocated but silent.
 *
 * Return: 0, -EINVAL for vectors the function does not have, or the errno of the ioctl.
 */
VIA_API int via_vfio_device_set_irqs(struct via_vfio_device *device, uint32_t index, uint32_t start,
				     uint32_t count, const int32_t *eventfds,
				     struct via_error *err);

/**
 * via_vfio_device_set_unmask() - have an eventfd unmask INTx, which the kernel masks whenever it
 * signals; a device that still wants service then signals anew.
 * @eventfd: stays the caller's.
 *
 * Return: 0, or the errno of VFIO_DEVICE_SET_IRQS.
 */
VIA_API int via_vfio_device_set_unmask(struct via_vfio_device *device, uint32_t index,
				       int32_t eventfd, struct via_error *err);

/** via_vfio_device_unmask_irq() - unmask INTx now. Return: 0, or the errno of the ioctl. */
VIA_API int via_vfio_device_unmask_irq(struct via_vfio_device *device, uint32_t index,
				       struct via_error *err);

/** via_vfio_device_disable_irqs() - release all vectors of a kind. Return: 0 or the ioctl's errno.
 */
VIA_API int via_vfio_device_disable_irqs(struct via_vfio_device *device, uint32_t index,
					 struct via_error *err);

/**
 * via_vfio_device_reset() - reset the function (FLR, PM or whatever the kernel has for it).
 *
 * Return: 0, -ENOTTY when the function has no reset method, or the errno of VFIO_DEVICE_RESET.
 */
VIA_API int via_vfio_device_reset(struct via_vfio_device *device, struct via_error *err);
VIA_API bool via_vfio_device_can_reset(const struct via_vfio_device *device);

/** via_vfio_device_set_bus_master() - the Bus Master Enable bit of the Command register. */
VIA_API int via_vfio_device_set_bus_master(struct via_vfio_device *device, bool on,
					   struct via_error *err);

/* ioctls made on the device's descriptor, for --stats. */
struct via_vfio_device_stats {
	uint64_t set_irqs;
	uint64_t resets;
	uint64_t info; /* device, region and interrupt queries */
	uint64_t config_reads;
	uint64_t config_writes;
	uint64_t region_reads;
	uint64_t region_writes;
};

VIA_API struct via_vfio_device_stats via_vfio_device_stats(const struct via_vfio_device *device);

#endif
