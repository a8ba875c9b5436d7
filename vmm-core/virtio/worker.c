/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "worker.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>

static void woken(void *data)
{
	struct via_worker *worker = data;
	void (*call)(void *data);
	uint64_t wakes;

	if (read(worker->wake.fd, &wakes, sizeof(wakes)) < 0)
		return;
	pthread_mutex_lock(&worker->mutex);
	call = worker->call;
	pthread_mutex_unlock(&worker->mutex);
	if (!call)
		return;
	call(worker->data);
	pthread_mutex_lock(&worker->mutex);
	worker->call = NULL;
	pthread_cond_signal(&worker->done);
	pthread_mutex_unlock(&worker->mutex);
}

static bool is_ending(struct via_worker *worker)
{
	bool ending;

	pthread_mutex_lock(&worker->mutex);
	ending = worker->ending;
	pthread_mutex_unlock(&worker->mutex);
	return ending;
}

static uint64_t cpu_ns(clockid_t clock)
{
	struct timespec time;

	if (clock_gettime(clock, &time))
		return 0;
	return (uint64_t)time.tv_sec * 1000000000ULL + (uint64_t)time.tv_nsec;
}

static void *worker_main(void *argument)
{
	struct via_worker *worker = argument;

	while (!is_ending(worker)) {
		int rc = via_loop_wait(&worker->loop);

		assert(!rc); /* epoll_wait(2) fails only when it is called wrongly */
		(void)rc;
	}
	worker->cpu_ns += cpu_ns(CLOCK_THREAD_CPUTIME_ID);
	return NULL;
}

static void wake(struct via_worker *worker)
{
	uint64_t one = 1;

	if (write(worker->wake.fd, &one, sizeof(one)) < 0)
		return; /* awake already */
}

/* It may be a vCPU's thread that starts it, which may be bound to a processor: no place for both.
 */
static void spread(pthread_attr_t *attributes)
{
	cpu_set_t processors;

	if (!sched_getaffinity(getpid(), sizeof(processors), &processors))
		pthread_attr_setaffinity_np(attributes, sizeof(processors), &processors);
}

static int create_thread(struct via_worker *worker, const char *name)
{
	pthread_attr_t attributes;
	sigset_t all, old;
	int rc;

	pthread_attr_init(&attributes);
	spread(&attributes);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&worker->thread, &attributes, worker_main, worker);
	pthread_attr_destroy(&attributes);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!rc)
		pthread_setname_np(worker->thread, name);
	return -rc;
}

int via_worker_start(struct via_worker *worker, const char *name, struct via_error *err)
{
	int rc;

	*worker = (struct via_worker){
		.loop = { .epoll_fd = -1 },
		.wake = { .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
			  .ready = woken,
			  .data = worker },
		.mutex = PTHREAD_MUTEX_INITIALIZER,
		.done = PTHREAD_COND_INITIALIZER,
		.cpu_ns = worker->cpu_ns,
	};
	rc = worker->wake.fd < 0 ? -errno : via_loop_init(&worker->loop);
	if (!rc)
		rc = via_loop_add(&worker->loop, &worker->wake);
	if (!rc)
		rc = create_thread(worker, name);
	if (rc) {
		via_loop_close(&worker->loop);
		via_close(&worker->wake.fd);
		return via_error_sys(err, -rc, "cannot start the thread %s", name);
	}
	worker->running = true;
	return 0;
}

void via_worker_call(struct via_worker *worker, void (*call)(void *data), void *data)
{
	if (!worker->running || pthread_equal(worker->thread, pthread_self())) {
		call(data);
		return;
	}
	pthread_mutex_lock(&worker->mutex);
	assert(!worker->call);
	worker->call = call;
	worker->data = data;
	wake(worker);
	while (worker->call)
		pthread_cond_wait(&worker->done, &worker->mutex);
	pthread_mutex_unlock(&worker->mutex);
}

void via_worker_stop(struct via_worker *worker)
{
	if (!worker->running)
		return;
	pthread_mutex_lock(&worker->mutex);
	worker->ending = true;
	pthread_mutex_unlock(&worker->mutex);
	wake(worker);
	pthread_join(worker->thread, NULL);
	worker->running = false;
	via_loop_close(&worker->loop);
	via_close(&worker->wake.fd);
}

uint64_t via_worker_cpu_ns(struct via_worker *worker)
{
	clockid_t clock;

	if (!worker->running)
		return worker->cpu_ns;
	return worker->cpu_ns + (pthread_getcpuclockid(worker->thread, &clock) ? 0 : cpu_ns(clock));
}
