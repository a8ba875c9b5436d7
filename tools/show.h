/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_SHOW_H
#define VIADUCT_TOOLS_SHOW_H

#include <stdbool.h>

#include <jansson.h>

#include <viaduct/iommu/group.h>
#include <viaduct/iommu/isolation.h>
#include <viaduct/vfio/facts.h>

#include "function.h"
#include "pciname.h"

/* All that `viaduct show` tells of a function. */
struct via_show {
	struct via_function function;
	struct via_vfio_facts facts;
	bool has_group;
	struct via_iommu_group group;
	struct via_iommu_causes causes;
	struct via_error no_group; /* why it has none, or why that is not known */
	bool has_vf_bars;
	struct via_vfio_bar vf_bars[VIA_VFIO_BARS];
	long vf_msix_total; /* vectors for all VFs to share; -1: not told */
};

/** via_show_json() - NULL when memory ran out. */
json_t *via_show_json(struct via_pciname *names, const struct via_show *show);

#endif
