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

#include "passthrough/config.h"

/* Configuration space as the device has it, filled from a table. */
static uint8_t space[PCI_CONFIG_BYTES];
static struct via_pci_config config;

struct value {
	uint16_t offset;
	uint8_t size_bytes;
	uint32_t value;
};

static void put(size_t offset, unsigned int size_bytes, uint32_t value)
{
	memcpy(space + offset, &value, size_bytes);
}

static void put_all(const struct value *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		put(values[i].offset, values[i].size_bytes, values[i].value);
}

/* An 82576 VF, as QEMU's igb and the real one have it. */
static const struct value igb_vf[] = {
	{ 0x00, 4, 0x10ca8086 },
	{ 0x04, 4, 0x00100007 }, /* decoding, bus master; has capabilities */
	{ 0x08, 4, 0x02000001 },
	{ 0x0c, 4, 0x00800010 }, /* cache line; multi-function */
	{ 0x10, 4, 0xfebd000c },
	{ 0x1c, 4, 0xfebe000c },
	{ 0x2c, 4, 0xa03c8086 },
	{ 0x30, 4, 0xfeb00001 },
	{ 0x34, 1, 0x70 },
	{ 0x3c, 2, 0x010b },	 /* line 11, pin A */
	{ 0x70, 4, 0xc002a011 }, /* MSI-X: 3 vectors, enabled, masked */
	{ 0x74, 4, 0x00000003 },
	{ 0x78, 4, 0x00002003 },
	{ 0xa0, 4, 0x00020010 }, /* PCI Express 2.0 endpoint */
	{ 0xa4, 4, 0x10008cc2 },
	{ 0x100, 4, 0x15010001 }, /* AER, then ARI at 150h */
	{ 0x104, 4, 0x00040000 },
	{ 0x150, 4, 0x1a01000e },
	{ 0x154, 4, 0x00000200 },
	{ 0x1a0, 4, 0x00010018 }, /* LTR */
	{ 0x1a4, 4, 0x10011001 },
};

#define COUNT(table) (sizeof(table) / sizeof(*(table)))

static int setup(void **state)
{
	(void)state;
	memset(space, 0, sizeof(space));
	put_all(igb_vf, COUNT(igb_vf));
	return 0;
}

static void build(void)
{
	struct via_error err = { 0 };

	if (via_pci_config_build(&config, space, sizeof(space), &err))
		fail_msg("no plan: %s", err.text);
}

/* What the guest reads, when the device still says what it said. */
static uint32_t guest(size_t offset, unsigned int size_bytes)
{
	uint32_t device = 0;

	memcpy(&device, space + offset, size_bytes);
	return via_pci_config_merge(&config, offset, size_bytes, device);
}

/* "70:11 a0:10", as a system that scans finds them; at most as many as there can be. */
static const char *list(void)
{
	static char text[512];
	unsigned int found = 0;

	text[0] = '\0';
	for (size_t at = guest(0x34, 1); at && found < 48; at = guest(at + 1, 1), found++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%zx:%02x",
			 found ? " " : "", at, guest(at, 1));
	return text;
}

static const char *extended_list(void)
{
	static char text[512];
	unsigned int found = 0;
	uint32_t word;

	text[0] = '\0';
	for (size_t at = 0x100; at && found < 480; at = word >> 20, found++) {
		word = guest(at, 4);
		if (!word)
			break;
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%zx:%04x",
			 found ? " " : "", at, word & 0xffff);
	}
	return text;
}

static void write_all(size_t offset, size_t bytes, uint8_t value)
{
	for (size_t i = 0; i < bytes; i++)
		via_pci_config_write(&config, offset + i, 1, value);
}

static bool forwarded(size_t offset, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (!config.forward[offset + i])
			return false;
	return true;
}

static bool kept(size_t offset, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (config.forward[offset + i])
			return false;
	return true;
}

static void a_vf_shows_what_its_driver_needs(void **state)
{
	(void)state;
	build();
	assert_int_equal(config.msix, 0x70);
	assert_int_equal(config.pcie, 0xa0);
	assert_string_equal(list(), "70:11 a0:10");
	assert_string_equal(extended_list(), "100:0001 1a0:0018");
	assert_int_equal(guest(0, 4), 0x10ca8086);
	assert_int_equal(guest(4, 4), 0x00100000); /* off, as after a reset; the device's status */
	assert_int_equal(guest(8, 4), 0x02000001);
	assert_int_equal(guest(0x0c, 4), 0x00000010);
	assert_int_equal(guest(0x2c, 4), 0xa03c8086);
	assert_int_equal(guest(0x3c, 4), 0x0100);     /* the line is cleared, the pin is its own */
	assert_int_equal(guest(0x70, 4), 0x0002a011); /* neither enabled nor masked */
	assert_int_equal(guest(0x74, 4), 3);
	assert_int_equal(guest(0x78, 4), 0x2003);
	assert_int_equal(guest(0xa4, 4), 0x10008cc2);
	assert_int_equal(guest(0x104, 4), 0x00040000);
	assert_int_equal(guest(0x150, 4), 0);
	assert_int_equal(guest(0x154, 4), 0);
	assert_int_equal(guest(0x1a4, 4), 0x10011001);
}

static void writes_change_what_they_may(void **state)
{
	(void)state;
	build();
	write_all(0, sizeof(space), 0xff);
	assert_int_equal(guest(0, 4), 0x10ca8086);
	assert_int_equal(guest(4, 2), 0x0547); /* decoding, master, parity, SERR, INTx off */
	assert_int_equal(guest(8, 4), 0x02000001);
	assert_int_equal(guest(0x0c, 4), 0x000000ff);
	assert_int_equal(guest(0x2c, 4), 0xa03c8086);
	assert_int_equal(guest(0x34, 1), 0x70);
	assert_int_equal(guest(0x3c, 2), 0x01ff);
	assert_int_equal(guest(0x70, 4), 0xc002a011);
	assert_int_equal(guest(0x74, 4), 3);
	assert_int_equal(guest(0x100, 4), 0x1a010001);
	assert_string_equal(list(), "70:11 a0:10");
	assert_string_equal(extended_list(), "100:0001 1a0:0018");
	write_all(0, sizeof(space), 0);
	assert_int_equal(guest(4, 2), 0);
	assert_int_equal(guest(0x70, 4), 0x0002a011);
	assert_int_equal(guest(0, 4), 0x10ca8086);
}

static void the_device_sees_what_is_its_own(void **state)
{
	(void)state;
	build();
	assert_true(forwarded(6, 2));
	assert_true(forwarded(0xa2, 0x3a));
	assert_true(forwarded(0x104, 0x4c));
	assert_true(kept(0, 6));
	assert_true(kept(8, 0x38));
	assert_true(kept(0x70, 12)); /* MSI-X and both headers */
	assert_true(kept(0xa0, 2));
	assert_true(kept(0x100, 4));
	assert_true(kept(0x150, 0x50));
	/* What is read is read where it is written. */
	for (size_t i = 0; i < sizeof(space); i++)
		assert_true(config.forward[i] ? !config.emulated[i] : true);
	/* A doubleword of both kinds. */
	assert_false(via_pci_config_emulates(&config, 4, 4));
	assert_true(via_pci_config_emulates(&config, 4, 2));
	via_pci_config_write(&config, 4, 4, 0xffff0006);
	assert_int_equal(via_pci_config_merge(&config, 4, 4, 0x12345678), 0x12340006);
}

static void capabilities_in_the_middle_can_be_hidden(void **state)
{
	static const struct value values[] = {
		{ 0x34, 1, 0x40 },	 { 0x40, 4, 0x00035001 }, /* power management */
		{ 0x50, 4, 0x01807005 }, /* MSI with 64-bit addresses and masks: 24 bytes */
		{ 0x54, 4, 0xfee00000 }, { 0x58, 4, 0x11111111 },
		{ 0x5c, 4, 0x22222222 }, { 0x60, 4, 0x33333333 },
		{ 0x64, 4, 0x44444444 }, { 0x68, 4, 0x55555555 }, /* the device's own */
		{ 0xa0, 4, 0x0002b010 }, { 0xb0, 4, 0x1234c008 }, /* HyperTransport: unknown */
		{ 0xb4, 4, 0x66666666 }, { 0xc0, 4, 0x0010c809 }, /* a vendor's, 16 bytes */
		{ 0xc8, 4, 0x00000000 }, { 0xc4, 4, 0x77777777 },
	};

	(void)state;
	put_all(values, COUNT(values));
	put(0xc1, 1, 0);
	build();
	assert_string_equal(list(), "40:01 50:05 70:11 a0:10 c0:09");
	assert_int_equal(config.msi, 0x50);
	assert_int_equal(guest(0x50, 4), 0x01807005); /* the host's message is not shown */
	for (size_t at = 0x54; at < 0x68; at += 4)
		assert_int_equal(guest(at, 4), 0);
	assert_true(kept(0x50, 0x18));
	assert_int_equal(guest(0x68, 4), 0x55555555);
	assert_int_equal(guest(0xb0, 2), 0);
	assert_true(kept(0xb0, 2));
	assert_int_equal(guest(0xc4, 4), 0x77777777);
	assert_true(forwarded(0xc2, 14));
}

static void every_msi_length_is_emulated_exactly(void **state)
{
	static const struct {
		uint32_t flags;
		size_t bytes;
		uint32_t address_high, data, mask;
	} cases[] = {
		{ 0x00a, 10, 0xeeeeffff, 0xeeeeeeee, 0xeeeeeeee },
		{ 0x08a, 14, UINT32_MAX, 0xeeeeffff, 0xeeeeeeee },
		{ 0x10a, 20, 0x0000ffff, UINT32_MAX, 0 },
		{ 0x18a, 24, UINT32_MAX, 0x0000ffff, UINT32_MAX },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		memset(space + 0x40, 0xee, 0x30);
		put(0x34, 1, 0x40);
		put(0x40, 4, 0x00007005U | cases[i].flags << 16);
		build();
		assert_string_equal(list(), "40:05 70:11 a0:10");
		assert_int_equal(config.msi_bytes, cases[i].bytes);
		assert_int_equal(guest(0x40 + cases[i].bytes - 1, 1), 0);
		assert_int_equal(guest(0x40 + cases[i].bytes, 1), 0xee);
		write_all(0x40, cases[i].bytes, 0xff);
		assert_true(kept(0x40, cases[i].bytes));
		assert_int_equal(guest(0x40, 4), 0x00007005U | (cases[i].flags | 0x71) << 16);
		assert_int_equal(guest(0x44, 4), 0xfffffffc);
		assert_int_equal(guest(0x48, 4), cases[i].address_high);
		assert_int_equal(guest(0x4c, 4), cases[i].data);
		assert_int_equal(guest(0x50, 4), cases[i].mask);
		assert_int_equal(guest(0x40 + cases[i].bytes, 1), 0xee);
	}
}

static void of_repeated_capabilities_the_first_counts(void **state)
{
	(void)state;
	put(0x34, 1, 0x40);
	put(0x40, 4, 0x00005005);
	put(0x50, 4, 0x01807005);
	put(0x54, 4, 0x12345678);
	put(0x71, 1, 0x80);
	put(0x80, 4, 0x0001a011);
	put(0x84, 4, 0x00001003);
	build();
	assert_string_equal(list(), "40:05 70:11 a0:10");
	assert_int_equal(config.msi, 0x40);
	assert_int_equal(config.msix, 0x70);
	assert_int_equal(guest(0x54, 4), 0);
	assert_int_equal(guest(0x84, 4), 0);
	assert_true(kept(0x50, 24));
	assert_true(kept(0x80, 12));
}

static void lists_that_loop_end(void **state)
{
	(void)state;
	put(0xa1, 1, 0x70);
	put(0x1a0, 4, 0x10010018);
	build();
	assert_string_equal(list(), "70:11 a0:10");
	assert_string_equal(extended_list(), "100:0001 1a0:0018");

	put(0x71, 1, 0x70);
	put(0x100, 4, 0x10010001);
	build();
	assert_string_equal(list(), "70:11");
	assert_int_equal(config.pcie, 0);
	assert_string_equal(extended_list(), "");
}

static void lists_that_leave_the_space_are_cut(void **state)
{
	(void)state;
	put(0xa1, 1, 0x3c); /* into the header */
	put(0x1a0, 4, 0x0fc10018);
	build();
	assert_string_equal(list(), "70:11 a0:10");
	assert_string_equal(extended_list(), "100:0001 1a0:0018");
	put(0x34, 1, 0x04);
	build();
	assert_string_equal(list(), "");
	assert_int_equal(config.msix, 0);
}

static void capabilities_at_the_end_count(void **state)
{
	(void)state;
	put(0x34, 1, 0xf8);
	put(0xf8, 4, 0x00037001); /* power management, the last 8 bytes */
	put(0xfc, 4, 0x88888888);
	build();
	assert_string_equal(list(), "f8:01 70:11 a0:10");
	assert_int_equal(guest(0xfc, 4), 0x88888888);
	put(0xf8, 4, 0);
	put(0x34, 1, 0xfc);
	put(0xfc, 4, 0x00047009); /* a vendor's, of 4 */
	build();
	assert_string_equal(list(), "fc:09 70:11 a0:10");
}

/* A capability that would reach into extended space does not, or is not shown. */
static void capabilities_that_overrun_are_hidden(void **state)
{
	(void)state;
	put(0x34, 1, 0xf8);
	put(0xf8, 4, 0x0000a011); /* MSI-X needs 12 bytes */
	put(0xfc, 4, 0x12345678);
	build();
	assert_string_equal(list(), "a0:10");
	assert_int_equal(config.msix, 0);
	assert_string_equal(extended_list(), "100:0001 1a0:0018");

	put(0xf8, 4, 0x00ff7009); /* a vendor's that says 255 bytes */
	build();
	assert_string_equal(extended_list(), "100:0001 1a0:0018");
	assert_true(kept(0x100, 4));
	assert_true(kept(0x150, 0x50));

	put(0xf8, 4, 0x01807005); /* MSI of 24 */
	build();
	assert_string_equal(list(), "70:11 a0:10");
	assert_string_equal(extended_list(), "100:0001 1a0:0018");
}

/* Whatever a device claims, MSI-X stays emulated and what is hidden stays hidden. */
static void capabilities_that_overlap_give_nothing_away(void **state)
{
	(void)state;
	put(0x34, 1, 0x50);
	put(0x50, 4, 0x00007005); /* MSI */
	put(0x54, 4, 0xfee00000);
	put(0x70, 4, 0xc0024011);
	put(0x40, 4, 0x0080a009); /* a vendor's of 128 bytes, over both */
	build();
	assert_string_equal(list(), "50:05 70:11 40:09 a0:10");
	assert_true(kept(0x70, 12));
	assert_true(via_pci_config_emulates(&config, 0x70, 4));
	assert_int_equal(guest(0x70, 2), 0x4011);
	assert_int_equal(guest(0x50, 4), 0x00007005);
	assert_int_equal(guest(0x54, 4), 0);
	assert_true(kept(0x50, 10));
}

static void a_hidden_first_extended_capability_leaves_a_link(void **state)
{
	(void)state;
	put(0x100, 4, 0x14010010); /* SR-IOV */
	put(0x104, 4, 0x12121212);
	put(0x140, 4, 0x15010001);
	put(0x144, 4, 0x34343434);
	build();
	assert_string_equal(extended_list(), "100:0000 140:0001 1a0:0018");
	assert_int_equal(guest(0x100, 4), 0x14010000);
	assert_int_equal(guest(0x104, 4), 0);
	assert_true(kept(0x100, 0x44));
	assert_int_equal(guest(0x144, 4), 0x34343434);
}

static void without_any_to_show_extended_space_is_empty(void **state)
{
	(void)state;
	put(0x100, 4, 0x00010010);
	build();
	for (size_t at = 0x100; at < sizeof(space); at += 4)
		assert_int_equal(guest(at, 4), 0);
	assert_true(kept(0x100, 0xf00));

	/* And where there should be none. */
	put_all(igb_vf, COUNT(igb_vf));
	put(0x71, 1, 0);
	build();
	assert_int_equal(config.pcie, 0);
	assert_int_equal(guest(0x100, 4), 0);
	assert_true(kept(0x100, 0xf00));
}

static void the_last_extended_capability_may_be_the_last(void **state)
{
	(void)state;
	put(0x100, 4, 0xff810001);
	put(0xff8, 4, 0x0001000b);
	put(0xffc, 4, 0x98765432);
	build();
	assert_string_equal(extended_list(), "100:0001 ff8:000b");
	assert_int_equal(guest(0xffc, 4), 0x98765432);
	assert_true(forwarded(0xffc, 4));
}

static void without_a_list_there_are_no_capabilities(void **state)
{
	(void)state;
	put(0x04, 4, 0);
	build();
	assert_string_equal(list(), "");
	assert_int_equal(config.msix, 0);
	assert_int_equal(guest(0x100, 4), 0);
}

static void a_conventional_function_has_256_bytes(void **state)
{
	struct via_error err;

	(void)state;
	memset(space + 256, 0xff, sizeof(space) - 256);
	assert_int_equal(via_pci_config_build(&config, space, 256, &err), 0);
	assert_int_equal(config.size_bytes, 256);
	assert_string_equal(list(), "70:11 a0:10");
	assert_int_equal(guest(0x100, 4), 0);
}

static void what_cannot_be_given_is_refused(void **state)
{
	struct via_error err;

	(void)state;
	put(0x0e, 1, 0x81);
	assert_int_equal(via_pci_config_build(&config, space, sizeof(space), &err), -EPROTO);
	assert_non_null(strstr(err.text, "it is a bridge"));
	memset(space, 0xff, sizeof(space));
	assert_int_equal(via_pci_config_build(&config, space, sizeof(space), &err), -EPROTO);
	assert_non_null(strstr(err.text, "reads as all ones"));
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_vf_shows_what_its_driver_needs),
		TEST(writes_change_what_they_may),
		TEST(the_device_sees_what_is_its_own),
		TEST(capabilities_in_the_middle_can_be_hidden),
		TEST(every_msi_length_is_emulated_exactly),
		TEST(of_repeated_capabilities_the_first_counts),
		TEST(lists_that_loop_end),
		TEST(lists_that_leave_the_space_are_cut),
		TEST(capabilities_at_the_end_count),
		TEST(capabilities_that_overrun_are_hidden),
		TEST(capabilities_that_overlap_give_nothing_away),
		TEST(a_hidden_first_extended_capability_leaves_a_link),
		TEST(without_any_to_show_extended_space_is_empty),
		TEST(the_last_extended_capability_may_be_the_last),
		TEST(without_a_list_there_are_no_capabilities),
		TEST(a_conventional_function_has_256_bytes),
		TEST(what_cannot_be_given_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
