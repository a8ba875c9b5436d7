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
 * disks is mounted, swapped on, or held by another device; no process has a disk of it open,
 * another device file of it, or its VFIO group; it has no virtual functions; and when it is a
 * network function with a driver of the host, its netdev is in this network namespace, where it can
 * be seen. A link-local IPv6 address does not count: being up brings it.
 *
 * Return: 0; -EBUSY with a sentence that says who uses it; -ENODEV.
 */
VIA_API int via_vfio_check_unused(struct via_host *host, struct via_bdf bdf, struct via_error *err);

/**
 * via_vfio_check_not_open() - whether no process holds a function.
 *
 * Return: 0, also when there is no such function; -EBUSY with a sentence that names the process.
 */
VIA_API int via_vfio_check_not_open(struct via_host *host, struct via_bdf bdf,
				    struct via_error *err);

/*
 * What a host can do without, but would be missed, and what nothing here refuses to take for.
 */

/**
 * via_vfio_check_last_netdev() - whether other network interfaces of the host are up, or none of
 * the function's is.
 *
 * Return: 0, also when the host does not tell; -EBUSY with a sentence.
 */
VIA_API int via_vfio_check_last_netdev(struct via_host *host, struct via_bdf bdf,
				       struct via_error *err);

/**
 * via_vfio_check_console() - whether the host's console is on no display of the function: no text
 * console is drawn into a frame buffer of it, nor, of the firmware's display, into the firmware's.
 *
 * Return: 0, also when the host does not tell; -EBUSY with a sentence.
 */
VIA_API int via_vfio_check_console(struct via_host *host, struct via_bdf bdf,
				   struct via_error *err);

/**
 * via_vfio_bind() - give a function to @driver ("vfio-pci" or another), and remember under
 * run/viaduct/devices what it had, so that via_vfio_unbind() gives it back. Already bound: nothing
 * to do. A failure puts the former driver and override back; where even that fails, or the process
 * is killed, via_vfio_unbind() does.
 *
 * Does not ask via_vfio_check_unused(); the caller does, before. What a process holds is never
 * taken, be it the function or a VF that would go with its driver: the kernel would wait for that
 * process, without end.
 *
 * Return: 0; -ENODEV; -ENOENT when the driver is not loaded (the sentence says the modprobe);
 * -ENXIO for vfio-pci without an IOMMU group, unless the first driver may bring it; -EINVAL for
 * vfio-pci and a bridge, or what is no driver's name; -EBUSY when a process holds it or one of its
 * VFs open; -EACCES/-EPERM without the privilege; -EIO when the driver refused the function;
 * -EPROTO when its record is damaged.
 */
VIA_API int via_vfio_bind(struct via_host *host, struct via_bdf bdf, const char *driver,
			  struct via_error *err);

/**
 * via_vfio_unbind() - take a function from the driver via_vfio_bind() gave it to, and give it
 * back to the one it had then (which may be none). Without a record the override is cleared and
 * the kernel chooses, what it had being remembered for via_vfio_undo(); a function that somebody else has given to a driver of the host is left
 * alone. Asks via_vfio_check_unused() before it takes the function from a driver.
 * @driver: the driver it has now; "" for none.
 *
 * When the former driver refuses it the record stays, for another attempt.
 *
 * Return: 0; -ENODEV; -EBUSY when the host or a process still uses it, or it has VFs; -ENOENT when
 * the former driver is not loaded (the sentence says the modprobe); -EACCES/-EPERM; -EIO when the
 * former driver refused it; -EPROTO when its record is damaged.
 */
VIA_API int via_vfio_unbind(struct via_host *host, struct via_bdf bdf,
			    char driver[static VIA_DRIVER_NAME_BYTES], struct via_error *err);

/**
 * via_vfio_undo() - give a function what its record says it had. One without a record, or that
 * somebody else has given to another driver since, keeps its driver.
 *
 * Return: as via_vfio_unbind().
 */
VIA_API int via_vfio_undo(struct via_host *host, struct via_bdf bdf, struct via_error *err);

/** via_vfio_is_remembered() - whether via_vfio_unbind() would give the function what it had. */
VIA_API bool via_vfio_is_remembered(struct via_host *host, struct via_bdf bdf);

/**
 * via_vfio_had() - the driver and override a function had before via_vfio_bind(), or has now when
 * that did not change them. "" for none.
 *
 * Return: 0, -ENODEV, or why what sysfs or the record says cannot be read.
 */
VIA_API int via_vfio_had(struct via_host *host, struct via_bdf bdf,
			 char driver[static VIA_DRIVER_NAME_BYTES],
			 char override[static VIA_DRIVER_NAME_BYTES], struct via_error *err);

/**
 * via_vfio_restore() - give a function the driver and override that via_vfio_had() told of the one
 * that was here before. Nothing is remembered; the caller has the lock (viaduct/util/journal.h).
 *
 * Return: as via_vfio_unbind().
 */
VIA_API int via_vfio_restore(struct via_host *host, struct via_bdf bdf, const char *driver,
			     const char *override, struct via_error *err);

/**
 * via_vfio_forget() - remove what is remembered of a function that is gone.
 *
 * Return: 0, also when there was nothing, or the errno of unlink(2).
 */
VIA_API int via_vfio_forget(struct via_host *host, struct via_bdf bdf, struct via_error *err);

/*
 * What the functions above would write: they check the same and return the same, but tell each
 * change instead of making it. None told: nothing to do.
 * @path: below the root.
 * @before: what the file holds; NULL for one that is only written to.
 * @after: "" empties the override, and removes a record.
 */
typedef void (*via_vfio_change_fn)(void *data, const char *path, const char *before,
				   const char *after);

VIA_API int via_vfio_bind_plan(struct via_host *host, struct via_bdf bdf, const char *driver,
			       via_vfio_change_fn change, void *data, struct via_error *err);
VIA_API int via_vfio_unbind_plan(struct via_host *host, struct via_bdf bdf,
				 via_vfio_change_fn change, void *data, struct via_error *err);
VIA_API int via_vfio_undo_plan(struct via_host *host, struct via_bdf bdf, via_vfio_change_fn change,
			       void *data, struct via_error *err);
VIA_API void via_vfio_forget_plan(struct via_host *host, struct via_bdf bdf,
				  via_vfio_change_fn change, void *data);

#endif
