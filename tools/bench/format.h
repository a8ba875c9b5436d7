/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_BENCH_FORMAT_H
#define VIADUCT_TOOLS_BENCH_FORMAT_H

#include "result.h"

/* How figures are written for people. Terminals get ASCII, pages thin spaces and a micro sign. */

struct via_figure {
	char text[48];
};

/* One unit and precision for figures that stand side by side. */
struct via_scale {
	double divisor;
	const char *name;    /* "us"; "" for a count */
	const char *typeset; /* the same for a page */
	unsigned int decimals;
};

/**
 * via_scale_for() - so that @smallest has three digits that say something.
 * @smallest: the smallest figure that is not 0; NAN or 0 when there is none.
 */
struct via_scale via_scale_for(enum via_bench_unit unit, double smallest);

/** via_scale_of_metric() - for the medians of all its subjects. */
struct via_scale via_scale_of_metric(const struct via_bench_metric *metric);

/** via_figure_scaled() - the number alone, "12.3". @typeset: for a page. NAN is "-". */
struct via_figure via_figure_scaled(const struct via_scale *scale, double value, bool typeset);

/** via_figure_with_unit() - "12.3 us". */
struct via_figure via_figure_with_unit(const struct via_scale *scale, double value, bool typeset);

/** via_figure_value() - on its own: as precise as its size asks for, with its unit. */
struct via_figure via_figure_value(enum via_bench_unit unit, double value, bool typeset);

/** via_figure_ratio() - "1.65x". */
struct via_figure via_figure_ratio(double ratio, bool typeset);

/** via_figure_percent() - a ratio as a change: "+12.3%". */
struct via_figure via_figure_percent(double ratio, bool typeset);

/** via_figure_bytes() - "512 MiB". */
struct via_figure via_figure_bytes(uint64_t bytes, bool typeset);

/** via_cost_unit() - what a cost of this group is counted in. */
enum via_bench_unit via_cost_unit(enum via_bench_cost_group group);

/** via_better_text() - "lower is better"; "" for neither. */
const char *via_better_text(enum via_bench_better better);

/** via_kind_title() - "Network", ... */
const char *via_kind_title(enum via_bench_kind kind);

#endif
