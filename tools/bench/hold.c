/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hold.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <pci/header.h>

#include <viaduct/sriov/attr.h>
#include <viaduct/sriov/create.h>
#include <viaduct/util/cleanup.h>
#include <viaduct/vfio/bind.h>

#include "../devname.h"
#include "../function.h"
#include "child.h"

#define NETDEV_SECONDS 10

static bool suits(const struct via_function *function, const struct via_bench_wanted *wanted)
{
	return (!wanted->class_code || function->class_code >> 8 == wanted->class_code) &&
	       (!wanted->vendor_id || function->vendor_id == wanted->vendor_id) &&
	       (!wanted->device_id || function->device_id == wanted->device_id);
}

static void hold(struct via_bench_hold *hold, const struct via_function *function)
{
	hold->bdf = function->bdf;
	hold->is_vf = function->is_vf;
	hold->is_network = function->class_code >> 16 == PCI_BASE_CLASS_NETWORK;
	hold->pf = function->pf_bdf;
	if (function->driver[0] && !via_iommu_driver_is_vfio(function->driver))
		snprintf(hold->driver, sizeof(hold->driver), "%s", function->driver);
	hold->found = true;
}

/* A MAC address of its own keeps the guest's driver from making one up, another each time. */
static int set_mac(struct via_bench_hold *held, struct via_error *err)
{
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf pf = { 0 };
	const struct via_sriov_attrs attrs = {
		.valid = VIA_SRIOV_MAC,
		.mac = { { 0x02, 0x56, 0x44, 0x42, 0, 1 } },
	};
	int rc = via_sriov_pf_load(held->host, held->pf, &pf, err);

	return rc || !pf.netdevs.count ? rc : via_sriov_attrs_set(held->host, &pf, 0, &attrs, err);
}

static int make_vf(struct via_bench_hold *held, const struct via_function *pf,
		   struct via_error *err)
{
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf with = { 0 };
	const struct via_sriov_request request = { .count = 1 };
	int rc = via_sriov_create(held->host, pf->bdf, &request, err);

	if (rc)
		return rc;
	held->pf = pf->bdf;
	held->made_vf = held->is_vf = true;
	held->is_network = pf->netdevs.count;
	rc = set_mac(held, err);
	if (!rc)
		rc = via_sriov_pf_load(held->host, pf->bdf, &with, err);
	if (!rc)
		rc = via_sriov_pf_vf(&with, 0, &held->bdf, err);
	held->found = !rc;
	return rc;
}

static bool can_make_vf(const struct via_bench_hold *held, const struct via_function *function)
{
	const struct via_sriov_request request = { .count = 1 };

	return function->is_pf && !function->pf.num_vfs &&
	       !via_sriov_create_check(held->host, &function->pf, &request, NULL);
}

static int find_named(struct via_bench_hold *held, const struct via_cli *cli,
		      const struct via_bench_wanted *wanted, const char *name,
		      struct via_error *err)
{
	via_cleanup(via_function_clear) struct via_function function = { 0 };
	struct via_bdf bdf;
	int rc = via_devname_resolve(held->host, name, &bdf, err);

	if (!rc)
		rc = via_function_load(cli, bdf, &function, err);
	if (rc)
		return rc;
	if (!suits(&function, wanted))
		return via_error_set(err, EINVAL, "%s is not %s", name, wanted->what);
	/* A PF is what VFs are made of; it is given away itself where it can make none. */
	if (can_make_vf(held, &function))
		return make_vf(held, &function, err);
	if (function.in_use.text[0])
		return via_error_set(err, EBUSY, "%s", function.in_use.text);
	hold(held, &function);
	return 0;
}

/* @vfs: take one that is there; else make one, or take what is no PF. */
static int find_free(struct via_bench_hold *held, const struct via_cli *cli,
		     const struct via_bench_wanted *wanted, bool vfs, struct via_error *err)
{
	via_cleanup(via_names_free) struct via_names names = { 0 };
	int rc = via_host_list(held->host, &names, "sys/bus/pci/devices");

	for (size_t i = 0; !rc && i < names.count && !held->found; i++) {
		via_cleanup(via_function_clear) struct via_function function = { 0 };
		struct via_bdf bdf;

		if (via_bdf_parse(names.names[i], &bdf) ||
		    via_function_load(cli, bdf, &function, NULL) || !suits(&function, wanted) ||
		    !via_function_is_worth_assigning(&function))
			continue;
		if (vfs != function.is_vf)
			continue;
		if (!vfs && can_make_vf(held, &function))
			rc = make_vf(held, &function, err);
		else if (!function.in_use.text[0] && function.iommu_group >= 0)
			hold(held, &function);
	}
	return rc;
}

int via_bench_hold_find(struct via_bench_hold *held, const struct via_cli *cli,
			const struct via_bench_wanted *wanted, const char *name,
			struct via_error *err)
{
	int rc;

	held->host = cli->host;
	if (name)
		return find_named(held, cli, wanted, name, err);
	rc = find_free(held, cli, wanted, true, err);
	if (!rc && !held->found)
		rc = find_free(held, cli, wanted, false, err);
	if (!rc && !held->found)
		rc = via_error_set(err, ENODEV,
				   "this host has no %s in an IOMMU group that nobody uses; "
				   "--device names one",
				   wanted->what);
	return rc;
}

/* Modules name the drivers they have; the name of the module itself may be another. */
static int find_driver(struct via_bench_hold *held, struct via_error *err)
{
	char alias[256], module[64] = "", line[64];
	char *argv[] = { (char *)"modprobe", (char *)"-q", alias, NULL };
	char command[400];
	via_cleanup(via_names_free) struct via_names names = { 0 };
	FILE *output;
	int rc = via_host_read(held->host, alias, sizeof(alias), "sys/bus/pci/devices/%s/modalias",
			       via_bdf_text(held->bdf).text);

	if (rc)
		return via_error_sys(err, -rc, "cannot read what drivers %s can have",
				     via_bdf_text(held->bdf).text);
	via_bench_run(argv);
	/* A modalias is letters, digits, ':', '*' and '-' only, as the kernel makes it. */
	if (strspn(alias, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:*-") !=
	    strlen(alias))
		return via_error_set(err, EPROTO, "the modalias of %s is none",
				     via_bdf_text(held->bdf).text);
	snprintf(command, sizeof(command), "modprobe -R '%s' 2>/dev/null", alias);
	output = popen(command, "re");
	while (output && fgets(line, sizeof(line), output))
		if (!module[0])
			snprintf(module, sizeof(module), "%.*s", (int)strcspn(line, "\n"), line);
	if (output)
		pclose(output);
	for (char *at = module; *at; at++)
		if (*at == '-')
			*at = '_';
	if (!via_host_list(held->host, &names, "sys/module/%s/drivers", module))
		for (size_t i = 0; i < names.count; i++)
			if (!strncmp(names.names[i], "pci:", 4)) {
				snprintf(held->driver, sizeof(held->driver), "%.*s",
					 (int)sizeof(held->driver) - 1, names.names[i] + 4);
				return 0;
			}
	return via_error_set(err, ENOENT, "the host has no driver for %s",
			     via_bdf_text(held->bdf).text);
}

/*
 * A driver in userspace (uio_pci_generic) leaves the line masked at each interrupt, for the program
 * that may end at any moment: the INTx Disable bit is there.
 */
static void keep_command(struct via_bench_hold *held)
{
	via_autoclose int fd = via_host_open(held->host, O_RDONLY, "sys/bus/pci/devices/%s/config",
					     via_bdf_text(held->bdf).text);

	if (!held->bound && fd >= 0)
		held->command_kept = pread(fd, &held->command, 1, PCI_COMMAND + 1) == 1;
}

static int restore_command(struct via_bench_hold *held, struct via_error *err)
{
	via_autoclose int fd = -1;

	if (!held->command_kept)
		return 0;
	held->command_kept = false;
	fd = via_host_open(held->host, O_WRONLY, "sys/bus/pci/devices/%s/config",
			   via_bdf_text(held->bdf).text);
	return fd >= 0 && pwrite(fd, &held->command, 1, PCI_COMMAND + 1) == 1
		       ? 0
		       : via_error_sys(err, EIO, "cannot restore the command register of %s",
				       via_bdf_text(held->bdf).text);
}

int via_bench_hold_give(struct via_bench_hold *held, const char *driver, struct via_error *err)
{
	char now[VIA_DRIVER_NAME_BYTES];
	int rc = via_vfio_driver(held->host, held->bdf, now, err);

	if (!rc && !driver && !held->driver[0])
		rc = find_driver(held, err);
	if (!driver)
		driver = held->driver;
	if (rc || !strcmp(now, driver))
		return rc;
	keep_command(held);
	if (!held->bound) {
		strcpy(held->first, now);
		held->remembered = via_vfio_is_remembered(held->host, held->bdf);
	}
	held->bound = true;
	return via_vfio_bind(held->host, held->bdf, driver, err);
}

/* The function to what it had at first. */
static int give_back(struct via_bench_hold *held, struct via_error *err)
{
	char driver[VIA_DRIVER_NAME_BYTES], netdev[IFNAMSIZ];
	int rc;

	if (!held->bound)
		return 0;
	held->bound = false;
	/* An interface comes back from a network namespace when that is taken down. */
	if (!via_vfio_driver(held->host, held->bdf, driver, NULL) &&
	    !strcmp(driver, held->driver) && held->is_network)
		via_bench_hold_netdev(held, false, netdev, err);
	/* What a record holds goes on to be held by it; unbinding would undo a former bind, too. */
	if (held->remembered && held->first[0])
		rc = via_vfio_bind(held->host, held->bdf, held->first, err);
	else
		rc = via_vfio_unbind(held->host, held->bdf, driver, err);
	return rc ? rc : restore_command(held, err);
}

int via_bench_hold_netdev(const struct via_bench_hold *held, bool pf, char name[static IFNAMSIZ],
			  struct via_error *err)
{
	struct via_bdf_text bdf = via_bdf_text(pf ? held->pf : held->bdf);

	for (int tries = 0; tries < NETDEV_SECONDS * 20; tries++) {
		via_cleanup(via_names_free) struct via_names names = { 0 };

		if (!via_host_list(held->host, &names, "sys/bus/pci/devices/%s/net", bdf.text) &&
		    names.count) {
			snprintf(name, IFNAMSIZ, "%.*s", IFNAMSIZ - 1, names.names[0]);
			return 0;
		}
		usleep(50000);
	}
	return via_error_set(err, ENODEV, "%s has no network interface", bdf.text);
}

static int interface_call(const char *name, unsigned long request, struct ifreq *call)
{
	via_autoclose int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(call->ifr_name, sizeof(call->ifr_name), "%.*s", IFNAMSIZ - 1, name);
	return fd < 0 || ioctl(fd, request, call) ? -errno : 0;
}

/* The first address of an interface. */
static int set_address(const char *name)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct ifreq call = { 0 };
	int rc;

	inet_pton(AF_INET, VIA_BENCH_PEER, &in.sin_addr);
	memcpy(&call.ifr_addr, &in, sizeof(in));
	rc = interface_call(name, SIOCSIFADDR, &call);
	if (rc)
		return rc;
	in.sin_addr.s_addr = htonl(0xffffff00);
	memcpy(&call.ifr_netmask, &in, sizeof(in));
	return interface_call(name, SIOCSIFNETMASK, &call);
}

/* What the kernel answers to one request; 0 is its acknowledgement. */
static int netlink_ask(const void *request, size_t bytes)
{
	via_autoclose int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char rest[512];
	} answer = { 0 };
	ssize_t got;

	if (fd < 0 || send(fd, request, bytes, 0) < 0)
		return -errno;
	got = recv(fd, &answer, sizeof(answer), 0);
	if (got < 0)
		return -errno;
	if ((size_t)got < sizeof(answer.header) + sizeof(answer.error.error) ||
	    answer.header.nlmsg_type != NLMSG_ERROR)
		return -EPROTO;
	return answer.error.error;
}

/* VIA_BENCH_PEER beside the addresses an interface has: RTM_NEWADDR, or no longer: RTM_DELADDR. */
static int change_address(uint16_t type, const char *interface)
{
	struct {
		struct nlmsghdr header;
		struct ifaddrmsg address;
		struct rtattr attr;
		struct in_addr local;
	} request = {
		.header = { .nlmsg_len = sizeof(request),
			    .nlmsg_type = type,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.address = { .ifa_family = AF_INET,
			     .ifa_prefixlen = 24,
			     .ifa_index = if_nametoindex(interface) },
		.attr = { .rta_len = RTA_LENGTH(sizeof(request.local)), .rta_type = IFA_LOCAL },
	};

	if (type == RTM_NEWADDR)
		request.header.nlmsg_flags |= NLM_F_CREATE | NLM_F_EXCL;
	inet_pton(AF_INET, VIA_BENCH_PEER, &request.local);
	return request.address.ifa_index ? netlink_ask(&request, sizeof(request)) : -ENODEV;
}

int via_bench_hold_address(struct via_bench_hold *held, const char *interface,
			   struct via_error *err)
{
	int rc = change_address(RTM_NEWADDR, interface);

	/* That somebody else has given it is as good, and not ours to take. */
	if (rc == -EEXIST)
		return 0;
	if (rc)
		return via_error_sys(err, -rc, "cannot give %s the address " VIA_BENCH_PEER,
				     interface);
	snprintf(held->interface, sizeof(held->interface), "%s", interface);
	return 0;
}

void via_bench_hold_no_address(struct via_bench_hold *held)
{
	/* An interface that is gone has taken it along. */
	if (held->interface[0])
		change_address(RTM_DELADDR, held->interface);
	held->interface[0] = '\0';
}

int via_bench_interface_up(const char *interface, struct via_error *err)
{
	struct ifreq call = { 0 };
	int rc = set_address(interface);

	if (!rc)
		rc = interface_call(interface, SIOCGIFFLAGS, &call);
	call.ifr_flags |= IFF_UP;
	if (!rc)
		rc = interface_call(interface, SIOCSIFFLAGS, &call);
	return rc ? via_error_sys(err, -rc, "cannot bring %s up", interface) : 0;
}

int via_bench_hold_move(const char *interface, pid_t pid, struct via_error *err)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg link;
		struct rtattr attr;
		uint32_t pid;
	} request = {
		.header = { .nlmsg_len = sizeof(request),
			    .nlmsg_type = RTM_NEWLINK,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.link = { .ifi_family = AF_UNSPEC, .ifi_index = (int)if_nametoindex(interface) },
		.attr = { .rta_len = RTA_LENGTH(sizeof(uint32_t)), .rta_type = IFLA_NET_NS_PID },
		.pid = (uint32_t)pid,
	};
	int rc = netlink_ask(&request, sizeof(request));

	return rc ? via_error_sys(err, -rc, "cannot move %s to a network namespace", interface) : 0;
}

void via_bench_hold_release(struct via_bench_hold *held)
{
	struct via_error err;

	via_bench_hold_no_address(held);
	if (give_back(held, &err))
		via_host_log(held->host, VIA_LOG_WARNING, "%s", err.text);
	if (held->made_vf && via_sriov_destroy(held->host, held->pf, false, &err))
		via_host_log(held->host, VIA_LOG_WARNING, "%s", err.text);
	held->made_vf = held->found = false;
}
