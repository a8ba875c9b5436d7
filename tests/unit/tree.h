/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TESTS_UNIT_TREE_H
#define VIADUCT_TESTS_UNIT_TREE_H

#include <viaduct/util/host.h>

/*
 * A recorded host: a table of files and links made real below a temporary directory, to be named
 * as the root of a via_host. Anything that goes wrong here ends the test program.
 */
struct tree_entry {
	const char *path;    /* "sys/class/net/eth0/flags"; a trailing '/' makes a directory */
	const char *content; /* of a file */
	const char *link;    /* or what a symbolic link points to */
	size_t bytes;	     /* of content; 0: it is text */
};

struct tree {
	char root[64];
	struct via_host *host;
};

/** tree_make() - entries up to one without a path. Ended with tree_remove(). */
struct tree tree_make(const struct tree_entry *entries);

/** tree_add() - one entry more; replaces a file or link of that path. */
void tree_add(const struct tree *tree, struct tree_entry entry);

/** tree_drop() - a path and everything below it goes. */
void tree_drop(const struct tree *tree, const char *path);

void tree_remove(struct tree *tree);

/* For tests that record as they go: an empty one, as long as a test of cmocka runs. */
extern struct tree tree_fresh;

/** tree_fresh_begin(), tree_fresh_end() - a test's set-up and tear-down. */
int tree_fresh_begin(void **state);
int tree_fresh_end(void **state);

/** tree_put() - a text file in it, or a new one of that path. */
void tree_put(const char *path, const char *content);

#endif
