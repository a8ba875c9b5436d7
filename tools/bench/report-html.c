/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report-html.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "page.h"

static void put_subjects_title(struct via_page *page)
{
	const char *between = ": ";

	fputs(via_kind_title(page->result->kind), page->out);
	for (size_t i = 0; i < page->result->subject_count; i++) {
		if (page->result->subjects[i]->reason)
			continue;
		fputs(between, page->out);
		via_page_text(page, page->result->subjects[i]->name);
		between = ", ";
	}
}

static void put_head(struct via_page *page)
{
	fputs("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>",
	      page->out);
	put_subjects_title(page);
	fputs(page->result->machine.emulated ? " (emulated)" : "", page->out);
	/* An empty icon keeps browsers from asking a server for one. */
	fprintf(page->out, "</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>%s",
		via_page_style);
	for (unsigned int i = 0; i < VIA_PAGE_PART_COLOURS; i++)
		fprintf(page->out, ".c%u{--c:var(--s%u)}.p%u{--c:var(--p%u)}", i, i, i, i);
	fputs(".po{--c:var(--po)}</style>\n</head>\n<body>\n<main>\n", page->out);
}

static void put_header(struct via_page *page)
{
	const struct via_bench_result *result = page->result;

	fprintf(page->out, "<header>\n<div class=\"brow mono\">viaduct bench %s</div>\n<h1>",
		via_bench_kind_name(result->kind));
	put_subjects_title(page);
	fputs(result->machine.emulated ? ", under emulation</h1>\n" : "</h1>\n", page->out);
	fputs("<p class=\"soft\">", page->out);
	via_page_text(page, result->machine.cpu ? result->machine.cpu : "unknown processor");
	if (result->machine.kernel) {
		fputs(" \u00b7 Linux ", page->out);
		via_page_text(page, result->machine.kernel);
	}
	if (result->runs)
		fprintf(page->out, " \u00b7 %u run%s of each", result->runs,
			result->runs == 1 ? "" : "s");
	if (result->began) {
		fputs(" \u00b7 ", page->out);
		via_page_text(page, result->began);
	}
	fputs("</p>\n", page->out);
	fputs("</header>\n", page->out);
}

static void put_list(struct via_page *page, const struct via_bench_texts *texts)
{
	for (size_t i = 0; i < texts->count; i++) {
		fputs("<li>", page->out);
		via_page_text(page, texts->texts[i]);
		fputs("</li>", page->out);
	}
}

static void put_warnings(struct via_page *page)
{
	const struct via_bench_result *result = page->result;

	if (!result->warnings.count && !result->machine.emulated)
		return;
	fputs("<div class=\"note\" role=\"note\"><ul>", page->out);
	if (result->machine.emulated)
		fputs("<li><b>Times on this page are the emulator's.</b> Compare counts: exits, "
		      "interrupts and context switches are caused by the same kernels and drivers "
		      "as on real hardware.</li>",
		      page->out);
	put_list(page, &result->warnings);
	fputs("</ul></div>\n", page->out);
}

static bool has_costs(const struct via_bench_metric *metric, enum via_bench_cost_group group)
{
	for (size_t i = 0; i < metric->figure_count; i++)
		if (!isnan(via_bench_cost_total(metric->figures[i], group)))
			return true;
	return false;
}

/* What stands large on a subject's card: exits where times are an emulator's, else the median. */
static void put_glance_figures(struct via_page *page, const struct via_bench_subject *subject)
{
	const struct via_bench_metric *metric = page->result->metrics[0];
	const struct via_bench_figures *figures = via_bench_figures_find(metric, subject->name);
	struct via_scale scale = via_scale_of_metric(metric);
	struct via_figure median;
	double exits;

	if (!figures)
		return;
	exits = via_bench_cost_total(figures, VIA_BENCH_EXITS);
	median = via_figure_with_unit(&scale, figures->summary.median, true);
	if (page->result->machine.emulated && metric->time && has_costs(metric, VIA_BENCH_EXITS)) {
		fprintf(page->out,
			"<div class=\"big\">%s</div><div class=\"small soft\">exits for each ",
			via_figure_value(VIA_BENCH_UNIT_COUNT, exits, true).text);
		via_page_text(page, metric->operation ? metric->operation : "operation");
		fprintf(page->out, "</div><div class=\"small soft\">%s ", median.text);
	} else {
		fprintf(page->out, "<div class=\"big\">%s</div><div class=\"small soft\">",
			median.text);
		via_page_text(page, metric->title);
		fputs(" ", page->out);
	}
	via_page_ratio(page, metric, figures);
	fputs("</div>", page->out);
}

static void put_card(struct via_page *page, const struct via_bench_subject *subject)
{
	fprintf(page->out, "<div class=\"who c%u\"><b>", via_page_colour(page, subject->name));
	via_page_text(page, subject->name);
	fputs("</b><div class=\"small soft\">", page->out);
	via_page_text(page, subject->what);
	if (subject->vmm) {
		fputs(subject->what ? ", " : "", page->out);
		via_page_text(page, subject->vmm);
	}
	fputs("</div>", page->out);
	if (page->result->metric_count)
		put_glance_figures(page, subject);
	fputs("</div>\n", page->out);
}

static void put_glance(struct via_page *page)
{
	const struct via_bench_result *result = page->result;

	fputs("<div class=\"glance\">\n", page->out);
	for (size_t i = 0; i < result->subject_count; i++)
		if (!result->subjects[i]->reason)
			put_card(page, result->subjects[i]);
	fputs("</div>\n", page->out);
	for (size_t i = 0; i < result->subject_count; i++) {
		if (!result->subjects[i]->reason)
			continue;
		fputs("<div class=\"off\"><b>", page->out);
		via_page_text(page, result->subjects[i]->name);
		fputs(via_bench_has_figures(result, result->subjects[i]->name)
			      ? "</b> was stopped early: "
			      : "</b> was skipped: ",
		      page->out);
		via_page_text(page, result->subjects[i]->reason);
		fputs("</div>\n", page->out);
	}
}

static void put_sentences(struct via_page *page)
{
	if (!page->result->sentences.count)
		return;
	fputs("<section class=\"card\"><div class=\"head\"><h2>Why they differ</h2></div>"
	      "<ul class=\"find\">",
	      page->out);
	put_list(page, &page->result->sentences);
	fputs("</ul></section>\n", page->out);
}

static void put_cell(struct via_page *page, const char *text)
{
	fprintf(page->out, "<td>%s</td>", text);
}

/* Costs that are a number each, beside what the charts show. */
static const struct cost_column {
	enum via_bench_cost_group group;
	const char *name, *heading;
} cost_columns[] = {
	{ VIA_BENCH_EXITS, VIA_BENCH_TOTAL, "exits" },
	{ VIA_BENCH_EXITS, VIA_BENCH_OF_CLOCK, "and of the clock" },
	{ VIA_BENCH_USER_EXITS, VIA_BENCH_TOTAL, "to the VMM" },
	{ VIA_BENCH_INTERRUPTS, VIA_BENCH_TOTAL, "interrupts" },
	{ VIA_BENCH_INTERRUPTS, VIA_BENCH_OF_CLOCK, "and of the clock" },
	{ VIA_BENCH_CONTEXT_SWITCHES, VIA_BENCH_TOTAL, "context switches" },
	{ VIA_BENCH_CPU_NS, VIA_BENCH_TOTAL, "host CPU" },
	{ VIA_BENCH_INSTRUCTIONS, VIA_BENCH_TOTAL, "instructions" },
};
enum { COST_COLUMNS = sizeof(cost_columns) / sizeof(cost_columns[0]) };

static double cost_of(const struct via_bench_figures *figures, const struct cost_column *column)
{
	const struct via_bench_cost *cost =
		via_bench_cost_find(figures, column->group, column->name);

	return cost ? cost->summary.median : NAN;
}

static bool has_column(const struct via_bench_metric *metric, const struct cost_column *column)
{
	for (size_t i = 0; i < metric->figure_count; i++)
		if (!isnan(cost_of(metric->figures[i], column)))
			return true;
	return false;
}

static void put_cost_table(struct via_page *page, const struct via_bench_metric *metric)
{
	bool any = false;

	for (size_t i = 0; i < COST_COLUMNS; i++)
		any |= has_column(metric, &cost_columns[i]);
	if (!any)
		return;
	via_page_heading(page, metric, "Counted", "");
	fputs("<div class=\"scroll\"><table><tr><th>subject</th>", page->out);
	for (size_t i = 0; i < COST_COLUMNS; i++)
		if (has_column(metric, &cost_columns[i]))
			fprintf(page->out, "<th>%s</th>", cost_columns[i].heading);
	fputs("</tr>\n", page->out);
	for (size_t i = 0; i < metric->figure_count; i++) {
		const struct via_bench_figures *figures = metric->figures[i];

		fputs("<tr><td>", page->out);
		via_page_text(page, figures->subject);
		fputs("</td>", page->out);
		for (size_t j = 0; j < COST_COLUMNS; j++) {
			enum via_bench_unit unit = via_cost_unit(cost_columns[j].group);
			double value = cost_of(figures, &cost_columns[j]);

			if (has_column(metric, &cost_columns[j]))
				put_cell(page, via_figure_value(unit, value, true).text);
		}
		fputs("</tr>\n", page->out);
	}
	fputs("</table></div>\n", page->out);
}

static void put_figure_row(struct via_page *page, const struct via_bench_metric *metric,
			   const struct via_bench_figures *figures)
{
	struct via_scale scale = via_scale_of_metric(metric);
	const struct via_summary *summary = &figures->summary;
	const double values[] = { summary->median, summary->interval.low, summary->interval.high,
				  summary->min,	   summary->q1,		  summary->q3,
				  summary->max };

	fputs("<tr><td>", page->out);
	via_page_text(page, figures->subject);
	fputs("</td>", page->out);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		put_cell(page, via_figure_scaled(&scale, values[i], true).text);
	put_cell(page, via_figure_ratio(figures->ratio, true).text);
	if (via_interval_known(figures->ratio_interval))
		fprintf(page->out, "<td>%s \u2013 %s</td>",
			via_figure_ratio(figures->ratio_interval.low, true).text,
			via_figure_ratio(figures->ratio_interval.high, true).text);
	else
		put_cell(page, "\u2013");
	fprintf(page->out, "<td>%zu</td>", figures->samples.count);
	put_cell(page, figures->operations ? via_figure_value(VIA_BENCH_UNIT_COUNT,
							      (double)figures->operations, true)
						     .text
					   : "\u2013");
	fputs("</tr>\n", page->out);
}

static void put_figures_table(struct via_page *page, const struct via_bench_metric *metric)
{
	struct via_scale scale = via_scale_of_metric(metric);

	fprintf(page->out,
		"<details><summary>All figures%s%s</summary><div class=\"scroll\"><table><tr>"
		"<th>subject</th><th>median</th><th>95%% low</th><th>95%% high</th><th>least</th>"
		"<th>quartile 1</th><th>quartile 3</th><th>most</th><th>ratio</th>"
		"<th>95%% interval</th><th>runs</th><th>operations</th></tr>\n",
		*scale.typeset ? ", in " : "", scale.typeset);
	for (size_t i = 0; i < metric->figure_count; i++)
		put_figure_row(page, metric, metric->figures[i]);
	fputs("</table></div></details>\n", page->out);
}

static void put_metric_head(struct via_page *page, const struct via_bench_metric *metric)
{
	fputs("<section class=\"card\">\n<div class=\"head\"><h2>", page->out);
	via_page_text(page, metric->title);
	fprintf(page->out, "</h2><span class=\"soft small\">%s</span>",
		via_better_text(metric->better));
	if (metric->time && page->result->machine.emulated)
		fputs("<span class=\"tag\">emulator's time</span>", page->out);
	fputs("</div>\n", page->out);
}

static void put_counts(struct via_page *page, const struct via_bench_metric *metric)
{
	via_chart_parts(page, metric, VIA_BENCH_EXITS, "VM exits", ", by reason");
	via_chart_parts(page, metric, VIA_BENCH_USER_EXITS, "Of these, to the VMM's process",
			", by reason");
}

static void put_times(struct via_page *page, const struct via_bench_metric *metric)
{
	bool titled = page->result->machine.emulated && metric->time &&
		      has_costs(metric, VIA_BENCH_EXITS);

	if (titled)
		fputs("<h3>Median over the runs</h3>\n", page->out);
	via_chart_bars(page, metric);
	via_chart_distribution(page, metric);
}

static void put_metric(struct via_page *page, const struct via_bench_metric *metric)
{
	bool counts_first = page->result->machine.emulated && metric->time;

	put_metric_head(page, metric);
	if (counts_first)
		put_counts(page, metric);
	put_times(page, metric);
	if (!counts_first)
		put_counts(page, metric);
	via_chart_parts(page, metric, VIA_BENCH_CPU_NS, "Host CPU time", "");
	put_cost_table(page, metric);
	put_figures_table(page, metric);
	fputs("</section>\n", page->out);
}

static bool same_series(const struct via_bench_metric *a, const struct via_bench_metric *b)
{
	return a->series && b->series && !strcmp(a->series, b->series);
}

/* A series is one chart, and its metrics are there for who asks. */
static void put_series(struct via_page *page, const struct via_bench_metric *first)
{
	const struct via_bench_result *result = page->result;

	via_chart_series(page, first->series);
	fputs("<details><summary>Each of these in detail</summary>\n", page->out);
	for (size_t i = 0; i < result->metric_count; i++)
		if (same_series(result->metrics[i], first))
			put_metric(page, result->metrics[i]);
	fputs("</details>\n", page->out);
}

static void put_metrics(struct via_page *page)
{
	const struct via_bench_result *result = page->result;

	for (size_t i = 0; i < result->metric_count; i++) {
		const struct via_bench_metric *metric = result->metrics[i];
		bool done = false;

		for (size_t j = 0; j < i && !done; j++)
			done = same_series(result->metrics[j], metric);
		if (!metric->series)
			put_metric(page, metric);
		else if (!done)
			put_series(page, metric);
	}
}

static void put_fact(struct via_page *page, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	fputs("<dt>", page->out);
	via_page_text(page, name);
	fputs("</dt><dd>", page->out);
	via_page_text(page, value);
	fputs("</dd>\n", page->out);
}

static void put_number(struct via_page *page, const char *name, unsigned int number)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", number);
	put_fact(page, name, number ? text : NULL);
}

static void put_bytes(struct via_page *page, const char *name, uint64_t bytes)
{
	put_fact(page, name, bytes ? via_figure_bytes(bytes, true).text : NULL);
}

static void put_facts(struct via_page *page, const struct via_bench_facts *facts)
{
	for (size_t i = 0; i < facts->count; i++)
		put_fact(page, facts->facts[i].name, facts->facts[i].value);
}

static void put_machine(struct via_page *page)
{
	const struct via_bench_machine *machine = &page->result->machine;
	const struct via_bench_guest *guest = &page->result->guest;

	fputs("<section class=\"card\"><div class=\"head\"><h2>The machine</h2></div><dl>\n",
	      page->out);
	put_fact(page, "Processor", machine->cpu);
	put_number(page, "Processors", machine->cpus);
	put_bytes(page, "Memory", machine->memory_bytes);
	put_fact(page, "Kernel", machine->kernel);
	put_fact(page, "IOMMU", machine->iommu);
	put_fact(page, "Frequency governor", machine->governor);
	put_fact(page, "vCPUs pinned",
		 machine->pinned < 0 ? NULL
		 : machine->pinned   ? "each to a processor of its own"
				     : "no");
	put_fact(page, "Emulated", machine->emulated ? "yes" : "no");
	put_facts(page, &machine->facts);
	put_fact(page, "Guest's kernel", guest->kernel);
	put_fact(page, "Guest's initrd", guest->initrd);
	put_bytes(page, "Guest's memory", guest->memory_bytes);
	put_number(page, "Guest's processors", guest->cpus);
	put_facts(page, &page->result->parameters);
	fputs("</dl></section>\n", page->out);
}

/* A word as a shell takes it. */
static void put_word(struct via_page *page, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "-_./=,:@%+";
	char quoted[2] = "";

	if (*word && strspn(word, plain) == strlen(word)) {
		via_page_text(page, word);
		return;
	}
	fputs("&#39;", page->out);
	for (; *word; word++) {
		quoted[0] = *word;
		via_page_text(page, *word == '\'' ? "'\\''" : quoted);
	}
	fputs("&#39;", page->out);
}

static void put_command(struct via_page *page)
{
	const struct via_bench_texts *command = &page->result->command;

	if (!command->count)
		return;
	fputs("<section class=\"card\"><div class=\"head\"><h2>Repeat it</h2></div><pre>",
	      page->out);
	for (size_t i = 0; i < command->count; i++) {
		fputs(i ? " " : "", page->out);
		put_word(page, command->texts[i]);
	}
	fputs("</pre></section>\n", page->out);
}

static void put_footer(struct via_page *page)
{
	fprintf(page->out,
		"<footer>Bars are medians over the runs, which are the dots. Whiskers are %.0f%% "
		"bootstrap intervals of the median (%d resamples), which take %d runs; with fewer, "
		"least and most are told. Ratios are of medians, to the baseline, and coloured "
		"when their interval leaves 1 out; with fewer than %d runs, when the ranges do "
		"not meet, which says less. Costs are those of the "
		"host for one operation, medians over the runs.</footer>\n</main>\n</body>\n"
		"</html>\n",
		VIA_STATS_CONFIDENCE * 100, VIA_STATS_RESAMPLES, VIA_STATS_INTERVAL_MIN,
		VIA_STATS_INTERVAL_MIN);
}

int via_report_html(const struct via_bench_result *result, char **page, size_t *bytes,
		    struct via_error *err)
{
	struct via_page parts = { .result = result };
	char *text = NULL;
	size_t size;
	bool failed;

	parts.out = open_memstream(&text, &size);
	if (!parts.out)
		return via_error_sys(err, ENOMEM, "cannot make the page");
	via_page_find_parts(&parts);
	put_head(&parts);
	put_header(&parts);
	put_warnings(&parts);
	put_glance(&parts);
	put_sentences(&parts);
	put_metrics(&parts);
	put_machine(&parts);
	put_command(&parts);
	put_footer(&parts);
	failed = ferror(parts.out);
	if (fclose(parts.out) || failed) {
		free(text);
		return via_error_sys(err, ENOMEM, "cannot make the page");
	}
	*page = text;
	*bytes = size;
	return 0;
}
