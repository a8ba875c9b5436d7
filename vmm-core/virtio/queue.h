/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_VIRTIO_QUEUE_H
#define VIA_VMM_VIRTIO_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "../memory.h"

struct vring_desc;
struct vring_avail;
struct vring_used;

/*
 * A split virtqueue (virtio 1.2, 2.7), from the device's side. The guest can write to all of it at
 * any time: each word is read once, into a copy, and what the copy says is checked.
 *
 * One thread at a time uses a queue. Nothing here allocates; publishing and arming cost a fence.
 */
#define VIA_VIRTQ_SIZE_MAX 256U /* entries, and segments of one chain */

struct via_virtq_places {
	uint16_t size;		       /* a power of two, at most VIA_VIRTQ_SIZE_MAX */
	uint64_t desc, driver, device; /* guest addresses of the three parts */
};

struct via_virtq {
	const struct via_memory *memory;
	uint16_t size;
	bool event_index;   /* VIRTIO_RING_F_EVENT_IDX was negotiated */
	bool indirect;	    /* VIRTIO_RING_F_INDIRECT_DESC was */
	const char *broken; /* why nothing is taken from it any more; NULL: it is sound */
	const struct vring_desc *desc;
	const struct vring_avail *avail;
	struct vring_used *used;
	uint16_t taken;	    /* entries of the available ring read so far */
	uint16_t pushed;    /* entries of the used ring written so far */
	uint16_t published; /* of these, what the driver was shown */
};

/*
 * A request: what the device reads comes first, then what it writes. Empty buffers are left out.
 */
struct via_virtq_chain {
	uint16_t head;		      /* for via_virtq_push() */
	uint16_t out_count, in_count; /* segments the device reads, and writes */
	uint64_t out_bytes, in_bytes;
	struct iovec segments[VIA_VIRTQ_SIZE_MAX];
};

/**
 * via_virtq_start() - a queue the driver has enabled.
 * @features: as negotiated.
 *
 * Return: 0; -EINVAL when size or alignment is not what 2.7 allows; -EFAULT when a part is not RAM.
 */
int via_virtq_start(struct via_virtq *queue, const struct via_memory *memory,
		    const struct via_virtq_places *places, uint64_t features);

/**
 * via_virtq_pop() - the next request.
 *
 * Return: 1; 0 when there is none; -EPROTO when the driver broke the rules, and from then on:
 * @queue->broken says how.
 */
int via_virtq_pop(struct via_virtq *queue, struct via_virtq_chain *chain);

/** via_virtq_unpop() - put back the request popped last, before anything else is done to it. */
void via_virtq_unpop(struct via_virtq *queue);

/** via_virtq_push() - a request is done; the driver sees it after via_virtq_publish(). */
void via_virtq_push(struct via_virtq *queue, uint16_t head, uint32_t written_bytes);

/** via_virtq_publish() - show the driver what was pushed. Return: whether it wants an interrupt. */
bool via_virtq_publish(struct via_virtq *queue);

/**
 * via_virtq_arm() - ask to be notified of the next request.
 *
 * Return: whether one came meanwhile: there may be no notification of it, so look again.
 */
bool via_virtq_arm(struct via_virtq *queue);

/** via_virtq_disarm() - no notifications needed, as the queue is being looked at. */
void via_virtq_disarm(struct via_virtq *queue);

#endif
