/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_UTIL_JOURNAL_H
#define VIADUCT_UTIL_JOURNAL_H

#include <stdbool.h>

#include <viaduct/util/bdf.h>
#include <viaduct/util/error.h>
#include <viaduct/util/host.h>

/*
 * What Viaduct changes on a host is changed by one process at a time: those that change a PF, or a
 * VF of it, hold the lock of the PF. It ends with its process, however that ends.
 */

/**
 * via_journal_lock() - be the one who changes a function; a VF has the lock of its PF. Waits for
 * another holder, for as long as making VFs may take. A process must not ask for a lock it has.
 * @lock_fd: the lock, until it is closed.
 *
 * Return: 0; -EBUSY with a sentence that names the holder; -EACCES without the privilege; or an
 * errno of mkdir(2), open(2) or flock(2).
 */
VIA_API int via_journal_lock(struct via_host *host, struct via_bdf bdf, int *lock_fd,
			     struct via_error *err);

/** via_journal_lock_modules() - the same, for who loads or unloads kernel modules; asked for last.
 */
VIA_API int via_journal_lock_modules(struct via_host *host, int *lock_fd, struct via_error *err);

/*
 * What a thing had before Viaduct changed it first is in a file below run/viaduct, written and
 * synced before the change, and gone when the thing is as it was. Such a record is lines of
 * key=value: "version=1", "device=" and which function it is of (of all that come and go at an
 * address; sysfs gives no inode to a second directory), what it had, and "end=", without which it
 * is damaged.
 */
#define VIA_JOURNAL_VERSION 1U
#define VIA_JOURNAL_BYTES   (1U << 20) /* of a record, and more than any has */

struct via_journal_identity {
	char text[24]; /* "" for a function that is not there */
};

struct via_journal_identity via_journal_identity(struct via_host *host, struct via_bdf bdf);

/** via_journal_field_fn - a line of a record, in its order. Return: whether it can be. */
typedef bool (*via_journal_field_fn)(void *data, const char *key, const char *value);

/**
 * via_journal_format() - the text of a record.
 * @identity: NULL: it is not about a function.
 * @fields: lines, each ended.
 * @text: the caller's to free.
 *
 * Return: 0; -EMSGSIZE; -ENOMEM.
 */
VIA_API int via_journal_format(const struct via_journal_identity *identity, const char *fields,
			       char **text, struct via_error *err);

/** via_journal_save() - Return: as via_journal_format(), or the errno of via_host_replace(): the
 * record is then as it was. */
VIA_API int via_journal_save(struct via_host *host, const struct via_journal_identity *identity,
			     const char *fields, const char *path, struct via_error *err);

/**
 * via_journal_load() - read a record. One without a version is of the first Viaduct: it has no end.
 * @bdf: of the function it is about; NULL: none.
 * @path: below the root.
 *
 * Return: 0; -ENOENT when there is none; -ESTALE for one of another function that had this address;
 * and, with a sentence that names the file, -EPROTO when it is damaged, -ENOTSUP when it is of a
 * newer version, or the errno of reading it.
 */
VIA_API int via_journal_load(struct via_host *host, const struct via_bdf *bdf, const char *path,
			     via_journal_field_fn field, void *data, struct via_error *err);

/** via_journal_damaged() - what is said of a record that cannot be read. Return: -EPROTO. */
VIA_API int via_journal_damaged(const char *path, struct via_error *err);

/** via_journal_remove() - Return: 0, also when there was none, or the errno of via_host_remove().
 */
VIA_API int via_journal_remove(struct via_host *host, const char *path, struct via_error *err);

#endif
