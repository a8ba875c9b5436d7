/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "undo-private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <viaduct/util/cleanup.h>
#include <viaduct/vfio/bind.h>
#include <viaduct/vfio/lease.h>

#include "attr-private.h"
#include "autoprobe.h"
#include "before.h"
#include "create-private.h"
#include "pf-record.h"

/* Whether this VF came after the one of the record was taken away. */
static bool is_new(struct via_host *host, const struct via_sriov_vf *vf,
		   const struct via_sriov_record *record)
{
	return vf->index < record->num_vfs && strcmp(via_journal_identity(host, vf->bdf).text,
						     record->vfs[vf->index].identity.text);
}

/* That they can be made, before those that are there go. */
static int check_count(struct via_host *host, const struct via_sriov_pf *pf, unsigned int count,
		       struct via_error *err)
{
	const struct via_sriov_request request = { .count = count };
	struct via_sriov_pf empty = *pf;

	empty.num_vfs = 0;
	return count ? via_sriov_create_check(host, &empty, &request, err) : 0;
}

static int restore_count(struct via_host *host, const struct via_sriov_pf *pf,
			 const struct via_sriov_record *record, const struct via_sriov_lent *lent,
			 struct via_error *err)
{
	int rc;

	if (pf->num_vfs == record->num_vfs)
		return 0;
	rc = check_count(host, pf, record->num_vfs, err);
	if (!rc && pf->num_vfs)
		rc = via_sriov_destroy_locked(host, pf->bdf, false, lent, err);
	if (!rc && record->num_vfs)
		rc = via_sriov_create_again_locked(host, pf->bdf, record->num_vfs, lent, err);
	return rc;
}

static int restore_resources(struct via_host *host, const struct via_sriov_pf *pf,
			     const struct via_sriov_record *record,
			     const struct via_sriov_lent *lent, struct via_error *err)
{
	const struct via_sriov_kind *kind = via_sriov_kind_of(host, pf->bdf);
	void *work;
	int rc;

	if (!record->nvme_count)
		return 0;
	rc = kind->open(host, pf, lent, &work, err);
	if (rc)
		return rc;
	rc = kind->restore(work, record, err);
	kind->close(work);
	return rc;
}

/* Nobody is to lose what a VF has while it is on lease, or a guest has it. */
static int check_free(struct via_host *host, struct via_bdf vf, struct via_error *err)
{
	int rc = via_lease_check(host, vf, err);

	return rc ? rc : via_vfio_check_not_open(host, vf, err);
}

/* Neither attributes nor driver, where one cannot be. */
static int check_vf(struct via_host *host, struct via_bdf vf, const struct via_sriov_vf_before *had,
		    struct via_error *err)
{
	char driver[VIA_DRIVER_NAME_BYTES];
	int rc = check_free(host, vf, err);

	if (!rc)
		rc = via_vfio_driver(host, vf, driver, err);
	if (!rc && *driver && strcmp(driver, had->driver))
		rc = via_vfio_check_unused(host, vf, err);
	return rc;
}

/* Attributes before a driver sees them. A refusal of those keeps it from no driver. */
static int restore_vf(struct via_host *host, const struct via_sriov_pf *pf,
		      const struct via_sriov_vf *vf, const struct via_sriov_vf_before *had,
		      const struct via_sriov_lent *lent, struct via_error *err)
{
	struct via_error other;
	int attrs_rc, rc = check_vf(host, vf->bdf, had, err);

	if (rc)
		return rc;
	attrs_rc = via_sriov_attrs_restore(host, pf, vf->index, &had->attrs, lent, err);
	rc = via_vfio_restore(host, vf->bdf, had->driver, had->override, attrs_rc ? &other : err);
	return attrs_rc ? attrs_rc : rc;
}

/* All that can be. Return: why the first that could not. */
static int restore_vfs(struct via_host *host, const struct via_sriov_pf *pf,
		       const struct via_sriov_record *record, const struct via_sriov_lent *lent,
		       struct via_error *err)
{
	struct via_error other;
	int first = 0;

	for (size_t i = 0; i < pf->vf_count; i++) {
		int rc = 0;

		if (is_new(host, &pf->vfs[i], record))
			rc = restore_vf(host, pf, &pf->vfs[i], &record->vfs[pf->vfs[i].index], lent,
					first ? &other : err);
		first = first ? first : rc;
	}
	return first;
}

/* Another driver's VFs are others. */
static int check_driver(struct via_host *host, struct via_bdf bdf,
			const struct via_sriov_record *record, struct via_error *err)
{
	struct via_bdf_text name = via_bdf_text(bdf);

	if (!record->num_vfs || !via_vfio_is_remembered(host, bdf))
		return 0;
	return via_error_set(err, EBUSY,
			     "the VFs that %s had can be made when it has its driver again, which "
			     "wants those it has taken away: viaduct vf destroy %s, then "
			     "viaduct undo",
			     name.text, name.text);
}

int via_undo_vfs(struct via_host *host, struct via_bdf bdf, const struct via_sriov_lent *lent,
		 struct via_error *err)
{
	via_cleanup(via_sriov_record_clear) struct via_sriov_record record = { 0 };
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf pf = { 0 };
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf now = { 0 };
	via_autoclose int lock_fd = -1;
	int rc = via_journal_lock(host, bdf, &lock_fd, err);

	if (!rc)
		rc = via_sriov_record_load(host, bdf, &record, err);
	if (!rc)
		rc = check_driver(host, bdf, &record, err);
	if (!rc)
		rc = via_sriov_autoprobe_recover(host, bdf, err);
	if (!rc)
		rc = via_sriov_pf_load(host, bdf, &pf, err);
	if (!rc)
		rc = restore_count(host, &pf, &record, lent, err);
	if (!rc)
		rc = via_sriov_pf_load(host, bdf, &now, err);
	if (!rc)
		rc = restore_resources(host, &now, &record, lent, err);
	if (!rc)
		rc = restore_vfs(host, &now, &record, lent, err);
	return rc ? rc : via_sriov_record_remove(host, bdf, err);
}

int via_undo_remember_vfs(struct via_host *host, struct via_bdf bdf, struct via_error *err)
{
	const struct via_sriov_kind *kind = via_sriov_kind_of(host, bdf);
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf pf = { 0 };
	via_autoclose int lock_fd = -1;
	struct via_error unread;
	void *work = NULL;
	bool open;
	int rc;

	rc = via_journal_lock(host, bdf, &lock_fd, err);
	if (rc)
		return rc;
	if (via_sriov_pf_load(host, bdf, &pf, NULL) || !pf.num_vfs)
		return 0;
	/* One that does not answer has nothing to tell. */
	open = !kind->open(host, &pf, NULL, &work, &unread);
	rc = via_sriov_before_save(host, &pf, open ? kind : NULL, work, NULL, err);
	if (open)
		kind->close(work);
	return rc;
}

void via_undo_forget_vfs(struct via_host *host, struct via_bdf bdf)
{
	const struct via_sriov_kind *kind = via_sriov_kind_of(host, bdf);
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf pf = { 0 };
	via_autoclose int lock_fd = -1;
	struct via_error unread;
	void *work = NULL;
	bool open;

	if (via_journal_lock(host, bdf, &lock_fd, NULL) || via_sriov_pf_load(host, bdf, &pf, NULL))
		return;
	open = !kind->open(host, &pf, NULL, &work, &unread);
	via_sriov_before_forget(host, bdf, open ? kind : NULL, work);
	if (open)
		kind->close(work);
}

static void number_change(via_undo_change_fn change, void *data, const char *what,
			  unsigned int before, unsigned int after)
{
	char before_text[16], after_text[16];

	snprintf(before_text, sizeof(before_text), "%u", before);
	snprintf(after_text, sizeof(after_text), "%u", after);
	if (before != after)
		change(data, what, before_text, after_text);
}

int via_undo_vfs_plan(struct via_host *host, struct via_bdf bdf, via_undo_change_fn change,
		      void *data, struct via_error *err)
{
	via_cleanup(via_sriov_record_clear) struct via_sriov_record record = { 0 };
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf pf = { 0 };
	struct via_bdf_text name = via_bdf_text(bdf);
	char what[128];
	int rc = via_sriov_record_load(host, bdf, &record, err);

	if (!rc)
		rc = via_sriov_pf_load(host, bdf, &pf, err);
	if (!rc && pf.num_vfs != record.num_vfs)
		rc = check_count(host, &pf, record.num_vfs, err);
	if (!rc && pf.num_vfs && pf.num_vfs != record.num_vfs)
		rc = via_sriov_destroy_check(host, &pf, false, err);
	/* Who only asks may lack the privilege. */
	if (rc && rc != -EACCES)
		return rc;
	snprintf(what, sizeof(what), "/sys/bus/pci/devices/%s/sriov_numvfs", name.text);
	number_change(change, data, what, pf.num_vfs, record.num_vfs);
	for (unsigned int i = 0; i < record.num_vfs && pf.num_vfs != record.num_vfs; i++) {
		snprintf(what, sizeof(what), "%s/vf%u driver", name.text, i);
		if (*record.vfs[i].driver)
			change(data, what, "", record.vfs[i].driver);
	}
	/* What they have now only their controller can tell, and root ask. */
	for (unsigned int i = 0; i < record.nvme_count; i++) {
		char queues[16];

		snprintf(what, sizeof(what), "%s/vf%u queues", name.text, i);
		snprintf(queues, sizeof(queues), "%u", record.nvme[i].queues);
		if (record.nvme[i].queues)
			change(data, what, NULL, queues);
	}
	return 0;
}

static int load_attrs(struct via_host *host, struct via_bdf vf, struct via_sriov_pf *pf,
		      unsigned int *index, struct via_sriov_attrs *had, struct via_error *err)
{
	struct via_bdf pf_bdf;
	int rc = via_sriov_attrs_record_load(host, vf, had, err);

	if (!rc)
		rc = via_sriov_vf_pf(host, vf, &pf_bdf, index, err);
	return rc ? rc : via_sriov_pf_load(host, pf_bdf, pf, err);
}

int via_undo_attrs(struct via_host *host, struct via_bdf vf, const struct via_sriov_lent *lent,
		   struct via_error *err)
{
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf pf = { 0 };
	via_autoclose int lock_fd = -1;
	struct via_sriov_attrs had;
	unsigned int index;
	int rc = via_journal_lock(host, vf, &lock_fd, err);

	if (!rc)
		rc = load_attrs(host, vf, &pf, &index, &had, err);
	if (!rc)
		rc = check_free(host, vf, err);
	if (!rc)
		rc = via_sriov_attrs_restore(host, &pf, index, &had, lent, err);
	return rc ? rc : via_sriov_attrs_record_remove(host, vf, err);
}

static void mac_change(via_undo_change_fn change, void *data, const char *what,
		       struct via_mac before, struct via_mac after)
{
	if (memcmp(&before, &after, sizeof(before)))
		change(data, what, via_mac_text(before).text, via_mac_text(after).text);
}

int via_undo_attrs_plan(struct via_host *host, struct via_bdf vf, via_undo_change_fn change,
			void *data, struct via_error *err)
{
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf pf = { 0 };
	struct via_sriov_attrs had, now[1];
	struct via_sriov_pf one = { 0 };
	struct via_sriov_vf self;
	char what[5][64];
	unsigned int both;
	int rc = load_attrs(host, vf, &pf, &self.index, &had, err);

	if (!rc)
		rc = check_free(host, vf, err);
	if (rc)
		return rc;
	self.bdf = vf;
	one = pf;
	one.vfs = &self;
	one.vf_count = 1;
	rc = via_sriov_attrs_get(host, &one, now, err);
	if (rc)
		return rc;
	for (unsigned int i = 0; i < 5; i++) {
		static const char *const names[] = { "mac", "vlan", "qos", "trust", "spoofchk" };

		snprintf(what[i], sizeof(what[i]), "%s/vf%u %s", pf.netdevs.names[0], self.index,
			 names[i]);
	}
	both = had.valid & now->valid;
	if (both & VIA_SRIOV_MAC)
		mac_change(change, data, what[0], now->mac, had.mac);
	if (both & VIA_SRIOV_VLAN)
		number_change(change, data, what[1], now->vlan, had.vlan);
	if (both & VIA_SRIOV_QOS)
		number_change(change, data, what[2], now->qos, had.qos);
	if ((both & VIA_SRIOV_TRUST) && now->trust != had.trust)
		change(data, what[3], now->trust ? "on" : "off", had.trust ? "on" : "off");
	if ((both & VIA_SRIOV_SPOOFCHK) && now->spoofchk != had.spoofchk)
		change(data, what[4], now->spoofchk ? "on" : "off", had.spoofchk ? "on" : "off");
	return 0;
}
