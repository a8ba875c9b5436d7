/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <viaduct/iommu/cdev.h>
#include <viaduct/util/cleanup.h>

#include "tree.h"

/* /dev/null is the character device 1:3, and 1:5 is /dev/zero: what it is, the tree says. */
static const struct tree_entry entries[] = {
	{ "sys/dev/char/1:3/subsystem", .link = "../../../class/vfio-dev" },
	{ "sys/dev/char/1:3/device", .link = "../../../0000:01:10.0" },
	{ "sys/dev/char/1:5/subsystem", .link = "../../../class/vfio" },
	{ "sys/bus/pci/devices/0000:01:10.0/vfio-dev/vfio12/dev", "246:12\n" },
	{ "proc/42/comm", "qemu\n" },
	{ "proc/42/fd/9", .link = "/dev/vfio/devices/vfio12" },
	{ 0 },
};

static const struct via_bdf vf = { 0, 1, 0x10, 0 };

static void an_open_file_says_which_function_it_is(void **state)
{
	struct tree tree = tree_make(entries);
	via_autoclose int fd = open("/dev/null", O_RDWR);
	struct via_bdf bdf;

	(void)state;
	assert_int_equal(via_iommu_cdev_bdf(tree.host, fd, &bdf, NULL), 0);
	assert_true(via_bdf_equal(bdf, vf));
	tree_remove(&tree);
}

static void other_files_are_refused(void **state)
{
	struct tree tree = tree_make(entries);
	via_autoclose int group = open("/dev/zero", O_RDWR), plain = open("/", O_RDONLY),
			  unknown = open("/dev/full", O_RDWR), null = open("/dev/null", O_RDWR);
	struct via_error err;
	struct via_bdf bdf;

	(void)state;
	assert_int_equal(via_iommu_cdev_bdf(tree.host, group, &bdf, &err), -EINVAL);
	assert_non_null(strstr(err.text, "is no VFIO device file"));
	assert_int_equal(via_iommu_cdev_bdf(tree.host, plain, &bdf, &err), -EINVAL);
	assert_int_equal(via_iommu_cdev_bdf(tree.host, unknown, &bdf, &err), -EINVAL);
	assert_int_equal(via_iommu_cdev_bdf(tree.host, -1, &bdf, &err), -EBADF);
	assert_string_equal(err.text, "descriptor -1 is not open");
	tree_add(&tree, (struct tree_entry){ "sys/dev/char/1:3/device", .link = "../mdev-7" });
	assert_int_equal(via_iommu_cdev_bdf(tree.host, null, &bdf, &err), -EINVAL);
	assert_non_null(strstr(err.text, "is of no PCI function"));
	tree_remove(&tree);
}

static void a_function_has_one_file(void **state)
{
	struct tree tree = tree_make(entries);
	struct via_iommu_cdev_path path;
	struct via_process holder;

	(void)state;
	assert_int_equal(via_iommu_cdev_path(tree.host, vf, &path), 0);
	assert_string_equal(path.text, "/dev/vfio/devices/vfio12");
	assert_int_equal(via_iommu_cdev_find_holder(tree.host, vf, &holder), 0);
	assert_int_equal(holder.pid, 42);
	assert_string_equal(holder.comm, "qemu");
	tree_add(&tree,
		 (struct tree_entry){ "sys/bus/pci/devices/0000:01:10.0/vfio-dev/vfio13/dev", "" });
	assert_int_equal(via_iommu_cdev_path(tree.host, vf, &path), -EPROTO);
	tree_remove(&tree);
}

static void a_function_of_another_driver_has_none(void **state)
{
	struct tree tree = tree_make(entries);
	struct via_iommu_cdev_path path;
	struct via_process holder;

	(void)state;
	tree_drop(&tree, "sys/bus/pci/devices/0000:01:10.0/vfio-dev");
	assert_int_equal(via_iommu_cdev_path(tree.host, vf, &path), -ENOENT);
	assert_int_equal(via_iommu_cdev_find_holder(tree.host, vf, &holder), -ENOENT);
	tree_remove(&tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_open_file_says_which_function_it_is),
		cmocka_unit_test(other_files_are_refused),
		cmocka_unit_test(a_function_has_one_file),
		cmocka_unit_test(a_function_of_another_driver_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
