/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <viaduct/sriov/attr.h>
#include <viaduct/sriov/create.h>
#include <viaduct/sriov/pf.h>
#include <viaduct/util/cleanup.h>

#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/route/link.h>

#include "arrival.h"
#include "attr-private.h"
#include "autoprobe.h"
#include "host-private.h"
#include "tree.h"

#define PF	"sys/bus/pci/devices/0000:01:00.0/"
#define PF_NONE "sys/bus/pci/devices/0000:01:00.1/"
#define VF(n)	"sys/bus/pci/devices/0000:01:10." #n "/"

/* An igb with three of its seven VFs, and one with none. */
static const struct tree_entry entries[] = {
	{ PF "class", "0x020000\n" },
	{ PF "driver", .link = "../../../../bus/pci/drivers/igb" },
	{ PF "sriov_totalvfs", "7\n" },
	{ PF "sriov_numvfs", "3\n" },
	{ PF "sriov_offset", "128\n" },
	{ PF "sriov_stride", "2\n" },
	{ PF "sriov_vf_device", "10ca\n" },
	{ PF "sriov_drivers_autoprobe", "1\n" },
	{ PF "net/eth0/flags", "0x1003\n" },
	{ PF "virtfn0", .link = "../0000:01:10.0" },
	{ PF "virtfn1", .link = "../0000:01:10.2" },
	{ PF "virtfn10", .link = "../0000:01:10.4" },
	{ PF "virtfnord", .link = "../0000:01:10.6" },
	{ VF(0) "physfn", .link = "../0000:01:00.0" },
	{ VF(2) "physfn", .link = "../0000:01:00.0" },
	{ VF(4) "physfn", .link = "../0000:01:00.0" },
	{ VF(6) "physfn", .link = "../0000:01:00.0" },
	{ PF_NONE "driver", .link = "../../../../bus/pci/drivers/igb" },
	{ PF_NONE "sriov_totalvfs", "7\n" },
	{ PF_NONE "sriov_numvfs", "0\n" },
	{ PF_NONE "sriov_drivers_autoprobe", "1\n" },
	{ PF_NONE "net/eth1/flags", "0x1003\n" },
	{ "sys/bus/pci/devices/0000:00:02.0/class", "0x030000\n" },
	{ 0 },
};

static const struct via_bdf pf_bdf = { .bus = 1 };
static const struct via_bdf pf_none_bdf = { .bus = 1, .function = 1 };
static const struct via_bdf gpu_bdf = { .device = 2 };
static const struct via_bdf absent_bdf = { .bus = 9 };

static struct via_bdf vf_bdf(uint8_t function)
{
	return (struct via_bdf){ .bus = 1, .device = 0x10, .function = function };
}

static void assert_says(const struct via_error *err, const char *part)
{
	if (!strstr(err->text, part))
		fail_msg("\"%s\" does not say \"%s\"", err->text, part);
}

static void assert_holds(const struct tree *tree, const char *path, const char *content)
{
	char text[32];

	assert_int_equal(via_host_read(tree->host, text, sizeof(text), "%s", path), 0);
	assert_string_equal(text, content);
}

static int create(const struct tree *tree, struct via_bdf bdf, unsigned int count,
		  struct via_error *err)
{
	return via_sriov_create(tree->host, bdf, &(struct via_sriov_request){ .count = count },
				err);
}

static void vfs_are_in_order_of_their_number(void **state)
{
	struct tree tree = tree_make(entries);
	struct via_sriov_pf pf = { 0 };
	struct via_error err;
	struct via_bdf vf;

	(void)state;
	assert_int_equal(via_sriov_pf_load(tree.host, pf_bdf, &pf, &err), 0);
	assert_string_equal(pf.driver, "igb");
	assert_int_equal(pf.total_vfs, 7);
	assert_int_equal(pf.num_vfs, 3);
	assert_int_equal(pf.offset, 128);
	assert_int_equal(pf.stride, 2);
	assert_int_equal(pf.vf_device_id, 0x10ca);
	assert_true(pf.autoprobe);
	assert_int_equal(pf.netdevs.count, 1);
	assert_int_equal(pf.vf_count, 3);
	assert_int_equal(pf.vfs[1].index, 1);
	assert_int_equal(pf.vfs[2].index, 10);
	assert_int_equal(via_sriov_pf_vf(&pf, 10, &vf, &err), 0);
	assert_true(via_bdf_equal(vf, vf_bdf(4)));
	assert_int_equal(via_sriov_pf_vf(&pf, 2, &vf, &err), -ENOENT);
	assert_says(&err, "it has 3 VFs");
	via_sriov_pf_clear(&pf);
	tree_remove(&tree);
}

static void a_vf_knows_its_pf(void **state)
{
	struct tree tree = tree_make(entries);
	unsigned int index = 7;
	struct via_error err;
	struct via_bdf pf;

	(void)state;
	assert_int_equal(via_sriov_vf_pf(tree.host, vf_bdf(4), &pf, &index, &err), 0);
	assert_true(via_bdf_equal(pf, pf_bdf));
	assert_int_equal(index, 10);
	assert_int_equal(via_sriov_vf_pf(tree.host, pf_bdf, &pf, &index, &err), -ENOTSUP);
	assert_int_equal(via_sriov_vf_pf(tree.host, absent_bdf, &pf, &index, &err), -ENODEV);
	/* The PF does not know this one. */
	assert_int_equal(via_sriov_vf_pf(tree.host, vf_bdf(6), &pf, &index, &err), -EPROTO);
	assert_int_equal(via_sriov_vf_pf(tree.host, vf_bdf(6), &pf, NULL, &err), 0);
	tree_remove(&tree);
}

static void others_are_no_pf(void **state)
{
	struct tree tree = tree_make(entries);
	struct via_sriov_pf pf = { 0 };
	struct via_error err;

	(void)state;
	assert_int_equal(via_sriov_pf_load(tree.host, absent_bdf, &pf, &err), -ENODEV);
	assert_int_equal(via_sriov_pf_load(tree.host, gpu_bdf, &pf, &err), -ENOTSUP);
	assert_says(&err, "no SR-IOV capability");
	assert_int_equal(via_sriov_pf_load(tree.host, vf_bdf(0), &pf, &err), -ENOTSUP);
	assert_says(&err, "its PF is 0000:01:00.0");
	assert_null(pf.vfs);
	tree_remove(&tree);
}

static void garbage_in_sysfs_is_refused(void **state)
{
	static const struct tree_entry garbage[] = {
		{ PF "sriov_numvfs", "many\n" },	   { PF "sriov_numvfs", "65536\n" },
		{ PF "sriov_totalvfs", "-1\n" },	   { PF "sriov_totalvfs", "" },
		{ PF "sriov_drivers_autoprobe", "yes\n" }, { PF "sriov_vf_device", "0x10ca\n" },
		{ PF "sriov_vf_device", "10ca10ca\n" },	   { PF "virtfn0", .link = "../nowhere" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
		struct tree tree = tree_make(entries);
		struct via_sriov_pf pf = { 0 };
		struct via_error err;

		tree_add(&tree, garbage[i]);
		assert_int_equal(via_sriov_pf_load(tree.host, pf_bdf, &pf, &err), -EPROTO);
		assert_null(pf.vfs);
		tree_remove(&tree);
	}
}

static void check_refuses(const struct tree *tree, struct via_bdf bdf, unsigned int count,
			  int expected, const char *says)
{
	const struct via_sriov_request request = { .count = count };
	struct via_sriov_pf pf = { 0 };
	struct via_error err;

	assert_int_equal(via_sriov_pf_load(tree->host, bdf, &pf, &err), 0);
	assert_int_equal(via_sriov_create_check(tree->host, &pf, &request, &err), expected);
	if (expected)
		assert_says(&err, says);
	if (expected)
		assert_int_equal(create(tree, bdf, count, &err), expected);
	via_sriov_pf_clear(&pf);
}

static void creation_is_refused_before_anything_changes(void **state)
{
	struct tree tree = tree_make(entries);

	(void)state;
	check_refuses(&tree, pf_none_bdf, 0, -EINVAL, "0 is not a number of VFs");
	check_refuses(&tree, pf_none_bdf, 7, 0, NULL);
	check_refuses(&tree, pf_none_bdf, 8, -ERANGE, "7 VFs at most, not 8");
	check_refuses(&tree, pf_bdf, 2, -EEXIST, "viaduct vf destroy 0000:01:00.0");

	tree_add(&tree, (struct tree_entry){ PF_NONE "net/eth1/flags", "0x1002\n" });
	check_refuses(&tree, pf_none_bdf, 2, -ENETDOWN, "ip link set eth1 up");
	/* The port that is up answers. */
	tree_add(&tree, (struct tree_entry){ PF_NONE "net/eth2/flags", "0x1003\n" });
	check_refuses(&tree, pf_none_bdf, 2, 0, NULL);

	tree_drop(&tree, PF_NONE "driver");
	check_refuses(&tree, pf_none_bdf, 2, -ENXIO, "has no driver");
	assert_holds(&tree, PF_NONE "sriov_numvfs", "0");
	assert_holds(&tree, PF_NONE "sriov_drivers_autoprobe", "1");
	tree_remove(&tree);
}

/* The kernel makes the links; a recorded host has them beforehand. */
static void autoprobe_is_as_it_was_after_creation(void **state)
{
	static const char *const autoprobe[] = { "0", "1" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct tree tree = tree_make(entries);
		struct via_error err;

		tree_add(&tree,
			 (struct tree_entry){ PF_NONE "sriov_drivers_autoprobe", autoprobe[i] });
		tree_add(&tree,
			 (struct tree_entry){ PF_NONE "virtfn0", .link = "../0000:01:10.1" });
		tree_add(&tree,
			 (struct tree_entry){ PF_NONE "virtfn1", .link = "../0000:01:10.3" });
		assert_int_equal(create(&tree, pf_none_bdf, 2, &err), 0);
		assert_holds(&tree, PF_NONE "sriov_numvfs", "2");
		assert_holds(&tree, PF_NONE "sriov_drivers_autoprobe", autoprobe[i]);
		tree_remove(&tree);
	}
}

#define OFF_RECORD "run/viaduct/autoprobe/0000:01:00.1"

static void autoprobe_is_recorded_while_it_is_off(void **state)
{
	struct tree tree = tree_make(entries);
	struct via_sriov_autoprobe held, other;
	struct via_error err;

	(void)state;
	assert_int_equal(via_sriov_autoprobe_recover(tree.host, pf_none_bdf, &err), 0);
	assert_int_equal(via_sriov_autoprobe_hold(tree.host, pf_none_bdf, &held, &err), 0);
	assert_holds(&tree, PF_NONE "sriov_drivers_autoprobe", "0");
	assert_true(via_host_exists(tree.host, OFF_RECORD));
	/* Off already: nothing to remember. */
	assert_int_equal(via_sriov_autoprobe_hold(tree.host, pf_none_bdf, &other, &err), 0);
	via_sriov_autoprobe_release(&other);
	assert_holds(&tree, PF_NONE "sriov_drivers_autoprobe", "0");
	assert_true(via_host_exists(tree.host, OFF_RECORD));
	via_sriov_autoprobe_release(&held);
	assert_holds(&tree, PF_NONE "sriov_drivers_autoprobe", "1");
	assert_false(via_host_exists(tree.host, OFF_RECORD));
	tree_remove(&tree);
}

/* kill -9: the kernel releases the lock. */
static void autoprobe_outlives_its_process(void **state)
{
	struct tree tree = tree_make(entries);
	struct via_error err;

	(void)state;
	tree_add(&tree, (struct tree_entry){ PF_NONE "sriov_drivers_autoprobe", "0\n" });
	tree_add(&tree, (struct tree_entry){ OFF_RECORD, "1\n" });
	assert_int_equal(via_sriov_destroy(tree.host, pf_none_bdf, false, &err), 0);
	assert_holds(&tree, PF_NONE "sriov_drivers_autoprobe", "1");
	assert_false(via_host_exists(tree.host, OFF_RECORD));

	/* Also by a call that is refused then. */
	tree_add(&tree, (struct tree_entry){ PF_NONE "sriov_drivers_autoprobe", "0\n" });
	tree_add(&tree, (struct tree_entry){ OFF_RECORD, "1\n" });
	assert_int_equal(create(&tree, pf_none_bdf, 8, &err), -ERANGE);
	assert_holds(&tree, PF_NONE "sriov_drivers_autoprobe", "1");
	assert_false(via_host_exists(tree.host, OFF_RECORD));

	tree_add(&tree, (struct tree_entry){ PF_NONE "sriov_drivers_autoprobe", "0\n" });
	tree_add(&tree, (struct tree_entry){ OFF_RECORD, "on\n" });
	assert_int_equal(create(&tree, pf_none_bdf, 2, &err), -EPROTO);
	assert_says(&err, "/" OFF_RECORD);
	assert_holds(&tree, PF_NONE "sriov_drivers_autoprobe", "0");
	tree_remove(&tree);
}

static void the_signal_mask_is_as_it_was(void **state)
{
	struct tree tree = tree_make(entries);
	struct via_error err;
	sigset_t set, after;

	(void)state;
	tree_add(&tree, (struct tree_entry){ PF_NONE "virtfn0", .link = "../0000:01:10.1" });
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
	assert_int_equal(create(&tree, pf_none_bdf, 1, &err), 0);
	tree_add(&tree, (struct tree_entry){ PF_NONE "sriov_numvfs", "0\n" });
	assert_int_equal(create(&tree, pf_none_bdf, 2, &err), -EPROTO);
	sigemptyset(&set);
	pthread_sigmask(SIG_SETMASK, &set, &after);
	assert_true(sigismember(&after, SIGTERM));
	assert_false(sigismember(&after, SIGINT));
	assert_false(sigismember(&after, SIGHUP));
	tree_remove(&tree);
}

struct seen {
	struct tree tree;
	sigset_t blocked; /* in this thread, when a file was written */
};

static void step(void *data)
{
	(void)data;
}

static int write_and_see(void *data, const char *path, const char *text)
{
	struct seen *seen = data;
	sigset_t now;

	pthread_sigmask(SIG_SETMASK, NULL, &now);
	sigorset(&seen->blocked, &seen->blocked, &now);
	tree_add(&seen->tree, (struct tree_entry){ path, text });
	return 0;
}

static void a_signal_that_is_ignored_is_not_kept(void **state)
{
	struct seen seen = { .tree = tree_make(entries) };
	const struct via_host_hooks hooks = { step, write_and_see, &seen };
	struct via_error err;

	(void)state;
	tree_add(&seen.tree, (struct tree_entry){ PF_NONE "virtfn0", .link = "../0000:01:10.1" });
	via_host_hook(seen.tree.host, &hooks);
	sigemptyset(&seen.blocked);
	signal(SIGHUP, SIG_IGN);
	assert_int_equal(create(&seen.tree, pf_none_bdf, 1, &err), 0);
	signal(SIGHUP, SIG_DFL);
	assert_true(sigismember(&seen.blocked, SIGINT));
	assert_true(sigismember(&seen.blocked, SIGTERM));
	assert_false(sigismember(&seen.blocked, SIGHUP));
	tree_remove(&seen.tree);
}

static void only_later_events_are_arrivals(void **state)
{
	(void)state;
	assert_true(via_sriov_arrival_counts("add", 8, 7));
	assert_false(via_sriov_arrival_counts("add", 7, 7));
	assert_false(via_sriov_arrival_counts("add", 0, 7));
	assert_false(via_sriov_arrival_counts("remove", 8, 7));
	assert_false(via_sriov_arrival_counts("bind", 8, 7));
}

static void a_vf_that_is_missing_takes_all_back(void **state)
{
	struct tree tree = tree_make(entries);
	struct via_error err;

	(void)state;
	tree_add(&tree, (struct tree_entry){ PF_NONE "virtfn0", .link = "../0000:01:10.1" });
	tree_add(&tree, (struct tree_entry){ PF_NONE "virtfn2", .link = "../0000:01:10.5" });
	assert_int_equal(create(&tree, pf_none_bdf, 2, &err), -EPROTO);
	assert_says(&err, "VF 1 is missing");
	assert_holds(&tree, PF_NONE "sriov_numvfs", "0");
	assert_holds(&tree, PF_NONE "sriov_drivers_autoprobe", "1");

	/* One more than asked for. */
	tree_add(&tree, (struct tree_entry){ PF_NONE "virtfn1", .link = "../0000:01:10.3" });
	assert_int_equal(create(&tree, pf_none_bdf, 2, &err), -EPROTO);
	assert_says(&err, "asked for 2 VFs and has 3");
	assert_holds(&tree, PF_NONE "sriov_numvfs", "0");
	tree_remove(&tree);
}

/* What the host uses is asked below vfio/; here, that it is asked, and that force does not. */
static void vfs_in_use_stay(void **state)
{
	struct tree tree = tree_make(entries);
	struct via_error err;

	(void)state;
	tree_add(&tree, (struct tree_entry){ VF(2) "net/eth5/flags", "0x1003\n" });
	tree_add(&tree, (struct tree_entry){ VF(2) "net/eth5/operstate", "up\n" });
	tree_add(&tree,
		 (struct tree_entry){ "sys/class/net/eth5",
				      .link = "../../bus/pci/devices/0000:01:10.2/net/eth5" });
	assert_int_equal(via_sriov_destroy(tree.host, pf_bdf, false, &err), -EBUSY);
	assert_says(&err, "eth5");
	assert_holds(&tree, PF "sriov_numvfs", "3");
	assert_int_equal(via_sriov_destroy(tree.host, pf_bdf, true, &err), 0);
	assert_holds(&tree, PF "sriov_numvfs", "0");
	assert_int_equal(via_sriov_destroy(tree.host, pf_none_bdf, false, &err), 0);
	tree_remove(&tree);
}

#define VF_RECORD(n) "run/viaduct/devices/0000:01:10." n

/* Whatever is remembered of VFs, and wherever it would have them go back to, they go. */
static void vfs_go_with_what_is_remembered_of_them(void **state)
{
	struct tree tree = tree_make(entries);
	struct via_error err;

	(void)state;
	tree_add(&tree, (struct tree_entry){ VF(0) "driver", .link = "../../drivers/vfio-pci" });
	tree_add(&tree, (struct tree_entry){ VF(2) "driver", .link = "../../drivers/vfio-pci" });
	tree_add(&tree, (struct tree_entry){ VF_RECORD("0"),
					     "driver=gone\noverride=\ntarget=vfio-pci\n" });
	tree_add(&tree, (struct tree_entry){ VF_RECORD("4"), "damaged" });
	assert_int_equal(via_sriov_destroy(tree.host, pf_bdf, false, &err), 0);
	assert_holds(&tree, PF "sriov_numvfs", "0");
	assert_false(via_host_exists(tree.host, VF_RECORD("0")));
	assert_false(via_host_exists(tree.host, VF_RECORD("4")));
	tree_remove(&tree);
}

static void a_vf_that_is_held_stays_even_by_force(void **state)
{
	struct tree tree = tree_make(entries);
	struct via_error err;

	(void)state;
	tree_add(&tree, (struct tree_entry){ VF(2) "iommu_group",
					     .link = "../../../../kernel/iommu_groups/13" });
	tree_add(&tree, (struct tree_entry){ "dev/vfio/13", "" });
	tree_add(&tree, (struct tree_entry){ "proc/42/fd/11", .link = "/dev/vfio/13" });
	tree_add(&tree, (struct tree_entry){ "proc/42/comm", "qemu\n" });
	assert_int_equal(via_sriov_destroy(tree.host, pf_bdf, true, &err), -EBUSY);
	assert_says(&err, "0000:01:10.2 is in use: process 42 (qemu)");
	assert_holds(&tree, PF "sriov_numvfs", "3");
	tree_remove(&tree);
}

static void macs_are_unicast_and_six_octets(void **state)
{
	static const char *const bad[] = {
		"",
		"02:00:00:00:00",
		"02:00:00:00:00:01:02",
		"02:00:00:00:00:01 ",
		" 02:00:00:00:00:01",
		"02-00-00-00-00-01",
		"2:0:0:0:0:1",
		"02:00:00:00:00:0g",
		"020000000001",
		"00:00:00:00:00:00",
		"01:00:5e:00:00:01",
		"ff:ff:ff:ff:ff:ff",
	};
	struct via_mac mac;
	struct via_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(via_mac_parse(bad[i], &mac, &err), -EINVAL);
	assert_int_equal(via_mac_parse("02:Ab:cD:00:fF:09", &mac, &err), 0);
	assert_string_equal(via_mac_text(mac).text, "02:ab:cd:00:ff:09");
}

static void attributes_are_checked(void **state)
{
	const struct via_mac unicast = { { 2, 0, 0, 0, 0, 1 } }, multicast = { { 1 } };
	const struct {
		struct via_sriov_attrs attrs;
		unsigned int index;
		int expected; /* -ENOTSUP: nothing wrong, but a recorded host has no netlink */
	} rows[] = {
		{ { VIA_SRIOV_MAC, .mac = unicast }, 0, -ENOTSUP },
		{ { VIA_SRIOV_MAC, .mac = unicast }, 2, -ENOENT },
		{ { VIA_SRIOV_MAC, .mac = multicast }, 0, -EINVAL },
		{ { VIA_SRIOV_MAC }, 0, -ENOTSUP }, /* the VF may choose */
		{ { VIA_SRIOV_VLAN, .vlan = 4094 }, 10, -ENOTSUP },
		{ { VIA_SRIOV_VLAN, .vlan = 4095 }, 10, -EINVAL },
		{ { VIA_SRIOV_VLAN | VIA_SRIOV_QOS, .vlan = 1, .qos = 7 }, 0, -ENOTSUP },
		{ { VIA_SRIOV_VLAN | VIA_SRIOV_QOS, .vlan = 1, .qos = 8 }, 0, -EINVAL },
		{ { VIA_SRIOV_VLAN | VIA_SRIOV_QOS, .vlan = 0, .qos = 1 }, 0, -EINVAL },
		{ { VIA_SRIOV_VLAN | VIA_SRIOV_QOS, .vlan = 0, .qos = 0 }, 0, -ENOTSUP },
		{ { VIA_SRIOV_VLAN, .vlan = 1, .vlan_protocol = ETH_P_8021AD }, 0, -ENOTSUP },
		{ { VIA_SRIOV_VLAN, .vlan = 1, .vlan_protocol = ETH_P_IP }, 0, -EINVAL },
		{ { VIA_SRIOV_TRUST, .trust = true }, 0, -ENOTSUP },
	};
	struct tree tree = tree_make(entries);
	struct via_sriov_pf pf = { 0 };
	struct via_error err;

	(void)state;
	assert_int_equal(via_sriov_pf_load(tree.host, pf_bdf, &pf, &err), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(
			via_sriov_attrs_check(tree.host, &pf, rows[i].index, &rows[i].attrs, &err),
			rows[i].expected);
		assert_int_equal(
			via_sriov_attrs_set(tree.host, &pf, rows[i].index, &rows[i].attrs, &err),
			rows[i].expected);
	}
	via_names_free(&pf.netdevs);
	assert_int_equal(via_sriov_attrs_check(tree.host, &pf, 0, &rows[0].attrs, &err), -ENOTSUP);
	assert_says(&err, "no network interface");
	via_sriov_pf_clear(&pf);
	tree_remove(&tree);
}

static void vlan_and_priority_go_together(void **state)
{
	const unsigned int vlan = VIA_SRIOV_VLAN, qos = VIA_SRIOV_QOS, both = vlan | qos;
	const struct via_sriov_attrs none = { both },
				     before = { both, .vlan = 100, .vlan_protocol = ETH_P_8021AD,
						.qos = 3 };
	const struct {
		struct via_sriov_attrs attrs, completed;
	} rows[] = {
		{ { vlan, .vlan = 5, .qos = 1 }, { both, .vlan = 5 } },
		{ { both, .vlan = 5, .qos = 1 }, { both, .vlan = 5, .qos = 1 } },
		{ { qos, .qos = 1 },
		  { both, .vlan = 100, .vlan_protocol = ETH_P_8021AD, .qos = 1 } },
		{ { VIA_SRIOV_TRUST, .trust = true }, { VIA_SRIOV_TRUST, .trust = true } },
	};
	struct via_sriov_attrs attrs;
	struct via_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		attrs = rows[i].attrs;
		assert_int_equal(via_sriov_attrs_complete(&before, &attrs, &err), 0);
		assert_int_equal(attrs.valid, rows[i].completed.valid);
		assert_int_equal(attrs.vlan, rows[i].completed.vlan);
		assert_int_equal(attrs.vlan_protocol, rows[i].completed.vlan_protocol);
		assert_int_equal(attrs.qos, rows[i].completed.qos);
	}
	attrs = (struct via_sriov_attrs){ qos, .qos = 1 };
	assert_int_equal(via_sriov_attrs_complete(&none, &attrs, &err), -EINVAL);
	assert_says(&err, "no VLAN to give priority 1 in");
	attrs.qos = 0;
	assert_int_equal(via_sriov_attrs_complete(&none, &attrs, &err), 0);
}

/* The attribute in IFLA_VF_INFO of the message that libnl makes of @attrs. */
static void vlan_message(const struct via_sriov_attrs *attrs, int type, void *data, size_t bytes)
{
	struct rtnl_link *link = rtnl_link_alloc(), *change = rtnl_link_alloc();
	struct rtnl_link_vf *vf = rtnl_link_vf_alloc();
	struct nlattr *list, *info, *attr;
	struct nl_msg *message;

	rtnl_link_set_ifindex(link, 7);
	rtnl_link_vf_set_index(vf, 1);
	assert_int_equal(via_sriov_attr_fill(vf, VIA_SRIOV_VLAN, attrs), 0);
	assert_int_equal(rtnl_link_vf_add(change, vf), 0);
	rtnl_link_vf_put(vf);
	assert_int_equal(rtnl_link_build_change_request(link, change, 0, &message), 0);
	list = nlmsg_find_attr(nlmsg_hdr(message), sizeof(struct ifinfomsg), IFLA_VFINFO_LIST);
	assert_non_null(list);
	info = nla_data(list);
	attr = nla_find(nla_data(info), nla_len(info), type);
	assert_non_null(attr);
	if (type == IFLA_VF_VLAN_LIST)
		attr = nla_data(attr);
	assert_true(nla_len(attr) >= (int)bytes);
	memcpy(data, nla_data(attr), bytes);
	nlmsg_free(message);
	rtnl_link_put(change);
	rtnl_link_put(link);
}

static void a_vlan_keeps_its_protocol(void **state)
{
	struct via_sriov_attrs attrs = { VIA_SRIOV_VLAN, .vlan = 100, .qos = 3 };
	struct ifla_vf_vlan_info info;
	struct ifla_vf_vlan plain;

	(void)state;
	vlan_message(&attrs, IFLA_VF_VLAN, &plain, sizeof(plain));
	assert_int_equal(plain.vf, 1);
	assert_int_equal(plain.vlan, 100);
	assert_int_equal(plain.qos, 3);
	attrs.vlan_protocol = ETH_P_8021AD;
	vlan_message(&attrs, IFLA_VF_VLAN_LIST, &info, sizeof(info));
	assert_int_equal(info.vf, 1);
	assert_int_equal(info.vlan, 100);
	assert_int_equal(info.qos, 3);
	/* The kernel takes it as it stands in a frame. */
	assert_memory_equal(&info.vlan_proto, "\x88\xa8", 2);
	/* No VLAN is of no protocol. */
	attrs.vlan = 0;
	vlan_message(&attrs, IFLA_VF_VLAN, &plain, sizeof(plain));
	assert_int_equal(plain.vlan, 0);
}

static void what_libnl_lends_is_given_back(void **state)
{
	struct rtnl_link_vf *vf = rtnl_link_vf_alloc();
	struct via_sriov_attrs attrs = { 0 };
	nl_vf_vlans_t *vlans;

	(void)state;
	via_sriov_attr_vlan(vf, &attrs);
	assert_int_equal(attrs.valid, 0);
	assert_int_equal(rtnl_link_vf_vlan_alloc(&vlans, 1), 0);
	vlans->vlans[0] = (nl_vf_vlan_info_t){ 100, 3, ETH_P_8021AD };
	rtnl_link_vf_set_vlans(vf, vlans);
	vlans->size = 0;
	via_sriov_attr_vlan(vf, &attrs);
	assert_int_equal(attrs.valid, 0);
	assert_int_equal(vlans->ce_refcnt, 2);
	vlans->size = 1;
	via_sriov_attr_vlan(vf, &attrs);
	assert_int_equal(attrs.valid, VIA_SRIOV_VLAN | VIA_SRIOV_QOS);
	assert_int_equal(attrs.vlan, 100);
	assert_int_equal(attrs.vlan_protocol, ETH_P_8021AD);
	assert_int_equal(vlans->ce_refcnt, 2);
	rtnl_link_vf_vlan_put(vlans);
	rtnl_link_vf_put(vf);
}

static void an_interface_is_more_than_its_name(void **state)
{
	struct tree tree = tree_make(entries);
	struct via_sriov_pf pf = { .bdf = pf_bdf };

	(void)state;
	assert_false(via_sriov_attr_same_netdev(tree.host, &pf, "eth0", 0));
	tree_add(&tree, (struct tree_entry){ PF "net/eth0/ifindex", "7\n" });
	assert_true(via_sriov_attr_same_netdev(tree.host, &pf, "eth0", 7));
	assert_false(via_sriov_attr_same_netdev(tree.host, &pf, "eth0", 2));
	assert_false(via_sriov_attr_same_netdev(tree.host, &pf, "eth0", 0));
	tree_remove(&tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vfs_are_in_order_of_their_number),
		cmocka_unit_test(a_vf_knows_its_pf),
		cmocka_unit_test(others_are_no_pf),
		cmocka_unit_test(garbage_in_sysfs_is_refused),
		cmocka_unit_test(creation_is_refused_before_anything_changes),
		cmocka_unit_test(autoprobe_is_as_it_was_after_creation),
		cmocka_unit_test(autoprobe_is_recorded_while_it_is_off),
		cmocka_unit_test(autoprobe_outlives_its_process),
		cmocka_unit_test(the_signal_mask_is_as_it_was),
		cmocka_unit_test(a_signal_that_is_ignored_is_not_kept),
		cmocka_unit_test(only_later_events_are_arrivals),
		cmocka_unit_test(a_vf_that_is_missing_takes_all_back),
		cmocka_unit_test(vfs_in_use_stay),
		cmocka_unit_test(vfs_go_with_what_is_remembered_of_them),
		cmocka_unit_test(a_vf_that_is_held_stays_even_by_force),
		cmocka_unit_test(macs_are_unicast_and_six_octets),
		cmocka_unit_test(attributes_are_checked),
		cmocka_unit_test(vlan_and_priority_go_together),
		cmocka_unit_test(a_vlan_keeps_its_protocol),
		cmocka_unit_test(what_libnl_lends_is_given_back),
		cmocka_unit_test(an_interface_is_more_than_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
