/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_CHANGE_H
#define VIADUCT_TOOLS_CHANGE_H

#include <jansson.h>

#include "command.h"

/* The changes --dry-run shows: lines as they come, or one JSON document at the end. */
struct via_changes {
	const struct via_cli *cli;
	json_t *list;
};

void via_changes_init(struct via_changes *changes, const struct via_cli *cli);

/**
 * via_changes_add() - one thing that would be written.
 * @what: a file, or an attribute that is no file.
 * @before: what it holds now; NULL for a file that is only written to.
 */
void via_changes_add(struct via_changes *changes, const char *what, const char *before,
		     const char *after);

/** via_changes_add_what() - the same; data is struct via_changes. */
void via_changes_add_what(void *data, const char *what, const char *before, const char *after);

/** via_changes_add_file() - the same, of @path below the root; data is struct via_changes. */
void via_changes_add_file(void *data, const char *path, const char *before, const char *after);

/** via_changes_end() - print what is left to print, and release. Return: the exit status. */
int via_changes_end(struct via_changes *changes);

#endif
