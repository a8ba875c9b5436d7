/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/pci_regs.h>
#include <unistd.h>

#include "layout.h"
#include "vmm-bench.h"

#define PCIE   0xa0
#define DEVCTL (PCIE + PCI_EXP_DEVCTL)
#define AF     0xe0

/* Between MSI-X and PCI Express: Advanced Features of @capabilities. */
static void give_af(struct bench *f, uint8_t capabilities)
{
	vmm_function_put(&f->vf, VMM_FUNCTION_MSIX + 1, 1, AF);
	vmm_function_put(&f->vf, AF, 4,
			 PCI_CAP_ID_AF | PCIE << 8 | PCI_AF_LENGTH << 16 |
				 (uint32_t)capabilities << 24);
}

static uint64_t table_read(struct bench *f, uint64_t offset)
{
	struct via_bus_access access = { 0, UINT64_MAX, 8, false };

	assert_true(via_msix_access(f->function, 3, offset, &access));
	return access.value;
}

/* A function in the middle of its work. */
static void work(struct bench *f)
{
	struct via_bus_access entry = { 0, 0xfee01000, 8, true };

	bench_config_write(f, PCI_BASE_ADDRESS_0, 4, 0xd0000000);
	bench_config_write(f, PCI_INTERRUPT_LINE, 1, 11);
	bench_config_write(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	bench_config_write(f, VMM_FUNCTION_MSIX + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
	assert_true(via_msix_access(f->function, 3, 0, &entry));
	assert_int_equal(bench_bus_read(&f->mmio, 0xd0000100, 1), 'r');
}

static void it_works_on(struct bench *f)
{
	assert_int_equal(bench_bus_read(&f->mmio, 0xd0000100, 1), 'r');
	assert_int_equal(bench_config_read(f, PCI_COMMAND, 2),
			 PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	assert_true(table_read(f, 0) == 0xfee01000);
}

static void it_begins_anew(struct bench *f)
{
	assert_int_equal(f->mmio.count, 0);
	assert_int_equal(bench_config_read(f, PCI_COMMAND, 2), 0);
	assert_int_equal(vmm_function_get(&f->vf, PCI_COMMAND, 2), 0);
	assert_int_equal(bench_bar(f, 0), LAYOUT_MMIO32_BASE);
	assert_int_equal(bench_config_read(f, PCI_INTERRUPT_LINE, 1), 0);
	assert_int_equal(bench_config_read(f, VMM_FUNCTION_MSIX + PCI_MSIX_FLAGS, 2), 2);
	assert_true(table_read(f, 0) == 0);
	assert_true(table_read(f, 8) == 1ULL << 32);
	/* The kernel resets it as the write arrives; nobody asks it to do so again. */
	assert_int_equal(f->vf.fake.resets, 0);
}

/* What reaches the device: the one write, and what turns its decoding off. */
static void resets(struct bench *f, size_t at, unsigned int size_bytes, uint32_t value)
{
	uint64_t before;

	work(f);
	before = via_vfio_device_stats(f->function->device).config_writes;
	bench_config_write(f, at, size_bytes, value);
	assert_int_equal(via_vfio_device_stats(f->function->device).config_writes, before + 2);
	assert_int_equal(vmm_function_get(&f->vf, at, size_bytes), value);
	it_begins_anew(f);
}

static void resets_not(struct bench *f, size_t at, unsigned int size_bytes, uint32_t value)
{
	work(f);
	bench_config_write(f, at, size_bytes, value);
	it_works_on(f);
}

static void a_guest_resets_by_pci_express(void **state)
{
	struct bench *f = *state;

	bench_add_trapping(f);
	resets(f, DEVCTL + 1, 1, PCI_EXP_DEVCTL_BCR_FLR >> 8);
	resets(f, DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR | PCI_EXP_DEVCTL_RELAX_EN);
	resets(f, DEVCTL, 4, PCI_EXP_DEVCTL_BCR_FLR | 0xf0000);
	/* Once is not for ever. */
	resets_not(f, DEVCTL, 1, 0x80);
	resets_not(f, DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR - 1);
	resets_not(f, DEVCTL + 2, 2, PCI_EXP_DEVCTL_BCR_FLR);
	resets_not(f, PCIE + PCI_EXP_DEVCAP, 4, PCI_EXP_DEVCTL_BCR_FLR);
}

static void a_guest_resets_by_advanced_features(void **state)
{
	struct bench *f = *state;

	give_af(f, PCI_AF_CAP_TP | PCI_AF_CAP_FLR);
	bench_add_trapping(f);
	resets(f, AF + PCI_AF_CTRL, 1, PCI_AF_CTRL_FLR);
	resets(f, AF + PCI_AF_CTRL, 2, PCI_AF_CTRL_FLR);
	resets(f, AF + PCI_AF_CTRL, 4, PCI_AF_CTRL_FLR);
	resets_not(f, AF + PCI_AF_CTRL, 1, 0xfe);
	resets_not(f, AF + PCI_AF_STATUS, 1, 1);
}

static void what_cannot_is_not_reset(void **state)
{
	struct bench *f = *state;

	give_af(f, PCI_AF_CAP_TP);
	vmm_function_put(&f->vf, PCIE + PCI_EXP_DEVCAP, 4, 0x10008cc2 & ~PCI_EXP_DEVCAP_FLR);
	bench_add_trapping(f);
	resets_not(f, DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
	resets_not(f, DEVCTL + 1, 1, PCI_EXP_DEVCTL_BCR_FLR >> 8);
	resets_not(f, AF + PCI_AF_CTRL, 1, PCI_AF_CTRL_FLR);
}

static void what_a_reset_wakes_is_awake(void **state)
{
	struct bench *f = *state;

	vmm_function_put(&f->vf, VMM_FUNCTION_MSIX + 1, 1, 0x80);
	vmm_function_put(&f->vf, 0x80, 4, 0x0003a001);
	bench_add_trapping(f);
	work(f);
	bench_config_write(f, 0x80 + PCI_PM_CTRL, 2, 3);
	assert_true(f->function->asleep);
	assert_int_equal(f->mmio.count, 0);
	bench_config_write(f, DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
	assert_false(f->function->asleep);
	it_begins_anew(f);
	work(f);
	it_works_on(f);
}

static void it_decodes_only_awake(void **state)
{
	struct bench *f = *state;

	vmm_function_put(&f->vf, VMM_FUNCTION_MSIX + 1, 1, 0x80);
	vmm_function_put(&f->vf, 0x80, 4, 0x0003a001);
	bench_add_trapping(f);
	work(f);
	for (uint32_t power = 1; power <= 3; power++) {
		bench_config_write(f, 0x80 + PCI_PM_CTRL, 2, power);
		assert_int_equal(f->mmio.count, 0);
		bench_config_write(f, 0x80 + PCI_PM_CTRL, 2, 0);
		it_works_on(f);
	}
	/* What the guest wrote while it slept is what counts, not what the kernel restores. */
	bench_config_write(f, 0x80 + PCI_PM_CTRL, 2, 3);
	bench_config_write(f, PCI_COMMAND, 2, PCI_COMMAND_IO);
	vmm_function_put(&f->vf, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	bench_config_write(f, 0x80 + PCI_PM_CTRL, 2, 0);
	assert_int_equal(vmm_function_get(&f->vf, PCI_COMMAND, 2), PCI_COMMAND_IO);
	assert_int_equal(f->mmio.count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_guest_resets_by_pci_express),
		TEST(a_guest_resets_by_advanced_features),
		TEST(what_cannot_is_not_reset),
		TEST(what_a_reset_wakes_is_awake),
		TEST(it_decodes_only_awake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
