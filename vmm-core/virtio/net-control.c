/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net-private.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

/*
 * After the number of pairs was changed: each change waits for the lock of all network
 * configuration of the host's, and tells every listener of a queue that came or went. A driver has
 * reasons for one now and then.
 */
#define REST_NS 100000000L

unsigned int via_net_control_index(const struct via_net *net)
{
	return 2 * (via_net_has(net, VIRTIO_NET_F_MQ) ? net->pair_count : 1);
}

static unsigned int active_pairs(const struct via_net *net)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < net->pair_count; i++)
		count += net->pairs[i].on;
	return count;
}

static int rest(struct via_net *net)
{
	const struct itimerspec when = { .it_value.tv_nsec = REST_NS };

	if (timerfd_settime(net->control_timer.fd, 0, &when, NULL))
		return -errno;
	net->control_rests = true;
	return 0;
}

static int set_pairs(void *data, unsigned int count)
{
	struct via_net *net = data;
	int rc;

	if (!via_net_has(net, VIRTIO_NET_F_MQ) || count < VIRTIO_NET_CTRL_MQ_VQ_PAIRS_MIN ||
	    count > net->pair_count)
		return -EINVAL;
	if (count == active_pairs(net))
		return 0;
	rc = rest(net);
	return rc ? rc : via_net_set_active(net, count);
}

static bool rests(void *data)
{
	const struct via_net *net = data;

	return net->control_rests;
}

static void serve(struct via_net *net)
{
	static const struct via_net_control_ops ops = { .set_pairs = set_pairs, .rests = rests };
	unsigned int index = via_net_control_index(net);
	int rc = via_net_control(net->control, &net->control_chain, &ops, net);

	if (via_virtq_publish(net->control))
		via_virtio_interrupt(net->virtio, index);
	if (rc < 0) {
		via_loop_remove(&net->pairs[0].worker.loop, &net->control_kick);
		via_net_break(net, index, net->control);
	} else if (!net->control_rests && (rc || via_virtq_arm(net->control))) {
		via_net_come_again(&net->pairs[0], index);
	}
}

static void kicked(void *data)
{
	struct via_net *net = data;

	via_net_kicked(&net->pairs[0]);
	serve(net);
}

/* It may have been notified meanwhile. */
static void rested(void *data)
{
	struct via_net *net = data;
	uint64_t times;

	if (read(net->control_timer.fd, &times, sizeof(times)) < 0)
		return;
	net->control_rests = false;
	if (!net->control->broken)
		serve(net);
}

void via_net_control_stop(struct via_net *net)
{
	struct via_loop *loop = &net->pairs[0].worker.loop;

	if (!net->control)
		return;
	via_loop_remove(loop, &net->control_kick);
	via_loop_remove(loop, &net->control_timer);
	net->control = NULL;
}

int via_net_control_start(struct via_net *net)
{
	unsigned int index = via_net_control_index(net);
	int rc;

	if (!via_net_has(net, VIRTIO_NET_F_CTRL_VQ))
		return 0;
	net->control = via_virtio_queue(net->virtio, index);
	if (!net->control)
		return 0;
	/* A reset does not end the rest: it takes pairs away, too. */
	net->control_timer.ready = rested;
	net->control_timer.data = net;
	net->control_kick = (struct via_loop_watch){
		.fd = via_virtio_kick_fd(net->virtio, index),
		.ready = kicked,
		.data = net,
	};
	rc = via_loop_add(&net->pairs[0].worker.loop, &net->control_timer);
	return rc ? rc : via_loop_add_edge(&net->pairs[0].worker.loop, &net->control_kick);
}
