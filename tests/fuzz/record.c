/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The record of what a function had before it was bound, as it may be found after a crash. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake-vfio.h"
#include "fuzz.h"
#include "record.h"

static const struct via_bdf bdf = { .bus = 1, .device = 0x10 };
static struct tree tree;
static char device[32]; /* what a record of this very function says */

static void remove_tree(void)
{
	via_host_remove(tree.host, VIA_VFIO_RECORD_DIRECTORY "/0000:01:10.0");
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct via_vfio_record record = { 0 }, again = { 0 };
	char text[8192 + sizeof(device)], *formatted;
	struct via_error err = { 0 };
	int rc;

	if (!tree.host)
		init();
	if (size > 8192)
		return -1;
	memcpy(text, data, size);
	size = put_device(text, size);
	text[size] = '\0';
	if (strlen(text) != size)
		return -1; /* via_host_replace() takes text */
	MUST(!via_host_replace(tree.host, text, VIA_VFIO_RECORD_DIRECTORY "/0000:01:10.0"));
	rc = via_vfio_record_load(tree.host, bdf, &record, &err);
	if (rc) {
		MUST(rc == -ENOENT || ((rc == -EPROTO || rc == -ENOTSUP) && err.text[0]));
		return 0;
	}
	/* What was read could be written, and means the same. */
	MUST(!record.driver[0] || via_vfio_driver_name_valid(record.driver));
	MUST(!record.override[0] || via_vfio_driver_name_valid(record.override));
	MUST(!record.target[0] || via_vfio_driver_name_valid(record.target));
	MUST(!via_vfio_record_format(tree.host, bdf, &record, &formatted, &err));
	free(formatted);
	MUST(!via_vfio_record_save(tree.host, bdf, &record, &err));
	MUST(!via_vfio_record_load(tree.host, bdf, &again, &err));
	MUST(!memcmp(&record, &again, sizeof(record)));
	return 0;
}
