/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bind-private.h"
#include "record.h"
#include "tree.h"

#define DEVICE "sys/bus/pci/devices/0000:01:10.0"
#define RECORD "run/viaduct/devices/0000:01:10.0"

static const struct via_bdf vf = { 0, 1, 0x10, 0 }, bridge = { 0, 0, 2, 0 };

static const struct tree_entry entries[] = {
	{ DEVICE "/class", "0x020000\n" },
	{ DEVICE "/driver_override", "(null)\n" },
	{ DEVICE "/driver", .link = "../../drivers/igbvf" },
	{ DEVICE "/iommu_group", .link = "../../../../kernel/iommu_groups/12" },
	{ "sys/kernel/iommu_groups/12/devices/0000:01:10.0", "" },
	{ "sys/kernel/iommu_groups/12/reserved_regions", "" },
	{ "sys/bus/pci/devices/0000:00:02.0/class", "0x060400\n" },
	{ "sys/bus/pci/devices/0000:00:02.0/iommu_group",
	  .link = "../../../../kernel/iommu_groups/12" },
	{ "sys/bus/pci/devices/0000:03:00.0/class", "0x020000\n" },
	{ "sys/bus/pci/drivers/igbvf/unbind", "" },
	{ "sys/bus/pci/drivers/vfio-pci/unbind", "" },
	{ "sys/bus/pci/drivers/uio/unbind", "" },
	{ "sys/bus/pci/drivers_probe", "" },
	{ "run/" },
	{ 0 },
};

/* Plays the PCI core over the tree, and fails on demand. */
struct kernel {
	struct tree tree;
	struct via_vfio_sysfs sysfs;
	char wants[64];	  /* the driver that takes the function when there is no override */
	char refuses[64]; /* a driver whose probe fails */
	int fails_at;	  /* the write with this number fails; from 0, -1 for none */
	bool fails_on;	  /* and every one after it */
	int writes;
	bool record_was_missing; /* at the time of some write */
	struct via_error err;
};

static void set_driver(struct kernel *kernel, const char *driver)
{
	char target[128];

	if (!*driver) {
		if (via_host_exists(kernel->tree.host, DEVICE "/driver"))
			tree_drop(&kernel->tree, DEVICE "/driver");
		return;
	}
	snprintf(target, sizeof(target), "../../drivers/%s", driver);
	tree_add(&kernel->tree, (struct tree_entry){ DEVICE "/driver", .link = target });
}

static void override_of(struct kernel *kernel, char override[static 64])
{
	assert_int_equal(via_host_read(kernel->tree.host, override, 64, DEVICE "/driver_override"),
			 0);
	if (!strcmp(override, "(null)"))
		*override = '\0';
}

static int kernel_write(void *data, struct via_host *host, const char *text, const char *path)
{
	struct kernel *kernel = data;
	const char *file = strrchr(path, '/') + 1;
	char override[64], driver[VIA_DRIVER_NAME_BYTES];
	int number = kernel->writes++;

	kernel->record_was_missing |= !via_host_exists(host, RECORD);
	if (kernel->fails_at >= 0 &&
	    (kernel->fails_on ? number >= kernel->fails_at : number == kernel->fails_at))
		return -EIO;
	if (!strcmp(file, "driver_override")) {
		tree_add(&kernel->tree,
			 (struct tree_entry){ DEVICE "/driver_override",
					      strcmp(text, "\n") ? text : "(null)" });
		return 0;
	}
	assert_string_equal(text, "0000:01:10.0");
	assert_int_equal(via_vfio_driver(host, vf, driver, NULL), 0);
	if (!strcmp(file, "unbind")) {
		assert_true(*driver);
		set_driver(kernel, "");
		return 0;
	}
	assert_string_equal(path, "sys/bus/pci/drivers_probe");
	override_of(kernel, override);
	if (*driver)
		return 0;
	strcpy(driver, *override ? override : kernel->wants);
	if (*driver && strcmp(driver, kernel->refuses))
		set_driver(kernel, driver);
	return 0;
}

static int setup(void **state)
{
	struct kernel *kernel = calloc(1, sizeof(*kernel));

	kernel->tree = tree_make(entries);
	kernel->fails_at = -1;
	kernel->sysfs = (struct via_vfio_sysfs){ kernel->tree.host, kernel_write, kernel };
	*state = kernel;
	return 0;
}

static int teardown(void **state)
{
	struct kernel *kernel = *state;

	tree_remove(&kernel->tree);
	free(kernel);
	return 0;
}

static void assert_state(struct kernel *kernel, const char *driver, const char *override,
			 bool recorded)
{
	char now[VIA_DRIVER_NAME_BYTES], text[64];

	assert_int_equal(via_vfio_driver(kernel->tree.host, vf, now, NULL), 0);
	assert_string_equal(now, driver);
	override_of(kernel, text);
	assert_string_equal(text, override);
	assert_int_equal(via_host_exists(kernel->tree.host, RECORD), recorded);
}

static void there_and_back(void **state)
{
	struct kernel *kernel = *state;
	char driver[VIA_DRIVER_NAME_BYTES], text[128];
	struct stat status;
	char path[128];

	assert_int_equal(via_vfio_bind_with(&kernel->sysfs, vf, "vfio-pci", &kernel->err), 0);
	assert_state(kernel, "vfio-pci", "vfio-pci", true);
	assert_false(kernel->record_was_missing);
	assert_int_equal(via_host_read(kernel->tree.host, text, sizeof(text), RECORD), 0);
	assert_string_equal(text, "driver=igbvf\noverride=\ntarget=vfio-pci");
	snprintf(path, sizeof(path), "%s/run/viaduct/devices", kernel->tree.root);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0755);

	/* Bound already: nothing is written. */
	kernel->writes = 0;
	assert_int_equal(via_vfio_bind_with(&kernel->sysfs, vf, "vfio-pci", &kernel->err), 0);
	assert_int_equal(kernel->writes, 0);

	/* Nothing in this kernel wants it without an override, like a VF without autoprobe. */
	assert_int_equal(via_vfio_unbind_with(&kernel->sysfs, vf, driver, &kernel->err), 0);
	assert_string_equal(driver, "igbvf");
	assert_state(kernel, "igbvf", "", false);
	assert_false(kernel->record_was_missing);
}

/* cx8802-mpeg names its driver so. */
static void a_name_may_have_spaces(void **state)
{
	struct kernel *kernel = *state;
	char driver[VIA_DRIVER_NAME_BYTES];

	tree_add(&kernel->tree,
		 (struct tree_entry){ "sys/bus/pci/drivers/cx88-mpeg driver manager/unbind", "" });
	set_driver(kernel, "cx88-mpeg driver manager");
	assert_int_equal(via_vfio_bind_with(&kernel->sysfs, vf, "vfio-pci", &kernel->err), 0);
	assert_int_equal(via_vfio_unbind_with(&kernel->sysfs, vf, driver, &kernel->err), 0);
	assert_state(kernel, "cx88-mpeg driver manager", "", false);
}

static void none_is_given_back_too(void **state)
{
	struct kernel *kernel = *state;
	char driver[VIA_DRIVER_NAME_BYTES];

	set_driver(kernel, "");
	strcpy(kernel->wants, "igbvf");
	assert_int_equal(via_vfio_bind_with(&kernel->sysfs, vf, "vfio-pci", &kernel->err), 0);
	assert_int_equal(via_vfio_unbind_with(&kernel->sysfs, vf, driver, &kernel->err), 0);
	assert_string_equal(driver, "");
	assert_state(kernel, "", "", false);
}

static void a_former_override_is_given_back(void **state)
{
	struct kernel *kernel = *state;
	char driver[VIA_DRIVER_NAME_BYTES];

	tree_add(&kernel->tree, (struct tree_entry){ DEVICE "/driver_override", "igbvf\n" });
	assert_int_equal(via_vfio_bind_with(&kernel->sysfs, vf, "vfio-pci", &kernel->err), 0);
	/* On to another one: what it had first stays known. */
	assert_int_equal(via_vfio_bind_with(&kernel->sysfs, vf, "uio", &kernel->err), 0);
	assert_state(kernel, "uio", "uio", true);
	assert_int_equal(via_vfio_unbind_with(&kernel->sysfs, vf, driver, &kernel->err), 0);
	assert_state(kernel, "igbvf", "igbvf", false);
}

static void every_failure_is_undone(void **state)
{
	struct kernel *kernel = *state;

	/* Three writes make a bind: override, unbind, probe. */
	for (int at = 0; at < 3; at++) {
		kernel->writes = 0;
		kernel->fails_at = at;
		assert_int_equal(via_vfio_bind_with(&kernel->sysfs, vf, "vfio-pci", &kernel->err),
				 -EIO);
		assert_state(kernel, "igbvf", "", false);
	}
	kernel->fails_at = -1;
	strcpy(kernel->refuses, "vfio-pci");
	assert_int_equal(via_vfio_bind_with(&kernel->sysfs, vf, "vfio-pci", &kernel->err), -EIO);
	assert_non_null(strstr(kernel->err.text, "vfio-pci refused 0000:01:10.0"));
	assert_state(kernel, "igbvf", "", false);
}

static void what_cannot_be_undone_stays_recorded(void **state)
{
	struct kernel *kernel = *state;
	char driver[VIA_DRIVER_NAME_BYTES];

	kernel->fails_at = 2;
	kernel->fails_on = true;
	assert_int_equal(via_vfio_bind_with(&kernel->sysfs, vf, "vfio-pci", &kernel->err), -EIO);
	assert_non_null(strstr(kernel->err.text, "could not be given back to igbvf"));
	assert_state(kernel, "", "vfio-pci", true);
	kernel->fails_at = -1;
	/* Another bind goes on from there and forgets nothing; unbind gives it back. */
	assert_int_equal(via_vfio_bind_with(&kernel->sysfs, vf, "vfio-pci", &kernel->err), 0);
	assert_int_equal(via_vfio_unbind_with(&kernel->sysfs, vf, driver, &kernel->err), 0);
	assert_state(kernel, "igbvf", "", false);
}

static void an_interrupted_unbind_can_be_repeated(void **state)
{
	struct kernel *kernel = *state;
	char driver[VIA_DRIVER_NAME_BYTES] = "untouched";

	assert_int_equal(via_vfio_bind_with(&kernel->sysfs, vf, "vfio-pci", &kernel->err), 0);
	strcpy(kernel->refuses, "igbvf");
	assert_int_equal(via_vfio_unbind_with(&kernel->sysfs, vf, driver, &kernel->err), -EIO);
	assert_string_equal(driver, "untouched");
	assert_state(kernel, "", "", true);
	*kernel->refuses = '\0';
	assert_int_equal(via_vfio_unbind_with(&kernel->sysfs, vf, driver, &kernel->err), 0);
	assert_state(kernel, "igbvf", "", false);

	assert_int_equal(via_vfio_bind_with(&kernel->sysfs, vf, "vfio-pci", &kernel->err), 0);
	tree_drop(&kernel->tree, "sys/bus/pci/drivers/igbvf");
	kernel->writes = 0;
	assert_int_equal(via_vfio_unbind_with(&kernel->sysfs, vf, driver, &kernel->err), -ENOENT);
	assert_non_null(strstr(kernel->err.text, "modprobe igbvf"));
	assert_int_equal(kernel->writes, 0);
}

static void without_a_record_the_kernel_chooses(void **state)
{
	struct kernel *kernel = *state;
	char driver[VIA_DRIVER_NAME_BYTES];

	/* A host's driver is nobody's to take. */
	assert_int_equal(via_vfio_unbind_with(&kernel->sysfs, vf, driver, &kernel->err), 0);
	assert_string_equal(driver, "igbvf");
	assert_int_equal(kernel->writes, 0);

	set_driver(kernel, "vfio-pci");
	tree_add(&kernel->tree, (struct tree_entry){ DEVICE "/driver_override", "vfio-pci\n" });
	strcpy(kernel->wants, "igbvf");
	assert_int_equal(via_vfio_unbind_with(&kernel->sysfs, vf, driver, &kernel->err), 0);
	assert_state(kernel, "igbvf", "", false);

	set_driver(kernel, "vfio-pci");
	strcpy(kernel->wants, "vfio-pci");
	assert_int_equal(via_vfio_unbind_with(&kernel->sysfs, vf, driver, &kernel->err), -EIO);
	assert_non_null(strstr(kernel->err.text, "new_id"));
}

static void a_record_left_over_is_not_believed(void **state)
{
	struct kernel *kernel = *state;
	char driver[VIA_DRIVER_NAME_BYTES];

	/* Of a function that was here before. */
	tree_add(&kernel->tree,
		 (struct tree_entry){ RECORD, "driver=uio\noverride=\ntarget=vfio-pci\n" });
	assert_int_equal(via_vfio_bind_with(&kernel->sysfs, vf, "vfio-pci", &kernel->err), 0);
	assert_int_equal(via_vfio_unbind_with(&kernel->sysfs, vf, driver, &kernel->err), 0);
	assert_state(kernel, "igbvf", "", false);

	tree_add(&kernel->tree,
		 (struct tree_entry){ RECORD, "driver=uio\noverride=\ntarget=vfio-pci\n" });
	assert_int_equal(via_vfio_unbind_with(&kernel->sysfs, vf, driver, &kernel->err), 0);
	assert_state(kernel, "igbvf", "", false);
}

static void damaged_records_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"driver=igbvf\n",
		"driver=igbvf\noverride=\n",
		"driver=igbvf\noverride=\ntarget=\n",
		"driver=igbvf\noverride=\ntarget=vfio-pci\nextra=1\n",
		"driver=igbvf\ndriver=igbvf\noverride=\ntarget=vfio-pci\n",
		"driver=../../x\noverride=\ntarget=vfio-pci\n",
		"driver=a\tb\noverride=\ntarget=vfio-pci\n",
		"driver=igbvf\noverride\ntarget=vfio-pci\n",
		("driver=0123456789012345678901234567890123456789012345678901234567890123\n"
		 "override=\ntarget=vfio-pci\n"),
	};
	struct kernel *kernel = *state;
	struct via_vfio_record record;
	char driver[VIA_DRIVER_NAME_BYTES];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		tree_add(&kernel->tree, (struct tree_entry){ RECORD, bad[i] });
		assert_int_equal(via_vfio_record_load(kernel->tree.host, vf, &record, &kernel->err),
				 -EPROTO);
		assert_int_equal(via_vfio_bind_with(&kernel->sysfs, vf, "vfio-pci", &kernel->err),
				 -EPROTO);
		assert_int_equal(via_vfio_unbind_with(&kernel->sysfs, vf, driver, &kernel->err),
				 -EPROTO);
		assert_non_null(strstr(kernel->err.text, "/" RECORD));
	}
	assert_int_equal(kernel->writes, 0);
}

static void what_cannot_work_changes_nothing(void **state)
{
	struct kernel *kernel = *state;
	const struct {
		struct via_bdf bdf;
		const char *driver;
		int rc;
		const char *says;
	} cases[] = {
		{ { 0, 9, 0, 0 }, "vfio-pci", -ENODEV, "no PCI function 0000:09:00.0" },
		{ vf, "nonesuch", -ENOENT, "modprobe nonesuch" },
		{ vf, "", -EINVAL, "no driver's name" },
		{ vf, "../devices", -EINVAL, "no driver's name" },
		{ { 0, 3, 0, 0 }, "vfio-pci", -ENXIO, "no IOMMU group" },
		{ bridge, "vfio-pci", -EINVAL, "is a bridge" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(via_vfio_bind_with(&kernel->sysfs, cases[i].bdf, cases[i].driver,
						    &kernel->err),
				 cases[i].rc);
		if (!strstr(kernel->err.text, cases[i].says))
			fail_msg("case %zu says: %s", i, kernel->err.text);
	}
	assert_int_equal(kernel->writes, 0);
	assert_false(via_host_exists(kernel->tree.host, "run/viaduct"));
}

/* VFIO refuses by header type: an NVSwitch has a bridge's class and an endpoint's header. */
static void a_bridge_is_known_by_its_header(void **state)
{
	static const struct {
		const char *class;
		const char *type; /* the byte at 0x0e, behind 14 others */
		int rc;
	} cases[] = {
		{ "0x068000", NULL, 0 },
		{ "0x060400", "..............\x80", 0 },
		{ "0x020000", "..............\x01", -EINVAL },
		{ "0x020000", "..............\x82", -EINVAL },
		{ "0x060700", NULL, -EINVAL },
		{ "0x060700", "too short", -EINVAL },
	};
	struct kernel *kernel = *state;
	char driver[VIA_DRIVER_NAME_BYTES];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		tree_add(&kernel->tree, (struct tree_entry){ DEVICE "/class", cases[i].class });
		if (cases[i].type)
			tree_add(&kernel->tree,
				 (struct tree_entry){ DEVICE "/config", cases[i].type });
		assert_int_equal(via_vfio_bind_with(&kernel->sysfs, vf, "vfio-pci", &kernel->err),
				 cases[i].rc);
		if (cases[i].rc)
			assert_non_null(strstr(kernel->err.text, "is a bridge"));
		assert_int_equal(via_vfio_unbind_with(&kernel->sysfs, vf, driver, &kernel->err), 0);
		if (cases[i].type)
			tree_drop(&kernel->tree, DEVICE "/config");
	}
}

static void a_function_in_use_is_not_taken(void **state)
{
	struct kernel *kernel = *state;
	char driver[VIA_DRIVER_NAME_BYTES];

	assert_int_equal(via_vfio_bind_with(&kernel->sysfs, vf, "vfio-pci", &kernel->err), 0);
	tree_add(&kernel->tree, (struct tree_entry){ "proc/42/fd/11", .link = "/dev/vfio/12" });
	tree_add(&kernel->tree, (struct tree_entry){ "proc/42/comm", "qemu\n" });
	kernel->writes = 0;
	assert_int_equal(via_vfio_unbind_with(&kernel->sysfs, vf, driver, &kernel->err), -EBUSY);
	assert_string_equal(kernel->err.text,
			    "0000:01:10.0 is in use: process 42 (qemu) has IOMMU group 12 open");
	assert_int_equal(via_vfio_bind_with(&kernel->sysfs, vf, "uio", &kernel->err), -EBUSY);
	assert_int_equal(kernel->writes, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(there_and_back),
		TEST(a_name_may_have_spaces),
		TEST(none_is_given_back_too),
		TEST(a_former_override_is_given_back),
		TEST(every_failure_is_undone),
		TEST(what_cannot_be_undone_stays_recorded),
		TEST(an_interrupted_unbind_can_be_repeated),
		TEST(without_a_record_the_kernel_chooses),
		TEST(a_record_left_over_is_not_believed),
		TEST(damaged_records_are_refused),
		TEST(what_cannot_work_changes_nothing),
		TEST(a_bridge_is_known_by_its_header),
		TEST(a_function_in_use_is_not_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
