/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "clock.h"

/* Of each: an exit for the host's timer, and two for the guest to take it and to set the next. */
static void add_ticks(struct via_bench_counters *counters, double ticks)
{
	via_bench_counters_add_part(counters, VIA_BENCH_EXITS, "interrupt", ticks);
	via_bench_counters_add_part(counters, VIA_BENCH_EXITS, "MSR", 2 * ticks);
}

static const struct via_bench_clock *measured(void)
{
	static struct via_bench_clock clock;

	clock = (struct via_bench_clock){ .ticks = 125 };
	add_ticks(&clock.counters, clock.ticks);
	return &clock;
}

static void assert_cost(const struct via_bench_counters *costs, const char *name, double value)
{
	double is = via_bench_counters_get(costs, VIA_BENCH_EXITS, name);

	if (!(fabs(is - value) < 1e-6))
		fail_msg("%s: %g, not %g", name, is, value);
}

/* The same work at two paces: its own costs are the same. */
static void work_costs_the_same_at_any_pace(void **state)
{
	static const double ticks[] = { 250, 1875 };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct via_bench_counters costs = { 0 };

		via_bench_counters_add_part(&costs, VIA_BENCH_EXITS, "HLT", 1000);
		via_bench_counters_add_part(&costs, VIA_BENCH_EXITS, "MSR", 2000);
		add_ticks(&costs, ticks[i]);
		via_bench_clock_take(measured(), &costs, ticks[i]);
		assert_cost(&costs, "HLT", 1000);
		assert_cost(&costs, "MSR", 2000);
		assert_cost(&costs, "interrupt", 0);
		assert_cost(&costs, VIA_BENCH_TOTAL, 3000);
		assert_cost(&costs, VIA_BENCH_OF_CLOCK, 3 * ticks[i]);
	}
}

static void no_more_is_taken_than_there_was(void **state)
{
	struct via_bench_counters costs = { 0 };

	(void)state;
	via_bench_counters_add_part(&costs, VIA_BENCH_EXITS, "HLT", 500);
	via_bench_counters_add_part(&costs, VIA_BENCH_EXITS, "MSR", 20);
	via_bench_clock_take(measured(), &costs, 250);
	assert_cost(&costs, "MSR", 0);
	assert_cost(&costs, VIA_BENCH_TOTAL, 500);
	assert_cost(&costs, VIA_BENCH_OF_CLOCK, 20);
}

/* Where reasons are known roughly they overlap, and do not add up. */
static void rough_reasons_do_not_make_the_total(void **state)
{
	struct via_bench_counters costs = { 0 };

	(void)state;
	via_bench_counters_add(&costs, VIA_BENCH_EXITS, VIA_BENCH_TOTAL, 1000);
	via_bench_counters_add(&costs, VIA_BENCH_EXITS, "interrupt", 300);
	via_bench_clock_take(measured(), &costs, 100);
	assert_cost(&costs, "interrupt", 200);
	assert_cost(&costs, VIA_BENCH_TOTAL, 700);
	assert_cost(&costs, VIA_BENCH_OF_CLOCK, 300);
}

static void without_a_clock_nothing_is_taken(void **state)
{
	const struct via_bench_clock none = { 0 };
	struct via_bench_counters costs = { 0 };

	(void)state;
	via_bench_counters_add_part(&costs, VIA_BENCH_EXITS, "HLT", 5);
	via_bench_clock_take(&none, &costs, 100);
	assert_cost(&costs, VIA_BENCH_TOTAL, 5);
	assert_cost(&costs, VIA_BENCH_OF_CLOCK, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(work_costs_the_same_at_any_pace),
		cmocka_unit_test(no_more_is_taken_than_there_was),
		cmocka_unit_test(rough_reasons_do_not_make_the_total),
		cmocka_unit_test(without_a_clock_nothing_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
