/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "virtio/net-command.h"
#include "virtio/net-frames.h"

/* A driver's side of a queue, in memory that begins at BASE. */
#define BASE   0x100000ULL
#define BYTES  0x200000ULL
#define SIZE   256U
#define DESC   (BASE + 0x1000)
#define DRIVER (BASE + 0x4000)
#define DEVICE (BASE + 0x6000)
#define DATA   (BASE + 0x10000)
#define HEADER VIA_NET_HEADER_BYTES

struct bench {
	struct via_memory memory;
	struct via_virtq queue;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint16_t next_desc;
	struct via_net_receiver receiver;
	struct via_virtq_chain chain;
	uint8_t spill[VIA_NET_FRAME_BYTES_MAX];
	int wire[2]; /* the far end, and the card's: as a tap, a frame at a time */
};

static void *at(struct bench *bench, uint64_t gpa)
{
	return via_memory_at(&bench->memory, gpa, 1);
}

static int setup(void **state)
{
	static const struct via_virtq_places places = {
		.size = SIZE, .desc = DESC, .driver = DRIVER, .device = DEVICE
	};
	int room = 1 << 20;
	struct bench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	bench->memory.pieces[0] = (struct via_memory_piece){ .gpa = BASE,
							     .size_bytes = BYTES,
							     .hva = aligned_alloc(4096, BYTES) };
	assert_non_null(bench->memory.pieces[0].hva);
	memset(bench->memory.pieces[0].hva, 0, BYTES);
	bench->memory.piece_count = 1;
	bench->desc = at(bench, DESC);
	bench->avail = at(bench, DRIVER);
	bench->used = at(bench, DEVICE);
	assert_int_equal(via_virtq_start(&bench->queue, &bench->memory, &places, 0), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, bench->wire), 0);
	setsockopt(bench->wire[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	setsockopt(bench->wire[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	close(bench->wire[0]);
	close(bench->wire[1]);
	free(bench->memory.pieces[0].hva);
	free(bench);
	return 0;
}

struct part {
	uint64_t gpa;
	uint32_t bytes;
	bool write;
};

/* Return: the chain's head. */
static uint16_t offer(struct bench *bench, const struct part *parts, unsigned int count)
{
	uint16_t head = bench->next_desc;

	for (unsigned int i = 0; i < count; i++) {
		uint16_t index = bench->next_desc++ % SIZE;

		bench->desc[index] = (struct vring_desc){
			.addr = parts[i].gpa,
			.len = parts[i].bytes,
			.flags = (uint16_t)((parts[i].write ? VRING_DESC_F_WRITE : 0) |
					    (i + 1 < count ? VRING_DESC_F_NEXT : 0)),
			.next = (uint16_t)(bench->next_desc % SIZE),
		};
	}
	bench->avail->ring[bench->avail->idx % SIZE] = head % SIZE;
	__atomic_store_n(&bench->avail->idx, (uint16_t)(bench->avail->idx + 1), __ATOMIC_RELEASE);
	return head % SIZE;
}

static uint16_t offer_one(struct bench *bench, uint64_t gpa, uint32_t bytes, bool write)
{
	return offer(bench, &(struct part){ gpa, bytes, write }, 1);
}

/* Frames of a pattern that no other offset has. */
static void pattern(uint8_t *frame, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		frame[i] = i < HEADER ? 0 : (uint8_t)(i * 7 + i / 251);
}

static void send_frame(struct bench *bench, size_t bytes)
{
	uint8_t frame[VIA_NET_FRAME_BYTES_MAX + 1];

	pattern(frame, bytes);
	assert_int_equal(send(bench->wire[0], frame, bytes, 0), bytes);
}

static unsigned int reads;

static ssize_t from_wire(void *data, const struct iovec *segments, int count)
{
	struct bench *bench = data;
	ssize_t bytes = readv(bench->wire[1], segments, count);

	reads++;
	return bytes < 0 ? -errno : bytes;
}

static void begin(struct bench *bench, bool merge, size_t largest_bytes)
{
	reads = 0;
	via_net_receiver_start(&bench->receiver, &bench->queue, merge, largest_bytes, bench->spill);
}

/* Return: via_net_receive()'s. */
static int receive(struct bench *bench, size_t wanted_bytes)
{
	struct via_net_received received;
	int rc = via_net_receive(&bench->receiver, from_wire, bench, &received);

	assert_int_equal(received.bytes, wanted_bytes);
	return rc;
}

/* What the driver finds after publishing: the frame in its buffers, the number of them. */
static void check_used(struct bench *bench, unsigned int first, unsigned int count,
		       const uint16_t *heads, const uint64_t *gpas, size_t frame_bytes)
{
	uint8_t wanted[VIA_NET_FRAME_BYTES_MAX];
	size_t done = 0;

	pattern(wanted, frame_bytes);
	wanted[10] = (uint8_t)count;
	via_virtq_publish(&bench->queue);
	assert_true(bench->used->idx >= first + count);
	for (unsigned int i = 0; i < count; i++) {
		const struct vring_used_elem *element = &bench->used->ring[(first + i) % SIZE];

		assert_int_equal(element->id, heads[i]);
		assert_true(done + element->len <= frame_bytes);
		assert_memory_equal(at(bench, gpas[i]), wanted + done, element->len);
		done += element->len;
	}
	assert_int_equal(done, frame_bytes);
}

static void test_one_buffer(void **state)
{
	struct bench *bench = *state;
	uint64_t gpas[] = { DATA, DATA + 0x1000 };
	uint16_t heads[2];

	begin(bench, true, 1526);
	heads[0] = offer_one(bench, gpas[0], 2048, true);
	heads[1] = offer_one(bench, gpas[1], 2048, true);
	assert_int_equal(receive(bench, 0), 0);
	send_frame(bench, 100);
	send_frame(bench, 1526);
	assert_int_equal(receive(bench, 100 - HEADER), 1);
	assert_int_equal(receive(bench, 1526 - HEADER), 1);
	check_used(bench, 0, 1, heads, gpas, 100);
	/* Both are used by now, one entry each. */
	assert_int_equal(bench->used->ring[1].id, heads[1]);
	assert_int_equal(bench->used->ring[1].len, 1526);
	assert_int_equal(receive(bench, 0), -ENOBUFS);
}

static void test_several_buffers(void **state)
{
	struct bench *bench = *state;
	uint64_t gpas[48];
	uint16_t heads[48];

	begin(bench, true, VIA_NET_FRAME_BYTES_MAX);
	for (unsigned int i = 0; i < 48; i++) {
		gpas[i] = DATA + i * 0x1000;
		heads[i] = offer_one(bench, gpas[i], 1536, true);
	}
	send_frame(bench, 20 * 1536 + 1);
	send_frame(bench, 200);
	assert_int_equal(receive(bench, 20 * 1536 + 1 - HEADER), 1);
	check_used(bench, 0, 21, heads, gpas, 20 * 1536 + 1);
	/* The buffers that were not needed are the next frame's. */
	assert_int_equal(receive(bench, 200 - HEADER), 1);
	check_used(bench, 21, 1, heads + 21, gpas + 21, 200);
	assert_int_equal(bench->used->idx, 22);
}

/* Many times around the window and the ring. */
static void test_around(void **state)
{
	struct bench *bench = *state;
	uint16_t used = 0;

	begin(bench, true, 3000);
	for (unsigned int i = 0; i < 2000; i++) {
		uint64_t gpas[2] = { DATA + i % 64 * 0x2000, DATA + i % 64 * 0x2000 + 0x1000 };
		unsigned int count = i % 2 + 1;
		uint16_t heads[2];

		for (unsigned int j = 0; j < count; j++)
			heads[j] = offer_one(bench, gpas[j], 1000, true);
		send_frame(bench, count == 2 ? 1900 : 1000);
		assert_int_equal(receive(bench, (count == 2 ? 1900 : 1000) - HEADER), 1);
		check_used(bench, used, count, heads, gpas, count == 2 ? 1900 : 1000);
		used = (uint16_t)(used + count);
		/* The bench's used ring counts as far as the index does. */
		if (used > 60000)
			break;
	}
	assert_true(used > 2900);
}

/* The same with buffers of several segments, of which the window always has some left. */
static void test_around_in_pieces(void **state)
{
	struct bench *bench = *state;
	uint8_t wanted[1600];

	pattern(wanted, sizeof(wanted));
	wanted[10] = 1;
	begin(bench, true, 3000);
	for (unsigned int i = 0; i <= 1000; i++) {
		struct part parts[8];

		for (unsigned int j = 0; j < 8; j++)
			parts[j] = (struct part){ DATA + i % 16 * 0x1000 + j * 200, 200, true };
		memset(at(bench, parts[0].gpa), 0, 1600);
		offer(bench, parts, 8);
		if (!i)
			continue; /* one more than is needed */
		send_frame(bench, sizeof(wanted));
		assert_int_equal(receive(bench, sizeof(wanted) - HEADER), 1);
		via_virtq_publish(&bench->queue);
		assert_int_equal(bench->used->idx, i);
		assert_memory_equal(at(bench, DATA + (i - 1) % 16 * 0x1000), wanted,
				    sizeof(wanted));
	}
}

static void test_too_few_buffers(void **state)
{
	struct bench *bench = *state;
	uint64_t gpas[] = { DATA, DATA + 0x1000, DATA + 0x2000 };
	uint16_t heads[3];

	begin(bench, true, VIA_NET_FRAME_BYTES_MAX);
	heads[0] = offer_one(bench, gpas[0], 1500, true);
	send_frame(bench, 4000);
	send_frame(bench, 60);
	assert_int_equal(receive(bench, 0), -ENOBUFS);
	assert_int_equal(receive(bench, 0), -ENOBUFS);
	assert_int_equal(reads, 1);
	heads[1] = offer_one(bench, gpas[1], 1500, true);
	assert_int_equal(receive(bench, 0), -ENOBUFS);
	heads[2] = offer_one(bench, gpas[2], 1500, true);
	assert_int_equal(receive(bench, 4000 - HEADER), 1);
	check_used(bench, 0, 3, heads, gpas, 4000);
	assert_int_equal(receive(bench, 0), -ENOBUFS);
	heads[0] = offer_one(bench, gpas[0], 1500, true);
	assert_int_equal(receive(bench, 60 - HEADER), 1);
	check_used(bench, 3, 1, heads, gpas, 60);
}

/* All that the driver can give does not suffice: the frame is lost, the buffers are not. */
static void test_never_enough(void **state)
{
	struct bench *bench = *state;
	uint64_t gpas[SIZE];
	uint16_t heads[SIZE];

	begin(bench, true, VIA_NET_FRAME_BYTES_MAX);
	for (unsigned int i = 0; i < SIZE; i++) {
		gpas[i] = DATA + i * 16;
		heads[i] = offer_one(bench, gpas[i], 16, true);
	}
	send_frame(bench, 16 * SIZE + 1);
	send_frame(bench, 16 * 3);
	assert_int_equal(receive(bench, 0), 1);
	assert_int_equal(receive(bench, 16 * 3 - HEADER), 1);
	check_used(bench, 0, 3, heads, gpas, 16 * 3);
	assert_int_equal(bench->used->idx, 3);
}

static void test_not_merged(void **state)
{
	struct bench *bench = *state;
	const struct part parts[] = { { DATA, 1, true },
				      { DATA + 1, 11, true },
				      { DATA + 12, 1, true },
				      { DATA + 13, 487, true } };
	uint64_t gpa = DATA;
	uint16_t head;

	begin(bench, false, VIA_NET_FRAME_BYTES_MAX);
	head = offer(bench, parts, 4);
	offer_one(bench, DATA + 0x1000, 2048, true);
	send_frame(bench, 501);
	send_frame(bench, 500);
	assert_int_equal(receive(bench, 0), 1);
	assert_int_equal(receive(bench, 500 - HEADER), 1);
	check_used(bench, 0, 1, &head, &gpa, 500);
	assert_int_equal(bench->used->idx, 1);
}

static void test_no_buffers(void **state)
{
	struct bench *bench = *state;

	begin(bench, true, 1526);
	send_frame(bench, 60);
	assert_int_equal(receive(bench, 0), -ENOBUFS);
	assert_int_equal(reads, 0);
}

/* A pair that is switched off and on again: what has no frame yet is the next frame's. */
static void test_stopped(void **state)
{
	struct bench *bench = *state;
	uint64_t gpas[4];
	uint16_t heads[4];

	begin(bench, true, 4000);
	via_net_receiver_stop(&bench->receiver);
	for (unsigned int i = 0; i < 4; i++) {
		gpas[i] = DATA + i * 0x1000;
		heads[i] = offer_one(bench, gpas[i], 1000, true);
	}
	for (unsigned int i = 0; i < 3; i++) {
		begin(bench, true, 4000);
		/* All of them are in the window. */
		assert_int_equal(receive(bench, 0), 0);
		via_net_receiver_stop(&bench->receiver);
		via_net_receiver_stop(&bench->receiver);
	}
	begin(bench, true, 4000);
	send_frame(bench, 1500);
	assert_int_equal(receive(bench, 1500 - HEADER), 1);
	check_used(bench, 0, 2, heads, gpas, 1500);
	via_net_receiver_stop(&bench->receiver);
	begin(bench, true, 4000);
	send_frame(bench, 2000);
	assert_int_equal(receive(bench, 2000 - HEADER), 1);
	check_used(bench, 2, 2, heads + 2, gpas + 2, 2000);
	assert_int_equal(receive(bench, 0), -ENOBUFS);
}

/* Of a source that says nothing sensible. */
static void test_empty_frames(void **state)
{
	struct bench *bench = *state;

	begin(bench, true, 1526);
	offer_one(bench, DATA, 2048, true);
	send_frame(bench, HEADER);
	send_frame(bench, 3);
	assert_int_equal(receive(bench, 0), 1);
	assert_int_equal(receive(bench, 0), 1);
	assert_int_equal(receive(bench, 0), 0);
	assert_false(via_virtq_publish(&bench->queue));
}

static void test_hostile_buffers(void **state)
{
	struct bench *bench = *state;
	static const struct part wrong[][2] = {
		{ { DATA, 2048, false }, { DATA, 2048, true } },
		{ { DATA, 11, true }, { DATA, 0, true } },
		{ { DATA, 0, true }, { DATA, 0, true } },
		{ { BASE + BYTES, 2048, true }, { DATA, 16, true } },
		{ { DATA, UINT32_MAX, true }, { DATA, 16, true } },
		{ { UINT64_MAX - 2, 2048, true }, { DATA, 16, true } },
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		void *each = bench;

		begin(bench, i % 2, 1526);
		send_frame(bench, 60);
		offer(bench, wrong[i], 2);
		assert_int_equal(receive(bench, 0), -EPROTO);
		assert_non_null(bench->queue.broken);
		assert_int_equal(receive(bench, 0), -EPROTO);
		assert_int_equal(reads, 0);
		teardown(&each);
		setup(&each);
		*state = bench = each;
	}
}

static void to_wire(void *data, const struct iovec *segments, int count, size_t bytes)
{
	struct bench *bench = data;

	assert_int_equal(writev(bench->wire[1], segments, count), bytes);
}

static void test_transmit(void **state)
{
	struct bench *bench = *state;
	uint8_t frame[2048], got[2048];
	struct via_net_sent sent;
	uint16_t heads[80];

	pattern(frame, 100);
	memcpy(at(bench, DATA), frame, 100);
	assert_int_equal(via_net_transmit(&bench->queue, &bench->chain, to_wire, bench, &sent), 0);
	assert_int_equal(sent.frames, 0);
	for (unsigned int i = 0; i < 80; i++) {
		const struct part parts[] = { { DATA, 12, false }, { DATA + 12, i + 1, false } };

		heads[i] = offer(bench, parts, 2);
		bench->next_desc = (uint16_t)(bench->next_desc % SIZE);
	}
	assert_int_equal(via_net_transmit(&bench->queue, &bench->chain, to_wire, bench, &sent), 1);
	assert_int_equal(sent.frames, VIA_NET_BATCH);
	assert_int_equal(sent.bytes, VIA_NET_BATCH * (VIA_NET_BATCH + 1) / 2);
	for (unsigned int i = 0; i < 80; i++) {
		if (i == VIA_NET_BATCH) {
			assert_int_equal(bench->used->idx, 0);
			via_virtq_publish(&bench->queue);
			assert_int_equal(bench->used->idx, VIA_NET_BATCH);
			assert_int_equal(via_net_transmit(&bench->queue, &bench->chain, to_wire,
							  bench, &sent),
					 0);
			assert_int_equal(sent.frames, 80 - VIA_NET_BATCH);
			via_virtq_publish(&bench->queue);
		}
		assert_int_equal(recv(bench->wire[0], got, sizeof(got), 0), 13 + i);
		assert_memory_equal(got, frame, 13 + i);
		assert_int_equal(bench->used->ring[i].id, heads[i]);
		assert_int_equal(bench->used->ring[i].len, 0);
	}
	assert_int_equal(bench->used->idx, 80);
}

static void test_hostile_frames(void **state)
{
	struct bench *bench = *state;
	static const struct part wrong[][2] = {
		{ { DATA, 60, false }, { DATA, 60, true } },
		{ { DATA, 12, false }, { DATA, 0, false } },
		{ { DATA, 11, false }, { DATA, 0, false } },
		{ { DATA, 0, false }, { DATA, 0, false } },
		{ { DATA, VIA_NET_FRAME_BYTES_MAX, false }, { DATA, 1, false } },
		{ { DATA, UINT32_MAX, false }, { DATA, 1, false } },
		{ { BASE + BYTES - 30, 60, false }, { DATA, 1, false } },
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct via_net_sent sent;
		void *each = bench;
		char byte;

		offer_one(bench, DATA, 60, false);
		offer(bench, wrong[i], 2);
		assert_int_equal(
			via_net_transmit(&bench->queue, &bench->chain, to_wire, bench, &sent),
			-EPROTO);
		assert_non_null(bench->queue.broken);
		assert_int_equal(sent.frames, 1);
		assert_int_equal(recv(bench->wire[0], &byte, 1, MSG_TRUNC), 60);
		assert_int_equal(recv(bench->wire[0], &byte, 1, MSG_TRUNC), -1);
		teardown(&each);
		setup(&each);
		*state = bench = each;
	}
}

static int pairs_set;

static int set_pairs(void *data, unsigned int count)
{
	(void)data;
	pairs_set = (int)count;
	return count && count <= 4 ? 0 : -EINVAL;
}

static bool resting;

static bool rests(void *data)
{
	(void)data;
	return resting;
}

static const struct via_net_control_ops control_ops = { .set_pairs = set_pairs, .rests = rests };

/* A command in pieces; Return: the answer, or -1 when the queue was found broken. */
static int command(struct bench *bench, const void *bytes, uint32_t size_bytes, uint32_t room)
{
	const struct part parts[] = { { DATA, 1, false },
				      { DATA + 1, size_bytes - 1, false },
				      { DATA + 0x1000, room, true } };
	uint8_t *answer = at(bench, DATA + 0x1000);
	uint16_t before = bench->used->idx;
	int rc;

	memcpy(at(bench, DATA), bytes, size_bytes);
	*answer = 0xee;
	pairs_set = -1;
	offer(bench, parts, 3);
	rc = via_net_control(&bench->queue, &bench->chain, &control_ops, NULL);
	via_virtq_publish(&bench->queue);
	if (rc == -EPROTO)
		return -1;
	assert_int_equal(rc, 0);
	assert_int_equal(bench->used->idx, before + 1);
	assert_int_equal(bench->used->ring[before].len, 1);
	return *answer;
}

static void test_control(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(command(bench, (uint8_t[]){ 4, 0, 3, 0 }, 4, 1), VIRTIO_NET_OK);
	assert_int_equal(pairs_set, 3);
	assert_int_equal(command(bench, (uint8_t[]){ 4, 0, 2, 0, 9, 9 }, 6, 8), VIRTIO_NET_OK);
	assert_int_equal(pairs_set, 2);
	assert_int_equal(command(bench, (uint8_t[]){ 4, 0, 0, 1 }, 4, 1), VIRTIO_NET_ERR);
	assert_int_equal(pairs_set, 256);
	/* Half a number, and commands that were not offered. */
	assert_int_equal(command(bench, (uint8_t[]){ 4, 0, 3 }, 3, 1), VIRTIO_NET_ERR);
	assert_int_equal(command(bench, (uint8_t[]){ 4, 1, 3, 0 }, 4, 1), VIRTIO_NET_ERR);
	assert_int_equal(command(bench, (uint8_t[]){ 0, 0, 1 }, 3, 1), VIRTIO_NET_ERR);
	assert_int_equal(pairs_set, -1);
}

static void test_rest(void **state)
{
	struct bench *bench = *state;

	resting = true;
	assert_int_equal(via_net_control(&bench->queue, &bench->chain, &control_ops, NULL), 1);
	resting = false;
	assert_int_equal(via_net_control(&bench->queue, &bench->chain, &control_ops, NULL), 0);
}

static void test_hostile_commands(void **state)
{
	struct bench *bench = *state;
	void *each = bench;

	assert_int_equal(command(bench, (uint8_t[]){ 4, 0, 3, 0 }, 4, 0), -1);
	assert_non_null(bench->queue.broken);
	teardown(&each);
	setup(&each);
	*state = bench = each;
	assert_int_equal(command(bench, (uint8_t[]){ 4 }, 1, 1), -1);
	assert_int_equal(pairs_set, -1);
}

static void test_pieces(void **state)
{
	uint8_t one[3], two[5], back[8];
	const struct iovec segments[] = { { one, 3 }, { NULL, 0 }, { two, 5 } };

	(void)state;
	memset(one, 0, sizeof(one));
	memset(two, 0, sizeof(two));
	assert_int_equal(via_net_scatter(segments, 3, 2, "abcd", 4), 4);
	assert_memory_equal(one, "\0\0a", 3);
	assert_memory_equal(two, "bcd\0\0", 5);
	assert_int_equal(via_net_scatter(segments, 3, 6, "xyz", 3), 2);
	assert_int_equal(via_net_scatter(segments, 3, 8, "xyz", 3), 0);
	assert_int_equal(via_net_scatter(segments, 0, 0, "xyz", 3), 0);
	assert_int_equal(via_net_gather(segments, 3, 0, back, 8), 8);
	assert_memory_equal(back, "\0\0abcdxy", 8);
	assert_int_equal(via_net_gather(segments, 3, 7, back, 8), 1);
	assert_int_equal(back[0], 'y');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_buffer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_several_buffers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_around, setup, teardown),
		cmocka_unit_test_setup_teardown(test_around_in_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_few_buffers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_never_enough, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_merged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_buffers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stopped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_empty_frames, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hostile_buffers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_transmit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hostile_frames, setup, teardown),
		cmocka_unit_test_setup_teardown(test_control, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hostile_commands, setup, teardown),
		cmocka_unit_test(test_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
