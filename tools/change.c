/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "change.h"

#include <limits.h>
#include <stdio.h>

#include "output.h"

void via_changes_init(struct via_changes *changes, const struct via_cli *cli)
{
	*changes = (struct via_changes){ .cli = cli, .list = cli->json ? json_array() : NULL };
}

static void print_value(const char *value)
{
	if (!*value)
		fputs("(none)", stdout);
	for (; *value; value++)
		putchar(*value == '\n' ? ' ' : *value);
}

void via_changes_add(struct via_changes *changes, const char *what, const char *before,
		     const char *after)
{
	if (!changes->cli->json) {
		printf("%s: ", what);
		if (before) {
			print_value(before);
			fputs(" -> ", stdout);
		} else {
			fputs("write ", stdout);
		}
		print_value(after);
		putchar('\n');
		return;
	}
	json_array_append_new(changes->list,
			      json_pack("{s:o, s:o, s:o}", "what", via_json_text(what), "before",
					via_json_text(before), "after", via_json_text(after)));
}

void via_changes_add_what(void *data, const char *what, const char *before, const char *after)
{
	via_changes_add(data, what, before, after);
}

void via_changes_add_file(void *data, const char *path, const char *before, const char *after)
{
	char what[PATH_MAX];

	snprintf(what, sizeof(what), "/%s", path);
	via_changes_add(data, what, before, after);
}

int via_changes_end(struct via_changes *changes)
{
	if (!changes->cli->json)
		return VIA_EXIT_DONE;
	return via_json_print(json_pack("{s:o}", "changes", changes->list));
}
