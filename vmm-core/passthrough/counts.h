/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_PASSTHROUGH_COUNTS_H
#define VIA_VMM_PASSTHROUGH_COUNTS_H

#include <stdint.h>

struct via_passthrough;

/**
 * via_passthrough_interrupts() - how often the host's kernel saw the interrupts of the function.
 * @name: its kind, as in /proc/interrupts: "vfio-msix", "vfio-msi", "vfio-intx".
 * @counts: the @count running counts are added to these.
 */
void via_passthrough_interrupts(struct via_passthrough *function, const char *name,
				uint64_t *counts, uint32_t count);

#endif
