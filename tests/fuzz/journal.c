/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a PF and a VF had before they were changed, as it may be found after a crash. */
#include <errno.h>

#include "fake-vfio.h"
#include "fuzz.h"
#include "pf-record.h"

#define PLACE "0000:01:10.0"

static const struct via_bdf bdf = { .bus = 1, .device = 0x10 };
static struct tree tree;
static char device[40]; /* what a record of this very function says */

static void remove_tree(void)
{
	via_host_remove(tree.host, VIA_SRIOV_PF_RECORDS "/" PLACE);
	via_host_remove(tree.host, VIA_SRIOV_ATTRS_RECORDS "/" PLACE);
	tree_remove(&tree);
}

static void init(void)
{
	tree = tree_make(fake_vfio_tree);
	atexit(remove_tree);
	snprintf(device, sizeof(device), "device=%s", via_journal_identity(tree.host, bdf).text);
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

static void must_be_refusal(int rc, const struct via_error *err)
{
	MUST(rc == -ENOENT || rc == -ESTALE || ((rc == -EPROTO || rc == -ENOTSUP) && err->text[0]));
}

static void same_attrs(const struct via_sriov_attrs *a, const struct via_sriov_attrs *b)
{
	MUST(a->valid == b->valid && !memcmp(&a->mac, &b->mac, sizeof(a->mac)));
	MUST(a->vlan == b->vlan && a->qos == b->qos && a->vlan_protocol == b->vlan_protocol);
	MUST(a->trust == b->trust && a->spoofchk == b->spoofchk);
}

/* What was read could be written, and means the same. */
static void try_pf(const char *text)
{
	struct via_sriov_record record = { 0 }, again = { 0 };
	struct via_error err = { 0 };
	int rc;

	MUST(!via_host_replace(tree.host, text, VIA_SRIOV_PF_RECORDS "/" PLACE));
	rc = via_sriov_record_load(tree.host, bdf, &record, &err);
	if (rc) {
		must_be_refusal(rc, &err);
		MUST(!record.vfs && !record.nvme);
		return;
	}
	MUST(!via_sriov_record_save(tree.host, bdf, &record, &err));
	MUST(!via_sriov_record_load(tree.host, bdf, &again, &err));
	MUST(record.num_vfs == again.num_vfs && record.nvme_count == again.nvme_count);
	for (unsigned int i = 0; i < record.num_vfs; i++) {
		MUST(!strcmp(record.vfs[i].identity.text, again.vfs[i].identity.text));
		MUST(!strcmp(record.vfs[i].driver, again.vfs[i].driver));
		MUST(!strcmp(record.vfs[i].override, again.vfs[i].override));
		same_attrs(&record.vfs[i].attrs, &again.vfs[i].attrs);
	}
	for (unsigned int i = 0; i < record.nvme_count; i++) {
		MUST(record.nvme[i].online == again.nvme[i].online);
		MUST(record.nvme[i].queues == again.nvme[i].queues);
		MUST(record.nvme[i].vectors == again.nvme[i].vectors);
	}
	via_sriov_record_clear(&record);
	via_sriov_record_clear(&again);
}

static void try_attrs(const char *text)
{
	struct via_sriov_attrs attrs, again;
	struct via_error err = { 0 };
	int rc;

	MUST(!via_host_replace(tree.host, text, VIA_SRIOV_ATTRS_RECORDS "/" PLACE));
	rc = via_sriov_attrs_record_load(tree.host, bdf, &attrs, &err);
	if (rc) {
		must_be_refusal(rc, &err);
		return;
	}
	MUST(!via_sriov_attrs_record_save(tree.host, bdf, &attrs, &err));
	MUST(!via_sriov_attrs_record_load(tree.host, bdf, &again, &err));
	same_attrs(&attrs, &again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[8192 + sizeof(device)];

	if (!tree.host)
		init();
	if (size > 8192)
		return -1;
	memcpy(text, data, size);
	size = put_device(text, size);
	text[size] = '\0';
	if (strlen(text) != size)
		return -1; /* via_host_replace() takes text */
	try_pf(text);
	try_attrs(text);
	return 0;
}
