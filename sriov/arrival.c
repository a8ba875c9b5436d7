/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "arrival.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libudev.h>

#include <viaduct/util/cleanup.h>

/* An event is a few KiB, and a PF can have hundreds of VFs, with all their events at once. */
#define RECEIVE_BUFFER_BYTES (8 << 20)

struct via_sriov_arrival {
	struct udev *udev;
	struct udev_monitor *monitor;
	const char *source; /* "udev" or "kernel" */
	uint64_t since;	    /* the number of the last event before those waited for */
};

int via_sriov_arrival_open(struct via_host *host, struct via_sriov_arrival **arrival_out,
			   struct via_error *err)
{
	via_cleanup(via_sriov_arrival_closep) struct via_sriov_arrival *arrival = NULL;
	int rc;

	if (!via_host_is_real(host)) {
		*arrival_out = NULL;
		return 0;
	}
	arrival = calloc(1, sizeof(*arrival));
	if (!arrival)
		return via_error_sys(err, ENOMEM, "cannot listen for new VFs");
	/* The socket udevd is told what to do through: it is there while udevd runs. */
	arrival->source = via_host_exists(host, "run/udev/control") ? "udev" : "kernel";
	arrival->udev = udev_new();
	if (arrival->udev)
		arrival->monitor = udev_monitor_new_from_netlink(arrival->udev, arrival->source);
	if (!arrival->monitor)
		return via_error_sys(err, errno ? errno : ENOMEM, "cannot listen for new VFs");
	rc = udev_monitor_filter_add_match_subsystem_devtype(arrival->monitor, "pci", NULL);
	if (rc >= 0)
		rc = udev_monitor_enable_receiving(arrival->monitor);
	if (rc < 0)
		return via_error_sys(err, -rc, "cannot listen for new VFs");
	/* udevd may still work on VFs of the same addresses that were made and taken away before.
	 */
	rc = via_host_read_u64(host, &arrival->since, "sys/kernel/uevent_seqnum");
	if (rc)
		return via_error_sys(err, -rc, "cannot read /sys/kernel/uevent_seqnum");
	/* Not fatal: the buffer of the system's default size holds some dozens of events. */
	udev_monitor_set_receive_buffer_size(arrival->monitor, RECEIVE_BUFFER_BYTES);
	*arrival_out = via_steal_ptr(arrival);
	return 0;
}

void via_sriov_arrival_close(struct via_sriov_arrival *arrival)
{
	if (!arrival)
		return;
	udev_monitor_unref(arrival->monitor);
	udev_unref(arrival->udev);
	free(arrival);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool via_sriov_arrival_counts(const char *action, uint64_t seqnum, uint64_t since)
{
	return !strcmp(action, "add") && seqnum > since;
}

/* Takes one event; returns how many VFs it makes known: 0 or 1. */
static size_t take_event(struct via_sriov_arrival *arrival, const struct via_sriov_vf *vfs,
			 size_t count, bool *seen)
{
	struct udev_device *device = udev_monitor_receive_device(arrival->monitor);
	const char *action, *name;
	struct via_bdf bdf;
	size_t known = 0;

	if (!device)
		return 0;
	action = udev_device_get_action(device);
	name = udev_device_get_sysname(device);
	if (action && name &&
	    via_sriov_arrival_counts(action, udev_device_get_seqnum(device), arrival->since) &&
	    !via_bdf_parse(name, &bdf)) {
		for (size_t i = 0; i < count; i++) {
			if (!seen[i] && via_bdf_equal(vfs[i].bdf, bdf)) {
				seen[i] = true;
				known = 1;
			}
		}
	}
	udev_device_unref(device);
	return known;
}

static int not_arrived(const struct via_sriov_arrival *arrival, const struct via_sriov_vf *vfs,
		       size_t count, const bool *seen, int timeout_ms, struct via_error *err)
{
	size_t i = 0, missing = 0;

	for (size_t j = count; j-- > 0;) {
		if (!seen[j]) {
			i = j;
			missing++;
		}
	}
	return via_error_set(
		err, ETIMEDOUT,
		"%zu of %zu VFs, the first of them %s, were not announced by %s within "
		"%d seconds",
		missing, count, via_bdf_text(vfs[i].bdf).text,
		!strcmp(arrival->source, "udev") ? "udevd, which may be stuck," : "the kernel",
		timeout_ms / 1000);
}

int via_sriov_arrival_wait(struct via_sriov_arrival *arrival, const struct via_sriov_vf *vfs,
			   size_t count, int timeout_ms, int stop_fd, struct via_error *err)
{
	via_autofree bool *seen = calloc(count ? count : 1, sizeof(*seen));
	int64_t deadline_ms = now_ms() + timeout_ms;
	size_t arrived = 0;

	if (!seen)
		return via_error_sys(err, ENOMEM, "cannot wait for new VFs");
	while (arrived < count) {
		struct pollfd fds[] = {
			{ .fd = udev_monitor_get_fd(arrival->monitor), .events = POLLIN },
			{ .fd = stop_fd, .events = POLLIN },
		};
		int64_t left_ms = deadline_ms - now_ms();
		int ready = left_ms > 0 ? poll(fds, 2, (int)left_ms) : 0;

		if (!ready)
			return not_arrived(arrival, vfs, count, seen, timeout_ms, err);
		if (ready > 0 && fds[1].revents)
			return via_error_set(err, EINTR, "interrupted while VFs were made");
		if (ready > 0)
			arrived += take_event(arrival, vfs, count, seen);
		else if (errno != EINTR)
			return via_error_sys(err, errno, "cannot wait for new VFs");
	}
	return 0;
}
