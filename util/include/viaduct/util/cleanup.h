/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_UTIL_CLEANUP_H
#define VIADUCT_UTIL_CLEANUP_H

/*
 * Scope-bound resources. A variable marked with one of these is released when it goes out of
 * scope; what a function hands to its caller it first takes out with via_steal_*().
 */

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define via_cleanup(fn) __attribute__((cleanup(fn)))

/* close() exactly once and never again on EINTR: Linux has released the number either way. */
static inline void via_close(int *fd)
{
	if (*fd >= 0) {
		int saved_errno = errno;

		close(*fd);
		errno = saved_errno;
	}
	*fd = -1;
}

static inline void via_freep(void *pointer)
{
	free(*(void **)pointer);
}

static inline void via_fclosep(FILE **file)
{
	if (*file)
		fclose(*file);
}

static inline void via_closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

#define via_autoclose via_cleanup(via_close)
#define via_autofree via_cleanup(via_freep)
#define via_autofclose via_cleanup(via_fclosep)
#define via_autoclosedir via_cleanup(via_closedirp)

static inline int via_steal_fd(int *fd)
{
	int stolen = *fd;

	*fd = -1;
	return stolen;
}

#define via_steal_ptr(pointer)                                                                    \
	({                                                                                         \
		__typeof__(pointer) *via_place_ = &(pointer);                                      \
		__typeof__(pointer) via_stolen_ = *via_place_;                                     \
		*via_place_ = NULL;                                                                \
		via_stolen_;                                                                       \
	})

#endif
