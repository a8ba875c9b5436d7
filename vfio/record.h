/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_VFIO_RECORD_H
#define VIADUCT_VFIO_RECORD_H

#include <viaduct/iommu/group.h>
#include <viaduct/util/bdf.h>
#include <viaduct/util/error.h>
#include <viaduct/util/host.h>

#define VIA_VFIO_RECORD_DIRECTORY "run/viaduct/devices"
#define VIA_VFIO_RECORD_BYTES	  512 /* of its lines, with room to spare */

/*
 * What a function had before via_vfio_bind(), or before via_vfio_unbind() of one that somebody else
 * had given to a VFIO driver: a record (viaduct/util/journal.h) in
 * run/viaduct/devices/<BDF>.
 */
struct via_vfio_record {
	char driver[VIA_DRIVER_NAME_BYTES];   /* the driver it had; "" for none */
	char override[VIA_DRIVER_NAME_BYTES]; /* its driver_override; "" for none */
	char target[VIA_DRIVER_NAME_BYTES];   /* the driver it was given to; "": the kernel's choice
					       */
};

/** via_vfio_record_load() - Return: 0; -ENOENT without a sentence when there is none, or one of a
 * function that is gone; or what via_journal_load() returns. */
int via_vfio_record_load(struct via_host *host, struct via_bdf bdf, struct via_vfio_record *record,
			 struct via_error *err);

/** via_vfio_record_format() - its text, the caller's to free.
 * Return: 0; -EPROTO for a name that could not be read back; -ENOMEM. */
int via_vfio_record_format(struct via_host *host, struct via_bdf bdf,
			   const struct via_vfio_record *record, char **text,
			   struct via_error *err);

/** via_vfio_record_save() - Return: 0, or the errno of the call that failed; the record is then
 * what it was. */
int via_vfio_record_save(struct via_host *host, struct via_bdf bdf,
			 const struct via_vfio_record *record, struct via_error *err);

/** via_vfio_record_remove() - Return: 0, also when there was none, or the errno of
 * via_host_remove(). */
int via_vfio_record_remove(struct via_host *host, struct via_bdf bdf, struct via_error *err);

/** via_vfio_driver_name_valid() - a driver's name that can be part of a path and of a record;
 * spaces are ("cx88-mpeg driver manager"). */
bool via_vfio_driver_name_valid(const char *name);

#endif
