/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A chain of buffers as a virtio disk takes it for a request. */
#include <errno.h>

#include "fuzz.h"
#include "virtio/blk-request.h"

#define MEMORY_BYTES 4096U

/* Each segment is memory of its own, so that ASan sees the byte before it and after it. */
static struct via_virtq_chain chain;
static struct iovec given[VIA_VIRTQ_SIZE_MAX];

static void make_chain(struct input *input)
{
	unsigned int count = (unsigned int)take(input, 1) % 16;

	chain = (struct via_virtq_chain){ .head = 1 };
	for (unsigned int i = 0; i < count; i++) {
		uint16_t word = (uint16_t)take(input, 2);
		size_t bytes = 1 + (word & 0x7fff) % MEMORY_BYTES;
		uint8_t *memory = malloc(bytes);

		MUST(memory);
		for (size_t at = 0; at < bytes; at++)
			memory[at] = (uint8_t)take(input, 1);
		given[i] = chain.segments[i] =
			(struct iovec){ .iov_base = memory, .iov_len = bytes };
		/* Once one is written, all that follow are. */
		if (word & 0x8000 || chain.in_count) {
			chain.in_count++;
			chain.in_bytes += bytes;
		} else {
			chain.out_count++;
			chain.out_bytes += bytes;
		}
	}
}

/* Whether all of it is in one segment from @first to before @end. */
static bool within(const void *memory, size_t bytes, unsigned int first, unsigned int end)
{
	const uint8_t *at = memory;

	for (unsigned int i = first; i < end; i++) {
		const uint8_t *base = given[i].iov_base;

		if (at >= base && bytes <= given[i].iov_len &&
		    (size_t)(at - base) <= given[i].iov_len - bytes)
			return true;
	}
	return false;
}

static void check_data(const struct via_blk_request *request, unsigned int first, unsigned int end)
{
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < request->data_count; i++) {
		MUST(request->data[i].iov_len);
		MUST(within(request->data[i].iov_base, request->data[i].iov_len, first, end));
		/* The status is not data. */
		MUST(request->status < (uint8_t *)request->data[i].iov_base ||
		     request->status >=
			     (uint8_t *)request->data[i].iov_base + request->data[i].iov_len);
		bytes += request->data[i].iov_len;
	}
	MUST(bytes == request->size_bytes);
}

static void check(const struct via_blk_limits *limits, const struct via_blk_request *request)
{
	unsigned int out = chain.out_count, all = out + chain.in_count;
	bool writes = request->action != VIA_BLK_READ && request->action != VIA_BLK_FLUSH &&
		      request->action != VIA_BLK_IDENTIFY && request->action != VIA_BLK_ANSWER;

	MUST(within(request->status, 1, out, all));
	MUST(request->in_bytes == chain.in_bytes - 1);
	MUST(request->result <= VIRTIO_BLK_S_UNSUPP);
	MUST(!writes || !limits->read_only);
	if (!writes && request->action != VIA_BLK_READ)
		return;
	MUST(request->size_bytes && request->offset_bytes < limits->size_bytes);
	MUST(request->size_bytes <= limits->size_bytes - request->offset_bytes);
	MUST(!(request->size_bytes % limits->block_bytes));
	MUST(!(request->offset_bytes % limits->block_bytes));
	if (request->action == VIA_BLK_READ)
		check_data(request, out, all);
	else if (request->action == VIA_BLK_WRITE)
		check_data(request, 0, out);
	else
		MUST(request->action == VIA_BLK_DISCARD ? limits->discard : limits->write_zeroes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	uint8_t flags = (uint8_t)take(&input, 1);
	struct via_blk_limits limits = {
		.size_bytes = (uint64_t)take(&input, 2) * 4096,
		.block_bytes = 512U << (flags & 3),
		.read_only = flags & 4,
		.discard = flags & 8,
		.write_zeroes = flags & 16,
	};
	struct via_blk_request request;
	int rc;

	make_chain(&input);
	rc = via_blk_request_parse(&chain, &limits, &request);
	if (rc)
		MUST(rc == -EPROTO && (chain.out_bytes < 16 || !chain.in_bytes));
	else
		check(&limits, &request);
	for (unsigned int i = 0; i < (unsigned int)chain.out_count + chain.in_count; i++)
		free(given[i].iov_base);
	return 0;
}
