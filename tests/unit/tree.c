/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void die(const char *what, const char *path)
{
	fprintf(stderr, "tree: cannot %s %s: %s\n", what, path, strerror(errno));
	abort();
}

/* Every directory that leads to the last component of @path. */
static void make_parents(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0755) && errno != EEXIST)
			die("make the directory", path);
		*slash = '/';
	}
}

void tree_add(const struct tree *tree, struct tree_entry entry)
{
	char path[PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", tree->root, entry.path);
	make_parents(path);
	if (path[strlen(path) - 1] == '/')
		return;
	if (unlink(path) && errno != ENOENT)
		die("replace", path);
	if (entry.link) {
		if (symlink(entry.link, path))
			die("link", path);
		return;
	}
	file = fopen(path, "w");
	if (!entry.content)
		entry.content = "";
	if (!entry.bytes)
		entry.bytes = strlen(entry.content);
	if (!file || fwrite(entry.content, 1, entry.bytes, file) != entry.bytes || fclose(file))
		die("write", path);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
	(void)status;
	(void)type;
	(void)place;
	if (remove(path))
		die("remove", path);
	return 0;
}

void tree_drop(const struct tree *tree, const char *relative)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", tree->root, relative);
	if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS))
		die("walk", path);
}

struct tree tree_make(const struct tree_entry *entries)
{
	/* In memory, where it can be: what syncs each write is killed at each of them in turn. */
	struct tree tree = { .root = "/dev/shm/viaduct-tree-XXXXXX" };
	struct via_host_options options = { .root = tree.root };
	struct via_error err;

	if (!mkdtemp(tree.root)) {
		strcpy(tree.root, "/tmp/viaduct-tree-XXXXXX");
		if (!mkdtemp(tree.root))
			die("make", tree.root);
	}
	for (; entries->path; entries++)
		tree_add(&tree, *entries);
	if (via_host_new(&options, &tree.host, &err))
		die("open", tree.root);
	return tree;
}

void tree_remove(struct tree *tree)
{
	via_host_free(tree->host);
	tree->host = NULL;
	tree_drop(tree, "");
}

struct tree tree_fresh;

int tree_fresh_begin(void **state)
{
	static const struct tree_entry none[] = { { 0 } };

	(void)state;
	tree_fresh = tree_make(none);
	return 0;
}

int tree_fresh_end(void **state)
{
	(void)state;
	tree_remove(&tree_fresh);
	return 0;
}

void tree_put(const char *path, const char *content)
{
	tree_add(&tree_fresh, (struct tree_entry){ path, content });
}
