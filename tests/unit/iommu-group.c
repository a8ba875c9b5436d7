/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include <viaduct/iommu/group.h>

#include "tree.h"

#define DEVICES "sys/bus/pci/devices/"
#define GROUPS	"sys/kernel/iommu_groups/"

/* Two functions of one slot behind a bridge, and one that is alone. */
static const struct tree_entry entries[] = {
	{ DEVICES "0000:00:1c.0/class", "0x060400\n" },
	{ DEVICES "0000:00:1c.0/driver", .link = "../../../bus/pci/drivers/pcieport" },
	{ DEVICES "0000:03:00.0/class", "0x010802\n" },
	{ DEVICES "0000:03:00.0/driver", .link = "../../../../bus/pci/drivers/nvme" },
	{ DEVICES "0000:03:00.0/iommu_group", .link = "../../../../kernel/iommu_groups/7" },
	{ DEVICES "0000:03:00.1/class", "0x020000\n" },
	{ DEVICES "0000:04:00.0/class", "0x030000\n" },
	{ DEVICES "0000:04:00.0/iommu_group", .link = "../../../../kernel/iommu_groups/8" },
	{ DEVICES "0000:05:00.0/class", "0x030000\n" },
	{ GROUPS "7/devices/0000:03:00.1", "" },
	{ GROUPS "7/devices/0000:03:00.0", "" },
	{ GROUPS "7/devices/0000:00:1c.0", "" },
	{ GROUPS "7/type", "DMA\n" },
	{ GROUPS "7/reserved_regions", "0x0000000000001000 0x0000000000002fff direct\n"
				       "0x0000000000010000 0x000000000001ffff direct-relaxable\n"
				       "0x00000000fee00000 0x00000000feefffff msi\n"
				       "0xfffffffffffff000 0xffffffffffffffff reserved\n" },
	{ GROUPS "8/devices/0000:04:00.0", "" },
	{ 0 },
};

static const struct via_bdf nvme = { 0, 3, 0, 0 }, gpu = { 0, 4, 0, 0 };

static void a_group_is_loaded_whole(void **state)
{
	struct tree tree = tree_make(entries);
	struct via_iommu_group group = { 0 };
	struct via_error err;

	(void)state;
	assert_int_equal(via_iommu_group_load(tree.host, nvme, &group, &err), 0);
	assert_int_equal(group.id, 7);
	assert_string_equal(group.type, "DMA");
	assert_int_equal(group.member_count, 3);
	assert_int_equal(group.members[0].bdf.device, 0x1c);
	assert_string_equal(group.members[0].driver, "pcieport");
	assert_int_equal(group.members[1].class_code, 0x010802);
	assert_string_equal(group.members[2].driver, "");
	assert_int_equal(group.reserved.count, 3);
	assert_true(group.direct);
	assert_int_equal(group.reserved.ranges[0].last, 0x2fff);
	assert_int_equal(group.reserved.ranges[2].last, UINT64_MAX);
	via_iommu_group_clear(&group);

	/* An old kernel: neither a type nor reserved regions. */
	assert_int_equal(via_iommu_group_load(tree.host, gpu, &group, &err), 0);
	assert_string_equal(group.type, "");
	assert_int_equal(group.reserved.count, 0);
	via_iommu_group_clear(&group);
	tree_remove(&tree);
}

static void no_function_and_no_group_are_told_apart(void **state)
{
	struct tree tree = tree_make(entries);
	struct via_iommu_group group = { .id = 99 };
	struct via_error err;

	(void)state;
	assert_int_equal(
		via_iommu_group_load(tree.host, (struct via_bdf){ 0, 9, 0, 0 }, &group, &err),
		-ENODEV);
	assert_string_equal(err.text, "there is no PCI function 0000:09:00.0");
	assert_int_equal(
		via_iommu_group_load(tree.host, (struct via_bdf){ 0, 5, 0, 0 }, &group, &err),
		-ENXIO);
	assert_non_null(strstr(err.text, "no IOMMU or it is off"));
	tree_add(&tree, (struct tree_entry){ "sys/class/iommu/dmar0", "" });
	assert_int_equal(
		via_iommu_group_load(tree.host, (struct via_bdf){ 0, 5, 0, 0 }, &group, &err),
		-ENXIO);
	assert_null(strstr(err.text, "is off"));
	assert_int_equal(group.id, 99);
	tree_remove(&tree);
}

static void what_cannot_be_read_is_refused(void **state)
{
	static const struct tree_entry bad[] = {
		{ GROUPS "7/reserved_regions", "0x10 oops msi\n" },
		{ GROUPS "7/reserved_regions", "0x2000 0x1000 direct\n" },
		{ GROUPS "7/reserved_regions", "0x11112222333344445 0x2 direct\n" },
		{ GROUPS "7/devices/ACPI0003:00", "" },
		{ DEVICES "0000:03:00.1/class", "network\n" },
		{ DEVICES "0000:03:00.1/class", "0x1020000\n" },
		{ DEVICES "0000:03:00.0/iommu_group", .link = "../../groups/-1" },
		{ DEVICES "0000:03:00.0/iommu_group", .link = "../../groups/4294967296" },
		{ DEVICES "0000:03:00.0/iommu_group", .link = "../../groups/7x" },
		{ DEVICES "0000:03:00.0/iommu_group", .link = "../../groups/9" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct tree tree = tree_make(entries);
		struct via_iommu_group group = { .id = 99 };
		struct via_error err = { "" };

		tree_add(&tree, bad[i]);
		assert_int_equal(via_iommu_group_load(tree.host, nvme, &group, &err), -EPROTO);
		assert_true(*err.text);
		assert_int_equal(group.id, 99);
		tree_remove(&tree);
	}
}

static void only_drivers_that_do_dma_are_in_the_way(void **state)
{
	struct via_iommu_group_member members[] = {
		{ .bdf = { 0, 0, 0x1c, 0 }, .driver = "pcieport" },
		{ .bdf = { 0, 3, 0, 0 }, .driver = "vfio-pci" },
		{ .bdf = { 0, 3, 0, 1 }, .driver = "mlx5_vfio_pci" },
		{ .bdf = { 0, 3, 0, 2 }, .driver = "pci-stub" },
		{ .bdf = { 0, 3, 0, 3 }, .driver = "" },
	};
	struct via_iommu_group group = { .id = 7, .members = members, .member_count = 5 };
	struct via_error err;

	(void)state;
	assert_int_equal(via_iommu_group_check_viable(&group, &err), 0);
	strcpy(members[1].driver, "nvme");
	strcpy(members[4].driver, "snd_hda_intel");
	assert_int_equal(via_iommu_group_check_viable(&group, &err), -EPERM);
	assert_non_null(strstr(err.text, "0000:03:00.0 (nvme), 0000:03:00.3 (snd_hda_intel)"));
	assert_non_null(strstr(err.text, "viaduct bind 0000:03:00.0 0000:03:00.3"));
	assert_null(strstr(err.text, "pcieport"));
}

static void a_crowd_is_counted_not_cut(void **state)
{
	struct via_iommu_group_member members[64];
	struct via_iommu_group group = { .members = members, .member_count = 64 };
	struct via_error err;

	(void)state;
	memset(members, 0, sizeof(members));
	for (size_t i = 0; i < 64; i++)
		memset(members[i].driver, 'd', VIA_DRIVER_NAME_BYTES - 1);
	assert_int_equal(via_iommu_group_check_viable(&group, &err), -EPERM);
	assert_non_null(strstr(err.text, " more; the whole group"));
}

static void variants_of_vfio_pci_are_known(void **state)
{
	(void)state;
	assert_true(via_iommu_driver_is_vfio("vfio-pci"));
	assert_true(via_iommu_driver_is_vfio("nvgrace-gpu-vfio-pci"));
	assert_true(via_iommu_driver_is_vfio("hisi_acc_vfio_pci"));
	assert_false(via_iommu_driver_is_vfio(""));
	assert_false(via_iommu_driver_is_vfio("vfio"));
	assert_false(via_iommu_driver_is_vfio("vfio-pci-igd"));
}

static void the_holder_is_found_by_its_whole_path(void **state)
{
	struct tree tree = tree_make(entries);
	struct via_iommu_group_holder holder = { .pid = 1 };

	(void)state;
	assert_int_equal(via_iommu_group_find_holder(tree.host, 12, &holder), -ENOENT);
	tree_add(&tree, (struct tree_entry){ "proc/40/fd/0", .link = "/dev/pts/12" });
	tree_add(&tree, (struct tree_entry){ "proc/41/fd/3", .link = "/dev/vfio/121" });
	tree_add(&tree, (struct tree_entry){ "proc/42/comm", "vi\033aduct\n" });
	tree_add(&tree, (struct tree_entry){ "proc/self/fd/9", .link = "/dev/vfio/12" });
	assert_int_equal(via_iommu_group_find_holder(tree.host, 12, &holder), -ENOENT);
	assert_int_equal(holder.pid, 1);
	tree_add(&tree, (struct tree_entry){ "proc/42/fd/11", .link = "/dev/vfio/12" });
	/* A group nobody can open is not looked for. */
	assert_int_equal(via_iommu_group_find_holder(tree.host, 12, &holder), -ENOENT);
	tree_add(&tree, (struct tree_entry){ "dev/vfio/12", "" });
	assert_int_equal(via_iommu_group_find_holder(tree.host, 12, &holder), 0);
	assert_int_equal(holder.pid, 42);
	assert_string_equal(holder.comm, "vi?aduct");
	tree_remove(&tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_group_is_loaded_whole),
		cmocka_unit_test(no_function_and_no_group_are_told_apart),
		cmocka_unit_test(what_cannot_be_read_is_refused),
		cmocka_unit_test(only_drivers_that_do_dma_are_in_the_way),
		cmocka_unit_test(a_crowd_is_counted_not_cut),
		cmocka_unit_test(variants_of_vfio_pci_are_known),
		cmocka_unit_test(the_holder_is_found_by_its_whole_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
