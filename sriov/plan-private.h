/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_SRIOV_PLAN_PRIVATE_H
#define VIADUCT_SRIOV_PLAN_PRIVATE_H

#include <viaduct/sriov/create.h>
#include <viaduct/sriov/plan.h>
#include <viaduct/sriov/pool.h>

/*
 * A state of devices: as it is, was, or shall be. The states of one plan name the same PFs and
 * devices in the same order.
 */
struct via_plan_vf {
	struct via_sriov_attrs attrs; /* in `valid`: known, or wanted */
	bool has_nvme;
	struct via_sriov_nvme nvme; /* wanted: 0 is not said */
	bool has_driver;
	char driver[VIA_DRIVER_NAME_BYTES];
	bool was;	 /* this was read, and not only said */
	bool remembered; /* via_vfio_unbind() would give it what it had */
	/* The driver is not of Viaduct's giving; the override beside it. */
	bool own;
	char override[VIA_DRIVER_NAME_BYTES];
};

struct via_plan_pf {
	struct via_bdf bdf;
	char name[VIA_DRIVER_NAME_BYTES]; /* of its first netdev, or its address */
	bool gone;			  /* not known any more */
	bool has_count;
	unsigned int count;
	struct via_sriov_nvme each; /* what to ask for when VFs are made; 0: a share */
	struct via_plan_vf *vfs;    /* the first @vf_count, by index */
	size_t vf_count;
};

struct via_plan_device {
	struct via_bdf bdf;
	bool gone;
	struct via_plan_vf state; /* its driver */
};

struct via_plan_pool {
	char name[VIA_POOL_NAME_BYTES];
	struct via_bdf *pfs; /* of the present state: those that are wanted */
	size_t pf_count;
	bool exists;
	bool gone;
	struct via_pool pool;
};

struct via_plan_state {
	struct via_plan_pf *pfs;
	size_t pf_count;
	struct via_plan_device *devices;
	size_t device_count;
	struct via_plan_pool *pools;
	size_t pool_count;
};

/* The functions that ask and change a host; a test has its own. */
struct via_plan_port {
	typeof(&via_sriov_create) create;
	typeof(&via_sriov_destroy) destroy;
	typeof(&via_sriov_attrs_get) attrs_get;
	typeof(&via_sriov_attrs_set) attrs_set;
	/* Also to no MAC address, which nobody can ask for; takes the PF's lock. */
	typeof(&via_sriov_attrs_set) attrs_restore;
	typeof(&via_sriov_nvme_get) nvme_get;
	typeof(&via_sriov_nvme_set) nvme_set;
	typeof(&via_sriov_nvme_complete) nvme_complete;
	int (*bind)(struct via_host *host, struct via_bdf bdf, const char *driver,
		    struct via_error *err);
	int (*unbind)(struct via_host *host, struct via_bdf bdf, char *driver,
		      struct via_error *err);
};

int via_plan_new_with(struct via_host *host, const struct via_plan_port *port,
		      const struct via_sriov_wanted *wanted, via_plan_resolve_fn resolve,
		      struct via_plan **plan, struct via_error *err);

struct via_plan_steps {
	struct via_plan_step *all;
	size_t count;
};

/** via_plan_read() - the present state of what @wanted names, whose addresses are in @state, which
 * is otherwise empty. */
int via_plan_read(struct via_host *host, const struct via_plan_port *port,
		  const struct via_sriov_wanted *wanted, struct via_plan_state *state,
		  struct via_error *err);

/** via_plan_read_again() - the same after something failed. What is not there any more, or cannot
 * be read, is logged, counted in @left, and marked. */
void via_plan_read_again(struct via_host *host, const struct via_plan_port *port,
			 const struct via_plan_state *before, struct via_plan_state *state,
			 size_t *left);

/** via_plan_find() - the addresses of what @wanted names. */
int via_plan_find(struct via_host *host, const struct via_sriov_wanted *wanted,
		  via_plan_resolve_fn resolve, struct via_plan_state *state, struct via_error *err);

/** via_plan_expand() - @wanted, VF by VF. */
int via_plan_expand(struct via_host *host, const struct via_sriov_wanted *wanted,
		    const struct via_plan_state *present, struct via_plan_state *state,
		    struct via_error *err);

void via_plan_state_clear(struct via_plan_state *state);

/** via_plan_state_begin() - as many PFs and devices as in @other, by their addresses. */
int via_plan_state_begin(const struct via_plan_state *other, struct via_plan_state *state,
			 struct via_error *err);

/** via_plan_diff() - the way from one state to another. Return: 0 or -ENOMEM. */
int via_plan_diff(const struct via_plan_state *from, const struct via_plan_state *to,
		  struct via_plan_steps *steps, struct via_error *err);

/** via_plan_place() - "FILE:LINE:COLUMN: " before the sentence in @err. Return: @rc. */
int via_plan_place(const struct via_sriov_wanted *wanted, struct via_sriov_place place, int rc,
		   struct via_error *err);

#endif
