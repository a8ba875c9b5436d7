/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loop.h"

#include <errno.h>
#include <sys/epoll.h>

#include <viaduct/util/cleanup.h>

int via_loop_init(struct via_loop *loop)
{
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return loop->epoll_fd < 0 ? -errno : 0;
}

void via_loop_close(struct via_loop *loop)
{
	via_close(&loop->epoll_fd);
}

int via_loop_add(struct via_loop *loop, struct via_loop_watch *watch)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = watch };

	return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, watch->fd, &event) ? -errno : 0;
}

void via_loop_remove(struct via_loop *loop, struct via_loop_watch *watch)
{
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
}

int via_loop_wait(struct via_loop *loop)
{
	/* One at a time: a handler may remove another watch. */
	struct epoll_event event;
	int count = epoll_wait(loop->epoll_fd, &event, 1, -1);

	if (count < 0)
		return errno == EINTR ? 0 : -errno;
	if (count) {
		struct via_loop_watch *watch = event.data.ptr;

		watch->ready(watch->data);
	}
	return 0;
}
