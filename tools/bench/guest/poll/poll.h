/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_BENCH_POLL_H
#define VIADUCT_BENCH_POLL_H

#include <stdint.h>

/*
 * A network function driven from this program, by a poll-mode driver of DPDK: no interrupt, no
 * system call, no copy. How many frames it takes is the ceiling of what a kernel's driver reaches.
 */
struct poll {
	const char *send, *receive;   /* names of parts; NULL: it is not asked for */
	const char *device;	      /* PCI device in sysfs; any driver may have it */
	const unsigned char *address; /* of Ethernet, to which frames go */
	uint64_t duration_ns;
};

/*
 * Parts of the work; says why where they cannot be done. The function does not get its driver
 * back. Only once in a process.
 */
void work_poll(const struct poll *poll);

#endif
