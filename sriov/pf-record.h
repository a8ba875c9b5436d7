/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_SRIOV_PF_RECORD_H
#define VIADUCT_SRIOV_PF_RECORD_H

#include <viaduct/iommu/group.h>
#include <viaduct/sriov/attr.h>
#include <viaduct/sriov/nvme.h>
#include <viaduct/util/journal.h>

#define VIA_SRIOV_PF_RECORDS	"run/viaduct/pfs"
#define VIA_SRIOV_ATTRS_RECORDS "run/viaduct/attrs"

/* A VF that was there. */
struct via_sriov_vf_before {
	struct via_journal_identity identity; /* another one now: it was taken away and came anew */
	char driver[VIA_DRIVER_NAME_BYTES];   /* "" for none */
	char override[VIA_DRIVER_NAME_BYTES]; /* "" for none */
	struct via_sriov_attrs attrs;
};

/*
 * What a PF had before Viaduct's first change to the number of its VFs or what they hold:
 * run/viaduct/pfs/<BDF>.
 */
struct via_sriov_record {
	unsigned int num_vfs;
	struct via_sriov_vf_before *vfs; /* that many */
	struct via_sriov_nvme *nvme;	 /* by index; NULL: nothing to manage */
	unsigned int nvme_count;
};

void via_sriov_record_clear(struct via_sriov_record *record);

/** via_sriov_record_load() - Return: what via_journal_load() does; -ENOMEM. */
int via_sriov_record_load(struct via_host *host, struct via_bdf pf, struct via_sriov_record *record,
			  struct via_error *err);
int via_sriov_record_save(struct via_host *host, struct via_bdf pf,
			  const struct via_sriov_record *record, struct via_error *err);
int via_sriov_record_remove(struct via_host *host, struct via_bdf pf, struct via_error *err);

/* The attributes of a VF that is there that were changed, before each first change:
 * run/viaduct/attrs/<BDF>. */
int via_sriov_attrs_record_load(struct via_host *host, struct via_bdf vf,
				struct via_sriov_attrs *attrs, struct via_error *err);
int via_sriov_attrs_record_save(struct via_host *host, struct via_bdf vf,
				const struct via_sriov_attrs *attrs, struct via_error *err);
int via_sriov_attrs_record_remove(struct via_host *host, struct via_bdf vf, struct via_error *err);

#endif
