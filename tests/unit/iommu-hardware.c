/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <viaduct/iommu/hardware.h>

#include "tree.h"

#define IOMMU "sys/class/iommu/"
#define SIZES (1ULL << 12 | 1ULL << 21 | 1ULL << 30)

static struct via_iommu_hardware load(void)
{
	struct via_iommu_hardware hardware;

	assert_int_equal(via_iommu_hardware_load(tree_fresh.host, &hardware, NULL), 0);
	return hardware;
}

static void a_host_without(void **state)
{
	struct via_iommu_hardware hardware = load();

	(void)state;
	assert_int_equal(hardware.kind, VIA_IOMMU_HARDWARE_NONE);
	assert_int_equal(hardware.units, 0);
	assert_int_equal(hardware.page_sizes, 0);
	assert_int_equal(hardware.address_bits, 0);
	assert_false(hardware.posting_known);
	assert_false(hardware.remapping_known);
}

/* What an Ice Lake server says, then with a Kaby Lake's unit beside it. */
static void units_of_intel_agree(void **state)
{
	struct via_iommu_hardware hardware;

	(void)state;
	tree_put(IOMMU "dmar0/intel-iommu/cap", "19ed008c40780c66\n");
	tree_put("proc/interrupts", " 26: 0 IR-PCI-MSI-0000:64:02.0 0-edge PCIe PME\n");
	hardware = load();
	assert_int_equal(hardware.kind, VIA_IOMMU_HARDWARE_INTEL);
	assert_int_equal(hardware.units, 1);
	assert_int_equal(hardware.page_sizes, SIZES);
	assert_int_equal(hardware.address_bits, 57);
	assert_true(hardware.posting_known && hardware.posting);
	assert_true(hardware.remapping_known && hardware.remapping);
	tree_put(IOMMU "dmar1/intel-iommu/cap", "d2008040660462\n");
	tree_put("proc/interrupts", " 26: 0 PCI-MSI-0000:64:02.0 0-edge PCIe PME\n");
	hardware = load();
	assert_int_equal(hardware.units, 2);
	assert_int_equal(hardware.page_sizes, 1ULL << 12);
	assert_int_equal(hardware.address_bits, 39);
	assert_true(hardware.posting_known && !hardware.posting);
	assert_true(hardware.remapping_known && !hardware.remapping);
	/* Whichever comes first. */
	tree_put(IOMMU "dmar0/intel-iommu/cap", "d2008040660462\n");
	tree_put(IOMMU "dmar1/intel-iommu/cap", "19ed008c40780c66\n");
	hardware = load();
	assert_int_equal(hardware.page_sizes, 1ULL << 12);
	assert_int_equal(hardware.address_bits, 39);
	assert_false(hardware.posting);
}

static void units_of_amd(void **state)
{
	struct via_iommu_hardware hardware;

	(void)state;
	tree_put(IOMMU "ivhd0/amd-iommu/features", "58f77ef22294ade:0\n");
	hardware = load();
	assert_int_equal(hardware.kind, VIA_IOMMU_HARDWARE_AMD);
	assert_int_equal(hardware.address_bits, 64);
	assert_true(hardware.page_sizes >> 12 & hardware.page_sizes >> 39 & 1);
	assert_true(hardware.posting);
	/* Before Linux 6.1 there was one register. */
	tree_put(IOMMU "ivhd0/amd-iommu/features", "58f77ef220942de\n");
	hardware = load();
	assert_int_equal(hardware.address_bits, 48);
	assert_false(hardware.posting);
}

static void what_makes_no_sense_is_not_known(void **state)
{
	static const char *const texts[] = { "", "zz\n", "-1\n", "12345678123456781\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct via_iommu_hardware hardware;

		tree_put(IOMMU "dmar0/intel-iommu/cap", texts[i]);
		hardware = load();
		assert_int_equal(hardware.kind, VIA_IOMMU_HARDWARE_INTEL);
		assert_int_equal(hardware.page_sizes, 0);
		assert_int_equal(hardware.address_bits, 0);
		assert_false(hardware.posting_known);
	}
}

static void others_say_nothing(void **state)
{
	struct via_iommu_hardware hardware;

	(void)state;
	tree_put(IOMMU "0000:00:02.0/uevent", "");
	hardware = load();
	assert_int_equal(hardware.kind, VIA_IOMMU_HARDWARE_OTHER);
	assert_int_equal(hardware.page_sizes, 0);
	assert_false(hardware.posting_known);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tree_fresh_begin, tree_fresh_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_host_without),	  TEST(units_of_intel_agree),
		TEST(units_of_amd),	  TEST(what_makes_no_sense_is_not_known),
		TEST(others_say_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
