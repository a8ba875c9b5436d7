/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_BENCH_REPORT_H
#define VIADUCT_TOOLS_BENCH_REPORT_H

#include "../command.h"
#include "report-text.h"
#include "result.h"

/**
 * via_report_write_json(), via_report_write_html() - a finished result as a file, which is replaced
 * whole. For the terminal there is via_report_text().
 *
 * Return: 0, -ENOMEM, or the errno of writing.
 */
int via_report_write_json(const struct via_bench_result *result, const char *path,
			  struct via_error *err);
int via_report_write_html(const struct via_bench_result *result, const char *path,
			  struct via_error *err);

#endif
