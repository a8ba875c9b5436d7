/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <viaduct/sriov/wanted.h>

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <viaduct/sriov/nvme.h>
#include <viaduct/sriov/pf.h>
#include <viaduct/util/cleanup.h>
#include <viaduct/util/text.h>

#include "yaml.h"

struct reader {
	struct via_sriov_wanted *wanted;
	struct via_error *err;
};

/* A key that something can have, and how its value is read. */
struct key {
	const char *name;
	int (*read)(const struct reader *reader, const struct via_yaml *value, void *into);
};

__attribute__((format(printf, 3, 4))) static int
refuse(const struct reader *reader, const struct via_yaml *node, const char *fmt, ...)
{
	char why[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	return via_error_set(reader->err, EINVAL, "%s:%u:%u: %s", reader->wanted->file, node->line,
			     node->column, why);
}

static int no_memory(const struct reader *reader)
{
	return via_error_sys(reader->err, ENOMEM, "cannot read %s", reader->wanted->file);
}

static struct via_sriov_place place_of(const struct via_yaml *node)
{
	return (struct via_sriov_place){ node->line, node->column };
}

#define KEY_BYTES_MAX 32U

/* How many letters make one word another: exchanged, left out, put in, or swapped with the next. */
static size_t distance(const char *a, const char *b)
{
	size_t rows[3][KEY_BYTES_MAX + 1], length = strlen(b);

	for (size_t j = 0; j <= length; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= strlen(a); i++) {
		size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= length; j++) {
			size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);

			if (above[j] + 1 < best)
				best = above[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			row[j] = best;
		}
	}
	return rows[strlen(a) % 3][length];
}

/* Smaller for keys more alike; of those as far away, for one as long. */
static size_t unlikeness(const char *word, const char *key)
{
	size_t a = strlen(word), b = strlen(key), far;

	if (a > KEY_BYTES_MAX)
		return SIZE_MAX;
	far = distance(word, key);
	/* Further away is another word. */
	if (far > 2 || far >= b)
		return SIZE_MAX;
	return far * KEY_BYTES_MAX + (a > b ? a - b : b - a);
}

static int unknown_key(const struct reader *reader, const struct via_yaml *key, const char *what,
		       const struct key *keys)
{
	const char *nearest = NULL;
	size_t best = SIZE_MAX;
	char all[200] = "";

	for (; keys->name; keys++) {
		size_t unlike = unlikeness(key->text, keys->name);

		if (unlike < best) {
			best = unlike;
			nearest = keys->name;
		}
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", *all ? ", " : "",
			 keys->name);
	}
	if (nearest)
		return refuse(reader, key, "%s has no key '%.40s': did you mean '%s'?", what,
			      key->text, nearest);
	return refuse(reader, key, "%s has no key '%.40s': there are %s", what, key->text, all);
}

static bool is_left_out(const struct via_yaml *node)
{
	return node->kind == VIA_YAML_TEXT && !*node->text;
}

static const struct via_yaml *find(const struct via_yaml *map, const char *name)
{
	for (size_t i = 0; i < map->count; i++)
		if (!strcmp(map->items[2 * i].text, name))
			return &map->items[2 * i];
	return NULL;
}

/* A mapping; what its keys say goes to @into. @must: the one it cannot be without. */
static int read_map(const struct reader *reader, const struct via_yaml *map, const char *what,
		    const struct key *keys, const char *must, void *into)
{
	if (map->kind != VIA_YAML_MAP)
		return refuse(reader, map,
			      "%s is written in lines of 'KEY: VALUE', such as '%s: ...'", what,
			      must ? must : keys->name);
	if (must && !find(map, must))
		return refuse(reader, map, "%s wants the key '%s'", what, must);
	for (size_t i = 0; i < map->count; i++) {
		const struct via_yaml *key = &map->items[2 * i];
		const struct key *known = keys;
		int rc;

		while (known->name && strcmp(known->name, key->text))
			known++;
		if (!known->name)
			return unknown_key(reader, key, what, keys);
		rc = known->read(reader, &map->items[2 * i + 1], into);
		if (rc)
			return rc;
	}
	return 0;
}

static int check_list(const struct reader *reader, const struct via_yaml *list, const char *name)
{
	if (list->kind == VIA_YAML_LIST || is_left_out(list))
		return 0;
	return refuse(reader, list, "'%s' is a list: each of its entries begins with '- '", name);
}

static int read_text(const struct reader *reader, const struct via_yaml *value, const char *what,
		     const char **text)
{
	*text = "";
	if (value->kind != VIA_YAML_TEXT)
		return refuse(reader, value, "%s is one word, not a %s", what,
			      value->kind == VIA_YAML_LIST ? "list" : "mapping");
	if (!*value->text)
		return refuse(reader, value, "%s is missing", what);
	*text = value->text;
	return 0;
}

static int read_name(const struct reader *reader, const struct via_yaml *value, const char *what,
		     struct via_sriov_wanted_name *name)
{
	const char *text;
	int rc = read_text(reader, value, what, &text);

	if (rc)
		return rc;
	name->name = strdup(text);
	name->place = place_of(value);
	return name->name ? 0 : no_memory(reader);
}

/* Decimal digits up to @end; -1 when there are none or too many. */
static long digits(const char *text, const char *end)
{
	long number = 0;

	if (text == end || end - text > 9)
		return -1;
	for (; text < end; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		number = 10 * number + (*text - '0');
	}
	return number;
}

static int read_number(const struct reader *reader, const struct via_yaml *value, const char *what,
		       unsigned int least, unsigned int most, unsigned int *number)
{
	const char *text;
	long found;
	int rc = read_text(reader, value, what, &text);

	if (rc)
		return rc;
	found = digits(text, text + strlen(text));
	if (found < (long)least || found > (long)most)
		return refuse(reader, value, "%s is a number from %u to %u, not '%.40s'", what,
			      least, most, text);
	*number = (unsigned int)found;
	return 0;
}

/* "3" or "0-3". */
static int read_range(const struct reader *reader, const struct via_yaml *value, const char *what,
		      unsigned int *first, unsigned int *last)
{
	const char *text, *dash;
	long from, to;
	int rc = read_text(reader, value, what, &text);

	if (rc)
		return rc;
	dash = strchr(text, '-');
	from = digits(text, dash ? dash : text + strlen(text));
	to = dash ? digits(dash + 1, text + strlen(text)) : from;
	if (from < 0 || to < from || to >= (long)VIA_SRIOV_VFS_MAX)
		return refuse(reader, value,
			      "%s is the index of a VF, or a range of them such as 0-3, not "
			      "'%.40s'",
			      what, text);
	*first = (unsigned int)from;
	*last = (unsigned int)to;
	return 0;
}

static int read_driver(const struct reader *reader, const struct via_yaml *value,
		       char driver[static VIA_DRIVER_NAME_BYTES])
{
	const char *text;
	int rc = read_text(reader, value, "a driver's name", &text);

	if (rc)
		return rc;
	if (strlen(text) >= VIA_DRIVER_NAME_BYTES || strchr(text, '/') || text[0] == '.')
		return refuse(reader, value, "'%.40s' is no driver's name", text);
	strcpy(driver, text);
	return 0;
}

static int read_mac(const struct reader *reader, const struct via_yaml *value, void *into)
{
	struct via_sriov_attrs *attrs = into;
	struct via_error why;
	const char *text;
	int rc = read_text(reader, value, "a MAC address", &text);

	if (rc)
		return rc;
	if (via_mac_parse(text, &attrs->mac, &why))
		return refuse(reader, value, "%.300s", why.text);
	attrs->valid |= VIA_SRIOV_MAC;
	return 0;
}

static int read_vlan(const struct reader *reader, const struct via_yaml *value, void *into)
{
	struct via_sriov_attrs *attrs = into;

	attrs->valid |= VIA_SRIOV_VLAN;
	return read_number(reader, value, "'vlan'", 0, VIA_SRIOV_VLAN_MAX, &attrs->vlan);
}

static int read_qos(const struct reader *reader, const struct via_yaml *value, void *into)
{
	struct via_sriov_attrs *attrs = into;

	attrs->valid |= VIA_SRIOV_QOS;
	return read_number(reader, value, "'qos'", 0, VIA_SRIOV_QOS_MAX, &attrs->qos);
}

static int read_switch(const struct reader *reader, const struct via_yaml *value, const char *what,
		       bool *on)
{
	const char *text;
	int rc = read_text(reader, value, what, &text);

	if (rc)
		return rc;
	*on = !strcmp(text, "on") || !strcmp(text, "true");
	if (*on || !strcmp(text, "off") || !strcmp(text, "false"))
		return 0;
	return refuse(reader, value, "%s is on or off, not '%.40s'", what, text);
}

static int read_trust(const struct reader *reader, const struct via_yaml *value, void *into)
{
	struct via_sriov_attrs *attrs = into;

	attrs->valid |= VIA_SRIOV_TRUST;
	return read_switch(reader, value, "'trust'", &attrs->trust);
}

static int read_spoofchk(const struct reader *reader, const struct via_yaml *value, void *into)
{
	struct via_sriov_attrs *attrs = into;

	attrs->valid |= VIA_SRIOV_SPOOFCHK;
	return read_switch(reader, value, "'spoofchk'", &attrs->spoofchk);
}

/* VLAN and priority are one to the driver: a VLAN without a priority has priority 0. */
static int complete_attrs(const struct reader *reader, const struct via_yaml *map,
			  unsigned int first, unsigned int last, struct via_sriov_attrs *attrs)
{
	struct via_mac end;

	if ((attrs->valid & VIA_SRIOV_QOS) && !attrs->vlan && attrs->qos)
		return refuse(reader, find(map, "qos"),
			      "'qos' is the priority in a VLAN: it wants 'vlan' beside it");
	if (attrs->valid & (VIA_SRIOV_VLAN | VIA_SRIOV_QOS))
		attrs->valid |= VIA_SRIOV_VLAN | VIA_SRIOV_QOS;
	if ((attrs->valid & VIA_SRIOV_MAC) && !via_sriov_mac_add(attrs->mac, last - first, &end))
		return refuse(reader, find(map, "mac"),
			      "counted up from here, VF %u would have none that is a MAC address "
			      "of one machine",
			      last);
	return 0;
}

bool via_sriov_mac_add(struct via_mac mac, unsigned int count, struct via_mac *sum)
{
	uint64_t number = 0;

	for (size_t i = 0; i < VIA_MAC_BYTES; i++)
		number = number << 8 | mac.octets[i];
	number += count;
	for (size_t i = VIA_MAC_BYTES; i-- > 0; number >>= 8)
		sum->octets[i] = (uint8_t)number;
	return !number && !(sum->octets[0] & 1);
}

static int read_index(const struct reader *reader, const struct via_yaml *value, void *into)
{
	struct via_sriov_wanted_vfs *vfs = into;

	vfs->place = place_of(value);
	return read_range(reader, value, "'index'", &vfs->first, &vfs->last);
}

static int read_vf_driver(const struct reader *reader, const struct via_yaml *value, void *into)
{
	return read_driver(reader, value, ((struct via_sriov_wanted_vfs *)into)->driver);
}

#define ATTR_READER(name, type)                                                                    \
	static int type##_##name(const struct reader *reader, const struct via_yaml *value,        \
				 void *into)                                                       \
	{                                                                                          \
		return read_##name(reader, value,                                                  \
				   &((struct via_sriov_wanted_##type *)into)->attrs);              \
	}
ATTR_READER(mac, vfs)
ATTR_READER(vlan, vfs)
ATTR_READER(qos, vfs)
ATTR_READER(trust, vfs)
ATTR_READER(spoofchk, vfs)
ATTR_READER(mac, pool)
ATTR_READER(vlan, pool)
ATTR_READER(qos, pool)
ATTR_READER(trust, pool)
ATTR_READER(spoofchk, pool)

static const struct key vfs_keys[] = {
	{ "index", read_index },      { "mac", vfs_mac },
	{ "vlan", vfs_vlan },	      { "qos", vfs_qos },
	{ "trust", vfs_trust },	      { "spoofchk", vfs_spoofchk },
	{ "driver", read_vf_driver }, { 0 },
};

static int read_pf_name(const struct reader *reader, const struct via_yaml *value, void *into)
{
	return read_name(reader, value, "'pf'", &((struct via_sriov_wanted_pf *)into)->pf);
}

static int read_pf_count(const struct reader *reader, const struct via_yaml *value, void *into)
{
	struct via_sriov_wanted_pf *pf = into;

	pf->has_count = true;
	pf->count_place = place_of(value);
	return read_number(reader, value, "'vfs'", 0, VIA_SRIOV_VFS_MAX, &pf->count);
}

static int read_pf_driver(const struct reader *reader, const struct via_yaml *value, void *into)
{
	return read_driver(reader, value, ((struct via_sriov_wanted_pf *)into)->driver);
}

static int read_pf_queues(const struct reader *reader, const struct via_yaml *value, void *into)
{
	return read_number(reader, value, "'queues'", VIA_SRIOV_NVME_QUEUES_MIN, UINT16_MAX,
			   &((struct via_sriov_wanted_pf *)into)->queues);
}

static int read_pf_vectors(const struct reader *reader, const struct via_yaml *value, void *into)
{
	return read_number(reader, value, "'vectors'", VIA_SRIOV_NVME_VECTORS_MIN, UINT16_MAX,
			   &((struct via_sriov_wanted_pf *)into)->vectors);
}

static int read_pf_vfs(const struct reader *reader, const struct via_yaml *list, void *into)
{
	struct via_sriov_wanted_pf *pf = into;
	int rc = check_list(reader, list, "vf");

	if (rc || !list->count)
		return rc;
	pf->vfs = calloc(list->count, sizeof(*pf->vfs));
	if (!pf->vfs)
		return no_memory(reader);
	for (size_t i = 0; i < list->count && !rc; i++) {
		struct via_sriov_wanted_vfs *vfs = &pf->vfs[pf->vfs_count++];

		rc = read_map(reader, &list->items[i], "a VF", vfs_keys, "index", vfs);
		if (!rc)
			rc = complete_attrs(reader, &list->items[i], vfs->first, vfs->last,
					    &vfs->attrs);
	}
	return rc;
}

static const struct key pf_keys[] = {
	{ "pf", read_pf_name },
	{ "vfs", read_pf_count },
	{ "driver", read_pf_driver },
	{ "queues", read_pf_queues },
	{ "vectors", read_pf_vectors },
	{ "vf", read_pf_vfs },
	{ 0 },
};

/* First to last, and where that is said. */
struct span {
	uint64_t first, last;
	struct via_sriov_place place;
};

static int compare_place(struct via_sriov_place a, struct via_sriov_place b)
{
	if (a.line != b.line)
		return a.line < b.line ? -1 : 1;
	return a.column < b.column ? -1 : a.column > b.column;
}

static int compare_spans(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return compare_place(x->place, y->place);
}

/* Two spans that share a number, the later one in the file second; false when there are none. */
static bool find_overlap(struct span *spans, size_t count, struct span *first, struct span *second,
			 uint64_t *number)
{
	qsort(spans, count, sizeof(*spans), compare_spans);
	for (size_t i = 1; i < count; i++) {
		bool swapped = compare_place(spans[i].place, spans[i - 1].place) < 0;

		if (spans[i].first > spans[i - 1].last)
			continue;
		*first = spans[swapped ? i : i - 1];
		*second = spans[swapped ? i - 1 : i];
		*number = spans[i].first;
		return true;
	}
	return false;
}

static int compare_vfs(const void *a, const void *b)
{
	const struct via_sriov_wanted_vfs *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

static int check_indices(const struct reader *reader, struct via_sriov_wanted_pf *pf)
{
	via_autofree struct span *spans = calloc(pf->vfs_count + 1, sizeof(*spans));
	struct span first, second;
	uint64_t number;

	if (!spans)
		return no_memory(reader);
	for (size_t i = 0; i < pf->vfs_count; i++) {
		const struct via_sriov_wanted_vfs *vfs = &pf->vfs[i];

		if (pf->has_count && vfs->last >= pf->count)
			return via_error_set(reader->err, EINVAL,
					     "%s:%u:%u: there is no VF %u where 'vfs' is %u: they "
					     "are counted from 0",
					     reader->wanted->file, vfs->place.line,
					     vfs->place.column, vfs->last, pf->count);
		spans[i] = (struct span){ vfs->first, vfs->last, vfs->place };
	}
	if (find_overlap(spans, pf->vfs_count, &first, &second, &number))
		return via_error_set(reader->err, EINVAL,
				     "%s:%u:%u: VF %u has an entry already, in line %u",
				     reader->wanted->file, second.place.line, second.place.column,
				     (unsigned int)number, first.place.line);
	if (pf->vfs_count)
		qsort(pf->vfs, pf->vfs_count, sizeof(*pf->vfs), compare_vfs);
	return 0;
}

static int read_pfs(const struct reader *reader, const struct via_yaml *list, void *into)
{
	struct via_sriov_wanted *wanted = into;
	int rc = check_list(reader, list, "pfs");

	if (rc || !list->count)
		return rc;
	wanted->pfs = calloc(list->count, sizeof(*wanted->pfs));
	if (!wanted->pfs)
		return no_memory(reader);
	for (size_t i = 0; i < list->count && !rc; i++) {
		struct via_sriov_wanted_pf *pf = &wanted->pfs[wanted->pf_count++];

		rc = read_map(reader, &list->items[i], "a PF", pf_keys, "pf", pf);
		if (!rc)
			rc = check_indices(reader, pf);
	}
	return rc;
}

static int read_device_name(const struct reader *reader, const struct via_yaml *value, void *into)
{
	return read_name(reader, value, "'device'",
			 &((struct via_sriov_wanted_device *)into)->device);
}

static int read_device_driver(const struct reader *reader, const struct via_yaml *value, void *into)
{
	return read_driver(reader, value, ((struct via_sriov_wanted_device *)into)->driver);
}

static const struct key device_keys[] = {
	{ "device", read_device_name },
	{ "driver", read_device_driver },
	{ 0 },
};

static int read_devices(const struct reader *reader, const struct via_yaml *list, void *into)
{
	struct via_sriov_wanted *wanted = into;
	int rc = check_list(reader, list, "devices");

	if (rc || !list->count)
		return rc;
	wanted->devices = calloc(list->count, sizeof(*wanted->devices));
	if (!wanted->devices)
		return no_memory(reader);
	for (size_t i = 0; i < list->count && !rc; i++) {
		struct via_sriov_wanted_device *device = &wanted->devices[wanted->device_count++];
		const struct via_yaml *map = &list->items[i];

		rc = read_map(reader, map, "a device", device_keys, "device", device);
		if (!rc && !*device->driver)
			rc = refuse(reader, map, "a device wants the key 'driver'");
	}
	return rc;
}

static int read_pool_pf(const struct reader *reader, const struct via_yaml *value, void *into)
{
	struct via_sriov_wanted_pool *pool = into;
	size_t count = value->kind == VIA_YAML_LIST ? value->count : 1;
	int rc = 0;

	if (!count)
		return refuse(reader, value, "a pool wants at least one PF");
	pool->pfs = calloc(count, sizeof(*pool->pfs));
	if (!pool->pfs)
		return no_memory(reader);
	for (size_t i = 0; i < count && !rc; i++)
		rc = read_name(reader, value->kind == VIA_YAML_LIST ? &value->items[i] : value,
			       "'pf'", &pool->pfs[pool->pf_count++]);
	return rc;
}

static int read_pool_vf(const struct reader *reader, const struct via_yaml *value, void *into)
{
	struct via_sriov_wanted_pool *pool = into;

	pool->has_range = true;
	return read_range(reader, value, "'vf'", &pool->first, &pool->last);
}

static int read_pool_driver(const struct reader *reader, const struct via_yaml *value, void *into)
{
	return read_driver(reader, value, ((struct via_sriov_wanted_pool *)into)->driver);
}

static const struct key pool_keys[] = {
	{ "driver", read_pool_driver },
	{ "pf", read_pool_pf },
	{ "vf", read_pool_vf },
	{ "mac", pool_mac },
	{ "vlan", pool_vlan },
	{ "qos", pool_qos },
	{ "trust", pool_trust },
	{ "spoofchk", pool_spoofchk },
	{ 0 },
};

static int read_pools(const struct reader *reader, const struct via_yaml *map, void *into)
{
	struct via_sriov_wanted *wanted = into;
	int rc = 0;

	if (is_left_out(map))
		return 0;
	if (map->kind != VIA_YAML_MAP)
		return refuse(reader, map,
			      "'pools' is written as 'NAME:', and below it what is in the pool");
	wanted->pools = calloc(map->count + 1, sizeof(*wanted->pools));
	if (!wanted->pools)
		return no_memory(reader);
	for (size_t i = 0; i < map->count && !rc; i++) {
		struct via_sriov_wanted_pool *pool = &wanted->pools[wanted->pool_count++];
		const struct via_yaml *of = &map->items[2 * i + 1];

		rc = read_name(reader, &map->items[2 * i], "a pool's name", &pool->pool);
		if (!rc)
			rc = read_map(reader, of, "a pool", pool_keys, "pf", pool);
		if (!rc)
			rc = complete_attrs(reader, of, pool->first, pool->last, &pool->attrs);
	}
	return rc;
}

static const struct key keys[] = {
	{ "pfs", read_pfs },
	{ "devices", read_devices },
	{ "pools", read_pools },
	{ 0 },
};

static struct span mac_span(const struct via_sriov_attrs *attrs, unsigned int count,
			    struct via_sriov_place place)
{
	struct span span = { .place = place };

	for (size_t i = 0; i < VIA_MAC_BYTES; i++)
		span.first = span.first << 8 | attrs->mac.octets[i];
	span.last = span.first + count;
	return span;
}

/* A switch that learns an address at two ports sends to neither for long. */
static int check_macs(const struct reader *reader)
{
	const struct via_sriov_wanted *wanted = reader->wanted;
	via_autofree struct span *spans = NULL;
	struct span first, second;
	struct via_mac mac;
	size_t all = 1, count = 0;
	uint64_t number;

	for (size_t i = 0; i < wanted->pf_count; i++)
		all += wanted->pfs[i].vfs_count;
	spans = calloc(all, sizeof(*spans));
	if (!spans)
		return no_memory(reader);
	for (size_t i = 0; i < wanted->pf_count; i++) {
		const struct via_sriov_wanted_pf *pf = &wanted->pfs[i];

		for (size_t j = 0; j < pf->vfs_count; j++) {
			const struct via_sriov_wanted_vfs *vfs = &pf->vfs[j];

			if (vfs->attrs.valid & VIA_SRIOV_MAC)
				spans[count++] =
					mac_span(&vfs->attrs, vfs->last - vfs->first, vfs->place);
		}
	}
	if (!find_overlap(spans, count, &first, &second, &number))
		return 0;
	for (size_t i = VIA_MAC_BYTES; i-- > 0; number >>= 8)
		mac.octets[i] = (uint8_t)number;
	return via_error_set(reader->err, EINVAL,
			     "%s:%u:%u: the MAC address %s is given here and in line %u, and two "
			     "VFs cannot have one",
			     wanted->file, second.place.line, second.place.column,
			     via_mac_text(mac).text, first.place.line);
}

static int parse(const struct reader *reader, const char *text, size_t bytes)
{
	via_cleanup(via_yaml_freep) struct via_yaml *root = NULL;
	int rc = via_yaml_parse(reader->wanted->file, text, bytes, &root, reader->err);

	if (!rc)
		rc = read_map(reader, root, "the file", keys, NULL, reader->wanted);
	return rc ? rc : check_macs(reader);
}

int via_sriov_wanted_parse(const char *file, const char *text, size_t bytes,
			   struct via_sriov_wanted *wanted, struct via_error *err)
{
	const struct reader reader = { .wanted = wanted, .err = err };
	int rc;

	wanted->file = strdup(file);
	rc = wanted->file ? parse(&reader, text, bytes)
			  : via_error_sys(err, ENOMEM, "cannot read %s", file);
	if (rc) {
		via_sriov_wanted_clear(wanted);
		/* It may quote what is in no sentence: keys and values of several lines. */
		if (err)
			via_text_make_printable(err->text);
	}
	return rc;
}

void via_sriov_wanted_clear(struct via_sriov_wanted *wanted)
{
	for (size_t i = 0; i < wanted->pf_count; i++) {
		free(wanted->pfs[i].pf.name);
		free(wanted->pfs[i].vfs);
	}
	for (size_t i = 0; i < wanted->device_count; i++)
		free(wanted->devices[i].device.name);
	for (size_t i = 0; i < wanted->pool_count; i++) {
		free(wanted->pools[i].pool.name);
		for (size_t j = 0; j < wanted->pools[i].pf_count; j++)
			free(wanted->pools[i].pfs[j].name);
		free(wanted->pools[i].pfs);
	}
	free(wanted->pfs);
	free(wanted->devices);
	free(wanted->pools);
	free(wanted->file);
	*wanted = (struct via_sriov_wanted){ 0 };
}
