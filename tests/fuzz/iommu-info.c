/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel's answer to VFIO_IOMMU_GET_INFO. */
#include "backend.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct via_ioctl_info info = { .data = malloc(size ? size : 1), .size_bytes = size };
	struct via_iommu_geometry geometry = { 0 };

	MUST(info.data);
	memcpy(info.data, data, size);
	if (!via_iommu_type1_parse(&info, &geometry))
		for (size_t i = 0; i < geometry.iova.count; i++) {
			MUST(geometry.iova.ranges[i].first <= geometry.iova.ranges[i].last);
			MUST(!i ||
			     geometry.iova.ranges[i - 1].last < geometry.iova.ranges[i].first);
		}
	via_range_set_clear(&geometry.iova);
	free(info.data);
	return 0;
}
