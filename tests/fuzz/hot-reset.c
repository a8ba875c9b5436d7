/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel's answer to VFIO_DEVICE_GET_PCI_HOT_RESET_INFO. */
#include <viaduct/vfio/reset.h>

#include "fuzz.h"
#include "private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct via_bdf self = { .bus = 1 };
	struct via_ioctl_info info = { .data = malloc(size ? size : 1), .size_bytes = size };
	struct via_vfio_reset_domain domain = { 0 };
	bool by_id, found = false;

	MUST(info.data);
	memcpy(info.data, data, size);
	if (!via_vfio_reset_parse(&info, self, &domain, &by_id)) {
		MUST(domain.count && domain.count <= size / 8);
		MUST(domain.lacks < domain.count);
		for (size_t i = 0; i < domain.count; i++) {
			MUST(domain.functions[i].device < 32 && domain.functions[i].function < 8);
			found |= via_bdf_equal(domain.functions[i], self);
		}
		MUST(found);
	}
	via_vfio_reset_clear(&domain);
	free(info.data);
	return 0;
}
