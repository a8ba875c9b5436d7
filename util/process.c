/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <viaduct/util/process.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>

#include "host-private.h"

bool via_process_ignores(int signal_number)
{
	struct sigaction now;

	return !sigaction(signal_number, NULL, &now) && now.sa_handler == SIG_IGN;
}

/* A device file some process has open. */
struct opener {
	pid_t pid;
	mode_t type; /* 0: the number is not known */
	unsigned int major, minor;
	char *path;
};

struct via_openers {
	struct opener *all;
	size_t count, capacity;
};

void via_openers_free(struct via_openers *openers)
{
	if (!openers)
		return;
	for (size_t i = 0; i < openers->count; i++)
		free(openers->all[i].path);
	free(openers->all);
	free(openers);
}

static void openers_freep(struct via_openers **openers)
{
	via_openers_free(*openers);
}

static int add(struct via_openers *openers, struct opener opener, const char *path)
{
	if (openers->count == openers->capacity) {
		size_t more = openers->capacity ? openers->capacity * 2 : 64;
		struct opener *grown = realloc(openers->all, more * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		openers->all = grown;
		openers->capacity = more;
	}
	opener.path = strdup(path);
	if (!opener.path)
		return -ENOMEM;
	openers->all[openers->count++] = opener;
	return 0;
}

/* @entry of a process's fd/, which is open as @directory. */
static int add_descriptor(struct via_openers *openers, pid_t pid, int directory, const char *entry)
{
	struct opener opener = { .pid = pid };
	char path[PATH_MAX];
	ssize_t length = readlinkat(directory, entry, path, sizeof(path) - 1);
	struct statx about;

	/* Pipes, sockets and anonymous inodes have no path. */
	if (length <= 0 || path[0] != '/')
		return 0;
	path[length] = '\0';
	/* Not to be synced: a file server that does not answer is not asked. */
	if (!statx(directory, entry, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &about) &&
	    (S_ISCHR(about.stx_mode) || S_ISBLK(about.stx_mode))) {
		opener.type = about.stx_mode & S_IFMT;
		opener.major = about.stx_rdev_major;
		opener.minor = about.stx_rdev_minor;
	} else if (strncmp(path, "/dev/", strlen("/dev/"))) {
		return 0;
	}
	return add(openers, opener, path);
}

static int add_process(struct via_host *host, struct via_openers *openers, const char *pid)
{
	via_autoclosedir DIR *dir = NULL;
	int fd = via_host_open(host, O_RDONLY | O_DIRECTORY, "proc/%s/fd", pid);
	struct dirent *entry;

	/* It has ended, or is somebody else's. */
	if (fd < 0)
		return 0;
	dir = fdopendir(fd);
	if (!dir) {
		via_close(&fd);
		return -ENOMEM;
	}
	while ((entry = readdir(dir))) {
		int rc = 0;

		if (isdigit((unsigned char)entry->d_name[0]))
			rc = add_descriptor(openers, (pid_t)strtol(pid, NULL, 10), fd,
					    entry->d_name);
		if (rc)
			return rc;
	}
	return 0;
}

static int find_openers(struct via_host *host, struct via_openers **found)
{
	via_cleanup(openers_freep) struct via_openers *openers = calloc(1, sizeof(*openers));
	via_cleanup(via_names_free) struct via_names names = { 0 };
	int rc = via_host_list(host, &names, "proc");

	if (!openers || rc == -ENOMEM)
		return -ENOMEM;
	for (size_t i = 0; i < names.count; i++) {
		if (!isdigit((unsigned char)names.names[i][0]))
			continue;
		rc = add_process(host, openers, names.names[i]);
		if (rc)
			return rc;
	}
	*found = via_steal_ptr(openers);
	return 0;
}

static bool is_file(const struct opener *opener, const struct via_device_file *file)
{
	if (file->path && !strcmp(opener->path, file->path))
		return true;
	return file->type && opener->type == file->type && opener->major == file->major &&
	       opener->minor == file->minor;
}

int via_process_find_opener(struct via_host *host, const struct via_device_file *file,
			    struct via_process *process)
{
	via_cleanup(openers_freep) struct via_openers *found = NULL;
	const struct via_openers *openers = *via_host_openers(host);

	if (!openers) {
		int rc = find_openers(host, &found);

		if (rc)
			return rc;
		openers = found;
	}
	for (size_t i = 0; i < openers->count; i++) {
		if (is_file(&openers->all[i], file)) {
			via_process_describe(host, openers->all[i].pid, process);
			return 0;
		}
	}
	return -ENOENT;
}

int via_host_keep_openers(struct via_host *host)
{
	struct via_openers *found;
	int rc = find_openers(host, &found);

	if (rc)
		return rc;
	via_host_forget_openers(host);
	*via_host_openers(host) = found;
	return 0;
}

void via_host_forget_openers(struct via_host *host)
{
	struct via_openers **kept = via_host_openers(host);

	via_openers_free(*kept);
	*kept = NULL;
}
