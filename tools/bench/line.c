/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "line.h"

#include <stdio.h>
#include <string.h>

#include "guest/work.h"
#include "initrd.h"

/* Of the guest in a network by libslirp, and its gateway. */
#define USER_ADDRESS "10.0.2.15,10.0.2.2"

static void add_word(struct via_bench_line *line, const char *word)
{
	if (line->word_count < VIA_BENCH_WORDS_MAX)
		line->words[line->word_count++] = word;
}

static void add_arg(struct via_bench_line *line, const char *arg)
{
	if (line->arg_count < VIA_BENCH_ARGUMENTS_MAX)
		line->argv[line->arg_count++] = (char *)arg;
}

static void add_args(struct via_bench_line *line, const char *const *args)
{
	for (size_t i = 0; args[i]; i++)
		add_arg(line, args[i]);
}

static void add_parts(struct via_bench_line *line)
{
	for (size_t i = 0; i < line->bench->part_count; i++)
		if (!line->bench->parts[i].follows &&
		    via_bench_has_part(line->bench, &line->bench->parts[i]))
			add_word(line, line->bench->parts[i].name);
}

/* What the program is to do. */
static void choose_words(struct via_bench_line *line)
{
	const struct via_bench_options *options = &line->bench->options;
	enum via_bench_kind kind = options->kind;

	snprintf(line->milliseconds, sizeof(line->milliseconds), "%u", options->milliseconds);
	/* A start counts all there is. */
	if (line->plan->vmm && kind != VIA_BENCH_BOOT)
		add_word(line, WORK_CLOCK);
	switch (kind) {
	case VIA_BENCH_NET:
	case VIA_BENCH_BOOT:
		add_word(line, "net");
		add_word(line, line->plan->vmm ? "auto" : line->netdev);
		if (line->plan->way == VIA_BENCH_USER)
			add_word(line, USER_ADDRESS);
		else
			add_word(line, options->peer ? options->address : VIA_BENCH_ADDRESS);
		add_word(line, options->peer ? options->peer : VIA_BENCH_PEER);
		add_word(line, line->milliseconds);
		add_parts(line);
		break;
	case VIA_BENCH_DISK:
		add_word(line, "disk");
		add_word(line, line->plan->vmm ? "auto" : line->disk);
		add_word(line, line->milliseconds);
		add_word(line, line->identity[0] ? line->identity : "any");
		add_parts(line);
		break;
	case VIA_BENCH_IRQ:
		add_word(line, "irq");
		add_word(line, "1000");
		add_word(line, line->plan->vmm ? "auto" : line->msix);
		add_parts(line);
		break;
	default:
		add_word(line, "bar");
		add_word(line, line->plan->vmm ? "auto" : line->device);
		break;
	}
}

static void add_viaduct(struct via_bench_line *line)
{
	const struct via_bench_options *options = &line->bench->options;
	const char *const devices[] = { line->device, line->msix };
	enum via_bench_way way = line->plan->way;

	add_args(line, (const char *const[]){ "/proc/self/exe", "run", "--kernel", options->kernel,
					      "--initrd", line->initrd, "--memory", line->memory,
					      "--cpus", line->cpus, "--on-reset", "stop",
					      "--append", line->text[0], NULL });
	if (options->kind == VIA_BENCH_BOOT) {
		snprintf(line->stats, sizeof(line->stats), "%s/stats", line->bench->folder);
		add_args(line, (const char *const[]){ "--stats", line->stats, NULL });
	}
	/* A device pins all memory; the others get theirs in the same way, for the same pages. */
	if (way != VIA_BENCH_PASSTHROUGH)
		add_arg(line, "--populate");
	if (way == VIA_BENCH_PASSTHROUGH) {
		for (size_t i = 0; i < 2; i++)
			if (devices[i][0])
				add_args(line,
					 (const char *const[]){ "--device", devices[i], NULL });
		return;
	}
	if (options->kind == VIA_BENCH_DISK) {
		add_arg(line, "--disk");
		snprintf(line->text[1], sizeof(line->text[1]), "/dev/%s%s,direct", line->disk,
			 options->write ? "" : ",ro");
	} else if (way == VIA_BENCH_USER) {
		add_arg(line, "--net");
		snprintf(line->text[1], sizeof(line->text[1]), "user");
	} else {
		add_arg(line, "--net");
		snprintf(line->text[1], sizeof(line->text[1]), "tap=%s%s", line->bench->tap,
			 way == VIA_BENCH_VHOST ? ",vhost" : "");
	}
	add_arg(line, line->text[1]);
}

static void add_qemu(struct via_bench_line *line)
{
	const struct via_bench_options *options = &line->bench->options;
	const char *const devices[] = { line->device, line->msix };
	enum via_bench_way way = line->plan->way;

	add_args(line, (const char *const[]){ "qemu-system-x86_64",
					      "-M",
					      "q35",
					      "-accel",
					      "kvm",
					      "-cpu",
					      "host",
					      "-nodefaults",
					      "-no-user-config",
					      "-no-reboot",
					      "-display",
					      "none",
					      "-serial",
					      "stdio",
					      "-name",
					      "guest,debug-threads=on",
					      "-kernel",
					      options->kernel,
					      "-initrd",
					      line->initrd,
					      "-m",
					      line->memory,
					      "-smp",
					      line->cpus,
					      "-append",
					      line->text[0],
					      NULL });
	if (way == VIA_BENCH_PASSTHROUGH) {
		for (size_t i = 0; i < 2; i++)
			if (devices[i][0]) {
				snprintf(line->text[1 + i], sizeof(line->text[1]),
					 "vfio-pci,host=%s", devices[i]);
				add_args(line, (const char *const[]){ "-device", line->text[1 + i],
								      NULL });
			}
		return;
	}
	if (options->kind == VIA_BENCH_DISK) {
		snprintf(
			line->text[2], sizeof(line->text[2]),
			"file=/dev/%s,if=none,id=d0,format=raw,cache=none,aio=io_uring,readonly=%s",
			line->disk, options->write ? "off" : "on");
		add_args(line, (const char *const[]){ "-object", "iothread,id=t0", "-drive",
						      line->text[2], NULL });
		snprintf(line->text[1], sizeof(line->text[1]),
			 "virtio-blk-pci,drive=d0,iothread=t0");
	} else {
		if (way == VIA_BENCH_USER)
			snprintf(line->text[2], sizeof(line->text[2]), "user,id=n0");
		else
			snprintf(line->text[2], sizeof(line->text[2]),
				 "tap,id=n0,ifname=%s,script=no,downscript=no,vhost=%s",
				 line->bench->tap, way == VIA_BENCH_VHOST ? "on" : "off");
		add_args(line, (const char *const[]){ "-netdev", line->text[2], NULL });
		snprintf(line->text[1], sizeof(line->text[1]), "virtio-net-pci,netdev=n0");
	}
	add_args(line, (const char *const[]){ "-device", line->text[1], NULL });
}

static int make_guest(struct via_bench_line *line, struct via_error *err)
{
	const struct via_bench_options *options = &line->bench->options;

	snprintf(line->memory, sizeof(line->memory), "%lluK",
		 (unsigned long long)options->memory_bytes >> 10);
	snprintf(line->cpus, sizeof(line->cpus), "%u", options->cpus);
	snprintf(line->initrd, sizeof(line->initrd), "%s/initrd", line->bench->folder);
	snprintf(line->text[0], sizeof(line->text[0]),
		 "console=ttyS0 quiet panic=-1 rdinit=" VIA_BENCH_INIT);
	if (!strcmp(line->plan->vmm, "qemu"))
		add_qemu(line);
	else
		add_viaduct(line);
	return via_bench_initrd_write(line->initrd, options->initrd, line->bench->program,
				      line->words, line->bench->tools, err);
}

int via_bench_line_make(struct via_bench_line *line, struct via_bench *bench,
			const struct via_bench_plan *plan, struct via_error *err)
{
	line->bench = bench;
	line->plan = plan;
	if (bench->hold.found)
		snprintf(line->device, sizeof(line->device), "%s",
			 via_bdf_text(bench->hold.bdf).text);
	if (bench->msix.found)
		snprintf(line->msix, sizeof(line->msix), "%s", via_bdf_text(bench->msix.bdf).text);
	choose_words(line);
	if (plan->vmm)
		return make_guest(line, err);
	add_arg(line, bench->program);
	add_args(line, line->words);
	return 0;
}
