/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_SRIOV_CREATE_PRIVATE_H
#define VIADUCT_SRIOV_CREATE_PRIVATE_H

#include <viaduct/sriov/create.h>

#include "kind.h"

/* The public functions, for who has the lock of the PF. */
int via_sriov_create_locked(struct via_host *host, struct via_bdf bdf,
			    const struct via_sriov_request *request,
			    const struct via_sriov_lent *lent, struct via_error *err);
/**
 * via_sriov_create_again_locked() - @count VFs that were there before: what their kind gives new
 * ones is not theirs, its restore() follows.
 */
int via_sriov_create_again_locked(struct via_host *host, struct via_bdf bdf, unsigned int count,
				  const struct via_sriov_lent *lent, struct via_error *err);
int via_sriov_destroy_locked(struct via_host *host, struct via_bdf bdf, bool force,
			     const struct via_sriov_lent *lent, struct via_error *err);

#endif
