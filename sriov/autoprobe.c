/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "autoprobe.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include <viaduct/util/cleanup.h>

#define RECORD	  "run/viaduct/autoprobe/%s"
#define AUTOPROBE "sys/bus/pci/devices/%s/sriov_drivers_autoprobe"

static int busy(const char *where, struct via_error *err)
{
	return via_error_set(err, EBUSY, "another process is making VFs of %s", where);
}

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
	via_autoclose int record_fd = -1;
	uint64_t autoprobe;
	int rc = via_host_read_u64(host, &autoprobe, AUTOPROBE, where.text);

	if (rc && rc != -ENOENT)
		return via_error_sys(err, -rc, "cannot read sriov_drivers_autoprobe of %s",
				     where.text);
	*held = (struct via_sriov_autoprobe){ .host = host, .bdf = bdf, .record_fd = -1 };
	/* Kernels before 4.12 do not have it. */
	if (rc || !autoprobe)
		return 0;
	rc = via_host_replace(host, "1\n", RECORD, where.text);
	if (rc)
		return via_error_sys(err, -rc,
				     "cannot record what %s has in /run/viaduct/autoprobe",
				     where.text);
	record_fd = via_host_open(host, O_RDONLY, RECORD, where.text);
	if (record_fd < 0 || flock(record_fd, LOCK_EX | LOCK_NB))
		return busy(where.text, err);
	rc = via_host_write(host, "0", AUTOPROBE, where.text);
	if (rc) {
		via_host_remove(host, RECORD, where.text);
		return via_error_sys(err, -rc, "cannot keep drivers away from new VFs of %s",
				     where.text);
	}
	held->record_fd = via_steal_fd(&record_fd);
	return 0;
}

void via_sriov_autoprobe_release(struct via_sriov_autoprobe *held)
{
	struct via_bdf_text where = via_bdf_text(held->bdf);
	int rc = held->record_fd < 0 ? 0 : set_back(held->host, where.text);

	if (rc)
		via_host_log(held->host, VIA_LOG_WARNING,
			     "sriov_drivers_autoprobe of %s could not be set back to 1: %s",
			     where.text, strerror(-rc));
	via_close(&held->record_fd);
}

int via_sriov_autoprobe_recover(struct via_host *host, struct via_bdf bdf, struct via_error *err)
{
	struct via_bdf_text where = via_bdf_text(bdf);
	via_autoclose int record_fd = via_host_open(host, O_RDONLY, RECORD, where.text);
	uint64_t recorded;
	int rc;

	if (record_fd == -ENOENT)
		return 0;
	if (record_fd < 0)
		return via_error_sys(err, -record_fd, "cannot open /" RECORD, where.text);
	if (flock(record_fd, LOCK_EX | LOCK_NB))
		return busy(where.text, err);
	rc = via_host_read_u64(host, &recorded, RECORD, where.text);
	/* Its owner ended well meanwhile. */
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
