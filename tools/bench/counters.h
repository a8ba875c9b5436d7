/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_BENCH_COUNTERS_H
#define VIADUCT_TOOLS_BENCH_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "result.h"
#include "trace.h"

/* What the host has counted for one process, and for all of it, at one moment. */
struct via_bench_counter {
	enum via_bench_cost_group group;
	char name[24];
	double value;
};

#define VIA_BENCH_COUNTERS_MAX 96

struct via_bench_counters {
	struct via_bench_counter counters[VIA_BENCH_COUNTERS_MAX];
	size_t count;
};

#define VIA_BENCH_THREADS_MAX 512

/* The process that is watched. */
struct via_bench_watched {
	pid_t pid;
	bool is_vmm;	     /* else the program that does the work, on the host */
	int instructions_fd; /* -1: this machine does not count them */
	const struct via_bench_trace *trace;
	pid_t threads[VIA_BENCH_THREADS_MAX]; /* that were seen, also those that are gone */
	size_t thread_count;
};

/** via_bench_watched_open() - begin to count for a process that has not begun its program. */
void via_bench_watched_open(struct via_bench_watched *watched, pid_t pid, bool is_vmm,
			    const struct via_bench_trace *trace);
void via_bench_watched_close(struct via_bench_watched *watched);

/** via_bench_watched_vcpu() - its thread of a virtual processor; 0: it has none. */
pid_t via_bench_watched_vcpu(const struct via_bench_watched *watched, unsigned int index);

/** via_bench_watched_has() - whether a thread was its when counters were last read. */
bool via_bench_watched_has(const struct via_bench_watched *watched, pid_t thread);

void via_bench_counters_read(struct via_bench_watched *watched,
			     struct via_bench_counters *counters);

/** via_bench_counters_add() - to the counter of that name, which is made. */
void via_bench_counters_add(struct via_bench_counters *counters, enum via_bench_cost_group group,
			    const char *name, double value);

/** via_bench_counters_add_part() - and to the sum of its group. */
void via_bench_counters_add_part(struct via_bench_counters *counters,
				 enum via_bench_cost_group group, const char *name, double value);

/** via_bench_counters_since() - @after becomes what was counted since @before; never below 0. */
void via_bench_counters_since(struct via_bench_counters *after,
			      const struct via_bench_counters *before);

/** via_bench_counters_get() - Return: -1 when there is none of that name. */
double via_bench_counters_get(const struct via_bench_counters *counters,
			      enum via_bench_cost_group group, const char *name);

#endif
