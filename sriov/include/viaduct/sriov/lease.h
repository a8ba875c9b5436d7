/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_SRIOV_LEASE_H
#define VIADUCT_SRIOV_LEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <viaduct/sriov/attr.h>
#include <viaduct/sriov/pool.h>
#include <viaduct/util/bdf.h>
#include <viaduct/util/error.h>
#include <viaduct/util/host.h>
#include <viaduct/vfio/lease.h>

/*
 * A VF of a pool, for one tenant at a time. Before it is handed over, and after, its bus mastering
 * is off, it has been reset, and it is held to the pool's baseline; what this VF had before of what
 * the baseline does not say is put back. It ends with the process it is for, also when the one that
 * keeps it was killed: then whoever comes next to any of the functions below cleans up.
 *
 * The record is written before the VF is touched. The lock tells two processes that want one VF
 * apart, and is what a kept COMMAND inherits.
 *
 * A lease is used by one thread at a time.
 */
struct via_lease;

struct via_lease_options {
	int node;    /* NUMA node to be near to, where there is a choice; -1: any */
	pid_t owner; /* whose end ends it; 0: the calling process's, or via_lease_set_holder() */
};

/* What a lease would be, or is, about. */
struct via_lease_choice {
	struct via_bdf bdf;
	struct via_bdf pf;
	unsigned int index;
	struct via_sriov_attrs before; /* valid: 0 where the PF has no network interface */
	struct via_sriov_attrs after;  /* all of them: the baseline, and what stays as it is */
};

/**
 * via_lease_take() - any free VF of a pool, ready. One that cannot be reset or does not look as it
 * should after is put aside with a warning, and another one is tried.
 * @lease: ended with via_lease_end().
 *
 * Return: 0; -EBUSY with a sentence that names the holders when all are taken; -ENOENT when the
 * pool has no VFs now; -EIO when all are put aside; -ENODEV when there is no such node; -ESRCH when
 * there is no process @options->owner; -ENOTSUP or -EXDEV when the baseline cannot be set; what
 * via_vfio_bind() returns; -EACCES/-EPERM without the privilege.
 */
VIA_API int via_lease_take(struct via_host *host, const struct via_pool *pool,
			   const struct via_lease_options *options, struct via_lease **lease,
			   struct via_error *err);

/**
 * via_lease_find() - which VF via_lease_take() would try first, without taking it.
 *
 * Return: as via_lease_take().
 */
VIA_API int via_lease_find(struct via_host *host, const struct via_pool *pool,
			   const struct via_lease_options *options, struct via_lease_choice *choice,
			   struct via_error *err);

VIA_API const struct via_lease_choice *via_lease_choice(const struct via_lease *lease);

/**
 * via_lease_fd() - the lock. A child that keeps it open, through exec(3) too, keeps the lease when
 * this process is killed.
 */
VIA_API int via_lease_fd(const struct via_lease *lease);

/**
 * via_lease_set_holder() - the process it is for, a child: the lease lasts as long as it does.
 *
 * Return: 0; -ESRCH when there is no such process; or the errno of recording it.
 */
VIA_API int via_lease_set_holder(struct via_lease *lease, pid_t pid, struct via_error *err);

/**
 * via_lease_end() - scrub the VF and set it free. @lease is freed in any case.
 *
 * Return: 0; -EBUSY when a process has the VF open still: it is scrubbed when the next one asks for
 * it after; or why it was put aside, with a sentence.
 */
VIA_API int via_lease_end(struct via_lease *lease, struct via_error *err);

/**
 * via_lease_release() - end the lease of a function, be it another process's: that is asked to by
 * SIGTERM, and waited for for ten seconds. One whose process has ended, or that was put aside, is
 * scrubbed and set free.
 *
 * Return: 0; -ENOENT when it is not on lease; -ETIMEDOUT when the process has not ended it; -EBUSY
 * when a process has the function open, or the keeper was killed and its command still runs;
 * -EPROTO when its record is damaged; or why it was put aside.
 */
VIA_API int via_lease_release(struct via_host *host, struct via_bdf bdf, struct via_error *err);

/**
 * via_lease_recover() - scrub and set free what killed processes left. What cannot be is logged.
 * @count: how many were set free; may be NULL.
 *
 * Return: 0, -ENOMEM, -EACCES without the privilege, or the errno of reading the records.
 */
VIA_API int via_lease_recover(struct via_host *host, size_t *count, struct via_error *err);

/* A function with a record. */
struct via_lease_info {
	struct via_bdf bdf;
	bool held;
	struct via_lease_record record;
};

struct via_leases {
	struct via_lease_info *all; /* by address */
	size_t count;
};

/**
 * via_lease_list() - the leases there are, also those whose processes have ended.
 * @leases: zero-initialised; released with via_leases_free(). Damaged records are logged.
 *
 * Return: 0, -ENOMEM, or the errno of reading the directory.
 */
VIA_API int via_lease_list(struct via_host *host, struct via_leases *leases, struct via_error *err);
VIA_API void via_leases_free(struct via_leases *leases);

#endif
