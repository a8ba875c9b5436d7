/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "candidates.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <viaduct/util/cleanup.h>
#include <viaduct/util/process.h>

#define NODE "sys/devices/system/node/node%d"
/* Where the firmware tells no distances: ACPI 6.5, 5.2.17. */
#define DISTANCE_SAME	 10U
#define DISTANCE_OTHER	 20U
#define DISTANCE_UNKNOWN UINT_MAX

/* How far the node of a VF is from @node, by the words of its "distance". */
static unsigned int distance_of(struct via_host *host, struct via_bdf vf, int node)
{
	char text[4096], *rest = text, *word;
	uint64_t own;

	/* -1 is no number here: the firmware does not say. */
	if (via_host_read_u64(host, &own, "sys/bus/pci/devices/%s/numa_node",
			      via_bdf_text(vf).text))
		return DISTANCE_UNKNOWN;
	if (via_host_read(host, text, sizeof(text), NODE "/distance", node))
		return own == (uint64_t)node ? DISTANCE_SAME : DISTANCE_OTHER;
	for (uint64_t i = 0; (word = strsep(&rest, " ")); i++)
		if (i == own)
			return (unsigned int)strtoul(word, NULL, 10);
	return DISTANCE_UNKNOWN;
}

static int load_pf(struct via_host *host, struct via_bdf bdf,
		   struct via_lease_candidates *candidates, const struct via_sriov_pf **pf)
{
	struct via_sriov_pf *next = &candidates->pfs[candidates->pf_count];
	struct via_error why;
	int rc;

	for (size_t i = 0; i < candidates->pf_count; i++) {
		if (via_bdf_equal(candidates->pfs[i].bdf, bdf)) {
			*pf = &candidates->pfs[i];
			return 0;
		}
	}
	rc = via_sriov_pf_load(host, bdf, next, &why);
	if (rc) {
		via_host_log(host, VIA_LOG_WARNING, "%s", why.text);
		return rc;
	}
	candidates->pf_count++;
	*pf = next;
	return 0;
}

static int add_vfs(struct via_lease_candidates *candidates, const struct via_pool *pool,
		   size_t member, const struct via_sriov_pf *pf)
{
	const struct via_pool_member *range = &pool->members[member];
	struct via_lease_candidate *grown = realloc(
		candidates->all, (candidates->count + pf->vf_count + 1) * sizeof(*candidates->all));

	if (!grown)
		return -ENOMEM;
	candidates->all = grown;
	for (size_t i = 0; i < pf->vf_count; i++) {
		const struct via_sriov_vf *vf = &pf->vfs[i];

		if (vf->index < range->first || vf->index > range->last)
			continue;
		candidates->all[candidates->count++] = (struct via_lease_candidate){
			.bdf = vf->bdf,
			.pf = pf,
			.member = member,
			.index = vf->index,
		};
	}
	return 0;
}

static int compare(const void *a_void, const void *b_void)
{
	const struct via_lease_candidate *a = a_void, *b = b_void;

	if (a->distance != b->distance)
		return a->distance < b->distance ? -1 : 1;
	if (a->member != b->member)
		return a->member < b->member ? -1 : 1;
	return (a->index > b->index) - (a->index < b->index);
}

static int load(struct via_host *host, const struct via_pool *pool, int node,
		struct via_lease_candidates *candidates)
{
	candidates->pfs = calloc(pool->member_count, sizeof(*candidates->pfs));
	if (!candidates->pfs)
		return -ENOMEM;
	for (size_t i = 0; i < pool->member_count; i++) {
		const struct via_sriov_pf *pf;

		if (!load_pf(host, pool->members[i].pf, candidates, &pf) &&
		    add_vfs(candidates, pool, i, pf))
			return -ENOMEM;
	}
	for (size_t i = 0; node >= 0 && i < candidates->count; i++)
		candidates->all[i].distance = distance_of(host, candidates->all[i].bdf, node);
	if (candidates->count)
		qsort(candidates->all, candidates->count, sizeof(*candidates->all), compare);
	return 0;
}

int via_lease_candidates_load(struct via_host *host, const struct via_pool *pool, int node,
			      struct via_lease_candidates *candidates, struct via_error *err)
{
	struct via_lease_candidates found = { 0 };
	int rc;

	if (node >= 0 && !via_host_exists(host, NODE, node))
		return via_error_set(err, ENODEV, "there is no NUMA node %d", node);
	rc = load(host, pool, node, &found);
	if (!rc && found.count) {
		*candidates = found;
		return 0;
	}
	via_lease_candidates_clear(&found);
	if (rc)
		return via_error_sys(err, -rc, "cannot list the VFs of pool %s", pool->name);
	return via_error_set(err, ENOENT,
			     "pool %s has no VFs now: 'viaduct vf create %s COUNT' makes them",
			     pool->name, via_bdf_text(pool->members[0].pf).text);
}

void via_lease_candidates_clear(struct via_lease_candidates *candidates)
{
	for (size_t i = 0; i < candidates->pf_count; i++)
		via_sriov_pf_clear(&candidates->pfs[i]);
	free(candidates->pfs);
	free(candidates->all);
	*candidates = (struct via_lease_candidates){ 0 };
}

void via_lease_candidate_set_aside(struct via_lease_candidate *candidate,
				   const struct via_error *why)
{
	candidate->aside = true;
	snprintf(candidate->why, sizeof(candidate->why), "put aside (%.120s)", why->text);
}

void via_lease_candidate_set_used(struct via_lease_candidate *candidate,
				  const struct via_error *why)
{
	candidate->taken = true;
	snprintf(candidate->why, sizeof(candidate->why), "used outside of a lease (%.120s)",
		 why->text);
}

void via_lease_candidate_look(struct via_host *host, struct via_lease_candidate *candidate)
{
	struct via_lease_record record;
	struct via_process process;
	struct via_error why;
	int rc = via_lease_record_load(host, candidate->bdf, &record, &why);

	if (rc == -ENOENT) {
		strcpy(candidate->why, "being given or freed");
		return;
	}
	if (rc) {
		via_lease_candidate_set_aside(candidate, &why);
		return;
	}
	if (record.state == VIA_LEASE_ASIDE) {
		via_error_set(&why, EIO, "%s", record.why);
		via_lease_candidate_set_aside(candidate, &why);
		return;
	}
	candidate->taken = via_lease_is_held(host, candidate->bdf, &record);
	via_process_describe(host, record.holder.pid ? record.holder.pid : record.keeper.pid,
			     &process);
	snprintf(candidate->why, sizeof(candidate->why), "process %d (%s)", (int)process.pid,
		 process.comm);
}

int via_lease_candidates_none(const struct via_pool *pool,
			      const struct via_lease_candidates *candidates, struct via_error *err)
{
	static const size_t shown_max = 5;
	char list[VIA_ERROR_TEXT_BYTES] = "", more[32] = "";
	size_t used = 0;
	bool taken = false;

	for (size_t i = 0; i < candidates->count; i++) {
		const struct via_lease_candidate *candidate = &candidates->all[i];

		taken |= candidate->taken;
		if (i >= shown_max)
			continue;
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s %s", i ? ", " : "",
					 via_bdf_text(candidate->bdf).text, candidate->why);
	}
	if (candidates->count > shown_max)
		snprintf(more, sizeof(more), ", and %zu more", candidates->count - shown_max);
	return via_error_set(err, taken ? EBUSY : EIO, "no VF of pool %s is free: %s%s", pool->name,
			     list, more);
}
