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

static const struct tree_entry none[] = { { 0 } };
static struct tree tree;

static int begin(void **state)
{
	(void)state;
	tree = tree_make(none);
	return 0;
}

static int end(void **state)
{
	(void)state;
	tree_remove(&tree);
	return 0;
}

static void put(const char *path, const char *content)
{
	tree_add(&tree, (struct tree_entry){ path, content });
}

static struct via_iommu_hardware load(void)
{
	struct via_iommu_hardware hardware;

	assert_int_equal(via_iommu_hardware_load(tree.host, &hardware, NULL), 0);
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
	put(IOMMU "dmar0/intel-iommu/cap", "19ed008c40780c66\n");
	put("proc/interrupts", " 26: 0 IR-PCI-MSI-0000:64:02.0 0-edge PCIe PME\n");
	hardware = load();
	assert_int_equal(hardware.kind, VIA_IOMMU_HARDWARE_INTEL);
	assert_int_equal(hardware.units, 1);
	assert_int_equal(hardware.page_sizes, SIZES);
	assert_int_equal(hardware.address_bits, 57);
	assert_true(hardware.posting_known && hardware.posting);
	assert_true(hardware.remapping_known && hardware.remapping);
	put(IOMMU "dmar1/intel-iommu/cap", "d2008040660462\n");
	put("proc/interrupts", " 26: 0 PCI-MSI-0000:64:02.0 0-edge PCIe PME\n");
	hardware = load();
	assert_int_equal(hardware.units, 2);
	assert_int_equal(hardware.page_sizes, 1ULL << 12);
	assert_int_equal(hardware.address_bits, 39);
	assert_true(hardware.posting_known && !hardware.posting);
	assert_true(hardware.remapping_known && !hardware.remapping);
	/* Whichever comes first. */
	put(IOMMU "dmar0/intel-iommu/cap", "d2008040660462\n");
	put(IOMMU "dmar1/intel-iommu/cap", "19ed008c40780c66\n");
	hardware = load();
	assert_int_equal(hardware.page_sizes, 1ULL << 12);
	assert_int_equal(hardware.address_bits, 39);
	assert_false(hardware.posting);
}

static void units_of_amd(void **state)
{
	struct via_iommu_hardware hardware;

	(void)state;
	put(IOMMU "ivhd0/amd-iommu/features", "58f77ef22294ade:0\n");
	hardware = load();
	assert_int_equal(hardware.kind, VIA_IOMMU_HARDWARE_AMD);
	assert_int_equal(hardware.address_bits, 64);
	assert_true(hardware.page_sizes >> 12 & hardware.page_sizes >> 39 & 1);
	assert_true(hardware.posting);
	/* Before Linux 6.1 there was one register. */
	put(IOMMU "ivhd0/amd-iommu/features", "58f77ef220942de\n");
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

		put(IOMMU "dmar0/intel-iommu/cap", texts[i]);
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
	put(IOMMU "0000:00:02.0/uevent", "");
	hardware = load();
	assert_int_equal(hardware.kind, VIA_IOMMU_HARDWARE_OTHER);
	assert_int_equal(hardware.page_sizes, 0);
	assert_false(hardware.posting_known);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_host_without),	  TEST(units_of_intel_agree),
		TEST(units_of_amd),	  TEST(what_makes_no_sense_is_not_known),
		TEST(others_say_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
