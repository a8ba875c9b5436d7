/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#include <viaduct/util/text.h>

#include "guest/work.h"

/* A guest on an emulated host may take minutes to come up. */
#define SILENCE_SECONDS 300
#define END_SECONDS	60

static const char go[] = "go\n";

static int start_peer(struct via_bench_session *session, struct via_error *err)
{
	struct via_bench *bench = session->bench;
	char *argv[] = { bench->program, (char *)"peer", (char *)VIA_BENCH_PEER, NULL };
	const struct via_bench_start start = { 0 };
	const char *line;
	int rc = via_bench_child_start(&session->peer, argv, &start, err);

	if (!rc)
		rc = via_bench_child_line(&session->peer, &bench->watch, SILENCE_SECONDS, &line,
					  err);
	if (!rc && strcmp(line, TALK_PREFIX "listening"))
		rc = via_error_set(err, EADDRINUSE, "the peer: %s", line);
	return rc;
}

static int started(void *data, pid_t pid, struct via_error *err)
{
	struct via_bench_session *session = data;

	via_bench_watched_open(&session->watched, pid, session->is_guest, &session->bench->trace);
	clock_gettime(CLOCK_MONOTONIC, &session->began);
	return session->line.netdev[0] ? via_bench_hold_move(session->line.netdev, pid, err) : 0;
}

static int start(struct via_bench_session *session, struct via_error *err)
{
	const struct via_bench_start how = {
		.own_network = session->line.netdev[0],
		.prepare = started,
		.data = session,
	};
	enum via_bench_kind kind = session->bench->options.kind;
	int rc = 0;

	if ((kind == VIA_BENCH_NET || kind == VIA_BENCH_BOOT) && !session->bench->options.peer)
		rc = start_peer(session, err);
	if (!rc)
		rc = via_bench_line_make(&session->line, session->bench, session->plan, err);
	return rc ? rc : via_bench_child_start(&session->child, session->line.argv, &how, err);
}

struct via_bench_figures *via_bench_session_figures(struct via_bench_session *session,
						    const char *name, const char *title,
						    enum via_bench_unit unit,
						    enum via_bench_better better, bool time)
{
	struct via_bench_result *result = session->bench->result;
	struct via_bench_metric *metric = via_bench_metric_find(result, name);

	if (!metric)
		metric = via_bench_add_metric(result, name, title, unit, better, time);
	return via_bench_figures(result, metric, session->plan->name);
}

static void add_costs(struct via_bench_session *session, struct via_bench_figures *of,
		      const struct via_bench_part *part, double operations)
{
	const struct via_bench_counters *costs = &session->costs;
	bool by_child = part->by && !session->is_guest;

	for (size_t i = 0; i < costs->count; i++) {
		const struct via_bench_counter *counter = &costs->counters[i];

		/* Of a child that has ended its parent is told the processor time only. */
		if (by_child && (counter->group == VIA_BENCH_CONTEXT_SWITCHES ||
				 counter->group == VIA_BENCH_INSTRUCTIONS))
			continue;
		/* Reasons of the guest's boot are not worth a row of zeros. */
		if (counter->value > 0 || !strcmp(counter->name, VIA_BENCH_TOTAL))
			via_bench_add_cost(session->bench->result, of, counter->group,
					   counter->name, counter->value / operations);
	}
}

/* One processor for each vCPU, in the order of their threads. */
static void pin(struct via_bench_session *session)
{
	const struct via_bench_options *options = &session->bench->options;
	struct via_bench_counters counters;
	unsigned int next = 0;

	via_bench_counters_read(&session->watched, &counters); /* finds its threads */
	for (unsigned int i = 0; i < options->cpus && next < options->pin_count; i++) {
		pid_t thread = via_bench_watched_vcpu(&session->watched, i);
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET(options->pins[next], &set);
		if (thread && !sched_setaffinity(thread, sizeof(set), &set))
			next++;
	}
	if (next < options->cpus)
		session->bench->unpinned = true;
}

/* The guest's first line. */
static int begun(struct via_bench_session *session, struct via_error *err)
{
	struct via_bench *bench = session->bench;
	enum via_bench_way way = session->plan->way;

	if (bench->options.kind == VIA_BENCH_BOOT)
		via_bench_boot_begun(session);
	if (bench->options.pin_count)
		pin(session);
	if ((way == VIA_BENCH_VIRTIO || way == VIA_BENCH_VHOST) &&
	    bench->options.kind != VIA_BENCH_DISK)
		return via_bench_interface_up(bench->tap, err);
	return 0;
}

static void ended(struct via_bench_session *session)
{
	via_bench_counters_read(&session->watched, &session->costs);
	if (session->bench->options.kind == VIA_BENCH_BOOT && session->nothing.count)
		via_bench_boot_worked(session);
	via_bench_counters_since(&session->costs, &session->before);
}

const struct via_bench_part *via_bench_part_find(const struct via_bench *bench, const char *name)
{
	for (size_t i = 0; name && i < bench->part_count; i++)
		if (!strcmp(bench->parts[i].name, name))
			return &bench->parts[i];
	return NULL;
}

/* What the subject is, now that it is known which driver has it. */
static void describe(struct via_bench_session *session, const json_t *driver)
{
	struct via_bench_result *result = session->bench->result;
	struct via_bench_subject *subject = via_bench_subject_find(result, session->plan->name);
	char what[256];

	if (!subject || !json_string_value(driver) || (subject->what && strchr(subject->what, '(')))
		return;
	snprintf(what, sizeof(what), "%.100s (%.60s)", subject->what ? subject->what : "",
		 json_string_value(driver));
	via_text_make_printable(what);
	via_bench_set(result, &subject->what, what[0] == ' ' ? what + 1 : what);
}

static double number_of(const json_t *json, const char *name)
{
	double value = json_number_value(json_object_get(json, name));

	return value >= 0 ? value : 0;
}

/* A window in which no work is done. Return: whether it is one. */
static bool keep_window(struct via_bench_session *session, const char *name, const json_t *json)
{
	if (!strcmp(name, "nothing")) {
		session->nothing = session->costs;
		return true;
	}
	if (strcmp(name, "clock") != 0)
		return false;
	session->clock.counters = session->costs;
	via_bench_counters_since(&session->clock.counters, &session->nothing);
	session->clock.ticks = number_of(json, "ticks");
	return true;
}

/* What the subject's driver took, beside what the host counted. */
static void add_window(struct via_bench_session *session, struct via_bench_figures *of,
		       const struct via_bench_part *part, const json_t *json, double operations)
{
	via_bench_counters_since(&session->costs, &session->nothing);
	via_bench_clock_take(&session->clock, &session->costs, number_of(json, "ticks"));
	via_bench_counters_add(&session->costs, VIA_BENCH_INTERRUPTS,
			       session->is_guest ? VIA_BENCH_OF_GUEST : VIA_BENCH_OF_DRIVER,
			       number_of(json, "interrupts"));
	add_costs(session, of, part, operations);
	describe(session, json_object_get(json, "driver"));
}

/* The figures of a part; NULL without memory. */
static struct via_bench_figures *figures_of(struct via_bench_session *session,
					    const struct via_bench_part *part)
{
	struct via_bench_result *result = session->bench->result;
	/* A share of what was sent is no time. */
	struct via_bench_figures *of =
		via_bench_session_figures(session, part->name, part->title, part->unit,
					  part->better, part->unit != VIA_BENCH_UNIT_COUNT);
	struct via_bench_metric *metric = via_bench_metric_find(result, part->name);

	if (metric) {
		via_bench_set(result, &metric->operation, part->operation);
		via_bench_set(result, &metric->series, part->series);
		metric->at = part->at;
	}
	return of;
}

struct via_bench_figures *via_bench_session_add(struct via_bench_session *session,
						const struct via_bench_part *part,
						uint64_t operations, double value,
						const json_t *window)
{
	struct via_bench_figures *of = figures_of(session, part);

	via_bench_add_sample(session->bench->result, of, value);
	if (window)
		add_window(session, of, part, window, (double)operations);
	if (of)
		of->operations += operations;
	return of;
}

static int unexpected(const char *text, struct via_error *err)
{
	return via_error_set(err, EPROTO, "the program said something unexpected: %.200s", text);
}

static int add_figures(struct via_bench_session *session, const json_t *json, const char *text,
		       bool is_window, struct via_error *err)
{
	const char *name = json_string_value(json_object_get(json, "name"));
	json_int_t operations = json_integer_value(json_object_get(json, "operations"));
	double value = json_number_value(json_object_get(json, "value"));
	const struct via_bench_part *part = via_bench_part_find(session->bench, name);
	struct via_bench_figures *of;
	const json_t *bucket;
	size_t i;

	if (name && keep_window(session, name, json))
		return 0;
	if (!part || operations <= 0 || !(value >= 0))
		return unexpected(text, err);
	of = via_bench_session_add(session, part, (uint64_t)operations, value,
				   is_window ? json : NULL);
	json_array_foreach(json_object_get(json, "histogram"), i, bucket) via_bench_add_operations(
		session->bench->result, of, (uint64_t)json_integer_value(json_array_get(bucket, 0)),
		(uint64_t)json_integer_value(json_array_get(bucket, 1)));
	return 0;
}

static int add_result(struct via_bench_session *session, const char *text, bool is_window,
		      struct via_error *err)
{
	json_t *json = json_loads(text, 0, NULL);
	int rc = add_figures(session, json, text, is_window, err);

	json_decref(json);
	return rc;
}

/* The end of a part that a standard tool does. */
static int add_tool(struct via_bench_session *session, const char *text, struct via_error *err)
{
	json_t *json = json_loads(text, 0, NULL);
	const char *name = json_string_value(json_object_get(json, "name"));
	const struct via_bench_part *part = via_bench_part_find(session->bench, name);
	int rc = 0;

	if (part && part->by)
		via_bench_tool_ended(session, part, json);
	else
		rc = unexpected(text, err);
	json_decref(json);
	return rc;
}

/* A part is about to begin. */
static int ready(struct via_bench_session *session, const char *name, struct via_error *err)
{
	const struct via_bench_part *part = via_bench_part_find(session->bench, name);
	int rc;

	via_bench_progress(session->bench, "%s: %s", session->plan->name, name);
	rc = part && part->by ? via_bench_tool_begin(session, part, err) : 0;
	if (rc)
		return rc;
	via_bench_counters_read(&session->watched, &session->before);
	return via_bench_child_say(&session->child, go, err);
}

/* At first is enough to hear of what cannot be done; what could be, and then cannot, is told. */
void via_bench_session_skipped(struct via_bench_session *session, const struct via_bench_part *part,
			       const char *why)
{
	struct via_bench_result *result = session->bench->result;
	const struct via_bench_metric *metric = via_bench_metric_find(result, part->name);
	unsigned int run = session->bench->run;

	if (!run)
		via_bench_add_text(result, &result->warnings, "%s: not measured for %s: %.300s",
				   part->title, session->plan->name, why);
	else if (metric && via_bench_figures_find(metric, session->plan->name))
		via_bench_add_text(result, &result->warnings,
				   "%s: not measured in run %u of %s: %.300s", part->title, run + 1,
				   session->plan->name, why);
}

static void skipped(struct via_bench_session *session, char *said)
{
	char *why = said + strcspn(said, " ");
	const struct via_bench_part *part;

	if (*why)
		*why++ = '\0';
	part = via_bench_part_find(session->bench, said);
	via_text_make_printable(why);
	if (part)
		via_bench_session_skipped(session, part, why);
}

/* What one line of the program asks for. Return: 1 at its end. */
static int answer(struct via_bench_session *session, const char *said, struct via_error *err)
{
	char why[512];

	if (!strcmp(said, "init"))
		return begun(session, err);
	if (!strncmp(said, "ready ", 6))
		return ready(session, said + 6, err);
	if (!strcmp(said, "done")) {
		ended(session);
		return via_bench_child_say(&session->child, go, err);
	}
	if (!strncmp(said, "result ", 7))
		return add_result(session, said + 7, true, err);
	if (!strncmp(said, "figure ", 7))
		return add_result(session, said + 7, false, err);
	if (!strncmp(said, "output ", 7))
		return via_bench_tool_said(session, said + 7, err);
	if (!strncmp(said, "tool ", 5))
		return add_tool(session, said + 5, err);
	if (!strcmp(said, "give") && !session->is_guest) {
		int rc = via_bench_hold_give(&session->bench->hold, "vfio-pci", err);

		return rc ? rc : via_bench_child_say(&session->child, go, err);
	}
	if (!strncmp(said, "skipped ", 8)) {
		snprintf(why, sizeof(why), "%s", said + 8);
		skipped(session, why);
		return 0;
	}
	if (!strncmp(said, "failed ", 7)) {
		snprintf(why, sizeof(why), "%s", said + 7);
		via_text_make_printable(why);
		return via_error_set(err, ENOTSUP, "%s%s",
				     session->is_guest ? "in the guest: " : "", why);
	}
	return !strcmp(said, "end");
}

/* The last thing a program said that ended too early is most often why. */
static int ended_early(const char *last, struct via_error *err)
{
	static const char ours[] = "viaduct: ";
	char why[400];

	if (!last[0])
		return via_error_set(err, EPIPE, "it ended before its work was done");
	snprintf(why, sizeof(why), "%.399s", strncmp(last, ours, strlen(ours)) ? last : last + 9);
	via_text_make_printable(why);
	return via_error_set(err, EPIPE, "%s", why);
}

/* A part of the work is done in silence: a quarter of its time to warm up, then its time. */
static int silence_seconds(const struct via_bench *bench)
{
	return SILENCE_SECONDS + (int)(bench->options.milliseconds / 1000) * 2;
}

static int follow(struct via_bench_session *session, struct via_error *err)
{
	char last[400] = "";
	int rc, silence = silence_seconds(session->bench);
	const char *line;

	do {
		const char *said;

		rc = via_bench_child_line(&session->child, &session->bench->watch, silence, &line,
					  err);
		if (rc == -EPIPE)
			return ended_early(last, err);
		if (rc)
			return rc;
		/* Behind what the firmware may have left on its line. */
		said = strstr(line, TALK_PREFIX);
		if (said)
			rc = answer(session, said + strlen(TALK_PREFIX), err);
		else if (line[0])
			snprintf(last, sizeof(last), "%s", line);
	} while (!rc);
	return rc < 0 ? rc : 0;
}

int via_bench_session_run(struct via_bench *bench, struct via_bench_plan *plan,
			  struct via_error *err)
{
	struct via_bench_session *session = calloc(1, sizeof(*session));
	int rc, status;

	if (!session)
		return via_error_sys(err, ENOMEM, "cannot measure %s", plan->name);
	session->bench = bench;
	session->plan = plan;
	session->is_guest = plan->vmm;
	session->watched.instructions_fd = -1;
	via_bench_progress(bench, "%s: starts", plan->name);
	rc = via_bench_session_prepare(session, err);
	if (!rc)
		rc = start(session, err);
	if (!rc)
		rc = follow(session, err);
	status = via_bench_child_end(&session->child, rc ? 0 : END_SECONDS);
	if (!rc && (!WIFEXITED(status) || WEXITSTATUS(status)))
		rc = via_error_set(err, EIO, "it failed when its work was done (status %d)",
				   status);
	if (!rc && bench->options.kind == VIA_BENCH_BOOT)
		via_bench_boot_ended(session);
	via_bench_child_end(&session->peer, 0);
	via_bench_tool_end(session);
	via_bench_watched_close(&session->watched);
	via_bench_hold_no_address(&bench->hold);
	free(session);
	return rc;
}
