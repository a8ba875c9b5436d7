/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake-kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <viaduct/util/bdf.h>

#include "host-private.h"

#define DEVICES "sys/bus/pci/devices/"
#define PF	DEVICES FAKE_KERNEL_PF "/"
#define CARD	DEVICES FAKE_KERNEL_CARD "/"
#define TOTAL	7U

static const struct tree_entry entries[] = {
	{ PF "class", "0x020000\n" },
	{ PF "driver", .link = "../../drivers/igb" },
	{ PF "driver_override", "(null)\n" },
	{ PF "iommu_group", .link = "../../../../kernel/iommu_groups/1" },
	{ PF "sriov_totalvfs", "7\n" },
	{ PF "sriov_numvfs", "0\n" },
	{ PF "sriov_drivers_autoprobe", "1\n" },
	{ PF "net/eth0/flags", "0x1003\n" },
	{ "sys/kernel/iommu_groups/1/devices/" FAKE_KERNEL_PF, "" },
	{ "sys/kernel/iommu_groups/1/reserved_regions", "" },
	{ CARD "class", "0x020000\n" },
	{ CARD "driver", .link = "../../drivers/e1000e" },
	{ CARD "driver_override", "(null)\n" },
	{ CARD "iommu_group", .link = "../../../../kernel/iommu_groups/3" },
	{ "sys/kernel/iommu_groups/3/devices/" FAKE_KERNEL_CARD, "" },
	{ "sys/kernel/iommu_groups/3/reserved_regions", "" },
	{ "sys/bus/pci/drivers/igb/unbind", "" },
	{ "sys/bus/pci/drivers/igbvf/unbind", "" },
	{ "sys/bus/pci/drivers/e1000e/unbind", "" },
	{ "sys/bus/pci/drivers/vfio-pci/unbind", "" },
	{ "sys/bus/pci/drivers_probe", "" },
	{ "run/" },
	{ 0 },
};

struct fake_kernel {
	struct tree tree;
	struct via_host_hooks hooks;
	const char *refuses;
	int fails_at, writes;
	int dies_at, steps; /* -1: never */
	bool dawdles;
};

static void die(const char *what, const char *path)
{
	fprintf(stderr, "fake kernel: %s: %s\n", what, path);
	abort();
}

static void put(struct fake_kernel *kernel, const char *content, const char *directory,
		const char *file)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s%s", directory, file);
	tree_add(&kernel->tree, (struct tree_entry){ path, content });
}

static void put_link(struct fake_kernel *kernel, const char *target, const char *directory,
		     const char *file)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s%s", directory, file);
	tree_add(&kernel->tree, (struct tree_entry){ path, .link = target });
}

static void drop(struct fake_kernel *kernel, const char *directory, const char *file)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s%s", directory, file);
	if (via_host_exists(kernel->tree.host, "%s", path))
		tree_drop(&kernel->tree, path);
}

static uint64_t number_of(struct fake_kernel *kernel, const char *path)
{
	uint64_t number;

	if (via_host_read_u64(kernel->tree.host, &number, "%s", path))
		die("holds no number", path);
	return number;
}

/* As the core does: a VF is offered to drivers by its PF's leave, or by an override. */
static void probe(struct fake_kernel *kernel, const char *name)
{
	struct via_host *host = kernel->tree.host;
	bool is_vf = via_host_exists(host, DEVICES "%s/physfn", name);
	char override[64], target[128], directory[256];
	const char *driver;

	if (via_host_exists(host, DEVICES "%s/driver", name))
		return;
	if (via_host_read(host, override, sizeof(override), DEVICES "%s/driver_override", name))
		die("has no driver_override", name);
	if (strcmp(override, "(null)"))
		driver = override;
	else if (is_vf)
		driver = number_of(kernel, PF "sriov_drivers_autoprobe") ? "igbvf" : "";
	else
		driver = !strcmp(name, FAKE_KERNEL_PF) ? "igb" : "e1000e";
	if (!*driver || (kernel->refuses && !strcmp(driver, kernel->refuses)) ||
	    !via_host_exists(host, "sys/bus/pci/drivers/%s", driver))
		return;
	snprintf(target, sizeof(target), "../../drivers/%s", driver);
	snprintf(directory, sizeof(directory), DEVICES "%s/", name);
	put_link(kernel, target, directory, "driver");
}

/* First VF Offset 128, VF Stride 2. */
static struct via_bdf_text vf_name(unsigned int index)
{
	unsigned int routing_id = 0x80 + 2 * index;

	return via_bdf_text((struct via_bdf){
		.bus = 1, .device = (uint8_t)(routing_id >> 3), .function = routing_id & 7 });
}

static void vf_add(struct fake_kernel *kernel, unsigned int index)
{
	struct via_bdf_text name = vf_name(index);
	char directory[256], link[64], text[128];

	snprintf(directory, sizeof(directory), DEVICES "%s/", name.text);
	put(kernel, "0x020000\n", directory, "class");
	put(kernel, "(null)\n", directory, "driver_override");
	put_link(kernel, "../" FAKE_KERNEL_PF, directory, "physfn");
	snprintf(text, sizeof(text), "../../../../kernel/iommu_groups/%u", 10 + index);
	put_link(kernel, text, directory, "iommu_group");
	snprintf(text, sizeof(text), "sys/kernel/iommu_groups/%u/", 10 + index);
	put(kernel, "", text, "reserved_regions");
	strcat(text, "devices/");
	put(kernel, "", text, name.text);
	snprintf(link, sizeof(link), "virtfn%u", index);
	snprintf(text, sizeof(text), "../%s", name.text);
	put_link(kernel, text, PF, link);
	snprintf(link, sizeof(link), "%u", index);
	put(kernel, FAKE_KERNEL_ATTRS, "attrs/", link);
	if (number_of(kernel, PF "sriov_drivers_autoprobe"))
		probe(kernel, name.text);
}

/* Kept, for sysfs gives no inode to a second directory. */
static void bury(struct fake_kernel *kernel, const char *path)
{
	char from[PATH_MAX], to[PATH_MAX];
	int number = 0;

	do
		snprintf(to, sizeof(to), "%s/grave/%d", kernel->tree.root, number++);
	while (!access(to, F_OK));
	tree_add(&kernel->tree, (struct tree_entry){ "grave/" });
	snprintf(from, sizeof(from), "%s/%s", kernel->tree.root, path);
	if (rename(from, to))
		die("cannot be buried", from);
}

static void vf_drop(struct fake_kernel *kernel, unsigned int index)
{
	char name[128];

	snprintf(name, sizeof(name), "virtfn%u", index);
	drop(kernel, PF, name);
	snprintf(name, sizeof(name), DEVICES "%s", vf_name(index).text);
	bury(kernel, name);
	snprintf(name, sizeof(name), "%u", index);
	drop(kernel, "attrs/", name);
	snprintf(name, sizeof(name), "%u", 10 + index);
	drop(kernel, "sys/kernel/iommu_groups/", name);
}

static int set_vfs(struct fake_kernel *kernel, const char *text)
{
	unsigned long now = number_of(kernel, PF "sriov_numvfs"), wanted = strtoul(text, NULL, 10);
	char content[32];

	if (wanted > TOTAL)
		return -ERANGE;
	if (!via_host_exists(kernel->tree.host, PF "driver"))
		return -ENOENT;
	if (now && wanted)
		return now == wanted ? 0 : -EBUSY;
	for (unsigned int i = 0; i < now; i++)
		vf_drop(kernel, i);
	snprintf(content, sizeof(content), "%lu\n", wanted);
	put(kernel, content, PF, "sriov_numvfs");
	for (unsigned int i = 0; i < wanted; i++)
		vf_add(kernel, i);
	return 0;
}

static int unbind(struct fake_kernel *kernel, const char *path, const char *name)
{
	char directory[256];

	if (!via_host_exists(kernel->tree.host, "%s", path))
		return -ENOENT;
	if (!strcmp(name, FAKE_KERNEL_PF))
		set_vfs(kernel, "0");
	snprintf(directory, sizeof(directory), DEVICES "%s/", name);
	drop(kernel, directory, "driver");
	return 0;
}

static int take(struct fake_kernel *kernel, const char *path, const char *text)
{
	const char *file = strrchr(path, '/') + 1;

	if (!via_host_exists(kernel->tree.host, "%s", path))
		return -ENOENT;
	if (!strcmp(file, "sriov_numvfs"))
		return set_vfs(kernel, text);
	if (!strcmp(file, "unbind"))
		return unbind(kernel, path, text);
	if (!strcmp(file, "drivers_probe")) {
		probe(kernel, text);
		return 0;
	}
	if (!strcmp(file, "driver_override")) {
		char content[72];

		snprintf(content, sizeof(content), "%.64s\n", strcmp(text, "\n") ? text : "(null)");
		put(kernel, content, path, "");
		return 0;
	}
	if (!strcmp(file, "sriov_drivers_autoprobe")) {
		put(kernel, *text == '1' ? "1\n" : "0\n", path, "");
		return 0;
	}
	die("nobody takes what is written", path);
	return 0;
}

static int hook_write(void *data, const char *path, const char *text)
{
	struct fake_kernel *kernel = data;

	return kernel->writes++ == kernel->fails_at ? -EIO : take(kernel, path, text);
}

void fake_kernel_step(void *data)
{
	struct fake_kernel *kernel = data;

	if (kernel->steps++ == kernel->dies_at)
		_exit(0);
	if (kernel->dawdles)
		usleep(2000);
}

struct fake_kernel *fake_kernel_new(void)
{
	struct fake_kernel *kernel = calloc(1, sizeof(*kernel));

	if (!kernel)
		die("no memory", "");
	kernel->tree = tree_make(entries);
	kernel->fails_at = kernel->dies_at = -1;
	kernel->hooks = (struct via_host_hooks){ fake_kernel_step, hook_write, kernel };
	via_host_hook(kernel->tree.host, &kernel->hooks);
	return kernel;
}

void fake_kernel_free(struct fake_kernel *kernel)
{
	tree_remove(&kernel->tree);
	free(kernel);
}

struct tree *fake_kernel_tree(struct fake_kernel *kernel)
{
	return &kernel->tree;
}

void fake_kernel_write(struct fake_kernel *kernel, const char *path, const char *text)
{
	char full[PATH_MAX];

	snprintf(full, sizeof(full), "sys/bus/pci/%s", path);
	if (take(kernel, full, text))
		die("not taken", full);
}

void fake_kernel_refuse(struct fake_kernel *kernel, const char *driver)
{
	kernel->refuses = driver;
}

void fake_kernel_fail(struct fake_kernel *kernel, int write)
{
	kernel->writes = 0;
	kernel->fails_at = write;
}

void fake_kernel_dawdle(struct fake_kernel *kernel)
{
	kernel->dawdles = true;
}

int fake_kernel_writes(const struct fake_kernel *kernel)
{
	return kernel->writes;
}

/* nftw(3) has no data of the caller's. */
static struct {
	size_t root_length, count;
	char *lines[4096];
} walk;

static int visit(const char *path, const struct stat *status, int type, struct FTW *place)
{
	const char *name = path + walk.root_length;
	char content[4096] = "";
	ssize_t bytes = 0;

	(void)status;
	(void)place;
	if (type == FTW_D || !strncmp(name, "/run/viaduct/lock/", strlen("/run/viaduct/lock/")) ||
	    !strncmp(name, "/grave/", strlen("/grave/")))
		return 0;
	if (type == FTW_SL) {
		bytes = readlink(path, content, sizeof(content) - 1);
	} else {
		int fd = open(path, O_RDONLY | O_CLOEXEC);

		bytes = fd < 0 ? -1 : read(fd, content, sizeof(content) - 1);
		close(fd);
	}
	if (bytes < 0 || walk.count == sizeof(walk.lines) / sizeof(walk.lines[0]))
		die("cannot read", path);
	content[bytes] = '\0';
	if (asprintf(&walk.lines[walk.count++], "%s%s%s\n", name, type == FTW_SL ? " -> " : ": ",
		     content) < 0)
		die("no memory", "");
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char *fake_kernel_snapshot(struct fake_kernel *kernel)
{
	char *text = NULL;
	size_t bytes;
	FILE *file = open_memstream(&text, &bytes);

	walk.root_length = strlen(kernel->tree.root);
	walk.count = 0;
	if (!file || nftw(kernel->tree.root, visit, 16, FTW_PHYS))
		die("cannot walk", kernel->tree.root);
	qsort(walk.lines, walk.count, sizeof(walk.lines[0]), compare);
	for (size_t i = 0; i < walk.count; i++) {
		fputs(walk.lines[i], file);
		free(walk.lines[i]);
	}
	fclose(file);
	return text;
}

static size_t line_length(const char *text)
{
	return strcspn(text, "\n");
}

void fake_kernel_assert_is(struct fake_kernel *kernel, const char *snapshot)
{
	char *now_text = fake_kernel_snapshot(kernel);
	const char *now = now_text;

	while (*now && line_length(now) == line_length(snapshot) &&
	       !strncmp(now, snapshot, line_length(now) + 1)) {
		now += line_length(now) + 1;
		snapshot += line_length(snapshot) + 1;
	}
	if (*now || *snapshot) {
		fprintf(stderr, "step %d: is   %.*s\n", kernel->dies_at, (int)line_length(now),
			now);
		fprintf(stderr, "should be %.*s\n", (int)line_length(snapshot), snapshot);
		abort();
	}
	free(now_text);
}

/* Whether the step at which to die came. */
static bool is_killed(struct fake_kernel *kernel, fake_kernel_fn operate, void *data)
{
	pid_t pid = fork();
	int status = 0;

	if (!pid) {
		kernel->steps = 0;
		operate(kernel->tree.host, data);
		_exit(1);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		die("a process ended badly", "");
	return !WEXITSTATUS(status);
}

int fake_kernel_kill_at(struct fake_kernel *kernel, int step, fake_kernel_fn operate, void *data)
{
	bool killed;

	kernel->dies_at = step;
	killed = is_killed(kernel, operate, data);
	kernel->dies_at = -1;
	kernel->steps = 0;
	return killed ? step + 2 : step;
}

int fake_kernel_kill(struct fake_kernel *kernel, fake_kernel_fn operate, fake_kernel_fn recover,
		     void *data)
{
	char *before = fake_kernel_snapshot(kernel);
	bool killed = true;
	int step;

	for (step = 0; killed; step++) {
		kernel->dies_at = step;
		killed = is_killed(kernel, operate, data);
		kernel->steps = INT_MIN; /* nobody kills who recovers */
		recover(kernel->tree.host, data);
		fake_kernel_assert_is(kernel, before);
	}
	kernel->dies_at = -1;
	free(before);
	return step - 1;
}

void *fake_kernel_shared(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		die("no memory", "");
	return memory;
}
