/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <viaduct/sriov/attr.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_ether.h>
#include <netlink/addr.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/link/sriov.h>
#include <netlink/socket.h>

#include <viaduct/util/cleanup.h>
#include <viaduct/util/journal.h>
#include <viaduct/vfio/lease.h>

#include "attr-private.h"
#include "kind.h"
#include "pf-record.h"

static void socket_freep(struct nl_sock **socket)
{
	nl_socket_free(*socket);
}

static void link_putp(struct rtnl_link **link)
{
	rtnl_link_put(*link);
}

static void vf_putp(struct rtnl_link_vf **vf)
{
	if (*vf)
		rtnl_link_vf_put(*vf);
}

/* libnl has numbers of its own; these are what a driver's refusal can turn into. */
static int errno_of_nl(int nl_error)
{
	switch (abs(nl_error)) {
	case NLE_PERM:
		return EPERM;
	case NLE_NOACCESS:
		return EACCES;
	case NLE_OPNOTSUPP:
		return EOPNOTSUPP;
	case NLE_NOMEM:
		return ENOMEM;
	case NLE_OBJ_NOTFOUND:
	case NLE_NODEV:
		return ENODEV;
	case NLE_BUSY:
		return EBUSY;
	case NLE_RANGE:
		return ERANGE;
	case NLE_INVAL:
		return EINVAL;
	case NLE_EXIST:
		return EEXIST;
	default:
		return EIO;
	}
}

/* The interface through which the VFs of a PF are set: with several, the first. */
static int pf_netdev(struct via_host *host, const struct via_sriov_pf *pf, const char **name,
		     struct via_error *err)
{
	if (!pf->netdevs.count)
		return via_error_set(err, ENOTSUP,
				     "%s has no network interface, through which the attributes of "
				     "its VFs are set%s%s",
				     via_bdf_text(pf->bdf).text,
				     pf->driver[0] ? "; its driver is " : ": it has no driver",
				     pf->driver);
	if (!via_host_is_real(host))
		return via_error_set(err, ENOTSUP,
				     "the attributes of VFs are not part of a recorded host");
	*name = pf->netdevs.names[0];
	return 0;
}

bool via_sriov_attr_same_netdev(struct via_host *host, const struct via_sriov_pf *pf,
				const char *netdev, int ifindex)
{
	uint64_t recorded;

	return !via_host_read_u64(host, &recorded, "sys/bus/pci/devices/%s/net/%s/ifindex",
				  via_bdf_text(pf->bdf).text, netdev) &&
	       ifindex > 0 && recorded == (uint64_t)ifindex;
}

/* A container may have the host's sysfs and a network namespace of its own: another interface of
 * the same name there, or none. */
static int elsewhere(const struct via_sriov_pf *pf, const char *netdev, struct via_error *err)
{
	return via_error_set(
		err, EXDEV,
		"%s, the network interface of %s, is not in this network namespace, so "
		"the attributes of its VFs cannot be reached from here",
		netdev, via_bdf_text(pf->bdf).text);
}

static int open_link(struct via_host *host, const struct via_sriov_pf *pf, const char *netdev,
		     struct nl_sock **socket_out, struct rtnl_link **link_out,
		     struct via_error *err)
{
	via_cleanup(socket_freep) struct nl_sock *socket = nl_socket_alloc();
	via_cleanup(link_putp) struct rtnl_link *link = NULL;
	int nl;

	if (!socket)
		return via_error_sys(err, ENOMEM, "cannot ask the kernel about %s", netdev);
	nl = nl_connect(socket, NETLINK_ROUTE);
	/* The answer grows with the number of VFs: some 200 bytes each. */
	if (nl >= 0)
		nl_socket_enable_msg_peek(socket);
	if (nl >= 0)
		nl = rtnl_link_get_kernel(socket, 0, netdev, &link);
	if (nl < 0 && errno_of_nl(nl) == ENODEV)
		return elsewhere(pf, netdev, err);
	if (nl < 0)
		return via_error_set(err, errno_of_nl(nl), "cannot ask the kernel about %s: %s",
				     netdev, nl_geterror(nl));
	if (!via_sriov_attr_same_netdev(host, pf, netdev, rtnl_link_get_ifindex(link)))
		return elsewhere(pf, netdev, err);
	*socket_out = via_steal_ptr(socket);
	*link_out = via_steal_ptr(link);
	return 0;
}

void via_sriov_attr_vlan(struct rtnl_link_vf *vf, struct via_sriov_attrs *attrs)
{
	nl_vf_vlans_t *vlans;

	if (rtnl_link_vf_get_vlans(vf, &vlans))
		return;
	if (vlans->size >= 1) {
		attrs->vlan = vlans->vlans[0].vf_vlan;
		attrs->qos = vlans->vlans[0].vf_vlan_qos;
		attrs->vlan_protocol = vlans->vlans[0].vf_vlan_proto;
		attrs->valid |= VIA_SRIOV_VLAN | VIA_SRIOV_QOS;
	}
	rtnl_link_vf_vlan_put(vlans);
}

/* A driver that has no such switch leaves the kernel's -1 there. */
static void read_switch(int rc, uint32_t value, enum via_sriov_attr attr, bool *on,
			struct via_sriov_attrs *attrs)
{
	if (rc || value > 1)
		return;
	*on = value;
	attrs->valid |= attr;
}

static void read_attrs(struct rtnl_link *link, unsigned int index, struct via_sriov_attrs *attrs)
{
	via_cleanup(vf_putp) struct rtnl_link_vf *vf = NULL;
	struct nl_addr *address;
	uint32_t value = 0;
	int rc;

	*attrs = (struct via_sriov_attrs){ 0 };
	/* libnl looks into the list without asking whether there is one, and there is none
	 * when the driver reports no attributes. */
	if (rtnl_link_has_vf_list(link))
		vf = rtnl_link_vf_get(link, index);
	if (!vf)
		return;
	if (!rtnl_link_vf_get_addr(vf, &address) && nl_addr_get_len(address) == VIA_MAC_BYTES) {
		memcpy(attrs->mac.octets, nl_addr_get_binary_addr(address), VIA_MAC_BYTES);
		attrs->valid |= VIA_SRIOV_MAC;
	}
	via_sriov_attr_vlan(vf, attrs);
	rc = rtnl_link_vf_get_trust(vf, &value);
	read_switch(rc, value, VIA_SRIOV_TRUST, &attrs->trust, attrs);
	rc = rtnl_link_vf_get_spoofchk(vf, &value);
	read_switch(rc, value, VIA_SRIOV_SPOOFCHK, &attrs->spoofchk, attrs);
}

/* The way to a PF's driver. */
struct port {
	const struct via_sriov_attr_driver *lent; /* NULL: through netlink */
	struct nl_sock *socket;
	struct rtnl_link *link;
};

static void port_close(struct port *port)
{
	nl_socket_free(port->socket);
	rtnl_link_put(port->link);
}

static int port_open(struct via_host *host, const struct via_sriov_pf *pf,
		     const struct via_sriov_lent *lent, struct port *port, struct via_error *err)
{
	const char *netdev;
	int rc;

	port->lent = lent ? lent->attrs : NULL;
	if (port->lent)
		return 0;
	rc = pf_netdev(host, pf, &netdev, err);
	return rc ? rc : open_link(host, pf, netdev, &port->socket, &port->link, err);
}

static int port_get(struct port *port, unsigned int index, struct via_sriov_attrs *attrs)
{
	if (port->lent)
		return port->lent->get(port->lent->data, index, attrs);
	read_attrs(port->link, index, attrs);
	return 0;
}

int via_sriov_attrs_get_with(struct via_host *host, const struct via_sriov_pf *pf,
			     const struct via_sriov_lent *lent, struct via_sriov_attrs *attrs,
			     struct via_error *err)
{
	via_cleanup(port_close) struct port port = { 0 };
	int rc = port_open(host, pf, lent, &port, err);

	for (size_t i = 0; !rc && i < pf->vf_count; i++)
		rc = port_get(&port, pf->vfs[i].index, &attrs[i]);
	return rc;
}

int via_sriov_attrs_get(struct via_host *host, const struct via_sriov_pf *pf,
			struct via_sriov_attrs *attrs, struct via_error *err)
{
	return via_sriov_attrs_get_with(host, pf, NULL, attrs, err);
}

static int check_values(const struct via_sriov_pf *pf, unsigned int index,
			const struct via_sriov_attrs *attrs, struct via_error *err)
{
	static const struct via_mac none;
	struct via_bdf vf;
	int rc = via_sriov_pf_vf(pf, index, &vf, err);

	if (rc)
		return rc;
	if ((attrs->valid & VIA_SRIOV_VLAN) && attrs->vlan > VIA_SRIOV_VLAN_MAX)
		return via_error_set(err, EINVAL, "VLAN %u does not exist: 1 to %u, or 0 for none",
				     attrs->vlan, VIA_SRIOV_VLAN_MAX);
	if ((attrs->valid & VIA_SRIOV_VLAN) && attrs->vlan_protocol &&
	    attrs->vlan_protocol != ETH_P_8021Q && attrs->vlan_protocol != ETH_P_8021AD)
		return via_error_set(err, EINVAL, "0x%04x is not the protocol of a VLAN",
				     attrs->vlan_protocol);
	if ((attrs->valid & VIA_SRIOV_QOS) && attrs->qos > VIA_SRIOV_QOS_MAX)
		return via_error_set(err, EINVAL, "priority %u does not exist: 0 to %u", attrs->qos,
				     VIA_SRIOV_QOS_MAX);
	if ((attrs->valid & VIA_SRIOV_VLAN) && !attrs->vlan && (attrs->valid & VIA_SRIOV_QOS) &&
	    attrs->qos)
		return via_error_set(err, EINVAL, "without a VLAN there is no priority %u to give",
				     attrs->qos);
	if ((attrs->valid & VIA_SRIOV_MAC) && memcmp(&attrs->mac, &none, sizeof(none))) {
		struct via_mac unused;

		rc = via_mac_parse(via_mac_text(attrs->mac).text, &unused, err);
		if (rc)
			return rc;
	}
	return 0;
}

int via_sriov_attrs_check(struct via_host *host, const struct via_sriov_pf *pf, unsigned int index,
			  const struct via_sriov_attrs *attrs, struct via_error *err)
{
	const char *netdev;
	int rc = check_values(pf, index, attrs, err);

	return rc ? rc : pf_netdev(host, pf, &netdev, err);
}

static const struct {
	enum via_sriov_attr attr; /* VLAN and priority go together, as the VLAN */
	const char *name;
} order[] = {
	/* The MAC first: with spoof checking on, some drivers refuse one set later. */
	{ VIA_SRIOV_MAC, "MAC address" },
	{ VIA_SRIOV_VLAN, "VLAN" },
	{ VIA_SRIOV_TRUST, "trust" },
	{ VIA_SRIOV_SPOOFCHK, "spoof check" },
};

/* Q-in-Q goes into another message, of which libnl leaves the byte order to its caller. */
static uint16_t vlan_protocol(const struct via_sriov_attrs *attrs)
{
	if (!attrs->vlan || !attrs->vlan_protocol || attrs->vlan_protocol == ETH_P_8021Q)
		return ETH_P_8021Q;
	return htons(attrs->vlan_protocol);
}

int via_sriov_attr_fill(struct rtnl_link_vf *vf, enum via_sriov_attr attr,
			const struct via_sriov_attrs *attrs)
{
	struct nl_addr *address;
	nl_vf_vlans_t *vlans;
	int nl = 0;

	switch (attr) {
	case VIA_SRIOV_MAC:
		address = nl_addr_build(AF_LLC, attrs->mac.octets, VIA_MAC_BYTES);
		if (!address)
			return -NLE_NOMEM;
		rtnl_link_vf_set_addr(vf, address);
		nl_addr_put(address);
		break;
	case VIA_SRIOV_VLAN:
	case VIA_SRIOV_QOS:
		nl = rtnl_link_vf_vlan_alloc(&vlans, 1);
		if (nl)
			return nl;
		vlans->vlans[0] = (nl_vf_vlan_info_t){
			.vf_vlan = attrs->vlan,
			.vf_vlan_qos = attrs->qos,
			.vf_vlan_proto = vlan_protocol(attrs),
		};
		rtnl_link_vf_set_vlans(vf, vlans);
		rtnl_link_vf_vlan_put(vlans);
		break;
	case VIA_SRIOV_TRUST:
		rtnl_link_vf_set_trust(vf, attrs->trust);
		break;
	case VIA_SRIOV_SPOOFCHK:
		rtnl_link_vf_set_spoofchk(vf, attrs->spoofchk);
		break;
	}
	return 0;
}

/* One attribute in one message, so that a refusal is about that one. Returns an NLE_ number. */
static int set_by_netlink(struct port *port, unsigned int index, enum via_sriov_attr attr,
			  const struct via_sriov_attrs *attrs)
{
	via_cleanup(link_putp) struct rtnl_link *change = rtnl_link_alloc();
	struct rtnl_link_vf *vf = rtnl_link_vf_alloc();
	int nl = -NLE_NOMEM;

	if (change && vf) {
		rtnl_link_vf_set_index(vf, index);
		nl = via_sriov_attr_fill(vf, attr, attrs);
	}
	if (!nl)
		nl = rtnl_link_vf_add(change, vf);
	if (vf)
		rtnl_link_vf_put(vf);
	if (nl)
		return nl;
	return rtnl_link_change(port->socket, port->link, change, 0);
}

static int port_set(struct port *port, unsigned int index, enum via_sriov_attr attr,
		    const struct via_sriov_attrs *attrs)
{
	int nl;

	if (port->lent)
		return port->lent->set(port->lent->data, index, attr, attrs);
	nl = set_by_netlink(port, index, attr, attrs);
	return nl ? -errno_of_nl(nl) : 0;
}

static int refused(const struct via_sriov_pf *pf, unsigned int index, const char *name, int errnum,
		   struct via_error *err)
{
	struct via_bdf_text text = via_bdf_text(pf->bdf);

	if (errnum == EPERM || errnum == EACCES)
		return via_error_set(err, EPERM,
				     "setting the %s of VF %u of %s takes root, or CAP_NET_ADMIN",
				     name, index, text.text);
	return via_error_sys(err, errnum, "%s, the driver of %s, refused the %s of VF %u",
			     pf->driver, text.text, name, index);
}

int via_sriov_attrs_complete(const struct via_sriov_attrs *before, struct via_sriov_attrs *attrs,
			     struct via_error *err)
{
	switch (attrs->valid & (VIA_SRIOV_VLAN | VIA_SRIOV_QOS)) {
	case VIA_SRIOV_VLAN:
		attrs->qos = 0;
		break;
	case VIA_SRIOV_QOS:
		if (!before->vlan && attrs->qos)
			return via_error_set(err, EINVAL,
					     "the VF has no VLAN to give priority %u in",
					     attrs->qos);
		attrs->vlan = before->vlan;
		attrs->vlan_protocol = before->vlan_protocol;
		break;
	case VIA_SRIOV_VLAN | VIA_SRIOV_QOS:
		break;
	default:
		return 0;
	}
	attrs->valid |= VIA_SRIOV_VLAN | VIA_SRIOV_QOS;
	return 0;
}

/* VLAN and priority are one, as they are set. */
static bool differs(enum via_sriov_attr attr, const struct via_sriov_attrs *a,
		    const struct via_sriov_attrs *b)
{
	switch (attr) {
	case VIA_SRIOV_MAC:
		return memcmp(&a->mac, &b->mac, sizeof(a->mac));
	case VIA_SRIOV_VLAN:
	case VIA_SRIOV_QOS:
		return a->vlan != b->vlan || a->qos != b->qos ||
		       (a->vlan && vlan_protocol(a) != vlan_protocol(b));
	case VIA_SRIOV_TRUST:
		return a->trust != b->trust;
	case VIA_SRIOV_SPOOFCHK:
		return a->spoofchk != b->spoofchk;
	}
	return false;
}

#define ORDERS (sizeof(order) / sizeof(order[0]))

/* What is in @wanted, one by one. *@done: how many of them were. */
static int set_all(struct port *port, unsigned int index, const struct via_sriov_attrs *wanted,
		   size_t *done)
{
	int rc = 0;

	for (*done = 0; *done < ORDERS; ++*done) {
		if (wanted->valid & (unsigned int)order[*done].attr)
			rc = port_set(port, index, order[*done].attr, wanted);
		if (rc)
			return rc;
	}
	return 0;
}

/* Those of @had that @now has otherwise. */
static struct via_sriov_attrs what_differs(const struct via_sriov_attrs *had,
					   const struct via_sriov_attrs *now)
{
	struct via_sriov_attrs wanted = *had;

	for (size_t i = 0; i < ORDERS; i++)
		if (!(now->valid & (unsigned int)order[i].attr) ||
		    !differs(order[i].attr, had, now))
			wanted.valid &= ~(unsigned int)order[i].attr;
	wanted.valid &= ~(unsigned int)VIA_SRIOV_QOS;
	return wanted;
}

struct via_sriov_attrs via_sriov_attrs_overlay(const struct via_sriov_attrs *before,
					       const struct via_sriov_attrs *wanted)
{
	struct via_sriov_attrs now = *before;

	if (wanted->valid & VIA_SRIOV_MAC)
		now.mac = wanted->mac;
	if (wanted->valid & VIA_SRIOV_VLAN) {
		now.vlan = wanted->vlan;
		now.qos = wanted->qos;
		now.vlan_protocol = wanted->vlan_protocol;
	}
	if (wanted->valid & VIA_SRIOV_TRUST)
		now.trust = wanted->trust;
	if (wanted->valid & VIA_SRIOV_SPOOFCHK)
		now.spoofchk = wanted->spoofchk;
	return now;
}

/*
 * What a VF had of that which Viaduct changes is written down; what it does not is others' to
 * change.
 * *@had: that, now and before.
 */
static int remember(struct via_host *host, struct via_bdf vf, const struct via_sriov_attrs *now,
		    const struct via_sriov_attrs *wanted, struct via_sriov_attrs *had,
		    struct via_error *err)
{
	unsigned int changed = what_differs(wanted, now).valid;
	struct via_sriov_attrs first = *now;
	int rc = via_sriov_attrs_record_load(host, vf, had, err);

	if (rc && rc != -ENOENT && rc != -ESTALE)
		return rc;
	if (changed & VIA_SRIOV_VLAN)
		changed |= VIA_SRIOV_QOS;
	first.valid &= changed;
	if (!rc && !(first.valid & ~had->valid))
		return 0;
	if (!rc) {
		unsigned int valid = first.valid | had->valid;

		first = via_sriov_attrs_overlay(&first, had);
		first.valid = valid;
	}
	*had = first;
	/* What its driver does not tell cannot be set back. */
	return had->valid ? via_sriov_attrs_record_save(host, vf, had, err) : 0;
}

/* When the VF is as it was. Untidy when it fails, and found out by who undoes. */
static void forget_if_same(struct via_host *host, struct via_bdf vf,
			   const struct via_sriov_attrs *had, const struct via_sriov_attrs *now)
{
	struct via_error err;

	if (!what_differs(had, now).valid && via_sriov_attrs_record_remove(host, vf, &err))
		via_host_log(host, VIA_LOG_WARNING, "%s", err.text);
}

/* The first @done of @wanted back to what they were. Return: whether all are. */
static bool set_back(struct via_host *host, const struct via_sriov_pf *pf, struct port *port,
		     unsigned int index, const struct via_sriov_attrs *wanted,
		     const struct via_sriov_attrs *before, size_t done)
{
	bool all = true;

	while (done-- > 0) {
		if (!(wanted->valid & before->valid & (unsigned int)order[done].attr) ||
		    !port_set(port, index, order[done].attr, before))
			continue;
		via_host_log(host, VIA_LOG_WARNING, "the %s of VF %u of %s could not be set back",
			     order[done].name, index, via_bdf_text(pf->bdf).text);
		all = false;
	}
	return all;
}

int via_sriov_attrs_set_with(struct via_host *host, const struct via_sriov_pf *pf,
			     unsigned int index, const struct via_sriov_attrs *attrs,
			     const struct via_sriov_lent *lent, struct via_error *err)
{
	via_cleanup(port_close) struct port port = { 0 };
	struct via_sriov_attrs had, before, after, wanted = *attrs;
	via_autoclose int lock_fd = -1;
	struct via_bdf vf;
	size_t done;
	int rc = check_values(pf, index, attrs, err);

	if (!rc)
		rc = via_sriov_pf_vf(pf, index, &vf, err);
	if (!rc)
		rc = via_journal_lock(host, pf->bdf, &lock_fd, err);
	if (!rc)
		rc = via_lease_check(host, vf, err);
	if (!rc)
		rc = port_open(host, pf, lent, &port, err);
	if (rc)
		return rc;
	rc = port_get(&port, index, &before);
	if (rc)
		return via_error_sys(err, -rc, "cannot read the attributes of VF %u", index);
	rc = via_sriov_attrs_complete(&before, &wanted, err);
	if (!rc)
		rc = remember(host, vf, &before, &wanted, &had, err);
	if (rc)
		return rc;
	rc = set_all(&port, index, &wanted, &done);
	if (rc) {
		rc = refused(pf, index, order[done].name, -rc, err);
		if (set_back(host, pf, &port, index, &wanted, &before, done))
			forget_if_same(host, vf, &had, &before);
		return rc;
	}
	after = via_sriov_attrs_overlay(&before, &wanted);
	forget_if_same(host, vf, &had, &after);
	return 0;
}

int via_sriov_attrs_set(struct via_host *host, const struct via_sriov_pf *pf, unsigned int index,
			const struct via_sriov_attrs *attrs, struct via_error *err)
{
	const char *netdev;
	int rc = check_values(pf, index, attrs, err);

	if (!rc)
		rc = pf_netdev(host, pf, &netdev, err);
	return rc ? rc : via_sriov_attrs_set_with(host, pf, index, attrs, NULL, err);
}

/* Of a VF that was to choose one; not every driver takes that back. */
static bool is_no_mac(enum via_sriov_attr attr, const struct via_sriov_attrs *attrs)
{
	static const struct via_mac none;

	return attr == VIA_SRIOV_MAC && !memcmp(&attrs->mac, &none, sizeof(none));
}

int via_sriov_attrs_restore(struct via_host *host, const struct via_sriov_pf *pf,
			    unsigned int index, const struct via_sriov_attrs *had,
			    const struct via_sriov_lent *lent, struct via_error *err)
{
	via_cleanup(port_close) struct port port = { 0 };
	struct via_sriov_attrs now, wanted;
	struct via_bdf vf;
	int first = 0, rc;

	if (!had->valid)
		return 0;
	rc = via_sriov_pf_vf(pf, index, &vf, err);
	if (!rc)
		rc = via_lease_check(host, vf, err);
	if (!rc)
		rc = port_open(host, pf, lent, &port, err);
	if (rc)
		return rc;
	rc = port_get(&port, index, &now);
	if (rc)
		return via_error_sys(err, -rc, "cannot read the attributes of VF %u", index);
	wanted = what_differs(had, &now);
	for (size_t i = 0; i < ORDERS; i++) {
		if (!(wanted.valid & (unsigned int)order[i].attr))
			continue;
		rc = port_set(&port, index, order[i].attr, &wanted);
		if ((rc == -EINVAL || rc == -EADDRNOTAVAIL) && is_no_mac(order[i].attr, &wanted))
			continue;
		if (rc && !first)
			first = refused(pf, index, order[i].name, -rc, err);
	}
	return first;
}
