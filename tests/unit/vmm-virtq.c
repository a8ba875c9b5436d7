/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "virtio/queue.h"
#include "virtio/worker.h"

/* A driver's side of a queue, in 64 KiB of memory that begins at BASE. */
#define BASE	    0x10000ULL
#define BYTES	    0x10000ULL
#define SIZE	    8U
#define DESC	    (BASE + 0x1000)
#define DRIVER	    (BASE + 0x2000)
#define DEVICE	    (BASE + 0x3000)
#define TABLE	    (BASE + 0x4000)
#define DATA	    (BASE + 0x8000)
#define EVENT_INDEX (1ULL << VIRTIO_RING_F_EVENT_IDX)
#define INDIRECT    (1ULL << VIRTIO_RING_F_INDIRECT_DESC)

struct bench {
	struct via_memory memory;
	struct via_virtq queue;
	struct via_virtq_chain chain;
	struct vring_desc *desc, *table;
	struct vring_avail *avail;
	struct vring_used *used;
};

static const struct via_virtq_places places = {
	.size = SIZE, .desc = DESC, .driver = DRIVER, .device = DEVICE
};

static void *at(struct bench *bench, uint64_t gpa)
{
	return via_memory_at(&bench->memory, gpa, 1);
}

static void start(struct bench *bench, uint64_t features)
{
	memset(bench->memory.pieces[0].hva, 0, BYTES);
	assert_int_equal(via_virtq_start(&bench->queue, &bench->memory, &places, features), 0);
}

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	bench->memory.pieces[0] = (struct via_memory_piece){ .gpa = BASE,
							     .size_bytes = BYTES,
							     .hva = aligned_alloc(4096, BYTES) };
	assert_non_null(bench->memory.pieces[0].hva);
	bench->memory.piece_count = 1;
	bench->desc = at(bench, DESC);
	bench->table = at(bench, TABLE);
	bench->avail = at(bench, DRIVER);
	bench->used = at(bench, DEVICE);
	start(bench, INDIRECT);
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	free(bench->memory.pieces[0].hva);
	free(bench);
	return 0;
}

static void describe(struct vring_desc *table, uint16_t index, uint64_t address, uint32_t bytes,
		     uint16_t flags, uint16_t next)
{
	table[index] =
		(struct vring_desc){ .addr = address, .len = bytes, .flags = flags, .next = next };
}

static void offer(struct bench *bench, uint16_t head)
{
	bench->avail->ring[bench->avail->idx % SIZE] = head;
	bench->avail->idx++;
}

static void expect_broken(struct bench *bench, const char *why)
{
	assert_int_equal(via_virtq_pop(&bench->queue, &bench->chain), -EPROTO);
	assert_string_equal(bench->queue.broken, why);
	/* And it stays so, whatever the driver does about it. */
	describe(bench->desc, 0, DATA, 1, 0, 0);
	bench->avail->idx = (uint16_t)(bench->queue.taken + 1);
	bench->avail->ring[bench->queue.taken % SIZE] = 0;
	assert_int_equal(via_virtq_pop(&bench->queue, &bench->chain), -EPROTO);
	assert_false(via_virtq_arm(&bench->queue));
}

static void what_a_queue_may_look_like(void **state)
{
	struct bench *bench = *state;
	struct via_virtq queue = { .size = 99 };
	const struct {
		struct via_virtq_places places;
		int rc;
	} cases[] = {
		{ { 0, DESC, DRIVER, DEVICE }, -EINVAL },
		{ { 3, DESC, DRIVER, DEVICE }, -EINVAL },
		{ { 512, DESC, DRIVER, DEVICE }, -EINVAL },
		{ { SIZE, DESC + 8, DRIVER, DEVICE }, -EINVAL },
		{ { SIZE, DESC, DRIVER + 1, DEVICE }, -EINVAL },
		{ { SIZE, DESC, DRIVER, DEVICE + 2 }, -EINVAL },
		{ { SIZE, BASE - 16, DRIVER, DEVICE }, -EFAULT },
		{ { SIZE, BASE + BYTES - 16 * SIZE + 16, DRIVER, DEVICE }, -EFAULT },
		{ { SIZE, DESC, BASE + BYTES - 6 - 2 * SIZE + 2, DEVICE }, -EFAULT },
		{ { SIZE, DESC, DRIVER, BASE + BYTES - 6 - 8 * SIZE + 2 }, -EFAULT },
		{ { SIZE, DESC, DRIVER, UINT64_MAX - 3 }, -EFAULT },
		{ { SIZE, BASE + BYTES - 16 * SIZE, DRIVER, DEVICE }, 0 },
		{ { SIZE, DESC, BASE + BYTES - 6 - 2 * SIZE, DEVICE }, 0 },
		{ { 1, DESC, DRIVER, DEVICE }, 0 },
		{ { 256, DESC, DRIVER, DEVICE }, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(via_virtq_start(&queue, &bench->memory, &cases[i].places, 0),
				 cases[i].rc);
		if (cases[i].rc)
			assert_int_equal(queue.size, 99); /* untouched */
		queue.size = 99;
	}
}

static void requests_go_round_the_ring(void **state)
{
	struct bench *bench = *state;
	struct via_virtq_chain *chain = &bench->chain;

	assert_int_equal(via_virtq_pop(&bench->queue, chain), 0);
	for (unsigned int i = 0; i < 70000; i++) {
		uint16_t head = (uint16_t)(i * 3 % SIZE), second = (uint16_t)((head + 1) % SIZE);

		describe(bench->desc, head, DATA + i % 64, 16, VRING_DESC_F_NEXT, second);
		describe(bench->desc, second, DATA + 512, 100, VRING_DESC_F_WRITE, 0);
		offer(bench, head);
		assert_int_equal(via_virtq_pop(&bench->queue, chain), 1);
		assert_int_equal(chain->head, head);
		assert_int_equal(chain->out_count, 1);
		assert_int_equal(chain->in_count, 1);
		assert_int_equal(chain->out_bytes, 16);
		assert_int_equal(chain->in_bytes, 100);
		assert_ptr_equal(chain->segments[0].iov_base, at(bench, DATA + i % 64));
		assert_ptr_equal(chain->segments[1].iov_base, at(bench, DATA + 512));
		assert_int_equal(via_virtq_pop(&bench->queue, chain), 0);

		via_virtq_push(&bench->queue, chain->head, i);
		assert_int_equal(bench->used->idx, (uint16_t)i); /* not shown yet */
		assert_true(via_virtq_publish(&bench->queue));
		assert_int_equal(bench->used->idx, (uint16_t)(i + 1));
		assert_int_equal(bench->used->ring[i % SIZE].id, head);
		assert_int_equal(bench->used->ring[i % SIZE].len, i);
		assert_false(via_virtq_publish(&bench->queue)); /* nothing new */
	}
}

static void a_request_can_be_put_back(void **state)
{
	struct bench *bench = *state;

	describe(bench->desc, 2, DATA, 16, 0, 0);
	offer(bench, 2);
	assert_int_equal(via_virtq_pop(&bench->queue, &bench->chain), 1);
	via_virtq_unpop(&bench->queue);
	assert_int_equal(via_virtq_pop(&bench->queue, &bench->chain), 1);
	assert_int_equal(bench->chain.head, 2);
	assert_int_equal(via_virtq_pop(&bench->queue, &bench->chain), 0);
}

static void indirect_tables_are_followed(void **state)
{
	struct bench *bench = *state;
	struct via_virtq_chain *chain = &bench->chain;

	/* Direct descriptors may come before one (2.7.5.3.2), and its write flag means nothing. */
	describe(bench->desc, 5, DATA, 8, VRING_DESC_F_NEXT, 1);
	describe(bench->desc, 1, TABLE, 16 * VIA_VIRTQ_SIZE_MAX,
		 VRING_DESC_F_INDIRECT | VRING_DESC_F_WRITE, 0);
	for (uint16_t i = 0; i < VIA_VIRTQ_SIZE_MAX - 1; i++)
		describe(bench->table, i, DATA + i, 1,
			 (uint16_t)((i > 9 ? VRING_DESC_F_WRITE : 0) |
				    (i < VIA_VIRTQ_SIZE_MAX - 2 ? VRING_DESC_F_NEXT : 0)),
			 (uint16_t)(i + 1));
	offer(bench, 5);
	assert_int_equal(via_virtq_pop(&bench->queue, chain), 1);
	assert_int_equal(chain->head, 5);
	assert_int_equal(chain->out_count, 11);
	assert_int_equal(chain->in_count, VIA_VIRTQ_SIZE_MAX - 11);
	assert_ptr_equal(chain->segments[10].iov_base, at(bench, DATA + 9));
	assert_ptr_equal(chain->segments[255].iov_base, at(bench, DATA + 254));

	/* One more buffer than fits. */
	bench->table[VIA_VIRTQ_SIZE_MAX - 2].flags |= VRING_DESC_F_NEXT;
	describe(bench->table, VIA_VIRTQ_SIZE_MAX - 1, DATA, 1, VRING_DESC_F_WRITE, 0);
	offer(bench, 5);
	expect_broken(bench, "a chain of more buffers than the queue has entries");
}

static void an_odd_indirect_table_is_fine(void **state)
{
	struct bench *bench = *state;
	struct vring_desc one = { .addr = DATA, .len = 4 };

	memcpy((uint8_t *)at(bench, TABLE) + 3, &one, sizeof(one));
	describe(bench->desc, 0, TABLE + 3, 16, VRING_DESC_F_INDIRECT, 0);
	offer(bench, 0);
	assert_int_equal(via_virtq_pop(&bench->queue, &bench->chain), 1);
	assert_int_equal(bench->chain.out_bytes, 4);
}

static void empty_buffers_are_left_out(void **state)
{
	struct bench *bench = *state;

	describe(bench->desc, 0, UINT64_MAX, 0, VRING_DESC_F_NEXT, 1);
	describe(bench->desc, 1, DATA, 4, VRING_DESC_F_NEXT, 2);
	describe(bench->desc, 2, DATA, 0, VRING_DESC_F_WRITE, 0);
	offer(bench, 0);
	assert_int_equal(via_virtq_pop(&bench->queue, &bench->chain), 1);
	assert_int_equal(bench->chain.out_count, 1);
	assert_int_equal(bench->chain.in_count, 0);
}

static void broken_rules_break_the_queue(void **state)
{
	struct bench *bench = *state;
	const struct {
		const char *why;
		uint16_t head;
		uint64_t features;
		struct vring_desc desc[2], table[2];
	} cases[] = {
		{ "a descriptor beyond the end of its table", SIZE, 0, { { 0 } }, { { 0 } } },
		{ "a descriptor beyond the end of its table",
		  0,
		  0,
		  { { DATA, 1, VRING_DESC_F_NEXT, SIZE } },
		  { { 0 } } },
		{ "a descriptor beyond the end of its table",
		  0,
		  INDIRECT,
		  { { TABLE, 16, VRING_DESC_F_INDIRECT, 0 } },
		  { { DATA, 1, VRING_DESC_F_NEXT, 1 } } },
		{ "a chain of descriptors that loops",
		  0,
		  0,
		  { { DATA, 1, VRING_DESC_F_NEXT, 1 }, { DATA, 1, VRING_DESC_F_NEXT, 0 } },
		  { { 0 } } },
		{ "a chain of descriptors that loops",
		  0,
		  0,
		  { { DATA, 0, VRING_DESC_F_NEXT, 0 } },
		  { { 0 } } },
		{ "a chain of descriptors that loops",
		  0,
		  INDIRECT,
		  { { TABLE, 32, VRING_DESC_F_INDIRECT, 0 } },
		  { { DATA, 0, VRING_DESC_F_NEXT, 1 }, { DATA, 0, VRING_DESC_F_NEXT, 0 } } },
		{ "an indirect descriptor, which was not negotiated",
		  0,
		  EVENT_INDEX,
		  { { TABLE, 16, VRING_DESC_F_INDIRECT, 0 } },
		  { { DATA, 1, 0, 0 } } },
		{ "an indirect descriptor in an indirect table",
		  0,
		  INDIRECT,
		  { { TABLE, 16, VRING_DESC_F_INDIRECT, 0 } },
		  { { TABLE, 16, VRING_DESC_F_INDIRECT, 0 } } },
		{ "a chain that goes on after an indirect descriptor",
		  0,
		  INDIRECT,
		  { { TABLE, 16, VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT, 0 } },
		  { { DATA, 1, 0, 0 } } },
		{ "an indirect table of half a descriptor, or none",
		  0,
		  INDIRECT,
		  { { TABLE, 24, VRING_DESC_F_INDIRECT, 0 } },
		  { { DATA, 1, 0, 0 } } },
		{ "an indirect table of half a descriptor, or none",
		  0,
		  INDIRECT,
		  { { TABLE, 0, VRING_DESC_F_INDIRECT, 0 } },
		  { { DATA, 1, 0, 0 } } },
		{ "an indirect table outside of memory",
		  0,
		  INDIRECT,
		  { { BASE + BYTES - 16, 32, VRING_DESC_F_INDIRECT, 0 } },
		  { { 0 } } },
		{ "a buffer outside of memory", 0, 0, { { BASE - 1, 2, 0, 0 } }, { { 0 } } },
		{ "a buffer outside of memory", 0, 0, { { DATA, UINT32_MAX, 0, 0 } }, { { 0 } } },
		{ "a buffer outside of memory",
		  0,
		  0,
		  { { UINT64_MAX, 16, VRING_DESC_F_WRITE, 0 } },
		  { { 0 } } },
		{ "a buffer to read after one to write",
		  0,
		  0,
		  { { DATA, 1, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 1 }, { DATA, 1, 0, 0 } },
		  { { 0 } } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		start(bench, cases[i].features);
		memcpy(bench->desc, cases[i].desc, sizeof(cases[i].desc));
		memcpy(bench->table, cases[i].table, sizeof(cases[i].table));
		offer(bench, cases[i].head);
		expect_broken(bench, cases[i].why);
	}

	start(bench, 0);
	bench->avail->idx = SIZE + 1;
	assert_true(via_virtq_arm(&bench->queue));
	expect_broken(bench, "more requests than the queue has entries");
}

static void huge_chains_are_refused(void **state)
{
	struct bench *bench = *state;
	struct via_memory wide = bench->memory;

	/* Memory that is not there, which nothing touches. */
	wide.pieces[1] = (struct via_memory_piece){ .gpa = 1ULL << 32,
						    .size_bytes = 1ULL << 32,
						    .hva = (uint8_t *)(1ULL << 40) };
	wide.piece_count = 2;
	bench->queue.memory = &wide;
	describe(bench->desc, 0, 1ULL << 32, 1U << 31, VRING_DESC_F_NEXT, 1);
	describe(bench->desc, 1, 1ULL << 32, 1U << 31, 0, 2);
	offer(bench, 0);
	assert_int_equal(via_virtq_pop(&bench->queue, &bench->chain), 1);
	assert_int_equal(bench->chain.out_bytes, 1ULL << 32);
	describe(bench->desc, 1, 1ULL << 32, 1U << 31, VRING_DESC_F_NEXT, 2);
	describe(bench->desc, 2, DATA, 1, VRING_DESC_F_WRITE, 0);
	offer(bench, 0);
	assert_int_equal(via_virtq_pop(&bench->queue, &bench->chain), -EPROTO);
	assert_string_equal(bench->queue.broken, "a chain of more than 4 GiB");
}

static bool complete(struct bench *bench, unsigned int count)
{
	while (count--)
		via_virtq_push(&bench->queue, 0, 0);
	return via_virtq_publish(&bench->queue);
}

static void interrupts_as_the_driver_wants_them(void **state)
{
	struct bench *bench = *state;
	uint16_t *event = &bench->avail->ring[SIZE];

	bench->avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	assert_false(complete(bench, 1));
	bench->avail->flags = 0;
	assert_true(complete(bench, 1));

	start(bench, EVENT_INDEX);
	bench->avail->flags = VRING_AVAIL_F_NO_INTERRUPT; /* means nothing now */
	*event = 2;
	assert_false(complete(bench, 1)); /* entry 0 */
	assert_false(complete(bench, 1)); /* 1 */
	assert_true(complete(bench, 1));  /* 2 */
	assert_false(complete(bench, 1)); /* 3: told already */
	*event = 5;
	assert_true(complete(bench, 4)); /* 4 to 7 */
	*event = 65535;
	bench->queue.pushed = bench->queue.published = 65530;
	assert_false(complete(bench, 5)); /* 65530 to 65534 */
	assert_true(complete(bench, 3));  /* 65535 to 1 */
}

static void notifications_as_the_device_wants_them(void **state)
{
	struct bench *bench = *state;
	__virtio16 *event = (__virtio16 *)&bench->used->ring[SIZE];

	describe(bench->desc, 0, DATA, 1, 0, 0);
	via_virtq_disarm(&bench->queue);
	assert_int_equal(bench->used->flags, VRING_USED_F_NO_NOTIFY);
	assert_false(via_virtq_arm(&bench->queue));
	assert_int_equal(bench->used->flags, 0);
	offer(bench, 0);
	assert_true(via_virtq_arm(&bench->queue)); /* one came meanwhile */

	start(bench, EVENT_INDEX);
	for (unsigned int i = 0; i < 5; i++) {
		offer(bench, 0);
		assert_int_equal(via_virtq_pop(&bench->queue, &bench->chain), 1);
	}
	via_virtq_disarm(&bench->queue);
	assert_int_equal(bench->used->flags, 0);
	assert_int_equal(*event, 0);
	assert_false(via_virtq_arm(&bench->queue));
	assert_int_equal(*event, 5);
}

/* The worker: what it is asked to do, it does in its own thread, between its events. */
struct task {
	struct via_worker worker;
	struct via_loop_watch watch;
	pthread_t by;
	unsigned int events, calls;
};

static void task_event(void *data)
{
	struct task *task = data;
	uint64_t count;

	assert_int_equal(read(task->watch.fd, &count, sizeof(count)), sizeof(count));
	task->events += (unsigned int)count;
}

static void task_call(void *data)
{
	struct task *task = data;

	task->calls++;
	task->by = pthread_self();
}

static void task_nested(void *data)
{
	struct task *task = data;

	via_worker_call(&task->worker, task_call, task);
}

static void task_watch(void *data)
{
	struct task *task = data;

	assert_int_equal(via_loop_add(&task->worker.loop, &task->watch), 0);
}

static void a_worker_works(void **state)
{
	struct task task = { .events = 0 };
	uint64_t one = 1, cpu_ns;

	(void)state;
	via_worker_stop(&task.worker); /* never started */
	via_worker_call(&task.worker, task_call, &task);
	assert_true(pthread_equal(task.by, pthread_self()));

	assert_int_equal(via_worker_start(&task.worker, "a-worker", NULL), 0);
	task.watch = (struct via_loop_watch){ .fd = eventfd(0, EFD_NONBLOCK),
					      .ready = task_event,
					      .data = &task };
	via_worker_call(&task.worker, task_watch, &task);
	for (unsigned int i = 0; i < 1000; i++) {
		assert_int_equal(write(task.watch.fd, &one, sizeof(one)), sizeof(one));
		via_worker_call(&task.worker, i % 2 ? task_call : task_nested, &task);
		/* Handed over: no thread but this one touches it between two calls. */
		assert_int_equal(task.calls, i + 2);
	}
	assert_true(pthread_equal(task.by, task.worker.thread));
	assert_true(via_worker_cpu_ns(&task.worker) > 0);
	via_worker_stop(&task.worker);
	assert_true(task.events > 0 && task.events <= 1000);
	assert_true(via_worker_cpu_ns(&task.worker) > 0);
	via_worker_stop(&task.worker); /* again */

	cpu_ns = via_worker_cpu_ns(&task.worker);
	assert_int_equal(via_worker_start(&task.worker, "a-worker", NULL), 0);
	via_worker_call(&task.worker, task_call, &task);
	via_worker_stop(&task.worker);
	assert_true(via_worker_cpu_ns(&task.worker) > cpu_ns);
	close(task.watch.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_a_queue_may_look_like, setup, teardown),
		cmocka_unit_test_setup_teardown(requests_go_round_the_ring, setup, teardown),
		cmocka_unit_test_setup_teardown(a_request_can_be_put_back, setup, teardown),
		cmocka_unit_test_setup_teardown(indirect_tables_are_followed, setup, teardown),
		cmocka_unit_test_setup_teardown(an_odd_indirect_table_is_fine, setup, teardown),
		cmocka_unit_test_setup_teardown(empty_buffers_are_left_out, setup, teardown),
		cmocka_unit_test_setup_teardown(broken_rules_break_the_queue, setup, teardown),
		cmocka_unit_test_setup_teardown(huge_chains_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(interrupts_as_the_driver_wants_them, setup,
						teardown),
		cmocka_unit_test_setup_teardown(notifications_as_the_device_wants_them, setup,
						teardown),
		cmocka_unit_test(a_worker_works),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
