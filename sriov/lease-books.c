/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Leases of others: what there is, what was left, and asking for one back. */
#include <viaduct/sriov/lease.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <time.h>

#include <viaduct/util/cleanup.h>

#include "candidates.h"

#define DIRECTORY	  "run/viaduct/leases"
#define RELEASE_TRIES	  200
#define RELEASE_PERIOD_MS 50

void via_leases_free(struct via_leases *leases)
{
	free(leases->all);
	*leases = (struct via_leases){ 0 };
}

static int compare(const void *a, const void *b)
{
	return via_bdf_compare(((const struct via_lease_info *)a)->bdf,
			       ((const struct via_lease_info *)b)->bdf);
}

int via_lease_list(struct via_host *host, struct via_leases *leases, struct via_error *err)
{
	via_cleanup(via_names_free) struct via_names names = { 0 };
	struct via_leases found = { 0 };
	int rc = via_host_list(host, &names, DIRECTORY);

	if (rc && rc != -ENOENT)
		return via_error_sys(err, -rc, "cannot list /" DIRECTORY);
	found.all = calloc(names.count + 1, sizeof(*found.all));
	if (!found.all)
		return via_error_sys(err, ENOMEM, "cannot list the leases");
	for (size_t i = 0; i < names.count; i++) {
		struct via_lease_info *info = &found.all[found.count];
		struct via_error why;

		if (via_bdf_parse(names.names[i], &info->bdf))
			continue;
		rc = via_lease_record_load(host, info->bdf, &info->record, &why);
		if (rc && rc != -ENOENT)
			via_host_log(host, VIA_LOG_WARNING, "%s", why.text);
		if (rc)
			continue;
		info->held = via_lease_is_held(host, info->bdf, &info->record);
		found.count++;
	}
	qsort(found.all, found.count, sizeof(*found.all), compare);
	*leases = found;
	return 0;
}

/* Also what is of a function that is gone. */
static bool is_left(struct via_host *host, struct via_bdf bdf)
{
	struct via_lease_record record;
	int rc = via_lease_record_load(host, bdf, &record, NULL);

	return rc == -ENOENT ||
	       (!rc && record.state != VIA_LEASE_ASIDE && !via_lease_is_held(host, bdf, &record));
}

int via_lease_recover(struct via_host *host, size_t *count, struct via_error *err)
{
	via_cleanup(via_names_free) struct via_names names = { 0 };
	size_t freed = 0;
	int rc = via_host_list(host, &names, DIRECTORY);

	if (rc && rc != -ENOENT)
		return via_error_sys(err, -rc, "cannot list /" DIRECTORY);
	for (size_t i = 0; i < names.count; i++) {
		struct via_error why;
		struct via_bdf bdf;

		if (via_bdf_parse(names.names[i], &bdf) || !is_left(host, bdf))
			continue;
		rc = via_lease_clean_up(host, bdf, false, &why);
		freed += !rc;
		if (rc == -EACCES)
			return via_error_set(err, EACCES, "%s", why.text);
		if (rc && rc != -EAGAIN)
			via_host_log(host, VIA_LOG_WARNING, "%s", why.text);
	}
	if (count)
		*count = freed;
	return 0;
}

/* By its descriptor: the number may be another process's by now. */
static int tell_to_end(struct via_host *host, struct via_process_id keeper)
{
	via_autoclose int fd = keeper.pid ? pidfd_open(keeper.pid, 0) : -1;

	if (fd < 0 || !via_process_is_alive(host, keeper))
		return -ESRCH;
	return pidfd_send_signal(fd, SIGTERM, NULL, 0) ? -errno : 0;
}

static int still_held(struct via_host *host, struct via_bdf bdf,
		      const struct via_lease_record *record, bool told, struct via_error *err)
{
	struct via_process process;

	via_process_describe(host, record->holder.pid ? record->holder.pid : record->keeper.pid,
			     &process);
	if (!told)
		return via_error_set(
			err, EBUSY,
			"process %d (%s), or one it started, has %s still, and who was "
			"to end its lease was killed: end that process",
			(int)process.pid, process.comm, via_bdf_text(bdf).text);
	return via_error_set(err, ETIMEDOUT, "process %d (%s) was told to end, but has %s still",
			     (int)process.pid, process.comm, via_bdf_text(bdf).text);
}

/* Until whoever was told has freed it, or has ended and left it to us. */
static int wait_for_end(struct via_host *host, struct via_bdf bdf,
			const struct via_lease_record *record, bool told, struct via_error *err)
{
	static const struct timespec period = { .tv_nsec = RELEASE_PERIOD_MS * 1000000L };

	for (int i = 0; i < (told ? RELEASE_TRIES : 1); i++) {
		struct via_lease_record now;
		int rc = via_lease_record_load(host, bdf, &now, NULL);

		/* Free, or by now on lease to somebody else. */
		if (rc == -ENOENT || (!rc && now.keeper.pid != record->keeper.pid))
			return 0;
		rc = via_lease_clean_up(host, bdf, true, err);
		if (rc != -EAGAIN)
			return rc;
		nanosleep(&period, NULL);
	}
	return still_held(host, bdf, record, told, err);
}

int via_lease_release(struct via_host *host, struct via_bdf bdf, struct via_error *err)
{
	struct via_lease_record record;
	int rc = via_lease_record_load(host, bdf, &record, err);
	bool told;

	if (rc == -ENOENT)
		return via_error_set(err, ENOENT, "%s is not on lease", via_bdf_text(bdf).text);
	if (rc)
		return rc;
	rc = record.state == VIA_LEASE_HELD ? tell_to_end(host, record.keeper) : -ESRCH;
	told = !rc;
	if (rc == -EPERM)
		return via_error_set(err, EPERM,
				     "ending the lease of %s takes root: process %d keeps it",
				     via_bdf_text(bdf).text, (int)record.keeper.pid);
	if (rc && rc != -ESRCH)
		return via_error_sys(err, -rc, "cannot tell process %d to end the lease of %s",
				     (int)record.keeper.pid, via_bdf_text(bdf).text);
	return wait_for_end(host, bdf, &record, told, err);
}
