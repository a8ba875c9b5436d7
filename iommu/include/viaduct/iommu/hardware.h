/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_IOMMU_HARDWARE_H
#define VIADUCT_IOMMU_HARDWARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <viaduct/util/error.h>
#include <viaduct/util/host.h>

/* The IOMMUs of a host, as far as sysfs tells (/sys/class/iommu). */
enum via_iommu_hardware_kind {
	VIA_IOMMU_HARDWARE_NONE,
	VIA_IOMMU_HARDWARE_INTEL, /* VT-d */
	VIA_IOMMU_HARDWARE_AMD,	  /* AMD-Vi */
	VIA_IOMMU_HARDWARE_OTHER, /* virtio-iommu, of which nothing more is told */
};

struct via_iommu_hardware {
	enum via_iommu_hardware_kind kind;
	size_t units;
	uint64_t page_sizes;	   /* a bit for each size that all units have; 0: unknown */
	unsigned int address_bits; /* of IOVAs, what all units have; 0: unknown */
	bool posting_known;
	bool posting; /* all units can post interrupts into a guest that runs */
	bool remapping_known;
	bool remapping; /* the kernel has interrupts remapped */
};

/**
 * via_iommu_hardware_load() - none, when sysfs has none: there is none, or it is off.
 *
 * Return: 0 or -ENOMEM.
 */
VIA_API int via_iommu_hardware_load(struct via_host *host, struct via_iommu_hardware *hardware,
				    struct via_error *err);

#endif
