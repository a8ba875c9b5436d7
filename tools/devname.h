/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_DEVNAME_H
#define VIADUCT_TOOLS_DEVNAME_H

#include <viaduct/util/bdf.h>
#include <viaduct/util/error.h>
#include <viaduct/util/host.h>

/**
 * via_devname_resolve() - the PCI function a person means: its address (0000:01:10.0 or 01:10.0),
 * a network interface (eth0), an NVMe controller (nvme0), the serial number of its card
 * (serial=00-1b-21-ff-ff-3a-4c-5e, .1 behind it for function 1), or a VF of any of these (eth0/vf3).
 *
 * Return: 0; -EINVAL when @name cannot be a name; -ENODEV when there is no such function, interface
 * or controller; -ENOTSUP when it is no PCI device, or has no SR-IOV; -ENOENT when the PF has no
 * such VF; -EPROTO when sysfs holds something unreadable.
 */
int via_devname_resolve(struct via_host *host, const char *name, struct via_bdf *bdf,
			struct via_error *err);

/**
 * via_devname_resolve_vf() - the PF and the index of the VF a person means, as PF/vfN or the VF's
 * own address.
 *
 * Return: as above, and -ENOTSUP when the function is no VF.
 */
int via_devname_resolve_vf(struct via_host *host, const char *name, struct via_bdf *pf,
			   unsigned int *index, struct via_error *err);

#endif
