/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "counts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <viaduct/util/cleanup.h>

#include "passthrough.h"

/*
 * Whether a line of /proc/interrupts has a handler of this function, and which vector it is:
 * "  28:   0   123  IR-PCI-MSIX-0000:01:10.0  0-edge  vfio-msix[0](0000:01:10.0)". Functions that
 * share a line are all named at its end.
 */
static bool find_handler(const char *line, const char *kind, const char *bdf, uint32_t *vector)
{
	const char *name = line;

	while ((name = strstr(name, kind))) {
		char *end = (char *)(name += strlen(kind));

		*vector = 0;
		if (*name == '[') {
			*vector = (uint32_t)strtoul(name + 1, &end, 10);
			if (*end++ != ']')
				continue;
		}
		if (*end == '(' && !strncmp(end + 1, bdf, strlen(bdf)))
			return true;
	}
	return false;
}

static uint64_t sum_of_cpus(const char *line)
{
	const char *at = strchr(line, ':');
	uint64_t sum = 0;
	char *end;

	for (at = at ? at + 1 : ""; *at; at = end) {
		uint64_t on_cpu = strtoull(at, &end, 10);

		if (end == at || *end != ' ')
			break;
		sum += on_cpu;
	}
	return sum;
}

/*
 * The kernel counts each interrupt anyway; counting here would put the VMM in the way. Where the
 * hardware posts interrupts straight into a running guest, nobody counts those.
 */
void via_passthrough_interrupts(struct via_passthrough *function, const char *name,
				uint64_t *counts, uint32_t count)
{
	struct via_bdf_text bdf = via_bdf_text(via_vfio_device_bdf(function->device));
	via_autofclose FILE *file = via_host_fopen(function->machine.host, "proc/interrupts");
	via_autofree char *line = NULL;
	size_t line_bytes = 0;

	while (file && getline(&line, &line_bytes, file) > 0) {
		uint32_t vector;

		if (find_handler(line, name, bdf.text, &vector) && vector < count)
			counts[vector] += sum_of_cpus(line);
	}
}
