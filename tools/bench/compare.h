/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_BENCH_COMPARE_H
#define VIADUCT_TOOLS_BENCH_COMPARE_H

#include "result.h"

/* What two results of one kind say about the same thing. */
enum via_verdict {
	VIA_VERDICT_NONE, /* no difference shown, as via_stats_differ() has it */
	VIA_VERDICT_BETTER,
	VIA_VERDICT_WORSE,
	VIA_VERDICT_DIFFERENT, /* of what is neither better low nor high */
	VIA_VERDICTS,
};

/* A figure of both, or a cost for one operation. Texts are those of the first result. */
struct via_comparison {
	const char *metric, *title, *subject;
	bool is_cost;
	enum via_bench_cost_group group; /* of a cost */
	enum via_bench_unit unit;
	enum via_bench_better better;
	bool time;    /* a figure of the clock */
	double a, b;  /* medians */
	double ratio; /* b / a; NAN when a is 0 */
	struct via_interval interval;
	enum via_verdict verdict;
	bool beyond;  /* better or worse by more than the threshold */
	bool decides; /* counts for the whole: no time where times are an emulator's */
};

struct via_comparisons {
	struct via_comparison *list;
	size_t count;
	bool emulated; /* one of them was */
	bool few;      /* a figure has too few runs for an interval */
	size_t worse;  /* how many decide, and got worse by more than the threshold */
};

/** via_verdict_name() - as JSON calls it: "none", "better", ... */
const char *via_verdict_name(enum via_verdict verdict);

/**
 * via_bench_compare() - all that finished results @a and @b both have. A cost of less than a
 * hundredth for each operation is none, so that one that appears is worse whatever the ratio.
 * @threshold: how much worse is too much, as a share: 0.05.
 * @comparisons: its list is to be freed, before the results.
 *
 * Return: 0; -EINVAL when they are not of one kind; -ENOMEM.
 */
int via_bench_compare(const struct via_bench_result *a, const struct via_bench_result *b,
		      double threshold, struct via_comparisons *comparisons, struct via_error *err);

#endif
