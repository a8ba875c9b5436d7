/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* viaduct bench report: a result that was kept, shown again. */
#include "report.h"

#include <string.h>

#include <viaduct/util/cleanup.h>

#include "../newfile.h"
#include "../output.h"
#include "report-html.h"
#include "report-text.h"

int via_report_write_json(const struct via_bench_result *result, const char *path,
			  struct via_error *err)
{
	via_autofree char *text = via_json_dump(via_bench_result_json(result));

	if (!text)
		return via_error_sys(err, ENOMEM, "cannot write %s", path);
	return via_newfile_write(path, text, strlen(text), err);
}

int via_report_write_html(const struct via_bench_result *result, const char *path,
			  struct via_error *err)
{
	via_autofree char *page = NULL;
	size_t bytes;
	int rc = via_report_html(result, &page, &bytes, err);

	return rc ? rc : via_newfile_write(path, page, bytes, err);
}

int cmd_bench_report(struct via_cli *cli, int argc, char **argv)
{
	const char *html = via_cli_value(cli, "html");
	struct via_bench_result *result = NULL;
	int status = VIA_EXIT_DONE;
	struct via_error err;

	(void)argc;
	(void)argv;
	if (via_bench_result_load(cli->operands[0], &result, &err))
		return via_fail(&err);
	if (html && via_report_write_html(result, html, &err))
		status = via_fail(&err);
	if (!status && cli->json)
		status = via_json_print(via_bench_result_json(result));
	else if (!status && (!html || via_cli_flag(cli, "text")))
		status = via_report_text(cli, result);
	via_bench_result_free(result);
	return status;
}
