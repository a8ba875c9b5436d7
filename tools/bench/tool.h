/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_BENCH_TOOL_H
#define VIADUCT_TOOLS_BENCH_TOOL_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <viaduct/util/error.h>

#include "child.h"
#include "result.h"

/* Standard tools that 'viaduct bench' has do the same work, in guests and on the host. */

enum via_bench_tool_id {
	VIA_BENCH_TOOL_PING,
	VIA_BENCH_TOOL_IPERF3,
	VIA_BENCH_TOOL_FIO,
	VIA_BENCH_TOOLS,
};

/* What it consists of, for a guest that has nothing: itself, its dynamic loader, its libraries. */
struct via_bench_tool_file {
	char *name; /* in its folder in the guest */
	char *path; /* on this host */
};

struct via_bench_tool {
	bool asked;
	bool ready; /* it is here, with all it consists of */
	struct via_bench_tool_file *files;
	size_t file_count;
	uint64_t bytes;
};

/** via_bench_tool_name() - "fio", ... */
const char *via_bench_tool_name(enum via_bench_tool_id id);

/** via_bench_tool_kind() - what it measures. */
enum via_bench_kind via_bench_tool_kind(enum via_bench_tool_id id);

/**
 * via_bench_tool_find() - in PATH, with the libraries that its dynamic loader finds for it.
 * @tool: zero-initialised but for @asked; released with via_bench_tool_clear().
 *
 * Return: 0; -EINTR; -ENOENT when it is not installed; or why a guest could not run it.
 */
int via_bench_tool_find(struct via_bench_tool *tool, enum via_bench_tool_id id,
			struct via_bench_watch *watch, struct via_error *err);
void via_bench_tool_clear(struct via_bench_tool *tool);

#endif
