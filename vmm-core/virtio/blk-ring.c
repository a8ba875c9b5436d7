/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "blk-ring.h"

#include <errno.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>

#define BOUNCE_BYTES (128U << 10)
#define ROUNDS_MAX   16 /* of requests, before other events have their turn */
/* Of data under way, for which whoever stops the queue has to wait; and bounced in a round. */
#define FLYING_BYTES_MAX (64ULL << 20)

static void count(uint64_t *counter, uint64_t more)
{
	/* Its own thread is the only writer. */
	__atomic_store_n(counter, *counter + more, __ATOMIC_RELAXED);
}

static bool is_stopping(const struct via_blk_ring *ring)
{
	return __atomic_load_n(&ring->stopping, __ATOMIC_RELAXED);
}

static void break_device(struct via_blk_ring *ring, const char *why)
{
	ring->broken = true;
	via_virtio_break(ring->virtio, "%s", why);
}

static void finish(struct via_blk_ring *ring, const struct via_blk_flight *flight, uint8_t result)
{
	/* What failed may have written some of the data, and has said so of none. */
	uint32_t written = result == VIRTIO_BLK_S_OK || !flight->in ? flight->written_bytes : 0;

	*(volatile uint8_t *)flight->status = result;
	via_virtq_push(ring->queue, flight->head, written);
	count(&ring->requests, 1);
	if (result == VIRTIO_BLK_S_OK)
		count(&ring->bytes, flight->expected_bytes);
}

static void identify(struct via_blk_ring *ring, const struct via_blk_request *request,
		     struct via_blk_flight *flight)
{
	const char *id = ring->id;
	size_t left = VIRTIO_BLK_ID_BYTES;

	for (unsigned int i = 0; left && i < request->data_count; i++) {
		const struct iovec *segment = &request->data[i];
		size_t part = left < segment->iov_len ? left : segment->iov_len;

		memcpy(segment->iov_base, id, part);
		id += part;
		left -= part;
	}
	finish(ring, flight,
	       request->in_bytes < VIRTIO_BLK_ID_BYTES ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK);
}

/* Direct access wants memory aligned as the disk is; Linux' drivers have it so. */
static bool is_aligned(const struct via_blk_ring *ring, const struct via_blk_request *request)
{
	uintptr_t all = 0;

	for (unsigned int i = 0; i < request->data_count; i++)
		all |= (uintptr_t)request->data[i].iov_base | request->data[i].iov_len;
	return !(all % ring->limits.block_bytes);
}

/* Between the bounce buffer and @bytes of the data from @*segment and @*at on. */
static void bounce(struct via_blk_ring *ring, const struct via_blk_request *request, bool in,
		   unsigned int *segment, size_t *at, size_t bytes)
{
	uint8_t *buffer = ring->bounce;

	while (bytes) {
		const struct iovec *piece = &request->data[*segment];
		uint8_t *guest = (uint8_t *)piece->iov_base + *at;
		size_t part = piece->iov_len - *at < bytes ? piece->iov_len - *at : bytes;

		memcpy(in ? guest : buffer, in ? buffer : guest, part);
		buffer += part;
		bytes -= part;
		*at += part;
		if (*at == piece->iov_len) {
			(*segment)++;
			*at = 0;
		}
	}
}

/* Rare, so one at a time will do, in this thread. */
static bool transfer_bounced(struct via_blk_ring *ring, const struct via_blk_request *request)
{
	bool in = request->action == VIA_BLK_READ;
	unsigned int segment = 0;
	size_t at = 0;

	for (uint64_t done = 0; done < request->size_bytes;) {
		uint64_t left = request->size_bytes - done;
		size_t part = left < BOUNCE_BYTES ? (size_t)left : BOUNCE_BYTES;
		off_t offset = (off_t)(request->offset_bytes + done);
		ssize_t rc;

		if (is_stopping(ring))
			return false;
		if (!in)
			bounce(ring, request, in, &segment, &at, part);
		rc = in ? pread(ring->file->fd, ring->bounce, part, offset)
			: pwrite(ring->file->fd, ring->bounce, part, offset);
		if (rc != (ssize_t)part)
			return false;
		if (in)
			bounce(ring, request, in, &segment, &at, part);
		done += part;
	}
	return in || __atomic_load_n(ring->write_back, __ATOMIC_RELAXED) ||
	       !fdatasync(ring->file->fd);
}

/* The segments stay in place until the kernel has copied them, when it takes the submission. */
static const struct iovec *keep(struct via_blk_ring *ring, const struct via_blk_request *request)
{
	struct iovec *kept = &ring->iovecs[ring->iovecs_used];

	memcpy(kept, request->data, request->data_count * sizeof(*kept));
	ring->iovecs_used += request->data_count;
	return kept;
}

static void prepare_range(struct io_uring_sqe *sqe, const struct via_blk_request *request)
{
	int mode = request->action == VIA_BLK_ZERO ? FALLOC_FL_ZERO_RANGE : FALLOC_FL_PUNCH_HOLE;

	/* io_uring_prep_fallocate() takes other types with each version of liburing. */
	io_uring_prep_rw(IORING_OP_FALLOCATE, sqe, 0, (const void *)request->size_bytes,
			 (unsigned int)(mode | FALLOC_FL_KEEP_SIZE), request->offset_bytes);
}

/* Zeroes are data: in write-through mode they are safe when they are answered, as a write is. */
static bool wants_sync(const struct via_blk_ring *ring, enum via_blk_action action)
{
	return (action == VIA_BLK_ZERO || action == VIA_BLK_UNMAP) &&
	       !__atomic_load_n(ring->write_back, __ATOMIC_RELAXED);
}

static void prepare_sync(struct io_uring_sqe *sqe)
{
	io_uring_prep_fsync(sqe, 0, IORING_FSYNC_DATASYNC);
}

static void address(struct io_uring_sqe *sqe, uint16_t slot)
{
	io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
	io_uring_sqe_set_data64(sqe, slot);
}

static void submit(struct via_blk_ring *ring, const struct via_blk_request *request,
		   const struct via_blk_flight *flight)
{
	/* There are as many as flights. */
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);
	uint16_t slot = ring->free[--ring->free_count];

	ring->flights[slot] = *flight;
	ring->flying_bytes += flight->expected_bytes;
	switch (request->action) {
	case VIA_BLK_READ:
		io_uring_prep_readv(sqe, 0, keep(ring, request), request->data_count,
				    request->offset_bytes);
		break;
	case VIA_BLK_WRITE:
		io_uring_prep_writev2(
			sqe, 0, keep(ring, request), request->data_count, request->offset_bytes,
			__atomic_load_n(ring->write_back, __ATOMIC_RELAXED) ? 0 : RWF_DSYNC);
		break;
	case VIA_BLK_FLUSH:
		prepare_sync(sqe);
		break;
	default:
		prepare_range(sqe, request);
		ring->flights[slot].then_sync = wants_sync(ring, request->action);
	}
	address(sqe, slot);
}

/* One that is broken off is never answered: its driver is gone. */
static void serve_bounced(struct via_blk_ring *ring, const struct via_blk_request *request,
			  const struct via_blk_flight *flight)
{
	bool done = transfer_bounced(ring, request);

	ring->bounced_bytes += request->size_bytes;
	if (done || !is_stopping(ring))
		finish(ring, flight, done ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR);
}

static void begin(struct via_blk_ring *ring, const struct via_blk_request *request)
{
	bool transfers = request->action == VIA_BLK_READ || request->action == VIA_BLK_WRITE;
	struct via_blk_flight flight = {
		.head = ring->chain.head,
		.status = request->status,
		.expected_bytes = transfers ? (uint32_t)request->size_bytes : 0,
		.written_bytes = (uint32_t)request->in_bytes + 1,
		.in = request->in_bytes,
	};

	if (request->action == VIA_BLK_ANSWER)
		finish(ring, &flight, request->result);
	else if (request->action == VIA_BLK_IDENTIFY)
		identify(ring, request, &flight);
	else if (transfers && ring->file->direct && !is_aligned(ring, request))
		serve_bounced(ring, request, &flight);
	else
		submit(ring, request, &flight);
}

static bool has_room(const struct via_blk_ring *ring)
{
	return ring->free_count && ring->flying_bytes < FLYING_BYTES_MAX &&
	       ring->iovecs_used + VIA_VIRTQ_SIZE_MAX <= VIA_BLK_IOVECS;
}

/* As many as wait, or can be under way. A driver may add to them as fast as they are answered. */
static void take_requests(struct via_blk_ring *ring)
{
	ring->bounced_bytes = 0;
	for (unsigned int i = 0; i < VIA_VIRTQ_SIZE_MAX && has_room(ring); i++) {
		struct via_blk_request request;
		int rc;

		if (ring->bounced_bytes >= FLYING_BYTES_MAX || is_stopping(ring))
			return;
		rc = via_virtq_pop(ring->queue, &ring->chain);
		if (rc < 0)
			break_device(ring, ring->queue->broken);
		if (rc <= 0)
			return;
		if (via_blk_request_parse(&ring->chain, &ring->limits, &request)) {
			break_device(ring, "a request without a header or room for the status");
			return;
		}
		begin(ring, &request);
	}
}

static void complete(struct via_blk_ring *ring, const struct io_uring_cqe *cqe)
{
	uint16_t slot = (uint16_t)cqe->user_data;
	struct via_blk_flight *flight = &ring->flights[slot];
	uint8_t result = VIRTIO_BLK_S_IOERR;

	if (flight->then_sync && !cqe->res) {
		/* Its own submission was taken: there is room for this one. */
		struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);

		flight->then_sync = false;
		prepare_sync(sqe);
		address(sqe, slot);
		return;
	}
	/* The kernel does all of it or fails: less is a disk that is full, or was made smaller. */
	if (cqe->res >= 0 && (uint32_t)cqe->res == flight->expected_bytes)
		result = VIRTIO_BLK_S_OK;
	else if (cqe->res == -EOPNOTSUPP)
		result = VIRTIO_BLK_S_UNSUPP;
	finish(ring, flight, result);
	ring->flying_bytes -= flight->expected_bytes;
	ring->free[ring->free_count++] = slot;
}

static void reap(struct via_blk_ring *ring)
{
	struct io_uring_cqe *cqe;
	unsigned int head, seen = 0;

	io_uring_for_each_cqe(&ring->uring, head, cqe)
	{
		complete(ring, cqe);
		seen++;
	}
	io_uring_cq_advance(&ring->uring, seen);
}

static bool under_way(const struct via_blk_ring *ring)
{
	return ring->free_count < VIA_VIRTQ_SIZE_MAX;
}

/*
 * Hands over what was prepared and fetches what is done, in one system call.
 * @wait: sleep until something is done, if anything is under way.
 *
 * Return: whether the ring works.
 */
static bool enter(struct via_blk_ring *ring, bool wait)
{
	int rc;

	/* EAGAIN: no memory just now; EBUSY: completions first; EINTR: a signal. */
	do {
		rc = wait && under_way(ring) ? io_uring_submit_and_wait(&ring->uring, 1)
					     : io_uring_submit_and_get_events(&ring->uring);
		reap(ring);
	} while (rc == -EAGAIN || rc == -EBUSY || rc == -EINTR ||
		 (rc >= 0 && io_uring_sq_ready(&ring->uring)));
	if (rc < 0) {
		if (!ring->broken)
			break_device(ring, "the host's io_uring failed");
		return false;
	}
	ring->iovecs_used = 0;
	return true;
}

static void tell(struct via_blk_ring *ring)
{
	if (via_virtq_publish(ring->queue))
		via_virtio_interrupt(ring->virtio, ring->index);
}

/* Return: whether something is done already, of which there may be no event. */
static bool arm_completions(struct via_blk_ring *ring)
{
	io_uring_cq_eventfd_toggle(&ring->uring, true);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return io_uring_cq_ready(&ring->uring) ||
	       __atomic_load_n(ring->uring.sq.kflags, __ATOMIC_RELAXED) & IORING_SQ_TASKRUN;
}

/* Without room, a completion comes before the next request can. */
static bool arm_requests(struct via_blk_ring *ring)
{
	return !ring->broken && has_room(ring) && via_virtq_arm(ring->queue);
}

static void serve(struct via_blk_ring *ring)
{
	unsigned int rounds = 0;
	bool more;

	do {
		if (rounds++ == ROUNDS_MAX) {
			eventfd_write(ring->completed.fd, 1);
			return;
		}
		io_uring_cq_eventfd_toggle(&ring->uring, false);
		if (!ring->broken) {
			via_virtq_disarm(ring->queue);
			take_requests(ring);
		}
		if (!enter(ring, false))
			return;
		if (!ring->broken)
			tell(ring);
		more = arm_completions(ring);
	} while ((arm_requests(ring) || more) && !is_stopping(ring));
}

static void kicked(void *data)
{
	struct via_blk_ring *ring = data;
	uint64_t kicks;

	if (read(ring->kicked.fd, &kicks, sizeof(kicks)) != sizeof(kicks))
		return;
	count(&ring->kicks, kicks);
	serve(ring);
}

static void completed(void *data)
{
	struct via_blk_ring *ring = data;
	uint64_t events;

	if (read(ring->completed.fd, &events, sizeof(events)) == sizeof(events))
		serve(ring);
}

static int open_uring(struct via_blk_ring *ring, struct via_error *err)
{
	/*
	 * Completions wait until this thread asks for them, instead of interrupting it (6.1). The
	 * ring belongs to the thread that enables it.
	 */
	struct io_uring_params params = {
		.flags = IORING_SETUP_R_DISABLED | IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
			 IORING_SETUP_CLAMP,
	};
	int rc = io_uring_queue_init_params(VIA_VIRTQ_SIZE_MAX, &ring->uring, &params);

	ring->uring_open = !rc;
	if (!rc)
		rc = io_uring_register_files(&ring->uring, &ring->file->fd, 1);
	/* A ring whose completions wait so does not become readable itself. */
	if (!rc)
		rc = io_uring_register_eventfd(&ring->uring, ring->completed.fd);
	switch (-rc) {
	case 0:
		return 0;
	case ENOSYS:
	case EINVAL:
		return via_error_set(err, -rc,
				     "a disk needs io_uring as of Linux 6.1, which this host's "
				     "kernel does not have");
	case EPERM:
		return via_error_set(err, -rc,
				     "a disk needs io_uring, which this host forbids: see "
				     "kernel.io_uring_disabled (sysctl kernel.io_uring_disabled=0 "
				     "allows it), or the seccomp filter of a container");
	default:
		return via_error_sys(err, -rc, "cannot set up io_uring for a disk");
	}
}

int via_blk_ring_init(struct via_blk_ring *ring, struct via_error *err)
{
	/* A vCPU's thread makes the worker, which must not inherit where that is pinned to. */
	if (sched_getaffinity(0, sizeof(ring->cpus), &ring->cpus))
		CPU_ZERO(&ring->cpus);
	if (ring->file->direct && posix_memalign(&ring->bounce, 4096, BOUNCE_BYTES))
		return via_error_set(err, ENOMEM, "no memory for a disk");
	for (uint16_t i = 0; i < VIA_VIRTQ_SIZE_MAX; i++)
		ring->free[i] = i;
	ring->free_count = VIA_VIRTQ_SIZE_MAX;
	ring->completed =
		(struct via_loop_watch){ eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), completed, ring };
	ring->made = true;
	if (ring->completed.fd < 0)
		return via_error_sys(err, errno, "cannot open an eventfd for a disk");
	return open_uring(ring, err);
}

struct start {
	struct via_blk_ring *ring;
	struct via_virtq *queue;
	int rc;
};

/* In its thread. */
static void start(void *data)
{
	struct start *request = data;
	struct via_blk_ring *ring = request->ring;

	if (!ring->enabled) {
		if (CPU_COUNT(&ring->cpus))
			sched_setaffinity(0, sizeof(ring->cpus), &ring->cpus);
		/* io_uring_enable_rings() is missing from the library of liburing 2.3. */
		request->rc = io_uring_register((unsigned int)ring->uring.ring_fd,
						IORING_REGISTER_ENABLE_RINGS, NULL, 0);
		if (request->rc)
			return;
		ring->enabled = true;
	}
	request->rc = via_loop_add(&ring->worker.loop, &ring->kicked);
	if (request->rc)
		return;
	request->rc = via_loop_add(&ring->worker.loop, &ring->completed);
	if (request->rc) {
		via_loop_remove(&ring->worker.loop, &ring->kicked);
		return;
	}
	ring->broken = false;
	ring->queue = request->queue;
	/* What came before the driver could notify of it; not now, under the machine's lock. */
	if (via_virtq_arm(ring->queue))
		eventfd_write(ring->completed.fd, 1);
}

int via_blk_ring_start(struct via_blk_ring *ring, struct via_virtq *queue, struct via_error *err)
{
	struct start request = { ring, queue, 0 };
	char name[16];
	int rc = 0;

	ring->kicked = (struct via_loop_watch){ via_virtio_kick_fd(ring->virtio, ring->index),
						kicked, ring };
	if (!ring->worker.running) {
		snprintf(name, sizeof(name), "%.8s-%u", ring->id, ring->index % 100);
		rc = via_worker_start(&ring->worker, name, err);
	}
	if (rc)
		return rc;
	via_worker_call(&ring->worker, start, &request);
	return request.rc ? via_error_sys(err, -request.rc, "cannot use io_uring for a disk") : 0;
}

/* In its thread. */
static void stop(void *data)
{
	struct via_blk_ring *ring = data;

	via_loop_remove(&ring->worker.loop, &ring->kicked);
	via_loop_remove(&ring->worker.loop, &ring->completed);
	while (under_way(ring) && enter(ring, true))
		;
	if (!ring->broken)
		tell(ring);
	ring->queue = NULL;
	__atomic_store_n(&ring->stopping, false, __ATOMIC_RELAXED);
}

void via_blk_ring_stop(struct via_blk_ring *ring)
{
	if (!ring->queue)
		return;
	__atomic_store_n(&ring->stopping, true, __ATOMIC_RELAXED);
	via_worker_call(&ring->worker, stop, ring);
}

/* In its thread, whose ring it is. */
static void forget_file(void *data)
{
	struct via_blk_ring *ring = data;

	/* Else the kernel keeps it open, and locked, for a while after the ring is gone. */
	io_uring_unregister_files(&ring->uring);
}

void via_blk_ring_free(struct via_blk_ring *ring)
{
	if (ring->uring_open)
		via_worker_call(&ring->worker, forget_file, ring);
	via_worker_stop(&ring->worker);
	if (ring->uring_open)
		io_uring_queue_exit(&ring->uring);
	if (ring->made)
		via_close(&ring->completed.fd);
	free(ring->bounce);
}
