/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>

#include "command.h"
#include "complete.h"
#include "help.h"
#include "output.h"

#ifndef VIADUCT_VERSION
#error "the build gives the version"
#endif

static void log_to_stderr(void *data, enum via_log_level level, const char *message)
{
	(void)data;
	if (level == VIA_LOG_WARNING)
		fprintf(stderr, "viaduct: warning: %s\n", message);
}

bool via_cli_flag(const struct via_cli *cli, const char *name)
{
	for (size_t i = 0; i < cli->argument_count; i++)
		if (!strcmp(cli->arguments[i].option->name, name))
			return true;
	return false;
}

const char *via_cli_next_value(const struct via_cli *cli, const char *name, size_t *at)
{
	while (*at < cli->argument_count) {
		const struct via_argument *argument = &cli->arguments[(*at)++];

		if (!strcmp(argument->option->name, name))
			return argument->value;
	}
	return NULL;
}

const char *via_cli_value(const struct via_cli *cli, const char *name)
{
	const char *value, *last = NULL;
	size_t at = 0;

	while ((value = via_cli_next_value(cli, name, &at)))
		last = value;
	return last;
}

static const struct via_option *option_find(const struct via_command *command, const char *name,
					    size_t length)
{
	for (const struct via_option *o = command->options; o && o->name; o++)
		if (strlen(o->name) == length && !strncmp(o->name, name, length))
			return o;
	return NULL;
}

static bool is_help(const char *word)
{
	return !strcmp(word, "--help") || !strcmp(word, "-h");
}

/* Takes "--name", "--name value" or "--name=value" at *@at. Returns 0 or the exit status. */
static int take_option(struct via_cli *cli, int argc, char **argv, int *at)
{
	const struct via_command *command = cli->command;
	const char *word = argv[*at];
	const char *equals = strchr(word, '=');
	size_t length = equals ? (size_t)(equals - word) : strlen(word);
	const struct via_option *option = NULL;
	const char *value = equals ? equals + 1 : NULL;

	if (word[1] == '-')
		option = option_find(command, word + 2, length - 2);
	if (!option)
		return via_usage_error(
			"'%s' has no option %.*s; 'viaduct %s --help' shows what it has",
			command->name, (int)length, word, command->name);
	if (!option->value && value)
		return via_usage_error("--%s takes no value", option->name);
	if (option->value && !value) {
		if (*at + 1 >= argc)
			return via_usage_error("--%s wants a value, %s", option->name,
					       option->value);
		value = argv[++*at];
	}
	if (!strcmp(option->name, "json"))
		cli->json = true;
	else if (!strcmp(option->name, "dry-run"))
		cli->dry_run = true;
	cli->arguments[cli->argument_count++] = (struct via_argument){ option, value };
	return 0;
}

/* Sorts the words into options and operands. Returns 0 or the exit status. */
static int take_arguments(struct via_cli *cli, int argc, char **argv)
{
	const struct via_command *command = cli->command;
	bool only_operands = false;

	cli->arguments = calloc((size_t)argc, sizeof(*cli->arguments));
	cli->operands = calloc((size_t)argc, sizeof(*cli->operands));
	if (!cli->arguments || !cli->operands) {
		via_error_print("out of memory");
		return VIA_EXIT_FAILED;
	}
	for (int i = 1; i < argc; i++) {
		int status;

		if (only_operands || argv[i][0] != '-' || !argv[i][1]) {
			cli->operands[cli->operand_count++] = argv[i];
			continue;
		}
		if (!strcmp(argv[i], "--")) {
			only_operands = true;
			continue;
		}
		status = take_option(cli, argc, argv, &i);
		if (status)
			return status;
	}
	if (cli->operand_count >= command->min_operands &&
	    cli->operand_count <= command->max_operands)
		return 0;
	if (!command->operands)
		return via_usage_error("'%s' takes no argument, so '%s' is one too many",
				       command->name, cli->operands[0]);
	return via_usage_error("'%s' wants %s; 'viaduct %s --help' says more", command->name,
			       command->operands, command->name);
}

/* Whether --help stands where an option may stand. */
static bool asks_for_help(const struct via_command *command, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const struct via_option *option = NULL;

		if (!strcmp(argv[i], "--"))
			return false;
		if (is_help(argv[i]))
			return true;
		if (!strncmp(argv[i], "--", 2))
			option = option_find(command, argv[i] + 2, strlen(argv[i] + 2));
		if (option && option->value)
			i++;
	}
	return false;
}

static int run_command(const struct via_command *command, int argc, char **argv)
{
	const char *root = getenv("VIADUCT_ROOT");
	const char *term = getenv("TERM");
	const char *no_color = getenv("NO_COLOR");
	struct via_cli cli = {
		.root = root && *root ? root : "/",
		.tty = isatty(STDOUT_FILENO),
		.command = command,
	};
	struct via_host_options options = { .root = cli.root, .log = log_to_stderr };
	struct via_error err;
	int status;

	if (asks_for_help(command, argc, argv))
		return via_help_command(command);
	if (!command->run)
		return via_usage_error(
			"'%s' wants one of its commands; 'viaduct %s --help' lists them",
			command->name, command->name);

	cli.colour = cli.tty && !(no_color && *no_color) && !(term && !strcmp(term, "dumb"));
	status = take_arguments(&cli, argc, argv);
	if (!status) {
		if (via_host_new(&options, &cli.host, &err))
			status = via_fail(&err);
		else
			status = command->run(&cli, argc, argv);
	}
	via_host_free(cli.host);
	free(cli.arguments);
	free(cli.operands);
	return status;
}

static int cmd_help(int argc, char **argv)
{
	const struct via_command *command;
	int words;

	if (argc < 2 || is_help(argv[1]))
		return via_help_all();
	command = via_command_find(argc - 1, argv + 1, &words);
	if (!command || words != argc - 1)
		return via_usage_error("there is no command '%s'; 'viaduct --help' lists them",
				       argv[1 + (command ? words : 0)]);
	/* What reads from a pipe has always the same. */
	if (isatty(STDOUT_FILENO))
		via_help_open_page(command);
	return via_help_command(command);
}

static int dispatch(int argc, char **argv)
{
	const struct via_command *command;
	int words;

	if (argc < 2)
		return via_usage_error("which command? 'viaduct --help' lists them");
	if (is_help(argv[1]))
		return via_help_all();
	if (!strcmp(argv[1], "--version")) {
		printf("viaduct %s\n", VIADUCT_VERSION);
		return VIA_EXIT_DONE;
	}
	if (argv[1][0] == '-')
		return via_usage_error(
			"there is no option %s; 'viaduct --help' shows what there is", argv[1]);
	if (!strcmp(argv[1], "help"))
		return cmd_help(argc - 1, argv + 1);
	if (!strcmp(argv[1], "complete"))
		return via_complete(argc - 2, argv + 2);

	command = via_command_find(argc - 1, argv + 1, &words);
	if (!command)
		return via_usage_error("there is no command '%s'; 'viaduct --help' lists them",
				       argv[1]);
	if (!command->run && argc > 1 + words && argv[1 + words][0] != '-')
		return via_usage_error("'%s' has no command '%s'; 'viaduct %s --help' lists them",
				       command->name, argv[1 + words], command->name);
	return run_command(command, argc - words, argv + words);
}

int main(int argc, char **argv)
{
	int status = dispatch(argc, argv);

	if (fflush(stdout) || ferror(stdout)) {
		via_error_print("cannot write the output: %s", strerror(errno));
		if (status == VIA_EXIT_DONE)
			status = VIA_EXIT_FAILED;
	}
	return status;
}
