/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <viaduct/util/error.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The sentence may quote an older one of the same @err ("%s", err->text): build it apart. */
static void error_format(struct via_error *err, const char *suffix, const char *fmt, va_list args)
{
	char text[VIA_ERROR_TEXT_BYTES];

	if (vsnprintf(text, sizeof(text), fmt, args) < 0)
		text[0] = '\0';
	if (suffix) {
		size_t used = strlen(text);

		snprintf(text + used, sizeof(text) - used, ": %s", suffix);
	}
	memcpy(err->text, text, sizeof(text));
}

int via_error_set(struct via_error *err, int errnum, const char *fmt, ...)
{
	int saved_errno = errno;
	va_list args;

	if (err) {
		va_start(args, fmt);
		error_format(err, NULL, fmt, args);
		va_end(args);
	}
	errno = saved_errno;
	return -errnum;
}

int via_error_sys(struct via_error *err, int errnum, const char *fmt, ...)
{
	int saved_errno = errno;
	char reason[128];
	va_list args;

	if (err) {
		va_start(args, fmt);
		error_format(err, strerror_r(errnum, reason, sizeof(reason)), fmt, args);
		va_end(args);
	}
	errno = saved_errno;
	return -errnum;
}
