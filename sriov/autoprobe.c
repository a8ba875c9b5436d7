/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "autoprobe.h"

#include <errno.h>
#include <string.h>

#define RECORD	  "run/viaduct/autoprobe/%s"
#define AUTOPROBE "sys/bus/pci/devices/%s/sriov_drivers_autoprobe"

static int set_back(struct via_host *host, const char *where)
{
	int rc = via_host_write(host, "1", AUTOPROBE, where);

	/* A PF that is gone would come back with autoprobe on. */
	return rc && rc != -ENOENT ? rc : via_host_remove(host, RECORD, where);
}

int via_sriov_autoprobe_hold(struct via_host *host, struct via_bdf bdf,
			     struct via_sriov_autoprobe *held, struct via_error *err)
{
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
	rc = via_host_replace(host, "1\n", RECORD, where.text);
	if (rc)
		return via_error_sys(err, -rc,
				     "cannot record what %s has in /run/viaduct/autoprobe",
				     where.text);
	rc = via_host_write(host, "0", AUTOPROBE, where.text);
	if (rc) {
		via_host_remove(host, RECORD, where.text);
		return via_error_sys(err, -rc, "cannot keep drivers away from new VFs of %s",
				     where.text);
	}
	held->was_on = true;
	return 0;
}

void via_sriov_autoprobe_release(struct via_sriov_autoprobe *held)
{
	struct via_bdf_text where = via_bdf_text(held->bdf);
	int rc = held->was_on ? set_back(held->host, where.text) : 0;

	if (rc)
		via_host_log(held->host, VIA_LOG_WARNING,
			     "sriov_drivers_autoprobe of %s could not be set back to 1: %s",
			     where.text, strerror(-rc));
}

int via_sriov_autoprobe_recover(struct via_host *host, struct via_bdf bdf, struct via_error *err)
{
	struct via_bdf_text where = via_bdf_text(bdf);
	uint64_t recorded;
	int rc = via_host_read_u64(host, &recorded, RECORD, where.text);

	if (rc == -ENOENT)
		return 0;
	if (rc || recorded != 1)
		return via_error_set(err, EPROTO,
				     "the record of what %s had before is damaged: look at /" RECORD
				     " and remove it",
				     where.text, where.text);
	rc = set_back(host, where.text);
	return rc ? via_error_sys(err, -rc, "cannot set sriov_drivers_autoprobe of %s back to 1",
				  where.text)
		  : 0;
}
