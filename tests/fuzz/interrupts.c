/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* /proc/interrupts, where a function's interrupts are counted. */
#include <fcntl.h>
#include <unistd.h>

#include "fuzz.h"
#include "passthrough/passthrough.h"
#include "vmm-function.h"

#define COUNT 4

static struct vmm_function vf;
static struct via_passthrough function;

static void fini(void)
{
	via_vfio_device_close(function.device);
	vmm_function_fini(&vf);
}

static void init(void)
{
	vmm_function_init(&vf);
	MUST(!via_host_replace(vf.host, "", "proc/interrupts"));
	function.device = vmm_function_open(&vf);
	function.machine.host = vf.host;
	atexit(fini);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "vfio-msix", "vfio-msi", "vfio-intx" };
	int fd;

	if (!vf.host)
		init();
	fd = via_host_open(vf.host, O_WRONLY | O_TRUNC, "proc/interrupts");
	MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	close(fd);
	for (size_t i = 0; i < 3; i++) {
		uint64_t *counts = calloc(COUNT, sizeof(*counts)), one = 0;

		MUST(counts);
		via_passthrough_interrupts(&function, names[i], counts, COUNT);
		via_passthrough_interrupts(&function, names[i], &one, 1);
		/* A vector's count is its own, however many are asked for. */
		MUST(one == counts[0]);
		if (!memmem(data, size, names[i], strlen(names[i])))
			for (size_t j = 0; j < COUNT; j++)
				MUST(!counts[j]);
		free(counts);
	}
	return 0;
}
