/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "help.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* How many words of @argv the command's name is made of; 0 when they are not the same. */
static int words_of_name(const struct via_command *command, int argc, char **argv)
{
	const char *name = command->name;

	for (int i = 0; i < argc; i++) {
		size_t length = strcspn(name, " ");

		if (strlen(argv[i]) != length || strncmp(argv[i], name, length))
			return 0;
		name += length;
		if (!*name)
			return i + 1;
		name++;
	}
	return 0;
}

const struct via_command *via_command_find(int argc, char **argv, int *words)
{
	const struct via_command *best = NULL;

	*words = 0;
	for (const struct via_command *c = via_commands; c->name; c++) {
		int found = words_of_name(c, argc, argv);

		if (found > *words) {
			best = c;
			*words = found;
		}
	}
	return best;
}

static bool is_within(const struct via_command *command, const struct via_command *group)
{
	size_t length = strlen(group->name);

	return !strncmp(command->name, group->name, length) && command->name[length] == ' ';
}

/* The rows of one group, or all when @group is NULL. */
static void print_commands(const struct via_command *group)
{
	int width = 0;

	for (const struct via_command *c = via_commands; c->name; c++)
		if (c->run && (!group || is_within(c, group)) && (int)strlen(c->name) > width)
			width = (int)strlen(c->name);
	for (const struct via_command *c = via_commands; c->name; c++)
		if (c->run && (!group || is_within(c, group)))
			printf("  %-*s  %s\n", width, c->name, c->summary);
}

int via_help_all(void)
{
	puts("Usage: viaduct COMMAND [OPTION...] [ARGUMENT...]\n"
	     "       viaduct help COMMAND\n"
	     "\n"
	     "Gives virtual machines real PCI devices.\n"
	     "\n"
	     "Commands:");
	print_commands(NULL);
	puts("\n"
	     "A DEVICE or PF is a PCI address (0000:01:10.0 or 01:10.0), a network interface "
	     "(eth0),\n"
	     "an NVMe controller (nvme0), or the VF of a PF (eth0/vf3).\n"
	     "\n"
	     "  --help     show this, or the help of a command\n"
	     "  --version  show the version");
	return VIA_EXIT_DONE;
}

static int option_width(const struct via_option *option)
{
	return (int)(strlen("--") + strlen(option->name) +
		     (option->value ? 1 + strlen(option->value) : 0));
}

int via_help_command(const struct via_command *command)
{
	static const struct via_option help = { "help", NULL, "show this" };
	int width = option_width(&help);

	printf("Usage: viaduct %s %s%s%s\n\n%s\n", command->name,
	       command->run ? "[OPTION...]" : "COMMAND", command->operands ? " " : "",
	       command->operands ? command->operands : "", command->summary);
	if (command->text)
		printf("\n%s\n", command->text);
	if (!command->run) {
		puts("\nCommands:");
		print_commands(command);
		return VIA_EXIT_DONE;
	}
	for (const struct via_option *o = command->options; o && o->name; o++)
		if (option_width(o) > width)
			width = option_width(o);
	puts("\nOptions:");
	for (const struct via_option *o = command->options; o && o->name; o++)
		printf("  --%s%s%-*s  %s\n", o->name, o->value ? " " : "",
		       width - option_width(o) + (o->value ? (int)strlen(o->value) : 0),
		       o->value ? o->value : "", o->help);
	printf("  --%-*s  %s\n", width - 2, help.name, help.help);
	return VIA_EXIT_DONE;
}

static bool page_exists(const char *page)
{
	char *argv[] = { (char *)"man", (char *)"-w", (char *)"1", (char *)page, NULL };
	posix_spawn_file_actions_t actions;
	int status = -1, rc;
	pid_t pid;

	if (posix_spawn_file_actions_init(&actions))
		return false;
	rc = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	if (!rc)
		rc = posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
	if (!rc)
		rc = posix_spawnp(&pid, "man", &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return !rc && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status);
}

void via_help_open_page(const struct via_command *command)
{
	char page[64];

	snprintf(page, sizeof(page), "viaduct-%s", command->name);
	for (char *c = page; *c; c++)
		if (*c == ' ')
			*c = '-';
	for (char *end = page + strlen(page); end; end = strrchr(page, '-')) {
		*end = '\0';
		if (strchr(page, '-') && page_exists(page)) {
			execlp("man", "man", "1", page, NULL);
			return;
		}
	}
}
