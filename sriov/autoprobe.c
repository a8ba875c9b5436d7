/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "autoprobe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <viaduct/util/journal.h>

#define RECORDS	  "run/viaduct/autoprobe"
#define AUTOPROBE "sys/bus/pci/devices/%s/sriov_drivers_autoprobe"

struct path {
	char text[64];
};

static struct path record_of(struct via_bdf bdf)
{
	struct path path;

	snprintf(path.text, sizeof(path.text), RECORDS "/%s", via_bdf_text(bdf).text);
	return path;
}

static int set_back(struct via_host *host, struct via_bdf bdf)
{
	int rc = via_host_write(host, "1", AUTOPROBE, via_bdf_text(bdf).text);

	/* A PF that is gone would come back with autoprobe on. */
	return rc && rc != -ENOENT ? rc : via_host_remove(host, "%s", record_of(bdf).text);
}

int via_sriov_autoprobe_hold(struct via_host *host, struct via_bdf bdf,
			     struct via_sriov_autoprobe *held, struct via_error *err)
{
	struct via_journal_identity identity = via_journal_identity(host, bdf);
	struct via_bdf_text where = via_bdf_text(bdf);
	uint64_t autoprobe;
	int rc = via_host_read_u64(host, &autoprobe, AUTOPROBE, where.text);

	if (rc && rc != -ENOENT)
		return via_error_sys(err, -rc, "cannot read sriov_drivers_autoprobe of %s",
				     where.text);
	*held = (struct via_sriov_autoprobe){ .host = host, .bdf = bdf };
	/* Kernels before 4.12 do not have it. */
	if (rc || !autoprobe)
		return 0;
	rc = via_journal_save(host, &identity, "autoprobe=1\n", record_of(bdf).text, err);
	if (rc)
		return rc;
	rc = via_host_write(host, "0", AUTOPROBE, where.text);
	if (rc) {
		via_host_remove(host, "%s", record_of(bdf).text);
		return via_error_sys(err, -rc, "cannot keep drivers away from new VFs of %s",
				     where.text);
	}
	held->was_on = true;
	return 0;
}

void via_sriov_autoprobe_release(struct via_sriov_autoprobe *held)
{
	struct via_bdf_text where = via_bdf_text(held->bdf);
	int rc = held->was_on ? set_back(held->host, held->bdf) : 0;

	if (rc)
		via_host_log(held->host, VIA_LOG_WARNING,
			     "sriov_drivers_autoprobe of %s could not be set back to 1: %s",
			     where.text, strerror(-rc));
}

static bool take_field(void *data, const char *key, const char *value)
{
	bool *seen = data;
	bool again = *seen;

	*seen = true;
	return !again && !strcmp(key, "autoprobe") && !strcmp(value, "1");
}

int via_sriov_autoprobe_check(struct via_host *host, struct via_bdf bdf, struct via_error *err)
{
	struct path path = record_of(bdf);
	char text[4];
	bool seen = false;
	int rc = via_host_read(host, text, sizeof(text), "%s", path.text);

	/* As the first Viaduct wrote it. */
	if (!rc && !strcmp(text, "1"))
		return 0;
	rc = via_journal_load(host, &bdf, path.text, take_field, &seen, err);
	return !rc && !seen ? via_journal_damaged(path.text, err) : rc;
}

int via_sriov_autoprobe_recover(struct via_host *host, struct via_bdf bdf, struct via_error *err)
{
	int rc = via_sriov_autoprobe_check(host, bdf, err);

	if (rc == -ENOENT)
		return 0;
	if (rc == -ESTALE)
		return via_journal_remove(host, record_of(bdf).text, err);
	if (rc)
		return rc;
	rc = set_back(host, bdf);
	return rc ? via_error_sys(err, -rc, "cannot set sriov_drivers_autoprobe of %s back to 1",
				  via_bdf_text(bdf).text)
		  : 0;
}
