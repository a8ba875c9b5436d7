/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_VIRTIO_NET_COMMAND_H
#define VIA_VMM_VIRTIO_NET_COMMAND_H

#include "queue.h"

/* What a command does; -errno refuses it. */
struct via_net_control_ops {
	int (*set_pairs)(void *data, unsigned int count);
};

/**
 * via_net_control() - a few commands of the queue; pushed, not published.
 *
 * Return: as via_net_transmit().
 */
int via_net_control(struct via_virtq *queue, struct via_virtq_chain *chain,
		    const struct via_net_control_ops *ops, void *data);

#endif
