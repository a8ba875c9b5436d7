/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_BOOT_IMAGE_H
#define VIA_VMM_BOOT_IMAGE_H

#include <asm/bootparam.h>
#include <stddef.h>
#include <stdint.h>

#include <viaduct/util/error.h>

#include "../memory.h"

/* A file that is read into guest memory. Everything in it is hostile. */
struct via_image {
	int fd;
	char *path; /* for messages */
	uint64_t size_bytes;
};

/** via_image_open() - Return: 0; the errno of open(2); -EINVAL for what is not a regular file. */
int via_image_open(const char *path, const char *what, struct via_image *image,
		   struct via_error *err);
void via_image_close(struct via_image *image);

/** via_image_read() - Return: 0; -ENOEXEC beyond the end of the file; the errno of pread(2). */
int via_image_read(const struct via_image *image, uint64_t offset, void *data, uint64_t size_bytes,
		   struct via_error *err);

/* Where a loaded kernel is, and what it can take. */
struct via_kernel {
	uint64_t entry;
	uint64_t end_gpa;	    /* one past what it will use before it reads the memory map */
	uint64_t initrd_max_gpa;    /* highest address an initrd may occupy */
	uint32_t cmdline_max_bytes; /* without the NUL */
	struct setup_header setup;  /* bzImage only */
};

/** via_bzimage_load() - 0; -ENOEXEC, -EFBIG and the errors of via_image_read() with a sentence. */
int via_bzimage_load(struct via_memory *memory, const struct via_image *image,
		     struct via_kernel *kernel, struct via_error *err);

/** via_pvh_load() - the same for an ELF file with a PVH entry note. */
int via_pvh_load(struct via_memory *memory, const struct via_image *image,
		 struct via_kernel *kernel, struct via_error *err);

#endif
