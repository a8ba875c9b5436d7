/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unused.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <viaduct/util/cleanup.h>
#include <viaduct/util/process.h>

#include "bind-private.h"

/* A USB disk behind a bridge and four hubs is 24 directories deep. */
#define DEPTH_MAX 64

static bool read_number(struct via_host *host, const char *directory, struct via_device_file *file)
{
	char text[32], rest;

	return !via_host_read(host, text, sizeof(text), "%s/dev", directory) &&
	       sscanf(text, "%u:%u%c", &file->major, &file->minor, &rest) == 2;
}

int via_vfio_check_file(struct via_host *host, const char *where, const char *directory,
			mode_t type, struct via_error *err)
{
	struct via_device_file file = { .type = type };
	const char *name = strrchr(directory, '/') + 1;
	struct via_process process;
	int rc;

	if (!read_number(host, directory, &file))
		return 0;
	rc = via_process_find_opener(host, &file, &process);
	if (rc == -ENOENT)
		return 0;
	if (rc)
		return via_error_sys(err, -rc, "cannot look for users of %s", where);
	return via_error_set(err, EBUSY, "%s is in use: process %d (%s) has %s open", where,
			     (int)process.pid, process.comm, name);
}

/* Disks have more to be asked, and may be no children of their function: they are not asked here.
 */
static bool is_disk(struct via_host *host, const char *directory)
{
	char subsystem[32];

	return !via_host_link_name(host, subsystem, sizeof(subsystem), "%s/subsystem", directory) &&
	       !strcmp(subsystem, "block");
}

/* Into directories, not through links, which lead away from the function. */
static int check_directory(struct via_host *host, const char *where, const char *directory,
			   int depth, struct via_error *err)
{
	via_autoclosedir DIR *dir = NULL;
	int fd = via_host_open(host, O_RDONLY | O_DIRECTORY, "%s", directory);
	struct dirent *entry;
	int rc = 0;

	if (fd < 0)
		return 0; /* gone meanwhile */
	dir = fdopendir(fd);
	if (!dir) {
		via_close(&fd);
		return via_error_sys(err, ENOMEM, "cannot look for users of %s", where);
	}
	if (!is_disk(host, directory))
		rc = via_vfio_check_file(host, where, directory, S_IFCHR, err);
	while (!rc && depth < DEPTH_MAX && (entry = readdir(dir))) {
		char path[PATH_MAX];
		int length = snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);

		if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") &&
		    strcmp(entry->d_name, "..") && length > 0 && (size_t)length < sizeof(path))
			rc = check_directory(host, where, path, depth + 1, err);
	}
	return rc;
}

int via_vfio_check_files(struct via_host *host, struct via_bdf bdf, struct via_error *err)
{
	struct via_bdf_text where = via_bdf_text(bdf);
	char directory[64];

	snprintf(directory, sizeof(directory), "sys/bus/pci/devices/%s", where.text);
	return check_directory(host, where.text, directory, 0, err);
}

static int check_cdev(struct via_host *host, const char *where, const char *name,
		      struct via_error *err)
{
	char directory[PATH_MAX], path[PATH_MAX];
	struct via_device_file file = { .path = path };
	struct via_process process;
	int rc;

	snprintf(directory, sizeof(directory), "sys/bus/pci/devices/%s/vfio-dev/%.64s", where,
		 name);
	snprintf(path, sizeof(path), "/dev/vfio/devices/%.64s", name);
	if (read_number(host, directory, &file))
		file.type = S_IFCHR;
	rc = via_process_find_opener(host, &file, &process);
	if (rc == -ENOENT)
		return 0;
	if (rc)
		return via_error_sys(err, -rc, "cannot look for users of %s", where);
	return via_error_set(err, EBUSY, "%s is in use: process %d (%s) has %s open", where,
			     (int)process.pid, process.comm, path);
}

/* "VFIO Device cdev" in Documentation/driver-api/vfio.rst: what users of iommufd open. */
int via_vfio_check_cdevs(struct via_host *host, struct via_bdf bdf, struct via_error *err)
{
	via_cleanup(via_names_free) struct via_names names = { 0 };
	struct via_bdf_text where = via_bdf_text(bdf);
	int rc = via_host_list(host, &names, "sys/bus/pci/devices/%s/vfio-dev", where.text);

	if (rc)
		return rc == -ENOENT ? 0
				     : via_error_sys(err, -rc, "cannot list the VFIO devices of %s",
						     where.text);
	for (size_t i = 0; i < names.count && !rc; i++)
		rc = check_cdev(host, where.text, names.names[i], err);
	return rc;
}
