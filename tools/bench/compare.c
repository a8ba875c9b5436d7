/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "compare.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* For one operation, this much of a count is nothing. */
static const double NEGLIGIBLE = 0.01;

const char *via_verdict_name(enum via_verdict verdict)
{
	static const char *const names[VIA_VERDICTS] = {
		[VIA_VERDICT_NONE] = "none",
		[VIA_VERDICT_BETTER] = "better",
		[VIA_VERDICT_WORSE] = "worse",
		[VIA_VERDICT_DIFFERENT] = "different",
	};

	return names[verdict];
}

static enum via_verdict verdict_of(enum via_bench_better better, bool lower)
{
	if (better == VIA_BENCH_BETTER_NONE)
		return VIA_VERDICT_DIFFERENT;
	return lower == (better == VIA_BENCH_BETTER_LOWER) ? VIA_VERDICT_BETTER : VIA_VERDICT_WORSE;
}

/* From ratio and interval; what has no ratio came from nothing, if it is something now. */
static void judge(struct via_comparison *comparison, bool differs, double threshold)
{
	double ratio = comparison->ratio;

	comparison->verdict = VIA_VERDICT_NONE;
	comparison->beyond = false;
	if (comparison->is_cost && fabs(comparison->a - comparison->b) < NEGLIGIBLE)
		return;
	if (comparison->is_cost && comparison->a < NEGLIGIBLE) {
		comparison->verdict = VIA_VERDICT_WORSE;
		comparison->beyond = true;
		return;
	}
	if (isnan(ratio) || !differs)
		return;
	comparison->verdict = verdict_of(comparison->better, ratio < 1);
	comparison->beyond = fabs(ratio - 1) > threshold;
}

/* The samples of a group's total, of one subject; NULL when it has none. */
static const struct via_bench_samples *cost_samples(const struct via_bench_figures *figures,
						    enum via_bench_cost_group group)
{
	const struct via_bench_cost *cost = via_bench_cost_find(figures, group, VIA_BENCH_TOTAL);

	return cost ? &cost->samples : NULL;
}

struct comparing {
	struct via_comparisons *into;
	double threshold;
};

static int add(struct comparing *comparing, struct via_comparison comparison,
	       const struct via_bench_samples *a, const struct via_bench_samples *b)
{
	struct via_comparisons *into = comparing->into;
	struct via_comparison *grown =
		reallocarray(into->list, into->count + 1, sizeof(*into->list));

	if (!grown)
		return -ENOMEM;
	into->list = grown;
	if (via_stats_ratio(b->values, b->count, a->values, a->count, &comparison.ratio,
			    &comparison.interval))
		return -ENOMEM;
	judge(&comparison,
	      via_stats_differ(b->values, b->count, a->values, a->count, comparison.interval),
	      comparing->threshold);
	into->few |= a->count < VIA_STATS_INTERVAL_MIN || b->count < VIA_STATS_INTERVAL_MIN;
	comparison.decides = !(comparison.time && into->emulated);
	if (comparison.verdict == VIA_VERDICT_WORSE && comparison.beyond && comparison.decides)
		into->worse++;
	grown[into->count++] = comparison;
	return 0;
}

static int compare_figures(struct comparing *comparing, const struct via_bench_metric *metric,
			   const struct via_bench_figures *a, const struct via_bench_figures *b)
{
	struct via_comparison comparison = {
		.metric = metric->name,
		.title = metric->title,
		.subject = a->subject,
		.unit = metric->unit,
		.better = metric->better,
		.time = metric->time,
		.a = a->summary.median,
		.b = b->summary.median,
	};
	int rc = add(comparing, comparison, &a->samples, &b->samples);

	comparison.is_cost = true;
	comparison.better = VIA_BENCH_BETTER_LOWER;
	for (enum via_bench_cost_group group = 0; !rc && group < VIA_BENCH_COST_GROUPS; group++) {
		const struct via_bench_samples *of_a = cost_samples(a, group);
		const struct via_bench_samples *of_b = cost_samples(b, group);

		if (!of_a || !of_b)
			continue;
		comparison.group = group;
		comparison.time = group == VIA_BENCH_CPU_NS;
		comparison.unit = comparison.time ? VIA_BENCH_UNIT_NS : VIA_BENCH_UNIT_COUNT;
		comparison.a = via_bench_cost_total(a, group);
		comparison.b = via_bench_cost_total(b, group);
		rc = add(comparing, comparison, of_a, of_b);
	}
	return rc;
}

int via_bench_compare(const struct via_bench_result *a, const struct via_bench_result *b,
		      double threshold, struct via_comparisons *comparisons, struct via_error *err)
{
	struct via_comparisons into = { .emulated = a->machine.emulated || b->machine.emulated };
	struct comparing comparing = { &into, threshold };
	int rc = 0;

	if (a->kind != b->kind)
		return via_error_set(err, EINVAL,
				     "a result of 'viaduct bench %s' cannot be compared with one "
				     "of 'viaduct bench %s'",
				     via_bench_kind_name(a->kind), via_bench_kind_name(b->kind));
	for (size_t i = 0; !rc && i < a->metric_count; i++) {
		const struct via_bench_metric *metric = a->metrics[i];
		const struct via_bench_metric *other = via_bench_metric_find(b, metric->name);

		for (size_t j = 0; !rc && other && j < metric->figure_count; j++) {
			const struct via_bench_figures *figures = metric->figures[j];
			const struct via_bench_figures *others =
				via_bench_figures_find(other, figures->subject);

			if (others && other->unit == metric->unit)
				rc = compare_figures(&comparing, metric, figures, others);
		}
	}
	if (rc) {
		free(into.list);
		return via_error_sys(err, -rc, "cannot compare the results");
	}
	*comparisons = into;
	return 0;
}
