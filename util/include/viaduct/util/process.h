/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_UTIL_PROCESS_H
#define VIADUCT_UTIL_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <viaduct/util/error.h>
#include <viaduct/util/host.h>

/* A process as a sentence names it. */
struct via_process {
	pid_t pid;
	char comm[32]; /* as in /proc/PID/comm, printable; "" when it cannot be read */
};

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
