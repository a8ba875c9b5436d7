/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_BENCH_PAGE_H
#define VIADUCT_TOOLS_BENCH_PAGE_H

#include <stdio.h>

#include "format.h"
#include "result.h"

/*
 * What the parts of the HTML report share. Charts are rows of a name, a plot and a figure. Plots
 * are SVG whose horizontal positions are percentages, so that they fill any width while their text
 * keeps its size; a curve is in an SVG of its own within, stretched to 1000 by 100.
 */

/* Colours of parts; what is left over has one of its own. */
#define VIA_PAGE_PART_COLOURS 8
#define VIA_PAGE_OTHER	      "other"

struct via_page {
	FILE *out;
	const struct via_bench_result *result;
	/* Names of the heaviest parts of each group, which have a colour of their own. */
	const char *parts[VIA_BENCH_COST_GROUPS][VIA_PAGE_PART_COLOURS];
	size_t part_count[VIA_BENCH_COST_GROUPS];
};

/* From 0 to @max, with a tick at each @step. */
struct via_axis {
	double max, step;
};

/* Both ends are above 0. */
struct via_log_axis {
	double low, high;
};

/* As many as fit on a phone. */
#define VIA_LOG_TICKS_MAX 6

extern const char via_page_style[];

/** via_page_text() - text with what is markup in HTML escaped, also fit for attributes. */
void via_page_text(struct via_page *page, const char *text);

/** via_page_colour() - the number of a subject's colour, the same in all charts and reports. */
unsigned int via_page_colour(const struct via_page *page, const char *subject);

/** via_page_find_parts() - gives colours to the parts of costs. */
void via_page_find_parts(struct via_page *page);

/** via_axis_to() - an axis with round ticks that reaches @max. */
struct via_axis via_axis_to(double max);

/** via_axis_percent() - where a value is, 0 to 100. */
double via_axis_percent(const struct via_axis *axis, double value);

/** via_axis_label() - a tick in the unit of @scale. */
struct via_figure via_axis_label(const struct via_axis *axis, const struct via_scale *scale,
				 double value);

/** via_log_axis_place() - where a value is, 0 to 1. */
double via_log_axis_place(const struct via_log_axis *axis, double value);

/** via_log_axis_ticks() - round values. Return: how many. */
size_t via_log_axis_ticks(const struct via_log_axis *axis, double ticks[VIA_LOG_TICKS_MAX]);

/** via_log_axis_label() - a tick with its unit. */
struct via_figure via_log_axis_label(enum via_bench_unit unit, double tick);

/**
 * via_page_label() - text below a plot, centred at @percent but inside the plot.
 * @spare: left out on a phone, where it would touch its neighbours.
 */
void via_page_label(struct via_page *page, double percent, bool spare, const char *text,
		    const char *unit);

/** via_page_grid() - vertical lines at the ticks, for the inside of a plot. */
void via_page_grid(struct via_page *page, const struct via_axis *axis);

/** via_page_axis_row() - the row below a chart with its ticks. */
void via_page_axis_row(struct via_page *page, const struct via_axis *axis,
		       const struct via_scale *scale);

/** via_page_heading() - "WHAT for each round trip HOW". */
void via_page_heading(struct via_page *page, const struct via_bench_metric *metric,
		      const char *what, const char *how);

/** via_page_row_begin() - opens a row, and its plot of @height pixels. */
void via_page_row_begin(struct via_page *page, const char *subject, unsigned int height,
			const char *label);

/** via_page_row_value() - closes the plot and opens the figure; the caller closes both:
 * </div></div>. */
void via_page_row_value(struct via_page *page);

/** via_page_legend() - the subjects that have figures of a metric, with their colours. */
void via_page_legend(struct via_page *page, const struct via_bench_metric *metric);

/** via_page_ratio() - a badge: good, bad, or neither when no difference is shown. */
void via_page_ratio(struct via_page *page, const struct via_bench_metric *metric,
		    const struct via_bench_figures *figures);

/* The charts, each a whole part of a section; without anything to show they print nothing. */

/** via_chart_bars() - medians with intervals, and the runs. */
void via_chart_bars(struct via_page *page, const struct via_bench_metric *metric);

/** via_chart_parts() - a cost per operation, stacked by its parts, headed as by via_page_heading();
 * nothing when it is as good as 0.
 */
void via_chart_parts(struct via_page *page, const struct via_bench_metric *metric,
		     enum via_bench_cost_group group, const char *what, const char *how);

/** via_chart_distribution() - the shapes of the distributions, and their percentiles. */
void via_chart_distribution(struct via_page *page, const struct via_bench_metric *metric);

/** via_chart_series() - medians of the metrics of one series by what they differ in. */
void via_chart_series(struct via_page *page, const char *series);

#endif
