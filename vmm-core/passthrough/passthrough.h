/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_PASSTHROUGH_H
#define VIA_VMM_PASSTHROUGH_H

#include <viaduct/iommu/space.h>
#include <viaduct/vfio/device.h>
#include <viaduct/vmm/vmm.h>

#include "../bus.h"
#include "../irq.h"
#include "../lock.h"
#include "../loop.h"
#include "../memory.h"
#include "../pci/host.h"
#include "bars.h"
#include "config.h"
#include "counts.h"
#include "doorbell.h"
#include "events.h"
#include "intx.h"
#include "msi.h"
#include "msix.h"
#include "rom.h"
#include "slots.h"

/* What of the machine a passed-through function touches. */
struct via_passthrough_machine {
	struct via_vmm *vmm;
	struct via_host *host;
	struct via_machine_lock *lock;
	struct via_loop *loop;
	struct via_irq *irq;
	struct via_memory *memory;
	struct via_bus *mmio;
	struct via_bus *pio;
	struct via_pci_host *pci;
	struct via_iommu_space *space;
	bool peers; /* there are several functions: they may do DMA to each other */
};

/*
 * Which of its errors the function reports to the root port (PCIe 6.0, 6.2.6): as the host's kernel
 * set it up, whatever the guest writes, or the guest could keep its failures from the host.
 */
struct via_reporting {
	uint16_t command;	/* PCI_COMMAND_SERR, or 0 */
	uint8_t device_control; /* of PCI_EXP_DEVCTL, the bits that enable it */
};

/*
 * A VFIO device as a PCI function of the guest. Registers are mapped into the guest; what has to
 * be emulated is its configuration space (config.c), where its BARs are (bars.c) and how it
 * interrupts (msix.c, msi.c, intx.c).
 *
 * Guarded by the machine's lock once the guest runs.
 */
struct via_passthrough {
	struct via_passthrough_machine machine;
	struct via_vfio_device *device;
	struct via_pci_function function;
	uint8_t devfn;
	bool asleep;	 /* the guest put it into D1, D2 or D3hot */
	bool complained; /* once is enough: a guest can do it again and again */
	struct via_pci_config config;
	struct via_reporting reporting;
	uint8_t *initial; /* config.value when the machine starts */
	struct via_bars bars;
	struct via_rom rom;
	struct via_doorbells doorbells;
	struct via_msix msix;
	struct via_events events;
	struct via_msi msi;
	struct via_intx intx;
	struct via_reset_domain *domain; /* reset.h; NULL when it is reset alone, or not at all */
	bool waits;			 /* for the rest of its domain to be quiet */
};

/**
 * via_passthrough_new() - open @wanted and make it a function of the guest, BARs placed, memory
 * decoding off, as firmware that leaves the rest to the system would.
 *
 * The function is fresh: VFIO has just reset it as part of opening it (vfio_pci_core_enable()).
 *
 * Return: 0; the errors of via_vfio_device_open(); -ENOSPC when its BARs do not fit into the
 * guest's windows; -EPROTO when its configuration space makes no sense; -ENOMEM.
 */
int via_passthrough_new(const struct via_passthrough_machine *machine,
			const struct via_vmm_device *wanted, struct via_passthrough_place place,
			struct via_passthrough **function, struct via_error *err);

/** via_passthrough_refuse() - the sentence for a function that no guest can have. Return: @rc. */
int via_passthrough_refuse(struct via_bdf bdf, int rc, const struct via_error *why,
			   struct via_error *err);

/**
 * via_passthrough_wrap() - the same with a device that is open already; closed on failure too.
 */
int via_passthrough_wrap(const struct via_passthrough_machine *machine,
			 struct via_vfio_device *device, const char *rom,
			 struct via_passthrough_place place, struct via_passthrough **function,
			 struct via_error *err);

/**
 * via_passthrough_quiesce() - after the last vCPU stopped: interrupts and bus mastering off,
 * function reset, registers out of the guest. Then its memory may be unmapped. Functions that only
 * a hot reset resets are when the last of them is quiet.
 *
 * Return: 0 or the first error; the rest is still done.
 */
int via_passthrough_quiesce(struct via_passthrough *function, struct via_error *err);

/**
 * via_passthrough_reset() - what a reset of the machine does to the function, while no vCPU runs:
 * quiesce it, which resets it once, and make what the guest sees of it what it was at the start:
 * configuration space, BARs where they were placed and not decoded, MSI-X table. The device stays
 * open and its regions stay mapped in this process.
 *
 * Return: 0; the errors of via_passthrough_quiesce(); the errno of writing its configuration space.
 */
int via_passthrough_reset(struct via_passthrough *function, struct via_error *err);

/** via_passthrough_complain() - a warning about this function; only the first one is passed on. */
void via_passthrough_complain(struct via_passthrough *function, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** via_passthrough_free() - close the device. After via_passthrough_quiesce(). */
void via_passthrough_free(struct via_passthrough *function);

int via_passthrough_stats(struct via_passthrough *function, struct via_vmm_device_stats *stats);

#endif
