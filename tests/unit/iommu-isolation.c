/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <viaduct/iommu/isolation.h>

#include "tree.h"

#define DEVICES "sys/bus/pci/devices/"
#define PATH	"../../../devices/pci0000:00/0000:00:1c.0/0000:01:00.0"

/* Types of the PCI Express capability; NONE has no such capability. */
enum { ENDPOINT = 0, ROOT_PORT = 4, PCI_BRIDGE = 7, NONE = 16 };

static const struct via_bdf port = { .device = 0x1c };
static const struct via_bdf function = { .bus = 1 };
static const struct via_bdf sibling = { .bus = 1, .function = 1 };
static struct tree tree;

/* The links go through sys/devices, so that it is one place, as in sysfs. */
static int begin(void **state)
{
	const struct tree_entry entries[] = {
		{ "sys/devices/pci0000:00/0000:00:1c.0/0000:01:00.0/" },
		{ DEVICES "0000:00:1c.0", .link = "../../../devices/pci0000:00/0000:00:1c.0" },
		{ DEVICES "0000:01:00.0", .link = PATH },
		{ 0 },
	};

	(void)state;
	tree = tree_make(entries);
	return 0;
}

static int end(void **state)
{
	(void)state;
	tree_remove(&tree);
	return 0;
}

/* @acs: what its control register holds; -1 for no such capability. */
static void put(struct via_bdf bdf, unsigned int type, int acs, size_t bytes)
{
	static uint8_t space[4096];
	char path[64];

	memset(space, 0, sizeof(space));
	space[0x06] = 0x10;
	space[0x0e] = type == ROOT_PORT || type == PCI_BRIDGE || (type == NONE && !bdf.bus);
	if (type != NONE) {
		space[0x34] = 0x40;
		space[0x40] = 0x10;
		space[0x42] = (uint8_t)(type << 4 | 2);
	}
	if (acs >= 0) {
		space[0x100] = 0x0d;
		space[0x102] = 1;
		space[0x104] = 0x1d;
		space[0x106] = (uint8_t)acs;
	}
	snprintf(path, sizeof(path), DEVICES "%s/config", via_bdf_text(bdf).text);
	tree_add(&tree, (struct tree_entry){ path, (const char *)space, .bytes = bytes });
}

static struct via_iommu_causes find(const struct via_bdf *members, size_t count)
{
	struct via_iommu_group_member list[4] = { 0 };
	const struct via_iommu_group group = { .members = list, .member_count = count };
	struct via_iommu_causes causes;

	for (size_t i = 0; i < count; i++)
		list[i].bdf = members[i];
	via_iommu_causes_find(tree.host, function, &group, &causes);
	return causes;
}

static void one_alone_has_no_cause(void **state)
{
	(void)state;
	put(port, ROOT_PORT, -1, 4096);
	put(function, ENDPOINT, -1, 4096);
	assert_int_equal(find(&function, 1).count, 0);
}

static void a_port_counts_when_it_is_in_the_group(void **state)
{
	const struct via_bdf both[] = { port, function }, functions[] = { function, sibling };
	struct via_iommu_causes causes;

	(void)state;
	put(port, ROOT_PORT, -1, 4096);
	put(function, ENDPOINT, -1, 4096);
	causes = find(both, 2);
	assert_int_equal(causes.count, 1);
	assert_int_equal(causes.causes[0].kind, VIA_IOMMU_CAUSE_NO_ACS);
	assert_true(via_bdf_equal(causes.causes[0].bdf, port));
	assert_non_null(strstr(via_iommu_cause_text(&causes.causes[0]).text, "0000:00:1c.0"));
	/* The kernel trusts it, by a quirk: then it is the functions. */
	causes = find(functions, 2);
	assert_int_equal(causes.count, 1);
	assert_int_equal(causes.causes[0].kind, VIA_IOMMU_CAUSE_FUNCTIONS);
	assert_true(via_bdf_equal(causes.causes[0].bdf, function));
}

static void what_is_off_is_named(void **state)
{
	const struct via_bdf both[] = { port, function };
	struct via_iommu_causes causes;

	(void)state;
	put(port, ROOT_PORT, 0x11, 4096);
	put(function, ENDPOINT, -1, 4096);
	causes = find(both, 2);
	assert_int_equal(causes.count, 1);
	assert_int_equal(causes.causes[0].kind, VIA_IOMMU_CAUSE_ACS_OFF);
	assert_int_equal(causes.causes[0].lacks, 0x0c);
	assert_string_equal(via_iommu_cause_text(&causes.causes[0]).text,
			    "the port 0000:00:1c.0 has ACS, but off: request redirect, completion "
			    "redirect");
	put(port, ROOT_PORT, 0x1d, 4096);
	causes = find(both, 2);
	assert_int_equal(causes.count, 1);
	assert_int_equal(causes.causes[0].kind, VIA_IOMMU_CAUSE_UNKNOWN);
}

static void functions_with_acs_are_apart(void **state)
{
	const struct via_bdf functions[] = { function, sibling };

	(void)state;
	put(port, ROOT_PORT, 0x1d, 4096);
	put(function, ENDPOINT, 0x1d, 4096);
	assert_int_equal(find(functions, 2).causes[0].kind, VIA_IOMMU_CAUSE_UNKNOWN);
	put(function, ENDPOINT, 0x1c, 4096);
	assert_int_equal(find(functions, 2).causes[0].kind, VIA_IOMMU_CAUSE_FUNCTIONS);
}

static void bridges_share_an_id(void **state)
{
	const struct via_bdf all[] = { port, function, { .bus = 1, .device = 1 } };
	const unsigned int types[] = { PCI_BRIDGE, NONE };

	(void)state;
	put(function, NONE, -1, 256);
	for (size_t i = 0; i < 2; i++) {
		struct via_iommu_causes causes;

		put(port, types[i], -1, types[i] == NONE ? 256 : 4096);
		causes = find(all, 3);
		assert_int_equal(causes.count, 1);
		assert_int_equal(causes.causes[0].kind, VIA_IOMMU_CAUSE_BRIDGE);
		assert_true(via_bdf_equal(causes.causes[0].bdf, port));
	}
}

/* 64 bytes are what the kernel gives a user; nothing, when it is no recorded bridge. */
static void what_cannot_be_read_is_said(void **state)
{
	const struct via_bdf both[] = { port, function };
	struct via_iommu_causes causes;

	(void)state;
	put(port, ROOT_PORT, -1, 64);
	put(function, ENDPOINT, -1, 64);
	causes = find(both, 2);
	assert_int_equal(causes.count, 1);
	assert_int_equal(causes.causes[0].kind, VIA_IOMMU_CAUSE_UNREADABLE);
	put(port, ROOT_PORT, -1, 4096);
	causes = find(both, 2);
	assert_int_equal(causes.count, 2);
	assert_int_equal(causes.causes[0].kind, VIA_IOMMU_CAUSE_NO_ACS);
	tree_drop(&tree, DEVICES "0000:00:1c.0/config");
	assert_int_equal(find(both, 2).causes[0].kind, VIA_IOMMU_CAUSE_UNREADABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_alone_has_no_cause, begin, end),
		cmocka_unit_test_setup_teardown(a_port_counts_when_it_is_in_the_group, begin, end),
		cmocka_unit_test_setup_teardown(what_is_off_is_named, begin, end),
		cmocka_unit_test_setup_teardown(functions_with_acs_are_apart, begin, end),
		cmocka_unit_test_setup_teardown(bridges_share_an_id, begin, end),
		cmocka_unit_test_setup_teardown(what_cannot_be_read_is_said, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
