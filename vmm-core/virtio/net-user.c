/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <assert.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>

#include "net-private.h"
#include "net-slirp.h"

/*
 * A network of the guest's own, 10.0.2.0/24, whose other end is libslirp: connections of the guest
 * become this process's sockets. It parses what the guest sends, in the thread of the card. The
 * frames are copied once each way, as it wants them in one piece that does not change.
 *
 * libslirp says after each step which sockets it waits for and until when. They are in an epoll
 * instance of their own, which is one event of the thread's loop.
 */
#define EVENTS_MAX 64
#define NEVER_MS   UINT32_MAX

/*
 * Of one guest: half of the descriptors a process usually may have (RLIMIT_NOFILE is 1024), so that
 * the machine never runs out of them, and 2% of the ports the host's own connections leave from.
 * libslirp has up to 256 KiB of buffers for each.
 */
#define SOCKETS_MAX 512

struct socket_slot {
	int fd;		/* open; -1: a free slot */
	int wanted;	/* SLIRP_POLL_* */
	int registered; /* with epoll; 0: not */
	int happened;
	bool kept; /* still wanted in this step */
};

struct via_net_user {
	struct via_slirp_library library;
	Slirp *slirp;
	struct via_net *net;
	int epoll_fd;
	struct via_loop_watch events, timer;
	int64_t timer_at_ns; /* 0: off */
	struct socket_slot sockets[SOCKETS_MAX];
	int socket_count; /* slots, up to the last that is not free */
	int open_count;
	bool warned; /* of SOCKETS_MAX */
	bool pushed; /* frames the guest was not shown yet */
	uint8_t frame[VIA_NET_FRAME_BYTES_MAX];
};

static int64_t now_ns(void *opaque)
{
	struct timespec now;

	(void)opaque;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* For one frame: libslirp has it in one piece. */
struct frame {
	const uint8_t *data;
	size_t size_bytes;
};

static ssize_t take_frame(void *data, const struct iovec *segments, int count)
{
	static const struct virtio_net_hdr_v1 header;
	const struct frame *frame = data;
	size_t done = via_net_scatter(segments, (size_t)count, 0, &header, sizeof(header));

	done += via_net_scatter(segments, (size_t)count, done, frame->data, frame->size_bytes);
	return (ssize_t)done;
}

/* A frame the guest has no buffer for is lost; TCP sends it again. */
static ssize_t send_packet(const void *data, size_t size_bytes, void *opaque)
{
	struct via_net_user *user = opaque;
	struct via_net_pair *pair = &user->net->pairs[0];
	struct frame frame = { .data = data, .size_bytes = size_bytes };
	struct via_net_received received;

	if (!pair->on || !pair->rx || pair->rx->broken)
		return (ssize_t)size_bytes;
	if (via_net_receive(&pair->receiver, take_frame, &frame, &received) == -EPROTO)
		via_net_break(user->net, via_net_rx_index(pair), pair->rx);
	if (received.bytes) {
		user->pushed = true;
		via_net_count(&pair->frames, 1);
		via_net_count(&pair->bytes, received.bytes);
	}
	return (ssize_t)size_bytes;
}

static void guest_error(const char *message, void *opaque)
{
	(void)message;
	(void)opaque;
}

/* Timers are for router advertisements of IPv6, which is off. */
static void *timer_new(SlirpTimerCb callback, void *callback_opaque, void *opaque)
{
	(void)callback;
	(void)callback_opaque;
	return opaque;
}

static void timer_free(void *timer, void *opaque)
{
	(void)timer;
	(void)opaque;
}

static void timer_mod(void *timer, int64_t expire_ms, void *opaque)
{
	(void)timer;
	(void)expire_ms;
	(void)opaque;
}

/* Return: the slot of this socket, which may have none yet; -1 when there is no room. */
static int take_slot(struct via_net_user *user, int fd)
{
	int free_slot = -1;

	for (int i = 0; i < user->socket_count; i++) {
		if (user->sockets[i].fd == fd)
			return i;
		if (user->sockets[i].fd < 0 && free_slot < 0)
			free_slot = i;
	}
	if (free_slot < 0) {
		if (user->socket_count == SOCKETS_MAX)
			return -1;
		free_slot = user->socket_count++;
	}
	user->sockets[free_slot] = (struct socket_slot){ .fd = fd };
	user->open_count++;
	return free_slot;
}

static void register_fd(int fd, void *opaque)
{
	if (fd >= 0)
		take_slot(opaque, fd);
}

/* It is about to be closed, and the next to be opened may get its number. */
static void unregister_fd(int fd, void *opaque)
{
	struct via_net_user *user = opaque;

	for (int i = 0; fd >= 0 && i < user->socket_count; i++) {
		struct socket_slot *slot = &user->sockets[i];

		if (slot->fd != fd)
			continue;
		if (slot->registered)
			epoll_ctl(user->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		*slot = (struct socket_slot){ .fd = -1 };
		user->open_count--;
	}
}

/* Each step ends with a look at what is to be waited for. */
static void notify(void *opaque)
{
	(void)opaque;
}

static uint32_t epoll_events(int wanted)
{
	return (wanted & SLIRP_POLL_IN ? EPOLLIN : 0U) | (wanted & SLIRP_POLL_OUT ? EPOLLOUT : 0U) |
	       (wanted & SLIRP_POLL_PRI ? EPOLLPRI : 0U) |
	       (wanted & SLIRP_POLL_HUP ? EPOLLRDHUP : 0U);
}

static int slirp_events(uint32_t events)
{
	return (events & EPOLLIN ? SLIRP_POLL_IN : 0) | (events & EPOLLOUT ? SLIRP_POLL_OUT : 0) |
	       (events & EPOLLPRI ? SLIRP_POLL_PRI : 0) | (events & EPOLLERR ? SLIRP_POLL_ERR : 0) |
	       (events & (EPOLLHUP | EPOLLRDHUP) ? SLIRP_POLL_HUP : 0);
}

static int add_poll(int fd, int events, void *opaque)
{
	struct via_net_user *user = opaque;
	int index = take_slot(user, fd);

	if (index >= 0) {
		struct socket_slot *slot = &user->sockets[index];

		slot->wanted = slot->kept ? slot->wanted | events : events;
		slot->kept = true;
	}
	return index;
}

static int get_revents(int index, void *opaque)
{
	struct via_net_user *user = opaque;

	return index < 0 || index >= user->socket_count ? 0 : user->sockets[index].happened;
}

static void update_slot(struct via_net_user *user, int index)
{
	struct socket_slot *slot = &user->sockets[index];
	struct epoll_event event = {
		.events = epoll_events(slot->wanted),
		.data.u32 = (uint32_t)index,
	};

	slot->happened = 0;
	if (!slot->kept)
		slot->wanted = 0;
	if (slot->fd < 0 || slot->registered == slot->wanted)
		return;
	if (!slot->wanted) {
		epoll_ctl(user->epoll_fd, EPOLL_CTL_DEL, slot->fd, NULL);
		slot->registered = 0;
		return;
	}
	if (epoll_ctl(user->epoll_fd, slot->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, slot->fd,
		      &event) &&
	    epoll_ctl(user->epoll_fd, EPOLL_CTL_ADD, slot->fd, &event))
		epoll_ctl(user->epoll_fd, EPOLL_CTL_MOD, slot->fd, &event);
	slot->registered = slot->wanted;
}

/* A timer that goes off too early only costs a step. */
static void set_timer(struct via_net_user *user, uint32_t timeout_ms)
{
	int64_t at = timeout_ms == NEVER_MS ? 0 : now_ns(NULL) + timeout_ms * 1000000LL + 1;
	struct itimerspec when = {
		.it_value = { .tv_sec = at / 1000000000LL, .tv_nsec = at % 1000000000LL },
	};

	if (!at || (user->timer_at_ns && user->timer_at_ns <= at))
		return;
	user->timer_at_ns = at;
	timerfd_settime(user->timer.fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/* The end of each step: show the guest what came, and find out what to wait for. */
static void end_step(struct via_net_user *user)
{
	struct via_net_pair *pair = &user->net->pairs[0];
	uint32_t timeout_ms = NEVER_MS;

	if (user->pushed && via_virtq_publish(pair->rx))
		via_virtio_interrupt(user->net->virtio, via_net_rx_index(pair));
	user->pushed = false;
	for (int i = 0; i < user->socket_count; i++)
		user->sockets[i].kept = false;
	user->library.fill(user->slirp, &timeout_ms, add_poll, user);
	for (int i = 0; i < user->socket_count; i++)
		update_slot(user, i);
	while (user->socket_count && user->sockets[user->socket_count - 1].fd < 0)
		user->socket_count--;
	set_timer(user, timeout_ms);
}

static void step(struct via_net_user *user)
{
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_wait(user->epoll_fd, events, EVENTS_MAX, 0);

	for (int i = 0; i < count; i++)
		if (events[i].data.u32 < (uint32_t)user->socket_count)
			user->sockets[events[i].data.u32].happened = slirp_events(events[i].events);
	user->library.poll(user->slirp, 0, get_revents, user);
	end_step(user);
}

static void events_ready(void *data)
{
	step(data);
}

static void timer_ready(void *data)
{
	struct via_net_user *user = data;
	uint64_t times;

	if (read(user->timer.fd, &times, sizeof(times)) < 0)
		return;
	user->timer_at_ns = 0;
	step(user);
}

/* Of an Ethernet frame, and the IPv4 packet in it. */
enum {
	ETHERTYPE = 12,
	IPV4 = 14,
	IPV4_FRAGMENT = IPV4 + 6,
	IPV4_PROTOCOL = IPV4 + 9,
	IPV4_DESTINATION = IPV4 + 16,
	IPV4_BYTES = 20,
	TCP_FLAGS = 13, /* from where the packet's header ends */
	TCP_SYN = 0x02,
	TCP_ACK = 0x10,
};

static bool is_ip(const uint8_t *frame, size_t size_bytes)
{
	return size_bytes >= IPV4 + IPV4_BYTES && frame[ETHERTYPE] == ETH_P_IP >> 8 &&
	       frame[ETHERTYPE + 1] == (ETH_P_IP & 0xff);
}

/*
 * disable_host_loopback is about 10.0.2.2. libslirp would connect to these as they are, which is
 * to the host itself.
 */
static bool is_for_loopback(const uint8_t *packet)
{
	return packet[IPV4_DESTINATION] == 127 || packet[IPV4_DESTINATION] == 0;
}

/*
 * Whether libslirp may open a socket for it. Of a datagram only libslirp knows whether it is one
 * of a flow it has already; of a fragment nobody does.
 */
static bool may_begin_a_flow(const uint8_t *packet, size_t size_bytes)
{
	size_t flags = IPV4 + (packet[IPV4] & 15U) * 4U + TCP_FLAGS;
	bool is_fragment = (packet[IPV4_FRAGMENT] & 0x3f) || packet[IPV4_FRAGMENT + 1];

	if (packet[IPV4_PROTOCOL] != IPPROTO_TCP || is_fragment || flags >= size_bytes)
		return true;
	return (packet[flags] & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

static bool has_too_many_sockets(struct via_net_user *user)
{
	if (user->open_count < SOCKETS_MAX)
		return false;
	if (!user->warned)
		via_host_log(user->net->host, VIA_LOG_WARNING,
			     "%s: the guest has %d connections open, which is the most for a "
			     "network of this kind: what would begin another is dropped",
			     user->net->name, SOCKETS_MAX);
	user->warned = true;
	return true;
}

static bool is_allowed(struct via_net_user *user, size_t size_bytes)
{
	const uint8_t *frame = user->frame;

	if (!is_ip(frame, size_bytes))
		return true;
	if (is_for_loopback(frame))
		return false;
	return !may_begin_a_flow(frame, size_bytes) || !has_too_many_sockets(user);
}

/* The guest may change its memory while libslirp looks: it gets a copy. */
static void pass_on(void *data, const struct iovec *segments, int count, size_t bytes)
{
	struct via_net_user *user = data;
	size_t size_bytes = bytes - VIA_NET_HEADER_BYTES;

	size_bytes = via_net_gather(segments, (size_t)count, VIA_NET_HEADER_BYTES, user->frame,
				    size_bytes);
	if (is_allowed(user, size_bytes))
		user->library.input(user->slirp, user->frame, (int)size_bytes);
}

static void tx_kicked(void *data)
{
	struct via_net_user *user = data;
	struct via_net_pair *pair = &user->net->pairs[0];

	via_net_kicked(pair);
	/*
	 * libslirp looks at the clock nowhere else: without this, what begins after minutes of
	 * silence would be taken for old, and ended.
	 */
	user->library.poll(user->slirp, 0, get_revents, user);
	via_net_transmit_all(pair, pass_on, user);
	end_step(user);
}

/* Each driver gets a network without the connections of the one before. */
static int make_network(struct via_net_user *user)
{
	static const SlirpCb callbacks = {
		.send_packet = send_packet,
		.guest_error = guest_error,
		.clock_get_ns = now_ns,
		.timer_new = timer_new,
		.timer_free = timer_free,
		.timer_mod = timer_mod,
		.register_poll_fd = register_fd,
		.unregister_poll_fd = unregister_fd,
		.notify = notify,
	};
	const SlirpConfig config = {
		.version = 1,
		.in_enabled = true,
		.vnetwork.s_addr = htonl(0x0a000200), /* 10.0.2.0 */
		.vnetmask.s_addr = htonl(0xffffff00),
		.vhost.s_addr = htonl(0x0a000202),
		.vdhcp_start.s_addr = htonl(0x0a00020f),
		.vnameserver.s_addr = htonl(0x0a000203),
		/* What listens on the host's own address only does so to be out of reach. */
		.disable_host_loopback = true,
	};

	user->socket_count = user->open_count = 0;
	user->pushed = false;
	user->slirp = user->library.new(&config, &callbacks, user);
	return user->slirp ? 0 : -EIO;
}

static void user_pair_stop(struct via_net_pair *pair)
{
	struct via_net_user *user = pair->net->user;

	if (user->slirp)
		user->library.cleanup(user->slirp);
	user->slirp = NULL;
}

/* Buffers are looked for when there is a frame: nothing to be told. */
static void start_rx(struct via_net_pair *pair)
{
	via_net_receiver_start(&pair->receiver, pair->rx, false, VIA_NET_HEADER_BYTES, pair->spill);
	via_virtq_disarm(pair->rx);
}

static int start_tx(struct via_net_pair *pair)
{
	pair->tx_kick = (struct via_loop_watch){
		.fd = via_virtio_kick_fd(pair->net->virtio, via_net_tx_index(pair)),
		.ready = tx_kicked,
		.data = pair->net->user,
	};
	return via_loop_add_edge(&pair->worker.loop, &pair->tx_kick);
}

static int user_queue_start(struct via_net_pair *pair, unsigned int index)
{
	if (index == via_net_tx_index(pair))
		return start_tx(pair);
	start_rx(pair);
	return 0;
}

static void user_queue_stop(struct via_net_pair *pair, unsigned int index)
{
	if (index == via_net_tx_index(pair))
		via_loop_remove(&pair->worker.loop, &pair->tx_kick);
	else
		via_net_receiver_stop(&pair->receiver);
}

static int user_pair_start(struct via_net_pair *pair)
{
	struct via_net_user *user = pair->net->user;
	int rc;

	if (pair->rx)
		start_rx(pair);
	rc = make_network(user);
	if (!rc)
		rc = via_loop_add(&pair->worker.loop, &user->events);
	if (!rc)
		rc = via_loop_add(&pair->worker.loop, &user->timer);
	if (!rc && pair->tx)
		rc = start_tx(pair);
	if (!rc)
		end_step(user);
	return rc;
}

static int user_open(struct via_net *net, const struct via_vmm_net *wanted, struct via_error *err)
{
	struct via_net_user *user;
	int rc;

	(void)wanted;
	if (net->pair_count > 1)
		return via_error_set(err, EINVAL,
				     "%s: a card of the kind user has one pair of queues, not %u",
				     net->name, net->pair_count);
	user = net->user = calloc(1, sizeof(*user));
	if (!user)
		return via_error_sys(err, ENOMEM, "%s: cannot describe its network", net->name);
	user->net = net;
	user->epoll_fd = user->timer.fd = -1;
	rc = via_slirp_load(&user->library, err);
	if (rc)
		return rc;
	user->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	user->timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (user->epoll_fd < 0 || user->timer.fd < 0)
		return via_error_sys(err, errno, "%s: cannot set up its network", net->name);
	user->timer.ready = timer_ready;
	user->events = (struct via_loop_watch){ .fd = user->epoll_fd, .ready = events_ready };
	user->events.data = user->timer.data = user;
	return 0;
}

static void user_close(struct via_net *net)
{
	struct via_net_user *user = net->user;

	if (!user)
		return;
	via_slirp_unload(&user->library);
	via_close(&user->epoll_fd);
	via_close(&user->timer.fd);
	free(user);
	net->user = NULL;
}

const struct via_net_backend via_net_user = {
	.name = "user",
	.open = user_open,
	.pair_start = user_pair_start,
	.queue_stop = user_queue_stop,
	.queue_start = user_queue_start,
	.pair_stop = user_pair_stop,
	.close = user_close,
};
