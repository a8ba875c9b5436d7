/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_BENCH_SESSION_H
#define VIADUCT_TOOLS_BENCH_SESSION_H

#include <time.h>

#include "bench.h"
#include "clock.h"
#include "line.h"

/* One run of one subject, while it lasts. */
struct via_bench_session {
	struct via_bench *bench;
	struct via_bench_plan *plan;
	bool is_guest;
	struct via_bench_line line;
	struct via_bench_child child, peer;
	struct via_bench_watched watched;
	struct timespec began;
	struct via_bench_counters before, costs, nothing;
	struct via_bench_clock clock;
	double calls, ioctls; /* of kind boot */
};

/** via_bench_session_figures() - those of its subject, of a metric that is made. */
struct via_bench_figures *via_bench_session_figures(struct via_bench_session *session,
						    const char *name, const char *title,
						    enum via_bench_unit unit,
						    enum via_bench_better better, bool time);

/** via_bench_boot_begun() - the guest's init has begun. */
void via_bench_boot_begun(struct via_bench_session *session);

/** via_bench_boot_worked() - its work is done; @session->costs are all there were. */
void via_bench_boot_worked(struct via_bench_session *session);

/** via_bench_boot_ended() - the VMM has ended. */
void via_bench_boot_ended(struct via_bench_session *session);

#endif
