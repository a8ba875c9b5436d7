/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <viaduct/util/cleanup.h>
#include <viaduct/util/journal.h>

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

struct path {
	char text[PATH_MAX];
};

static struct path path_of(struct via_bdf bdf)
{
	struct path path;

	snprintf(path.text, sizeof(path.text), VIA_VFIO_RECORD_DIRECTORY "/%s",
		 via_bdf_text(bdf).text);
	return path;
}

/* Each of them once, nothing else. */
struct reading {
	struct via_vfio_record record;
	unsigned int seen;
};

static bool take_field(void *data, const char *key, const char *value)
{
	struct reading *reading = data;
	size_t i = 0;

	while (i < FIELD_COUNT && strcmp(fields[i].key, key))
		i++;
	if (i == FIELD_COUNT || reading->seen & 1U << i)
		return false;
	if (*value && !via_vfio_driver_name_valid(value))
		return false;
	strcpy((char *)&reading->record + fields[i].offset, value);
	reading->seen |= 1U << i;
	return true;
}

int via_vfio_record_load(struct via_host *host, struct via_bdf bdf, struct via_vfio_record *record,
			 struct via_error *err)
{
	struct path path = path_of(bdf);
	struct reading reading = { 0 };
	int rc = via_journal_load(host, &bdf, path.text, take_field, &reading, err);

	if ((!rc || rc == -ESTALE) && reading.seen != (1U << FIELD_COUNT) - 1)
		return via_journal_damaged(path.text, err);
	if (!rc)
		*record = reading.record;
	return rc == -ESTALE ? -ENOENT : rc;
}

static int fields_format(struct via_bdf bdf, const struct via_vfio_record *record,
			 char text[static VIA_VFIO_RECORD_BYTES], struct via_error *err)
{
	size_t used = 0;

	for (size_t i = 0; i < FIELD_COUNT; i++) {
		const char *value = (const char *)record + fields[i].offset;

		if (*value && !via_vfio_driver_name_valid(value))
			return via_error_set(err, EPROTO, "\"%s\" of %s is no driver's name", value,
					     via_bdf_text(bdf).text);
		used += (size_t)snprintf(text + used, VIA_VFIO_RECORD_BYTES - used, "%s=%s\n",
					 fields[i].key, value);
	}
	return 0;
}

int via_vfio_record_format(struct via_host *host, struct via_bdf bdf,
			   const struct via_vfio_record *record, char **text, struct via_error *err)
{
	struct via_journal_identity identity = via_journal_identity(host, bdf);
	char lines[VIA_VFIO_RECORD_BYTES];
	int rc = fields_format(bdf, record, lines, err);

	return rc ? rc : via_journal_format(&identity, lines, text, err);
}

int via_vfio_record_save(struct via_host *host, struct via_bdf bdf,
			 const struct via_vfio_record *record, struct via_error *err)
{
	struct via_journal_identity identity = via_journal_identity(host, bdf);
	char lines[VIA_VFIO_RECORD_BYTES];
	int rc = fields_format(bdf, record, lines, err);

	return rc ? rc : via_journal_save(host, &identity, lines, path_of(bdf).text, err);
}

int via_vfio_record_remove(struct via_host *host, struct via_bdf bdf, struct via_error *err)
{
	return via_journal_remove(host, path_of(bdf).text, err);
}
