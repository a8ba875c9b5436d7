/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define THIN_SPACE "\u202f" /* narrow, and no line breaks at it */

struct step {
	double from; /* the smallest figure it is used for */
	double divisor;
	const char *name, *typeset;
};

static const struct step time_steps[] = {
	{ 1e9, 1e9, "s", "s" },
	{ 1e6, 1e6, "ms", "ms" },
	{ 1e3, 1e3, "us", "\u00b5s" },
	{ 0, 1, "ns", "ns" },
};
static const struct step rate_steps[] = {
	{ 1e9, 1e9, "GB/s", "GB/s" },
	{ 1e6, 1e6, "MB/s", "MB/s" },
	{ 1e3, 1e3, "kB/s", "kB/s" },
	{ 0, 1, "B/s", "B/s" },
};
static const struct step per_second_steps[] = {
	{ 1e6, 1e6, "M/s", "M/s" },
	{ 1e4, 1e3, "k/s", "k/s" },
	{ 0, 1, "/s", "/s" },
};
static const struct step count_steps[] = { { 0, 1, "", "" } };
static const struct step byte_steps[] = {
	{ 1ull << 40, 1ull << 40, "TiB", "TiB" },
	{ 1 << 30, 1 << 30, "GiB", "GiB" },
	{ 1 << 20, 1 << 20, "MiB", "MiB" },
	{ 1 << 10, 1 << 10, "KiB", "KiB" },
	{ 0, 1, "B", "B" },
};

static const struct step *steps_of(enum via_bench_unit unit)
{
	switch (unit) {
	case VIA_BENCH_UNIT_NS:
		return time_steps;
	case VIA_BENCH_UNIT_BYTES_PER_SECOND:
		return rate_steps;
	case VIA_BENCH_UNIT_PER_SECOND:
		return per_second_steps;
	case VIA_BENCH_UNIT_BYTES:
		return byte_steps;
	case VIA_BENCH_UNIT_COUNT:
	case VIA_BENCH_UNITS:
		break;
	}
	return count_steps;
}

static unsigned int decimals_for(double shown)
{
	return shown >= 100 ? 0 : shown >= 10 ? 1 : 2;
}

struct via_scale via_scale_for(enum via_bench_unit unit, double smallest)
{
	const struct step *step = steps_of(unit);

	if (!(smallest > 0))
		smallest = 0;
	/* The last step begins at 0. */
	while (smallest < step->from)
		step++;
	return (struct via_scale){ step->divisor, step->name, step->typeset,
				   decimals_for(smallest / step->divisor) };
}

struct via_scale via_scale_of_metric(const struct via_bench_metric *metric)
{
	double smallest = NAN;

	for (size_t i = 0; i < metric->figure_count; i++) {
		double median = metric->figures[i]->summary.median;

		if (median > 0 && !(smallest <= median))
			smallest = median;
	}
	return via_scale_for(metric->unit, smallest);
}

/* "1234567.8" as "1 234 567.8". */
static struct via_figure grouped(const char *digits)
{
	size_t whole = strcspn(digits, "."), at = 0;
	struct via_figure figure;

	for (size_t i = 0; digits[i]; i++) {
		bool split = i && i < whole && digits[i - 1] != '-' && (whole - i) % 3 == 0;

		if (at + sizeof(THIN_SPACE) >= sizeof(figure.text))
			break;
		if (split && whole > 4) {
			memcpy(figure.text + at, THIN_SPACE, strlen(THIN_SPACE));
			at += strlen(THIN_SPACE);
		}
		figure.text[at++] = digits[i];
	}
	figure.text[at] = '\0';
	return figure;
}

static struct via_figure number(double value, unsigned int decimals, bool typeset)
{
	struct via_figure figure;

	if (isnan(value)) {
		strcpy(figure.text, typeset ? "\u2013" : "-");
		return figure;
	}
	snprintf(figure.text, sizeof(figure.text), fabs(value) < 1e15 ? "%.*f" : "%.*g",
		 (int)decimals, value);
	return typeset ? grouped(figure.text) : figure;
}

struct via_figure via_figure_scaled(const struct via_scale *scale, double value, bool typeset)
{
	return number(value / scale->divisor, scale->decimals, typeset);
}

struct via_figure via_figure_with_unit(const struct via_scale *scale, double value, bool typeset)
{
	struct via_figure figure = via_figure_scaled(scale, value, typeset);
	const char *unit = typeset ? scale->typeset : scale->name;
	size_t length = strlen(figure.text);

	if (*unit && !isnan(value))
		snprintf(figure.text + length, sizeof(figure.text) - length, "%s%s",
			 typeset ? THIN_SPACE : " ", unit);
	return figure;
}

struct via_figure via_figure_value(enum via_bench_unit unit, double value, bool typeset)
{
	struct via_scale scale = via_scale_for(unit, fabs(value));
	struct via_figure figure;

	/* Not nothing, but too little to be seen. */
	if (unit == VIA_BENCH_UNIT_COUNT && value > 0 && value < 0.005) {
		strcpy(figure.text, "<0.01");
		return figure;
	}
	if (value == 0)
		scale.decimals = 0;
	return via_figure_with_unit(&scale, value, typeset);
}

struct via_figure via_figure_ratio(double ratio, bool typeset)
{
	struct via_figure figure;

	if (isnan(ratio)) {
		strcpy(figure.text, typeset ? "\u2013" : "-");
		return figure;
	}
	figure = number(ratio, decimals_for(ratio), typeset);
	strncat(figure.text, typeset ? "\u00d7" : "x",
		sizeof(figure.text) - strlen(figure.text) - 1);
	return figure;
}

struct via_figure via_figure_percent(double ratio, bool typeset)
{
	struct via_figure figure;
	double change = (ratio - 1) * 100;

	if (isnan(ratio)) {
		strcpy(figure.text, typeset ? "\u2013" : "-");
		return figure;
	}
	snprintf(figure.text, sizeof(figure.text), "%s%.*f%s",
		 change < -0.05	 ? (typeset ? "\u2212" : "-")
		 : change > 0.05 ? "+"
				 : "",
		 fabs(change) >= 100 ? 0 : 1, fabs(change), typeset ? THIN_SPACE "%" : "%");
	return figure;
}

struct via_figure via_figure_bytes(uint64_t bytes, bool typeset)
{
	struct via_scale scale = via_scale_for(VIA_BENCH_UNIT_BYTES, (double)bytes);

	if (fmod((double)bytes, scale.divisor) == 0)
		scale.decimals = 0;
	return via_figure_with_unit(&scale, (double)bytes, typeset);
}

enum via_bench_unit via_cost_unit(enum via_bench_cost_group group)
{
	return group == VIA_BENCH_CPU_NS ? VIA_BENCH_UNIT_NS : VIA_BENCH_UNIT_COUNT;
}

const char *via_better_text(enum via_bench_better better)
{
	switch (better) {
	case VIA_BENCH_BETTER_LOWER:
		return "lower is better";
	case VIA_BENCH_BETTER_HIGHER:
		return "higher is better";
	case VIA_BENCH_BETTER_NONE:
	case VIA_BENCH_BETTERS:
		break;
	}
	return "";
}

const char *via_kind_title(enum via_bench_kind kind)
{
	static const char *const titles[VIA_BENCH_KINDS] = {
		[VIA_BENCH_NET] = "Network",
		[VIA_BENCH_DISK] = "Disk",
		[VIA_BENCH_IRQ] = "Device interrupts",
		[VIA_BENCH_MAP] = "DMA mapping",
		[VIA_BENCH_BOOT] = "Boot",
		[VIA_BENCH_BAR] = "BAR access",
	};

	return titles[kind];
}
