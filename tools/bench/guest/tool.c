/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "work.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORDS_MAX    32U
#define OUTPUT_BYTES (256U << 10)

/* Beyond what it was told to take: to start, on an emulated machine. */
#define LIMIT_SECONDS 120

/* As timeout(1) and shells have it. */
#define TIMED_OUT    124
#define CANNOT_START 127
#define BY_SIGNAL    128

/* By its own loader, which looks for libraries in the tool's folder first. */
static void exec_in_guest(const char *const *words)
{
	char folder[80], loader[96], program[96];
	const char *argv[WORDS_MAX + 4];
	size_t count = 0;

	snprintf(folder, sizeof(folder), WORK_TOOLS "/%.32s", words[0]);
	snprintf(loader, sizeof(loader), "%s/" WORK_TOOL_LOADER, folder);
	snprintf(program, sizeof(program), "%s/" WORK_TOOL_PROGRAM, folder);
	if (!access(loader, X_OK)) {
		argv[count++] = loader;
		argv[count++] = "--library-path";
		argv[count++] = folder;
	}
	argv[count++] = program;
	for (size_t i = 1; words[i] && i < WORDS_MAX; i++)
		argv[count++] = words[i];
	argv[count] = NULL;
	execv(argv[0], (char *const *)argv);
}

static void become_tool(const char *const *words, bool guest, FILE *said, FILE *complained)
{
	int null = open("/dev/null", O_RDONLY);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Figures with points, whatever is spoken here. */
	setenv("LC_ALL", "C", 1);
	dup2(null, STDIN_FILENO);
	dup2(fileno(said), STDOUT_FILENO);
	dup2(fileno(complained), STDERR_FILENO);
	if (guest)
		exec_in_guest(words);
	else
		execvp(words[0], (char *const *)words);
	fprintf(stderr, "%s cannot be started: %s\n", words[0], strerror(errno));
	_exit(CANNOT_START);
}

/* Sleeps until it has ended: looking now and then would be work, too. SIGCHLD is blocked. */
static int await_tool(pid_t pid, uint64_t limit_ns)
{
	uint64_t until = now_ns() + limit_ns, now;
	sigset_t child;
	int status;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	while (waitpid(pid, &status, WNOHANG) != pid) {
		struct timespec left;

		now = now_ns();
		if (now >= until) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return TIMED_OUT;
		}
		left.tv_sec = (time_t)((until - now) / 1000000000);
		left.tv_nsec = (long)((until - now) % 1000000000);
		sigtimedwait(&child, NULL, &left);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : BY_SIGNAL + WTERMSIG(status);
}

/* Line by line, as the host reads it. */
static void talk_output(FILE *output)
{
	char line[4096];
	size_t bytes = 0;

	rewind(output);
	while (bytes < OUTPUT_BYTES && fgets(line, sizeof(line), output)) {
		line[strcspn(line, "\n")] = '\0';
		bytes += strlen(line) + 1;
		printf(TALK_PREFIX "output %s\n", line);
	}
	fflush(stdout);
}

static int run_tool(const char *const *words, uint64_t limit_ns, FILE *said, FILE *complained)
{
	bool guest = getpid() == 1;
	sigset_t child;
	pid_t pid;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	pid = fork();
	if (!pid)
		become_tool(words, guest, said, complained);
	return pid < 0 ? CANNOT_START : await_tool(pid, limit_ns);
}

void work_tool(const char *part, const char *device, uint64_t duration_ns, const char *const *words)
{
	uint64_t limit_ns = 2 * duration_ns + LIMIT_SECONDS * 1000000000ULL;
	FILE *said, *complained;
	struct window window;
	int status;

	mkdir("/tmp", 01777);
	said = tmpfile();
	complained = tmpfile();
	if (!said || !complained)
		talk_failed("cannot make a temporary file: %s", strerror(errno));
	window_begin(&window, part, device[0] ? device : NULL);
	status = run_tool(words, limit_ns, said, complained);
	window_stop(&window);
	talk_output(said);
	if (status)
		talk_output(complained);
	window_tool(&window, status);
	fclose(said);
	fclose(complained);
}
