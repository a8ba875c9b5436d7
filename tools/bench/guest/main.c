/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "work.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <unistd.h>

#define WORDS_MAX 32
#define CLOCK_NS  500000000ULL

static const struct {
	const char *name;
	void (*work)(char **words);
} kinds[] = {
	{ "net", work_net }, { "disk", work_disk }, { "irq", work_irq },
	{ "bar", work_bar }, { "peer", work_peer },
};

void work_end(int status)
{
	fflush(stdout);
	if (getpid() != 1)
		exit(status);
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

/* The costs of a window in which nothing happens, to be taken off those of the others. */
static void measure_nothing(void)
{
	struct window window;

	window_begin(&window, "nothing", NULL);
	window_end(&window, 1, 0, NULL);
}

static void measure_clock(void)
{
	struct window window;

	window_begin(&window, "clock", NULL);
	while (now_ns() - window.ns < CLOCK_NS)
		;
	window_end(&window, 1, 0, NULL);
}

static void do_work(char **words)
{
	bool clock = words[0] && !strcmp(words[0], WORK_CLOCK);

	words += clock;
	for (size_t i = 0; words[0] && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(words[0], kinds[i].name))
			continue;
		if (kinds[i].work != work_peer)
			measure_nothing();
		if (clock)
			measure_clock();
		kinds[i].work(words);
		talk("end");
		work_end(0);
	}
	talk_failed("there is no work '%s'", words[0] ? words[0] : "");
}

static void guest_words(char **words)
{
	static char text[4096];
	FILE *file = fopen(WORK_WORDS, "re");
	size_t count = 0;

	if (!file)
		talk_failed("there is no %s", WORK_WORDS);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	for (char *word = strtok(text, "\n"); word && count < WORDS_MAX; word = strtok(NULL, "\n"))
		words[count++] = word;
	words[count] = NULL;
}

int main(int argc, char **argv)
{
	static char *words[WORDS_MAX + 1];

	signal(SIGPIPE, SIG_IGN);
	if (getpid() == 1) {
		guest_begin();
		guest_words(words);
		do_work(words);
	}
	if (argc < 2) {
		fprintf(stderr, "viaduct-bench-work is run by 'viaduct bench'\n");
		return 2;
	}
	do_work(argv + 1);
}
