/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vector.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include <viaduct/util/cleanup.h>

#include "passthrough.h"

#define MESSAGE_BASE 0xfee00000U /* Intel SDM volume 3A, 10.11.1 */
#define MESSAGE_MASK (~(uint64_t)0xfffff)

void via_vector_init(struct via_vector *vector)
{
	*vector = (struct via_vector){ .eventfd = -1, .gsi = -1 };
}

bool via_vector_is_message(uint64_t address)
{
	return (address & MESSAGE_MASK) == MESSAGE_BASE;
}

int via_vector_prepare(struct via_passthrough *function, struct via_vector *vector)
{
	if (vector->eventfd < 0) {
		vector->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (vector->eventfd < 0)
			return -errno;
	}
	if (vector->gsi < 0) {
		int gsi = via_irq_msi_alloc(function->machine.irq);

		if (gsi < 0)
			return gsi;
		vector->gsi = gsi;
	}
	return 0;
}

int via_vector_route(struct via_passthrough *function, struct via_vector *vector, uint64_t address,
		     uint32_t data)
{
	int rc = via_vector_prepare(function, vector);

	if (!rc)
		via_irq_msi_route(function->machine.irq, vector->gsi, address, data);
	return rc;
}

const char *via_vector_reason(int rc)
{
	return rc == -EMFILE ? "this process may have no more files open (ulimit -Hn raises the "
			       "limit)"
			     : strerror(-rc);
}

int via_vector_attach(struct via_passthrough *function, struct via_vector *vector)
{
	int rc;

	if (vector->attached)
		return 0;
	rc = via_irq_attach(function->machine.irq, vector->gsi, vector->eventfd);
	vector->attached = !rc;
	return rc;
}

void via_vector_detach(struct via_passthrough *function, struct via_vector *vector)
{
	if (vector->attached)
		via_irq_detach(function->machine.irq, vector->gsi, vector->eventfd);
	vector->attached = false;
}

bool via_vector_pending(const struct via_vector *vector)
{
	struct pollfd pollfd = { .fd = vector->eventfd, .events = POLLIN };

	return vector->eventfd >= 0 && !vector->attached && poll(&pollfd, 1, 0) > 0;
}

void via_vector_release(struct via_passthrough *function, struct via_vector *vector)
{
	via_vector_detach(function, vector);
	if (vector->gsi >= 0)
		via_irq_msi_free(function->machine.irq, vector->gsi);
	via_close(&vector->eventfd);
	vector->gsi = -1;
	vector->connected = false;
}

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
void via_vector_counts(struct via_passthrough *function, const char *name, uint64_t *counts,
		       uint32_t count)
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
