/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "undo-private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <viaduct/util/cleanup.h>
#include <viaduct/util/journal.h>
#include <viaduct/vfio/bind.h>
#include <viaduct/vfio/module.h>

#include "autoprobe.h"
#include "pf-record.h"

static const struct {
	enum via_undo_kind kind;
	const char *directory;
} places[] = {
	{ VIA_UNDO_VFS, VIA_SRIOV_PF_RECORDS },
	{ VIA_UNDO_DRIVER, "run/viaduct/devices" },
	{ VIA_UNDO_ATTRS, VIA_SRIOV_ATTRS_RECORDS },
	{ VIA_UNDO_AUTOPROBE, "run/viaduct/autoprobe" },
	{ VIA_UNDO_MODULE, VIA_MODULE_RECORDS },
};

/*
 * VFs that were not there go first, and with them what is known of each; then the VFs that stay,
 * their PFs, the VFs that can be made only then, and at the end what nobody needs any more.
 */
enum rank {
	RANK_VFS_TO_GO,
	RANK_VF_DRIVER,
	RANK_ATTRS,
	RANK_AUTOPROBE,
	RANK_DRIVER,
	RANK_VFS_TO_COME,
	RANK_MODULE,
};

static bool is_vf(struct via_host *host, struct via_bdf bdf)
{
	return via_host_exists(host, "sys/bus/pci/devices/%s/physfn", via_bdf_text(bdf).text);
}

static enum rank vfs_rank(struct via_host *host, struct via_bdf pf)
{
	via_cleanup(via_sriov_record_clear) struct via_sriov_record record = { 0 };

	return via_sriov_record_load(host, pf, &record, NULL) || !record.num_vfs ? RANK_VFS_TO_GO
										 : RANK_VFS_TO_COME;
}

static enum rank rank_of(struct via_host *host, const struct via_undo *undo)
{
	switch (undo->kind) {
	case VIA_UNDO_VFS:
		return vfs_rank(host, undo->bdf);
	case VIA_UNDO_DRIVER:
		return is_vf(host, undo->bdf) ? RANK_VF_DRIVER : RANK_DRIVER;
	case VIA_UNDO_ATTRS:
		return RANK_ATTRS;
	case VIA_UNDO_AUTOPROBE:
		return RANK_AUTOPROBE;
	case VIA_UNDO_MODULE:
	case VIA_UNDO_LEFTOVER:
	case VIA_UNDO_UNKNOWN:
		break;
	}
	return RANK_MODULE;
}

/* ".NAME.new", as via_host_replace() calls it while it writes. */
static bool is_leftover(const char *file, char *name, size_t name_bytes)
{
	size_t length = strlen(file);

	if (*file != '.' || length < 6 || strcmp(file + length - 4, ".new"))
		return false;
	snprintf(name, name_bytes, "%.*s", (int)(length - 5), file + 1);
	return true;
}

static void fill(struct via_host *host, enum via_undo_kind kind, const char *directory,
		 const char *file, struct via_undo *undo)
{
	*undo = (struct via_undo){ .kind = kind };
	snprintf(undo->file, sizeof(undo->file), "%s/%.120s", directory, file);
	snprintf(undo->name, sizeof(undo->name), "%.120s", file);
	if (is_leftover(file, undo->name, sizeof(undo->name)))
		undo->kind = VIA_UNDO_LEFTOVER;
	if (kind != VIA_UNDO_MODULE && (via_bdf_parse(undo->name, &undo->bdf) ||
					strcmp(via_bdf_text(undo->bdf).text, undo->name)))
		undo->kind = VIA_UNDO_UNKNOWN;
	undo->rank = rank_of(host, undo);
}

static int add_directory(struct via_host *host, enum via_undo_kind kind, const char *directory,
			 struct via_undo **list, size_t *count, struct via_error *err)
{
	via_cleanup(via_names_free) struct via_names names = { 0 };
	int rc = via_host_list(host, &names, "%s", directory);
	struct via_undo *grown;

	if (rc == -ENOENT)
		return 0;
	if (rc)
		return via_error_sys(err, -rc, "cannot look into /%s", directory);
	grown = reallocarray(*list, *count + names.count + 1, sizeof(**list));
	if (!grown)
		return via_error_sys(err, ENOMEM, "cannot look into /%s", directory);
	*list = grown;
	for (size_t i = 0; i < names.count; i++)
		fill(host, kind, directory, names.names[i], &(*list)[(*count)++]);
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct via_undo *left = a, *right = b;
	int order = via_bdf_compare(left->bdf, right->bdf);

	if (left->rank != right->rank)
		return left->rank < right->rank ? -1 : 1;
	return order ? order : strcmp(left->file, right->file);
}

int via_undo_list(struct via_host *host, struct via_undo **list_out, size_t *count_out,
		  struct via_error *err)
{
	via_autofree struct via_undo *list = NULL;
	size_t count = 0;
	int rc = 0;

	for (size_t i = 0; !rc && i < sizeof(places) / sizeof(places[0]); i++)
		rc = add_directory(host, places[i].kind, places[i].directory, &list, &count, err);
	if (rc)
		return rc;
	if (count)
		qsort(list, count, sizeof(*list), compare);
	*list_out = via_steal_ptr(list);
	*count_out = count;
	return 0;
}

bool via_undo_is_about(struct via_host *host, const struct via_undo *undo, struct via_bdf bdf)
{
	struct via_bdf pf;

	if (undo->kind == VIA_UNDO_MODULE || undo->kind == VIA_UNDO_UNKNOWN)
		return false;
	return via_bdf_equal(undo->bdf, bdf) ||
	       (!via_sriov_vf_pf(host, undo->bdf, &pf, NULL, NULL) && via_bdf_equal(pf, bdf));
}

static bool accept(void *data, const char *key, const char *value)
{
	(void)data;
	(void)key;
	(void)value;
	return true;
}

static int unknown(const struct via_undo *undo, struct via_error *err)
{
	return via_error_set(err, EPROTO, "/%s is no record of Viaduct's: look at it and remove it",
			     undo->file);
}

static int stale(const struct via_undo *undo, struct via_error *err)
{
	via_error_set(err, ESTALE, "%s, which was changed, is gone: there is nothing to undo",
		      undo->name);
	return -ESTALE;
}

/* Whether the record is there, of what is there, and whole as far as all records are alike. */
static int check(struct via_host *host, const struct via_undo *undo, struct via_error *err)
{
	int rc;

	if (undo->kind == VIA_UNDO_UNKNOWN)
		return unknown(undo, err);
	if (undo->kind == VIA_UNDO_LEFTOVER)
		return via_host_exists(host, "%s", undo->file) ? 0 : -ENOENT;
	if (undo->kind == VIA_UNDO_MODULE)
		return via_journal_load(host, NULL, undo->file, accept, NULL, err);
	if (undo->kind == VIA_UNDO_AUTOPROBE)
		rc = via_sriov_autoprobe_check(host, undo->bdf, err);
	else
		rc = via_journal_load(host, &undo->bdf, undo->file, accept, NULL, err);
	return rc == -ESTALE ? stale(undo, err) : rc;
}

static int had_driver(struct via_host *host, const struct via_undo *undo, char *text,
		      size_t text_bytes, struct via_error *err)
{
	char driver[VIA_DRIVER_NAME_BYTES], override[VIA_DRIVER_NAME_BYTES];
	int rc = via_vfio_had(host, undo->bdf, driver, override, err);

	if (rc)
		return rc;
	snprintf(text, text_bytes, "%s%s%s%s", *driver ? "driver " : "no driver", driver,
		 *override ? ", override " : "", override);
	return 0;
}

static int had_vfs(struct via_host *host, const struct via_undo *undo, char *text,
		   size_t text_bytes, struct via_error *err)
{
	via_cleanup(via_sriov_record_clear) struct via_sriov_record record = { 0 };
	unsigned int online = 0;
	int rc = via_sriov_record_load(host, undo->bdf, &record, err);

	if (rc)
		return rc;
	for (unsigned int i = 0; i < record.nvme_count; i++)
		online += record.nvme[i].online;
	snprintf(text, text_bytes, "%u VF%s", record.num_vfs, record.num_vfs == 1 ? "" : "s");
	if (record.nvme_count)
		snprintf(text + strlen(text), text_bytes - strlen(text), ", %u online", online);
	return 0;
}

static void add_text(char *text, size_t text_bytes, const char *name, const char *value)
{
	size_t length = strlen(text);

	snprintf(text + length, text_bytes - length, "%s%s%s", length ? ", " : "", name, value);
}

static void add_number(char *text, size_t text_bytes, const char *name, unsigned int value)
{
	char number[16];

	snprintf(number, sizeof(number), "%u", value);
	add_text(text, text_bytes, name, number);
}

static int had_attrs(struct via_host *host, const struct via_undo *undo, char *text,
		     size_t text_bytes, struct via_error *err)
{
	struct via_sriov_attrs attrs;
	int rc = via_sriov_attrs_record_load(host, undo->bdf, &attrs, err);

	if (rc)
		return rc;
	*text = '\0';
	if (attrs.valid & VIA_SRIOV_MAC)
		add_text(text, text_bytes, "MAC ", via_mac_text(attrs.mac).text);
	if (attrs.valid & VIA_SRIOV_VLAN)
		add_number(text, text_bytes, "VLAN ", attrs.vlan);
	if (attrs.valid & VIA_SRIOV_QOS)
		add_number(text, text_bytes, "priority ", attrs.qos);
	if (attrs.valid & VIA_SRIOV_TRUST)
		add_text(text, text_bytes, "trust ", attrs.trust ? "on" : "off");
	if (attrs.valid & VIA_SRIOV_SPOOFCHK)
		add_text(text, text_bytes, "spoof check ", attrs.spoofchk ? "on" : "off");
	return 0;
}

int via_undo_had(struct via_host *host, const struct via_undo *undo, char *text, size_t text_bytes,
		 struct via_error *err)
{
	int rc = check(host, undo, err);

	if (rc)
		return rc;
	switch (undo->kind) {
	case VIA_UNDO_VFS:
		return had_vfs(host, undo, text, text_bytes, err);
	case VIA_UNDO_DRIVER:
		return had_driver(host, undo, text, text_bytes, err);
	case VIA_UNDO_ATTRS:
		return had_attrs(host, undo, text, text_bytes, err);
	case VIA_UNDO_AUTOPROBE:
		snprintf(text, text_bytes, "drivers look for new VFs");
		break;
	case VIA_UNDO_MODULE:
		snprintf(text, text_bytes, "not loaded");
		break;
	case VIA_UNDO_LEFTOVER:
		snprintf(text, text_bytes, "half a record of a change that was not made");
		break;
	case VIA_UNDO_UNKNOWN:
		break;
	}
	return 0;
}

struct plan {
	via_undo_change_fn change;
	void *data;
};

static void tell_file(void *data, const char *path, const char *before, const char *after)
{
	const struct plan *plan = data;
	char what[512];

	snprintf(what, sizeof(what), "/%s", path);
	plan->change(plan->data, what, before, after);
}

static void tell_removed(const struct plan *plan, const struct via_undo *undo)
{
	char what[256];

	snprintf(what, sizeof(what), "/%s", undo->file);
	plan->change(plan->data, what, "a record", "");
}

int via_undo_plan(struct via_host *host, const struct via_undo *undo, via_undo_change_fn change,
		  void *data, struct via_error *err)
{
	struct plan plan = { change, data };
	struct via_bdf_text name = via_bdf_text(undo->bdf);
	char path[128];
	int rc = check(host, undo, err);

	if (rc)
		return rc;
	switch (undo->kind) {
	case VIA_UNDO_DRIVER:
		return via_vfio_undo_plan(host, undo->bdf, tell_file, &plan, err);
	case VIA_UNDO_VFS:
		rc = via_undo_vfs_plan(host, undo->bdf, change, data, err);
		break;
	case VIA_UNDO_ATTRS:
		rc = via_undo_attrs_plan(host, undo->bdf, change, data, err);
		break;
	case VIA_UNDO_AUTOPROBE:
		snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/sriov_drivers_autoprobe",
			 name.text);
		tell_file(&plan, path, "0", "1");
		break;
	case VIA_UNDO_MODULE:
		snprintf(path, sizeof(path), "sys/module/%.100s", undo->name);
		tell_file(&plan, path, "loaded", "");
		break;
	case VIA_UNDO_LEFTOVER:
	case VIA_UNDO_UNKNOWN:
		break;
	}
	if (!rc)
		tell_removed(&plan, undo);
	return rc;
}

static int undo_autoprobe(struct via_host *host, struct via_bdf pf, struct via_error *err)
{
	via_autoclose int lock_fd = -1;
	int rc = via_journal_lock(host, pf, &lock_fd, err);

	return rc ? rc : via_sriov_autoprobe_recover(host, pf, err);
}

/* What is gone may come again as a VF, and which PF's it was is not known: none makes any now. */
static int lock_all_pfs(struct via_host *host, int *lock_fds, const struct via_names *devices,
			struct via_error *err)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < devices->count; i++) {
		struct via_bdf bdf;

		if (!via_bdf_parse(devices->names[i], &bdf) &&
		    via_host_exists(host, "sys/bus/pci/devices/%s/sriov_totalvfs",
				    devices->names[i]))
			rc = via_journal_lock(host, bdf, &lock_fds[i], err);
	}
	return rc;
}

static int remove_one(struct via_host *host, const struct via_undo *undo, struct via_error *err)
{
	/* Another one might have taken its place by now. */
	if (undo->kind != VIA_UNDO_LEFTOVER && check(host, undo, NULL) != -ESTALE)
		return 0;
	return via_journal_remove(host, undo->file, err);
}

static int remove_of_gone(struct via_host *host, const struct via_undo *undo, struct via_error *err)
{
	via_cleanup(via_names_free) struct via_names devices = { 0 };
	via_autofree int *lock_fds = NULL;
	int rc = via_host_list(host, &devices, "sys/bus/pci/devices");

	if (rc)
		return via_error_sys(err, -rc, "cannot look for PFs");
	lock_fds = malloc((devices.count + 1) * sizeof(*lock_fds));
	if (!lock_fds)
		return via_error_sys(err, ENOMEM, "cannot lock the PFs");
	for (size_t i = 0; i < devices.count; i++)
		lock_fds[i] = -1;
	rc = lock_all_pfs(host, lock_fds, &devices, err);
	if (!rc)
		rc = remove_one(host, undo, err);
	for (size_t i = 0; i < devices.count; i++)
		via_close(&lock_fds[i]);
	return rc;
}

/* Under the lock of who might be writing one. */
static int remove_locked(struct via_host *host, const struct via_undo *undo, struct via_error *err)
{
	via_autoclose int lock_fd = -1;
	int rc;

	if (!strncmp(undo->file, VIA_MODULE_RECORDS "/", strlen(VIA_MODULE_RECORDS "/")))
		rc = via_journal_lock_modules(host, &lock_fd, err);
	else if (!via_host_exists(host, "sys/bus/pci/devices/%s", via_bdf_text(undo->bdf).text))
		return remove_of_gone(host, undo, err);
	else
		rc = via_journal_lock(host, undo->bdf, &lock_fd, err);
	return rc ? rc : remove_one(host, undo, err);
}

int via_undo_with(struct via_host *host, const struct via_undo *undo,
		  const struct via_sriov_lent *lent, struct via_error *err)
{
	struct via_error left;
	int rc = check(host, undo, err);

	if (rc == -ESTALE && remove_locked(host, undo, &left))
		return via_error_set(err, EIO, "%s", left.text);
	if (rc)
		return rc;
	switch (undo->kind) {
	case VIA_UNDO_DRIVER:
		return via_vfio_undo(host, undo->bdf, err);
	case VIA_UNDO_VFS:
		return via_undo_vfs(host, undo->bdf, lent, err);
	case VIA_UNDO_ATTRS:
		return via_undo_attrs(host, undo->bdf, lent, err);
	case VIA_UNDO_AUTOPROBE:
		return undo_autoprobe(host, undo->bdf, err);
	case VIA_UNDO_LEFTOVER:
		return remove_locked(host, undo, err);
	case VIA_UNDO_MODULE:
		return via_module_undo(host, undo->name, err);
	case VIA_UNDO_UNKNOWN:
		break;
	}
	return 0;
}

int via_undo(struct via_host *host, const struct via_undo *undo, struct via_error *err)
{
	return via_undo_with(host, undo, NULL, err);
}
