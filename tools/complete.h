/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_COMPLETE_H
#define VIADUCT_TOOLS_COMPLETE_H

#include <viaduct/util/host.h>

/*
 * What may stand at the end of a command line, for the completions of shells (tools/completion):
 * a line each, "WORD<tab>what it is", or the one line ":files" where a file is wanted. Words that a
 * shell would not take as they are, such as the name of an interface with a "$", are left out.
 */
struct via_completion {
	struct via_host *host;
	const char *lead; /* of the last word: what stands, and is printed before each candidate */
	int lead_length;
	const char *word; /* the rest of it, which candidates begin with */
};

/**
 * via_complete() - 'viaduct complete': candidates for the last of the words after "viaduct".
 *
 * Return: VIA_EXIT_DONE, also when there are none.
 */
int via_complete(int argc, char **argv);

/** via_complete_offer() - print a candidate if it is one. @text: what it is. */
void via_complete_offer(const struct via_completion *completion, const char *candidate,
			const char *text);

/* What is there on this host. */
void via_complete_devices(const struct via_completion *completion);
void via_complete_pfs(const struct via_completion *completion);
void via_complete_vfs(const struct via_completion *completion);
void via_complete_drivers(const struct via_completion *completion);
void via_complete_pools(const struct via_completion *completion);

#endif
