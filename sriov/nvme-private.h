/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_SRIOV_NVME_PRIVATE_H
#define VIADUCT_SRIOV_NVME_PRIVATE_H

#include <viaduct/sriov/nvme.h>

#include "nvme-admin.h"

/* The public functions, with an admin queue that a test lends; NULL is the PF's own. */
int via_sriov_nvme_get_with(struct via_host *host, const struct via_sriov_pf *pf,
			    const struct via_nvme_admin *lent, struct via_sriov_nvme *vfs,
			    struct via_error *err);
int via_sriov_nvme_plan_with(struct via_host *host, const struct via_sriov_pf *pf,
			     const struct via_sriov_request *request,
			     const struct via_nvme_admin *lent, struct via_sriov_nvme *each,
			     struct via_error *err);
int via_sriov_nvme_set_with(struct via_host *host, const struct via_sriov_pf *pf,
			    unsigned int index, const struct via_sriov_nvme *wanted,
			    const struct via_nvme_admin *lent, struct via_error *err);

#endif
