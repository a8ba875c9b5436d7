/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the operations of a run took: the shape of it, and its tail. */
#include <math.h>

#include "page.h"

#define BINS	     160 /* across the width of a shape */
#define CURVE_HEIGHT 220

static double lower_of(size_t bucket)
{
	return bucket ? (double)via_histogram_upper(bucket - 1) + 1 : 0;
}

static bool is_shown(const struct via_bench_figures *figures)
{
	return figures->histogram && figures->histogram->total;
}

/* Returns whether there is anything to show. */
static bool find_domain(const struct via_bench_metric *metric, struct via_log_axis *domain)
{
	*domain = (struct via_log_axis){ INFINITY, 0 };
	for (size_t i = 0; i < metric->figure_count; i++) {
		const struct via_bench_figures *figures = metric->figures[i];

		for (size_t j = 0; is_shown(figures) && j < VIA_HISTOGRAM_BUCKETS; j++) {
			if (!figures->histogram->counts[j])
				continue;
			domain->low = fmin(domain->low, lower_of(j));
			domain->high = fmax(domain->high, (double)via_histogram_upper(j));
		}
	}
	/* The logarithm of 0 has no place, and what is all the same needs some width. */
	domain->low = fmax(domain->low * 0.95, 0.5);
	domain->high = fmax(domain->high * 1.05, domain->low * 1.5);
	return isfinite(domain->low);
}

/* A share of the operations by bin, each bucket spread over the bins it covers. */
static void fill_bins(const struct via_histogram *histogram, const struct via_log_axis *domain,
		      double bins[BINS])
{
	for (size_t i = 0; i < VIA_HISTOGRAM_BUCKETS; i++) {
		double from, to;

		if (!histogram->counts[i])
			continue;
		from = via_log_axis_place(domain, fmax(lower_of(i), domain->low)) * BINS;
		to = via_log_axis_place(domain, (double)via_histogram_upper(i) + 1) * BINS;
		for (size_t b = (size_t)from; b < BINS && (double)b < to; b++) {
			double covered = fmin(to, (double)b + 1) - fmax(from, (double)b);

			bins[b] += (double)histogram->counts[i] * covered / fmax(to - from, 1e-9);
		}
	}
}

/* Takes out steps that are the buckets' and not the measurement's. */
static void smooth(double bins[BINS])
{
	for (int pass = 0; pass < 3; pass++) {
		double before = 0;

		for (size_t i = 0; i < BINS; i++) {
			double own = bins[i], after = i + 1 < BINS ? bins[i + 1] : 0;

			bins[i] = (before + 2 * own + after) / 4;
			before = own;
		}
	}
}

static void draw_shape(struct via_page *page, const double bins[BINS])
{
	double largest = 0;

	for (size_t i = 0; i < BINS; i++)
		largest = fmax(largest, bins[i]);
	for (int line = 0; line < 2; line++) {
		fprintf(page->out, "<path class=\"%s\" d=\"M0 100", line ? "curve" : "area");
		for (size_t i = 0; i < BINS; i++)
			fprintf(page->out, "L%.1f %.1f", ((double)i + 0.5) * 1000 / BINS,
				100 - 92 * bins[i] / fmax(largest, 1e-9));
		fprintf(page->out, "L1000 100%s\"/>", line ? "" : "Z");
	}
}

static void draw_mark(struct via_page *page, const struct via_log_axis *domain, uint64_t value,
		      const char *class)
{
	double percent = via_log_axis_place(domain, (double)value) * 100;

	fprintf(page->out, "<line class=\"%s\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"2\" y2=\"100%%\"/>",
		class, percent, percent);
}

static void draw_row(struct via_page *page, const struct via_bench_metric *metric,
		     const struct via_bench_figures *figures, const struct via_log_axis *domain,
		     const double *ticks, size_t tick_count)
{
	uint64_t median = via_histogram_quantile(figures->histogram, 0.5);
	uint64_t far = via_histogram_quantile(figures->histogram, 0.99);
	struct via_figure text = via_figure_value(metric->unit, (double)median, true);
	double bins[BINS] = { 0 };

	fill_bins(figures->histogram, domain, bins);
	smooth(bins);
	via_page_row_begin(page, figures->subject, 48, text.text);
	fputs("<g class=\"grid\">", page->out);
	for (size_t i = 0; i < tick_count; i++)
		fprintf(page->out, "<line x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"0\" y2=\"100%%\"/>",
			via_log_axis_place(domain, ticks[i]) * 100,
			via_log_axis_place(domain, ticks[i]) * 100);
	fputs("</g><svg viewBox=\"0 0 1000 100\" preserveAspectRatio=\"none\" height=\"48\">",
	      page->out);
	draw_shape(page, bins);
	fputs("</svg>", page->out);
	draw_mark(page, domain, median, "mark");
	draw_mark(page, domain, far, "mark far");
	via_page_row_value(page);
	fprintf(page->out, "<b>%s</b><div class=\"small\">99%%: %s</div></div></div>\n", text.text,
		via_figure_value(metric->unit, (double)far, true).text);
}

/* Those that come too close to the one before, on a phone, are spare. */
static void put_ticks(struct via_page *page, const struct via_bench_metric *metric,
		      const struct via_log_axis *domain, const double *ticks, size_t count)
{
	double before = -100;

	for (size_t i = 0; i < count; i++) {
		double percent = via_log_axis_place(domain, ticks[i]) * 100;
		bool spare = percent - before < 25;

		via_page_label(page, percent, spare,
			       via_log_axis_label(metric->unit, ticks[i]).text, "");
		if (!spare)
			before = percent;
	}
}

static void draw_shapes(struct via_page *page, const struct via_bench_metric *metric,
			const struct via_log_axis *domain, const double *ticks, size_t tick_count)
{
	fputs("<h3>Every operation: the median (line) and 99% (dashed), on a logarithmic axis"
	      "</h3>\n<div class=\"chart\">\n",
	      page->out);
	for (size_t i = 0; i < metric->figure_count; i++)
		if (is_shown(metric->figures[i]))
			draw_row(page, metric, metric->figures[i], domain, ticks, tick_count);
	fputs("<div class=\"row axis\" aria-hidden=\"true\"><div class=\"name\"></div>"
	      "<div class=\"plot\"><svg height=\"18\">",
	      page->out);
	put_ticks(page, metric, domain, ticks, tick_count);
	fputs("</svg></div><div class=\"val\"></div></div>\n</div>\n", page->out);
}

/* The further into the tail, the wider: 0, 90%, 99%, ... are equally far apart. */
static double tail_place(double share_above, double decades)
{
	double at = share_above > 0 ? -log10(share_above) / decades : 1;

	return at > 1 ? 1 : at;
}

static void draw_tail(struct via_page *page, const struct via_bench_figures *figures,
		      const struct via_log_axis *domain, double decades)
{
	const struct via_histogram *histogram = figures->histogram;
	double total = (double)histogram->total, last_x = -1, last_y = -1;
	uint64_t seen = 0;

	fprintf(page->out, "<path class=\"curve c%u\" d=\"",
		via_page_colour(page, figures->subject));
	for (size_t i = 0; i < VIA_HISTOGRAM_BUCKETS; i++) {
		double x, y;

		if (!histogram->counts[i])
			continue;
		y = 1000 - 1000 * via_log_axis_place(domain, (double)via_histogram_upper(i));
		if (last_x < 0)
			fprintf(page->out, "M0 %.1f", y);
		seen += histogram->counts[i];
		x = 1000 *
		    tail_place((total - (double)seen) / total,
			       fmin(decades, log10(fmax(total, 10)))) *
		    fmin(decades, log10(fmax(total, 10))) / decades;
		/* What cannot be told apart is not drawn. */
		if (x - last_x < 1 && last_y - y < 2 && seen < histogram->total)
			continue;
		fprintf(page->out, "L%.1f %.1f", x, y);
		last_x = x;
		last_y = y;
	}
	fputs("\"/>", page->out);
}

static void draw_tails(struct via_page *page, const struct via_bench_metric *metric,
		       const struct via_log_axis *domain, const double *ticks, size_t tick_count)
{
	static const struct {
		double above;
		const char *label;
	} shares[] = { { 1, "0%" },	   { 0.1, "90%" },     { 0.01, "99%" },
		       { 0.001, "99.9%" }, { 1e-4, "99.99%" }, { 1e-5, "99.999%" } };
	double decades = 2;
	size_t last;

	for (size_t i = 0; i < metric->figure_count; i++)
		if (is_shown(metric->figures[i]))
			decades =
				fmax(decades, log10((double)metric->figures[i]->histogram->total));
	decades = fmin(decades, 5);
	last = (size_t)decades;
	fprintf(page->out,
		"<h3>The tail: this share of the operations took no longer</h3>\n"
		"<div class=\"frame\"><div><svg height=\"%d\" aria-hidden=\"true\">",
		CURVE_HEIGHT);
	for (size_t i = 0; i < tick_count; i++)
		fprintf(page->out,
			"<text x=\"100%%\" dx=\"-8\" dy=\"4\" y=\"%.1f\" text-anchor=\"end\">%s"
			"</text>",
			(1 - via_log_axis_place(domain, ticks[i])) * CURVE_HEIGHT,
			via_log_axis_label(metric->unit, ticks[i]).text);
	fprintf(page->out,
		"</svg></div><div><svg height=\"%d\" role=\"img\" "
		"aria-label=\"percentiles\"><g class=\"grid\">",
		CURVE_HEIGHT);
	for (size_t i = 0; i < tick_count; i++)
		fprintf(page->out, "<line x1=\"0\" x2=\"100%%\" y1=\"%.1f\" y2=\"%.1f\"/>",
			(1 - via_log_axis_place(domain, ticks[i])) * CURVE_HEIGHT,
			(1 - via_log_axis_place(domain, ticks[i])) * CURVE_HEIGHT);
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		double percent = -log10(shares[i].above) / decades * 100;

		if (percent <= 100)
			fprintf(page->out,
				"<line x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"0\" y2=\"100%%\"/>",
				percent, percent);
	}
	fprintf(page->out,
		"</g><svg viewBox=\"0 0 1000 1000\" preserveAspectRatio=\"none\" height=\"%d\">",
		CURVE_HEIGHT);
	for (size_t i = 0; i < metric->figure_count; i++)
		if (is_shown(metric->figures[i]))
			draw_tail(page, metric->figures[i], domain, decades);
	fputs("</svg></svg></div><div></div><div><svg height=\"18\" aria-hidden=\"true\">",
	      page->out);
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		double percent = -log10(shares[i].above) / decades * 100;

		/* Beyond 99.9% there are too many for a phone. */
		if (percent <= 100)
			via_page_label(page, percent, last > 3 && (last - i) % 2, shares[i].label,
				       "");
	}
	fputs("</svg></div></div>\n", page->out);
	via_page_legend(page, metric);
}

static void put_percentiles(struct via_page *page, const struct via_bench_metric *metric)
{
	static const double quantiles[] = { 0.5, 0.9, 0.99, 0.999, 1 };

	fputs("<div class=\"scroll\"><table><tr><th>subject</th><th>50%</th><th>90%</th>"
	      "<th>99%</th><th>99.9%</th><th>largest</th><th>operations</th></tr>\n",
	      page->out);
	for (size_t i = 0; i < metric->figure_count; i++) {
		const struct via_histogram *histogram = metric->figures[i]->histogram;

		if (!is_shown(metric->figures[i]))
			continue;
		fputs("<tr><td>", page->out);
		via_page_text(page, metric->figures[i]->subject);
		fputs("</td>", page->out);
		for (size_t q = 0; q < sizeof(quantiles) / sizeof(quantiles[0]); q++) {
			uint64_t value = via_histogram_quantile(histogram, quantiles[q]);
			bool tells = via_histogram_tells(histogram, quantiles[q]);

			fprintf(page->out, "<td>%s</td>",
				via_figure_value(metric->unit, tells ? (double)value : NAN, true)
					.text);
		}
		fprintf(page->out, "<td>%s</td></tr>\n",
			via_figure_value(VIA_BENCH_UNIT_COUNT, (double)histogram->total, true)
				.text);
	}
	fputs("</table></div>\n", page->out);
}

void via_chart_distribution(struct via_page *page, const struct via_bench_metric *metric)
{
	double ticks[VIA_LOG_TICKS_MAX];
	struct via_log_axis domain;
	size_t tick_count;

	if (!find_domain(metric, &domain))
		return;
	tick_count = via_log_axis_ticks(&domain, ticks);
	draw_shapes(page, metric, &domain, ticks, tick_count);
	draw_tails(page, metric, &domain, ticks, tick_count);
	put_percentiles(page, metric);
}
