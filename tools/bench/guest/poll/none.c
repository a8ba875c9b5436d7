/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../work.h"
#include "poll.h"

void work_poll(const struct poll *poll)
{
	if (poll->send)
		talk_skipped(poll->send, "built without DPDK");
	if (poll->receive)
		talk_skipped(poll->receive, "built without DPDK");
}
