/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_BENCH_TOOL_OUTPUT_H
#define VIADUCT_TOOLS_BENCH_TOOL_OUTPUT_H

#include <stdint.h>

#include <viaduct/util/error.h>

/* What a standard tool measured in one run. What it said may come from a guest, so may be anything.
 */
struct via_bench_tool_figures {
	uint64_t operations; /* at least 1 */
	double value;	     /* in the unit of its part; finite, not negative */
	double time_ns;	     /* the median of its operations; NAN: not told */
};

enum via_bench_tool_what {
	VIA_BENCH_PING,	       /* round trips; value: the mean, ns */
	VIA_BENCH_IPERF3,      /* MiB that arrived; value: bytes/s */
	VIA_BENCH_FIO_READS,   /* reads; value: 1/s */
	VIA_BENCH_FIO_WRITES,  /* writes; value: 1/s */
	VIA_BENCH_FIO_READING, /* reads; value: bytes/s */
	VIA_BENCH_FIO_WRITING, /* writes; value: bytes/s */
};

/**
 * via_bench_tool_read() - what a tool said: ping its summary, iperf3 and fio their JSON, with
 * whatever else there is before and behind it.
 *
 * Return: 0; -ENODATA when the tool says why it measured nothing; -EPROTO when that is not what it
 * says; -ENOMEM.
 */
int via_bench_tool_read(enum via_bench_tool_what what, const char *text,
			struct via_bench_tool_figures *figures, struct via_error *err);

#endif
