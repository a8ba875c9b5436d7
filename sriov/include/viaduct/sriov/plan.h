/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_SRIOV_PLAN_H
#define VIADUCT_SRIOV_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include <viaduct/iommu/group.h>
#include <viaduct/sriov/attr.h>
#include <viaduct/sriov/nvme.h>
#include <viaduct/sriov/wanted.h>
#include <viaduct/util/bdf.h>
#include <viaduct/util/error.h>
#include <viaduct/util/host.h>

/*
 * The way from what a host's devices are to what they shall be: steps, in the order in which they
 * can be done. A plan knows both ends, so that what was done can be taken back: by the way from
 * where it ended to where it began.
 *
 * One thread at a time per plan.
 */
struct via_plan;

enum via_plan_kind {
	VIA_PLAN_DESTROY, /* all VFs of a PF: the kernel changes their number by way of 0 only */
	VIA_PLAN_CREATE,
	VIA_PLAN_ATTRS, /* of a VF */
	VIA_PLAN_NVME,	/* resources of a VF */
	VIA_PLAN_BIND,
	VIA_PLAN_UNBIND, /* to what it had before it was bound */
	VIA_PLAN_POOL,
};

#define VIA_PLAN_NAME_BYTES 96

/* What a step changes; of which the kind says which members count. */
struct via_plan_facts {
	unsigned int count;		    /* of VFs */
	struct via_sriov_attrs attrs;	    /* before: `valid` is what is known */
	struct via_sriov_nvme nvme;	    /* of VIA_PLAN_CREATE: asked for each; 0: a share */
	char driver[VIA_DRIVER_NAME_BYTES]; /* "" for none */
	char vfs[VIA_PLAN_NAME_BYTES];	    /* of a pool, as people read it */
};

struct via_plan_step {
	enum via_plan_kind kind;
	char name[VIA_PLAN_NAME_BYTES]; /* "eth0", "eth0/vf3", "0000:01:00.0", a pool's */
	struct via_bdf bdf;		/* of the PF, or the device */
	bool is_vf;
	unsigned int index; /* of the VF; of VIA_PLAN_POOL: which */
	struct via_plan_facts before, after;
};

/* One line of a step, as people read it; "" is none. */
struct via_plan_value {
	const char *name;
	char before[VIA_PLAN_NAME_BYTES], after[VIA_PLAN_NAME_BYTES];
};

#define VIA_PLAN_VALUES_MAX 8U

/* Which function a name means; Return: 0 or a negative errno with a sentence. */
typedef int (*via_plan_resolve_fn)(struct via_host *host, const char *name, struct via_bdf *bdf,
				   struct via_error *err);

/**
 * via_plan_new() - read the present state of what @wanted names, and find the way. Changes nothing.
 * @wanted: needed until then only.
 * @plan: freed with via_plan_free().
 *
 * Return: 0; -EINVAL for a PF or VF that is named twice, and a VF that there will not be; -ERANGE
 * for more VFs than the PF can have; -ENOTSUP for what the PF does not have; what @resolve and
 * via_sriov_pf_load() return, all with the place in the file; an errno of reading attributes or
 * resources; -ENOMEM.
 */
VIA_API int via_plan_new(struct via_host *host, const struct via_sriov_wanted *wanted,
			 via_plan_resolve_fn resolve, struct via_plan **plan,
			 struct via_error *err);
VIA_API void via_plan_free(struct via_plan *plan);

static inline void via_plan_freep(struct via_plan **plan)
{
	via_plan_free(*plan);
}

/** via_plan_steps() - 0: nothing to do. They stay the plan's. */
VIA_API size_t via_plan_steps(const struct via_plan *plan, const struct via_plan_step **steps);

/** via_plan_values() - what a step changes, line by line. Return: how many. */
VIA_API size_t via_plan_values(const struct via_plan_step *step,
			       struct via_plan_value values[static VIA_PLAN_VALUES_MAX]);

/**
 * via_plan_check() - whether all steps can be done, as far as can be known before the first: no VF
 * or device that is touched is in use, drivers are loaded, PFs answer.
 *
 * Return: 0; -EBUSY with a sentence that says who uses what; or what the functions that do the
 * steps return.
 */
VIA_API int via_plan_check(struct via_plan *plan, struct via_error *err);

/* What somebody who waits wants to know. */
struct via_plan_watch {
	/* Before each step, @at counted from 0; also of those that take back. May be NULL. */
	void (*step)(void *data, const struct via_plan_step *step, size_t at, size_t count,
		     bool takes_back);
	/* Asked before each step: whether to stop, and take back. May be NULL. */
	bool (*stop)(void *data);
	void *data;
};

/**
 * via_plan_apply() - check, then do all steps. When one fails, those done are taken back, as far as
 * that can be; what cannot is logged, and the sentence says so.
 *
 * Return: 0, also when there is nothing to do; what via_plan_check() returns; -EINTR when @watch
 * said stop; the errno of the step that failed.
 */
VIA_API int via_plan_apply(struct via_plan *plan, const struct via_plan_watch *watch,
			   struct via_error *err);

/**
 * via_plan_lock() - be the only one who applies a plan, from before it is made. Ends with its
 * process.
 * @timeout_ms: how long to wait for another one.
 * @lock_fd: the lock, until it is closed.
 *
 * Return: 0; -EBUSY with a sentence that names who has it; -EACCES without the privilege; or an
 * errno of mkdir(2), open(2) or flock(2).
 */
VIA_API int via_plan_lock(struct via_host *host, int timeout_ms, int *lock_fd,
			  struct via_error *err);

#endif
