/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TESTS_UNIT_VMM_FUNCTION_H
#define VIADUCT_TESTS_UNIT_VMM_FUNCTION_H

#include <stdint.h>

#include "fake-vfio.h"
#include "private.h"

/*
 * The device of fake-vfio.h with the configuration space of an igb VF: MSI-X of three vectors in
 * BAR 3, table at 0 and pending bits at 2000h; BAR 0 has the registers. Both have 64 bits.
 */
struct vmm_function {
	struct tree tree;
	struct fake_vfio fake;
	struct via_iommu_space *space;
	struct via_host *host; /* the tree's, but with a log */
	char log[1024];	       /* what was said */
	struct via_error err;
};

#define VMM_FUNCTION_MSIX    0x70
#define VMM_FUNCTION_VECTORS 3U

void vmm_function_init(struct vmm_function *function);
void vmm_function_fini(struct vmm_function *function);

/** vmm_function_put() - change its configuration space before it is opened. */
void vmm_function_put(struct vmm_function *function, size_t offset, unsigned int size_bytes,
		      uint32_t value);

/** vmm_function_get() - what its configuration space says now. */
uint32_t vmm_function_get(struct vmm_function *function, size_t offset, unsigned int size_bytes);

/** vmm_function_open() - open it. Ends the program if that fails. */
struct via_vfio_device *vmm_function_open(struct vmm_function *function);

#endif
