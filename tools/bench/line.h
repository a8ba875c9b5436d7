/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_BENCH_LINE_H
#define VIADUCT_TOOLS_BENCH_LINE_H

#include <net/if.h>

#include "bench.h"

#define VIA_BENCH_ARGUMENTS_MAX 64

/* The command line of one run: a VMM with its guest, or the program that does the work. */
struct via_bench_line {
	char disk[64];	       /* of the host: "nvme0n1"; for those that use it */
	char identity[256];    /* of the disk that a guest may write to; "": as it is given */
	char netdev[IFNAMSIZ]; /* for the program on the host; "" for none */

	char *argv[VIA_BENCH_ARGUMENTS_MAX + 1];

	struct via_bench *bench;
	const struct via_bench_plan *plan;
	size_t arg_count;
	const char *words[VIA_BENCH_WORDS_MAX + 1]; /* for the program that does the work */
	size_t word_count;
	char device[24], msix[24], initrd[128], stats[128], milliseconds[16], memory[32], cpus[16],
		text[4][160];
};

/**
 * via_bench_line_make() - @line->argv, which lives as long as @line, and a guest's initrd.
 * @line: zero-initialised but for disk and netdev.
 */
int via_bench_line_make(struct via_bench_line *line, struct via_bench *bench,
			const struct via_bench_plan *plan, struct via_error *err);

#endif
