/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_SRIOV_ATTR_PRIVATE_H
#define VIADUCT_SRIOV_ATTR_PRIVATE_H

#include <netlink/route/link/sriov.h>

#include <viaduct/sriov/attr.h>

/** via_sriov_attr_fill() - one attribute of a VF, as libnl wants it. Return: 0 or an NLE_ number.
 */
int via_sriov_attr_fill(struct rtnl_link_vf *vf, enum via_sriov_attr attr,
			const struct via_sriov_attrs *attrs);

/**
 * via_sriov_attr_vlan() - what libnl has of a VF's VLAN. Unlike the kernel's other numbers, its
 * protocol is read in host byte order and written as it is.
 */
void via_sriov_attr_vlan(struct rtnl_link_vf *vf, struct via_sriov_attrs *attrs);

/** via_sriov_attr_same_netdev() - whether the number sysfs has for an interface is @ifindex. */
bool via_sriov_attr_same_netdev(struct via_host *host, const struct via_sriov_pf *pf,
				const char *netdev, int ifindex);

#endif
