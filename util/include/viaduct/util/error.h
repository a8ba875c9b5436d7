/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_UTIL_ERROR_H
#define VIADUCT_UTIL_ERROR_H

/*
 * The error contract of every layer: a function returns 0 or a negative errno, writes its
 * outputs only on success, and puts the sentence a person needs into its last parameter:
 * what failed, on which device, why, and what to do about it.
 */

#define VIA_API __attribute__((visibility("default")))

#define VIA_ERROR_TEXT_BYTES 1024

struct via_error {
	char text[VIA_ERROR_TEXT_BYTES];
};

/**
 * via_error_set() - record why something failed.
 * @err: where the sentence goes; NULL drops it.
 * @errnum: positive errno value.
 * @fmt: printf format of the whole sentence, without a trailing newline. A sentence that does
 *	 not fit is cut.
 *
 * errno is left as it was. Thread-safe as long as @err is not shared.
 *
 * Return: -@errnum, so that a caller can write `return via_error_set(...)`.
 */
VIA_API int via_error_set(struct via_error *err, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * via_error_sys() - like via_error_set(), with ": " and strerror(@errnum) appended.
 */
VIA_API int via_error_sys(struct via_error *err, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
