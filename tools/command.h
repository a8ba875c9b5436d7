/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_COMMAND_H
#define VIADUCT_TOOLS_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include <viaduct/util/error.h>
#include <viaduct/util/host.h>

/* Exit status. */
enum {
	VIA_EXIT_DONE = 0,
	VIA_EXIT_FAILED = 1, /* it did not work, or the answer is no */
	VIA_EXIT_USAGE = 2,
};

struct via_cli;

/* An option of a command: --name, or --name VALUE and --name=VALUE. */
struct via_option {
	const char *name;  /* without the dashes; NULL ends a list */
	const char *value; /* what help calls its value; NULL: it takes none */
	const char *help;
	const char
		*words; /* for completion, the values or how they begin: "a|b="; NULL: by @value */
};

/* Options that mean the same everywhere; the dispatcher sets cli->json and cli->dry_run. */
#define VIA_OPTION_JSON                                                                            \
	{                                                                                          \
		"json", NULL, "print JSON"                                                         \
	}
#define VIA_OPTION_DRY_RUN                                                                         \
	{                                                                                          \
		"dry-run", NULL, "print what would change and change nothing"                      \
	}

/*
 * One row of the command table, from which help and the checks of usage are made. A row without
 * run() heads a group: "vf" heads "vf create".
 */
struct via_command {
	const char *name;
	const char *summary;
	const char *operands;	   /* as usage shows them; NULL: none */
	const char *operand_words; /* for completion, as above; NULL: by @operands */
	size_t min_operands;
	size_t max_operands;
	const char *text;		  /* paragraphs of help; NULL: the summary says all */
	const struct via_option *options; /* NULL: none */

	/*
	 * @argv: the words as typed, argv[0] the last word of the command's name, ended by a NULL.
	 * Their options and the number of operands have been checked against the row, and can be
	 * had from via_cli_flag(), via_cli_value() and cli->operands.
	 *
	 * Returns the exit status.
	 */
	int (*run)(struct via_cli *cli, int argc, char **argv);
};

/* An option as given. */
struct via_argument {
	const struct via_option *option;
	const char *value; /* NULL for an option without one */
};

/* What every command is given. */
struct via_cli {
	struct via_host *host;
	const char *root; /* VIADUCT_ROOT, or "/" */
	bool json;
	bool dry_run;
	bool tty;    /* standard output is a terminal */
	bool colour; /* and may be coloured */

	const struct via_command *command;
	struct via_argument *arguments; /* options, in the order given */
	size_t argument_count;
	char **operands;
	size_t operand_count;
};

/* The table, ended by a row without a name. */
extern const struct via_command via_commands[];

int cmd_host(struct via_cli *cli, int argc, char **argv);
int cmd_list(struct via_cli *cli, int argc, char **argv);
int cmd_apply(struct via_cli *cli, int argc, char **argv);
int cmd_plan(struct via_cli *cli, int argc, char **argv);
int cmd_bench(struct via_cli *cli, int argc, char **argv);
int cmd_bench_compare(struct via_cli *cli, int argc, char **argv);
int cmd_bench_report(struct via_cli *cli, int argc, char **argv);
int cmd_bind(struct via_cli *cli, int argc, char **argv);
int cmd_check(struct via_cli *cli, int argc, char **argv);
int cmd_export(struct via_cli *cli, int argc, char **argv);
int cmd_run(struct via_cli *cli, int argc, char **argv);
int cmd_show(struct via_cli *cli, int argc, char **argv);
int cmd_undo(struct via_cli *cli, int argc, char **argv);
int cmd_unbind(struct via_cli *cli, int argc, char **argv);
int cmd_vf_create(struct via_cli *cli, int argc, char **argv);
int cmd_vf_set(struct via_cli *cli, int argc, char **argv);
int cmd_vf_list(struct via_cli *cli, int argc, char **argv);
int cmd_vf_destroy(struct via_cli *cli, int argc, char **argv);
int cmd_vf_lease(struct via_cli *cli, int argc, char **argv);
int cmd_vf_leases(struct via_cli *cli, int argc, char **argv);
int cmd_vf_pool_create(struct via_cli *cli, int argc, char **argv);
int cmd_vf_pool_list(struct via_cli *cli, int argc, char **argv);
int cmd_vf_pool_remove(struct via_cli *cli, int argc, char **argv);
int cmd_vf_release(struct via_cli *cli, int argc, char **argv);

/** via_cli_flag() - whether an option was given. */
bool via_cli_flag(const struct via_cli *cli, const char *name);

/** via_cli_value() - the value of an option, the last one given; NULL when it was not. */
const char *via_cli_value(const struct via_cli *cli, const char *name);

/**
 * via_cli_next_value() - the values of an option that may be repeated, one after the other.
 * @at: 0 for the first.
 *
 * Return: the next value, or NULL after the last.
 */
const char *via_cli_next_value(const struct via_cli *cli, const char *name, size_t *at);

#endif
