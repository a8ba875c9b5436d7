/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_UTIL_JOURNAL_H
#define VIADUCT_UTIL_JOURNAL_H

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

#endif
