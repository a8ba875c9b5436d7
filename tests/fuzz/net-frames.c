/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Buffers of a driver, as a network card takes them for frames and for commands. */
#include <errno.h>
#include <linux/virtio_ring.h>

#include "fuzz.h"
#include "virtio/net-command.h"
#include "virtio/net-frames.h"

#define BASE	   0x10000U
#define SIZE	   16U
#define DESC	   0x0U
#define DRIVER	   0x200U
#define DEVICE	   0x300U
#define DATA	   0x1000U
#define DATA_BYTES 0x20000U
#define RAM_BYTES  (DATA + DATA_BYTES)

/* Allocated anew for each input, so that ASan sees the byte before it and after it. */
static uint8_t *ram;
static struct via_net_receiver receiver;
static struct via_virtq_chain chain;
static size_t source_bytes;

static void check_segments(const struct iovec *segments, int count, const uint8_t *spill)
{
	for (int i = 0; i < count; i++) {
		const uint8_t *at = segments[i].iov_base;

		if (spill && i == count - 1)
			MUST(at == spill && segments[i].iov_len == VIA_NET_FRAME_BYTES_MAX);
		else
			MUST(at >= ram && segments[i].iov_len <= RAM_BYTES - (size_t)(at - ram));
	}
}

/* A frame of nothing but its size, which may be more than can be. */
static ssize_t source(void *data, const struct iovec *segments, int count)
{
	size_t left = source_bytes;

	(void)data;
	check_segments(segments, count, receiver.spill);
	MUST(count > 1 && count <= 1024);
	if (!source_bytes)
		return -EAGAIN;
	for (int i = 0; i < count && left; i++) {
		size_t part = segments[i].iov_len < left ? segments[i].iov_len : left;

		/* Not where the queue is: that would be the driver's own doing. */
		if (i == count - 1 || (uint8_t *)segments[i].iov_base >= ram + DATA)
			memset(segments[i].iov_base, 0x5a, part);
		left -= part;
	}
	return (ssize_t)(source_bytes - left);
}

static void sink(void *data, const struct iovec *segments, int count, size_t bytes)
{
	static uint8_t frame[VIA_NET_FRAME_BYTES_MAX];
	size_t sum = 0;

	(void)data;
	check_segments(segments, count, NULL);
	for (int i = 0; i < count; i++)
		sum += segments[i].iov_len;
	MUST(sum == bytes && bytes > VIA_NET_HEADER_BYTES && bytes <= VIA_NET_FRAME_BYTES_MAX);
	MUST(via_net_gather(segments, (size_t)count, VIA_NET_HEADER_BYTES, frame, sizeof(frame)) ==
	     bytes - VIA_NET_HEADER_BYTES);
}

static int set_pairs(void *data, unsigned int count)
{
	(void)data;
	return count > 4 ? -EINVAL : 0;
}

static bool rests(void *data)
{
	(void)data;
	return false;
}

static void offer(struct input *input)
{
	struct vring_desc *desc = (struct vring_desc *)(ram + DESC);
	struct vring_avail *avail = (struct vring_avail *)(ram + DRIVER);
	unsigned int count = 1 + (unsigned int)take(input, 1) % 4;

	for (unsigned int i = 0; i < count; i++) {
		uint16_t flags = (uint16_t)take(input, 1);

		desc[(avail->idx + i) % SIZE] = (struct vring_desc){
			.addr = BASE + DATA + take(input, 2) * 2,
			.len = (uint32_t)take(input, flags & 0x80 ? 4 : 2),
			.flags = (uint16_t)((flags & 7) | (i + 1 < count)),
			.next = (uint16_t)((avail->idx + i + 1) % SIZE),
		};
	}
	avail->ring[avail->idx % SIZE] = avail->idx % SIZE;
	avail->idx++;
}

static void run(struct input *input, struct via_virtq *queue)
{
	static const struct via_net_control_ops ops = { .set_pairs = set_pairs, .rests = rests };
	uint16_t before = queue->pushed;
	struct via_net_received received;
	struct via_net_sent sent;
	int rc = 0;

	switch (take(input, 1) % 5) {
	case 0:
		offer(input);
		break;
	case 1:
		source_bytes = (size_t)take(input, 3) % (VIA_NET_FRAME_BYTES_MAX + 64);
		rc = via_net_receive(&receiver, source, NULL, &received);
		MUST(rc == 0 || rc == 1 || rc == -ENOBUFS || rc == -EPROTO);
		MUST(rc == 1 || !received.bytes);
		MUST(receiver.merge || queue->pushed == (uint16_t)(before + !!received.bytes));
		MUST((queue->pushed != before) == !!received.bytes);
		break;
	case 2:
		rc = via_net_transmit(queue, &chain, sink, NULL, &sent);
		MUST((uint16_t)(queue->pushed - before) == sent.frames);
		break;
	case 3:
		rc = via_net_control(queue, &chain, &ops, NULL);
		break;
	case 4:
		via_virtq_publish(queue);
		break;
	}
	MUST((rc == -EPROTO) == !!queue->broken);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct via_virtq_places places = {
		.size = SIZE, .desc = BASE + DESC, .driver = BASE + DRIVER, .device = BASE + DEVICE
	};
	struct input input = { data, size };
	uint8_t flags = (uint8_t)take(&input, 1);
	struct via_memory memory = { .piece_count = 1 };
	uint8_t *spill = malloc(VIA_NET_FRAME_BYTES_MAX);
	struct via_virtq queue;

	ram = calloc(1, RAM_BYTES);
	MUST(ram && spill);
	memory.pieces[0] =
		(struct via_memory_piece){ .gpa = BASE, .size_bytes = RAM_BYTES, .hva = ram };
	MUST(!via_virtq_start(&queue, &memory, &places, 0));
	via_net_receiver_start(&receiver, &queue, flags & 1,
			       flags & 2 ? VIA_NET_FRAME_BYTES_MAX : 1526, spill);
	while (input.left && !queue.broken)
		run(&input, &queue);
	free(ram);
	free(spill);
	return 0;
}
