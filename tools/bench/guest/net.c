/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net.h"
#include "poll/poll.h"
#include "work.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINK_SECONDS   40
#define PACED	       100
#define ANSWER_SECONDS 30
#define PACE_NS	       20000000ULL

struct net {
	char name[IFNAMSIZ];
	char device[256];
	struct sockaddr_in peer;
	uint64_t duration_ns;
	int udp;
	struct samples samples;
};

/* The first interface that hangs on a device. */
static bool find_interface(char *name)
{
	DIR *dir = opendir("/sys/class/net");
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		char path[300];

		snprintf(path, sizeof(path), "/sys/class/net/%s/device", entry->d_name);
		found = entry->d_name[0] != '.' && !access(path, F_OK);
		if (found)
			snprintf(name, IFNAMSIZ, "%.*s", IFNAMSIZ - 1, entry->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

static int interface_call(const char *name, unsigned long request, struct ifreq *call)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int rc;

	snprintf(call->ifr_name, sizeof(call->ifr_name), "%s", name);
	rc = ioctl(fd, request, call);
	close(fd);
	return rc;
}

static void set_up(const char *name, const char *address)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct ifreq call = { 0 };

	if (inet_pton(AF_INET, address, &in.sin_addr) != 1)
		talk_failed("'%s' is no address", address);
	memcpy(&call.ifr_addr, &in, sizeof(in));
	if (interface_call(name, SIOCSIFADDR, &call))
		talk_failed("cannot set the address of %s: %s", name, strerror(errno));
	in.sin_addr.s_addr = htonl(0xffffff00);
	memcpy(&call.ifr_netmask, &in, sizeof(in));
	interface_call(name, SIOCSIFNETMASK, &call);
	if (interface_call(name, SIOCGIFFLAGS, &call))
		talk_failed("cannot read the flags of %s: %s", name, strerror(errno));
	call.ifr_flags |= IFF_UP;
	if (interface_call(name, SIOCSIFFLAGS, &call))
		talk_failed("cannot bring %s up: %s", name, strerror(errno));
}

/* Past a gateway, for a peer in another network. */
static void set_route(const char *gateway, struct sockaddr_in peer)
{
	struct rtentry route = { .rt_flags = RTF_UP | RTF_GATEWAY | RTF_HOST };
	struct sockaddr_in by = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (inet_pton(AF_INET, gateway, &by.sin_addr) != 1)
		talk_failed("'%s' is no address", gateway);
	peer.sin_port = 0;
	memcpy(&route.rt_dst, &peer, sizeof(peer));
	memcpy(&route.rt_gateway, &by, sizeof(by));
	if (ioctl(fd, SIOCADDRT, &route))
		talk_failed("cannot set the route by %s: %s", gateway, strerror(errno));
	close(fd);
}

static void await_link(const char *name)
{
	char carrier[8] = "";

	for (int tries = 0; tries < LINK_SECONDS * 20; tries++) {
		if (read_line(carrier, sizeof(carrier), "/sys/class/net/%s/carrier", name) &&
		    carrier[0] == '1')
			return;
		usleep(50000);
	}
	talk_failed("%s has no link after %d seconds", name, LINK_SECONDS);
}

static int connected(const struct net *net, int type)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&net->peer, sizeof(net->peer)))
		talk_failed("cannot reach the peer: %s", strerror(errno));
	return fd;
}

/* Sends @request until an answer to it comes; the bytes of the answer, or 0 after @timeout_ms. */
static size_t ask_once(const struct net *net, const struct net_packet *request, size_t bytes,
		       struct net_packet *answer, int timeout_ms)
{
	struct pollfd ready = { .fd = net->udp, .events = POLLIN };

	send(net->udp, request, bytes, 0);
	while (poll(&ready, 1, timeout_ms) > 0) {
		ssize_t got = recv(net->udp, answer, sizeof(*answer), MSG_DONTWAIT);

		/* What was late is an answer to another question. */
		if (got >= (ssize_t)NET_HEADER_BYTES && answer->number == request->number)
			return (size_t)got;
	}
	return 0;
}

static void await_peer(const struct net *net)
{
	struct net_packet request = { .what = NET_ECHO }, answer;

	for (int tries = 0; tries < ANSWER_SECONDS * 2; tries++) {
		request.number++;
		if (ask_once(net, &request, NET_HEADER_BYTES, &answer, 500))
			return;
	}
	talk_failed("the peer did not answer within %d seconds", ANSWER_SECONDS);
}

/* One round trip, in time. */
static bool round_trip(struct net *net, uint64_t number)
{
	struct net_packet request = { .what = NET_ECHO, .number = number }, answer;
	uint64_t began = now_ns();

	if (!ask_once(net, &request, NET_LATENCY_BYTES, &answer, 1000))
		return false;
	samples_add(&net->samples, now_ns() - began);
	return true;
}

/* One after the other for a time; how many came back. */
static uint64_t round_trips(struct net *net, uint64_t duration_ns, uint64_t *number)
{
	uint64_t began = now_ns(), count = 0;

	while (now_ns() - began < duration_ns)
		count += round_trip(net, ++*number);
	return count;
}

static void latency(struct net *net)
{
	uint64_t number = 1U << 20, count;
	struct window window;

	samples_reset(&net->samples);
	round_trips(net, net->duration_ns / 4, &number);
	samples_reset(&net->samples);
	window_begin(&window, "latency", net->device);
	count = round_trips(net, net->duration_ns, &number);
	if (!count)
		talk_failed("no packet came back");
	window_end(&window, count, 0, &net->samples);
}

/* With time to idle between them, as most guests have. */
static void paced(struct net *net)
{
	uint64_t number = 1ULL << 32, count = 0;
	struct window window;

	samples_reset(&net->samples);
	window_begin(&window, "paced", net->device);
	for (int i = 0; i < PACED; i++) {
		uint64_t began = now_ns(), took;

		count += round_trip(net, ++number);
		took = now_ns() - began;
		if (took < PACE_NS)
			usleep((useconds_t)((PACE_NS - took) / 1000));
	}
	if (!count)
		talk_failed("no packet came back");
	window_end(&window, count, 0, &net->samples);
}

/* How many packets the peer ever got. */
static uint64_t ask_count(const struct net *net)
{
	static uint64_t number = 1ULL << 40;

	for (int tries = 0; tries < ANSWER_SECONDS * 2; tries++) {
		struct net_packet request = { .what = NET_COUNT, .number = ++number }, answer;

		if (ask_once(net, &request, NET_HEADER_BYTES, &answer, 500))
			return answer.count;
	}
	talk_failed("the peer did not say how many packets it got");
}

/* As fast as the kernel takes them; returns how many it took. */
static uint64_t send_packets(const struct net *net, size_t bytes, uint64_t duration_ns)
{
	struct net_packet packet = { .what = NET_SINK };
	uint64_t began = now_ns(), taken = 0;

	while (now_ns() - began < duration_ns)
		for (int i = 0; i < 16; i++)
			taken += send(net->udp, &packet, bytes, 0) == (ssize_t)bytes;
	return taken;
}

/* Those that arrive count; what the device lost is told beside. */
static void packets(struct net *net, const char *name, size_t bytes)
{
	uint64_t began, before, count, sent;
	struct window window;
	char lost[32];

	send_packets(net, bytes, net->duration_ns / 8);
	before = ask_count(net);
	window_begin(&window, name, net->device);
	began = now_ns();
	sent = send_packets(net, bytes, net->duration_ns);
	count = ask_count(net) - before;
	window_end(&window, count, (double)count * 1e9 / (double)(now_ns() - began), NULL);
	if (!count)
		talk_failed("no packet reached the peer");
	snprintf(lost, sizeof(lost), "%s-lost", name);
	talk_figure(lost, sent, sent > count ? (double)(sent - count) * 1e3 / (double)sent : 0);
}

/* At least once: on a busy machine connecting alone may take as long. */
static uint64_t stream_out(const struct net *net, uint64_t duration_ns)
{
	static char buffer[NET_STREAM_BYTES];
	int fd = connected(net, SOCK_STREAM);
	uint64_t began = now_ns(), bytes = 0;
	ssize_t got;

	buffer[0] = NET_STREAM_IN;
	do {
		if (send(fd, buffer, sizeof(buffer), 0) < 0)
			talk_failed("the connection broke: %s", strerror(errno));
	} while (now_ns() - began < duration_ns);
	shutdown(fd, SHUT_WR);
	got = recv(fd, &bytes, sizeof(bytes), MSG_WAITALL);
	if (got != sizeof(bytes))
		talk_failed("the peer did not say how much it got, but %s, %.1f s after the last "
			    "byte was sent",
			    got < 0 ? strerror(errno) : "ended the connection",
			    (double)(now_ns() - began - duration_ns) / 1e9);
	close(fd);
	return bytes;
}

static uint64_t stream_in(const struct net *net, uint64_t duration_ns)
{
	static char buffer[NET_STREAM_BYTES];
	int fd = connected(net, SOCK_STREAM);
	uint64_t began = now_ns(), bytes = 0;
	char what = NET_STREAM_OUT;

	if (send(fd, &what, 1, 0) != 1)
		talk_failed("the connection broke: %s", strerror(errno));
	do {
		ssize_t got = recv(fd, buffer, sizeof(buffer), 0);

		if (got <= 0)
			talk_failed("the connection broke: %s",
				    got ? strerror(errno) : "the peer ended it");
		bytes += (uint64_t)got;
	} while (now_ns() - began < duration_ns);
	close(fd);
	return bytes;
}

static void stream(struct net *net, const char *name,
		   uint64_t (*transfer)(const struct net *, uint64_t))
{
	struct window window;
	uint64_t began, bytes;

	transfer(net, net->duration_ns / 4);
	window_begin(&window, name, net->device);
	began = now_ns();
	bytes = transfer(net, net->duration_ns);
	window_end(&window, (bytes + (1 << 20) - 1) >> 20,
		   (double)bytes * 1e9 / (double)(now_ns() - began), NULL);
}

/* By DPDK, to the address at which the kernel reached the peer. Nothing works after it. */
static void poll_frames(const struct net *net, const char *send, const char *receive)
{
	struct arpreq neighbour = { 0 };
	struct poll poll = { .send = send,
			     .receive = receive,
			     .device = net->device,
			     .duration_ns = net->duration_ns };
	char why[80] = "";

	memcpy(&neighbour.arp_pa, &net->peer, sizeof(net->peer));
	snprintf(neighbour.arp_dev, sizeof(neighbour.arp_dev), "%s", net->name);
	poll.address = (const unsigned char *)neighbour.arp_ha.sa_data;
	if (!net->device[0])
		snprintf(why, sizeof(why), "%s is no PCI device", net->name);
	else if (ioctl(net->udp, SIOCGARP, &neighbour))
		snprintf(why, sizeof(why), "the peer's address is not known: %s", strerror(errno));
	else
		work_poll(&poll);
	if (why[0] && send)
		talk_skipped(send, "%s", why);
	if (why[0] && receive)
		talk_skipped(receive, "%s", why);
}

/* What they are told in whole seconds is at least one. */
static void by_tool(const struct net *net, const char *part, const char *peer)
{
	char seconds[24];
	const char *const ping[] = { "ping", "-q", "-n", "-A", "-w", seconds, peer, NULL };
	const char *const iperf3[] = { "iperf3",
				       "-c",
				       peer,
				       "-p",
				       WORK_IPERF3_PORT,
				       "-t",
				       seconds,
				       "-i",
				       "0",
				       "--json",
				       strcmp(part, "iperf3-receive") ? NULL : "--reverse",
				       NULL };

	snprintf(seconds, sizeof(seconds), "%llu",
		 (unsigned long long)(net->duration_ns + 999999999) / 1000000000);
	work_tool(part, net->device, net->duration_ns, strcmp(part, "ping") ? iperf3 : ping);
}

/* net INTERFACE|auto ADDRESS[,GATEWAY] PEER MILLISECONDS PART... */
void work_net(char **words)
{
	struct net net = { .peer = { .sin_family = AF_INET, .sin_port = htons(NET_PORT) } };
	const char *poll_send = NULL, *poll_receive = NULL;
	char path[64], *gateway;

	if (!words[1] || !words[2] || !words[3] || !words[4])
		talk_failed("words are missing");
	if (strcmp(words[1], "auto"))
		snprintf(net.name, sizeof(net.name), "%s", words[1]);
	else if (!find_interface(net.name))
		talk_failed("no network interface: no driver for the device was found in the "
			    "kernel or the initrd");
	snprintf(path, sizeof(path), "/sys/class/net/%s", net.name);
	pci_device_of(path, net.device, sizeof(net.device));
	gateway = strchr(words[2], ',');
	if (gateway)
		*gateway++ = '\0';
	set_up("lo", "127.0.0.1");
	set_up(net.name, words[2]);
	if (inet_pton(AF_INET, words[3], &net.peer.sin_addr) != 1)
		talk_failed("'%s' is no address", words[3]);
	if (gateway)
		set_route(gateway, net.peer);
	net.duration_ns = strtoull(words[4], NULL, 10) * 1000000;
	await_link(net.name);
	net.udp = connected(&net, SOCK_DGRAM);
	await_peer(&net);
	for (char **part = words + 5; *part; part++) {
		if (!strcmp(*part, "latency"))
			latency(&net);
		else if (!strcmp(*part, "paced"))
			paced(&net);
		else if (!strcmp(*part, "packets-64"))
			packets(&net, *part, 64);
		else if (!strcmp(*part, "packets-1472"))
			packets(&net, *part, 1472);
		else if (!strcmp(*part, "send"))
			stream(&net, *part, stream_out);
		else if (!strcmp(*part, "receive"))
			stream(&net, *part, stream_in);
		else if (!strcmp(*part, "ping") || !strncmp(*part, "iperf3-", 7))
			by_tool(&net, *part, words[3]);
		else if (!strcmp(*part, "poll-64"))
			poll_send = *part;
		else if (!strcmp(*part, "poll-receive-64"))
			poll_receive = *part;
		else
			talk_failed("there is no part '%s'", *part);
	}
	if (poll_send || poll_receive)
		poll_frames(&net, poll_send, poll_receive);
}
