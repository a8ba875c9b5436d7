/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_VIRTIO_NET_FRAMES_H
#define VIA_VMM_VIRTIO_NET_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "queue.h"

/*
 * Frames between the queues of a pair and whatever is behind them, without a copy: what the driver
 * laid out is what is read into and written from.
 *
 * A frame is a header (struct virtio_net_hdr_v1) and what follows it, in this order.
 */
#define VIA_NET_HEADER_BYTES 12U
/* The largest: 65535 bytes of IP, the Ethernet header, two VLAN tags. */
#define VIA_NET_FRAME_BYTES_MAX (VIA_NET_HEADER_BYTES + 65535U + 14U + 2U * 4U)
#define VIA_NET_BATCH		64U /* frames between two looks at anything else */

/* readv(2) takes 1024 segments; the last is the spill. */
#define VIA_NET_WINDOW_SEGMENTS 1023U

/*
 * Buffers of the driver that a frame will be received into. How long it will be is known when it is
 * there, so there have to be enough for the largest, if the driver has that many.
 */
struct via_net_window {
	struct iovec segments[VIA_NET_WINDOW_SEGMENTS + 1];
	struct {
		uint16_t head;
		uint16_t segments;
		uint64_t bytes;
	} chains[VIA_VIRTQ_SIZE_MAX];
	size_t first_segment, segment_count;
	size_t first_chain, chain_count;
	uint64_t bytes;
};

struct via_net_receiver {
	struct via_virtq *queue;
	struct via_virtq_chain chain;
	struct via_net_window window;
	bool merge; /* a frame may take several buffers (VIRTIO_NET_F_MRG_RXBUF) */
	/* How large a frame is expected; a larger one is still received. */
	size_t largest_bytes;
	/*
	 * What of a frame was too long for the buffers there were, until the driver gives more of
	 * them: the one case of a copy.
	 */
	uint8_t *spill;
	size_t waiting_bytes; /* of the whole frame; 0: none waits */
	size_t waiting_from;  /* where the spill begins in it */
};

/* How to get the next frame: readv(2). Returns its bytes, or -errno. */
typedef ssize_t (*via_net_source)(void *data, const struct iovec *segments, int count);

/* A frame that came in: its bytes without the header, 0 when it was dropped. */
struct via_net_received {
	size_t bytes;
};

/**
 * via_net_receiver_start() - begin with an empty window.
 * @spill: VIA_NET_FRAME_BYTES_MAX bytes, the caller's.
 */
void via_net_receiver_start(struct via_net_receiver *receiver, struct via_virtq *queue, bool merge,
			    size_t largest_bytes, uint8_t *spill);

/**
 * via_net_receiver_stop() - put back the buffers that have no frame, for the next start. A frame
 * that waits for more of them is lost.
 */
void via_net_receiver_stop(struct via_net_receiver *receiver);

/**
 * via_net_receive() - one frame, from @source into the driver's buffers; pushed, not published.
 *
 * Return: 1; 0 when @source has none now (-EAGAIN); -ENOBUFS when the driver has to give buffers
 * first; -EPROTO when it broke the rules: @queue->broken says how; or the errno of @source.
 */
int via_net_receive(struct via_net_receiver *receiver, via_net_source source, void *data,
		    struct via_net_received *received);

/* Where a frame goes to: the header is its first VIA_NET_HEADER_BYTES. */
typedef void (*via_net_sink)(void *data, const struct iovec *segments, int count, size_t bytes);

struct via_net_sent {
	size_t frames;
	size_t bytes; /* without headers */
};

/**
 * via_net_transmit() - up to VIA_NET_BATCH frames from the driver to @sink; pushed, not published.
 *
 * Return: 0 when there are no more of them now; 1 when there may be; -EPROTO when the driver broke
 * the rules.
 */
int via_net_transmit(struct via_virtq *queue, struct via_virtq_chain *chain, via_net_sink sink,
		     void *data, struct via_net_sent *sent);

/**
 * via_net_scatter() - @size_bytes of @data into segments, @offset bytes from their beginning, as
 * far as they go. Return: how many bytes that were.
 */
size_t via_net_scatter(const struct iovec *segments, size_t count, size_t offset, const void *data,
		       size_t size_bytes);

/** via_net_gather() - the other way round. */
size_t via_net_gather(const struct iovec *segments, size_t count, size_t offset, void *data,
		      size_t size_bytes);

#endif
