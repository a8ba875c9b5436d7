/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <viaduct/sriov/plan.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include <viaduct/sriov/pf.h>
#include <viaduct/util/cleanup.h>
#include <viaduct/util/journal.h>
#include <viaduct/util/process.h>
#include <viaduct/vfio/bind.h>
#include <viaduct/vfio/lease.h>
#include <viaduct/vfio/module.h>

#include "attr-private.h"
#include "autoprobe.h"
#include "plan-private.h"

#define LOCK	     "run/viaduct/lock/apply"
#define LOCK_WAIT_MS 100

struct via_plan {
	struct via_host *host;
	const struct via_plan_port *port;
	struct via_plan_state before, wanted;
	struct via_plan_steps steps;
};

static int real_unbind(struct via_host *host, struct via_bdf bdf, char *driver,
		       struct via_error *err)
{
	return via_vfio_unbind(host, bdf, driver, err);
}

static int real_restore(struct via_host *host, const struct via_sriov_pf *pf, unsigned int index,
			const struct via_sriov_attrs *attrs, struct via_error *err)
{
	via_autoclose int lock_fd = -1;
	int rc = via_journal_lock(host, pf->bdf, &lock_fd, err);

	return rc ? rc : via_sriov_attrs_restore(host, pf, index, attrs, NULL, err);
}

static const struct via_plan_port real_port = {
	.create = via_sriov_create,
	.destroy = via_sriov_destroy,
	.attrs_get = via_sriov_attrs_get,
	.attrs_set = via_sriov_attrs_set,
	.attrs_restore = real_restore,
	.nvme_get = via_sriov_nvme_get,
	.nvme_set = via_sriov_nvme_set,
	.nvme_complete = via_sriov_nvme_complete,
	.bind = via_vfio_bind,
	.unbind = real_unbind,
};

/* What can be said of numbers before anybody asks for them. */
static int check_counts(const struct via_sriov_wanted *wanted, struct via_plan *plan,
			struct via_error *err)
{
	for (size_t i = 0; i < wanted->pf_count; i++) {
		via_cleanup(via_sriov_pf_clear) struct via_sriov_pf pf = { 0 };
		const struct via_sriov_wanted_pf *want = &wanted->pfs[i];
		int rc = via_sriov_pf_load(plan->host, plan->before.pfs[i].bdf, &pf, err);

		if (!rc && want->has_count && want->count > pf.total_vfs)
			rc = via_plan_place(
				wanted, want->count_place,
				via_error_set(err, ERANGE, "%s can have %u VF%s at most, not %u",
					      want->pf.name, pf.total_vfs,
					      pf.total_vfs == 1 ? "" : "s", want->count),
				err);
		if (!rc && (want->queues || want->vectors) &&
		    !via_sriov_is_nvme(plan->host, pf.bdf))
			rc = via_plan_place(wanted, want->pf.place,
					    via_error_set(err, ENOTSUP,
							  "%s is no NVMe controller, whose VFs "
							  "have queues and vectors to be given",
							  want->pf.name),
					    err);
		for (size_t j = 0; !rc && j < want->vfs_count; j++)
			if (want->vfs[j].attrs.valid && !pf.netdevs.count)
				rc = via_plan_place(
					wanted, want->vfs[j].place,
					via_error_set(err, ENOTSUP,
						      "%s has no network interface, through which "
						      "the attributes of its VFs are set",
						      want->pf.name),
					err);
		if (rc)
			return rc;
	}
	return 0;
}

int via_plan_new_with(struct via_host *host, const struct via_plan_port *port,
		      const struct via_sriov_wanted *wanted, via_plan_resolve_fn resolve,
		      struct via_plan **plan, struct via_error *err)
{
	via_cleanup(via_plan_freep) struct via_plan *made = calloc(1, sizeof(*made));
	int rc;

	if (!made)
		return via_error_sys(err, ENOMEM, "cannot make a plan");
	made->host = host;
	made->port = port;
	rc = via_plan_find(host, wanted, resolve, &made->before, err);
	if (!rc)
		rc = via_plan_read(host, port, wanted, &made->before, err);
	if (!rc)
		rc = check_counts(wanted, made, err);
	if (!rc)
		rc = via_plan_expand(host, wanted, &made->before, &made->wanted, err);
	if (!rc)
		rc = via_plan_diff(&made->before, &made->wanted, &made->steps, err);
	if (!rc)
		*plan = via_steal_ptr(made);
	return rc;
}

int via_plan_new(struct via_host *host, const struct via_sriov_wanted *wanted,
		 via_plan_resolve_fn resolve, struct via_plan **plan, struct via_error *err)
{
	return via_plan_new_with(host, &real_port, wanted, resolve, plan, err);
}

void via_plan_free(struct via_plan *plan)
{
	if (!plan)
		return;
	via_plan_state_clear(&plan->before);
	via_plan_state_clear(&plan->wanted);
	free(plan->steps.all);
	free(plan);
}

size_t via_plan_steps(const struct via_plan *plan, const struct via_plan_step **steps)
{
	*steps = plan->steps.all;
	return plan->steps.count;
}

/* The function that a step is about, which for a VF may not be there yet: -ENOENT. */
static int step_function(struct via_host *host, const struct via_plan_step *step,
			 struct via_bdf *bdf, struct via_error *err)
{
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf pf = { 0 };
	int rc;

	*bdf = step->bdf;
	if (!step->is_vf)
		return 0;
	rc = via_sriov_pf_load(host, step->bdf, &pf, err);
	return rc ? rc : via_sriov_pf_vf(&pf, step->index, bdf, err);
}

static void no_change(void *data, const char *path, const char *before, const char *after)
{
	(void)data;
	(void)path;
	(void)before;
	(void)after;
}

static int check_driver(struct via_host *host, const char *driver, struct via_error *err)
{
	if (!*driver || via_host_exists(host, "sys/bus/pci/drivers/%s", driver))
		return 0;
	/* That of a VFIO driver is loaded when it is wanted. */
	if (via_iommu_driver_is_vfio(driver))
		return via_module_check(host, driver, err);
	return via_error_set(err, ENOENT, "the driver %s is not loaded: modprobe %s", driver,
			     driver);
}

static int check_create(struct via_host *host, struct via_sriov_pf *pf,
			const struct via_plan_step *step, struct via_error *err)
{
	const struct via_sriov_request request = {
		.count = step->after.count,
		.queues = step->after.nvme.queues,
		.vectors = step->after.nvme.vectors,
	};

	struct via_sriov_nvme each;
	bool holds = pf->num_vfs;
	int rc;

	/* Those it has are gone by then. */
	pf->num_vfs = 0;
	rc = via_sriov_create_check(host, pf, &request, err);
	/* What they hold is free then, too, but not known to be now. */
	if (rc || holds || !via_sriov_is_nvme(host, pf->bdf))
		return rc;
	rc = via_sriov_nvme_plan(host, pf, &request, &each, err);
	return rc == -ENOTSUP && !request.queues && !request.vectors ? 0 : rc;
}

/* Whether a step before @step takes the VF from its driver, or resources from others of the PF. */
static bool is_prepared(const struct via_plan *plan, const struct via_plan_step *step, int refusal)
{
	for (const struct via_plan_step *it = plan->steps.all; it < step; it++) {
		const struct via_sriov_nvme *before = &it->before.nvme, *after = &it->after.nvme;

		if (!it->is_vf || !via_bdf_equal(it->bdf, step->bdf))
			continue;
		if (refusal == -EBUSY && it->index == step->index &&
		    (it->kind == VIA_PLAN_BIND || it->kind == VIA_PLAN_UNBIND))
			return true;
		if (refusal == -ENOSPC && it->kind == VIA_PLAN_NVME &&
		    ((after->queues && after->queues < before->queues) ||
		     (after->vectors && after->vectors < before->vectors)))
			return true;
	}
	return false;
}

static int check_nvme(const struct via_plan *plan, const struct via_plan_step *step,
		      struct via_error *err)
{
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf pf = { 0 };
	struct via_sriov_nvme before, after;
	int rc = via_sriov_pf_load(plan->host, step->bdf, &pf, err);

	if (!rc)
		rc = plan->port->nvme_complete(plan->host, &pf, step->index, &step->after.nvme,
					       &before, &after, err);
	return rc && is_prepared(plan, step, rc) ? 0 : rc;
}

/* Of what is there already: that nobody would miss it, and that it can be. */
static int check_function(const struct via_plan *plan, const struct via_plan_step *step,
			  struct via_error *err)
{
	struct via_bdf bdf;
	int rc = step_function(plan->host, step, &bdf, err);

	if (!rc)
		rc = via_lease_check(plan->host, bdf, err);
	if (!rc)
		rc = via_vfio_check_unused(plan->host, bdf, err);
	if (!rc && step->kind == VIA_PLAN_BIND)
		rc = via_vfio_bind_plan(plan->host, bdf, step->after.driver, no_change, NULL, err);
	if (!rc && step->kind == VIA_PLAN_NVME)
		rc = check_nvme(plan, step, err);
	return rc;
}

/* Without an IOMMU VFIO takes no VF either that is not there yet. */
static int check_iommu(struct via_host *host, struct via_bdf pf, struct via_error *err)
{
	via_cleanup(via_iommu_group_clear) struct via_iommu_group group = { 0 };
	via_cleanup(via_names_free) struct via_names iommus = { 0 };
	int rc = via_iommu_group_load(host, pf, &group, err);

	if (rc != -ENXIO)
		return 0;
	return via_host_list(host, &iommus, "sys/class/iommu") || !iommus.count ? rc : 0;
}

static int check_driver_of(const struct via_plan *plan, const struct via_plan_step *step, bool anew,
			   struct via_error *err)
{
	const char *driver = step->after.driver;
	int rc = check_driver(plan->host, driver, err);

	if (!rc && anew && via_iommu_driver_is_vfio(driver))
		rc = check_iommu(plan->host, step->bdf, err);
	return rc;
}

/*
 * Whether the attributes of a PF's VFs can be reached, if it has any: to set them, and to give them
 * back. A recorded host has none.
 */
static int check_attrs(const struct via_plan *plan, const struct via_sriov_pf *pf,
		       struct via_error *err)
{
	struct via_sriov_pf without_vfs = *pf;
	int rc;

	without_vfs.vf_count = 0;
	rc = plan->port->attrs_get(plan->host, &without_vfs, NULL, err);
	return rc == -ENOTSUP ? 0 : rc;
}

/* @anew: the VF that it is about is made before it. */
static int check_step(const struct via_plan *plan, const struct via_plan_step *step, bool anew,
		      struct via_error *err)
{
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf pf = { 0 };
	int rc = 0;

	switch (step->kind) {
	case VIA_PLAN_DESTROY:
		rc = via_sriov_pf_load(plan->host, step->bdf, &pf, err);
		if (!rc)
			rc = via_sriov_destroy_check(plan->host, &pf, false, err);
		return rc ? rc : check_attrs(plan, &pf, err);
	case VIA_PLAN_CREATE:
		rc = via_sriov_pf_load(plan->host, step->bdf, &pf, err);
		return rc ? rc : check_create(plan->host, &pf, step, err);
	case VIA_PLAN_BIND:
		rc = check_driver_of(plan, step, anew, err);
		break;
	case VIA_PLAN_POOL:
		return 0;
	case VIA_PLAN_ATTRS:
		rc = via_sriov_pf_load(plan->host, step->bdf, &pf, err);
		if (!rc)
			rc = check_attrs(plan, &pf, err);
		break;
	case VIA_PLAN_NVME:
	case VIA_PLAN_UNBIND:
		break;
	}
	return rc || anew ? rc : check_function(plan, step, err);
}

int via_plan_check(struct via_plan *plan, struct via_error *err)
{
	const struct via_plan_step *made = NULL;
	/* One look through /proc for all of them. */
	bool kept = !via_host_keep_openers(plan->host);
	int rc = 0;

	for (size_t i = 0; !rc && i < plan->steps.count; i++) {
		const struct via_plan_step *step = &plan->steps.all[i];

		rc = check_step(plan, step,
				made && step->is_vf && via_bdf_equal(made->bdf, step->bdf), err);
		if (step->kind == VIA_PLAN_CREATE)
			made = step;
	}
	if (kept)
		via_host_forget_openers(plan->host);
	return rc;
}

static int do_attrs(const struct via_plan *plan, const struct via_plan_step *step,
		    struct via_error *err)
{
	static const struct via_mac none;
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf pf = { 0 };
	struct via_sriov_attrs attrs = step->after.attrs;
	int rc = via_sriov_pf_load(plan->host, step->bdf, &pf, err);

	if (rc)
		return rc;
	if ((attrs.valid & VIA_SRIOV_MAC) && !memcmp(&attrs.mac, &none, sizeof(none))) {
		rc = plan->port->attrs_restore(plan->host, &pf, step->index, &attrs, err);
		/* What is set once more lets the journal see that the VF is as it was. */
		attrs.valid = VIA_SRIOV_VLAN | VIA_SRIOV_QOS;
	}
	return rc ? rc : plan->port->attrs_set(plan->host, &pf, step->index, &attrs, err);
}

static int do_nvme(const struct via_plan *plan, const struct via_plan_step *step,
		   struct via_error *err)
{
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf pf = { 0 };
	int rc = via_sriov_pf_load(plan->host, step->bdf, &pf, err);

	return rc ? rc : plan->port->nvme_set(plan->host, &pf, step->index, &step->after.nvme, err);
}

static int do_unbind(const struct via_plan *plan, const struct via_plan_step *step,
		     struct via_bdf bdf, struct via_error *err)
{
	char driver[VIA_DRIVER_NAME_BYTES] = "";
	int rc = plan->port->unbind(plan->host, bdf, driver, err);

	if (rc || !strcmp(driver, step->after.driver))
		return rc;
	return via_error_set(err, EIO, "%s went to %s and not to %s", step->name,
			     *driver ? driver : "no driver",
			     *step->after.driver ? step->after.driver : "no driver");
}

/* The state of a VF that a step is about; NULL for other devices. */
static const struct via_plan_vf *find_vf(const struct via_plan_state *state,
					 const struct via_plan_step *step)
{
	for (size_t i = 0; step->is_vf && i < state->pf_count; i++)
		if (via_bdf_equal(state->pfs[i].bdf, step->bdf) &&
		    step->index < state->pfs[i].vf_count)
			return &state->pfs[i].vfs[step->index];
	return NULL;
}

/* To what it had before it was made again, without a record. */
static int give_back(struct via_host *host, struct via_bdf bdf, const struct via_plan_vf *had,
		     struct via_error *err)
{
	via_autoclose int lock_fd = -1;
	int rc = via_journal_lock(host, bdf, &lock_fd, err);

	if (!rc)
		rc = via_lease_check(host, bdf, err);
	return rc ? rc : via_vfio_restore(host, bdf, had->driver, had->override, err);
}

/* Since the check somebody may have begun to use it: the VFs of other PFs take their time. */
static int do_bind(const struct via_plan *plan, const struct via_plan_state *to,
		   const struct via_plan_step *step, struct via_bdf bdf, struct via_error *err)
{
	const struct via_plan_vf *vf = find_vf(to, step);
	char driver[VIA_DRIVER_NAME_BYTES];
	int rc = via_vfio_driver(plan->host, bdf, driver, err);

	if (!rc && *driver)
		rc = via_vfio_check_unused(plan->host, bdf, err);
	else if (!rc && vf && vf->own)
		return give_back(plan->host, bdf, vf, err);
	return rc ? rc : plan->port->bind(plan->host, bdf, step->after.driver, err);
}

static int do_pool(const struct via_plan *plan, const struct via_plan_pool *pool,
		   struct via_error *err)
{
	return pool->exists ? via_pool_save(plan->host, &pool->pool, err)
			    : via_pool_remove(plan->host, pool->name, err);
}

/* @to: the state that the steps lead to. */
static int do_step(const struct via_plan *plan, const struct via_plan_state *to,
		   const struct via_plan_step *step, struct via_error *err)
{
	const struct via_sriov_request request = {
		.count = step->after.count,
		.queues = step->after.nvme.queues,
		.vectors = step->after.nvme.vectors,
	};
	struct via_bdf bdf;
	int rc = 0;

	switch (step->kind) {
	case VIA_PLAN_DESTROY:
		return plan->port->destroy(plan->host, step->bdf, false, err);
	case VIA_PLAN_CREATE:
		return plan->port->create(plan->host, step->bdf, &request, err);
	case VIA_PLAN_ATTRS:
		return do_attrs(plan, step, err);
	case VIA_PLAN_NVME:
		return do_nvme(plan, step, err);
	case VIA_PLAN_BIND:
	case VIA_PLAN_UNBIND:
		rc = step_function(plan->host, step, &bdf, err);
		if (rc)
			return rc;
		return step->kind == VIA_PLAN_UNBIND ? do_unbind(plan, step, bdf, err)
						     : do_bind(plan, to, step, bdf, err);
	case VIA_PLAN_POOL:
		return do_pool(plan, &to->pools[step->index], err);
	}
	return 0;
}

static void tell(const struct via_plan_watch *watch, const struct via_plan_steps *steps, size_t at,
		 bool takes_back)
{
	if (watch && watch->step)
		watch->step(watch->data, &steps->all[at], at, steps->count, takes_back);
}

/*
 * From wherever the host is now back to where it was. What fails is logged, and the rest is done:
 * the next step may be about another device.
 * @done, @left: how much was taken back, and how much was not.
 * @remade: VFs of a network card, with what nobody reads among what is back.
 */
static void take_back(struct via_plan *plan, const struct via_plan_watch *watch, size_t *done,
		      size_t *left, bool *remade)
{
	via_cleanup(via_plan_state_clear) struct via_plan_state now = { 0 };
	struct via_plan_steps steps = { 0 };
	struct via_error why;
	int rc = via_plan_state_begin(&plan->before, &now, &why);

	*done = *left = 0;
	*remade = false;
	if (!rc) {
		via_plan_read_again(plan->host, plan->port, &plan->before, &now, left);
		rc = via_plan_diff(&now, &plan->before, &steps, &why);
	}
	if (rc) {
		via_host_log(plan->host, VIA_LOG_WARNING, "cannot take back what was done: %s",
			     why.text);
		++*left;
	}
	for (size_t i = 0; !rc && i < steps.count; i++) {
		tell(watch, &steps, i, true);
		++*done;
		if (steps.all[i].kind == VIA_PLAN_CREATE &&
		    !via_sriov_is_nvme(plan->host, steps.all[i].bdf))
			*remade = true;
		if (!do_step(plan, &plan->before, &steps.all[i], &why))
			continue;
		via_host_log(plan->host, VIA_LOG_WARNING, "cannot take back what was done: %s",
			     why.text);
		++*left;
	}
	free(steps.all);
}

/* One that was killed may have left all as it shall be but this. */
static int recover(const struct via_plan *plan, struct via_error *err)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < plan->before.pf_count; i++) {
		struct via_bdf bdf = plan->before.pfs[i].bdf;
		via_autoclose int lock_fd = -1;

		if (via_sriov_autoprobe_check(plan->host, bdf, NULL) == -ENOENT)
			continue;
		rc = via_journal_lock(plan->host, bdf, &lock_fd, err);
		if (!rc)
			rc = via_sriov_autoprobe_recover(plan->host, bdf, err);
	}
	return rc;
}

int via_plan_apply(struct via_plan *plan, const struct via_plan_watch *watch, struct via_error *err)
{
	struct via_error why;
	size_t done, left;
	bool remade;
	int rc = via_plan_check(plan, err);

	if (!rc)
		rc = recover(plan, err);
	if (rc)
		return rc;
	for (size_t i = 0; !rc && i < plan->steps.count; i++) {
		if (watch && watch->stop && watch->stop(watch->data)) {
			rc = via_error_set(&why, EINTR, "it was stopped after %zu of %zu steps", i,
					   plan->steps.count);
			break;
		}
		tell(watch, &plan->steps, i, false);
		rc = do_step(plan, &plan->wanted, &plan->steps.all[i], &why);
	}
	if (!rc)
		return 0;
	take_back(plan, watch, &done, &left, &remade);
	return via_error_set(err, -rc, "%s%s%s", why.text,
			     left   ? "; not all that was done before could be taken back"
			     : done ? "; what was done before has been taken back"
				    : "",
			     !left && remade ? ", but for rates and link states of VFs" : "");
}

/* Who holds the lock; this process must not have it open. */
static int lock_busy(struct via_host *host, struct via_error *err)
{
	const struct via_device_file file = { .path = "/" LOCK };
	struct via_process process;

	if (via_process_find_opener(host, &file, &process))
		return via_error_set(err, EBUSY, "another process is applying a plan");
	return via_error_set(err, EBUSY, "process %d (%s) is applying a plan", (int)process.pid,
			     process.comm);
}

int via_plan_lock(struct via_host *host, int timeout_ms, int *lock_fd, struct via_error *err)
{
	int fd = via_host_create(host, LOCK);
	int rc;

	if (fd == -EACCES || fd == -EPERM)
		return via_error_set(err, EACCES,
				     "applying a plan takes root: this user may not write "
				     "/run/viaduct");
	if (fd < 0)
		return via_error_sys(err, -fd, "cannot open /" LOCK);
	while (flock(fd, LOCK_EX | LOCK_NB)) {
		rc = -errno;
		if (rc == -EWOULDBLOCK && timeout_ms > 0) {
			poll(NULL, 0, LOCK_WAIT_MS);
			timeout_ms -= LOCK_WAIT_MS;
			continue;
		}
		via_close(&fd);
		return rc == -EWOULDBLOCK ? lock_busy(host, err)
					  : via_error_sys(err, -rc, "cannot lock /" LOCK);
	}
	*lock_fd = fd;
	return 0;
}
