/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_PASSTHROUGH_EVENTS_H
#define VIA_VMM_PASSTHROUGH_EVENTS_H

#include <viaduct/util/error.h>

#include "../loop.h"

/*
 * What the host's kernel says of a function on its own account, as eventfds in the machine's loop:
 * an uncorrectable error of it (VFIO_PCI_ERR_IRQ_INDEX; PCI Express only), and that the host wants
 * it back (VFIO_PCI_REQ_IRQ_INDEX): whoever removes or unbinds it waits in the kernel until it is
 * closed, and the kernel asks again every ten seconds.
 */
struct via_passthrough;

typedef void (*via_event_fn)(struct via_passthrough *function);

enum { VIA_EVENT_ERROR, VIA_EVENT_REQUEST, VIA_EVENTS };

struct via_event {
	struct via_loop_watch watch;
	struct via_passthrough *function;
	via_event_fn happened;
};

struct via_events {
	struct via_loop *loop; /* NULL: not watched */
	struct via_event events[VIA_EVENTS];
};

/**
 * via_events_init() - have @happened, by event, called from the loop; an event the function does
 * not have is left out.
 *
 * Return: 0, or the errno of eventfd(2), epoll_ctl(2) or VFIO_DEVICE_SET_IRQS.
 */
int via_events_init(struct via_passthrough *function, struct via_loop *loop,
		    const via_event_fn happened[static VIA_EVENTS], struct via_error *err);

/** via_events_free() - stop watching. In the loop's thread; also from within @happened. */
void via_events_free(struct via_passthrough *function);

#endif
