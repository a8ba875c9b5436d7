/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "slots.h"

#include <stdbool.h>

#include <viaduct/iommu/group.h>
#include <viaduct/util/cleanup.h>

static bool same_slot(struct via_bdf a, struct via_bdf b)
{
	return a.domain == b.domain && a.bus == b.bus && a.device == b.device;
}

static int load_groups(struct via_host *host, const struct via_vmm_device *devices, size_t count,
		       unsigned int *ids, struct via_error *err)
{
	for (size_t i = 0; i < count; i++) {
		via_cleanup(via_iommu_group_clear) struct via_iommu_group group = { 0 };
		int rc = via_iommu_group_load(host, devices[i].bdf, &group, err);

		if (rc)
			return rc;
		ids[i] = group.id;
	}
	return 0;
}

int via_passthrough_slots(struct via_host *host, const struct via_vmm_device *devices, size_t count,
			  struct via_passthrough_place *places, struct via_error *err)
{
	unsigned int groups[VIA_VMM_DEVICES_MAX];
	uint8_t slot = 0;
	int rc = load_groups(host, devices, count, groups, err);

	if (rc)
		return rc;
	for (size_t i = 0; i < count; i++)
		places[i] = (struct via_passthrough_place){ 0 };
	for (size_t i = 0; i < count; i++) {
		bool whole = false, several = false;

		if (places[i].devfn)
			continue; /* came with another */
		slot++;
		for (size_t j = 0; j < count; j++) {
			if (!same_slot(devices[i].bdf, devices[j].bdf) || groups[i] != groups[j])
				continue;
			whole |= !devices[j].bdf.function;
			several |= i != j;
		}
		places[i].devfn = (uint8_t)(slot << 3);
		for (size_t j = 0; whole && several && j < count; j++) {
			if (!same_slot(devices[i].bdf, devices[j].bdf) || groups[i] != groups[j])
				continue;
			places[j].devfn = (uint8_t)(slot << 3 | devices[j].bdf.function);
			places[j].multifunction = true;
		}
	}
	return 0;
}
