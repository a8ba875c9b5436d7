/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include <viaduct/util/pci.h>

#include "tree.h"

#define DEVICES "sys/bus/pci/devices/"

static uint8_t space[VIA_PCI_REGISTERS_BYTES];

static int begin(void **state)
{
	(void)state;
	memset(space, 0, sizeof(space));
	space[0x06] = 0x10;
	return 0;
}

static void put(size_t at, uint32_t word)
{
	for (size_t i = 0; i < 4; i++)
		space[at + i] = (uint8_t)(word >> i * 8);
}

static void lists_are_in_their_order(void **state)
{
	struct via_pci_capability found[VIA_PCI_EXTENDED_MAX];

	(void)state;
	space[0x34] = 0x63; /* the lowest bits mean nothing */
	put(0x60, 0x4005);
	put(0x40, 0x0010);
	assert_int_equal(via_pci_capabilities(space, 256, found), 2);
	assert_int_equal(found[0].id, 5);
	assert_int_equal(found[0].at, 0x60);
	assert_int_equal(found[1].id, 0x10);

	put(0x100, 0x14810001);
	put(0x148, 0x0001000d);
	assert_int_equal(via_pci_extended(space, sizeof(space), found), 2);
	assert_int_equal(found[1].id, 0x0d);
	assert_int_equal(found[1].at, 0x148);
	assert_int_equal(via_pci_extended(space, 256, found), 0);
	/* Cut before what was not read. */
	assert_int_equal(via_pci_extended(space, 0x14c, found), 1);
}

static void loops_and_ends_are_cut(void **state)
{
	struct via_pci_capability found[VIA_PCI_EXTENDED_MAX];

	(void)state;
	space[0x34] = 0xfc;
	put(0xfc, 0x4005);
	put(0x40, 0xfc09);
	assert_int_equal(via_pci_capabilities(space, 256, found), 2);
	assert_int_equal(via_pci_capabilities(space, 64, found), 0);
	put(0x40, 0x2009); /* into the header */
	assert_int_equal(via_pci_capabilities(space, 256, found), 2);
	space[0x06] = 0; /* there is no list */
	assert_int_equal(via_pci_capabilities(space, 256, found), 0);

	put(0x100, 0x10010001);
	assert_int_equal(via_pci_extended(space, sizeof(space), found), 1);
	put(0x100, 0xffc10001);
	put(0xffc, 0x0001000d); /* too near the end to be one */
	assert_int_equal(via_pci_extended(space, sizeof(space), found), 1);
	memset(space, 0xff, sizeof(space));
	assert_int_equal(via_pci_extended(space, sizeof(space), found), 0);
	assert_int_equal(via_pci_capabilities(space, sizeof(space), found), 1);

	/* Every word links to the next: as many as there is room for. */
	for (size_t at = 0x100; at < sizeof(space); at += 4)
		put(at, (uint32_t)(at + 4) << 20 | 0x10001);
	assert_in_range(via_pci_extended(space, sizeof(space), found), 900, VIA_PCI_EXTENDED_MAX);
}

static void what_was_read_is_what_is_there(void **state)
{
	const struct tree_entry entries[] = {
		{ DEVICES "0000:01:00.0/config", .content = (const char *)space, .bytes = 256 },
		{ 0 },
	};
	const struct via_bdf bdf = { .bus = 1 }, other = { .bus = 2 };
	struct via_pci_registers registers;
	struct tree tree;

	(void)state;
	space[0x34] = 0x50;
	put(0x50, 0x12345611);
	put(0xfc, 0x89abcdef);
	tree = tree_make(entries);
	assert_int_equal(via_pci_registers_read(tree.host, bdf, &registers), 0);
	assert_int_equal(registers.size_bytes, 256);
	assert_int_equal(via_pci_registers_get(&registers, 0xfc, 4), 0x89abcdef);
	assert_int_equal(via_pci_registers_get(&registers, 0xfe, 2), 0x89ab);
	assert_int_equal(via_pci_registers_get(&registers, 0xfe, 4), 0xffffffff);
	assert_int_equal(via_pci_registers_get(&registers, 0x1000, 1), 0xff);
	assert_int_equal(via_pci_registers_get(&registers, SIZE_MAX, 2), 0xffff);
	assert_int_equal(via_pci_registers_find(&registers, 0x11), 0x50);
	assert_int_equal(via_pci_registers_find(&registers, 0x05), 0);
	assert_int_equal(via_pci_registers_find_extended(&registers, 0x0d), 0);
	assert_int_equal(via_pci_registers_read(tree.host, other, &registers), -ENOENT);
	tree_remove(&tree);
}

static void the_way_is_told_by_links(void **state)
{
	const struct tree_entry entries[] = {
		{ DEVICES "0000:04:00.0",
		  .link = "../../../devices/pci0000:00/0000:00:03.0/0000:02:00.0/0000:04:00.0" },
		{ DEVICES "0000:00:1f.0", .link = "../../../devices/pci0000:00/0000:00:1f.0" },
		{ DEVICES "10000:01:00.0",
		  .link = "../../../devices/pci0000:00/0000:00:0e.0/pci10000:00/10000:00:02.0/"
			  "10000:01:00.0" },
		{ DEVICES "0000:05:00.0", .link = "../../../devices/pci0000:00/0000:06:00.0" },
		{ DEVICES "0000:07:00.0/" },
		{ 0 },
	};
	struct tree tree = tree_make(entries);
	struct via_pci_path path;

	(void)state;
	assert_int_equal(via_pci_path_read(tree.host, (struct via_bdf){ .bus = 4 }, &path), 0);
	assert_int_equal(path.count, 2);
	assert_int_equal(path.bridges[0].device, 3);
	assert_int_equal(path.bridges[1].bus, 2);
	assert_true(via_pci_path_has(&path, (struct via_bdf){ .device = 3 }));
	assert_false(via_pci_path_has(&path, (struct via_bdf){ .bus = 4 }));
	assert_int_equal(via_pci_path_read(tree.host, (struct via_bdf){ .device = 0x1f }, &path),
			 0);
	assert_int_equal(path.count, 0);
	/* Behind a volume management device, which makes a domain of its own. */
	assert_int_equal(via_pci_path_read(tree.host,
					   (struct via_bdf){ .domain = 0x10000, .bus = 1 }, &path),
			 0);
	assert_int_equal(path.count, 2);
	assert_int_equal(path.bridges[0].device, 0x0e);
	assert_int_equal(via_pci_path_read(tree.host, (struct via_bdf){ .bus = 5 }, &path),
			 -EINVAL);
	assert_int_equal(via_pci_path_read(tree.host, (struct via_bdf){ .bus = 7 }, &path),
			 -EINVAL);
	assert_int_equal(via_pci_path_read(tree.host, (struct via_bdf){ .bus = 8 }, &path),
			 -ENOENT);
	tree_remove(&tree);
}

static void a_serial_number_begins_with_its_last_byte(void **state)
{
	struct via_pci_registers registers = { .size_bytes = sizeof(registers.bytes) };
	char serial[VIA_PCI_SERIAL_BYTES];

	(void)state;
	put(0x100, 0x14010001);
	put(0x140, 0x00010003);
	put(0x144, 0xff3a4c5e);
	put(0x148, 0x001b21ff);
	memcpy(registers.bytes, space, sizeof(space));
	assert_true(via_pci_registers_serial(&registers, serial));
	assert_string_equal(serial, "00-1b-21-ff-ff-3a-4c-5e");
	/* Cut in the middle of it; and what may be read without privilege. */
	registers.size_bytes = 0x148;
	assert_false(via_pci_registers_serial(&registers, serial));
	registers.size_bytes = 64;
	assert_false(via_pci_registers_serial(&registers, serial));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(lists_are_in_their_order, begin),
		cmocka_unit_test_setup(loops_and_ends_are_cut, begin),
		cmocka_unit_test_setup(what_was_read_is_what_is_there, begin),
		cmocka_unit_test(the_way_is_told_by_links),
		cmocka_unit_test_setup(a_serial_number_begins_with_its_last_byte, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
