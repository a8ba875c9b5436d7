/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net-private.h"

#include <errno.h>

unsigned int via_net_control_index(const struct via_net *net)
{
	return 2 * (via_net_has(net, VIRTIO_NET_F_MQ) ? net->pair_count : 1);
}

static int set_pairs(void *data, unsigned int count)
{
	struct via_net *net = data;

	if (!via_net_has(net, VIRTIO_NET_F_MQ) || count < VIRTIO_NET_CTRL_MQ_VQ_PAIRS_MIN ||
	    count > net->pair_count)
		return -EINVAL;
	return via_net_set_active(net, count);
}

static void kicked(void *data)
{
	static const struct via_net_control_ops ops = { .set_pairs = set_pairs };
	struct via_net *net = data;
	unsigned int index = via_net_control_index(net);
	int rc;

	via_net_kicked(&net->pairs[0]);
	rc = via_net_control(net->control, &net->control_chain, &ops, net);
	if (via_virtq_publish(net->control))
		via_virtio_interrupt(net->virtio, index);
	if (rc > 0 || (!rc && via_virtq_arm(net->control))) {
		via_net_come_again(&net->pairs[0], index);
	} else if (rc < 0) {
		via_loop_remove(&net->pairs[0].worker.loop, &net->control_kick);
		via_net_break(net, index, net->control);
	}
}

int via_net_control_start(struct via_net *net)
{
	unsigned int index = via_net_control_index(net);

	if (!via_net_has(net, VIRTIO_NET_F_CTRL_VQ))
		return 0;
	net->control = via_virtio_queue(net->virtio, index);
	if (!net->control)
		return 0;
	net->control_kick = (struct via_loop_watch){
		.fd = via_virtio_kick_fd(net->virtio, index),
		.ready = kicked,
		.data = net,
	};
	return via_loop_add_edge(&net->pairs[0].worker.loop, &net->control_kick);
}
