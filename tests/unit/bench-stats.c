/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "stats.h"

static void quartiles_are_those_of_r(void **state)
{
	/* quantile(c(1, 2, 3, 4)) and quantile(c(3, 1, 4, 1, 5, 9, 2, 6)) of R 4. */
	static const double four[] = { 4, 2, 1, 3 }, eight[] = { 3, 1, 4, 1, 5, 9, 2, 6 };
	struct via_summary summary;

	(void)state;
	assert_int_equal(via_stats_summarise(four, 4, &summary), 0);
	assert_true(summary.q1 == 1.75 && summary.median == 2.5 && summary.q3 == 3.25);
	assert_int_equal(via_stats_summarise(eight, 8, &summary), 0);
	assert_true(summary.q1 == 1.75 && summary.median == 3.5 && summary.q3 == 5.25);
	assert_true(summary.min == 1 && summary.max == 9);
}

static void few_samples_have_no_interval(void **state)
{
	static const double values[] = { 5, 7, 6, 10, 9, 8 };
	struct via_summary summary;

	(void)state;
	assert_int_equal(via_stats_summarise(NULL, 0, &summary), 0);
	assert_true(isnan(summary.median) && isnan(summary.min));
	assert_int_equal(via_stats_summarise(values, 1, &summary), 0);
	assert_true(summary.median == 5 && summary.q1 == 5 && summary.max == 5);
	assert_false(via_interval_known(summary.interval));
	assert_int_equal(via_stats_summarise(values, 5, &summary), 0);
	assert_true(summary.min == 5 && summary.max == 10);
	assert_false(via_interval_known(summary.interval));
	assert_int_equal(via_stats_summarise(values, 6, &summary), 0);
	assert_true(summary.interval.low >= 5 && summary.interval.low <= 6);
	assert_true(summary.interval.high >= 9 && summary.interval.high <= 10);
}

static void what_is_all_the_same_is_certain(void **state)
{
	static const double ones[] = { 1, 1, 1, 1, 1, 1 }, twos[] = { 2, 2, 2, 2, 2, 2, 2 };
	struct via_interval interval;
	struct via_summary summary;
	double ratio;

	(void)state;
	assert_int_equal(via_stats_summarise(ones, 6, &summary), 0);
	assert_true(summary.interval.low == 1 && summary.interval.high == 1);
	assert_int_equal(via_stats_ratio(twos, 7, ones, 6, &ratio, &interval), 0);
	assert_true(ratio == 2 && interval.low == 2 && interval.high == 2);
}

static void a_ratio_to_nothing_is_none(void **state)
{
	static const double zeros[6] = { 0 }, mostly[] = { 0, 0, 1, 1, 1, 1 };
	static const double ones[] = { 1, 1, 1, 1, 1, 1 };
	struct via_interval interval;
	double ratio;

	(void)state;
	assert_int_equal(via_stats_ratio(ones, 6, zeros, 6, &ratio, &interval), 0);
	assert_true(isnan(ratio) && !via_interval_known(interval));
	assert_int_equal(via_stats_ratio(ones, 6, mostly, 6, &ratio, &interval), 0);
	assert_true(ratio == 1 && !via_interval_known(interval));
	assert_int_equal(via_stats_ratio(zeros, 6, ones, 6, &ratio, &interval), 0);
	assert_true(ratio == 0 && interval.low == 0 && interval.high == 0);
}

static void few_samples_differ_when_their_ranges_do_not_meet(void **state)
{
	static const double low[] = { 3, 1, 2, 2, 2, 2 }, high[] = { 4, 6, 5, 5, 5, 5 };
	static const double touching[] = { 3, 6, 5 };
	static const struct via_interval none = { NAN, NAN };

	(void)state;
	assert_true(via_stats_differ(low, 3, high, 3, none));
	assert_true(via_stats_differ(high, 6, low, 3, none));
	assert_false(via_stats_differ(low, 3, touching, 3, none));
	assert_false(via_stats_differ(low, 2, high, 6, none));
	/* With enough of them it is the interval alone that tells. */
	assert_false(via_stats_differ(low, 6, high, 6, none));
	assert_false(via_stats_differ(low, 6, high, 6, (struct via_interval){ 0.5, 1 }));
	assert_true(via_stats_differ(low, 6, high, 6, (struct via_interval){ 0.5, 0.9 }));
	assert_true(via_stats_differ(high, 6, low, 6, (struct via_interval){ 1.1, 2 }));
}

/* Of a fair coin's tosses: enough like a normal distribution, and the same each time. */
static double draw(uint64_t *state)
{
	double sum = 0;

	for (int i = 0; i < 12; i++) {
		*state = *state * 6364136223846793005u + 1442695040888963407u;
		sum += (double)(*state >> 33) / 0x1p31;
	}
	return 100 + sum - 6;
}

/* An interval that promises 95% has the truth inside about that often. */
static void intervals_hold_what_they_promise(void **state)
{
	uint64_t random = 1;
	int medians = 0, ratios = 0;

	(void)state;
	for (int trial = 0; trial < 400; trial++) {
		double values[15], base[15], ratio;
		struct via_interval interval;
		struct via_summary summary;

		for (size_t i = 0; i < 15; i++) {
			values[i] = draw(&random);
			base[i] = draw(&random);
		}
		assert_int_equal(via_stats_summarise(values, 15, &summary), 0);
		medians += summary.interval.low <= 100 && summary.interval.high >= 100;
		assert_int_equal(via_stats_ratio(values, 15, base, 15, &ratio, &interval), 0);
		ratios += interval.low <= 1 && interval.high >= 1;
	}
	assert_in_range(medians, 400 * 90 / 100, 400 * 99 / 100);
	assert_in_range(ratios, 400 * 90 / 100, 400 * 995 / 1000);
}

static void the_same_samples_make_the_same_report(void **state)
{
	static const double values[] = { 12, 10, 11, 15, 9, 13, 10.5 };
	struct via_summary first, again;

	(void)state;
	assert_int_equal(via_stats_summarise(values, 7, &first), 0);
	assert_int_equal(via_stats_summarise(values, 7, &again), 0);
	assert_memory_equal(&first, &again, sizeof(first));
	/* And on any machine. */
	assert_true(first.interval.low == 10 && first.interval.high == 13);
}

static void a_bucket_is_three_percent_wide(void **state)
{
	uint64_t lower = 0;

	(void)state;
	for (size_t i = 0; i < VIA_HISTOGRAM_BUCKETS; i++) {
		uint64_t upper = via_histogram_upper(i);

		assert_int_equal(via_histogram_bucket(lower), i);
		assert_int_equal(via_histogram_bucket(upper), i);
		assert_true(upper - lower <= lower / 32);
		lower = upper + 1;
	}
	assert_int_equal(lower, 0); /* the last one ends at 2^64 - 1 */
}

static void quantiles_of_a_histogram(void **state)
{
	struct via_histogram histogram = { 0 };

	(void)state;
	assert_int_equal(via_histogram_quantile(&histogram, 0.5), 0);
	via_histogram_add(&histogram, 10, 98);
	via_histogram_add(&histogram, 50, 1);
	via_histogram_add(&histogram, 1000, 1);
	assert_int_equal(histogram.total, 100);
	assert_int_equal(via_histogram_quantile(&histogram, 0), 10);
	assert_int_equal(via_histogram_quantile(&histogram, 0.98), 10);
	assert_int_equal(via_histogram_quantile(&histogram, 0.99), 50);
	assert_in_range(via_histogram_quantile(&histogram, 1), 1000, 1031);
	/* Of a hundred, one lies beyond 99%, and none beyond 99.9%. */
	assert_true(via_histogram_tells(&histogram, 0.99));
	assert_false(via_histogram_tells(&histogram, 0.999));
	assert_true(via_histogram_tells(&histogram, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quartiles_are_those_of_r),
		cmocka_unit_test(few_samples_have_no_interval),
		cmocka_unit_test(what_is_all_the_same_is_certain),
		cmocka_unit_test(a_ratio_to_nothing_is_none),
		cmocka_unit_test(few_samples_differ_when_their_ranges_do_not_meet),
		cmocka_unit_test(intervals_hold_what_they_promise),
		cmocka_unit_test(the_same_samples_make_the_same_report),
		cmocka_unit_test(a_bucket_is_three_percent_wide),
		cmocka_unit_test(quantiles_of_a_histogram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
