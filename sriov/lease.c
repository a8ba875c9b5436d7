/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <viaduct/sriov/lease.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <viaduct/sriov/pf.h>
#include <viaduct/util/cleanup.h>
#include <viaduct/vfio/bind.h>

#include "attr-text.h"
#include "candidates.h"
#include "scrub.h"

/* A process that is ending closes its files one after the other. */
#define CLOSING_TRIES	  40
#define CLOSING_PERIOD_MS 25

struct via_lease {
	struct via_host *host;
	struct via_lease_choice choice;
	struct via_lease_record record;
	int lock_fd;
};

/* How an attempt to make a VF ready ended, beside 0 and a negative errno that is no fault of it. */
enum { NEXT = 1 };

static void sleep_ms(long milliseconds)
{
	const struct timespec time = { milliseconds / 1000, milliseconds % 1000 * 1000000L };

	nanosleep(&time, NULL);
}

static int check_unused(struct via_host *host, struct via_bdf vf, struct via_error *err)
{
	int rc = via_vfio_check_unused(host, vf, err);

	for (int i = 1; rc == -EBUSY && i < CLOSING_TRIES; i++) {
		sleep_ms(CLOSING_PERIOD_MS);
		rc = via_vfio_check_unused(host, vf, err);
	}
	return rc;
}

/* VLAN and priority are one: the baseline's VLAN takes no priority from what was. */
static void overlay(struct via_sriov_attrs *attrs, const struct via_sriov_attrs *baseline)
{
	if (baseline->valid & VIA_SRIOV_MAC)
		attrs->mac = baseline->mac;
	if (baseline->valid & VIA_SRIOV_VLAN) {
		attrs->vlan = baseline->vlan;
		attrs->vlan_protocol = baseline->vlan_protocol;
		attrs->qos = baseline->valid & VIA_SRIOV_QOS ? baseline->qos : 0;
		attrs->valid |= VIA_SRIOV_QOS;
	}
	if (baseline->valid & VIA_SRIOV_TRUST)
		attrs->trust = baseline->trust;
	if (baseline->valid & VIA_SRIOV_SPOOFCHK)
		attrs->spoofchk = baseline->spoofchk;
	attrs->valid |= baseline->valid;
}

/* What the VF is to be held to: of a lease that was not cleaned up, what it began with. */
static int choose_attrs(struct via_host *host, const struct via_pool *pool,
			const struct via_lease_candidate *candidate,
			const struct via_lease_record *left, struct via_lease_choice *choice,
			struct via_error *err)
{
	struct via_sriov_attrs baseline;
	int rc = via_pool_baseline(pool, candidate->member, candidate->index, &baseline, err);

	if (!rc)
		rc = via_sriov_scrub_now(host, candidate->pf, candidate->index, &choice->before,
					 err);
	if (rc)
		return rc;
	choice->bdf = candidate->bdf;
	choice->pf = candidate->pf->bdf;
	choice->index = candidate->index;
	choice->after = choice->before;
	if (left && via_sriov_attrs_parse(left->attrs, &choice->after))
		return via_error_set(err, EPROTO,
				     "the record of the lease of %s is damaged: look at "
				     "/run/viaduct/leases/%s and remove it",
				     via_bdf_text(candidate->bdf).text,
				     via_bdf_text(candidate->bdf).text);
	overlay(&choice->after, &baseline);
	return 0;
}

/* Nobody gets it until it was looked at. A failure to say so leaves it as it is recorded. */
static void put_aside(struct via_host *host, struct via_bdf vf, struct via_lease_record *record,
		      enum via_lease_state state, const struct via_error *why)
{
	struct via_error err;

	record->state = state;
	strcpy(record->why, why->text);
	if (via_lease_record_save(host, vf, record, &err))
		via_host_log(host, VIA_LOG_WARNING, "%s", err.text);
}

/* The VF is recorded as on lease. */
static int make_ready(struct via_host *host, const struct via_pool *pool,
		      const struct via_lease_candidate *candidate, struct via_lease *lease,
		      struct via_error *err)
{
	struct via_error why;
	int rc = via_vfio_bind(host, candidate->bdf, pool->driver, err);

	if (rc)
		return rc;
	rc = via_sriov_scrub_reset(host, candidate->pf, candidate->bdf, &why);
	if (!rc)
		return via_sriov_scrub_attrs(host, candidate->pf, candidate->index,
					     &lease->choice.after, err);
	if (rc == -EACCES)
		return via_error_set(err, EACCES, "%s", why.text);
	put_aside(host, candidate->bdf, &lease->record, VIA_LEASE_ASIDE, &why);
	via_host_log(host, VIA_LOG_WARNING, "%s is put aside: %s",
		     via_bdf_text(candidate->bdf).text, why.text);
	return NEXT;
}

/* Its lock is held, and it is nobody's. @left: what a killed process recorded of it, or NULL. */
static int begin(struct via_host *host, const struct via_pool *pool,
		 const struct via_lease_candidate *candidate, const struct via_lease_record *left,
		 struct via_lease *lease, struct via_error *err)
{
	struct via_lease_record *record = &lease->record;
	int rc = choose_attrs(host, pool, candidate, left, &lease->choice, err);

	if (rc)
		return rc;
	/* The candidate before may have been put aside. */
	record->state = VIA_LEASE_HELD;
	record->why[0] = '\0';
	strcpy(record->pool, pool->name);
	via_sriov_attrs_format(&lease->choice.after, record->attrs);
	rc = via_lease_record_save(host, candidate->bdf, record, err);
	if (rc)
		return rc;
	rc = make_ready(host, pool, candidate, lease, err);
	if (rc < 0) {
		/* It was touched, and is to be cleaned up by the next one if it was before. */
		if (left)
			via_lease_record_save(host, candidate->bdf, left, NULL);
		else
			via_lease_record_remove(host, candidate->bdf, NULL);
	}
	return rc;
}

/* NEXT: it is taken, which the list of candidates then knows. */
static int try(struct via_host *host, const struct via_pool *pool,
	       struct via_lease_candidate *candidate, struct via_lease *lease,
	       struct via_error *err)
{
	via_cleanup(via_lease_unlock) int lock_fd = -1;
	struct via_lease_record left;
	struct via_error why;
	int loaded, rc = via_lease_lock(host, candidate->bdf, &lock_fd, err);

	if (rc == -EBUSY) {
		via_lease_candidate_look(host, candidate);
		candidate->taken = true;
		return NEXT;
	}
	if (rc)
		return rc;
	loaded = via_lease_record_load(host, candidate->bdf, &left, &why);
	if (loaded && loaded != -ENOENT) {
		via_lease_candidate_set_aside(candidate, &why);
		return NEXT;
	}
	if (!loaded && (left.state == VIA_LEASE_ASIDE || via_lease_is_alive(host, &left))) {
		via_lease_candidate_look(host, candidate);
		candidate->taken = left.state != VIA_LEASE_ASIDE;
		return NEXT;
	}
	rc = loaded ? via_vfio_check_unused(host, candidate->bdf, &why)
		    : check_unused(host, candidate->bdf, &why);
	if (rc == -EBUSY || rc == -ENODEV) {
		via_lease_candidate_set_used(candidate, &why);
		return NEXT;
	}
	if (!rc)
		rc = begin(host, pool, candidate, loaded ? NULL : &left, lease, &why);
	if (rc == NEXT)
		via_lease_candidate_look(host, candidate);
	else if (rc)
		via_error_set(err, -rc, "%s", why.text);
	else
		lease->lock_fd = via_steal_fd(&lock_fd);
	return rc;
}

static int processes_get(struct via_host *host, const struct via_lease_options *options,
			 struct via_lease_record *record, struct via_error *err)
{
	if (via_process_id_get(host, getpid(), &record->keeper))
		return via_error_set(err, ESRCH, "this process is not in /proc");
	if (options->owner && via_process_id_get(host, options->owner, &record->holder))
		return via_error_set(err, ESRCH, "there is no process %d", (int)options->owner);
	return 0;
}

int via_lease_take(struct via_host *host, const struct via_pool *pool,
		   const struct via_lease_options *options, struct via_lease **lease_out,
		   struct via_error *err)
{
	via_cleanup(via_lease_candidates_clear) struct via_lease_candidates candidates = { 0 };
	via_autofree struct via_lease *lease = calloc(1, sizeof(*lease));
	int rc = NEXT;

	if (!lease)
		return via_error_sys(err, ENOMEM, "cannot lease a VF of pool %s", pool->name);
	lease->host = host;
	rc = processes_get(host, options, &lease->record, err);
	if (!rc)
		rc = via_lease_candidates_load(host, pool, options->node, &candidates, err);
	if (rc)
		return rc;
	rc = NEXT;
	for (size_t i = 0; rc == NEXT && i < candidates.count; i++)
		rc = try(host, pool, &candidates.all[i], lease, err);
	if (rc == NEXT)
		return via_lease_candidates_none(pool, &candidates, err);
	if (rc)
		return rc;
	*lease_out = via_steal_ptr(lease);
	return 0;
}

int via_lease_find(struct via_host *host, const struct via_pool *pool,
		   const struct via_lease_options *options, struct via_lease_choice *choice,
		   struct via_error *err)
{
	via_cleanup(via_lease_candidates_clear) struct via_lease_candidates candidates = { 0 };
	int rc = via_lease_candidates_load(host, pool, options->node, &candidates, err);

	if (rc)
		return rc;
	for (size_t i = 0; i < candidates.count; i++) {
		struct via_lease_candidate *candidate = &candidates.all[i];
		struct via_lease_record left;
		struct via_error why;

		via_lease_candidate_look(host, candidate);
		if (candidate->taken || candidate->aside)
			continue;
		rc = via_vfio_check_unused(host, candidate->bdf, &why);
		if (!rc)
			return choose_attrs(host, pool, candidate,
					    via_lease_record_load(host, candidate->bdf, &left, NULL)
						    ? NULL
						    : &left,
					    choice, err);
		via_lease_candidate_set_used(candidate, &why);
	}
	return via_lease_candidates_none(pool, &candidates, err);
}

const struct via_lease_choice *via_lease_choice(const struct via_lease *lease)
{
	return &lease->choice;
}

int via_lease_fd(const struct via_lease *lease)
{
	return lease->lock_fd;
}

int via_lease_set_holder(struct via_lease *lease, pid_t pid, struct via_error *err)
{
	struct via_lease_record record = lease->record;
	int rc = via_process_id_get(lease->host, pid, &record.holder);

	if (rc)
		return via_error_set(err, -rc, "there is no process %d", (int)pid);
	rc = via_lease_record_save(lease->host, lease->choice.bdf, &record, err);
	if (!rc)
		lease->record = record;
	return rc;
}

static int clean(struct via_host *host, struct via_bdf vf, const struct via_sriov_attrs *attrs,
		 struct via_error *err)
{
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf pf = { 0 };
	unsigned int index;
	struct via_bdf bdf;
	int rc = via_sriov_vf_pf(host, vf, &bdf, &index, err);

	if (!rc)
		rc = via_sriov_pf_load(host, bdf, &pf, err);
	if (!rc)
		rc = via_sriov_scrub_reset(host, &pf, vf, err);
	return rc ? rc : via_sriov_scrub_attrs(host, &pf, index, attrs, err);
}

/* Privileges, the network namespace, another one who changes the PF just now. */
static bool is_of_the_caller(int rc)
{
	return rc == -EACCES || rc == -EPERM || rc == -EXDEV || rc == -EBUSY || rc == -ENOMEM;
}

/* The lock of the VF is held, and its lease has ended. */
static int scrub(struct via_host *host, struct via_bdf vf, struct via_lease_record *record,
		 struct via_error *err)
{
	struct via_sriov_attrs attrs;
	struct via_error why;
	int rc = check_unused(host, vf, &why);

	if (rc == -ENODEV) /* the VFs were taken away meanwhile */
		return via_lease_record_remove(host, vf, err);
	if (rc) {
		put_aside(host, vf, record, VIA_LEASE_ENDED, &why);
		return via_error_set(err, -rc, "%s", why.text);
	}
	rc = via_sriov_attrs_parse(record->attrs, &attrs);
	if (rc)
		via_error_set(&why, EPROTO, "what it had before is not known");
	else
		rc = clean(host, vf, &attrs, &why);
	if (!rc)
		return via_lease_record_remove(host, vf, err);
	/* Whoever cannot clean it up, for a reason of their own, leaves it to the next. */
	if (!is_of_the_caller(rc))
		put_aside(host, vf, record, VIA_LEASE_ASIDE, &why);
	return via_error_set(
		err, -rc, is_of_the_caller(rc) ? "%s is not cleaned up: %s" : "%s is put aside: %s",
		via_bdf_text(vf).text, why.text);
}

int via_lease_end(struct via_lease *lease, struct via_error *err)
{
	struct via_lease_record now;
	int rc = via_lease_record_load(lease->host, lease->choice.bdf, &now, err);

	if (rc == -ENOENT) /* the function it was about is gone */
		rc = via_lease_record_remove(lease->host, lease->choice.bdf, err);
	else if (!rc)
		rc = scrub(lease->host, lease->choice.bdf, &lease->record, err);
	via_lease_unlock(&lease->lock_fd);
	free(lease);
	return rc;
}

int via_lease_clean_up(struct via_host *host, struct via_bdf vf, bool asked, struct via_error *err)
{
	via_cleanup(via_lease_unlock) int lock_fd = -1;
	struct via_lease_record record;
	int rc = via_lease_lock(host, vf, &lock_fd, err);

	if (rc == -EBUSY)
		return -EAGAIN;
	if (!rc)
		rc = via_lease_record_load(host, vf, &record, err);
	if (rc == -ENOENT)
		return via_lease_record_remove(host, vf, err);
	if (rc)
		return rc;
	if (!asked && (record.state == VIA_LEASE_ASIDE || via_lease_is_alive(host, &record)))
		return -EAGAIN;
	/* From here on it is this process that may change it. */
	record.state = VIA_LEASE_HELD;
	record.holder = (struct via_process_id){ 0 };
	rc = via_process_id_get(host, getpid(), &record.keeper);
	if (rc)
		return via_error_sys(err, -rc, "cannot find this process in /proc");
	rc = via_lease_record_save(host, vf, &record, err);
	return rc ? rc : scrub(host, vf, &record, err);
}
