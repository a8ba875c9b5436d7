/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "virtio-card.h"

#include <linux/pci_regs.h>
#include <linux/virtio_net.h>
#include <linux/virtio_pci.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RINGS	0x10000ULL
#define BUFFERS 0x20000ULL

const uint8_t vcard_mac[6] = { 0x02, 0x00, 0x00, 0x00, 0x00, 0x77 };

void *vcard_at(struct vcard *card, uint64_t gpa)
{
	return (uint8_t *)card->bench.memory.pieces[0].hva + gpa;
}

struct vring_desc *vcard_desc(struct vcard *card, unsigned int queue)
{
	return vcard_at(card, RINGS + queue * 0x1000ULL);
}

struct vring_avail *vcard_avail(struct vcard *card, unsigned int queue)
{
	return vcard_at(card, RINGS + queue * 0x1000ULL + 0x400);
}

struct vring_used *vcard_used(struct vcard *card, unsigned int queue)
{
	return vcard_at(card, RINGS + queue * 0x1000ULL + 0x800);
}

uint64_t vcard_buffer(unsigned int queue, unsigned int entry)
{
	return BUFFERS + queue * 0x10000ULL + entry % VCARD_SIZE * 0x800ULL;
}

void vcard_set(struct vcard *card, uint64_t offset, unsigned int size_bytes, uint64_t value)
{
	vbench_write(&card->bench, VIRTIO_COMMON + offset, size_bytes, value);
}

uint8_t vcard_status(struct vcard *card)
{
	return (uint8_t)vbench_read(&card->bench, VIRTIO_COMMON + VIRTIO_PCI_COMMON_STATUS, 1);
}

void vcard_offer(struct vcard *card, unsigned int queue, uint32_t bytes)
{
	uint16_t entry = card->offered[queue] % VCARD_SIZE;

	vcard_desc(card, queue)[entry] = (struct vring_desc){
		.addr = vcard_buffer(queue, entry),
		.len = bytes,
		.flags = queue % 2 == VCARD_RX ? VRING_DESC_F_WRITE : 0,
	};
	vcard_avail(card, queue)->ring[entry] = entry;
	__atomic_store_n(&vcard_avail(card, queue)->idx, ++card->offered[queue], __ATOMIC_RELEASE);
}

void vcard_kick(struct vcard *card, unsigned int queue)
{
	uint64_t one = 1;
	int fd = via_virtio_kick_fd(card->bench.virtio, queue);

	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
}

void vcard_reset(struct vcard *card)
{
	vcard_set(card, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	assert_int_equal(vcard_status(card), 0);
}

void vcard_reset_queue(struct vcard *card, unsigned int queue)
{
	vcard_set(card, VIRTIO_PCI_COMMON_Q_SELECT, 2, queue);
	vcard_set(card, VIRTIO_PCI_COMMON_Q_RESET, 2, 1);
	assert_null(via_virtio_queue(card->bench.virtio, queue));
	/* Nothing is done to it from now on. */
	memset(vcard_at(card, RINGS + queue * 0x1000ULL), 0xee, 0x1000);
}

void vcard_enable_queue(struct vcard *card, unsigned int queue)
{
	uint64_t rings = RINGS + queue * 0x1000ULL;

	memset(vcard_at(card, rings), 0, 0x1000);
	card->offered[queue] = card->seen[queue] = 0;
	vcard_set(card, VIRTIO_PCI_COMMON_Q_SELECT, 2, queue);
	vcard_set(card, VIRTIO_PCI_COMMON_Q_SIZE, 2, VCARD_SIZE);
	vcard_set(card, VIRTIO_PCI_COMMON_Q_DESCLO, 8, rings);
	vcard_set(card, VIRTIO_PCI_COMMON_Q_AVAILLO, 8, rings + 0x400);
	vcard_set(card, VIRTIO_PCI_COMMON_Q_USEDLO, 8, rings + 0x800);
	vcard_set(card, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
}

void vcard_run(struct vcard *card)
{
	vcard_reset(card);
	vcard_set(card, VIRTIO_PCI_COMMON_STATUS, 1,
		  VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	for (uint32_t i = 0; i < 2; i++) {
		vcard_set(card, VIRTIO_PCI_COMMON_GFSELECT, 4, i);
		vcard_set(card, VIRTIO_PCI_COMMON_GF, 4, (uint32_t)(card->features >> i * 32));
	}
	vcard_set(card, VIRTIO_PCI_COMMON_STATUS, 1, VCARD_RUNNING & ~VIRTIO_CONFIG_S_DRIVER_OK);
	for (unsigned int i = 0; i < card->queue_count; i++)
		vcard_enable_queue(card, i);
	vcard_set(card, VIRTIO_PCI_COMMON_STATUS, 1, VCARD_RUNNING);
	assert_int_equal(vcard_status(card), VCARD_RUNNING);
}

uint32_t vcard_await(struct vcard *card, unsigned int queue)
{
	const struct vring_used_elem *element;

	for (int i = 0; i < 30000; i++) {
		if (__atomic_load_n(&vcard_used(card, queue)->idx, __ATOMIC_ACQUIRE) !=
		    card->seen[queue]) {
			element = &vcard_used(card, queue)->ring[card->seen[queue]++ % VCARD_SIZE];
			return element->len;
		}
		usleep(1000);
	}
	fail_msg("queue %u: nothing for 30 seconds", queue);
	return 0;
}

int vcard_setup(void **state, const struct via_net_backend *backend,
		const struct via_vmm_net *wanted)
{
	struct vcard *card = calloc(1, sizeof(*card));
	unsigned int pairs = wanted->queues ? wanted->queues : 1;
	struct via_vmm_net own = *wanted;
	struct via_error err = { 0 };

	assert_non_null(card);
	memcpy(own.mac, vcard_mac, sizeof(vcard_mac));
	card->control = 2 * pairs;
	card->queue_count = 2 * pairs + (pairs > 1);
	card->features =
		1ULL << VIRTIO_F_VERSION_1 | 1ULL << VIRTIO_F_RING_RESET | 1ULL << VIRTIO_NET_F_MAC;
	if (pairs > 1)
		card->features |= 1ULL << VIRTIO_NET_F_CTRL_VQ | 1ULL << VIRTIO_NET_F_MQ;
	vbench_init(&card->bench);
	if (via_net_new(&card->bench.machine, &own, backend, 0, &card->bench.virtio, &err))
		fail_msg("%s", err.text);
	vbench_config_write(&card->bench, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	*state = card;
	return 0;
}

int vcard_teardown(void **state)
{
	struct vcard *card = *state;

	via_virtio_stop(card->bench.virtio);
	via_virtio_free(card->bench.virtio);
	card->bench.virtio = NULL;
	vbench_fini(&card->bench);
	free(card);
	return 0;
}

void vcard_offer_pairs(struct vcard *card, uint16_t pairs)
{
	uint16_t first = card->offered[card->control] * 2U % VCARD_SIZE;
	struct vring_desc *command = &vcard_desc(card, card->control)[first];
	uint64_t place = vcard_buffer(card->control, first);

	memcpy(vcard_at(card, place), ((uint8_t[]){ VIRTIO_NET_CTRL_MQ, 0, (uint8_t)pairs, 0 }), 4);
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
	vcard_avail(card, card->control)->ring[card->offered[card->control] % VCARD_SIZE] = first;
	__atomic_store_n(&vcard_avail(card, card->control)->idx, ++card->offered[card->control],
			 __ATOMIC_RELEASE);
}

uint8_t vcard_answer(struct vcard *card, unsigned int number)
{
	return *((uint8_t *)vcard_at(card, vcard_buffer(card->control, 2 * number)) + 8);
}
