/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "counters.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>

#define DEBUG_KVM "/sys/kernel/debug/kvm"

void via_bench_counters_add(struct via_bench_counters *counters, enum via_bench_cost_group group,
			    const char *name, double value)
{
	struct via_bench_counter *counter;

	for (size_t i = 0; i < counters->count; i++) {
		counter = &counters->counters[i];
		if (counter->group == group && !strcmp(counter->name, name)) {
			counter->value += value;
			return;
		}
	}
	if (counters->count == VIA_BENCH_COUNTERS_MAX)
		return;
	counter = &counters->counters[counters->count++];
	counter->group = group;
	counter->value = value;
	snprintf(counter->name, sizeof(counter->name), "%s", name);
}

double via_bench_counters_get(const struct via_bench_counters *counters,
			      enum via_bench_cost_group group, const char *name)
{
	for (size_t i = 0; i < counters->count; i++)
		if (counters->counters[i].group == group &&
		    !strcmp(counters->counters[i].name, name))
			return counters->counters[i].value;
	return -1;
}

void via_bench_counters_since(struct via_bench_counters *after,
			      const struct via_bench_counters *before)
{
	for (size_t i = 0; i < after->count; i++) {
		struct via_bench_counter *counter = &after->counters[i];
		double was = via_bench_counters_get(before, counter->group, counter->name);

		if (was > 0)
			counter->value = counter->value > was ? counter->value - was : 0;
	}
}

void via_bench_counters_add_part(struct via_bench_counters *counters,
				 enum via_bench_cost_group group, const char *name, double value)
{
	via_bench_counters_add(counters, group, name, value);
	via_bench_counters_add(counters, group, VIA_BENCH_TOTAL, value);
}

void via_bench_watched_open(struct via_bench_watched *watched, pid_t pid, bool is_vmm,
			    const struct via_bench_trace *trace)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_HW_INSTRUCTIONS,
		.inherit = 1,
		.exclude_guest = 1,
	};

	*watched = (struct via_bench_watched){
		.pid = pid,
		.is_vmm = is_vmm,
		.trace = trace,
		.instructions_fd =
			(int)syscall(SYS_perf_event_open, &attr, pid, -1, -1, PERF_FLAG_FD_CLOEXEC),
	};
}

void via_bench_watched_close(struct via_bench_watched *watched)
{
	via_close(&watched->instructions_fd);
}

bool via_bench_watched_has(const struct via_bench_watched *watched, pid_t thread)
{
	for (size_t i = 0; i < watched->thread_count; i++)
		if (watched->threads[i] == thread)
			return true;
	return false;
}

static void find_threads(struct via_bench_watched *watched)
{
	via_autoclosedir DIR *dir = NULL;
	struct dirent *entry;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task", (int)watched->pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)) && watched->thread_count < VIA_BENCH_THREADS_MAX) {
		pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);

		if (thread > 0 && !via_bench_watched_has(watched, thread))
			watched->threads[watched->thread_count++] = thread;
	}
}

static FILE *open_thread(pid_t pid, pid_t thread, const char *file)
{
	char path[96];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", (int)pid, (int)thread, file);
	return fopen(path, "re");
}

/* Processor time: exact where the kernel tells it, else by ticks. */
static double thread_ns(pid_t pid, pid_t thread, double ticks_ns)
{
	via_autofclose FILE *file = open_thread(pid, thread, "schedstat");
	unsigned long long ns;

	return file && fscanf(file, "%llu", &ns) == 1 && ns ? (double)ns : ticks_ns;
}

static void add_thread(struct via_bench_counters *counters, const struct via_bench_watched *watched,
		       pid_t thread)
{
	via_autofclose FILE *stat = open_thread(watched->pid, thread, "stat");
	via_autofclose FILE *status = open_thread(watched->pid, thread, "status");
	double tick_ns = 1e9 / (double)sysconf(_SC_CLK_TCK), ns, guest_ns;
	unsigned long long user = 0, system = 0, of_children[2] = { 0 }, guest = 0, switches;
	char line[1024], *at;

	if (!stat || !fgets(line, sizeof(line), stat) || !(at = strrchr(line, ')')))
		return;
	/* proc_pid_stat(5): utime and stime are the fields 14 and 15, those of children that have
	 * ended (standard tools) 16 and 17, guest_time is 43. */
	if (sscanf(at + 2,
		   "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %llu %llu %*d %*d %*d "
		   "%*d "
		   "%*u %*u %*d %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*d %*d %*u "
		   "%*u %*u %llu",
		   &user, &system, &of_children[0], &of_children[1], &guest) < 4)
		return;
	ns = thread_ns(watched->pid, thread, (double)(user + system) * tick_ns);
	guest_ns = (double)guest * tick_ns;
	if (!watched->is_vmm) {
		if (thread == watched->pid)
			ns += (double)(of_children[0] + of_children[1]) * tick_ns;
		via_bench_counters_add_part(counters, VIA_BENCH_CPU_NS, "program", ns);
	} else if (strstr(line, "(vhost-")) {
		via_bench_counters_add_part(counters, VIA_BENCH_CPU_NS, "vhost", ns);
	} else {
		if (guest_ns > ns)
			guest_ns = ns;
		via_bench_counters_add_part(counters, VIA_BENCH_CPU_NS, "vmm", ns - guest_ns);
		if (guest)
			via_bench_counters_add_part(counters, VIA_BENCH_CPU_NS, "guest", guest_ns);
	}
	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "voluntary_ctxt_switches: %llu", &switches) == 1 ||
		    sscanf(line, "nonvoluntary_ctxt_switches: %llu", &switches) == 1)
			via_bench_counters_add(counters, VIA_BENCH_CONTEXT_SWITCHES,
					       VIA_BENCH_TOTAL, (double)switches);
}

/* Handlers of interrupts, whoever they were for. */
static void add_kernel(struct via_bench_counters *counters)
{
	via_autofclose FILE *file = fopen("/proc/stat", "re");
	unsigned long long irq, softirq;

	if (file && fscanf(file, "cpu %*u %*u %*u %*u %*u %llu %llu", &irq, &softirq) == 2)
		via_bench_counters_add_part(counters, VIA_BENCH_CPU_NS, "kernel",
					    (double)(irq + softirq) * 1e9 /
						    (double)sysconf(_SC_CLK_TCK));
}

static const char *interrupt_source(const char *label)
{
	if (label[0] >= '0' && label[0] <= '9')
		return "device";
	if (!strncmp(label, "LOC", 3))
		return VIA_BENCH_OF_CLOCK;
	if (!strncmp(label, "RES", 3) || !strncmp(label, "CAL", 3) || !strncmp(label, "TLB", 3))
		return "other processor";
	if (!strncmp(label, "PIN", 3) || !strncmp(label, "NPI", 3) || !strncmp(label, "PIW", 3))
		return "posted";
	return NULL;
}

static void add_interrupts(struct via_bench_counters *counters)
{
	via_autofclose FILE *file = fopen("/proc/interrupts", "re");
	char line[16384];

	while (file && fgets(line, sizeof(line), file)) {
		char *at = line + strspn(line, " "), *colon = strchr(at, ':'), *end;
		const char *source = colon ? interrupt_source(at) : NULL;
		unsigned long long total = 0, count;

		if (!source)
			continue;
		for (at = colon + 1;; at = end) {
			count = strtoull(at, &end, 10);
			if (end == at || (*end != ' ' && *end != '\n'))
				break;
			total += count;
		}
		via_bench_counters_add(counters, VIA_BENCH_INTERRUPTS, source, (double)total);
		if (strcmp(source, VIA_BENCH_OF_CLOCK))
			via_bench_counters_add(counters, VIA_BENCH_INTERRUPTS, VIA_BENCH_TOTAL,
					       (double)total);
	}
}

struct reading {
	struct via_bench_counters *counters;
	const struct via_bench_watched *watched;
	enum via_bench_cost_group group;
	const char *(*name)(uint64_t reason);
};

static void add_reason(void *data, pid_t pid, uint64_t key, uint64_t count)
{
	const struct reading *reading = data;

	if (via_bench_watched_has(reading->watched, pid))
		via_bench_counters_add_part(reading->counters, reading->group, reading->name(key),
					    (double)count);
}

/* KVM's own counters of one guest; there is one folder for each VM of a process. */
static double kvm_count(pid_t pid, const char *name)
{
	via_autoclosedir DIR *dir = opendir(DEBUG_KVM);
	struct dirent *entry;
	double total = -1;
	char begin[16];

	snprintf(begin, sizeof(begin), "%d-", (int)pid);
	while (dir && (entry = readdir(dir))) {
		via_autofclose FILE *file = NULL;
		unsigned long long value;
		char path[400];

		if (strncmp(entry->d_name, begin, strlen(begin)))
			continue;
		snprintf(path, sizeof(path), DEBUG_KVM "/%s/%s", entry->d_name, name);
		file = fopen(path, "re");
		if (file && fscanf(file, "%llu", &value) == 1)
			total = (total < 0 ? 0 : total) + (double)value;
	}
	return total;
}

/* Where trace points do not tell exits apart, KVM's counters do, roughly. */
static void add_rough_exits(struct via_bench_counters *counters, pid_t pid)
{
	static const struct {
		const char *counter, *name;
	} all[] = {
		{ "exits", VIA_BENCH_TOTAL },	  { "io_exits", "port I/O" },
		{ "halt_exits", "HLT" },	  { "irq_exits", "interrupt" },
		{ "irq_window_exits", "window" },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		double value = kvm_count(pid, all[i].counter);

		if (value >= 0)
			via_bench_counters_add(counters, VIA_BENCH_EXITS, all[i].name, value);
	}
}

static void add_exits(struct via_bench_counters *counters, const struct via_bench_watched *watched)
{
	struct reading exits = { counters, watched, VIA_BENCH_EXITS, via_bench_exit_name };
	struct reading user = { counters, watched, VIA_BENCH_USER_EXITS, via_bench_user_exit_name };

	if (watched->trace->exits)
		via_bench_trace_read(VIA_BENCH_TRACE_EXIT, add_reason, &exits);
	else
		add_rough_exits(counters, watched->pid);
	if (watched->trace->user_exits) {
		via_bench_counters_add(counters, VIA_BENCH_USER_EXITS, VIA_BENCH_TOTAL, 0);
		via_bench_trace_read(VIA_BENCH_TRACE_USER_EXIT, add_reason, &user);
	}
}

pid_t via_bench_watched_vcpu(const struct via_bench_watched *watched, unsigned int index)
{
	char wanted[2][32], name[64];

	snprintf(wanted[0], sizeof(wanted[0]), "vcpu%u\n", index);
	snprintf(wanted[1], sizeof(wanted[1]), "CPU %u/KVM\n", index);
	for (size_t i = 0; i < watched->thread_count; i++) {
		via_autofclose FILE *file = open_thread(watched->pid, watched->threads[i], "comm");

		if (file && fgets(name, sizeof(name), file) &&
		    (!strcmp(name, wanted[0]) || !strcmp(name, wanted[1])))
			return watched->threads[i];
	}
	return 0;
}

void via_bench_counters_read(struct via_bench_watched *watched, struct via_bench_counters *counters)
{
	uint64_t instructions;

	counters->count = 0;
	find_threads(watched);
	for (size_t i = 0; i < watched->thread_count; i++)
		add_thread(counters, watched, watched->threads[i]);
	add_kernel(counters);
	add_interrupts(counters);
	if (watched->is_vmm)
		add_exits(counters, watched);
	if (watched->instructions_fd >= 0 && read(watched->instructions_fd, &instructions,
						  sizeof(instructions)) == sizeof(instructions))
		via_bench_counters_add(counters, VIA_BENCH_INSTRUCTIONS, VIA_BENCH_TOTAL,
				       (double)instructions);
}
