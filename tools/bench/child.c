/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>

#define TERM_SECONDS 20
#define TEXT_MAX     (8U << 20)

static void signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
}

int via_bench_watch_begin(struct via_bench_watch *watch, struct via_error *err)
{
	sigset_t set;

	signals(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	watch->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return watch->signal_fd < 0 ? via_error_sys(err, errno, "cannot watch for signals") : 0;
}

void via_bench_watch_end(struct via_bench_watch *watch)
{
	via_close(&watch->signal_fd);
}

int via_bench_watch_check(struct via_bench_watch *watch, struct via_error *err)
{
	struct signalfd_siginfo info;

	if (!watch->signal && read(watch->signal_fd, &info, sizeof(info)) == sizeof(info))
		watch->signal = (int)info.ssi_signo;
	return watch->signal ? via_error_set(err, EINTR, "ended by a signal: %s",
					     strsignal(watch->signal))
			     : 0;
}

int via_bench_watch_sleep(struct via_bench_watch *watch, int milliseconds, struct via_error *err)
{
	struct pollfd ready = { .fd = watch->signal_fd, .events = POLLIN };

	poll(&ready, 1, milliseconds);
	return via_bench_watch_check(watch, err);
}

/* /sys shows the interfaces of the network namespace it was mounted in. */
static bool enter_network(void)
{
	return !unshare(CLONE_NEWNET | CLONE_NEWNS) &&
	       !mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) &&
	       !mount("sysfs", "/sys", "sysfs", 0, NULL);
}

/* In the child, until exec. */
static void become(char *const *argv, const struct via_bench_start *start, int in, int out,
		   int ready, int go, pid_t parent)
{
	sigset_t set;
	char c = 0;

	signals(&set);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	signal(SIGPIPE, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(127);
	/* Ctrl-C is for who started it, who then ends this in order. */
	setpgid(0, 0);
	if (start->own_network && !enter_network())
		_exit(126);
	if (write(ready, &c, 1) != 1 || read(go, &c, 1) != 1)
		_exit(127);
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	execvp(argv[0], argv);
	_exit(127);
}

static int prepare(const struct via_bench_start *start, pid_t pid, int ready, int go,
		   struct via_error *err)
{
	int rc = 0;
	char c = 0;

	if (read(ready, &c, 1) != 1)
		return via_error_set(err, EPERM, "cannot make a network namespace");
	if (start->prepare)
		rc = start->prepare(start->data, pid, err);
	if (!rc && write(go, &c, 1) != 1)
		rc = via_error_sys(err, errno, "cannot start a program");
	return rc;
}

int via_bench_child_start(struct via_bench_child *child, char *const *argv,
			  const struct via_bench_start *start, struct via_error *err)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, ready[2] = { -1, -1 }, go[2] = { -1, -1 };
	pid_t parent = getpid();
	int rc = 0;

	child->to = child->from = -1;
	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(ready, O_CLOEXEC) ||
	    pipe2(go, O_CLOEXEC))
		rc = via_error_sys(err, errno, "cannot start %s", argv[0]);
	if (!rc && start->discard) {
		via_close(&out[1]);
		out[1] = open("/dev/null", O_WRONLY | O_CLOEXEC);
	}
	child->pid = rc ? 0 : fork();
	if (!rc && child->pid < 0) {
		rc = via_error_sys(err, errno, "cannot start %s", argv[0]);
		child->pid = 0;
	} else if (!rc && !child->pid) {
		become(argv, start, in[0], out[1], ready[1], go[0], parent);
	}
	via_close(&in[0]);
	via_close(&out[1]);
	via_close(&ready[1]);
	via_close(&go[0]);
	child->to = in[1];
	child->from = out[0];
	if (!rc) {
		setpgid(child->pid, child->pid);
		rc = prepare(start, child->pid, ready[0], go[1], err);
	}
	via_close(&ready[0]);
	via_close(&go[1]);
	if (rc && child->pid) {
		via_bench_child_end(child, 0);
	} else if (rc) {
		via_close(&child->to);
		via_close(&child->from);
	}
	return rc;
}

/* A whole line of what was read, or NULL. */
static const char *take_line(struct via_bench_child *child)
{
	char *begin, *end;

	if (child->line >= child->length)
		return NULL;
	begin = child->text + child->line;
	end = memchr(begin, '\n', child->length - child->line);
	if (!end)
		return NULL;
	child->line = (size_t)(end - child->text) + 1;
	*end = '\0';
	if (end > begin && end[-1] == '\r')
		end[-1] = '\0';
	return begin;
}

static int read_more(struct via_bench_child *child, struct via_error *err)
{
	ssize_t got;

	if (child->length + 4096 > child->capacity) {
		size_t capacity = child->capacity ? child->capacity * 2 : 16384;
		char *text = capacity > TEXT_MAX ? NULL : realloc(child->text, capacity);

		if (!text)
			return via_error_set(err, ENOMEM, "a program said too much");
		child->text = text;
		child->capacity = capacity;
	}
	got = read(child->from, child->text + child->length, child->capacity - child->length - 1);
	if (got <= 0)
		return via_error_set(err, EPIPE, "it ended before its work was done");
	child->length += (size_t)got;
	child->text[child->length] = '\0';
	return 0;
}

int via_bench_child_line(struct via_bench_child *child, struct via_bench_watch *watch,
			 int timeout_s, const char **line, struct via_error *err)
{
	struct timespec now;
	time_t until;
	int rc;

	clock_gettime(CLOCK_MONOTONIC, &now);
	until = now.tv_sec + timeout_s;
	while (!(*line = take_line(child))) {
		struct pollfd ready[] = { { .fd = child->from, .events = POLLIN },
					  { .fd = watch->signal_fd, .events = POLLIN } };

		poll(ready, 2, 1000);
		rc = via_bench_watch_check(watch, err);
		if (!rc && ready[0].revents)
			rc = read_more(child, err);
		if (rc)
			return rc;
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec > until)
			return via_error_set(err, ETIMEDOUT,
					     "nothing was heard of it for %d seconds", timeout_s);
	}
	return 0;
}

int via_bench_child_say(struct via_bench_child *child, const char *line, struct via_error *err)
{
	size_t length = strlen(line);

	return write(child->to, line, length) == (ssize_t)length
		       ? 0
		       : via_error_set(err, EPIPE, "it ended before its work was done");
}

/* Whether it has ended within @seconds. */
static bool awaited(pid_t pid, int seconds, int *status)
{
	for (int tries = 0; tries <= seconds * 50; tries++) {
		if (waitpid(pid, status, WNOHANG))
			return true;
		usleep(20000);
	}
	return false;
}

int via_bench_child_end(struct via_bench_child *child, int patience_s)
{
	int status = 0;

	if (child->pid > 0 && !awaited(child->pid, patience_s, &status)) {
		kill(child->pid, SIGTERM);
		if (!awaited(child->pid, TERM_SECONDS, &status)) {
			kill(child->pid, SIGKILL);
			waitpid(child->pid, &status, 0);
		}
	}
	if (child->pid > 0) {
		via_close(&child->to);
		via_close(&child->from);
	}
	child->pid = 0;
	free(child->text);
	child->text = NULL;
	child->length = child->capacity = child->line = 0;
	return status;
}

int via_bench_run(char *const *argv)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		execvp(argv[0], argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return 127;
	return WEXITSTATUS(status);
}
