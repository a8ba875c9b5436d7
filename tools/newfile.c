/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "newfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>

int via_newfile_open(const char *path, char **temporary, struct via_error *err)
{
	struct stat status;
	int fd;

	*temporary = NULL;
	if (!stat(path, &status) && !S_ISREG(status.st_mode)) {
		fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
		return fd < 0 ? via_error_sys(err, errno, "cannot write %s", path) : fd;
	}
	if (asprintf(temporary, "%s.XXXXXX", path) < 0) {
		*temporary = NULL;
		return via_error_sys(err, ENOMEM, "cannot write %s", path);
	}
	fd = mkostemp(*temporary, O_CLOEXEC);
	if (fd < 0)
		return via_error_sys(err, errno, "cannot write %s", path);
	fchmod(fd, 0644);
	return fd;
}

int via_newfile_check(const char *path, struct via_error *err)
{
	via_autofree char *temporary = NULL;
	via_autoclose int fd = via_newfile_open(path, &temporary, err);

	if (fd < 0)
		return fd;
	if (temporary)
		unlink(temporary);
	return 0;
}

int via_newfile_write_all(int fd, const char *data, size_t bytes)
{
	while (bytes) {
		ssize_t written = write(fd, data, bytes);

		if (written < 0 && errno != EINTR)
			return -errno;
		if (written > 0) {
			data += written;
			bytes -= (size_t)written;
		}
	}
	return 0;
}

int via_newfile_write(const char *path, const void *data, size_t bytes, struct via_error *err)
{
	via_autofree char *temporary = NULL;
	via_autoclose int fd = via_newfile_open(path, &temporary, err);
	int rc;

	if (fd < 0)
		return fd;
	rc = via_newfile_write_all(fd, data, bytes);
	if (!rc && temporary && rename(temporary, path))
		rc = -errno;
	if (rc && temporary)
		unlink(temporary);
	return rc ? via_error_sys(err, -rc, "cannot write %s", path) : 0;
}
