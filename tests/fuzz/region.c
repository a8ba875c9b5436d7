/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel's answer to VFIO_DEVICE_GET_REGION_INFO, with its chain of capabilities. */
#include "fuzz.h"
#include "private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of exactly this size: one byte beyond it is seen. */
	struct via_ioctl_info info = { .data = malloc(size ? size : 1), .size_bytes = size };
	struct via_vfio_region region = { 0 };
	struct via_vfio_region_place place = { 0 };
	uint64_t end = 0;

	MUST(info.data);
	memcpy(info.data, data, size);
	if (!via_vfio_region_parse(&info, &region, &place)) {
		MUST(place.file_offset <= INT64_MAX - region.size_bytes);
		for (size_t i = 0; i < region.area_count; i++) {
			MUST(region.areas[i].size_bytes);
			MUST(region.areas[i].offset >= end);
			MUST(region.areas[i].offset <= region.size_bytes);
			MUST(region.areas[i].size_bytes <=
			     region.size_bytes - region.areas[i].offset);
			end = region.areas[i].offset + region.areas[i].size_bytes;
		}
	}
	free(region.areas);
	free(info.data);
	return 0;
}
