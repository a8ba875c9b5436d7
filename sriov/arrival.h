/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_SRIOV_ARRIVAL_H
#define VIADUCT_SRIOV_ARRIVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <viaduct/sriov/pf.h>
#include <viaduct/util/error.h>
#include <viaduct/util/host.h>

/* A subscription to the arrival of PCI functions, made before they are asked for. */
struct via_sriov_arrival;

/**
 * via_sriov_arrival_open() - listen from now on.
 * @arrival: closed with via_sriov_arrival_close(); NULL on a recorded host, where nothing arrives.
 *
 * Return: 0, -ENOMEM, or an errno of the netlink socket.
 */
int via_sriov_arrival_open(struct via_host *host, struct via_sriov_arrival **arrival,
			   struct via_error *err);

/**
 * via_sriov_arrival_wait() - until each of @vfs has arrived, or @timeout_ms have passed.
 * @stop_fd: ends the wait when it becomes readable; it is not read.
 *
 * Return: 0, -EINTR for @stop_fd, -ETIMEDOUT with a sentence that names one that did not, -ENOMEM,
 * or the errno of poll(2).
 */
int via_sriov_arrival_wait(struct via_sriov_arrival *arrival, const struct via_sriov_vf *vfs,
			   size_t count, int timeout_ms, int stop_fd, struct via_error *err);

/** via_sriov_arrival_counts() - whether an event is an arrival, and later than event @since. */
bool via_sriov_arrival_counts(const char *action, uint64_t seqnum, uint64_t since);

void via_sriov_arrival_close(struct via_sriov_arrival *arrival);

static inline void via_sriov_arrival_closep(struct via_sriov_arrival **arrival)
{
	via_sriov_arrival_close(*arrival);
}

#endif
