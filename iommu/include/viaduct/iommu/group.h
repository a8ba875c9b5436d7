/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_IOMMU_GROUP_H
#define VIADUCT_IOMMU_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <viaduct/util/bdf.h>
#include <viaduct/util/error.h>
#include <viaduct/util/host.h>
#include <viaduct/util/range.h>

/*
 * IOMMU groups: the smallest set of functions the IOMMU can keep apart from the rest
 * (Documentation/driver-api/vfio.rst). A group goes to a guest whole or not at all.
 */
#define VIA_DRIVER_NAME_BYTES 64

struct via_iommu_group_member {
	struct via_bdf bdf;
	char driver[VIA_DRIVER_NAME_BYTES]; /* "" when no driver is bound */
	uint32_t class_code;		    /* PCI base class, subclass and interface, 24 bits */
};

struct via_iommu_group {
	unsigned int id;
	char type[16]; /* "DMA", "DMA-FQ", "identity"; "" when the kernel does not say */
	struct via_iommu_group_member *members; /* by address */
	size_t member_count;
	/* IOVA the kernel keeps for itself: "direct", "reserved" and "msi" regions of sysfs.
	 * "direct-relaxable" ones are left out: they do not hinder an assignment. */
	struct via_range_set reserved;
	bool direct; /* there are "direct" ones: the firmware wants them mapped one to one */
};

/**
 * via_iommu_group_load() - what sysfs says about the group of a function.
 * @group: zero-initialised; released with via_iommu_group_clear().
 *
 * Return: 0; -ENODEV when there is no such function; -ENXIO when it is in no group, because the
 * host has no IOMMU or it is off; -EPROTO when sysfs holds something unreadable; -ENOMEM.
 */
VIA_API int via_iommu_group_load(struct via_host *host, struct via_bdf bdf,
				 struct via_iommu_group *group, struct via_error *err);
VIA_API void via_iommu_group_clear(struct via_iommu_group *group);

/**
 * via_iommu_group_check_viable() - whether VFIO will hand the group out: every member is bound
 * to a VFIO driver, to pci-stub, to pcieport, or to none.
 *
 * Return: 0, or -EPERM with a sentence that names the members in the way and their drivers.
 */
VIA_API int via_iommu_group_check_viable(const struct via_iommu_group *group,
					 struct via_error *err);

/**
 * via_iommu_group_check_bound() - whether a member has a VFIO driver.
 *
 * Return: 0; -EINVAL with a sentence that says the command that binds it; -EPROTO when @bdf is no
 * member.
 */
VIA_API int via_iommu_group_check_bound(const struct via_iommu_group *group, struct via_bdf bdf,
					struct via_error *err);

/**
 * via_iommu_group_check_direct() - whether the kernel lets a guest have the group: not when the
 * firmware wants addresses mapped one to one for it (RMRR of Intel, IVMD of AMD).
 *
 * Return: 0, or -EPERM with a sentence.
 */
VIA_API int via_iommu_group_check_direct(const struct via_iommu_group *group,
					 struct via_error *err);

/** via_iommu_driver_is_vfio() - vfio-pci, or one of its variants ("mlx5_vfio_pci"). */
VIA_API bool via_iommu_driver_is_vfio(const char *driver);

/* A process that has a group open. */
struct via_iommu_group_holder {
	pid_t pid;
	char comm[32]; /* as in /proc/PID/comm, printable; "" when it cannot be read */
};

/**
 * via_iommu_group_find_holder() - who has /dev/vfio/@group_id open, this process included. Only
 * processes whose descriptors may be read (ptrace(2)) are seen, in this PID namespace.
 *
 * Return: 0; -ENOENT when there is none to be seen; -ENOMEM.
 */
VIA_API int via_iommu_group_find_holder(struct via_host *host, unsigned int group_id,
					struct via_iommu_group_holder *holder);

#endif
