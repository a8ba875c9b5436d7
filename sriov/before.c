/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "before.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <viaduct/util/cleanup.h>
#include <viaduct/vfio/bind.h>

#include "attr-private.h"

/* Of a VF that sysfs has no directory of; there is no inode 0. */
#define NOBODY "0"

/* What is there now, or was before the first 'vf set' of it. */
static void vf_attrs(struct via_host *host, struct via_bdf vf, const struct via_sriov_attrs *now,
		     struct via_sriov_attrs *attrs)
{
	struct via_sriov_attrs had;

	*attrs = *now;
	if (via_sriov_attrs_record_load(host, vf, &had, NULL))
		return;
	*attrs = via_sriov_attrs_overlay(now, &had);
	attrs->valid |= had.valid;
}

static int fill_vf(struct via_host *host, const struct via_sriov_vf *vf,
		   const struct via_sriov_attrs *attrs, struct via_sriov_vf_before *before,
		   struct via_error *err)
{
	struct via_error unknown;

	before->identity = via_journal_identity(host, vf->bdf);
	vf_attrs(host, vf->bdf, attrs, &before->attrs);
	if (!via_vfio_had(host, vf->bdf, before->driver, before->override, &unknown))
		return 0;
	/* What it has now is the most that can be known. */
	via_host_log(host, VIA_LOG_WARNING, "%s", unknown.text);
	return via_vfio_driver(host, vf->bdf, before->driver, err);
}

static int fill_vfs(struct via_host *host, const struct via_sriov_pf *pf,
		    const struct via_sriov_lent *lent, struct via_sriov_record *record,
		    struct via_error *err)
{
	via_autofree struct via_sriov_attrs *attrs = calloc(pf->vf_count + 1, sizeof(*attrs));
	int rc = 0;

	record->vfs = calloc(pf->num_vfs + 1, sizeof(*record->vfs));
	if (!attrs || !record->vfs)
		return via_error_sys(err, ENOMEM, "cannot write down what %s has",
				     via_bdf_text(pf->bdf).text);
	record->num_vfs = pf->num_vfs;
	for (unsigned int i = 0; i < pf->num_vfs; i++)
		strcpy(record->vfs[i].identity.text, NOBODY);
	/* VFs without such attributes, or in another network namespace, go without. */
	if (pf->vf_count && via_sriov_attrs_get_with(host, pf, lent, attrs, NULL))
		memset(attrs, 0, pf->vf_count * sizeof(*attrs));
	for (size_t i = 0; !rc && i < pf->vf_count; i++)
		if (pf->vfs[i].index < pf->num_vfs)
			rc = fill_vf(host, &pf->vfs[i], &attrs[i], &record->vfs[pf->vfs[i].index],
				     err);
	return rc;
}

int via_sriov_before_save(struct via_host *host, const struct via_sriov_pf *pf,
			  const struct via_sriov_kind *kind, void *work,
			  const struct via_sriov_lent *lent, struct via_error *err)
{
	via_cleanup(via_sriov_record_clear) struct via_sriov_record record = { 0 };
	int rc = via_sriov_record_load(host, pf->bdf, &record, err);

	if (rc != -ENOENT && rc != -ESTALE)
		return rc;
	rc = fill_vfs(host, pf, lent, &record, err);
	if (!rc && kind)
		rc = kind->remember(work, &record, err);
	return rc ? rc : via_sriov_record_save(host, pf->bdf, &record, err);
}

static bool is_as_before(struct via_host *host, struct via_bdf bdf,
			 const struct via_sriov_record *record, const struct via_sriov_kind *kind,
			 void *work)
{
	via_cleanup(via_sriov_record_clear) struct via_sriov_record now = { 0 };
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf pf = { 0 };

	if (via_sriov_pf_load(host, bdf, &pf, NULL) || pf.num_vfs != record->num_vfs ||
	    (record->nvme_count && !kind))
		return false;
	for (unsigned int i = 0; i < pf.num_vfs; i++)
		if (i >= pf.vf_count || strcmp(via_journal_identity(host, pf.vfs[i].bdf).text,
					       record->vfs[i].identity.text))
			return false;
	if (kind && kind->remember(work, &now, NULL))
		return false;
	for (unsigned int i = 0; i < record->nvme_count; i++)
		if (i >= now.nvme_count || now.nvme[i].online != record->nvme[i].online ||
		    now.nvme[i].queues != record->nvme[i].queues ||
		    now.nvme[i].vectors != record->nvme[i].vectors)
			return false;
	return true;
}

void via_sriov_before_forget(struct via_host *host, struct via_bdf bdf,
			     const struct via_sriov_kind *kind, void *work)
{
	via_cleanup(via_sriov_record_clear) struct via_sriov_record record = { 0 };
	struct via_error err;

	if (via_sriov_record_load(host, bdf, &record, NULL) ||
	    !is_as_before(host, bdf, &record, kind, work))
		return;
	if (via_sriov_record_remove(host, bdf, &err))
		via_host_log(host, VIA_LOG_WARNING, "%s", err.text);
}
