/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a driver asks of a virtio disk, taken apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "virtio/blk-request.h"

#define SECTORS 100ULL

static const struct via_blk_limits plain = {
	.size_bytes = SECTORS * 512,
	.transfer_bytes_max = 4096,
	.block_bytes = 512,
	.discard = true,
	.write_zeroes = true,
};

/* A request as a driver makes it, in one buffer for each part. */
struct asked {
	struct virtio_blk_outhdr header;
	uint8_t out[8192];
	uint8_t in[8192 + 1];
	struct via_virtq_chain chain;
	struct via_blk_request request;
};

static void add(struct via_virtq_chain *chain, void *data, size_t bytes, bool in)
{
	chain->segments[chain->out_count + chain->in_count] =
		(struct iovec){ .iov_base = data, .iov_len = bytes };
	if (in) {
		chain->in_count++;
		chain->in_bytes += bytes;
	} else {
		chain->out_count++;
		chain->out_bytes += bytes;
	}
}

static void ask(struct asked *asked, const struct via_blk_limits *limits, uint32_t type,
		uint64_t sector, size_t out_bytes, size_t in_bytes)
{
	asked->header = (struct virtio_blk_outhdr){ .type = type, .sector = sector };
	asked->chain = (struct via_virtq_chain){ 0 };
	memset(&asked->request, 0xaa, sizeof(asked->request));
	add(&asked->chain, &asked->header, sizeof(asked->header), false);
	if (out_bytes)
		add(&asked->chain, asked->out, out_bytes, false);
	add(&asked->chain, asked->in, in_bytes + 1, true);
	assert_int_equal(via_blk_request_parse(&asked->chain, limits, &asked->request), 0);
	assert_ptr_equal(asked->request.status, asked->in + in_bytes);
}

static void assert_answer(const struct asked *asked, uint8_t result)
{
	assert_int_equal(asked->request.action, VIA_BLK_ANSWER);
	assert_int_equal(asked->request.result, result);
}

static void test_transfers(void **state)
{
	struct asked asked;

	(void)state;
	ask(&asked, &plain, VIRTIO_BLK_T_IN, 3, 0, 1024);
	assert_int_equal(asked.request.action, VIA_BLK_READ);
	assert_int_equal(asked.request.offset_bytes, 3 * 512);
	assert_int_equal(asked.request.size_bytes, 1024);
	assert_int_equal(asked.request.in_bytes, 1024);
	assert_int_equal(asked.request.data_count, 1);
	assert_ptr_equal(asked.request.data[0].iov_base, asked.in);
	assert_int_equal(asked.request.data[0].iov_len, 1024);

	ask(&asked, &plain, VIRTIO_BLK_T_OUT, SECTORS - 1, 512, 0);
	assert_int_equal(asked.request.action, VIA_BLK_WRITE);
	assert_int_equal(asked.request.offset_bytes, (SECTORS - 1) * 512);
	assert_int_equal(asked.request.data_count, 1);
	assert_ptr_equal(asked.request.data[0].iov_base, asked.out);
	assert_int_equal(asked.request.data[0].iov_len, 512);

	ask(&asked, &plain, VIRTIO_BLK_T_IN, 0, 0, 0);
	assert_answer(&asked, VIRTIO_BLK_S_OK);
	ask(&asked, &plain, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
	assert_int_equal(asked.request.action, VIA_BLK_FLUSH);
	ask(&asked, &plain, VIRTIO_BLK_T_GET_ID, 0, 0, VIRTIO_BLK_ID_BYTES);
	assert_int_equal(asked.request.action, VIA_BLK_IDENTIFY);
}

/* The parts may be cut anywhere (2.7.4.3): here each byte is a segment of its own. */
static void test_any_layout(void **state)
{
	struct asked asked = { .header = { .type = VIRTIO_BLK_T_IN, .sector = 7 } };
	uint8_t *header = (uint8_t *)&asked.header;

	(void)state;
	for (size_t i = 0; i < sizeof(asked.header); i++)
		add(&asked.chain, header + i, 1, false);
	add(&asked.chain, asked.in, 500, true);
	add(&asked.chain, asked.in + 500, 12, true);
	add(&asked.chain, asked.in + 512, 1, true);
	assert_int_equal(via_blk_request_parse(&asked.chain, &plain, &asked.request), 0);
	assert_int_equal(asked.request.action, VIA_BLK_READ);
	assert_int_equal(asked.request.offset_bytes, 7 * 512);
	assert_int_equal(asked.request.data_count, 2);
	assert_int_equal(asked.request.data[1].iov_len, 12);
	assert_ptr_equal(asked.request.status, asked.in + 512);

	/* Header and data in one segment, as the data and the status above. */
	asked.chain = (struct via_virtq_chain){ 0 };
	asked.header.type = VIRTIO_BLK_T_OUT;
	memcpy(asked.out, &asked.header, sizeof(asked.header));
	add(&asked.chain, asked.out, sizeof(asked.header) + 512, false);
	add(&asked.chain, asked.in, 1, true);
	assert_int_equal(via_blk_request_parse(&asked.chain, &plain, &asked.request), 0);
	assert_int_equal(asked.request.action, VIA_BLK_WRITE);
	assert_int_equal(asked.request.data_count, 1);
	assert_ptr_equal(asked.request.data[0].iov_base, asked.out + sizeof(asked.header));
	assert_int_equal(asked.request.data[0].iov_len, 512);
}

/* What is longer would keep the disk, and who waits for it to stop, busy for as long. */
static void test_too_long(void **state)
{
	struct asked asked;

	(void)state;
	ask(&asked, &plain, VIRTIO_BLK_T_IN, 0, 0, 4096);
	assert_int_equal(asked.request.action, VIA_BLK_READ);
	ask(&asked, &plain, VIRTIO_BLK_T_OUT, 0, 4096, 0);
	assert_int_equal(asked.request.action, VIA_BLK_WRITE);
	ask(&asked, &plain, VIRTIO_BLK_T_IN, 0, 0, 4096 + 512);
	assert_answer(&asked, VIRTIO_BLK_S_IOERR);
	ask(&asked, &plain, VIRTIO_BLK_T_OUT, 0, 4096 + 512, 0);
	assert_answer(&asked, VIRTIO_BLK_S_IOERR);
}

static void test_unanswerable(void **state)
{
	struct asked asked = { 0 };

	(void)state;
	add(&asked.chain, &asked.header, sizeof(asked.header) - 1, false);
	add(&asked.chain, asked.in, 1, true);
	assert_int_equal(via_blk_request_parse(&asked.chain, &plain, &asked.request), -EPROTO);
	asked.chain = (struct via_virtq_chain){ 0 };
	add(&asked.chain, &asked.header, sizeof(asked.header), false);
	assert_int_equal(via_blk_request_parse(&asked.chain, &plain, &asked.request), -EPROTO);
	asked.chain = (struct via_virtq_chain){ 0 };
	assert_int_equal(via_blk_request_parse(&asked.chain, &plain, &asked.request), -EPROTO);
}

static void test_outside_the_disk(void **state)
{
	static const struct {
		uint64_t sector;
		size_t bytes;
	} wrong[] = {
		{ SECTORS, 512 },
		{ SECTORS - 1, 1024 },
		{ UINT64_MAX, 512 },
		{ UINT64_MAX, 0 },
		{ UINT64_MAX >> 9, 512 },
		{ (UINT64_MAX >> 9) + 1, 512 }, /* times 512 is 0 */
		{ 0, 511 },
		{ 0, 513 },
	};
	struct asked asked;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		ask(&asked, &plain, VIRTIO_BLK_T_IN, wrong[i].sector, 0, wrong[i].bytes);
		assert_answer(&asked, VIRTIO_BLK_S_IOERR);
		ask(&asked, &plain, VIRTIO_BLK_T_OUT, wrong[i].sector, wrong[i].bytes, 0);
		assert_answer(&asked, VIRTIO_BLK_S_IOERR);
	}
	/* Data of the wrong direction. */
	ask(&asked, &plain, VIRTIO_BLK_T_IN, 0, 512, 512);
	assert_answer(&asked, VIRTIO_BLK_S_IOERR);
	ask(&asked, &plain, VIRTIO_BLK_T_OUT, 0, 512, 512);
	assert_answer(&asked, VIRTIO_BLK_S_IOERR);
}

static void test_large_blocks(void **state)
{
	struct via_blk_limits limits = plain;
	struct asked asked;

	(void)state;
	limits.size_bytes = 16 * 4096;
	limits.block_bytes = 4096;
	ask(&asked, &limits, VIRTIO_BLK_T_IN, 8, 0, 4096);
	assert_int_equal(asked.request.action, VIA_BLK_READ);
	ask(&asked, &limits, VIRTIO_BLK_T_IN, 1, 0, 4096);
	assert_answer(&asked, VIRTIO_BLK_S_IOERR);
	ask(&asked, &limits, VIRTIO_BLK_T_IN, 8, 0, 512);
	assert_answer(&asked, VIRTIO_BLK_S_IOERR);
}

static void test_unknown(void **state)
{
	static const uint32_t types[] = {
		2, 3, 5, 9, 10, 12, VIRTIO_BLK_T_SECURE_ERASE, 15, 0x80000000, UINT32_MAX
	};
	struct via_blk_limits limits = plain;
	struct asked asked;

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		ask(&asked, &plain, types[i], 0, 512, 512);
		assert_answer(&asked, VIRTIO_BLK_S_UNSUPP);
	}
	limits.discard = limits.write_zeroes = false;
	ask(&asked, &limits, VIRTIO_BLK_T_DISCARD, 0, 16, 0);
	assert_answer(&asked, VIRTIO_BLK_S_UNSUPP);
	ask(&asked, &limits, VIRTIO_BLK_T_WRITE_ZEROES, 0, 16, 0);
	assert_answer(&asked, VIRTIO_BLK_S_UNSUPP);
}

static void test_read_only(void **state)
{
	struct via_blk_limits limits = plain;
	struct asked asked;

	(void)state;
	limits.read_only = true;
	ask(&asked, &limits, VIRTIO_BLK_T_IN, 0, 0, 512);
	assert_int_equal(asked.request.action, VIA_BLK_READ);
	ask(&asked, &limits, VIRTIO_BLK_T_OUT, 0, 512, 0);
	assert_answer(&asked, VIRTIO_BLK_S_IOERR);
	ask(&asked, &limits, VIRTIO_BLK_T_DISCARD, 0, 16, 0);
	assert_answer(&asked, VIRTIO_BLK_S_IOERR);
	ask(&asked, &limits, VIRTIO_BLK_T_WRITE_ZEROES, 0, 16, 0);
	assert_answer(&asked, VIRTIO_BLK_S_IOERR);
}

static void ask_range(struct asked *asked, uint32_t type, uint64_t sector, uint32_t sectors,
		      uint32_t flags)
{
	const struct virtio_blk_discard_write_zeroes range = { sector, sectors, flags };

	memcpy(asked->out, &range, sizeof(range));
	ask(asked, &plain, type, 0, sizeof(range), 0);
}

static void test_ranges(void **state)
{
	struct asked asked;

	(void)state;
	ask_range(&asked, VIRTIO_BLK_T_DISCARD, 4, 8, 0);
	assert_int_equal(asked.request.action, VIA_BLK_DISCARD);
	assert_int_equal(asked.request.offset_bytes, 4 * 512);
	assert_int_equal(asked.request.size_bytes, 8 * 512);
	ask_range(&asked, VIRTIO_BLK_T_WRITE_ZEROES, 0, SECTORS, 0);
	assert_int_equal(asked.request.action, VIA_BLK_ZERO);
	ask_range(&asked, VIRTIO_BLK_T_WRITE_ZEROES, 0, SECTORS, 1);
	assert_int_equal(asked.request.action, VIA_BLK_UNMAP);
	ask_range(&asked, VIRTIO_BLK_T_DISCARD, 4, 0, 0);
	assert_answer(&asked, VIRTIO_BLK_S_OK);

	ask_range(&asked, VIRTIO_BLK_T_DISCARD, 0, 8, 1);
	assert_answer(&asked, VIRTIO_BLK_S_UNSUPP);
	ask_range(&asked, VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 2);
	assert_answer(&asked, VIRTIO_BLK_S_UNSUPP);
	ask_range(&asked, VIRTIO_BLK_T_DISCARD, SECTORS - 1, 2, 0);
	assert_answer(&asked, VIRTIO_BLK_S_IOERR);
	ask_range(&asked, VIRTIO_BLK_T_DISCARD, UINT64_MAX, UINT32_MAX, 0);
	assert_answer(&asked, VIRTIO_BLK_S_IOERR);
	ask_range(&asked, VIRTIO_BLK_T_WRITE_ZEROES, 0, UINT32_MAX, 0);
	assert_answer(&asked, VIRTIO_BLK_S_IOERR);
	/* One range at a time, as we say in max_discard_seg; and not half of one. */
	ask(&asked, &plain, VIRTIO_BLK_T_DISCARD, 0, 32, 0);
	assert_answer(&asked, VIRTIO_BLK_S_IOERR);
	ask(&asked, &plain, VIRTIO_BLK_T_DISCARD, 0, 15, 0);
	assert_answer(&asked, VIRTIO_BLK_S_IOERR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_transfers),	 cmocka_unit_test(test_any_layout),
		cmocka_unit_test(test_too_long),	 cmocka_unit_test(test_unanswerable),
		cmocka_unit_test(test_outside_the_disk), cmocka_unit_test(test_large_blocks),
		cmocka_unit_test(test_unknown),		 cmocka_unit_test(test_read_only),
		cmocka_unit_test(test_ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
