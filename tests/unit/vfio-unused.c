/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <viaduct/util/process.h>
#include <viaduct/vfio/bind.h>

#include "tree.h"
#include "unused.h"

#define PCI "sys/devices/pci0000:00/"
#define NIC PCI "0000:00:1c.0/0000:03:00.0"

#define ROUTE4_HEAD "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n"
#define MOUNTS                                                                                     \
	"22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n"                                \
	"30 22 0:26 / /proc rw,nosuid - proc proc rw\n"

/*
 * A server: a NIC (03:00.0), an AHCI controller with a disk of two partitions (00:17.0), an NVMe
 * controller with multipath (04:00.0) and its twin (05:00.0), a USB controller with a NIC
 * (00:14.0), and a root port (00:1c.0). Nothing of it is used yet.
 */
static const struct tree_entry entries[] = {
	{ "sys/bus/pci/devices/0000:03:00.0/class", "0x020000\n" },
	{ "sys/bus/pci/devices/0000:03:00.0/sriov_numvfs", "0\n" },
	{ "sys/bus/pci/devices/0000:03:00.0/iommu_group",
	  .link = "../../../../kernel/iommu_groups/12" },
	{ "sys/bus/pci/devices/0000:03:00.0/driver", .link = "../../../../bus/pci/drivers/igb" },
	{ "sys/bus/pci/devices/0000:03:00.0/vfio-dev/vfio3/" },
	{ "sys/bus/pci/devices/0000:00:17.0/class", "0x010601\n" },
	{ "sys/bus/pci/devices/0000:00:14.0/class", "0x0c0330\n" },
	{ "sys/bus/pci/devices/0000:00:1c.0/class", "0x060400\n" },
	{ "sys/bus/pci/devices/0000:04:00.0/class", "0x010802\n" },
	{ "sys/bus/pci/devices/0000:05:00.0/class", "0x010802\n" },
	{ "sys/class/net/lo", .link = "../../devices/virtual/net/lo" },
	{ NIC "/net/eth0/flags", "0x1002\n" },
	{ NIC "/net/eth0/operstate", "down\n" },
	{ "sys/class/net/eth0",
	  .link = "../../devices/pci0000:00/0000:00:1c.0/0000:03:00.0/net/eth0" },
	{ NIC "/net/.eth/flags", "0x1003\n" },
	{ NIC "/net/.eth/operstate", "up\n" },
	{ PCI "0000:00:14.0/usb1/1-1/1-1:1.0/net/usb0/flags", "0x1002\n" },
	{ "sys/class/net/usb0",
	  .link = "../../devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1:1.0/net/usb0" },
	{ PCI "0000:00:17.0/ata1/block/sda/dev", "8:0\n" },
	{ PCI "0000:00:17.0/ata1/block/sda/holders/" },
	{ PCI "0000:00:17.0/ata1/block/sda/sda1/dev", "8:1\n" },
	{ PCI "0000:00:17.0/ata1/block/sda/sda1/holders/" },
	{ "sys/class/block/sda", .link = "../../devices/pci0000:00/0000:00:17.0/ata1/block/sda" },
	{ "sys/class/block/sda1",
	  .link = "../../devices/pci0000:00/0000:00:17.0/ata1/block/sda/sda1" },
	{ PCI "0000:04:00.0/nvme/nvme3/state", "live\n" },
	{ PCI "0000:04:00.0/nvme/nvme3/nvme0c3n1/size", "0\n" },
	{ "sys/class/nvme/nvme3", .link = "../../devices/pci0000:00/0000:04:00.0/nvme/nvme3" },
	{ "sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1/dev", "259:0\n" },
	{ "sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1/nvme0n1p1/dev", "259:1\n" },
	{ "sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme3",
	  .link = "../../../pci0000:00/0000:04:00.0/nvme/nvme3" },
	{ "sys/class/nvme-subsystem/nvme-subsys0",
	  .link = "../../devices/virtual/nvme-subsystem/nvme-subsys0" },
	{ "sys/class/block/nvme0n1",
	  .link = "../../devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1" },
	{ "sys/class/block/nvme0n1p1",
	  .link = "../../devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1/nvme0n1p1" },
	{ "proc/net/route", ROUTE4_HEAD "wlan0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\n"
					"eth01\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\n" },
	{ "proc/net/ipv6_route",
	  "fe800000000000000000000000000000 40 00000000000000000000000000000000 00 "
	  "00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\n"
	  "fe80000000000000505400fffe123456 80 00000000000000000000000000000000 00 "
	  "00000000000000000000000000000000 00000000 00000002 00000000 80200001     eth0\n"
	  "20010db8000000000000000000000001 80 00000000000000000000000000000000 00 "
	  "00000000000000000000000000000000 00000000 00000001 00000000 80200001     eth0\n"
	  "ff000000000000000000000000000000 08 00000000000000000000000000000000 00 "
	  "00000000000000000000000000000000 00000100 00000003 00000000 00000001     eth0\n"
	  "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
	  "00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n" },
	{ "dev/vfio/12", "" },
	{ "proc/7/fd/0", .link = "/dev/null" },
	{ "proc/7/fd/1", .link = "socket:[1]" },
	{ "proc/8/comm", "fu\033l\n" },
	{ "proc/8/fd/3", .link = "/dev/full" },
	{ "proc/self/mountinfo", MOUNTS },
	{ "proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n/dev/vda2 partition 1 0 -2\n" },
	{ 0 },
};

static const struct via_bdf nic = { 0, 3, 0, 0 }, ahci = { 0, 0, 0x17, 0 }, usb = { 0, 0, 0x14, 0 },
			    port = { 0, 0, 0x1c, 0 }, nvme = { 0, 4, 0, 0 }, twin = { 0, 5, 0, 0 };

static void an_idle_server_uses_nothing(void **state)
{
	const struct via_bdf all[] = { nic, ahci, usb, port, nvme, twin };
	struct tree tree = tree_make(entries);
	struct via_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (via_vfio_check_unused(tree.host, all[i], &err))
			fail_msg("%s", err.text);
	assert_int_equal(via_vfio_check_unused(tree.host, (struct via_bdf){ 0, 9, 0, 0 }, &err),
			 -ENODEV);
	tree_remove(&tree);
}

/* Each adds one fact to the idle server: the function it concerns is in use, the others not. */
static void every_use_is_named(void **state)
{
	static const struct {
		struct via_bdf bdf;
		struct tree_entry entry;
		const char *says;
	} cases[] = {
		{ { 0, 3, 0, 0 },
		  { "proc/net/route", ROUTE4_HEAD "eth0\t0000000A\t00000000\t0001\t0\t0\t0\t0\n" },
		  "routes through its netdev eth0" },
		{ { 0, 3, 0, 0 },
		  { "proc/net/ipv6_route",
		    "20010db8000000000000000000000000 40 00000000000000000000000000000000 00 "
		    "00000000000000000000000000000000 00000100 00000001 00000000 00000001 eth0\n" },
		  "routes through its netdev eth0" },
		{ { 0, 3, 0, 0 },
		  { NIC "/net/eth0/master", .link = "../../../../../virtual/net/bond0" },
		  "eth0 belongs to bond0" },
		{ { 0, 3, 0, 0 }, { NIC "/net/eth0/brport/state", "3\n" }, "bridge's port" },
		{ { 0, 3, 0, 0 },
		  { NIC "/net/eth0/upper_eth0.7", .link = "../../../../../virtual/net/eth0.7" },
		  "eth0.7 is built upon its netdev eth0" },
		{ { 0, 3, 0, 0 }, { NIC "/net/eth0/flags", "0x1003\n" }, "eth0 is up" },
		{ { 0, 3, 0, 0 },
		  { "sys/bus/pci/devices/0000:03:00.0/sriov_numvfs", "2\n" },
		  "viaduct vf destroy 0000:03:00.0" },
		{ { 0, 3, 0, 0 },
		  { "proc/42/fd/7", .link = "/dev/vfio/12" },
		  "process 42 () has IOMMU group 12 open" },
		{ { 0, 3, 0, 0 },
		  { "proc/42/fd/7", .link = "/dev/vfio/devices/vfio3" },
		  "process 42 () has /dev/vfio/devices/vfio3 open" },
		/* By its number, whatever its name: 1:7 is /dev/full, of which there are many. */
		{ { 0, 3, 0, 0 },
		  { "sys/bus/pci/devices/0000:03:00.0/vfio-dev/vfio3/dev", "1:7\n" },
		  "process 8 (fu?l) has /dev/vfio/devices/vfio3 open" },
		{ { 0, 3, 0, 0 },
		  { "sys/bus/pci/devices/0000:03:00.0/ptp/ptp0/dev", "1:7\n" },
		  "process 8 (fu?l) has ptp0 open" },
		{ { 0, 4, 0, 0 },
		  { "sys/devices/virtual/nvme-subsystem/nvme-subsys0/ng0n1/dev", "1:7\n" },
		  "process 8 (fu?l) has ng0n1 open" },
		{ { 0, 3, 0, 0 },
		  { "sys/class/net/eth0", .link = "../../devices/virtual/net/eth0" },
		  "may be in another network namespace" },
		{ { 0, 3, 0, 0 },
		  { "sys/class/net/.eth",
		    .link = "../../devices/pci0000:00/0000:00:1c.0/0000:03:00.0/net/.eth" },
		  ".eth is up" },
		{ { 0, 0, 0x14, 0 },
		  { "proc/net/route", ROUTE4_HEAD "usb0\t0000000A\t00000000\t0001\t0\t0\t0\t0\n" },
		  "routes through its netdev usb0" },
		{ { 0, 0, 0x17, 0 },
		  { "proc/self/mountinfo",
		    MOUNTS "40 22 8:1 / /srv/data rw shared:7 - xfs /dev/mapper/x rw\n" },
		  "its disk sda1 is mounted at /srv/data" },
		{ { 0, 0, 0x17, 0 },
		  { "proc/self/mountinfo", MOUNTS "40 22 0:55 /@ /btr rw - btrfs /dev/sda1 rw\n" },
		  "its disk sda1 is mounted at /btr" },
		{ { 0, 0, 0x17, 0 },
		  { "proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n/dev/sda partition 1\n" },
		  "swaps on its disk sda" },
		{ { 0, 0, 0x17, 0 },
		  { PCI "0000:00:17.0/ata1/block/sda/sda1/holders/dm-0", "" },
		  "dm-0 is built upon its disk sda1" },
		{ { 0, 4, 0, 0 },
		  { "proc/self/mountinfo", MOUNTS "40 22 259:1 / /boot rw - ext4 /dev/x rw\n" },
		  "its disk nvme0n1p1 is mounted at /boot" },
	};
	const struct via_bdf all[] = { nic, ahci, usb, nvme, twin };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tree tree = tree_make(entries);
		struct via_error err = { "" };

		tree_add(&tree, cases[i].entry);
		if (!strcmp(cases[i].entry.path, NIC "/net/eth0/flags"))
			tree_add(&tree, (struct tree_entry){ NIC "/net/eth0/operstate", "up\n" });
		for (size_t j = 0; j < sizeof(all) / sizeof(all[0]); j++) {
			bool concerned = via_bdf_equal(all[j], cases[i].bdf);
			int rc = via_vfio_check_unused(tree.host, all[j], &err);

			if (rc != (concerned ? -EBUSY : 0) ||
			    (concerned && !strstr(err.text, cases[i].says)))
				fail_msg("case %zu, %s: %d %s", i, via_bdf_text(all[j]).text, rc,
					 err.text);
		}
		tree_remove(&tree);
	}
}

static void a_bridge_is_used_by_what_is_behind_it(void **state)
{
	struct tree tree = tree_make(entries);
	struct via_error err;

	(void)state;
	tree_add(&tree, (struct tree_entry){ NIC "/net/eth0/master",
					     .link = "../../../../../virtual/net/bond0" });
	assert_int_equal(via_vfio_check_unused(tree.host, port, &err), -EBUSY);
	tree_remove(&tree);
}

static void a_second_path_keeps_the_disk(void **state)
{
	static const struct tree_entry second[] = {
		{ PCI "0000:05:00.0/nvme/nvme5/state", "live\n" },
		{ PCI "0000:05:00.0/nvme/nvme5/nvme0c5n1/size", "0\n" },
		{ "sys/class/nvme/nvme5",
		  .link = "../../devices/pci0000:00/0000:05:00.0/nvme/nvme5" },
		{ "sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme5",
		  .link = "../../../pci0000:00/0000:05:00.0/nvme/nvme5" },
		{ "proc/self/mountinfo", MOUNTS "40 22 259:1 / /boot rw - ext4 /dev/x rw\n" },
	};
	struct tree tree = tree_make(entries);
	struct via_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(second) / sizeof(second[0]); i++)
		tree_add(&tree, second[i]);
	assert_int_equal(via_vfio_check_unused(tree.host, nvme, &err), 0);
	assert_int_equal(via_vfio_check_unused(tree.host, twin, &err), 0);
	/* One that is down is no way to the disk. */
	tree_add(&tree, (struct tree_entry){ PCI "0000:05:00.0/nvme/nvme5/state", "connecting\n" });
	assert_int_equal(via_vfio_check_unused(tree.host, nvme, &err), -EBUSY);
	assert_int_equal(via_vfio_check_unused(tree.host, twin, &err), 0);
	tree_remove(&tree);
}

static void a_path_has_whole_components(void **state)
{
	(void)state;
	assert_true(via_vfio_path_has("../nvme-subsys0/nvme0n1", "nvme0n1"));
	assert_true(via_vfio_path_has("../nvme0n1/nvme0n1p1", "nvme0n1"));
	assert_true(via_vfio_path_has("nvme0n1", "nvme0n1"));
	assert_false(via_vfio_path_has("../nvme-subsys0/nvme0n10", "nvme0n1"));
	assert_false(via_vfio_path_has("../xnvme0n1", "nvme0n1"));
	assert_false(via_vfio_path_has("", "nvme0n1"));
}

/* Who keeps a driver away, or has a VFIO driver, has no netdev to miss. */
static void some_drivers_have_no_netdev(void **state)
{
	static const char *const drivers[] = { "pci-stub", "vfio-pci", "mlx5_vfio_pci", "igb" };
	struct tree tree = tree_make(entries);
	struct via_error err;

	(void)state;
	tree_drop(&tree, "sys/class/net/eth0");
	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
		char link[64];

		snprintf(link, sizeof(link), "../../../../bus/pci/drivers/%s", drivers[i]);
		tree_add(&tree, (struct tree_entry){ "sys/bus/pci/devices/0000:03:00.0/driver",
						     .link = link });
		assert_int_equal(via_vfio_check_unused(tree.host, nic, &err),
				 strcmp(drivers[i], "igb") ? 0 : -EBUSY);
	}
	tree_drop(&tree, "sys/bus/pci/devices/0000:03:00.0/driver");
	assert_int_equal(via_vfio_check_unused(tree.host, nic, &err), 0);
	tree_remove(&tree);
}

static void what_was_kept_answers(void **state)
{
	struct tree tree = tree_make(entries);
	struct via_device_file file = { .path = "/dev/vfio/12" }, full = { NULL, S_IFCHR, 1, 7 },
			       block = { NULL, S_IFBLK, 1, 7 };
	struct via_process process;

	(void)state;
	assert_int_equal(via_process_find_opener(tree.host, &full, &process), 0);
	assert_int_equal(process.pid, 8);
	assert_int_equal(via_process_find_opener(tree.host, &block, &process), -ENOENT);
	assert_int_equal(via_host_keep_openers(tree.host), 0);
	tree_add(&tree, (struct tree_entry){ "proc/42/fd/7", .link = "/dev/vfio/12" });
	tree_drop(&tree, "proc/8");
	assert_int_equal(via_process_find_opener(tree.host, &file, &process), -ENOENT);
	assert_int_equal(via_process_find_opener(tree.host, &full, &process), 0);
	assert_string_equal(process.comm, "");
	assert_int_equal(via_host_keep_openers(tree.host), 0);
	assert_int_equal(via_process_find_opener(tree.host, &full, &process), -ENOENT);
	via_host_forget_openers(tree.host);
	assert_int_equal(via_process_find_opener(tree.host, &file, &process), 0);
	assert_int_equal(process.pid, 42);
	/* Freed with the host, too. */
	assert_int_equal(via_host_keep_openers(tree.host), 0);
	tree_remove(&tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_idle_server_uses_nothing),
		cmocka_unit_test(every_use_is_named),
		cmocka_unit_test(a_bridge_is_used_by_what_is_behind_it),
		cmocka_unit_test(a_path_has_whole_components),
		cmocka_unit_test(some_drivers_have_no_netdev),
		cmocka_unit_test(what_was_kept_answers),
		cmocka_unit_test(a_second_path_keeps_the_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
