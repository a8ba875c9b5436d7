/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../work.h"
#include "poll.h"

void work_poll(const struct poll *poll)
{
	talk_skipped(poll->name, "built without DPDK");
}
