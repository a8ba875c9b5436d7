/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_BENCH_REPORT_TEXT_H
#define VIADUCT_TOOLS_BENCH_REPORT_TEXT_H

#include "../command.h"
#include "result.h"

/** via_report_text() - a finished result, for a terminal. Return: the exit status. */
int via_report_text(const struct via_cli *cli, const struct via_bench_result *result);

#endif
