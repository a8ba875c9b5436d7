/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_UTIL_PATH_H
#define VIA_UTIL_PATH_H

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

/* 0, or -ENAMETOOLONG; a macro because only the variadic function itself can va_start(). */
#define FORMAT_PATH(path, fmt)                                                                     \
	({                                                                                         \
		va_list args_;                                                                     \
		int length_;                                                                       \
		va_start(args_, fmt);                                                              \
		length_ = vsnprintf(path, sizeof(path), fmt, args_);                               \
		va_end(args_);                                                                     \
		length_ >= 0 && (size_t)length_ < sizeof(path) ? 0 : -ENAMETOOLONG;                \
	})

#endif
