/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bus.h"

/* Answers with its own letter in each byte, and writes down what it was asked. */
struct owner {
	struct via_bus_range range;
	uint8_t letter;
};

static char asked[256];

static void answer(void *data, struct via_bus_access *access)
{
	struct owner *owner = data;
	size_t used = strlen(asked);

	snprintf(asked + used, sizeof(asked) - used, "%c%llx:%u", owner->letter,
		 (unsigned long long)access->offset, access->size_bytes);
	used = strlen(asked);
	if (access->write)
		snprintf(asked + used, sizeof(asked) - used, "=%llx",
			 (unsigned long long)access->value);
	else
		memset(&access->value, owner->letter, access->size_bytes);
	strcat(asked, " ");
}

static struct owner owner(uint8_t letter, uint64_t base, uint64_t size_bytes)
{
	return (struct owner){ { .base = base, .size_bytes = size_bytes, .access = answer },
			       letter };
}

static int add(struct via_bus *bus, struct owner *added)
{
	added->range.owner = added;
	return via_bus_add(bus, &added->range);
}

static uint64_t read_bus(struct via_bus *bus, uint64_t address, unsigned int size_bytes)
{
	uint64_t value = 0;

	via_bus_access(bus, address, &value, size_bytes, false);
	return value;
}

static int setup(void **state)
{
	(void)state;
	asked[0] = '\0';
	return 0;
}

static void each_address_has_one_owner(void **state)
{
	struct owner b = owner('b', 0x200, 0x100), a = owner('a', 0x100, 0x100);
	struct owner c = owner('c', 0x400, 1), top = owner('t', UINT64_MAX - 7, 8);
	struct via_bus bus = { 0 };

	(void)state;
	assert_int_equal(add(&bus, &b), 0);
	assert_int_equal(add(&bus, &top), 0);
	assert_int_equal(add(&bus, &a), 0);
	assert_int_equal(add(&bus, &c), 0);
	assert_int_equal(read_bus(&bus, 0x100, 1), 'a');
	assert_int_equal(read_bus(&bus, 0x1fc, 4), 0x61616161);
	assert_int_equal(read_bus(&bus, 0x200, 1), 'b');
	assert_int_equal(read_bus(&bus, 0x400, 1), 'c');
	assert_true(read_bus(&bus, UINT64_MAX - 7, 8) == 0x7474747474747474);
	assert_int_equal(read_bus(&bus, UINT64_MAX, 1), 't');
	assert_string_equal(asked, "a0:1 afc:4 b0:1 c0:1 t0:8 t7:1 ");
	assert_int_equal(bus.unclaimed, 0);
	assert_int_equal(a.range.reads, 2);
	assert_int_equal(a.range.writes, 0);
	via_bus_clear(&bus);
}

static void what_nobody_owns_reads_as_ones(void **state)
{
	struct owner a = owner('a', 0x100, 0x100), c = owner('c', 0x400, 1);
	struct via_bus bus = { 0 };
	uint32_t data = 0x12345678;

	(void)state;
	assert_int_equal(read_bus(&bus, 0, 8), -1);
	assert_int_equal(add(&bus, &a), 0);
	assert_int_equal(add(&bus, &c), 0);
	assert_int_equal(read_bus(&bus, 0xff, 1), 0xff);
	assert_int_equal(read_bus(&bus, 0x200, 2), 0xffff);
	assert_int_equal(read_bus(&bus, 0x401, 4), 0xffffffff);
	/* Half inside is outside. */
	assert_int_equal(read_bus(&bus, 0x1fe, 4), 0xffffffff);
	assert_int_equal(read_bus(&bus, 0xfe, 4), 0xffffffff);
	assert_int_equal(read_bus(&bus, 0x400, 2), 0xffff);
	via_bus_access(&bus, 0x1fe, &data, 4, true);
	assert_string_equal(asked, "");
	assert_int_equal(bus.unclaimed, 8);
	via_bus_clear(&bus);
}

static void overlaps_are_refused(void **state)
{
	static const struct {
		uint64_t base, size_bytes;
		int rc;
	} cases[] = {
		{ 0x1000, 0x1000, -EEXIST }, { 0x1800, 1, -EEXIST },  { 0xfff, 2, -EEXIST },
		{ 0x1fff, 0x10, -EEXIST },   { 0, 0x10000, -EEXIST }, { 0x800, 0, -EINVAL },
		{ UINT64_MAX, 2, -EINVAL },  { 0x2000, 0x800, 0 },    { 0xfff, 1, 0 },
	};
	struct owner a = owner('a', 0x1000, 0x1000);
	struct via_bus bus = { 0 };

	(void)state;
	assert_int_equal(add(&bus, &a), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct owner b = owner('b', cases[i].base, cases[i].size_bytes);

		assert_int_equal(add(&bus, &b), cases[i].rc);
		via_bus_remove(&bus, &b.range);
		assert_int_equal(bus.count, 1);
	}
	assert_int_equal(read_bus(&bus, 0x1000, 1), 'a');
	via_bus_clear(&bus);
}

static void many_ranges_stay_in_order(void **state)
{
	static struct owner owners[100];
	struct via_bus bus = { 0 };

	(void)state;
	for (uint64_t i = 0; i < 100; i++) {
		owners[i] = owner((uint8_t)('A' + i % 26), (i * 37 % 100) * 0x10, 0x10);
		assert_int_equal(add(&bus, &owners[i]), 0);
	}
	for (size_t i = 0; i < 100; i += 3)
		via_bus_remove(&bus, &owners[i].range);
	for (size_t i = 0; i < 100; i++) {
		asked[0] = '\0';
		assert_int_equal(read_bus(&bus, owners[i].range.base + 0xf, 1),
				 i % 3 ? owners[i].letter : 0xff);
	}
	via_bus_clear(&bus);
}

/* What KVM makes of an access over the edge of a page. */
static void odd_sizes_come_in_natural_parts(void **state)
{
	struct owner a = owner('a', 0x1000, 0x1000);
	struct via_bus bus = { 0 };
	uint64_t data = 0x8877665544332211;

	(void)state;
	assert_int_equal(add(&bus, &a), 0);
	assert_int_equal(read_bus(&bus, 0x1ffd, 3), 0x616161);
	assert_int_equal(read_bus(&bus, 0x1ffb, 5), 0x6161616161);
	assert_int_equal(read_bus(&bus, 0x1000, 6), 0x616161616161);
	assert_string_equal(asked, "affd:1 affe:2 affb:1 affc:4 a0:4 a4:2 ");
	asked[0] = '\0';
	via_bus_access(&bus, 0x1000, &data, 7, true);
	via_bus_access(&bus, 0x1001, &data, 3, true);
	/* Of a natural size it is one access, aligned or not. */
	via_bus_access(&bus, 0x1001, &data, 4, true);
	assert_string_equal(asked, "a0:4=44332211 a4:2=6655 a6:1=77 a1:1=11 a2:2=3322 "
				   "a1:4=44332211 ");
	via_bus_clear(&bus);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_address_has_one_owner),
		TEST(what_nobody_owns_reads_as_ones),
		TEST(overlaps_are_refused),
		TEST(many_ranges_stay_in_order),
		TEST(odd_sizes_come_in_natural_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
