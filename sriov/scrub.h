/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_SRIOV_SCRUB_H
#define VIADUCT_SRIOV_SCRUB_H

#include <viaduct/sriov/attr.h>
#include <viaduct/sriov/pf.h>
#include <viaduct/util/bdf.h>
#include <viaduct/util/error.h>
#include <viaduct/util/host.h>

/**
 * via_sriov_scrub_reset() - take from a VF what a tenant left in it: bus mastering off, reset, and
 * a look at whether it is the same VF after. Nobody has it open.
 *
 * Return: 0; -EACCES without the privilege; else why it cannot be trusted: -ENOTTY when it has no
 * reset, the errno of its reset, -EIO when its configuration space is not as it should be.
 */
int via_sriov_scrub_reset(struct via_host *host, const struct via_sriov_pf *pf, struct via_bdf vf,
			  struct via_error *err);

/**
 * via_sriov_scrub_attrs() - hold VF @index to @wanted: what differs is set, and looked at again.
 *
 * Return: 0; -EIO when the driver says it did and did not; or what via_sriov_attrs_set() and
 * via_sriov_attrs_get() return.
 */
int via_sriov_scrub_attrs(struct via_host *host, const struct via_sriov_pf *pf, unsigned int index,
			  const struct via_sriov_attrs *wanted, struct via_error *err);

/**
 * via_sriov_scrub_now() - the attributes of VF @index; none where the PF has no network interface.
 * Return: 0, or what via_sriov_attrs_get() returns but -ENOTSUP.
 */
int via_sriov_scrub_now(struct via_host *host, const struct via_sriov_pf *pf, unsigned int index,
			struct via_sriov_attrs *attrs, struct via_error *err);

#endif
