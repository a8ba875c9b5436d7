/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_SRIOV_CANDIDATES_H
#define VIADUCT_SRIOV_CANDIDATES_H

#include <stdbool.h>
#include <stddef.h>

#include <viaduct/sriov/lease.h>
#include <viaduct/sriov/pf.h>
#include <viaduct/sriov/pool.h>

/* A VF of a pool, and why it is not to be had, when that has been found out. */
struct via_lease_candidate {
	struct via_bdf bdf;
	const struct via_sriov_pf *pf;
	size_t member; /* of the pool */
	unsigned int index;
	unsigned int distance; /* to the node asked for */
	bool taken;	       /* waiting may help */
	bool aside;
	char why[160]; /* "process 12 (sh)", or "put aside" and a sentence */
};

struct via_lease_candidates {
	struct via_lease_candidate *all; /* the nearest first, else in the order of the pool */
	size_t count;
	struct via_sriov_pf *pfs;
	size_t pf_count;
};

/**
 * via_lease_candidates_load() - the VFs of a pool that exist. A PF that does not is logged.
 * @node: -1 for none.
 *
 * Return: 0; -ENODEV when there is no such node; -ENOENT when there are no VFs; -ENOMEM.
 */
int via_lease_candidates_load(struct via_host *host, const struct via_pool *pool, int node,
			      struct via_lease_candidates *candidates, struct via_error *err);
void via_lease_candidates_clear(struct via_lease_candidates *candidates);

/** via_lease_candidate_look() - by its record: whether it is taken or put aside, and by whom. */
void via_lease_candidate_look(struct via_host *host, struct via_lease_candidate *candidate);
void via_lease_candidate_set_aside(struct via_lease_candidate *candidate,
				   const struct via_error *why);
void via_lease_candidate_set_used(struct via_lease_candidate *candidate,
				  const struct via_error *why);

/** via_lease_candidates_none() - why there is none. Return: -EBUSY, or -EIO when all are aside. */
int via_lease_candidates_none(const struct via_pool *pool,
			      const struct via_lease_candidates *candidates, struct via_error *err);

/**
 * via_lease_clean_up() - scrub what a lease left, and set it free.
 * @asked: also what was put aside, and what an owner outside has, when nobody else has the lock.
 *
 * Return: 0, also when there was nothing; -EAGAIN without a sentence when it is held, or not to be
 * touched; or as via_lease_end().
 */
int via_lease_clean_up(struct via_host *host, struct via_bdf vf, bool asked, struct via_error *err);

#endif
