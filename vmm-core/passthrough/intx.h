/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_PASSTHROUGH_INTX_H
#define VIA_VMM_PASSTHROUGH_INTX_H

#include <stdbool.h>
#include <stdint.h>

#include <viaduct/util/error.h>

#include "../loop.h"

/*
 * INTx (PCI Local Bus 3.0, 2.2.6): a level-triggered line that functions can share.
 *
 *	device --(line)--> host masks it --> eventfd --(irqfd)--> I/O APIC pin, held
 *	guest's EOI --> resamplefd --> host unmasks: a device that still wants service begins anew
 *
 * All of it inside the kernel. Where KVM does not tell of EOIs, or VFIO takes no eventfd to unmask
 * by, this process raises the line, and takes the guest's next access to the function's registers,
 * which trap meanwhile, as the sign that its handler runs.
 *
 * The host's line is taken when the guest first turns decoding on with INTx allowed, as nothing
 * else tells that its driver wants interrupts, and given back when it enables MSI or MSI-X.
 */
struct via_passthrough;

struct via_intx {
	uint8_t pin; /* 1 to 4; 0: none */
	uint32_t gsi;
	bool enabled;
	bool watched; /* the fallback: this process sees each interrupt */
	bool raised;  /* likewise: the line is held for it */
	int trigger_fd, unmask_fd;
	struct via_loop_watch trigger, calm;
	uint64_t interrupts; /* of former enablings */
};

void via_intx_init(struct via_passthrough *function);

/**
 * via_intx_update() - follow the command register.
 * @messages: the guest uses MSI or MSI-X, which exclude INTx.
 */
void via_intx_update(struct via_passthrough *function, bool messages);

/** via_intx_disable() - release the line. */
void via_intx_disable(struct via_passthrough *function);

/**
 * via_intx_accessed() - the guest has accessed a register that trapped. After the access: it may be
 * the one that makes the device lower its line.
 */
void via_intx_accessed(struct via_passthrough *function);

/** via_intx_count() - interrupts so far. */
uint64_t via_intx_count(struct via_passthrough *function);

#endif
