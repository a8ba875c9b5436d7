/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include <viaduct/sriov/plan.h>
#include <viaduct/sriov/wanted.h>
#include <viaduct/util/cleanup.h>
#include <viaduct/util/process.h>

#include "command.h"
#include "devname.h"
#include "output.h"

/* viaduct.yaml(5): one byte more tells that there are too many. */
#define FILE_BYTES_MAX (1U << 20)

/* The service and a person may come at once; making VFs of a host takes seconds. */
#define LOCK_WAIT_MS 60000

#define RED    "\033[31m"
#define GREEN  "\033[32m"
#define NORMAL "\033[0m"

static int read_file(int fd, const char *name, char **text, size_t *bytes, struct via_error *err)
{
	via_autofree char *data = malloc(FILE_BYTES_MAX + 1);
	size_t got = 0;

	if (!data)
		return via_error_sys(err, ENOMEM, "cannot read %s", name);
	while (got <= FILE_BYTES_MAX) {
		ssize_t more = read(fd, data + got, FILE_BYTES_MAX + 1 - got);

		if (more < 0 && errno == EINTR)
			continue;
		if (more < 0)
			return via_error_sys(err, errno, "cannot read %s", name);
		if (!more)
			break;
		got += (size_t)more;
	}
	*text = via_steal_ptr(data);
	*bytes = got;
	return 0;
}

static int load(const char *path, struct via_sriov_wanted *wanted, struct via_error *err)
{
	bool is_stdin = !strcmp(path, "-");
	const char *name = is_stdin ? "standard input" : path;
	via_autoclose int fd = is_stdin ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	via_autofree char *text = NULL;
	size_t bytes = 0;
	int rc;

	if (fd < 0)
		return via_error_sys(err, errno, "cannot open %s", name);
	rc = read_file(fd, name, &text, &bytes, err);
	return rc ? rc : via_sriov_wanted_parse(name, text, bytes, wanted, err);
}

/* What a step is: for people, and in JSON. */
static const struct {
	const char *words, *name;
} kinds[] = {
	[VIA_PLAN_DESTROY] = { "take the VFs away from", "destroy" },
	[VIA_PLAN_CREATE] = { "make VFs of", "create" },
	[VIA_PLAN_ATTRS] = { "set", "set" },
	[VIA_PLAN_NVME] = { "give queues and vectors to", "resources" },
	[VIA_PLAN_BIND] = { "bind", "bind" },
	[VIA_PLAN_UNBIND] = { "unbind", "unbind" },
	[VIA_PLAN_POOL] = { "write the pool", "pool" },
};

static void print_side(const struct via_cli *cli, char sign, const char *name, const char *value)
{
	if (!*value)
		return;
	printf("%s%c   %s: %s%s\n", cli->colour ? (sign == '-' ? RED : GREEN) : "", sign, name,
	       value, cli->colour ? NORMAL : "");
}

static void print_steps(const struct via_cli *cli, const struct via_plan_step *steps, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct via_plan_value values[VIA_PLAN_VALUES_MAX];
		size_t lines = via_plan_values(&steps[i], values);

		printf("  %s %s\n", kinds[steps[i].kind].words, steps[i].name);
		for (size_t j = 0; j < lines; j++) {
			print_side(cli, '-', values[j].name, values[j].before);
			print_side(cli, '+', values[j].name, values[j].after);
		}
	}
}

static json_t *json_steps(const struct via_plan_step *steps, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++) {
		const struct via_plan_step *step = &steps[i];
		struct via_plan_value values[VIA_PLAN_VALUES_MAX];
		size_t lines = via_plan_values(step, values);

		for (size_t j = 0; j < lines; j++)
			json_array_append_new(
				list,
				json_pack("{s:s, s:o, s:o, s:s, s:o, s:o}", "step",
					  kinds[step->kind].name, "device",
					  via_json_text(step->name), "bdf",
					  via_json_text(step->kind == VIA_PLAN_POOL
								? NULL
								: via_bdf_text(step->bdf).text),
					  "what", values[j].name, "before",
					  via_json_text(values[j].before), "after",
					  via_json_text(values[j].after)));
	}
	return list;
}

static int nothing_to_do(const struct via_sriov_wanted *wanted)
{
	printf("nothing to do: the host is as %s says\n", wanted->file);
	return VIA_EXIT_DONE;
}

static int show(const struct via_cli *cli, const struct via_sriov_wanted *wanted,
		struct via_plan *plan)
{
	const struct via_plan_step *steps;
	size_t count = via_plan_steps(plan, &steps);
	struct via_error why;
	bool refused = via_plan_check(plan, &why);

	if (cli->json)
		return via_json_print(json_pack("{s:o, s:o}", "changes", json_steps(steps, count),
						"refused",
						refused ? via_json_text(why.text) : json_null()));
	if (!count)
		return nothing_to_do(wanted);
	print_steps(cli, steps, count);
	if (refused)
		via_host_log(cli->host, VIA_LOG_WARNING, "it would be refused: %s", why.text);
	return VIA_EXIT_DONE;
}

static void print_progress(void *data, const struct via_plan_step *step, size_t at, size_t count,
			   bool takes_back)
{
	const struct via_cli *cli = data;

	if (!cli->tty || cli->json)
		return;
	printf("[%zu/%zu] %s%s %s\n", at + 1, count, takes_back ? "take back: " : "",
	       kinds[step->kind].words, step->name);
	fflush(stdout);
}

/* Those that end the process. */
static void ending_signals(sigset_t *signals)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };

	sigemptyset(signals);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (!via_process_ignores(numbers[i]))
			sigaddset(signals, numbers[i]);
}

/* Whether one of the signals held off waits. */
static bool is_stopped(void *data)
{
	sigset_t waiting, held, both;

	(void)data;
	sigpending(&waiting);
	ending_signals(&held);
	sigandset(&both, &waiting, &held);
	return !sigisemptyset(&both);
}

static int apply(struct via_cli *cli, const struct via_sriov_wanted *wanted, struct via_plan *plan)
{
	const struct via_plan_watch watch = { print_progress, is_stopped, cli };
	const struct via_plan_step *steps;
	size_t count = via_plan_steps(plan, &steps);
	sigset_t held, before;
	struct via_error err;
	int rc;

	/* They end the process once all is done, or taken back. */
	ending_signals(&held);
	sigprocmask(SIG_BLOCK, &held, &before);
	rc = via_plan_apply(plan, &watch, &err);
	if (rc)
		via_error_print("%s", err.text);
	fflush(stdout);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (rc)
		return VIA_EXIT_FAILED;
	if (cli->json)
		return via_json_print(json_pack("{s:o}", "changes", json_steps(steps, count)));
	if (!count)
		return nothing_to_do(wanted);
	printf("%zu step%s done: the host is as %s says\n", count, count == 1 ? "" : "s",
	       wanted->file);
	return VIA_EXIT_DONE;
}

static int run(struct via_cli *cli, bool applies)
{
	via_cleanup(via_sriov_wanted_clear) struct via_sriov_wanted wanted = { 0 };
	via_cleanup(via_plan_freep) struct via_plan *plan = NULL;
	via_autoclose int lock_fd = -1;
	struct via_error err;

	if (load(cli->operands[0], &wanted, &err) ||
	    (applies && via_plan_lock(cli->host, LOCK_WAIT_MS, &lock_fd, &err)) ||
	    via_plan_new(cli->host, &wanted, via_devname_resolve, &plan, &err))
		return via_fail(&err);
	return applies ? apply(cli, &wanted, plan) : show(cli, &wanted, plan);
}

int cmd_plan(struct via_cli *cli, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return run(cli, false);
}

int cmd_apply(struct via_cli *cli, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return run(cli, !cli->dry_run);
}
