/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Horizontal bars: medians with their intervals, and costs stacked by part. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "page.h"

static double larger(double a, double b)
{
	return isnan(b) || a > b ? a : b;
}

static double largest_figure(const struct via_bench_metric *metric)
{
	double largest = 0;

	for (size_t i = 0; i < metric->figure_count; i++)
		largest = larger(larger(largest, metric->figures[i]->summary.max),
				 metric->figures[i]->summary.interval.high);
	return largest;
}

static void draw_interval(struct via_page *page, const struct via_axis *axis,
			  struct via_interval interval)
{
	double low = via_axis_percent(axis, interval.low);
	double high = via_axis_percent(axis, interval.high);

	if (!via_interval_known(interval))
		return;
	fprintf(page->out,
		"<g class=\"whisk\"><line x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"19\" y2=\"19\"/>"
		"<line x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"14\" y2=\"24\"/>"
		"<line x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"14\" y2=\"24\"/></g>",
		low, high, low, low, high, high);
}

static void draw_bar(struct via_page *page, const struct via_bench_metric *metric,
		     const struct via_bench_figures *figures, const struct via_axis *axis)
{
	struct via_scale scale = via_scale_of_metric(metric);
	const struct via_summary *summary = &figures->summary;

	via_page_row_begin(page, figures->subject, 48,
			   via_figure_with_unit(&scale, summary->median, true).text);
	via_page_grid(page, axis);
	fprintf(page->out, "<rect class=\"bar\" y=\"10\" height=\"18\" rx=\"2\" width=\"%.2f%%\"/>",
		via_axis_percent(axis, summary->median));
	draw_interval(page, axis, summary->interval);
	for (size_t i = 0; i < figures->samples.count && i < 200; i++)
		fprintf(page->out, "<circle class=\"run\" cx=\"%.2f%%\" cy=\"37\" r=\"3\"/>",
			via_axis_percent(axis, figures->samples.values[i]));
	via_page_row_value(page);
	fprintf(page->out, "<b>%s</b> ", via_figure_with_unit(&scale, summary->median, true).text);
	via_page_ratio(page, metric, figures);
	if (via_interval_known(summary->interval))
		fprintf(page->out, "<div class=\"small\">%s \u2013 %s</div>",
			via_figure_scaled(&scale, summary->interval.low, true).text,
			via_figure_scaled(&scale, summary->interval.high, true).text);
	else if (summary->min < summary->max)
		fprintf(page->out,
			"<div class=\"small\" title=\"least and most\">%s \u2013 %s</div>",
			via_figure_scaled(&scale, summary->min, true).text,
			via_figure_scaled(&scale, summary->max, true).text);
	fputs("</div></div>\n", page->out);
}

void via_chart_bars(struct via_page *page, const struct via_bench_metric *metric)
{
	struct via_axis axis = via_axis_to(largest_figure(metric));
	struct via_scale scale = via_scale_of_metric(metric);
	bool dim = metric->time && page->result->machine.emulated;

	if (!metric->figure_count)
		return;
	fprintf(page->out, "<div class=\"chart%s\">\n", dim ? " dim" : "");
	for (size_t i = 0; i < metric->figure_count; i++)
		draw_bar(page, metric, metric->figures[i], &axis);
	via_page_axis_row(page, &axis, &scale);
	fputs("</div>\n", page->out);
}

/* The colour of a part; VIA_PAGE_PART_COLOURS for all those without. */
static unsigned int part_colour(const struct via_page *page, const struct via_bench_cost *cost)
{
	unsigned int i = 0;

	while (i < page->part_count[cost->group] &&
	       strcmp(page->parts[cost->group][i], cost->name) != 0)
		i++;
	return i == page->part_count[cost->group] ? VIA_PAGE_PART_COLOURS : i;
}

/* A cost by colour; the last is what has none, or is in the total only. */
struct stack {
	double values[VIA_PAGE_PART_COLOURS + 1];
	double sum, total;
};

/* What of the total no part tells, in the median run: medians do not add up. */
static double find_rest(const struct via_bench_figures *figures, const struct via_bench_cost *total)
{
	size_t count = total->samples.count;
	double *rest = calloc(count, sizeof(*rest)), median;

	if (!rest)
		return 0;
	memcpy(rest, total->samples.values, count * sizeof(*rest));
	for (size_t i = 0; i < figures->cost_count; i++) {
		const struct via_bench_cost *cost = figures->costs[i];

		if (!via_bench_cost_is_part(cost) || cost->group != total->group)
			continue;
		for (size_t run = 0; run < count && run < cost->samples.count; run++)
			rest[run] -= cost->samples.values[run];
	}
	median = via_stats_median(rest, count);
	free(rest);
	return median;
}

/* Nothing, its total NAN, without that cost. */
static struct stack stack_of(const struct via_page *page, const struct via_bench_figures *figures,
			     enum via_bench_cost_group group)
{
	const struct via_bench_cost *total = via_bench_cost_find(figures, group, VIA_BENCH_TOTAL);
	struct stack stack = { .total = NAN };
	double rest;

	if (!total)
		return stack;
	stack.total = total->summary.median;
	for (size_t i = 0; i < figures->cost_count; i++) {
		const struct via_bench_cost *cost = figures->costs[i];

		if (cost->group != group || !via_bench_cost_is_part(cost))
			continue;
		stack.values[part_colour(page, cost)] += cost->summary.median;
		stack.sum += cost->summary.median;
	}
	rest = find_rest(figures, total);
	/* A hundredth is rounding. */
	if (rest > stack.total / 100) {
		stack.values[VIA_PAGE_PART_COLOURS] += rest;
		stack.sum += rest;
	}
	return stack;
}

/* @scale: of widths, so that all parts together are as wide as the total. */
static void draw_segment(struct via_page *page, const struct via_axis *axis, const char *name,
			 unsigned int colour, double from, double value, double scale,
			 enum via_bench_cost_group group)
{
	if (colour < VIA_PAGE_PART_COLOURS)
		fprintf(page->out, "<rect class=\"seg p%u\"", colour);
	else
		fputs("<rect class=\"seg po\"", page->out);
	fprintf(page->out, " x=\"%.2f%%\" y=\"8\" height=\"20\" width=\"%.2f%%\"><title>",
		via_axis_percent(axis, from * scale),
		via_axis_percent(axis, (from + value) * scale) -
			via_axis_percent(axis, from * scale));
	via_page_text(page, name);
	fprintf(page->out, ": %s</title></rect>",
		via_figure_value(via_cost_unit(group), value, true).text);
}

static const char *part_name(const struct via_page *page, enum via_bench_cost_group group,
			     unsigned int colour)
{
	return colour < page->part_count[group] ? page->parts[group][colour] : VIA_PAGE_OTHER;
}

static void draw_stack(struct via_page *page, const struct via_bench_figures *figures,
		       enum via_bench_cost_group group, const struct via_axis *axis)
{
	struct stack stack = stack_of(page, figures, group);
	struct via_figure total = via_figure_value(via_cost_unit(group), stack.total, true);
	double from = 0;

	via_page_row_begin(page, figures->subject, 36, total.text);
	via_page_grid(page, axis);
	for (unsigned int i = 0; i <= VIA_PAGE_PART_COLOURS; i++)
		if (stack.values[i] > 0) {
			draw_segment(page, axis, part_name(page, group, i), i, from,
				     stack.values[i], stack.total / stack.sum, group);
			from += stack.values[i];
		}
	via_page_row_value(page);
	fprintf(page->out, "<b>%s</b></div></div>\n", total.text);
}

static void part_legend(struct via_page *page, enum via_bench_cost_group group,
			const struct stack *used)
{
	fputs("<ul class=\"legend\">", page->out);
	for (unsigned int i = 0; i <= VIA_PAGE_PART_COLOURS; i++) {
		if (!(used->values[i] > 0))
			continue;
		if (i < VIA_PAGE_PART_COLOURS)
			fprintf(page->out, "<li class=\"p%u\">", i);
		else
			fputs("<li class=\"po\">", page->out);
		fputs("<span class=\"chip\"></span>", page->out);
		via_page_text(page, part_name(page, group, i));
		fputs("</li>", page->out);
	}
	fputs("</ul>\n", page->out);
}

void via_chart_parts(struct via_page *page, const struct via_bench_metric *metric,
		     enum via_bench_cost_group group, const char *what, const char *how)
{
	struct stack used = { 0 };
	struct via_axis axis;
	struct via_scale scale;
	double largest = 0;

	for (size_t i = 0; i < metric->figure_count; i++) {
		struct stack stack = stack_of(page, metric->figures[i], group);

		for (size_t j = 0; j <= VIA_PAGE_PART_COLOURS; j++)
			used.values[j] += stack.values[j];
		largest = larger(largest, stack.total);
	}
	if (largest < 0.05)
		return;
	axis = via_axis_to(largest);
	scale = via_scale_for(via_cost_unit(group), axis.max);
	via_page_heading(page, metric, what, how);
	fputs("<div class=\"chart\">\n", page->out);
	for (size_t i = 0; i < metric->figure_count; i++)
		if (!isnan(via_bench_cost_total(metric->figures[i], group)))
			draw_stack(page, metric->figures[i], group, &axis);
	via_page_axis_row(page, &axis, &scale);
	fputs("</div>\n", page->out);
	part_legend(page, group, &used);
}
