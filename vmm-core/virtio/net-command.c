/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net-command.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_net.h>

#include "net-frames.h"

/* Between two looks at anything else: one may have to wait for threads. */
#define COMMANDS_MAX 4U

/* Virtio 1.2, 5.1.6.5: what the driver writes, then a byte for the answer. */
struct command {
	struct virtio_net_ctrl_hdr header;
	struct virtio_net_ctrl_mq pairs;
} __attribute__((packed));

static int run_command(const struct command *command, size_t size_bytes,
		       const struct via_net_control_ops *ops, void *data)
{
	if (command->header.class != VIRTIO_NET_CTRL_MQ ||
	    command->header.cmd != VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET || size_bytes < sizeof(*command))
		return -EOPNOTSUPP;
	return ops->set_pairs(data, le16toh(command->pairs.virtqueue_pairs));
}

int via_net_control(struct via_virtq *queue, struct via_virtq_chain *chain,
		    const struct via_net_control_ops *ops, void *data)
{
	for (unsigned int i = 0; i < COMMANDS_MAX; i++) {
		struct command command = { 0 };
		virtio_net_ctrl_ack answer;
		size_t size_bytes;
		int rc;

		if (ops->rests(data))
			return 1;
		rc = via_virtq_pop(queue, chain);
		if (rc <= 0)
			return rc;
		if (chain->out_bytes < sizeof(command.header) || !chain->in_bytes) {
			queue->broken = "a command without a header, or room for an answer";
			return -EPROTO;
		}
		size_bytes = via_net_gather(chain->segments, chain->out_count, 0, &command,
					    sizeof(command));
		rc = run_command(&command, size_bytes, ops, data);
		answer = rc ? VIRTIO_NET_ERR : VIRTIO_NET_OK;
		via_net_scatter(chain->segments + chain->out_count, chain->in_count, 0, &answer,
				sizeof(answer));
		via_virtq_push(queue, chain->head, sizeof(answer));
	}
	return 1;
}
