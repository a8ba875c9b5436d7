/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rng.h"

#include <errno.h>
#include <linux/virtio_ids.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "worker.h"

#define QUEUE_SIZE 8U
/* Of one request; it may ask for gigabytes, and whoever wants to stop the device would wait. */
#define BYTES_MAX 0x10000U

struct rng {
	struct via_virtio *virtio;
	struct via_worker worker;
	struct via_loop_watch kick;
	struct via_virtq *queue; /* NULL: there is none, or it is broken */
	bool again;		 /* in the eventfd is a signal of its own, that no driver sent */
	struct via_virtq_chain chain;
	atomic_uint_least64_t kicks, requests, bytes;
};

static void count(atomic_uint_least64_t *counter, uint64_t more)
{
	atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

/* Return: how many bytes of it are filled. */
static uint32_t fill(const struct via_virtq_chain *chain)
{
	const struct iovec *segments = chain->segments + chain->out_count;
	size_t filled = 0;

	for (uint16_t i = 0; i < chain->in_count && filled < BYTES_MAX; i++) {
		size_t wanted = segments[i].iov_len;
		ssize_t got;

		if (wanted > BYTES_MAX - filled)
			wanted = BYTES_MAX - filled;
		got = getrandom(segments[i].iov_base, wanted, 0);
		if (got > 0)
			filled += (size_t)got;
		if (got != (ssize_t)wanted)
			break; /* the rest with the next request */
	}
	return (uint32_t)filled;
}

/* No more than a queue full at a time, so that a guest that is fast cannot keep the worker busy. */
static int serve_some(struct rng *rng)
{
	int rc = 1;

	for (unsigned int i = 0; i < rng->queue->size; i++) {
		uint32_t filled;

		rc = via_virtq_pop(rng->queue, &rng->chain);
		if (rc <= 0)
			break;
		filled = fill(&rng->chain);
		via_virtq_push(rng->queue, rng->chain.head, filled);
		count(&rng->requests, 1);
		count(&rng->bytes, filled);
	}
	if (via_virtq_publish(rng->queue))
		via_virtio_interrupt(rng->virtio, 0);
	return rc;
}

static void kicked(void *data)
{
	struct rng *rng = data;
	const uint64_t once = 1;
	uint64_t kicks;
	int rc;

	if (read(rng->kick.fd, &kicks, sizeof(kicks)) < 0 || !rng->queue)
		return;
	count(&rng->kicks, kicks - rng->again);
	rng->again = false;
	via_virtq_disarm(rng->queue);
	rc = serve_some(rng);
	if (rc < 0) {
		via_virtio_break(rng->virtio, "%s", rng->queue->broken);
		rng->queue = NULL;
	} else if (rc || via_virtq_arm(rng->queue)) {
		rng->again = write(rng->kick.fd, &once, sizeof(once)) > 0;
	}
}

static int start(void *device, uint64_t features, struct via_error *err)
{
	struct rng *rng = device;
	int rc;

	(void)features;
	rng->queue = via_virtio_queue(rng->virtio, 0);
	rng->again = false;
	rc = via_worker_start(&rng->worker, "rng0", err);
	if (rc)
		return rc;
	rc = via_loop_add(&rng->worker.loop, &rng->kick);
	if (rc)
		via_worker_stop(&rng->worker);
	return rc ? via_error_sys(err, -rc, "cannot wait for requests") : 0;
}

static void stop(void *device)
{
	struct rng *rng = device;

	via_worker_stop(&rng->worker);
}

static void take_queue(void *data)
{
	struct rng *rng = data;

	rng->queue = via_virtio_queue(rng->virtio, 0);
	rng->again = false;
}

/* It is disabled, or enabled, by now. */
static void queue_stop(void *device, unsigned int index)
{
	struct rng *rng = device;

	(void)index;
	via_worker_call(&rng->worker, take_queue, rng);
}

static int queue_start(void *device, unsigned int index)
{
	queue_stop(device, index);
	return 0;
}

static void stats(void *device, struct via_vmm_virtio_stats *stats)
{
	struct rng *rng = device;

	snprintf(stats->backend, sizeof(stats->backend), "getrandom");
	stats->kicks = atomic_load_explicit(&rng->kicks, memory_order_relaxed);
	stats->requests = atomic_load_explicit(&rng->requests, memory_order_relaxed);
	stats->bytes = atomic_load_explicit(&rng->bytes, memory_order_relaxed);
	stats->cpu_ns = via_worker_cpu_ns(&rng->worker);
}

static const struct via_virtio_kind kind = {
	.name = "rng",
	.id = VIRTIO_ID_RNG,
	.pci_class = 0x100000, /* as good as any: there is none for it */
	.start = start,
	.stop = stop,
	.queue_stop = queue_stop,
	.queue_start = queue_start,
	.stats = stats,
	.free = free,
};

int via_virtio_rng_new(const struct via_virtio_machine *machine, struct via_virtio **virtio,
		       struct via_error *err)
{
	struct via_virtio_description description = {
		.kind = &kind,
		.name = "rng0",
		.queue_count = 1,
		.queue_size = QUEUE_SIZE,
	};
	struct rng *rng = calloc(1, sizeof(*rng));
	int rc;

	if (!rng)
		return via_error_sys(err, ENOMEM, "cannot describe %s", description.name);
	description.device = rng;
	rc = via_virtio_new(machine, &description, virtio, err);
	if (rc) {
		free(rng);
		return rc;
	}
	rng->virtio = *virtio;
	rng->kick = (struct via_loop_watch){ .fd = via_virtio_kick_fd(*virtio, 0),
					     .ready = kicked,
					     .data = rng };
	return 0;
}
