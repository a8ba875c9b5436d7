/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file given as a function's expansion ROM (rom=FILE). */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "passthrough/passthrough.h"
#include "vmm-function.h"

static struct vmm_function vf;
static struct via_passthrough function;
static char path[32];
static int fd;

static void fini(void)
{
	via_vfio_device_close(function.device);
	vmm_function_fini(&vf);
}

static void init(void)
{
	vmm_function_init(&vf);
	function.device = vmm_function_open(&vf);
	function.machine.host = vf.host;
	fd = memfd_create("rom", MFD_CLOEXEC);
	MUST(fd >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	atexit(fini);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct via_rom *rom = &function.rom;
	struct via_error err = { 0 };
	int rc;

	if (!vf.host)
		init();
	MUST(!ftruncate(fd, 0) && pwrite(fd, data, size, 0) == (ssize_t)size);
	rc = via_rom_init(&function, path, &err);
	if (rc) {
		MUST(rc == -EINVAL && err.text[0]);
	} else {
		/* A register can tell its size, and the guest sees the file and nothing behind it.
		 */
		MUST(rom->size_bytes >= 2048 && !(rom->size_bytes & (rom->size_bytes - 1)));
		MUST(rom->size_bytes >= size && rom->map_bytes >= rom->size_bytes);
		MUST(!(rom->map_bytes % 4096) && rom->loaded);
		MUST(!memcmp(rom->image, data, size));
		for (size_t i = size; i < rom->map_bytes; i++)
			MUST(!rom->image[i]);
	}
	via_rom_free(&function);
	MUST(!rom->image);
	return 0;
}
