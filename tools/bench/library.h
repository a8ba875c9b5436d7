/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_BENCH_LIBRARY_H
#define VIADUCT_TOOLS_BENCH_LIBRARY_H

#include <limits.h>
#include <stddef.h>

#include <viaduct/util/error.h>

/* What a program of this machine needs to run where nothing else is. */

/* A library by the name it is asked for, and where it is. */
struct via_bench_library {
	char name[NAME_MAX + 1];
	char path[PATH_MAX];
};

/**
 * via_bench_loader_of() - the dynamic loader that a program names (ELF, PT_INTERP).
 * @loader: a path, or "" for a static program, which needs none.
 *
 * Return: 0; -ENOEXEC when it is no ELF program of 64 bits; what reading it failed with.
 */
int via_bench_loader_of(const char *program, char *loader, size_t loader_bytes,
			struct via_error *err);

/**
 * via_bench_library_read() - from a line of what a loader says to --list PROGRAM (of glibc and of
 * musl): "libm.so.6 => /lib/libm.so.6 (0x...)", "/lib64/ld-linux-x86-64.so.2 (0x...)".
 *
 * Return: 1; 0 when the line names no file (the kernel's own, "linux-vdso.so.1"); -ENOENT when it
 * says that a library is missing, or is no such line.
 */
int via_bench_library_read(const char *line, struct via_bench_library *library,
			   struct via_error *err);

#endif
