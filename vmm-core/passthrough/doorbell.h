/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_PASSTHROUGH_DOORBELL_H
#define VIA_VMM_PASSTHROUGH_DOORBELL_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A register that traps, because pages cannot map it, and that the guest keeps writing the same
 * value to: a doorbell. KVM and VFIO then pass the write on between them, without this process:
 *
 *	guest's write --(KVM ioeventfd)--> eventfd --(VFIO ioeventfd)--> device
 *
 * VFIO writes in the context of the vCPU that wrote, so the device sees the same order.
 */
struct via_passthrough;
struct via_bar_segment;
struct via_bus_access;

#define DOORBELLS_MAX 16U

struct via_doorbell {
	struct via_bar_segment *segment; /* NULL: free */
	uint64_t offset;		 /* in the BAR */
	uint64_t address;		 /* of the guest */
	uint64_t value;
	uint32_t size_bytes;
	int eventfd;
};

struct via_doorbells {
	struct via_doorbell active[DOORBELLS_MAX];
	struct via_doorbell last; /* written, and how often in a row */
	uint32_t repeats;
	bool refused; /* by this kernel: not asked again */
};

/** via_doorbell_written() - the guest wrote a register that traps. */
void via_doorbell_written(struct via_passthrough *function, struct via_bar_segment *segment,
			  const struct via_bus_access *access);

/** via_doorbells_retract() - those of a segment that leaves the guest. */
void via_doorbells_retract(struct via_passthrough *function, const struct via_bar_segment *segment);

#endif
