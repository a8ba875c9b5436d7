/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_SRIOV_POOL_H
#define VIADUCT_SRIOV_POOL_H

#include <limits.h>
#include <stddef.h>

#include <viaduct/iommu/group.h>
#include <viaduct/sriov/attr.h>
#include <viaduct/util/bdf.h>
#include <viaduct/util/error.h>
#include <viaduct/util/host.h>

/*
 * A pool: VFs that are alike to those who ask for one (lease.h). It is the file
 * run/viaduct/pools/NAME, which says which VFs, and what each is before it is handed over. The VFs
 * need not exist while it is written: those that do are in the pool.
 *
 * Every function may be called by any thread; a struct is used by one thread at a time.
 */

#define VIA_POOL_NAME_BYTES 64

/* VFs of one PF, by index. */
struct via_pool_member {
	struct via_bdf pf;
	unsigned int first;
	unsigned int last; /* the last one that belongs to it; VIA_POOL_LAST: all there are */
};

#define VIA_POOL_LAST	     UINT_MAX
#define VIA_POOL_MEMBERS_MAX 256U

struct via_pool {
	char name[VIA_POOL_NAME_BYTES];	    /* letters, digits, '.', '_', '-'; not '.' first */
	char driver[VIA_DRIVER_NAME_BYTES]; /* of a VF while it is leased */
	/*
	 * What each VF is held to. A MAC address is that of the first VF, and counts up from VF to
	 * VF, in the order of the members. What is not in `valid` is put back after a lease to what
	 * it was before.
	 */
	struct via_sriov_attrs baseline;
	struct via_pool_member *members;
	size_t member_count;
};

/**
 * via_pool_check() - whether a pool can be one.
 *
 * Return: 0, or -EINVAL with a sentence: a name or a driver's name that can be no part of a path,
 * no members or too many, a range that ends before it begins, a VF that is in it twice, a value no
 * VF can have, a MAC address when it is not known how many VFs are before one, or of which there
 * are not enough.
 */
VIA_API int via_pool_check(const struct via_pool *pool, struct via_error *err);

/**
 * via_pool_baseline() - what a VF of the pool is held to.
 * @member: below @pool->member_count; @index: one of its VFs.
 *
 * Return: 0, or -EINVAL when there is no MAC address for it.
 */
VIA_API int via_pool_baseline(const struct via_pool *pool, size_t member, unsigned int index,
			      struct via_sriov_attrs *attrs, struct via_error *err);

/**
 * via_pool_save() - make a pool, or change one: leases that are held end as they began.
 *
 * Return: 0; -EINVAL as via_pool_check(); or the errno of via_host_replace().
 */
VIA_API int via_pool_save(struct via_host *host, const struct via_pool *pool,
			  struct via_error *err);

/**
 * via_pool_load() - a pool by its name.
 * @pool: zero-initialised; released with via_pool_clear().
 *
 * Return: 0; -EINVAL for what is no name; -ENOENT when there is no such pool; -EPROTO when its file
 * is damaged; -ENOMEM; or the errno of reading it.
 */
VIA_API int via_pool_load(struct via_host *host, const char *name, struct via_pool *pool,
			  struct via_error *err);
VIA_API void via_pool_clear(struct via_pool *pool);

/**
 * via_pool_list() - the names of all pools, sorted.
 * @names: zero-initialised; released with via_names_free().
 *
 * Return: 0, -ENOMEM, or the errno of reading the directory.
 */
VIA_API int via_pool_list(struct via_host *host, struct via_names *names, struct via_error *err);

/**
 * via_pool_remove_check() - whether via_pool_remove() would be refused, and why.
 *
 * Return: 0; -EINVAL for what is no name; -ENOENT when there is no such pool; -EBUSY when a VF of
 * it is on lease, with a sentence that names the process; -ENOMEM.
 */
VIA_API int via_pool_remove_check(struct via_host *host, const char *name, struct via_error *err);

/**
 * via_pool_remove() - a pool is no more; its VFs stay as they are.
 *
 * Return: 0; as via_pool_remove_check(); or the errno of via_host_remove().
 */
VIA_API int via_pool_remove(struct via_host *host, const char *name, struct via_error *err);

#endif
