/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "private.h"

#include <errno.h>
#include <string.h>

/* MSI-X has at most 2048 vectors (PCIe 6.0, 7.7.2.2: Table Size is 11 bits); nothing has more. */
#define VECTORS_MAX 2048

int via_vfio_irqs_load(struct via_vfio_device *device, uint32_t count, struct via_error *err)
{
	if (count > VFIO_PCI_NUM_IRQS)
		count = VFIO_PCI_NUM_IRQS;
	for (uint32_t index = 0; index < count; index++) {
		struct vfio_irq_info info = { .argsz = sizeof(info), .index = index };
		int rc = via_ioctl_call(&device->port, device->fd, VFIO_DEVICE_GET_IRQ_INFO, &info);

		/* Error interrupts of a function that is not PCI Express. */
		if (rc == -EINVAL)
			continue;
		if (rc < 0)
			return via_error_sys(err, -rc, "cannot learn about interrupts %u of %s",
					     index, via_bdf_text(device->bdf).text);
		if (info.count > VECTORS_MAX)
			return via_error_set(
				err, EPROTO,
				"%s reports %u interrupts of kind %u, more than PCI has",
				via_bdf_text(device->bdf).text, info.count, index);
		device->irqs[index] = (struct via_vfio_irq){
			.count = info.count,
			.eventfd = info.flags & VFIO_IRQ_INFO_EVENTFD,
			.maskable = info.flags & VFIO_IRQ_INFO_MASKABLE,
			.automasked = info.flags & VFIO_IRQ_INFO_AUTOMASKED,
			.resizable = !(info.flags & VFIO_IRQ_INFO_NORESIZE),
		};
	}
	return 0;
}

int via_vfio_device_set_irqs(struct via_vfio_device *device, uint32_t index, uint32_t start,
			     uint32_t count, const int32_t *eventfds, struct via_error *err)
{
	_Alignas(struct vfio_irq_set) unsigned char
		buffer[sizeof(struct vfio_irq_set) + VECTORS_MAX * sizeof(int32_t)];
	const struct via_vfio_irq *irq = via_vfio_device_irq(device, index);
	struct vfio_irq_set *set = (struct vfio_irq_set *)buffer;
	int rc;

	if (!count || start >= irq->count || count > irq->count - start)
		return via_error_set(
			err, EINVAL, "%s has %u interrupts of kind %u, not %u from number %u",
			via_bdf_text(device->bdf).text, irq->count, index, count, start);
	*set = (struct vfio_irq_set){
		.argsz = (uint32_t)(sizeof(*set) + count * sizeof(*eventfds)),
		.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = index,
		.start = start,
		.count = count,
	};
	memcpy(set->data, eventfds, count * sizeof(*eventfds));
	device->set_irqs++;
	rc = via_ioctl_call(&device->port, device->fd, VFIO_DEVICE_SET_IRQS, set);
	/* A positive answer is how many vectors the host had, none of which it has kept for us. */
	if (rc > 0)
		return via_error_set(err, ENOSPC,
				     "the host has only %d of %u interrupt vectors left "
				     "for %s",
				     rc, start + count, via_bdf_text(device->bdf).text);
	if (rc < 0)
		return via_error_sys(err, -rc,
				     "cannot connect interrupts %u to %u of kind %u of %s", start,
				     start + count - 1, index, via_bdf_text(device->bdf).text);
	device->irqs_enabled[index] = true;
	return 0;
}

static int unmask(struct via_vfio_device *device, uint32_t index, uint32_t data, int32_t eventfd,
		  struct via_error *err)
{
	struct {
		struct vfio_irq_set set;
		int32_t eventfd;
	} request = {
		.set = {
			.argsz = sizeof(request.set),
			.flags = data | VFIO_IRQ_SET_ACTION_UNMASK,
			.index = index,
			.count = 1,
		},
		.eventfd = eventfd,
	};
	int rc;

	if (data == VFIO_IRQ_SET_DATA_EVENTFD)
		request.set.argsz = sizeof(request);
	device->set_irqs++;
	rc = via_ioctl_call(&device->port, device->fd, VFIO_DEVICE_SET_IRQS, &request);
	return rc < 0 ? via_error_sys(err, -rc, "the interrupt line of %s cannot be unmasked",
				      via_bdf_text(device->bdf).text)
		      : 0;
}

int via_vfio_device_set_unmask(struct via_vfio_device *device, uint32_t index, int32_t eventfd,
			       struct via_error *err)
{
	return unmask(device, index, VFIO_IRQ_SET_DATA_EVENTFD, eventfd, err);
}

int via_vfio_device_unmask_irq(struct via_vfio_device *device, uint32_t index,
			       struct via_error *err)
{
	return unmask(device, index, VFIO_IRQ_SET_DATA_NONE, -1, err);
}

int via_vfio_device_disable_irqs(struct via_vfio_device *device, uint32_t index,
				 struct via_error *err)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = index,
	};
	int rc;

	/* The kernel refuses to release what was never enabled. */
	if (index >= VFIO_PCI_NUM_IRQS || !device->irqs_enabled[index])
		return 0;
	device->set_irqs++;
	rc = via_ioctl_call(&device->port, device->fd, VFIO_DEVICE_SET_IRQS, &set);
	if (rc < 0)
		return via_error_sys(err, -rc, "cannot release the interrupts of kind %u of %s",
				     index, via_bdf_text(device->bdf).text);
	device->irqs_enabled[index] = false;
	return 0;
}

void via_vfio_irqs_release(struct via_vfio_device *device)
{
	for (uint32_t index = 0; index < VFIO_PCI_NUM_IRQS; index++)
		via_vfio_device_disable_irqs(device, index, NULL);
}
