/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_UTIL_PROCESS_H
#define VIADUCT_UTIL_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <viaduct/util/error.h>
#include <viaduct/util/host.h>

/* A process as a sentence names it. */
struct via_process {
	pid_t pid;
	char comm[32]; /* as in /proc/PID/comm, printable; "" when it cannot be read */
};

/* A process, and none that comes to have its number later: /proc/PID/stat, field 22. */
struct via_process_id {
	pid_t pid; /* 0: no process */
	uint64_t start_ticks;
};

/**
 * via_process_id_get() - which process has a number now.
 *
 * Return: 0; -ESRCH when there is none, or it has ended and only its parent has not asked how; or
 * the errno of reading /proc.
 */
VIA_API int via_process_id_get(struct via_host *host, pid_t pid, struct via_process_id *id);

/** via_process_is_alive() - whether it is that process that still runs. */
VIA_API bool via_process_is_alive(struct via_host *host, struct via_process_id id);

/** via_process_is_within() - whether process @pid is @id, or has been started by it, or by one of
 * those, as long as those in between live. */
VIA_API bool via_process_is_within(struct via_host *host, pid_t pid, struct via_process_id id);

/** via_process_describe() - a process as a sentence names it. */
VIA_API void via_process_describe(struct via_host *host, pid_t pid, struct via_process *process);

/**
 * via_process_ignores() - whether this process ignores a signal, as nohup(1) and shells have it do.
 * Such a signal must not be blocked to be watched for: Linux keeps what is blocked even so.
 */
VIA_API bool via_process_ignores(int signal_number);

/* A device file: by one of its names, by its number, or both. */
struct via_device_file {
	const char *path; /* "/dev/vfio/12"; NULL: by number only */
	mode_t type;	  /* S_IFCHR or S_IFBLK; 0: by path only */
	unsigned int major, minor;
};

/**
 * via_process_find_opener() - who has a device file open, this process included. Only processes
 * whose descriptors may be read (ptrace(2)) are seen, in this PID namespace. By number a file is
 * found whatever it is called: in another directory, in a container.
 *
 * Return: 0; -ENOENT when there is none to be seen; -ENOMEM.
 */
VIA_API int via_process_find_opener(struct via_host *host, const struct via_device_file *file,
				    struct via_process *process);

/**
 * via_host_keep_openers() - look through /proc now, and let via_process_find_opener() answer from
 * what was found until via_host_forget_openers(): for many questions at a time. Meanwhile @host is
 * for one thread.
 *
 * Return: 0 or -ENOMEM.
 */
VIA_API int via_host_keep_openers(struct via_host *host);
VIA_API void via_host_forget_openers(struct via_host *host);

#endif
