/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_VIRTIO_BLK_REQUEST_H
#define VIA_VMM_VIRTIO_BLK_REQUEST_H

#include <linux/virtio_blk.h>
#include <stdbool.h>
#include <stdint.h>

#include "queue.h"

#define VIA_BLK_SECTOR_BYTES 512U
/* Of one discard or write-zeroes request: 2 GiB. */
#define VIA_BLK_RANGE_SECTORS_MAX (1U << 22)

/* What requests are checked against. */
struct via_blk_limits {
	uint64_t size_bytes;
	uint64_t transfer_bytes_max; /* of one read or write */
	uint32_t block_bytes;
	bool read_only;
	bool discard, write_zeroes; /* negotiated */
};

enum via_blk_action {
	VIA_BLK_ANSWER, /* with @result, at once */
	VIA_BLK_READ,
	VIA_BLK_WRITE,
	VIA_BLK_FLUSH,
	VIA_BLK_IDENTIFY,
	VIA_BLK_DISCARD,
	VIA_BLK_ZERO,  /* and keep the space */
	VIA_BLK_UNMAP, /* read as zeroes afterwards */
};

struct via_blk_request {
	enum via_blk_action action;
	uint8_t result; /* VIRTIO_BLK_S_*; that of an action that works is OK */
	uint64_t offset_bytes, size_bytes;
	const struct iovec *data; /* in the chain */
	unsigned int data_count;
	uint64_t in_bytes; /* that the driver gave us to write, without the status */
	uint8_t *status;   /* in guest memory */
};

/**
 * via_blk_request_parse() - what a driver asks for (virtio 1.2, 5.2.6).
 * @chain: its segments are cut to the data.
 *
 * Return: 0; -EPROTO when there is no room for the status, or no whole header: nothing can be
 * answered then.
 */
int via_blk_request_parse(struct via_virtq_chain *chain, const struct via_blk_limits *limits,
			  struct via_blk_request *request);

#endif
