/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_PREFLIGHT_PRIVATE_H
#define VIA_VMM_PREFLIGHT_PRIVATE_H

#include <stdbool.h>

#include <viaduct/iommu/group.h>
#include <viaduct/vfio/facts.h>
#include <viaduct/vmm/preflight.h>
#include <viaduct/vmm/vmm.h>

#include "pci/host.h"

/* A function that is asked for. */
struct via_preflight_function {
	struct via_bdf bdf;
	bool has_group;
	struct via_iommu_group group;
	bool bound; /* to a VFIO driver */
};

struct via_preflight {
	struct via_host *host;
	const struct via_vmm_request *request;
	struct via_findings *findings;
	struct via_preflight_function *functions;
	size_t count;
	struct via_pci_host pci; /* the guest's, to place BARs in */
	size_t messages_most;	 /* MSI messages KVM has room for */
	uint64_t vectors;	 /* that the functions have */
};

/** via_preflight_error() - an error, whose sentence is @err's. */
void via_preflight_error(struct via_preflight *preflight, const char *id,
			 const struct via_bdf *device, const struct via_error *err);

/* What is asked of each function, in this order: whether it can be opened, and what it is like. */
void via_preflight_open(struct via_preflight *preflight, struct via_preflight_function *function);
void via_preflight_shape(struct via_preflight *preflight, struct via_preflight_function *function);

/** via_preflight_asks() - whether a function is asked for. */
bool via_preflight_asks(const struct via_preflight *preflight, struct via_bdf bdf);

/** via_preflight_takes() - whether a function is the guest's to reset: asked for, or bound to a
 * VFIO driver in the group of one that is.
 */
bool via_preflight_takes(const struct via_preflight *preflight, struct via_bdf bdf);

#endif
