/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <viaduct/util/journal.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <viaduct/util/cleanup.h>

struct via_journal_identity via_journal_identity(struct via_host *host, struct via_bdf bdf)
{
	via_autoclose int fd = via_host_open(host, O_PATH | O_DIRECTORY, "sys/bus/pci/devices/%s",
					     via_bdf_text(bdf).text);
	struct via_journal_identity identity = { "" };
	struct stat status;

	if (fd >= 0 && !fstat(fd, &status))
		snprintf(identity.text, sizeof(identity.text), "%ju", (uintmax_t)status.st_ino);
	return identity;
}

int via_journal_format(const struct via_journal_identity *identity, const char *fields, char **text,
		       struct via_error *err)
{
	char *made = NULL;
	int length = asprintf(&made, "version=%u\ndevice=%s\n%send=\n", VIA_JOURNAL_VERSION,
			      identity ? identity->text : "", fields);

	if (length < 0)
		return via_error_sys(err, ENOMEM, "cannot write a record");
	if ((unsigned int)length >= VIA_JOURNAL_BYTES) {
		free(made);
		return via_error_set(err, EMSGSIZE, "there is too much to remember for a record");
	}
	*text = made;
	return 0;
}

int via_journal_save(struct via_host *host, const struct via_journal_identity *identity,
		     const char *fields, const char *path, struct via_error *err)
{
	via_autofree char *text = NULL;
	int rc = via_journal_format(identity, fields, &text, err);

	if (rc)
		return rc;
	rc = via_host_replace(host, text, "%s", path);
	return rc ? via_error_sys(err, -rc,
				  "cannot write down in /%s what there was, so nothing is changed",
				  path)
		  : 0;
}

int via_journal_damaged(const char *path, struct via_error *err)
{
	return via_error_set(err, EPROTO,
			     "the record /%s of what there was is damaged: look at it and remove "
			     "it",
			     path);
}

static bool version_parse(const char *text, unsigned long *version)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*version = strtoul(text, &end, 10);
	return !*end && !errno && *version;
}

struct reader {
	via_journal_field_fn field;
	void *data;
	bool versioned;
	const char *device; /* NULL: not seen yet */
	bool ended;
};

static bool take_line(struct reader *reader, char *line)
{
	char *value = strchr(line, '=');

	if (!value || reader->ended)
		return false;
	*value++ = '\0';
	if (!strcmp(line, "device")) {
		bool again = reader->device;

		reader->device = value;
		return !again;
	}
	if (reader->versioned && !strcmp(line, "end")) {
		reader->ended = true;
		return !*value;
	}
	return reader->field(reader->data, line, value);
}

/* 0, -EPROTO, or -ENOTSUP with *@version. */
static int take_lines(struct reader *reader, char *text, unsigned long *version)
{
	char *line, *rest = text;

	if (!strncmp(text, "version=", strlen("version="))) {
		line = strsep(&rest, "\n");
		if (!version_parse(line + strlen("version="), version))
			return -EPROTO;
		if (*version > VIA_JOURNAL_VERSION)
			return -ENOTSUP;
		reader->versioned = true;
	}
	while ((line = strsep(&rest, "\n")))
		if (!take_line(reader, line))
			return -EPROTO;
	return reader->device && reader->ended == reader->versioned ? 0 : -EPROTO;
}

int via_journal_load(struct via_host *host, const struct via_bdf *bdf, const char *path,
		     via_journal_field_fn field, void *data, struct via_error *err)
{
	via_autofree char *text = malloc(VIA_JOURNAL_BYTES);
	struct reader reader = { .field = field, .data = data };
	unsigned long version = 0;
	int rc;

	if (!text)
		return via_error_sys(err, ENOMEM, "cannot read /%s", path);
	rc = via_host_read(host, text, VIA_JOURNAL_BYTES, "%s", path);
	if (rc == -ENOENT)
		return rc;
	if (rc == -EMSGSIZE || rc == -EILSEQ)
		return via_journal_damaged(path, err);
	if (rc)
		return via_error_sys(err, -rc, "cannot read /%s", path);
	rc = take_lines(&reader, text, &version);
	if (rc == -ENOTSUP)
		return via_error_set(err, ENOTSUP,
				     "the record /%s of what there was is of version %lu, which "
				     "takes a newer Viaduct than this one",
				     path, version);
	if (rc || (bdf && !*reader.device))
		return via_journal_damaged(path, err);
	if (bdf && strcmp(reader.device, via_journal_identity(host, *bdf).text))
		return -ESTALE;
	return 0;
}

int via_journal_remove(struct via_host *host, const char *path, struct via_error *err)
{
	int rc = via_host_remove(host, "%s", path);

	return rc ? via_error_sys(err, -rc, "cannot remove /%s", path) : 0;
}
