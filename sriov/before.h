/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_SRIOV_BEFORE_H
#define VIADUCT_SRIOV_BEFORE_H

#include "kind.h"
#include "pf-record.h"

/*
 * What a PF had before the first change to its VFs, kept in its record. The caller has the PF's
 * lock. @work: of the PF's @kind, or, with a @kind of NULL, nothing of it.
 */

/** via_sriov_before_save() - write down what there is, unless an earlier change has done so.
 * Return: 0; what via_sriov_record_load() or _save() returns, then nothing may be changed. */
int via_sriov_before_save(struct via_host *host, const struct via_sriov_pf *pf,
			  const struct via_sriov_kind *kind, void *work,
			  const struct via_sriov_lent *lent, struct via_error *err);

/** via_sriov_before_forget() - remove the record if the PF is as it says. What fails is logged. */
void via_sriov_before_forget(struct via_host *host, struct via_bdf bdf,
			     const struct via_sriov_kind *kind, void *work);

#endif
