/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file of a pool. */
#include <errno.h>

#include <viaduct/sriov/pool.h>

#include "fuzz.h"
#include "tree.h"

static struct tree tree;

static void remove_tree(void)
{
	tree_remove(&tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct tree_entry none[] = { { 0 } };
	struct via_pool pool = { 0 }, again = { 0 };
	char text[8192 + 1];
	struct via_error err = { 0 };
	int rc;

	if (!tree.host) {
		tree = tree_make(none);
		atexit(remove_tree);
	}
	if (size > 8192 || memchr(data, '\0', size))
		return -1; /* via_host_replace() takes text */
	memcpy(text, data, size);
	text[size] = '\0';
	MUST(!via_host_replace(tree.host, text, "run/viaduct/pools/web"));
	rc = via_pool_load(tree.host, "web", &pool, &err);
	if (rc) {
		MUST(rc == -EPROTO && err.text[0] && !pool.members);
		return 0;
	}
	/* What was read could be written, and means the same. */
	MUST(!via_pool_save(tree.host, &pool, &err));
	MUST(!via_pool_load(tree.host, "web", &again, &err));
	MUST(!strcmp(pool.driver, again.driver) && pool.member_count == again.member_count);
	MUST(!memcmp(&pool.baseline, &again.baseline, sizeof(pool.baseline)));
	MUST(!memcmp(pool.members, again.members, pool.member_count * sizeof(*pool.members)));
	via_pool_clear(&pool);
	via_pool_clear(&again);
	return 0;
}
