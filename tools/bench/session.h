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
	struct via_bench_child child, peer, server; /* of iperf3 */
	struct via_bench_output {		    /* of a standard tool, in lines */
		char *text;
		size_t length, capacity;
	} output;
	struct via_bench_watched watched;
	struct timespec began;
	struct via_bench_counters before, costs, nothing;
	struct via_bench_clock clock;
	double calls, ioctls; /* of kind boot */
};

/**
 * via_bench_session_prepare() - devices as the subject needs them, and names for what it is told.
 *
 * Return: 0; -EINTR; or why it cannot be measured.
 */
int via_bench_session_prepare(struct via_bench_session *session, struct via_error *err);

/** via_bench_session_figures() - those of its subject, of a metric that is made. */
struct via_bench_figures *via_bench_session_figures(struct via_bench_session *session,
						    const char *name, const char *title,
						    enum via_bench_unit unit,
						    enum via_bench_better better, bool time);

/** via_bench_part_find() - of what @bench measures. Return: NULL when there is none. */
const struct via_bench_part *via_bench_part_find(const struct via_bench *bench, const char *name);

/**
 * via_bench_session_add() - the figure of a part.
 * @window: of JSON, what the program counted beside the costs; NULL when they are another part's.
 *
 * Return: its figures, or NULL when memory ran out.
 */
struct via_bench_figures *via_bench_session_add(struct via_bench_session *session,
						const struct via_bench_part *part,
						uint64_t operations, double value,
						const json_t *window);

/** via_bench_session_skipped() - a part that cannot be done, and why. */
void via_bench_session_skipped(struct via_bench_session *session, const struct via_bench_part *part,
			       const char *why);

/** via_bench_tool_begin() - a part of a standard tool is about to begin. Return: 0 or -EINTR. */
int via_bench_tool_begin(struct via_bench_session *session, const struct via_bench_part *part,
			 struct via_error *err);

/** via_bench_tool_said() - a line of its output. Return: 0; -EFBIG; -ENOMEM. */
int via_bench_tool_said(struct via_bench_session *session, const char *line, struct via_error *err);

/** via_bench_tool_ended() - figures of what it said, or why there are none. */
void via_bench_tool_ended(struct via_bench_session *session, const struct via_bench_part *part,
			  const json_t *window);

/** via_bench_tool_end() - what tools left in @session. Safe when there was none. */
void via_bench_tool_end(struct via_bench_session *session);

/** via_bench_boot_begun() - the guest's init has begun. */
void via_bench_boot_begun(struct via_bench_session *session);

/** via_bench_boot_worked() - its work is done; @session->costs are all there were. */
void via_bench_boot_worked(struct via_bench_session *session);

/** via_bench_boot_ended() - the VMM has ended. */
void via_bench_boot_ended(struct via_bench_session *session);

#endif
