/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include "transport.h"

/* What the driver reads and writes in the BAR (virtio 1.2, 4.1.4). */

static struct via_virtio_queue *selected(struct via_virtio *virtio)
{
	return virtio->queue_select < virtio->description.queue_count
		       ? &virtio->queues[virtio->queue_select]
		       : NULL;
}

/* An address of the selected queue, by the offset of either half of its register. */
static uint64_t *address_at(struct via_virtio_queue *queue, uint64_t offset)
{
	switch (offset & ~7ULL) {
	case VIRTIO_PCI_COMMON_Q_DESCLO:
		return &queue->places.desc;
	case VIRTIO_PCI_COMMON_Q_AVAILLO:
		return &queue->places.driver;
	default:
		return &queue->places.device;
	}
}

static uint32_t read_queue(struct via_virtio *virtio, uint64_t offset)
{
	struct via_virtio_queue *queue = selected(virtio);

	if (!queue)
		return 0; /* 4.1.4.3.1: a size of 0 says that there is no such queue */
	switch (offset) {
	case VIRTIO_PCI_COMMON_Q_SIZE:
		return queue->places.size;
	case VIRTIO_PCI_COMMON_Q_MSIX:
		return virtio->msix.wires[VIRTIO_WIRE_QUEUE(virtio->queue_select)].entry;
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		return queue->enabled;
	case VIRTIO_PCI_COMMON_Q_NOFF:
		return virtio->queue_select;
	case VIRTIO_PCI_COMMON_Q_NDATA: /* not negotiated */
	case VIRTIO_PCI_COMMON_Q_RESET: /* it is done at once */
		return 0;
	default:
		return (uint32_t)(*address_at(queue, offset) >> (offset & 4) * 8);
	}
}

static uint32_t feature_word(uint64_t features, uint32_t select)
{
	return select < 2 ? (uint32_t)(features >> select * 32) : 0;
}

static uint32_t read_field(struct via_virtio *virtio, uint64_t offset)
{
	switch (offset) {
	case VIRTIO_PCI_COMMON_DFSELECT:
		return virtio->offered_select;
	case VIRTIO_PCI_COMMON_DF:
		return feature_word(virtio->features, virtio->offered_select);
	case VIRTIO_PCI_COMMON_GFSELECT:
		return virtio->accepted_select;
	case VIRTIO_PCI_COMMON_GF:
		return feature_word(virtio->accepted, virtio->accepted_select);
	case VIRTIO_PCI_COMMON_MSIX:
		return virtio->msix.wires[VIRTIO_WIRE_CONFIG].entry;
	case VIRTIO_PCI_COMMON_NUMQ:
		return virtio->description.queue_count;
	case VIRTIO_PCI_COMMON_STATUS:
		return atomic_load(&virtio->status);
	case VIRTIO_PCI_COMMON_CFGGENERATION:
		return atomic_load(&virtio->generation);
	case VIRTIO_PCI_COMMON_Q_SELECT:
		return virtio->queue_select;
	default:
		return read_queue(virtio, offset);
	}
}

/* 4.1.5.1.2: an entry the table does not have reads back as none. */
static void choose_entry(struct via_virtio *virtio, unsigned int index, uint32_t entry)
{
	struct via_msix_wire *wire = &virtio->msix.wires[index];

	via_vector_unroute(virtio->msix.irq, &wire->vector);
	via_virtio_drain(wire->vector.eventfd);
	wire->entry = entry < virtio->msix.count ? (uint16_t)entry : MSIX_NO_ENTRY;
	if (wire->entry != MSIX_NO_ENTRY)
		via_msix_table_update(&virtio->msix, entry, entry + 1);
}

static void write_queue(struct via_virtio *virtio, uint64_t offset, uint32_t value)
{
	struct via_virtio_queue *queue = selected(virtio);
	uint64_t *address;

	if (!queue)
		return;
	if (offset == VIRTIO_PCI_COMMON_Q_MSIX)
		choose_entry(virtio, VIRTIO_WIRE_QUEUE(virtio->queue_select), value);
	else if (offset == VIRTIO_PCI_COMMON_Q_RESET && value == 1)
		via_virtio_queue_reset(virtio, virtio->queue_select);
	if (queue->enabled || offset == VIRTIO_PCI_COMMON_Q_MSIX)
		return; /* the rest is fixed now */
	switch (offset) {
	case VIRTIO_PCI_COMMON_Q_SIZE:
		queue->places.size = (uint16_t)value;
		break;
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		if (value == 1)
			via_virtio_queue_enable(virtio, virtio->queue_select);
		break;
	case VIRTIO_PCI_COMMON_Q_NOFF:
	case VIRTIO_PCI_COMMON_Q_NDATA:
	case VIRTIO_PCI_COMMON_Q_RESET:
		break;
	default:
		address = address_at(queue, offset);
		*address &= offset & 4 ? UINT32_MAX : ~(uint64_t)UINT32_MAX;
		*address |= (uint64_t)value << (offset & 4) * 8;
	}
}

static void accept_features(struct via_virtio *virtio, uint32_t value)
{
	uint32_t shift = virtio->accepted_select * 32;

	if (atomic_load(&virtio->status) & VIRTIO_CONFIG_S_FEATURES_OK)
		return; /* too late (3.1.1) */
	if (virtio->accepted_select >= 2) {
		virtio->accepted_unknown |= value != 0;
		return;
	}
	virtio->accepted &= ~((uint64_t)UINT32_MAX << shift);
	virtio->accepted |= (uint64_t)value << shift;
}

static void write_field(struct via_virtio *virtio, uint64_t offset, uint32_t value)
{
	switch (offset) {
	case VIRTIO_PCI_COMMON_DFSELECT:
		virtio->offered_select = value;
		break;
	case VIRTIO_PCI_COMMON_GFSELECT:
		virtio->accepted_select = value;
		break;
	case VIRTIO_PCI_COMMON_GF:
		accept_features(virtio, value);
		break;
	case VIRTIO_PCI_COMMON_MSIX:
		choose_entry(virtio, VIRTIO_WIRE_CONFIG, value);
		break;
	case VIRTIO_PCI_COMMON_STATUS:
		via_virtio_set_status(virtio, (uint8_t)value);
		break;
	case VIRTIO_PCI_COMMON_Q_SELECT:
		virtio->queue_select = (uint16_t)value;
		break;
	case VIRTIO_PCI_COMMON_DF:
	case VIRTIO_PCI_COMMON_NUMQ:
	case VIRTIO_PCI_COMMON_CFGGENERATION:
		break;
	default:
		write_queue(virtio, offset, value);
	}
}

/* How wide the field at @offset is; the three addresses are two fields each. */
static unsigned int field_bytes(uint64_t offset)
{
	if (offset < VIRTIO_PCI_COMMON_MSIX ||
	    (offset >= VIRTIO_PCI_COMMON_Q_DESCLO && offset < VIRTIO_PCI_COMMON_Q_NDATA))
		return 4;
	return offset == VIRTIO_PCI_COMMON_STATUS || offset == VIRTIO_PCI_COMMON_CFGGENERATION ? 1
											       : 2;
}

/* Drivers access each field as it is (4.1.3.1); nothing else is defined. */
static void access_common(struct via_virtio *virtio, uint64_t offset, struct via_bus_access *access)
{
	struct via_bus_access half = *access;

	if (offset >= VIRTIO_COMMON_BYTES || offset % access->size_bytes)
		return;
	if (access->size_bytes == 8 && offset >= VIRTIO_PCI_COMMON_Q_DESCLO) {
		half.size_bytes = 4;
		half.value = access->value & UINT32_MAX;
		access_common(virtio, offset, &half);
		access->value = (access->value & ~(uint64_t)UINT32_MAX) | half.value;
		half.value = access->value >> 32;
		access_common(virtio, offset + 4, &half);
		access->value = (access->value & UINT32_MAX) | half.value << 32;
	} else if (access->size_bytes != field_bytes(offset)) {
		return;
	} else if (access->write) {
		write_field(
			virtio, offset,
			(uint32_t)(access->value & UINT32_MAX >> (32 - access->size_bytes * 8)));
	} else {
		access->value = read_field(virtio, offset);
	}
}

static void access_device(struct via_virtio *virtio, uint64_t offset, struct via_bus_access *access)
{
	const struct via_virtio_kind *kind = virtio->description.kind;
	void *device = virtio->description.device;

	if (offset >= kind->config_bytes || access->size_bytes > kind->config_bytes - offset)
		return;
	if (!access->write)
		kind->config_read(device, offset, &access->value, access->size_bytes);
	else if (kind->config_write)
		kind->config_write(device, offset, &access->value, access->size_bytes);
}

/* A notification KVM did not take: the driver used the window, or KVM refused. */
static void notified(struct via_virtio *virtio, uint64_t offset)
{
	uint64_t index = offset / VIRTIO_NOTIFY_BYTES;

	if (virtio->started && index < virtio->description.queue_count &&
	    virtio->queues[index].enabled)
		via_virtio_signal(virtio->queues[index].kick_fd);
}

void via_virtio_registers_access(void *owner, struct via_bus_access *access)
{
	struct via_virtio *virtio = owner;
	uint64_t offset = access->offset;

	if (!access->write)
		access->value = 0;
	if (offset >= VIRTIO_PBA) {
		if (offset - VIRTIO_PBA < MSIX_PBA_BYTES(virtio->msix.count))
			via_msix_table_access(&virtio->msix, MSIX_PBA, offset - VIRTIO_PBA, access);
	} else if (offset >= VIRTIO_TABLE) {
		if (offset - VIRTIO_TABLE < MSIX_TABLE_BYTES(virtio->msix.count))
			via_msix_table_access(&virtio->msix, MSIX_TABLE, offset - VIRTIO_TABLE,
					      access);
	} else if (offset >= VIRTIO_NOTIFY) {
		if (access->write)
			notified(virtio, offset - VIRTIO_NOTIFY);
	} else if (offset >= VIRTIO_CONFIG) {
		access_device(virtio, offset - VIRTIO_CONFIG, access);
	} else if (offset >= VIRTIO_ISR) {
		if (offset == VIRTIO_ISR && !access->write)
			access->value = atomic_exchange(&virtio->isr, 0);
	} else {
		access_common(virtio, offset - VIRTIO_COMMON, access);
	}
}
