/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <viaduct/sriov/pool.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_ether.h>

#include <viaduct/sriov/lease.h>
#include <viaduct/sriov/pf.h>
#include <viaduct/util/cleanup.h>

#include "attr-text.h"

#define DIRECTORY "run/viaduct/pools"
#define VERSION	  "viaduct-pool 1"
#define NAME_CHARS                                                                                 \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"                                     \
	"0123456789._-"

/* "member=ffffffff:ff:1f.7 65534-65534" and the lines that are there once. */
#define MEMBER_BYTES 48U
#define FILE_BYTES   (VIA_POOL_MEMBERS_MAX * MEMBER_BYTES + 512U)

static bool name_valid(const char *name, size_t max_bytes)
{
	size_t length = strlen(name);

	return length && length < max_bytes && name[0] != '.' && strspn(name, NAME_CHARS) == length;
}

static int name_check(const char *name, struct via_error *err)
{
	return name_valid(name, VIA_POOL_NAME_BYTES)
		       ? 0
		       : via_error_set(err, EINVAL,
				       "'%s' cannot be the name of a pool: up to %d letters, "
				       "digits, '.', '_' and '-', and no '.' first",
				       name, VIA_POOL_NAME_BYTES - 1);
}

static bool overlap(const struct via_pool_member *a, const struct via_pool_member *b)
{
	return via_bdf_equal(a->pf, b->pf) && a->first <= b->last && b->first <= a->last;
}

static int members_check(const struct via_pool *pool, struct via_error *err)
{
	if (!pool->member_count || pool->member_count > VIA_POOL_MEMBERS_MAX)
		return via_error_set(err, EINVAL, "pool %s has %zu ranges of VFs: 1 to %u can be",
				     pool->name, pool->member_count, VIA_POOL_MEMBERS_MAX);
	for (size_t i = 0; i < pool->member_count; i++) {
		const struct via_pool_member *member = &pool->members[i];
		struct via_bdf_text pf = via_bdf_text(member->pf);

		if (member->first > member->last || member->first >= VIA_SRIOV_VFS_MAX ||
		    (member->last >= VIA_SRIOV_VFS_MAX && member->last != VIA_POOL_LAST))
			return via_error_set(err, EINVAL, "VFs %u to %u of %s are none",
					     member->first, member->last, pf.text);
		for (size_t other = 0; other < i; other++)
			if (overlap(member, &pool->members[other]))
				return via_error_set(err, EINVAL,
						     "pool %s would have VFs of %s twice",
						     pool->name, pf.text);
	}
	return 0;
}

static int baseline_check(const struct via_pool *pool, struct via_error *err)
{
	const struct via_sriov_attrs *attrs = &pool->baseline;

	if (attrs->valid & VIA_SRIOV_VLAN && attrs->vlan > VIA_SRIOV_VLAN_MAX)
		return via_error_set(err, EINVAL, "VLAN %u does not exist: 1 to %u, or 0 for none",
				     attrs->vlan, VIA_SRIOV_VLAN_MAX);
	if (attrs->valid & VIA_SRIOV_VLAN && attrs->vlan_protocol &&
	    attrs->vlan_protocol != ETH_P_8021Q && attrs->vlan_protocol != ETH_P_8021AD)
		return via_error_set(err, EINVAL, "0x%04x is not the protocol of a VLAN",
				     attrs->vlan_protocol);
	if (attrs->valid & VIA_SRIOV_QOS && attrs->qos > VIA_SRIOV_QOS_MAX)
		return via_error_set(err, EINVAL, "priority %u does not exist: 0 to %u", attrs->qos,
				     VIA_SRIOV_QOS_MAX);
	if (attrs->valid & VIA_SRIOV_QOS && attrs->qos &&
	    !(attrs->valid & VIA_SRIOV_VLAN && attrs->vlan))
		return via_error_set(err, EINVAL, "without a VLAN there is no priority %u to give",
				     attrs->qos);
	if (attrs->valid & VIA_SRIOV_MAC) {
		size_t last = pool->member_count - 1;
		const struct via_pool_member *member = &pool->members[last];
		struct via_sriov_attrs unused;
		struct via_mac first;
		int rc = via_mac_parse(via_mac_text(attrs->mac).text, &first, err);

		if (rc)
			return rc;
		return via_pool_baseline(
			pool, last, member->last == VIA_POOL_LAST ? member->first : member->last,
			&unused, err);
	}
	return 0;
}

int via_pool_check(const struct via_pool *pool, struct via_error *err)
{
	int rc = name_check(pool->name, err);

	if (!rc && !name_valid(pool->driver, VIA_DRIVER_NAME_BYTES))
		rc = via_error_set(err, EINVAL, "\"%s\" is no driver's name", pool->driver);
	if (!rc)
		rc = members_check(pool, err);
	return rc ? rc : baseline_check(pool, err);
}

/* @mac and @count more; the address stays one a VF can have. */
static bool mac_add(struct via_mac *mac, uint64_t count)
{
	uint64_t number = 0;

	for (size_t i = 0; i < VIA_MAC_BYTES; i++)
		number = number << 8 | mac->octets[i];
	number += count;
	if (number >> 8 * VIA_MAC_BYTES)
		return false;
	for (size_t i = VIA_MAC_BYTES; i-- > 0; number >>= 8)
		mac->octets[i] = (uint8_t)number;
	return !via_mac_parse(via_mac_text(*mac).text, mac, NULL);
}

int via_pool_baseline(const struct via_pool *pool, size_t member, unsigned int index,
		      struct via_sriov_attrs *attrs, struct via_error *err)
{
	struct via_sriov_attrs found = pool->baseline;
	uint64_t before = index - pool->members[member].first;

	for (size_t i = 0; found.valid & VIA_SRIOV_MAC && i < member; i++) {
		const struct via_pool_member *earlier = &pool->members[i];

		if (earlier->last == VIA_POOL_LAST)
			return via_error_set(err, EINVAL,
					     "which MAC addresses the VFs of pool %s have is not "
					     "known: say how many of %s are in it, as in %s/vf0-6",
					     pool->name, via_bdf_text(earlier->pf).text,
					     via_bdf_text(earlier->pf).text);
		before += (uint64_t)earlier->last - earlier->first + 1;
	}
	if (found.valid & VIA_SRIOV_MAC && !mac_add(&found.mac, before))
		return via_error_set(err, EINVAL,
				     "there are not enough MAC addresses from %s on for the VFs "
				     "of pool %s",
				     via_mac_text(pool->baseline.mac).text, pool->name);
	*attrs = found;
	return 0;
}

static void member_format(const struct via_pool_member *member, char *line, size_t line_bytes)
{
	struct via_bdf_text pf = via_bdf_text(member->pf);

	if (member->last == VIA_POOL_LAST)
		snprintf(line, line_bytes, "member=%s %u-\n", pf.text, member->first);
	else
		snprintf(line, line_bytes, "member=%s %u-%u\n", pf.text, member->first,
			 member->last);
}

static int cannot_write(const char *name, int rc, struct via_error *err)
{
	if (rc == -EACCES || rc == -EPERM)
		return via_error_set(err, EACCES,
				     "changing pool %s takes root: this user may not write "
				     "/" DIRECTORY,
				     name);
	return via_error_sys(err, -rc, "cannot write the pool /" DIRECTORY "/%s", name);
}

int via_pool_save(struct via_host *host, const struct via_pool *pool, struct via_error *err)
{
	char baseline[VIA_SRIOV_ATTRS_TEXT_BYTES], text[FILE_BYTES];
	size_t used;
	int rc = via_pool_check(pool, err);

	if (rc)
		return rc;
	via_sriov_attrs_format(&pool->baseline, baseline);
	used = (size_t)snprintf(text, sizeof(text), VERSION "\ndriver=%s\nbaseline=%s\n",
				pool->driver, baseline);
	for (size_t i = 0; i < pool->member_count; i++) {
		member_format(&pool->members[i], text + used, sizeof(text) - used);
		used += strlen(text + used);
	}
	rc = via_host_replace(host, text, DIRECTORY "/%s", pool->name);
	return rc ? cannot_write(pool->name, rc, err) : 0;
}

/* Digits alone, below VIA_SRIOV_VFS_MAX; *@text is what comes after. */
static bool index_parse(char **text, unsigned int *index)
{
	char *end;
	unsigned long number;

	if (**text < '0' || **text > '9')
		return false;
	errno = 0;
	number = strtoul(*text, &end, 10);
	if (errno || number >= VIA_SRIOV_VFS_MAX)
		return false;
	*text = end;
	*index = (unsigned int)number;
	return true;
}

/* "0000:01:00.0 0-6", and "0000:01:00.0 0-" for all. */
static bool member_parse(char *text, struct via_pool_member *member)
{
	char *range = strchr(text, ' ');

	if (!range)
		return false;
	*range++ = '\0';
	if (via_bdf_parse(text, &member->pf) || !index_parse(&range, &member->first) ||
	    *range++ != '-')
		return false;
	member->last = VIA_POOL_LAST;
	return !*range || (index_parse(&range, &member->last) && !*range);
}

static bool line_parse(char *line, struct via_pool *pool, unsigned int *seen)
{
	char *value = strchr(line, '=');

	if (!value)
		return false;
	*value++ = '\0';
	if (!strcmp(line, "member"))
		return pool->member_count < VIA_POOL_MEMBERS_MAX &&
		       member_parse(value, &pool->members[pool->member_count++]);
	if (!strcmp(line, "driver") && !(*seen & 1) && strlen(value) < sizeof(pool->driver)) {
		strcpy(pool->driver, value);
		*seen |= 1;
		return true;
	}
	if (strcmp(line, "baseline") || *seen & 2)
		return false;
	*seen |= 2;
	return !via_sriov_attrs_parse(value, &pool->baseline);
}

static bool file_parse(char *text, struct via_pool *pool)
{
	unsigned int seen = 0;
	char *line = strsep(&text, "\n");

	if (strcmp(line, VERSION))
		return false;
	while ((line = strsep(&text, "\n")))
		if (!line_parse(line, pool, &seen))
			return false;
	return !via_pool_check(pool, NULL);
}

static int no_pool(struct via_host *host, const char *name, struct via_error *err)
{
	via_cleanup(via_names_free) struct via_names names = { 0 };

	return via_error_set(err, ENOENT, "there is no pool %s: %s", name,
			     !via_pool_list(host, &names, NULL) && names.count
				     ? "'viaduct vf pool list' shows those there are"
				     : "'viaduct vf pool create' makes one");
}

int via_pool_load(struct via_host *host, const char *name, struct via_pool *pool,
		  struct via_error *err)
{
	struct via_pool found = { 0 };
	char text[FILE_BYTES];
	int rc = name_check(name, err);

	if (rc)
		return rc;
	rc = via_host_read(host, text, sizeof(text), DIRECTORY "/%s", name);
	if (rc == -ENOENT)
		return no_pool(host, name, err);
	if (rc && rc != -EMSGSIZE && rc != -EILSEQ)
		return via_error_sys(err, -rc, "cannot read the pool /" DIRECTORY "/%s", name);
	found.members = calloc(VIA_POOL_MEMBERS_MAX, sizeof(*found.members));
	if (!found.members)
		return via_error_sys(err, ENOMEM, "cannot read the pool %s", name);
	strcpy(found.name, name);
	if (rc || !file_parse(text, &found)) {
		via_pool_clear(&found);
		return via_error_set(err, EPROTO,
				     "pool %s is damaged, or of another version of Viaduct: look "
				     "at /" DIRECTORY "/%s and remove it",
				     name, name);
	}
	*pool = found;
	return 0;
}

void via_pool_clear(struct via_pool *pool)
{
	free(pool->members);
	*pool = (struct via_pool){ 0 };
}

int via_pool_list(struct via_host *host, struct via_names *names, struct via_error *err)
{
	struct via_names found = { 0 };
	size_t kept = 0;
	int rc = via_host_list(host, &found, DIRECTORY);

	if (rc && rc != -ENOENT)
		return via_error_sys(err, -rc, "cannot list /" DIRECTORY);
	for (size_t i = 0; i < found.count; i++) {
		/* Not those that were being written when a process was killed. */
		if (name_valid(found.names[i], VIA_POOL_NAME_BYTES))
			found.names[kept++] = found.names[i];
		else
			free(found.names[i]);
	}
	found.count = kept;
	*names = found;
	return 0;
}

static int check_no_lease(struct via_host *host, const char *name, struct via_error *err)
{
	via_cleanup(via_leases_free) struct via_leases leases = { 0 };
	int rc = via_lease_list(host, &leases, err);

	for (size_t i = 0; !rc && i < leases.count; i++) {
		const struct via_lease_record *record = &leases.all[i].record;
		struct via_process process;

		if (!leases.all[i].held || strcmp(record->pool, name))
			continue;
		via_process_describe(host,
				     record->holder.pid ? record->holder.pid : record->keeper.pid,
				     &process);
		return via_error_set(err, EBUSY, "%s of pool %s is on lease to process %d (%s)",
				     via_bdf_text(leases.all[i].bdf).text, name, (int)process.pid,
				     process.comm);
	}
	return rc;
}

int via_pool_remove_check(struct via_host *host, const char *name, struct via_error *err)
{
	int rc = name_check(name, err);

	if (!rc && !via_host_exists(host, DIRECTORY "/%s", name))
		rc = no_pool(host, name, err);
	return rc ? rc : check_no_lease(host, name, err);
}

int via_pool_remove(struct via_host *host, const char *name, struct via_error *err)
{
	int rc = via_pool_remove_check(host, name, err);

	if (rc)
		return rc;
	rc = via_host_remove(host, DIRECTORY "/%s", name);
	return rc ? cannot_write(name, rc, err) : 0;
}
