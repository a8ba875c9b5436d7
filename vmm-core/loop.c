/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loop.h"

#include <errno.h>
#include <sys/epoll.h>

#include <viaduct/util/cleanup.h>

#define POLL_EVENTS_MAX 64 /* a descriptor that is always ready must not hold us up */

int via_loop_init(struct via_loop *loop)
{
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return loop->epoll_fd < 0 ? -errno : 0;
}

void via_loop_close(struct via_loop *loop)
{
	via_close(&loop->epoll_fd);
}

static int add(struct via_loop *loop, struct via_loop_watch *watch, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, watch->fd, &event) ? -errno : 0;
}

int via_loop_add(struct via_loop *loop, struct via_loop_watch *watch)
{
	return add(loop, watch, EPOLLIN);
}

int via_loop_add_edge(struct via_loop *loop, struct via_loop_watch *watch)
{
	return add(loop, watch, EPOLLIN | EPOLLET);
}

void via_loop_remove(struct via_loop *loop, struct via_loop_watch *watch)
{
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
}

/* Return: how many were handled, or -errno. */
static int handle_one(struct via_loop *loop, int timeout_ms)
{
	/* One at a time: a handler may remove another watch. */
	struct epoll_event event;
	int count = epoll_wait(loop->epoll_fd, &event, 1, timeout_ms);

	if (count < 0)
		return errno == EINTR ? 0 : -errno;
	if (count) {
		struct via_loop_watch *watch = event.data.ptr;

		watch->ready(watch->data);
	}
	return count;
}

int via_loop_wait(struct via_loop *loop)
{
	int rc = handle_one(loop, -1);

	return rc < 0 ? rc : 0;
}

int via_loop_poll(struct via_loop *loop)
{
	int rc = 1;

	for (int i = 0; rc > 0 && i < POLL_EVENTS_MAX; i++)
		rc = handle_one(loop, 0);
	return rc < 0 ? rc : 0;
}
