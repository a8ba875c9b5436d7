/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <viaduct/util/cleanup.h>

#include "command.h"
#include "output.h"

static void lines_clear(struct via_host_lines *lines)
{
	for (size_t i = 0; i < lines->count; i++) {
		free(lines->lines[i].value);
		free(lines->lines[i].fix);
	}
	free(lines->lines);
}

void via_host_line_add(struct via_host_lines *lines, const char *id, const char *title,
		       enum via_verdict verdict, const char *fix, const char *fmt, ...)
{
	struct via_host_line line = { .id = id, .title = title, .verdict = verdict };
	va_list args;

	if (lines->count == lines->capacity) {
		size_t more = lines->capacity ? lines->capacity * 2 : 32;
		struct via_host_line *grown = realloc(lines->lines, more * sizeof(*grown));

		if (!grown) {
			lines->failed = true;
			return;
		}
		lines->lines = grown;
		lines->capacity = more;
	}
	va_start(args, fmt);
	if (vasprintf(&line.value, fmt, args) < 0)
		line.value = NULL;
	va_end(args);
	if (fix)
		line.fix = strdup(fix);
	lines->failed |= !line.value || (fix && !line.fix);
	lines->lines[lines->count++] = line;
}

static json_t *json_lines(const struct via_host_lines *lines)
{
	static const char *const verdicts[] = {
		[VIA_VERDICT_NEUTRAL] = NULL,
		[VIA_VERDICT_OK] = "ok",
		[VIA_VERDICT_NO] = "no",
	};
	json_t *list = json_array();

	for (size_t i = 0; i < lines->count; i++) {
		const struct via_host_line *line = &lines->lines[i];

		json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:o, s:o}", "id", line->id,
						      "title", line->title, "verdict",
						      via_json_text(verdicts[line->verdict]),
						      "value", via_json_text(line->value), "fix",
						      via_json_text(line->fix)));
	}
	return json_pack("{s:o}", "lines", list);
}

static int print_table(const struct via_cli *cli, const struct via_host_lines *lines)
{
	static const char *const headings[] = { "OK", "WHAT", "THERE IS", "WHAT HELPS" };
	static const struct {
		enum via_style style;
		const char *text;
	} verdicts[] = {
		[VIA_VERDICT_NEUTRAL] = { VIA_STYLE_DIM, "-" },
		[VIA_VERDICT_OK] = { VIA_STYLE_GOOD, "ok" },
		[VIA_VERDICT_NO] = { VIA_STYLE_WARNING, "no" },
	};
	struct via_table table;

	via_table_init(&table, sizeof(headings) / sizeof(headings[0]), headings);
	for (size_t i = 0; i < lines->count; i++) {
		const struct via_host_line *line = &lines->lines[i];

		via_table_add(&table, verdicts[line->verdict].style, "%s",
			      verdicts[line->verdict].text);
		via_table_add(&table, VIA_STYLE_PLAIN, "%s", line->title);
		via_table_add(&table, VIA_STYLE_PLAIN, "%s", line->value);
		via_table_add(&table, VIA_STYLE_PLAIN, "%s", line->fix ? line->fix : "");
	}
	return via_table_print(cli, &table);
}

int cmd_host(struct via_cli *cli, int argc, char **argv)
{
	via_cleanup(lines_clear) struct via_host_lines lines = { 0 };

	(void)argc;
	(void)argv;
	via_host_add_kvm(cli->host, &lines);
	via_host_add_iommu(cli->host, &lines);
	via_host_add_vfio(cli->host, &lines);
	via_host_add_memory(cli->host, &lines);
	via_host_add_parameters(cli->host, &lines);
	if (lines.failed) {
		via_error_print("out of memory");
		return VIA_EXIT_FAILED;
	}
	return cli->json ? via_json_print(json_lines(&lines)) : print_table(cli, &lines);
}
