/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "trace.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>

#define INSTANCE "/sys/kernel/tracing/instances/viaduct-bench"

static const struct {
	const char *event, *key;
} events[] = {
	[VIA_BENCH_TRACE_EXIT] = { "kvm/kvm_exit", "exit_reason" },
	[VIA_BENCH_TRACE_USER_EXIT] = { "kvm/kvm_userspace_exit", "reason" },
	[VIA_BENCH_TRACE_CALL] = { "raw_syscalls/sys_enter", "id" },
};

static bool write_text(const char *path, const char *text)
{
	via_autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

static bool count(enum via_bench_trace_event event)
{
	char path[160], text[96];

	snprintf(path, sizeof(path), INSTANCE "/events/%s/trigger", events[event].event);
	snprintf(text, sizeof(text), "hist:keys=common_pid,%s:size=16384", events[event].key);
	return write_text(path, text);
}

void via_bench_trace_begin(struct via_bench_trace *trace, bool calls)
{
	*trace = (struct via_bench_trace){ 0 };
	/* One that a killed process left is as good as new. */
	via_bench_trace_end(trace);
	if (mkdir(INSTANCE, 0700))
		return;
	trace->exits = count(VIA_BENCH_TRACE_EXIT);
	trace->user_exits = count(VIA_BENCH_TRACE_USER_EXIT);
	trace->calls = calls && count(VIA_BENCH_TRACE_CALL);
}

void via_bench_trace_end(struct via_bench_trace *trace)
{
	rmdir(INSTANCE);
	*trace = (struct via_bench_trace){ 0 };
}

/* "{ common_pid:        812, exit_reason:        124 } hitcount:        335" */
static bool parse(const char *line, const char *key, pid_t *pid, uint64_t *value, uint64_t *hits)
{
	const char *at = strstr(line, "common_pid:");
	const char *hit = strstr(line, "hitcount:");
	char wanted[32];

	if (line[0] != '{' || !at || !hit)
		return false;
	*pid = (pid_t)strtol(at + strlen("common_pid:"), NULL, 10);
	snprintf(wanted, sizeof(wanted), ", %s:", key);
	at = strstr(line, wanted);
	if (!at)
		return false;
	*value = strtoull(at + strlen(wanted), NULL, 0);
	*hits = strtoull(hit + strlen("hitcount:"), NULL, 10);
	return true;
}

void via_bench_trace_read(enum via_bench_trace_event event,
			  void (*each)(void *data, pid_t pid, uint64_t key, uint64_t count),
			  void *data)
{
	via_autofclose FILE *file = NULL;
	char path[160], line[512];

	snprintf(path, sizeof(path), INSTANCE "/events/%s/hist", events[event].event);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		uint64_t value, hits;
		pid_t pid;

		if (parse(line, events[event].key, &pid, &value, &hits))
			each(data, pid, value, hits);
	}
}

struct reason {
	uint64_t reason;
	const char *name;
};

/* AMD64 Architecture Programmer's Manual, volume 2, "SVM Intercept Exit Codes". */
static const struct reason svm[] = {
	{ 0x60, "interrupt" }, { 0x61, "interrupt" }, { 0x62, "interrupt" }, { 0x64, "window" },
	{ 0x72, "CPUID" },     { 0x75, "window" },    { 0x77, "PAUSE" },     { 0x78, "HLT" },
	{ 0x7b, "port I/O" },  { 0x7c, "MSR" },	      { 0x81, "hypercall" }, { 0x89, "WBINVD" },
	{ 0x8a, "MWAIT" },     { 0x8d, "XSETBV" },    { 0x400, "memory" },   { 0x401, "AVIC" },
	{ 0x402, "AVIC" },
};

/* Intel 64 and IA-32 SDM, volume 3, appendix C, "VMX Basic Exit Reasons". */
static const struct reason vmx[] = {
	{ 0, "exception" }, { 1, "interrupt" }, { 7, "window" },     { 8, "window" },
	{ 10, "CPUID" },    { 12, "HLT" },	{ 18, "hypercall" }, { 28, "CR" },
	{ 30, "port I/O" }, { 31, "MSR" },	{ 32, "MSR" },	     { 36, "MWAIT" },
	{ 40, "PAUSE" },    { 44, "APIC" },	{ 45, "EOI" },	     { 48, "memory" },
	{ 49, "memory" },   { 52, "timer" },	{ 54, "WBINVD" },    { 55, "XSETBV" },
	{ 56, "APIC" },
};

static bool is_vmx(void)
{
	static int answer = -1;

	if (answer < 0)
		answer = !access("/sys/module/kvm_intel", F_OK) &&
			 access("/sys/module/kvm_amd/parameters/npt", F_OK);
	return answer;
}

const char *via_bench_exit_name(uint64_t reason)
{
	const struct reason *table = is_vmx() ? vmx : svm;
	size_t count = is_vmx() ? sizeof(vmx) / sizeof(vmx[0]) : sizeof(svm) / sizeof(svm[0]);

	/* Exceptions, and accesses to control registers, have ranges of their own. */
	if (!is_vmx() && reason >= 0x40 && reason < 0x60)
		return "exception";
	if (!is_vmx() && reason < 0x20)
		return "CR";
	for (size_t i = 0; i < count; i++)
		if (table[i].reason == (reason & 0xffff))
			return table[i].name;
	return "other";
}

const char *via_bench_user_exit_name(uint64_t reason)
{
	switch (reason) {
	case KVM_EXIT_IO:
		return "port I/O";
	case KVM_EXIT_MMIO:
		return "memory";
	case KVM_EXIT_INTR:
		return "signal";
	case KVM_EXIT_HLT:
		return "HLT";
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		return "window";
	case KVM_EXIT_IOAPIC_EOI:
		return "EOI";
	case KVM_EXIT_HYPERV:
		return "hypercall";
	case KVM_EXIT_SYSTEM_EVENT:
		return "power";
	default:
		return "other";
	}
}
