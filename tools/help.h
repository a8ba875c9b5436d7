/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_HELP_H
#define VIADUCT_TOOLS_HELP_H

#include "command.h"

/**
 * via_command_find() - the row of the command the words begin with, of the longest name.
 * @words: how many of them its name took.
 *
 * Return: the row, or NULL when there is none.
 */
const struct via_command *via_command_find(int argc, char **argv, int *words);

/**
 * via_help_open_page() - become man(1) with the manual page of a command: viaduct-vf-create, or
 * viaduct-vf.
 *
 * Return: only when there is no such page, or no man(1).
 */
void via_help_open_page(const struct via_command *command);

/* Print help on standard output, made from the command table; return the exit status. */
int via_help_all(void);
int via_help_command(const struct via_command *command);

#endif
