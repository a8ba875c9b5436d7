/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vmm-function.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend.h"

#define CONFIG_AT 0x20000 /* in the fake's file */

static void remember(void *data, enum via_log_level level, const char *message)
{
	struct vmm_function *function = data;
	size_t used = strlen(function->log);

	(void)level;
	snprintf(function->log + used, sizeof(function->log) - used, "%s\n", message);
}

void vmm_function_put(struct vmm_function *function, size_t offset, unsigned int size_bytes,
		      uint32_t value)
{
	if (pwrite(function->fake.device_fd, &value, size_bytes, (off_t)(CONFIG_AT + offset)) !=
	    (ssize_t)size_bytes)
		abort();
}

uint32_t vmm_function_get(struct vmm_function *function, size_t offset, unsigned int size_bytes)
{
	uint32_t value = 0;

	if (pread(function->fake.device_fd, &value, size_bytes, (off_t)(CONFIG_AT + offset)) !=
	    (ssize_t)size_bytes)
		abort();
	return value;
}

void vmm_function_init(struct vmm_function *function)
{
	static const struct {
		uint16_t offset;
		uint32_t value;
	} values[] = {
		{ 0x00, 0x10ca8086 },  { 0x04, 0x00100000 }, { 0x08, 0x02000001 },
		{ 0x10, 0x0000000c },  { 0x1c, 0x0000000c }, { 0x2c, 0xa03c8086 },
		{ 0x34, 0x00000070 },  { 0x70, 0x0002a011 }, { 0x74, 0x00000003 },
		{ 0x78, 0x00002003 },  { 0xa0, 0x00020010 }, { 0xa4, 0x10008cc2 },
		{ 0x100, 0x00010001 },
	};
	struct via_host_options options = { .log = remember, .log_data = function };

	memset(function, 0, sizeof(*function));
	function->tree = tree_make(fake_vfio_tree);
	options.root = function->tree.root;
	fake_vfio_init(&function->fake);
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		vmm_function_put(function, values[i].offset, 4, values[i].value);
	if (via_host_new(&options, &function->host, &function->err) ||
	    via_iommu_space_new_with(function->host, VIA_IOMMU_BACKEND_GROUP, -1,
				     fake_vfio_port(&function->fake), &function->space,
				     &function->err)) {
		fprintf(stderr, "vmm-function: %s\n", function->err.text);
		abort();
	}
}

struct via_vfio_device *vmm_function_open(struct vmm_function *function)
{
	const struct via_bdf bdf = { .bus = 1, .device = 0x10 };
	struct via_vfio_device *device;

	if (via_vfio_device_open_with(function->space, bdf, -1, fake_vfio_port(&function->fake),
				      &device, &function->err)) {
		fprintf(stderr, "vmm-function: %s\n", function->err.text);
		abort();
	}
	return device;
}

void vmm_function_fini(struct vmm_function *function)
{
	via_iommu_space_free(function->space);
	via_host_free(function->host);
	fake_vfio_fini(&function->fake);
	tree_remove(&function->tree);
}
