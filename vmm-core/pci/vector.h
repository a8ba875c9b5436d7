/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_PCI_VECTOR_H
#define VIA_VMM_PCI_VECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "../irq.h"

/*
 * A message-signalled interrupt, MSI or MSI-X, on its way to the guest:
 *
 *	who interrupts --> eventfd --(irqfd)--> GSI --(route)--> the guest's message
 *
 * Who interrupts is VFIO, for a vector of the host, or an emulated device, in this process or the
 * host's kernel. A masked one loses only its irqfd: the eventfd then is the pending bit.
 *
 * Guarded by the machine's lock, but for signals of the eventfd.
 */
struct via_vector {
	int eventfd;	     /* -1 until first prepared */
	int gsi;	     /* likewise */
	bool attached;	     /* the irqfd is in place: signals reach the guest */
	bool connected;	     /* the host's vector signals the eventfd */
	uint64_t interrupts; /* of former enablings; the current one's are in /proc/interrupts */
	uint64_t enabled;    /* how often it was connected */
};

void via_vector_init(struct via_vector *vector);

/** via_vector_is_message() - whether a write of a device there is an interrupt, not plain DMA. */
bool via_vector_is_message(uint64_t address);

/**
 * via_vector_prepare() - what via_vector_route() does first, for a vector that is not to reach
 * the guest yet.
 *
 * Return: as there.
 */
int via_vector_prepare(struct via_irq *irq, struct via_vector *vector);

/**
 * via_vector_route() - what the guest wants sent, from the next via_irq_commit() on.
 *
 * Return: 0; -ENOSPC without a GSI left; the errno of eventfd(2).
 */
int via_vector_route(struct via_irq *irq, struct via_vector *vector, uint64_t address,
		     uint32_t data);

/** via_vector_reason() - why one of these failed, in words. */
const char *via_vector_reason(int rc);

/**
 * via_vector_attach() - let a routed vector reach the guest, with what is pending.
 *
 * Return: 0 or the errno of KVM_IRQFD.
 */
int via_vector_attach(struct via_irq *irq, struct via_vector *vector);
void via_vector_detach(struct via_irq *irq, struct via_vector *vector);

/** via_vector_pending() - whether it was signalled while it was detached. */
bool via_vector_pending(const struct via_vector *vector);

/** via_vector_unroute() - give back the GSI; the eventfd stays. */
void via_vector_unroute(struct via_irq *irq, struct via_vector *vector);

/** via_vector_release() - give back GSI and eventfd. VFIO must not signal it any more. */
void via_vector_release(struct via_irq *irq, struct via_vector *vector);

#endif
