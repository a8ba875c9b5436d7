/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "virtio-card.h"

/*
 * A card of the kind user, with its thread and libslirp, and the test as its driver; or one with
 * several pairs of queues, behind which is nothing.
 */
#define HEADER	VCARD_HEADER
#define RX	VCARD_RX
#define TX	VCARD_TX
#define PAIRS	VCARD_PAIRS_MAX
#define CONTROL (2U * PAIRS)
#define RUNNING VCARD_RUNNING

static int setup(void **state)
{
	static const struct via_vmm_net wanted = { .backend = VIA_VMM_NET_USER };

	return vcard_setup(state, &via_net_user, &wanted);
}

static int open_nothing(struct via_net *net, const struct via_vmm_net *wanted,
			struct via_error *err)
{
	(void)net;
	(void)wanted;
	(void)err;
	return 0;
}

static atomic_uint starts, stops;

static int start_nothing(struct via_net_pair *pair)
{
	(void)pair;
	starts++;
	return 0;
}

static void stop_nothing(struct via_net_pair *pair)
{
	(void)pair;
	stops++;
}

static void close_nothing(struct via_net *net)
{
	(void)net;
}

static int setup_pairs(void **state)
{
	static const struct via_net_backend nothing = {
		.name = "nothing",
		.one_thread = true,
		.open = open_nothing,
		.pair_start = start_nothing,
		.pair_stop = stop_nothing,
		.close = close_nothing,
	};

	static const struct via_vmm_net wanted = { .queues = PAIRS };

	starts = stops = 0;
	return vcard_setup(state, &nothing, &wanted);
}

/* "Who has 10.0.2.2", and the answer. */
static void ask(struct vcard *card)
{
	static const uint8_t request[42] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0, 0,	   0, 0,  0x77, 0x08, 0x06,
		0,    1,    8,	  0,	6,    4,    0,	  1, 0x02, 0, 0,  0,	0,    0x77,
		10,   0,    2,	  15,	0,    0,    0,	  0, 0,	   0, 10, 0,	2,    2,
	};
	uint8_t *frame = vcard_at(card, vcard_buffer(TX, card->offered[TX]));
	const uint8_t *answer = vcard_at(card, vcard_buffer(RX, card->seen[RX]));

	vcard_offer(card, RX, 2048);
	memset(frame, 0, HEADER);
	memcpy(frame + HEADER, request, sizeof(request));
	vcard_offer(card, TX, HEADER + sizeof(request));
	vcard_kick(card, TX);
	assert_int_equal(vcard_await(card, TX), 0);
	assert_true(vcard_await(card, RX) >= HEADER + sizeof(request));
	/* The header: nothing of it is used, but the number of buffers. */
	assert_memory_equal(answer, ((uint8_t[HEADER]){ [10] = 1 }), HEADER);
	answer += HEADER;
	assert_memory_equal(answer, vcard_mac, sizeof(vcard_mac));
	assert_memory_equal(answer + 12, ((uint8_t[]){ 0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 2 }), 10);
	assert_memory_equal(answer + 28, ((uint8_t[]){ 10, 0, 2, 2 }), 4);
}

static void frames_go_both_ways(void **state)
{
	struct vcard *card = *state;
	struct via_vmm_virtio_stats stats;

	vcard_run(card);
	for (int i = 0; i < 40; i++)
		ask(card);
	via_virtio_stats(card->bench.virtio, &stats);
	assert_true(stats.cpu_ns > 0);
	/* Counts outlive the thread, and then nothing changes them. */
	vcard_reset(card);
	via_virtio_stats(card->bench.virtio, &stats);
	assert_string_equal(stats.name, "net0");
	assert_string_equal(stats.backend, "user");
	assert_int_equal(stats.requests, 80);
	assert_true(stats.bytes >= 80 * 42);
	assert_true(stats.kicks > 0 && stats.kicks <= 40);
	assert_int_equal(stats.interrupts, 80);
	assert_true(stats.cpu_ns > 0);
	assert_string_equal(card->bench.log, "");
}

static uint16_t checksum(const uint8_t *data, size_t bytes)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < bytes; i += 2)
		sum += (uint32_t)data[i] << 8 | data[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

enum {
	IP = 14,
	L4 = IP + 20,
	PACKET_BYTES = L4 + 20,
	SYN = 0x02,
	RST = 0x04,
	ACK = 0x10,
};

/* With nothing but addresses and ports behind its header. */
static void make_packet(uint8_t packet[static PACKET_BYTES], uint32_t address, uint8_t protocol,
			uint16_t from, uint16_t port)
{
	static const uint8_t start[L4] = {
		0x52, 0x55, 10, 0, 2, 2, 0x02, 0, 0,  0, 0, 0x77, 0x08, 0x00, /* Ethernet */
		0x45, 0,    0,	0, 0, 1, 0,    0, 64, 0, 0, 0,	  10,	0,    2, 15,
	};
	uint16_t bytes = protocol == IPPROTO_UDP ? 29 : 40, sum;

	memset(packet, 0, PACKET_BYTES);
	memcpy(packet, start, sizeof(start));
	packet[IP + 3] = (uint8_t)bytes;
	packet[IP + 9] = protocol;
	for (unsigned int i = 0; i < 4; i++)
		packet[IP + 16 + i] = (uint8_t)(address >> (24 - 8 * i));
	sum = checksum(packet + IP, 20);
	packet[IP + 10] = (uint8_t)(sum >> 8);
	packet[IP + 11] = (uint8_t)sum;
	packet[L4] = (uint8_t)(from >> 8);
	packet[L4 + 1] = (uint8_t)from;
	packet[L4 + 2] = (uint8_t)(port >> 8);
	packet[L4 + 3] = (uint8_t)port;
}

static void send_packet(struct vcard *card, const uint8_t *packet, uint32_t size_bytes)
{
	memset(vcard_at(card, vcard_buffer(TX, card->offered[TX])), 0, HEADER);
	memcpy((uint8_t *)vcard_at(card, vcard_buffer(TX, card->offered[TX])) + HEADER, packet,
	       size_bytes);
	vcard_offer(card, TX, HEADER + size_bytes);
	vcard_kick(card, TX);
	vcard_await(card, TX);
}

/* A datagram of one byte. */
static void send_datagram(struct vcard *card, uint32_t address, uint16_t from, uint16_t port)
{
	uint8_t packet[PACKET_BYTES];

	make_packet(packet, address, IPPROTO_UDP, from, port);
	packet[L4 + 5] = 9;
	packet[L4 + 8] = '!';
	send_packet(card, packet, L4 + 9);
}

static void send_segment(struct vcard *card, uint32_t address, uint16_t port, uint8_t flags)
{
	uint8_t packet[PACKET_BYTES], pseudo[32] = { 10, 0, 2, 15, [9] = IPPROTO_TCP, [11] = 20 };
	uint16_t sum;

	make_packet(packet, address, IPPROTO_TCP, 4096, port);
	packet[L4 + 12] = 0x50;
	packet[L4 + 13] = flags;
	memcpy(pseudo + 4, packet + IP + 16, 4);
	memcpy(pseudo + 12, packet + L4, 20);
	sum = checksum(pseudo, sizeof(pseudo));
	packet[L4 + 16] = (uint8_t)(sum >> 8);
	packet[L4 + 17] = (uint8_t)sum;
	send_packet(card, packet, PACKET_BYTES);
}

static void nothing_reaches_the_hosts_loopback(void **state)
{
	static const uint32_t addresses[] = { INADDR_LOOPBACK, INADDR_ANY, 0x0a000202 };
	struct sockaddr_in own = { .sin_family = AF_INET };
	socklen_t own_bytes = sizeof(own);
	struct vcard *card = *state;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	char byte;

	own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&own, sizeof(own)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &own_bytes), 0);
	vcard_run(card);
	for (size_t i = 0; i < sizeof(addresses) / sizeof(*addresses); i++) {
		send_datagram(card, addresses[i], 4096, ntohs(own.sin_port));
		assert_int_equal(recv(fd, &byte, 1, 0), -1);
		assert_int_equal(errno, EAGAIN);
	}
	/* The listener does hear: what the host itself sends. */
	assert_int_equal(sendto(fd, "!", 1, 0, (struct sockaddr *)&own, sizeof(own)), 1);
	assert_int_equal(recv(fd, &byte, 1, 0), 1);
	close(fd);
	ask(card);
}

static unsigned int open_sockets(void)
{
	DIR *folder = opendir("/proc/self/fd");
	unsigned int count = 0;
	struct dirent *each;

	assert_non_null(folder);
	while ((each = readdir(folder))) {
		struct stat stat;

		count += !fstatat(dirfd(folder), each->d_name, &stat, 0) && S_ISSOCK(stat.st_mode);
	}
	closedir(folder);
	return count;
}

/* Each flow of a guest is a socket of the host's. The address is one that nobody has (RFC 5737). */
static void sockets_are_bounded(void **state)
{
	enum { MOST = 512, NOWHERE = 0xc0000201 };
	struct rlimit descriptors;
	struct vcard *card = *state;
	unsigned int before;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &descriptors), 0);
	descriptors.rlim_cur = descriptors.rlim_max < 4096 ? descriptors.rlim_max : 4096;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &descriptors), 0);
	before = open_sockets();
	for (unsigned int i = 0; i < 2; i++) {
		const uint8_t *answer;

		vcard_run(card);
		ask(card); /* by which it knows the card */
		assert_int_equal(open_sockets(), before);
		for (uint16_t j = 0; j < MOST; j++)
			send_datagram(card, NOWHERE, (uint16_t)(5000 + j), 9);
		assert_int_equal(open_sockets(), before + MOST);
		assert_int_equal(!*card->bench.log, !i);
		for (uint16_t j = 0; j < MOST; j++)
			send_datagram(card, NOWHERE, (uint16_t)(15000 + j), 9);
		send_segment(card, NOWHERE, 80, SYN);
		assert_int_equal(open_sockets(), before + MOST);
		/* What there is goes on: a segment of a connection that there is not is refused. */
		card->seen[RX] = vcard_used(card, RX)->idx;
		answer = vcard_at(card, vcard_buffer(RX, card->seen[RX]));
		vcard_offer(card, RX, 2048);
		send_segment(card, NOWHERE, 80, ACK);
		vcard_await(card, RX);
		assert_int_equal(answer[HEADER + IP + 9], IPPROTO_TCP);
		assert_int_equal(answer[HEADER + L4 + 13] & RST, RST);
		/* And so do things that take none. */
		ask(card);
	}
	vcard_reset(card);
	assert_int_equal(open_sockets(), before);
	assert_non_null(strstr(card->bench.log, "net0: the guest has 512 connections open"));
	assert_null(strchr(strchr(card->bench.log, '\n') + 1, '\n'));
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Each change takes time of the host's: a driver cannot have as many as it likes. */
static void changes_of_pairs_take_their_time(void **state)
{
	struct vcard *card = *state;
	const struct via_net *net = card->bench.virtio->description.device;
	int64_t begun = now_ms();

	vcard_run(card);
	assert_int_equal(starts, 1);
	for (uint16_t i = 0; i < 4; i++)
		vcard_offer_pairs(card, i % 2 ? 1 : PAIRS);
	vcard_kick(card, CONTROL);
	for (unsigned int i = 0; i < 4; i++) {
		vcard_await(card, CONTROL);
		assert_true(now_ms() - begun >= i * 100);
		assert_int_equal(vcard_answer(card, i), VIRTIO_NET_OK);
		vcard_kick(card, CONTROL);
	}
	assert_int_equal(starts, 1 + 2 * (PAIRS - 1));
	assert_int_equal(stops, 2 * (PAIRS - 1));
	/* A reset is no way around it. */
	vcard_run(card);
	vcard_offer_pairs(card, 1);
	vcard_kick(card, CONTROL);
	vcard_await(card, CONTROL);
	assert_true(now_ms() - begun >= 400);
	assert_int_equal(vcard_answer(card, 0), VIRTIO_NET_OK);
	/* That was no change. */
	vcard_reset(card);
	assert_false(net->control_rests);
	assert_int_equal(stops, starts);
	assert_string_equal(card->bench.log, "");
}

static void what_it_tells(void **state)
{
	struct vcard *card = *state;
	uint64_t features = 0;
	uint8_t config[12];

	for (unsigned int i = 0; i < sizeof(config); i++)
		config[i] = (uint8_t)vbench_read(&card->bench, VIRTIO_CONFIG + i, 1);
	assert_memory_equal(config, vcard_mac, sizeof(vcard_mac));
	assert_int_equal(config[6], VIRTIO_NET_S_LINK_UP);
	assert_int_equal(config[8], 1);
	for (uint32_t i = 0; i < 2; i++) {
		vcard_set(card, VIRTIO_PCI_COMMON_DFSELECT, 4, i);
		features |= vbench_read(&card->bench, VIRTIO_COMMON + VIRTIO_PCI_COMMON_DF, 4)
			    << i * 32;
	}
	/* libslirp takes and makes nothing but plain frames. */
	assert_int_equal(features & ((1ULL << VIRTIO_NET_F_CTRL_VQ << 1) - 1),
			 1ULL << VIRTIO_NET_F_MAC | 1ULL << VIRTIO_NET_F_STATUS);
}

static void a_driver_that_breaks_the_rules(void **state)
{
	static const struct {
		unsigned int queue;
		uint32_t bytes;
		const char *said;
	} wrong[] = {
		{ TX, HEADER, "net0: stopped until the guest's driver resets it: queue 1: " },
		{ TX, 1U << 17, "queue 1" },
		{ TX, UINT32_MAX, "queue 1" },
		{ RX, HEADER - 1, "queue 0" },
		{ RX, UINT32_MAX, "queue 0" },
	};
	struct vcard *card = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		card->bench.log[0] = '\0';
		card->bench.virtio->complained = false;
		via_virtio_reset(card->bench.virtio);
		vbench_config_write(&card->bench, PCI_COMMAND, 2,
				    PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
		vcard_run(card);
		ask(card);
		vcard_offer(card, wrong[i].queue, wrong[i].bytes);
		if (wrong[i].queue == RX) {
			/* It is looked at when there is something for it. */
			uint8_t *frame = vcard_at(card, vcard_buffer(TX, card->offered[TX]));

			memcpy(frame, vcard_at(card, vcard_buffer(TX, card->offered[TX] - 1U)),
			       HEADER + 42);
			vcard_offer(card, TX, HEADER + 42);
		}
		vcard_kick(card, TX);
		for (int j = 0; j < 30000 && vcard_status(card) == RUNNING; j++)
			usleep(1000);
		assert_int_equal(vcard_status(card), RUNNING | VIRTIO_CONFIG_S_NEEDS_RESET);
		vcard_reset(card); /* after which nobody writes the log */
		assert_non_null(strstr(card->bench.log, wrong[i].said));
	}
	vcard_run(card);
	ask(card);
}

static void queues_are_reset(void **state)
{
	struct vcard *card = *state;

	vcard_run(card);
	for (unsigned int i = 0; i < 20; i++) {
		bool both = (i & 3) == 3;

		ask(card);
		vcard_offer(card, RX, 2048); /* nothing comes for it */
		for (unsigned int j = 0; both && j < 4; j++) {
			memcpy(vcard_at(card, vcard_buffer(TX, card->offered[TX])),
			       vcard_at(card, vcard_buffer(TX, card->offered[TX] - 1U)),
			       HEADER + 42);
			vcard_offer(card, TX, HEADER + 42);
			vcard_kick(card, TX);
		}
		if (i & 1)
			vcard_reset_queue(card, RX);
		if (i & 2)
			vcard_reset_queue(card, TX);
		if (i & 4)
			usleep(1000);
		if (i & 1)
			vcard_enable_queue(card, RX);
		if (i & 2)
			vcard_enable_queue(card, TX);
	}
	ask(card);
	vcard_reset(card);
	assert_string_equal(card->bench.log, "");
}

/* With frames on their way. */
static void resets_at_any_time(void **state)
{
	struct vcard *card = *state;

	for (unsigned int i = 0; i < 50; i++) {
		vcard_run(card);
		ask(card);
		for (unsigned int j = 0; j < 8; j++) {
			memcpy(vcard_at(card, vcard_buffer(TX, card->offered[TX])),
			       vcard_at(card, vcard_buffer(TX, card->offered[TX] - 1U)),
			       HEADER + 42);
			vcard_offer(card, RX, 2048);
			vcard_offer(card, TX, HEADER + 42);
			vcard_kick(card, j % 2);
		}
		if (i % 2)
			usleep(i * 10);
	}
	vcard_reset(card);
	assert_string_equal(card->bench.log, "");
}

static void what_cannot_be(void **state)
{
	static const struct via_vmm_net wrong[] = {
		{ .backend = VIA_VMM_NET_USER, .queues = 2 },
		{ .backend = VIA_VMM_NET_USER, .mac = { 0x03, 0, 0, 0, 0, 1 } },
		{ .backend = VIA_VMM_NET_TAP, .tap = "tap0", .queues = 17 },
		{ .backend = VIA_VMM_NET_TAP, .tap = "0123456789abcdef" },
		{ .backend = VIA_VMM_NET_TAP, .tap = "tap%d" },
		{ .backend = VIA_VMM_NET_TAP_VHOST, .tap = "../tap0" },
		{ .backend = VIA_VMM_NET_TAP, .tap = "" },
		{ .backend = VIA_VMM_NET_TAP },
	};
	struct vcard *card = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct via_virtio *virtio = NULL;
		struct via_error err = { 0 };

		assert_int_equal(
			via_virtio_net_new(&card->bench.machine, &wrong[i], 1, &virtio, &err),
			-EINVAL);
		assert_null(virtio);
		assert_memory_equal(err.text, "net1: ", 6);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_it_tells, setup, vcard_teardown),
		cmocka_unit_test_setup_teardown(frames_go_both_ways, setup, vcard_teardown),
		cmocka_unit_test_setup_teardown(nothing_reaches_the_hosts_loopback, setup,
						vcard_teardown),
		cmocka_unit_test_setup_teardown(sockets_are_bounded, setup, vcard_teardown),
		cmocka_unit_test_setup_teardown(changes_of_pairs_take_their_time, setup_pairs,
						vcard_teardown),
		cmocka_unit_test_setup_teardown(a_driver_that_breaks_the_rules, setup,
						vcard_teardown),
		cmocka_unit_test_setup_teardown(queues_are_reset, setup, vcard_teardown),
		cmocka_unit_test_setup_teardown(resets_at_any_time, setup, vcard_teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be, setup, vcard_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
