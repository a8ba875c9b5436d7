/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "layout.h"
#include "vmm-bench.h"

/* "0+1000! 1000+1000": what traps has an exclamation mark. */
static const char *segments(struct bench *f, unsigned int index)
{
	const struct via_bar *cut = &f->function->bars.bars[index];
	static char text[512];

	text[0] = '\0';
	for (size_t i = 0; i < cut->segment_count; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%llx+%llx%s",
			 i ? " " : "", (unsigned long long)cut->segments[i].offset,
			 (unsigned long long)cut->segments[i].size_bytes,
			 cut->segments[i].hva ? "" : "!");
	return text;
}

static void pages_of_the_table_trap(void **state)
{
	struct bench *f = *state;

	bench_add(f);
	assert_string_equal(segments(f, 0), "0+4000");
	assert_string_equal(segments(f, 3), "0+1000! 1000+1000 2000+1000! 3000+1000");
	/* However much the kernel would let be mapped. */
	bench_region(f, 3, 0x10000, 0x4000, BENCH_MMAP);
	bench_add(f);
	assert_string_equal(segments(f, 3), "0+1000! 1000+1000 2000+1000! 3000+1000");
	/* In the middle of a page, and at the end of the BAR. */
	vmm_function_put(&f->vf, 0x74, 4, 0x00001803);
	vmm_function_put(&f->vf, 0x78, 4, 0x00003ff8 | 3);
	bench_add(f);
	assert_string_equal(segments(f, 3), "0+1000 1000+1000! 2000+1000 3000+1000!");
	/* Over the edge of a page. */
	vmm_function_put(&f->vf, 0x74, 4, 0x00000ff8 | 3);
	vmm_function_put(&f->vf, 0x78, 4, 0x00000003);
	bench_add(f);
	assert_string_equal(segments(f, 3), "0+2000! 2000+2000");
	/* Each in a BAR of its own. */
	vmm_function_put(&f->vf, 0x74, 4, 0x00001000);
	bench_add(f);
	assert_string_equal(segments(f, 0), "0+1000 1000+1000! 2000+2000");
	assert_string_equal(segments(f, 3), "0+1000! 1000+3000");
	/* What is mapped is the device. */
	assert_memory_equal((uint8_t *)f->function->bars.bars[0].segments[2].hva - 0x2000,
			    f->function->bars.bars[0].segments[0].hva, 0x1000);
	assert_int_equal(pwrite(f->vf.fake.device_fd, "here", 4, 0x2000), 4);
	assert_memory_equal(f->function->bars.bars[0].segments[2].hva, "here", 4);
}

static void what_the_kernel_does_not_map_traps(void **state)
{
	struct bench *f = *state;
	static const struct vfio_region_sparse_mmap_area areas[] = {
		{ .offset = 0x1000, .size = 0x1000 },
		{ .offset = 0x3000, .size = 0x1000 },
	};

	bench_region(f, 0, 0, 0x4000, BENCH_RW);
	bench_add(f);
	assert_string_equal(segments(f, 0), "0+4000!");
	bench_region(f, 0, 0, 0x4000, BENCH_MMAP | VFIO_REGION_INFO_FLAG_CAPS);
	fake_region_sparse(&f->vf.fake, 0, areas, 2);
	bench_add(f);
	assert_string_equal(segments(f, 0), "0+1000! 1000+1000 2000+1000! 3000+1000");
	/* Less than a page cannot be a memory slot. */
	bench_region(f, 0, 0, 0x800, BENCH_RW);
	bench_add(f);
	assert_string_equal(segments(f, 0), "0+800!");
	vmm_function_put(&f->vf, 0x10, 4, 1);
	bench_region(f, 0, 0, 0x20, BENCH_MMAP);
	bench_add(f);
	assert_string_equal(segments(f, 0), "0+20!");
	assert_int_equal(bench_bar(f, 0), LAYOUT_PIO_BASE);
}

static void impossible_bars_are_refused(void **state)
{
	struct bench *f = *state;
	static const struct {
		uint32_t flags;
		uint64_t size_bytes;
		int rc;
	} cases[] = {
		{ 0xc, 0x3000, -EPROTO },     { 0xc, 8, -EPROTO },    { 0x8, 1ULL << 32, -EPROTO },
		{ 0xc, 1ULL << 62, -ENOSPC }, { 1, 2, -EPROTO },      { 1, 0x10000, -EPROTO },
		{ 0, 1ULL << 30, -ENOSPC },   { 0xc, 1ULL << 33, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		/* Behind the other regions, so that they do not overlap. */
		vmm_function_put(&f->vf, 0x10, 4, cases[i].flags);
		bench_region(f, 0, 0x30000, cases[i].size_bytes, BENCH_RW);
		if (!cases[i].rc)
			bench_add(f);
		else
			bench_refused(f, cases[i].rc, "its BAR 0 ");
	}
	bench_region(f, 0, 0, 0x4000, BENCH_RW);
	vmm_function_put(&f->vf, 0x10, 4, 0xc);
	vmm_function_put(&f->vf, 0x24, 4, 0xc); /* 64 bits, and nothing follows */
	bench_region(f, 5, 0x30000, 0x1000, BENCH_RW);
	bench_refused(f, -EPROTO, "its BAR 5 has an impossible size");
}

static void bars_are_sized_and_placed(void **state)
{
	struct bench *f = *state;

	bench_add(f);
	assert_true(bench_bar(f, 0) == 1ULL << 34);
	assert_true(bench_bar(f, 3) == (1ULL << 34) + 0x4000);
	assert_int_equal(bench_config_read(f, 0x10, 4) & 15, 0xc);
	/* The upper halves take part; the bits below the size and the ROM's do not change. */
	bench_config_write(f, 0x10, 4, UINT32_MAX);
	bench_config_write(f, 0x14, 4, UINT32_MAX);
	assert_int_equal(bench_config_read(f, 0x10, 4), 0xffffc00c);
	assert_int_equal(bench_config_read(f, 0x14, 4), 0xffffffff);
	bench_config_write(f, 0x10, 1, 0x34);
	bench_config_write(f, 0x12, 2, 0x5678);
	assert_int_equal(bench_config_read(f, 0x10, 4), 0x5678c00c);
	bench_config_write(f, 0x18, 4, UINT32_MAX);
	assert_int_equal(bench_config_read(f, 0x18, 4), 0);
	bench_config_write(f, 0x30, 4, UINT32_MAX);
	assert_int_equal(bench_config_read(f, 0x30, 4), 0);
	/* The device is told none of this. */
	assert_int_equal(vmm_function_get(&f->vf, 0x10, 4), 0xc);
}

static void a_bar_is_where_the_guest_puts_it(void **state)
{
	struct bench *f = *state;
	uint64_t base, other;

	bench_add_trapping(f);
	base = bench_bar(f, 0);
	other = bench_bar(f, 3);
	assert_int_equal(base, LAYOUT_MMIO32_BASE);
	assert_int_equal(bench_bus_read(&f->mmio, base + 0x100, 4), 0xffffffff);
	bench_config_write(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(bench_bus_read(&f->mmio, base + 0x100, 1), 'r');
	assert_int_equal(bench_bus_read(&f->mmio, other + 0x3100, 1), 'o');
	bench_bus_write(&f->mmio, base + 0x100, 1, 'R');
	assert_int_equal(bench_bus_read(&f->mmio, base + 0x100, 2), 'R' | 'e' << 8);
	/* Moved while it is decoded. */
	bench_config_write(f, 0x10, 4, 0xd0000000);
	assert_int_equal(bench_bus_read(&f->mmio, base + 0x100, 1), 0xff);
	assert_int_equal(bench_bus_read(&f->mmio, 0xd0000100, 1), 'R');
	/* Decoding off takes it away, with the device told after. */
	bench_config_write(f, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	assert_int_equal(bench_bus_read(&f->mmio, 0xd0000100, 1), 0xff);
	assert_int_equal(vmm_function_get(&f->vf, PCI_COMMAND, 2), PCI_COMMAND_MASTER);
	assert_int_equal(f->mmio.count, 0);
	bench_config_write(f, PCI_COMMAND, 1, PCI_COMMAND_MEMORY);
	assert_int_equal(bench_bus_read(&f->mmio, 0xd0000100, 1), 'R');
	/* One bit of several. */
	bench_config_write(f, PCI_COMMAND, 2, PCI_COMMAND_IO);
	assert_int_equal(f->mmio.count, 0);
}

static void a_bar_outside_the_windows_is_not_decoded(void **state)
{
	static const uint32_t bad[] = {
		0, 0x100000, LAYOUT_ECAM_BASE, LAYOUT_IOAPIC_BASE, LAYOUT_LAPIC_BASE, 0xffffc000,
	};
	struct bench *f = *state;
	uint64_t other;

	bench_add_trapping(f);
	other = bench_bar(f, 3);
	bench_config_write(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		bench_config_write(f, 0x10, 4, bad[i]);
		assert_int_equal(bench_bus_read(&f->mmio, bad[i] + 0x100, 1), 0xff);
		assert_int_equal(f->mmio.count, 1);
		assert_int_equal(bench_bus_read(&f->mmio, other + 0x3100, 1), 'o');
	}
	bench_config_write(f, 0x10, 4, 0xd0000000);
	assert_int_equal(bench_bus_read(&f->mmio, 0xd0000100, 1), 'r');
}

static void of_two_bars_in_one_place_the_first_stays(void **state)
{
	struct bench *f = *state;
	uint64_t other;

	bench_add_trapping(f);
	other = bench_bar(f, 3);
	bench_config_write(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	bench_config_write(f, 0x10, 4, (uint32_t)other);
	assert_int_equal(bench_bus_read(&f->mmio, other + 0x3100, 1), 'o');
	/* They can change places. */
	bench_config_write(f, 0x1c, 4, 0xd0000000);
	bench_config_write(f, 0x10, 4, (uint32_t)other);
	assert_int_equal(bench_bus_read(&f->mmio, other + 0x100, 1), 'r');
	assert_int_equal(bench_bus_read(&f->mmio, 0xd0003100, 1), 'o');
}

static void ports_are_decoded_by_their_own_bit(void **state)
{
	struct bench *f = *state;

	vmm_function_put(&f->vf, 0x10, 4, 1);
	bench_region(f, 0, 0, 0x20, BENCH_RW);
	bench_add(f);
	assert_int_equal(pwrite(f->vf.fake.device_fd, "ports", 5, 0), 5);
	assert_int_equal(bench_bar(f, 0), 0x1000);
	bench_config_write(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(bench_bus_read(&f->pio, 0x1000, 1), 0xff);
	bench_config_write(f, PCI_COMMAND, 2, PCI_COMMAND_IO);
	assert_int_equal(bench_bus_read(&f->pio, 0x1000, 1), 'p');
	assert_int_equal(bench_bus_read(&f->mmio, 0x1000, 1), 0xff);
	bench_config_write(f, 0x10, 4, UINT32_MAX);
	assert_int_equal(bench_config_read(f, 0x10, 4), 0xffffffe1);
	assert_int_equal(bench_bus_read(&f->pio, 0x1000, 1), 0xff);
	bench_config_write(f, 0x10, 4, 0x3f8); /* over the serial port */
	assert_int_equal(f->pio.count, 0);
	bench_config_write(f, 0x10, 4, 0xc020);
	assert_int_equal(bench_bus_read(&f->pio, 0xc024, 1), 's');
}

static void the_device_is_asked_for_what_is_its_own(void **state)
{
	struct bench *f = *state;
	struct via_vfio_device_stats before, after;

	bench_add(f);
	before = via_vfio_device_stats(f->function->device);
	assert_int_equal(bench_config_read(f, 0, 4), 0x10ca8086);
	assert_int_equal(bench_config_read(f, 0x70, 4), 0x0002a011);
	after = via_vfio_device_stats(f->function->device);
	assert_int_equal(after.config_reads, before.config_reads);
	vmm_function_put(&f->vf, 0xa8, 4, 0x12345678);
	assert_int_equal(bench_config_read(f, 0xa8, 4), 0x12345678);
	bench_config_write(f, 0xa8, 2, 0xabcd);
	assert_int_equal(vmm_function_get(&f->vf, 0xa8, 4), 0x1234abcd);
	/* Of a doubleword, the bytes that are: the status, behind the command. */
	bench_config_write(f, PCI_COMMAND, 4, 0xf9000000 | PCI_COMMAND_PARITY);
	assert_int_equal(vmm_function_get(&f->vf, PCI_STATUS, 2), 0xf900);
	assert_int_equal(vmm_function_get(&f->vf, PCI_COMMAND, 2), PCI_COMMAND_PARITY);
	bench_config_write(f, 0, 4, 0);
	bench_config_write(f, 0x74, 4, 0);
	assert_int_equal(vmm_function_get(&f->vf, 0, 4), 0x10ca8086);
	assert_int_equal(vmm_function_get(&f->vf, 0x74, 4), 3);
	/* The header of a capability and the first byte behind it, in one write. */
	bench_config_write(f, 0xa0, 4, 0xffffffff);
	assert_int_equal(vmm_function_get(&f->vf, 0xa0, 4), 0xffff0010);
}

/* Else a guest, by design or not, would keep its device's failures from the host. */
static void errors_are_reported_as_the_host_wants(void **state)
{
	struct bench *f = *state;

	vmm_function_put(&f->vf, PCI_COMMAND, 2, PCI_COMMAND_SERR);
	vmm_function_put(&f->vf, 0xa8, 2, 0x2810 | PCI_EXP_DEVCTL_NFERE | PCI_EXP_DEVCTL_FERE);
	bench_add(f);
	bench_config_write(f, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	assert_int_equal(vmm_function_get(&f->vf, PCI_COMMAND, 2),
			 PCI_COMMAND_MASTER | PCI_COMMAND_SERR);
	assert_int_equal((uint16_t)bench_config_read(f, PCI_COMMAND, 2), PCI_COMMAND_MASTER);
	bench_config_write(f, 0xa8, 2, 0);
	assert_int_equal(vmm_function_get(&f->vf, 0xa8, 2),
			 PCI_EXP_DEVCTL_NFERE | PCI_EXP_DEVCTL_FERE);
	bench_config_write(f, 0xa8, 4, 0xffff0000 | PCI_EXP_DEVCTL_CERE);
	assert_int_equal(vmm_function_get(&f->vf, 0xa8, 2),
			 PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_NFERE | PCI_EXP_DEVCTL_FERE);
	assert_int_equal(via_passthrough_reset(f->function, &f->err), 0);
	assert_int_equal(vmm_function_get(&f->vf, PCI_COMMAND, 2), PCI_COMMAND_SERR);

	/* What the host does not want, the guest cannot have: SERR# can stop a host. */
	vmm_function_put(&f->vf, PCI_COMMAND, 2, 0);
	bench_add(f);
	bench_config_write(f, PCI_COMMAND, 2, PCI_COMMAND_SERR | PCI_COMMAND_MASTER);
	assert_int_equal(vmm_function_get(&f->vf, PCI_COMMAND, 2), PCI_COMMAND_MASTER);
	assert_int_equal((uint16_t)bench_config_read(f, PCI_COMMAND, 2),
			 PCI_COMMAND_SERR | PCI_COMMAND_MASTER);
}

static void without_extended_space_there_is_nothing(void **state)
{
	struct bench *f = *state;

	bench_region(f, VFIO_PCI_CONFIG_REGION_INDEX, 0x20000, 0x100, BENCH_RW);
	bench_add(f);
	assert_int_equal(bench_config_read(f, 0x100, 4), 0);
	assert_int_equal(bench_config_read(f, 0xffc, 4), 0);
	assert_int_equal(bench_config_read(f, 0xfc, 4), 0);
	bench_config_write(f, 0x100, 4, 0xffffffff);
	assert_int_equal(vmm_function_get(&f->vf, 0x100, 4), 0x00010001);
	bench_region(f, VFIO_PCI_CONFIG_REGION_INDEX, 0x20000, 0x80, BENCH_RW);
	bench_refused(f, -EPROTO, "shows only 128 bytes of its configuration space");
}

static void tables_outside_their_bar_are_refused(void **state)
{
	static const struct {
		uint32_t table, pending;
		const char *why; /* NULL: it is fine */
	} cases[] = {
		{ 0x00003fd0 | 3, 0x3, NULL },
		{ 0x00003fd8 | 3, 0x3, "its MSI-X table lies outside BAR 3" },
		{ 0xfffffff8 | 3, 0x3, "its MSI-X table lies outside BAR 3" },
		{ 0x00000001, 0x3, "its MSI-X table lies outside BAR 1" },
		{ 0x00000004, 0x3, "its MSI-X table lies outside BAR 4" },
		{ 0x00000006, 0x3, "its MSI-X table lies outside BAR 6" },
		{ 0x00000007, 0x3, "its MSI-X table lies outside BAR 7" },
		{ 0x3, 0x00003ff8 | 3, NULL },
		{ 0x3, 0x00004000 | 3, "its MSI-X pending bits lies outside BAR 3" },
		{ 0x3, 0x00000002, "its MSI-X pending bits lies outside BAR 2" },
	};
	struct bench *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		vmm_function_put(&f->vf, 0x74, 4, cases[i].table);
		vmm_function_put(&f->vf, 0x78, 4, cases[i].pending);
		if (cases[i].why)
			bench_refused(f, -EPROTO, cases[i].why);
		else
			bench_add(f);
	}
	vmm_function_put(&f->vf, 0x72, 2, 3);
	bench_refused(f, -EPROTO, "it claims 4 MSI-X vectors, and the kernel knows 3");
	vmm_function_put(&f->vf, 0x72, 2, 0x7ff);
	bench_refused(f, -EPROTO, "it claims 2048 MSI-X vectors");
}

static void the_largest_table_is_32_kib(void **state)
{
	struct bench *f = *state;

	f->vf.fake.irqs[VFIO_PCI_MSIX_IRQ_INDEX].count = 2048;
	vmm_function_put(&f->vf, 0x72, 2, 0x7ff);
	vmm_function_put(&f->vf, 0x74, 4, 0x00001003);
	vmm_function_put(&f->vf, 0x78, 4, 0x0000a003);
	bench_region(f, 3, 0x30000, 0x10000, BENCH_MMAP);
	assert_int_equal(ftruncate(f->vf.fake.device_fd, 0x40000), 0);
	bench_add(f);
	assert_string_equal(segments(f, 3), "0+1000 1000+8000! 9000+1000 a000+1000! b000+5000");
	assert_int_equal(f->function->msix.table.count, 2048);
	assert_int_equal(f->function->msix.structures[MSIX_PBA].size_bytes, 256);
}

static void without_msix_nothing_traps(void **state)
{
	struct bench *f = *state;

	vmm_function_put(&f->vf, 0x34, 1, 0xa0);
	bench_add(f);
	assert_string_equal(segments(f, 3), "0+1000! 1000+3000"); /* as the kernel cut it */
	bench_region(f, 3, 0x10000, 0x4000, BENCH_MMAP);
	bench_add(f);
	assert_string_equal(segments(f, 3), "0+4000");
	assert_int_equal(f->function->msix.table.count, 0);
	bench_config_write(f, 0x72, 2, 0xffff);
}

static uint64_t table_read(struct bench *f, uint64_t offset, unsigned int size_bytes)
{
	struct via_bus_access access = { 0, UINT64_MAX, size_bytes, false };

	assert_true(via_msix_access(f->function, 3, offset, &access));
	return access.value;
}

static void table_write(struct bench *f, uint64_t offset, unsigned int size_bytes, uint64_t value)
{
	struct via_bus_access access = { 0, value, size_bytes, true };

	assert_true(via_msix_access(f->function, 3, offset, &access));
}

static void the_table_is_a_table(void **state)
{
	struct bench *f = *state;
	struct via_bus_access access = { 0, 0, 4, false };

	bench_add(f);
	for (uint64_t i = 0; i < VMM_FUNCTION_VECTORS; i++) {
		assert_int_equal(table_read(f, i * 16, 8), 0);
		assert_true(table_read(f, i * 16 + 8, 8) == 1ULL << 32); /* masked */
	}
	table_write(f, 16, 4, 0xfee01003);
	table_write(f, 24, 8, 0xffffffff00004041);
	assert_int_equal(table_read(f, 16, 4) & UINT32_MAX, 0xfee01000); /* doubleword-aligned */
	assert_int_equal(table_read(f, 24, 4) & UINT32_MAX, 0x4041);
	assert_int_equal(table_read(f, 28, 4) & UINT32_MAX, 1); /* the rest is reserved */
	table_write(f, 32, 8, 0x00000001fee00000);
	assert_true(table_read(f, 32, 8) == 0x00000001fee00000);
	assert_int_equal(table_read(f, 0, 8), 0);
	/* What is neither a doubleword nor a quadword in its place is not defined: nothing. */
	assert_int_equal(table_read(f, 16, 1) & 0xff, 0xff);
	assert_int_equal(table_read(f, 18, 4) & UINT32_MAX, UINT32_MAX);
	assert_true(table_read(f, 20, 8) == UINT64_MAX);
	table_write(f, 16, 2, 0);
	table_write(f, 20, 8, 0);
	assert_int_equal(table_read(f, 16, 4) & UINT32_MAX, 0xfee01000);
	/* Pending bits are read-only; only their bytes and the table's are answered. */
	table_write(f, 0x2000, 8, UINT64_MAX);
	assert_int_equal(table_read(f, 0x2000, 8), 0);
	assert_false(via_msix_access(f->function, 3, 48, &access));
	assert_false(via_msix_access(f->function, 3, 0x2008, &access));
	assert_false(via_msix_access(f->function, 3, 0x1ffc, &access));
	assert_false(via_msix_access(f->function, 0, 0, &access));
	assert_true(via_msix_covers(&f->function->msix, 3, 47, 1));
	assert_false(via_msix_covers(&f->function->msix, 3, 48, 0x1fd0));
	assert_true(via_msix_covers(&f->function->msix, 3, 48, 0x1fd1));
	assert_false(via_msix_covers(&f->function->msix, 2, 0, 0x4000));
}

/* Here KVM has no GSI to give: it is said, and the device is left as it is. */
static void a_vector_that_cannot_be_routed_is_not_connected(void **state)
{
	struct bench *f = *state;

	bench_add(f);
	table_write(f, 0, 8, 0xfee00000);
	bench_config_write(f, 0x72, 2, 0x8000);
	table_write(f, 8, 8, 0x41);
	assert_non_null(strstr(f->vf.log, "0000:01:10.0: MSI-X vector 0 cannot be unmasked"));
	assert_int_equal(via_vfio_device_stats(f->function->device).set_irqs, 0);
	assert_int_equal(table_read(f, 12, 4) & UINT32_MAX, 0);
}

static void quiescing_leaves_the_function_quiet(void **state)
{
	struct bench *f = *state;

	bench_add_trapping(f);
	bench_config_write(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	assert_true(f->mmio.count > 0);
	assert_int_equal(f->vf.fake.resets, 0);
	assert_int_equal(via_passthrough_quiesce(f->function, &f->err), 0);
	assert_int_equal(f->mmio.count, 0);
	assert_int_equal(f->vf.fake.resets, 1);
	assert_int_equal(vmm_function_get(&f->vf, PCI_COMMAND, 2) & PCI_COMMAND_MASTER, 0);
	/* A reset that fails is told, and the rest is done all the same. */
	bench_config_write(f, PCI_COMMAND, 2, 0);
	bench_config_write(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	f->vf.fake.reset_rc = -EIO;
	assert_int_equal(via_passthrough_quiesce(f->function, &f->err), -EIO);
	assert_non_null(strstr(f->err.text, "cannot reset 0000:01:10.0"));
	assert_int_equal(f->mmio.count, 0);
	assert_int_equal(vmm_function_get(&f->vf, PCI_COMMAND, 2) & PCI_COMMAND_MASTER, 0);
	via_passthrough_free(f->function);
	f->function = NULL;
	assert_null(f->pci.functions[BENCH_DEVFN]);
}

static void a_reset_makes_the_function_what_it_was_at_the_start(void **state)
{
	struct bench *f = *state;
	uint32_t before[PCI_CONFIG_BYTES / 4];

	/* A power management capability between the two there are. */
	vmm_function_put(&f->vf, VMM_FUNCTION_MSIX, 4, 0x00028011);
	vmm_function_put(&f->vf, 0x80, 4, 0x0003a001);
	bench_add_trapping(f);
	for (size_t i = 0; i < PCI_CONFIG_BYTES; i += 4)
		before[i / 4] = bench_config_read(f, i, 4);

	for (unsigned int times = 1; times <= 3; times++) {
		bench_config_write(f, PCI_BASE_ADDRESS_0, 4, 0xffffffff);
		bench_config_write(f, PCI_BASE_ADDRESS_3, 4, LAYOUT_MMIO32_BASE + 0x100000);
		bench_config_write(f, PCI_BASE_ADDRESS_3 + 4, 4, 0);
		bench_config_write(f, PCI_CACHE_LINE_SIZE, 1, 0x40);
		bench_config_write(f, PCI_INTERRUPT_LINE, 1, 11);
		bench_config_write(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
		bench_config_write(f, VMM_FUNCTION_MSIX + 2, 2, 0xc000);
		for (uint64_t i = 0; i < VMM_FUNCTION_VECTORS; i++) {
			table_write(f, i * 16, 8, 0xfee01000);
			table_write(f, i * 16 + 8, 8, 0x41);
		}
		assert_true(f->mmio.count > 0);
		bench_config_write(f, 0x80 + PCI_PM_CTRL, 2, 3);
		assert_true(f->function->asleep);

		assert_int_equal(via_passthrough_reset(f->function, &f->err), 0);
		assert_int_equal(f->vf.fake.resets, times);
		assert_int_equal(f->mmio.count, 0);
		assert_false(f->function->asleep);
		assert_int_equal(vmm_function_get(&f->vf, PCI_COMMAND, 2), 0);
		assert_int_equal(vmm_function_get(&f->vf, 0x80 + PCI_PM_CTRL, 2) & 3, 0);
		for (size_t i = 0; i < PCI_CONFIG_BYTES; i += 4)
			if (bench_config_read(f, i, 4) != before[i / 4])
				fail_msg("%zx reads %x, not %x", i, bench_config_read(f, i, 4),
					 before[i / 4]);
		for (uint64_t i = 0; i < VMM_FUNCTION_VECTORS; i++) {
			assert_int_equal(table_read(f, i * 16, 8), 0);
			assert_true(table_read(f, i * 16 + 8, 8) == 1ULL << 32);
		}
		assert_int_equal(via_irq_commit(f->irq), 0); /* nothing is routed */
		/* And it works as it did: where it was placed, once it decodes. */
		bench_config_write(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
		assert_true(f->mmio.count > 0);
		assert_int_equal(bench_bus_read(&f->mmio, bench_bar(f, 3) + 12, 4), 1);
	}
	/* One that cannot be reset is told. */
	f->vf.fake.reset_rc = -EIO;
	assert_int_equal(via_passthrough_reset(f->function, &f->err), -EIO);
	assert_non_null(strstr(f->err.text, "cannot reset 0000:01:10.0"));
}

/* Without KVM's help, an interrupt makes the registers trap; a reset must not bring them back. */
static void a_reset_takes_away_an_interrupting_function(void **state)
{
	struct bench *f = *state;
	uint64_t one = 1;

	vmm_function_put(&f->vf, PCI_INTERRUPT_PIN, 1, 1);
	f->vf.fake.irqs[VFIO_PCI_INTX_IRQ_INDEX].count = 1;
	f->vf.fake.irqs[VFIO_PCI_INTX_IRQ_INDEX].flags =
		VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED;
	bench_add_trapping(f);
	bench_config_write(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(f->vf.fake.set.index, VFIO_PCI_INTX_IRQ_INDEX);
	assert_int_equal(write(f->vf.fake.set.fds[0], &one, sizeof(one)), sizeof(one));
	assert_int_equal(via_loop_wait(&f->loop), 0);
	assert_true(f->function->bars.trapped);
	assert_true(f->mmio.count > 0);
	assert_int_equal(via_passthrough_reset(f->function, &f->err), 0);
	assert_int_equal(f->mmio.count, 0);
	assert_false(f->function->bars.trapped);
	assert_false(f->function->intx.enabled);
	assert_int_equal(via_loop_poll(&f->loop), 0); /* nobody watches any more */
	assert_int_equal(f->mmio.count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pages_of_the_table_trap),
		TEST(what_the_kernel_does_not_map_traps),
		TEST(impossible_bars_are_refused),
		TEST(bars_are_sized_and_placed),
		TEST(a_bar_is_where_the_guest_puts_it),
		TEST(a_bar_outside_the_windows_is_not_decoded),
		TEST(of_two_bars_in_one_place_the_first_stays),
		TEST(ports_are_decoded_by_their_own_bit),
		TEST(the_device_is_asked_for_what_is_its_own),
		TEST(errors_are_reported_as_the_host_wants),
		TEST(without_extended_space_there_is_nothing),
		TEST(tables_outside_their_bar_are_refused),
		TEST(the_largest_table_is_32_kib),
		TEST(without_msix_nothing_traps),
		TEST(the_table_is_a_table),
		TEST(a_vector_that_cannot_be_routed_is_not_connected),
		TEST(quiescing_leaves_the_function_quiet),
		TEST(a_reset_makes_the_function_what_it_was_at_the_start),
		TEST(a_reset_takes_away_an_interrupting_function),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
