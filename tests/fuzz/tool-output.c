/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a standard tool is said to have printed in a guest, and what a dynamic loader lists. */
#include <errno.h>
#include <math.h>

#include "fuzz.h"
#include "library.h"
#include "tool-output.h"

static void read_output(enum via_bench_tool_what what, const char *text)
{
	struct via_bench_tool_figures figures;
	struct via_error err = { 0 };
	int rc = via_bench_tool_read(what, text, &figures, &err);

	if (rc) {
		MUST((rc == -EPROTO || rc == -ENODATA) && err.text[0]);
		return;
	}
	MUST(figures.operations >= 1 && figures.operations <= 1ULL << 53);
	MUST(isfinite(figures.value) && figures.value >= 0);
	MUST(isnan(figures.time_ns) || (isfinite(figures.time_ns) && figures.time_ns >= 0));
}

static void read_library(const char *text)
{
	struct via_bench_library library;
	struct via_error err = { 0 };
	int rc = via_bench_library_read(text, &library, &err);

	MUST(rc == 1 || !rc || (rc == -ENOENT && err.text[0]));
	if (rc == 1)
		MUST(library.name[0] && !strchr(library.name, '/') && library.path[0] == '/');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);

	for (int what = VIA_BENCH_PING; what <= VIA_BENCH_FIO_WRITING; what++)
		read_output((enum via_bench_tool_what)what, text);
	read_library(text);
	free(text);
	return 0;
}
