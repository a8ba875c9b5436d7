/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "../layout.h"

#define SETUP_OFFSET	   0x1f1U /* of struct setup_header in the file */
#define SECTOR_BYTES	   512U
#define BOOT_FLAG	   0xaa55
#define HEADER_MAGIC	   0x53726448U /* "HdrS" */
#define VERSION_XLOADFLAGS 0x020c
#define ENTRY_64_OFFSET	   0x200U

_Static_assert(offsetof(struct boot_params, hdr) == SETUP_OFFSET, "boot protocol: setup header");

static int check_header(const struct setup_header *setup, const char *path, struct via_error *err)
{
	if (setup->boot_flag != BOOT_FLAG || setup->header != HEADER_MAGIC)
		return via_error_set(err, ENOEXEC,
				     "%s is not a kernel: neither a Linux bzImage nor an ELF file",
				     path);
	if (setup->version < VERSION_XLOADFLAGS || !(setup->xloadflags & XLF_KERNEL_64))
		return via_error_set(
			err, ENOEXEC,
			"%s has no 64-bit entry point: it is a 32-bit kernel, or older "
			"than Linux 3.8",
			path);
	return 0;
}

/* Below 4 GiB, as far as the first page tables reach. */
static bool fits(const struct via_memory *memory, uint64_t gpa, uint64_t size_bytes)
{
	return gpa >= LAYOUT_KERNEL && gpa < LAYOUT_RAM_LOW_END &&
	       via_memory_at(memory, gpa, size_bytes);
}

/* At its preferred address; a relocatable kernel lower if that does not fit. */
static int place(const struct via_memory *memory, const struct setup_header *setup,
		 uint64_t *load_gpa)
{
	uint64_t align = setup->kernel_alignment;

	*load_gpa = setup->pref_address;
	if (fits(memory, *load_gpa, setup->init_size))
		return 0;
	if (!setup->relocatable_kernel || !align || (align & (align - 1)))
		return -EFBIG;
	*load_gpa = (LAYOUT_KERNEL + align - 1) & ~(align - 1);
	return fits(memory, *load_gpa, setup->init_size) ? 0 : -EFBIG;
}

int via_bzimage_load(struct via_memory *memory, const struct via_image *image,
		     struct via_kernel *kernel, struct via_error *err)
{
	struct setup_header *setup = &kernel->setup;
	uint64_t payload, payload_bytes, load_gpa;
	uint32_t sectors;
	int rc;

	if (image->size_bytes < SETUP_OFFSET + sizeof(*setup))
		return via_error_set(err, ENOEXEC, "%s is too short to be a kernel", image->path);
	rc = via_image_read(image, SETUP_OFFSET, setup, sizeof(*setup), err);
	if (!rc)
		rc = check_header(setup, image->path, err);
	if (rc)
		return rc;

	sectors = setup->setup_sects ? setup->setup_sects : 4;
	payload = (sectors + 1) * SECTOR_BYTES;
	/* syssize counts 16-byte paragraphs, rounded up. */
	payload_bytes = (uint64_t)setup->syssize * 16;
	if (payload_bytes < SECTOR_BYTES * 2 || image->size_bytes < payload ||
	    image->size_bytes - payload + 15 < payload_bytes)
		return via_error_set(
			err, ENOEXEC,
			"%s is truncated: its header speaks of %llu bytes, the file has "
			"%llu",
			image->path, (unsigned long long)(payload + payload_bytes),
			(unsigned long long)image->size_bytes);
	if (payload_bytes > image->size_bytes - payload)
		payload_bytes = image->size_bytes - payload;

	if (setup->init_size < payload_bytes)
		return via_error_set(err, ENOEXEC,
				     "%s is damaged: it needs less memory than its own size",
				     image->path);
	if (place(memory, setup, &load_gpa))
		return via_error_set(
			err, EFBIG,
			"%s does not fit: it needs %llu MiB of guest memory from address "
			"0x%llx, but the memory below 4 GiB ends at %llu MiB (--memory)",
			image->path, (unsigned long long)(setup->init_size / MIB + 1),
			(unsigned long long)setup->pref_address,
			(unsigned long long)(via_memory_low_end(memory) / MIB));
	rc = via_image_read(image, payload, via_memory_at(memory, load_gpa, payload_bytes),
			    payload_bytes, err);
	if (rc)
		return rc;

	kernel->entry = load_gpa + ENTRY_64_OFFSET;
	kernel->end_gpa = load_gpa + setup->init_size;
	kernel->initrd_max_gpa = setup->initrd_addr_max;
	kernel->cmdline_max_bytes = setup->cmdline_size;
	return 0;
}
