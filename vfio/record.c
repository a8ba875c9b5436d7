/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <viaduct/util/cleanup.h>

static const struct {
	const char *key;
	size_t offset;
} fields[] = {
	{ "driver", offsetof(struct via_vfio_record, driver) },
	{ "override", offsetof(struct via_vfio_record, override) },
	{ "target", offsetof(struct via_vfio_record, target) },
	{ "device", offsetof(struct via_vfio_record, device) },
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
	return seen == (1U << FIELD_COUNT) - 1 && *record->target && *record->device;
}

/* sysfs never gives an inode to a second directory. "" when the function is gone. */
static void device_read(struct via_host *host, struct via_bdf bdf,
			char device[static VIA_DRIVER_NAME_BYTES])
{
	via_autoclose int fd = via_host_open(host, O_PATH | O_DIRECTORY, "sys/bus/pci/devices/%s",
					     via_bdf_text(bdf).text);
	struct stat status;

	*device = '\0';
	if (fd >= 0 && !fstat(fd, &status))
		snprintf(device, VIA_DRIVER_NAME_BYTES, "%ju", (uintmax_t)status.st_ino);
}

int via_vfio_record_load(struct via_host *host, struct via_bdf bdf, struct via_vfio_record *record,
			 struct via_error *err)
{
	struct via_bdf_text where = via_bdf_text(bdf);
	struct via_vfio_record found = { 0 };
	char text[VIA_VFIO_RECORD_BYTES];
	char device[VIA_DRIVER_NAME_BYTES];
	int rc = via_host_read(host, text, sizeof(text), VIA_VFIO_RECORD_DIRECTORY "/%s",
			       where.text);

	if (rc == -ENOENT)
		return rc;
	if (!rc && !record_parse(text, &found))
		rc = -EPROTO;
	if (rc == -EPROTO || rc == -EMSGSIZE || rc == -EILSEQ)
		return via_error_set(err, EPROTO,
				     "the record of what %s had before is damaged: look at "
				     "/" VIA_VFIO_RECORD_DIRECTORY "/%s and remove it",
				     where.text, where.text);
	if (rc)
		return via_error_sys(err, -rc, "cannot read /" VIA_VFIO_RECORD_DIRECTORY "/%s",
				     where.text);
	device_read(host, bdf, device);
	if (strcmp(found.device, device))
		return -ENOENT;
	*record = found;
	return 0;
}

int via_vfio_record_format(struct via_host *host, struct via_bdf bdf,
			   const struct via_vfio_record *record,
			   char text[static VIA_VFIO_RECORD_BYTES], struct via_error *err)
{
	struct via_vfio_record full = *record;
	size_t used = 0;

	device_read(host, bdf, full.device);
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		const char *value = (const char *)&full + fields[i].offset;

		if (*value && !via_vfio_driver_name_valid(value))
			return via_error_set(err, EPROTO, "\"%s\" of %s is no driver's name", value,
					     via_bdf_text(bdf).text);
		used += (size_t)snprintf(text + used, VIA_VFIO_RECORD_BYTES - used, "%s%s=%s",
					 i ? "\n" : "", fields[i].key, value);
	}
	return 0;
}

int via_vfio_record_save(struct via_host *host, struct via_bdf bdf,
			 const struct via_vfio_record *record, struct via_error *err)
{
	struct via_bdf_text where = via_bdf_text(bdf);
	char text[VIA_VFIO_RECORD_BYTES];
	int rc = via_vfio_record_format(host, bdf, record, text, err);

	if (rc)
		return rc;
	rc = via_host_replace(host, strcat(text, "\n"), VIA_VFIO_RECORD_DIRECTORY "/%s",
			      where.text);
	return rc ? via_error_sys(err, -rc,
				  "cannot record what %s has in /" VIA_VFIO_RECORD_DIRECTORY,
				  where.text)
		  : 0;
}

int via_vfio_record_remove(struct via_host *host, struct via_bdf bdf, struct via_error *err)
{
	struct via_bdf_text where = via_bdf_text(bdf);
	int rc = via_host_remove(host, VIA_VFIO_RECORD_DIRECTORY "/%s", where.text);

	return rc ? via_error_sys(err, -rc, "cannot remove /" VIA_VFIO_RECORD_DIRECTORY "/%s",
				  where.text)
		  : 0;
}
