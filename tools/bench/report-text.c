/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report-text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../output.h"
#include "format.h"

static void print_styled(const struct via_cli *cli, const char *code, const char *text)
{
	if (cli->colour)
		printf("\033[%sm%s\033[0m", code, text);
	else
		fputs(text, stdout);
}

static void print_title(const struct via_cli *cli, const struct via_bench_result *result)
{
	print_styled(cli, "1", via_kind_title(result->kind));
	if (result->machine.emulated)
		print_styled(cli, "1",
			     ", under emulation: times are the emulator's, counts are the guest's");
	putchar('\n');
}

static void print_warnings(const struct via_cli *cli, const struct via_bench_result *result)
{
	for (size_t i = 0; i < result->warnings.count; i++) {
		print_styled(cli, "33", "warning: ");
		puts(result->warnings.texts[i]);
	}
	for (size_t i = 0; i < result->subject_count; i++)
		if (result->subjects[i]->reason) {
			print_styled(cli, "33",
				     via_bench_has_figures(result, result->subjects[i]->name)
					     ? "stopped: "
					     : "skipped: ");
			printf("%s: %s\n", result->subjects[i]->name, result->subjects[i]->reason);
		}
}

static void print_machine(const struct via_bench_result *result)
{
	const struct via_bench_machine *machine = &result->machine;
	const struct via_bench_guest *guest = &result->guest;

	printf("machine: %s, %u processors, %s, Linux %s\n",
	       machine->cpu ? machine->cpu : "unknown processor", machine->cpus,
	       via_figure_bytes(machine->memory_bytes, false).text,
	       machine->kernel ? machine->kernel : "of unknown release");
	if (guest->kernel)
		printf("guest:   %s, %u processor%s, %s\n", guest->kernel, guest->cpus,
		       guest->cpus == 1 ? "" : "s",
		       via_figure_bytes(guest->memory_bytes, false).text);
	for (size_t i = 0; i < result->subject_count; i++) {
		const struct via_bench_subject *subject = result->subjects[i];

		if (!subject->reason && subject->what)
			printf("subject: %s: %s%s%s\n", subject->name, subject->what,
			       subject->vmm ? ", " : "", subject->vmm ? subject->vmm : "");
	}
}

/* A column of costs, which is there when one of the subjects has it. */
static const struct column {
	enum via_bench_cost_group group;
	const char *heading;
} columns[] = {
	{ VIA_BENCH_EXITS, "EXITS" },
	{ VIA_BENCH_USER_EXITS, "TO VMM" },
	{ VIA_BENCH_INTERRUPTS, "IRQS" },
	{ VIA_BENCH_CPU_NS, "CPU" },
	{ VIA_BENCH_CONTEXT_SWITCHES, "SWITCHES" },
	{ VIA_BENCH_INSTRUCTIONS, "INSTRUCTIONS" },
};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

static bool has_costs(const struct via_bench_metric *metric, enum via_bench_cost_group group)
{
	for (size_t i = 0; i < metric->figure_count; i++)
		if (!isnan(via_bench_cost_total(metric->figures[i], group)))
			return true;
	return false;
}

static bool has_intervals(const struct via_bench_metric *metric)
{
	for (size_t i = 0; i < metric->figure_count; i++)
		if (via_interval_known(metric->figures[i]->summary.interval))
			return true;
	return false;
}

static void add_interval(struct via_table *table, const struct via_scale *scale,
			 struct via_interval interval)
{
	if (!via_interval_known(interval))
		via_table_add(table, VIA_STYLE_DIM, "%s", "");
	else
		via_table_add(table, VIA_STYLE_DIM, "%s to %s",
			      via_figure_scaled(scale, interval.low, false).text,
			      via_figure_scaled(scale, interval.high, false).text);
}

/* Whether a difference is shown, and whether it is a good one. */
static enum via_style ratio_style(const struct via_bench_metric *metric,
				  const struct via_bench_figures *figures)
{
	if (!figures->differs || metric->better == VIA_BENCH_BETTER_NONE)
		return VIA_STYLE_PLAIN;
	return (figures->ratio < 1) == (metric->better == VIA_BENCH_BETTER_LOWER)
		       ? VIA_STYLE_GOOD
		       : VIA_STYLE_WARNING;
}

static void add_times(struct via_table *table, const struct via_bench_result *result,
		      const struct via_bench_metric *metric,
		      const struct via_bench_figures *figures)
{
	struct via_scale scale = via_scale_of_metric(metric);
	struct via_scale ratio = { 1, "", "", 2 };
	struct via_interval range = { figures->summary.min, figures->summary.max };

	via_table_add(table, VIA_STYLE_PLAIN, "%s",
		      via_figure_with_unit(&scale, figures->summary.median, false).text);
	add_interval(table, &scale, has_intervals(metric) ? figures->summary.interval : range);
	if (via_bench_is_baseline(result, figures->subject))
		via_table_add(table, VIA_STYLE_DIM, "1");
	else
		via_table_add(table, ratio_style(metric, figures), "%s",
			      via_figure_ratio(figures->ratio, false).text);
	if (has_intervals(metric))
		add_interval(table, &ratio, figures->ratio_interval);
}

static void add_costs(struct via_table *table, const struct via_bench_metric *metric,
		      const struct via_bench_figures *figures)
{
	for (size_t i = 0; i < COLUMNS; i++) {
		double total = via_bench_cost_total(figures, columns[i].group);
		enum via_bench_unit unit = via_cost_unit(columns[i].group);

		if (has_costs(metric, columns[i].group))
			via_table_add(table, isnan(total) ? VIA_STYLE_DIM : VIA_STYLE_PLAIN, "%s",
				      via_figure_value(unit, total, false).text);
	}
}

/* The heading and the place of each column; counts come first where times are an emulator's. */
static void begin_table(struct via_table *table, const struct via_bench_metric *metric,
			bool counts_first)
{
	const char *headings[1 + 4 + COLUMNS] = { "SUBJECT" };
	static const char *const with[] = { "MEDIAN", "95% INTERVAL", "RATIO", "95% INTERVAL" };
	static const char *const without[] = { "MEDIAN", "LEAST TO MOST", "RATIO" };
	const char *const *times = has_intervals(metric) ? with : without;
	size_t count = 1, time_count = has_intervals(metric) ? 4 : 3;

	for (size_t i = 0; i < time_count && !counts_first; i++)
		headings[count++] = times[i];
	for (size_t i = 0; i < COLUMNS; i++)
		if (has_costs(metric, columns[i].group))
			headings[count++] = columns[i].heading;
	for (size_t i = 0; i < time_count && counts_first; i++)
		headings[count++] = times[i];
	via_table_init(table, count, headings);
	table->right = ~(uint32_t)1;
}

static int print_figures(const struct via_cli *cli, const struct via_bench_result *result,
			 const struct via_bench_metric *metric)
{
	bool counts_first = result->machine.emulated && metric->time;
	struct via_table table;

	begin_table(&table, metric, counts_first);
	for (size_t i = 0; i < metric->figure_count; i++) {
		const struct via_bench_figures *figures = metric->figures[i];

		via_table_add(&table, VIA_STYLE_PLAIN, "%s", figures->subject);
		if (!counts_first)
			add_times(&table, result, metric, figures);
		add_costs(&table, metric, figures);
		if (counts_first)
			add_times(&table, result, metric, figures);
	}
	return via_table_print(cli, &table);
}

static int print_percentiles(const struct via_cli *cli, const struct via_bench_metric *metric)
{
	static const char *const headings[] = { "EACH OPERATION", "P50",    "P90", "P99",
						"P99.9",	  "LARGEST" };
	static const double quantiles[] = { 0.5, 0.9, 0.99, 0.999, 1 };
	struct via_scale scale = via_scale_of_metric(metric);
	struct via_table table;

	via_table_init(&table, 6, headings);
	table.right = ~(uint32_t)1;
	for (size_t i = 0; i < metric->figure_count; i++) {
		const struct via_histogram *histogram = metric->figures[i]->histogram;

		if (!histogram || !histogram->total)
			continue;
		via_table_add(&table, VIA_STYLE_PLAIN, "%s", metric->figures[i]->subject);
		for (size_t q = 0; q < 5; q++) {
			uint64_t value = via_histogram_quantile(histogram, quantiles[q]);
			bool tells = via_histogram_tells(histogram, quantiles[q]);

			via_table_add(
				&table, tells ? VIA_STYLE_PLAIN : VIA_STYLE_DIM, "%s",
				via_figure_with_unit(&scale, tells ? (double)value : NAN, false)
					.text);
		}
	}
	if (table.count == table.columns)
		return via_table_discard(&table);
	return via_table_print(cli, &table);
}

enum { REASONS_MAX = 64, SUBJECT_COLUMNS = 16 };

/* A reason for exits, by the most that a subject has of it. */
struct reason {
	const char *name;
	double most;
};

static int compare_reasons(const void *a, const void *b)
{
	const struct reason *x = a, *y = b;

	return (x->most < y->most) - (x->most > y->most);
}

static void add_reason(struct reason *reasons, size_t *count, const struct via_bench_cost *cost)
{
	double median = cost->summary.median;

	for (size_t i = 0; i < *count; i++)
		if (!strcmp(reasons[i].name, cost->name)) {
			reasons[i].most = fmax(reasons[i].most, median);
			return;
		}
	if (*count < REASONS_MAX)
		reasons[(*count)++] = (struct reason){ cost->name, median };
}

/* Those that make up a hundredth of some subject's exits, the most first. Returns how many. */
static size_t find_reasons(const struct via_bench_metric *metric, struct reason *reasons)
{
	size_t count = 0;

	for (size_t i = 0; i < metric->figure_count; i++) {
		const struct via_bench_figures *figures = metric->figures[i];
		double least = via_bench_cost_total(figures, VIA_BENCH_EXITS) / 100;

		for (size_t j = 0; j < figures->cost_count; j++) {
			const struct via_bench_cost *cost = figures->costs[j];

			if (cost->group == VIA_BENCH_EXITS && cost->summary.median > 0 &&
			    cost->summary.median >= least && via_bench_cost_is_part(cost))
				add_reason(reasons, &count, cost);
		}
	}
	qsort(reasons, count, sizeof(*reasons), compare_reasons);
	return count;
}

static bool has_exits(const struct via_bench_figures *figures)
{
	return !isnan(via_bench_cost_total(figures, VIA_BENCH_EXITS));
}

static bool has_clock(const struct via_bench_metric *metric)
{
	for (size_t i = 0; i < metric->figure_count; i++)
		if (via_bench_cost_find(metric->figures[i], VIA_BENCH_EXITS, VIA_BENCH_OF_CLOCK))
			return true;
	return false;
}

/* The row of a reason, under the subjects of @headings. */
static void add_reason_row(struct via_table *table, const struct via_bench_metric *metric,
			   const char *const *headings, const char *title, const char *reason)
{
	via_table_add(table, VIA_STYLE_PLAIN, "%s", title);
	for (size_t column = 1; column < table->columns; column++) {
		const struct via_bench_cost *cost = via_bench_cost_find(
			via_bench_figures_find(metric, headings[column]), VIA_BENCH_EXITS, reason);

		via_table_add(table, VIA_STYLE_PLAIN, "%s",
			      via_figure_value(VIA_BENCH_UNIT_COUNT,
					       cost ? cost->summary.median : 0, false)
				      .text);
	}
}

/* Exits by reason, a column for each subject that has any. */
static int print_reasons(const struct via_cli *cli, const struct via_bench_metric *metric)
{
	const char *headings[SUBJECT_COLUMNS + 1] = { "EXITS BY REASON" };
	struct reason reasons[REASONS_MAX];
	size_t count = find_reasons(metric, reasons), columns_used = 1;
	struct via_table table;

	for (size_t i = 0; i < metric->figure_count && columns_used <= SUBJECT_COLUMNS; i++)
		if (has_exits(metric->figures[i]))
			headings[columns_used++] = metric->figures[i]->subject;
	if (!count)
		return VIA_EXIT_DONE;
	via_table_init(&table, columns_used, headings);
	table.right = ~(uint32_t)1;
	for (size_t i = 0; i < count; i++)
		add_reason_row(&table, metric, headings, reasons[i].name, reasons[i].name);
	if (has_clock(metric))
		add_reason_row(&table, metric, headings, "(the clock's, beside)",
			       VIA_BENCH_OF_CLOCK);
	return via_table_print(cli, &table);
}

static int print_metric(const struct via_cli *cli, const struct via_bench_result *result,
			const struct via_bench_metric *metric)
{
	const char *better = via_better_text(metric->better);
	int status;

	putchar('\n');
	print_styled(cli, "1", metric->title);
	if (*better)
		printf(" (%s)", better);
	if (metric->time && result->machine.emulated)
		fputs(", the emulator's time", stdout);
	if (metric->operation)
		printf("; costs are for each %s", metric->operation);
	putchar('\n');
	status = print_figures(cli, result, metric);
	if (!status)
		status = print_reasons(cli, metric);
	return status ? status : print_percentiles(cli, metric);
}

int via_report_text(const struct via_cli *cli, const struct via_bench_result *result)
{
	int status = VIA_EXIT_DONE;

	print_title(cli, result);
	print_warnings(cli, result);
	print_machine(result);
	for (size_t i = 0; !status && i < result->metric_count; i++)
		status = print_metric(cli, result, result->metrics[i]);
	if (result->sentences.count)
		putchar('\n');
	for (size_t i = 0; i < result->sentences.count; i++)
		puts(result->sentences.texts[i]);
	return status;
}
