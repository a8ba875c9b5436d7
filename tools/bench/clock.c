/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "clock.h"

#include <math.h>
#include <string.h>

/* Parts that add up to their total within this share of it, and this many, are all there are. */
#define ROUGH_SHARE 0.02
#define ROUGH	    16

static double expected(const struct via_bench_clock *clock, const struct via_bench_counter *of,
		       double ticks)
{
	double spinning = via_bench_counters_get(&clock->counters, of->group, of->name);

	return fmin(fmax(spinning, 0) * ticks / clock->ticks, of->value);
}

static void take_of_group(const struct via_bench_clock *clock, struct via_bench_counters *costs,
			  enum via_bench_cost_group group, double ticks)
{
	double parts = 0, parts_taken = 0, taken;
	struct via_bench_counter *total = NULL;

	for (size_t i = 0; i < costs->count; i++) {
		struct via_bench_counter *counter = &costs->counters[i];

		if (counter->group != group)
			continue;
		if (!strcmp(counter->name, VIA_BENCH_TOTAL)) {
			total = counter;
			continue;
		}
		taken = expected(clock, counter, ticks);
		parts += counter->value;
		parts_taken += taken;
		counter->value -= taken;
	}
	if (!total)
		return;
	/* Roughly counted parts overlap, and do not add up. */
	if (fabs(parts - total->value) <= ROUGH_SHARE * total->value + ROUGH)
		taken = fmin(parts_taken, total->value);
	else
		taken = expected(clock, total, ticks);
	total->value -= taken;
	via_bench_counters_add(costs, group, VIA_BENCH_OF_CLOCK, taken);
}

void via_bench_clock_take(const struct via_bench_clock *clock, struct via_bench_counters *costs,
			  double ticks)
{
	if (!(clock->ticks > 0))
		return;
	take_of_group(clock, costs, VIA_BENCH_EXITS, ticks);
	take_of_group(clock, costs, VIA_BENCH_USER_EXITS, ticks);
}
