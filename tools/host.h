/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_HOST_H
#define VIADUCT_TOOLS_HOST_H

#include <stdbool.h>
#include <stddef.h>

#include <viaduct/util/error.h>
#include <viaduct/util/host.h>

/* What `viaduct host` says of a machine, line by line. */
enum via_verdict {
	VIA_VERDICT_NEUTRAL, /* neither good nor bad, or not known */
	VIA_VERDICT_OK,
	VIA_VERDICT_NO,
};

struct via_host_line {
	const char *id;	   /* for programs: "nested-paging" */
	const char *title; /* for people */
	enum via_verdict verdict;
	char *value; /* what there is */
	char *fix;   /* in a few words; NULL: nothing to be done */
};

struct via_host_lines {
	struct via_host_line *lines;
	size_t count;
	size_t capacity;
	bool failed; /* memory ran out */
};

/** via_host_line_add() - the next line. @fix is copied, and may be NULL. */
void via_host_line_add(struct via_host_lines *lines, const char *id, const char *title,
		       enum via_verdict verdict, const char *fix, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));

/* The groups of lines, in their order. Each looks for itself. */
void via_host_add_kvm(struct via_host *host, struct via_host_lines *lines);
void via_host_add_iommu(struct via_host *host, struct via_host_lines *lines);
void via_host_add_vfio(struct via_host *host, struct via_host_lines *lines);
void via_host_add_memory(struct via_host *host, struct via_host_lines *lines);
void via_host_add_parameters(struct via_host *host, struct via_host_lines *lines);

#endif
