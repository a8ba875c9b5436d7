/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_RUN_STATS_H
#define VIADUCT_TOOLS_RUN_STATS_H

#include <stdint.h>

#include <viaduct/vmm/vmm.h>

/**
 * via_run_stats_check() - whether @path can be written, found out before a guest has run for it.
 *
 * Return: 0, -ENOMEM, or the errno of creating a file beside @path.
 */
int via_run_stats_check(const char *path, struct via_error *err);

/**
 * via_run_stats_write() - the statistics of a guest as JSON (docs/json.md, "run --stats").
 * @path: replaced as a whole, never seen half-written.
 * @begin_ns: CLOCK_MONOTONIC when the command started; the phases count from there.
 * @end: how the guest ended; "" while it runs.
 *
 * Return: 0, -ENOMEM, or the errno of writing the file.
 */
int via_run_stats_write(struct via_vmm *vmm, const char *path, uint64_t begin_ns, const char *end,
			struct via_error *err);

#endif
