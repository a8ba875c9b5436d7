/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_VFIO_BIND_H
#define VIADUCT_VFIO_BIND_H

#include <stdbool.h>

#include <viaduct/iommu/group.h>
#include <viaduct/util/bdf.h>
#include <viaduct/util/error.h>
#include <viaduct/util/host.h>

/*
 * Which driver a function has, changed through driver_override and never new_id, which would
 * grab every device of that ID (Documentation/ABI/testing/sysfs-bus-pci).
 */

/**
 * via_vfio_driver() - the driver bound to a function.
 * @driver: "" when there is none.
 *
 * Return: 0, -ENODEV when there is no such function.
 */
VIA_API int via_vfio_driver(struct via_host *host, struct via_bdf bdf,
			    char driver[static VIA_DRIVER_NAME_BYTES], struct via_error *err);

/**
 * via_vfio_check_unused() - whether the host can do without a function: none of its netdevs has
 * a route, is up with an address, or belongs to a bridge, bond or other upper device; none of its
 * disks is mounted, swapped on, or held by another device; no process has a disk of it open, another
 * device file of it, or its VFIO group; it has no virtual functions; and when it is a network function
 * with a driver of the host, its netdev is in this network namespace, where it can be seen. A
 * link-local IPv6 address does not count: being up brings it.
 *
 * Return: 0; -EBUSY with a sentence that says who uses it; -ENODEV.
 */
VIA_API int via_vfio_check_unused(struct via_host *host, struct via_bdf bdf,
				  struct via_error *err);

/**
 * via_vfio_bind() - give a function to @driver ("vfio-pci" or another), and remember under
 * run/viaduct/devices what it had, so that via_vfio_unbind() gives it back. Already bound: nothing
 * to do. A failure puts the former driver and override back.
 *
 * Does not ask via_vfio_check_unused(); the caller does, before.
 *
 * Return: 0; -ENODEV; -ENOENT when the driver is not loaded (the sentence says the modprobe);
 * -ENXIO for vfio-pci without an IOMMU group; -EINVAL for vfio-pci and a bridge, or what is no
 * driver's name; -EBUSY when it has a VFIO driver and a process holds it open; -EACCES/-EPERM
 * without the privilege; -EIO when the driver refused the function; -EPROTO when its record is
 * damaged.
 */
VIA_API int via_vfio_bind(struct via_host *host, struct via_bdf bdf, const char *driver,
			  struct via_error *err);

/**
 * via_vfio_unbind() - take a function from the driver via_vfio_bind() gave it to, and give it
 * back to the one it had then (which may be none). Without a record the override is cleared and
 * the kernel chooses; a function whose driver is not a VFIO driver is left alone then.
 * @driver: the driver it has now; "" for none.
 *
 * When the former driver refuses it the record stays, for another attempt.
 *
 * Return: 0; -ENODEV; -EBUSY when a process still holds it open; -ENOENT when the former driver is
 * not loaded (the sentence says the modprobe); -EACCES/-EPERM; -EIO when the former driver refused
 * it; -EPROTO when its record is damaged.
 */
VIA_API int via_vfio_unbind(struct via_host *host, struct via_bdf bdf,
			    char driver[static VIA_DRIVER_NAME_BYTES], struct via_error *err);

#endif
