/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TESTS_UNIT_FAKE_KERNEL_H
#define VIADUCT_TESTS_UNIT_FAKE_KERNEL_H

#include <stdbool.h>

#include "tree.h"

/*
 * Plays the PCI core over a tree, for what is written to it through its host: sriov_numvfs,
 * sriov_drivers_autoprobe, driver_override, unbind, drivers_probe. There are a PF of igb with up to
 * seven VFs, which igbvf takes, and a function of e1000e; vfio-pci takes what it is told to.
 */
#define FAKE_KERNEL_PF                                                                             \
	"0000:01:00.0" /* igb, eth0; its VFs: 0000:01:10.0, .2, .4, .6, 11.0, ...                  \
			*/
#define FAKE_KERNEL_VF0	 "0000:01:10.0"
#define FAKE_KERNEL_VF1	 "0000:01:10.2"
#define FAKE_KERNEL_CARD "0000:03:00.0" /* e1000e */

/* What a PF's driver holds a new VF to, in attrs/INDEX: MAC, VLAN, priority, trust, spoof check. */
#define FAKE_KERNEL_ATTRS "00:00:00:00:00:00 0 0 0 1\n"

struct fake_kernel;

/** fake_kernel_new() - ended with fake_kernel_free(). */
struct fake_kernel *fake_kernel_new(void);
void fake_kernel_free(struct fake_kernel *kernel);

/** fake_kernel_tree() - where it is; its host is the one to write through. */
struct tree *fake_kernel_tree(struct fake_kernel *kernel);

/** fake_kernel_write() - what somebody else does, @path being below sys/bus/pci/; must work. */
void fake_kernel_write(struct fake_kernel *kernel, const char *path, const char *text);

/** fake_kernel_refuse() - a driver that takes no function; NULL: each does. */
void fake_kernel_refuse(struct fake_kernel *kernel, const char *driver);

/** fake_kernel_fail() - the write to sysfs with this number, from 0, fails with EIO; -1: none. */
void fake_kernel_fail(struct fake_kernel *kernel, int write);

/** fake_kernel_dawdle() - each step takes a while from now on, for others to come in between. */
void fake_kernel_dawdle(struct fake_kernel *kernel);

/** fake_kernel_writes() - to sysfs so far. */
int fake_kernel_writes(const struct fake_kernel *kernel);

/**
 * fake_kernel_snapshot() - all there is but locks: each file with its content, each link. It is the
 * caller's to free.
 */
char *fake_kernel_snapshot(struct fake_kernel *kernel);

/** fake_kernel_assert_is() - that the tree is what it was at a snapshot; prints what is not. */
void fake_kernel_assert_is(struct fake_kernel *kernel, const char *snapshot);

/* What is killed, and what puts right what that leaves. */
typedef void (*fake_kernel_fn)(struct via_host *host, void *data);

/**
 * fake_kernel_kill() - have a process that runs @operate killed at each step of each of its writes,
 * then @recover, after which the tree is what it was before.
 *
 * Return: how many steps there were; the last time round, nothing was killed.
 */
int fake_kernel_kill(struct fake_kernel *kernel, fake_kernel_fn operate, fake_kernel_fn recover,
		     void *data);

/** fake_kernel_kill_at() - a process that runs @operate, killed at one step; from 0.
 * Return: more than @step; @step when it ended before. */
int fake_kernel_kill_at(struct fake_kernel *kernel, int step, fake_kernel_fn operate, void *data);

/** fake_kernel_shared() - zeroed memory that those killed share, until the program ends. */
void *fake_kernel_shared(size_t bytes);

/** fake_kernel_step() - a change that another fake makes is a step, too: called before and after.
 */
void fake_kernel_step(void *kernel);

#endif
