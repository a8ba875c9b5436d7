/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net-frames.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <linux/virtio_net.h>
#include <string.h>

static_assert(sizeof(struct virtio_net_hdr_v1) == VIA_NET_HEADER_BYTES, "virtio 1.2, 5.1.6");

enum direction { INTO_SEGMENTS, OUT_OF_SEGMENTS };

static size_t copy(const struct iovec *segments, size_t count, size_t offset, uint8_t *data,
		   size_t size_bytes, enum direction direction)
{
	size_t done = 0;

	for (size_t i = 0; i < count && done < size_bytes; i++) {
		size_t part = segments[i].iov_len;
		uint8_t *at = segments[i].iov_base;

		if (offset >= part) {
			offset -= part;
			continue;
		}
		at += offset;
		part -= offset;
		offset = 0;
		if (part > size_bytes - done)
			part = size_bytes - done;
		if (direction == INTO_SEGMENTS)
			memcpy(at, data + done, part);
		else
			memcpy(data + done, at, part);
		done += part;
	}
	return done;
}

size_t via_net_scatter(const struct iovec *segments, size_t count, size_t offset, const void *data,
		       size_t size_bytes)
{
	return copy(segments, count, offset, (uint8_t *)(uintptr_t)data, size_bytes, INTO_SEGMENTS);
}

size_t via_net_gather(const struct iovec *segments, size_t count, size_t offset, void *data,
		      size_t size_bytes)
{
	return copy(segments, count, offset, data, size_bytes, OUT_OF_SEGMENTS);
}

static int broken(struct via_virtq *queue, const char *how)
{
	queue->broken = how;
	return -EPROTO;
}

void via_net_receiver_start(struct via_net_receiver *receiver, struct via_virtq *queue, bool merge,
			    size_t largest_bytes, uint8_t *spill)
{
	struct via_net_window *window = &receiver->window;

	receiver->queue = queue;
	receiver->merge = merge;
	receiver->largest_bytes = largest_bytes;
	receiver->spill = spill;
	receiver->waiting_bytes = 0;
	window->first_segment = window->segment_count = 0;
	window->first_chain = window->chain_count = 0;
	window->bytes = 0;
}

void via_net_receiver_stop(struct via_net_receiver *receiver)
{
	struct via_net_window *window = &receiver->window;

	for (; receiver->queue && window->chain_count; window->chain_count--)
		via_virtq_unpop(receiver->queue);
	receiver->queue = NULL;
}

/* Room behind what is left of it, for a chain of any number of segments. */
static bool window_has_room(struct via_net_window *window)
{
	if (window->segment_count + VIA_VIRTQ_SIZE_MAX > VIA_NET_WINDOW_SEGMENTS ||
	    window->chain_count == VIA_VIRTQ_SIZE_MAX)
		return false;
	if (window->first_segment + window->segment_count + VIA_VIRTQ_SIZE_MAX >
		    VIA_NET_WINDOW_SEGMENTS ||
	    window->first_chain + window->chain_count == VIA_VIRTQ_SIZE_MAX) {
		memmove(window->segments, window->segments + window->first_segment,
			window->segment_count * sizeof(*window->segments));
		memmove(window->chains, window->chains + window->first_chain,
			window->chain_count * sizeof(*window->chains));
		window->first_segment = window->first_chain = 0;
	}
	return true;
}

static void window_add(struct via_net_window *window, const struct via_virtq_chain *chain)
{
	size_t at = window->first_chain + window->chain_count++;

	window->chains[at].head = chain->head;
	window->chains[at].segments = chain->in_count;
	window->chains[at].bytes = chain->in_bytes;
	memcpy(window->segments + window->first_segment + window->segment_count, chain->segments,
	       chain->in_count * sizeof(*chain->segments));
	window->segment_count += chain->in_count;
	window->bytes += chain->in_bytes;
}

static void window_remove(struct via_net_window *window)
{
	size_t at = window->first_chain++;

	window->first_segment += window->chains[at].segments;
	window->segment_count -= window->chains[at].segments;
	window->bytes -= window->chains[at].bytes;
	if (!--window->chain_count)
		window->first_segment = window->first_chain = 0;
}

/* Return: 0, also when the driver has too few; -EPROTO. */
static int window_fill(struct via_net_receiver *receiver, size_t wanted_bytes)
{
	struct via_net_window *window = &receiver->window;

	while (window->bytes < wanted_bytes && (receiver->merge || !window->chain_count) &&
	       window_has_room(window)) {
		const struct via_virtq_chain *chain = &receiver->chain;
		int rc = via_virtq_pop(receiver->queue, &receiver->chain);

		if (rc <= 0)
			return rc;
		if (chain->out_count)
			return broken(receiver->queue, "a receive buffer is not to be written to");
		if (chain->in_bytes < VIA_NET_HEADER_BYTES)
			return broken(receiver->queue,
				      "a receive buffer is too short for a header");
		window_add(window, chain);
	}
	return 0;
}

/* It is in the window's buffers: give them to the driver. */
static void deliver(struct via_net_receiver *receiver, size_t frame_bytes)
{
	struct via_net_window *window = &receiver->window;
	const struct iovec *segments = window->segments + window->first_segment;
	size_t count = window->segment_count, left = frame_bytes, used = 0;
	uint16_t buffers;

	while (left) {
		uint64_t part = window->chains[window->first_chain + used++].bytes;

		left -= part < left ? (size_t)part : left;
	}
	buffers = htole16((uint16_t)used);
	via_net_scatter(segments, count, offsetof(struct virtio_net_hdr_v1, num_buffers), &buffers,
			sizeof(buffers));
	for (left = frame_bytes; left;) {
		uint64_t part = window->chains[window->first_chain].bytes;

		if (part > left)
			part = left;
		via_virtq_push(receiver->queue, window->chains[window->first_chain].head,
			       (uint32_t)part);
		window_remove(window);
		left -= (size_t)part;
	}
}

/* One that was too long: with the buffers given since, or never. */
static int receive_waiting(struct via_net_receiver *receiver, struct via_net_received *received)
{
	struct via_net_window *window = &receiver->window;
	size_t frame_bytes = receiver->waiting_bytes, from = receiver->waiting_from;
	int rc = window_fill(receiver, frame_bytes);

	if (rc)
		return rc;
	if (window->bytes < frame_bytes) {
		if (window_has_room(window))
			return -ENOBUFS;
		receiver->waiting_bytes = 0;
		return 1;
	}
	via_net_scatter(window->segments + window->first_segment, window->segment_count, from,
			receiver->spill, frame_bytes - from);
	receiver->waiting_bytes = 0;
	deliver(receiver, frame_bytes);
	received->bytes = frame_bytes - VIA_NET_HEADER_BYTES;
	return 1;
}

int via_net_receive(struct via_net_receiver *receiver, via_net_source source, void *data,
		    struct via_net_received *received)
{
	struct via_net_window *window = &receiver->window;
	struct iovec *segments;
	ssize_t frame;
	size_t frame_bytes;
	int rc;

	received->bytes = 0;
	if (receiver->waiting_bytes)
		return receive_waiting(receiver, received);
	rc = window_fill(receiver, receiver->largest_bytes);
	if (rc)
		return rc;
	if (!window->chain_count)
		return -ENOBUFS;
	segments = window->segments + window->first_segment;
	segments[window->segment_count] = (struct iovec){
		.iov_base = receiver->spill,
		.iov_len = VIA_NET_FRAME_BYTES_MAX,
	};
	frame = source(data, segments, (int)window->segment_count + 1);
	if (frame == -EAGAIN)
		return 0;
	if (frame < 0)
		return (int)frame;
	frame_bytes = (size_t)frame;
	if (frame_bytes <= VIA_NET_HEADER_BYTES || frame_bytes > VIA_NET_FRAME_BYTES_MAX)
		return 1;
	if (frame_bytes > window->bytes) {
		if (!receiver->merge)
			return 1;
		receiver->waiting_bytes = frame_bytes;
		receiver->waiting_from = (size_t)window->bytes;
		return receive_waiting(receiver, received);
	}
	deliver(receiver, frame_bytes);
	received->bytes = frame_bytes - VIA_NET_HEADER_BYTES;
	return 1;
}

int via_net_transmit(struct via_virtq *queue, struct via_virtq_chain *chain, via_net_sink sink,
		     void *data, struct via_net_sent *sent)
{
	*sent = (struct via_net_sent){ 0 };
	while (sent->frames < VIA_NET_BATCH) {
		int rc = via_virtq_pop(queue, chain);

		if (rc <= 0)
			return rc;
		if (chain->in_count)
			return broken(queue, "a frame to be sent is not to be read only");
		if (chain->out_bytes <= VIA_NET_HEADER_BYTES)
			return broken(queue, "a frame to be sent is too short for a header");
		if (chain->out_bytes > VIA_NET_FRAME_BYTES_MAX)
			return broken(queue, "a frame to be sent is longer than a frame can be");
		sink(data, chain->segments, chain->out_count, (size_t)chain->out_bytes);
		via_virtq_push(queue, chain->head, 0);
		sent->frames++;
		sent->bytes += (size_t)chain->out_bytes - VIA_NET_HEADER_BYTES;
	}
	return 1;
}
