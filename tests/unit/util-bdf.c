/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include <viaduct/util/bdf.h>

static void addresses_are_read(void **state)
{
	static const struct {
		const char *text;
		struct via_bdf bdf;
	} good[] = {
		{ "0000:01:10.0", { 0, 0x01, 0x10, 0 } },
		{ "01:10.7", { 0, 0x01, 0x10, 7 } },
		{ "0:0.0", { 0, 0, 0, 0 } },
		{ "10000:FF:1f.7", { 0x10000, 0xff, 0x1f, 7 } },
		{ "ffffffff:ff:1f.7", { 0xffffffff, 0xff, 0x1f, 7 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct via_bdf bdf;

		assert_int_equal(via_bdf_parse(good[i].text, &bdf), 0);
		assert_true(via_bdf_equal(bdf, good[i].bdf));
	}
}

static void anything_else_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"eth0",
		"01:10",
		"01:10.",
		"01:10.8",
		"01:20.0",
		"100:00.0",
		"01:10.0 ",
		" 01:10.0",
		"01:10.00",
		"0000:01:10.0.",
		":01:10.0",
		"0:0:0:0.0",
		"-1:10.0",
		"0x1:10.0",
		"0000-01-10.0",
		"123456789:01:10.0",
		"0000:01:10.0/",
		"01:10.0\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct via_bdf bdf = { .bus = 0x55 };

		assert_int_equal(via_bdf_parse(bad[i], &bdf), -EINVAL);
		assert_int_equal(bdf.bus, 0x55);
	}
}

static void text_is_what_sysfs_writes(void **state)
{
	struct via_bdf large = { 0xffffffff, 0xff, 0x1f, 7 };
	struct via_bdf small = { 0, 1, 0x10, 2 };

	(void)state;
	assert_string_equal(via_bdf_text(small).text, "0000:01:10.2");
	assert_string_equal(via_bdf_text(large).text, "ffffffff:ff:1f.7");
}

static void order_is_domain_bus_device_function(void **state)
{
	static const struct via_bdf ascending[] = {
		{ 0, 0, 0, 0 }, { 0, 0, 0, 7 }, { 0, 0, 1, 0 },
		{ 0, 1, 0, 0 }, { 1, 0, 0, 0 }, { 0x80000000, 0, 0, 0 },
	};
	size_t count = sizeof(ascending) / sizeof(ascending[0]);

	(void)state;
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < count; j++)
			assert_int_equal(via_bdf_compare(ascending[i], ascending[j]),
					 (i > j) - (i < j));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_read),
		cmocka_unit_test(anything_else_is_refused),
		cmocka_unit_test(text_is_what_sysfs_writes),
		cmocka_unit_test(order_is_domain_bus_device_function),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
