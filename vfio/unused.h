/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_VFIO_UNUSED_H
#define VIADUCT_VFIO_UNUSED_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <viaduct/util/bdf.h>
#include <viaduct/util/error.h>
#include <viaduct/util/host.h>

/*
 * The questions of via_vfio_check_unused(), one a file. Each returns 0, or -EBUSY with a sentence
 * that says who uses the function, or the errno of what could not be found out.
 */
int via_vfio_check_netdevs(struct via_host *host, struct via_bdf bdf, struct via_error *err);
int via_vfio_check_disks(struct via_host *host, struct via_bdf bdf, struct via_error *err);
int via_vfio_check_files(struct via_host *host, struct via_bdf bdf, struct via_error *err);
int via_vfio_check_cdevs(struct via_host *host, struct via_bdf bdf, struct via_error *err);

/**
 * via_vfio_check_file() - the same of one device file, by its number.
 * @directory: what sysfs has about it, below the root; its last component is the file's name.
 * @type: S_IFCHR or S_IFBLK.
 */
int via_vfio_check_file(struct via_host *host, const char *where, const char *directory,
			mode_t type, struct via_error *err);

/**
 * via_vfio_class_path() - the path a link in sys/class/@class points to.
 * Return: 0, -ENAMETOOLONG, or the errno of readlink(2).
 */
int via_vfio_class_path(struct via_host *host, const char *class, const char *name, char *path,
			size_t path_bytes);

/** via_vfio_path_has() - whether @component is one of the components of @path. */
bool via_vfio_path_has(const char *path, const char *component);

#endif
