/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_UTIL_FINDINGS_H
#define VIADUCT_UTIL_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include <viaduct/util/bdf.h>
#include <viaduct/util/error.h>

/*
 * What was found out about something before it is done: each finding is what it is, why it
 * matters and what helps. Whoever looks adds to a list, in the order in which he would meet it.
 */
enum via_severity {
	VIA_SEVERITY_ERROR,   /* it would fail */
	VIA_SEVERITY_WARNING, /* it works, but worse */
	VIA_SEVERITY_INFO,
	VIA_SEVERITIES,
};

struct via_finding {
	const char *id; /* for programs, stable: "not-bound" */
	enum via_severity severity;
	bool has_device;
	struct via_bdf device; /* the function it is about */
	char *what;	       /* of an error, the sentence that it would fail with */
	char *why;	       /* NULL: what says it */
	char *fix;	       /* a command or a parameter; NULL: nothing helps, or nothing need */
};

/* Zero-initialised; released with via_findings_clear(). */
struct via_findings {
	struct via_finding *findings;
	size_t count;
	size_t capacity;
	bool failed; /* memory ran out: something is missing */
};

/**
 * via_findings_add() - one finding more.
 * @id: static.
 * @device: NULL when it is about the whole host.
 */
VIA_API void via_findings_add(struct via_findings *findings, enum via_severity severity,
			      const char *id, const struct via_bdf *device, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/** via_findings_why(), via_findings_fix() - of the finding that was added last. */
VIA_API void via_findings_why(struct via_findings *findings, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
VIA_API void via_findings_fix(struct via_findings *findings, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** via_findings_count() - how many of a severity there are. */
VIA_API size_t via_findings_count(const struct via_findings *findings, enum via_severity severity);

VIA_API void via_findings_clear(struct via_findings *findings);

#endif
