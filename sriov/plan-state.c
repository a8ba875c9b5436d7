/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan-private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <viaduct/sriov/pf.h>
#include <viaduct/util/cleanup.h>
#include <viaduct/vfio/bind.h>

static int no_memory(struct via_error *err)
{
	return via_error_sys(err, ENOMEM, "cannot compare the host with what is wanted");
}

int via_plan_place(const struct via_sriov_wanted *wanted, struct via_sriov_place place, int rc,
		   struct via_error *err)
{
	struct via_error why;

	if (!rc || !wanted || !place.line || !err)
		return rc;
	why = *err;
	return via_error_set(err, -rc, "%s:%u:%u: %s", wanted->file, place.line, place.column,
			     why.text);
}

void via_plan_state_clear(struct via_plan_state *state)
{
	for (size_t i = 0; i < state->pf_count; i++)
		free(state->pfs[i].vfs);
	for (size_t i = 0; i < state->pool_count; i++) {
		free(state->pools[i].pfs);
		via_pool_clear(&state->pools[i].pool);
	}
	free(state->pfs);
	free(state->devices);
	free(state->pools);
	*state = (struct via_plan_state){ 0 };
}

static int state_alloc(struct via_plan_state *state, size_t pfs, size_t devices, size_t pools,
		       struct via_error *err)
{
	state->pfs = calloc(pfs + 1, sizeof(*state->pfs));
	state->devices = calloc(devices + 1, sizeof(*state->devices));
	state->pools = calloc(pools + 1, sizeof(*state->pools));
	if (!state->pfs || !state->devices || !state->pools)
		return no_memory(err);
	state->pf_count = pfs;
	state->device_count = devices;
	state->pool_count = pools;
	return 0;
}

int via_plan_state_begin(const struct via_plan_state *other, struct via_plan_state *state,
			 struct via_error *err)
{
	int rc = state_alloc(state, other->pf_count, other->device_count, other->pool_count, err);

	for (size_t i = 0; !rc && i < other->pf_count; i++)
		state->pfs[i].bdf = other->pfs[i].bdf;
	for (size_t i = 0; !rc && i < other->device_count; i++)
		state->devices[i].bdf = other->devices[i].bdf;
	for (size_t i = 0; !rc && i < other->pool_count; i++)
		memcpy(state->pools[i].name, other->pools[i].name, sizeof(state->pools[i].name));
	return rc;
}

/* One of struct via_sriov_wanted_name, and what it turned out to be. */
static int resolve_one(struct via_host *host, const struct via_sriov_wanted *wanted,
		       via_plan_resolve_fn resolve, const struct via_sriov_wanted_name *name,
		       struct via_bdf *bdf, struct via_error *err)
{
	return via_plan_place(wanted, name->place, resolve(host, name->name, bdf, err), err);
}

static int named_twice(const struct via_sriov_wanted *wanted,
		       const struct via_sriov_wanted_name *first,
		       const struct via_sriov_wanted_name *second, struct via_bdf bdf,
		       struct via_error *err)
{
	int rc = via_error_set(err, EINVAL, "%s is %s, which has an entry already, in line %u",
			       second->name, via_bdf_text(bdf).text, first->place.line);

	return via_plan_place(wanted, second->place, rc, err);
}

static int find_device(struct via_host *host, const struct via_sriov_wanted *wanted, size_t at,
		       const struct via_plan_state *state, struct via_error *err)
{
	struct via_bdf pf, bdf = state->devices[at].bdf;
	bool is_vf = !via_sriov_vf_pf(host, bdf, &pf, NULL, NULL);

	for (size_t i = 0; i < at; i++)
		if (via_bdf_equal(state->devices[i].bdf, bdf))
			return named_twice(wanted, &wanted->devices[i].device,
					   &wanted->devices[at].device, bdf, err);
	for (size_t i = 0; i < state->pf_count; i++) {
		if (via_bdf_equal(state->pfs[i].bdf, bdf))
			return named_twice(wanted, &wanted->pfs[i].pf, &wanted->devices[at].device,
					   bdf, err);
		if (is_vf && via_bdf_equal(state->pfs[i].bdf, pf))
			return via_plan_place(
				wanted, wanted->devices[at].device.place,
				via_error_set(err, EINVAL,
					      "%s is a VF of %s, in line %u: its driver belongs "
					      "there, into 'vf'",
					      wanted->devices[at].device.name,
					      wanted->pfs[i].pf.name, wanted->pfs[i].pf.place.line),
				err);
	}
	return 0;
}

static int find_pool(struct via_host *host, const struct via_sriov_wanted *wanted,
		     via_plan_resolve_fn resolve, const struct via_sriov_wanted_pool *pool,
		     struct via_plan_pool *state, struct via_error *err)
{
	int rc = 0;

	if (strlen(pool->pool.name) >= sizeof(state->name))
		return via_plan_place(
			wanted, pool->pool.place,
			via_error_set(err, EINVAL, "this is too long for a pool's name"), err);
	strcpy(state->name, pool->pool.name);
	state->pfs = calloc(pool->pf_count + 1, sizeof(*state->pfs));
	if (!state->pfs)
		return no_memory(err);
	for (size_t i = 0; !rc && i < pool->pf_count; i++)
		rc = resolve_one(host, wanted, resolve, &pool->pfs[i],
				 &state->pfs[state->pf_count++], err);
	return rc;
}

int via_plan_find(struct via_host *host, const struct via_sriov_wanted *wanted,
		  via_plan_resolve_fn resolve, struct via_plan_state *state, struct via_error *err)
{
	int rc =
		state_alloc(state, wanted->pf_count, wanted->device_count, wanted->pool_count, err);

	for (size_t i = 0; !rc && i < wanted->pf_count; i++) {
		struct via_bdf *bdf = &state->pfs[i].bdf;

		rc = resolve_one(host, wanted, resolve, &wanted->pfs[i].pf, bdf, err);
		for (size_t j = 0; !rc && j < i; j++)
			if (via_bdf_equal(state->pfs[j].bdf, *bdf))
				rc = named_twice(wanted, &wanted->pfs[j].pf, &wanted->pfs[i].pf,
						 *bdf, err);
	}
	for (size_t i = 0; !rc && i < wanted->device_count; i++) {
		rc = resolve_one(host, wanted, resolve, &wanted->devices[i].device,
				 &state->devices[i].bdf, err);
		if (!rc)
			rc = find_device(host, wanted, i, state, err);
	}
	for (size_t i = 0; !rc && i < wanted->pool_count; i++)
		rc = find_pool(host, wanted, resolve, &wanted->pools[i], &state->pools[i], err);
	return rc;
}

static int read_driver(struct via_host *host, struct via_bdf bdf, struct via_plan_vf *state,
		       struct via_error *err)
{
	char had[VIA_DRIVER_NAME_BYTES];
	int rc = via_vfio_driver(host, bdf, state->driver, err);

	if (rc)
		return rc;
	state->has_driver = state->was = true;
	state->remembered = via_vfio_is_remembered(host, bdf);
	state->own = !state->remembered && !via_vfio_had(host, bdf, had, state->override, NULL);
	return 0;
}

/* Not known where the driver does not say, nor on a recorded host. */
static int read_attrs(struct via_host *host, const struct via_plan_port *port,
		      const struct via_sriov_pf *pf, struct via_plan_pf *state,
		      struct via_error *err)
{
	via_autofree struct via_sriov_attrs *attrs = calloc(pf->vf_count, sizeof(*attrs));
	int rc;

	if (!attrs)
		return no_memory(err);
	rc = port->attrs_get(host, pf, attrs, err);
	for (size_t i = 0; !rc && i < pf->vf_count; i++)
		state->vfs[i].attrs = attrs[i];
	return rc == -ENOTSUP || rc == -EXDEV ? 0 : rc;
}

static bool same_nvme(const struct via_sriov_nvme *a, const struct via_sriov_nvme *b)
{
	return a->queues == b->queues && a->vectors == b->vectors;
}

/* @asked: somebody wants to know, and not only to be able to go back. */
static int read_nvme(struct via_host *host, const struct via_plan_port *port, bool asked,
		     const struct via_sriov_pf *pf, struct via_plan_pf *state,
		     struct via_error *err)
{
	via_autofree struct via_sriov_nvme *nvme = calloc(pf->vf_count, sizeof(*nvme));
	int rc;

	if (!nvme)
		return no_memory(err);
	rc = port->nvme_get(host, pf, nvme, err);
	if (rc)
		return asked && rc != -ENOTSUP ? rc : 0;
	state->each = nvme[0];
	for (size_t i = 0; i < pf->vf_count; i++) {
		state->vfs[i].has_nvme = true;
		state->vfs[i].nvme = nvme[i];
		if (!same_nvme(&nvme[i], &nvme[0]))
			state->each = (struct via_sriov_nvme){ 0 };
	}
	return 0;
}

static int read_pf(struct via_host *host, const struct via_plan_port *port, bool nvme_asked,
		   struct via_plan_pf *state, struct via_error *err)
{
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf pf = { 0 };
	int rc = via_sriov_pf_load(host, state->bdf, &pf, err);

	if (rc)
		return rc;
	snprintf(state->name, sizeof(state->name), "%s",
		 pf.netdevs.count ? pf.netdevs.names[0] : via_bdf_text(pf.bdf).text);
	state->has_count = true;
	state->count = pf.num_vfs;
	if (!pf.vf_count)
		return 0;
	state->vfs = calloc(pf.vf_count, sizeof(*state->vfs));
	if (!state->vfs)
		return no_memory(err);
	state->vf_count = pf.vf_count;
	for (size_t i = 0; i < pf.vf_count; i++) {
		if (pf.vfs[i].index != i)
			return via_error_set(err, EPROTO, "%s has no VF %zu, but one after it",
					     via_bdf_text(pf.bdf).text, i);
		rc = read_driver(host, pf.vfs[i].bdf, &state->vfs[i], err);
		/* It goes while it is looked at: there is nothing to be known of it. */
		if (rc && rc != -ENODEV)
			return rc;
	}
	rc = read_attrs(host, port, &pf, state, err);
	if (!rc && via_sriov_is_nvme(host, pf.bdf))
		rc = read_nvme(host, port, nvme_asked, &pf, state, err);
	return rc;
}

static int read_pool(struct via_host *host, struct via_plan_pool *pool, struct via_error *err)
{
	int rc = via_pool_load(host, pool->name, &pool->pool, err);

	pool->exists = !rc;
	/* A damaged one is none, and is written anew. */
	return rc == -ENOENT || rc == -EPROTO ? 0 : rc;
}

int via_plan_read(struct via_host *host, const struct via_plan_port *port,
		  const struct via_sriov_wanted *wanted, struct via_plan_state *state,
		  struct via_error *err)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < state->pf_count; i++) {
		const struct via_sriov_wanted_pf *pf = &wanted->pfs[i];

		rc = via_plan_place(
			wanted, pf->pf.place,
			read_pf(host, port, pf->queues || pf->vectors, &state->pfs[i], err), err);
	}
	for (size_t i = 0; !rc && i < state->device_count; i++)
		rc = via_plan_place(
			wanted, wanted->devices[i].device.place,
			read_driver(host, state->devices[i].bdf, &state->devices[i].state, err),
			err);
	for (size_t i = 0; !rc && i < state->pool_count; i++)
		rc = via_plan_place(wanted, wanted->pools[i].pool.place,
				    read_pool(host, &state->pools[i], err), err);
	return rc;
}

static void lost(struct via_host *host, const char *name, const struct via_error *why, size_t *left)
{
	via_host_log(host, VIA_LOG_WARNING, "%s cannot be made what it was: %s", name, why->text);
	++*left;
}

void via_plan_read_again(struct via_host *host, const struct via_plan_port *port,
			 const struct via_plan_state *before, struct via_plan_state *state,
			 size_t *left)
{
	struct via_error why;

	for (size_t i = 0; i < state->pf_count; i++) {
		state->pfs[i].gone = read_pf(host, port, false, &state->pfs[i], &why);
		if (state->pfs[i].gone)
			lost(host, before->pfs[i].name, &why, left);
	}
	for (size_t i = 0; i < state->device_count; i++) {
		struct via_plan_device *device = &state->devices[i];

		device->gone = read_driver(host, device->bdf, &device->state, &why);
		if (device->gone)
			lost(host, via_bdf_text(device->bdf).text, &why, left);
	}
	for (size_t i = 0; i < state->pool_count; i++) {
		state->pools[i].gone = read_pool(host, &state->pools[i], &why);
		if (state->pools[i].gone)
			lost(host, state->pools[i].name, &why, left);
	}
}

static void expand_vfs(const struct via_sriov_wanted_pf *wanted, struct via_plan_pf *state)
{
	for (size_t i = 0; i < state->vf_count; i++) {
		struct via_plan_vf *vf = &state->vfs[i];

		strcpy(vf->driver, wanted->driver);
		vf->nvme = state->each;
		vf->has_nvme = vf->nvme.queues || vf->nvme.vectors;
	}
	for (size_t i = 0; i < wanted->vfs_count; i++) {
		const struct via_sriov_wanted_vfs *range = &wanted->vfs[i];

		for (unsigned int at = range->first; at <= range->last; at++) {
			struct via_plan_vf *vf = &state->vfs[at];

			vf->attrs = range->attrs;
			if (vf->attrs.valid & VIA_SRIOV_MAC)
				via_sriov_mac_add(range->attrs.mac, at - range->first,
						  &vf->attrs.mac);
			if (*range->driver)
				strcpy(vf->driver, range->driver);
		}
	}
	for (size_t i = 0; i < state->vf_count; i++)
		state->vfs[i].has_driver = *state->vfs[i].driver;
}

/* Whether the file gives it to a VF. */
static bool is_given(const struct via_plan_pf *state, const struct via_mac *mac)
{
	for (size_t i = 0; i < state->vf_count; i++)
		if ((state->vfs[i].attrs.valid & VIA_SRIOV_MAC) &&
		    !memcmp(&state->vfs[i].attrs.mac, mac, sizeof(*mac)))
			return true;
	return false;
}

/* What a new VF is not without being told. */
static void keep_attrs(const struct via_sriov_attrs *had, const struct via_plan_pf *state,
		       struct via_sriov_attrs *attrs)
{
	static const struct via_mac none;
	unsigned int kept = had->valid & ~attrs->valid;

	if (!memcmp(&had->mac, &none, sizeof(none)) || is_given(state, &had->mac))
		kept &= ~(unsigned int)VIA_SRIOV_MAC;
	if (!had->vlan || !(kept & VIA_SRIOV_VLAN))
		kept &= ~(unsigned int)(VIA_SRIOV_VLAN | VIA_SRIOV_QOS);
	if (!had->trust)
		kept &= ~(unsigned int)VIA_SRIOV_TRUST;
	if (kept & VIA_SRIOV_MAC)
		attrs->mac = had->mac;
	if (kept & VIA_SRIOV_VLAN) {
		attrs->vlan = had->vlan;
		attrs->qos = had->qos;
		attrs->vlan_protocol = had->vlan_protocol;
	}
	if (kept & VIA_SRIOV_TRUST)
		attrs->trust = had->trust;
	if (kept & VIA_SRIOV_SPOOFCHK)
		attrs->spoofchk = had->spoofchk;
	attrs->valid |= kept;
}

/* VFs that are made again keep what the file does not say of them. */
static void keep_vfs(const struct via_plan_pf *present, struct via_plan_pf *state)
{
	for (size_t i = 0; i < state->vf_count && i < present->vf_count; i++) {
		const struct via_plan_vf *had = &present->vfs[i];
		struct via_plan_vf *vf = &state->vfs[i];

		keep_attrs(&had->attrs, state, &vf->attrs);
		if (vf->has_driver || !*had->driver)
			continue;
		strcpy(vf->driver, had->driver);
		strcpy(vf->override, had->override);
		vf->own = had->own;
		vf->has_driver = true;
	}
}

static int expand_pf(const struct via_sriov_wanted *wanted, const struct via_sriov_wanted_pf *pf,
		     const struct via_plan_pf *present, struct via_plan_pf *state,
		     struct via_error *err)
{
	const struct via_sriov_wanted_vfs *last =
		pf->vfs_count ? &pf->vfs[pf->vfs_count - 1] : NULL;

	*state = *present;
	state->has_count = pf->has_count;
	state->count = pf->has_count ? pf->count : present->count;
	state->each = (struct via_sriov_nvme){ .queues = pf->queues, .vectors = pf->vectors };
	state->vf_count = 0;
	/* A PF that says 7 VFs may have links of fewer: they are what can be set. */
	state->vfs = NULL;
	if (last && last->last >= state->count)
		return via_plan_place(wanted, last->place,
				      via_error_set(err, EINVAL,
						    "there is no VF %u: %s has %u VF%s, and 'vfs' "
						    "does not say that it shall have others",
						    last->last, pf->pf.name, state->count,
						    state->count == 1 ? "" : "s"),
				      err);
	state->vfs = calloc(state->count + 1U, sizeof(*state->vfs));
	if (!state->vfs)
		return no_memory(err);
	state->vf_count = state->count;
	expand_vfs(pf, state);
	if (state->count != present->count)
		keep_vfs(present, state);
	return 0;
}

/* How many VFs a PF has, will have, or can have. */
static int count_vfs(struct via_host *host, const struct via_plan_state *state, struct via_bdf bdf,
		     unsigned int *count, struct via_error *err)
{
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf pf = { 0 };
	int rc = via_sriov_pf_load(host, bdf, &pf, err);

	if (rc)
		return rc;
	*count = pf.total_vfs;
	for (size_t i = 0; i < state->pf_count; i++)
		if (via_bdf_equal(state->pfs[i].bdf, bdf))
			*count = state->pfs[i].count;
	return 0;
}

/* @state has the PFs as they shall be. */
static int expand_pool(struct via_host *host, const struct via_sriov_wanted *wanted,
		       const struct via_sriov_wanted_pool *want,
		       const struct via_plan_pool *present, const struct via_plan_state *state,
		       struct via_plan_pool *pool, struct via_error *err)
{
	struct via_pool *made = &pool->pool;
	int rc;

	pool->exists = true;
	strcpy(made->name, present->name);
	strcpy(made->driver, *want->driver ? want->driver : "vfio-pci");
	made->baseline = want->attrs;
	made->members = calloc(present->pf_count + 1, sizeof(*made->members));
	if (!made->members)
		return no_memory(err);
	for (size_t i = 0; i < present->pf_count; i++) {
		unsigned int count;

		rc = count_vfs(host, state, present->pfs[i], &count, err);
		if (!rc && want->has_range && want->last >= count)
			rc = via_error_set(err, EINVAL, "there is no VF %u of %s, which has %u",
					   want->last, want->pfs[i].name, count);
		if (rc)
			return via_plan_place(wanted, want->pfs[i].place, rc, err);
		made->members[made->member_count++] = (struct via_pool_member){
			.pf = present->pfs[i],
			.first = want->first,
			.last = want->has_range ? want->last : VIA_POOL_LAST,
		};
	}
	return via_plan_place(wanted, want->pool.place, via_pool_check(made, err), err);
}

int via_plan_expand(struct via_host *host, const struct via_sriov_wanted *wanted,
		    const struct via_plan_state *present, struct via_plan_state *state,
		    struct via_error *err)
{
	int rc = via_plan_state_begin(present, state, err);

	for (size_t i = 0; !rc && i < wanted->pf_count; i++)
		rc = expand_pf(wanted, &wanted->pfs[i], &present->pfs[i], &state->pfs[i], err);
	for (size_t i = 0; !rc && i < wanted->device_count; i++) {
		strcpy(state->devices[i].state.driver, wanted->devices[i].driver);
		state->devices[i].state.has_driver = true;
	}
	for (size_t i = 0; !rc && i < wanted->pool_count; i++)
		rc = expand_pool(host, wanted, &wanted->pools[i], &present->pools[i], state,
				 &state->pools[i], err);
	return rc;
}
