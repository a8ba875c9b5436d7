/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <viaduct/util/host.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>

#include "host-private.h"
#include "path.h"

/* The directory of a path below the root; @path is cut after it. *@name: what is left. */
static int open_directory(struct via_host *host, char *path, const char **name, bool make)
{
	via_autoclose int root = via_host_open(host, O_PATH | O_DIRECTORY, ".");
	char *slash = strrchr(path, '/');

	if (root < 0)
		return root;
	if (!slash || !slash[1])
		return -EINVAL;
	*slash = '\0';
	*name = slash + 1;
	for (char *end = path; make && end;) {
		end = strchr(end, '/');
		if (end)
			*end = '\0';
		if (mkdirat(root, path, 0755) && errno != EEXIST)
			return -errno;
		if (end)
			*end++ = '/';
	}
	return via_host_open(host, O_RDONLY | O_DIRECTORY, "%s", path);
}

static int write_whole(int fd, const char *text)
{
	size_t length = strlen(text);
	ssize_t wrote = write(fd, text, length);

	if (wrote < 0)
		return -errno;
	if ((size_t)wrote != length)
		return -EIO;
	return fsync(fd) ? -errno : 0;
}

static int temporary_name(const char *name, char temporary[static NAME_MAX + 1])
{
	int length = snprintf(temporary, NAME_MAX + 1, ".%s.new", name);

	return length < 0 || length > NAME_MAX ? -ENAMETOOLONG : 0;
}

static int replace(struct via_host *host, int directory, const char *name, const char *text)
{
	via_autoclose int fd = -1;
	char temporary[NAME_MAX + 1];
	int rc = temporary_name(name, temporary);

	if (rc)
		return rc;
	fd = openat(directory, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
		    0644);
	if (fd < 0)
		return -errno;
	via_host_step(host);
	rc = write_whole(fd, text);
	via_host_step(host);
	if (!rc && renameat(directory, temporary, directory, name))
		rc = -errno;
	if (rc) {
		unlinkat(directory, temporary, 0);
		return rc;
	}
	via_host_step(host);
	return fsync(directory) ? -errno : 0;
}

int via_host_replace(struct via_host *host, const char *text, const char *fmt, ...)
{
	via_autoclose int directory = -1;
	char path[PATH_MAX];
	const char *name;
	int rc = FORMAT_PATH(path, fmt);

	if (rc)
		return rc;
	directory = open_directory(host, path, &name, true);
	return directory < 0 ? directory : replace(host, directory, name, text);
}

int via_host_create(struct via_host *host, const char *fmt, ...)
{
	via_autoclose int directory = -1;
	char path[PATH_MAX];
	const char *name;
	int fd, rc = FORMAT_PATH(path, fmt);

	if (rc)
		return rc;
	directory = open_directory(host, path, &name, true);
	if (directory < 0)
		return directory;
	fd = openat(directory, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

int via_host_remove(struct via_host *host, const char *fmt, ...)
{
	via_autoclose int directory = -1;
	char path[PATH_MAX], temporary[NAME_MAX + 1];
	const char *name;
	int rc = FORMAT_PATH(path, fmt);

	if (rc)
		return rc;
	directory = open_directory(host, path, &name, false);
	if (directory < 0)
		return directory == -ENOENT ? 0 : directory;
	/* What a process left that was killed as it wrote one. */
	rc = temporary_name(name, temporary);
	if (rc || (unlinkat(directory, temporary, 0) && errno != ENOENT))
		return rc ? rc : -errno;
	via_host_step(host);
	if (unlinkat(directory, name, 0))
		return errno == ENOENT ? 0 : -errno;
	via_host_step(host);
	return fsync(directory) ? -errno : 0;
}
