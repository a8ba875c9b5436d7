/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <viaduct/sriov/nvme.h>

#include <errno.h>
#include <stdlib.h>

#include <viaduct/iommu/group.h>
#include <viaduct/util/cleanup.h>
#include <viaduct/util/journal.h>
#include <viaduct/vfio/bind.h>
#include <viaduct/vfio/lease.h>

#include "before.h"
#include "kind.h"
#include "nvme-controller.h"
#include "nvme-private.h"

#define CLASS_NVME 0x010802U

/* How many of each type a VF gets. */
struct share {
	unsigned int each[VIA_NVME_RESOURCES];
};

/* With fewer a controller does not go online. */
static const unsigned int minimum[VIA_NVME_RESOURCES] = {
	[VIA_NVME_QUEUES] = VIA_SRIOV_NVME_QUEUES_MIN,
	[VIA_NVME_VECTORS] = VIA_SRIOV_NVME_VECTORS_MIN,
};

bool via_sriov_is_nvme(struct via_host *host, struct via_bdf bdf)
{
	uint64_t class;

	return !via_host_read_u64(host, &class, "sys/bus/pci/devices/%s/class",
				  via_bdf_text(bdf).text) &&
	       class == CLASS_NVME;
}

/* What the PF itself has is not ours to take: it is given back by a reset of its controller. */
static int too_few(const struct via_nvme *nvme, enum via_nvme_resource resource, unsigned int vfs,
		   unsigned int each, uint64_t available, struct via_error *err)
{
	struct via_nvme_text wanted = via_nvme_resource_text(resource, each);
	struct via_bdf_text text = via_bdf_text(nvme->bdf);

	if (nvme->pools[resource].own)
		return via_error_set(err, ENOSPC,
				     "%u VF%s of %s with %s each take more than the %llu that are "
				     "free: the PF has %u itself, and gives them up after 'nvme "
				     "virt-mgmt -c %u -r %d -a 1 -n 0' and a reset of it",
				     vfs, vfs == 1 ? "" : "s", text.text, wanted.text,
				     (unsigned long long)available, nvme->pools[resource].own,
				     nvme->id, (int)resource);
	return via_error_set(
		err, ENOSPC, "%u VF%s of %s with %s each take more than the %llu that are free",
		vfs, vfs == 1 ? "" : "s", text.text, wanted.text, (unsigned long long)available);
}

/* One type for each of @vfs: as many as @asked; 0 is an equal share of @available. */
static int share_one(const struct via_nvme *nvme, enum via_nvme_resource resource, unsigned int vfs,
		     unsigned int asked, uint64_t available, unsigned int *each,
		     struct via_error *err)
{
	const struct via_nvme_pool *pool = &nvme->pools[resource];
	struct via_bdf_text text = via_bdf_text(nvme->bdf);
	uint64_t share = available / vfs;

	if (!pool->flexible && asked)
		return via_error_set(err, ENOTSUP,
				     "the number of %ss of %s's VFs is fixed: the controller has "
				     "none to give",
				     resource == VIA_NVME_QUEUES ? "queue" : "vector", text.text);
	if (!pool->flexible) {
		*each = 0;
		return 0;
	}
	if (asked && asked < minimum[resource])
		return via_error_set(err, EINVAL, "a VF of %s needs at least %s, not %u", text.text,
				     via_nvme_resource_text(resource, minimum[resource]).text,
				     asked);
	if (asked > pool->most)
		return via_error_set(err, ERANGE, "a VF of %s can have %s at most, not %u",
				     text.text, via_nvme_resource_text(resource, pool->most).text,
				     asked);
	if (asked % pool->step)
		return via_error_set(
			err, EINVAL, "%s gives %ss in multiples of %u, which %u is not", text.text,
			resource == VIA_NVME_QUEUES ? "queue" : "vector", pool->step, asked);
	if (asked > share)
		return too_few(nvme, resource, vfs, asked, available, err);
	if (share > pool->most)
		share = pool->most;
	share -= share % pool->step;
	if (!asked && share < minimum[resource])
		return too_few(nvme, resource, vfs, minimum[resource], available, err);
	*each = asked ? asked : (unsigned int)share;
	return 0;
}

/* What a killed process, or somebody by hand, left with VFs that are no more, is to be had too. */
static int share_all(const struct via_nvme *nvme, const struct via_sriov_request *request,
		     struct share *share, struct via_error *err)
{
	const unsigned int asked[VIA_NVME_RESOURCES] = {
		[VIA_NVME_QUEUES] = request->queues, [VIA_NVME_VECTORS] = request->vectors
	};
	int rc = via_nvme_check_listed(nvme, request->count, err);

	for (unsigned int i = 0; !rc && i < VIA_NVME_RESOURCES; i++) {
		uint64_t available = nvme->pools[i].free;

		for (size_t vf = 0; vf < nvme->count; vf++)
			available += nvme->secondaries[vf].held[i];
		rc = share_one(nvme, i, request->count, asked[i], available, &share->each[i], err);
	}
	return rc;
}

/* Offline, and without resources: going offline takes them, says the specification, and this asks.
 */
static int withdraw(struct via_nvme *nvme, size_t first, size_t end, struct via_error *err)
{
	int rc = 0;

	for (size_t vf = first; !rc && vf < end; vf++)
		if (nvme->secondaries[vf].online)
			rc = via_nvme_offline(nvme, vf, err);
	if (!rc)
		rc = via_nvme_read(nvme, err);
	for (size_t vf = first; !rc && vf < end; vf++)
		for (unsigned int i = 0; !rc && i < VIA_NVME_RESOURCES; i++)
			if (nvme->secondaries[vf].held[i])
				rc = via_nvme_assign(nvme, vf, i, 0, err);
	return rc ? rc : via_nvme_read(nvme, err);
}

static int assign(struct via_nvme *nvme, size_t vf, const struct share *share,
		  struct via_error *err)
{
	int rc = 0;

	for (unsigned int i = 0; !rc && i < VIA_NVME_RESOURCES; i++)
		if (share->each[i])
			rc = via_nvme_assign(nvme, vf, i, share->each[i], err);
	return rc;
}

/* A command that was carried out is believed once the list of controllers says so, too. */
static int check_online(struct via_nvme *nvme, size_t first, size_t end, const struct share *share,
			struct via_error *err)
{
	int rc = via_nvme_read(nvme, err);

	if (!rc)
		rc = via_nvme_check_listed(nvme, end, err);
	for (size_t vf = first; !rc && vf < end; vf++) {
		const struct via_nvme_secondary *now = &nvme->secondaries[vf];

		if (!now->online || now->held[VIA_NVME_QUEUES] < share->each[VIA_NVME_QUEUES] ||
		    now->held[VIA_NVME_VECTORS] < share->each[VIA_NVME_VECTORS])
			return via_error_set(err, EPROTO,
					     "VF %zu of %s was to be online with %s and %s, and is "
					     "%s with %u and %u",
					     vf, via_bdf_text(nvme->bdf).text,
					     via_nvme_resource_text(VIA_NVME_QUEUES,
								    share->each[VIA_NVME_QUEUES])
						     .text,
					     via_nvme_resource_text(VIA_NVME_VECTORS,
								    share->each[VIA_NVME_VECTORS])
						     .text,
					     now->online ? "online" : "offline",
					     now->held[VIA_NVME_QUEUES],
					     now->held[VIA_NVME_VECTORS]);
	}
	return rc;
}

/* Made with its VFs, taken away with them. */
struct work {
	struct via_nvme *nvme; /* NULL: there is nothing to manage, */
	struct via_error why;  /* for this reason */
	unsigned int count;
	struct share share;
};

static int kind_check(struct via_host *host, const struct via_sriov_pf *pf,
		      const struct via_sriov_request *request, struct via_error *err)
{
	(void)host;
	(void)request;
	return via_nvme_admin_check(pf, err);
}

static int kind_open(struct via_host *host, const struct via_sriov_pf *pf,
		     const struct via_sriov_lent *lent, void **work_out, struct via_error *err)
{
	struct work *work = calloc(1, sizeof(*work));
	int rc;

	if (!work)
		return via_error_sys(err, ENOMEM, "cannot ask %s", via_bdf_text(pf->bdf).text);
	rc = via_nvme_open(host, pf, lent ? lent->nvme : NULL, &work->nvme, &work->why);
	if (rc && rc != -ENOTSUP) {
		if (err)
			*err = work->why;
		free(work);
		return rc;
	}
	*work_out = work;
	return 0;
}

static struct via_sriov_nvme state_of(const struct via_nvme_secondary *vf);

static int kind_remember(void *data, struct via_sriov_record *record, struct via_error *err)
{
	struct work *work = data;
	int rc;

	if (!work->nvme)
		return 0;
	rc = via_nvme_read(work->nvme, err);
	if (rc)
		return rc;
	record->nvme = calloc(work->nvme->count + 1, sizeof(*record->nvme));
	if (!record->nvme)
		return via_error_sys(err, ENOMEM, "cannot write down what %s has",
				     via_bdf_text(work->nvme->bdf).text);
	for (size_t vf = 0; vf < work->nvme->count; vf++)
		record->nvme[vf] = state_of(&work->nvme->secondaries[vf]);
	record->nvme_count = (unsigned int)work->nvme->count;
	return 0;
}

static int kind_prepare(void *data, const struct via_sriov_request *request, struct via_error *err)
{
	struct work *work = data;
	int rc;

	if (!work->nvme && (request->queues || request->vectors))
		return via_error_set(err, ENOTSUP, "%s", work->why.text);
	if (!work->nvme)
		return 0;
	work->count = request->count;
	rc = share_all(work->nvme, request, &work->share, err);
	if (!rc)
		rc = withdraw(work->nvme, 0, work->nvme->count, err);
	if (!rc)
		rc = via_nvme_check_listed(work->nvme, work->count, err);
	for (size_t vf = 0; !rc && vf < work->count; vf++)
		rc = assign(work->nvme, vf, &work->share, err);
	return rc;
}

static int kind_start(void *data, struct via_error *err)
{
	struct work *work = data;
	int rc = 0;

	if (!work->nvme)
		return 0;
	for (size_t vf = 0; !rc && vf < work->count; vf++)
		rc = via_nvme_online(work->nvme, vf, err);
	return rc ? rc : check_online(work->nvme, 0, work->count, &work->share, err);
}

static void kind_clear(void *data)
{
	struct work *work = data;
	struct via_error err;
	int rc;

	if (!work->nvme)
		return;
	rc = via_nvme_read(work->nvme, &err);
	if (!rc)
		rc = withdraw(work->nvme, 0, work->nvme->count, &err);
	if (rc)
		via_host_log(work->nvme->host, VIA_LOG_WARNING,
			     "the NVMe resources of VFs could not be given back: %s", err.text);
}

static void kind_close(void *data)
{
	struct work *work = data;

	via_nvme_close(work->nvme);
	free(work);
}

static struct via_sriov_nvme public_state(bool online, const struct share *share)
{
	return (struct via_sriov_nvme){ .online = online,
					.queues = share->each[VIA_NVME_QUEUES],
					.vectors = share->each[VIA_NVME_VECTORS] };
}

static struct share share_of(const struct via_nvme_secondary *vf)
{
	struct share share;

	for (unsigned int i = 0; i < VIA_NVME_RESOURCES; i++)
		share.each[i] = vf->held[i];
	return share;
}

static struct via_sriov_nvme state_of(const struct via_nvme_secondary *vf)
{
	struct share share = share_of(vf);

	return public_state(vf->online, &share);
}

static int open_nvme(struct via_host *host, const struct via_sriov_pf *pf,
		     const struct via_nvme_admin *lent, struct via_nvme **nvme,
		     struct via_error *err)
{
	if (!via_sriov_is_nvme(host, pf->bdf))
		return via_error_set(err, ENOTSUP, "%s is not an NVMe controller",
				     via_bdf_text(pf->bdf).text);
	return via_nvme_open(host, pf, lent, nvme, err);
}

int via_sriov_nvme_get_with(struct via_host *host, const struct via_sriov_pf *pf,
			    const struct via_nvme_admin *lent, struct via_sriov_nvme *vfs,
			    struct via_error *err)
{
	via_cleanup(via_nvme_closep) struct via_nvme *nvme = NULL;
	int rc = open_nvme(host, pf, lent, &nvme, err);

	if (!rc && pf->vf_count)
		rc = via_nvme_check_listed(nvme, pf->vfs[pf->vf_count - 1].index + 1, err);
	if (rc)
		return rc;
	for (size_t i = 0; i < pf->vf_count; i++)
		vfs[i] = state_of(&nvme->secondaries[pf->vfs[i].index]);
	return 0;
}

int via_sriov_nvme_get(struct via_host *host, const struct via_sriov_pf *pf,
		       struct via_sriov_nvme *vfs, struct via_error *err)
{
	return via_sriov_nvme_get_with(host, pf, NULL, vfs, err);
}

int via_sriov_nvme_plan_with(struct via_host *host, const struct via_sriov_pf *pf,
			     const struct via_sriov_request *request,
			     const struct via_nvme_admin *lent, struct via_sriov_nvme *each,
			     struct via_error *err)
{
	via_cleanup(via_nvme_closep) struct via_nvme *nvme = NULL;
	struct share share;
	int rc = open_nvme(host, pf, lent, &nvme, err);

	if (!rc)
		rc = share_all(nvme, request, &share, err);
	if (rc)
		return rc;
	*each = public_state(true, &share);
	return 0;
}

int via_sriov_nvme_plan(struct via_host *host, const struct via_sriov_pf *pf,
			const struct via_sriov_request *request, struct via_sriov_nvme *each,
			struct via_error *err)
{
	return via_sriov_nvme_plan_with(host, pf, request, NULL, each, err);
}

/* To a driver of the host its controller would fail. */
static int check_idle(struct via_host *host, struct via_bdf vf, struct via_error *err)
{
	char driver[VIA_DRIVER_NAME_BYTES];
	int rc = via_vfio_driver(host, vf, driver, err);

	if (!rc && driver[0] && !via_iommu_driver_is_vfio(driver))
		return via_error_set(err, EBUSY,
				     "%s is bound to %s, which would lose its controller: 'viaduct "
				     "bind %s' or unbind it first",
				     via_bdf_text(vf).text, driver, via_bdf_text(vf).text);
	return rc ? rc : via_vfio_check_unused(host, vf, err);
}

static bool is_as(const struct via_nvme *nvme, const struct via_sriov_record *record, size_t vf)
{
	const struct via_nvme_secondary *now = &nvme->secondaries[vf];
	const struct via_sriov_nvme *had = &record->nvme[vf];

	return vf >= record->nvme_count ||
	       (now->online == had->online && now->held[VIA_NVME_QUEUES] == had->queues &&
		now->held[VIA_NVME_VECTORS] == had->vectors);
}

/* A VF that is to be changed, if it is there. */
static int check_restore(const struct via_nvme *nvme, size_t vf, struct via_error *err)
{
	struct via_bdf_text pf = via_bdf_text(nvme->bdf);
	char name[VIA_BDF_TEXT_BYTES];
	struct via_bdf bdf;
	int rc;

	if (via_host_link_name(nvme->host, name, sizeof(name), "sys/bus/pci/devices/%s/virtfn%zu",
			       pf.text, vf) ||
	    via_bdf_parse(name, &bdf))
		return 0;
	rc = via_lease_check(nvme->host, bdf, err);
	return rc ? rc : check_idle(nvme->host, bdf, err);
}

static int restore_one(struct via_nvme *nvme, size_t vf, const struct via_sriov_nvme *had,
		       struct via_error *err)
{
	const struct share share = { { had->queues, had->vectors } };
	int rc = assign(nvme, vf, &share, err);

	return rc || !had->online ? rc : via_nvme_online(nvme, vf, err);
}

/* All that is to be had first is had before the first is given. */
static int kind_restore(void *data, const struct via_sriov_record *record, struct via_error *err)
{
	struct work *work = data;
	struct via_nvme *nvme = work->nvme;
	via_autofree bool *same = NULL;
	int rc;

	if (!record->nvme_count)
		return 0;
	if (!nvme)
		return via_error_set(err, ENOTSUP, "%s", work->why.text);
	same = calloc(nvme->count + 1, sizeof(*same));
	rc = same ? via_nvme_read(nvme, err)
		  : via_error_sys(err, ENOMEM, "cannot ask %s", via_bdf_text(nvme->bdf).text);
	for (size_t vf = 0; !rc && vf < nvme->count; vf++) {
		same[vf] = is_as(nvme, record, vf);
		if (!same[vf])
			rc = check_restore(nvme, vf, err);
	}
	for (size_t vf = 0; !rc && vf < nvme->count; vf++)
		if (!same[vf])
			rc = withdraw(nvme, vf, vf + 1, err);
	for (size_t vf = 0; !rc && vf < nvme->count; vf++)
		if (!same[vf])
			rc = restore_one(nvme, vf, &record->nvme[vf], err);
	return rc;
}

const struct via_sriov_kind via_sriov_kind_nvme = {
	.check = kind_check,
	.open = kind_open,
	.remember = kind_remember,
	.prepare = kind_prepare,
	.start = kind_start,
	.clear = kind_clear,
	.restore = kind_restore,
	.close = kind_close,
};

static int change(struct via_nvme *nvme, size_t vf, const struct share *share,
		  struct via_error *err)
{
	int rc = withdraw(nvme, vf, vf + 1, err);

	if (!rc)
		rc = assign(nvme, vf, share, err);
	if (!rc)
		rc = via_nvme_online(nvme, vf, err);
	return rc ? rc : check_online(nvme, vf, vf + 1, share, err);
}

static void change_back(struct via_nvme *nvme, size_t vf, const struct via_nvme_secondary *before)
{
	struct share share = share_of(before);
	struct via_error err;
	int rc = via_nvme_read(nvme, &err);

	if (!rc)
		rc = before->online ? change(nvme, vf, &share, &err)
				    : withdraw(nvme, vf, vf + 1, &err);
	if (!rc && !before->online)
		rc = assign(nvme, vf, &share, &err);
	if (rc)
		via_host_log(nvme->host, VIA_LOG_WARNING,
			     "VF %zu could not be given back what it had: %s", vf, err.text);
}

/* What VF @index, which is there, would have. */
static int complete(const struct via_nvme *nvme, unsigned int index,
		    const struct via_sriov_nvme *wanted, struct share *share, struct via_error *err)
{
	const struct via_nvme_secondary *vf = &nvme->secondaries[index];
	const unsigned int asked[VIA_NVME_RESOURCES] = {
		[VIA_NVME_QUEUES] = wanted->queues, [VIA_NVME_VECTORS] = wanted->vectors
	};
	int rc = via_nvme_check_listed(nvme, index + 1, err);

	for (unsigned int i = 0; !rc && i < VIA_NVME_RESOURCES; i++)
		rc = share_one(nvme, i, 1, asked[i] ? asked[i] : vf->held[i],
			       (uint64_t)nvme->pools[i].free + vf->held[i], &share->each[i], err);
	return rc;
}

int via_sriov_nvme_complete(struct via_host *host, const struct via_sriov_pf *pf,
			    unsigned int index, const struct via_sriov_nvme *wanted,
			    struct via_sriov_nvme *before, struct via_sriov_nvme *after,
			    struct via_error *err)
{
	via_cleanup(via_nvme_closep) struct via_nvme *nvme = NULL;
	struct via_bdf vf;
	struct share share;
	int rc = via_sriov_pf_vf(pf, index, &vf, err);

	if (!rc)
		rc = check_idle(host, vf, err);
	if (!rc)
		rc = open_nvme(host, pf, NULL, &nvme, err);
	if (!rc)
		rc = complete(nvme, index, wanted, &share, err);
	if (rc)
		return rc;
	*before = state_of(&nvme->secondaries[index]);
	*after = public_state(true, &share);
	return 0;
}

int via_sriov_nvme_set_with(struct via_host *host, const struct via_sriov_pf *pf,
			    unsigned int index, const struct via_sriov_nvme *wanted,
			    const struct via_nvme_admin *lent, struct via_error *err)
{
	via_cleanup(via_nvme_closep) struct via_nvme *nvme = NULL;
	struct via_nvme_secondary before;
	via_autoclose int lock_fd = -1;
	struct share share;
	struct via_bdf vf;
	struct work work;
	int rc = via_sriov_pf_vf(pf, index, &vf, err);

	if (!rc)
		rc = via_journal_lock(host, pf->bdf, &lock_fd, err);
	if (!rc)
		rc = via_lease_check(host, vf, err);
	if (!rc)
		rc = check_idle(host, vf, err);
	if (!rc)
		rc = open_nvme(host, pf, lent, &nvme, err);
	if (!rc)
		rc = complete(nvme, index, wanted, &share, err);
	if (rc)
		return rc;
	work = (struct work){ .nvme = nvme };
	rc = via_sriov_before_save(host, pf, &via_sriov_kind_nvme, &work, NULL, err);
	if (rc)
		return rc;
	before = nvme->secondaries[index];
	rc = change(nvme, index, &share, err);
	if (rc)
		change_back(nvme, index, &before);
	via_sriov_before_forget(host, pf->bdf, &via_sriov_kind_nvme, &work);
	return rc;
}

int via_sriov_nvme_set(struct via_host *host, const struct via_sriov_pf *pf, unsigned int index,
		       const struct via_sriov_nvme *wanted, struct via_error *err)
{
	return via_sriov_nvme_set_with(host, pf, index, wanted, NULL, err);
}
