/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_ids.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>

#include <viaduct/util/cleanup.h>

#include "net-private.h"

#define QUEUE_SIZE VIA_VIRTQ_SIZE_MAX

/* Up to speed and duplex, which nothing here knows. */
#define CONFIG_BYTES offsetof(struct virtio_net_config, speed)

void via_net_break(struct via_net *net, unsigned int index, const struct via_virtq *queue)
{
	via_virtio_break(net->virtio, "queue %u: %s", index, queue->broken);
}

void via_net_go_down(struct via_net *net, int errnum)
{
	if (atomic_exchange(&net->down, true))
		return;
	via_host_log(net->host, VIA_LOG_WARNING, "%s: %s is gone: %s; the guest's link is down",
		     net->name, net->tap, strerror(errnum));
	via_virtio_config_changed(net->virtio);
}

struct pair_start {
	struct via_net_pair *pair;
	int rc;
};

static void start_in_thread(void *data)
{
	struct pair_start *start = data;

	start->rc = start->pair->net->backend->pair_start(start->pair);
}

static void stop_thread(struct via_net_pair *pair)
{
	if (!pair->worker.running)
		return;
	via_worker_stop(&pair->worker);
	pair->past_cpu_ns += via_worker_cpu_ns(&pair->worker);
	pair->worker.cpu_ns = 0;
}

static void stop_pair(struct via_net_pair *pair)
{
	if (!pair->on)
		return;
	pthread_mutex_lock(&pair->net->mutex);
	stop_thread(pair);
	pair->on = false;
	pthread_mutex_unlock(&pair->net->mutex);
	if (!pair->net->backend->one_thread && pair->rx)
		via_net_receiver_stop(&pair->receiver);
	if (pair->net->backend->pair_stop)
		pair->net->backend->pair_stop(pair);
}

static int start_pair(struct via_net_pair *pair)
{
	struct via_net *net = pair->net;
	struct pair_start start = { .pair = pair };
	char name[sizeof(net->name)];
	int rc = 0;

	pair->rx = via_virtio_queue(net->virtio, via_net_rx_index(pair));
	pair->tx = via_virtio_queue(net->virtio, via_net_tx_index(pair));
	pair->again = false;
	pthread_mutex_lock(&net->mutex);
	if (!pair->index || !net->backend->one_thread) {
		snprintf(name, sizeof(name), "%.8s-%u", net->name, pair->index);
		rc = via_worker_start(&pair->worker, name, NULL);
	}
	pair->on = !rc;
	pthread_mutex_unlock(&net->mutex);
	if (rc)
		return rc;
	via_worker_call(&pair->worker, start_in_thread, &start);
	if (start.rc)
		stop_pair(pair);
	return start.rc;
}

int via_net_set_active(struct via_net *net, unsigned int count)
{
	int rc = 0;

	for (unsigned int i = net->pair_count - 1; i >= count; i--)
		stop_pair(&net->pairs[i]);
	for (unsigned int i = 1; !rc && i < count; i++)
		if (!net->pairs[i].on)
			rc = start_pair(&net->pairs[i]);
	return rc;
}

static void stop(void *device)
{
	struct via_net *net = device;

	/* The first serves the control queue, which starts and stops the others. */
	stop_thread(&net->pairs[0]);
	for (unsigned int i = 0; i < net->pair_count; i++)
		stop_pair(&net->pairs[i]);
	net->control = NULL;
}

static void start_control(void *data)
{
	struct pair_start *start = data;

	start->rc = via_net_control_start(start->pair->net);
}

static int start(void *device, uint64_t features, struct via_error *err)
{
	struct via_net *net = device;
	struct pair_start control = { .pair = &net->pairs[0] };
	int rc;

	net->features = features;
	rc = net->backend->start ? net->backend->start(net, err) : 0;
	if (rc)
		return rc;
	rc = start_pair(&net->pairs[0]);
	if (!rc) {
		via_worker_call(&net->pairs[0].worker, start_control, &control);
		rc = control.rc;
	}
	if (!rc)
		return 0;
	stop(net);
	return via_error_sys(err, -rc, "%s: cannot start", net->name);
}

struct queue_call {
	struct via_net *net;
	unsigned int index;
	int rc;
};

static struct via_net_pair *pair_of(const struct queue_call *call)
{
	return &call->net->pairs[call->index / 2];
}

static struct via_virtq **queue_of(const struct queue_call *call)
{
	return call->index % 2 ? &pair_of(call)->tx : &pair_of(call)->rx;
}

static void stop_queue(void *data)
{
	const struct queue_call *call = data;

	call->net->backend->queue_stop(pair_of(call), call->index);
	*queue_of(call) = NULL;
}

static void start_queue(void *data)
{
	struct queue_call *call = data;

	*queue_of(call) = via_virtio_queue(call->net->virtio, call->index);
	call->rc = call->net->backend->queue_start(pair_of(call), call->index);
}

/* One that does not work now takes what queues there are when it does. */
static bool has_working_pair(const struct queue_call *call)
{
	return call->index / 2 < call->net->pair_count && pair_of(call)->on;
}

/* In the thread of the first pair, where the control queue starts and stops the others. */
static void stop_any_queue(void *data)
{
	struct queue_call *call = data;

	if (call->index == via_net_control_index(call->net))
		via_net_control_stop(call->net);
	else if (has_working_pair(call) && *queue_of(call))
		via_worker_call(&pair_of(call)->worker, stop_queue, call);
}

static void start_any_queue(void *data)
{
	struct queue_call *call = data;

	if (call->index == via_net_control_index(call->net))
		call->rc = via_net_control_start(call->net);
	else if (has_working_pair(call) && !*queue_of(call))
		via_worker_call(&pair_of(call)->worker, start_queue, call);
}

static void queue_stop(void *device, unsigned int index)
{
	struct queue_call call = { .net = device, .index = index };

	via_worker_call(&call.net->pairs[0].worker, stop_any_queue, &call);
}

static int queue_start(void *device, unsigned int index)
{
	struct queue_call call = { .net = device, .index = index };

	via_worker_call(&call.net->pairs[0].worker, start_any_queue, &call);
	return call.rc;
}

static void config_read(void *device, size_t offset, void *data, size_t size_bytes)
{
	const struct via_net *net = device;
	struct virtio_net_config config = {
		.status = htole16(atomic_load(&net->down) ? 0 : VIRTIO_NET_S_LINK_UP),
		.max_virtqueue_pairs = htole16((uint16_t)net->pair_count),
		.mtu = htole16(net->mtu),
	};

	memcpy(config.mac, net->mac, sizeof(config.mac));
	memcpy(data, (const uint8_t *)&config + offset, size_bytes);
}

static void stats(void *device, struct via_vmm_virtio_stats *stats)
{
	struct via_net *net = device;

	snprintf(stats->backend, sizeof(stats->backend), "%s", net->backend->name);
	pthread_mutex_lock(&net->mutex);
	for (unsigned int i = 0; i < net->pair_count; i++) {
		struct via_net_pair *pair = &net->pairs[i];

		stats->kicks += atomic_load_explicit(&pair->kicks, memory_order_relaxed);
		stats->requests += atomic_load_explicit(&pair->frames, memory_order_relaxed);
		stats->bytes += atomic_load_explicit(&pair->bytes, memory_order_relaxed);
		stats->cpu_ns += pair->past_cpu_ns;
		if (pair->worker.running)
			stats->cpu_ns += via_worker_cpu_ns(&pair->worker);
	}
	pthread_mutex_unlock(&net->mutex);
	if (net->backend->stats)
		net->backend->stats(net, stats);
}

static void free_card(void *device)
{
	struct via_net *net = device;

	if (net->pairs)
		net->backend->close(net);
	for (unsigned int i = 0; net->pairs && i < net->pair_count; i++)
		free(net->pairs[i].spill);
	free(net->pairs);
	via_close(&net->control_timer.fd);
	pthread_mutex_destroy(&net->mutex);
	free(net);
}

static const struct via_virtio_kind kind = {
	.name = "net",
	.id = VIRTIO_ID_NET,
	.pci_class = 0x020000,
	.config_bytes = CONFIG_BYTES,
	.start = start,
	.stop = stop,
	.queue_stop = queue_stop,
	.queue_start = queue_start,
	.config_read = config_read,
	.stats = stats,
	.free = free_card,
};

/* FNV-1a */
static uint64_t hash(uint64_t seed, const char *text)
{
	for (; *text; text++)
		seed = (seed ^ (uint8_t)*text) * 0x100000001b3ULL;
	return seed;
}

/*
 * Locally administered, the same for the same card of the same guest, and another for each tap of
 * each host.
 */
static void make_mac(struct via_net *net)
{
	char machine[64] = "";
	uint64_t value;

	via_host_read(net->host, machine, sizeof(machine), "etc/machine-id");
	value = hash(hash(hash(0xcbf29ce484222325ULL, machine), net->tap), net->name);
	net->mac[0] = 0x02;
	for (unsigned int i = 1; i < sizeof(net->mac); i++)
		net->mac[i] = (uint8_t)(value >> 8 * i);
}

static int set_mac(struct via_net *net, const uint8_t mac[static 6], struct via_error *err)
{
	static const uint8_t none[6];

	if (!memcmp(mac, none, sizeof(none))) {
		make_mac(net);
		return 0;
	}
	if (mac[0] & 1)
		return via_error_set(err, EINVAL,
				     "%s: %02x:%02x:%02x:%02x:%02x:%02x is the address of a group; "
				     "the first byte of a card's is even",
				     net->name, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	memcpy(net->mac, mac, sizeof(net->mac));
	return 0;
}

static int add_pairs(struct via_net *net, unsigned int count, struct via_error *err)
{
	if (count > VIA_VMM_QUEUES_MAX)
		return via_error_set(err, EINVAL,
				     "%s: a card has at most %d pairs of queues, not %u", net->name,
				     VIA_VMM_QUEUES_MAX, count);
	net->pairs = calloc(count, sizeof(*net->pairs));
	if (!net->pairs)
		return via_error_sys(err, ENOMEM, "%s: cannot describe its queues", net->name);
	net->pair_count = count;
	for (unsigned int i = 0; i < count; i++) {
		struct via_net_pair *pair = &net->pairs[i];

		pair->net = net;
		pair->index = i;
		pair->fd = pair->vhost_fd = pair->error.fd = -1;
	}
	for (unsigned int i = 0; i < count; i++) {
		net->pairs[i].spill = malloc(VIA_NET_FRAME_BYTES_MAX);
		if (!net->pairs[i].spill)
			return via_error_sys(err, ENOMEM, "%s: cannot describe its queues",
					     net->name);
	}
	return 0;
}

static int add_control(struct via_net *net, struct via_error *err)
{
	net->control_timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (net->control_timer.fd < 0)
		return via_error_sys(err, errno, "%s: cannot describe its queues", net->name);
	net->offered |= VIA_NET_BIT(VIRTIO_NET_F_CTRL_VQ) | VIA_NET_BIT(VIRTIO_NET_F_MQ);
	return 0;
}

static const struct via_net_backend *backend_of(const struct via_vmm_net *wanted)
{
	switch (wanted->backend) {
	case VIA_VMM_NET_TAP:
		return &via_net_tap;
	case VIA_VMM_NET_TAP_VHOST:
		return &via_net_vhost;
	case VIA_VMM_NET_USER:
		break;
	}
	return &via_net_user;
}

static int init(struct via_net *net, const struct via_vmm_net *wanted, struct via_error *err)
{
	int rc;

	if (wanted->backend != VIA_VMM_NET_USER) {
		if (!wanted->tap || !*wanted->tap || strlen(wanted->tap) >= sizeof(net->tap) ||
		    strpbrk(wanted->tap, "/%: \t\n") || !strcmp(wanted->tap, ".") ||
		    !strcmp(wanted->tap, ".."))
			return via_error_set(err, EINVAL, "%s: '%s' cannot be the name of a tap",
					     net->name, wanted->tap ? wanted->tap : "");
		snprintf(net->tap, sizeof(net->tap), "%s", wanted->tap);
	}
	rc = set_mac(net, wanted->mac, err);
	if (!rc)
		rc = add_pairs(net, wanted->queues ? wanted->queues : 1, err);
	if (!rc)
		rc = net->backend->open(net, wanted, err);
	if (rc)
		return rc;
	net->offered |= VIA_NET_BIT(VIRTIO_NET_F_MAC) | VIA_NET_BIT(VIRTIO_NET_F_STATUS);
	if (net->mtu)
		net->offered |= VIA_NET_BIT(VIRTIO_NET_F_MTU);
	return net->pair_count > 1 ? add_control(net, err) : 0;
}

int via_net_new(const struct via_virtio_machine *machine, const struct via_vmm_net *wanted,
		const struct via_net_backend *backend, unsigned int index,
		struct via_virtio **virtio, struct via_error *err)
{
	struct via_virtio_description description = { .kind = &kind, .queue_size = QUEUE_SIZE };
	struct via_net *net = calloc(1, sizeof(*net));
	int rc;

	if (!net)
		return via_error_sys(err, ENOMEM, "cannot describe a network card");
	net->host = machine->host;
	net->memory = machine->memory;
	net->backend = backend;
	net->control_timer.fd = -1;
	pthread_mutex_init(&net->mutex, NULL);
	snprintf(net->name, sizeof(net->name), "net%u", index);
	rc = init(net, wanted, err);
	if (!rc) {
		memcpy(description.name, net->name, sizeof(description.name));
		description.device = net;
		description.features = net->offered;
		description.queue_count = 2 * net->pair_count + (net->pair_count > 1);
		rc = via_virtio_new(machine, &description, &net->virtio, err);
	}
	if (rc) {
		free_card(net);
		return rc;
	}
	*virtio = net->virtio;
	return 0;
}

int via_virtio_net_new(const struct via_virtio_machine *machine, const struct via_vmm_net *wanted,
		       unsigned int index, struct via_virtio **virtio, struct via_error *err)
{
	return via_net_new(machine, wanted, backend_of(wanted), index, virtio, err);
}
