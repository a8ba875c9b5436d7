/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_VIRTIO_BLK_RING_H
#define VIA_VMM_VIRTIO_BLK_RING_H

#include <liburing.h>
#include <sched.h>

#include "blk-file.h"
#include "blk-request.h"
#include "device.h"
#include "worker.h"

/*
 * One queue of a disk: a thread and an io_uring. All requests that wait are submitted in one
 * system call, straight from and to guest memory; all that are done are told in one interrupt.
 * Everything is allocated once.
 */
#define VIA_BLK_IOVECS (4 * VIA_VIRTQ_SIZE_MAX) /* for requests on their way to the kernel */

struct via_blk_flight {
	uint16_t head;
	uint8_t *status;
	uint32_t expected_bytes; /* what the kernel must say it did */
	uint32_t written_bytes;	 /* what the driver is told when it did */
	bool in;		 /* data went to guest memory */
	bool then_sync;		 /* when it is done, that has to reach the disk */
};

struct via_blk_ring {
	unsigned int index;
	const struct via_blk_file *file;
	const char *id;		/* VIRTIO_BLK_ID_BYTES of it */
	const bool *write_back; /* the driver's choice; atomic */
	struct via_virtio *virtio;
	struct via_blk_limits limits;

	struct io_uring uring;
	bool made, uring_open, enabled;
	cpu_set_t cpus; /* where its thread may run */
	struct via_worker worker;
	struct via_loop_watch kicked, completed;
	struct via_virtq *queue; /* NULL: stopped */
	bool broken;
	bool stopping; /* atomic: somebody waits for it to stop */

	struct via_virtq_chain chain;
	struct iovec iovecs[VIA_BLK_IOVECS];
	unsigned int iovecs_used;
	struct via_blk_flight flights[VIA_VIRTQ_SIZE_MAX];
	uint16_t free[VIA_VIRTQ_SIZE_MAX];
	unsigned int free_count;
	uint64_t flying_bytes;	/* of the flights */
	void *bounce;		/* for direct access from unaligned memory */
	uint64_t bounced_bytes; /* in this round */

	uint64_t kicks, requests, bytes; /* atomic */
};

/**
 * via_blk_ring_init() - with the privileges that io_uring may need; no thread yet.
 * @ring: zero-initialised, but for what is the disk's.
 *
 * Return: 0; the errno of io_uring_setup(2), of which -EPERM is the administrator's; -ENOMEM.
 */
int via_blk_ring_init(struct via_blk_ring *ring, struct via_error *err);

/**
 * via_blk_ring_start() - serve the queue; its thread is made the first time.
 *
 * Return: 0 or the errno of pthread_create(3), epoll_ctl(2) or io_uring_register(2).
 */
int via_blk_ring_start(struct via_blk_ring *ring, struct via_virtq *queue, struct via_error *err);

/**
 * via_blk_ring_stop() - finish what is under way, take nothing new, and leave queue and memory
 * alone.
 */
void via_blk_ring_stop(struct via_blk_ring *ring);

/** via_blk_ring_free() - after via_blk_ring_stop(). One that was never made is left alone. */
void via_blk_ring_free(struct via_blk_ring *ring);

#endif
