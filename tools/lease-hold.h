/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_LEASE_HOLD_H
#define VIADUCT_TOOLS_LEASE_HOLD_H

#include <signal.h>
#include <stdbool.h>

#include <viaduct/sriov/lease.h>

#include "command.h"

/* The signals that end a lease, which are waited for from before it begins. */
struct via_lease_watch {
	sigset_t before;
	int signal_fd;
	int owner_fd; /* -1: none */
};

/**
 * via_lease_watch_begin() - hold the signals. Ended with via_lease_watch_end().
 * @owner: a process whose end is waited for, too; 0: none.
 */
int via_lease_watch_begin(struct via_lease_watch *watch, pid_t owner, struct via_error *err);
void via_lease_watch_end(struct via_lease_watch *watch);

/** via_lease_watch_pause() - wait a moment. Return: 0, or the signal that came. */
int via_lease_watch_pause(struct via_lease_watch *watch, int milliseconds);

/** via_lease_hold() - until standard input ends, or the owner if there is one, or a signal comes.
 */
void via_lease_hold(struct via_lease_watch *watch);

/**
 * via_lease_run() - @command with the VF, until it ends.
 * @status: the exit status of this program that tells how it ended.
 *
 * Return: 0, or a negative errno with a sentence when it could not be started.
 */
int via_lease_run(struct via_lease_watch *watch, struct via_lease *lease, char *const *command,
		  int *status, struct via_error *err);

#endif
