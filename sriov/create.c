/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <viaduct/sriov/create.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

#include <viaduct/util/cleanup.h>
#include <viaduct/util/journal.h>
#include <viaduct/util/process.h>
#include <viaduct/vfio/bind.h>
#include <viaduct/vfio/lease.h>

#include "arrival.h"
#include "autoprobe.h"
#include "before.h"
#include "create-private.h"
#include "kind.h"

/* udevd gives up on a rule of a device after minutes; a healthy one takes milliseconds. */
#define ARRIVAL_TIMEOUT_MS 30000

static int write_file(struct via_host *host, struct via_bdf bdf, const char *file,
		      unsigned int number)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", number);
	return via_host_write(host, text, "sys/bus/pci/devices/%s/%s", via_bdf_text(bdf).text,
			      file);
}

static int check_privilege(struct via_host *host, struct via_bdf bdf, struct via_error *err)
{
	via_autoclose int fd = via_host_open(host, O_WRONLY, "sys/bus/pci/devices/%s/sriov_numvfs",
					     via_bdf_text(bdf).text);

	if (fd == -EACCES || fd == -EPERM)
		return via_error_set(err, EACCES,
				     "changing the VFs of %s takes root: this user may not write "
				     "its sriov_numvfs",
				     via_bdf_text(bdf).text);
	if (fd < 0)
		return via_error_sys(err, -fd, "cannot write sriov_numvfs of %s",
				     via_bdf_text(bdf).text);
	return 0;
}

int via_sriov_create_check(struct via_host *host, const struct via_sriov_pf *pf,
			   const struct via_sriov_request *request, struct via_error *err)
{
	struct via_bdf_text text = via_bdf_text(pf->bdf);
	unsigned int count = request->count;
	int rc;

	if (!count)
		return via_error_set(err, EINVAL,
				     "0 is not a number of VFs to make; 'viaduct vf destroy %s' "
				     "takes those there are away",
				     text.text);
	if (pf->num_vfs)
		return via_error_set(err, EEXIST,
				     "%s has %u VF%s already, and their number cannot be changed "
				     "while there are any: 'viaduct vf destroy %s' first",
				     text.text, pf->num_vfs, pf->num_vfs == 1 ? "" : "s",
				     text.text);
	if (count > pf->total_vfs)
		return via_error_set(err, ERANGE, "%s can have %u VF%s at most, not %u", text.text,
				     pf->total_vfs, pf->total_vfs == 1 ? "" : "s", count);
	if (!pf->driver[0])
		return via_error_set(err, ENXIO,
				     "%s has no driver, and it is the driver of a PF that makes "
				     "its VFs",
				     text.text);
	rc = via_sriov_kind_of(host, pf->bdf)->check(host, pf, request, err);
	if (!rc)
		rc = via_sriov_pf_check_up(host, pf, err);
	return rc ? rc : check_privilege(host, pf->bdf, err);
}

static int driver_refused(const struct via_sriov_pf *pf, unsigned int count, int rc,
			  struct via_error *err)
{
	struct via_bdf_text text = via_bdf_text(pf->bdf);

	switch (rc) {
	case -ENOENT:
		return via_error_set(err, ENOENT, "%s, the driver of %s, cannot make VFs",
				     pf->driver, text.text);
	case -ENOMEM:
	case -ENOSPC:
		return via_error_sys(err, -rc,
				     "there is no room for %u VFs of %s: their BARs or bus numbers "
				     "were not set aside by the firmware, which the kernel "
				     "parameter pci=realloc can mend",
				     count, text.text);
	default:
		return via_error_sys(err, -rc, "%s, the driver of %s, did not make %u VF%s",
				     pf->driver, text.text, count, count == 1 ? "" : "s");
	}
}

static int check_links(struct via_host *host, struct via_bdf bdf, unsigned int count,
		       struct via_sriov_pf *now, struct via_error *err)
{
	int rc = via_sriov_pf_load(host, bdf, now, err);

	if (rc)
		return rc;
	for (unsigned int i = 0; i < count; i++) {
		if (i >= now->vf_count || now->vfs[i].index != i)
			return via_error_set(err, EPROTO,
					     "%s was asked for %u VFs and VF %u is missing",
					     via_bdf_text(bdf).text, count, i);
	}
	if (now->vf_count != count)
		return via_error_set(err, EPROTO, "%s was asked for %u VFs and has %zu",
				     via_bdf_text(bdf).text, count, now->vf_count);
	return 0;
}

static void restore(struct via_host *host, struct via_bdf bdf, const char *file,
		    unsigned int number)
{
	int rc = write_file(host, bdf, file, number);

	if (rc)
		via_host_log(host, VIA_LOG_WARNING, "%s of %s could not be set back to %u: %s",
			     file, via_bdf_text(bdf).text, number, strerror(-rc));
}

struct signals {
	sigset_t before; /* this thread's mask */
	int fd;		 /* readable while one of those held waits */
};

/*
 * What would end the process waits until the PF is as it should be, or has been made so again:
 * udev can take long, and half-made VFs and a PF without autoprobe are not seen for weeks. What the
 * caller had blocked already is the caller's.
 */
static int hold_signals(struct signals *signals, struct via_error *err)
{
	static const int ending[] = { SIGINT, SIGTERM, SIGHUP };
	sigset_t held, watched;

	sigemptyset(&held);
	for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
		if (!via_process_ignores(ending[i]))
			sigaddset(&held, ending[i]);
	pthread_sigmask(SIG_BLOCK, &held, &signals->before);
	watched = held;
	for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
		if (sigismember(&signals->before, ending[i]))
			sigdelset(&watched, ending[i]);
	signals->fd = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals->fd < 0) {
		int rc = via_error_sys(err, errno, "cannot watch for signals");

		pthread_sigmask(SIG_SETMASK, &signals->before, NULL);
		return rc;
	}
	return 0;
}

/* What waits arrives now. */
static void release_signals(struct signals *signals)
{
	via_close(&signals->fd);
	pthread_sigmask(SIG_SETMASK, &signals->before, NULL);
}

/* The VFs, from no driver looking for them to what is theirs being in place. */
static int make(struct via_host *host, const struct via_sriov_pf *before,
		const struct via_sriov_request *request, const struct via_sriov_kind *kind,
		void *work, struct via_sriov_arrival *arrival, int stop_fd, struct via_error *err)
{
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf now = { 0 };
	int rc = kind->prepare(work, request, err);

	if (rc)
		goto clear;
	rc = write_file(host, before->bdf, "sriov_numvfs", request->count);
	if (rc) {
		rc = driver_refused(before, request->count, rc, err);
		goto clear;
	}
	rc = check_links(host, before->bdf, request->count, &now, err);
	if (!rc && arrival)
		rc = via_sriov_arrival_wait(arrival, now.vfs, now.vf_count, ARRIVAL_TIMEOUT_MS,
					    stop_fd, err);
	if (!rc)
		rc = kind->start(work, err);
	if (!rc)
		return 0;
	restore(host, before->bdf, "sriov_numvfs", 0);
clear:
	kind->clear(work);
	return rc;
}

/* What is no PF gets its sentence first, and no lock. What else is read while somebody changes it
 * may be half of something. */
static int lock_pf(struct via_host *host, struct via_bdf bdf, int *lock_fd, struct via_error *err)
{
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf pf = { 0 };
	int rc = via_sriov_pf_load(host, bdf, &pf, err);

	return rc == -ENODEV || rc == -ENOTSUP ? rc : via_journal_lock(host, bdf, lock_fd, err);
}

static int create(struct via_host *host, struct via_bdf bdf,
		  const struct via_sriov_request *request, const struct via_sriov_kind *kind,
		  const struct via_sriov_lent *lent, struct via_error *err)
{
	via_cleanup(via_sriov_arrival_closep) struct via_sriov_arrival *arrival = NULL;
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf before = { 0 };
	struct via_sriov_autoprobe autoprobe;
	struct signals signals;
	void *work;
	int rc = via_sriov_autoprobe_recover(host, bdf, err);

	if (!rc)
		rc = via_sriov_pf_load(host, bdf, &before, err);
	if (!rc)
		rc = via_sriov_create_check(host, &before, request, err);
	if (!rc)
		rc = via_sriov_arrival_open(host, &arrival, err);
	if (!rc)
		rc = kind->open(host, &before, lent, &work, err);
	if (rc)
		return rc;
	rc = hold_signals(&signals, err);
	if (rc)
		goto close_work;
	rc = via_sriov_before_save(host, &before, kind, work, lent, err);
	if (rc)
		goto release_signals;
	rc = via_sriov_autoprobe_hold(host, bdf, &autoprobe, err);
	if (!rc) {
		rc = make(host, &before, request, kind, work, arrival, signals.fd, err);
		via_sriov_autoprobe_release(&autoprobe);
	}
	via_sriov_before_forget(host, bdf, kind, work);
release_signals:
	release_signals(&signals);
close_work:
	kind->close(work);
	return rc;
}

int via_sriov_create_locked(struct via_host *host, struct via_bdf bdf,
			    const struct via_sriov_request *request,
			    const struct via_sriov_lent *lent, struct via_error *err)
{
	return create(host, bdf, request, via_sriov_kind_of(host, bdf), lent, err);
}

int via_sriov_create_again_locked(struct via_host *host, struct via_bdf bdf, unsigned int count,
				  const struct via_sriov_lent *lent, struct via_error *err)
{
	const struct via_sriov_request request = { .count = count };

	return create(host, bdf, &request, &via_sriov_kind_plain, lent, err);
}

int via_sriov_create_with(struct via_host *host, struct via_bdf bdf,
			  const struct via_sriov_request *request,
			  const struct via_sriov_lent *lent, struct via_error *err)
{
	via_autoclose int lock_fd = -1;
	int rc = lock_pf(host, bdf, &lock_fd, err);

	return rc ? rc : via_sriov_create_locked(host, bdf, request, lent, err);
}

int via_sriov_create(struct via_host *host, struct via_bdf bdf,
		     const struct via_sriov_request *request, struct via_error *err)
{
	return via_sriov_create_with(host, bdf, request, NULL, err);
}

int via_sriov_destroy_check(struct via_host *host, const struct via_sriov_pf *pf, bool force,
			    struct via_error *err)
{
	for (size_t i = 0; i < pf->vf_count; i++) {
		int rc = via_lease_check(host, pf->vfs[i].bdf, err);

		if (!rc)
			rc = force ? via_vfio_check_not_open(host, pf->vfs[i].bdf, err)
				   : via_vfio_check_unused(host, pf->vfs[i].bdf, err);

		/* One that is gone is in nobody's use. */
		if (rc && rc != -ENODEV)
			return rc;
	}
	return check_privilege(host, pf->bdf, err);
}

/* Only untidy when it fails: they are of no function that comes after. */
static void forget_vfs(struct via_host *host, const struct via_sriov_pf *pf)
{
	for (size_t i = 0; i < pf->vf_count; i++) {
		struct via_error err;

		if (via_vfio_forget(host, pf->vfs[i].bdf, &err) ||
		    via_sriov_attrs_record_remove(host, pf->vfs[i].bdf, &err))
			via_host_log(host, VIA_LOG_WARNING, "%s", err.text);
	}
}

int via_sriov_destroy_locked(struct via_host *host, struct via_bdf bdf, bool force,
			     const struct via_sriov_lent *lent, struct via_error *err)
{
	const struct via_sriov_kind *kind = via_sriov_kind_of(host, bdf);
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf pf = { 0 };
	struct via_error left;
	bool open;
	void *work = NULL;
	int rc = via_sriov_autoprobe_recover(host, bdf, err);

	if (!rc)
		rc = via_sriov_pf_load(host, bdf, &pf, err);
	if (rc || !pf.num_vfs)
		return rc;
	rc = via_sriov_destroy_check(host, &pf, force, err);
	if (rc)
		return rc;
	/* VFs can be had away from a PF that does not answer, too. */
	open = !kind->open(host, &pf, lent, &work, &left);
	if (!open)
		via_host_log(host, VIA_LOG_WARNING, "%s", left.text);
	rc = via_sriov_before_save(host, &pf, open ? kind : NULL, work, lent, err);
	if (rc)
		goto close_work;
	rc = write_file(host, bdf, "sriov_numvfs", 0);
	if (rc)
		rc = via_error_sys(err, -rc, "%s, the driver of %s, did not destroy its VFs",
				   pf.driver[0] ? pf.driver : "nothing", via_bdf_text(bdf).text);
	/* After their drivers have let go of them: these would see a controller that failed. */
	if (open && !rc)
		kind->clear(work);
	if (!rc)
		forget_vfs(host, &pf);
	via_sriov_before_forget(host, bdf, open ? kind : NULL, work);
close_work:
	if (open)
		kind->close(work);
	return rc;
}

int via_sriov_destroy_with(struct via_host *host, struct via_bdf bdf, bool force,
			   const struct via_sriov_lent *lent, struct via_error *err)
{
	via_autoclose int lock_fd = -1;
	int rc = lock_pf(host, bdf, &lock_fd, err);

	return rc ? rc : via_sriov_destroy_locked(host, bdf, force, lent, err);
}

int via_sriov_destroy(struct via_host *host, struct via_bdf bdf, bool force, struct via_error *err)
{
	return via_sriov_destroy_with(host, bdf, force, NULL, err);
}
