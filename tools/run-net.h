/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_RUN_NET_H
#define VIADUCT_TOOLS_RUN_NET_H

#include <viaduct/vmm/vmm.h>

#include "command.h"

/* What --net asked for: user|tap=NAME[,vhost][,mac=ADDRESS][,queues=N]. */
struct via_run_nets {
	struct via_vmm_net nets[VIA_VMM_NETS_MAX];
	char *texts[VIA_VMM_NETS_MAX]; /* what the strings in nets[] are part of */
	size_t count;
};

/**
 * via_run_nets_parse() - every --net.
 * @nets: zero-initialised; released with via_run_nets_clear(), also after a failure.
 *
 * Return: 0, or the exit status of a command line that says nothing sensible.
 */
int via_run_nets_parse(const struct via_cli *cli, struct via_run_nets *nets);
void via_run_nets_clear(struct via_run_nets *nets);

#endif
