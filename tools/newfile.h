/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_NEWFILE_H
#define VIADUCT_TOOLS_NEWFILE_H

#include <stddef.h>

#include <viaduct/util/error.h>

/**
 * via_newfile_open() - a new file beside @path, to be renamed over it: nobody sees half of one.
 * What is no regular file (/dev/stdout, a pipe) cannot be replaced and is written as it is.
 * @temporary: its name, to be freed; NULL when it is @path itself.
 *
 * Return: the descriptor, -ENOMEM, or the errno of creating it.
 */
int via_newfile_open(const char *path, char **temporary, struct via_error *err);

/**
 * via_newfile_check() - whether via_newfile_write() will be able to write @path, for whoever must
 * know before work that takes long. It changes nothing.
 *
 * Return: as via_newfile_open(), but 0.
 */
int via_newfile_check(const char *path, struct via_error *err);

/** via_newfile_write_all() - all of @data. Return: 0, or the errno of writing. */
int via_newfile_write_all(int fd, const char *data, size_t bytes);

/** via_newfile_write() - @path has @bytes of @data, or is as it was. Return: 0, or an errno. */
int via_newfile_write(const char *path, const void *data, size_t bytes, struct via_error *err);

#endif
