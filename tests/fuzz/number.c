/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A number in a file of sysfs, like sriov_numvfs. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "fuzz.h"
#include "tree.h"

static struct tree tree;

static void remove_tree(void)
{
	tree_remove(&tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct tree_entry entries[] = { { "sys/number", "0\n" }, { 0 } };
	uint64_t number = 0;
	char text[64];
	int fd, rc;

	if (!tree.host) {
		tree = tree_make(entries);
		atexit(remove_tree);
	}
	fd = via_host_open(tree.host, O_WRONLY | O_TRUNC, "sys/number");
	MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	close(fd);
	rc = via_host_read_u64(tree.host, &number, "sys/number");
	if (rc) {
		MUST(rc == -EINVAL || rc == -ERANGE);
		MUST(!number);
		return 0;
	}
	/* What the kernel would have written for it is read as the same. */
	snprintf(text, sizeof(text), "%llu\n", (unsigned long long)number);
	MUST(size && data[0] >= '0' && data[0] <= '9');
	if (data[0] != '0')
		MUST(size >= strlen(text) - 1 && !memcmp(data, text, strlen(text) - 1));
	return 0;
}
