/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "device.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "transport.h"

/* The life of a device (virtio 1.2, 2.1 and 3.1). */

void via_virtio_signal(int eventfd)
{
	uint64_t one = 1;

	if (write(eventfd, &one, sizeof(one)) < 0)
		return; /* signalled more often than anybody counts */
}

void via_virtio_drain(int eventfd)
{
	uint64_t count;

	if (read(eventfd, &count, sizeof(count)) < 0)
		return; /* nothing was */
}

static void vcomplain(struct via_virtio *virtio, const char *fmt, va_list args)
{
	char text[VIA_ERROR_TEXT_BYTES];

	if (atomic_exchange(&virtio->complained, true))
		return;
	vsnprintf(text, sizeof(text), fmt, args);
	via_host_log(virtio->machine.host, VIA_LOG_WARNING, "%s: %s", virtio->description.name,
		     text);
}

void via_virtio_complain(struct via_virtio *virtio, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vcomplain(virtio, fmt, args);
	va_end(args);
}

static void signal_config(struct via_virtio *virtio)
{
	if (!(atomic_load(&virtio->status) & VIRTIO_CONFIG_S_DRIVER_OK))
		return;
	atomic_fetch_or(&virtio->isr, 2);
	via_virtio_signal(virtio->msix.wires[VIRTIO_WIRE_CONFIG].vector.eventfd);
}

void via_virtio_config_changed(struct via_virtio *virtio)
{
	atomic_fetch_add(&virtio->generation, 1);
	signal_config(virtio);
}

void via_virtio_break(struct via_virtio *virtio, const char *fmt, ...)
{
	char text[VIA_ERROR_TEXT_BYTES];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (atomic_fetch_or(&virtio->status, VIRTIO_CONFIG_S_NEEDS_RESET) &
	    VIRTIO_CONFIG_S_NEEDS_RESET)
		return;
	signal_config(virtio);
	via_virtio_complain(virtio, "stopped until the guest's driver resets it: %s", text);
}

void via_virtio_interrupt(struct via_virtio *virtio, unsigned int index)
{
	atomic_fetch_add_explicit(&virtio->interrupts, 1, memory_order_relaxed);
	if (!(atomic_load_explicit(&virtio->isr, memory_order_relaxed) & 1))
		atomic_fetch_or(&virtio->isr, 1);
	via_virtio_signal(via_virtio_call_fd(virtio, index));
}

struct via_virtq *via_virtio_queue(struct via_virtio *virtio, unsigned int index)
{
	struct via_virtio_queue *queue = &virtio->queues[index];

	return queue->enabled ? &queue->ring : NULL;
}

const struct via_virtq_places *via_virtio_places(struct via_virtio *virtio, unsigned int index)
{
	return &virtio->queues[index].places;
}

int via_virtio_kick_fd(struct via_virtio *virtio, unsigned int index)
{
	return virtio->queues[index].kick_fd;
}

int via_virtio_call_fd(struct via_virtio *virtio, unsigned int index)
{
	return virtio->msix.wires[VIRTIO_WIRE_QUEUE(index)].vector.eventfd;
}

void via_virtio_halt(struct via_virtio *virtio)
{
	if (!virtio->started)
		return;
	via_virtio_pci_listen(virtio, false);
	virtio->description.kind->stop(virtio->description.device);
	virtio->started = false;
}

void via_virtio_forget(struct via_virtio *virtio)
{
	via_virtio_halt(virtio);
	via_virtio_pci_forget(virtio);
	for (unsigned int i = 0; i < virtio->description.queue_count; i++) {
		struct via_virtio_queue *queue = &virtio->queues[i];

		via_virtio_drain(queue->kick_fd);
		queue->places = (struct via_virtq_places){ .size = virtio->description.queue_size };
		queue->enabled = queue->was_reset = false;
	}
	virtio->accepted = 0;
	virtio->accepted_unknown = false;
	virtio->offered_select = virtio->accepted_select = virtio->queue_select = 0;
	atomic_store(&virtio->isr, 0);
	atomic_store(&virtio->status, 0);
}

static int start_ring(struct via_virtio *virtio, unsigned int index)
{
	struct via_virtio_queue *queue = &virtio->queues[index];
	int rc = via_virtq_start(&queue->ring, virtio->machine.memory, &queue->places,
				 virtio->accepted);

	if (rc)
		via_virtio_break(virtio, "its queue %u %s", index,
				 rc == -EFAULT ? "lies outside of memory"
					       : "has a size or place it cannot have");
	return rc;
}

static void start(struct via_virtio *virtio)
{
	const struct via_virtio_description *description = &virtio->description;
	struct via_error err = { 0 };

	for (unsigned int i = 0; i < description->queue_count; i++)
		if (virtio->queues[i].enabled && start_ring(virtio, i))
			return;
	if (description->kind->start(description->device, virtio->accepted, &err)) {
		via_virtio_break(virtio, "%s", err.text);
		return;
	}
	virtio->started = true;
	via_virtio_pci_listen(virtio, true);
}

void via_virtio_queue_enable(struct via_virtio *virtio, unsigned int index)
{
	const struct via_virtio_description *description = &virtio->description;
	struct via_virtio_queue *queue = &virtio->queues[index];
	uint8_t status = atomic_load(&virtio->status);
	int rc;

	if (!(status & VIRTIO_CONFIG_S_DRIVER_OK)) {
		queue->enabled = true;
		return;
	}
	if (!queue->was_reset) {
		via_virtio_break(virtio, "the driver enables queue %u of a running device", index);
		return;
	}
	if (!virtio->started || status & VIRTIO_CONFIG_S_NEEDS_RESET || start_ring(virtio, index))
		return;
	queue->was_reset = false;
	/* From now on the device's own threads find it. */
	queue->enabled = true;
	rc = description->kind->queue_start(description->device, index);
	if (rc)
		via_virtio_break(virtio, "its queue %u cannot start: %s", index, strerror(-rc));
	via_virtio_pci_listen(virtio, true);
}

void via_virtio_queue_reset(struct via_virtio *virtio, unsigned int index)
{
	const struct via_virtio_description *description = &virtio->description;
	struct via_virtio_queue *queue = &virtio->queues[index];

	if (!(virtio->accepted & 1ULL << VIRTIO_F_RING_RESET) || !queue->enabled)
		return;
	queue->enabled = false;
	if (virtio->started) {
		via_virtio_pci_listen(virtio, true);
		description->kind->queue_stop(description->device, index);
	}
	via_virtio_drain(queue->kick_fd);
	via_virtio_pci_unwire(virtio, VIRTIO_WIRE_QUEUE(index));
	queue->places = (struct via_virtq_places){ .size = description->queue_size };
	queue->was_reset = true;
}

static bool may_have_features(const struct via_virtio *virtio)
{
	return !(virtio->accepted & ~virtio->features) && !virtio->accepted_unknown &&
	       virtio->accepted & 1ULL << VIRTIO_F_VERSION_1;
}

void via_virtio_set_status(struct via_virtio *virtio, uint8_t status)
{
	uint8_t now = atomic_load(&virtio->status), fresh;

	if (!status) {
		via_virtio_forget(virtio);
		return;
	}
	/* A driver adds bits, and never takes one back (2.1.1). One is the device's. */
	fresh = status & (uint8_t) ~(now | VIRTIO_CONFIG_S_NEEDS_RESET);
	if (fresh & VIRTIO_CONFIG_S_FEATURES_OK && !may_have_features(virtio))
		fresh &= (uint8_t)~VIRTIO_CONFIG_S_FEATURES_OK;
	now = (uint8_t)(atomic_fetch_or(&virtio->status, fresh) | fresh);
	if (!(fresh & VIRTIO_CONFIG_S_DRIVER_OK) || now & VIRTIO_CONFIG_S_NEEDS_RESET)
		return;
	if (now & VIRTIO_CONFIG_S_FEATURES_OK)
		start(virtio);
	else
		via_virtio_break(virtio, "the driver begins before features are agreed on");
}
