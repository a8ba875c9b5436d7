/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net-private.h"

#include <errno.h>
#include <unistd.h>

/* Batches before the thread looks at its other events. */
#define BATCHES_MAX 16U

void via_net_kicked(struct via_net_pair *pair)
{
	if (!pair->again)
		via_net_count(&pair->kicks, 1);
	pair->again = false;
}

void via_net_come_again(struct via_net_pair *pair, unsigned int queue_index)
{
	uint64_t one = 1;

	pair->again = true;
	if (write(via_virtio_kick_fd(pair->net->virtio, queue_index), &one, sizeof(one)) < 0)
		return; /* the counter is full: it is readable */
}

static void interrupt_if(bool wanted, struct via_net_pair *pair, unsigned int index)
{
	if (wanted)
		via_virtio_interrupt(pair->net->virtio, index);
}

static ssize_t read_frame(void *data, const struct iovec *segments, int count)
{
	struct via_net_pair *pair = data;
	ssize_t bytes = readv(pair->fd, segments, count);

	return bytes < 0 ? -errno : bytes;
}

/* The kernel checks the header. What it refuses, or has no room for, is lost, as on a wire. */
static void write_frame(void *data, const struct iovec *segments, int count, size_t bytes)
{
	struct via_net_pair *pair = data;
	ssize_t written = writev(pair->fd, segments, count);

	(void)bytes;
	if (written < 0 && errno == EBADFD)
		via_net_go_down(pair->net, errno);
}

static void set_listening(struct via_net_pair *pair, bool listens)
{
	if (pair->listens == listens)
		return;
	pair->listens = listens;
	if (!listens)
		via_loop_remove(&pair->worker.loop, &pair->source);
	else if (via_loop_add(&pair->worker.loop, &pair->source))
		via_net_go_down(pair->net, ENOMEM);
}

static bool is_of_one_frame(int rc)
{
	return rc == -EINTR || rc == -EFAULT || rc == -EINVAL || rc == -ENOMEM || rc == -EMSGSIZE;
}

/* Return: whether there may be more. */
static bool receive_batch(struct via_net_pair *pair)
{
	uint64_t frames = 0, bytes = 0;
	bool buffers_came = false;
	int rc = 1;

	for (unsigned int i = 0; rc > 0 && i < VIA_NET_BATCH; i++) {
		struct via_net_received received;

		rc = via_net_receive(&pair->receiver, read_frame, pair, &received);
		if (is_of_one_frame(rc))
			rc = 1;
		if (!received.bytes)
			continue;
		frames++;
		bytes += received.bytes;
	}
	interrupt_if(via_virtq_publish(pair->rx), pair, via_net_rx_index(pair));
	via_net_count(&pair->frames, frames);
	via_net_count(&pair->bytes, bytes);
	if (rc == -ENOBUFS) {
		buffers_came = via_virtq_arm(pair->rx);
		if (buffers_came)
			via_virtq_disarm(pair->rx);
	} else if (rc == -EPROTO)
		via_net_break(pair->net, via_net_rx_index(pair), pair->rx);
	else if (rc < 0)
		via_net_go_down(pair->net, -rc);
	set_listening(pair, rc >= 0 || buffers_came);
	return rc > 0 || buffers_came;
}

/* If there is more than a few batches, the source is still readable: this is called again. */
static void source_ready(void *data)
{
	for (unsigned int i = 0; i < BATCHES_MAX && receive_batch(data); i++)
		;
}

static void rx_kicked(void *data)
{
	struct via_net_pair *pair = data;

	via_net_kicked(pair);
	if (pair->listens || pair->rx->broken || atomic_load(&pair->net->down))
		return;
	via_virtq_disarm(pair->rx);
	source_ready(pair);
}

void via_net_transmit_all(struct via_net_pair *pair, via_net_sink sink, void *data)
{
	unsigned int index = via_net_tx_index(pair);
	struct via_virtq *queue = pair->tx;
	struct via_net_sent sent;
	int rc = 1;

	for (unsigned int i = 0; rc > 0 && i < BATCHES_MAX; i++) {
		via_virtq_disarm(queue);
		rc = via_net_transmit(queue, &pair->chain, sink, data, &sent);
		interrupt_if(via_virtq_publish(queue), pair, index);
		via_net_count(&pair->frames, sent.frames);
		via_net_count(&pair->bytes, sent.bytes);
		if (!rc)
			rc = via_virtq_arm(queue);
	}
	if (rc > 0) {
		via_net_come_again(pair, index);
	} else if (rc < 0) {
		via_loop_remove(&pair->worker.loop, &pair->tx_kick);
		via_net_break(pair->net, index, queue);
	}
}

static void tx_kicked(void *data)
{
	struct via_net_pair *pair = data;

	via_net_kicked(pair);
	via_net_transmit_all(pair, write_frame, pair);
}

/* How large a frame the source may have, with its header. */
static size_t largest_frame(const struct via_net *net)
{
	const uint64_t large =
		VIA_NET_BIT(VIRTIO_NET_F_GUEST_TSO4) | VIA_NET_BIT(VIRTIO_NET_F_GUEST_TSO6) |
		VIA_NET_BIT(VIA_NET_F_GUEST_USO4) | VIA_NET_BIT(VIA_NET_F_GUEST_USO6);

	if (net->features & large)
		return VIA_NET_FRAME_BYTES_MAX;
	return VIA_NET_HEADER_BYTES + 14 + 2 * 4 + (net->mtu ? net->mtu : 1500);
}

static int start_rx(struct via_net_pair *pair)
{
	struct via_net *net = pair->net;
	int rc;

	pair->rx_kick = (struct via_loop_watch){
		.fd = via_virtio_kick_fd(net->virtio, via_net_rx_index(pair)),
		.ready = rx_kicked,
		.data = pair,
	};
	pair->source = (struct via_loop_watch){
		.fd = pair->fd,
		.ready = source_ready,
		.data = pair,
	};
	pair->listens = false;
	via_net_receiver_start(&pair->receiver, pair->rx, via_net_has(net, VIRTIO_NET_F_MRG_RXBUF),
			       largest_frame(net), pair->spill);
	rc = via_loop_add_edge(&pair->worker.loop, &pair->rx_kick);
	via_virtq_disarm(pair->rx);
	if (!rc)
		set_listening(pair, true);
	return rc;
}

static int start_tx(struct via_net_pair *pair)
{
	pair->tx_kick = (struct via_loop_watch){
		.fd = via_virtio_kick_fd(pair->net->virtio, via_net_tx_index(pair)),
		.ready = tx_kicked,
		.data = pair,
	};
	return via_loop_add_edge(&pair->worker.loop, &pair->tx_kick);
}

int via_net_pair_start(struct via_net_pair *pair)
{
	int rc = pair->rx ? start_rx(pair) : 0;

	return !rc && pair->tx ? start_tx(pair) : rc;
}

int via_net_pair_queue_start(struct via_net_pair *pair, unsigned int index)
{
	return index == via_net_rx_index(pair) ? start_rx(pair) : start_tx(pair);
}

void via_net_pair_queue_stop(struct via_net_pair *pair, unsigned int index)
{
	if (index == via_net_tx_index(pair)) {
		via_loop_remove(&pair->worker.loop, &pair->tx_kick);
		return;
	}
	via_loop_remove(&pair->worker.loop, &pair->rx_kick);
	set_listening(pair, false);
	via_net_receiver_stop(&pair->receiver);
}
