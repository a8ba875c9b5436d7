/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECOND	     VIA_BENCH_UNIT_PER_SECOND
#define BYTES	     VIA_BENCH_UNIT_BYTES_PER_SECOND
#define LESS	     VIA_BENCH_BETTER_LOWER
#define MORE	     VIA_BENCH_BETTER_HIGHER

/* The times of the operations of another part. */
#define FOLLOWS(part, text, of_series, depth)                                                      \
	{                                                                                          \
		.name = part, .title = text, .unit = VIA_BENCH_UNIT_NS, .better = LESS,            \
		.series = of_series, .at = depth, .follows = true                                  \
	}

/* A part that a standard tool does. */
#define BY(of_tool, of_what, ...)                                                                  \
	.by = &(const struct via_bench_tool_part)                                                  \
	{                                                                                          \
		.tool = of_tool, .what = of_what, ##__VA_ARGS__                                    \
	}

static const struct via_bench_part net[] = {
	{ "latency", "Round trip of 64 bytes, one after the other", VIA_BENCH_UNIT_NS, LESS,
	  "round trip" },
	{ "packets-64", "Packets sent, 64 bytes", SECOND, MORE, "packet", "Packets sent by size",
	  64 },
	{ "packets-1472", "Packets sent, 1472 bytes", SECOND, MORE, "packet",
	  "Packets sent by size", 1472 },
	{ .name = "packets-64-lost",
	  .title = "Packets of 64 bytes lost, of a thousand sent",
	  .unit = VIA_BENCH_UNIT_COUNT,
	  .better = LESS,
	  .follows = true },
	{ .name = "packets-1472-lost",
	  .title = "Packets of 1472 bytes lost, of a thousand sent",
	  .unit = VIA_BENCH_UNIT_COUNT,
	  .better = LESS,
	  .follows = true },
	{ "send", "Throughput, sending", BYTES, MORE, "MiB" },
	{ "receive", "Throughput, receiving", BYTES, MORE, "MiB" },
	{ "ping", "Round trip by ping, its mean", VIA_BENCH_UNIT_NS, LESS, "round trip",
	  BY(VIA_BENCH_TOOL_PING, VIA_BENCH_PING) },
	{ "iperf3-send", "Throughput by iperf3, sending", BYTES, MORE, "MiB",
	  BY(VIA_BENCH_TOOL_IPERF3, VIA_BENCH_IPERF3) },
	{ "iperf3-receive", "Throughput by iperf3, receiving", BYTES, MORE, "MiB",
	  BY(VIA_BENCH_TOOL_IPERF3, VIA_BENCH_IPERF3) },
#if VIADUCT_DPDK
	/* The last, as it takes the device from its driver. */
	{ "poll-64", "Frames sent by polling (DPDK), 64 bytes", SECOND, MORE, "frame" },
	{ "poll-receive-64", "Frames received by polling (DPDK), 64 bytes", SECOND, MORE, "frame" },
#endif
};

static const struct via_bench_part disk[] = {
	{ "read-latency", "Random read of 4 KiB, one after the other", VIA_BENCH_UNIT_NS, LESS,
	  "read", "Time of a random read by queue depth", 1 },
	{ "read-iops-4", "Random reads of 4 KiB, queue depth 4", SECOND, MORE, "read",
	  "Random reads by queue depth", 4 },
	{ "read-iops-16", "Random reads of 4 KiB, queue depth 16", SECOND, MORE, "read",
	  "Random reads by queue depth", 16 },
	{ "read-iops-64", "Random reads of 4 KiB, queue depth 64", SECOND, MORE, "read",
	  "Random reads by queue depth", 64 },
	FOLLOWS("read-latency-4", "Random read of 4 KiB, one of 4 under way",
		"Time of a random read by queue depth", 4),
	FOLLOWS("read-latency-16", "Random read of 4 KiB, one of 16 under way",
		"Time of a random read by queue depth", 16),
	FOLLOWS("read-latency-64", "Random read of 4 KiB, one of 64 under way",
		"Time of a random read by queue depth", 64),
	{ "read-sequential", "Sequential read, 256 KiB, queue depth 4", BYTES, MORE, "read" },
	/* From here on they write. */
	{ "write-latency", "Random write of 4 KiB, one after the other", VIA_BENCH_UNIT_NS, LESS,
	  "write" },
	{ "write-iops-16", "Random writes of 4 KiB, queue depth 16", SECOND, MORE, "write" },
	FOLLOWS("write-latency-16", "Random write of 4 KiB, one of 16 under way", NULL, 0),
	{ "write-sequential", "Sequential write, 256 KiB, queue depth 4", BYTES, MORE, "write" },
	{ "fio-iops-1", "Random reads of 4 KiB by fio, queue depth 1", SECOND, MORE, "read",
	  "Random reads by fio, by queue depth", 1,
	  BY(VIA_BENCH_TOOL_FIO, VIA_BENCH_FIO_READS, .times = "fio-latency-1") },
	{ "fio-iops-32", "Random reads of 4 KiB by fio, queue depth 32", SECOND, MORE, "read",
	  "Random reads by fio, by queue depth", 32,
	  BY(VIA_BENCH_TOOL_FIO, VIA_BENCH_FIO_READS, .times = "fio-latency-32") },
	FOLLOWS("fio-latency-1", "Random read of 4 KiB by fio, one after the other",
		"Time of a random read by fio, by queue depth", 1),
	FOLLOWS("fio-latency-32", "Random read of 4 KiB by fio, one of 32 under way",
		"Time of a random read by fio, by queue depth", 32),
	{ "fio-sequential", "Sequential read by fio, 256 KiB, queue depth 4", BYTES, MORE, "read",
	  BY(VIA_BENCH_TOOL_FIO, VIA_BENCH_FIO_READING) },
	{ "fio-write-iops-32", "Random writes of 4 KiB by fio, queue depth 32", SECOND, MORE,
	  "write", BY(VIA_BENCH_TOOL_FIO, VIA_BENCH_FIO_WRITES, .times = "fio-write-latency-32") },
	FOLLOWS("fio-write-latency-32", "Random write of 4 KiB by fio, one of 32 under way", NULL,
		0),
	{ "fio-write-sequential", "Sequential write by fio, 256 KiB, queue depth 4", BYTES, MORE,
	  "write", BY(VIA_BENCH_TOOL_FIO, VIA_BENCH_FIO_WRITING) },
};

static const struct via_bench_part irq[] = {
	{ "interrupt", "From the device's interrupt (INTx) to the program that waits for it",
	  VIA_BENCH_UNIT_NS, LESS, "interrupt" },
	{ "mask", "A vector of MSI-X masked and unmasked", VIA_BENCH_UNIT_NS, LESS, "pair" },
};

static const struct via_bench_part bar[] = {
	{ "first-touch", "First read of a page of registers", VIA_BENCH_UNIT_NS, LESS, "page" },
	{ "second-touch", "Second read of a page of registers", VIA_BENCH_UNIT_NS, LESS, "page" },
};

/* With a network the guest goes on to a hundred round trips, 50 a second. */
static const struct via_bench_part boot[] = {
	{ "paced", "Round trip, 50 a second", VIA_BENCH_UNIT_NS, LESS, "round trip" },
};

const struct via_bench_part *via_bench_parts(enum via_bench_kind kind, size_t *count)
{
	switch (kind) {
	case VIA_BENCH_NET:
		*count = COUNT(net);
		return net;
	case VIA_BENCH_DISK:
		*count = COUNT(disk);
		return disk;
	case VIA_BENCH_IRQ:
		*count = COUNT(irq);
		return irq;
	case VIA_BENCH_BAR:
		*count = COUNT(bar);
		return bar;
	case VIA_BENCH_BOOT:
		*count = COUNT(boot);
		return boot;
	default:
		*count = 0;
		return NULL;
	}
}

bool via_bench_needs_device(enum via_bench_kind kind, enum via_bench_way way)
{
	return way == VIA_BENCH_PASSTHROUGH || way == VIA_BENCH_GROUP || way == VIA_BENCH_IOMMUFD ||
	       way == VIA_BENCH_HOST || (way == VIA_BENCH_VIRTIO && kind == VIA_BENCH_DISK);
}

const char *via_bench_way_name(enum via_bench_way way)
{
	static const char *const names[VIA_BENCH_WAYS] = {
		[VIA_BENCH_PASSTHROUGH] = "passthrough",
		[VIA_BENCH_VIRTIO] = "virtio",
		[VIA_BENCH_VHOST] = "vhost",
		[VIA_BENCH_USER] = "user",
		[VIA_BENCH_HOST] = "host",
		[VIA_BENCH_GROUP] = "group",
		[VIA_BENCH_IOMMUFD] = "iommufd",
	};

	return names[way];
}
