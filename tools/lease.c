/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <viaduct/sriov/lease.h>
#include <viaduct/sriov/pf.h>
#include <viaduct/sriov/pool.h>
#include <viaduct/util/cleanup.h>
#include <viaduct/vfio/bind.h>

#include "change.h"
#include "command.h"
#include "devname.h"
#include "lease-hold.h"
#include "output.h"
#include "vf.h"

#define WAIT_PERIOD_MS 250
#define STATUS_SIGNAL  128

/* What was asked of 'vf lease'. */
struct wanted {
	const char *pool;
	struct via_lease_options options;
	unsigned int wait_seconds;
	bool wait_forever;
	bool hold;
	char **command; /* ended by a NULL; NULL with --hold */
};

/* Returns 0 or the exit status. */
static int parse(const struct via_cli *cli, struct wanted *wanted)
{
	const char *node = via_cli_value(cli, "node");
	const char *owner = via_cli_value(cli, "owner");
	const char *wait = via_cli_value(cli, "wait");
	unsigned int number;

	*wanted = (struct wanted){ .pool = cli->operands[0], .options = { .node = -1 } };
	if (node && !via_vf_parse_number(node, INT_MAX, &number))
		return via_usage_error("'%s' is not a NUMA node", node);
	if (node)
		wanted->options.node = (int)number;
	if (owner && (!via_vf_parse_number(owner, INT_MAX, &number) || !number))
		return via_usage_error("'%s' is not the number of a process", owner);
	if (owner)
		wanted->options.owner = (pid_t)number;
	wanted->wait_forever = wait && !strcmp(wait, "forever");
	if (wait && !wanted->wait_forever &&
	    !via_vf_parse_number(wait, INT_MAX / 1000, &wanted->wait_seconds))
		return via_usage_error("'%s' is not a number of seconds, nor 'forever'", wait);
	wanted->hold = via_cli_flag(cli, "hold");
	if (cli->operand_count > 1)
		wanted->command = cli->operands + 1;
	if (wanted->hold && wanted->command)
		return via_usage_error("either --hold or a command, not both");
	if (!wanted->hold && !wanted->command && !cli->dry_run)
		return via_usage_error("'vf lease' wants a command after --, or --hold");
	if (cli->json && !wanted->hold && !cli->dry_run)
		return via_usage_error(
			"--json is for --hold: with a command, what is printed is its");
	return 0;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* A free VF, at once or after a while. *@signal: what ended the wait. */
static int take(const struct via_cli *cli, const struct wanted *wanted, const struct via_pool *pool,
		struct via_lease_watch *watch, struct via_lease **lease, int *signal,
		struct via_error *err)
{
	int64_t deadline = now_ms() + wanted->wait_seconds * INT64_C(1000);

	for (;;) {
		int rc = via_lease_take(cli->host, pool, &wanted->options, lease, err);

		if (rc != -EBUSY || (!wanted->wait_forever && now_ms() >= deadline))
			return rc;
		*signal = via_lease_watch_pause(watch, WAIT_PERIOD_MS);
		if (*signal)
			return rc;
	}
}

static int print_lease(const struct via_cli *cli, const struct via_pool *pool,
		       const struct via_lease *lease)
{
	const struct via_lease_choice *choice = via_lease_choice(lease);
	int status = VIA_EXIT_DONE;

	if (cli->json)
		status = via_json_print(json_pack("{s:s, s:s, s:s, s:I}", "device",
						  via_bdf_text(choice->bdf).text, "pool",
						  pool->name, "pf", via_bdf_text(choice->pf).text,
						  "index", (json_int_t)choice->index));
	else
		puts(via_bdf_text(choice->bdf).text);
	/* Who reads it goes on now. */
	fflush(stdout);
	return status;
}

static int show_lease(const struct via_cli *cli, const struct wanted *wanted,
		      const struct via_pool *pool)
{
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf pf = { 0 };
	struct via_lease_choice choice;
	struct via_changes changes;
	struct via_error err;
	char path[64];

	if (via_lease_find(cli->host, pool, &wanted->options, &choice, &err) ||
	    via_sriov_pf_load(cli->host, choice.pf, &pf, &err))
		return via_fail(&err);
	via_changes_init(&changes, cli);
	if (via_vfio_bind_plan(cli->host, choice.bdf, pool->driver, via_changes_add_file, &changes,
			       &err)) {
		json_decref(changes.list);
		return via_fail(&err);
	}
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/reset",
		 via_bdf_text(choice.bdf).text);
	via_changes_add(&changes, path, NULL, "1");
	via_vf_add_attrs(&changes, &pf, choice.index, 0, &choice.before, &choice.after);
	return via_changes_end(&changes);
}

/* The lease is taken. */
static int serve(const struct via_cli *cli, const struct wanted *wanted,
		 const struct via_pool *pool, struct via_lease_watch *watch,
		 struct via_lease *lease)
{
	int status = VIA_EXIT_DONE, rc = 0;
	struct via_error err;

	if (wanted->hold) {
		status = print_lease(cli, pool, lease);
		via_lease_hold(watch);
	} else {
		rc = via_lease_run(watch, lease, wanted->command, &status, &err);
	}
	if (rc)
		status = via_fail(&err);
	/* How the command ended is still what the status tells. */
	if (via_lease_end(lease, &err)) {
		via_host_log(cli->host, VIA_LOG_WARNING, "%s", err.text);
		status = wanted->hold ? VIA_EXIT_FAILED : status;
	}
	return status;
}

int cmd_vf_lease(struct via_cli *cli, int argc, char **argv)
{
	via_cleanup(via_pool_clear) struct via_pool pool = { 0 };
	struct via_lease_watch watch;
	struct via_lease *lease;
	struct wanted wanted;
	struct via_error err;
	int signal = 0, status = parse(cli, &wanted);

	(void)argc;
	(void)argv;
	if (status)
		return status;
	if (via_pool_load(cli->host, wanted.pool, &pool, &err))
		return via_fail(&err);
	if (cli->dry_run)
		return show_lease(cli, &wanted, &pool);
	if (via_lease_watch_begin(&watch, wanted.options.owner, &err))
		return via_fail(&err);
	if (!take(cli, &wanted, &pool, &watch, &lease, &signal, &err))
		status = serve(cli, &wanted, &pool, &watch, lease);
	else
		status = signal ? STATUS_SIGNAL + signal : via_fail(&err);
	via_lease_watch_end(&watch);
	return status;
}

static const char *state_text(const struct via_lease_info *info)
{
	if (info->record.state == VIA_LEASE_ASIDE)
		return "aside";
	return info->held ? "held" : "ended";
}

static json_t *json_process(struct via_host *host, struct via_process_id id)
{
	struct via_process process;

	if (!via_process_is_alive(host, id))
		return json_null();
	via_process_describe(host, id.pid, &process);
	return json_pack("{s:I, s:o}", "pid", (json_int_t)id.pid, "name",
			 via_json_text(process.comm));
}

static json_t *json_lease(struct via_host *host, const struct via_lease_info *info)
{
	const struct via_lease_record *record = &info->record;

	return json_pack("{s:s, s:o, s:s, s:o, s:o, s:o}", "device", via_bdf_text(info->bdf).text,
			 "pool", via_json_text(record->pool), "state", state_text(info), "keeper",
			 json_process(host, record->keeper), "holder",
			 json_process(host, record->holder), "why", via_json_text(record->why));
}

static void add_process(struct via_host *host, struct via_table *table,
			const struct via_lease_record *record)
{
	bool has_holder = via_process_is_alive(host, record->holder);
	struct via_process_id id = has_holder ? record->holder : record->keeper;
	struct via_process process;

	if (!via_process_is_alive(host, id)) {
		via_table_add(table, VIA_STYLE_PLAIN, "%s", "");
		return;
	}
	via_process_describe(host, id.pid, &process);
	via_table_add(table, VIA_STYLE_PLAIN, "%d (%s)", (int)id.pid, process.comm);
}

static int print_leases(const struct via_cli *cli)
{
	static const char *const headings[] = { "DEVICE", "POOL", "STATE", "PROCESS", "WHY" };
	via_cleanup(via_leases_free) struct via_leases leases = { 0 };
	struct via_table table;
	struct via_error err;
	json_t *list;

	if (via_lease_list(cli->host, &leases, &err))
		return via_fail(&err);
	if (cli->json) {
		list = json_array();
		for (size_t i = 0; i < leases.count; i++)
			json_array_append_new(list, json_lease(cli->host, &leases.all[i]));
		return via_json_print(json_pack("{s:o}", "leases", list));
	}
	via_table_init(&table, sizeof(headings) / sizeof(headings[0]), headings);
	for (size_t i = 0; i < leases.count; i++) {
		const struct via_lease_record *record = &leases.all[i].record;

		via_table_add(&table, VIA_STYLE_PLAIN, "%s", via_bdf_text(leases.all[i].bdf).text);
		via_table_add(&table, VIA_STYLE_PLAIN, "%s", record->pool);
		via_table_add(&table,
			      record->state == VIA_LEASE_ASIDE ? VIA_STYLE_WARNING
							       : VIA_STYLE_PLAIN,
			      "%s", state_text(&leases.all[i]));
		add_process(cli->host, &table, record);
		via_table_add(&table, VIA_STYLE_PLAIN, "%s", record->why);
	}
	return via_table_print(cli, &table);
}

int cmd_vf_leases(struct via_cli *cli, int argc, char **argv)
{
	struct via_error err;

	(void)argc;
	(void)argv;
	/* Whoever may only look sees what was left. */
	if (via_lease_recover(cli->host, NULL, &err) == -ENOMEM)
		return via_fail(&err);
	return print_leases(cli);
}

static int show_release(const struct via_cli *cli, const struct via_bdf *one)
{
	via_cleanup(via_leases_free) struct via_leases leases = { 0 };
	struct via_changes changes;
	struct via_error err;
	bool found = false;

	if (via_lease_list(cli->host, &leases, &err))
		return via_fail(&err);
	via_changes_init(&changes, cli);
	for (size_t i = 0; i < leases.count; i++) {
		const struct via_lease_info *info = &leases.all[i];
		char path[64];

		if (one ? !via_bdf_equal(info->bdf, *one) : strcmp(state_text(info), "ended"))
			continue;
		found = true;
		snprintf(path, sizeof(path), "/run/viaduct/leases/%s",
			 via_bdf_text(info->bdf).text);
		via_changes_add(&changes, path, state_text(info), "");
	}
	if (one && !found) {
		json_decref(changes.list);
		via_error_set(&err, ENOENT, "%s is not on lease", via_bdf_text(*one).text);
		return via_fail(&err);
	}
	return via_changes_end(&changes);
}

static int release_dead(const struct via_cli *cli)
{
	struct via_error err;
	size_t count;

	if (via_lease_recover(cli->host, &count, &err))
		return via_fail(&err);
	if (cli->json)
		return print_leases(cli);
	printf("%zu set free\n", count);
	return VIA_EXIT_DONE;
}

int cmd_vf_release(struct via_cli *cli, int argc, char **argv)
{
	bool all_dead = via_cli_flag(cli, "all-dead");
	struct via_error err;
	struct via_bdf bdf;

	(void)argc;
	(void)argv;
	if (all_dead == (cli->operand_count == 1))
		return via_usage_error("'vf release' wants a device or --all-dead");
	if (!all_dead && via_devname_resolve(cli->host, cli->operands[0], &bdf, &err))
		return via_fail(&err);
	if (cli->dry_run)
		return show_release(cli, all_dead ? NULL : &bdf);
	if (all_dead)
		return release_dead(cli);
	if (via_lease_release(cli->host, bdf, &err))
		return via_fail(&err);
	if (cli->json)
		return print_leases(cli);
	printf("%s is free\n", via_bdf_text(bdf).text);
	return VIA_EXIT_DONE;
}
