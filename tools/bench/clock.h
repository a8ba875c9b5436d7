/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_BENCH_CLOCK_H
#define VIADUCT_TOOLS_BENCH_CLOCK_H

#include "counters.h"

/*
 * What a guest costs because time passes: its ticks, and the host's, while it is busy. On an
 * operation that took twice as long, on a slower or a busier machine, twice as many of them fall,
 * and it has no more cost of its own.
 */
struct via_bench_clock {
	struct via_bench_counters counters; /* of a window in which the guest spun */
	double ticks; /* of the guest in that window; 0: it was not measured */
};

/**
 * via_bench_clock_take() - from @costs take what the clock caused, and add it beside the totals as
 * VIA_BENCH_OF_CLOCK. Does nothing when the clock was not measured.
 * @ticks: how often the guest's timers interrupted it meanwhile.
 */
void via_bench_clock_take(const struct via_bench_clock *clock, struct via_bench_counters *costs,
			  double ticks);

#endif
