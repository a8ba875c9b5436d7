/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_RUN_STATS_H
#define VIADUCT_TOOLS_RUN_STATS_H

#include <stdint.h>

#include <viaduct/vmm/vmm.h>

/* Where the statistics of a guest go. */
struct via_run_stats {
	const char *path;  /* NULL: nowhere */
	uint64_t begin_ns; /* CLOCK_MONOTONIC when the command started; the phases count from there
			    */
	int fd;		   /* of the file, where it could not be opened later; else -1 */
	bool created, written;
};

/**
 * via_run_stats_open() - whether the file can be written, found out before a guest has run for it.
 * What this process will be allowed no more when it has given up its privileges is done now.
 * @stats: with .path, .begin_ns and .fd = -1; released with via_run_stats_close().
 * @becomes_user: it will be another user's.
 *
 * Return: 0, -ENOMEM, or the errno of creating the file, or one beside it.
 */
int via_run_stats_open(struct via_run_stats *stats, bool becomes_user, struct via_error *err);
void via_run_stats_close(struct via_run_stats *stats);

/**
 * via_run_stats_write() - the statistics of a guest as JSON (docs/json.md, "run --stats"). The file
 * is replaced as a whole, never seen half-written, where this process still may do that.
 * @end: how the guest ended; "" while it runs.
 *
 * Return: 0, -ENOMEM, or the errno of writing the file.
 */
int via_run_stats_write(struct via_run_stats *stats, struct via_vmm *vmm, const char *end,
			struct via_error *err);

#endif
