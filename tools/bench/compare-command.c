/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* viaduct bench compare: whether a second result is worse than a first. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <viaduct/util/cleanup.h>

#include "../command.h"
#include "../output.h"
#include "compare.h"
#include "format.h"

struct pair {
	const char *a_path, *b_path;
	struct via_bench_result *a, *b;
	double threshold;
	struct via_comparisons comparisons;
};

static void pair_clear(struct pair *pair)
{
	free(pair->comparisons.list);
	via_bench_result_free(pair->a);
	via_bench_result_free(pair->b);
}

/* "5%" or "5": 0.05. */
static int parse_threshold(const char *text, double *threshold)
{
	char *end;
	double percent = strtod(text, &end);

	if (*end == '%')
		end++;
	if (end == text || *end || !(percent >= 0 && percent <= 1000))
		return via_usage_error("--threshold wants a percentage from 0 to 1000, as 5%%, "
				       "not '%s'",
				       text);
	*threshold = percent / 100;
	return 0;
}

static const char *what(const struct via_comparison *comparison)
{
	static const char *const costs[VIA_BENCH_COST_GROUPS] = {
		[VIA_BENCH_EXITS] = "exits/op",
		[VIA_BENCH_USER_EXITS] = "exits to VMM/op",
		[VIA_BENCH_INTERRUPTS] = "interrupts/op",
		[VIA_BENCH_CPU_NS] = "CPU/op",
		[VIA_BENCH_CONTEXT_SWITCHES] = "switches/op",
		[VIA_BENCH_INSTRUCTIONS] = "instructions/op",
	};

	return comparison->is_cost ? costs[comparison->group] : "median";
}

static void add_verdict(struct via_table *table, const struct via_comparison *comparison)
{
	const char *slightly = comparison->beyond ? "" : "slightly ";
	enum via_style style = VIA_STYLE_PLAIN;

	if (comparison->beyond && comparison->verdict == VIA_VERDICT_BETTER)
		style = VIA_STYLE_GOOD;
	if (comparison->beyond && comparison->verdict == VIA_VERDICT_WORSE)
		style = VIA_STYLE_WARNING;
	if (comparison->verdict == VIA_VERDICT_NONE)
		via_table_add(table, VIA_STYLE_DIM, "no difference shown");
	else
		via_table_add(table, style, "%s%s%s", slightly,
			      via_verdict_name(comparison->verdict),
			      comparison->decides ? "" : " (emulator's time)");
}

static void add_row(struct via_table *table, const struct via_comparison *comparison,
		    bool intervals)
{
	double smaller = comparison->a > 0 && !(comparison->b > 0 && comparison->b < comparison->a)
				 ? comparison->a
				 : comparison->b;
	struct via_scale scale = via_scale_for(comparison->unit, smaller);

	via_table_add(table, VIA_STYLE_PLAIN, "%s", comparison->metric);
	via_table_add(table, VIA_STYLE_PLAIN, "%s", comparison->subject);
	via_table_add(table, VIA_STYLE_PLAIN, "%s", what(comparison));
	via_table_add(table, VIA_STYLE_PLAIN, "%s",
		      via_figure_with_unit(&scale, comparison->a, false).text);
	via_table_add(table, VIA_STYLE_PLAIN, "%s",
		      via_figure_with_unit(&scale, comparison->b, false).text);
	via_table_add(table, VIA_STYLE_PLAIN, "%s",
		      via_figure_percent(comparison->ratio, false).text);
	if (via_interval_known(comparison->interval))
		via_table_add(table, VIA_STYLE_DIM, "%s to %s",
			      via_figure_percent(comparison->interval.low, false).text,
			      via_figure_percent(comparison->interval.high, false).text);
	else if (intervals)
		via_table_add(table, VIA_STYLE_DIM, "%s", "");
	add_verdict(table, comparison);
}

/* Every figure, and of the costs those that differ. */
static bool is_row(const struct via_comparison *comparison)
{
	return !comparison->is_cost || comparison->verdict != VIA_VERDICT_NONE;
}

static bool has_intervals(const struct via_comparisons *comparisons)
{
	for (size_t i = 0; i < comparisons->count; i++)
		if (is_row(&comparisons->list[i]) &&
		    via_interval_known(comparisons->list[i].interval))
			return true;
	return false;
}

static int print_table(const struct via_cli *cli, const struct pair *pair)
{
	static const char *const with[] = { "METRIC", "SUBJECT", "WHAT",	 "A",
					    "B",      "CHANGE",	 "95% INTERVAL", "VERDICT" };
	static const char *const without[] = { "METRIC", "SUBJECT", "WHAT",   "A",
					       "B",	 "CHANGE",  "VERDICT" };
	bool intervals = has_intervals(&pair->comparisons);
	struct via_table table;

	via_table_init(&table, intervals ? 8 : 7, intervals ? with : without);
	table.right = intervals ? 0x78 : 0x38;
	for (size_t i = 0; i < pair->comparisons.count; i++)
		if (is_row(&pair->comparisons.list[i]))
			add_row(&table, &pair->comparisons.list[i], intervals);
	return via_table_print(cli, &table);
}

static bool differ(const char *a, const char *b)
{
	return a && b && strcmp(a, b) != 0;
}

/* What keeps a comparison from meaning what it seems to. */
static void print_notes(const struct pair *pair)
{
	const struct via_bench_machine *a = &pair->a->machine, *b = &pair->b->machine;

	if (differ(a->cpu, b->cpu))
		printf("note: A was measured on %s, B on %s\n", a->cpu, b->cpu);
	if (differ(a->kernel, b->kernel))
		printf("note: the host's kernel was %s for A, %s for B\n", a->kernel, b->kernel);
	if (differ(pair->a->guest.kernel, pair->b->guest.kernel))
		printf("note: the guest's kernel was %s for A, %s for B\n", pair->a->guest.kernel,
		       pair->b->guest.kernel);
	if (a->emulated != b->emulated)
		printf("note: %s was measured under emulation\n", a->emulated ? "A" : "B");
	if (pair->comparisons.emulated)
		puts("note: under emulation, times are the emulator's and decide nothing");
	if (pair->comparisons.few)
		printf("note: fewer than %d runs have no interval; they differ when their ranges "
		       "do not meet\n",
		       VIA_STATS_INTERVAL_MIN);
}

/* What one has figures of and the other not. */
static void print_only(const char *which, const struct via_bench_result *one,
		       const struct via_bench_result *other)
{
	for (size_t i = 0; i < one->metric_count; i++) {
		const struct via_bench_metric *metric = one->metrics[i];
		const struct via_bench_metric *there = via_bench_metric_find(other, metric->name);

		for (size_t j = 0; j < metric->figure_count; j++) {
			const char *subject = metric->figures[j]->subject;

			if (!there || !via_bench_figures_find(there, subject))
				printf("note: only %s has %s of %s\n", which, metric->name,
				       subject);
		}
	}
}

static int print_text(const struct via_cli *cli, const struct pair *pair)
{
	const struct via_bench_result *a = pair->a, *b = pair->b;
	int status;

	printf("A: %s (%s)\nB: %s (%s)\n", pair->a_path, a->began ? a->began : "date unknown",
	       pair->b_path, b->began ? b->began : "date unknown");
	print_notes(pair);
	print_only("A", a, b);
	print_only("B", b, a);
	putchar('\n');
	status = print_table(cli, pair);
	if (status)
		return status;
	if (pair->comparisons.worse)
		printf("\n%zu got worse by more than %g%%\n", pair->comparisons.worse,
		       pair->threshold * 100);
	else
		printf("\nnothing got worse by more than %g%%\n", pair->threshold * 100);
	return VIA_EXIT_DONE;
}

static json_t *comparison_json(const struct via_comparison *comparison)
{
	bool known = via_interval_known(comparison->interval);

	return json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:s, s:b, s:b}", "metric",
		comparison->metric, "subject", comparison->subject, "what",
		comparison->is_cost ? via_bench_cost_group_name(comparison->group) : "median",
		"unit", via_bench_unit_name(comparison->unit), "better",
		via_bench_better_name(comparison->better), "time", comparison->time, "a",
		via_bench_number_json(comparison->a), "b", via_bench_number_json(comparison->b),
		"ratio", via_bench_number_json(comparison->ratio), "interval",
		known ? json_pack("[o, o]", via_bench_number_json(comparison->interval.low),
				  via_bench_number_json(comparison->interval.high))
		      : json_null(),
		"verdict", via_verdict_name(comparison->verdict), "beyond_threshold",
		comparison->beyond, "decides", comparison->decides);
}

static int print_json(const struct pair *pair)
{
	json_t *list = json_array();

	for (size_t i = 0; i < pair->comparisons.count; i++)
		if (json_array_append_new(list, comparison_json(&pair->comparisons.list[i]))) {
			json_decref(list);
			list = NULL;
		}
	return via_json_print(json_pack(
		"{s:s, s:o, s:o, s:o, s:i, s:o}", "kind", via_bench_kind_name(pair->a->kind), "a",
		via_json_text(pair->a_path), "b", via_json_text(pair->b_path), "threshold",
		via_bench_number_json(pair->threshold), "worse", (int)pair->comparisons.worse,
		"comparisons", list));
}

int cmd_bench_compare(struct via_cli *cli, int argc, char **argv)
{
	const char *threshold = via_cli_value(cli, "threshold");
	struct pair pair = { .a_path = cli->operands[0], .b_path = cli->operands[1] };
	struct via_error err;
	int status;

	(void)argc;
	(void)argv;
	status = parse_threshold(threshold ? threshold : "5%", &pair.threshold);
	if (status)
		return status;
	if (via_bench_result_load(pair.a_path, &pair.a, &err) ||
	    via_bench_result_load(pair.b_path, &pair.b, &err) ||
	    via_bench_compare(pair.a, pair.b, pair.threshold, &pair.comparisons, &err))
		status = via_fail(&err);
	else
		status = cli->json ? print_json(&pair) : print_text(cli, &pair);
	if (!status && pair.comparisons.worse)
		status = VIA_EXIT_FAILED;
	pair_clear(&pair);
	return status;
}
