/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <viaduct/util/cleanup.h>

/* More than this share of the processors busy with other things is a noisy machine. */
#define LOAD_MAX 0.5

/* CPUID function 1, ECX. */
#define HYPERVISOR (1U << 31)

static void describe_cpu(struct via_bench_result *result)
{
	via_autofclose FILE *file = fopen("/proc/cpuinfo", "re");
	char line[512], *colon;

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, "model name", 10) && (colon = strchr(line, ':'))) {
			line[strcspn(line, "\n")] = '\0';
			via_bench_set(result, &result->machine.cpu, colon + 2);
			return;
		}
}

/* CPUID says when processors are a hypervisor's; the name of one that emulates them is known. */
static void describe_hypervisor(struct via_bench_result *result)
{
#if defined(__x86_64__)
	unsigned int a, b, c, d;
	char name[13] = "";

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & HYPERVISOR))
		return;
	__cpuid(0x40000000, a, b, c, d);
	memcpy(name, &b, 4);
	memcpy(name + 4, &c, 4);
	memcpy(name + 8, &d, 4);
	via_bench_add_fact(result, &result->machine.facts, "hypervisor", "%s",
			   strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz ") ==
						   strlen(name) &&
					   name[0]
				   ? name
				   : "unknown");
	if (!strncmp(name, "TCG", 3)) {
		result->machine.emulated = true;
		via_bench_add_text(result, &result->warnings,
				   "This host is emulated (TCG): times are those of the emulator, "
				   "and only counts mean something on real hardware.");
	} else {
		via_bench_add_text(
			result, &result->warnings,
			"This host is itself a guest (%s): exits of its guests cost more "
			"than on a real one.",
			name[0] ? name : "unknown");
	}
#endif
}

static void describe_iommu(struct via_bench *bench)
{
	struct via_host *host = bench->cli->host;
	via_cleanup(via_names_free) struct via_names units = { 0 };
	const char *name = NULL;

	if (!via_host_list(host, &units, "sys/class/iommu") && units.count) {
		if (!strncmp(units.names[0], "dmar", 4))
			name = "Intel VT-d";
		else if (!strncmp(units.names[0], "ivhd", 4))
			name = "AMD-Vi";
		else
			name = units.names[0];
	}
	via_bench_set(bench->result, &bench->result->machine.iommu, name);
}

static void describe_noise(struct via_bench *bench)
{
	struct via_bench_result *result = bench->result;
	char governor[64] = "";

	if (!via_host_read(bench->cli->host, governor, sizeof(governor),
			   "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")) {
		via_bench_set(result, &result->machine.governor, governor);
		if (strcmp(governor, "performance"))
			via_bench_add_text(result, &result->warnings,
					   "The processors' frequency changes (governor %s): "
					   "'cpupower frequency-set -g performance' fixes it.",
					   governor);
	}
	if (bench->load > LOAD_MAX * get_nprocs())
		via_bench_add_text(result, &result->warnings,
				   "The machine was busy before: a load of %.1f on %d processors.",
				   bench->load, get_nprocs());
}

static void describe_guest(struct via_bench *bench)
{
	struct via_bench_result *result = bench->result;
	const struct via_bench_options *options = &bench->options;
	bool guests = false;

	for (size_t i = 0; i < bench->plan_count; i++)
		guests |= bench->plans[i].vmm && !bench->plans[i].skipped;
	if (!guests)
		return;
	via_bench_set(result, &result->guest.kernel, options->kernel);
	via_bench_set(result, &result->guest.initrd, options->initrd);
	result->guest.memory_bytes = options->memory_bytes;
	result->guest.cpus = options->cpus;
	result->machine.pinned = options->pin_count >= options->cpus && !bench->unpinned;
	if (!result->machine.pinned)
		via_bench_add_text(result, &result->warnings,
				   "The guest's processors were not pinned to processors of the "
				   "host: --pin CPU[,CPU...] does it.");
	if (!bench->trace.exits)
		via_bench_add_text(
			result, &result->warnings,
			"Exits are told apart roughly, by KVM's own counters: the kernel "
			"has no histograms of trace points, or tracefs is not mounted.");
}

void via_bench_describe(struct via_bench *bench)
{
	struct via_bench_result *result = bench->result;
	struct utsname name;
	struct sysinfo info;

	describe_cpu(result);
	result->machine.cpus = (unsigned int)get_nprocs();
	result->machine.pinned = -1;
	if (!uname(&name))
		via_bench_set(result, &result->machine.kernel, name.release);
	if (!sysinfo(&info))
		result->machine.memory_bytes = (uint64_t)info.totalram * info.mem_unit;
	describe_hypervisor(result);
	describe_iommu(bench);
	describe_noise(bench);
	describe_guest(bench);
}
