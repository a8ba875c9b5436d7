/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A kernel file, bzImage or ELF, loaded into the memory of a guest without KVM. */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "boot/boot.h"
#include "fuzz.h"
#include "layout.h"

#define PIECE_BYTES (32 * MIB)

static struct via_memory memory = { .memfd = -1 };
static char path[32];
static int fd = -1;

static void init(void)
{
	fd = memfd_create("kernel", MFD_CLOEXEC);
	MUST(fd >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	for (int i = 0; i < 2; i++) {
		/* Nothing can be reached behind it. */
		void *hva = mmap(NULL, 2 * PIECE_BYTES, PROT_NONE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		MUST(hva != MAP_FAILED && !mprotect(hva, PIECE_BYTES, PROT_READ | PROT_WRITE));
		memory.pieces[i] = (struct via_memory_piece){
			.gpa = i ? LAYOUT_RAM_HIGH_BASE : 0,
			.size_bytes = PIECE_BYTES,
			.hva = hva,
		};
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct via_boot_config config = { .kernel = path, .append = "quiet" };
	struct via_boot_entry entry = { 0 };
	struct via_boot boot;
	struct via_error err;
	int rc;

	if (fd < 0)
		init();
	MUST(!ftruncate(fd, 0));
	MUST(pwrite(fd, data, size, 0) == (ssize_t)size);
	MUST(!via_boot_open(&config, &boot, &err));
	for (memory.piece_count = 1; memory.piece_count <= 2; memory.piece_count++) {
		err.text[0] = '\0';
		rc = via_boot_load(&memory, &boot, &entry, &err);
		if (rc) {
			/* Never -EFAULT, which is what reading beyond guest memory would be. */
			MUST(rc == -ENOEXEC || rc == -EFBIG || rc == -E2BIG);
			MUST(err.text[0]);
			continue;
		}
		MUST(via_memory_at(&memory, entry.address, 1));
		MUST(entry.address < LAYOUT_RAM_LOW_END);
		MUST(entry.argument == (entry.long_mode ? LAYOUT_ZERO_PAGE : LAYOUT_PVH_INFO));
	}
	via_boot_close(&boot);
	return 0;
}
