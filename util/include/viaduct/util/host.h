/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_UTIL_HOST_H
#define VIADUCT_UTIL_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <viaduct/util/error.h>

/*
 * The host: where its files are found and where messages about it go. Everything the library
 * reads or writes under /sys, /dev, /proc and /run goes through one of these, so a recorded
 * tree stands in for a real machine by naming another root.
 */
struct via_host;

enum via_log_level {
	VIA_LOG_DEBUG,
	VIA_LOG_INFO,
	VIA_LOG_WARNING,
};

/* Called in whichever thread has something to say; must be thread-safe. */
typedef void (*via_log_fn)(void *data, enum via_log_level level, const char *message);

struct via_host_options {
	const char *root;	/* NULL is "/" */
	via_log_fn log;		/* NULL drops messages */
	void *log_data;
};

/**
 * via_host_new() - a host.
 * @options: copied; NULL is all defaults.
 * @host: freed with via_host_free().
 *
 * Return: 0, -ENOMEM, or the errno of opening the root directory.
 */
VIA_API int via_host_new(const struct via_host_options *options, struct via_host **host,
			 struct via_error *err);
VIA_API void via_host_free(struct via_host *host);

/**
 * via_host_is_real() - whether this is a running machine, whose devices can be opened, and not the
 * record of one: the root is "/" by whatever name, or has a mounted sysfs.
 */
VIA_API bool via_host_is_real(const struct via_host *host);

/** via_host_log() - hand a message to the host's log function, fit for a terminal. */
VIA_API void via_host_log(struct via_host *host, enum via_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Files. Paths are printf formats relative to the root ("sys/bus/pci/devices/%s/driver"),
 * and must stay below PATH_MAX (-ENAMETOOLONG).
 */

/**
 * via_host_open() - open(2) with O_CLOEXEC.
 *
 * Return: a file descriptor the caller owns, or a negative errno of openat(2).
 */
VIA_API int via_host_open(struct via_host *host, int flags, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * via_host_fopen() - a text file to be read line by line.
 *
 * Return: a stream the caller closes; NULL when it cannot be opened.
 */
VIA_API FILE *via_host_fopen(struct via_host *host, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** via_host_exists() - whether the path names something, following links. */
VIA_API bool via_host_exists(struct via_host *host, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * via_host_read() - a small text file, without its trailing white space.
 * @text: always NUL-terminated on success.
 *
 * Return: 0, -EMSGSIZE when it does not fit, -EILSEQ when it holds a NUL byte, or the errno of
 * open(2) or read(2).
 */
VIA_API int via_host_read(struct via_host *host, char *text, size_t text_bytes, const char *fmt,
			  ...) __attribute__((format(printf, 4, 5)));

/**
 * via_host_read_u64() - a file that holds one number, decimal or 0x-prefixed.
 *
 * Return: 0, -EINVAL when it holds anything else, -ERANGE, or the errno of open(2) or read(2).
 */
VIA_API int via_host_read_u64(struct via_host *host, uint64_t *value, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * via_host_write() - @text into an existing file, in one write(2) as sysfs wants it.
 *
 * Return: 0 or the errno of open(2) or write(2); -EIO for a short write.
 */
VIA_API int via_host_write(struct via_host *host, const char *text, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * via_host_replace() - a file that holds @text whole or is as it was before, also after power loss:
 * written beside it, synced, and renamed. Its directories are made.
 *
 * Return: 0; -EINVAL for a path without a directory; or the errno of mkdir(2), open(2), write(2),
 * fsync(2) or rename(2).
 */
VIA_API int via_host_replace(struct via_host *host, const char *text, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * via_host_create() - a file of this user alone, made with its directories where there is none.
 *
 * Return: a file descriptor for reading and writing that the caller owns; -EINVAL for a path without
 * a directory; or the negative errno of mkdir(2) or open(2).
 */
VIA_API int via_host_create(struct via_host *host, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * via_host_remove() - a file that is gone, also after power loss, and what a killed
 * via_host_replace() left beside it. One that is not there: nothing to do.
 *
 * Return: 0; -EINVAL for a path without a directory; or the errno of open(2), unlink(2) or fsync(2).
 */
VIA_API int via_host_remove(struct via_host *host, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * via_host_link_name() - the last component of what a symbolic link points to
 * ("../../bus/pci/drivers/igb" is "igb").
 *
 * Return: 0, -ENAMETOOLONG when it does not fit, or the errno of readlink(2).
 */
VIA_API int via_host_link_name(struct via_host *host, char *name, size_t name_bytes,
			       const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* The names of a directory, sorted, without "." and "..". */
struct via_names {
	char **names;
	size_t count;
};

/**
 * via_host_list() - what a directory holds.
 * @names: freed with via_names_free(); must be zero-initialised.
 *
 * Return: 0, -ENOMEM, or the errno of open(2) or readdir(3).
 */
VIA_API int via_host_list(struct via_host *host, struct via_names *names, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
VIA_API void via_names_free(struct via_names *names);

#endif
