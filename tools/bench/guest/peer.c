/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net.h"
#include "work.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define BUFFER_BYTES (8 << 20)
#define BURST	     32U
#define LISTENING    3U

static int listening(const struct sockaddr_in *address, int type)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), one = 1, bytes = BUFFER_BYTES;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	/* The interface that will have the address may not be there yet. */
	setsockopt(fd, SOL_IP, IP_FREEBIND, &one, sizeof(one));
	/* What is lost for want of a buffer here says nothing of the device. */
	if (type == SOCK_DGRAM)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	if (fd < 0 || bind(fd, (const struct sockaddr *)address, sizeof(*address)) ||
	    (type == SOCK_STREAM && listen(fd, 4)))
		talk_failed("cannot listen: %s", strerror(errno));
	return fd;
}

static void stream_in(int fd, char *buffer)
{
	uint64_t bytes = 1; /* the first one has been read */
	ssize_t got;

	while ((got = recv(fd, buffer, NET_STREAM_BYTES, 0)) > 0)
		bytes += (uint64_t)got;
	send(fd, &bytes, sizeof(bytes), 0);
}

static void serve_stream(int fd)
{
	static char buffer[NET_STREAM_BYTES];
	char what = 0;

	if (recv(fd, &what, 1, 0) == 1 && what == NET_STREAM_IN)
		stream_in(fd, buffer);
	while (what == NET_STREAM_OUT && send(fd, buffer, sizeof(buffer), 0) > 0)
		;
	_exit(0);
}

static void serve_packets(int fd)
{
	static uint64_t count;
	struct net_packet packet;
	struct sockaddr_in from;
	socklen_t length = sizeof(from);
	ssize_t got;

	while ((got = recvfrom(fd, &packet, sizeof(packet), MSG_DONTWAIT, (struct sockaddr *)&from,
			       &length)) > 0) {
		if ((size_t)got < NET_HEADER_BYTES)
			continue;
		if (packet.what == NET_SINK) {
			count++;
			continue;
		}
		if (packet.what == NET_COUNT)
			packet.count = count;
		sendto(fd, &packet, (size_t)got, 0, (struct sockaddr *)&from, length);
	}
}

/* As fast as the kernel takes them, to who asked. */
static void send_frames(const struct net_ask *ask, int interface)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_ifindex = interface };
	uint64_t began = now_ns(), duration_ns = ntohs(ask->milliseconds) * 1000000ULL;
	struct net_ask frame = { .type = htons(NET_FRAME_TYPE) };
	struct iovec bytes = { &frame, sizeof(frame) };
	struct mmsghdr messages[BURST] = { 0 };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), one = 1;

	memcpy(frame.to, ask->from, sizeof(frame.to));
	memcpy(frame.from, ask->to, sizeof(frame.from));
	for (unsigned int i = 0; i < BURST; i++) {
		messages[i].msg_hdr.msg_iov = &bytes;
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)))
		_exit(1);
	while (now_ns() - began < duration_ns)
		if (sendmmsg(fd, messages, BURST, 0) < 0 && errno != ENOBUFS && errno != EAGAIN)
			_exit(1);
	_exit(0);
}

/* For one who asked: ends with the peer, and does not keep the next one from listening until then.
 */
static pid_t fork_server(const struct pollfd *listening)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned int i = 0; i < LISTENING; i++)
		close(listening[i].fd);
	return 0;
}

/* One at a time: who asks again is served already. */
static void serve_frames(const struct pollfd *listening)
{
	static pid_t serving;
	struct sockaddr_ll from;
	socklen_t length = sizeof(from);
	struct net_ask ask;

	if (recvfrom(listening[2].fd, &ask, sizeof(ask), MSG_DONTWAIT, (struct sockaddr *)&from,
		     &length) != sizeof(ask) ||
	    from.sll_pkttype != PACKET_HOST || (serving > 0 && !kill(serving, 0)))
		return;
	serving = fork_server(listening);
	if (!serving)
		send_frames(&ask, from.sll_ifindex);
}

/* peer ADDRESS */
void work_peer(char **words)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(NET_PORT) };
	struct pollfd ready[LISTENING];

	if (!words[1] || inet_pton(AF_INET, words[1], &address.sin_addr) != 1)
		talk_failed("the peer wants an address");
	signal(SIGCHLD, SIG_IGN);
	ready[0] = (struct pollfd){ .fd = listening(&address, SOCK_DGRAM), .events = POLLIN };
	ready[1] = (struct pollfd){ .fd = listening(&address, SOCK_STREAM), .events = POLLIN };
	/* Only for those who poll, who say when nobody answers. */
	ready[2] = (struct pollfd){ .fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC,
						 htons(NET_ASK_TYPE)),
				    .events = POLLIN };
	talk("listening");
	for (;;) {
		int fd;

		if (poll(ready, LISTENING, -1) < 0)
			continue;
		if (ready[2].revents)
			serve_frames(ready);
		if (ready[0].revents)
			serve_packets(ready[0].fd);
		if (!ready[1].revents)
			continue;
		fd = accept4(ready[1].fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0 && !fork_server(ready))
			serve_stream(fd);
		if (fd >= 0)
			close(fd);
	}
}
