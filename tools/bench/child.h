/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_BENCH_CHILD_H
#define VIADUCT_TOOLS_BENCH_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <viaduct/util/error.h>

/*
 * Programs 'viaduct bench' starts, and the signals that end it. SIGINT, SIGTERM and SIGHUP are
 * blocked while it runs: whatever waits returns -EINTR then, and all is undone on the way out.
 */
struct via_bench_watch {
	int signal_fd;
	int signal; /* what arrived; 0: nothing yet */
};

int via_bench_watch_begin(struct via_bench_watch *watch, struct via_error *err);
void via_bench_watch_end(struct via_bench_watch *watch);

/** via_bench_watch_check() - Return: -EINTR once a signal has arrived, else 0. */
int via_bench_watch_check(struct via_bench_watch *watch, struct via_error *err);

/** via_bench_watch_sleep() - Return: as via_bench_watch_check(), at once when one arrives. */
int via_bench_watch_sleep(struct via_bench_watch *watch, int milliseconds, struct via_error *err);

struct via_bench_child {
	pid_t pid;		       /* 0: none */
	int to, from;		       /* its standard input; its output and errors */
	char *text;		       /* what it said, all of it */
	size_t length, capacity, line; /* where the next line begins */
};

/* How a child differs from this process. */
struct via_bench_start {
	bool own_network; /* a network namespace of its own */
	/* Called in this process when it has that, before the program begins; may be NULL. */
	int (*prepare)(void *data, pid_t pid, struct via_error *err);
	void *data;
	bool discard; /* its output */
};

/**
 * via_bench_child_start() - run a program that dies with this process.
 * @argv: ended by a NULL; a name without a slash is looked for in PATH.
 * @child: zero-initialised; released with via_bench_child_end().
 */
int via_bench_child_start(struct via_bench_child *child, char *const *argv,
			  const struct via_bench_start *start, struct via_error *err);

/**
 * via_bench_child_line() - wait for the next line of its output.
 * @line: without its end; valid until the next call.
 *
 * Return: 0; -EPIPE at the end of its output; -ETIMEDOUT; -EINTR; -ENOMEM.
 */
int via_bench_child_line(struct via_bench_child *child, struct via_bench_watch *watch,
			 int timeout_s, const char **line, struct via_error *err);

/** via_bench_child_say() - a line to its standard input. */
int via_bench_child_say(struct via_bench_child *child, const char *line, struct via_error *err);

/**
 * via_bench_child_end() - wait until it has ended, after SIGTERM unless it does so by itself
 * within @patience_s, after SIGKILL when that does not help. Safe for one that never began.
 *
 * Return: its wait status, or 0.
 */
int via_bench_child_end(struct via_bench_child *child, int patience_s);

/** via_bench_run() - run a program to its end. Return: its exit status, or 127. */
int via_bench_run(char *const *argv);

#endif
