/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "change.h"

#include <stdio.h>

#include "output.h"

void via_changes_init(struct via_changes *changes, const struct via_cli *cli)
{
	*changes = (struct via_changes){ .cli = cli, .list = cli->json ? json_array() : NULL };
}

void via_changes_add(struct via_changes *changes, const char *what, const char *before,
		     const char *after)
{
	if (!changes->cli->json) {
		if (before)
			printf("%s: %s -> %s\n", what, *before ? before : "(none)",
			       *after ? after : "(none)");
		else
			printf("%s: write %s\n", what, after);
		return;
	}
	json_array_append_new(changes->list,
			      json_pack("{s:o, s:o, s:o}", "what", via_json_text(what), "before",
					via_json_text(before), "after", via_json_text(after)));
}

int via_changes_end(struct via_changes *changes)
{
	if (!changes->cli->json)
		return VIA_EXIT_DONE;
	return via_json_print(json_pack("{s:o}", "changes", changes->list));
}
