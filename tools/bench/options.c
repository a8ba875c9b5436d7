/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "options.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../output.h"
#include "../parse.h"

#define MEMORY_BYTES (512ULL << 20)
#define RUNS_MAX     1000U
#define SECONDS_MAX  3600.0

static const char *const default_subjects[VIA_BENCH_KINDS] = {
	[VIA_BENCH_NET] = "passthrough,virtio,vhost,host",
	[VIA_BENCH_DISK] = "passthrough,virtio,host",
	[VIA_BENCH_IRQ] = "passthrough,host",
	[VIA_BENCH_MAP] = "group,iommufd",
	[VIA_BENCH_BOOT] = "passthrough,virtio",
	[VIA_BENCH_BAR] = "passthrough,host",
};

static int parse_kind(const char *text, enum via_bench_kind *kind)
{
	for (int i = 0; i < VIA_BENCH_KINDS; i++)
		if (!strcmp(text, via_bench_kind_name((enum via_bench_kind)i))) {
			*kind = (enum via_bench_kind)i;
			return 0;
		}
	return via_usage_error("'%s' cannot be measured: net, disk, irq, map, boot or bar", text);
}

static bool parse_number(const char *text, unsigned int max, unsigned int *number)
{
	char *end;
	unsigned long value;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || *end || value > max)
		return false;
	*number = (unsigned int)value;
	return true;
}

/* The next word of a list with commas; empty ones are words, too. */
static bool next_word(const char **list, char *word, size_t word_bytes)
{
	size_t length;

	if (!*list)
		return false;
	length = strcspn(*list, ",");
	snprintf(word, word_bytes, "%.*s", (int)(length < word_bytes ? length : word_bytes - 1),
		 *list);
	*list = (*list)[length] ? *list + length + 1 : NULL;
	return true;
}

static int add_plan(struct via_bench *bench, enum via_bench_way way, const char *vmm, bool first)
{
	struct via_bench_plan *plan = &bench->plans[bench->plan_count];

	if (bench->plan_count == VIA_BENCH_SUBJECTS_MAX)
		return via_usage_error("more than %d subjects", VIA_BENCH_SUBJECTS_MAX);
	plan->way = way;
	plan->vmm = vmm;
	if (!vmm || first)
		snprintf(plan->name, sizeof(plan->name), "%s", via_bench_way_name(way));
	else
		snprintf(plan->name, sizeof(plan->name), "%s (%s)", via_bench_way_name(way), vmm);
	for (size_t i = 0; i < bench->plan_count; i++)
		if (!strcmp(bench->plans[i].name, plan->name))
			return via_usage_error("'%s' is named twice", plan->name);
	bench->plan_count++;
	return 0;
}

static int parse_vmms(const char *list, const char *vmms[static 2], size_t *count)
{
	char word[32];

	*count = 0;
	while (next_word(&list, word, sizeof(word))) {
		const char *vmm = !strcmp(word, "viaduct") ? "viaduct"
				  : !strcmp(word, "qemu")  ? "qemu"
							   : NULL;

		if (!vmm)
			return via_usage_error("--vmm is viaduct, qemu or both, not '%s'", word);
		if (*count == 2 || (*count && vmms[0] == vmm))
			return via_usage_error("'%s' is named twice", vmm);
		vmms[(*count)++] = vmm;
	}
	return 0;
}

static int parse_subjects(struct via_bench *bench)
{
	const char *subjects = via_cli_value(bench->cli, "subjects");
	const char *vmm = via_cli_value(bench->cli, "vmm");
	const char *vmms[2];
	size_t vmm_count;
	char word[32];
	int status = parse_vmms(vmm ? vmm : "viaduct", vmms, &vmm_count);

	if (!subjects)
		subjects = default_subjects[bench->options.kind];
	while (!status && next_word(&subjects, word, sizeof(word))) {
		int way = 0;

		while (way < VIA_BENCH_WAYS &&
		       strcmp(word, via_bench_way_name((enum via_bench_way)way)))
			way++;
		if (way == VIA_BENCH_WAYS)
			return via_usage_error(
				"'%s' is no subject: passthrough, virtio, vhost, user, host, "
				"and for map group, iommufd",
				word);
		if (way >= VIA_BENCH_HOST)
			status = add_plan(bench, (enum via_bench_way)way, NULL, true);
		else
			for (size_t i = 0; !status && i < vmm_count; i++)
				status = add_plan(bench, (enum via_bench_way)way, vmms[i], !i);
	}
	return status;
}

static int ask_tool(struct via_bench *bench, const char *word)
{
	bool all = !strcmp(word, "all"), known = false;

	for (unsigned int i = 0; i < VIA_BENCH_TOOLS; i++) {
		const char *name = via_bench_tool_name((enum via_bench_tool_id)i);
		enum via_bench_kind kind = via_bench_tool_kind((enum via_bench_tool_id)i);

		if (!all && strcmp(word, name))
			continue;
		known = true;
		if (kind == bench->options.kind)
			bench->tools[i].asked = true;
		else if (!all)
			return via_usage_error("%s measures %s, not %s", name,
					       via_bench_kind_name(kind),
					       via_bench_kind_name(bench->options.kind));
	}
	return known ? 0
		     : via_usage_error("--tools is all, or of ping, iperf3, fio, not '%s'", word);
}

static int parse_tools(struct via_bench *bench, const char *list)
{
	char word[32];
	int status = 0;

	if (bench->options.kind != VIA_BENCH_NET && bench->options.kind != VIA_BENCH_DISK)
		return via_usage_error("--tools is for net and disk");
	while (!status && next_word(&list, word, sizeof(word)))
		status = ask_tool(bench, word);
	return status;
}

static int parse_pins(struct via_bench_options *options, const char *list)
{
	char word[32];

	while (next_word(&list, word, sizeof(word))) {
		if (options->pin_count == VIA_BENCH_CPUS_MAX ||
		    !parse_number(word, 1023, &options->pins[options->pin_count++]))
			return via_usage_error(
				"--pin wants processors of the host, as 2,3, not '%s'", word);
	}
	return 0;
}

static int parse_seconds(struct via_bench_options *options, const char *text)
{
	char *end;
	double seconds = strtod(text, &end);

	if (*text < '0' || *text > '9' || *end || !(seconds >= 0.1) || seconds > SECONDS_MAX)
		return via_usage_error("--seconds wants a time of 0.1 or more, not '%s'", text);
	options->milliseconds = (unsigned int)(seconds * 1000);
	return 0;
}

static bool is_address(const char *text)
{
	struct in_addr address;

	return inet_pton(AF_INET, text, &address) == 1;
}

static const char *given(const struct via_cli *cli, const char *option, const char *variable)
{
	const char *value = via_cli_value(cli, option);

	if (!value)
		value = getenv(variable);
	return value && *value ? value : NULL;
}

int via_bench_options_parse(struct via_bench *bench)
{
	struct via_bench_options *options = &bench->options;
	const struct via_cli *cli = bench->cli;
	const char *cpus = via_cli_value(cli, "cpus"), *runs = via_cli_value(cli, "runs");
	const char *memory = via_cli_value(cli, "memory"), *seconds = via_cli_value(cli, "seconds");
	const char *pins = via_cli_value(cli, "pin"), *tools = via_cli_value(cli, "tools");
	int status = parse_kind(cli->operands[0], &options->kind);

	if (status)
		return status;
	options->kernel = given(cli, "kernel", "VIADUCT_GUEST_KERNEL");
	options->initrd = given(cli, "initrd", "VIADUCT_GUEST_INITRD");
	options->device = via_cli_value(cli, "device");
	options->peer = via_cli_value(cli, "peer");
	options->address = via_cli_value(cli, "address");
	options->write = via_cli_value(cli, "write");
	options->json = via_cli_value(cli, "json");
	options->html = via_cli_value(cli, "html");
	options->memory_bytes = MEMORY_BYTES;
	options->cpus = 1;
	options->runs = 3;
	options->milliseconds = 2000;
	if (options->write && options->kind != VIA_BENCH_DISK)
		return via_usage_error("--write is for disk");
	if (!options->peer != !options->address)
		return via_usage_error(
			"--peer and --address go together: who answers, and from where "
			"it is asked");
	if (options->peer && (!is_address(options->peer) || !is_address(options->address)))
		return via_usage_error("--peer and --address want IPv4 addresses, as 192.0.2.1");
	if (cpus && (!parse_number(cpus, VIA_BENCH_CPUS_MAX, &options->cpus) || !options->cpus))
		return via_usage_error("--cpus wants a number from 1 to %d, not '%s'",
				       VIA_BENCH_CPUS_MAX, cpus);
	if (runs && (!parse_number(runs, RUNS_MAX, &options->runs) || !options->runs))
		return via_usage_error("--runs wants a number from 1 to %u, not '%s'", RUNS_MAX,
				       runs);
	if (memory && via_parse_size(memory, &options->memory_bytes))
		return via_usage_error("--memory wants a size such as 512M or 4G, not '%s'",
				       memory);
	if (seconds)
		status = parse_seconds(options, seconds);
	if (!status && pins)
		status = parse_pins(options, pins);
	if (!status && tools)
		status = parse_tools(bench, tools);
	return status ? status : parse_subjects(bench);
}
