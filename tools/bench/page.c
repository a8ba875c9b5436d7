/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "page.h"

#include <math.h>
#include <string.h>

void via_page_text(struct via_page *page, const char *text)
{
	for (; text && *text; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", page->out);
			break;
		case '<':
			fputs("&lt;", page->out);
			break;
		case '>':
			fputs("&gt;", page->out);
			break;
		case '"':
			fputs("&quot;", page->out);
			break;
		case '\'':
			fputs("&#39;", page->out);
			break;
		default:
			fputc(*text, page->out);
		}
	}
}

/* In the order of their colours. */
static const char *const known_subjects[] = { "passthrough", "virtio", "vhost", "host" };
enum { KNOWN = 4, COLOURS = 8 };

static unsigned int known_colour(const char *subject)
{
	for (unsigned int i = 0; i < KNOWN; i++)
		if (!strcmp(subject, known_subjects[i]))
			return i;
	return KNOWN;
}

unsigned int via_page_colour(const struct via_page *page, const char *subject)
{
	unsigned int colour = known_colour(subject), others = 0;

	if (colour < KNOWN)
		return colour;
	for (size_t i = 0; i < page->result->subject_count; i++) {
		const char *name = page->result->subjects[i]->name;

		if (!strcmp(name, subject))
			break;
		others += known_colour(name) == KNOWN;
	}
	return KNOWN + others % (COLOURS - KNOWN);
}

/* How much of all costs of a group has this name, over all metrics and subjects. */
static double weight(const struct via_bench_result *result, enum via_bench_cost_group group,
		     const char *name)
{
	double sum = 0;

	for (size_t i = 0; i < result->metric_count; i++)
		for (size_t j = 0; j < result->metrics[i]->figure_count; j++) {
			const struct via_bench_cost *cost =
				via_bench_cost_find(result->metrics[i]->figures[j], group, name);

			sum += cost ? cost->summary.median : 0;
		}
	return sum;
}

/* Keeps the heaviest, in order; @weights are those of page->parts[group]. */
static void offer_part(struct via_page *page, const struct via_bench_cost *cost, double *weights)
{
	const char **parts = page->parts[cost->group];
	size_t *count = &page->part_count[cost->group], at;
	double own;

	/* What is no part, and what has the colour of all the others. */
	if (!via_bench_cost_is_part(cost) || !strcmp(cost->name, VIA_PAGE_OTHER))
		return;
	for (size_t i = 0; i < *count; i++)
		if (!strcmp(parts[i], cost->name))
			return;
	own = weight(page->result, cost->group, cost->name);
	for (at = *count; at > 0 && weights[at - 1] < own; at--)
		if (at < VIA_PAGE_PART_COLOURS) {
			parts[at] = parts[at - 1];
			weights[at] = weights[at - 1];
		}
	if (at == VIA_PAGE_PART_COLOURS)
		return;
	parts[at] = cost->name;
	weights[at] = own;
	if (*count < VIA_PAGE_PART_COLOURS)
		++*count;
}

void via_page_find_parts(struct via_page *page)
{
	double weights[VIA_BENCH_COST_GROUPS][VIA_PAGE_PART_COLOURS];

	for (size_t i = 0; i < page->result->metric_count; i++) {
		const struct via_bench_metric *metric = page->result->metrics[i];

		for (size_t j = 0; j < metric->figure_count; j++)
			for (size_t k = 0; k < metric->figures[j]->cost_count; k++) {
				const struct via_bench_cost *cost = metric->figures[j]->costs[k];

				offer_part(page, cost, weights[cost->group]);
			}
	}
}

struct via_axis via_axis_to(double max)
{
	double power, step;

	if (!(max > 0))
		return (struct via_axis){ 1, 1 };
	/* Four or five ticks, of 1, 2 or 5 times a power of ten. */
	power = pow(10, floor(log10(max / 4)));
	step = max / 4 / power;
	step = (step > 5 ? 10 : step > 2 ? 5 : step > 1 ? 2 : 1) * power;
	return (struct via_axis){ ceil(max / step - 1e-9) * step, step };
}

double via_axis_percent(const struct via_axis *axis, double value)
{
	double percent = value / axis->max * 100;

	return percent < 0 ? 0 : percent > 100 ? 100 : percent;
}

struct via_figure via_axis_label(const struct via_axis *axis, const struct via_scale *scale,
				 double value)
{
	struct via_scale tick = *scale;
	double step = axis->step / scale->divisor;

	/* Steps are 1, 2 or 5 times a power of ten. */
	tick.decimals =
		value > 0 && step < 1 ? (unsigned int)fmin(ceil(-log10(step) - 1e-9), 12) : 0;
	return via_figure_scaled(&tick, value, true);
}

double via_log_axis_place(const struct via_log_axis *axis, double value)
{
	double at = log(value / axis->low) / log(axis->high / axis->low);

	return at < 0 ? 0 : at > 1 ? 1 : at;
}

/* 1, 2, 5 of each power of ten; or the powers; or fewer of them where these are too many. */
static size_t decade_ticks(const struct via_log_axis *axis, double ticks[VIA_LOG_TICKS_MAX],
			   size_t digits_used, double skip)
{
	static const double digits[] = { 1, 2, 5 };
	size_t count = 0;

	for (double power = pow(10, floor(log10(axis->low))); power <= axis->high; power *= skip)
		for (size_t i = 0; i < digits_used; i++) {
			double tick = power * digits[i];

			if (tick < axis->low || tick > axis->high)
				continue;
			if (count == VIA_LOG_TICKS_MAX)
				return 0;
			ticks[count++] = tick;
		}
	return count;
}

/* Where there is no power of ten, and hardly a half or a fifth of one. */
static size_t narrow_ticks(const struct via_log_axis *axis, double ticks[VIA_LOG_TICKS_MAX])
{
	double step = via_axis_to(axis->high - axis->low).step;
	size_t count = 0;

	for (double tick = ceil(axis->low / step) * step;
	     tick <= axis->high && count < VIA_LOG_TICKS_MAX; tick += step)
		ticks[count++] = tick;
	return count;
}

size_t via_log_axis_ticks(const struct via_log_axis *axis, double ticks[VIA_LOG_TICKS_MAX])
{
	size_t count = decade_ticks(axis, ticks, 3, 10);

	if (count >= 3)
		return count;
	for (double skip = 10; !count && skip < 1e12; skip *= 10)
		count = decade_ticks(axis, ticks, 1, skip);
	return count >= 2 ? count : narrow_ticks(axis, ticks);
}

struct via_figure via_log_axis_label(enum via_bench_unit unit, double tick)
{
	struct via_scale scale = via_scale_for(unit, tick);
	struct via_figure figure;

	snprintf(figure.text, sizeof(figure.text), "%.3g%s%s", tick / scale.divisor,
		 *scale.typeset ? "\u202f" : "", scale.typeset);
	return figure;
}

void via_page_grid(struct via_page *page, const struct via_axis *axis)
{
	fputs("<g class=\"grid\">", page->out);
	for (double at = 0; at <= axis->max * 1.0001; at += axis->step)
		fprintf(page->out, "<line x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"0\" y2=\"100%%\"/>",
			via_axis_percent(axis, at), via_axis_percent(axis, at));
	fputs("</g>", page->out);
}

void via_page_label(struct via_page *page, double percent, bool spare, const char *text,
		    const char *unit)
{
	const char *anchor = percent < 4 ? "start" : percent > 96 ? "end" : "middle";

	fprintf(page->out, "<text%s x=\"%.2f%%\" y=\"13\" text-anchor=\"%s\">%s%s%s</text>",
		spare ? " class=\"spare\"" : "", percent, anchor, text, *unit ? "\u202f" : "",
		unit);
}

void via_page_axis_row(struct via_page *page, const struct via_axis *axis,
		       const struct via_scale *scale)
{
	size_t last = (size_t)lround(axis->max / axis->step);

	fputs("<div class=\"row axis\" aria-hidden=\"true\"><div class=\"name\"></div>"
	      "<div class=\"plot\"><svg height=\"18\">",
	      page->out);
	for (size_t i = 0; i <= last; i++) {
		double at = (double)i * axis->step;

		/* The last one tells the unit. */
		via_page_label(page, via_axis_percent(axis, at), last > 3 && i % 2 != 0,
			       via_axis_label(axis, scale, at).text,
			       i == last ? scale->typeset : "");
	}
	fputs("</svg></div><div class=\"val\"></div></div>\n", page->out);
}

void via_page_heading(struct via_page *page, const struct via_bench_metric *metric,
		      const char *what, const char *how)
{
	fprintf(page->out, "<h3>%s for each ", what);
	via_page_text(page, metric->operation ? metric->operation : "operation");
	fprintf(page->out, "%s</h3>\n", how);
}

void via_page_row_begin(struct via_page *page, const char *subject, unsigned int height,
			const char *label)
{
	fprintf(page->out,
		"<div class=\"row c%u\"><div class=\"name\"><span class=\"chip\"></span>",
		via_page_colour(page, subject));
	via_page_text(page, subject);
	fprintf(page->out,
		"</div><div class=\"plot\"><svg height=\"%u\" role=\"img\" aria-label=\"", height);
	via_page_text(page, subject);
	fputs(": ", page->out);
	via_page_text(page, label);
	fputs("\">", page->out);
}

void via_page_row_value(struct via_page *page)
{
	fputs("</svg></div><div class=\"val\">", page->out);
}

void via_page_legend(struct via_page *page, const struct via_bench_metric *metric)
{
	fputs("<ul class=\"legend\">", page->out);
	for (size_t i = 0; i < metric->figure_count; i++) {
		const char *name = metric->figures[i]->subject;

		fprintf(page->out, "<li class=\"c%u\"><span class=\"chip\"></span>",
			via_page_colour(page, name));
		via_page_text(page, name);
		fputs("</li>", page->out);
	}
	fputs("</ul>\n", page->out);
}

void via_page_ratio(struct via_page *page, const struct via_bench_metric *metric,
		    const struct via_bench_figures *figures)
{
	struct via_interval interval = figures->ratio_interval;
	const char *class = "ratio";

	if (via_bench_is_baseline(page->result, figures->subject)) {
		fputs("<span class=\"ratio\">baseline</span>", page->out);
		return;
	}
	if (isnan(figures->ratio))
		return;
	if (figures->differs && metric->better != VIA_BENCH_BETTER_NONE)
		class = (figures->ratio > 1) == (metric->better == VIA_BENCH_BETTER_HIGHER)
				? "ratio good"
				: "ratio bad";
	fprintf(page->out, "<span class=\"%s\"", class);
	if (via_interval_known(interval))
		fprintf(page->out, " title=\"95%% interval %s to %s\"",
			via_figure_ratio(interval.low, true).text,
			via_figure_ratio(interval.high, true).text);
	fprintf(page->out, ">%s</span>", via_figure_ratio(figures->ratio, true).text);
}
