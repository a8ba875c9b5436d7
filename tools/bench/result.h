/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_BENCH_RESULT_H
#define VIADUCT_TOOLS_BENCH_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <viaduct/util/error.h>

#include "stats.h"

/*
 * What one 'viaduct bench KIND' measured: the contract between the workloads, which build it, and
 * the reports, which print it. docs/json.md has its JSON.
 *
 * Building never fails half-way: when memory runs out @failed is set, functions return NULL where
 * they return something, take NULL where they take that, and via_bench_result_finish() tells.
 * Texts are copied and made printable. What is not known is NULL, -1 or NAN. Not thread-safe.
 */

#define VIA_BENCH_VERSION 1

enum via_bench_kind {
	VIA_BENCH_NET,
	VIA_BENCH_DISK,
	VIA_BENCH_IRQ,
	VIA_BENCH_MAP,
	VIA_BENCH_BOOT,
	VIA_BENCH_BAR,
	VIA_BENCH_KINDS,
};

/* A named text: a setting of the workload, or something else about the machine. */
struct via_bench_fact {
	char *name, *value;
};

struct via_bench_facts {
	struct via_bench_fact *facts;
	size_t count;
};

struct via_bench_texts {
	char **texts;
	size_t count;
};

struct via_bench_machine {
	char *cpu; /* its model */
	unsigned int cpus;
	char *kernel; /* release */
	uint64_t memory_bytes;
	bool emulated;	/* times are those of an emulator */
	char *iommu;	/* "Intel VT-d", ... */
	char *governor; /* of the processors' frequency; NULL: there is none, or it is not known */
	int pinned;	/* each vCPU had a processor of its own: 1, 0, or -1: not known */
	struct via_bench_facts facts; /* whatever else a reader should know */
};

struct via_bench_guest {
	char *kernel, *initrd; /* names of files, NULL when no guest was run */
	uint64_t memory_bytes;
	unsigned int cpus;
};

/* Something that was measured, or could not be. */
struct via_bench_subject {
	char *name;   /* "passthrough", "virtio", "vhost", "host", "virtio (qemu)": unique */
	char *vmm;    /* "viaduct", "qemu"; NULL for none */
	char *what;   /* "0000:01:10.0 (igbvf)" */
	char *reason; /* why it was skipped; NULL: it was not */
};

enum via_bench_better {
	VIA_BENCH_BETTER_NONE, /* neither */
	VIA_BENCH_BETTER_LOWER,
	VIA_BENCH_BETTER_HIGHER,
	VIA_BENCH_BETTERS,
};

enum via_bench_unit {
	VIA_BENCH_UNIT_NS,
	VIA_BENCH_UNIT_BYTES_PER_SECOND,
	VIA_BENCH_UNIT_PER_SECOND,
	VIA_BENCH_UNIT_COUNT,
	VIA_BENCH_UNIT_BYTES,
	VIA_BENCH_UNITS,
};

/* What an operation cost the host. */
enum via_bench_cost_group {
	VIA_BENCH_EXITS,      /* VM exits by reason, and "total" */
	VIA_BENCH_USER_EXITS, /* those that went on to the VMM's process, likewise */
	VIA_BENCH_INTERRUPTS, /* on the host, "total" and by source */
	VIA_BENCH_CPU_NS,     /* processor time of the host: "vmm", "vhost", "kernel", "total" */
	VIA_BENCH_CONTEXT_SWITCHES,
	VIA_BENCH_INSTRUCTIONS,
	VIA_BENCH_COST_GROUPS,
};

/* The name of a group's sum, of which its other names are parts. */
#define VIA_BENCH_TOTAL "total"

struct via_bench_samples {
	double *values; /* one for each run, in order; finite and not negative */
	size_t count, capacity;
};

struct via_bench_cost {
	enum via_bench_cost_group group;
	char *name;			  /* unique in its group */
	struct via_bench_samples samples; /* per operation */
	struct via_summary summary;	  /* set by via_bench_result_finish() */
};

/* One subject's figures of one metric. */
struct via_bench_figures {
	char *subject;
	struct via_bench_samples samples;
	struct via_histogram *histogram; /* of operations, in the metric's unit; NULL: none kept */
	uint64_t operations;		 /* of all runs; 0: not counted */
	struct via_bench_cost **costs;
	size_t cost_count;

	/* Set by via_bench_result_finish(). */
	struct via_summary summary;
	double ratio; /* to the baseline; NAN for the baseline itself, or without one */
	struct via_interval ratio_interval;
	bool differs; /* from the baseline, as via_stats_differ() has it */
};

struct via_bench_metric {
	char *name;  /* unique: "latency", "read-latency-qd4" */
	char *title; /* "Round trip", "Random read, queue depth 4" */
	enum via_bench_unit unit;
	enum via_bench_better better;
	bool time; /* a figure of the clock, the emulator's under emulation */

	char *operation; /* what costs are counted for: "round trip", "packet"; NULL: not told */

	/* One of several that differ in a number: "IOPS by queue depth", at 4. NULL: it is not. */
	char *series;
	double at;
	bool at_bytes; /* the number is a size */

	struct via_bench_figures **figures; /* in the order of the subjects */
	size_t figure_count;
};

struct via_bench_result {
	enum via_bench_kind kind;
	struct via_bench_texts command; /* that repeats it, by word */
	char *began;			/* RFC 3339, UTC */
	unsigned int runs;		/* of each subject; 0: not told */
	struct via_bench_machine machine;
	struct via_bench_guest guest;
	struct via_bench_facts parameters; /* of the workload: "duration" "2 s" */
	struct via_bench_texts warnings;   /* sentences */
	struct via_bench_texts sentences;  /* what explains a difference */
	char *baseline;			   /* the subject ratios are to; NULL: the first that ran */
	struct via_bench_subject **subjects;
	size_t subject_count;
	struct via_bench_metric **metrics;
	size_t metric_count;
	bool failed; /* memory ran out */
};

/** via_bench_kind_name() - "net", ... */
const char *via_bench_kind_name(enum via_bench_kind kind);

/** via_bench_cost_group_name() - as JSON calls it: "exits", "cpu_ns", ... */
const char *via_bench_cost_group_name(enum via_bench_cost_group group);

/** via_bench_unit_name() - as JSON calls it: "ns", "bytes/s", ... */
const char *via_bench_unit_name(enum via_bench_unit unit);

/** via_bench_better_name() - as JSON calls it: "none", ... */
const char *via_bench_better_name(enum via_bench_better better);

/** via_bench_result_new() - Return: an empty one for via_bench_result_free(), or NULL. */
struct via_bench_result *via_bench_result_new(enum via_bench_kind kind);
void via_bench_result_free(struct via_bench_result *result);

/** via_bench_set() - set a text of @result, such as &result->machine.cpu. @text: may be NULL. */
void via_bench_set(struct via_bench_result *result, char **field, const char *text);

/** via_bench_add_text() - append to result->command, ->warnings or ->sentences. */
void via_bench_add_text(struct via_bench_result *result, struct via_bench_texts *texts,
			const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/** via_bench_add_fact() - append to result->parameters or result->machine.facts. */
void via_bench_add_fact(struct via_bench_result *result, struct via_bench_facts *facts,
			const char *name, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/**
 * via_bench_add_subject() - @name must be new. @vmm, @what, @reason: may be NULL.
 *
 * Return: what @result owns, or NULL.
 */
struct via_bench_subject *via_bench_add_subject(struct via_bench_result *result, const char *name,
						const char *vmm, const char *what,
						const char *reason);

/** via_bench_add_metric() - @name must be new. Return: what @result owns, or NULL. */
struct via_bench_metric *via_bench_add_metric(struct via_bench_result *result, const char *name,
					      const char *title, enum via_bench_unit unit,
					      enum via_bench_better better, bool time);

/** via_bench_subject_find(), via_bench_metric_find() - Return: NULL when there is none. */
struct via_bench_subject *via_bench_subject_find(const struct via_bench_result *result,
						 const char *name);
struct via_bench_metric *via_bench_metric_find(const struct via_bench_result *result,
					       const char *name);

/** via_bench_figures_find() - of one subject. Return: NULL when there are none. */
struct via_bench_figures *via_bench_figures_find(const struct via_bench_metric *metric,
						 const char *subject);

/** via_bench_figures() - those of one subject, made when there are none yet, or NULL. */
struct via_bench_figures *via_bench_figures(struct via_bench_result *result,
					    struct via_bench_metric *metric, const char *subject);

/** via_bench_add_sample() - the figure of one run: finite, not negative. */
void via_bench_add_sample(struct via_bench_result *result, struct via_bench_figures *figures,
			  double value);

/**
 * via_bench_add_cost() - the cost per operation of one run. A name that some runs lack (an exit
 * that did not happen) is filled with 0 by via_bench_result_finish(), up to as many as the most.
 * @name: VIA_BENCH_TOTAL, or a part of it. A group without a total is given one, the sum of its
 *	  parts.
 */
void via_bench_add_cost(struct via_bench_result *result, struct via_bench_figures *figures,
			enum via_bench_cost_group group, const char *name, double value);

/** via_bench_add_operations() - count @times operations of @value, in the metric's unit. */
void via_bench_add_operations(struct via_bench_result *result, struct via_bench_figures *figures,
			      uint64_t value, uint64_t times);

/** via_bench_cost_find() - Return: NULL when it was not counted. */
const struct via_bench_cost *via_bench_cost_find(const struct via_bench_figures *figures,
						 enum via_bench_cost_group group, const char *name);

/*
 * What the work itself counted of interrupts: those that its driver took. They are no part of the
 * host's total, which has them already, or, of a guest, had nothing to do with them.
 */
#define VIA_BENCH_OF_GUEST  "guest's device"
#define VIA_BENCH_OF_DRIVER "driver"

/*
 * What the clock alone caused, however much was done: the guest's and the host's timer ticks. It is
 * no part of the total, which is what operations cost and the same at any pace.
 */
#define VIA_BENCH_OF_CLOCK "clock"

/** via_bench_cost_is_part() - whether a cost is added up in the total of its group. */
bool via_bench_cost_is_part(const struct via_bench_cost *cost);

/** via_bench_cost_total() - the median of a group's total. Return: NAN when it was not counted. */
double via_bench_cost_total(const struct via_bench_figures *figures,
			    enum via_bench_cost_group group);

/** via_bench_has_figures() - whether a subject has any, as one may that was stopped half-way. */
bool via_bench_has_figures(const struct via_bench_result *result, const char *subject);

/** via_bench_is_baseline() - whether ratios are to this subject. */
bool via_bench_is_baseline(const struct via_bench_result *result, const char *subject);

/**
 * via_bench_result_finish() - everything that follows from the samples: summaries, ratios, the
 * baseline. To be called once, before the result is printed or written.
 *
 * Return: 0, or -ENOMEM also when memory ran out before.
 */
int via_bench_result_finish(struct via_bench_result *result, struct via_error *err);

/** via_bench_number_json() - NAN is null. Return: NULL when memory ran out. */
json_t *via_bench_number_json(double value);

/** via_bench_result_json() - a finished result, or NULL when memory ran out. */
json_t *via_bench_result_json(const struct via_bench_result *result);

/**
 * via_bench_result_from_json() - a result that is not finished yet. What the file derived from its
 * samples is not read but made anew.
 * @where: what sentences of errors begin with, the name of the file.
 *
 * Return: 0; -EPROTO when it is not a result, with what and where in the sentence; -EOPNOTSUPP for
 * another version; -ENOMEM.
 */
int via_bench_result_from_json(const json_t *json, const char *where,
			       struct via_bench_result **result, struct via_error *err);

/**
 * via_bench_result_load() - read and finish one from a file.
 *
 * Return: 0, as via_bench_result_from_json(), -EPROTO also when it is not JSON or too large, or
 * what reading failed with.
 */
int via_bench_result_load(const char *path, struct via_bench_result **result,
			  struct via_error *err);

#endif
