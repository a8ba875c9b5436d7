/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_BENCH_INITRD_H
#define VIADUCT_TOOLS_BENCH_INITRD_H

#include <viaduct/util/error.h>

#include "tool.h"

/**
 * via_bench_initrd_write() - @base, or nothing when it is NULL, with a second archive behind it
 * that has the program that does the work and what it is to do. The kernel unpacks both.
 * @path: the file that is made.
 * @program: the file that becomes VIA_BENCH_INIT in the guest.
 * @words: ended by a NULL; none has a line break.
 * @tools: VIA_BENCH_TOOLS of them; those that are ready are added, each in a folder of its own.
 */
int via_bench_initrd_write(const char *path, const char *base, const char *program,
			   const char *const *words, const struct via_bench_tool *tools,
			   struct via_error *err);

/* For the kernel's command line: rdinit=. */
#define VIA_BENCH_INIT "/viaduct-bench/init"

#endif
