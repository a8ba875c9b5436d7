/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_VFIO_PRIVATE_H
#define VIADUCT_VFIO_PRIVATE_H

#include <linux/vfio.h>
#include <stdatomic.h>

#include <viaduct/iommu/ioctl.h>
#include <viaduct/vfio/device.h>

/* A region as the kernel has it, and where this process has it. */
struct via_vfio_region_place {
	uint64_t file_offset; /* of the region within the device's descriptor */
	void *map_base;	      /* address space kept for the region; NULL when it is not mapped */
	size_t map_bytes;
};

struct via_vfio_device {
	struct via_bdf bdf;
	struct via_iommu_space *space; /* where fd came from */
	int fd;
	struct via_ioctl_port port;
	bool can_reset;
	struct via_vfio_region regions[VFIO_PCI_NUM_REGIONS];
	struct via_vfio_region_place places[VFIO_PCI_NUM_REGIONS];
	struct via_vfio_irq irqs[VFIO_PCI_NUM_IRQS];
	bool irqs_enabled[VFIO_PCI_NUM_IRQS];
	uint64_t set_irqs;
	uint64_t resets;
	uint64_t info;
	_Atomic uint64_t config_reads;
	_Atomic uint64_t config_writes;
	_Atomic uint64_t region_reads;
	_Atomic uint64_t region_writes;
};

/** via_vfio_device_open_with() - via_vfio_device_open_fd() with someone else to answer the ioctls.
 */
int via_vfio_device_open_with(struct via_iommu_space *space, struct via_bdf bdf, int given_fd,
			      struct via_ioctl_port port, struct via_vfio_device **device,
			      struct via_error *err);

/* region.c */

/**
 * via_vfio_region_parse() - the answer to VFIO_DEVICE_GET_REGION_INFO.
 * @region, @place: zero-initialised; @region's areas are released with free().
 *
 * Return: 0, -EPROTO when it makes no sense, -ENOMEM.
 */
int via_vfio_region_parse(const struct via_ioctl_info *info, struct via_vfio_region *region,
			  struct via_vfio_region_place *place);
int via_vfio_regions_load(struct via_vfio_device *device, uint32_t count, struct via_error *err);
void via_vfio_regions_release(struct via_vfio_device *device);

/* reset.c */

struct via_vfio_reset_domain;

/**
 * via_vfio_reset_parse() - the answer to VFIO_DEVICE_GET_PCI_HOT_RESET_INFO about @self.
 * @domain: zero-initialised; released with via_vfio_reset_clear(), also after a failure.
 * @by_id: whether the kernel said what is owned, as it does to a user of iommufd.
 *
 * Return: 0, -EPROTO when it makes no sense, -ENOMEM.
 */
int via_vfio_reset_parse(const struct via_ioctl_info *info, struct via_bdf self,
			 struct via_vfio_reset_domain *domain, bool *by_id);

/* irq.c */
int via_vfio_irqs_load(struct via_vfio_device *device, uint32_t count, struct via_error *err);
void via_vfio_irqs_release(struct via_vfio_device *device);

#endif
