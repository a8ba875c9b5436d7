/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_VIRTIO_WORKER_H
#define VIA_VMM_VIRTIO_WORKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <viaduct/util/error.h>

#include "../loop.h"

/*
 * A thread with an event loop, where a device's data path runs. All signals are blocked in it.
 *
 * Start it when the driver starts the device, not before: `viaduct run` gives up its privileges
 * between via_vmm_new() and via_vmm_run(), and the kernel takes them from the calling thread only.
 */
struct via_worker {
	struct via_loop loop;
	struct via_loop_watch wake;
	pthread_t thread;
	bool running;
	void (*call)(void *data); /* what via_worker_call() has asked for */
	void *data;
	pthread_mutex_t mutex;
	pthread_cond_t done;
	bool ending;
	uint64_t cpu_ns; /* of threads that have ended */
};

/**
 * via_worker_start() - @name: at most 15 characters, what ps(1) shows.
 * @worker: zeroed before its first start; it can be stopped and started again.
 *
 * Return: 0, or the errno of epoll_create1(2), eventfd(2) or pthread_create(3).
 */
int via_worker_start(struct via_worker *worker, const char *name, struct via_error *err);

/**
 * via_worker_call() - run @call in the worker, between two of its events, and wait until it is
 * done. This is how queues are handed over and taken back: inside the worker nothing else is
 * running.
 * @call must not wait for the machine's lock, which the caller may hold. One thread at a time
 * calls: who holds that lock, or the main thread while no vCPU runs. From the worker itself, and
 * without a running one, @call simply runs.
 */
void via_worker_call(struct via_worker *worker, void (*call)(void *data), void *data);

/** via_worker_stop() - end the thread and wait for it. One that was never started is left alone. */
void via_worker_stop(struct via_worker *worker);

/** via_worker_cpu_ns() - processor time of its threads so far. */
uint64_t via_worker_cpu_ns(struct via_worker *worker);

#endif
