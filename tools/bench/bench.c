/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>

#include "../output.h"
#include "options.h"
#include "report.h"

void via_bench_progress(struct via_bench *bench, const char *fmt, ...)
{
	va_list args;

	if (!bench->progress)
		return;
	fputs("\r\033[K", stderr);
	if (fmt) {
		fprintf(stderr, "run %u of %u, ", bench->run + 1, bench->options.runs);
		va_start(args, fmt);
		vfprintf(stderr, fmt, args);
		va_end(args);
	}
	fflush(stderr);
}

/*
 * The program that does the work: where it was installed, or where it was built, beside this
 * command.
 */
static int find_program(struct via_bench *bench, struct via_error *err)
{
	char self[PATH_MAX - 64];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (length > 0) {
		self[length] = '\0';
		slash = strrchr(self, '/');
		if (slash)
			*slash = '\0';
		snprintf(bench->program, sizeof(bench->program),
			 "%s/bench/guest/viaduct-bench-work", self);
		if (!access(bench->program, X_OK))
			return 0;
	}
	snprintf(bench->program, sizeof(bench->program), "%s/viaduct-bench-work",
		 VIADUCT_LIBEXECDIR);
	return access(bench->program, X_OK)
		       ? via_error_sys(err, errno, "the program that does the work is missing: %s",
				       bench->program)
		       : 0;
}

static int make_folder(struct via_bench *bench, struct via_error *err)
{
	const char *base = getenv("TMPDIR");

	if (snprintf(bench->folder, sizeof(bench->folder), "%s/viaduct-bench.XXXXXX",
		     base && *base ? base : "/tmp") >= (int)sizeof(bench->folder))
		return via_error_set(err, ENAMETOOLONG, "TMPDIR is too long");
	if (!mkdtemp(bench->folder)) {
		bench->folder[0] = '\0';
		return via_error_sys(err, errno, "cannot make a folder for temporary files");
	}
	return 0;
}

/* The one place where everything is given back. */
static void give_back(struct via_bench *bench)
{
	char path[128];

	for (unsigned int i = 0; i < VIA_BENCH_TOOLS; i++)
		via_bench_tool_clear(&bench->tools[i]);
	via_bench_hold_release(&bench->msix);
	via_bench_hold_release(&bench->hold);
	via_bench_trace_end(&bench->trace);
	if (bench->folder[0]) {
		snprintf(path, sizeof(path), "%s/initrd", bench->folder);
		unlink(path);
		snprintf(path, sizeof(path), "%s/stats", bench->folder);
		unlink(path);
		rmdir(bench->folder);
	}
	via_bench_watch_end(&bench->watch);
}

static const struct via_bench_wanted *wanted(enum via_bench_kind kind)
{
	static const struct via_bench_wanted all[VIA_BENCH_KINDS] = {
		[VIA_BENCH_NET] = { 0x0200, 0, 0, "network function" },
		[VIA_BENCH_BOOT] = { 0x0200, 0, 0, "network function" },
		[VIA_BENCH_DISK] = { 0x0108, 0, 0, "NVMe function" },
		[VIA_BENCH_IRQ] = { 0, 0x1234, 0x11e8, "edu device" }, /* and msix_wanted */
		[VIA_BENCH_BAR] = { 0, 0, 0, "function" },
		[VIA_BENCH_MAP] = { 0, 0, 0, "function" },
	};

	return &all[kind];
}

/* By name it may be any. */
static const struct via_bench_wanted msix_wanted = { 0x0200, 0, 0, "network function" };
static const struct via_bench_wanted msix_named = { 0, 0, 0, "function" };

bool via_bench_has_part(const struct via_bench *bench, const struct via_bench_part *part)
{
	if (part->by && !bench->tools[part->by->tool].ready)
		return false;
	if (bench->options.kind == VIA_BENCH_DISK)
		return bench->options.write || !strstr(part->name, "write");
	if (bench->options.kind != VIA_BENCH_IRQ)
		return true;
	return strcmp(part->name, "mask") ? bench->hold.found : bench->msix.found;
}

static void skip(struct via_bench *bench, struct via_bench_plan *plan, const char *reason)
{
	struct via_bench_subject *subject = via_bench_subject_find(bench->result, plan->name);

	plan->skipped = true;
	if (subject)
		via_bench_set(bench->result, &subject->reason, reason);
}

/* What does not exist for a kind; NULL when it does. */
static const char *impossible(enum via_bench_kind kind, const struct via_bench_plan *plan)
{
	enum via_bench_way way = plan->way;

	if (kind == VIA_BENCH_MAP)
		return way == VIA_BENCH_GROUP || way == VIA_BENCH_IOMMUFD
			       ? NULL
			       : "kind map has the backends of the IOMMU as subjects: group, "
				 "iommufd";
	if (way == VIA_BENCH_GROUP || way == VIA_BENCH_IOMMUFD)
		return "only kind map has the backends of the IOMMU as subjects";
	if (kind == VIA_BENCH_BOOT && way == VIA_BENCH_HOST)
		return "the host does not boot for this";
	if (kind == VIA_BENCH_DISK && way == VIA_BENCH_VHOST)
		return "Linux has no vhost for disks";
	if (kind == VIA_BENCH_DISK && way == VIA_BENCH_USER)
		return "a network has no disk";
	if ((kind == VIA_BENCH_IRQ || kind == VIA_BENCH_BAR) &&
	    (way == VIA_BENCH_VIRTIO || way == VIA_BENCH_VHOST || way == VIA_BENCH_USER))
		return kind == VIA_BENCH_IRQ
			       ? "no virtio device raises an interrupt when it is told to"
			       : "the registers of a virtio device are not mapped into the guest";
	return NULL;
}

static void add_subjects(struct via_bench *bench, const struct via_error *no_device)
{
	const struct via_bench_options *options = &bench->options;
	char what[160];

	for (size_t i = 0; i < bench->plan_count; i++) {
		struct via_bench_plan *plan = &bench->plans[i];
		const char *reason = impossible(options->kind, plan);
		bool needs = via_bench_needs_device(options->kind, plan->way);

		if (!reason && !needs && plan->way != VIA_BENCH_USER && options->peer &&
		    options->kind == VIA_BENCH_NET)
			reason = "a tap interface leads to this host only, not to --peer";
		if (!reason && plan->vmm && !options->kernel)
			reason = "a guest needs a kernel: --kernel FILE, or $VIADUCT_GUEST_KERNEL";
		if (!reason && needs && !bench->hold.found && !bench->msix.found)
			reason = no_device->text;
		if (needs && bench->hold.found)
			snprintf(what, sizeof(what), "%s%s%s", via_bdf_text(bench->hold.bdf).text,
				 bench->msix.found ? ", " : "",
				 bench->msix.found ? via_bdf_text(bench->msix.bdf).text : "");
		else if (needs && bench->msix.found)
			snprintf(what, sizeof(what), "%s", via_bdf_text(bench->msix.bdf).text);
		else if (plan->way == VIA_BENCH_VIRTIO || plan->way == VIA_BENCH_VHOST)
			snprintf(what, sizeof(what), "tap interface");
		else if (plan->way == VIA_BENCH_USER)
			snprintf(what, sizeof(what), "user network");
		else
			what[0] = '\0';
		via_bench_add_subject(bench->result, plan->name, plan->vmm, what[0] ? what : NULL,
				      NULL);
		if (reason)
			skip(bench, plan, reason);
	}
}

static bool is_measured(const struct via_bench *bench, const char *subject)
{
	for (size_t i = 0; i < bench->result->metric_count; i++)
		if (via_bench_figures_find(bench->result->metrics[i], subject))
			return true;
	return false;
}

static int run_plan(struct via_bench *bench, struct via_bench_plan *plan)
{
	struct via_error err = { 0 };
	int rc = via_bench_watch_check(&bench->watch, &err);

	if (!rc && !plan->skipped)
		rc = bench->options.kind == VIA_BENCH_MAP
			     ? via_bench_map(bench, plan, &err)
			     : via_bench_session_run(bench, plan, &err);
	via_bench_progress(bench, NULL);
	if (!rc || rc == -EINTR)
		return rc;
	/* What fails at first cannot be done; later it is bad luck, which is told. */
	if (!bench->run && !is_measured(bench, plan->name))
		skip(bench, plan, err.text);
	else
		via_bench_add_text(bench->result, &bench->result->warnings,
				   "Run %u of %s failed: %s", bench->run + 1, plan->name, err.text);
	return 0;
}

static int run_all(struct via_bench *bench)
{
	int rc = 0;

	/* A B A B: a noisy minute hits all of them. */
	for (bench->run = 0; !rc && bench->run < bench->options.runs; bench->run++)
		for (size_t i = 0; !rc && i < bench->plan_count; i++)
			rc = run_plan(bench, &bench->plans[i]);
	return rc;
}

static void add_context(struct via_bench *bench, int argc, char **argv)
{
	struct via_bench_result *result = bench->result;
	time_t now = time(NULL);
	struct tm utc;
	char text[32];

	via_bench_add_text(result, &result->command, "viaduct");
	via_bench_add_text(result, &result->command, "bench");
	for (int i = 1; i < argc; i++)
		via_bench_add_text(result, &result->command, "%s", argv[i]);
	gmtime_r(&now, &utc);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
	via_bench_set(result, &result->began, text);
	result->runs = bench->options.runs;
	if (bench->options.kind == VIA_BENCH_NET || bench->options.kind == VIA_BENCH_DISK)
		via_bench_add_fact(result, &result->parameters, "duration of each part", "%g s",
				   bench->options.milliseconds / 1000.0);
	if (bench->options.kind == VIA_BENCH_NET && !VIADUCT_DPDK)
		via_bench_add_text(result, &result->warnings,
				   "Frames sent by polling are not measured: viaduct was built "
				   "without DPDK.");
}

/* Return: the exit status. */
static int write_result(const struct via_bench *bench)
{
	const struct via_bench_options *options = &bench->options;
	bool print_json = options->json && !strcmp(options->json, "-");
	struct via_error err;

	if ((options->json && !print_json &&
	     via_report_write_json(bench->result, options->json, &err)) ||
	    (options->html && via_report_write_html(bench->result, options->html, &err)))
		return via_fail(&err);
	return print_json ? via_json_print(via_bench_result_json(bench->result))
			  : via_report_text(bench->cli, bench->result);
}

/* Return: the exit status. */
static int finish(struct via_bench *bench)
{
	struct via_error err;
	bool some = false;
	int status;

	via_bench_describe(bench);
	if (via_bench_result_finish(bench->result, &err))
		return via_fail(&err);
	via_bench_explain(bench);
	status = write_result(bench);
	for (size_t i = 0; i < bench->plan_count; i++)
		some |= !bench->plans[i].skipped;
	if (!some)
		via_error_print("no subject could be measured");
	return some ? status : VIA_EXIT_FAILED;
}

static bool any_needs_device(const struct via_bench *bench)
{
	for (size_t i = 0; i < bench->plan_count; i++)
		if (!impossible(bench->options.kind, &bench->plans[i]) &&
		    via_bench_needs_device(bench->options.kind, bench->plans[i].way))
			return true;
	return false;
}

static void leave_out(struct via_bench *bench, const char *part, const struct via_error *err)
{
	via_bench_add_text(bench->result, &bench->result->warnings, "There is no '%s': %s", part,
			   err->text);
}

/* One that was named is for what it can do. */
static int find_irq_devices(struct via_bench *bench, struct via_error *err)
{
	const char *name = bench->options.device;
	struct via_error no_edu = { 0 };
	int rc =
		via_bench_hold_find(&bench->hold, bench->cli, wanted(VIA_BENCH_IRQ), name, &no_edu);

	if (!rc && name)
		return 0;
	if (rc && rc != -ENODEV && rc != -EINVAL) {
		*err = no_edu;
		return rc;
	}
	if (rc)
		leave_out(bench, "interrupt", &no_edu);
	rc = via_bench_hold_find(&bench->msix, bench->cli, name ? &msix_named : &msix_wanted, name,
				 err);
	if (rc && bench->hold.found) {
		leave_out(bench, "mask", err);
		rc = 0;
	}
	return rc;
}

static int find_devices(struct via_bench *bench, struct via_error *err)
{
	if (bench->options.kind == VIA_BENCH_IRQ)
		return find_irq_devices(bench, err);
	return via_bench_hold_find(&bench->hold, bench->cli, wanted(bench->options.kind),
				   bench->options.device, err);
}

/* A guest's memory holds the initrd, and then what is in it. */
#define TOOL_SHARE 4

static int find_tool(struct via_bench *bench, enum via_bench_tool_id id, struct via_error *err)
{
	struct via_bench_tool *tool = &bench->tools[id];
	int rc = via_bench_tool_find(tool, id, &bench->watch, err);

	if (!rc && tool->bytes > bench->options.memory_bytes / TOOL_SHARE)
		rc = via_error_set(err, ENOMEM,
				   "with its libraries it takes %llu MiB, which is too much for a "
				   "guest of %llu: --memory",
				   (unsigned long long)tool->bytes >> 20,
				   (unsigned long long)bench->options.memory_bytes >> 20);
	tool->ready = !rc;
	return rc;
}

/* Only a signal keeps what else there is from being measured. */
static int find_tools(struct via_bench *bench)
{
	for (unsigned int i = 0; i < VIA_BENCH_TOOLS; i++) {
		struct via_error err = { 0 };
		int rc = 0;

		if (bench->tools[i].asked)
			rc = find_tool(bench, (enum via_bench_tool_id)i, &err);
		if (rc == -EINTR)
			return rc;
		if (rc)
			via_bench_add_text(bench->result, &bench->result->warnings,
					   "Nothing is measured by %s: %s",
					   via_bench_tool_name((enum via_bench_tool_id)i),
					   err.text);
	}
	return 0;
}

static int measure(struct via_bench *bench, int argc, char **argv)
{
	struct via_error err = { 0 }, no_device = { 0 };
	int rc = via_bench_watch_begin(&bench->watch, &err);

	if (!rc)
		rc = find_program(bench, &err);
	if (!rc)
		rc = make_folder(bench, &err);
	if (rc)
		return via_fail(&err);
	if (any_needs_device(bench)) {
		rc = find_devices(bench, &no_device);
		/* One that was asked for and is not to be had is no reason to measure the rest. */
		if (rc && bench->options.device)
			return via_fail(&no_device);
	}
	via_bench_trace_begin(&bench->trace, bench->options.kind == VIA_BENCH_BOOT);
	add_context(bench, argc, argv);
	add_subjects(bench, &no_device);
	rc = find_tools(bench);
	if (!rc)
		rc = run_all(bench);
	return rc ? VIA_EXIT_FAILED : finish(bench);
}

int cmd_bench(struct via_cli *cli, int argc, char **argv)
{
	struct via_bench bench = {
		.cli = cli,
		.hold.host = cli->host,
		.msix.host = cli->host,
		.watch.signal_fd = -1,
		.progress = isatty(STDERR_FILENO),
	};
	int status = via_bench_options_parse(&bench);

	if (status)
		return status;
	if (!via_host_is_real(cli->host)) {
		via_error_print("only a running machine can be measured, not the record of one");
		return VIA_EXIT_FAILED;
	}
	if (getloadavg(&bench.load, 1) != 1)
		bench.load = -1;
	bench.parts = via_bench_parts(bench.options.kind, &bench.part_count);
	snprintf(bench.tap, sizeof(bench.tap), "viab%u", (unsigned int)getpid() % 1000000);
	bench.result = via_bench_result_new(bench.options.kind);
	if (!bench.result) {
		via_error_print("out of memory");
		return VIA_EXIT_FAILED;
	}
	status = measure(&bench, argc, argv);
	give_back(&bench);
	via_bench_result_free(bench.result);
	if (bench.watch.signal) {
		via_error_print("ended by a signal: %s", strsignal(bench.watch.signal));
		status = 128 + bench.watch.signal;
	}
	return status;
}
