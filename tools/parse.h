/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_PARSE_H
#define VIADUCT_TOOLS_PARSE_H

#include <stdint.h>

#include <viaduct/iommu/space.h>

/* Values of options that several commands have. */

#define VIA_MEMORY_DEFAULT "512M" /* of a guest */

/** via_parse_size() - "512M", "4G"; a bare number counts bytes. Return: 0, -EINVAL, -ERANGE. */
int via_parse_size(const char *text, uint64_t *size_bytes);

/** via_parse_backend() - "auto", "group" or "iommufd". Return: 0 or -EINVAL. */
int via_parse_backend(const char *text, enum via_iommu_backend *backend);

#endif
