/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_RUN_PRIVILEGE_H
#define VIADUCT_TOOLS_RUN_PRIVILEGE_H

#include <sys/types.h>

#include <viaduct/util/error.h>

/* Whom a guest's process becomes. */
struct via_run_user {
	const char *name; /* NULL: it stays who it is */
	uid_t uid;
	gid_t gid;
};

/**
 * via_run_user_find() - who @user->name is, and whether this process can become that.
 *
 * Return: 0; -ENOENT for no such user; -EPERM without the right to.
 */
int via_run_user_find(struct via_run_user *user, struct via_error *err);

/**
 * via_run_privilege_drop() - for good: every capability, also those a program it would start could
 * get, and with @user->name the user, the group and all other groups. While there is one thread.
 *
 * Return: 0, or -EPERM.
 */
int via_run_privilege_drop(const struct via_run_user *user, struct via_error *err);

#endif
