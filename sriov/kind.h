/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_SRIOV_KIND_H
#define VIADUCT_SRIOV_KIND_H

#include <viaduct/sriov/create.h>

struct via_nvme_admin;
struct via_sriov_attr_driver;
struct via_sriov_record;

/* What a test lends instead of the real thing. */
struct via_sriov_lent {
	const struct via_nvme_admin *nvme;
	const struct via_sriov_attr_driver *attrs;
};

/*
 * What a kind of PF wants done around sriov_numvfs. The steps below @open are given what it
 * returned as @work; each may be called once.
 */
struct via_sriov_kind {
	/* Whether its VFs can be made, as far as sysfs says. */
	int (*check)(struct via_host *host, const struct via_sriov_pf *pf,
		     const struct via_sriov_request *request, struct via_error *err);
	int (*open)(struct via_host *host, const struct via_sriov_pf *pf,
		    const struct via_sriov_lent *lent, void **work, struct via_error *err);
	/* What there is now. */
	int (*remember)(void *work, struct via_sriov_record *record, struct via_error *err);
	/* Before there are VFs. */
	int (*prepare)(void *work, const struct via_sriov_request *request, struct via_error *err);
	/* Once the VFs are there. */
	int (*start)(void *work, struct via_error *err);
	/* When they are gone, whatever was done before. What fails is logged. */
	void (*clear)(void *work);
	/* What was remembered, when there are as many VFs as then. */
	int (*restore)(void *work, const struct via_sriov_record *record, struct via_error *err);
	void (*close)(void *work);
};

/** via_sriov_kind_of() - never NULL: most PFs want nothing more. */
const struct via_sriov_kind *via_sriov_kind_of(struct via_host *host, struct via_bdf bdf);

extern const struct via_sriov_kind via_sriov_kind_plain; /* of most PFs */
extern const struct via_sriov_kind via_sriov_kind_nvme;

int via_sriov_create_with(struct via_host *host, struct via_bdf bdf,
			  const struct via_sriov_request *request,
			  const struct via_sriov_lent *lent, struct via_error *err);
int via_sriov_destroy_with(struct via_host *host, struct via_bdf bdf, bool force,
			   const struct via_sriov_lent *lent, struct via_error *err);

#endif
