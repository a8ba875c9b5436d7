/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel's answer to IOMMU_IOAS_IOVA_RANGES: the alignment, then ranges. */
#include <linux/iommufd.h>

#include "backend.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	uint64_t alignment_bytes = take(&input, sizeof(alignment_bytes));
	size_t count = input.left / sizeof(struct iommu_iova_range);
	struct iommu_iova_range *ranges = malloc(count ? count * sizeof(*ranges) : 1);
	struct via_iommu_geometry geometry = { 0 };

	MUST(ranges);
	memcpy(ranges, input.data, count * sizeof(*ranges));
	if (!via_iommu_iommufd_parse(ranges, count, alignment_bytes, &geometry)) {
		MUST(geometry.page_bytes && !(geometry.page_bytes & (geometry.page_bytes - 1)));
		for (size_t i = 0; i < geometry.iova.count; i++) {
			MUST(geometry.iova.ranges[i].first <= geometry.iova.ranges[i].last);
			MUST(!i ||
			     geometry.iova.ranges[i - 1].last < geometry.iova.ranges[i].first);
		}
		for (size_t i = 0; i < count; i++)
			MUST(via_range_set_contains(
				&geometry.iova,
				(struct via_range){ ranges[i].start, ranges[i].last }));
	}
	via_range_set_clear(&geometry.iova);
	free(ranges);
	return 0;
}
