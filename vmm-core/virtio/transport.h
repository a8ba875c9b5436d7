/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_VIRTIO_TRANSPORT_H
#define VIA_VMM_VIRTIO_TRANSPORT_H

#include <stdatomic.h>

#include "../pci/endpoint.h"
#include "../pci/msix.h"
#include "virtio.h"

/*
 * One virtio device: what the driver sees of it as a PCI function (pci.c)
 * and in its registers (registers.c), and its life (device.c).
 *
 * Guarded by the machine's lock, but for what is atomic and for eventfds: a device's own threads
 * interrupt, and find out that the driver broke the rules.
 */
struct via_virtio_queue {
	struct via_virtq_places places;
	atomic_bool enabled;
	bool was_reset; /* since the driver began: it may be enabled once more */
	bool direct;	/* KVM signals kick_fd; else the write that notifies comes here */
	int kick_fd;
	struct via_virtq ring;
};

struct via_virtio {
	struct via_virtio_machine machine;
	struct via_virtio_description description;
	struct via_pci_endpoint endpoint;
	struct via_msix_table msix; /* wire 0 is for the configuration, 1 + n for queue n */
	uint8_t msix_at, window_at; /* capabilities */
	uint8_t notify_bytes;	    /* of a write KVM is to take for a notification; 0: any */

	uint64_t features; /* offered */
	uint64_t accepted; /* by the driver */
	bool accepted_unknown;
	uint32_t offered_select, accepted_select;
	uint16_t queue_select;
	bool started, mastered;

	atomic_uchar status, generation, isr;
	atomic_bool complained;
	atomic_uint_least64_t interrupts;

	struct via_virtio_queue *queues;
};

/*
 * The BAR (4.1.4): a page of its own for what is written often, the notifications.
 */
#define VIRTIO_BAR_BYTES    0x4000U
#define VIRTIO_COMMON	    0x0000U
#define VIRTIO_COMMON_BYTES 60U /* up to queue_reset */
#define VIRTIO_ISR	    0x0400U
#define VIRTIO_CONFIG	    0x0800U
#define VIRTIO_CONFIG_MAX   0x0800U
#define VIRTIO_NOTIFY	    0x1000U
#define VIRTIO_NOTIFY_BYTES 4U /* for each queue */
#define VIRTIO_TABLE	    0x2000U
#define VIRTIO_PBA	    0x3000U

/* Wires of the MSI-X table. */
#define VIRTIO_WIRE_CONFIG   0U
#define VIRTIO_WIRE_QUEUE(n) (1U + (n))

/** via_virtio_registers_access() - the driver's access to the BAR, a via_bus_fn. */
void via_virtio_registers_access(void *owner, struct via_bus_access *access);

/** via_virtio_set_status() - the driver wrote the device's status (2.1). */
void via_virtio_set_status(struct via_virtio *virtio, uint8_t status);

/** via_virtio_queue_enable() - the driver did, before it began or after it had reset the queue. */
void via_virtio_queue_enable(struct via_virtio *virtio, unsigned int index);

/** via_virtio_queue_reset() - the driver resets one queue (2.6.1). */
void via_virtio_queue_reset(struct via_virtio *virtio, unsigned int index);

/** via_virtio_halt() - the device stops, whatever its driver knows of that. */
void via_virtio_halt(struct via_virtio *virtio);

/** via_virtio_forget() - what a reset by the driver does: all but what belongs to PCI. */
void via_virtio_forget(struct via_virtio *virtio);

/** via_virtio_signal() - an eventfd. */
void via_virtio_signal(int eventfd);

/** via_virtio_drain() - what was signalled and is out of date. */
void via_virtio_drain(int eventfd);

/**
 * via_virtio_complain() - a warning about this device; only the first one is passed on, also when
 * the guest reboots, as it can do that as often as it likes.
 */
void via_virtio_complain(struct via_virtio *virtio, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * What the life of a device needs of the transport.
 */

/** via_virtio_pci_listen() - have KVM signal notifications, where the BAR is, or no more. */
void via_virtio_pci_listen(struct via_virtio *virtio, bool listen);

/** via_virtio_pci_unwire() - this interrupt's vector is not used any more, and none waits. */
void via_virtio_pci_unwire(struct via_virtio *virtio, unsigned int wire);

/** via_virtio_pci_forget() - no vector is used any more, and no notification of one waits. */
void via_virtio_pci_forget(struct via_virtio *virtio);

#endif
