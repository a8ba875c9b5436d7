/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_BENCH_REPORT_HTML_H
#define VIADUCT_TOOLS_BENCH_REPORT_HTML_H

#include "result.h"

/**
 * via_report_html() - a finished result as one page that needs nothing else: no script, no other
 * file, whatever the width of the window, dark where the reader likes it dark.
 * @page: to be freed.
 *
 * Return: 0, or -ENOMEM.
 */
int via_report_html(const struct via_bench_result *result, char **page, size_t *bytes,
		    struct via_error *err);

#endif
