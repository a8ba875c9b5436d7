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

#include "virtio-bench.h"
#include "virtio/net-private.h"
#include "virtio/transport.h"

/*
 * A card of the kind user, with its thread and libslirp, and the test as its driver; or one with
 * several pairs of queues, behind which is nothing.
 */
#define SIZE	16U
#define HEADER	12U
#define RINGS	0x10000ULL /* 4 KiB for each queue */
#define BUFFERS 0x20000ULL /* 2 KiB for each entry, of one queue after the other */
#define RX	0U
#define TX	1U
#define PAIRS	4U
#define CONTROL (2U * PAIRS)
#define RUNNING                                                                                    \
	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK |      \
	 VIRTIO_CONFIG_S_DRIVER_OK)

static const uint8_t mac[6] = { 0x02, 0x00, 0x00, 0x00, 0x00, 0x77 };

struct card {
	struct vbench bench;
	unsigned int queue_count;
	uint64_t features;
	uint16_t offered[CONTROL + 1], seen[CONTROL + 1];
};

static void *at(struct card *card, uint64_t gpa)
{
	return (uint8_t *)card->bench.memory.pieces[0].hva + gpa;
}

static struct vring_desc *desc(struct card *card, unsigned int queue)
{
	return at(card, RINGS + queue * 0x1000ULL);
}

static struct vring_avail *avail(struct card *card, unsigned int queue)
{
	return at(card, RINGS + queue * 0x1000ULL + 0x400);
}

static struct vring_used *used(struct card *card, unsigned int queue)
{
	return at(card, RINGS + queue * 0x1000ULL + 0x800);
}

static uint64_t buffer(unsigned int queue, unsigned int entry)
{
	return BUFFERS + queue * 0x10000ULL + entry % SIZE * 0x800ULL;
}

static void set(struct card *card, uint64_t offset, unsigned int size_bytes, uint64_t value)
{
	vbench_write(&card->bench, VIRTIO_COMMON + offset, size_bytes, value);
}

static uint8_t status(struct card *card)
{
	return (uint8_t)vbench_read(&card->bench, VIRTIO_COMMON + VIRTIO_PCI_COMMON_STATUS, 1);
}

static void offer(struct card *card, unsigned int queue, uint32_t bytes)
{
	uint16_t entry = card->offered[queue] % SIZE;

	desc(card, queue)[entry] = (struct vring_desc){
		.addr = buffer(queue, entry),
		.len = bytes,
		.flags = queue == RX ? VRING_DESC_F_WRITE : 0,
	};
	avail(card, queue)->ring[entry] = entry;
	__atomic_store_n(&avail(card, queue)->idx, ++card->offered[queue], __ATOMIC_RELEASE);
}

static void kick(struct card *card, unsigned int queue)
{
	uint64_t one = 1;
	int fd = via_virtio_kick_fd(card->bench.virtio, queue);

	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
}

static void reset(struct card *card)
{
	set(card, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	assert_int_equal(status(card), 0);
}

static void run(struct card *card)
{
	reset(card);
	memset(at(card, RINGS), 0, card->queue_count * 0x1000);
	memset(card->offered, 0, sizeof(card->offered));
	memset(card->seen, 0, sizeof(card->seen));
	set(card, VIRTIO_PCI_COMMON_STATUS, 1,
	    VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	for (uint32_t i = 0; i < 2; i++) {
		set(card, VIRTIO_PCI_COMMON_GFSELECT, 4, i);
		set(card, VIRTIO_PCI_COMMON_GF, 4, (uint32_t)(card->features >> i * 32));
	}
	set(card, VIRTIO_PCI_COMMON_STATUS, 1, RUNNING & ~VIRTIO_CONFIG_S_DRIVER_OK);
	for (unsigned int i = 0; i < card->queue_count; i++) {
		uint64_t rings = RINGS + i * 0x1000ULL;

		set(card, VIRTIO_PCI_COMMON_Q_SELECT, 2, i);
		set(card, VIRTIO_PCI_COMMON_Q_SIZE, 2, SIZE);
		set(card, VIRTIO_PCI_COMMON_Q_DESCLO, 8, rings);
		set(card, VIRTIO_PCI_COMMON_Q_AVAILLO, 8, rings + 0x400);
		set(card, VIRTIO_PCI_COMMON_Q_USEDLO, 8, rings + 0x800);
		set(card, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
	}
	set(card, VIRTIO_PCI_COMMON_STATUS, 1, RUNNING);
	assert_int_equal(status(card), RUNNING);
}

static int setup_with(void **state, const struct via_net_backend *backend, unsigned int pairs)
{
	struct card *card = calloc(1, sizeof(*card));
	struct via_vmm_net wanted = { .queues = pairs };
	struct via_error err = { 0 };

	assert_non_null(card);
	memcpy(wanted.mac, mac, sizeof(mac));
	card->queue_count = 2 * pairs + (pairs > 1);
	card->features = 1ULL << VIRTIO_F_VERSION_1 | 1ULL << VIRTIO_NET_F_MAC;
	if (pairs > 1)
		card->features |= 1ULL << VIRTIO_NET_F_CTRL_VQ | 1ULL << VIRTIO_NET_F_MQ;
	vbench_init(&card->bench);
	if (via_net_new(&card->bench.machine, &wanted, backend, 0, &card->bench.virtio, &err))
		fail_msg("%s", err.text);
	vbench_config_write(&card->bench, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	*state = card;
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, &via_net_user, 1);
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

	starts = stops = 0;
	return setup_with(state, &nothing, PAIRS);
}

static int teardown(void **state)
{
	struct card *card = *state;

	via_virtio_stop(card->bench.virtio);
	via_virtio_free(card->bench.virtio);
	card->bench.virtio = NULL;
	vbench_fini(&card->bench);
	free(card);
	return 0;
}

/* Waits for the queue's next used entry. Return: its length. */
static uint32_t await(struct card *card, unsigned int queue)
{
	const struct vring_used_elem *element;

	for (int i = 0; i < 30000; i++) {
		if (__atomic_load_n(&used(card, queue)->idx, __ATOMIC_ACQUIRE) !=
		    card->seen[queue]) {
			element = &used(card, queue)->ring[card->seen[queue]++ % SIZE];
			return element->len;
		}
		usleep(1000);
	}
	fail_msg("queue %u: nothing for 30 seconds", queue);
	return 0;
}

/* "Who has 10.0.2.2", and the answer. */
static void ask(struct card *card)
{
	static const uint8_t request[42] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0, 0,	   0, 0,  0x77, 0x08, 0x06,
		0,    1,    8,	  0,	6,    4,    0,	  1, 0x02, 0, 0,  0,	0,    0x77,
		10,   0,    2,	  15,	0,    0,    0,	  0, 0,	   0, 10, 0,	2,    2,
	};
	uint8_t *frame = at(card, buffer(TX, card->offered[TX]));
	const uint8_t *answer = at(card, buffer(RX, card->seen[RX]));

	offer(card, RX, 2048);
	memset(frame, 0, HEADER);
	memcpy(frame + HEADER, request, sizeof(request));
	offer(card, TX, HEADER + sizeof(request));
	kick(card, TX);
	assert_int_equal(await(card, TX), 0);
	assert_true(await(card, RX) >= HEADER + sizeof(request));
	/* The header: nothing of it is used, but the number of buffers. */
	assert_memory_equal(answer, ((uint8_t[HEADER]){ [10] = 1 }), HEADER);
	answer += HEADER;
	assert_memory_equal(answer, mac, sizeof(mac));
	assert_memory_equal(answer + 12, ((uint8_t[]){ 0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 2 }), 10);
	assert_memory_equal(answer + 28, ((uint8_t[]){ 10, 0, 2, 2 }), 4);
}

static void frames_go_both_ways(void **state)
{
	struct card *card = *state;
	struct via_vmm_virtio_stats stats;

	run(card);
	for (int i = 0; i < 40; i++)
		ask(card);
	via_virtio_stats(card->bench.virtio, &stats);
	assert_true(stats.cpu_ns > 0);
	/* Counts outlive the thread, and then nothing changes them. */
	reset(card);
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

static void send_packet(struct card *card, const uint8_t *packet, uint32_t size_bytes)
{
	memset(at(card, buffer(TX, card->offered[TX])), 0, HEADER);
	memcpy((uint8_t *)at(card, buffer(TX, card->offered[TX])) + HEADER, packet, size_bytes);
	offer(card, TX, HEADER + size_bytes);
	kick(card, TX);
	await(card, TX);
}

/* A datagram of one byte. */
static void send_datagram(struct card *card, uint32_t address, uint16_t from, uint16_t port)
{
	uint8_t packet[PACKET_BYTES];

	make_packet(packet, address, IPPROTO_UDP, from, port);
	packet[L4 + 5] = 9;
	packet[L4 + 8] = '!';
	send_packet(card, packet, L4 + 9);
}

static void send_segment(struct card *card, uint32_t address, uint16_t port, uint8_t flags)
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
	struct card *card = *state;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	char byte;

	own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&own, sizeof(own)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &own_bytes), 0);
	run(card);
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
	struct card *card = *state;
	unsigned int before;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &descriptors), 0);
	descriptors.rlim_cur = descriptors.rlim_max < 4096 ? descriptors.rlim_max : 4096;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &descriptors), 0);
	before = open_sockets();
	for (unsigned int i = 0; i < 2; i++) {
		const uint8_t *answer;

		run(card);
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
		card->seen[RX] = used(card, RX)->idx;
		answer = at(card, buffer(RX, card->seen[RX]));
		offer(card, RX, 2048);
		send_segment(card, NOWHERE, 80, ACK);
		await(card, RX);
		assert_int_equal(answer[HEADER + IP + 9], IPPROTO_TCP);
		assert_int_equal(answer[HEADER + L4 + 13] & RST, RST);
		/* And so do things that take none. */
		ask(card);
	}
	reset(card);
	assert_int_equal(open_sockets(), before);
	assert_non_null(strstr(card->bench.log, "net0: the guest has 512 connections open"));
	assert_null(strchr(strchr(card->bench.log, '\n') + 1, '\n'));
}

static void offer_command(struct card *card, uint16_t pairs)
{
	uint16_t first = card->offered[CONTROL] * 2U % SIZE;
	struct vring_desc *command = &desc(card, CONTROL)[first];
	uint64_t place = buffer(CONTROL, first);

	memcpy(at(card, place), ((uint8_t[]){ VIRTIO_NET_CTRL_MQ, 0, (uint8_t)pairs, 0 }), 4);
	command[0] = (struct vring_desc){
		.addr = place,
		.len = 4,
		.flags = VRING_DESC_F_NEXT,
		.next = first + 1U,
	};
	command[1] = (struct vring_desc){
		.addr = place + 8,
		.len = 1,
		.flags = VRING_DESC_F_WRITE,
	};
	avail(card, CONTROL)->ring[card->offered[CONTROL] % SIZE] = first;
	__atomic_store_n(&avail(card, CONTROL)->idx, ++card->offered[CONTROL], __ATOMIC_RELEASE);
}

static const uint8_t *answer_of(struct card *card, unsigned int command)
{
	return (uint8_t *)at(card, buffer(CONTROL, 2 * command)) + 8;
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
	struct card *card = *state;
	const struct via_net *net = card->bench.virtio->description.device;
	int64_t begun = now_ms();

	run(card);
	assert_int_equal(starts, 1);
	for (uint16_t i = 0; i < 4; i++)
		offer_command(card, i % 2 ? 1 : PAIRS);
	kick(card, CONTROL);
	for (unsigned int i = 0; i < 4; i++) {
		await(card, CONTROL);
		assert_true(now_ms() - begun >= i * 100);
		assert_int_equal(*answer_of(card, i), VIRTIO_NET_OK);
		kick(card, CONTROL);
	}
	assert_int_equal(starts, 1 + 2 * (PAIRS - 1));
	assert_int_equal(stops, 2 * (PAIRS - 1));
	/* A reset is no way around it. */
	run(card);
	offer_command(card, 1);
	kick(card, CONTROL);
	await(card, CONTROL);
	assert_true(now_ms() - begun >= 400);
	assert_int_equal(*answer_of(card, 0), VIRTIO_NET_OK);
	/* That was no change. */
	reset(card);
	assert_false(net->control_rests);
	assert_int_equal(stops, starts);
	assert_string_equal(card->bench.log, "");
}

static void what_it_tells(void **state)
{
	struct card *card = *state;
	uint64_t features = 0;
	uint8_t config[12];

	for (unsigned int i = 0; i < sizeof(config); i++)
		config[i] = (uint8_t)vbench_read(&card->bench, VIRTIO_CONFIG + i, 1);
	assert_memory_equal(config, mac, sizeof(mac));
	assert_int_equal(config[6], VIRTIO_NET_S_LINK_UP);
	assert_int_equal(config[8], 1);
	for (uint32_t i = 0; i < 2; i++) {
		set(card, VIRTIO_PCI_COMMON_DFSELECT, 4, i);
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
	struct card *card = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		card->bench.log[0] = '\0';
		card->bench.virtio->complained = false;
		via_virtio_reset(card->bench.virtio);
		vbench_config_write(&card->bench, PCI_COMMAND, 2,
				    PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
		run(card);
		ask(card);
		offer(card, wrong[i].queue, wrong[i].bytes);
		if (wrong[i].queue == RX) {
			/* It is looked at when there is something for it. */
			uint8_t *frame = at(card, buffer(TX, card->offered[TX]));

			memcpy(frame, at(card, buffer(TX, card->offered[TX] - 1U)), HEADER + 42);
			offer(card, TX, HEADER + 42);
		}
		kick(card, TX);
		for (int j = 0; j < 30000 && status(card) == RUNNING; j++)
			usleep(1000);
		assert_int_equal(status(card), RUNNING | VIRTIO_CONFIG_S_NEEDS_RESET);
		reset(card); /* after which nobody writes the log */
		assert_non_null(strstr(card->bench.log, wrong[i].said));
	}
	run(card);
	ask(card);
}

/* With frames on their way. */
static void resets_at_any_time(void **state)
{
	struct card *card = *state;

	for (unsigned int i = 0; i < 50; i++) {
		run(card);
		ask(card);
		for (unsigned int j = 0; j < 8; j++) {
			memcpy(at(card, buffer(TX, card->offered[TX])),
			       at(card, buffer(TX, card->offered[TX] - 1U)), HEADER + 42);
			offer(card, RX, 2048);
			offer(card, TX, HEADER + 42);
			kick(card, j % 2);
		}
		if (i % 2)
			usleep(i * 10);
	}
	reset(card);
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
	struct card *card = *state;

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
		cmocka_unit_test_setup_teardown(what_it_tells, setup, teardown),
		cmocka_unit_test_setup_teardown(frames_go_both_ways, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_reaches_the_hosts_loopback, setup,
						teardown),
		cmocka_unit_test_setup_teardown(sockets_are_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(changes_of_pairs_take_their_time, setup_pairs,
						teardown),
		cmocka_unit_test_setup_teardown(a_driver_that_breaks_the_rules, setup, teardown),
		cmocka_unit_test_setup_teardown(resets_at_any_time, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
