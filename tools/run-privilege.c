/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run-privilege.h"

#include <cap-ng.h>
#include <errno.h>
#include <pwd.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <unistd.h>

int via_run_user_find(struct via_run_user *user, struct via_error *err)
{
	const struct passwd *entry;

	if (!user->name)
		return 0;
	entry = getpwnam(user->name);
	if (!entry)
		return via_error_set(err, ENOENT, "there is no user %s (--user)", user->name);
	user->uid = entry->pw_uid;
	user->gid = entry->pw_gid;
	if (geteuid())
		return via_error_set(err, EPERM, "only root can become the user %s (--user)",
				     user->name);
	return 0;
}

int via_run_privilege_drop(const struct via_run_user *user, struct via_error *err)
{
	bool bounds;
	int rc;

	capng_get_caps_process();
	bounds = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
	capng_clear(CAPNG_SELECT_ALL);
	if (user->name)
		rc = capng_change_id((int)user->uid, (int)user->gid,
				     CAPNG_INIT_SUPP_GRP | CAPNG_CLEAR_BOUNDING |
					     CAPNG_CLEAR_AMBIENT);
	else
		/* Who may not take from the bounding set has nothing it could give back. */
		rc = capng_apply(bounds ? CAPNG_SELECT_ALL
					: CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT);
	if (rc || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || capng_get_caps_process() ||
	    capng_have_capabilities(CAPNG_SELECT_CAPS) != CAPNG_NONE)
		return via_error_set(err, EPERM, "cannot give up privileges before the guest runs");
	return 0;
}
