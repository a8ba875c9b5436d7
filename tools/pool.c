/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <viaduct/sriov/lease.h>
#include <viaduct/sriov/pf.h>
#include <viaduct/sriov/pool.h>
#include <viaduct/util/cleanup.h>

#include "change.h"
#include "command.h"
#include "devname.h"
#include "output.h"
#include "vf.h"

struct member_text {
	char text[48];
};

static struct member_text member_text(const struct via_pool_member *member)
{
	struct via_bdf_text pf = via_bdf_text(member->pf);
	struct member_text out;

	if (member->last == VIA_POOL_LAST && !member->first)
		snprintf(out.text, sizeof(out.text), "%s", pf.text);
	else if (member->last == VIA_POOL_LAST)
		snprintf(out.text, sizeof(out.text), "%s/vf%u-", pf.text, member->first);
	else if (member->first == member->last)
		snprintf(out.text, sizeof(out.text), "%s/vf%u", pf.text, member->first);
	else
		snprintf(out.text, sizeof(out.text), "%s/vf%u-%u", pf.text, member->first,
			 member->last);
	return out;
}

/* "", "/vf3", "/vf3-", or "/vf0-6". */
static bool parse_range(char *range, struct via_pool_member *member)
{
	char *dash = strchr(range, '-');

	member->first = 0;
	member->last = VIA_POOL_LAST;
	if (!*range)
		return true;
	if (dash)
		*dash++ = '\0';
	if (!via_vf_parse_number(range + strlen("/vf"), VIA_SRIOV_VFS_MAX - 1, &member->first))
		return false;
	if (!dash)
		member->last = member->first;
	return !dash || !*dash || via_vf_parse_number(dash, VIA_SRIOV_VFS_MAX - 1, &member->last);
}

static int load_member(struct via_host *host, const char *word, struct via_pool_member *member,
		       struct via_error *err)
{
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf pf = { 0 };
	via_autofree char *name = strdup(word);
	char *range;
	int rc;

	if (!name)
		return via_error_sys(err, ENOMEM, "cannot look for %s", word);
	range = strrchr(name, '/');
	if (!range || strncmp(range, "/vf", strlen("/vf")))
		range = name + strlen(name);
	if (!parse_range(range, member))
		return via_error_set(err, EINVAL,
				     "'%s' names no VFs: a PF for all of its own, PF/vf3, or "
				     "PF/vf0-6",
				     word);
	*range = '\0';
	rc = via_devname_resolve(host, name, &member->pf, err);
	if (!rc)
		rc = via_sriov_pf_load(host, member->pf, &pf, err);
	if (!rc && (member->last == VIA_POOL_LAST ? member->first : member->last) >= pf.total_vfs)
		return via_error_set(err, ERANGE, "%s can have %u VF%s at most, counted from 0",
				     via_bdf_text(pf.bdf).text, pf.total_vfs,
				     pf.total_vfs == 1 ? "" : "s");
	return rc;
}

static int load_members(const struct via_cli *cli, struct via_pool *pool, struct via_error *err)
{
	pool->members = calloc(cli->operand_count, sizeof(*pool->members));
	if (!pool->members)
		return via_error_sys(err, ENOMEM, "cannot make a pool");
	for (size_t i = 1; i < cli->operand_count; i++) {
		int rc = load_member(cli->host, cli->operands[i],
				     &pool->members[pool->member_count], err);

		if (rc)
			return rc;
		pool->member_count++;
	}
	return 0;
}

#define MEMBERS_BYTES 512

/* All of them, as far as a line of a table may go. */
static void members_text(const struct via_pool *pool, char text[static MEMBERS_BYTES])
{
	size_t used = 0;

	for (size_t i = 0; i < pool->member_count; i++) {
		if (used + sizeof(struct member_text) + strlen(",...") >= MEMBERS_BYTES) {
			strcpy(text + used, ",...");
			return;
		}
		used += (size_t)snprintf(text + used, MEMBERS_BYTES - used, "%s%s", i ? "," : "",
					 member_text(&pool->members[i]).text);
	}
}

/* What goes with others is null when it is not said. */
static json_t *json_attrs(const struct via_sriov_attrs *attrs)
{
	unsigned int valid = attrs->valid;

	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "mac",
			 via_json_text(via_vf_attr_text(attrs, VIA_SRIOV_MAC).text), "vlan",
			 valid & VIA_SRIOV_VLAN ? json_integer(attrs->vlan) : json_null(), "qos",
			 valid & VIA_SRIOV_QOS ? json_integer(attrs->qos) : json_null(), "trust",
			 valid & VIA_SRIOV_TRUST ? json_boolean(attrs->trust) : json_null(),
			 "spoofchk",
			 valid & VIA_SRIOV_SPOOFCHK ? json_boolean(attrs->spoofchk) : json_null());
}

static json_t *json_pool(const struct via_pool *pool)
{
	json_t *members = json_array();

	for (size_t i = 0; i < pool->member_count; i++) {
		const struct via_pool_member *member = &pool->members[i];

		json_array_append_new(
			members, json_pack("{s:s, s:I, s:o}", "pf", via_bdf_text(member->pf).text,
					   "first", (json_int_t)member->first, "last",
					   member->last == VIA_POOL_LAST
						   ? json_null()
						   : json_integer((json_int_t)member->last)));
	}
	return json_pack("{s:s, s:s, s:o, s:o}", "name", pool->name, "driver", pool->driver,
			 "members", members, "attributes", json_attrs(&pool->baseline));
}

static void add_row(struct via_table *table, const struct via_pool *pool)
{
	static const enum via_sriov_attr shown[] = { VIA_SRIOV_MAC, VIA_SRIOV_VLAN, VIA_SRIOV_QOS,
						     VIA_SRIOV_TRUST, VIA_SRIOV_SPOOFCHK };
	char members[MEMBERS_BYTES];

	members_text(pool, members);
	via_table_add(table, VIA_STYLE_PLAIN, "%s", pool->name);
	via_table_add(table, VIA_STYLE_PLAIN, "%s", members);
	via_table_add(table, VIA_STYLE_PLAIN, "%s", pool->driver);
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		via_table_add(table, VIA_STYLE_PLAIN, "%s",
			      via_vf_attr_text(&pool->baseline, shown[i]).text);
}

/* One pool, or with NULL all there are; those that cannot be read are told. */
static int print_pools(const struct via_cli *cli, const struct via_pool *one)
{
	static const char *const headings[] = { "POOL", "VFS", "DRIVER", "MAC",
						"VLAN", "QOS", "TRUST",	 "SPOOFCHK" };
	via_cleanup(via_names_free) struct via_names names = { 0 };
	json_t *list = cli->json ? json_array() : NULL;
	struct via_table table;
	struct via_error err;

	if (!one && via_pool_list(cli->host, &names, &err)) {
		json_decref(list);
		return via_fail(&err);
	}
	if (!cli->json)
		via_table_init(&table, sizeof(headings) / sizeof(headings[0]), headings);
	for (size_t i = 0; i < (one ? 1 : names.count); i++) {
		via_cleanup(via_pool_clear) struct via_pool loaded = { 0 };
		const struct via_pool *pool = one ? one : &loaded;

		if (!one && via_pool_load(cli->host, names.names[i], &loaded, &err)) {
			via_host_log(cli->host, VIA_LOG_WARNING, "%s", err.text);
			continue;
		}
		if (cli->json)
			json_array_append_new(list, json_pool(pool));
		else
			add_row(&table, pool);
	}
	if (cli->json)
		return via_json_print(json_pack("{s:o}", "pools", list));
	return via_table_print(cli, &table);
}

static int show_file(const struct via_cli *cli, const char *name, const char *before,
		     const char *after)
{
	struct via_changes changes;
	char path[VIA_POOL_NAME_BYTES + 32];

	snprintf(path, sizeof(path), "/run/viaduct/pools/%s", name);
	via_changes_init(&changes, cli);
	via_changes_add(&changes, path, before, after);
	return via_changes_end(&changes);
}

static int check_new(struct via_host *host, const char *name, struct via_error *err)
{
	via_cleanup(via_pool_clear) struct via_pool there = { 0 };
	int rc = via_pool_load(host, name, &there, err);

	if (rc)
		return rc == -ENOENT ? 0 : rc;
	return via_error_set(err, EEXIST,
			     "there is a pool %s already: 'viaduct vf pool remove %s' first", name,
			     name);
}

int cmd_vf_pool_create(struct via_cli *cli, int argc, char **argv)
{
	via_cleanup(via_pool_clear) struct via_pool pool = { 0 };
	const char *driver = via_cli_value(cli, "driver");
	const char *name = cli->operands[0];
	struct via_error err;
	int status = via_vf_parse_attrs(cli, &pool.baseline);

	(void)argc;
	(void)argv;
	if (status)
		return status;
	snprintf(pool.name, sizeof(pool.name), "%s", name);
	snprintf(pool.driver, sizeof(pool.driver), "%s", driver ? driver : "vfio-pci");
	/* Its own words for a name, also for one that was cut. */
	if (check_new(cli->host, name, &err) || load_members(cli, &pool, &err) ||
	    via_pool_check(&pool, &err))
		return via_fail(&err);
	if (cli->dry_run) {
		char members[MEMBERS_BYTES];

		members_text(&pool, members);
		return show_file(cli, name, "", members);
	}
	if (via_pool_save(cli->host, &pool, &err))
		return via_fail(&err);
	return print_pools(cli, &pool);
}

int cmd_vf_pool_list(struct via_cli *cli, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return print_pools(cli, NULL);
}

int cmd_vf_pool_remove(struct via_cli *cli, int argc, char **argv)
{
	const char *name = cli->operands[0];
	struct via_error err;

	(void)argc;
	(void)argv;
	if (via_pool_remove_check(cli->host, name, &err))
		return via_fail(&err);
	if (cli->dry_run)
		return show_file(cli, name, name, "");
	if (via_pool_remove(cli->host, name, &err))
		return via_fail(&err);
	if (cli->json)
		return via_json_print(json_pack("{s:[]}", "pools"));
	printf("pool %s is removed\n", name);
	return VIA_EXIT_DONE;
}
