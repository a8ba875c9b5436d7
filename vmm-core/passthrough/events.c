/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "events.h"

#include <errno.h>
#include <linux/vfio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>

#include "passthrough.h"

static const uint32_t indexes[VIA_EVENTS] = {
	[VIA_EVENT_ERROR] = VFIO_PCI_ERR_IRQ_INDEX,
	[VIA_EVENT_REQUEST] = VFIO_PCI_REQ_IRQ_INDEX,
};

static void signalled(void *data)
{
	struct via_event *event = data;
	uint64_t times;

	if (read(event->watch.fd, &times, sizeof(times)) == sizeof(times))
		event->happened(event->function);
}

static int connect_event(struct via_passthrough *function, int which, struct via_error *err)
{
	struct via_event *event = &function->events.events[which];
	int32_t fd;
	int rc;

	if (!via_vfio_device_irq(function->device, indexes[which])->eventfd)
		return 0;
	event->watch.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (event->watch.fd < 0)
		return via_error_sys(err, errno, "cannot watch %s",
				     via_bdf_text(via_vfio_device_bdf(function->device)).text);
	rc = via_loop_add(function->events.loop, &event->watch);
	if (rc)
		return via_error_sys(err, -rc, "cannot watch %s",
				     via_bdf_text(via_vfio_device_bdf(function->device)).text);
	fd = event->watch.fd;
	return via_vfio_device_set_irqs(function->device, indexes[which], 0, 1, &fd, err);
}

int via_events_init(struct via_passthrough *function, struct via_loop *loop,
		    const via_event_fn happened[static VIA_EVENTS], struct via_error *err)
{
	int rc = 0;

	function->events.loop = loop;
	for (int i = 0; i < VIA_EVENTS; i++) {
		struct via_event *event = &function->events.events[i];

		*event = (struct via_event){ .function = function, .happened = happened[i] };
		event->watch =
			(struct via_loop_watch){ .fd = -1, .ready = signalled, .data = event };
	}
	for (int i = 0; !rc && i < VIA_EVENTS; i++)
		rc = connect_event(function, i, err);
	if (rc)
		via_events_free(function);
	return rc;
}

void via_events_free(struct via_passthrough *function)
{
	struct via_events *events = &function->events;

	for (int i = 0; events->loop && i < VIA_EVENTS; i++) {
		struct via_loop_watch *watch = &events->events[i].watch;

		if (watch->fd < 0)
			continue;
		via_loop_remove(events->loop, watch);
		via_vfio_device_disable_irqs(function->device, indexes[i], NULL);
		via_close(&watch->fd);
	}
	events->loop = NULL;
}
