/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lease-hold.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>
#include <viaduct/util/process.h>

#include "output.h"

/* What a shell says of a command. */
#define STATUS_NOT_FOUND   127
#define STATUS_NOT_STARTED 126
#define STATUS_SIGNAL	   128

int via_lease_watch_begin(struct via_lease_watch *watch, pid_t owner, struct via_error *err)
{
	static const int signals[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGCHLD };
	sigset_t set;

	/* Ignored, as a parent may have left it, it would not tell that the command has ended. */
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (!via_process_ignores(signals[i]))
			sigaddset(&set, signals[i]);
	watch->owner_fd = owner ? pidfd_open(owner, 0) : -1;
	if (owner && watch->owner_fd < 0)
		return via_error_set(err, errno, "there is no process %d", (int)owner);
	sigprocmask(SIG_BLOCK, &set, &watch->before);
	watch->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (watch->signal_fd >= 0)
		return 0;
	via_error_sys(err, errno, "cannot watch for signals");
	via_lease_watch_end(watch);
	return -EIO;
}

void via_lease_watch_end(struct via_lease_watch *watch)
{
	via_close(&watch->signal_fd);
	via_close(&watch->owner_fd);
	sigprocmask(SIG_SETMASK, &watch->before, NULL);
}

/* 0 when none waits. */
static int next_signal(struct via_lease_watch *watch, struct signalfd_siginfo *info)
{
	return read(watch->signal_fd, info, sizeof(*info)) == sizeof(*info) ? (int)info->ssi_signo
									    : 0;
}

int via_lease_watch_pause(struct via_lease_watch *watch, int milliseconds)
{
	struct pollfd ready = { .fd = watch->signal_fd, .events = POLLIN };
	struct signalfd_siginfo info;
	int number;

	poll(&ready, 1, milliseconds);
	while ((number = next_signal(watch, &info)))
		if (number != SIGCHLD)
			return number;
	return 0;
}

/* Whether standard input has ended; what is written to it is dropped. */
static bool input_ended(void)
{
	char dropped[512];
	ssize_t got = read(STDIN_FILENO, dropped, sizeof(dropped));

	return got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN);
}

void via_lease_hold(struct via_lease_watch *watch)
{
	struct pollfd ready[] = {
		{ .fd = watch->signal_fd, .events = POLLIN },
		{ .fd = watch->owner_fd, .events = POLLIN },
		{ .fd = watch->owner_fd < 0 ? STDIN_FILENO : -1, .events = POLLIN },
	};

	for (;;) {
		if (poll(ready, sizeof(ready) / sizeof(ready[0]), -1) < 0 && errno != EINTR)
			return;
		if (ready[0].revents && via_lease_watch_pause(watch, 0))
			return;
		if (ready[1].revents || (ready[2].revents && input_ended()))
			return;
	}
}

/* In the child: the word {} is the device. */
static void put_device(char **words, char *device)
{
	for (; *words; words++)
		if (!strcmp(*words, "{}"))
			*words = device;
}

static void become(const struct via_lease_watch *watch, const struct via_lease *lease,
		   char *const *command, int go)
{
	struct via_bdf_text device = via_bdf_text(via_lease_choice(lease)->bdf);
	size_t count = 0;
	char **words;
	char c;

	while (command[count])
		count++;
	words = calloc(count + 1, sizeof(*words));
	/* What lives on when the keeper is killed keeps the VF. Nothing runs before it is on
	 * record. */
	if (!words || fcntl(via_lease_fd(lease), F_SETFD, 0) ||
	    setenv("VIADUCT_DEVICE", device.text, 1) || read(go, &c, 1) != 1)
		_exit(STATUS_NOT_STARTED);
	memcpy(words, command, count * sizeof(*words));
	put_device(words, device.text);
	sigprocmask(SIG_SETMASK, &watch->before, NULL);
	execvp(words[0], words);
	via_error_print("cannot run %s: %s", words[0], strerror(errno));
	_exit(errno == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_STARTED);
}

/* What a terminal sends has reached the command as well. */
static void pass_on(pid_t pid, const struct signalfd_siginfo *info)
{
	if (info->ssi_signo != SIGCHLD && info->ssi_code != SI_KERNEL)
		kill(pid, (int)info->ssi_signo);
}

static int wait_for(struct via_lease_watch *watch, pid_t pid)
{
	struct pollfd ready[] = {
		{ .fd = watch->signal_fd, .events = POLLIN },
		{ .fd = watch->owner_fd, .events = POLLIN },
	};
	struct signalfd_siginfo info;
	int status;

	while (waitpid(pid, &status, WNOHANG) != pid) {
		poll(ready, sizeof(ready) / sizeof(ready[0]), -1);
		while (next_signal(watch, &info))
			pass_on(pid, &info);
		if (ready[1].revents) {
			kill(pid, SIGTERM);
			ready[1].fd = -1;
		}
	}
	return WIFSIGNALED(status) ? STATUS_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
}

int via_lease_run(struct via_lease_watch *watch, struct via_lease *lease, char *const *command,
		  int *status, struct via_error *err)
{
	int go[2], rc;
	pid_t pid;

	if (pipe2(go, O_CLOEXEC))
		return via_error_sys(err, errno, "cannot start %s", command[0]);
	pid = fork();
	if (!pid) {
		close(go[1]);
		become(watch, lease, command, go[0]);
	}
	rc = pid < 0 ? via_error_sys(err, errno, "cannot start %s", command[0])
		     : via_lease_set_holder(lease, pid, err);
	if (!rc && write(go[1], "", 1) != 1)
		rc = via_error_sys(err, errno, "cannot start %s", command[0]);
	close(go[0]);
	close(go[1]);
	if (pid > 0)
		*status = wait_for(watch, pid);
	return rc;
}
