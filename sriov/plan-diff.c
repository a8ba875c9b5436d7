/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan-private.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_ether.h>

/* There was none. */
#define NO_NUMBER UINT_MAX

static const struct via_mac no_mac;

struct differ {
	struct via_plan_steps *steps;
	size_t capacity;
	struct via_error *err;
};

/* The next step; NULL when memory ran out. */
static struct via_plan_step *add(struct differ *differ, enum via_plan_kind kind, struct via_bdf bdf,
				 const char *name)
{
	struct via_plan_steps *steps = differ->steps;
	struct via_plan_step *step;

	if (steps->count == differ->capacity) {
		size_t capacity = differ->capacity ? 2 * differ->capacity : 16;
		struct via_plan_step *all = reallocarray(steps->all, capacity, sizeof(*all));

		if (!all) {
			via_error_sys(differ->err, ENOMEM, "cannot tell what is to be done");
			return NULL;
		}
		steps->all = all;
		differ->capacity = capacity;
	}
	step = &steps->all[steps->count++];
	*step = (struct via_plan_step){ .kind = kind, .bdf = bdf };
	snprintf(step->name, sizeof(step->name), "%s", name);
	return step;
}

static struct via_plan_step *add_vf(struct differ *differ, enum via_plan_kind kind,
				    const struct via_plan_pf *pf, size_t index)
{
	char name[VIA_PLAN_NAME_BYTES];
	struct via_plan_step *step;

	snprintf(name, sizeof(name), "%s/vf%zu", pf->name, index);
	step = add(differ, kind, pf->bdf, name);
	if (step) {
		step->is_vf = true;
		step->index = (unsigned int)index;
	}
	return step;
}

static uint16_t protocol_of(const struct via_sriov_attrs *attrs)
{
	return attrs->vlan && attrs->vlan_protocol ? attrs->vlan_protocol : ETH_P_8021Q;
}

/* Which attributes of @to are others than those of @from. */
static unsigned int differing(const struct via_sriov_attrs *from, const struct via_sriov_attrs *to)
{
	unsigned int wanted = to->valid, other = wanted & ~from->valid;

	if (memcmp(&from->mac, &to->mac, sizeof(from->mac)))
		other |= VIA_SRIOV_MAC;
	/* A VF that nobody gave an address chooses for itself: there is none to set. */
	if (!memcmp(&to->mac, &no_mac, sizeof(no_mac)) && !(from->valid & VIA_SRIOV_MAC))
		other &= ~(unsigned int)VIA_SRIOV_MAC;
	if (from->vlan != to->vlan || from->qos != to->qos || protocol_of(from) != protocol_of(to))
		other |= VIA_SRIOV_VLAN | VIA_SRIOV_QOS;
	if (from->trust != to->trust)
		other |= VIA_SRIOV_TRUST;
	if (from->spoofchk != to->spoofchk)
		other |= VIA_SRIOV_SPOOFCHK;
	return other & wanted;
}

/*
 * One that was killed while it made VFs leaves them with what they hold, but offline. Those that
 * hold nothing somebody else made.
 */
static bool is_left_offline(const struct via_plan_vf *from, const struct via_plan_vf *to)
{
	if (!from->was || !from->has_nvme || from->nvme.online)
		return false;
	return (from->nvme.queues || from->nvme.vectors) && !(to->was && !to->nvme.online);
}

static bool differ_nvme(const struct via_plan_vf *from, const struct via_plan_vf *to)
{
	if (is_left_offline(from, to))
		return true;
	if (!to->has_nvme)
		return false;
	return (to->nvme.queues && from->nvme.queues != to->nvme.queues) ||
	       (to->nvme.vectors && from->nvme.vectors != to->nvme.vectors);
}

/*
 * How a function gets from one driver to another. What Viaduct gave it since, it loses by being
 * given back: then nothing stays remembered.
 */
static enum via_plan_kind way(const struct via_plan_vf *from, const struct via_plan_vf *to)
{
	return !*to->driver || (to->was && !to->remembered && from->remembered) ? VIA_PLAN_UNBIND
										: VIA_PLAN_BIND;
}

static bool differ_driver(const struct via_plan_vf *from, const struct via_plan_vf *to)
{
	return to->has_driver && strcmp(from->driver, to->driver);
}

static void set_drivers(struct via_plan_step *step, const struct via_plan_vf *from,
			const struct via_plan_vf *to)
{
	memcpy(step->before.driver, from->driver, sizeof(step->before.driver));
	memcpy(step->after.driver, to->driver, sizeof(step->after.driver));
}

static int diff_attrs(struct differ *differ, const struct via_plan_pf *pf, size_t index,
		      const struct via_plan_vf *from, const struct via_plan_vf *to)
{
	unsigned int attrs = differing(&from->attrs, &to->attrs);
	struct via_plan_step *step;

	if (!attrs)
		return 0;
	step = add_vf(differ, VIA_PLAN_ATTRS, pf, index);
	if (!step)
		return -ENOMEM;
	step->before.attrs = from->attrs;
	step->after.attrs = to->attrs;
	step->after.attrs.valid = attrs;
	return 0;
}

static int diff_nvme(struct differ *differ, const struct via_plan_pf *pf, size_t index,
		     const struct via_plan_vf *from, const struct via_plan_vf *to)
{
	struct via_plan_step *step;

	if (!differ_nvme(from, to))
		return 0;
	step = add_vf(differ, VIA_PLAN_NVME, pf, index);
	if (!step)
		return -ENOMEM;
	step->before.nvme = from->nvme;
	step->after.nvme = to->nvme;
	step->after.nvme.online = true;
	return 0;
}

/*
 * @after_nvme: those of VFs whose resources change, which happens while no driver of the host has
 * them; else all others.
 */
static int diff_vf_driver(struct differ *differ, const struct via_plan_pf *pf, size_t index,
			  const struct via_plan_vf *from, const struct via_plan_vf *to,
			  bool after_nvme)
{
	bool waits = differ_nvme(from, to) && *to->driver && !via_iommu_driver_is_vfio(to->driver);
	struct via_plan_step *step;

	if (!differ_driver(from, to) || waits != after_nvme)
		return 0;
	step = add_vf(differ, way(from, to), pf, index);
	if (!step)
		return -ENOMEM;
	set_drivers(step, from, to);
	return 0;
}

static int growth(const struct via_plan_step *step)
{
	const struct via_sriov_nvme *before = &step->before.nvme, *after = &step->after.nvme;

	return (after->queues ? (int)after->queues - (int)before->queues : 0) +
	       (after->vectors ? (int)after->vectors - (int)before->vectors : 0);
}

/* What one VF gives another can have. */
static int compare_growth(const void *a, const void *b)
{
	const struct via_plan_step *left = a, *right = b;
	int order = growth(left) - growth(right);

	return order ? order : left->index < right->index ? -1 : 1;
}

static int diff_count(struct differ *differ, const struct via_plan_pf *from,
		      const struct via_plan_pf *to)
{
	struct via_plan_step *step;

	if (from->count) {
		step = add(differ, VIA_PLAN_DESTROY, from->bdf, from->name);
		if (!step)
			return -ENOMEM;
		step->before.count = from->count;
	}
	if (to->count) {
		step = add(differ, VIA_PLAN_CREATE, from->bdf, from->name);
		if (!step)
			return -ENOMEM;
		step->after.count = to->count;
		step->after.nvme = to->each;
	}
	return 0;
}

static int diff_pf(struct differ *differ, const struct via_plan_pf *from,
		   const struct via_plan_pf *to)
{
	bool anew = to->has_count && from->count != to->count;
	struct via_plan_vf made = { .has_nvme = true, .nvme = to->each };
	size_t count = anew || to->vf_count < from->vf_count ? to->vf_count : from->vf_count;
	struct via_plan_steps *steps = differ->steps;
	int rc = anew ? diff_count(differ, from, to) : 0;
	size_t first;

	made.nvme.online = true;
	for (size_t i = 0; !rc && i < count; i++) {
		const struct via_plan_vf *vf = anew ? &made : &from->vfs[i];

		rc = diff_attrs(differ, from, i, vf, &to->vfs[i]);
		if (!rc)
			rc = diff_vf_driver(differ, from, i, vf, &to->vfs[i], false);
	}
	first = steps->count;
	for (size_t i = 0; !rc && i < count; i++)
		rc = diff_nvme(differ, from, i, anew ? &made : &from->vfs[i], &to->vfs[i]);
	if (!rc && steps->count > first)
		qsort(&steps->all[first], steps->count - first, sizeof(*steps->all),
		      compare_growth);
	for (size_t i = 0; !rc && i < count; i++)
		rc = diff_vf_driver(differ, from, i, anew ? &made : &from->vfs[i], &to->vfs[i],
				    true);
	return rc;
}

static int diff_device(struct differ *differ, const struct via_plan_device *from,
		       const struct via_plan_device *to)
{
	struct via_plan_step *step;

	if (!differ_driver(&from->state, &to->state))
		return 0;
	step = add(differ, way(&from->state, &to->state), from->bdf, via_bdf_text(from->bdf).text);
	if (!step)
		return -ENOMEM;
	set_drivers(step, &from->state, &to->state);
	return 0;
}

static bool same_pool(const struct via_plan_pool *from, const struct via_plan_pool *to)
{
	const struct via_pool *a = &from->pool, *b = &to->pool;

	if (!from->exists || !to->exists)
		return from->exists == to->exists;
	if (strcmp(a->driver, b->driver) || a->baseline.valid != b->baseline.valid ||
	    differing(&a->baseline, &b->baseline) || a->member_count != b->member_count)
		return false;
	for (size_t i = 0; i < a->member_count; i++)
		if (!via_bdf_equal(a->members[i].pf, b->members[i].pf) ||
		    a->members[i].first != b->members[i].first ||
		    a->members[i].last != b->members[i].last)
			return false;
	return true;
}

static void pool_facts(const struct via_plan_pool *pool, struct via_plan_facts *facts)
{
	size_t used = 0;

	if (!pool->exists)
		return;
	memcpy(facts->driver, pool->pool.driver, sizeof(facts->driver));
	facts->attrs = pool->pool.baseline;
	for (size_t i = 0; i < pool->pool.member_count && used < sizeof(facts->vfs); i++) {
		const struct via_pool_member *member = &pool->pool.members[i];
		char range[24] = "all";

		if (member->last != VIA_POOL_LAST)
			snprintf(range, sizeof(range), "%u-%u", member->first, member->last);
		used += (size_t)snprintf(facts->vfs + used, sizeof(facts->vfs) - used, "%s%s/%s",
					 i ? " " : "", via_bdf_text(member->pf).text, range);
	}
}

static int diff_pool(struct differ *differ, size_t index, const struct via_plan_pool *from,
		     const struct via_plan_pool *to)
{
	struct via_plan_step *step;

	if (same_pool(from, to))
		return 0;
	step = add(differ, VIA_PLAN_POOL, (struct via_bdf){ 0 }, from->name);
	if (!step)
		return -ENOMEM;
	step->index = (unsigned int)index;
	pool_facts(from, &step->before);
	pool_facts(to, &step->after);
	return 0;
}

int via_plan_diff(const struct via_plan_state *from, const struct via_plan_state *to,
		  struct via_plan_steps *steps, struct via_error *err)
{
	struct differ differ = { .steps = steps, .err = err };
	int rc = 0;

	for (size_t i = 0; !rc && i < from->pf_count; i++)
		if (!from->pfs[i].gone && !to->pfs[i].gone)
			rc = diff_pf(&differ, &from->pfs[i], &to->pfs[i]);
	for (size_t i = 0; !rc && i < from->device_count; i++)
		if (!from->devices[i].gone && !to->devices[i].gone)
			rc = diff_device(&differ, &from->devices[i], &to->devices[i]);
	for (size_t i = 0; !rc && i < from->pool_count; i++)
		if (!from->pools[i].gone)
			rc = diff_pool(&differ, i, &from->pools[i], &to->pools[i]);
	return rc;
}

struct values {
	struct via_plan_value *all;
	size_t count;
};

/* The next line; its texts are for the caller to fill. */
static struct via_plan_value *line(struct values *values, const char *name)
{
	struct via_plan_value *value = &values->all[values->count++];

	*value = (struct via_plan_value){ .name = name };
	return value;
}

static void number_line(struct values *values, const char *name, unsigned int before,
			unsigned int after)
{
	struct via_plan_value *value = line(values, name);

	if (before != NO_NUMBER)
		snprintf(value->before, sizeof(value->before), "%u", before);
	snprintf(value->after, sizeof(value->after), "%u", after);
}

static void attr_text(const struct via_sriov_attrs *attrs, enum via_sriov_attr attr,
		      char text[static VIA_PLAN_NAME_BYTES])
{
	*text = '\0';
	if (!(attrs->valid & (unsigned int)attr))
		return;
	switch (attr) {
	case VIA_SRIOV_MAC:
		if (memcmp(&attrs->mac, &no_mac, sizeof(no_mac)))
			strcpy(text, via_mac_text(attrs->mac).text);
		break;
	case VIA_SRIOV_VLAN:
		snprintf(text, VIA_PLAN_NAME_BYTES, "%u", attrs->vlan);
		break;
	case VIA_SRIOV_QOS:
		snprintf(text, VIA_PLAN_NAME_BYTES, "%u", attrs->qos);
		break;
	case VIA_SRIOV_TRUST:
		strcpy(text, attrs->trust ? "on" : "off");
		break;
	case VIA_SRIOV_SPOOFCHK:
		strcpy(text, attrs->spoofchk ? "on" : "off");
		break;
	}
}

static void text_line(struct values *values, const char *name, const char *before,
		      const char *after)
{
	struct via_plan_value *value;

	if (!strcmp(before, after))
		return;
	value = line(values, name);
	snprintf(value->before, sizeof(value->before), "%s", before);
	snprintf(value->after, sizeof(value->after), "%s", after);
}

static void attr_lines(struct values *values, const struct via_plan_step *step)
{
	static const struct {
		enum via_sriov_attr attr;
		const char *name;
	} rows[] = {
		{ VIA_SRIOV_MAC, "mac" },	    { VIA_SRIOV_VLAN, "vlan" },
		{ VIA_SRIOV_QOS, "qos" },	    { VIA_SRIOV_TRUST, "trust" },
		{ VIA_SRIOV_SPOOFCHK, "spoofchk" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char before[VIA_PLAN_NAME_BYTES], after[VIA_PLAN_NAME_BYTES];

		attr_text(&step->before.attrs, rows[i].attr, before);
		attr_text(&step->after.attrs, rows[i].attr, after);
		/* VLAN and priority go together: only what changes is told. */
		if (step->kind == VIA_PLAN_POOL ||
		    (step->after.attrs.valid & (unsigned int)rows[i].attr))
			text_line(values, rows[i].name, before, after);
	}
}

static void nvme_lines(struct values *values, const struct via_plan_step *step)
{
	const struct via_sriov_nvme *before = &step->before.nvme, *after = &step->after.nvme;
	bool anew = step->kind == VIA_PLAN_CREATE;

	if (after->queues && before->queues != after->queues)
		number_line(values, "queues", anew ? NO_NUMBER : before->queues, after->queues);
	if (after->vectors && before->vectors != after->vectors)
		number_line(values, "vectors", anew ? NO_NUMBER : before->vectors, after->vectors);
	if (!anew && after->online && !before->online)
		text_line(values, "state", "offline", "online");
}

size_t via_plan_values(const struct via_plan_step *step,
		       struct via_plan_value values[static VIA_PLAN_VALUES_MAX])
{
	struct values lines = { .all = values };

	switch (step->kind) {
	case VIA_PLAN_DESTROY:
	case VIA_PLAN_CREATE:
		number_line(&lines, "vfs", step->before.count, step->after.count);
		nvme_lines(&lines, step);
		break;
	case VIA_PLAN_ATTRS:
		attr_lines(&lines, step);
		break;
	case VIA_PLAN_NVME:
		nvme_lines(&lines, step);
		break;
	case VIA_PLAN_BIND:
	case VIA_PLAN_UNBIND:
		text_line(&lines, "driver", step->before.driver, step->after.driver);
		break;
	case VIA_PLAN_POOL:
		text_line(&lines, "vfs", step->before.vfs, step->after.vfs);
		text_line(&lines, "driver", step->before.driver, step->after.driver);
		attr_lines(&lines, step);
		break;
	}
	return lines.count;
}
