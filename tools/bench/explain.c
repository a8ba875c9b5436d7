/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What is less than this share of an operation's exits explains nothing, nor is less than this of
 * an exit worth a sentence. */
#define NOTABLE_SHARE 0.05
#define NOTABLE	      0.01

#define REASONS_MAX 2
#define TEXT_BYTES  512

/* What an exit of a kind most often is for, to say more than its name. */
static const char *meaning(const char *reason)
{
	static const struct {
		const char *reason, *text;
	} all[] = {
		{ "memory", "registers, such as doorbells, and memory touched for the first time" },
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

/* Decimals that tell something, of exits. */
static int decimals(double value)
{
	return value < 100 ? 2 : 0;
}

static double cost_of(const struct via_bench_figures *figures, enum via_bench_cost_group group,
		      const char *name)
{
	const struct via_bench_cost *cost = via_bench_cost_find(figures, group, name);

	return cost && cost->summary.median == cost->summary.median ? cost->summary.median : 0;
}

/* Appends the reason for which @more has most above @less, but for those in @said. */
static const char *add_reason(char *text, const struct via_bench_figures *more,
			      const struct via_bench_figures *less, const char *const *said,
			      size_t said_count, double least, const char *word)
{
	const char *reason = NULL;
	size_t length = strlen(text);
	double most = least;

	for (size_t i = 0; i < more->cost_count; i++) {
		const struct via_bench_cost *cost = more->costs[i];
		double difference;
		bool known = cost->group != VIA_BENCH_EXITS || !via_bench_cost_is_part(cost);

		for (size_t j = 0; j < said_count; j++)
			known |= !strcmp(said[j], cost->name);
		if (known)
			continue;
		difference = cost_of(more, VIA_BENCH_EXITS, cost->name) -
			     cost_of(less, VIA_BENCH_EXITS, cost->name);
		if (difference > most) {
			most = difference;
			reason = cost->name;
		}
	}
	if (reason)
		snprintf(text + length, TEXT_BYTES - length, "%s %.*f %s for %s",
			 length ? "," : ":", decimals(most), most, word, meaning(reason));
	return reason;
}

/* The few reasons that differ most, those of which @b has more first. */
static void add_reasons(char *text, const struct via_bench_figures *a,
			const struct via_bench_figures *b, double least)
{
	const char *said[2 * REASONS_MAX];
	size_t count = 0;

	text[0] = '\0';
	for (int i = 0; i < REASONS_MAX; i++) {
		const char *reason = add_reason(text, b, a, said, count, least, "more");

		if (reason)
			said[count++] = reason;
	}
	for (int i = 0; i < REASONS_MAX; i++) {
		const char *reason = add_reason(text, a, b, said, count, least, "fewer");

		if (reason)
			said[count++] = reason;
	}
}

/* Whether the runs of both show that they differ in exits. */
static bool exits_differ(const struct via_bench_figures *a, const struct via_bench_figures *b)
{
	const struct via_bench_cost *of_a =
		via_bench_cost_find(a, VIA_BENCH_EXITS, VIA_BENCH_TOTAL);
	const struct via_bench_cost *of_b =
		via_bench_cost_find(b, VIA_BENCH_EXITS, VIA_BENCH_TOTAL);
	struct via_interval interval;
	double ratio;

	if (!of_a || !of_b ||
	    via_stats_ratio(of_b->samples.values, of_b->samples.count, of_a->samples.values,
			    of_a->samples.count, &ratio, &interval))
		return false;
	return via_stats_differ(of_b->samples.values, of_b->samples.count, of_a->samples.values,
				of_a->samples.count, interval);
}

static void explain_exits(struct via_bench *bench, const struct via_bench_metric *metric,
			  const char *operation, const struct via_bench_figures *a,
			  const struct via_bench_figures *b)
{
	double of_a = cost_of(a, VIA_BENCH_EXITS, VIA_BENCH_TOTAL);
	double of_b = cost_of(b, VIA_BENCH_EXITS, VIA_BENCH_TOTAL);
	double least = fmax(NOTABLE, NOTABLE_SHARE * fmax(of_a, of_b));
	char reasons[TEXT_BYTES] = "";

	if (!exits_differ(a, b))
		return;
	/* KVM's own counters overlap, and leave most exits without a reason. */
	if (bench->trace.exits)
		add_reasons(reasons, a, b, least);
	if (reasons[0] || fabs(of_a - of_b) >= least)
		via_bench_add_text(bench->result, &bench->result->sentences,
				   "%s: %s pays %.*f exits per %s, %s %.*f%s.", metric->title,
				   b->subject, decimals(of_b), of_b, operation, a->subject,
				   decimals(of_a), of_a, reasons);
}

static void explain_user_exits(struct via_bench *bench, const struct via_bench_metric *metric,
			       const char *operation, const struct via_bench_figures *figures)
{
	double exits = cost_of(figures, VIA_BENCH_USER_EXITS, VIA_BENCH_TOTAL);

	if (exits >= NOTABLE)
		via_bench_add_text(bench->result, &bench->result->sentences,
				   "%s: with %s, %.*f exits per %s go on to the VMM's process.",
				   metric->title, figures->subject, decimals(exits), exits,
				   operation);
}

/* Each subject that has exits against the first that has. */
static void explain_metric(struct via_bench *bench, const struct via_bench_metric *metric)
{
	const char *operation = metric->operation ? metric->operation : "operation";
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
	for (size_t i = 0; i < bench->result->metric_count; i++)
		explain_metric(bench, bench->result->metrics[i]);
}
