/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_VIRTIO_DEVICE_H
#define VIA_VMM_VIRTIO_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <viaduct/util/error.h>
#include <viaduct/vmm/vmm.h>

#include "queue.h"

/*
 * The seam between a kind of virtio device and the transport that shows it to the guest (pci.c).
 *
 * A device is driven in two phases. Until the driver says DRIVER_OK, and after a reset, only the
 * transport works: calls come from vCPU threads, under the machine's lock. Between start() and
 * stop() the device's own threads (worker.h) use its queues, and take no lock of the machine.
 */
struct via_virtio; /* the transport of one device */

#define VIA_VIRTIO_QUEUES_MAX 33U /* 16 pairs and a control queue */

struct via_virtio_kind {
	const char *name;    /* "net" */
	uint16_t id;	     /* virtio 1.2, 5: 1 net, 2 block, ... */
	uint32_t pci_class;  /* class, subclass and interface: 0x020000 */
	size_t config_bytes; /* of its device-specific configuration */

	/**
	 * start() - the driver is ready; @features are what it took. The queues that
	 * via_virtio_queue() knows have been enabled. Threads are started here, not before:
	 * worker.h says why.
	 *
	 * Return: 0, or -errno: the device then needs a reset.
	 */
	int (*start)(void *device, uint64_t features, struct via_error *err);
	/** stop() - when it returns no thread of the device touches a queue or guest memory. */
	void (*stop)(void *device);
	/**
	 * queue_stop() - the driver resets this queue of the running device (2.6.1): when it
	 * returns, no thread of the device touches the queue or what was in it. NULL: it cannot.
	 */
	void (*queue_stop)(void *device, unsigned int index);
	/**
	 * queue_start() - the driver has enabled it anew. Together with queue_stop().
	 *
	 * Return: 0, or -errno: the device then needs a reset.
	 */
	int (*queue_start)(void *device, unsigned int index);
	/** config_read() - @size_bytes of its configuration, inside of it. */
	void (*config_read)(void *device, size_t offset, void *data, size_t size_bytes);
	/** config_write() - NULL: nothing in it can be written. */
	void (*config_write)(void *device, size_t offset, const void *data, size_t size_bytes);
	/**
	 * stats() - what only it knows: back end, kicks, requests, bytes, time of its threads.
	 * NULL: nothing.
	 */
	void (*stats)(void *device, struct via_vmm_virtio_stats *stats);
	/** free() - the end of it; stopped before. */
	void (*free)(void *device);
};

/* What is wanted of the transport for one device. */
struct via_virtio_description {
	const struct via_virtio_kind *kind;
	void *device;
	char name[16];	   /* "net0", for errors and statistics */
	uint64_t features; /* offered; VERSION_1, the ring's and ACCESS_PLATFORM are the transport's
			    */
	unsigned int queue_count;
	uint16_t queue_size;
};

/**
 * via_virtio_queue() - after start(): the queue, or NULL when the driver did not enable it, or has
 * reset it. From any thread.
 */
struct via_virtq *via_virtio_queue(struct via_virtio *virtio, unsigned int index);

/**
 * via_virtio_places() - where the queue is, for a back end that works on it in its own way (vhost).
 */
const struct via_virtq_places *via_virtio_places(struct via_virtio *virtio, unsigned int index);

/** via_virtio_kick_fd() - the eventfd that KVM signals when the driver notifies the queue. */
int via_virtio_kick_fd(struct via_virtio *virtio, unsigned int index);

/** via_virtio_call_fd() - the eventfd whose signals interrupt the guest for this queue; it stays
 * the same, whichever vector the driver chooses, so that a back end can be handed it.
 */
int via_virtio_call_fd(struct via_virtio *virtio, unsigned int index);

/** via_virtio_interrupt() - tell the driver that the used ring has news. From any thread. */
void via_virtio_interrupt(struct via_virtio *virtio, unsigned int index);

/** via_virtio_config_changed() - a configuration interrupt, and a new generation. From any thread.
 */
void via_virtio_config_changed(struct via_virtio *virtio);

/**
 * via_virtio_break() - the driver broke the rules: the device needs a reset (2.1.1), which the
 * guest is told, and the user once. From any thread; whoever calls it stops using the queues.
 */
void via_virtio_break(struct via_virtio *virtio, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
