/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_SRIOV_ATTR_PRIVATE_H
#define VIADUCT_SRIOV_ATTR_PRIVATE_H

#include <netlink/route/link/sriov.h>

#include <viaduct/sriov/attr.h>

struct via_sriov_lent;

/* Who answers in the place of a PF's driver: a test. */
struct via_sriov_attr_driver {
	int (*get)(void *data, unsigned int index, struct via_sriov_attrs *attrs);
	/* One attribute of @attrs; VLAN and priority together, as the VLAN. */
	int (*set)(void *data, unsigned int index, enum via_sriov_attr attr,
		   const struct via_sriov_attrs *attrs);
	void *data;
};

int via_sriov_attrs_get_with(struct via_host *host, const struct via_sriov_pf *pf,
			     const struct via_sriov_lent *lent, struct via_sriov_attrs *attrs,
			     struct via_error *err);
int via_sriov_attrs_set_with(struct via_host *host, const struct via_sriov_pf *pf,
			     unsigned int index, const struct via_sriov_attrs *attrs,
			     const struct via_sriov_lent *lent, struct via_error *err);

/**
 * via_sriov_attrs_restore() - give a VF what it had, as far as it differs. Nothing is remembered;
 * the caller has the lock. A driver that does not take an all-zero MAC address back is let be.
 *
 * Return: as via_sriov_attrs_set(), of the first that was refused; the others are set.
 */
int via_sriov_attrs_restore(struct via_host *host, const struct via_sriov_pf *pf,
			    unsigned int index, const struct via_sriov_attrs *had,
			    const struct via_sriov_lent *lent, struct via_error *err);

/** via_sriov_attrs_overlay() - @before with the values that @wanted has; valid as @before. */
struct via_sriov_attrs via_sriov_attrs_overlay(const struct via_sriov_attrs *before,
					       const struct via_sriov_attrs *wanted);

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
