/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vector.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>

#include <viaduct/util/cleanup.h>

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

int via_vector_prepare(struct via_irq *irq, struct via_vector *vector)
{
	if (vector->eventfd < 0) {
		vector->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (vector->eventfd < 0)
			return -errno;
	}
	if (vector->gsi < 0) {
		int gsi = via_irq_msi_alloc(irq);

		if (gsi < 0)
			return gsi;
		vector->gsi = gsi;
	}
	return 0;
}

int via_vector_route(struct via_irq *irq, struct via_vector *vector, uint64_t address,
		     uint32_t data)
{
	int rc = via_vector_prepare(irq, vector);

	if (!rc)
		via_irq_msi_route(irq, vector->gsi, address, data);
	return rc;
}

const char *via_vector_reason(int rc)
{
	return rc == -EMFILE ? "this process may have no more files open (ulimit -Hn raises the "
			       "limit)"
			     : strerror(-rc);
}

int via_vector_attach(struct via_irq *irq, struct via_vector *vector)
{
	int rc;

	if (vector->attached)
		return 0;
	rc = via_irq_attach(irq, vector->gsi, vector->eventfd);
	vector->attached = !rc;
	return rc;
}

void via_vector_detach(struct via_irq *irq, struct via_vector *vector)
{
	if (vector->attached)
		via_irq_detach(irq, vector->gsi, vector->eventfd);
	vector->attached = false;
}

bool via_vector_pending(const struct via_vector *vector)
{
	struct pollfd pollfd = { .fd = vector->eventfd, .events = POLLIN };

	return vector->eventfd >= 0 && !vector->attached && poll(&pollfd, 1, 0) > 0;
}

void via_vector_unroute(struct via_irq *irq, struct via_vector *vector)
{
	via_vector_detach(irq, vector);
	if (vector->gsi >= 0)
		via_irq_msi_free(irq, vector->gsi);
	vector->gsi = -1;
}

void via_vector_release(struct via_irq *irq, struct via_vector *vector)
{
	via_vector_unroute(irq, vector);
	via_close(&vector->eventfd);
	vector->connected = false;
}
