/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_LOOP_H
#define VIA_VMM_LOOP_H

#include <stdbool.h>
#include <stdint.h>

/* The main thread's event loop: epoll, nothing polled. */
struct via_loop_watch {
	int fd;
	void (*ready)(void *data);
	void *data;
};

struct via_loop {
	int epoll_fd;
};

/** via_loop_init() - Return: 0 or the errno of epoll_create1(2). */
int via_loop_init(struct via_loop *loop);
void via_loop_close(struct via_loop *loop);

/**
 * via_loop_add() - call @watch->ready whenever @watch->fd is readable or hung up.
 * @watch: stays in place until via_loop_remove().
 *
 * Return: 0 or the errno of epoll_ctl(2); -EPERM for a file that cannot be waited for.
 */
int via_loop_add(struct via_loop *loop, struct via_loop_watch *watch);

/**
 * via_loop_add_edge() - the same, but called once for each time something happens: an eventfd need
 * not be read.
 */
int via_loop_add_edge(struct via_loop *loop, struct via_loop_watch *watch);
void via_loop_remove(struct via_loop *loop, struct via_loop_watch *watch);

/** via_loop_wait() - sleep until something happens and handle it. Return: 0 or -errno. */
int via_loop_wait(struct via_loop *loop);

/** via_loop_poll() - handle what has happened already, without sleeping. Return: 0 or -errno. */
int via_loop_poll(struct via_loop *loop);

#endif
