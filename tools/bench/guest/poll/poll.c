/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "poll.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "../net.h"
#include "../work.h"

#define PORT	     0 /* the one device it is given */
#define QUEUE	     0
#define BURST	     32U
#define DESCRIPTORS  512
#define BUFFERS	     2047U /* both rings full and some bursts under way; 2^n - 1 wastes nothing */
#define LINK_SECONDS 20

/* How long the peer goes on when the time is over, as it began before. */
#define LONGER_NS  1000000000ULL
#define LONGEST_NS 60000000000ULL
#define ASK_NS	   200000000ULL
#define ASK_TIMES  25

/* In a guest, which has no IOMMU, memory for DMA is of pages that stay where they are. */
#define HUGE_PAGES "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
#define HUGE_COUNT 32U

static char why[300]; /* the part cannot be done */

__attribute__((format(printf, 1, 2))) static int refuse(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	return -1;
}

static int write_text(const char *text, const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : write(fd, text, strlen(text));
	int error = errno;

	if (fd >= 0)
		close(fd);
	return got < 0 ? refuse("cannot write %s: %s", path, strerror(error)) : 0;
}

static int take_huge_pages(void)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", HUGE_COUNT);
	if (write_text(text, HUGE_PAGES))
		return refuse("the guest's kernel has no huge pages of 2 MiB");
	if (!read_line(text, sizeof(text), HUGE_PAGES) || strtoul(text, NULL, 10) < HUGE_COUNT)
		return refuse("the guest has no %u MiB of memory for huge pages", HUGE_COUNT * 2);
	return 0;
}

/*
 * From the guest's driver to uio_pci_generic, which maps registers and leaves DMA to whoever maps
 * them. (A VF has no INTx; polling needs none.) Debian's kernels have no vfio-pci without an IOMMU.
 */
static int take_device(const char *device)
{
	const char *name = strrchr(device, '/') + 1;
	char path[300];

	guest_load("uio_pci_generic");
	if (access("/sys/bus/pci/drivers/uio_pci_generic", F_OK))
		return refuse("the guest has no uio_pci_generic in its kernel or initrd");
	snprintf(path, sizeof(path), "%s/driver/unbind", device);
	if (!access(path, F_OK) && write_text(name, path))
		return -1;
	snprintf(path, sizeof(path), "%s/driver_override", device);
	if (write_text("uio_pci_generic", path))
		return -1;
	return write_text(name, "/sys/bus/pci/drivers/uio_pci_generic/bind");
}

/* On the host 'viaduct bench' binds it to vfio-pci: it knows what to give back. */
static int get_device(const char *device)
{
	if (getpid() == 1)
		return take_huge_pages() ? -1 : take_device(device);
	talk("give");
	await_answer();
	return 0;
}

/* What DPDK said last, for want of better errors. */
static int refuse_said(const char *what, char *log)
{
	size_t length = log ? strlen(log) : 0;
	const char *line;

	while (length && log[length - 1] == '\n')
		log[--length] = '\0';
	line = length ? strrchr(log, '\n') : NULL;
	return refuse("DPDK cannot %s: %s", what,
		      line     ? line + 1
		      : length ? log
			       : "it does not say why");
}

/* DPDK makes a folder for files it is told not to make: one that goes with this process. */
static void hide_folder(void)
{
	mkdir("/tmp", 0755);
	setenv("RUNTIME_DIRECTORY", "/tmp", 1);
	if (getpid() != 1 &&
	    (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	     mount("tmpfs", "/tmp", "tmpfs", 0, NULL)))
		setenv("RUNTIME_DIRECTORY", "/nonexistent", 1);
}

static int begin_dpdk(const char *device)
{
	char cpu[16];
	const char *memory = getpid() == 1 ? "--in-memory" : "--no-huge";
	const char *words[] = { "viaduct-bench-work",
				memory,
				"--no-shconf",
				"--no-telemetry",
				"-m",
				"32",
				"-l",
				cpu,
				"-a",
				strrchr(device, '/') + 1,
				NULL };

	snprintf(cpu, sizeof(cpu), "%d", sched_getcpu());
	hide_folder();
	return rte_eal_init(sizeof(words) / sizeof(words[0]) - 1, (char **)words) < 0 ? -1 : 0;
}

static struct rte_mempool *start_port(void)
{
	const struct rte_eth_conf conf = { 0 };
	uint16_t receive = DESCRIPTORS, send = DESCRIPTORS;
	struct rte_mempool *pool = rte_pktmbuf_pool_create(
		"frames", BUFFERS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);

	if (!pool || rte_eth_dev_configure(PORT, 1, 1, &conf) ||
	    rte_eth_dev_adjust_nb_rx_tx_desc(PORT, &receive, &send) ||
	    rte_eth_rx_queue_setup(PORT, QUEUE, receive, (unsigned int)SOCKET_ID_ANY, NULL, pool) ||
	    rte_eth_tx_queue_setup(PORT, QUEUE, send, (unsigned int)SOCKET_ID_ANY, NULL) ||
	    rte_eth_dev_start(PORT))
		return NULL;
	return pool;
}

static int await_link(void)
{
	struct rte_eth_link link = { 0 };

	for (int tries = 0; tries < LINK_SECONDS * 20; tries++) {
		if (!rte_eth_link_get_nowait(PORT, &link) && link.link_status)
			return 0;
		usleep(50000);
	}
	return refuse("it has no link after %d seconds", LINK_SECONDS);
}

static void write_frame(struct rte_mbuf *buffer, const struct rte_ether_hdr *header)
{
	char *frame = rte_pktmbuf_mtod(buffer, char *);

	buffer->data_len = NET_FRAME_BYTES;
	buffer->pkt_len = NET_FRAME_BYTES;
	memset(frame, 0, NET_FRAME_BYTES);
	memcpy(frame, header, sizeof(*header));
}

/* Frames the device took. What came in for it is thrown away. */
static uint64_t send_frames(struct rte_mempool *pool, const struct rte_ether_hdr *header,
			    uint64_t duration_ns)
{
	struct rte_mbuf *buffers[BURST];
	uint64_t began = now_ns(), count = 0;

	while (now_ns() - began < duration_ns) {
		uint16_t done = 0;

		if (!rte_pktmbuf_alloc_bulk(pool, buffers, BURST)) {
			for (unsigned int i = 0; i < BURST; i++)
				write_frame(buffers[i], header);
			done = rte_eth_tx_burst(PORT, QUEUE, buffers, BURST);
			rte_pktmbuf_free_bulk(buffers + done, BURST - done);
		}
		count += done;
		done = rte_eth_rx_burst(PORT, QUEUE, buffers, BURST);
		rte_pktmbuf_free_bulk(buffers, done);
	}
	return count;
}

static struct rte_ether_hdr header_to(const struct poll *poll, uint16_t type)
{
	struct rte_ether_hdr header = { .ether_type = rte_cpu_to_be_16(type) };

	memcpy(&header.dst_addr, poll->address, sizeof(header.dst_addr));
	rte_eth_macaddr_get(PORT, &header.src_addr);
	return header;
}

static void measure_sending(const struct poll *poll, struct rte_mempool *pool)
{
	struct rte_ether_hdr header = header_to(poll, NET_FRAME_TYPE);
	struct window window;
	uint64_t began, count;

	send_frames(pool, &header, poll->duration_ns / 4);
	window_begin(&window, poll->send, poll->device);
	began = now_ns();
	count = send_frames(pool, &header, poll->duration_ns);
	window_end(&window, count, (double)count * 1e9 / (double)(now_ns() - began), NULL);
}

/* Frames that came from the peer; whatever else comes is thrown away, too. */
static uint64_t receive_frames(uint64_t duration_ns, uint64_t enough)
{
	struct rte_mbuf *buffers[BURST];
	uint64_t began = now_ns(), count = 0;

	while (now_ns() - began < duration_ns && count < enough) {
		uint16_t done = rte_eth_rx_burst(PORT, QUEUE, buffers, BURST);

		for (uint16_t i = 0; i < done; i++) {
			const struct rte_ether_hdr *header =
				rte_pktmbuf_mtod(buffers[i], const struct rte_ether_hdr *);

			count += buffers[i]->data_len >= sizeof(*header) &&
				 header->ether_type == rte_cpu_to_be_16(NET_FRAME_TYPE);
		}
		rte_pktmbuf_free_bulk(buffers, done);
	}
	return count;
}

/* Asks until the first of them is here. */
static int ask_for_frames(const struct poll *poll, uint64_t duration_ns, struct rte_mempool *pool)
{
	struct rte_ether_hdr header = header_to(poll, NET_ASK_TYPE);
	uint64_t ms = (duration_ns + LONGER_NS) / 1000000;

	for (int tries = 0; tries < ASK_TIMES; tries++) {
		struct rte_mbuf *buffer = rte_pktmbuf_alloc(pool);

		if (!buffer)
			return refuse("DPDK has no buffer left");
		write_frame(buffer, &header);
		rte_pktmbuf_mtod(buffer, struct net_ask *)->milliseconds =
			rte_cpu_to_be_16((uint16_t)ms);
		if (rte_eth_tx_burst(PORT, QUEUE, &buffer, 1) != 1)
			rte_pktmbuf_free(buffer);
		if (receive_frames(ASK_NS, 1))
			return 0;
	}
	return refuse("the peer sent no frames");
}

/* At the pace of the peer, whose kernel sends them. */
static void measure_receiving(const struct poll *poll, struct rte_mempool *pool)
{
	uint64_t duration_ns = poll->duration_ns < LONGEST_NS ? poll->duration_ns : LONGEST_NS;
	struct window window;
	uint64_t began, count = 0;

	window_begin(&window, poll->receive, poll->device);
	began = now_ns();
	if (!ask_for_frames(poll, duration_ns, pool)) {
		began = now_ns();
		count = receive_frames(duration_ns, UINT64_MAX);
	}
	if (count) {
		window_end(&window, count, (double)count * 1e9 / (double)(now_ns() - began), NULL);
		return;
	}
	window_stop(&window);
	talk_skipped(poll->receive, "%s", why);
}

void work_poll(const struct poll *poll)
{
	struct rte_mempool *pool = NULL;
	char *log = NULL;
	size_t log_bytes;
	FILE *said = open_memstream(&log, &log_bytes);
	int rc = said ? get_device(poll->device) : refuse("out of memory");

	if (!rc) {
		rte_openlog_stream(said);
		rc = begin_dpdk(poll->device);
		fflush(said);
		if (rc)
			refuse_said("begin", log);
	}
	if (!rc && !rte_eth_dev_count_avail())
		rc = refuse_said("drive this device", log);
	if (!rc) {
		pool = start_port();
		fflush(said);
		rc = pool ? await_link() : refuse_said("start the device", log);
	}
	if (rc) {
		if (poll->send)
			talk_skipped(poll->send, "%s", why);
		if (poll->receive)
			talk_skipped(poll->receive, "%s", why);
		return;
	}
	if (poll->send)
		measure_sending(poll, pool);
	if (poll->receive)
		measure_receiving(poll, pool);
	rte_eth_dev_stop(PORT);
	rte_eth_dev_close(PORT);
}
