/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_UTIL_JOURNAL_PRIVATE_H
#define VIADUCT_UTIL_JOURNAL_PRIVATE_H

#include <viaduct/util/journal.h>

/** via_journal_lock_within() - via_journal_lock(), waiting for @timeout_ms. */
int via_journal_lock_within(struct via_host *host, struct via_bdf bdf, unsigned int timeout_ms,
			    int *lock_fd, struct via_error *err);

#endif
