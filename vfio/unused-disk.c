/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unused.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <viaduct/util/cleanup.h>

/* Word @number of @line, from 0; false when there are fewer or it does not fit. */
static bool column(const char *line, int number, char *text, size_t text_bytes)
{
	size_t length;

	for (;; number--) {
		line += strspn(line, " \t");
		length = strcspn(line, " \t\n");
		if (!length)
			return false;
		if (!number)
			break;
		line += length;
	}
	if (length >= text_bytes)
		return false;
	memcpy(text, line, length);
	text[length] = '\0';
	return true;
}

/*
 * Lines of /proc/self/mountinfo (proc_pid_mountinfo(5)): the third column is major:minor, the
 * fifth where it is mounted; behind a lone "-" come type and source. Filesystems over several
 * disks have a number of their own, so the source is looked at too.
 */
static bool mounted_at(struct via_host *host, const char *disk, const char *number, char *place,
		       size_t place_bytes)
{
	via_autofclose FILE *file = via_host_fopen(host, "proc/self/mountinfo");
	via_autofree char *line = NULL;
	size_t line_bytes = 0;
	char device[PATH_MAX];

	snprintf(device, sizeof(device), "/dev/%s", disk);
	while (file && getline(&line, &line_bytes, file) >= 0) {
		const char *tail = strstr(line, " - ");
		char found[PATH_MAX];

		if ((column(line, 2, found, sizeof(found)) && !strcmp(found, number)) ||
		    (tail && column(tail, 2, found, sizeof(found)) && !strcmp(found, device))) {
			if (!column(line, 4, place, place_bytes))
				snprintf(place, place_bytes, "a long path");
			return true;
		}
	}
	return false;
}

/* The first column of /proc/swaps is the path. */
static bool swapped_on(struct via_host *host, const char *disk)
{
	via_autofclose FILE *file = via_host_fopen(host, "proc/swaps");
	via_autofree char *line = NULL;
	size_t line_bytes = 0;
	char device[PATH_MAX];

	snprintf(device, sizeof(device), "/dev/%s", disk);
	while (file && getline(&line, &line_bytes, file) >= 0) {
		char found[PATH_MAX];

		if (column(line, 0, found, sizeof(found)) && !strcmp(found, device))
			return true;
	}
	return false;
}

/* ZFS and whatever else claims a disk without a trace in sysfs: the kernel refuses O_EXCL then
 * (open(2)). Reading changes nothing on the disk and wakes no udev rule. */
static bool claimed(struct via_host *host, const char *disk)
{
	via_autoclose int fd = -1;

	if (!via_host_is_real(host))
		return false;
	fd = via_host_open(host, O_RDONLY | O_EXCL | O_NONBLOCK, "dev/%s", disk);
	return fd == -EBUSY;
}

static int check_disk(struct via_host *host, const char *where, const char *disk,
		      struct via_error *err)
{
	via_cleanup(via_names_free) struct via_names holders = { 0 };
	char number[32], place[256], directory[PATH_MAX];

	if (via_host_read(host, number, sizeof(number), "sys/class/block/%s/dev", disk))
		return 0;
	if (mounted_at(host, disk, number, place, sizeof(place)))
		return via_error_set(err, EBUSY, "%s is in use: its disk %s is mounted at %s",
				     where, disk, place);
	if (swapped_on(host, disk))
		return via_error_set(err, EBUSY, "%s is in use: the host swaps on its disk %s",
				     where, disk);
	if (!via_host_list(host, &holders, "sys/class/block/%s/holders", disk) && holders.count)
		return via_error_set(err, EBUSY, "%s is in use: %s is built upon its disk %s",
				     where, holders.names[0], disk);
	if (claimed(host, disk))
		return via_error_set(err, EBUSY, "%s is in use: the host holds its disk %s", where,
				     disk);
	/* One that reads or writes it raw claims nothing. */
	snprintf(directory, sizeof(directory), "sys/class/block/%s", disk);
	return via_vfio_check_file(host, where, directory, S_IFBLK, err);
}

/* Checks every disk and partition with @component in its path. */
static int check_below(struct via_host *host, const char *where, const char *component,
		       const struct via_names *blocks, struct via_error *err)
{
	for (size_t i = 0; i < blocks->count; i++) {
		char path[PATH_MAX];
		int rc;

		if (via_vfio_class_path(host, "block", blocks->names[i], path, sizeof(path)) ||
		    !via_vfio_path_has(path, component))
			continue;
		rc = check_disk(host, where, blocks->names[i], err);
		if (rc)
			return rc;
	}
	return 0;
}

static bool controller_is_of(struct via_host *host, const char *controller, const char *where)
{
	char path[PATH_MAX];

	return !via_vfio_class_path(host, "nvme", controller, path, sizeof(path)) &&
	       via_vfio_path_has(path, where);
}

/* Whether a live controller of another function has a path to @disk, "nvme0n1" of subsystem 0:
 * "nvme0c1n1" is the one through controller 1. */
static bool reached_otherwise(struct via_host *host, const struct via_names *controllers,
			      const char *where, const char *disk)
{
	size_t prefix = strcspn(disk + strlen("nvme"), "n") + strlen("nvme");

	for (size_t i = 0; i < controllers->count; i++) {
		const char *controller = controllers->names[i];
		char state[16];

		if (strncmp(controller, "nvme", strlen("nvme")) ||
		    controller_is_of(host, controller, where) ||
		    via_host_read(host, state, sizeof(state), "sys/class/nvme/%s/state",
				  controller) ||
		    strcmp(state, "live"))
			continue;
		if (via_host_exists(host, "sys/class/nvme/%s/%.*sc%s%s", controller, (int)prefix,
				    disk, controller + strlen("nvme"), disk + prefix))
			return true;
	}
	return false;
}

static bool is_namespace(const char *name)
{
	unsigned int subsystem, number;
	char rest;

	return sscanf(name, "nvme%un%u%c", &subsystem, &number, &rest) == 2;
}

/* "ng0n1" is the character device of the namespace "nvme0n1", for whatever is no block I/O. */
static int check_generic(struct via_host *host, const char *where, const char *subsystem,
			 const char *disk, struct via_error *err)
{
	char directory[PATH_MAX];

	snprintf(directory, sizeof(directory), "sys/class/nvme-subsystem/%.64s/ng%.64s", subsystem,
		 disk + strlen("nvme"));
	return via_vfio_check_file(host, where, directory, S_IFCHR, err);
}

/*
 * With the kernel's NVMe multipath a namespace is a disk of the subsystem, not of a function. It
 * is lost with the function unless another controller reaches it.
 */
static int check_subsystem(struct via_host *host, const char *where, const char *subsystem,
			   const struct via_names *blocks, struct via_error *err)
{
	via_cleanup(via_names_free) struct via_names parts = { 0 };
	bool ours = false;

	if (via_host_list(host, &parts, "sys/class/nvme-subsystem/%s", subsystem))
		return 0;
	for (size_t i = 0; i < parts.count && !ours; i++)
		ours = controller_is_of(host, parts.names[i], where);
	for (size_t i = 0; i < parts.count && ours; i++) {
		int rc;

		if (!is_namespace(parts.names[i]) ||
		    reached_otherwise(host, &parts, where, parts.names[i]))
			continue;
		rc = check_below(host, where, parts.names[i], blocks, err);
		if (!rc)
			rc = check_generic(host, where, subsystem, parts.names[i], err);
		if (rc)
			return rc;
	}
	return 0;
}

int via_vfio_check_disks(struct via_host *host, struct via_bdf bdf, struct via_error *err)
{
	via_cleanup(via_names_free) struct via_names blocks = { 0 };
	via_cleanup(via_names_free) struct via_names subsystems = { 0 };
	struct via_bdf_text where = via_bdf_text(bdf);
	int rc = via_host_list(host, &blocks, "sys/class/block");

	if (rc)
		return rc == -ENOENT ? 0 : via_error_sys(err, -rc, "cannot list the disks");
	rc = check_below(host, where.text, where.text, &blocks, err);
	if (rc)
		return rc;
	rc = via_host_list(host, &subsystems, "sys/class/nvme-subsystem");
	if (rc)
		return rc == -ENOENT ? 0
				     : via_error_sys(err, -rc, "cannot list the NVMe subsystems");
	for (size_t i = 0; i < subsystems.count && !rc; i++)
		rc = check_subsystem(host, where.text, subsystems.names[i], &blocks, err);
	return rc;
}
