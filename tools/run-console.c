/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run-console.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>

#define CTRL_A	    0x01
#define FILE_PREFIX "file="

static int open_keys(struct via_run_console *console, struct via_error *err)
{
	if (tcgetattr(STDIN_FILENO, &console->saved))
		return 0; /* not a terminal */
	if (pipe2(console->keys, O_CLOEXEC | O_NONBLOCK))
		return via_error_sys(err, errno, "cannot set up the guest's console");
	console->in = console->keys[0];
	return 0;
}

static int set_raw(struct via_run_console *console, struct via_error *err)
{
	struct termios raw = console->saved;

	cfmakeraw(&raw);
	raw.c_oflag |= OPOST; /* messages of the command itself still end in a proper new line */
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw))
		return via_error_sys(err, errno, "cannot put the terminal into raw mode");
	console->raw = true;
	return 0;
}

bool via_run_console_spec_valid(const char *spec)
{
	return !strcmp(spec, "none") || !strcmp(spec, "stdio") ||
	       (!strncmp(spec, FILE_PREFIX, strlen(FILE_PREFIX)) && spec[strlen(FILE_PREFIX)]);
}

int via_run_console_open(struct via_run_console *console, const char *spec, struct via_error *err)
{
	const char *path;

	*console =
		(struct via_run_console){ .in = -1, .out = -1, .out_file = -1, .keys = { -1, -1 } };
	if (!strcmp(spec, "none"))
		return 0;
	if (!strcmp(spec, "stdio")) {
		console->in = STDIN_FILENO;
		console->out = STDOUT_FILENO;
		return open_keys(console, err);
	}
	path = spec + strlen(FILE_PREFIX);
	console->out_file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (console->out_file < 0)
		return via_error_sys(err, errno, "cannot write the console to %s", path);
	console->out = console->out_file;
	return 0;
}

static void keys_typed(void *data)
{
	struct via_run_console *console = data;
	char typed[256], passed[256];
	ssize_t got = read(STDIN_FILENO, typed, sizeof(typed));
	size_t count = 0;

	if (got <= 0) {
		if (!got || (errno != EAGAIN && errno != EINTR))
			via_vmm_stop(console->vmm); /* the terminal is gone */
		return;
	}
	for (ssize_t i = 0; i < got; i++) {
		if (!console->escape && typed[i] == CTRL_A) {
			console->escape = true;
			continue;
		}
		if (console->escape && (typed[i] == 'x' || typed[i] == 'X'))
			via_vmm_stop(console->vmm);
		else
			passed[count++] = typed[i];
		console->escape = false;
	}
	/* A guest that reads nothing loses keys, like a person's typing at a hung machine. */
	if (count && write(console->keys[1], passed, count) < 0)
		return;
}

int via_run_console_attach(struct via_run_console *console, struct via_vmm *vmm,
			   struct via_error *err)
{
	int rc;

	console->vmm = vmm;
	if (console->keys[1] < 0)
		return 0;
	rc = via_vmm_watch(vmm, STDIN_FILENO, keys_typed, console, err);
	return rc ? rc : set_raw(console, err);
}

void via_run_console_close(struct via_run_console *console)
{
	if (console->raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &console->saved);
	console->raw = false;
	via_close(&console->keys[0]);
	via_close(&console->keys[1]);
	via_close(&console->out_file);
}
