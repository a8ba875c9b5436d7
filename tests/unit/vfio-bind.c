/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

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
	{ "dev/vfio/12", "" },
	{ "dev/vfio/13", "" },
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
	int dies_at;	  /* the process dies before this write, or after it; -1 for never */
	bool dies_after;
	int writes;
	bool record_was_missing; /* at the time of some write */
	int probes_unlocked;	 /* for a VFIO driver, while its module might have gone */
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

static bool modules_are_locked(struct kernel *kernel)
{
	char path[128];
	int fd, rc;

	snprintf(path, sizeof(path), "%s/run/viaduct/lock/modules", kernel->tree.root);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return false;
	rc = flock(fd, LOCK_EX | LOCK_NB);
	close(fd);
	return rc != 0;
}

static int kernel_take(void *data, struct via_host *host, const char *text, const char *path)
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
	if (!strcmp(override, "vfio-pci") && !modules_are_locked(kernel))
		kernel->probes_unlocked++;
	if (*driver)
		return 0;
	strcpy(driver, *override ? override : kernel->wants);
	if (*driver && strcmp(driver, kernel->refuses))
		set_driver(kernel, driver);
	return 0;
}

static int kernel_write(void *data, struct via_host *host, const char *text, const char *path)
{
	struct kernel *kernel = data;
	bool dies = kernel->writes == kernel->dies_at;
	int rc;

	if (dies && !kernel->dies_after)
		_exit(0);
	rc = kernel_take(kernel, host, text, path);
	if (dies)
		_exit(0);
	return rc;
}

static int setup(void **state)
{
	struct kernel *kernel = calloc(1, sizeof(*kernel));

	kernel->tree = tree_make(entries);
	kernel->fails_at = -1;
	kernel->dies_at = -1;
	kernel->sysfs = (struct via_vfio_sysfs){ kernel->tree.host, kernel_write, kernel, NULL };
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

/* A record of the function that is there now, or of one that was there before. */
static void add_record(struct kernel *kernel, const char *lines, bool of_this)
{
	char path[128], text[256];
	struct stat status;

	snprintf(path, sizeof(path), "%s/" DEVICE, kernel->tree.root);
	assert_int_equal(stat(path, &status), 0);
	snprintf(text, sizeof(text), "%sdevice=%ju\n", lines,
		 (uintmax_t)(status.st_ino + !of_this)); /* as the first Viaduct wrote it */
	tree_add(&kernel->tree, (struct tree_entry){ RECORD, text });
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
	assert_memory_equal(text, "version=1\ndevice=", strlen("version=1\ndevice="));
	assert_string_equal(strchr(strchr(text, '\n') + 1, '\n'),
			    "\ndriver=igbvf\noverride=\ntarget=vfio-pci\nend=");
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

/* From before the look for the driver until the function is bound to it. */
static void no_module_goes_meanwhile(void **state)
{
	struct kernel *kernel = *state;

	assert_int_equal(via_vfio_bind_with(&kernel->sysfs, vf, "vfio-pci", &kernel->err), 0);
	assert_int_equal(kernel->probes_unlocked, 0);
	assert_false(modules_are_locked(kernel));

	assert_int_equal(via_vfio_forget(kernel->tree.host, vf, &kernel->err), 0);
	assert_int_equal(via_vfio_bind_with(&kernel->sysfs, vf, "uio", &kernel->err), 0);
	assert_int_equal(via_vfio_undo_with(&kernel->sysfs, vf, &kernel->err), 0);
	assert_state(kernel, "vfio-pci", "vfio-pci", false);
	strcpy(kernel->refuses, "uio");
	assert_int_equal(via_vfio_bind_with(&kernel->sysfs, vf, "uio", &kernel->err), -EIO);
	assert_state(kernel, "vfio-pci", "vfio-pci", false);
	assert_int_equal(kernel->probes_unlocked, 0);
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
	assert_non_null(strstr(kernel->err.text, "it could not be undone"));
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
	kernel->record_was_missing = false;
	assert_int_equal(via_vfio_unbind_with(&kernel->sysfs, vf, driver, &kernel->err), 0);
	assert_state(kernel, "igbvf", "", true);
	assert_false(kernel->record_was_missing);

	/* It is the host's now, as one is that nobody has bound; and it can be bound again. */
	kernel->writes = 0;
	assert_false(via_vfio_is_remembered(kernel->tree.host, vf));
	assert_int_equal(via_vfio_unbind_with(&kernel->sysfs, vf, driver, &kernel->err), 0);
	assert_state(kernel, "igbvf", "", true);
	assert_int_equal(kernel->writes, 0);
	assert_int_equal(via_vfio_bind_with(&kernel->sysfs, vf, "vfio-pci", &kernel->err), 0);
	assert_state(kernel, "vfio-pci", "vfio-pci", false);
	assert_int_equal(via_vfio_unbind_with(&kernel->sysfs, vf, driver, &kernel->err), 0);
	assert_int_equal(via_vfio_undo_with(&kernel->sysfs, vf, &kernel->err), 0);
	assert_state(kernel, "vfio-pci", "vfio-pci", false);

	/* Who gives it to another driver since keeps it there. */
	assert_int_equal(via_vfio_unbind_with(&kernel->sysfs, vf, driver, &kernel->err), 0);
	set_driver(kernel, "uio");
	tree_add(&kernel->tree, (struct tree_entry){ DEVICE "/driver_override", "uio" });
	assert_int_equal(via_vfio_undo_with(&kernel->sysfs, vf, &kernel->err), 0);
	assert_state(kernel, "uio", "uio", false);

	tree_add(&kernel->tree, (struct tree_entry){ DEVICE "/driver_override", "(null)" });
	set_driver(kernel, "vfio-pci");
	strcpy(kernel->wants, "vfio-pci");
	assert_int_equal(via_vfio_unbind_with(&kernel->sysfs, vf, driver, &kernel->err), -EIO);
	assert_non_null(strstr(kernel->err.text, "new_id"));
	assert_state(kernel, "vfio-pci", "", false);
}

static void a_record_left_over_is_not_believed(void **state)
{
	static const char *const lines = "driver=uio\noverride=uio\ntarget=vfio-pci\n";
	struct kernel *kernel = *state;
	char driver[VIA_DRIVER_NAME_BYTES];

	/* Of a function that was here before, then one that somebody else has bound since. */
	for (int of_this = 0; of_this < 2; of_this++) {
		add_record(kernel, lines, of_this);
		assert_int_equal(via_vfio_bind_with(&kernel->sysfs, vf, "vfio-pci", &kernel->err),
				 0);
		assert_int_equal(via_vfio_unbind_with(&kernel->sysfs, vf, driver, &kernel->err), 0);
		assert_state(kernel, "igbvf", "", false);

		add_record(kernel, lines, of_this);
		kernel->writes = 0;
		assert_false(via_vfio_is_remembered(kernel->tree.host, vf));
		assert_int_equal(via_vfio_unbind_with(&kernel->sysfs, vf, driver, &kernel->err), 0);
		assert_state(kernel, "igbvf", "", false);
		assert_int_equal(kernel->writes, 0);
	}

	/* It is on its former driver's way now, but that is not the one it was. */
	set_driver(kernel, "vfio-pci");
	strcpy(kernel->wants, "igbvf");
	add_record(kernel, lines, false);
	assert_int_equal(via_vfio_unbind_with(&kernel->sysfs, vf, driver, &kernel->err), 0);
	assert_state(kernel, "igbvf", "", true);
}

/* An override of ours goes; one that came with the other driver stays. */
static void what_somebody_else_bound_is_left_alone(void **state)
{
	static const struct {
		const char *override, *after;
	} cases[] = { { "vfio-pci", "" }, { "igbvf", "" }, { "uio", "uio" }, { "", "" } };
	struct kernel *kernel = *state;
	char driver[VIA_DRIVER_NAME_BYTES];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		set_driver(kernel, "uio");
		tree_add(&kernel->tree,
			 (struct tree_entry){ DEVICE "/driver_override", cases[i].override });
		add_record(kernel, "driver=igbvf\noverride=\ntarget=vfio-pci\n", true);
		assert_int_equal(via_vfio_unbind_with(&kernel->sysfs, vf, driver, &kernel->err), 0);
		assert_string_equal(driver, "uio");
		assert_state(kernel, "uio", cases[i].after, false);
	}
}

/* Of a driver it had, and of one that came since: undo gives back, and takes from nobody. */
static void undo_takes_nothing_from_others(void **state)
{
	static const struct {
		const char *driver, *override, *record, *after;
	} cases[] = {
		{ "vfio-pci", "vfio-pci", NULL, "vfio-pci" },
		{ "vfio-pci", "vfio-pci", "driver=vfio-pci\noverride=vfio-pci\ntarget=uio\n",
		  "vfio-pci" },
		{ "vfio-pci", "", "driver=vfio-pci\noverride=\ntarget=uio\n", "" },
		{ "vfio-pci", "vfio-pci", "driver=igbvf\noverride=\ntarget=uio\n", "vfio-pci" },
		{ "vfio-pci", "uio", "driver=igbvf\noverride=\ntarget=uio\n", "" },
	};
	struct kernel *kernel = *state;

	strcpy(kernel->wants, "igbvf");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		set_driver(kernel, cases[i].driver);
		tree_add(&kernel->tree,
			 (struct tree_entry){ DEVICE "/driver_override", cases[i].override });
		if (cases[i].record)
			add_record(kernel, cases[i].record, true);
		assert_int_equal(via_vfio_undo_with(&kernel->sysfs, vf, &kernel->err), 0);
		assert_state(kernel, cases[i].driver, cases[i].after, false);
	}
}

/* A bind that was killed before it changed anything. */
static void what_is_as_it_was_is_not_unbound(void **state)
{
	struct kernel *kernel = *state;
	char driver[VIA_DRIVER_NAME_BYTES];

	strcpy(kernel->wants, "igbvf");
	set_driver(kernel, "vfio-pci");
	tree_add(&kernel->tree, (struct tree_entry){ DEVICE "/driver_override", "vfio-pci" });
	add_record(kernel, "driver=vfio-pci\noverride=vfio-pci\ntarget=uio\n", true);
	assert_int_equal(via_vfio_unbind_with(&kernel->sysfs, vf, driver, &kernel->err), 0);
	assert_state(kernel, "vfio-pci", "vfio-pci", false);
	assert_int_equal(kernel->writes, 0);
}

/* b: bind to vfio-pci. o: bind to uio. u: unbind. U: undo. */
static void operate(struct kernel *kernel, char operation)
{
	char driver[VIA_DRIVER_NAME_BYTES];

	if (operation == 'u')
		via_vfio_unbind_with(&kernel->sysfs, vf, driver, &kernel->err);
	else if (operation == 'U')
		via_vfio_undo_with(&kernel->sysfs, vf, &kernel->err);
	else
		via_vfio_bind_with(&kernel->sysfs, vf, operation == 'b' ? "vfio-pci" : "uio",
				   &kernel->err);
}

struct life {
	const char *before; /* operations that are done */
	char killed;	    /* the one that is not */
	const char *refuses;
};

/* Whether the write at which to die came. */
static bool is_killed(struct kernel *kernel, const struct life *life, int at, bool after)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		strcpy(kernel->refuses, life->refuses);
		kernel->writes = 0;
		kernel->dies_at = at;
		kernel->dies_after = after;
		operate(kernel, life->killed);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return !WEXITSTATUS(status);
}

/* Leaves the kernel as it was, so one serves for all. */
static bool survives(struct kernel *kernel, const char *driver, const char *override,
		     const struct life *life, int at, bool after, const char *then)
{
	bool killed;

	set_driver(kernel, driver);
	tree_add(&kernel->tree, (struct tree_entry){ DEVICE "/driver_override", override });
	for (const char *each = life->before; *each; each++)
		operate(kernel, *each);
	killed = is_killed(kernel, life, at, after);
	for (; *then; then++)
		operate(kernel, *then);
	assert_state(kernel, driver, override, false);
	return killed;
}

static void a_kill_anywhere_loses_nothing(void **state)
{
	static const struct {
		const char *driver, *override;
	} starts[] = {
		{ "igbvf", "" },
		{ "igbvf", "igbvf" },
		{ "igbvf", "vfio-pci" },
		{ "", "" },
	};
	static const struct life lives[] = {
		{ "", 'b', "" },  { "", 'b', "vfio-pci" },  { "b", 'u', "" }, { "b", 'u', "igbvf" },
		{ "b", 'o', "" }, { "o", 'b', "vfio-pci" }, { "b", 'U', "" },
	};
	static const char *const then[] = { "u", "bu", "U" };

	for (size_t start = 0; start < sizeof(starts) / sizeof(starts[0]); start++)
		for (size_t life = 0; life < sizeof(lives) / sizeof(lives[0]); life++)
			for (size_t i = 0; i < 2 * sizeof(then) / sizeof(then[0]); i++) {
				int at = 0;

				while (survives(*state, starts[start].driver,
						starts[start].override, &lives[life], at, i % 2,
						then[i / 2]))
					at++;
				assert_true(at > 0);
			}
}

static void a_kill_loses_no_vfio_driver_it_had(void **state)
{
	static const char *const overrides[] = { "", "vfio-pci" };
	static const struct life lives[] = {
		{ "", 'o', "" },
		{ "", 'o', "uio" },
		{ "o", 'U', "" },
		{ "o", 'b', "" },
	};
	static const char *const then[] = { "U", "UU", "uU", "oU" };
	struct kernel *kernel = *state;

	strcpy(kernel->wants, "igbvf");
	for (size_t start = 0; start < 2; start++)
		for (size_t life = 0; life < sizeof(lives) / sizeof(lives[0]); life++)
			for (size_t i = 0; i < 2 * sizeof(then) / sizeof(then[0]); i++) {
				int at = 0;

				while (survives(kernel, "vfio-pci", overrides[start], &lives[life],
						at, i % 2, then[i / 2]))
					at++;
				assert_true(at > 0 || !strcmp(lives[life].before, "u"));
			}
}

static void damaged_records_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"driver=igbvf\n",
		"driver=igbvf\noverride=\n",
		"driver=igbvf\noverride=\ntarget=vfio-pci\n",
		"driver=igbvf\noverride=\ntarget=vfio-pci\ndevice=\n",
		"driver=igbvf\noverride=\ntarget=vfio-pci\ndevice=7\nextra=1\n",
		"driver=igbvf\ndriver=igbvf\noverride=\ntarget=vfio-pci\ndevice=7\n",
		"driver=../../x\noverride=\ntarget=vfio-pci\ndevice=7\n",
		"driver=a\tb\noverride=\ntarget=vfio-pci\ndevice=7\n",
		"driver=igbvf\noverride\ntarget=vfio-pci\ndevice=7\n",
		"version=0\ndevice=7\ndriver=igbvf\noverride=\ntarget=vfio-pci\nend=\n",
		"version=1x\ndevice=7\ndriver=igbvf\noverride=\ntarget=vfio-pci\nend=\n",
		"version=1\ndevice=7\ndriver=igbvf\noverride=\ntarget=vfio-pci\n",
		"version=1\ndevice=7\ndriver=igbvf\noverride=\ntarget=vfio-pci\nend",
		"version=1\ndevice=7\ndriver=igbvf\noverride=\ntarget=vfio-pci\nend=\nend=\n",
		"version=1\ndevice=7\ndevice=7\ndriver=igbvf\noverride=\ntarget=vfio-pci\nend=\n",
		"version=1\ndriver=igbvf\noverride=\ntarget=vfio-pci\nend=\n",
		("driver=0123456789012345678901234567890123456789012345678901234567890123\n"
		 "override=\ntarget=vfio-pci\ndevice=7\n"),
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
	assert_false(via_host_exists(kernel->tree.host, "run/viaduct/devices"));
}

static void change_ignore(void *data, const char *what, const char *before, const char *after)
{
	(void)data;
	(void)what;
	(void)before;
	(void)after;
}

/* Its group may come with the first driver it is offered to, where there is an IOMMU at all. */
static void a_function_nobody_had_may_have_no_group_yet(void **state)
{
	struct kernel *kernel = *state;
	const struct via_bdf bdf = { 0, 3, 0, 0 };
	struct via_host *host = kernel->tree.host;

	tree_add(&kernel->tree, (struct tree_entry){ "sys/class/iommu/viommu0/x", "" });
	tree_add(&kernel->tree,
		 (struct tree_entry){ "sys/bus/pci/devices/0000:03:00.0/driver_override",
				      "(null)\n" });
	assert_int_equal(
		via_vfio_bind_plan(host, bdf, "vfio-pci", change_ignore, NULL, &kernel->err), 0);
	tree_add(&kernel->tree, (struct tree_entry){ "sys/bus/pci/devices/0000:03:00.0/driver",
						     .link = "../../../../bus/pci/drivers/igbvf" });
	assert_int_equal(
		via_vfio_bind_plan(host, bdf, "vfio-pci", change_ignore, NULL, &kernel->err),
		-ENXIO);
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

/* What was given to a driver of the host may be in use there by now. */
static void what_the_host_uses_is_not_given_back(void **state)
{
	struct kernel *kernel = *state;
	char driver[VIA_DRIVER_NAME_BYTES];

	assert_int_equal(via_vfio_bind_with(&kernel->sysfs, vf, "uio", &kernel->err), 0);
	tree_add(&kernel->tree, (struct tree_entry){ DEVICE "/net/eth5/flags", "0x1003\n" });
	tree_add(&kernel->tree, (struct tree_entry){ DEVICE "/net/eth5/operstate", "up\n" });
	tree_add(&kernel->tree,
		 (struct tree_entry){ "sys/class/net/eth5",
				      .link = "../../bus/pci/devices/0000:01:10.0/net/eth5" });
	kernel->writes = 0;
	assert_int_equal(via_vfio_unbind_with(&kernel->sysfs, vf, driver, &kernel->err), -EBUSY);
	assert_non_null(strstr(kernel->err.text, "eth5"));
	assert_int_equal(kernel->writes, 0);
	tree_drop(&kernel->tree, "sys/class/net");
	assert_int_equal(via_vfio_unbind_with(&kernel->sysfs, vf, driver, &kernel->err), 0);
	assert_state(kernel, "igbvf", "", false);
}

static void a_pf_is_not_taken_from_under_its_vfs(void **state)
{
	struct kernel *kernel = *state;
	char driver[VIA_DRIVER_NAME_BYTES];

	tree_add(&kernel->tree, (struct tree_entry){ DEVICE "/sriov_numvfs", "1\n" });
	tree_add(&kernel->tree,
		 (struct tree_entry){ DEVICE "/virtfn0", .link = "../0000:01:12.0" });
	tree_add(&kernel->tree,
		 (struct tree_entry){ "sys/bus/pci/devices/0000:01:12.0/iommu_group",
				      .link = "../../../../kernel/iommu_groups/13" });
	tree_add(&kernel->tree, (struct tree_entry){ "proc/42/fd/11", .link = "/dev/vfio/13" });
	tree_add(&kernel->tree, (struct tree_entry){ "proc/42/comm", "qemu\n" });
	assert_int_equal(via_vfio_bind_with(&kernel->sysfs, vf, "vfio-pci", &kernel->err), -EBUSY);
	assert_string_equal(kernel->err.text,
			    "0000:01:12.0 is in use: process 42 (qemu) has IOMMU group 13 open");
	assert_int_equal(kernel->writes, 0);

	/* Nobody holds it: who calls has been told that VFs go with the driver. Back they go
	 * only by 'vf destroy'. */
	tree_drop(&kernel->tree, "proc/42");
	assert_int_equal(via_vfio_bind_with(&kernel->sysfs, vf, "vfio-pci", &kernel->err), 0);
	kernel->writes = 0;
	assert_int_equal(via_vfio_unbind_with(&kernel->sysfs, vf, driver, &kernel->err), -EBUSY);
	assert_non_null(strstr(kernel->err.text, "viaduct vf destroy"));
	assert_int_equal(kernel->writes, 0);
}

static void change_add(void *data, const char *path, const char *before, const char *after)
{
	char *text = data, record[256];

	snprintf(record, sizeof(record), "%s",
		 strstr(after, "\ndriver=") ? strstr(after, "\ndriver=") + 1 : after);
	for (char *c = record; *c; c++)
		if (*c == '\n')
			*c = ' ';
	snprintf(text + strlen(text), 1024 - strlen(text), "%s: %s -> %s\n", strrchr(path, '/') + 1,
		 !before		     ? "*"
		 : strstr(before, "device=") ? "record"
					     : before,
		 record);
}

/* The same code, so the same checks and the same writes; and none of them is made. */
static void a_plan_is_what_would_be_done(void **state)
{
	struct kernel *kernel = *state;
	struct via_host *host = kernel->tree.host;
	char text[1024] = "";

	assert_int_equal(via_vfio_bind_plan(host, vf, "vfio-pci", change_add, text, &kernel->err),
			 0);
	assert_string_equal(text, "0000:01:10.0:  -> driver=igbvf override= target=vfio-pci end=\n"
				  "driver_override:  -> vfio-pci\n"
				  "unbind: * -> 0000:01:10.0\n"
				  "drivers_probe: * -> 0000:01:10.0\n");
	assert_state(kernel, "igbvf", "", false);
	*text = '\0';
	assert_int_equal(via_vfio_unbind_plan(host, vf, change_add, text, &kernel->err), 0);
	assert_string_equal(text, "");

	assert_int_equal(via_vfio_bind_with(&kernel->sysfs, vf, "vfio-pci", &kernel->err), 0);
	assert_int_equal(via_vfio_unbind_plan(host, vf, change_add, text, &kernel->err), 0);
	assert_string_equal(text, "unbind: * -> 0000:01:10.0\n"
				  "driver_override: vfio-pci -> igbvf\n"
				  "drivers_probe: * -> 0000:01:10.0\n"
				  "driver_override: igbvf -> \n"
				  "0000:01:10.0: record -> \n");
	assert_state(kernel, "vfio-pci", "vfio-pci", true);
	assert_true(via_vfio_is_remembered(host, vf));

	/* Somebody else has bound it since. */
	set_driver(kernel, "igbvf");
	tree_add(&kernel->tree, (struct tree_entry){ DEVICE "/driver_override", "(null)\n" });
	*text = '\0';
	assert_int_equal(via_vfio_unbind_plan(host, vf, change_add, text, &kernel->err), 0);
	assert_string_equal(text, "0000:01:10.0: record -> \n");
	*text = '\0';
	via_vfio_forget_plan(host, vf, change_add, text);
	assert_string_equal(text, "0000:01:10.0: record -> \n");
	assert_int_equal(via_vfio_forget(host, vf, &kernel->err), 0);
	assert_false(via_host_exists(host, RECORD));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(there_and_back),
		TEST(no_module_goes_meanwhile),
		TEST(a_name_may_have_spaces),
		TEST(none_is_given_back_too),
		TEST(a_former_override_is_given_back),
		TEST(every_failure_is_undone),
		TEST(what_cannot_be_undone_stays_recorded),
		TEST(an_interrupted_unbind_can_be_repeated),
		TEST(without_a_record_the_kernel_chooses),
		TEST(a_record_left_over_is_not_believed),
		TEST(what_somebody_else_bound_is_left_alone),
		TEST(undo_takes_nothing_from_others),
		TEST(what_is_as_it_was_is_not_unbound),
		TEST(a_kill_anywhere_loses_nothing),
		TEST(a_kill_loses_no_vfio_driver_it_had),
		TEST(damaged_records_are_refused),
		TEST(what_cannot_work_changes_nothing),
		TEST(a_function_nobody_had_may_have_no_group_yet),
		TEST(a_bridge_is_known_by_its_header),
		TEST(a_function_in_use_is_not_taken),
		TEST(what_the_host_uses_is_not_given_back),
		TEST(a_pf_is_not_taken_from_under_its_vfs),
		TEST(a_plan_is_what_would_be_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
