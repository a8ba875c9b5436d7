/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TESTS_UNIT_VIRTIO_CARD_H
#define VIADUCT_TESTS_UNIT_VIRTIO_CARD_H

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "virtio-bench.h"
#include "virtio/net-private.h"
#include "virtio/transport.h"

/* A network card with its threads and what is behind it, and the test as its driver. */
#define VCARD_SIZE	16U /* of each queue */
#define VCARD_HEADER	12U
#define VCARD_RX	0U
#define VCARD_TX	1U
#define VCARD_PAIRS_MAX 4U
#define VCARD_RUNNING                                                                              \
	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK |      \
	 VIRTIO_CONFIG_S_DRIVER_OK)

extern const uint8_t vcard_mac[6];

struct vcard {
	struct vbench bench;
	unsigned int queue_count, control; /* the index of the control queue */
	uint64_t features;
	uint16_t offered[2 * VCARD_PAIRS_MAX + 1], seen[2 * VCARD_PAIRS_MAX + 1];
};

/** vcard_setup() - as the state of a test; @wanted without an address. Return: 0. */
int vcard_setup(void **state, const struct via_net_backend *backend,
		const struct via_vmm_net *wanted);
int vcard_teardown(void **state);

/* Guest memory, and what is where: 4 KiB of rings for each queue, 2 KiB for each of its entries. */
void *vcard_at(struct vcard *card, uint64_t gpa);
struct vring_desc *vcard_desc(struct vcard *card, unsigned int queue);
struct vring_avail *vcard_avail(struct vcard *card, unsigned int queue);
struct vring_used *vcard_used(struct vcard *card, unsigned int queue);
uint64_t vcard_buffer(unsigned int queue, unsigned int entry);

/** vcard_set() - a register of the common configuration. */
void vcard_set(struct vcard *card, uint64_t offset, unsigned int size_bytes, uint64_t value);
uint8_t vcard_status(struct vcard *card);
void vcard_reset(struct vcard *card);
/** vcard_run() - reset it, forget all that was, and be ready with every queue. */
void vcard_run(struct vcard *card);

/** vcard_reset_queue() - and forget what was in it; vcard_enable_queue() - take it up again. */
void vcard_reset_queue(struct vcard *card, unsigned int queue);
void vcard_enable_queue(struct vcard *card, unsigned int queue);

/** vcard_offer() - the queue's next buffer, of so many bytes. */
void vcard_offer(struct vcard *card, unsigned int queue, uint32_t bytes);
void vcard_kick(struct vcard *card, unsigned int queue);
/** vcard_await() - the queue's next used entry. Return: its length. */
uint32_t vcard_await(struct vcard *card, unsigned int queue);

/** vcard_offer_pairs() - the next command: use so many; vcard_answer() - to the command @number. */
void vcard_offer_pairs(struct vcard *card, uint16_t pairs);
uint8_t vcard_answer(struct vcard *card, unsigned int number);

#endif
