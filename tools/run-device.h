/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_RUN_DEVICE_H
#define VIADUCT_TOOLS_RUN_DEVICE_H

#include <viaduct/vmm/vmm.h>

#include "command.h"

/* What --device asked for: NAME|fd=N[,rom=off|FILE]. */
struct via_run_devices {
	struct via_vmm_device devices[VIA_VMM_DEVICES_MAX];
	char *texts[VIA_VMM_DEVICES_MAX]; /* what the strings in devices[] are part of */
	size_t count;
};

/**
 * via_run_devices_find() - the functions meant by every --device.
 * @devices: zero-initialised; released with via_run_devices_clear(), also after a failure.
 *
 * Return: 0; -EINVAL for too many devices or an option that is none; -ENETDOWN when a VF's PF is
 * down; the errors of via_devname_resolve() and via_iommu_cdev_bdf(); -ENOMEM.
 */
int via_run_devices_find(const struct via_cli *cli, struct via_run_devices *devices,
			 struct via_error *err);
/** via_run_fd_parse() - "fd=5". Return: 0 or -EINVAL. */
int via_run_fd_parse(const char *text, int *fd);

void via_run_devices_clear(struct via_run_devices *devices);

#endif
