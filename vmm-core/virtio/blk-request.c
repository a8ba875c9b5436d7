/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "blk-request.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#define SECTOR_SHIFT 9

/* Copies @bytes off the front of @segments, which has them, and cuts them off. */
static void take(struct iovec **segments, unsigned int *count, void *data, size_t bytes)
{
	uint8_t *to = data;

	while (bytes) {
		struct iovec *first = *segments;
		size_t part = bytes < first->iov_len ? bytes : first->iov_len;

		memcpy(to, first->iov_base, part);
		to += part;
		bytes -= part;
		first->iov_base = (uint8_t *)first->iov_base + part;
		first->iov_len -= part;
		if (!first->iov_len) {
			(*segments)++;
			(*count)--;
		}
	}
	/* What is in the copy is what was checked: the guest may change the original meanwhile. */
	__asm__ volatile("" : : "r"(data) : "memory");
}

/* The last byte is the status; the segments have one. */
static uint8_t *take_status(struct iovec *segments, unsigned int *count)
{
	struct iovec *last = &segments[*count - 1];

	if (!--last->iov_len)
		(*count)--;
	return (uint8_t *)last->iov_base + last->iov_len;
}

static void answer(struct via_blk_request *request, uint8_t result)
{
	request->action = VIA_BLK_ANSWER;
	request->result = result;
}

/* Whether so much from @sector on is on the disk; no sum here can overflow. */
static bool on_disk(const struct via_blk_limits *limits, uint64_t sector, uint64_t size_bytes)
{
	return sector <= limits->size_bytes >> SECTOR_SHIFT &&
	       size_bytes <= limits->size_bytes - (sector << SECTOR_SHIFT);
}

static bool set_range(const struct via_blk_limits *limits, struct via_blk_request *request,
		      uint64_t sector, uint64_t size_bytes)
{
	if (!on_disk(limits, sector, size_bytes))
		return false;
	request->offset_bytes = sector << SECTOR_SHIFT;
	request->size_bytes = size_bytes;
	return !((request->offset_bytes | size_bytes) % limits->block_bytes);
}

static void parse_transfer(const struct via_blk_limits *limits, uint64_t sector,
			   uint64_t size_bytes, uint64_t other_bytes, bool write,
			   struct via_blk_request *request)
{
	if (other_bytes || size_bytes > limits->transfer_bytes_max ||
	    (write && limits->read_only) || !set_range(limits, request, sector, size_bytes))
		answer(request, VIRTIO_BLK_S_IOERR);
	else if (!size_bytes)
		answer(request, VIRTIO_BLK_S_OK);
	else
		request->action = write ? VIA_BLK_WRITE : VIA_BLK_READ;
}

/* 5.2.6.2: a discard has no flags, write zeroes has one. */
static void parse_range(const struct via_blk_limits *limits, bool discard, struct iovec *segments,
			unsigned int count, uint64_t out_bytes, struct via_blk_request *request)
{
	struct virtio_blk_discard_write_zeroes range;
	uint32_t sectors, flags;

	if (limits->read_only || out_bytes != sizeof(range)) {
		answer(request, VIRTIO_BLK_S_IOERR);
		return;
	}
	take(&segments, &count, &range, sizeof(range));
	sectors = le32toh(range.num_sectors);
	flags = le32toh(range.flags);
	if (flags & (discard ? ~0U : ~(uint32_t)VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP))
		answer(request, VIRTIO_BLK_S_UNSUPP);
	else if (sectors > VIA_BLK_RANGE_SECTORS_MAX ||
		 !set_range(limits, request, le64toh(range.sector),
			    (uint64_t)sectors << SECTOR_SHIFT))
		answer(request, VIRTIO_BLK_S_IOERR);
	else if (!sectors)
		answer(request, VIRTIO_BLK_S_OK);
	else if (discard)
		request->action = VIA_BLK_DISCARD;
	else
		request->action = flags ? VIA_BLK_UNMAP : VIA_BLK_ZERO;
}

int via_blk_request_parse(struct via_virtq_chain *chain, const struct via_blk_limits *limits,
			  struct via_blk_request *request)
{
	struct iovec *out = chain->segments, *in = out + chain->out_count;
	unsigned int out_count = chain->out_count, in_count = chain->in_count;
	struct virtio_blk_outhdr header;
	uint64_t out_bytes, sector;
	uint8_t *status;

	if (chain->out_bytes < sizeof(header) || !chain->in_bytes)
		return -EPROTO;
	take(&out, &out_count, &header, sizeof(header));
	out_bytes = chain->out_bytes - sizeof(header);
	sector = le64toh(header.sector);
	status = take_status(in, &in_count);
	*request = (struct via_blk_request){
		.result = VIRTIO_BLK_S_OK,
		.in_bytes = chain->in_bytes - 1,
		.status = status,
		.data = in,
		.data_count = in_count,
	};
	switch (le32toh(header.type)) {
	case VIRTIO_BLK_T_IN:
		parse_transfer(limits, sector, request->in_bytes, out_bytes, false, request);
		break;
	case VIRTIO_BLK_T_OUT:
		request->data = out;
		request->data_count = out_count;
		parse_transfer(limits, sector, out_bytes, request->in_bytes, true, request);
		break;
	case VIRTIO_BLK_T_FLUSH:
		request->action = VIA_BLK_FLUSH;
		break;
	case VIRTIO_BLK_T_GET_ID:
		request->action = VIA_BLK_IDENTIFY;
		break;
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES: {
		bool discard = le32toh(header.type) == VIRTIO_BLK_T_DISCARD;

		if (discard ? limits->discard : limits->write_zeroes)
			parse_range(limits, discard, out, out_count, out_bytes, request);
		else
			answer(request, VIRTIO_BLK_S_UNSUPP);
		break;
	}
	default:
		answer(request, VIRTIO_BLK_S_UNSUPP);
	}
	return 0;
}
