/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_BENCH_TRACE_H
#define VIADUCT_TOOLS_BENCH_TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * What the host's kernel counts at its trace points: a histogram in an instance of tracefs of our
 * own, which costs some 100 ns an event, tells exits apart by the processor's own reasons, and is
 * gone without a trace with its folder.
 */
struct via_bench_trace {
	bool exits, user_exits, calls; /* which of them this kernel counts */
};

/** via_bench_trace_begin() - count from now on. What cannot be counted is left false. */
void via_bench_trace_begin(struct via_bench_trace *trace, bool calls);
void via_bench_trace_end(struct via_bench_trace *trace);

enum via_bench_trace_event {
	VIA_BENCH_TRACE_EXIT,	   /* kvm:kvm_exit, by reason */
	VIA_BENCH_TRACE_USER_EXIT, /* kvm:kvm_userspace_exit, by reason */
	VIA_BENCH_TRACE_CALL,	   /* raw_syscalls:sys_enter, by number */
};

/**
 * via_bench_trace_read() - call @each with every count of one event.
 * @pid: the thread.
 */
void via_bench_trace_read(enum via_bench_trace_event event,
			  void (*each)(void *data, pid_t pid, uint64_t key, uint64_t count),
			  void *data);

/** via_bench_exit_name() - of a processor's exit reason: "MSR", "HLT", ...; "other". */
const char *via_bench_exit_name(uint64_t reason);

/** via_bench_user_exit_name() - of KVM_EXIT_* (linux/kvm.h). */
const char *via_bench_user_exit_name(uint64_t reason);

#endif
