/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nvme-controller.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <libnvme.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <viaduct/util/cleanup.h>

/* "Identify", CNS 01h, 14h and 15h. */
#define CNS_CONTROLLER	 NVME_IDENTIFY_CNS_CTRL
#define CNS_CAPABILITIES NVME_IDENTIFY_CNS_PRIMARY_CTRL_CAP
#define CNS_SECONDARIES	 NVME_IDENTIFY_CNS_SECONDARY_CTRL_LIST

#define SECONDARY_ONLINE 0x01

static_assert(sizeof(struct nvme_id_ctrl) == VIA_NVME_ANSWER_BYTES, "Identify Controller");
static_assert(sizeof(struct nvme_primary_ctrl_cap) == VIA_NVME_ANSWER_BYTES, "CNS 14h");
static_assert(sizeof(struct nvme_secondary_ctrl_list) == VIA_NVME_ANSWER_BYTES, "CNS 15h");
static_assert(sizeof(struct nvme_secondary_ctrl) == 32, "Secondary Controller Entry");

/* libnvme gives a refusal and a failure by the sign. */
static int __attribute__((format(printf, 4, 5)))
outcome(const struct via_nvme *nvme, int status, struct via_error *err, const char *fmt, ...)
{
	struct via_bdf_text text = via_bdf_text(nvme->bdf);
	char what[96];
	va_list args;

	if (!status)
		return 0;
	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	if (status < 0)
		return via_error_sys(err, -status, "%s could not be asked to %s", text.text, what);
	return via_error_set(err, EREMOTEIO, "%s refused to %s: %s (status %03Xh)", text.text, what,
			     nvme->admin.words(nvme->admin.data, status),
			     (unsigned int)status & 0x7ff);
}

static int impossible(const struct via_nvme *nvme, const char *what, struct via_error *err)
{
	return via_error_set(err, EPROTO, "%s says something impossible of %s",
			     via_bdf_text(nvme->bdf).text, what);
}

struct via_nvme_text via_nvme_resource_text(enum via_nvme_resource resource, uint32_t count)
{
	struct via_nvme_text out;

	snprintf(out.text, sizeof(out.text), "%u %s%s", count,
		 resource == VIA_NVME_QUEUES ? "queue" : "vector", count == 1 ? "" : "s");
	return out;
}

static int fill_pool(const struct via_nvme *nvme, bool flexible, uint32_t total,
		     uint32_t secondaries, uint32_t own, uint32_t most, uint32_t step,
		     struct via_nvme_pool *pool, struct via_error *err)
{
	*pool = (struct via_nvme_pool){ .flexible = flexible && total };
	if (!pool->flexible)
		return 0;
	if ((uint64_t)secondaries + own > total)
		return impossible(nvme, "its flexible resources", err);
	pool->free = total - secondaries - own;
	pool->own = own;
	pool->most = most;
	pool->step = step ? step : 1;
	return 0;
}

static int read_pools(struct via_nvme *nvme, struct via_error *err)
{
	via_autofree struct nvme_primary_ctrl_cap *cap = calloc(1, sizeof(*cap));
	int rc;

	if (!cap)
		return via_error_sys(err, ENOMEM, "cannot ask %s", via_bdf_text(nvme->bdf).text);
	rc = outcome(nvme, nvme->admin.identify(nvme->admin.data, CNS_CAPABILITIES, nvme->id, cap),
		     err, "tell its flexible resources");
	if (rc)
		return rc;
	if (le16toh(cap->cntlid) != nvme->id)
		return impossible(nvme, "its own identifier", err);
	rc = fill_pool(nvme, cap->crt & 1 << VIA_NVME_QUEUES, le32toh(cap->vqfrt),
		       le32toh(cap->vqrfa), le16toh(cap->vqrfap), le16toh(cap->vqfrsm),
		       le16toh(cap->vqgran), &nvme->pools[VIA_NVME_QUEUES], err);
	if (rc)
		return rc;
	return fill_pool(nvme, cap->crt & 1 << VIA_NVME_VECTORS, le32toh(cap->vifrt),
			 le32toh(cap->virfa), le16toh(cap->virfap), le16toh(cap->vifrsm),
			 le16toh(cap->vigran), &nvme->pools[VIA_NVME_VECTORS], err);
}

static int take_entry(struct via_nvme *nvme, const struct nvme_secondary_ctrl *entry,
		      struct via_error *err)
{
	size_t number = le16toh(entry->vfn);
	struct via_nvme_secondary *secondary;

	if (le16toh(entry->pcid) != nvme->id)
		return impossible(nvme, "whose its secondary controllers are", err);
	/* VF numbers count from 1; 0 is a controller that is no VF, and there may be more of them
	 * than the PF's driver allows. */
	if (!number || number > nvme->count)
		return 0;
	secondary = &nvme->secondaries[number - 1];
	if (secondary->listed)
		return impossible(nvme, "the VFs of its secondary controllers", err);
	*secondary = (struct via_nvme_secondary){
		.listed = true,
		.online = entry->scs & SECONDARY_ONLINE,
		.id = le16toh(entry->scid),
		.held = { [VIA_NVME_QUEUES] = le16toh(entry->nvq),
			  [VIA_NVME_VECTORS] = le16toh(entry->nvi) },
	};
	return 0;
}

/* An answer has the controllers from one identifier on, in their order. */
static int read_secondaries(struct via_nvme *nvme, struct via_error *err)
{
	via_autofree struct nvme_secondary_ctrl_list *list = calloc(1, sizeof(*list));
	uint32_t from = 0;

	if (!list)
		return via_error_sys(err, ENOMEM, "cannot ask %s", via_bdf_text(nvme->bdf).text);
	do {
		int rc = outcome(
			nvme, nvme->admin.identify(nvme->admin.data, CNS_SECONDARIES, from, list),
			err, "list its secondary controllers");

		if (rc)
			return rc;
		if (list->num > NVME_ID_SECONDARY_CTRL_MAX)
			return impossible(nvme, "the number of its secondary controllers", err);
		for (unsigned int i = 0; i < list->num; i++) {
			uint32_t id = le16toh(list->sc_entry[i].scid);

			if (id < from)
				return impossible(nvme, "the order of its secondary controllers",
						  err);
			rc = take_entry(nvme, &list->sc_entry[i], err);
			if (rc)
				return rc;
			from = id + 1;
		}
	} while (list->num == NVME_ID_SECONDARY_CTRL_MAX && from <= UINT16_MAX);
	return 0;
}

int via_nvme_read(struct via_nvme *nvme, struct via_error *err)
{
	int rc;

	memset(nvme->secondaries, 0, nvme->count * sizeof(nvme->secondaries[0]));
	rc = read_pools(nvme, err);
	if (!rc)
		rc = read_secondaries(nvme, err);
	if (rc)
		memset(nvme->secondaries, 0, nvme->count * sizeof(nvme->secondaries[0]));
	return rc;
}

int via_nvme_check_listed(const struct via_nvme *nvme, size_t count, struct via_error *err)
{
	for (size_t i = 0; i < count; i++)
		if (i >= nvme->count || !nvme->secondaries[i].listed)
			return via_error_set(err, EPROTO,
					     "%s lists no secondary controller for its VF %zu",
					     via_bdf_text(nvme->bdf).text, i);
	return 0;
}

static int identify_self(struct via_nvme *nvme, struct via_error *err)
{
	via_autofree struct nvme_id_ctrl *id = calloc(1, sizeof(*id));
	int rc;

	if (!id)
		return via_error_sys(err, ENOMEM, "cannot ask %s", via_bdf_text(nvme->bdf).text);
	rc = outcome(nvme, nvme->admin.identify(nvme->admin.data, CNS_CONTROLLER, 0, id), err,
		     "tell what it is");
	if (rc)
		return rc;
	if (!(le16toh(id->oacs) & NVME_CTRL_OACS_VIRT_MGMT))
		return via_error_set(err, ENOTSUP,
				     "%s has no Virtualization Management command: its VFs have "
				     "queues of their own, whose number cannot be changed",
				     via_bdf_text(nvme->bdf).text);
	nvme->id = le16toh(id->cntlid);
	return 0;
}

int via_nvme_open(struct via_host *host, const struct via_sriov_pf *pf,
		  const struct via_nvme_admin *lent, struct via_nvme **nvme_out,
		  struct via_error *err)
{
	size_t count = pf->total_vfs > pf->num_vfs ? pf->total_vfs : pf->num_vfs;
	struct via_nvme *nvme = calloc(1, sizeof(*nvme) + count * sizeof(nvme->secondaries[0]));
	int rc = 0;

	if (!nvme)
		return via_error_sys(err, ENOMEM, "cannot ask %s", via_bdf_text(pf->bdf).text);
	nvme->host = host;
	nvme->bdf = pf->bdf;
	nvme->count = count;
	nvme->lent = lent;
	if (lent)
		nvme->admin = *lent;
	else
		rc = via_nvme_admin_open(host, pf, &nvme->admin, err);
	if (rc) {
		free(nvme);
		return rc;
	}
	rc = identify_self(nvme, err);
	if (!rc)
		rc = via_nvme_read(nvme, err);
	if (rc) {
		via_nvme_close(nvme);
		return rc;
	}
	*nvme_out = nvme;
	return 0;
}

void via_nvme_close(struct via_nvme *nvme)
{
	if (!nvme)
		return;
	if (!nvme->lent)
		nvme->admin.close(nvme->admin.data);
	free(nvme);
}

static int virtualize(struct via_nvme *nvme, size_t vf, enum nvme_virt_mgmt_act action,
		      enum via_nvme_resource resource, unsigned int count)
{
	return nvme->admin.virtualize(nvme->admin.data, action, resource, nvme->secondaries[vf].id,
				      count);
}

int via_nvme_assign(struct via_nvme *nvme, size_t vf, enum via_nvme_resource resource,
		    unsigned int count, struct via_error *err)
{
	return outcome(nvme,
		       virtualize(nvme, vf, NVME_VIRT_MGMT_ACT_ASSIGN_SEC_CTRL, resource, count),
		       err, "let VF %zu have %s", vf, via_nvme_resource_text(resource, count).text);
}

int via_nvme_online(struct via_nvme *nvme, size_t vf, struct via_error *err)
{
	return outcome(nvme, virtualize(nvme, vf, NVME_VIRT_MGMT_ACT_ONLINE_SEC_CTRL, 0, 0), err,
		       "bring VF %zu online", vf);
}

int via_nvme_offline(struct via_nvme *nvme, size_t vf, struct via_error *err)
{
	return outcome(nvme, virtualize(nvme, vf, NVME_VIRT_MGMT_ACT_OFFLINE_SEC_CTRL, 0, 0), err,
		       "take VF %zu offline", vf);
}
