/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <asm/bootparam.h>
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boot/boot.h"
#include "layout.h"

#define LOW_BYTES  (32 * MIB)
#define HIGH_BYTES (32 * MIB)

/* Guest memory without a guest, a kernel file, and what came of loading it. */
struct fixture {
	struct via_memory memory;
	char kernel_path[64], initrd_path[64];
	int kernel_fd, initrd_fd;
	struct via_boot_config config;
	struct via_boot_entry entry;
	struct via_error err;
};

static uint8_t *allocate(uint64_t bytes)
{
	uint8_t *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_ptr_not_equal(at, MAP_FAILED);
	return at;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->memory = (struct via_memory){ .memfd = -1, .piece_count = 1 };
	f->memory.pieces[0] = (struct via_memory_piece){ 0, LOW_BYTES, allocate(LOW_BYTES), -1 };
	f->memory.pieces[1] = (struct via_memory_piece){ LAYOUT_RAM_HIGH_BASE, HIGH_BYTES,
							 allocate(HIGH_BYTES), -1 };
	f->kernel_fd = memfd_create("kernel", MFD_CLOEXEC);
	f->initrd_fd = memfd_create("initrd", MFD_CLOEXEC);
	snprintf(f->kernel_path, sizeof(f->kernel_path), "/proc/self/fd/%d", f->kernel_fd);
	snprintf(f->initrd_path, sizeof(f->initrd_path), "/proc/self/fd/%d", f->initrd_fd);
	f->config = (struct via_boot_config){ .kernel = f->kernel_path, .append = "" };
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	munmap(f->memory.pieces[0].hva, f->memory.pieces[0].size_bytes);
	munmap(f->memory.pieces[1].hva, HIGH_BYTES);
	close(f->kernel_fd);
	close(f->initrd_fd);
	free(f);
	return 0;
}

/* Low memory of another size. */
static void resize(struct fixture *f, uint64_t bytes)
{
	struct via_memory_piece *low = &f->memory.pieces[0];

	munmap(low->hva, low->size_bytes);
	*low = (struct via_memory_piece){ 0, bytes, allocate(bytes), -1 };
}

static void put(int fd, uint64_t offset, const void *data, size_t bytes)
{
	assert_int_equal(pwrite(fd, data, bytes, (off_t)offset), bytes);
}

static int load(struct fixture *f)
{
	struct via_boot boot;
	int rc;

	f->err.text[0] = '\0';
	rc = via_boot_open(&f->config, &boot, &f->err);
	if (rc)
		return rc;
	rc = via_boot_load(&f->memory, &boot, &f->entry, &f->err);
	via_boot_close(&boot);
	return rc;
}

static void refused(struct fixture *f, int rc, const char *why)
{
	assert_int_equal(load(f), rc);
	if (!strstr(f->err.text, why))
		fail_msg("\"%s\" does not say \"%s\"", f->err.text, why);
	/* One sentence. */
	assert_null(strchr(f->err.text, '\n'));
}

static const void *at(const struct fixture *f, uint64_t gpa, uint64_t bytes)
{
	const void *hva = via_memory_at(&f->memory, gpa, bytes);

	assert_non_null(hva);
	return hva;
}

#define PAYLOAD_BYTES 5000U

static const struct setup_header good = {
	.setup_sects = 3,
	.boot_flag = 0xaa55,
	.header = 0x53726448,
	.version = 0x020f,
	.loadflags = LOADED_HIGH,
	.xloadflags = XLF_KERNEL_64,
	.syssize = (PAYLOAD_BYTES + 15) / 16,
	.cmdline_size = 100,
	.kernel_alignment = 2 * MIB,
	.relocatable_kernel = 1,
	.pref_address = 16 * MIB,
	.init_size = 4 * MIB,
	.initrd_addr_max = 0x7fffffff,
};

/* Its payload says 0, 1, 2, ... */
static void write_bzimage(struct fixture *f, const struct setup_header *header)
{
	uint8_t payload[PAYLOAD_BYTES];

	for (unsigned int i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)i;
	put(f->kernel_fd, 0x1f1, header, sizeof(*header));
	put(f->kernel_fd, ((header->setup_sects ? header->setup_sects : 4U) + 1) * 512U, payload,
	    sizeof(payload));
}

static void a_bzimage_goes_to_where_it_prefers(void **state)
{
	struct fixture *f = *state;
	const uint8_t *payload;

	write_bzimage(f, &good);
	assert_int_equal(load(f), 0);
	assert_true(f->entry.long_mode);
	assert_int_equal(f->entry.address, 16 * MIB + 0x200);
	assert_int_equal(f->entry.argument, LAYOUT_ZERO_PAGE);
	payload = at(f, 16 * MIB, PAYLOAD_BYTES + 1);
	for (unsigned int i = 0; i < PAYLOAD_BYTES; i++)
		assert_int_equal(payload[i], (uint8_t)i);
	assert_int_equal(payload[PAYLOAD_BYTES], 0);
}

static void the_zero_page_describes_the_machine(void **state)
{
	struct fixture *f = *state;
	const struct boot_params *params = at(f, LAYOUT_ZERO_PAGE, sizeof(*params));

	f->config.append = "console=ttyS0";
	write_bzimage(f, &good);
	assert_int_equal(load(f), 0);
	assert_int_equal(params->hdr.type_of_loader, 0xff);
	assert_int_equal(params->hdr.header, 0x53726448);
	assert_int_equal(params->hdr.pref_address, 16 * MIB);
	assert_int_equal(params->acpi_rsdp_addr, LAYOUT_ACPI);
	assert_string_equal(at(f, params->hdr.cmd_line_ptr, 14), "console=ttyS0");
	assert_int_equal(params->hdr.ramdisk_size, 0);
	assert_int_equal(params->e820_entries, 4);
	assert_int_equal(params->e820_table[2].addr, MIB);
	assert_int_equal(params->e820_table[2].size, LOW_BYTES - MIB);
	assert_int_equal(params->e820_table[3].addr, LAYOUT_ECAM_BASE);
	assert_int_equal(params->e820_table[3].type, 2);

	f->memory.piece_count = 2;
	assert_int_equal(load(f), 0);
	assert_int_equal(params->e820_entries, 5);
	assert_true(params->e820_table[4].addr == LAYOUT_RAM_HIGH_BASE);
	assert_int_equal(params->e820_table[4].size, HIGH_BYTES);
	assert_int_equal(params->e820_table[4].type, 1);
	for (unsigned int i = 1; i < 5; i++)
		assert_true(params->e820_table[i - 1].addr + params->e820_table[i - 1].size <=
			    params->e820_table[i].addr);
}

static void a_relocatable_kernel_goes_lower_where_it_must(void **state)
{
	struct fixture *f = *state;
	struct setup_header header = good;

	header.pref_address = 64 * MIB;
	write_bzimage(f, &header);
	assert_int_equal(load(f), 0);
	assert_int_equal(f->entry.address, 2 * MIB + 0x200);
	header.relocatable_kernel = 0;
	write_bzimage(f, &header);
	refused(f, -EFBIG, "does not fit");
	header.relocatable_kernel = 1;
	header.kernel_alignment = 3 * MIB;
	write_bzimage(f, &header);
	refused(f, -EFBIG, "does not fit");
	header.kernel_alignment = 0;
	write_bzimage(f, &header);
	refused(f, -EFBIG, "does not fit");
	header.kernel_alignment = 0x80000000;
	write_bzimage(f, &header);
	refused(f, -EFBIG, "does not fit");
}

static void a_kernel_is_entered_where_the_first_page_tables_reach(void **state)
{
	struct fixture *f = *state;
	struct setup_header header = good;

	f->memory.piece_count = 2;
	header.pref_address = LAYOUT_RAM_HIGH_BASE;
	write_bzimage(f, &header);
	assert_int_equal(load(f), 0);
	assert_int_equal(f->entry.address, 2 * MIB + 0x200);
	header.relocatable_kernel = 0;
	write_bzimage(f, &header);
	refused(f, -EFBIG, "does not fit");
	/* Nor over what the firmware of a PC would have left below 1 MiB. */
	header.pref_address = LAYOUT_ZERO_PAGE;
	write_bzimage(f, &header);
	refused(f, -EFBIG, "does not fit");
}

static void what_is_no_bzimage_is_refused(void **state)
{
	struct fixture *f = *state;
	struct setup_header header;
	static const struct {
		size_t offset, bytes;
		uint32_t value;
		int rc;
		const char *why;
	} cases[] = {
		{ offsetof(struct setup_header, boot_flag), 2, 0, -ENOEXEC, "is not a kernel" },
		{ offsetof(struct setup_header, header), 4, 0x53726449, -ENOEXEC,
		  "is not a kernel" },
		{ offsetof(struct setup_header, version), 2, 0x020b, -ENOEXEC,
		  "older than Linux 3.8" },
		{ offsetof(struct setup_header, xloadflags), 2, 2, -ENOEXEC, "no 64-bit entry" },
		{ offsetof(struct setup_header, syssize), 4, 0, -ENOEXEC, "is truncated" },
		{ offsetof(struct setup_header, syssize), 4, 314, -ENOEXEC, "is truncated" },
		{ offsetof(struct setup_header, syssize), 4, UINT32_MAX, -ENOEXEC, "is truncated" },
		{ offsetof(struct setup_header, setup_sects), 1, 64, -ENOEXEC, "is truncated" },
		{ offsetof(struct setup_header, init_size), 4, 4096, -ENOEXEC, "is damaged" },
		{ offsetof(struct setup_header, init_size), 4, UINT32_MAX, -EFBIG, "does not fit" },
		{ offsetof(struct setup_header, init_size), 4, 31 * MIB, -EFBIG, "does not fit" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		write_bzimage(f, &good);
		header = good;
		memcpy((char *)&header + cases[i].offset, &cases[i].value, cases[i].bytes);
		put(f->kernel_fd, 0x1f1, &header, sizeof(header));
		refused(f, cases[i].rc, cases[i].why);
	}
}

static void a_truncated_file_is_told_at_every_length(void **state)
{
	struct fixture *f = *state;

	write_bzimage(f, &good);
	for (off_t bytes = 2048 + PAYLOAD_BYTES - 9; bytes > 0; bytes -= 67) {
		assert_int_equal(ftruncate(f->kernel_fd, bytes), 0);
		assert_int_equal(load(f), -ENOEXEC);
		assert_true(strstr(f->err.text, "is truncated") ||
			    strstr(f->err.text, "is too short"));
	}
	assert_int_equal(ftruncate(f->kernel_fd, 0), 0);
	refused(f, -ENOEXEC, "is too short to be a kernel");
	/* The header counts in 16 bytes; the file need not be so long. */
	write_bzimage(f, &good);
	assert_int_equal(ftruncate(f->kernel_fd, 2048 + PAYLOAD_BYTES), 0);
	assert_int_equal(load(f), 0);
}

static void what_is_no_file_is_refused(void **state)
{
	struct fixture *f = *state;
	char path[] = "/tmp/viaduct-boot-XXXXXX", pipe_path[64];

	assert_non_null(mkdtemp(path));
	f->config.kernel = path;
	refused(f, -EINVAL, "is not a regular file");
	snprintf(pipe_path, sizeof(pipe_path), "%s/pipe", path);
	f->config.kernel = pipe_path;
	refused(f, -ENOENT, "cannot open the kernel");
	assert_int_equal(mkfifo(pipe_path, 0600), 0);
	alarm(20); /* nobody will ever write to it */
	refused(f, -EINVAL, "is not a regular file");
	write_bzimage(f, &good);
	f->config.kernel = f->kernel_path;
	f->config.initrd = pipe_path;
	refused(f, -EINVAL, "the initrd");
	alarm(0);
	unlink(pipe_path);
	refused(f, -ENOENT, "cannot open the initrd");
	rmdir(path);
}

static void an_initrd_goes_as_high_as_it_may(void **state)
{
	struct fixture *f = *state;
	const struct boot_params *params = at(f, LAYOUT_ZERO_PAGE, sizeof(*params));
	struct setup_header header = good;

	put(f->initrd_fd, 0, "first", 5);
	put(f->initrd_fd, 10000 - 4, "last", 4);
	f->config.initrd = f->initrd_path;
	write_bzimage(f, &header);
	assert_int_equal(load(f), 0);
	assert_int_equal(params->hdr.ramdisk_image, LOW_BYTES - 3 * 4096);
	assert_int_equal(params->hdr.ramdisk_size, 10000);
	assert_memory_equal(at(f, params->hdr.ramdisk_image, 5), "first", 5);
	assert_memory_equal(at(f, params->hdr.ramdisk_image + 9996, 4), "last", 4);
	/* Never above what the kernel can reach: the address of the last byte. */
	header.initrd_addr_max = 24 * MIB - 1;
	write_bzimage(f, &header);
	assert_int_equal(load(f), 0);
	assert_int_equal(params->hdr.ramdisk_image, 24 * MIB - 3 * 4096);
	/* Nor in memory above 4 GiB. */
	f->memory.piece_count = 2;
	header.initrd_addr_max = UINT32_MAX;
	write_bzimage(f, &header);
	assert_int_equal(load(f), 0);
	assert_int_equal(params->hdr.ramdisk_image, LOW_BYTES - 3 * 4096);
}

static void an_initrd_that_does_not_fit_is_refused(void **state)
{
	struct fixture *f = *state;
	struct setup_header header = good;

	f->config.initrd = f->initrd_path;
	write_bzimage(f, &header);
	/* From the end of the kernel, 20 MiB, to that of memory. */
	assert_int_equal(ftruncate(f->initrd_fd, 12 * MIB), 0);
	assert_int_equal(load(f), 0);
	assert_int_equal(ftruncate(f->initrd_fd, 12 * MIB + 1), 0);
	refused(f, -EFBIG, "12288 KiB are free");
	assert_int_equal(ftruncate(f->initrd_fd, 5LL << 30), 0);
	refused(f, -EFBIG, "does not fit");
	assert_int_equal(ftruncate(f->initrd_fd, 1), 0);
	header.initrd_addr_max = 0;
	write_bzimage(f, &header);
	refused(f, -EFBIG, "does not fit");
	header.initrd_addr_max = 20 * MIB - 1;
	write_bzimage(f, &header);
	refused(f, -EFBIG, "0 KiB are free");
	assert_int_equal(ftruncate(f->initrd_fd, 0), 0);
	assert_int_equal(load(f), 0);
}

static void a_command_line_is_as_long_as_the_kernel_takes(void **state)
{
	struct fixture *f = *state;
	char line[70000];
	struct setup_header header = good;

	memset(line, 'x', sizeof(line));
	line[100] = '\0';
	f->config.append = line;
	write_bzimage(f, &header);
	assert_int_equal(load(f), 0);
	assert_string_equal(at(f, LAYOUT_CMDLINE, 101), line);
	line[100] = 'x';
	line[101] = '\0';
	refused(f, -E2BIG, "has 101 characters, and this kernel takes at most 100");
	/* Nor longer than the place for it, whatever the kernel says. */
	header.cmdline_size = UINT32_MAX;
	write_bzimage(f, &header);
	line[101] = 'x';
	line[LAYOUT_CMDLINE_BYTES - 1] = '\0';
	assert_int_equal(load(f), 0);
	line[LAYOUT_CMDLINE_BYTES - 1] = 'x';
	line[LAYOUT_CMDLINE_BYTES] = '\0';
	refused(f, -E2BIG, "takes at most 65535");
}

/* An ELF kernel: two segments, and a note with its entry behind one of somebody else. */
struct elf {
	Elf64_Ehdr header;
	Elf64_Phdr segments[3];
	struct {
		Elf64_Nhdr other;
		char other_name[8];
		uint8_t other_data[4];
		Elf64_Nhdr entry;
		char name[4];
		uint32_t address;
	} notes;
	uint8_t text[64], data[32];
};

static const struct elf good_elf = {
	.header = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_phoff = offsetof(struct elf, segments),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 3,
	},
	.segments = {
		{ .p_type = PT_LOAD, .p_offset = offsetof(struct elf, text), .p_paddr = 16 * MIB,
		  .p_filesz = 64, .p_memsz = 64 },
		{ .p_type = PT_NOTE, .p_offset = offsetof(struct elf, notes),
		  .p_filesz = sizeof(good_elf.notes) },
		{ .p_type = PT_LOAD, .p_offset = offsetof(struct elf, data), .p_paddr = 17 * MIB,
		  .p_filesz = 32, .p_memsz = MIB },
	},
	.notes = {
		.other = { .n_namesz = 6, .n_descsz = 3, .n_type = 18 },
		.other_name = "Linux",
		.entry = { .n_namesz = 4, .n_descsz = 4, .n_type = 18 },
		.name = "Xen",
		.address = 16 * MIB + 32,
	},
	.text = "text",
	.data = "data",
};

static void write_elf(struct fixture *f, const struct elf *elf)
{
	assert_int_equal(ftruncate(f->kernel_fd, 0), 0);
	put(f->kernel_fd, 0, elf, sizeof(*elf));
}

static uint64_t get(const uint8_t *from, size_t offset, unsigned int bytes)
{
	uint64_t value = 0;

	memcpy(&value, from + offset, bytes);
	return value;
}

/* xen/include/public/arch-x86/hvm/start_info.h */
static void an_elf_kernel_is_entered_by_pvh(void **state)
{
	struct fixture *f = *state;
	const uint8_t *info = at(f, LAYOUT_PVH_INFO, 56), *map;

	f->memory.piece_count = 2;
	f->config.append = "quiet";
	f->config.initrd = f->initrd_path;
	put(f->initrd_fd, 0, "initrd", 6);
	write_elf(f, &good_elf);
	assert_int_equal(load(f), 0);
	assert_false(f->entry.long_mode);
	assert_int_equal(f->entry.address, 16 * MIB + 32);
	assert_int_equal(f->entry.argument, LAYOUT_PVH_INFO);
	assert_string_equal(at(f, 16 * MIB, 64), "text");
	assert_string_equal(at(f, 17 * MIB, 32), "data");
	assert_int_equal(get(info, 0, 4), 0x336ec578);
	assert_int_equal(get(info, 4, 4), 1);
	assert_int_equal(get(info, 12, 4), 1);
	assert_string_equal(at(f, get(info, 24, 8), 6), "quiet");
	assert_int_equal(get(info, 32, 8), LAYOUT_ACPI);
	assert_int_equal(get(at(f, get(info, 16, 8), 32), 0, 8), LOW_BYTES - 4096);
	assert_int_equal(get(at(f, get(info, 16, 8), 32), 8, 8), 6);
	assert_memory_equal(at(f, LOW_BYTES - 4096, 6), "initrd", 6);
	assert_int_equal(get(info, 48, 4), 5);
	map = at(f, get(info, 40, 8), 5 * 24);
	assert_int_equal(get(map, 2 * 24, 8), MIB);
	assert_int_equal(get(map, 2 * 24 + 8, 8), LOW_BYTES - MIB);
	assert_true(get(map, 4 * 24, 8) == LAYOUT_RAM_HIGH_BASE);
	/* It ends before the page that follows begins. */
	assert_true(get(info, 40, 8) + 6 * 24 <= LAYOUT_ZERO_PAGE);

	f->config.initrd = NULL;
	assert_int_equal(load(f), 0);
	assert_int_equal(get(info, 12, 4), 0);
}

static void the_entry_may_have_64_bits(void **state)
{
	struct fixture *f = *state;
	struct elf elf = good_elf;

	/* Its upper half is what follows the note. */
	elf.notes.entry.n_descsz = 8;
	elf.segments[1].p_filesz += 4;
	memset(elf.text, 0, sizeof(elf.text));
	write_elf(f, &elf);
	assert_int_equal(load(f), 0);
	assert_int_equal(f->entry.address, 16 * MIB + 32);
}

#define ELF_FIELD(field) offsetof(struct elf, field), sizeof(good_elf.field)

static void what_is_no_pvh_kernel_is_refused(void **state)
{
	struct fixture *f = *state;
	static const struct {
		size_t offset, bytes;
		uint64_t value;
		int rc;
		const char *why;
	} cases[] = {
		{ ELF_FIELD(header.e_ident[EI_CLASS]), ELFCLASS32, -ENOEXEC, "64-bit PC" },
		{ ELF_FIELD(header.e_ident[EI_DATA]), ELFDATA2MSB, -ENOEXEC, "64-bit PC" },
		{ ELF_FIELD(header.e_machine), EM_AARCH64, -ENOEXEC, "64-bit PC" },
		{ ELF_FIELD(header.e_phentsize), 32, -ENOEXEC, "64-bit PC" },
		{ ELF_FIELD(header.e_phoff), UINT64_MAX - 8, -ENOEXEC, "is truncated" },
		{ ELF_FIELD(header.e_phoff), UINT64_MAX - 60, -ENOEXEC, "is truncated" },
		{ ELF_FIELD(header.e_phnum), 65535, -ENOEXEC,
		  "PVH entry|is truncated|damaged|fit" },
		{ ELF_FIELD(header.e_phnum), 1, -ENOEXEC, "without a PVH entry point" },
		{ ELF_FIELD(segments[0].p_memsz), 63, -ENOEXEC, "larger in the file" },
		{ ELF_FIELD(segments[0].p_offset), UINT64_MAX, -ENOEXEC, "is truncated" },
		{ ELF_FIELD(segments[0].p_offset), sizeof(struct elf) - 63, -ENOEXEC,
		  "is truncated" },
		{ ELF_FIELD(segments[0].p_paddr), 0x7000, -EFBIG, "does not fit" },
		{ ELF_FIELD(segments[0].p_paddr), LOW_BYTES - 63, -EFBIG, "does not fit" },
		{ ELF_FIELD(segments[0].p_paddr), UINT64_MAX - 8, -EFBIG, "does not fit" },
		{ ELF_FIELD(segments[0].p_paddr), LAYOUT_RAM_HIGH_BASE, -EFBIG, "does not fit" },
		{ ELF_FIELD(segments[2].p_memsz), UINT64_MAX, -EFBIG, "does not fit" },
		{ ELF_FIELD(segments[1].p_offset), UINT64_MAX - 3, -ENOEXEC, "is truncated" },
		{ ELF_FIELD(segments[1].p_offset), sizeof(struct elf) - 4, -ENOEXEC,
		  "is truncated" },
		{ ELF_FIELD(segments[1].p_filesz), 8, -ENOEXEC, "without a PVH entry point" },
		{ ELF_FIELD(segments[1].p_filesz), sizeof(good_elf.notes) - 1, -ENOEXEC,
		  "without" },
		{ ELF_FIELD(notes.other.n_namesz), UINT32_MAX, -ENOEXEC, "without" },
		{ ELF_FIELD(notes.other.n_descsz), UINT32_MAX - 2, -ENOEXEC, "without" },
		{ ELF_FIELD(notes.entry.n_type), 17, -ENOEXEC, "without" },
		{ ELF_FIELD(notes.entry.n_descsz), 2, -ENOEXEC, "without" },
		{ ELF_FIELD(notes.name[0]), 'x', -ENOEXEC, "without" },
		{ ELF_FIELD(notes.address), 33 * MIB, -ENOEXEC, "without" },
	};

	f->memory.piece_count = 2;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct elf elf = good_elf;

		memcpy((char *)&elf + cases[i].offset, &cases[i].value, cases[i].bytes);
		write_elf(f, &elf);
		if (strchr(cases[i].why, '|')) {
			assert_true(load(f) < 0);
			continue;
		}
		refused(f, cases[i].rc, cases[i].why);
	}
	write_elf(f, &good_elf);
	for (off_t bytes = offsetof(struct elf, data) + 31; bytes >= 4; bytes--) {
		assert_int_equal(ftruncate(f->kernel_fd, bytes), 0);
		assert_true(load(f) == -ENOEXEC);
	}
}

/* With the most memory below 4 GiB there can be. */
static void large_memory_changes_nothing(void **state)
{
	struct fixture *f = *state;
	const struct boot_params *params;

	resize(f, LAYOUT_RAM_LOW_END);
	f->memory.piece_count = 2;
	put(f->initrd_fd, 0, "initrd", 6);
	f->config.initrd = f->initrd_path;
	write_bzimage(f, &good);
	assert_int_equal(load(f), 0);
	params = at(f, LAYOUT_ZERO_PAGE, sizeof(*params));
	assert_int_equal(params->hdr.ramdisk_image, 0x7ffff000);
	assert_true(params->e820_table[2].size == LAYOUT_RAM_LOW_END - MIB);
	write_elf(f, &good_elf);
	assert_int_equal(load(f), 0);
	assert_memory_equal(at(f, LAYOUT_RAM_LOW_END - 4096, 6), "initrd", 6);
}

/* What has to be zero is made so, in memory a guest has used; and nothing else is touched. */
static void a_used_memory_boots_as_a_fresh_one(void **state)
{
	struct fixture *f = *state;
	uint8_t *low = f->memory.pieces[0].hva;

	memset(low, 0xa5, LOW_BYTES);
	f->memory.used = true;
	write_elf(f, &good_elf);
	assert_int_equal(load(f), 0);
	assert_string_equal(at(f, 17 * MIB, 32), "data");
	for (size_t i = 32; i < MIB; i++)
		assert_int_equal(low[17 * MIB + i], 0);
	assert_int_equal(low[18 * MIB], 0xa5);
	assert_int_equal(low[17 * MIB - 1], 0xa5);
	for (size_t i = 0; i < 4096; i++)
		assert_int_equal(low[i], 0);
	for (size_t i = LAYOUT_EBDA; i < LAYOUT_RESET_VECTOR; i++)
		assert_int_equal(low[i], 0);
	assert_int_equal(low[4096], 0xa5);
	assert_int_equal(low[LAYOUT_EBDA - 1], 0xa5);
	assert_int_equal(low[MIB], 0xa5);
	assert_int_equal(ftruncate(f->kernel_fd, 0), 0);
	write_bzimage(f, &good);
	memset(low, 0xa5, LOW_BYTES);
	assert_int_equal(load(f), 0);
	assert_int_equal(low[0], 0);
	assert_int_equal(((struct boot_params *)(low + LAYOUT_ZERO_PAGE))->sentinel, 0);
	/* Fresh memory is not: what nobody writes is not allocated. */
	f->memory.used = false;
	write_elf(f, &good_elf);
	memset(low, 0xa5, LOW_BYTES);
	assert_int_equal(load(f), 0);
	assert_int_equal(low[17 * MIB + 32], 0xa5);
	assert_int_equal(low[0], 0xa5);
}

/* Open files are enough, as after a process has given up its rights. */
static void files_are_opened_once(void **state)
{
	struct fixture *f = *state;
	struct via_boot boot;
	char *append = strdup("quiet");

	f->config.append = append;
	f->config.initrd = f->initrd_path;
	put(f->initrd_fd, 0, "initrd", 6);
	write_bzimage(f, &good);
	assert_int_equal(via_boot_open(&f->config, &boot, &f->err), 0);
	memset(f->kernel_path, 0, sizeof(f->kernel_path));
	memset(f->initrd_path, 0, sizeof(f->initrd_path));
	memset(append, 0, sizeof("quiet"));
	free(append);
	for (int i = 0; i < 2; i++) {
		memset(f->memory.pieces[0].hva, 0, LOW_BYTES);
		assert_int_equal(via_boot_load(&f->memory, &boot, &f->entry, &f->err), 0);
		assert_string_equal(at(f, LAYOUT_CMDLINE, 6), "quiet");
		assert_memory_equal(at(f, LOW_BYTES - 4096, 6), "initrd", 6);
	}
	/* And a sentence still names them. */
	assert_int_equal(ftruncate(f->initrd_fd, 1), 0);
	assert_int_equal(via_boot_load(&f->memory, &boot, &f->entry, &f->err), -ENOEXEC);
	assert_non_null(strstr(f->err.text, "/proc/self/fd/"));
	via_boot_close(&boot);
	assert_int_equal(boot.kernel.fd, -1);
	assert_int_equal(boot.initrd.fd, -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_bzimage_goes_to_where_it_prefers),
		TEST(the_zero_page_describes_the_machine),
		TEST(a_relocatable_kernel_goes_lower_where_it_must),
		TEST(a_kernel_is_entered_where_the_first_page_tables_reach),
		TEST(what_is_no_bzimage_is_refused),
		TEST(a_truncated_file_is_told_at_every_length),
		TEST(what_is_no_file_is_refused),
		TEST(an_initrd_goes_as_high_as_it_may),
		TEST(an_initrd_that_does_not_fit_is_refused),
		TEST(a_command_line_is_as_long_as_the_kernel_takes),
		TEST(an_elf_kernel_is_entered_by_pvh),
		TEST(the_entry_may_have_64_bits),
		TEST(what_is_no_pvh_kernel_is_refused),
		TEST(large_memory_changes_nothing),
		TEST(a_used_memory_boots_as_a_fresh_one),
		TEST(files_are_opened_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
