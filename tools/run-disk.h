/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_RUN_DISK_H
#define VIADUCT_TOOLS_RUN_DISK_H

#include <viaduct/vmm/vmm.h>

#include "command.h"

/* What --disk asked for: FILE[,ro][,direct][,queues=N], in which ",," is a comma of FILE. */
struct via_run_disks {
	struct via_vmm_disk disks[VIA_VMM_DISKS_MAX];
	char *paths[VIA_VMM_DISKS_MAX]; /* what disks[] points to */
	size_t count;
};

/**
 * via_run_disks_parse() - every --disk.
 * @disks: zero-initialised; released with via_run_disks_clear(), also after a failure.
 *
 * Return: 0, or the exit status of one that says nothing sensible, which was said.
 */
int via_run_disks_parse(const struct via_cli *cli, struct via_run_disks *disks);

void via_run_disks_clear(struct via_run_disks *disks);

#endif
