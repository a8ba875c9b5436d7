/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include <viaduct/util/range.h>

static void a_range_never_wraps(void **state)
{
	struct via_range range = { 1, 2 };

	(void)state;
	assert_int_equal(via_range_make(0x1000, 0, &range), -EINVAL);
	assert_int_equal(via_range_make(UINT64_MAX, 2, &range), -EOVERFLOW);
	assert_int_equal(via_range_make(2, UINT64_MAX, &range), -EOVERFLOW);
	assert_int_equal(range.first, 1);
	assert_int_equal(via_range_make(UINT64_MAX, 1, &range), 0);
	assert_int_equal(range.last, UINT64_MAX);
	assert_int_equal(via_range_make(1, UINT64_MAX, &range), 0);
	assert_int_equal(range.last, UINT64_MAX);
}

static void neighbours_melt(void **state)
{
	struct via_range_set set = { 0 };

	(void)state;
	assert_int_equal(via_range_set_add(&set, (struct via_range){ 20, 29 }), 0);
	assert_int_equal(via_range_set_add(&set, (struct via_range){ 0, 9 }), 0);
	assert_int_equal(set.count, 2);
	assert_int_equal(set.ranges[0].first, 0);
	assert_int_equal(via_range_set_add(&set, (struct via_range){ 10, 19 }), 0);
	assert_int_equal(set.count, 1);
	assert_int_equal(set.ranges[0].last, 29);
	assert_int_equal(via_range_set_add(&set, (struct via_range){ 40, UINT64_MAX }), 0);
	assert_int_equal(via_range_set_add(&set, (struct via_range){ 35, UINT64_MAX }), 0);
	assert_int_equal(set.count, 2);
	assert_int_equal(via_range_set_add(&set, (struct via_range){ 5, 4 }), -EINVAL);
	via_range_set_clear(&set);
}

static void taking_out_the_middle_leaves_two(void **state)
{
	struct via_range_set set = { 0 };

	(void)state;
	assert_int_equal(via_range_set_add(&set, (struct via_range){ 0, UINT64_MAX }), 0);
	assert_int_equal(via_range_set_remove(&set, (struct via_range){ 0xfee00000, 0xfeefffff }),
			 0);
	assert_int_equal(set.count, 2);
	assert_int_equal(set.ranges[0].last, 0xfedfffff);
	assert_int_equal(set.ranges[1].first, 0xfef00000);
	assert_false(via_range_set_contains(&set, (struct via_range){ 0xfedfffff, 0xfee00000 }));
	assert_true(via_range_set_contains(&set, (struct via_range){ 0xfef00000, UINT64_MAX }));
	assert_null(via_range_set_overlap(&set, (struct via_range){ 0xfee00000, 0xfeefffff }));
	assert_int_equal(via_range_set_remove(&set, (struct via_range){ 0, UINT64_MAX }), 0);
	assert_int_equal(set.count, 0);
	via_range_set_clear(&set);
}

/* Against the plainest model there is: a byte for each of 64 addresses. */
static void a_set_agrees_with_a_byte_per_address(void **state)
{
	struct via_range_set set = { 0 };
	unsigned char model[64] = { 0 };
	uint32_t seed = 1;

	(void)state;
	for (int step = 0; step < 5000; step++) {
		struct via_range range;
		uint64_t length;
		size_t runs = 0;

		seed = seed * 1664525 + 1013904223;
		range.first = seed >> 26;
		length = (seed >> 16) % 12;
		range.last = range.first + length > 63 ? 63 : range.first + length;
		if (seed >> 12 & 1)
			assert_int_equal(via_range_set_add(&set, range), 0);
		else
			assert_int_equal(via_range_set_remove(&set, range), 0);
		memset(model + range.first, (int)(seed >> 12 & 1),
		       (size_t)(range.last - range.first + 1));

		for (uint64_t at = 0; at < 64; at++) {
			assert_int_equal(via_range_set_contains(&set, (struct via_range){ at, at }),
					 model[at]);
			runs += model[at] && (!at || !model[at - 1]);
		}
		assert_int_equal(set.count, runs);
	}
	via_range_set_clear(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_range_never_wraps),
		cmocka_unit_test(neighbours_melt),
		cmocka_unit_test(taking_out_the_middle_leaves_two),
		cmocka_unit_test(a_set_agrees_with_a_byte_per_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
