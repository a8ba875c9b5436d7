/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include <viaduct/sriov/pf.h>
#include <viaduct/util/cleanup.h>
#include <viaduct/vfio/bind.h>

#include "complete.h"
#include "devname.h"
#include "function.h"

/*
 * A key was pressed and somebody waits: a few small files of sysfs are read for each function, and
 * nobody is asked who uses it.
 */

enum wanted { WANT_ALL, WANT_PFS, WANT_VFS };

static bool is_wanted(struct via_host *host, struct via_bdf bdf, enum wanted wanted)
{
	struct via_bdf_text where = via_bdf_text(bdf);
	struct via_function function = { .bdf = bdf };
	uint64_t class_code;

	if (wanted == WANT_PFS)
		return via_host_exists(host, "sys/bus/pci/devices/%s/sriov_totalvfs", where.text);
	if (wanted == WANT_VFS)
		return via_host_exists(host, "sys/bus/pci/devices/%s/physfn", where.text);
	if (via_host_read_u64(host, &class_code, "sys/bus/pci/devices/%s/class", where.text))
		return false;
	function.class_code = (uint32_t)class_code;
	return via_function_is_worth_assigning(&function);
}

/* What it is, in a word or two: its driver. */
static void describe(struct via_host *host, struct via_bdf bdf, char *text, size_t text_bytes)
{
	char driver[VIA_DRIVER_NAME_BYTES] = "";

	via_vfio_driver(host, bdf, driver, NULL);
	snprintf(text, text_bytes, "%s %s", via_bdf_text(bdf).text, *driver ? driver : "no driver");
}

static void offer_addresses(const struct via_completion *completion, enum wanted wanted)
{
	via_cleanup(via_names_free) struct via_names names = { 0 };

	if (via_host_list(completion->host, &names, "sys/bus/pci/devices"))
		return;
	for (size_t i = 0; i < names.count; i++) {
		char text[VIA_BDF_TEXT_BYTES + VIA_DRIVER_NAME_BYTES + 2];
		const char *name = names.names[i];
		size_t typed = strlen(completion->word);
		struct via_bdf bdf;

		/* 01:10.0 for 0000:01:10.0, when it begins as the former only. */
		if (typed && strncmp(name, completion->word, typed) && !strncmp(name, "0000:", 5))
			name += 5;
		if (strncmp(name, completion->word, typed) || via_bdf_parse(name, &bdf) ||
		    !is_wanted(completion->host, bdf, wanted))
			continue;
		describe(completion->host, bdf, text, sizeof(text));
		via_complete_offer(completion, name, text + strcspn(text, " ") + 1);
	}
}

static void offer_names(const struct via_completion *completion, const char *class,
			enum wanted wanted)
{
	via_cleanup(via_names_free) struct via_names names = { 0 };

	if (via_host_list(completion->host, &names, "sys/class/%s", class))
		return;
	for (size_t i = 0; i < names.count; i++) {
		char text[VIA_BDF_TEXT_BYTES + VIA_DRIVER_NAME_BYTES + 2];
		struct via_bdf bdf;

		if (strncmp(names.names[i], completion->word, strlen(completion->word)) ||
		    via_devname_resolve(completion->host, names.names[i], &bdf, NULL) ||
		    !is_wanted(completion->host, bdf, wanted))
			continue;
		describe(completion->host, bdf, text, sizeof(text));
		via_complete_offer(completion, names.names[i], text);
	}
}

/* eth0/vf0 and so on, of the PF @name. */
static void offer_vfs_of(const struct via_completion *completion, const char *name)
{
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf pf = { 0 };
	struct via_bdf bdf;

	if (via_devname_resolve(completion->host, name, &bdf, NULL) ||
	    via_sriov_pf_load(completion->host, bdf, &pf, NULL))
		return;
	for (size_t i = 0; i < pf.vf_count; i++) {
		char vf[128], text[VIA_BDF_TEXT_BYTES + VIA_DRIVER_NAME_BYTES + 2];

		if (snprintf(vf, sizeof(vf), "%s/vf%u", name, pf.vfs[i].index) >= (int)sizeof(vf))
			return;
		describe(completion->host, pf.vfs[i].bdf, text, sizeof(text));
		via_complete_offer(completion, vf, text);
	}
}

static void offer_all_vfs(const struct via_completion *completion, const char *directory)
{
	via_cleanup(via_names_free) struct via_names names = { 0 };

	if (via_host_list(completion->host, &names, "%s", directory))
		return;
	for (size_t i = 0; i < names.count; i++)
		if (!strchr(names.names[i], '/'))
			offer_vfs_of(completion, names.names[i]);
}

/* Of the PF that is typed already. */
static void offer_typed_vfs(const struct via_completion *completion)
{
	const char *slash = strrchr(completion->word, '/');
	char name[64];

	if (!slash || slash - completion->word >= (long)sizeof(name))
		return;
	snprintf(name, sizeof(name), "%.*s", (int)(slash - completion->word), completion->word);
	offer_vfs_of(completion, name);
}

void via_complete_devices(const struct via_completion *completion)
{
	offer_typed_vfs(completion);
	offer_names(completion, "net", WANT_ALL);
	offer_names(completion, "nvme", WANT_ALL);
	offer_addresses(completion, WANT_ALL);
}

void via_complete_pfs(const struct via_completion *completion)
{
	offer_names(completion, "net", WANT_PFS);
	offer_names(completion, "nvme", WANT_PFS);
	offer_addresses(completion, WANT_PFS);
}

void via_complete_vfs(const struct via_completion *completion)
{
	if (strchr(completion->word, '/')) {
		offer_typed_vfs(completion);
		return;
	}
	offer_all_vfs(completion, "sys/class/net");
	offer_all_vfs(completion, "sys/class/nvme");
	offer_addresses(completion, WANT_VFS);
}

static void offer_directory(const struct via_completion *completion, const char *directory)
{
	via_cleanup(via_names_free) struct via_names names = { 0 };

	if (via_host_list(completion->host, &names, "%s", directory))
		return;
	for (size_t i = 0; i < names.count; i++)
		via_complete_offer(completion, names.names[i], "");
}

void via_complete_drivers(const struct via_completion *completion)
{
	offer_directory(completion, "sys/bus/pci/drivers");
}

void via_complete_pools(const struct via_completion *completion)
{
	offer_directory(completion, "run/viaduct/pools");
}
