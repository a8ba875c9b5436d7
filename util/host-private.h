/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_UTIL_HOST_PRIVATE_H
#define VIADUCT_UTIL_HOST_PRIVATE_H

#include <viaduct/util/host.h>

struct via_openers;

/* Where process.c keeps what it found. */
struct via_openers **via_host_openers(struct via_host *host);
void via_openers_free(struct via_openers *openers);

/*
 * What a test does to the writes of a host. One that is killed at a step leaves what a process
 * leaves that is killed there.
 */
struct via_host_hooks {
	void (*step)(void *data); /* before and after each change to a file */
	/* In place of via_host_write(): a kernel that is played. */
	int (*write)(void *data, const char *path, const char *text);
	void *data;
};

/** via_host_hook() - @hooks stays the caller's, for as long as the host is. */
void via_host_hook(struct via_host *host, const struct via_host_hooks *hooks);

/** via_host_step() - tell that a change is about to be made, or has been. */
void via_host_step(struct via_host *host);

#endif
