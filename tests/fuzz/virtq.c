/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A virtqueue of a hostile driver: where its parts are, what is in them, and what the driver
 * changes while requests are taken and given back. Memory is two pieces with a gap between, so
 * that the sanitizer sees what lies outside of either.
 */
#include <errno.h>
#include <linux/virtio_ring.h>

#include "fuzz.h"
#include "virtio/queue.h"

#define PIECE_BYTES 0x2000U
#define SECOND	    0x8000U /* where the second piece begins */
#define STEPS_MAX   2000U

static struct via_memory memory;

static void must_be_memory(const struct iovec *segment)
{
	const uint8_t *at = segment->iov_base;
	bool found = false;

	for (size_t i = 0; i < memory.piece_count; i++) {
		const struct via_memory_piece *piece = &memory.pieces[i];

		found |= at >= piece->hva && at < piece->hva + piece->size_bytes &&
			 segment->iov_len <= (size_t)(piece->hva + piece->size_bytes - at);
	}
	MUST(found && segment->iov_len);
}

static void check(const struct via_virtq *queue, const struct via_virtq_chain *chain)
{
	unsigned int count = (unsigned int)chain->out_count + chain->in_count;
	uint64_t bytes[2] = { 0 };

	MUST(chain->head < queue->size && count <= VIA_VIRTQ_SIZE_MAX);
	for (unsigned int i = 0; i < count; i++) {
		must_be_memory(&chain->segments[i]);
		bytes[i >= chain->out_count] += chain->segments[i].iov_len;
	}
	MUST(bytes[0] == chain->out_bytes && bytes[1] == chain->in_bytes);
	MUST(bytes[0] + bytes[1] <= 1ULL << 32);
	/* A device writes there, also over the queue itself. */
	for (unsigned int i = chain->out_count; i < count; i++)
		memset(chain->segments[i].iov_base, 1,
		       chain->segments[i].iov_len < 64 ? chain->segments[i].iov_len : 64);
}

/* The driver writes anywhere. */
static void scribble(struct input *input)
{
	struct via_memory_piece *piece = &memory.pieces[take(input, 1) & 1];
	size_t offset = take(input, 2) % PIECE_BYTES, bytes = take(input, 1);

	if (bytes > PIECE_BYTES - offset)
		bytes = PIECE_BYTES - offset;
	if (bytes > input->left)
		bytes = input->left;
	if (!bytes)
		return;
	memcpy(piece->hva + offset, input->data, bytes);
	input->data += bytes;
	input->left -= bytes;
}

static void use(struct via_virtq *queue, struct input *input)
{
	static struct via_virtq_chain chain;
	bool popped = false;

	for (unsigned int step = 0; step < STEPS_MAX && input->left; step++) {
		const char *broken = queue->broken;
		int rc;

		switch (take(input, 1) % 7) {
		case 0:
		case 1:
			rc = via_virtq_pop(queue, &chain);
			popped = rc > 0;
			MUST(rc == 0 || rc == 1 || (rc == -EPROTO && queue->broken));
			MUST(!broken || (rc == -EPROTO && queue->broken == broken));
			if (popped)
				check(queue, &chain);
			break;
		case 2:
			if (popped)
				via_virtq_unpop(queue);
			popped = false;
			break;
		case 3:
			if (popped)
				via_virtq_push(queue, chain.head, (uint32_t)chain.in_bytes);
			popped = false;
			break;
		case 4:
			via_virtq_publish(queue);
			MUST(!via_virtq_publish(queue)); /* nothing is new */
			break;
		case 5:
			if (take(input, 1) & 1)
				via_virtq_disarm(queue);
			else if (!via_virtq_arm(queue) && !queue->broken)
				MUST(!via_virtq_pop(queue, &chain));
			popped = false;
			break;
		default:
			scribble(input);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	struct via_virtq queue = { .size = 0 };
	struct via_virtq_places places;
	uint64_t features;
	int rc;

	memory.piece_count = 2;
	for (size_t i = 0; i < 2; i++)
		memory.pieces[i] = (struct via_memory_piece){
			.gpa = i ? SECOND : 0,
			.size_bytes = PIECE_BYTES,
			.hva = aligned_alloc(4096, PIECE_BYTES),
		};
	MUST(memory.pieces[0].hva && memory.pieces[1].hva);
	memset(memory.pieces[0].hva, 0, PIECE_BYTES);
	memset(memory.pieces[1].hva, 0, PIECE_BYTES);

	features = take(&input, 1) << VIRTIO_RING_F_INDIRECT_DESC; /* both, and more */
	places.size = (uint16_t)take(&input, 2);
	places.desc = take(&input, 3);
	places.driver = take(&input, 3);
	places.device = take(&input, 3);
	rc = via_virtq_start(&queue, &memory, &places, features);
	MUST(!rc == (queue.size != 0) && (!rc || rc == -EINVAL || rc == -EFAULT));
	if (!rc) {
		MUST(queue.size <= VIA_VIRTQ_SIZE_MAX);
		use(&queue, &input);
	}
	free(memory.pieces[0].hva);
	free(memory.pieces[1].hva);
	return 0;
}
