/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>

#include "net-private.h"

/* What of a driver's features is the affair of who works on its queues. */
#define RING_FEATURES                                                                              \
	(VIA_NET_BIT(VIRTIO_RING_F_INDIRECT_DESC) | VIA_NET_BIT(VIRTIO_RING_F_EVENT_IDX) |         \
	 VIA_NET_BIT(VIRTIO_NET_F_MRG_RXBUF) | VIA_NET_BIT(VIRTIO_F_VERSION_1))

/* The kernel's numbers of a pair's queues. */
enum { VHOST_RX, VHOST_TX, VHOST_QUEUES };

static int open_vhost(struct via_net_pair *pair, struct via_error *err)
{
	const struct via_net *net = pair->net;
	uint64_t features;
	int fd = via_host_open(net->host, O_RDWR, "dev/vhost-net");

	if (fd == -ENOENT || fd == -ENODEV || fd == -ENXIO)
		return via_error_set(err, -fd,
				     "%s: this kernel has no vhost-net (/dev/vhost-net): 'modprobe "
				     "vhost_net', or leave out ',vhost'",
				     net->name);
	if (fd < 0)
		return via_error_sys(err, -fd, "%s: cannot open /dev/vhost-net", net->name);
	pair->vhost_fd = fd;
	pair->error.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (pair->error.fd < 0)
		return via_error_sys(err, errno, "%s: cannot watch its queues", net->name);
	if (ioctl(fd, VHOST_SET_OWNER) || ioctl(fd, VHOST_GET_FEATURES, &features))
		return via_error_sys(err, errno, "%s: cannot set up /dev/vhost-net", net->name);
	if (~features & RING_FEATURES)
		return via_error_set(err, ENOTSUP,
				     "%s: this kernel's vhost-net is too old: it lacks the "
				     "features 0x%llx",
				     net->name, (unsigned long long)(~features & RING_FEATURES));
	return 0;
}

/* As the tap counts them: it sends what the guest receives. */
static const struct {
	const char *name;
	bool bytes;
} counters[] = {
	{ "rx_packets", false },
	{ "tx_packets", false },
	{ "rx_bytes", true },
	{ "tx_bytes", true },
};

static uint64_t read_counter(const struct via_net *net, size_t which)
{
	uint64_t value;

	return via_host_read_u64(net->host, &value, "sys/class/net/%s/statistics/%s", net->tap,
				 counters[which].name)
		       ? 0
		       : value;
}

static int vhost_open(struct via_net *net, const struct via_vmm_net *wanted, struct via_error *err)
{
	int rc = via_net_tap_open(net, wanted, err);

	for (unsigned int i = 0; !rc && i < net->pair_count; i++)
		rc = open_vhost(&net->pairs[i], err);
	for (size_t i = 0; i < sizeof(counters) / sizeof(*counters); i++)
		net->tap_counts[i] = read_counter(net, i);
	return rc;
}

static void vhost_close(struct via_net *net)
{
	for (unsigned int i = 0; i < net->pair_count; i++) {
		via_close(&net->pairs[i].vhost_fd);
		via_close(&net->pairs[i].error.fd);
	}
	via_net_tap_close(net);
}

static int set_memory(int fd, const struct via_memory *memory)
{
	enum { PIECES_MAX = sizeof(memory->pieces) / sizeof(*memory->pieces) };
	union {
		struct vhost_memory table;
		uint8_t room[sizeof(struct vhost_memory) +
			     PIECES_MAX * sizeof(struct vhost_memory_region)];
	} argument = { .table.nregions = (uint32_t)memory->piece_count };

	for (size_t i = 0; i < memory->piece_count; i++)
		argument.table.regions[i] = (struct vhost_memory_region){
			.guest_phys_addr = memory->pieces[i].gpa,
			.memory_size = memory->pieces[i].size_bytes,
			.userspace_addr = (uintptr_t)memory->pieces[i].hva,
		};
	return ioctl(fd, VHOST_SET_MEM_TABLE, &argument) ? -errno : 0;
}

static struct via_virtq *queue_of(const struct via_net_pair *pair, unsigned int number)
{
	return number == VHOST_RX ? pair->rx : pair->tx;
}

/* A driver that switches a pair off and on again goes on where it was. */
static int set_position(const struct via_net_pair *pair, unsigned int number)
{
	const struct via_virtq *queue = queue_of(pair, number);
	struct vhost_vring_state base = { .index = number, .num = queue ? queue->taken : 0 };

	return ioctl(pair->vhost_fd, VHOST_SET_VRING_BASE, &base) ? -errno : 0;
}

static void get_position(const struct via_net_pair *pair, unsigned int number)
{
	struct vhost_vring_state base = { .index = number };
	struct via_virtq *queue = queue_of(pair, number);

	if (queue && !ioctl(pair->vhost_fd, VHOST_GET_VRING_BASE, &base))
		queue->taken = (uint16_t)base.num;
}

/* What it says of its places was checked by via_virtq_start(). */
static int set_queue(const struct via_net_pair *pair, unsigned int number, unsigned int index)
{
	struct via_virtio *virtio = pair->net->virtio;
	const struct via_virtq *queue = via_virtio_queue(virtio, index);
	struct vhost_vring_state size = { .index = number, .num = queue->size };
	struct vhost_vring_addr addresses = {
		.index = number,
		.desc_user_addr = (uintptr_t)queue->desc,
		.avail_user_addr = (uintptr_t)queue->avail,
		.used_user_addr = (uintptr_t)queue->used,
	};
	struct vhost_vring_file kick = { .index = number, .fd = via_virtio_kick_fd(virtio, index) };
	struct vhost_vring_file call = { .index = number, .fd = via_virtio_call_fd(virtio, index) };
	struct vhost_vring_file error = { .index = number, .fd = pair->error.fd };
	struct vhost_vring_file tap = { .index = number, .fd = pair->fd };
	int fd = pair->vhost_fd;

	return ioctl(fd, VHOST_SET_VRING_NUM, &size) ||
			       ioctl(fd, VHOST_SET_VRING_ADDR, &addresses) ||
			       ioctl(fd, VHOST_SET_VRING_KICK, &kick) ||
			       ioctl(fd, VHOST_SET_VRING_CALL, &call) ||
			       ioctl(fd, VHOST_SET_VRING_ERR, &error) ||
			       ioctl(fd, VHOST_NET_SET_BACKEND, &tap)
		       ? -errno
		       : 0;
}

/* The kernel only says that it is so. It goes on, which does no harm, until the driver resets. */
static void failed(void *data)
{
	struct via_net_pair *pair = data;

	via_loop_remove(&pair->net->pairs[0].worker.loop, &pair->error);
	via_virtio_break(pair->net->virtio, "vhost-net found queue %u or %u broken",
			 via_net_rx_index(pair), via_net_tx_index(pair));
}

static int watch_errors(struct via_net_pair *pair)
{
	uint64_t old;

	/* The thread has a new loop each time the driver starts. */
	if (read(pair->error.fd, &old, sizeof(old)) < 0 && errno != EAGAIN)
		return -errno;
	pair->error.ready = failed;
	pair->error.data = pair;
	return via_loop_add(&pair->net->pairs[0].worker.loop, &pair->error);
}

static int queue_start(struct via_net_pair *pair, unsigned int index)
{
	unsigned int number = index == via_net_rx_index(pair) ? VHOST_RX : VHOST_TX;
	int rc = set_position(pair, number);

	return rc ? rc : set_queue(pair, number, index);
}

/* When a back end is taken away, the kernel waits until what it had begun is done. */
static void take_back(const struct via_net_pair *pair, unsigned int number)
{
	struct vhost_vring_file none = { .index = number, .fd = -1 };

	ioctl(pair->vhost_fd, VHOST_NET_SET_BACKEND, &none);
}

static void queue_stop(struct via_net_pair *pair, unsigned int index)
{
	take_back(pair, index == via_net_rx_index(pair) ? VHOST_RX : VHOST_TX);
}

static int pair_start(struct via_net_pair *pair)
{
	uint64_t features = pair->net->features & RING_FEATURES;
	int rc = set_position(pair, VHOST_RX);

	if (!rc)
		rc = set_position(pair, VHOST_TX);
	if (!rc)
		rc = via_net_tap_attach(pair);
	if (!rc && ioctl(pair->vhost_fd, VHOST_SET_FEATURES, &features))
		rc = -errno;
	if (!rc)
		rc = set_memory(pair->vhost_fd, pair->net->memory);
	/* From now on the kernel may find a queue broken. */
	if (!rc)
		rc = watch_errors(pair);
	if (!rc && pair->rx)
		rc = set_queue(pair, VHOST_RX, via_net_rx_index(pair));
	if (!rc && pair->tx)
		rc = set_queue(pair, VHOST_TX, via_net_tx_index(pair));
	return rc;
}

static void pair_stop(struct via_net_pair *pair)
{
	struct via_worker *worker = &pair->net->pairs[0].worker;

	for (unsigned int i = 0; i < VHOST_QUEUES; i++) {
		take_back(pair, i);
		get_position(pair, i);
	}
	if (worker->running)
		via_loop_remove(&worker->loop, &pair->error);
	via_net_tap_detach(pair);
}

static void stats(struct via_net *net, struct via_vmm_virtio_stats *stats)
{
	for (size_t i = 0; i < sizeof(counters) / sizeof(*counters); i++) {
		uint64_t now = read_counter(net, i), more = now - net->tap_counts[i];

		/* One that is gone, or was set to zero, tells nothing. */
		if (now < net->tap_counts[i])
			continue;
		*(counters[i].bytes ? &stats->bytes : &stats->requests) += more;
	}
}

const struct via_net_backend via_net_vhost = {
	.name = "vhost",
	.one_thread = true,
	.open = vhost_open,
	.start = via_net_tap_start,
	.pair_start = pair_start,
	.queue_stop = queue_stop,
	.queue_start = queue_start,
	.pair_stop = pair_stop,
	.stats = stats,
	.close = vhost_close,
};
