/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_SRIOV_UNDO_H
#define VIADUCT_SRIOV_UNDO_H

#include <stdbool.h>
#include <stddef.h>

#include <viaduct/util/bdf.h>
#include <viaduct/util/error.h>
#include <viaduct/util/host.h>

/*
 * A host as it was before Viaduct changed it: from the records that are written before each first
 * change (viaduct/util/journal.h). Records are of what a thing had, not of what was done to it, so
 * that a process killed anywhere leaves nothing that cannot be undone, and to undo twice is to undo
 * once.
 */
enum via_undo_kind {
	VIA_UNDO_VFS,	    /* number of VFs of a PF, and what VFs had that were taken away */
	VIA_UNDO_DRIVER,    /* driver and override of a function */
	VIA_UNDO_ATTRS,	    /* what a PF holds a VF to */
	VIA_UNDO_AUTOPROBE, /* sriov_drivers_autoprobe of a PF */
	VIA_UNDO_MODULE,    /* a kernel module that was loaded */
	VIA_UNDO_LEFTOVER,  /* half a record, of a process that was killed as it wrote it */
	VIA_UNDO_UNKNOWN,   /* a file that is no record */
};

struct via_undo {
	enum via_undo_kind kind;
	struct via_bdf bdf; /* of what is about a function */
	char name[128];	    /* of the function or module */
	char file[192];	    /* its record, below the root */
	unsigned int rank;  /* when its turn is */
};

/**
 * via_undo_list() - what there is to undo, in the order in which it is to be.
 * @list: freed by the caller.
 *
 * Return: 0; -ENOMEM; or the errno of reading a directory.
 */
VIA_API int via_undo_list(struct via_host *host, struct via_undo **list, size_t *count,
			  struct via_error *err);

/**
 * via_undo_is_about() - whether a record is about a function, or a VF of it.
 */
VIA_API bool via_undo_is_about(struct via_host *host, const struct via_undo *undo,
			       struct via_bdf bdf);

/**
 * via_undo_had() - what a record says there was, in words: "driver igb".
 *
 * Return: 0; -ENOENT when it has been undone; -ESTALE when what it is about is gone; -EPROTO when
 * it is damaged, -ENOTSUP when it is of a newer version, or why it cannot be read.
 */
VIA_API int via_undo_had(struct via_host *host, const struct via_undo *undo, char *text,
			 size_t text_bytes, struct via_error *err);

/*
 * What would change.
 * @what: a path, or an attribute of a VF.
 * @before: NULL when it is only written to.
 */
typedef void (*via_undo_change_fn)(void *data, const char *what, const char *before,
				   const char *after);

VIA_API int via_undo_plan(struct via_host *host, const struct via_undo *undo,
			  via_undo_change_fn change, void *data, struct via_error *err);

/**
 * via_undo() - make it as it was, and remove the record. What a process or the host uses is not
 * touched; what somebody else has changed since stays, but for the number of VFs of a PF whose
 * number Viaduct had changed.
 *
 * Return: as via_undo_had(), the record of what is gone being removed; -EBUSY with a sentence that
 * says who uses it; what via_vfio_undo(), via_sriov_create(), via_sriov_destroy() and
 * via_sriov_attrs_set() return.
 */
VIA_API int via_undo(struct via_host *host, const struct via_undo *undo, struct via_error *err);

/**
 * via_undo_remember_vfs() - write down what the VFs of a function are, before they go with its
 * driver. None: nothing to do.
 *
 * Return: 0; what via_journal_lock() returns, or why it cannot be written down.
 */
VIA_API int via_undo_remember_vfs(struct via_host *host, struct via_bdf bdf, struct via_error *err);

/** via_undo_forget_vfs() - when the driver stayed, and the VFs with it: what is written down is
 * removed if they are as it says. */
VIA_API void via_undo_forget_vfs(struct via_host *host, struct via_bdf bdf);

#endif
