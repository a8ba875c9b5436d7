/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <viaduct/util/host.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include <viaduct/util/cleanup.h>

#include "path.h"
#include <viaduct/util/text.h>

#include "host-private.h"

struct via_host {
	int root_fd;
	bool real;
	via_log_fn log;
	void *log_data;
	struct via_openers *openers;
	const struct via_host_hooks *hooks;
};

/*
 * By what it is and not by its name: "//" and a container's "/host" are a machine that can be
 * broken, and must not be taken for the record of one.
 */
static bool is_live(int root_fd)
{
	via_autoclose int sys = -1;
	struct stat root, own;
	struct statfs fs;

	if (!fstat(root_fd, &root) && !stat("/", &own) && root.st_dev == own.st_dev &&
	    root.st_ino == own.st_ino)
		return true;
	sys = openat(root_fd, "sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return sys >= 0 && !fstatfs(sys, &fs) && fs.f_type == SYSFS_MAGIC;
}

int via_host_new(const struct via_host_options *options, struct via_host **host_out,
		 struct via_error *err)
{
	const char *root = options && options->root ? options->root : "/";
	struct via_host *host = calloc(1, sizeof(*host));

	if (!host)
		return via_error_sys(err, ENOMEM, "cannot describe the host");
	host->root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (host->root_fd < 0) {
		int rc = via_error_sys(err, errno, "cannot open %s as the host's root directory",
				       root);

		free(host);
		return rc;
	}
	host->real = is_live(host->root_fd);
	if (options) {
		host->log = options->log;
		host->log_data = options->log_data;
	}
	*host_out = host;
	return 0;
}

void via_host_free(struct via_host *host)
{
	if (!host)
		return;
	via_openers_free(host->openers);
	via_close(&host->root_fd);
	free(host);
}

struct via_openers **via_host_openers(struct via_host *host)
{
	return &host->openers;
}

void via_host_hook(struct via_host *host, const struct via_host_hooks *hooks)
{
	host->hooks = hooks;
}

void via_host_step(struct via_host *host)
{
	if (host->hooks)
		host->hooks->step(host->hooks->data);
}

bool via_host_is_real(const struct via_host *host)
{
	return host->real;
}

void via_host_log(struct via_host *host, enum via_log_level level, const char *fmt, ...)
{
	char message[VIA_ERROR_TEXT_BYTES];
	va_list args;

	if (!host->log)
		return;
	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);
	via_text_make_printable(message);
	host->log(host->log_data, level, message);
}

static int open_path(struct via_host *host, int flags, const char *path)
{
	int fd = openat(host->root_fd, path, flags | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int via_host_open(struct via_host *host, int flags, const char *fmt, ...)
{
	char path[PATH_MAX];
	int path_error = FORMAT_PATH(path, fmt);

	return path_error ? path_error : open_path(host, flags, path);
}

FILE *via_host_fopen(struct via_host *host, const char *fmt, ...)
{
	char path[PATH_MAX];
	int path_error = FORMAT_PATH(path, fmt);
	via_autoclose int fd = path_error ? path_error : open_path(host, O_RDONLY, path);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");

	if (file)
		via_steal_fd(&fd);
	return file;
}

bool via_host_exists(struct via_host *host, const char *fmt, ...)
{
	char path[PATH_MAX];
	int path_error = FORMAT_PATH(path, fmt);

	return !path_error && !faccessat(host->root_fd, path, F_OK, 0);
}

static int read_path(struct via_host *host, char *text, size_t text_bytes, const char *path)
{
	via_autoclose int fd = open_path(host, O_RDONLY, path);
	size_t used = 0;
	ssize_t got;

	if (fd < 0)
		return fd;
	do {
		got = read(fd, text + used, text_bytes - used);
		if (got < 0)
			return -errno;
		used += (size_t)got;
		if (used == text_bytes)
			return -EMSGSIZE;
	} while (got);
	if (memchr(text, '\0', used))
		return -EILSEQ;
	while (used && isspace((unsigned char)text[used - 1]))
		used--;
	text[used] = '\0';
	return 0;
}

int via_host_read(struct via_host *host, char *text, size_t text_bytes, const char *fmt, ...)
{
	char path[PATH_MAX];
	int path_error = FORMAT_PATH(path, fmt);

	return path_error ? path_error : read_path(host, text, text_bytes, path);
}

int via_host_read_u64(struct via_host *host, uint64_t *value, const char *fmt, ...)
{
	char path[PATH_MAX];
	int path_error = FORMAT_PATH(path, fmt);
	char text[32];
	unsigned long long number;
	char *end;
	int rc;

	if (path_error)
		return path_error;
	rc = read_path(host, text, sizeof(text), path);
	if (rc)
		return rc == -EMSGSIZE || rc == -EILSEQ ? -EINVAL : rc;
	/* strtoull() would take a sign and white space; a kernel file has neither. */
	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	number = strtoull(text, &end, text[0] == '0' && text[1] == 'x' ? 16 : 10);
	if (*end)
		return -EINVAL;
	if (errno)
		return -errno;
	*value = number;
	return 0;
}

static int write_path(struct via_host *host, const char *text, const char *path)
{
	via_autoclose int fd = open_path(host, O_WRONLY, path);
	size_t length = strlen(text);
	ssize_t wrote;

	if (fd < 0)
		return fd;
	wrote = write(fd, text, length);
	if (wrote < 0)
		return -errno;
	return (size_t)wrote == length ? 0 : -EIO;
}

int via_host_write(struct via_host *host, const char *text, const char *fmt, ...)
{
	char path[PATH_MAX];
	int rc = FORMAT_PATH(path, fmt);

	if (rc)
		return rc;
	via_host_step(host);
	rc = host->hooks ? host->hooks->write(host->hooks->data, path, text)
			 : write_path(host, text, path);
	via_host_step(host);
	return rc;
}

int via_host_link_name(struct via_host *host, char *name, size_t name_bytes, const char *fmt, ...)
{
	char path[PATH_MAX];
	int path_error = FORMAT_PATH(path, fmt);
	char target[PATH_MAX];
	const char *base;
	ssize_t length;

	if (path_error)
		return path_error;
	length = readlinkat(host->root_fd, path, target, sizeof(target) - 1);
	if (length < 0)
		return -errno;
	target[length] = '\0';
	base = strrchr(target, '/');
	base = base ? base + 1 : target;
	if (strlen(base) >= name_bytes)
		return -ENAMETOOLONG;
	strcpy(name, base);
	return 0;
}

static int name_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int via_host_list(struct via_host *host, struct via_names *names, const char *fmt, ...)
{
	char path[PATH_MAX];
	int path_error = FORMAT_PATH(path, fmt);
	via_autoclosedir DIR *dir = NULL;
	struct via_names found = { 0 };
	size_t capacity = 0;
	int fd, rc;

	if (path_error)
		return path_error;
	fd = open_path(host, O_RDONLY | O_DIRECTORY, path);
	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		rc = -errno;
		via_close(&fd);
		return rc;
	}
	for (;;) {
		struct dirent *entry;

		errno = 0;
		entry = readdir(dir);
		if (!entry) {
			rc = -errno;
			break;
		}
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		rc = -ENOMEM;
		if (found.count == capacity) {
			size_t more = capacity ? capacity * 2 : 16;
			char **grown = realloc(found.names, more * sizeof(*grown));

			if (!grown)
				break;
			found.names = grown;
			capacity = more;
		}
		found.names[found.count] = strdup(entry->d_name);
		if (!found.names[found.count])
			break;
		found.count++;
	}
	if (rc) {
		via_names_free(&found);
		return rc;
	}
	if (found.count)
		qsort(found.names, found.count, sizeof(*found.names), name_compare);
	*names = found;
	return 0;
}

void via_names_free(struct via_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->names[i]);
	free(names->names);
	*names = (struct via_names){ 0 };
}
