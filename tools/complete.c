/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "complete.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "help.h"

void via_complete_offer(const struct via_completion *completion, const char *candidate,
			const char *text)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				   "._:/=,@+-";

	if (strncmp(candidate, completion->word, strlen(completion->word)) ||
	    candidate[strspn(candidate, safe)])
		return;
	printf("%.*s%s\t%s\n", completion->lead_length, completion->lead, candidate, text);
}

/* The words of a list, "a|b|c". */
static void offer_words(const struct via_completion *completion, const char *words)
{
	while (words && *words) {
		size_t length = strcspn(words, "|");
		char word[64];

		snprintf(word, sizeof(word), "%.*s", (int)length, words);
		via_complete_offer(completion, word, "");
		words += length + (words[length] == '|');
	}
}

static void offer_files(void)
{
	puts(":files");
}

/* @kind: what help calls a value or an operand. */
static void offer_kind(const struct via_completion *completion, const char *kind)
{
	static const struct {
		const char *kind;
		void (*offer)(const struct via_completion *completion);
	} kinds[] = {
		{ "DEVICE", via_complete_devices },
		{ "PF", via_complete_pfs },
		{ "PF/vfN", via_complete_vfs },
		{ "POOL", via_complete_pools },
	};
	static const char *const files[] = { "FILE", "A", "B", "DISK", "COMMAND" };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kinds[i].kind, kind))
			kinds[i].offer(completion);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (!strcmp(files[i], kind))
			offer_files();
}

static void offer_value(struct via_completion *completion, const struct via_option *option)
{
	/* Of "a,b" the last is being typed. */
	const char *comma = strrchr(completion->word, ',');

	if (!strcmp(option->value, "LIST") && comma) {
		completion->lead_length = (int)(comma + 1 - completion->lead);
		completion->word = comma + 1;
	}
	if (!strcmp(option->name, "driver"))
		via_complete_drivers(completion);
	else if (option->words)
		offer_words(completion, option->words);
	else if (strchr(option->value, '|'))
		offer_words(completion, option->value);
	else
		offer_kind(completion, option->value);
}

static void offer_options(const struct via_completion *completion,
			  const struct via_command *command)
{
	char name[64];

	for (const struct via_option *o = command->options; o && o->name; o++) {
		snprintf(name, sizeof(name), "--%s", o->name);
		via_complete_offer(completion, name, o->help);
	}
	via_complete_offer(completion, "--help", "show what it takes");
}

/* The next of "POOL [-- COMMAND...]" without what is no part of its name. Returns its end. */
static const char *next_operand(const char *text, char *kind, size_t kind_bytes, bool *repeats)
{
	size_t length, word;

	text += strspn(text, " [");
	if (!strncmp(text, "-- ", 3))
		text += 3;
	length = strcspn(text, " ");
	word = strcspn(text, " .[]");
	if (word >= kind_bytes)
		word = kind_bytes - 1;
	memcpy(kind, text, word);
	kind[word] = '\0';
	*repeats = strstr(text, "...") && strstr(text, "...") < text + length;
	return text + length;
}

static void offer_operand(const struct via_completion *completion,
			  const struct via_command *command, size_t at)
{
	const char *text = command->operands;
	bool repeats = false;
	char kind[32] = "";

	if (at >= command->max_operands || !text)
		return;
	if (command->operand_words) {
		offer_words(completion, command->operand_words);
		return;
	}
	/* The last may go on: "DEVICE...". */
	for (size_t i = 0; i <= at && !repeats; i++) {
		if (!*text)
			return;
		text = next_operand(text, kind, sizeof(kind), &repeats);
	}
	offer_kind(completion, kind);
}

/* The words that may follow those typed, of the names of commands. */
static void offer_commands(const struct via_completion *completion, int argc, char **argv)
{
	char name[64], before[64] = "";
	size_t length = 0;

	for (int i = 0; i < argc; i++)
		length += (size_t)snprintf(name + length,
					   length < sizeof(name) ? sizeof(name) - length : 0, "%s ",
					   argv[i]);
	for (const struct via_command *c = via_commands; c->name && length < sizeof(name); c++) {
		const char *rest = c->name + length;
		size_t word = 0;
		char next[64];

		if (strncmp(c->name, name, length))
			continue;
		word = strcspn(rest, " ");
		snprintf(next, sizeof(next), "%.*s", (int)word, rest);
		/* "vf" once, for all that begin with it. */
		if (!strcmp(next, before))
			continue;
		memcpy(before, next, sizeof(before));
		via_complete_offer(completion, next, c->summary);
	}
}

static const struct via_option *option_find(const struct via_command *command, const char *word)
{
	size_t length = strcspn(word, "=");

	for (const struct via_option *o = command->options; o && o->name; o++)
		if (!strncmp(word, "--", 2) && strlen(o->name) == length - 2 &&
		    !strncmp(o->name, word + 2, length - 2))
			return o;
	return NULL;
}

/*
 * What the words before the last one were.
 * @option: the one that wants the last as its value; NULL: none does.
 */
static size_t count_operands(const struct via_command *command, int argc, char **argv,
			     const struct via_option **option)
{
	bool only_operands = false;
	size_t count = 0;

	*option = NULL;
	for (int i = 0; i < argc; i++) {
		if (*option) {
			*option = NULL;
		} else if (only_operands || argv[i][0] != '-') {
			count++;
		} else if (!strcmp(argv[i], "--")) {
			only_operands = true;
		} else {
			*option = option_find(command, argv[i]);
			if (*option && (!(*option)->value || strchr(argv[i], '=')))
				*option = NULL;
		}
	}
	return count;
}

/* @argv: the words after the command's name, the last of them being typed. */
static void complete_command(struct via_completion *completion, const struct via_command *command,
			     int argc, char **argv)
{
	const struct via_option *option;
	const char *equals = strchr(completion->word, '=');
	size_t operands = count_operands(command, argc - 1, argv, &option);

	if (!option && equals && completion->word[0] == '-') {
		option = option_find(command, completion->word);
		completion->lead_length = (int)(equals + 1 - completion->word);
		completion->word = equals + 1;
		if (!option || !option->value)
			return;
	}
	if (option)
		offer_value(completion, option);
	else if (completion->word[0] == '-')
		offer_options(completion, command);
	else
		offer_operand(completion, command, operands);
}

static void complete(struct via_completion *completion, int argc, char **argv)
{
	const struct via_command *command;
	int words;

	if (argc == 1 && completion->word[0] == '-') {
		via_complete_offer(completion, "--help", "show the commands");
		via_complete_offer(completion, "--version", "show the version");
		return;
	}
	if (argc == 1)
		via_complete_offer(completion, "help", "Shows the manual page of a command.");
	if (argc > 1 && !strcmp(argv[0], "help")) {
		offer_commands(completion, argc - 2, argv + 1);
		return;
	}
	offer_commands(completion, argc - 1, argv);
	command = via_command_find(argc - 1, argv, &words);
	if (command && command->run)
		complete_command(completion, command, argc - words, argv + words);
	else if (command && completion->word[0] == '-' && words == argc - 1)
		via_complete_offer(completion, "--help", "show its commands");
}

int via_complete(int argc, char **argv)
{
	struct via_completion completion = { 0 };
	const char *root = getenv("VIADUCT_ROOT");
	struct via_host_options options = { .root = root && *root ? root : "/" };

	if (argc && !strcmp(argv[0], "--")) {
		argc--;
		argv++;
	}
	if (argc < 1 || via_host_new(&options, &completion.host, NULL))
		return VIA_EXIT_DONE;
	completion.lead = completion.word = argv[argc - 1];
	complete(&completion, argc, argv);
	via_host_free(completion.host);
	return VIA_EXIT_DONE;
}
