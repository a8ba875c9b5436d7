/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_VFIO_BIND_PRIVATE_H
#define VIADUCT_VFIO_BIND_PRIVATE_H

#include <viaduct/vfio/bind.h>

/*
 * Who takes the writes to sysfs: the host, or a test that plays the kernel. Or nobody: with
 * change() nothing is written, but each change is told to it, and taken to have worked.
 */
struct via_vfio_sysfs {
	struct via_host *host;
	/* Return: 0 or a negative errno. */
	int (*write)(void *data, struct via_host *host, const char *text, const char *path);
	void *data;
	via_vfio_change_fn change;
};

int via_vfio_bind_with(const struct via_vfio_sysfs *sysfs, struct via_bdf bdf, const char *driver,
		       struct via_error *err);
int via_vfio_unbind_with(const struct via_vfio_sysfs *sysfs, struct via_bdf bdf,
			 char driver[static VIA_DRIVER_NAME_BYTES], struct via_error *err);
int via_vfio_undo_with(const struct via_vfio_sysfs *sysfs, struct via_bdf bdf,
		       struct via_error *err);

#endif
