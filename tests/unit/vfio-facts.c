/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include <viaduct/vfio/facts.h>

#include "tree.h"

#define DEVICE	"sys/devices/pci0000:00/0000:00:1c.0/0000:01:00.0"
#define DEVICES "sys/bus/pci/devices/"
#define EMPTY	"0x0000000000000000 0x0000000000000000 0x0000000000000000\n"

static const struct via_bdf bdf = { .bus = 1 };
static uint8_t space[4096];

/* MSI-X: 64 vectors, their table at 2000h of BAR 0, pending bits at 3000h. MSI: 8. */
static void put_config(size_t bytes)
{
	memset(space, 0, sizeof(space));
	memcpy(space, "\x6d\x14\x24\xa8\x06\0\x10", 7);
	space[0x34] = 0x40;
	space[0x3d] = 2;
	memcpy(space + 0x40, "\x11\x60\x3f\x00\x00\x20\x00\x00\x00\x30\x00\x00", 12);
	memcpy(space + 0x60, "\x05\x00\x86\x01", 4);
	memcpy(space + 0x100, "\x10\x00\x01\x00", 4);
	space[0x10e] = 8;
	tree_add(&tree_fresh,
		 (struct tree_entry){ DEVICE "/config", (const char *)space, .bytes = bytes });
}

static int begin(void **state)
{
	const struct tree_entry entries[] = {
		{ DEVICE "/" },
		{ DEVICES "0000:01:00.0",
		  .link = "../../../devices/pci0000:00/0000:00:1c.0/0000:01:00.0" },
		{ DEVICES "0000:01:00.1",
		  .link = "../../../devices/pci0000:00/0000:00:1c.0/0000:01:00.1" },
		{ DEVICES "0000:02:00.0",
		  .link = "../../../devices/pci0000:00/0000:00:1d.0/0000:02:00.0" },
		{ DEVICE "/resource",
		  "0x00000000f0000000 0x00000000f0003fff 0x0000000000140204\n" EMPTY
		  "0x0000000000003000 0x000000000000307f 0x0000000000040101\n"
		  "0x00000000f1000000 0x00000000f10007ff 0x0000000000040200\n"
		  "0x0000000000000000 0x0000000000ffffff 0x000000002014220c\n" EMPTY
		  "0x00000000f2000000 0x00000000f200ffff 0x0000000000046200\n"
		  "0x00000000f3000000 0x00000000f301ffff 0x000000000014220c\n" EMPTY EMPTY EMPTY
			  EMPTY EMPTY },
		{ DEVICE "/current_link_speed", "2.5 GT/s PCIe\n" },
		{ DEVICE "/max_link_speed", "16.0 GT/s PCIe\n" },
		{ DEVICE "/current_link_width", "4\n" },
		{ DEVICE "/max_link_width", "8\n" },
		{ DEVICE "/reset_method", "flr bus\n" },
		{ 0 },
	};

	(void)state;
	tree_fresh = tree_make(entries);
	put_config(4096);
	return 0;
}

static struct via_vfio_facts load(void)
{
	struct via_vfio_facts facts = { 0 };
	struct via_error err;

	assert_int_equal(via_vfio_facts_load(tree_fresh.host, bdf, &facts, &err), 0);
	return facts;
}

static void facts_are_those_of_the_host(void **state)
{
	struct via_vfio_facts facts = load();

	(void)state;
	assert_int_equal(facts.config, VIA_VFIO_CONFIG_WHOLE);
	assert_int_equal(facts.bars[0].size_bytes, 0x4000);
	assert_int_equal(facts.bars[0].address, 0xf0000000);
	assert_true(facts.bars[0].wide);
	assert_false(facts.bars[0].prefetchable);
	assert_true(facts.bars[0].mappable_known);
	assert_int_equal(facts.bars[0].mappable_bytes, 0x2000);
	assert_int_equal(facts.bars[1].size_bytes, 0);
	assert_true(facts.bars[2].io);
	assert_int_equal(facts.bars[2].mappable_bytes, 0);
	assert_int_equal(facts.bars[3].size_bytes, 0x800);
	assert_int_equal(facts.bars[3].mappable_bytes, 0);
	/* It has no address, which says nothing of its size. */
	assert_int_equal(facts.bars[4].size_bytes, 0x1000000);
	assert_int_equal(facts.bars[4].address, 0);
	assert_true(facts.bars[4].prefetchable);
	assert_int_equal(facts.rom_bytes, 0x10000);
	assert_int_equal(facts.intx_pin, 2);
	assert_int_equal(facts.msi_vectors, 8);
	assert_int_equal(facts.msix_vectors, 64);
	assert_int_equal(facts.msix_table.offset_bytes, 0x2000);
	assert_int_equal(facts.msix_table.size_bytes, 0x400);
	assert_int_equal(facts.msix_pba.size_bytes, 8);
	assert_int_equal(facts.link.speed_mts, 2500);
	assert_int_equal(facts.link.width, 4);
	assert_int_equal(facts.link_most.speed_mts, 16000);
	assert_int_equal(facts.link_most.width, 8);
	assert_true(facts.reset_known);
	assert_string_equal(facts.reset_methods, "flr bus");
	assert_int_equal(facts.bus_count, 2);
	assert_int_equal(facts.bus[1].function, 1);
	via_vfio_facts_clear(&facts);
}

/* Where the table and pending bits are decides what is left of a BAR of 16 KiB. */
static void msix_takes_whole_pages(void **state)
{
	static const struct {
		uint32_t table, pending;
		uint64_t left;
	} cases[] = {
		{ 0x2000, 0x3000, 0x2000 },
		{ 0x3000, 0x2000, 0x2000 },
		{ 0x2000, 0x2800, 0x3000 }, /* one page has both */
		{ 0x2800, 0x2000, 0x3000 },
		{ 0x2e00, 0x0000, 0x1000 },	/* the table crosses a page */
		{ 0x2000, 0x0001, 0x3000 },	/* pending bits elsewhere */
		{ 0x2007, 0x3000, 0x3000 },	/* a BAR that there cannot be */
		{ 0xfffffff8, 0x3000, 0x3000 }, /* behind the end */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct via_vfio_facts facts;

		put_config(4096);
		memcpy(space + 0x44, &cases[i].table, 4);
		memcpy(space + 0x48, &cases[i].pending, 4);
		tree_add(&tree_fresh, (struct tree_entry){ DEVICE "/config", (const char *)space,
							   .bytes = 4096 });
		facts = load();
		assert_int_equal(facts.bars[0].mappable_bytes, cases[i].left);
		assert_int_equal(facts.msix_table.size_bytes, cases[i].table == 0x2007 ? 0 : 0x400);
		via_vfio_facts_clear(&facts);
	}
}

static void users_see_the_header(void **state)
{
	struct via_vfio_facts facts;

	(void)state;
	put_config(64);
	facts = load();
	assert_int_equal(facts.config, VIA_VFIO_CONFIG_HEADER);
	assert_int_equal(facts.intx_pin, 2);
	assert_int_equal(facts.msi_vectors, -1);
	assert_int_equal(facts.msix_vectors, -1);
	assert_false(facts.bars[0].mappable_known);
	assert_true(facts.bars[3].mappable_known);
	via_vfio_facts_clear(&facts);
}

static void vf_bars_are_a_share(void **state)
{
	struct via_vfio_bar bars[VIA_VFIO_BARS];

	(void)state;
	assert_true(via_vfio_vf_bars_load(tree_fresh.host, bdf, bars));
	assert_int_equal(bars[0].size_bytes, 0x4000);
	assert_true(bars[0].prefetchable);
	assert_int_equal(bars[1].size_bytes, 0);
	/* No such share: the capability holds nonsense. */
	space[0x10e] = 7;
	tree_add(&tree_fresh,
		 (struct tree_entry){ DEVICE "/config", (const char *)space, .bytes = 4096 });
	assert_false(via_vfio_vf_bars_load(tree_fresh.host, bdf, bars));
	put_config(64);
	assert_false(via_vfio_vf_bars_load(tree_fresh.host, bdf, bars));
	/* A VF that exists tells all. */
	tree_add(&tree_fresh, (struct tree_entry){ DEVICE "/virtfn0", .link = "../0000:01:00.1" });
	tree_put("sys/devices/pci0000:00/0000:00:1c.0/0000:01:00.1/resource", EMPTY EMPTY EMPTY
		 "0x00000000f3000000 0x00000000f3007fff 0x000000000014220c\n" EMPTY EMPTY EMPTY);
	assert_true(via_vfio_vf_bars_load(tree_fresh.host, bdf, bars));
	assert_int_equal(bars[0].size_bytes, 0);
	assert_int_equal(bars[3].size_bytes, 0x8000);
}

static void garbage_is_not_known(void **state)
{
	static const char *const resources[] = {
		"",
		"\n\n\n",
		"0x1 0x2\n",
		"0x0 0xffffffffffffffff 0x200\n",
		"0x2000 0x1000 0x200\n",
		"-1 -1 -1\n",
		"0x1000 0x1fff 0x0\n",
		"\xff\xfe\n",
	};
	struct via_vfio_facts facts;

	(void)state;
	for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++) {
		tree_put(DEVICE "/resource", resources[i]);
		facts = load();
		for (size_t j = 0; j < VIA_VFIO_BARS; j++)
			assert_int_equal(facts.bars[j].size_bytes, 0);
		via_vfio_facts_clear(&facts);
	}
	tree_put(DEVICE "/current_link_speed", "Unknown\n");
	tree_put(DEVICE "/max_link_speed", "99999999999999.9 GT/s PCIe\n");
	tree_put(DEVICE "/current_link_width", "0\n");
	tree_put(DEVICE "/max_link_width", "255\n");
	tree_put(DEVICE "/reset_method", "flr\33[2J\n");
	memset(space, 0xff, sizeof(space));
	tree_add(&tree_fresh,
		 (struct tree_entry){ DEVICE "/config", (const char *)space, .bytes = 4096 });
	facts = load();
	assert_int_equal(facts.config, VIA_VFIO_CONFIG_GONE);
	assert_int_equal(facts.intx_pin, -1);
	assert_int_equal(facts.link.speed_mts, 0);
	assert_int_equal(facts.link_most.speed_mts, 0);
	assert_int_equal(facts.link.width, 0);
	assert_int_equal(facts.link_most.width, 0);
	assert_false(facts.reset_known);
	via_vfio_facts_clear(&facts);
}

/* With no reset_method, kernels before 5.15 say "reset", and those after it that there is none. */
static void resets_of_other_kernels(void **state)
{
	struct via_vfio_facts facts;

	(void)state;
	tree_drop(&tree_fresh, DEVICE "/reset_method");
	facts = load();
	assert_true(facts.reset_known);
	assert_string_equal(facts.reset_methods, "");
	via_vfio_facts_clear(&facts);
	tree_put(DEVICE "/reset", "");
	facts = load();
	assert_false(facts.reset_known);
	via_vfio_facts_clear(&facts);
}

static void no_function_no_facts(void **state)
{
	struct via_vfio_facts facts = { 0 };
	struct via_error err;

	(void)state;
	assert_int_equal(
		via_vfio_facts_load(tree_fresh.host, (struct via_bdf){ .bus = 9 }, &facts, &err),
		-ENODEV);
	assert_string_equal(err.text, "there is no PCI function 0000:09:00.0");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, tree_fresh_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(facts_are_those_of_the_host), TEST(msix_takes_whole_pages),
		TEST(users_see_the_header),	   TEST(vf_bars_are_a_share),
		TEST(garbage_is_not_known),	   TEST(resets_of_other_kernels),
		TEST(no_function_no_facts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
