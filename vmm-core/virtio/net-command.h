/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_VIRTIO_NET_COMMAND_H
#define VIA_VMM_VIRTIO_NET_COMMAND_H

#include "queue.h"

struct via_net_control_ops {
	/** set_pairs() - Return: 0; -errno refuses it. */
	int (*set_pairs)(void *data, unsigned int count);
	/** rests() - whether no command is to be taken now. */
	bool (*rests)(void *data);
};

/**
 * via_net_control() - a few commands of the queue; pushed, not published.
 *
 * Return: as via_net_transmit(); 1 also when there may be more, which ops->rests() keeps back.
 */
int via_net_control(struct via_virtq *queue, struct via_virtq_chain *chain,
		    const struct via_net_control_ops *ops, void *data);

#endif
