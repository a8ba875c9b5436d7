/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "queue.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <string.h>

#define CHAIN_BYTES_MAX (1ULL << 32) /* virtio 1.2, 2.7.5.2 */

/* 2.7: the sizes of the parts, and their alignment. */
#define DESC_ALIGN	16U
#define DRIVER_ALIGN	2U
#define DEVICE_ALIGN	4U
#define EVENT_BYTES	2U
#define DRIVER_BYTES(n) (sizeof(struct vring_avail) + (n) * sizeof(uint16_t) + EVENT_BYTES)
#define DEVICE_BYTES(n)                                                                            \
	(sizeof(struct vring_used) + (n) * sizeof(struct vring_used_elem) + EVENT_BYTES)

static uint16_t load(const __virtio16 *word, int order)
{
	return le16toh(__atomic_load_n(word, order));
}

static void store(__virtio16 *word, uint16_t value, int order)
{
	__atomic_store_n(word, htole16(value), order);
}

/* Where the driver says of which used entry it wants to hear (2.7.7), after the available ring. */
static const __virtio16 *used_event(const struct via_virtq *queue)
{
	return &queue->avail->ring[queue->size];
}

/* Likewise the device, of which available entry; after the used ring. */
static __virtio16 *avail_event(const struct via_virtq *queue)
{
	return (__virtio16 *)&queue->used->ring[queue->size];
}

static uint16_t entry(const struct via_virtq *queue, uint16_t position)
{
	return position & (uint16_t)(queue->size - 1);
}

static int fail(struct via_virtq *queue, const char *why)
{
	queue->broken = why;
	return -EPROTO;
}

int via_virtq_start(struct via_virtq *queue, const struct via_memory *memory,
		    const struct via_virtq_places *places, uint64_t features)
{
	uint16_t size = places->size;
	struct via_virtq fresh = {
		.memory = memory,
		.size = size,
		.event_index = features & 1ULL << VIRTIO_RING_F_EVENT_IDX,
		.indirect = features & 1ULL << VIRTIO_RING_F_INDIRECT_DESC,
	};

	if (!size || size & (size - 1) || size > VIA_VIRTQ_SIZE_MAX || places->desc % DESC_ALIGN ||
	    places->driver % DRIVER_ALIGN || places->device % DEVICE_ALIGN)
		return -EINVAL;
	fresh.desc = via_memory_at(memory, places->desc, size * sizeof(*fresh.desc));
	fresh.avail = via_memory_at(memory, places->driver, DRIVER_BYTES(size));
	fresh.used = via_memory_at(memory, places->device, DEVICE_BYTES(size));
	if (!fresh.desc || !fresh.avail || !fresh.used)
		return -EFAULT;
	*queue = fresh;
	return 0;
}

/* Where a chain is being followed. */
struct walk {
	const struct vring_desc *table; /* in guest memory; an indirect one may be unaligned */
	uint32_t entries;
	uint32_t left; /* descriptors it may still have in this table: no loop is longer */
	bool indirect;
	uint16_t index;
};

static struct vring_desc read_descriptor(const struct walk *walk)
{
	struct vring_desc copy;

	memcpy(&copy, (const uint8_t *)walk->table + walk->index * sizeof(copy), sizeof(copy));
	/* The compiler must not go back to guest memory for what it has in the copy. */
	__asm__ volatile("" : "+m"(copy));
	return (struct vring_desc){
		.addr = le64toh(copy.addr),
		.len = le32toh(copy.len),
		.flags = le16toh(copy.flags),
		.next = le16toh(copy.next),
	};
}

static const char *enter_table(const struct via_virtq *queue, const struct vring_desc *descriptor,
			       struct walk *walk)
{
	if (!queue->indirect)
		return "an indirect descriptor, which was not negotiated";
	if (walk->indirect)
		return "an indirect descriptor in an indirect table";
	if (descriptor->flags & VRING_DESC_F_NEXT)
		return "a chain that goes on after an indirect descriptor";
	if (!descriptor->len || descriptor->len % sizeof(*descriptor))
		return "an indirect table of half a descriptor, or none";
	*walk = (struct walk){
		.table = via_memory_at(queue->memory, descriptor->addr, descriptor->len),
		.entries = descriptor->len / (uint32_t)sizeof(*descriptor),
		/*
		 * The queue's size is the limit in 2.7.5.3.1, but drivers that made the queue
		 * smaller than they were offered go by the device's own limits.
		 */
		.left = VIA_VIRTQ_SIZE_MAX,
		.indirect = true,
	};
	return walk->table ? NULL : "an indirect table outside of memory";
}

static const char *add_segment(const struct via_virtq *queue, const struct vring_desc *descriptor,
			       struct via_virtq_chain *chain)
{
	unsigned int count = (unsigned int)chain->out_count + chain->in_count;
	bool in = descriptor->flags & VRING_DESC_F_WRITE;
	void *hva;

	if (!in && chain->in_bytes)
		return "a buffer to read after one to write";
	if (!descriptor->len)
		return NULL;
	hva = via_memory_at(queue->memory, descriptor->addr, descriptor->len);
	if (!hva)
		return "a buffer outside of memory";
	if (count == VIA_VIRTQ_SIZE_MAX)
		return "a chain of more buffers than the queue has entries";
	chain->segments[count] = (struct iovec){ .iov_base = hva, .iov_len = descriptor->len };
	if (in) {
		chain->in_count++;
		chain->in_bytes += descriptor->len;
	} else {
		chain->out_count++;
		chain->out_bytes += descriptor->len;
	}
	return chain->out_bytes + chain->in_bytes > CHAIN_BYTES_MAX ? "a chain of more than 4 GiB"
								    : NULL;
}

/* Return: what is wrong with the chain that begins at chain->head, or NULL. */
static const char *follow(const struct via_virtq *queue, struct via_virtq_chain *chain)
{
	struct walk walk = {
		.table = queue->desc,
		.entries = queue->size,
		.left = queue->size,
		.index = chain->head,
	};
	struct vring_desc descriptor;
	const char *wrong;

	do {
		if (walk.index >= walk.entries)
			return "a descriptor beyond the end of its table";
		if (!walk.left--)
			return "a chain of descriptors that loops";
		descriptor = read_descriptor(&walk);
		if (descriptor.flags & VRING_DESC_F_INDIRECT) {
			wrong = enter_table(queue, &descriptor, &walk);
			descriptor.flags = VRING_DESC_F_NEXT;
		} else {
			wrong = add_segment(queue, &descriptor, chain);
			walk.index = descriptor.next;
		}
	} while (!wrong && descriptor.flags & VRING_DESC_F_NEXT);
	return wrong;
}

/* How many requests wait, by what the driver says. */
static uint16_t waiting(const struct via_virtq *queue)
{
	return (uint16_t)(load(&queue->avail->idx, __ATOMIC_ACQUIRE) - queue->taken);
}

int via_virtq_pop(struct via_virtq *queue, struct via_virtq_chain *chain)
{
	const char *wrong;
	uint16_t ahead;

	if (queue->broken)
		return -EPROTO;
	ahead = waiting(queue);
	if (!ahead)
		return 0;
	if (ahead > queue->size)
		return fail(queue, "more requests than the queue has entries");
	chain->head = load(&queue->avail->ring[entry(queue, queue->taken)], __ATOMIC_RELAXED);
	chain->out_count = chain->in_count = 0;
	chain->out_bytes = chain->in_bytes = 0;
	wrong = follow(queue, chain);
	if (wrong)
		return fail(queue, wrong);
	queue->taken++;
	return 1;
}

void via_virtq_unpop(struct via_virtq *queue)
{
	queue->taken--;
}

void via_virtq_push(struct via_virtq *queue, uint16_t head, uint32_t written_bytes)
{
	struct vring_used_elem *element = &queue->used->ring[entry(queue, queue->pushed)];

	element->id = htole32(head);
	element->len = htole32(written_bytes);
	queue->pushed++;
}

bool via_virtq_publish(struct via_virtq *queue)
{
	uint16_t before = queue->published;

	if (queue->pushed == before)
		return false;
	store(&queue->used->idx, queue->pushed, __ATOMIC_RELEASE);
	queue->published = queue->pushed;
	/* The driver says what it wants, then looks: so does the device the other way round. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!queue->event_index)
		return !(load(&queue->avail->flags, __ATOMIC_RELAXED) & VRING_AVAIL_F_NO_INTERRUPT);
	return vring_need_event(load(used_event(queue), __ATOMIC_RELAXED), queue->pushed, before);
}

bool via_virtq_arm(struct via_virtq *queue)
{
	if (queue->broken)
		return false;
	if (queue->event_index)
		store(avail_event(queue), queue->taken, __ATOMIC_RELAXED);
	else
		store(&queue->used->flags, 0, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return waiting(queue);
}

void via_virtq_disarm(struct via_virtq *queue)
{
	/* With the event index, a notification is asked for one entry only: nothing to take back.
	 */
	if (!queue->event_index)
		store(&queue->used->flags, VRING_USED_F_NO_NOTIFY, __ATOMIC_RELAXED);
}
