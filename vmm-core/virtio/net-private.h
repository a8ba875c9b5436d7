/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_VIRTIO_NET_PRIVATE_H
#define VIA_VMM_VIRTIO_NET_PRIVATE_H

#include <linux/virtio_net.h>
#include <pthread.h>
#include <stdatomic.h>

#include "net-command.h"
#include "net-frames.h"
#include "net.h"
#include "worker.h"

#define VIA_NET_BIT(feature) (1ULL << (feature))

/* Virtio 1.3, 5.1.3; <linux/virtio_net.h> has them since Linux 6.2. */
#define VIA_NET_F_GUEST_USO4 54
#define VIA_NET_F_GUEST_USO6 55
#define VIA_NET_F_HOST_USO   56

struct via_net;

/*
 * A receive queue, a transmit queue, and the thread that serves both. The counts are written by
 * this thread alone.
 */
struct via_net_pair {
	struct via_net *net;
	unsigned int index;
	struct via_virtq *rx, *tx; /* NULL: the driver did not enable it */
	bool on;
	struct via_worker worker;
	uint64_t past_cpu_ns; /* of workers that have ended */
	atomic_uint_fast64_t kicks, frames, bytes;

	int fd; /* of the tap's queue; -1 without */
	int vhost_fd;
	struct via_loop_watch error; /* of vhost */
	struct via_loop_watch rx_kick, tx_kick, source;
	bool again;   /* the next notification is its own */
	bool listens; /* to the source: there are buffers for what it has */
	struct via_net_receiver receiver;
	struct via_virtq_chain chain;
	uint8_t *spill; /* VIA_NET_FRAME_BYTES_MAX */
};

/*
 * What is behind a card. The calls come one at a time: open() and close() from who makes and frees
 * it; the others, once the driver is ready, from whoever starts and stops it, or the control queue.
 */
struct via_net_backend {
	const char *name;
	bool one_thread; /* of the first pair, for the control queue: the kernel serves the others
			  */
	/** open() - sets @net->offered, and fd, vhost_fd, mtu or user where there are any. */
	int (*open)(struct via_net *net, const struct via_vmm_net *wanted, struct via_error *err);
	/** start() - the driver took @net->features; the first pair follows. NULL: nothing to do.
	 */
	int (*start)(struct via_net *net, struct via_error *err);
	/** pair_start() - in the pair's thread. Return: 0 or -errno. */
	int (*pair_start)(struct via_net_pair *pair);
	/** queue_stop() - leave the queue at @index alone, in the pair's thread. */
	void (*queue_stop)(struct via_net_pair *pair, unsigned int index);
	/** queue_start() - take it up again; it is pair->rx or pair->tx. Return: 0 or -errno. */
	int (*queue_start)(struct via_net_pair *pair, unsigned int index);
	/** pair_stop() - after the pair's thread has ended. NULL: that was all. */
	void (*pair_stop)(struct via_net_pair *pair);
	/** stats() - of a back end that does not count in the pairs. NULL: it does. */
	void (*stats)(struct via_net *net, struct via_vmm_virtio_stats *stats);
	/** close() - also after an open() that failed. */
	void (*close)(struct via_net *net);
};

struct via_net_user;

/* A card: net.c. */
struct via_net {
	struct via_virtio *virtio;
	struct via_host *host;
	const struct via_memory *memory;
	const struct via_net_backend *backend;
	char name[16];
	char tap[16];
	uint8_t mac[6];
	uint16_t mtu; /* 0: not told */
	uint64_t offered, features;
	atomic_bool down; /* what was behind it is gone */
	struct via_net_pair *pairs;
	unsigned int pair_count;
	pthread_mutex_t mutex; /* guards pairs coming and going against who counts */

	struct via_virtq *control;
	struct via_loop_watch control_kick, control_timer;
	bool control_rests; /* until the timer goes off */
	struct via_virtq_chain control_chain;

	uint64_t tap_counts[4]; /* vhost: its counters at the start */
	struct via_net_user *user;
};

extern const struct via_net_backend via_net_tap, via_net_vhost, via_net_user;

/** via_net_new() - what via_virtio_net_new() does, with this back end. */
int via_net_new(const struct via_virtio_machine *machine, const struct via_vmm_net *wanted,
		const struct via_net_backend *backend, unsigned int index,
		struct via_virtio **virtio, struct via_error *err);

static inline unsigned int via_net_rx_index(const struct via_net_pair *pair)
{
	return 2 * pair->index;
}

static inline unsigned int via_net_tx_index(const struct via_net_pair *pair)
{
	return 2 * pair->index + 1;
}

static inline bool via_net_has(const struct via_net *net, unsigned int feature)
{
	return net->features & VIA_NET_BIT(feature);
}

/* Only its own thread writes a count: no locked instruction is needed. */
static inline void via_net_count(atomic_uint_fast64_t *count, uint64_t more)
{
	uint64_t now = atomic_load_explicit(count, memory_order_relaxed);

	atomic_store_explicit(count, now + more, memory_order_relaxed);
}

/** via_net_kicked() - take note of a notification. In the pair's thread. */
void via_net_kicked(struct via_net_pair *pair);

/** via_net_come_again() - after the thread's other events, to a queue that is not done yet. */
void via_net_come_again(struct via_net_pair *pair, unsigned int queue_index);

/**
 * via_net_set_active() - have as many pairs at work. In the thread of the first.
 *
 * Return: 0 or -errno, and then some may not be.
 */
int via_net_set_active(struct via_net *net, unsigned int count);

/**
 * via_net_break() - the driver broke the rules with @queue; the pair is left alone from now on.
 */
void via_net_break(struct via_net *net, unsigned int index, const struct via_virtq *queue);

/** via_net_go_down() - what was behind the card is gone for good, because of @errnum. */
void via_net_go_down(struct via_net *net, int errnum);

/*
 * net-control.c: the control queue.
 */

/** via_net_control_index() - where the driver has it. */
unsigned int via_net_control_index(const struct via_net *net);

/** via_net_control_start() - serve it, in the thread of the first pair. Return: 0 or -errno. */
int via_net_control_start(struct via_net *net);

/** via_net_control_stop() - no more, in that thread. */
void via_net_control_stop(struct via_net *net);

/*
 * net-pair.c: a pair whose frames come and go through a descriptor.
 */
int via_net_pair_start(struct via_net_pair *pair);
void via_net_pair_queue_stop(struct via_net_pair *pair, unsigned int index);
int via_net_pair_queue_start(struct via_net_pair *pair, unsigned int index);

/** via_net_transmit_all() - what the driver has to send; comes back by itself when it is much. */
void via_net_transmit_all(struct via_net_pair *pair, via_net_sink sink, void *data);

/*
 * net-tap.c, for net-vhost.c too.
 */

/** via_net_tap_open() - a queue for each pair. Sets @net->mtu, and what the tap can do. */
int via_net_tap_open(struct via_net *net, const struct via_vmm_net *wanted, struct via_error *err);
void via_net_tap_close(struct via_net *net);

/** via_net_tap_start() - have the kernel hand over what the driver can take. */
int via_net_tap_start(struct via_net *net, struct via_error *err);

/**
 * via_net_tap_attach() - frames come to the pair's queue, from now on: what is older is dropped.
 */
int via_net_tap_attach(struct via_net_pair *pair);
void via_net_tap_detach(struct via_net_pair *pair);

#endif
