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
#include <sys/sysinfo.h>
#include <unistd.h>

#include "guest-run.h"
#include "machine.h"

static struct guest guest;

static int setup(void **state)
{
	(void)state;
	guest_init(&guest, "hello");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	guest_fini(&guest);
	return 0;
}

/* No guest, for this reason, in one sentence, and nothing left open. */
static void refused(int rc, const char *why)
{
	struct via_vmm *vmm = (struct via_vmm *)1;
	size_t before = guest_open_files();

	guest.err.text[0] = '\0';
	assert_int_equal(via_vmm_new(guest.host, &guest.config, &vmm, &guest.err), rc);
	if (!strstr(guest.err.text, why))
		fail_msg("\"%s\" does not say \"%s\"", guest.err.text, why);
	assert_null(strchr(guest.err.text, '\n'));
	assert_ptr_equal(vmm, (struct via_vmm *)1);
	assert_int_equal(guest_open_files(), before);
	/* Nobody has to want the sentence. */
	assert_int_equal(via_vmm_new(guest.host, &guest.config, &vmm, NULL), rc);
	assert_int_equal(guest_open_files(), before);
}

static void processors_are_1_to_64(void **state)
{
	static const unsigned int bad[] = { 0, 65, 100000, UINT32_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		guest.config.cpus = bad[i];
		refused(-EINVAL, "a guest has 1 to 64 processors, not ");
	}
}

static void memory_is_whole_pages_the_host_has(void **state)
{
	struct sysinfo info;
	uint64_t host_bytes;

	(void)state;
	assert_int_equal(sysinfo(&info), 0);
	host_bytes = (uint64_t)info.totalram * info.mem_unit;
	guest.config.memory_bytes = 0;
	refused(-EINVAL, "is too small: 16 MiB is the least");
	guest.config.memory_bytes = (16 << 20) - 4096;
	refused(-EINVAL, "is too small");
	guest.config.memory_bytes = (32 << 20) + 1;
	refused(-EINVAL, "not a multiple of the page size, 4096 bytes");
	guest.config.memory_bytes = (host_bytes & ~4095ULL) + 4096;
	refused(-EINVAL, "is more than the host has");
	guest.config.memory_bytes = UINT64_MAX & ~4095ULL;
	refused(-EINVAL, "is more than the host has");
}

static void a_kernel_is_named(void **state)
{
	(void)state;
	guest.config.kernel = NULL;
	refused(-EINVAL, "a guest needs a kernel");
	guest.config.kernel = "/nowhere/vmlinuz";
	refused(-ENOENT, "cannot open the kernel /nowhere/vmlinuz");
	guest.config.kernel = "/tmp";
	refused(-EINVAL, "the kernel /tmp is not a regular file");
}

/* Gives the guest this image instead. */
static void use(const struct guest_image *image)
{
	close(guest.kernel_fd);
	guest.kernel_fd = guest_image_write(image);
	snprintf(guest.kernel, sizeof(guest.kernel), "/proc/self/fd/%d", guest.kernel_fd);
}

static void a_kernel_is_one(void **state)
{
	struct guest_image image;

	(void)state;
	guest_image_init(&image);
	image.setup.init_size = 64 << 20;
	use(&image);
	refused(-EFBIG, "does not fit: it needs 65 MiB of guest memory");
	image.setup.init_size = 1 << 20;
	image.setup.boot_flag = 0;
	use(&image);
	refused(-ENOEXEC, "is not a kernel: neither a Linux bzImage nor an ELF file");
	image.setup.boot_flag = 0xaa55;
	use(&image);
	assert_int_equal(ftruncate(guest.kernel_fd, 2000), 0);
	refused(-ENOEXEC, "is truncated");
	assert_int_equal(ftruncate(guest.kernel_fd, 500), 0);
	refused(-ENOEXEC, "is too short to be a kernel");
	assert_int_equal(ftruncate(guest.kernel_fd, 0), 0);
	refused(-ENOEXEC, "is too short to be a kernel");
	/* This program: an ELF file, and no kernel. */
	guest.config.kernel = "/proc/self/exe";
	assert_int_equal(via_vmm_new(guest.host, &guest.config, &guest.vmm, &guest.err) < 0, 1);
	guest_image_fini(&image);
}

static void an_initrd_fits(void **state)
{
	char path[64];
	int fd = guest_file("initrd", 6);

	(void)state;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	guest.config.initrd = path;
	assert_int_equal(ftruncate(fd, 31 << 20), 0);
	refused(-EFBIG, "the initrd /proc/self/fd/");
	guest.config.initrd = "/nowhere/initrd";
	refused(-ENOENT, "cannot open the initrd /nowhere/initrd");
	close(fd);
}

static void a_command_line_fits(void **state)
{
	char line[300];

	(void)state;
	memset(line, 'x', sizeof(line));
	line[256] = '\0';
	guest.config.append = line;
	refused(-E2BIG, "has 256 characters, and this kernel takes at most 255");
	line[255] = '\0';
	guest_new(&guest);
}

static void no_command_line_is_an_empty_one(void **state)
{
	(void)state;
	guest.config.append = NULL;
	guest_new(&guest);
	guest_run(&guest);
	guest_said(&guest, "no such test");
}

static void devices_are_counted_and_given_once(void **state)
{
	struct via_vmm_device devices[32] = { 0 };

	(void)state;
	guest.config.devices = devices;
	guest.config.device_count = 32;
	refused(-EINVAL, "a guest has at most 31 devices, not 32");
	for (uint8_t i = 0; i < 31; i++)
		devices[i].bdf.bus = i;
	devices[30].bdf.bus = 3;
	guest.config.device_count = 31;
	refused(-EINVAL, "0000:03:00.0 is given to the guest twice");
}

/* A host of our own making, without the real one's /dev. */
static void other_host(const char *what)
{
	char root[] = "/tmp/viaduct-host-XXXXXX", path[64];
	struct via_host_options options = { .root = root };
	struct via_host *real = guest.host;

	assert_non_null(mkdtemp(root));
	snprintf(path, sizeof(path), "%s/dev", root);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/dev/kvm", root);
	if (what)
		assert_int_equal(symlink(what, path), 0);
	assert_int_equal(via_host_new(&options, &guest.host, NULL), 0);
	if (!what)
		refused(-ENOENT, "this host offers no /dev/kvm: enable VT-x or SVM");
	else
		refused(-ENOTSUP, "/dev/kvm speaks version");
	via_host_free(guest.host);
	guest.host = real;
	unlink(path);
	snprintf(path, sizeof(path), "%s/dev", root);
	rmdir(path);
	rmdir(root);
}

static void kvm_is_there(void **state)
{
	(void)state;
	other_host(NULL);
	other_host("/dev/null");
}

static void there_can_be_64_processors(void **state)
{
	size_t before;

	(void)state;
	before = guest_open_files();
	guest.config.cpus = 64;
	guest_new(&guest);
	for (unsigned int i = 0; i < 64; i++) {
		assert_true(guest.vmm->vcpus[i].fd >= 0);
		assert_non_null(guest.vmm->vcpus[i].run);
	}
	guest_run(&guest);
	assert_int_equal(guest.rc, 0);
	assert_int_equal(guest.end, VIA_VMM_END_POWER_OFF);
	guest_said(&guest, "hello");
	via_vmm_free(guest.vmm);
	guest.vmm = NULL;
	assert_int_equal(guest_open_files(), before);
}

static void a_guest_leaves_nothing_behind(void **state)
{
	size_t before;

	(void)state;
	before = guest_open_files();
	for (int i = 0; i < 3; i++) {
		guest_new(&guest);
		if (i)
			guest_run(&guest);
		via_vmm_free(guest.vmm);
		guest.vmm = NULL;
		assert_int_equal(guest_open_files(), before);
	}
	via_vmm_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(processors_are_1_to_64),
		TEST(memory_is_whole_pages_the_host_has),
		TEST(a_kernel_is_named),
		TEST(a_kernel_is_one),
		TEST(an_initrd_fits),
		TEST(a_command_line_fits),
		TEST(no_command_line_is_an_empty_one),
		TEST(devices_are_counted_and_given_once),
		TEST(kvm_is_there),
		TEST(there_can_be_64_processors),
		TEST(a_guest_leaves_nothing_behind),
	};
	int rc = guest_main(argc, argv);

	return rc ? rc : cmocka_run_group_tests(tests, NULL, NULL);
}
