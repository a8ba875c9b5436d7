/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "parse.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int via_parse_size(const char *text, uint64_t *size_bytes)
{
	static const char units[] = "KMGT";
	unsigned long long value;
	unsigned int shift = 0;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno)
		return -ERANGE;
	if (*end) {
		const char *unit = strchr(units, toupper((unsigned char)*end));

		if (!unit || end[1])
			return -EINVAL;
		shift = 10 * (unsigned int)(unit - units + 1);
	}
	if (value > UINT64_MAX >> shift)
		return -ERANGE;
	*size_bytes = value << shift;
	return 0;
}

int via_parse_backend(const char *text, enum via_iommu_backend *backend)
{
	static const enum via_iommu_backend all[] = {
		VIA_IOMMU_BACKEND_AUTO,
		VIA_IOMMU_BACKEND_GROUP,
		VIA_IOMMU_BACKEND_IOMMUFD,
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		if (strcmp(text, via_iommu_backend_name(all[i])))
			continue;
		*backend = all[i];
		return 0;
	}
	return -EINVAL;
}
