/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>

#define RECORD_DIRECTORY "run/viaduct/devices"
#define RECORD_MAX_BYTES 1024

static const struct {
	const char *key;
	size_t offset;
} fields[] = {
	{ "driver", offsetof(struct via_vfio_record, driver) },
	{ "override", offsetof(struct via_vfio_record, override) },
	{ "target", offsetof(struct via_vfio_record, target) },
};

#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

bool via_vfio_driver_name_valid(const char *name)
{
	size_t length = strlen(name);

	if (!length || length >= VIA_DRIVER_NAME_BYTES || name[0] == '.')
		return false;
	for (; *name; name++)
		if (!isprint((unsigned char)*name) || *name == '/')
			return false;
	return true;
}

/* Every field once, nothing else. */
static bool record_parse(char *text, struct via_vfio_record *record)
{
	unsigned int seen = 0;
	char *line;

	while ((line = strsep(&text, "\n"))) {
		char *value = strchr(line, '=');
		size_t i = 0;

		if (!value)
			return false;
		*value++ = '\0';
		while (i < FIELD_COUNT && strcmp(fields[i].key, line))
			i++;
		if (i == FIELD_COUNT || seen & 1U << i)
			return false;
		if (*value && !via_vfio_driver_name_valid(value))
			return false;
		strcpy((char *)record + fields[i].offset, value);
		seen |= 1U << i;
	}
	return seen == (1U << FIELD_COUNT) - 1 && *record->target;
}

int via_vfio_record_load(struct via_host *host, struct via_bdf bdf, struct via_vfio_record *record,
			 struct via_error *err)
{
	struct via_bdf_text where = via_bdf_text(bdf);
	struct via_vfio_record found = { 0 };
	char text[RECORD_MAX_BYTES];
	int rc = via_host_read(host, text, sizeof(text), RECORD_DIRECTORY "/%s", where.text);

	if (rc == -ENOENT)
		return rc;
	if (!rc && !record_parse(text, &found))
		rc = -EPROTO;
	if (rc == -EPROTO || rc == -EMSGSIZE || rc == -EILSEQ)
		return via_error_set(err, EPROTO,
				     "the record of what %s had before is damaged: look at "
				     "/" RECORD_DIRECTORY "/%s and remove it",
				     where.text, where.text);
	if (rc)
		return via_error_sys(err, -rc, "cannot read /" RECORD_DIRECTORY "/%s", where.text);
	*record = found;
	return 0;
}

static int directory_make(struct via_host *host)
{
	via_autoclose int root = via_host_open(host, O_PATH | O_DIRECTORY, ".");

	if (root < 0)
		return root;
	for (size_t i = 1; i <= strlen(RECORD_DIRECTORY); i++) {
		char path[] = RECORD_DIRECTORY;

		if (path[i] && path[i] != '/')
			continue;
		path[i] = '\0';
		if (mkdirat(root, path, 0755) && errno != EEXIST)
			return -errno;
	}
	return 0;
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

static int record_replace(struct via_host *host, const char *name, const char *text)
{
	via_autoclose int directory = -1;
	via_autoclose int fd = -1;
	char temporary[64];
	int rc = directory_make(host);

	if (rc)
		return rc;
	directory = via_host_open(host, O_RDONLY | O_DIRECTORY, RECORD_DIRECTORY);
	if (directory < 0)
		return directory;
	snprintf(temporary, sizeof(temporary), ".%s.new", name);
	fd = openat(directory, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
		    0644);
	if (fd < 0)
		return -errno;
	rc = write_whole(fd, text);
	if (!rc && renameat(directory, temporary, directory, name))
		rc = -errno;
	if (rc) {
		unlinkat(directory, temporary, 0);
		return rc;
	}
	return fsync(directory) ? -errno : 0;
}

int via_vfio_record_save(struct via_host *host, struct via_bdf bdf,
			 const struct via_vfio_record *record, struct via_error *err)
{
	struct via_bdf_text where = via_bdf_text(bdf);
	char text[RECORD_MAX_BYTES];
	size_t used = 0;
	int rc;

	for (size_t i = 0; i < FIELD_COUNT; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s=%s\n", fields[i].key,
					 (const char *)record + fields[i].offset);
	rc = record_replace(host, where.text, text);
	return rc ? via_error_sys(err, -rc, "cannot record what %s has in /" RECORD_DIRECTORY,
				  where.text)
		  : 0;
}

int via_vfio_record_remove(struct via_host *host, struct via_bdf bdf, struct via_error *err)
{
	struct via_bdf_text where = via_bdf_text(bdf);
	via_autoclose int directory = via_host_open(host, O_RDONLY | O_DIRECTORY, RECORD_DIRECTORY);

	if (directory == -ENOENT)
		return 0;
	if (directory < 0)
		return via_error_sys(err, -directory, "cannot open /" RECORD_DIRECTORY);
	if (unlinkat(directory, where.text, 0) && errno != ENOENT)
		return via_error_sys(err, errno, "cannot remove /" RECORD_DIRECTORY "/%s",
				     where.text);
	fsync(directory);
	return 0;
}
