/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_BENCH_OPTIONS_H
#define VIADUCT_TOOLS_BENCH_OPTIONS_H

#include "bench.h"

/** via_bench_options_parse() - bench->options and ->plans from bench->cli. Return: 0 or the exit
 * status of a command line that says nothing sensible. */
int via_bench_options_parse(struct via_bench *bench);

#endif
