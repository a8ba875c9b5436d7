/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The record of a lease, as it may be found after a crash. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include <viaduct/vfio/lease.h>

#include "fake-vfio.h"
#include "fuzz.h"
#include "lease-private.h"

static const struct via_bdf bdf = { .bus = 1, .device = 0x10 };
static struct tree tree;
static char device[32]; /* what a record of this very function says */

static void remove_tree(void)
{
	via_lease_record_remove(tree.host, bdf, NULL);
	tree_remove(&tree);
}

static void init(void)
{
	struct stat status;
	int fd;

	tree = tree_make(fake_vfio_tree);
	atexit(remove_tree);
	fd = via_host_open(tree.host, O_PATH, "sys/bus/pci/devices/0000:01:10.0");
	MUST(fd >= 0 && !fstat(fd, &status));
	close(fd);
	snprintf(device, sizeof(device), "device=%ju", (uintmax_t)status.st_ino);
}

/* The word THIS in the input stands for the line that no input could know. */
static size_t put_device(char *text, size_t size)
{
	char *at = memmem(text, size, "THIS", 4);
	size_t bytes = strlen(device);

	if (!at)
		return size;
	memmove(at + bytes, at + 4, size - (size_t)(at - text) - 4);
	memcpy(at, device, bytes);
	return size + bytes - 4;
}

static bool printable(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ')
			return false;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct via_lease_record record, again;
	char text[8192 + sizeof(device)];
	struct via_error err = { 0 };
	int rc;

	if (!tree.host)
		init();
	if (size > 8192 || memchr(data, '\0', size))
		return -1; /* via_host_replace() takes text */
	memcpy(text, data, size);
	size = put_device(text, size);
	text[size] = '\0';
	MUST(!via_host_replace(tree.host, text, VIA_LEASE_DIRECTORY "/0000:01:10.0"));
	rc = via_lease_record_load(tree.host, bdf, &record, &err);
	if (rc) {
		MUST(rc == -ENOENT || (rc == -EPROTO && err.text[0]));
		return 0;
	}
	/* What was read could be written, and means the same, but for what no terminal is to see.
	 */
	MUST(!via_lease_record_save(tree.host, bdf, &record, &err));
	MUST(!via_lease_record_load(tree.host, bdf, &again, &err));
	MUST(record.state == again.state && record.keeper.pid == again.keeper.pid &&
	     record.keeper.start_ticks == again.keeper.start_ticks &&
	     record.holder.pid == again.holder.pid &&
	     record.holder.start_ticks == again.holder.start_ticks);
	MUST(strlen(record.why) == strlen(again.why) && printable(again.why));
	MUST(strlen(record.pool) == strlen(again.pool) && printable(again.pool));
	MUST(strlen(record.attrs) == strlen(again.attrs) && printable(again.attrs));
	return 0;
}
