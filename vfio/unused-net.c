/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unused.h"

#include <errno.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <limits.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <viaduct/util/cleanup.h>

#include "bind-private.h"

/* RTF_ANYCAST of linux/ipv6_route.h, which net/route.h will not have beside it. */
#define ROUTE6_ANYCAST 0x00100000U

/* PCI Code and ID Assignment, 1.3. */
#define PCI_BASE_CLASS_NETWORK 0x02

/* Columns of /proc/net/route: Iface Destination Gateway Flags ... */
static bool has_route4(struct via_host *host, const char *netdev)
{
	via_autofclose FILE *file = via_host_fopen(host, "proc/net/route");
	via_autofree char *line = NULL;
	size_t line_bytes = 0;

	while (file && getline(&line, &line_bytes, file) >= 0) {
		char name[IFNAMSIZ];
		unsigned int flags;

		if (sscanf(line, "%15s %*x %*x %x", name, &flags) == 2 && flags & RTF_UP &&
		    !strcmp(name, netdev))
			return true;
	}
	return false;
}

/*
 * Columns of /proc/net/ipv6_route: destination, its prefix length, source, its prefix length,
 * next hop, metric, references, uses, flags, device. Every interface that is up has routes to
 * fe80::/64 and ff00::/8 and to its own addresses; they say nothing.
 */
static bool has_route6(struct via_host *host, const char *netdev)
{
	via_autofclose FILE *file = via_host_fopen(host, "proc/net/ipv6_route");
	via_autofree char *line = NULL;
	size_t line_bytes = 0;

	while (file && getline(&line, &line_bytes, file) >= 0) {
		char destination[33], name[IFNAMSIZ];
		unsigned int flags;

		if (sscanf(line, "%32s %*x %*s %*x %*s %*x %*x %*x %x %15s", destination, &flags,
			   name) != 3 ||
		    strcmp(name, netdev))
			continue;
		if (flags & RTF_UP && !(flags & (RTF_LOCAL | ROUTE6_ANYCAST)) &&
		    strncmp(destination, "fe8", 3) && strncmp(destination, "ff", 2))
			return true;
	}
	return false;
}

/* A link-local IPv6 address comes with being up; every other one somebody wanted. */
static bool address_counts(const struct sockaddr *address)
{
	if (!address)
		return false;
	if (address->sa_family == AF_INET6)
		return !IN6_IS_ADDR_LINKLOCAL(
			&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
	return address->sa_family == AF_INET;
}

static bool up_with_address(struct via_host *host, const char *netdev)
{
	struct ifaddrs *all, *one;
	char state[16];
	uint64_t flags;
	bool found = false;

	if (via_host_read_u64(host, &flags, "sys/class/net/%s/flags", netdev) || !(flags & IFF_UP))
		return false;
	/* A recorded host has no addresses: carrying traffic is the nearest to it. */
	if (!via_host_is_real(host) || getifaddrs(&all))
		return !via_host_read(host, state, sizeof(state), "sys/class/net/%s/operstate",
				      netdev) &&
		       !strcmp(state, "up");
	for (one = all; one && !found; one = one->ifa_next)
		found = !strcmp(one->ifa_name, netdev) && address_counts(one->ifa_addr);
	freeifaddrs(all);
	return found;
}

/* A bridge or bond is its master; VLANs, macvlans and their like are upper_*. */
static int check_uppers(struct via_host *host, const char *where, const char *netdev,
			struct via_error *err)
{
	via_cleanup(via_names_free) struct via_names names = { 0 };
	char upper[IFNAMSIZ];

	if (!via_host_link_name(host, upper, sizeof(upper), "sys/class/net/%s/master", netdev))
		return via_error_set(err, EBUSY, "%s is in use: its netdev %s belongs to %s", where,
				     netdev, upper);
	if (via_host_exists(host, "sys/class/net/%s/brport", netdev))
		return via_error_set(err, EBUSY, "%s is in use: its netdev %s is a bridge's port",
				     where, netdev);
	if (via_host_list(host, &names, "sys/class/net/%s", netdev))
		return 0;
	for (size_t i = 0; i < names.count; i++)
		if (!strncmp(names.names[i], "upper_", strlen("upper_")))
			return via_error_set(err, EBUSY,
					     "%s is in use: %s is built upon its netdev %s", where,
					     names.names[i] + strlen("upper_"), netdev);
	return 0;
}

static int check_netdev(struct via_host *host, const char *where, const char *netdev,
			struct via_error *err)
{
	int rc = check_uppers(host, where, netdev, err);

	if (rc)
		return rc;
	if (has_route4(host, netdev) || has_route6(host, netdev))
		return via_error_set(err, EBUSY,
				     "%s is in use: the host routes through its netdev %s", where,
				     netdev);
	if (up_with_address(host, netdev))
		return via_error_set(err, EBUSY,
				     "%s is in use: its netdev %s is up and has an address; "
				     "ip link set %s down",
				     where, netdev, netdev);
	return 0;
}

/*
 * sysfs shows the netdevs of one network namespace only. A network function that a driver has and
 * that has no netdev here most likely has one elsewhere, and nobody here can see what it does.
 */
static int check_elsewhere(struct via_host *host, struct via_bdf bdf, struct via_error *err)
{
	struct via_bdf_text where = via_bdf_text(bdf);
	char driver[VIA_DRIVER_NAME_BYTES];
	uint64_t class_code;

	if (via_host_read_u64(host, &class_code, "sys/bus/pci/devices/%s/class", where.text) ||
	    class_code >> 16 != PCI_BASE_CLASS_NETWORK)
		return 0;
	/* pci-stub is for keeping drivers away. */
	if (via_vfio_driver(host, bdf, driver, NULL) || !*driver ||
	    via_iommu_driver_is_vfio(driver) || !strcmp(driver, "pci-stub"))
		return 0;
	return via_error_set(
		err, EBUSY,
		"%s is in use: the driver %s has it, and its network interface, which is "
		"not to be seen, may be in another network namespace",
		where.text, driver);
}

int via_vfio_check_netdevs(struct via_host *host, struct via_bdf bdf, struct via_error *err)
{
	via_cleanup(via_names_free) struct via_names names = { 0 };
	struct via_bdf_text where = via_bdf_text(bdf);
	bool found = false;
	int rc = via_host_list(host, &names, "sys/class/net");

	if (rc)
		return rc == -ENOENT ? 0 : via_error_sys(err, -rc, "cannot list the netdevs");
	/* By path, for a netdev can be deep below the function: on virtio, on USB. */
	for (size_t i = 0; i < names.count; i++) {
		char path[PATH_MAX];

		if (via_vfio_class_path(host, "net", names.names[i], path, sizeof(path)) ||
		    !via_vfio_path_has(path, where.text))
			continue;
		found = true;
		rc = check_netdev(host, where.text, names.names[i], err);
		if (rc)
			return rc;
	}
	return found ? 0 : check_elsewhere(host, bdf, err);
}
