/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "layout.h"
#include "vmm-bench.h"

#define ROM_AT 0x30000 /* in the device's file */

static char path[64];

/* Gives the function a file of @size_bytes that begins with 55 AA; @fd is closed by the test. */
static int image(struct bench *f, size_t size_bytes)
{
	int fd = memfd_create("rom", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size_bytes), 0);
	assert_int_equal(pwrite(fd, "\x55\xaa", 2, 0), 2);
	if (size_bytes >= 8)
		assert_int_equal(pwrite(fd, "last", 4, (off_t)size_bytes - 4), 4);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	f->rom = path;
	return fd;
}

/* Regions that trap, so that only the ROM needs a memory slot. */
static void give_trapping(struct bench *f)
{
	vmm_function_put(&f->vf, 0x10, 4, 0x8);
	vmm_function_put(&f->vf, 0x1c, 4, 0x8);
	bench_region(f, 0, 0, 0x4000, BENCH_RW);
	bench_region(f, 3, 0x10000, 0x4000, BENCH_RW);
}

static void give_device_rom(struct bench *f, uint64_t size_bytes)
{
	bench_region(f, VFIO_PCI_ROM_REGION_INDEX, ROM_AT, size_bytes, VFIO_REGION_INFO_FLAG_READ);
	assert_int_equal(ftruncate(f->vf.fake.device_fd, ROM_AT + 0x10000), 0);
	assert_int_equal(pwrite(f->vf.fake.device_fd, "\x55\xaa\x04", 3, ROM_AT), 3);
}

static struct via_bar *rom_bar(struct bench *f)
{
	return &f->function->bars.bars[BARS_ROM];
}

/* What the register says when a system sizes it: all ones written, but for the enable bit. */
static uint32_t sized(struct bench *f)
{
	uint32_t was = bench_config_read(f, PCI_ROM_ADDRESS, 4), size;

	bench_config_write(f, PCI_ROM_ADDRESS, 4, PCI_ROM_ADDRESS_MASK);
	size = bench_config_read(f, PCI_ROM_ADDRESS, 4);
	bench_config_write(f, PCI_ROM_ADDRESS, 4, was);
	return ~size + 1;
}

static void decode(struct bench *f, uint32_t enable)
{
	bench_config_write(f, PCI_ROM_ADDRESS, 4,
			   bench_config_read(f, PCI_ROM_ADDRESS, 4) | enable);
	bench_config_write(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
}

static void a_file_takes_the_next_power_of_two(void **state)
{
	static const struct {
		size_t file_bytes;
		uint32_t size_bytes;
	} cases[] = {
		{ 3, 2048 },	{ 512, 2048 },	   { 2048, 2048 },	{ 2049, 4096 },
		{ 4096, 4096 }, { 65537, 131072 }, { 786432, 1 << 20 }, { 16 << 20, 16 << 20 },
	};
	struct bench *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int fd = image(f, cases[i].file_bytes);

		bench_add(f);
		close(fd);
		assert_int_equal(sized(f), cases[i].size_bytes);
		assert_int_equal(rom_bar(f)->size_bytes, cases[i].size_bytes);
		assert_memory_equal(f->function->rom.image, "\x55\xaa", 2);
		if (cases[i].file_bytes > 8)
			assert_memory_equal(f->function->rom.image + cases[i].file_bytes - 4,
					    "last", 4);
		/* Where the window of 32 bits begins, aligned to itself. */
		assert_int_equal(bench_config_read(f, PCI_ROM_ADDRESS, 4), LAYOUT_MMIO32_BASE);
	}
}

static void a_file_that_is_no_image_is_refused(void **state)
{
	struct bench *f = *state;
	int fd = image(f, 2);

	bench_refused(f, -EINVAL, "is not a file with an image");
	close(fd);
	fd = image(f, (16 << 20) + 1);
	bench_refused(f, -EFBIG, "larger than the 16 MiB");
	close(fd);
	fd = image(f, 4096);
	assert_int_equal(pwrite(fd, "\xaa\x55", 2, 0), 2);
	bench_refused(f, -EINVAL, "does not begin with 55 AA");
	close(fd);
	f->rom = "/nonexistent/rom";
	bench_refused(f, -ENOENT, "cannot be opened: No such file");
	f->rom = "/";
	bench_refused(f, -EINVAL, "its ROM / is not a file with an image");
	f->rom = "/dev/null";
	bench_refused(f, -EINVAL, "is not a file with an image");
}

static void off_leaves_the_devices_out(void **state)
{
	struct bench *f = *state;

	give_device_rom(f, 4096);
	f->rom = "off";
	bench_add(f);
	assert_int_equal(rom_bar(f)->size_bytes, 0);
	bench_config_write(f, PCI_ROM_ADDRESS, 4, UINT32_MAX);
	assert_int_equal(bench_config_read(f, PCI_ROM_ADDRESS, 4), 0);
	f->rom = NULL;
	bench_add(f);
	assert_int_equal(sized(f), 4096);
}

static void the_devices_own_is_read_when_it_is_first_decoded(void **state)
{
	struct bench *f = *state;
	uint64_t reads;

	bench_give_slots(f);
	give_trapping(f);
	give_device_rom(f, 0x8000);
	bench_add(f);
	reads = via_vfio_device_stats(f->function->device).region_reads;
	bench_config_write(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	sized(f);
	assert_int_equal(via_vfio_device_stats(f->function->device).region_reads, reads);
	decode(f, PCI_ROM_ADDRESS_ENABLE);
	assert_true(rom_bar(f)->mapped);
	assert_true(rom_bar(f)->segments->slot >= 0);
	assert_memory_equal(f->function->rom.image, "\x55\xaa\x04", 3);
	assert_int_equal(via_vfio_device_stats(f->function->device).region_reads, reads + 1);
	/* Once. */
	bench_config_write(f, PCI_COMMAND, 2, 0);
	assert_false(rom_bar(f)->mapped);
	bench_config_write(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_true(rom_bar(f)->mapped);
	assert_int_equal(via_vfio_device_stats(f->function->device).region_reads, reads + 1);
	assert_string_equal(f->vf.log, "");
}

static void it_is_decoded_with_its_bit_and_memory(void **state)
{
	struct bench *f = *state;
	uint64_t at;
	int fd = image(f, 2048);

	give_trapping(f);
	bench_add(f);
	close(fd);
	at = bench_config_read(f, PCI_ROM_ADDRESS, 4);
	/* Two BARs of 32 bits came before it. */
	assert_int_equal(at, LAYOUT_MMIO32_BASE + 0x8000);
	bench_config_write(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
	assert_int_equal(bench_bus_read(&f->mmio, at, 2), 0xffff);
	bench_config_write(f, PCI_ROM_ADDRESS, 4, (uint32_t)at | PCI_ROM_ADDRESS_ENABLE);
	assert_int_equal(bench_bus_read(&f->mmio, at, 2), 0xaa55);
	assert_int_equal(bench_bus_read(&f->mmio, at + 2044, 4),
			 't' << 24 | 's' << 16 | 'a' << 8 | 'l');
	/* It takes 2 KiB, not a page. */
	assert_int_equal(bench_bus_read(&f->mmio, at + 2048, 4), UINT32_MAX);
	bench_bus_write(&f->mmio, at, 2, 0x1234);
	assert_int_equal(bench_bus_read(&f->mmio, at, 2), 0xaa55);
	bench_config_write(f, PCI_COMMAND, 2, PCI_COMMAND_IO);
	assert_int_equal(bench_bus_read(&f->mmio, at, 2), 0xffff);
	bench_config_write(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	bench_config_write(f, PCI_ROM_ADDRESS, 4, 0xd0000000 | PCI_ROM_ADDRESS_ENABLE);
	assert_int_equal(bench_bus_read(&f->mmio, at, 2), 0xffff);
	assert_int_equal(bench_bus_read(&f->mmio, 0xd0000000, 2), 0xaa55);
	/* Only the address and the bit can be written; the device is told nothing. */
	bench_config_write(f, PCI_ROM_ADDRESS, 4, 0xd0000000 | 0x7fe);
	assert_int_equal(bench_config_read(f, PCI_ROM_ADDRESS, 4), 0xd0000000);
	assert_int_equal(bench_bus_read(&f->mmio, 0xd0000000, 2), 0xffff);
	assert_int_equal(vmm_function_get(&f->vf, PCI_ROM_ADDRESS, 4), 0);
}

static void one_that_cannot_be_read_is_all_ones(void **state)
{
	struct bench *f = *state;

	give_trapping(f);
	give_device_rom(f, 2048);
	assert_int_equal(ftruncate(f->vf.fake.device_fd, ROM_AT + 100), 0);
	bench_add(f);
	decode(f, PCI_ROM_ADDRESS_ENABLE);
	assert_int_equal(
		bench_bus_read(&f->mmio, bench_config_read(f, PCI_ROM_ADDRESS, 4) & ~1U, 4),
		UINT32_MAX);
	assert_non_null(strstr(f->vf.log,
			       "0000:01:10.0: its ROM cannot be read: Input/output error "
			       "(rom=FILE gives another)"));
}

static void one_larger_than_there_can_be_is_left_out(void **state)
{
	struct bench *f = *state;

	give_device_rom(f, (16 << 20) + 1);
	bench_add(f);
	assert_int_equal(rom_bar(f)->size_bytes, 0);
}

static void one_that_does_not_fit_is_told(void **state)
{
	struct bench *f = *state;
	int fd = image(f, 16 << 20);

	/* 256 MiB, and in the rest of the window nothing of 256 MiB and a ROM behind it. */
	vmm_function_put(&f->vf, 0x10, 4, 0x0);
	bench_region(f, 0, 0x40000, 256 << 20, BENCH_RW);
	vmm_function_put(&f->vf, 0x1c, 4, 0x0);
	vmm_function_put(&f->vf, VMM_FUNCTION_MSIX, 4, 0x0002a009);
	bench_region(f, 3, 0x40000 + (256 << 20), 256 << 20, BENCH_RW);
	bench_refused(f, -ENOSPC,
		      "its ROM of 16384 KiB does not fit into the guest's PCI window "
		      "(rom=off leaves it out)");
	close(fd);
	f->rom = "off";
	bench_add(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_takes_the_next_power_of_two),
		TEST(a_file_that_is_no_image_is_refused),
		TEST(off_leaves_the_devices_out),
		TEST(the_devices_own_is_read_when_it_is_first_decoded),
		TEST(it_is_decoded_with_its_bit_and_memory),
		TEST(one_that_cannot_be_read_is_all_ones),
		TEST(one_larger_than_there_can_be_is_left_out),
		TEST(one_that_does_not_fit_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
