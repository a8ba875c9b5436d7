/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>

#include "net-private.h"

/* <linux/if_tun.h> has these since Linux 6.2. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

#define MTU_MIN 68U /* virtio 1.2, 5.1.4.1 */

/* Of frames for a queue that was not looked at: more than a queue holds. */
#define STALE_MAX 65536U

#define SENT_OFFLOADS                                                                              \
	(VIA_NET_BIT(VIRTIO_NET_F_CSUM) | VIA_NET_BIT(VIRTIO_NET_F_HOST_TSO4) |                    \
	 VIA_NET_BIT(VIRTIO_NET_F_HOST_TSO6) | VIA_NET_BIT(VIRTIO_NET_F_HOST_ECN))
#define RECEIVED_OFFLOADS                                                                          \
	(VIA_NET_BIT(VIRTIO_NET_F_GUEST_CSUM) | VIA_NET_BIT(VIRTIO_NET_F_GUEST_TSO4) |             \
	 VIA_NET_BIT(VIRTIO_NET_F_GUEST_TSO6) | VIA_NET_BIT(VIRTIO_NET_F_GUEST_ECN))
#define USO                                                                                        \
	(VIA_NET_BIT(VIA_NET_F_HOST_USO) | VIA_NET_BIT(VIA_NET_F_GUEST_USO4) |                     \
	 VIA_NET_BIT(VIA_NET_F_GUEST_USO6))

static bool exists(const struct via_net *net)
{
	return via_host_exists(net->host, "sys/class/net/%s", net->tap);
}

static const char *multi_queue(const struct via_net *net)
{
	return net->pair_count > 1 ? " multi_queue" : "";
}

static int refused_name(const struct via_net *net, struct via_error *err)
{
	uint64_t flags;

	if (via_host_read_u64(net->host, &flags, "sys/class/net/%s/tun_flags", net->tap) ||
	    !(flags & IFF_TAP))
		return via_error_set(err, EINVAL,
				     "%s: %s is no tap interface; make one with "
				     "'ip tuntap add dev NAME mode tap%s'",
				     net->name, net->tap, multi_queue(net));
	return via_error_set(err, EINVAL,
			     "%s: the tap %s has one queue, not %u; make it again: 'ip tuntap del "
			     "dev %s mode tap && ip tuntap add dev %s mode tap multi_queue'",
			     net->name, net->tap, net->pair_count, net->tap, net->tap);
}

static int refused(const struct via_net *net, int errnum, struct via_error *err)
{
	switch (errnum) {
	case EPERM:
		if (exists(net))
			return via_error_set(err, EPERM,
					     "%s: the tap %s is another user's; make it anew for "
					     "this one: 'ip tuntap add dev %s mode tap user %u%s'",
					     net->name, net->tap, net->tap, geteuid(),
					     multi_queue(net));
		return via_error_set(err, EPERM,
				     "%s: there is no tap %s, and only root may make one: 'ip "
				     "tuntap add dev %s mode tap user %u%s'",
				     net->name, net->tap, net->tap, geteuid(), multi_queue(net));
	case EBUSY:
		return via_error_set(err, EBUSY, "%s: another process has the tap %s open",
				     net->name, net->tap);
	case E2BIG:
		return via_error_set(err, E2BIG,
				     "%s: the tap %s has no %u queues left: others have some open",
				     net->name, net->tap, net->pair_count);
	case EINVAL:
		if (exists(net))
			return refused_name(net, err);
		break;
	}
	return via_error_sys(err, errnum, "%s: cannot open the tap %s", net->name, net->tap);
}

static int open_tun(const struct via_net *net, struct via_error *err)
{
	int fd = via_host_open(net->host, O_RDWR | O_NONBLOCK, "dev/net/tun");

	if (fd == -ENOENT || fd == -ENODEV || fd == -ENXIO)
		return via_error_set(err, -fd,
				     "%s: this kernel has no tap interfaces (/dev/net/tun): "
				     "'modprobe tun'",
				     net->name);
	if (fd < 0)
		return via_error_sys(err, -fd, "%s: cannot open /dev/net/tun", net->name);
	return fd;
}

static int attach_name(int fd, const struct via_net *net, short more_flags)
{
	struct ifreq request = { .ifr_flags =
					 (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | more_flags) };

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", net->tap);
	return ioctl(fd, TUNSETIFF, &request) ? -errno : 0;
}

static int open_queue(const struct via_net *net, struct via_error *err)
{
	via_autoclose int fd = open_tun(net, err);
	int header_bytes = VIA_NET_HEADER_BYTES, most = INT_MAX, rc;

	if (fd < 0)
		return fd;
	rc = attach_name(fd, net, net->pair_count > 1 ? IFF_MULTI_QUEUE : 0);
	/* One that was made for several can be opened as such only. */
	if (rc == -EINVAL && net->pair_count == 1)
		rc = attach_name(fd, net, IFF_MULTI_QUEUE);
	if (rc)
		return refused(net, -rc, err);
	/* Whoever had it before may have set it up in another way. */
	if (ioctl(fd, TUNSETVNETHDRSZ, &header_bytes) || ioctl(fd, TUNSETSNDBUF, &most))
		return via_error_sys(err, errno, "%s: cannot set up the tap %s", net->name,
				     net->tap);
	return via_steal_fd(&fd);
}

/* One that was made just now, and goes with us, is of no use to anybody as long as it is down. */
static int bring_up(const struct via_net *net, struct via_error *err)
{
	via_autoclose int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { 0 };

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", net->tap);
	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request))
		return via_error_sys(err, errno, "%s: cannot bring up the tap %s", net->name,
				     net->tap);
	request.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &request))
		return via_error_sys(err, errno, "%s: cannot bring up the tap %s", net->name,
				     net->tap);
	return 0;
}

static int set_attached(const struct via_net_pair *pair, short how)
{
	struct ifreq request = { .ifr_flags = how };

	if (pair->net->pair_count == 1)
		return 0;
	return ioctl(pair->fd, TUNSETQUEUE, &request) ? -errno : 0;
}

int via_net_tap_open(struct via_net *net, const struct via_vmm_net *wanted, struct via_error *err)
{
	bool made = !exists(net);
	uint64_t mtu;
	int rc;

	(void)wanted;
	for (unsigned int i = 0; i < net->pair_count; i++) {
		net->pairs[i].fd = open_queue(net, err);
		if (net->pairs[i].fd < 0)
			return net->pairs[i].fd;
	}
	rc = made ? bring_up(net, err) : 0;
	if (rc)
		return rc;
	/* Until the driver asks for more, there is one. */
	for (unsigned int i = 1; i < net->pair_count; i++) {
		rc = set_attached(&net->pairs[i], IFF_DETACH_QUEUE);
		if (rc)
			return via_error_sys(err, -rc, "%s: cannot set up the tap %s", net->name,
					     net->tap);
	}
	if (!via_host_read_u64(net->host, &mtu, "sys/class/net/%s/mtu", net->tap) &&
	    mtu >= MTU_MIN && mtu <= UINT16_MAX)
		net->mtu = (uint16_t)mtu;
	net->offered |= SENT_OFFLOADS | RECEIVED_OFFLOADS | VIA_NET_BIT(VIRTIO_NET_F_MRG_RXBUF);
	/* Linux 6.2 */
	if (!ioctl(net->pairs[0].fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_USO4 | TUN_F_USO6))
		net->offered |= USO;
	return 0;
}

void via_net_tap_close(struct via_net *net)
{
	for (unsigned int i = 0; i < net->pair_count; i++)
		via_close(&net->pairs[i].fd);
}

int via_net_tap_start(struct via_net *net, struct via_error *err)
{
	unsigned int offloads = 0;

	if (via_net_has(net, VIRTIO_NET_F_GUEST_CSUM)) {
		offloads = TUN_F_CSUM;
		if (via_net_has(net, VIRTIO_NET_F_GUEST_TSO4))
			offloads |= TUN_F_TSO4;
		if (via_net_has(net, VIRTIO_NET_F_GUEST_TSO6))
			offloads |= TUN_F_TSO6;
		if (offloads != TUN_F_CSUM && via_net_has(net, VIRTIO_NET_F_GUEST_ECN))
			offloads |= TUN_F_TSO_ECN;
		if (via_net_has(net, VIA_NET_F_GUEST_USO4) &&
		    via_net_has(net, VIA_NET_F_GUEST_USO6))
			offloads |= TUN_F_USO4 | TUN_F_USO6;
	}
	if (ioctl(net->pairs[0].fd, TUNSETOFFLOAD, (unsigned long)offloads) && errno != EBADFD)
		return via_error_sys(err, errno, "%s: cannot set up the tap %s", net->name,
				     net->tap);
	return 0;
}

/* They may be in a form that the driver before took, and this one does not. */
static void drop_stale(int fd)
{
	uint8_t some[64];

	for (unsigned int i = 0; i < STALE_MAX; i++)
		if (read(fd, some, sizeof(some)) < 0 && (errno == EAGAIN || errno == EBADFD))
			return;
}

int via_net_tap_attach(struct via_net_pair *pair)
{
	int rc = pair->index ? set_attached(pair, IFF_ATTACH_QUEUE) : 0;

	if (!rc)
		drop_stale(pair->fd);
	return rc;
}

void via_net_tap_detach(struct via_net_pair *pair)
{
	if (pair->index)
		set_attached(pair, IFF_DETACH_QUEUE);
}

static int pair_start(struct via_net_pair *pair)
{
	int rc = via_net_tap_attach(pair);

	return rc ? rc : via_net_pair_start(pair);
}

const struct via_net_backend via_net_tap = {
	.name = "tap",
	.open = via_net_tap_open,
	.start = via_net_tap_start,
	.pair_start = pair_start,
	.queue_stop = via_net_pair_queue_stop,
	.queue_start = via_net_pair_queue_start,
	.pair_stop = via_net_tap_detach,
	.close = via_net_tap_close,
};
