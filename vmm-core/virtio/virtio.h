/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_VIRTIO_H
#define VIA_VMM_VIRTIO_H

#include <viaduct/util/error.h>
#include <viaduct/util/host.h>
#include <viaduct/vmm/vmm.h>

#include "../bus.h"
#include "../irq.h"
#include "../lock.h"
#include "../memory.h"
#include "../pci/host.h"
#include "device.h"

/* What of the machine a virtio device touches. */
struct via_virtio_machine {
	struct via_host *host;
	struct via_machine_lock *lock;
	struct via_irq *irq;
	struct via_memory *memory;
	struct via_bus *mmio;
	struct via_pci_host *pci;
	unsigned int cpus;
};

/**
 * via_virtio_new() - a function of the guest's, in the first slot after all others.
 * @description: its device belongs to the transport from now on, which ends it with kind->free();
 * on failure it stays the caller's.
 *
 * Return: 0; -ENOSPC without a slot or room for its registers; -ENOMEM; the errno of eventfd(2).
 */
int via_virtio_new(const struct via_virtio_machine *machine,
		   const struct via_virtio_description *description, struct via_virtio **virtio,
		   struct via_error *err);

/**
 * via_virtio_stop() - no thread of the device touches guest memory any more, for good or until the
 * guest's driver starts it again. While no vCPU runs.
 */
void via_virtio_stop(struct via_virtio *virtio);

/** via_virtio_reset() - as at the start: of a machine without running vCPUs. */
void via_virtio_reset(struct via_virtio *virtio);

/** via_virtio_free() - after via_virtio_stop(). NULL is allowed. */
void via_virtio_free(struct via_virtio *virtio);

/** via_virtio_devfn() - where it is on bus 0. */
uint8_t via_virtio_devfn(const struct via_virtio *virtio);

void via_virtio_stats(struct via_virtio *virtio, struct via_vmm_virtio_stats *stats);

#endif
