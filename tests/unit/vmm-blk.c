/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A virtio disk as its driver sees it: the transport's registers, rings in guest memory, a real
 * file and a real io_uring. Only KVM is missing: notifications are writes to the registers, and
 * interrupts stay counted in their eventfd.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/pci_regs.h>
#include <linux/seccomp.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "virtio/blk.h"
#include "virtio/transport.h"

#define RAM_BYTES   (8U << 20)
#define IMAGE_BYTES (4U << 20)
#define SIZE	    256U
#define QUEUES	    2U
#define WAIT_MS	    20000
#define BIT(n)	    (1ULL << (n))

/* Where things are in guest memory; each queue has rings of its own. */
#define DESC(q)	  (0x10000U + (q)*0x8000U)
#define DRIVER(q) (DESC(q) + 0x2000U)
#define DEVICE(q) (DESC(q) + 0x4000U)
#define HEADER(i) (0x40000U + (i)*32U)
#define STATUS(i) (0x50000U + (i))
#define DATA	  0x100000U
#define UNWRITTEN 0xee

struct fixture {
	struct via_host *host;
	struct via_kvm kvm;
	struct via_memory memory;
	struct via_irq *irq;
	struct via_bus mmio;
	struct via_pci_host pci;
	struct via_machine_lock lock;
	struct via_virtio *virtio;
	uint8_t *ram;
	char path[32];
	int image;
	uint16_t descriptors; /* used in queue 0 */
	uint16_t added[QUEUES];
	char said[512]; /* warnings */
	struct via_error err;
};

static void hear(void *data, enum via_log_level level, const char *message)
{
	struct fixture *f = data;

	(void)level;
	if (!strstr(message, "KVM does not take"))
		snprintf(f->said, sizeof(f->said), "%s", message);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct via_host_options options = { .log = hear, .log_data = f };
	void *ram =
		mmap(NULL, RAM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_non_null(f);
	assert_true(ram != MAP_FAILED);
	f->ram = ram;
	f->kvm.fd = f->kvm.vm_fd = -1;
	f->memory.kvm = &f->kvm;
	f->memory.pieces[0] = (struct via_memory_piece){ 0, RAM_BYTES, ram, 0 };
	f->memory.piece_count = 1;
	f->lock.mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	via_pci_host_init(&f->pci, (struct via_range){ 1ULL << 34, (1ULL << 35) - 1 });
	assert_int_equal(via_host_new(&options, &f->host, &f->err), 0);
	assert_int_equal(via_irq_new(&f->kvm, &f->irq, &f->err), 0);
	snprintf(f->path, sizeof(f->path), "disk.XXXXXX");
	f->image = mkstemp(f->path);
	assert_true(f->image >= 0);
	assert_int_equal(ftruncate(f->image, IMAGE_BYTES), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	via_virtio_free(f->virtio);
	via_irq_free(f->irq);
	via_bus_clear(&f->mmio);
	via_host_free(f->host);
	munmap(f->ram, RAM_BYTES);
	close(f->image);
	unlink(f->path);
	free(f);
	return 0;
}

static int try_disk(struct fixture *f, struct via_vmm_disk disk, unsigned int index,
		    struct via_virtio **virtio)
{
	const struct via_virtio_machine machine = {
		.host = f->host,
		.lock = &f->lock,
		.irq = f->irq,
		.memory = &f->memory,
		.mmio = &f->mmio,
		.pci = &f->pci,
		.cpus = QUEUES,
	};

	disk.path = f->path;
	return via_virtio_blk_new(&machine, &disk, index, virtio, &f->err);
}

/* Registers. */

static uint64_t access_bar(struct fixture *f, uint64_t offset, unsigned int size_bytes, bool write,
			   uint64_t value)
{
	via_bus_access(&f->mmio, f->virtio->endpoint.placed + offset, &value, size_bytes, write);
	return size_bytes < 8 ? value & ((1ULL << size_bytes * 8) - 1) : value;
}

static uint64_t get(struct fixture *f, uint64_t offset, unsigned int size_bytes)
{
	return access_bar(f, offset, size_bytes, false, 0);
}

static void set(struct fixture *f, uint64_t offset, unsigned int size_bytes, uint64_t value)
{
	access_bar(f, offset, size_bytes, true, value);
}

#define CONFIG_AT     0x0800U
#define NOTIFY_AT     0x1000U
#define CONFIG(field) (CONFIG_AT + offsetof(struct virtio_blk_config, field))

static uint8_t status(struct fixture *f)
{
	return (uint8_t)get(f, VIRTIO_PCI_COMMON_STATUS, 1);
}

static void add_status(struct fixture *f, uint8_t bits)
{
	set(f, VIRTIO_PCI_COMMON_STATUS, 1, status(f) | bits);
}

static uint64_t offered(struct fixture *f)
{
	uint64_t features = 0;

	for (uint32_t i = 0; i < 2; i++) {
		set(f, VIRTIO_PCI_COMMON_DFSELECT, 4, i);
		features |= get(f, VIRTIO_PCI_COMMON_DF, 4) << 32 * i;
	}
	return features;
}

static void enable_queue(struct fixture *f, uint16_t index)
{
	memset(f->ram + DESC(index), 0, 0x8000);
	f->added[index] = 0;
	set(f, VIRTIO_PCI_COMMON_Q_SELECT, 2, index);
	set(f, VIRTIO_PCI_COMMON_Q_DESCLO, 4, DESC(index));
	set(f, VIRTIO_PCI_COMMON_Q_AVAILLO, 4, DRIVER(index));
	set(f, VIRTIO_PCI_COMMON_Q_USEDLO, 4, DEVICE(index));
	set(f, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
}

/* From a reset to DRIVER_OK, without @refused of what is offered. */
static void begin(struct fixture *f, uint64_t refused)
{
	uint64_t features = offered(f) & ~refused;

	add_status(f, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	for (uint32_t i = 0; i < 2; i++) {
		set(f, VIRTIO_PCI_COMMON_GFSELECT, 4, i);
		set(f, VIRTIO_PCI_COMMON_GF, 4, features >> 32 * i & UINT32_MAX);
	}
	add_status(f, VIRTIO_CONFIG_S_FEATURES_OK);
	for (uint16_t i = 0; i < QUEUES; i++)
		enable_queue(f, i);
	f->descriptors = 0;
	add_status(f, VIRTIO_CONFIG_S_DRIVER_OK);
	assert_int_equal(status(f) & VIRTIO_CONFIG_S_NEEDS_RESET, 0);
	/* That there is no KVM is not what it is to complain of, once. */
	f->virtio->complained = false;
}

static void add_disk(struct fixture *f, struct via_vmm_disk disk)
{
	struct via_bus_access command = {
		.offset = PCI_COMMAND,
		.value = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER,
		.size_bytes = 2,
		.write = true,
	};
	struct via_pci_function *function;

	if (try_disk(f, disk, 0, &f->virtio))
		fail_msg("no disk: %s", f->err.text);
	function = &f->virtio->endpoint.function;
	function->config(function, &command);
	begin(f, 0);
}

/* Rings. */

static struct vring_desc *descriptor(struct fixture *f, uint16_t queue, uint16_t index)
{
	return (struct vring_desc *)(f->ram + DESC(queue)) + index;
}

static void offer(struct fixture *f, uint16_t queue, uint16_t head)
{
	struct vring_avail *avail = (struct vring_avail *)(f->ram + DRIVER(queue));

	__atomic_store_n(&avail->ring[f->added[queue]++ % SIZE], head, __ATOMIC_RELAXED);
	__atomic_store_n(&avail->idx, f->added[queue], __ATOMIC_SEQ_CST);
}

static void notify(struct fixture *f, uint16_t queue)
{
	set(f, NOTIFY_AT + 4U * queue, 2, queue);
}

/* A request with header and status number @number; its data is @bytes at guest address @gpa. */
static uint16_t prepare(struct fixture *f, uint16_t queue, uint16_t number, uint32_t type,
			uint64_t sector, uint64_t gpa, uint32_t bytes)
{
	const struct virtio_blk_outhdr header = { .type = type, .sector = sector };
	bool in = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;
	uint16_t head = (uint16_t)(number * 3 % (SIZE - SIZE % 3));

	memcpy(f->ram + HEADER(number), &header, sizeof(header));
	f->ram[STATUS(number)] = UNWRITTEN;
	*descriptor(f, queue, head) =
		(struct vring_desc){ HEADER(number), sizeof(header), VRING_DESC_F_NEXT,
				     (uint16_t)(head + (bytes ? 1 : 2)) };
	*descriptor(f, queue, (uint16_t)(head + 1)) =
		(struct vring_desc){ gpa, bytes,
				     (uint16_t)(VRING_DESC_F_NEXT | (in ? VRING_DESC_F_WRITE : 0)),
				     (uint16_t)(head + 2) };
	*descriptor(f, queue, (uint16_t)(head + 2)) =
		(struct vring_desc){ STATUS(number), 1, VRING_DESC_F_WRITE, 0 };
	return head;
}

static void ask_in(struct fixture *f, uint16_t queue, uint16_t number, uint32_t type,
		   uint64_t sector, uint64_t gpa, uint32_t bytes)
{
	offer(f, queue, prepare(f, queue, number, type, sector, gpa, bytes));
}

static uint16_t used(struct fixture *f, uint16_t queue)
{
	struct vring_used *ring = (struct vring_used *)(f->ram + DEVICE(queue));

	return __atomic_load_n(&ring->idx, __ATOMIC_ACQUIRE);
}

/* Until all requests are answered; each wait is ended by an interrupt. */
static void wait_all(struct fixture *f, uint16_t queue)
{
	struct pollfd interrupt = { via_virtio_call_fd(f->virtio, queue), POLLIN, 0 };
	struct vring_avail *avail = (struct vring_avail *)(f->ram + DRIVER(queue));
	uint64_t count;
	uint16_t seen;

	while (used(f, queue) != f->added[queue]) {
		seen = used(f, queue);
		/* Interrupt me for the next one. */
		__atomic_store_n(&avail->ring[SIZE], seen, __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (used(f, queue) != seen)
			continue;
		if (poll(&interrupt, 1, WAIT_MS) != 1)
			fail_msg("no interrupt with %u of %u answered: %s", used(f, queue),
				 f->added[queue], f->said);
		assert_int_equal(read(interrupt.fd, &count, sizeof(count)), sizeof(count));
	}
}

/* One request. Return: its status. */
static uint8_t ask(struct fixture *f, uint32_t type, uint64_t sector, uint64_t gpa, uint32_t bytes)
{
	ask_in(f, 0, 0, type, sector, gpa, bytes);
	notify(f, 0);
	wait_all(f, 0);
	return f->ram[STATUS(0)];
}

static uint8_t ask_range(struct fixture *f, uint32_t type, uint64_t sector, uint32_t sectors)
{
	const struct virtio_blk_discard_write_zeroes range = { sector, sectors, 0 };

	memcpy(f->ram + DATA, &range, sizeof(range));
	return ask(f, type, 0, DATA, sizeof(range));
}

static void fill(uint8_t *memory, size_t bytes, unsigned int seed)
{
	for (size_t i = 0; i < bytes; i++)
		memory[i] = (uint8_t)((i + seed) * 2654435761U >> 11);
}

static void assert_image(struct fixture *f, off_t offset, const uint8_t *memory, size_t bytes)
{
	uint8_t *copy = malloc(bytes);

	assert_non_null(copy);
	assert_int_equal(pread(f->image, copy, bytes, offset), bytes);
	assert_memory_equal(copy, memory, bytes);
	free(copy);
}

/* The driver breaks a rule: the device says so, and works again after a reset. */
static void assert_broken(struct fixture *f, const char *why)
{
	for (int i = 0; i < WAIT_MS && !(status(f) & VIRTIO_CONFIG_S_NEEDS_RESET); i++)
		usleep(1000);
	assert_true(status(f) & VIRTIO_CONFIG_S_NEEDS_RESET);
	set(f, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	assert_int_equal(status(f), 0);
	assert_true(!why || strstr(f->said, why));
	f->said[0] = '\0';
	begin(f, 0);
	assert_int_equal(ask(f, VIRTIO_BLK_T_IN, 0, DATA, 512), VIRTIO_BLK_S_OK);
}

/* Tests. */

static void test_config(void **state)
{
	struct fixture *f = *state;
	const uint64_t common = BIT(VIRTIO_BLK_F_SEG_MAX) | BIT(VIRTIO_BLK_F_BLK_SIZE) |
				BIT(VIRTIO_BLK_F_TOPOLOGY) | BIT(VIRTIO_BLK_F_FLUSH) |
				BIT(VIRTIO_BLK_F_CONFIG_WCE) | BIT(VIRTIO_BLK_F_MQ) |
				BIT(VIRTIO_RING_F_INDIRECT_DESC) | BIT(VIRTIO_RING_F_EVENT_IDX);

	add_disk(f, (struct via_vmm_disk){ 0 });
	assert_int_equal(offered(f) & common, common);
	assert_int_equal(offered(f) & BIT(VIRTIO_BLK_F_RO), 0);
	assert_int_equal(get(f, CONFIG(capacity), 4), IMAGE_BYTES / 512);
	assert_int_equal(get(f, CONFIG(seg_max), 4), 254);
	assert_int_equal(get(f, CONFIG(size_max), 4), 65536);
	assert_int_equal(get(f, CONFIG(blk_size), 4), 512);
	assert_int_equal(get(f, CONFIG(num_queues), 2), QUEUES);
	assert_int_equal(get(f, CONFIG(wce), 1), 1);
	set(f, CONFIG(wce), 1, 0);
	assert_int_equal(get(f, CONFIG(wce), 1), 0);
	set(f, CONFIG(capacity), 4, 1);
	assert_int_equal(get(f, CONFIG(capacity), 4), IMAGE_BYTES / 512);
	/* Writes still work when each is to be safe at once. */
	assert_int_equal(ask(f, VIRTIO_BLK_T_OUT, 0, DATA, 4096), VIRTIO_BLK_S_OK);
}

static void test_read_and_write(void **state)
{
	struct fixture *f = *state;
	struct via_vmm_virtio_stats stats;

	add_disk(f, (struct via_vmm_disk){ 0 });
	fill(f->ram + DATA, 65536, 1);
	assert_int_equal(ask(f, VIRTIO_BLK_T_OUT, 9, DATA, 65536), VIRTIO_BLK_S_OK);
	assert_image(f, 9 * 512, f->ram + DATA, 65536);
	assert_int_equal(ask(f, VIRTIO_BLK_T_FLUSH, 0, DATA, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(ask(f, VIRTIO_BLK_T_IN, 9, DATA + 65536, 65536), VIRTIO_BLK_S_OK);
	assert_memory_equal(f->ram + DATA, f->ram + DATA + 65536, 65536);
	assert_int_equal(ask(f, VIRTIO_BLK_T_GET_ID, 0, DATA, VIRTIO_BLK_ID_BYTES),
			 VIRTIO_BLK_S_OK);
	assert_string_equal((char *)f->ram + DATA, "disk0");

	via_virtio_stats(f->virtio, &stats);
	assert_string_equal(stats.name, "disk0");
	assert_string_equal(stats.backend, "io_uring");
	assert_int_equal(stats.queues, QUEUES);
	assert_int_equal(stats.requests, 4);
	assert_int_equal(stats.bytes, 2 * 65536);
	/* Of a request that it finds by itself, it may yet have to hear. */
	assert_in_range(stats.kicks, 1, 4);
	assert_in_range(stats.interrupts, 1, 4);
	assert_true(stats.cpu_ns);
}

/* As many requests as the ring holds, again and again; no two of them hit the same sectors. */
static void test_many(void **state)
{
	const uint16_t many = SIZE / 3;
	struct fixture *f = *state;

	add_disk(f, (struct via_vmm_disk){ 0 });
	fill(f->ram + DATA, many * 4096U, 2);
	for (unsigned int round = 0; round < 20; round++) {
		for (uint16_t i = 0; i < many; i++)
			ask_in(f, round % QUEUES, i, VIRTIO_BLK_T_OUT, i * 8U,
			       DATA + (i + round) % many * 4096U, 4096);
		notify(f, round % QUEUES);
		wait_all(f, round % QUEUES);
		for (uint16_t i = 0; i < many; i++) {
			assert_int_equal(f->ram[STATUS(i)], VIRTIO_BLK_S_OK);
			assert_image(f, i * 4096, f->ram + DATA + (i + round) % many * 4096U, 4096);
		}
	}
}

/* More is under way than there are places for: what is left waits, and is not forgotten. */
static void test_one_head_many_times(void **state)
{
	struct fixture *f = *state;

	add_disk(f, (struct via_vmm_disk){ 0 });
	for (unsigned int round = 0; round < 8; round++) {
		ask_in(f, 0, 0, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
		for (unsigned int i = 1; i < SIZE; i++)
			offer(f, 0, 0);
		notify(f, 0);
		wait_all(f, 0);
		assert_int_equal(f->ram[STATUS(0)], VIRTIO_BLK_S_OK);
	}
}

/* Longer tables of segments than fit into one submission. */
static void test_indirect(void **state)
{
	struct fixture *f = *state;
	const struct virtio_blk_outhdr header = { .type = VIRTIO_BLK_T_OUT, .sector = 0 };
	const uint16_t many = 16, segments = 254;
	const uint32_t table_at = 0x400000;

	add_disk(f, (struct via_vmm_disk){ 0 });
	fill(f->ram + DATA, segments * 512U, 3);
	memcpy(f->ram + HEADER(0), &header, sizeof(header));
	for (uint16_t i = 0; i < many; i++) {
		struct vring_desc *table = (struct vring_desc *)(f->ram + table_at) + i * SIZE;
		uint16_t n = 0;

		f->ram[STATUS(i)] = UNWRITTEN;
		table[n++] = (struct vring_desc){ HEADER(0), 16, VRING_DESC_F_NEXT, 1 };
		for (; n <= segments; n++)
			table[n] = (struct vring_desc){ DATA + (n - 1U) * 512U, 512,
							VRING_DESC_F_NEXT, (uint16_t)(n + 1) };
		table[n] = (struct vring_desc){ STATUS(i), 1, VRING_DESC_F_WRITE, 0 };
		*descriptor(f, 0, i) = (struct vring_desc){ table_at + i * SIZE * 16U, SIZE * 16U,
							    VRING_DESC_F_INDIRECT, 0 };
		offer(f, 0, i);
	}
	notify(f, 0);
	wait_all(f, 0);
	for (uint16_t i = 0; i < many; i++)
		assert_int_equal(f->ram[STATUS(i)], VIRTIO_BLK_S_OK);
	assert_image(f, 0, f->ram + DATA, segments * 512U);
}

/* When writes are to be safe at once: each of as many as there can be takes two steps then. */
static void zeroes_at_once(struct fixture *f)
{
	const struct virtio_blk_discard_write_zeroes range = { 0, 8, 0 };
	uint8_t zeroes[4096] = { 0 };

	set(f, CONFIG(wce), 1, 0);
	fill(f->ram + DATA, sizeof(zeroes), 8);
	assert_int_equal(ask(f, VIRTIO_BLK_T_OUT, 0, DATA, sizeof(zeroes)), VIRTIO_BLK_S_OK);
	memcpy(f->ram + DATA, &range, sizeof(range));
	ask_in(f, 0, 0, VIRTIO_BLK_T_WRITE_ZEROES, 0, DATA, sizeof(range));
	for (unsigned int i = 1; i < SIZE; i++)
		offer(f, 0, 0);
	notify(f, 0);
	wait_all(f, 0);
	assert_int_equal(f->ram[STATUS(0)], VIRTIO_BLK_S_OK);
	assert_image(f, 0, zeroes, sizeof(zeroes));
	set(f, CONFIG(wce), 1, 1);
}

static void test_space(void **state)
{
	struct fixture *f = *state;
	uint8_t zeroes[65536] = { 0 };
	struct stat full, less;

	add_disk(f, (struct via_vmm_disk){ 0 });
	if (!(offered(f) & BIT(VIRTIO_BLK_F_DISCARD))) {
		/* A filesystem without holes. */
		assert_int_equal(ask_range(f, VIRTIO_BLK_T_DISCARD, 0, 8), VIRTIO_BLK_S_UNSUPP);
		return;
	}
	fill(f->ram + DATA, 262144, 4);
	assert_int_equal(ask(f, VIRTIO_BLK_T_OUT, 0, DATA, 262144), VIRTIO_BLK_S_OK);
	assert_int_equal(ask(f, VIRTIO_BLK_T_FLUSH, 0, DATA, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(fstat(f->image, &full), 0);
	assert_int_equal(ask_range(f, VIRTIO_BLK_T_DISCARD, 0, 256), VIRTIO_BLK_S_OK);
	assert_int_equal(fstat(f->image, &less), 0);
	assert_int_equal(full.st_blocks - less.st_blocks, 256);
	assert_int_equal(less.st_size, IMAGE_BYTES);
	switch (ask_range(f, VIRTIO_BLK_T_WRITE_ZEROES, 256, 128)) {
	case VIRTIO_BLK_S_OK:
		assert_image(f, 256 * 512, zeroes, sizeof(zeroes));
		zeroes_at_once(f);
		break;
	case VIRTIO_BLK_S_UNSUPP: /* tmpfs; drivers write the zeroes then */
		assert_int_equal(fallocate(f->image, FALLOC_FL_ZERO_RANGE, 0, 512), -1);
		break;
	default:
		fail_msg("zeroes were not written");
	}
	/* A driver that did not ask for it must not use it. */
	set(f, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	begin(f, BIT(VIRTIO_BLK_F_DISCARD));
	assert_int_equal(ask_range(f, VIRTIO_BLK_T_DISCARD, 0, 8), VIRTIO_BLK_S_UNSUPP);
}

static void test_read_only(void **state)
{
	struct fixture *f = *state;
	uint8_t zeroes[512] = { 0 };

	add_disk(f, (struct via_vmm_disk){ .read_only = true });
	assert_true(offered(f) & BIT(VIRTIO_BLK_F_RO));
	assert_int_equal(ask(f, VIRTIO_BLK_T_IN, 0, DATA, 512), VIRTIO_BLK_S_OK);
	fill(f->ram + DATA, 512, 5);
	assert_int_equal(ask(f, VIRTIO_BLK_T_OUT, 0, DATA, 512), VIRTIO_BLK_S_IOERR);
	assert_image(f, 0, zeroes, 512);
}

/* Past the page cache, also to memory that is not aligned as the disk is. */
static void test_direct(void **state)
{
	struct fixture *f = *state;

	if (try_disk(f, (struct via_vmm_disk){ .direct = true }, 0, &f->virtio) == -ENOTSUP)
		return; /* said by vmm-blk-file */
	via_virtio_free(f->virtio);
	f->virtio = NULL;
	add_disk(f, (struct via_vmm_disk){ .direct = true });
	fill(f->ram + DATA, 1 << 20, 6);
	assert_int_equal(ask(f, VIRTIO_BLK_T_OUT, 8, DATA, 65536), VIRTIO_BLK_S_OK);
	assert_image(f, 8 * 512, f->ram + DATA, 65536);
	assert_int_equal(ask(f, VIRTIO_BLK_T_OUT, 8, DATA + 1, 400 * 1024), VIRTIO_BLK_S_OK);
	assert_image(f, 8 * 512, f->ram + DATA + 1, 400 * 1024);
	assert_int_equal(ask(f, VIRTIO_BLK_T_IN, 8, DATA + 0x200003, 400 * 1024), VIRTIO_BLK_S_OK);
	assert_memory_equal(f->ram + DATA + 1, f->ram + DATA + 0x200003, 400 * 1024);
}

static void test_failures(void **state)
{
	struct fixture *f = *state;

	add_disk(f, (struct via_vmm_disk){ 0 });
	assert_int_equal(ask(f, VIRTIO_BLK_T_IN, IMAGE_BYTES / 512, DATA, 512), VIRTIO_BLK_S_IOERR);
	assert_int_equal(ask(f, VIRTIO_BLK_T_OUT, UINT64_MAX, DATA, 512), VIRTIO_BLK_S_IOERR);
	assert_int_equal(ask(f, 77, 0, DATA, 512), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(ask(f, VIRTIO_BLK_T_GET_ID, 0, DATA, 19), VIRTIO_BLK_S_IOERR);
	/* Somebody made the file smaller. */
	assert_int_equal(ftruncate(f->image, 512), 0);
	assert_int_equal(ask(f, VIRTIO_BLK_T_IN, 0, DATA, 1024), VIRTIO_BLK_S_IOERR);
	assert_int_equal(ask(f, VIRTIO_BLK_T_IN, 0, DATA, 512), VIRTIO_BLK_S_OK);
	assert_string_equal(f->said, "");
}

static void test_broken_rules(void **state)
{
	struct fixture *f = *state;

	add_disk(f, (struct via_vmm_disk){ 0 });
	/* No status. */
	prepare(f, 0, 0, VIRTIO_BLK_T_OUT, 0, DATA, 512);
	descriptor(f, 0, 1)->flags = 0;
	offer(f, 0, 0);
	notify(f, 0);
	assert_broken(f, "a request without a header or room for the status");
	/* Half a header. */
	prepare(f, 0, 0, VIRTIO_BLK_T_IN, 0, DATA, 512);
	descriptor(f, 0, 0)->len = 8;
	offer(f, 0, 0);
	notify(f, 0);
	assert_broken(f, "a request without a header");
	/* Data, and the status, outside of memory. */
	prepare(f, 0, 0, VIRTIO_BLK_T_IN, 0, RAM_BYTES - 511, 512);
	offer(f, 0, 0);
	notify(f, 0);
	assert_broken(f, "outside of memory");
	prepare(f, 0, 0, VIRTIO_BLK_T_IN, 0, DATA, 512);
	descriptor(f, 0, 2)->addr = UINT64_MAX;
	offer(f, 0, 0);
	notify(f, 0);
	assert_broken(f, "outside of memory");
	prepare(f, 0, 0, VIRTIO_BLK_T_IN, 0, DATA, UINT32_MAX);
	offer(f, 0, 0);
	notify(f, 0);
	assert_broken(f, "outside of memory");
	/* A loop, behind requests that are all right. */
	for (uint16_t i = 0; i < 40; i++)
		prepare(f, 0, i, VIRTIO_BLK_T_IN, i, DATA + i * 512U, 512);
	descriptor(f, 0, 119)->flags = VRING_DESC_F_NEXT | VRING_DESC_F_WRITE;
	descriptor(f, 0, 119)->next = 118;
	for (uint16_t i = 0; i < 40; i++)
		offer(f, 0, (uint16_t)(i * 3));
	notify(f, 0);
	assert_broken(f, "loops");
}

/* Far more than a driver may have under way, without a look at what is done. */
static void test_flood(void **state)
{
	struct fixture *f = *state;

	add_disk(f, (struct via_vmm_disk){ 0 });
	ask_in(f, 0, 0, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
	for (unsigned int round = 0; round < 200; round++) {
		for (unsigned int i = 0; i < SIZE / 4; i++)
			offer(f, 0, 0);
		notify(f, 0);
		usleep(20);
		if (status(f) & VIRTIO_CONFIG_S_NEEDS_RESET) {
			assert_broken(f, "more requests than the queue has entries");
			return;
		}
	}
	wait_all(f, 0);
	assert_int_equal(f->ram[STATUS(0)], VIRTIO_BLK_S_OK);
}

struct flooding {
	struct fixture *f;
	atomic_bool stop;
};

/* There is always one more request, of a kind that is answered at once. */
static void *flood(void *data)
{
	struct flooding *flooding = data;
	struct vring_avail *avail = (struct vring_avail *)(flooding->f->ram + DRIVER(0));

	for (unsigned int i = 0; !atomic_load(&flooding->stop); i++) {
		uint16_t done = used(flooding->f, 0), next = avail->idx;

		/* The interrupt gives us time for the next one. */
		__atomic_store_n(&avail->ring[SIZE], done, __ATOMIC_RELAXED);
		if ((uint16_t)(next - done) < SIZE - 8)
			__atomic_store_n(&avail->idx, (uint16_t)(next + 4), __ATOMIC_SEQ_CST);
		if (i % 4096 == 0)
			via_virtio_signal(via_virtio_kick_fd(flooding->f->virtio, 0));
	}
	return NULL;
}

/* A guest that never lets up gets its reset all the same, and with it whoever waits for its end. */
static void test_reset_while_flooded(void **state)
{
	struct fixture *f = *state;
	struct flooding flooding = { .f = f };
	pthread_t thread;

	add_disk(f, (struct via_vmm_disk){ 0 });
	for (unsigned int i = 0; i < SIZE; i++)
		ask_in(f, 0, 0, 77, 0, 0, 0);
	notify(f, 0);
	wait_all(f, 0);
	assert_int_equal(pthread_create(&thread, NULL, flood, &flooding), 0);
	usleep(20000);
	assert_int_equal(status(f) & VIRTIO_CONFIG_S_NEEDS_RESET, 0);
	set(f, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	assert_int_equal(status(f), 0);
	atomic_store(&flooding.stop, true);
	pthread_join(thread, NULL);
	begin(f, 0);
	assert_int_equal(ask(f, VIRTIO_BLK_T_IN, 0, DATA, 512), VIRTIO_BLK_S_OK);
}

/*
 * A reset waits for what is under way: then nothing is written to memory any more. Direct reads
 * of what is on the disk take their time.
 */
static void test_reset_half_way(void **state)
{
	const uint16_t many = SIZE / 3;
	struct fixture *f = *state;
	struct via_vmm_disk disk = { .direct = true };

	fill(f->ram, IMAGE_BYTES, 7);
	assert_int_equal(pwrite(f->image, f->ram, IMAGE_BYTES, 0), IMAGE_BYTES);
	assert_int_equal(fsync(f->image), 0);
	disk.direct = try_disk(f, disk, 0, &f->virtio) != -ENOTSUP;
	via_virtio_free(f->virtio);
	f->virtio = NULL;
	add_disk(f, disk);
	for (unsigned int round = 0; round < 20; round++) {
		bool of_queue = round % 4 / 2;

		for (uint16_t i = 0; i < many; i++)
			ask_in(f, 0, i, VIRTIO_BLK_T_IN, i * 64U, DATA + i * 32768U, 32768);
		notify(f, 0);
		while (round % 2 && !used(f, 0))
			;
		if (of_queue) {
			set(f, VIRTIO_PCI_COMMON_Q_SELECT, 2, 0);
			set(f, VIRTIO_PCI_COMMON_Q_RESET, 2, 1);
		} else {
			set(f, VIRTIO_PCI_COMMON_STATUS, 1, 0);
			assert_int_equal(status(f), 0);
		}
		memset(f->ram + DEVICE(0), UNWRITTEN, 0x2000);
		memset(f->ram + DATA, UNWRITTEN, many * 32768U);
		if (round > 17)
			usleep(50000);
		for (size_t i = 0; i < many * 32768U; i++)
			if (f->ram[DATA + i] != UNWRITTEN)
				fail_msg("memory was written to after the reset");
		if (of_queue)
			enable_queue(f, 0);
		else
			begin(f, 0);
		f->descriptors = 0;
	}
	assert_int_equal(ask(f, VIRTIO_BLK_T_IN, 0, DATA, 512), VIRTIO_BLK_S_OK);
}

static void read_whole(struct fixture *f, uint64_t gpa, unsigned int times)
{
	ask_in(f, 0, 0, VIRTIO_BLK_T_IN, 0, gpa, IMAGE_BYTES);
	for (unsigned int i = 1; i < times; i++)
		offer(f, 0, 0);
	notify(f, 0);
}

/* More data than may be under way at a time: all of it comes, and a reset does not wait for it. */
static void test_much_data(void **state)
{
	struct fixture *f = *state;
	struct via_vmm_disk disk = { .direct = true };

	disk.direct = try_disk(f, disk, 0, &f->virtio) != -ENOTSUP;
	via_virtio_free(f->virtio);
	f->virtio = NULL;
	add_disk(f, disk);
	for (unsigned int i = 0; i < 2; i++) {
		read_whole(f, DATA + i, 40);
		wait_all(f, 0);
		assert_int_equal(f->ram[STATUS(0)], VIRTIO_BLK_S_OK);
	}
	if (!disk.direct)
		return; /* said by vmm-blk-file */
	read_whole(f, DATA + 1, SIZE);
	while (__atomic_load_n(&f->ram[STATUS(0)], __ATOMIC_RELAXED) == UNWRITTEN)
		;
	set(f, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	assert_int_equal(status(f), 0);
	assert_true((uint16_t)(used(f, 0) - 80) < SIZE);
	begin(f, 0);
	assert_int_equal(ask(f, VIRTIO_BLK_T_IN, 0, DATA, 512), VIRTIO_BLK_S_OK);
}

static void test_locked(void **state)
{
	struct fixture *f = *state;
	struct via_virtio *second = NULL;

	add_disk(f, (struct via_vmm_disk){ 0 });
	assert_int_equal(ask(f, VIRTIO_BLK_T_IN, 0, DATA, 512), VIRTIO_BLK_S_OK);
	assert_int_equal(try_disk(f, (struct via_vmm_disk){ 0 }, 1, &second), -EBUSY);
	assert_int_equal(try_disk(f, (struct via_vmm_disk){ .read_only = true }, 1, &second),
			 -EBUSY);
	/* Given back at once, although the ring had it too. */
	via_virtio_free(f->virtio);
	f->virtio = NULL;
	for (int i = 0; i < 20; i++) {
		add_disk(f, (struct via_vmm_disk){ 0 });
		assert_int_equal(ask(f, VIRTIO_BLK_T_IN, 0, DATA, 512), VIRTIO_BLK_S_OK);
		via_virtio_free(f->virtio);
		f->virtio = NULL;
	}
}

static void test_too_many_queues(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(try_disk(f, (struct via_vmm_disk){ .queues = VIA_VMM_QUEUES_MAX + 1 }, 0,
				  &f->virtio),
			 -EINVAL);
	assert_non_null(strstr(f->err.text, "1 to 16 queues, not 17"));
	add_disk(f, (struct via_vmm_disk){ .queues = QUEUES });
}

/* As kernel.io_uring_disabled=2 does, or a container's filter. */
static void forbid_io_uring(int errnum)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ((uint32_t)errnum & 0xffff)),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(*code), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(2);
}

static void test_io_uring_refused(void **state)
{
	static const struct {
		int errnum;
		const char *says;
	} ways[] = { { EPERM, "kernel.io_uring_disabled" }, { ENOSYS, "Linux 6.1" } };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		int ended;
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (!pid) {
			forbid_io_uring(ways[i].errnum);
			_exit(try_disk(f, (struct via_vmm_disk){ 0 }, 0, &f->virtio) !=
				      -ways[i].errnum ||
			      !strstr(f->err.text, ways[i].says));
		}
		assert_int_equal(waitpid(pid, &ended, 0), pid);
		assert_int_equal(ended, 0);
	}
}

/* Containers often forbid it. */
static int io_uring_errno(void)
{
	struct io_uring_params params = { 0 };
	int fd = (int)syscall(SYS_io_uring_setup, 1, &params);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_config, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_and_write, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_head_many_times, setup, teardown),
		cmocka_unit_test_setup_teardown(test_indirect, setup, teardown),
		cmocka_unit_test_setup_teardown(test_space, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_only, setup, teardown),
		cmocka_unit_test_setup_teardown(test_direct, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken_rules, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flood, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reset_while_flooded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reset_half_way, setup, teardown),
		cmocka_unit_test_setup_teardown(test_much_data, setup, teardown),
		cmocka_unit_test_setup_teardown(test_locked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_many_queues, setup, teardown),
		cmocka_unit_test_setup_teardown(test_io_uring_refused, setup, teardown),
	};

	if (io_uring_errno()) {
		printf("skipped: no io_uring here: %s\n", strerror(io_uring_errno()));
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
