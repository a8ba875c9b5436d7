/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pf-record.h"

#include <ctype.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <viaduct/sriov/pf.h>
#include <viaduct/util/cleanup.h>

#define ALL_ATTRS                                                                                  \
	(VIA_SRIOV_MAC | VIA_SRIOV_VLAN | VIA_SRIOV_QOS | VIA_SRIOV_TRUST | VIA_SRIOV_SPOOFCHK)

struct path {
	char text[64];
};

static struct path path_of(const char *directory, struct via_bdf bdf)
{
	struct path path;

	snprintf(path.text, sizeof(path.text), "%s/%s", directory, via_bdf_text(bdf).text);
	return path;
}

void via_sriov_record_clear(struct via_sriov_record *record)
{
	free(record->vfs);
	free(record->nvme);
	*record = (struct via_sriov_record){ 0 };
}

/* A decimal number of at most @max, then a blank or the end. */
static bool take_number(const char **text, unsigned int max, unsigned int *number)
{
	unsigned long value;
	char *end;

	if (!isdigit((unsigned char)**text))
		return false;
	errno = 0;
	value = strtoul(*text, &end, 10);
	if (errno || value > max || (*end && *end != ' '))
		return false;
	*number = (unsigned int)value;
	*text = *end ? end + 1 : end;
	return true;
}

static bool take_name(const char *text, char name[static VIA_DRIVER_NAME_BYTES])
{
	if (strlen(text) >= VIA_DRIVER_NAME_BYTES || *text == '.' || strchr(text, '/'))
		return false;
	for (const char *c = text; *c; c++)
		if (!isprint((unsigned char)*c))
			return false;
	strcpy(name, text);
	return true;
}

static bool take_mac(const char **text, struct via_mac *mac)
{
	char word[VIA_MAC_TEXT_BYTES] = "";

	memcpy(word, *text, strnlen(*text, VIA_MAC_TEXT_BYTES - 1));
	for (unsigned int i = 0; i < VIA_MAC_BYTES; i++) {
		const char *digits = word + i * 3;

		if (!isxdigit((unsigned char)digits[0]) || !isxdigit((unsigned char)digits[1]) ||
		    digits[2] != (i == VIA_MAC_BYTES - 1 ? '\0' : ':'))
			return false;
		mac->octets[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	*text += VIA_MAC_TEXT_BYTES - 1;
	if (**text && *(*text)++ != ' ')
		return false;
	return true;
}

/* "valid mac vlan qos protocol trust spoofchk". */
static bool take_attrs(const char *text, struct via_sriov_attrs *attrs)
{
	unsigned int protocol, trust, spoofchk;

	if (!take_number(&text, ALL_ATTRS, &attrs->valid) || !take_mac(&text, &attrs->mac) ||
	    !take_number(&text, VIA_SRIOV_VLAN_MAX, &attrs->vlan) ||
	    !take_number(&text, VIA_SRIOV_QOS_MAX, &attrs->qos) ||
	    !take_number(&text, UINT16_MAX, &protocol) || !take_number(&text, 1, &trust) ||
	    !take_number(&text, 1, &spoofchk) || *text)
		return false;
	attrs->vlan_protocol = (uint16_t)protocol;
	attrs->trust = trust;
	attrs->spoofchk = spoofchk;
	return true;
}

static void put_attrs(FILE *file, const struct via_sriov_attrs *attrs)
{
	fprintf(file, "%u %s %u %u %u %d %d\n", attrs->valid, via_mac_text(attrs->mac).text,
		attrs->vlan, attrs->qos, attrs->vlan_protocol, attrs->trust, attrs->spoofchk);
}

/* The number of VFs comes first, then each line names one of them. */
struct reading {
	struct via_sriov_record record;
	bool counted, no_memory;
};

static bool take_count(struct reading *reading, const char *value)
{
	struct via_sriov_record *record = &reading->record;

	if (reading->counted || !take_number(&value, VIA_SRIOV_VFS_MAX, &record->num_vfs) || *value)
		return false;
	record->vfs = calloc(record->num_vfs + 1, sizeof(*record->vfs));
	reading->no_memory = !record->vfs;
	reading->counted = record->vfs;
	return reading->counted;
}

static bool take_nvme(struct reading *reading, unsigned int index, const char *value)
{
	struct via_sriov_record *record = &reading->record;
	struct via_sriov_nvme vf;
	unsigned int online;
	void *grown;

	if (index != record->nvme_count || !take_number(&value, 1, &online) ||
	    !take_number(&value, UINT16_MAX, &vf.queues) ||
	    !take_number(&value, UINT16_MAX, &vf.vectors) || *value)
		return false;
	vf.online = online;
	grown = reallocarray(record->nvme, index + 1, sizeof(vf));
	reading->no_memory = !grown;
	if (!grown)
		return false;
	record->nvme = grown;
	record->nvme[record->nvme_count++] = vf;
	return true;
}

static bool take_field(void *data, const char *key, const char *value)
{
	struct reading *reading = data;
	struct via_sriov_vf_before *vf;
	unsigned int index;

	if (!strcmp(key, "vfs"))
		return take_count(reading, value);
	if (!reading->counted || !take_number(&value, VIA_SRIOV_VFS_MAX, &index))
		return false;
	if (!strcmp(key, "nvme"))
		return take_nvme(reading, index, value);
	if (index >= reading->record.num_vfs)
		return false;
	vf = &reading->record.vfs[index];
	if (!strcmp(key, "vf")) {
		if (*vf->identity.text || !*value || strlen(value) >= sizeof(vf->identity.text))
			return false;
		strcpy(vf->identity.text, value);
		return true;
	}
	if (!strcmp(key, "driver"))
		return take_name(value, vf->driver);
	if (!strcmp(key, "override"))
		return take_name(value, vf->override);
	return !strcmp(key, "attrs") && take_attrs(value, &vf->attrs);
}

int via_sriov_record_load(struct via_host *host, struct via_bdf pf, struct via_sriov_record *record,
			  struct via_error *err)
{
	struct path path = path_of(VIA_SRIOV_PF_RECORDS, pf);
	struct reading reading = { 0 };
	int rc = via_journal_load(host, &pf, path.text, take_field, &reading, err);

	if (reading.no_memory)
		rc = via_error_sys(err, ENOMEM, "cannot read /%s", path.text);
	else if ((!rc || rc == -ESTALE) && !reading.counted)
		rc = via_journal_damaged(path.text, err);
	for (unsigned int i = 0; !rc && i < reading.record.num_vfs; i++)
		if (!*reading.record.vfs[i].identity.text)
			rc = via_journal_damaged(path.text, err);
	if (rc) {
		via_sriov_record_clear(&reading.record);
		return rc;
	}
	*record = reading.record;
	return 0;
}

static int save(struct via_host *host, struct via_bdf bdf, FILE *file, char **fields,
		const char *directory, struct via_error *err)
{
	struct via_journal_identity identity = via_journal_identity(host, bdf);

	if (fclose(file))
		return via_error_sys(err, ENOMEM, "cannot write down what %s has",
				     via_bdf_text(bdf).text);
	return via_journal_save(host, &identity, *fields, path_of(directory, bdf).text, err);
}

int via_sriov_record_save(struct via_host *host, struct via_bdf pf,
			  const struct via_sriov_record *record, struct via_error *err)
{
	via_autofree char *fields = NULL;
	size_t bytes;
	FILE *file = open_memstream(&fields, &bytes);

	if (!file)
		return via_error_sys(err, ENOMEM, "cannot write down what %s has",
				     via_bdf_text(pf).text);
	fprintf(file, "vfs=%u\n", record->num_vfs);
	for (unsigned int i = 0; i < record->num_vfs; i++) {
		const struct via_sriov_vf_before *vf = &record->vfs[i];

		fprintf(file, "vf=%u %s\ndriver=%u %s\noverride=%u %s\nattrs=%u ", i,
			vf->identity.text, i, vf->driver, i, vf->override, i);
		put_attrs(file, &vf->attrs);
	}
	for (unsigned int i = 0; i < record->nvme_count; i++)
		fprintf(file, "nvme=%u %d %u %u\n", i, record->nvme[i].online,
			record->nvme[i].queues, record->nvme[i].vectors);
	return save(host, pf, file, &fields, VIA_SRIOV_PF_RECORDS, err);
}

int via_sriov_record_remove(struct via_host *host, struct via_bdf pf, struct via_error *err)
{
	return via_journal_remove(host, path_of(VIA_SRIOV_PF_RECORDS, pf).text, err);
}

struct attrs_reading {
	struct via_sriov_attrs attrs;
	bool seen;
};

static bool take_attrs_field(void *data, const char *key, const char *value)
{
	struct attrs_reading *reading = data;

	if (strcmp(key, "attrs") || reading->seen)
		return false;
	reading->seen = true;
	return take_attrs(value, &reading->attrs);
}

int via_sriov_attrs_record_load(struct via_host *host, struct via_bdf vf,
				struct via_sriov_attrs *attrs, struct via_error *err)
{
	struct path path = path_of(VIA_SRIOV_ATTRS_RECORDS, vf);
	struct attrs_reading reading = { 0 };
	int rc = via_journal_load(host, &vf, path.text, take_attrs_field, &reading, err);

	if ((!rc || rc == -ESTALE) && !reading.seen)
		return via_journal_damaged(path.text, err);
	if (!rc)
		*attrs = reading.attrs;
	return rc;
}

int via_sriov_attrs_record_save(struct via_host *host, struct via_bdf vf,
				const struct via_sriov_attrs *attrs, struct via_error *err)
{
	via_autofree char *fields = NULL;
	size_t bytes;
	FILE *file = open_memstream(&fields, &bytes);

	if (!file)
		return via_error_sys(err, ENOMEM, "cannot write down what %s has",
				     via_bdf_text(vf).text);
	fputs("attrs=", file);
	put_attrs(file, attrs);
	return save(host, vf, file, &fields, VIA_SRIOV_ATTRS_RECORDS, err);
}

int via_sriov_attrs_record_remove(struct via_host *host, struct via_bdf vf, struct via_error *err)
{
	return via_journal_remove(host, path_of(VIA_SRIOV_ATTRS_RECORDS, vf).text, err);
}
