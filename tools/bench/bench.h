/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_BENCH_BENCH_H
#define VIADUCT_TOOLS_BENCH_BENCH_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "../command.h"
#include "child.h"
#include "counters.h"
#include "hold.h"
#include "result.h"
#include "tool-output.h"
#include "tool.h"
#include "trace.h"

/*
 * 'viaduct bench': a subject (a way a guest has a device, or the host itself) does the same work a
 * number of times, the subjects in turn; what each part of the work cost is counted on the host
 * between two lines the work prints.
 */

#define VIA_BENCH_SUBJECTS_MAX 16
#define VIA_BENCH_CPUS_MAX     64
#define VIA_BENCH_WORDS_MAX    24

enum via_bench_way {
	VIA_BENCH_PASSTHROUGH,
	VIA_BENCH_VIRTIO,
	VIA_BENCH_VHOST,
	VIA_BENCH_USER, /* a virtio card whose network is made of the VMM's connections */
	VIA_BENCH_HOST,
	VIA_BENCH_GROUP, /* of kind map: backends of the IOMMU */
	VIA_BENCH_IOMMUFD,
	VIA_BENCH_WAYS,
};

/** via_bench_way_name() - "passthrough", ... */
const char *via_bench_way_name(enum via_bench_way way);

struct via_bench_plan {
	enum via_bench_way way;
	const char *vmm; /* "viaduct", "qemu", NULL */
	char name[40];	 /* of the subject in the result */
	bool skipped;
};

struct via_bench_options {
	enum via_bench_kind kind;
	const char *kernel, *initrd, *device;
	const char *peer, *address; /* of kind net: who answers elsewhere; NULL: this host */
	const char *write;	    /* of kind disk: whose content may be lost; NULL: none */
	uint64_t memory_bytes;
	unsigned int cpus, runs;
	unsigned int milliseconds; /* of each part of the work */
	unsigned int pins[VIA_BENCH_CPUS_MAX];
	unsigned int pin_count;
	const char *json, *html;
};

/* One part of the work, as the result shows it. */
struct via_bench_part {
	const char *name; /* for the program that does the work, and of the metric */
	const char *title;
	enum via_bench_unit unit;
	enum via_bench_better better;
	const char *operation; /* what costs are counted by, in the singular */
	const char *series;
	double at;
	bool follows; /* from another part: it is not work of its own */
	/* Of one that a standard tool does; NULL: of any other */
	const struct via_bench_tool_part {
		enum via_bench_tool_id tool;
		enum via_bench_tool_what what;
		const char *times; /* the part that shows how long each took; NULL: none */
	} * by;
};

struct via_bench {
	struct via_cli *cli;
	struct via_bench_options options;
	struct via_bench_plan plans[VIA_BENCH_SUBJECTS_MAX];
	size_t plan_count;
	const struct via_bench_part *parts;
	size_t part_count;
	struct via_bench_result *result;
	struct via_bench_tool tools[VIA_BENCH_TOOLS];
	struct via_bench_watch watch;
	struct via_bench_trace trace;
	struct via_bench_hold hold;
	struct via_bench_hold msix; /* of kind irq, beside edu: a function that has MSI-X */
	char folder[64];	    /* temporary files */
	char program[PATH_MAX];	    /* that does the work */
	char tap[16];
	unsigned int run; /* of each subject, the one that is now; from 0 */
	double load;	  /* of the machine before; negative: not known */
	bool unpinned;	  /* a vCPU was not found, or its processor not to be had */
	bool progress;	  /* standard error is a terminal */
};

/** via_bench_parts() - of a kind. */
const struct via_bench_part *via_bench_parts(enum via_bench_kind kind, size_t *count);

/** via_bench_needs_device() - whether a subject of this kind needs a function of the host. */
bool via_bench_needs_device(enum via_bench_kind kind, enum via_bench_way way);

/** via_bench_has_part() - whether what it needs is there. */
bool via_bench_has_part(const struct via_bench *bench, const struct via_bench_part *part);

/** via_bench_progress() - what is done now, on a terminal. NULL: nothing any more. */
void via_bench_progress(struct via_bench *bench, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * via_bench_session_run() - one run of one subject: a guest, or the program on the host.
 *
 * Return: 0; -EINTR; or why it could not run.
 */
int via_bench_session_run(struct via_bench *bench, struct via_bench_plan *plan,
			  struct via_error *err);

/** via_bench_map() - one run of kind map. */
int via_bench_map(struct via_bench *bench, struct via_bench_plan *plan, struct via_error *err);

/** via_bench_describe() - the machine, and what makes figures of it doubtful. */
void via_bench_describe(struct via_bench *bench);

/** via_bench_explain() - sentences where subjects differ. */
void via_bench_explain(struct via_bench *bench);

#endif
