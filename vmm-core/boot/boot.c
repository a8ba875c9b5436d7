/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "boot.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>

#include "../layout.h"
#include "image.h"

#define PAGE_BYTES 4096ULL

int via_image_open(const char *path, const char *what, struct via_image *image,
		   struct via_error *err)
{
	/* Of a pipe, open(2) would wait for a writer. */
	via_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status;

	if (fd < 0)
		return via_error_sys(err, errno, "cannot open the %s %s", what, path);
	if (fstat(fd, &status))
		return via_error_sys(err, errno, "cannot read the %s %s", what, path);
	if (!S_ISREG(status.st_mode))
		return via_error_set(err, EINVAL, "the %s %s is not a regular file", what, path);
	*image = (struct via_image){ .fd = -1,
				     .path = strdup(path),
				     .size_bytes = (uint64_t)status.st_size };
	if (!image->path)
		return via_error_sys(err, ENOMEM, "cannot read the %s %s", what, path);
	image->fd = via_steal_fd(&fd);
	return 0;
}

void via_image_close(struct via_image *image)
{
	via_close(&image->fd);
	free(image->path);
	image->path = NULL;
}

int via_image_read(const struct via_image *image, uint64_t offset, void *data, uint64_t size_bytes,
		   struct via_error *err)
{
	uint64_t done = 0;

	if (offset > image->size_bytes || size_bytes > image->size_bytes - offset)
		return via_error_set(
			err, ENOEXEC,
			"%s is truncated: it should have %llu bytes at offset %llu, but "
			"ends at %llu",
			image->path, (unsigned long long)size_bytes, (unsigned long long)offset,
			(unsigned long long)image->size_bytes);
	while (done < size_bytes) {
		ssize_t got = pread(image->fd, (uint8_t *)data + done, size_bytes - done,
				    (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return via_error_sys(err, errno, "cannot read %s", image->path);
		if (!got)
			return via_error_set(err, ENOEXEC, "%s became shorter while it was read",
					     image->path);
		done += (uint64_t)got;
	}
	return 0;
}

/* The guest's memory map, in the numbering of e820, which PVH shares. */
struct map_entry {
	uint64_t gpa, size_bytes;
	uint32_t type;
};

enum { MAP_RAM = 1, MAP_RESERVED = 2 };

#define MAP_MAX 6

static size_t memory_map(const struct via_memory *memory, struct map_entry map[static MAP_MAX])
{
	uint64_t low_end = via_memory_low_end(memory), end = via_memory_end(memory);
	size_t count = 0;

	map[count++] = (struct map_entry){ 0, LAYOUT_EBDA, MAP_RAM };
	map[count++] = (struct map_entry){ LAYOUT_EBDA, MIB - LAYOUT_EBDA, MAP_RESERVED };
	map[count++] = (struct map_entry){ MIB, low_end - MIB, MAP_RAM };
	map[count++] = (struct map_entry){ LAYOUT_ECAM_BASE, LAYOUT_ECAM_BYTES, MAP_RESERVED };
	if (end > LAYOUT_RAM_HIGH_BASE)
		map[count++] = (struct map_entry){ LAYOUT_RAM_HIGH_BASE, end - LAYOUT_RAM_HIGH_BASE,
						   MAP_RAM };
	return count;
}

struct initrd {
	uint64_t gpa, size_bytes;
};

/* As high as kernel and low memory allow, so it is clear of where the kernel unpacks itself. */
static int load_initrd(struct via_memory *memory, const struct via_image *image,
		       const struct via_kernel *kernel, struct initrd *initrd,
		       struct via_error *err)
{
	uint64_t top = via_memory_low_end(memory);

	*initrd = (struct initrd){ 0 };
	if (image->fd < 0)
		return 0;
	if (kernel->initrd_max_gpa < top)
		top = kernel->initrd_max_gpa + 1;
	if (image->size_bytes > UINT32_MAX || image->size_bytes > top ||
	    ((top - image->size_bytes) & ~(PAGE_BYTES - 1)) < kernel->end_gpa)
		return via_error_set(
			err, EFBIG,
			"the initrd %s does not fit: it has %llu KiB, and %llu KiB are "
			"free above the kernel (--memory)",
			image->path, (unsigned long long)(image->size_bytes >> 10),
			(unsigned long long)(top > kernel->end_gpa ? (top - kernel->end_gpa) >> 10
								   : 0));
	initrd->gpa = (top - image->size_bytes) & ~(PAGE_BYTES - 1);
	initrd->size_bytes = image->size_bytes;
	return via_image_read(image, 0, via_memory_at(memory, initrd->gpa, image->size_bytes),
			      image->size_bytes, err);
}

static int load_cmdline(struct via_memory *memory, const char *append,
			const struct via_kernel *kernel, struct via_error *err)
{
	uint64_t max = kernel->cmdline_max_bytes;
	size_t length = strlen(append);

	if (max > LAYOUT_CMDLINE_BYTES - 1)
		max = LAYOUT_CMDLINE_BYTES - 1;
	if (length > max)
		return via_error_set(err, E2BIG,
				     "the kernel command line has %zu characters, and this kernel "
				     "takes at most %llu (--append)",
				     length, (unsigned long long)max);
	memcpy(via_memory_at(memory, LAYOUT_CMDLINE, length + 1), append, length + 1);
	return 0;
}

static void write_zero_page(struct via_memory *memory, const struct via_kernel *kernel,
			    const struct initrd *initrd)
{
	struct boot_params *params = via_memory_at(memory, LAYOUT_ZERO_PAGE, sizeof(*params));
	struct map_entry map[MAP_MAX];
	size_t count = memory_map(memory, map);

	memset(params, 0, sizeof(*params));
	params->hdr = kernel->setup;
	params->hdr.type_of_loader = 0xff; /* none of the registered ones */
	params->hdr.vid_mode = 0xffff;	   /* normal */
	params->hdr.cmd_line_ptr = LAYOUT_CMDLINE;
	params->hdr.ramdisk_image = (uint32_t)initrd->gpa;
	params->hdr.ramdisk_size = (uint32_t)initrd->size_bytes;
	params->acpi_rsdp_addr = LAYOUT_ACPI;
	for (size_t i = 0; i < count; i++)
		params->e820_table[i] = (struct boot_e820_entry){ .addr = map[i].gpa,
								  .size = map[i].size_bytes,
								  .type = map[i].type };
	params->e820_entries = (uint8_t)count;
}

/* xen/include/public/arch-x86/hvm/start_info.h */
struct pvh_start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist_paddr, cmdline_paddr, rsdp_paddr, memmap_paddr;
	uint32_t memmap_entries, reserved;
};
struct pvh_module {
	uint64_t paddr, size, cmdline_paddr, reserved;
};
struct pvh_memmap_entry {
	uint64_t addr, size;
	uint32_t type, reserved;
};

#define PVH_MAGIC 0x336ec578U

_Static_assert(sizeof(struct pvh_start_info) == 56, "hvm_start_info version 1");
_Static_assert(sizeof(struct pvh_module) == 32, "hvm_modlist_entry");
_Static_assert(sizeof(struct pvh_memmap_entry) == 24, "hvm_memmap_table_entry");

static void write_pvh_info(struct via_memory *memory, const struct initrd *initrd)
{
	struct {
		struct pvh_start_info info;
		struct pvh_module module;
		struct pvh_memmap_entry memmap[MAP_MAX];
	} *pvh = via_memory_at(memory, LAYOUT_PVH_INFO, sizeof(*pvh));
	struct map_entry map[MAP_MAX];
	size_t count = memory_map(memory, map);

	memset(pvh, 0, sizeof(*pvh));
	pvh->info = (struct pvh_start_info){
		.magic = PVH_MAGIC,
		.version = 1,
		.nr_modules = initrd->size_bytes ? 1 : 0,
		.modlist_paddr = LAYOUT_PVH_INFO + sizeof(pvh->info),
		.cmdline_paddr = LAYOUT_CMDLINE,
		.rsdp_paddr = LAYOUT_ACPI,
		.memmap_paddr = LAYOUT_PVH_INFO + sizeof(pvh->info) + sizeof(pvh->module),
		.memmap_entries = (uint32_t)count,
	};
	pvh->module = (struct pvh_module){ .paddr = initrd->gpa, .size = initrd->size_bytes };
	for (size_t i = 0; i < count; i++)
		pvh->memmap[i] = (struct pvh_memmap_entry){ .addr = map[i].gpa,
							    .size = map[i].size_bytes,
							    .type = map[i].type };
}

/*
 * All the firmware there is: Linux with EFI support that finds hardware-reduced ACPI and no EFI
 * resets by a jump to where a BIOS would begin.
 */
static void write_reset_vector(struct via_memory *memory)
{
	static const uint8_t code[] = {
		0xba,
		LAYOUT_PORT_RESET & 0xff,
		LAYOUT_PORT_RESET >> 8, /* mov $port, %dx */
		0xb0,
		LAYOUT_RESET_VALUE, /* mov $value, %al */
		0xee,		    /* out %al, %dx */
		0xf4,		    /* hlt */
		0xeb,
		0xfd, /* jmp to the hlt */
	};

	memcpy(via_memory_at(memory, LAYOUT_RESET_VECTOR, sizeof(code)), code, sizeof(code));
}

/* Kernels search these for what a firmware left there; a former guest may have, too. */
static void clear_firmware_data(struct via_memory *memory)
{
	memset(via_memory_at(memory, 0, PAGE_BYTES), 0, PAGE_BYTES);
	memset(via_memory_at(memory, LAYOUT_EBDA, MIB - LAYOUT_EBDA), 0, MIB - LAYOUT_EBDA);
}

int via_boot_open(const struct via_boot_config *config, struct via_boot *boot,
		  struct via_error *err)
{
	int rc;

	*boot = (struct via_boot)VIA_BOOT_NONE;
	rc = via_image_open(config->kernel, "kernel", &boot->kernel, err);
	if (!rc && config->initrd)
		rc = via_image_open(config->initrd, "initrd", &boot->initrd, err);
	if (!rc) {
		boot->append = strdup(config->append);
		if (!boot->append)
			rc = via_error_sys(err, ENOMEM, "cannot keep the kernel command line");
	}
	if (rc)
		via_boot_close(boot);
	return rc;
}

void via_boot_close(struct via_boot *boot)
{
	via_image_close(&boot->kernel);
	via_image_close(&boot->initrd);
	free(boot->append);
	boot->append = NULL;
}

int via_boot_load(struct via_memory *memory, const struct via_boot *boot,
		  struct via_boot_entry *entry, struct via_error *err)
{
	const struct via_image *image = &boot->kernel;
	uint8_t magic[SELFMAG] = { 0 };
	struct via_kernel kernel = { 0 };
	struct initrd initrd;
	bool elf;
	int rc = 0;

	if (memory->used)
		clear_firmware_data(memory);
	if (image->size_bytes >= sizeof(magic))
		rc = via_image_read(image, 0, magic, sizeof(magic), err);
	if (rc)
		return rc;
	elf = !memcmp(magic, ELFMAG, SELFMAG);
	rc = elf ? via_pvh_load(memory, image, &kernel, err)
		 : via_bzimage_load(memory, image, &kernel, err);
	if (!rc)
		rc = load_initrd(memory, &boot->initrd, &kernel, &initrd, err);
	if (!rc)
		rc = load_cmdline(memory, boot->append, &kernel, err);
	if (rc)
		return rc;

	write_reset_vector(memory);
	if (elf)
		write_pvh_info(memory, &initrd);
	else
		write_zero_page(memory, &kernel, &initrd);
	*entry = (struct via_boot_entry){
		.long_mode = !elf,
		.address = kernel.entry,
		.argument = elf ? LAYOUT_PVH_INFO : LAYOUT_ZERO_PAGE,
	};
	return 0;
}
