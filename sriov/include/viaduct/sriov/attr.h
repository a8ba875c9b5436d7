/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_SRIOV_ATTR_H
#define VIADUCT_SRIOV_ATTR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <viaduct/sriov/pf.h>
#include <viaduct/util/error.h>
#include <viaduct/util/host.h>

/*
 * What the driver of a network PF holds its VFs to, whatever their guests do: IFLA_VFINFO_LIST of
 * linux/if_link.h, through rtnetlink. They live in the PF, so they are set before the guest's
 * driver probes: a MAC set later is seen by the guest only after the VF's next reset.
 *
 * Every function may be called by any thread.
 */

#define VIA_MAC_BYTES	   6
#define VIA_MAC_TEXT_BYTES 18

struct via_mac {
	uint8_t octets[VIA_MAC_BYTES];
};

struct via_mac_text {
	char text[VIA_MAC_TEXT_BYTES];
};

/**
 * via_mac_parse() - read "02:00:00:00:00:01" as an address a VF can have.
 *
 * Return: 0, or -EINVAL with a sentence: not six octets, all zero, or a multicast address.
 */
VIA_API int via_mac_parse(const char *text, struct via_mac *mac, struct via_error *err);

/** via_mac_text() - the address in lower case. `via_mac_text(mac).text` lives as long as the
 * enclosing full expression.
 */
VIA_API struct via_mac_text via_mac_text(struct via_mac mac);

/* Which members of struct via_sriov_attrs say something. */
enum via_sriov_attr {
	VIA_SRIOV_MAC = 1 << 0,
	VIA_SRIOV_VLAN = 1 << 1,
	VIA_SRIOV_QOS = 1 << 2,
	VIA_SRIOV_TRUST = 1 << 3,
	VIA_SRIOV_SPOOFCHK = 1 << 4,
};

#define VIA_SRIOV_VLAN_MAX 4094U
#define VIA_SRIOV_QOS_MAX  7U

struct via_sriov_attrs {
	unsigned int valid; /* enum via_sriov_attr, or-ed */
	struct via_mac mac; /* all zero: the VF chooses for itself */
	unsigned int vlan;  /* VLAN the PF puts the VF in, 1 to 4094; 0: none */
	/* Of that VLAN: ETH_P_8021Q or ETH_P_8021AD of linux/if_ether.h; 0 when set: the former. */
	uint16_t vlan_protocol;
	unsigned int qos;   /* 802.1p priority of that VLAN's frames, 0 to 7 */
	bool trust;	    /* the VF may turn on promiscuous mode, change its MAC, ... */
	bool spoofchk;	    /* frames sent from another MAC are dropped */
};

/**
 * via_sriov_attrs_get() - the attributes of every VF of a PF.
 * @attrs: @pf->vf_count of them, in the order of @pf->vfs. What the driver does not report is not
 *	   in `valid`.
 *
 * Return: 0; -ENOTSUP when the PF has no network interface, or the host is a recorded one; -EXDEV when
 * its network interface is not in this network namespace; or an errno of netlink.
 */
VIA_API int via_sriov_attrs_get(struct via_host *host, const struct via_sriov_pf *pf,
				struct via_sriov_attrs *attrs, struct via_error *err);

/**
 * via_sriov_attrs_check() - whether attributes can be asked of VF @index.
 *
 * Return: 0; -EINVAL when a value is none a VF can have, or a priority is given to no VLAN; -ENOENT
 * when there is no such VF; -ENOTSUP as for via_sriov_attrs_get().
 */
VIA_API int via_sriov_attrs_check(struct via_host *host, const struct via_sriov_pf *pf,
				  unsigned int index, const struct via_sriov_attrs *attrs,
				  struct via_error *err);

/**
 * via_sriov_attrs_complete() - what via_sriov_attrs_set() makes of @attrs, given those a VF has.
 * VLAN and priority are one to the driver: a VLAN without a priority gets priority 0, a priority
 * alone keeps the VLAN and its protocol.
 *
 * Return: 0, or -EINVAL when a priority is given to no VLAN.
 */
VIA_API int via_sriov_attrs_complete(const struct via_sriov_attrs *before,
				     struct via_sriov_attrs *attrs, struct via_error *err);

/**
 * via_sriov_attrs_set() - set the attributes that are in @attrs->valid, and what goes with them.
 *
 * They are set one by one; when the driver refuses one, the sentence says which, and those set
 * before get their former values back.
 *
 * Return: 0; what via_sriov_attrs_check() and via_sriov_attrs_complete() return; -EXDEV as for
 * via_sriov_attrs_get(); -EPERM without CAP_NET_ADMIN; -EOPNOTSUPP when
 * the driver does not have the attribute; or another errno of the driver.
 */
VIA_API int via_sriov_attrs_set(struct via_host *host, const struct via_sriov_pf *pf,
				unsigned int index, const struct via_sriov_attrs *attrs,
				struct via_error *err);

#endif
