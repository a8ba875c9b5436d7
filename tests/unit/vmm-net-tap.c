/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "virtio-card.h"

/*
 * Drivers that break the rules, of a card on a real tap, with a thread of ours behind its queues or
 * the kernel's vhost-net. Run by tests/lab/virtio-net.sh, as it takes both: the tap's name is the
 * argument. It was made with multi_queue, and is up.
 */
#define PAIRS	   2U
#define ETHERTYPE  0x88b5 /* for experiments */
#define FRAME	   60U
#define PATIENCE_S 30

static const char *tap;

struct wire {
	int fd; /* of what the host sends and gets through the tap */
	uint8_t number;
};

static struct wire wire;

static void open_wire(void)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	struct sockaddr_ll place = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETHERTYPE),
		.sll_ifindex = (int)if_nametoindex(tap),
	};

	wire.fd = socket(AF_PACKET, SOCK_RAW, htons(ETHERTYPE));
	assert_true(wire.fd >= 0);
	assert_int_equal(bind(wire.fd, (struct sockaddr *)&place, sizeof(place)), 0);
	assert_int_equal(setsockopt(wire.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)),
			 0);
}

static void make_frame(uint8_t frame[static FRAME])
{
	memset(frame, 0, FRAME);
	memset(frame, 0xff, 6);
	memcpy(frame + 6, vcard_mac, sizeof(vcard_mac));
	frame[12] = ETHERTYPE >> 8;
	frame[13] = ETHERTYPE & 0xff;
	frame[14] = ++wire.number;
}

static void put_frame(struct vcard *card, unsigned int queue, const uint8_t frame[static FRAME])
{
	uint8_t *place = vcard_at(card, vcard_buffer(queue, card->offered[queue]));

	memset(place, 0, VCARD_HEADER);
	memcpy(place + VCARD_HEADER, frame, FRAME);
	vcard_offer(card, queue, VCARD_HEADER + FRAME);
}

static void guest_sends(struct vcard *card, unsigned int pair)
{
	unsigned int queue = 2 * pair + VCARD_TX;
	uint8_t frame[FRAME], came[FRAME];

	make_frame(frame);
	put_frame(card, queue, frame);
	vcard_kick(card, queue);
	vcard_await(card, queue);
	do
		assert_int_equal(recv(wire.fd, came, sizeof(came), 0), FRAME);
	while (came[14] != frame[14]); /* one of before a reset */
	assert_memory_equal(came, frame, FRAME);
}

static void host_sends(uint8_t frame[static FRAME])
{
	make_frame(frame);
	assert_int_equal(send(wire.fd, frame, FRAME, 0), FRAME);
}

static bool came_to(struct vcard *card, unsigned int queue, const uint8_t frame[static FRAME])
{
	while (__atomic_load_n(&vcard_used(card, queue)->idx, __ATOMIC_ACQUIRE) !=
	       card->seen[queue]) {
		uint64_t place = vcard_buffer(queue, card->seen[queue]);

		vcard_await(card, queue);
		if (!memcmp((uint8_t *)vcard_at(card, place) + VCARD_HEADER, frame, FRAME))
			return true;
		/* The host has things to say, too. */
		vcard_offer(card, queue, 2048);
		vcard_kick(card, queue);
	}
	return false;
}

/* The kernel chooses the pair. */
static void guest_receives(struct vcard *card, unsigned int pairs)
{
	uint8_t frame[FRAME];

	for (unsigned int i = 0; i < pairs; i++)
		for (; (uint16_t)(card->offered[2 * i] - card->seen[2 * i]) < 4;) {
			vcard_offer(card, 2 * i, 2048);
			vcard_kick(card, 2 * i);
		}
	host_sends(frame);
	for (unsigned int i = 0; i < PATIENCE_S * 1000; i++) {
		for (unsigned int j = 0; j < pairs; j++)
			if (came_to(card, 2 * j, frame))
				return;
		usleep(1000);
	}
	fail_msg("what the host sent did not come in %d seconds", PATIENCE_S);
}

static void set_pairs(struct vcard *card, uint16_t pairs)
{
	uint16_t number = card->offered[card->control];

	vcard_offer_pairs(card, pairs);
	vcard_kick(card, card->control);
	vcard_await(card, card->control);
	assert_int_equal(vcard_answer(card, number), VIRTIO_NET_OK);
}

static void works(struct vcard *card)
{
	vcard_run(card);
	guest_sends(card, 0);
	guest_receives(card, 1);
	set_pairs(card, PAIRS);
	for (unsigned int i = 0; i < PAIRS; i++)
		guest_sends(card, i);
	guest_receives(card, PAIRS);
}

static void pairs_come_and_go(void **state)
{
	struct vcard *card = *state;

	works(card);
	for (unsigned int i = 0; i < 3; i++) {
		set_pairs(card, 1);
		guest_sends(card, 0);
		guest_receives(card, 1);
		set_pairs(card, PAIRS);
		guest_sends(card, 0);
		guest_sends(card, 1);
		guest_receives(card, PAIRS);
	}
	assert_string_equal(card->bench.log, "");
}

enum fault {
	HEAD_OUTSIDE,
	TOO_MANY,
	LOOP,
	OUTSIDE_OF_MEMORY,
	WRONG_WAY,
	FAULTS,
};

static void offer_fault(struct vcard *card, unsigned int queue, enum fault fault)
{
	uint16_t entry = card->offered[queue] % VCARD_SIZE;
	struct vring_desc *desc = &vcard_desc(card, queue)[entry];

	vcard_offer(card, queue, 2048);
	switch (fault) {
	case HEAD_OUTSIDE:
		vcard_avail(card, queue)->ring[entry] = VCARD_SIZE;
		break;
	case TOO_MANY:
		__atomic_fetch_add(&vcard_avail(card, queue)->idx, 1000, __ATOMIC_RELEASE);
		break;
	case LOOP:
		desc->flags |= VRING_DESC_F_NEXT;
		desc->next = entry;
		break;
	case OUTSIDE_OF_MEMORY:
		desc->addr = VBENCH_RAM_BYTES - 1;
		break;
	default:
		desc->flags ^= VRING_DESC_F_WRITE;
	}
}

static bool is_broken(struct vcard *card)
{
	return vcard_status(card) & VIRTIO_CONFIG_S_NEEDS_RESET;
}

/* Buffers to be filled are looked at when there is something for them. */
static void expect_broken(struct vcard *card, unsigned int queue)
{
	const struct via_msix_wire *config = &card->bench.virtio->msix.wires[VIRTIO_WIRE_CONFIG];
	uint8_t frame[FRAME];

	vcard_kick(card, queue);
	for (unsigned int i = 0; i < PATIENCE_S * 1000 && !is_broken(card); i++) {
		if (queue % 2 == VCARD_RX && queue != card->control)
			host_sends(frame);
		usleep(1000);
	}
	assert_int_equal(vcard_status(card), VCARD_RUNNING | VIRTIO_CONFIG_S_NEEDS_RESET);
	/* It says so by an interrupt of the configuration, once. */
	for (unsigned int i = 0; !vbench_signalled(config->vector.eventfd); i++) {
		assert_true(i < PATIENCE_S * 1000);
		usleep(1000);
	}
	assert_int_equal(vbench_read(&card->bench, VIRTIO_ISR, 1) & 2, 2);
	vcard_kick(card, queue);
	usleep(1000);
	assert_int_equal(vbench_read(&card->bench, VIRTIO_ISR, 1) & 2, 0);
}

static void drivers_that_break_the_rules(void **state)
{
	struct vcard *card = *state;

	works(card);
	for (unsigned int queue = 0; queue < 2 * PAIRS; queue++)
		for (enum fault fault = 0; fault < FAULTS; fault++) {
			vcard_run(card);
			if (queue >= 2)
				set_pairs(card, PAIRS);
			/* The kernel prefers the pair that a frame of this kind came from. */
			if (queue % 2 == VCARD_RX)
				guest_sends(card, queue / 2);
			offer_fault(card, queue, fault);
			expect_broken(card, queue);
		}
	works(card);
}

/* It is notified of before anybody looks at it. */
static void a_queue_that_was_broken_before(void **state)
{
	struct vcard *card = *state;

	for (unsigned int i = 0; i < 10; i++) {
		vcard_run(card);
		offer_fault(card, 2 + VCARD_TX, i % FAULTS);
		vcard_kick(card, 2 + VCARD_TX);
		vcard_offer_pairs(card, PAIRS);
		vcard_kick(card, card->control);
		vcard_await(card, card->control);
		expect_broken(card, 2 + VCARD_TX);
	}
	works(card);
}

static void a_command_without_a_header(void **state)
{
	struct vcard *card = *state;

	vcard_run(card);
	vcard_offer_pairs(card, PAIRS);
	vcard_desc(card, card->control)[0].len = 1;
	expect_broken(card, card->control);
	works(card);
}

/* One of them, while the other is at work, and of pairs that are and of such that are not. */
static void queues_are_reset(void **state)
{
	struct vcard *card = *state;

	works(card);
	for (unsigned int i = 0; i < 4 * PAIRS; i++) {
		unsigned int queue = i % (2 * PAIRS), pairs = i < 2 * PAIRS ? PAIRS : 1;

		set_pairs(card, (uint16_t)pairs);
		vcard_reset_queue(card, queue);
		if (queue != VCARD_TX)
			guest_sends(card, 0);
		if (i & 1)
			set_pairs(card, i & 2 ? 1 : PAIRS);
		vcard_enable_queue(card, queue);
		set_pairs(card, PAIRS);
		for (unsigned int j = 0; j < PAIRS; j++)
			guest_sends(card, j);
		guest_receives(card, PAIRS);
	}
	vcard_reset_queue(card, card->control);
	vcard_enable_queue(card, card->control);
	set_pairs(card, 1);
	guest_sends(card, 0);
	guest_receives(card, 1);
	assert_string_equal(card->bench.log, "");
}

/* With frames on their way in both directions. */
static void resets_at_any_time(void **state)
{
	struct vcard *card = *state;

	for (unsigned int i = 0; i < 30; i++) {
		uint8_t frame[FRAME];

		vcard_run(card);
		if (i % 3 == 0)
			set_pairs(card, PAIRS);
		for (unsigned int j = 0; j < 8; j++) {
			vcard_offer(card, VCARD_RX, 2048);
			vcard_kick(card, VCARD_RX);
			make_frame(frame);
			put_frame(card, VCARD_TX, frame);
			vcard_kick(card, VCARD_TX);
			host_sends(frame);
		}
		usleep(i * 20);
	}
	works(card);
	assert_string_equal(card->bench.log, "");
}

static int setup_tap(void **state)
{
	const struct via_vmm_net wanted = {
		.backend = VIA_VMM_NET_TAP,
		.tap = tap,
		.queues = PAIRS,
	};

	return vcard_setup(state, &via_net_tap, &wanted);
}

static int setup_vhost(void **state)
{
	const struct via_vmm_net wanted = {
		.backend = VIA_VMM_NET_TAP_VHOST,
		.tap = tap,
		.queues = PAIRS,
	};

	return vcard_setup(state, &via_net_vhost, &wanted);
}

#define TEST(name, setup)                                                                          \
	{                                                                                          \
#name " (" #setup ")", name, setup, vcard_teardown, NULL                           \
	}
#define TESTS(setup)                                                                               \
	TEST(pairs_come_and_go, setup), TEST(drivers_that_break_the_rules, setup),                 \
		TEST(a_queue_that_was_broken_before, setup),                                       \
		TEST(a_command_without_a_header, setup), TEST(queues_are_reset, setup),            \
		TEST(resets_at_any_time, setup)

int main(int argc, char **argv)
{
	const struct CMUnitTest taps[] = { TESTS(setup_tap) };
	const struct CMUnitTest vhosts[] = { TESTS(setup_vhost) };
	int failed;

	if (argc != 3 || (strcmp(argv[2], "tap") && strcmp(argv[2], "vhost"))) {
		fprintf(stderr, "usage: %s TAP tap|vhost\n", argv[0]);
		return 2;
	}
	tap = argv[1];
	open_wire();
	failed = strcmp(argv[2], "tap") ? cmocka_run_group_tests(vhosts, NULL, NULL)
					: cmocka_run_group_tests(taps, NULL, NULL);
	close(wire.fd);
	return failed;
}
