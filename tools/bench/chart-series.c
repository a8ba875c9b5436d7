/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Metrics that differ in a number, such as a queue depth, as lines over it. */
#include <math.h>
#include <string.h>

#include "page.h"

enum { POINTS_MAX = 32, LINE_HEIGHT = 240 };

struct series {
	const struct via_bench_metric *metrics[POINTS_MAX];
	size_t count;
	bool exits; /* of exits per operation, not of the metric itself */
};

struct point {
	double value;
	struct via_interval interval;
};

static struct series find_series(const struct via_bench_result *result, const char *name)
{
	struct series series = { 0 };

	for (size_t i = 0; i < result->metric_count && series.count < POINTS_MAX; i++) {
		const struct via_bench_metric *metric = result->metrics[i];

		if (metric->series && !strcmp(metric->series, name) &&
		    (!series.count || metric->unit == series.metrics[0]->unit))
			series.metrics[series.count++] = metric;
	}
	return series;
}

/* NAN when the subject has no such figure. */
static struct point point_of(const struct series *series, size_t at, const char *subject)
{
	const struct via_bench_figures *figures =
		via_bench_figures_find(series->metrics[at], subject);
	struct point point = { NAN, { NAN, NAN } };

	if (figures && series->exits)
		point.value = via_bench_cost_total(figures, VIA_BENCH_EXITS);
	else if (figures)
		point = (struct point){ figures->summary.median, figures->summary.interval };
	return point;
}

/* From the smallest to the largest of all points; the largest is 0 when there is none. */
static void find_range(const struct via_page *page, const struct series *series, double *smallest,
		       double *largest)
{
	*smallest = INFINITY;
	*largest = 0;
	for (size_t i = 0; i < page->result->subject_count; i++)
		for (size_t at = 0; at < series->count; at++) {
			struct point point = point_of(series, at, page->result->subjects[i]->name);

			*largest = fmax(*largest, fmax(point.value, point.interval.high));
			*smallest = fmin(*smallest, fmin(point.value, point.interval.low));
		}
}

/* From 0, or logarithmic where small values would all lie on the ground. */
struct height {
	bool is_log;
	struct via_axis linear;
	struct via_log_axis logarithmic;
	struct via_scale scale;
	enum via_bench_unit unit;
};

static struct height height_for(const struct via_page *page, const struct series *series)
{
	double smallest, largest;
	struct height height = {
		.unit = series->exits ? VIA_BENCH_UNIT_COUNT : series->metrics[0]->unit,
	};

	find_range(page, series, &smallest, &largest);
	height.linear = via_axis_to(largest);
	height.is_log = smallest > 0 && largest > 50 * smallest;
	if (height.is_log)
		height.logarithmic = (struct via_log_axis){ smallest * 0.8, largest * 1.25 };
	height.scale = via_scale_for(height.unit, height.is_log ? smallest : largest);
	return height;
}

/* Numbers at the same distance: they are powers of two, or sizes nobody wants to scale. */
static double column(const struct series *series, size_t at)
{
	return ((double)at + 0.5) / (double)series->count * 100;
}

/* Beside each other, so that no interval hides another's. */
static double place_of(const struct via_page *page, const struct series *series, size_t at,
		       const char *subject)
{
	double last = (double)page->result->subject_count - 1, index = 0;

	while (strcmp(page->result->subjects[(size_t)index]->name, subject) != 0)
		index++;
	return column(series, at) +
	       (index - last / 2) * fmin(1.2, 30.0 / (double)series->count / fmax(last, 1));
}

/* In percent, from above. */
static double height_of(const struct height *height, double value)
{
	if (height->is_log)
		return 100 - 100 * via_log_axis_place(&height->logarithmic, value);
	return 100 - via_axis_percent(&height->linear, value);
}

static void draw_line(struct via_page *page, const struct series *series, const char *subject,
		      const struct height *height)
{
	bool begun = false;

	fprintf(page->out,
		"<svg viewBox=\"0 0 100 100\" preserveAspectRatio=\"none\" height=\"%d\">"
		"<path class=\"curve\" d=\"",
		LINE_HEIGHT);
	for (size_t at = 0; at < series->count; at++) {
		struct point point = point_of(series, at, subject);

		if (!isnan(point.value))
			fprintf(page->out, "%c%.2f %.2f", begun ? 'L' : 'M',
				place_of(page, series, at, subject),
				height_of(height, point.value));
		begun |= !isnan(point.value);
	}
	fputs("\"/></svg>", page->out);
}

static void draw_points(struct via_page *page, const struct series *series, const char *subject,
			const struct height *height)
{
	for (size_t at = 0; at < series->count; at++) {
		struct point point = point_of(series, at, subject);
		double x = place_of(page, series, at, subject);

		if (isnan(point.value))
			continue;
		if (via_interval_known(point.interval))
			fprintf(page->out,
				"<line class=\"mark\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"%.2f%%\" "
				"y2=\"%.2f%%\"/>",
				x, x, height_of(height, point.interval.low),
				height_of(height, point.interval.high));
		fprintf(page->out,
			"<circle class=\"dot\" cx=\"%.2f%%\" cy=\"%.2f%%\" r=\"4.5\">"
			"<title>",
			x, height_of(height, point.value));
		via_page_text(page, subject);
		fprintf(page->out, " at %g: %s</title></circle>", series->metrics[at]->at,
			via_figure_value(height->unit, point.value, true).text);
	}
}

/* A tick's label on the left, or when that is drawn its line. */
static void draw_tick(struct via_page *page, const struct height *height, double tick,
		      const char *label, const char *unit)
{
	double y = height_of(height, tick);

	if (label)
		fprintf(page->out,
			"<text x=\"100%%\" dx=\"-8\" dy=\"4\" y=\"%.2f%%\" text-anchor=\"end\">%s"
			"%s%s</text>",
			y, label, *unit ? "\u202f" : "", unit);
	else
		fprintf(page->out, "<line x1=\"0\" x2=\"100%%\" y1=\"%.2f%%\" y2=\"%.2f%%\"/>", y,
			y);
}

static void draw_ticks(struct via_page *page, const struct height *height, bool labels)
{
	const struct via_axis *axis = &height->linear;
	double ticks[VIA_LOG_TICKS_MAX];
	size_t count;

	if (height->is_log) {
		count = via_log_axis_ticks(&height->logarithmic, ticks);
		for (size_t i = 0; i < count; i++)
			draw_tick(page, height, ticks[i],
				  labels ? via_log_axis_label(height->unit, ticks[i]).text : NULL,
				  "");
		return;
	}
	count = (size_t)lround(axis->max / axis->step);
	for (size_t i = 0; i <= count; i++) {
		double tick = (double)i * axis->step;

		/* The uppermost one tells the unit. */
		draw_tick(page, height, tick,
			  labels ? via_axis_label(axis, &height->scale, tick).text : NULL,
			  i == count ? height->scale.typeset : "");
	}
}

static void draw_axes(struct via_page *page, const struct height *height)
{
	fprintf(page->out, "<div class=\"frame\"><div><svg height=\"%d\" aria-hidden=\"true\">",
		LINE_HEIGHT);
	draw_ticks(page, height, true);
	fprintf(page->out,
		"</svg></div><div><svg height=\"%d\" role=\"img\" aria-label=\"lines\">"
		"<g class=\"grid\">",
		LINE_HEIGHT);
	draw_ticks(page, height, false);
	fputs("</g>", page->out);
}

static void put_numbers(struct via_page *page, const struct series *series)
{
	for (size_t at = 0; at < series->count; at++) {
		const struct via_bench_metric *metric = series->metrics[at];
		char text[32];

		snprintf(text, sizeof(text), "%g", metric->at);
		via_page_label(page, column(series, at), series->count > 5 && at % 2 == 0,
			       metric->at_bytes && metric->at < 1e18
				       ? via_figure_bytes((uint64_t)metric->at, true).text
				       : text,
			       "");
	}
}

static void draw_chart(struct via_page *page, const struct series *series)
{
	const struct via_bench_result *result = page->result;
	struct height height = height_for(page, series);

	draw_axes(page, &height);
	for (size_t i = 0; i < result->subject_count; i++) {
		const char *name = result->subjects[i]->name;

		fprintf(page->out, "<g class=\"c%u\">", via_page_colour(page, name));
		draw_line(page, series, name, &height);
		draw_points(page, series, name, &height);
		fputs("</g>", page->out);
	}
	fputs("</svg></div><div></div><div><svg height=\"18\" aria-hidden=\"true\">", page->out);
	put_numbers(page, series);
	fputs("</svg></div></div>\n", page->out);
}

/* Of some metrics of a series only the time is told: they are others' operations. */
static size_t count_with_exits(const struct via_page *page, const struct series *series)
{
	size_t count = 0;

	for (size_t at = 0; at < series->count; at++)
		for (size_t i = 0; i < page->result->subject_count; i++)
			if (!isnan(point_of(series, at, page->result->subjects[i]->name).value)) {
				count++;
				break;
			}
	return count;
}

/* Exits for each operation. Returns whether any were counted. */
static bool draw_exits(struct via_page *page, struct series series)
{
	double smallest, largest;

	series.exits = true;
	find_range(page, &series, &smallest, &largest);
	if (!(largest > 0) || (series.count > 1 && count_with_exits(page, &series) < 2))
		return false;
	via_page_heading(page, series.metrics[0], "VM exits", "");
	draw_chart(page, &series);
	via_page_legend(page, series.metrics[0]);
	return true;
}

void via_chart_series(struct via_page *page, const char *name)
{
	struct series series = find_series(page->result, name);
	const struct via_bench_metric *first = series.metrics[0];
	bool emulated = page->result->machine.emulated && first->time;

	fputs("<section class=\"card\">\n<div class=\"head\"><h2>", page->out);
	via_page_text(page, name);
	fprintf(page->out, "</h2><span class=\"soft small\">%s</span>%s</div>\n",
		via_better_text(first->better),
		emulated ? "<span class=\"tag\">emulator's time</span>" : "");
	if (emulated && draw_exits(page, series))
		fputs("<h3>Medians</h3>\n", page->out);
	draw_chart(page, &series);
	via_page_legend(page, first);
	if (!emulated)
		draw_exits(page, series);
	fputs("</section>\n", page->out);
}
