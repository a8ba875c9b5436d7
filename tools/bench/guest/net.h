/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_BENCH_NET_H
#define VIADUCT_BENCH_NET_H

#include <stdint.h>

/* What work_net() and work_peer() say to each other, over UDP and TCP. */
#define NET_PORT 5201

enum net_what {
	NET_ECHO = 1, /* comes back as it is */
	NET_SINK,     /* is counted */
	NET_COUNT,    /* comes back with how many were counted, ever: to be asked again at will */
};

/* One program at both ends, so in the byte order of the machine. */
struct net_packet {
	uint32_t what;
	uint32_t reserved;
	uint64_t number;
	uint64_t count;
	unsigned char rest[1472 - 24];
};

#define NET_HEADER_BYTES  24U
#define NET_LATENCY_BYTES 64U

/* The first byte of a TCP connection. */
enum net_stream {
	NET_STREAM_IN = 'i',  /* to the peer, which answers the end with the number of bytes */
	NET_STREAM_OUT = 'o', /* from the peer, until the connection ends */
};

#define NET_STREAM_BYTES (128U << 10)

/*
 * Frames of Ethernet, for a program that drives its device itself: "Local Experimental EtherType 1"
 * (IEEE 802, 9.2.4), which nobody has a use for, and 2, which asks the peer to send frames of the
 * first to where it came from.
 */
#define NET_FRAME_TYPE 0x88b5
#define NET_ASK_TYPE   0x88b6

/* 64 bytes with the frame check sequence, which the device appends. */
#define NET_FRAME_BYTES 60U

struct net_ask {
	unsigned char to[6], from[6];
	uint16_t type;	       /* big endian */
	uint16_t milliseconds; /* big endian */
	unsigned char rest[NET_FRAME_BYTES - 16];
} __attribute__((packed));

#endif
