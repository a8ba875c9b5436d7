/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kind.h"

#include <errno.h>

#include <viaduct/sriov/nvme.h>

static int plain_check(struct via_host *host, const struct via_sriov_pf *pf,
		       const struct via_sriov_request *request, struct via_error *err)
{
	(void)host;
	if (request->queues || request->vectors)
		return via_error_set(err, ENOTSUP,
				     "%s is not an NVMe controller: the number of queues and "
				     "vectors of its VFs is not given to them",
				     via_bdf_text(pf->bdf).text);
	return 0;
}

static int plain_open(struct via_host *host, const struct via_sriov_pf *pf,
		      const struct via_sriov_lent *lent, void **work, struct via_error *err)
{
	(void)host;
	(void)pf;
	(void)lent;
	(void)err;
	*work = NULL;
	return 0;
}

static int plain_remember(void *work, struct via_sriov_record *record, struct via_error *err)
{
	(void)work;
	(void)record;
	(void)err;
	return 0;
}

static int plain_restore(void *work, const struct via_sriov_record *record, struct via_error *err)
{
	(void)work;
	(void)record;
	(void)err;
	return 0;
}

static int plain_prepare(void *work, const struct via_sriov_request *request, struct via_error *err)
{
	(void)work;
	(void)request;
	(void)err;
	return 0;
}

static int plain_start(void *work, struct via_error *err)
{
	(void)work;
	(void)err;
	return 0;
}

static void plain_end(void *work)
{
	(void)work;
}

const struct via_sriov_kind via_sriov_kind_plain = {
	.check = plain_check,
	.open = plain_open,
	.remember = plain_remember,
	.prepare = plain_prepare,
	.start = plain_start,
	.clear = plain_end,
	.restore = plain_restore,
	.close = plain_end,
};

const struct via_sriov_kind *via_sriov_kind_of(struct via_host *host, struct via_bdf bdf)
{
	return via_sriov_is_nvme(host, bdf) ? &via_sriov_kind_nvme : &via_sriov_kind_plain;
}
