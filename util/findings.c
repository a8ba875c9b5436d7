/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <viaduct/util/findings.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static char *format(struct via_findings *findings, const char *fmt, va_list args)
{
	char *text = NULL;

	if (vasprintf(&text, fmt, args) >= 0)
		return text;
	findings->failed = true;
	return NULL;
}

static struct via_finding *grow(struct via_findings *findings)
{
	if (findings->count == findings->capacity) {
		size_t more = findings->capacity ? findings->capacity * 2 : 16;
		struct via_finding *grown = reallocarray(findings->findings, more, sizeof(*grown));

		if (!grown) {
			findings->failed = true;
			return NULL;
		}
		findings->findings = grown;
		findings->capacity = more;
	}
	return &findings->findings[findings->count];
}

void via_findings_add(struct via_findings *findings, enum via_severity severity, const char *id,
		      const struct via_bdf *device, const char *fmt, ...)
{
	struct via_finding *finding = findings->failed ? NULL : grow(findings);
	va_list args;

	if (!finding)
		return;
	*finding = (struct via_finding){ .id = id, .severity = severity, .has_device = device };
	if (device)
		finding->device = *device;
	va_start(args, fmt);
	finding->what = format(findings, fmt, args);
	va_end(args);
	findings->count += !!finding->what;
}

/* Where words about the last finding go; NULL when it could not be added. */
static struct via_finding *last(struct via_findings *findings)
{
	return findings->failed ? NULL : &findings->findings[findings->count - 1];
}

void via_findings_why(struct via_findings *findings, const char *fmt, ...)
{
	struct via_finding *finding = last(findings);
	va_list args;

	if (!finding)
		return;
	va_start(args, fmt);
	finding->why = format(findings, fmt, args);
	va_end(args);
}

void via_findings_fix(struct via_findings *findings, const char *fmt, ...)
{
	struct via_finding *finding = last(findings);
	va_list args;

	if (!finding)
		return;
	va_start(args, fmt);
	finding->fix = format(findings, fmt, args);
	va_end(args);
}

size_t via_findings_count(const struct via_findings *findings, enum via_severity severity)
{
	size_t count = 0;

	for (size_t i = 0; i < findings->count; i++)
		count += findings->findings[i].severity == severity;
	return count;
}

void via_findings_clear(struct via_findings *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		free(findings->findings[i].what);
		free(findings->findings[i].why);
		free(findings->findings[i].fix);
	}
	free(findings->findings);
	*findings = (struct via_findings){ 0 };
}
