/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What starting a guest takes, which no part of its work has. */
#include "session.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include <jansson.h>

#include <viaduct/util/cleanup.h>

static double since_start_ns(const struct via_bench_session *session)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - session->began.tv_sec) * 1e9 +
	       (double)(now.tv_nsec - session->began.tv_nsec);
}

/* A figure of starting a guest, which no part of the work has. */
static struct via_bench_figures *add_figure(struct via_bench_session *session, const char *name,
					    const char *title, enum via_bench_unit unit, bool time,
					    double value)
{
	struct via_bench_figures *of =
		via_bench_session_figures(session, name, title, unit, VIA_BENCH_BETTER_LOWER, time);
	struct via_bench_metric *metric = via_bench_metric_find(session->bench->result, name);

	if (metric)
		via_bench_set(session->bench->result, &metric->operation, "start");
	via_bench_add_sample(session->bench->result, of, value);
	return of;
}

void via_bench_boot_begun(struct via_bench_session *session)
{
	double ns = since_start_ns(session), exits;
	struct via_bench_counters counters;
	struct via_bench_figures *of;

	via_bench_counters_read(&session->watched, &counters);
	exits = via_bench_counters_get(&counters, VIA_BENCH_EXITS, VIA_BENCH_TOTAL);
	add_figure(session, "time-to-init", "From exec to the guest's init", VIA_BENCH_UNIT_NS,
		   true, ns);
	if (exits < 0)
		return;
	of = add_figure(session, "exits-to-init", "VM exits until init", VIA_BENCH_UNIT_COUNT,
			false, exits);
	if (of)
		of->operations++;
	for (size_t i = 0; i < counters.count; i++)
		if (counters.counters[i].group == VIA_BENCH_EXITS ||
		    counters.counters[i].group == VIA_BENCH_USER_EXITS)
			via_bench_add_cost(session->bench->result, of, counters.counters[i].group,
					   counters.counters[i].name, counters.counters[i].value);
}

/* Anonymous memory of the VMM, but for the area that is the guest's RAM, where that is anonymous.
 */
static double private_bytes(const struct via_bench_session *session)
{
	unsigned long long first, end, kib, total_kib = 0;
	via_autofclose FILE *file = NULL;
	bool is_ram = false;
	char path[64], line[512];

	snprintf(path, sizeof(path), "/proc/%d/smaps", (int)session->child.pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%llx-%llx ", &first, &end) == 2)
			is_ram = end - first >= session->bench->options.memory_bytes;
		else if (!is_ram && sscanf(line, "Anonymous: %llu kB", &kib) == 1)
			total_kib += kib;
	return (double)(total_kib << 10);
}

static void add_call(void *data, pid_t pid, uint64_t key, uint64_t count)
{
	struct via_bench_session *session = data;

	if (!via_bench_watched_has(&session->watched, pid))
		return;
	session->calls += (double)count;
	if (key == SYS_ioctl)
		session->ioctls += (double)count;
}

/* Up to now: what the guest prints from here on is about this, and an exit for each letter. */
static void add_calls(struct via_bench_session *session)
{
	via_bench_trace_read(VIA_BENCH_TRACE_CALL, add_call, session);
	add_figure(session, "ioctls", "ioctls of the VMM, from exec to the last round trip",
		   VIA_BENCH_UNIT_COUNT, false, session->ioctls);
	add_figure(session, "system-calls", "System calls of the VMM, likewise",
		   VIA_BENCH_UNIT_COUNT, false, session->calls);
}

void via_bench_boot_worked(struct via_bench_session *session)
{
	double exits = via_bench_counters_get(&session->costs, VIA_BENCH_EXITS, VIA_BENCH_TOTAL);

	if (exits >= 0)
		add_figure(session, "exits-to-end", "VM exits, boot and 100 round trips",
			   VIA_BENCH_UNIT_COUNT, false, exits);
	if (session->bench->trace.calls)
		add_calls(session);
	add_figure(session, "private-memory", "Private memory of the VMM beyond guest RAM",
		   VIA_BENCH_UNIT_BYTES, false, private_bytes(session));
}

/* The phases that 'viaduct run --stats' tells of itself. */
static void add_phases(struct via_bench_session *session)
{
	static const struct {
		const char *phase, *metric, *title;
	} all[] = {
		{ "kvm", "phase-kvm", "From exec until the machine and its RAM exist" },
		{ "loaded", "phase-loaded", "From exec until kernel and initrd are loaded" },
		{ "devices", "phase-devices", "From exec until devices are open" },
		{ "mapped", "phase-mapped", "From exec until memory is mapped for DMA" },
		{ "run", "phase-run", "From exec until processors run" },
	};
	json_t *json = json_load_file(session->line.stats, 0, NULL);
	const json_t *phases = json_object_get(json, "phases_ns");

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		const json_t *ns = json_object_get(phases, all[i].phase);

		if (json_is_number(ns))
			add_figure(session, all[i].metric, all[i].title, VIA_BENCH_UNIT_NS, true,
				   fmax(json_number_value(ns), 0));
	}
	json_decref(json);
}

void via_bench_boot_ended(struct via_bench_session *session)
{
	if (session->line.stats[0])
		add_phases(session);
}
