/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench.h"

#include <math.h>
#include <string.h>

/* What is less than this, of an exit an operation and of the figure, explains nothing. */
#define NOTABLE	      0.05
#define NOTABLE_SHARE 0.05

/* What an exit of a kind most often is for, to say more than its name. */
static const char *meaning(const char *reason)
{
	static const struct {
		const char *reason, *text;
	} all[] = {
		{ "memory", "accesses to a device's registers, such as the doorbell" },
		{ "HLT", "the guest going idle" },
		{ "MSR", "the guest's timer and interrupt controller" },
		{ "interrupt", "interrupts of the host while the guest runs" },
		{ "window", "interrupts that wait for the guest to take one" },
		{ "port I/O", "port I/O" },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (!strcmp(all[i].reason, reason))
			return all[i].text;
	return reason;
}

static double cost_of(const struct via_bench_figures *figures, enum via_bench_cost_group group,
		      const char *name)
{
	const struct via_bench_cost *cost = via_bench_cost_find(figures, group, name);

	return cost && cost->summary.median == cost->summary.median ? cost->summary.median : 0;
}

/* The reason whose counts differ most in the direction the sums do. */
static const char *main_reason(const struct via_bench_figures *more,
			       const struct via_bench_figures *less, double *most)
{
	const char *reason = NULL;

	*most = 0;
	for (size_t i = 0; i < more->cost_count; i++) {
		const struct via_bench_cost *cost = more->costs[i];
		double difference;

		if (cost->group != VIA_BENCH_EXITS || !strcmp(cost->name, VIA_BENCH_TOTAL))
			continue;
		difference = cost_of(more, VIA_BENCH_EXITS, cost->name) -
			     cost_of(less, VIA_BENCH_EXITS, cost->name);
		if (difference > *most) {
			*most = difference;
			reason = cost->name;
		}
	}
	return reason;
}

static void explain_exits(struct via_bench *bench, const struct via_bench_metric *metric,
			  const char *operation, const struct via_bench_figures *a,
			  const struct via_bench_figures *b)
{
	double of_a = cost_of(a, VIA_BENCH_EXITS, VIA_BENCH_TOTAL);
	double of_b = cost_of(b, VIA_BENCH_EXITS, VIA_BENCH_TOTAL);
	const struct via_bench_figures *more = of_a > of_b ? a : b, *less = more == a ? b : a;
	double high = fmax(of_a, of_b), low = fmin(of_a, of_b), most;
	const char *reason;

	if (high - low < NOTABLE || high - low < NOTABLE_SHARE * high)
		return;
	reason = main_reason(more, less, &most);
	if (reason && most >= NOTABLE)
		via_bench_add_text(bench->result, &bench->result->sentences,
				   "%s: %s pays %.2f exits per %s, %s %.2f; %.2f of the difference "
				   "are for %s.",
				   metric->title, more->subject, high, operation, less->subject,
				   low, most, meaning(reason));
	else
		via_bench_add_text(bench->result, &bench->result->sentences,
				   "%s: %s pays %.2f exits per %s, %s %.2f.", metric->title,
				   more->subject, high, operation, less->subject, low);
}

static void explain_user_exits(struct via_bench *bench, const struct via_bench_metric *metric,
			       const char *operation, const struct via_bench_figures *figures)
{
	double exits = cost_of(figures, VIA_BENCH_USER_EXITS, VIA_BENCH_TOTAL);

	if (exits >= NOTABLE)
		via_bench_add_text(bench->result, &bench->result->sentences,
				   "%s: with %s, %.2f exits per %s go on to the VMM's process.",
				   metric->title, figures->subject, exits, operation);
}

/* Each subject that has exits against the first that has. */
static void explain_metric(struct via_bench *bench, const struct via_bench_metric *metric,
			   const char *operation)
{
	const struct via_bench_figures *first = NULL;

	for (size_t i = 0; i < metric->figure_count; i++) {
		const struct via_bench_figures *figures = metric->figures[i];

		if (!via_bench_cost_find(figures, VIA_BENCH_EXITS, VIA_BENCH_TOTAL))
			continue;
		explain_user_exits(bench, metric, operation, figures);
		if (first)
			explain_exits(bench, metric, operation, first, figures);
		else
			first = figures;
	}
}

void via_bench_explain(struct via_bench *bench)
{
	for (size_t i = 0; i < bench->part_count; i++) {
		const struct via_bench_metric *metric =
			via_bench_metric_find(bench->result, bench->parts[i].name);

		if (metric)
			explain_metric(bench, metric, bench->parts[i].operation);
	}
}
