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

static double largest_point(const struct via_page *page, const struct series *series)
{
	double largest = 0;

	for (size_t i = 0; i < page->result->subject_count; i++)
		for (size_t at = 0; at < series->count; at++) {
			struct point point = point_of(series, at, page->result->subjects[i]->name);

			largest = fmax(largest, fmax(point.value, point.interval.high));
		}
	return largest;
}

/* Numbers at the same distance: they are powers of two, or sizes nobody wants to scale. */
static double column(const struct series *series, size_t at)
{
	return ((double)at + 0.5) / (double)series->count * 100;
}

static double height_of(const struct via_axis *axis, double value)
{
	return 100 - via_axis_percent(axis, value);
}

static void draw_line(struct via_page *page, const struct series *series, const char *subject,
		      const struct via_axis *axis)
{
	bool begun = false;

	fprintf(page->out,
		"<svg viewBox=\"0 0 100 100\" preserveAspectRatio=\"none\" height=\"%d\">"
		"<path class=\"curve\" d=\"",
		LINE_HEIGHT);
	for (size_t at = 0; at < series->count; at++) {
		struct point point = point_of(series, at, subject);

		if (!isnan(point.value))
			fprintf(page->out, "%c%.2f %.2f", begun ? 'L' : 'M', column(series, at),
				height_of(axis, point.value));
		begun |= !isnan(point.value);
	}
	fputs("\"/></svg>", page->out);
}

static void draw_points(struct via_page *page, const struct series *series, const char *subject,
			const struct via_axis *axis, const struct via_scale *scale)
{
	for (size_t at = 0; at < series->count; at++) {
		struct point point = point_of(series, at, subject);
		double x = column(series, at);

		if (isnan(point.value))
			continue;
		if (via_interval_known(point.interval))
			fprintf(page->out,
				"<line class=\"mark\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"%.2f%%\" "
				"y2=\"%.2f%%\"/>",
				x, x, height_of(axis, point.interval.low),
				height_of(axis, point.interval.high));
		fprintf(page->out,
			"<circle class=\"dot\" cx=\"%.2f%%\" cy=\"%.2f%%\" r=\"4.5\">"
			"<title>",
			x, height_of(axis, point.value));
		via_page_text(page, subject);
		fprintf(page->out, " at %g: %s</title></circle>", series->metrics[at]->at,
			via_figure_with_unit(scale, point.value, true).text);
	}
}

static void draw_axes(struct via_page *page, const struct via_axis *axis,
		      const struct via_scale *scale)
{
	fprintf(page->out, "<div class=\"frame\"><div><svg height=\"%d\" aria-hidden=\"true\">",
		LINE_HEIGHT);
	for (double at = 0; at <= axis->max * 1.0001; at += axis->step) {
		bool last = at > axis->max * 0.999;

		fprintf(page->out,
			"<text x=\"100%%\" dx=\"-8\" dy=\"4\" y=\"%.2f%%\" text-anchor=\"end\">%s"
			"%s%s</text>",
			height_of(axis, at), via_axis_label(axis, scale, at).text,
			last && *scale->typeset ? "\u202f" : "", last ? scale->typeset : "");
	}
	fprintf(page->out,
		"</svg></div><div><svg height=\"%d\" role=\"img\" "
		"aria-label=\"lines\"><g class=\"grid\">",
		LINE_HEIGHT);
	for (double at = 0; at <= axis->max * 1.0001; at += axis->step)
		fprintf(page->out, "<line x1=\"0\" x2=\"100%%\" y1=\"%.2f%%\" y2=\"%.2f%%\"/>",
			height_of(axis, at), height_of(axis, at));
	fputs("</g>", page->out);
}

static void draw_chart(struct via_page *page, const struct series *series)
{
	const struct via_bench_result *result = page->result;
	double largest = largest_point(page, series);
	enum via_bench_unit unit = series->exits ? VIA_BENCH_UNIT_COUNT : series->metrics[0]->unit;
	struct via_axis axis = via_axis_to(largest);
	struct via_scale scale = via_scale_for(unit, largest);

	draw_axes(page, &axis, &scale);
	for (size_t i = 0; i < result->subject_count; i++) {
		const char *name = result->subjects[i]->name;

		fprintf(page->out, "<g class=\"c%u\">", via_page_colour(page, name));
		draw_line(page, series, name, &axis);
		draw_points(page, series, name, &axis, &scale);
		fputs("</g>", page->out);
	}
	fputs("</svg></div><div></div><div><svg height=\"18\" aria-hidden=\"true\">", page->out);
	for (size_t at = 0; at < series->count; at++) {
		char text[32];

		snprintf(text, sizeof(text), "%g", series->metrics[at]->at);
		via_page_label(page, column(series, at), series->count > 6 && at % 2 == 0, text,
			       "");
	}
	fputs("</svg></div></div>\n", page->out);
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
	draw_chart(page, &series);
	via_page_legend(page, first);
	series.exits = true;
	if (largest_point(page, &series) > 0) {
		fputs("<h3>VM exits for each operation</h3>\n", page->out);
		draw_chart(page, &series);
		via_page_legend(page, first);
	}
	fputs("</section>\n", page->out);
}
