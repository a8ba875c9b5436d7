/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <viaduct/util/process.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <viaduct/util/text.h>

/* Deeper trees of processes are cut. */
#define ANCESTORS_MAX 256

struct status {
	char state;
	int parent;
	unsigned long long start_ticks;
};

/* Its second field is the process's name in parentheses, which may hold anything. */
static int status_read(struct via_host *host, pid_t pid, struct status *status)
{
	char text[1024];
	const char *fields;
	int rc = pid > 0 ? via_host_read(host, text, sizeof(text), "proc/%d/stat", (int)pid)
			 : -ENOENT;

	if (rc)
		return rc == -ENOENT ? -ESRCH : rc;
	fields = strrchr(text, ')');
	if (!fields || sscanf(fields,
			      ") %c %d %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
			      "%*s %*s %llu",
			      &status->state, &status->parent, &status->start_ticks) != 3)
		return -EPROTO;
	return 0;
}

int via_process_id_get(struct via_host *host, pid_t pid, struct via_process_id *id)
{
	struct status status;
	int rc = status_read(host, pid, &status);

	if (rc)
		return rc;
	if (status.state == 'Z' || status.state == 'X')
		return -ESRCH;
	*id = (struct via_process_id){ pid, status.start_ticks };
	return 0;
}

bool via_process_is_alive(struct via_host *host, struct via_process_id id)
{
	struct via_process_id now;

	return id.pid && !via_process_id_get(host, id.pid, &now) &&
	       now.start_ticks == id.start_ticks;
}

bool via_process_is_within(struct via_host *host, pid_t pid, struct via_process_id id)
{
	struct status status;

	if (!id.pid)
		return false;
	for (int i = 0; i < ANCESTORS_MAX && !status_read(host, pid, &status); i++) {
		if (pid == id.pid)
			return status.start_ticks == id.start_ticks;
		pid = status.parent;
	}
	return false;
}

/* A process names itself as it likes: what a terminal would obey does not reach the sentence. */
void via_process_describe(struct via_host *host, pid_t pid, struct via_process *process)
{
	struct via_process found = { .pid = pid };

	if (via_host_read(host, found.comm, sizeof(found.comm), "proc/%d/comm", (int)pid))
		found.comm[0] = '\0';
	via_text_make_printable(found.comm);
	*process = found;
}
