/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_VFIO_LEASE_H
#define VIADUCT_VFIO_LEASE_H

#include <stdbool.h>

#include <viaduct/util/bdf.h>
#include <viaduct/util/error.h>
#include <viaduct/util/host.h>
#include <viaduct/util/process.h>

/*
 * Who has a function on lease: run/viaduct/leases/<BDF>, there from before it is made ready until
 * after it was scrubbed, and a lock that its holder has and every process it leaves it to. Leases
 * are given and ended by sriov/lease.h; here is what everybody asks before a function is changed.
 *
 * Every function may be called by any thread, those with a lock by one at a time.
 */

enum via_lease_state {
	VIA_LEASE_HELD,
	VIA_LEASE_ENDED, /* but not scrubbed: a process had it open still */
	VIA_LEASE_ASIDE, /* it could not be made ready, or scrubbed: nobody gets it */
};

#define VIA_LEASE_TEXT_BYTES 128

struct via_lease_record {
	char pool[VIA_LEASE_TEXT_BYTES]; /* whose VF it was when it was given */
	enum via_lease_state state;
	struct via_process_id keeper;	  /* who ends the lease */
	struct via_process_id holder;	  /* whose end ends it, also when the keeper was killed */
	char attrs[VIA_LEASE_TEXT_BYTES]; /* what it has again after, for sriov/lease.c */
	char why[VIA_ERROR_TEXT_BYTES];	  /* of VIA_LEASE_ASIDE and VIA_LEASE_ENDED: a sentence */
};

/**
 * via_lease_record_load() - what is known of a function's lease, held or not.
 *
 * Return: 0; -ENOENT without a sentence when nothing is, or only of another one that had its
 * address; -EPROTO when it is damaged; or the errno of reading it.
 */
VIA_API int via_lease_record_load(struct via_host *host, struct via_bdf bdf,
				  struct via_lease_record *record, struct via_error *err);

/**
 * via_lease_record_save() - before what it is about is done. Its texts lose their ends of lines.
 *
 * Return: 0, or the errno of via_host_replace().
 */
VIA_API int via_lease_record_save(struct via_host *host, struct via_bdf bdf,
				  const struct via_lease_record *record, struct via_error *err);

/** via_lease_record_remove() - Return: 0, also when there was none, or the errno of
 * via_host_remove(). */
VIA_API int via_lease_record_remove(struct via_host *host, struct via_bdf bdf,
				    struct via_error *err);

/**
 * via_lease_lock() - be the one who gives, ends or cleans up a function's lease. A lock is passed
 * on by fork(2); it is gone when all who have it are.
 * @lock_fd: the lock, until it is closed everywhere or given up with via_lease_unlock().
 *
 * Return: 0; -EBUSY without a sentence when somebody else has it; -EACCES without the privilege; or
 * an errno of mkdir(2), open(2) or fcntl(2).
 */
VIA_API int via_lease_lock(struct via_host *host, struct via_bdf bdf, int *lock_fd,
			   struct via_error *err);

/** via_lease_unlock() - give the lock up, and take it from those it was passed on to. */
VIA_API void via_lease_unlock(int *lock_fd);

/** via_lease_is_alive() - whether a process of it lives: what to ask while one has the lock. */
VIA_API bool via_lease_is_alive(struct via_host *host, const struct via_lease_record *record);

/** via_lease_is_held() - whether a lease has not ended: a process of it lives, or one it left the
 * lock to. */
VIA_API bool via_lease_is_held(struct via_host *host, struct via_bdf bdf,
			       const struct via_lease_record *record);

/**
 * via_lease_check() - whether this process may change a function: it is not leased, or to this
 * process or one that started it.
 *
 * Return: 0; -EBUSY with a sentence that names the holder; -EPROTO when it is not known, for the
 * record is damaged; or the errno of reading it.
 */
VIA_API int via_lease_check(struct via_host *host, struct via_bdf bdf, struct via_error *err);

#endif
