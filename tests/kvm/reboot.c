/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "guest-run.h"
#include "guest/guest.h"
#include "machine.h"

#define REBOOTS 10U

static struct guest guest;
static uint32_t boots, reboots;
static size_t files;
static int slots;

static int teardown(void **state)
{
	(void)state;
	guest_fini(&guest);
	return 0;
}

static uint64_t count_of(const struct via_vmm_counts *counts, const char *name)
{
	for (size_t i = 0; i < counts->count; i++)
		if (!strcmp(counts->counts[i].name, name))
			return counts->counts[i].value;
	return 0;
}

/* Once a boot; @number is how many the guest has counted in memory no reset touches. */
static uint32_t next_boot(struct guest *g, uint32_t number)
{
	boots++;
	assert_int_equal(number, boots);
	if (boots == 1) {
		files = guest_open_files();
		slots = g->vmm->memory.slots_in_use;
	}
	assert_int_equal(guest_open_files(), files);
	assert_int_equal(g->vmm->memory.slots_in_use, slots);
	if (boots > reboots)
		return GUEST_REBOOT_NO_MORE;
	return boots % 2 ? GUEST_REBOOT_BY_PORT : GUEST_REBOOT_BY_FAULT;
}

static void prepare(const char *test)
{
	boots = 0;
	guest_init(&guest, test);
	guest.step = next_boot;
	guest.config.on_reset = VIA_VMM_ON_RESET_REBOOT;
}

/* Each boot says the same as the first, which found what KVM and Viaduct make. */
static void same_each_time(void)
{
	static const char mark[] = "boot\n";
	const char *first = strstr(guest.text, mark), *at = first, *next;
	size_t length, count = 0;

	assert_ptr_equal(first, guest.text);
	next = strstr(first + 1, mark);
	assert_non_null(next);
	length = (size_t)(next - first);
	for (; at; at = next, count++) {
		next = strstr(at + 1, mark);
		if (strncmp(at, first, length) || (next && (size_t)(next - at) != length))
			fail_msg("boot %zu is not like the first:\n%s", count + 1, guest.text);
	}
	assert_int_equal(count, reboots + 1);
}

static void reboot(unsigned int cpus)
{
	static const uint32_t initrd[] = { 0x11111111, 0x22222222 };
	int fd = guest_file(initrd, sizeof(initrd));
	struct via_vmm_stats stats;
	char path[64];

	reboots = REBOOTS;
	prepare("reboot");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	guest.config.initrd = path;
	guest.config.cpus = cpus;
	guest_new(&guest);
	/* Neither the paths nor the words need to be there any more. */
	close(fd);
	memset(path, 0, sizeof(path));
	memset(guest.kernel, 0, sizeof(guest.kernel));
	memset(guest.append, 0, sizeof(guest.append));
	guest_run(&guest);
	if (guest.rc)
		fail_msg("%s\n%s", guest.err.text, guest.text);
	assert_int_equal(guest.end, VIA_VMM_END_POWER_OFF);
	guest_said(&guest, "end");
	guest_said(&guest, "initrd 11111111");
	same_each_time();

	assert_int_equal(via_vmm_stats(guest.vmm, &stats, &guest.err), 0);
	assert_int_equal(stats.reboots, REBOOTS);
	/* What is counted goes on: at least these of each boot. */
	assert_int_equal(count_of(&stats.accesses, "reset"), REBOOTS / 2);
	assert_int_equal(count_of(&stats.user_exits, "shutdown"), REBOOTS / 2);
	assert_int_equal(count_of(&stats.ioctls, "KVM_CREATE_VCPU"), (REBOOTS + 1) * cpus);
	if (guest.vmm->vcpus[0].stats_fd >= 0)
		assert_true(count_of(&stats.exits, "exits") >= count_of(&stats.user_exits, "io"));
	via_vmm_stats_clear(&stats);
}

static void a_guest_that_resets_itself_starts_anew(void **state)
{
	(void)state;
	reboot(1);
}

static void a_guest_with_two_processors_starts_anew(void **state)
{
	(void)state;
	reboot(2);
}

static uint32_t one_page_less(struct guest *g, uint32_t number)
{
	(void)number;
	assert_int_equal(ftruncate(g->kernel_fd, 1024), 0);
	return GUEST_REBOOT_BY_PORT;
}

static void a_kernel_that_is_gone_ends_the_guest(void **state)
{
	(void)state;
	prepare("reboot");
	guest.step = one_page_less;
	guest_new(&guest);
	guest_run(&guest);
	assert_int_equal(guest.rc, -ENOEXEC);
	assert_non_null(strstr(guest.err.text, "the guest cannot be reset: "));
}

static void stop(void *data)
{
	struct guest *g = data;

	via_vmm_stop(g->vmm);
}

/* By an event of the main thread, as a signal is one. */
static void a_guest_that_only_resets_itself_can_be_stopped(void **state)
{
	const struct itimerspec soon = { .it_value.tv_nsec = 300000000 };
	int timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	struct via_vmm_stats stats;

	(void)state;
	prepare("reset");
	guest.config.console_out = -1;
	guest_new(&guest);
	assert_int_equal(via_vmm_watch(guest.vmm, timer_fd, stop, &guest, &guest.err), 0);
	assert_int_equal(timerfd_settime(timer_fd, 0, &soon, NULL), 0);
	guest_run(&guest);
	assert_int_equal(guest.rc, 0);
	assert_int_equal(guest.end, VIA_VMM_END_STOPPED);
	assert_int_equal(via_vmm_stats(guest.vmm, &stats, &guest.err), 0);
	assert_true(stats.reboots > 0);
	via_vmm_stats_clear(&stats);
	close(timer_fd);
}

static int event_fd, create_rc;
static bool seen_while_rebooting;

/* KVM, but while the guest is reset something else happens. */
static int answer(void *data, int fd, unsigned long request, void *argument)
{
	struct guest *g = data;
	uint64_t one = 1;
	int rc;

	if (request == KVM_CREATE_VM) {
		if (event_fd >= 0)
			assert_int_equal(write(event_fd, &one, sizeof(one)), sizeof(one));
		else if (!create_rc)
			via_vmm_stop(g->vmm);
		if (create_rc)
			return create_rc;
	}
	rc = ioctl(fd, request, argument);
	return rc < 0 ? -errno : rc;
}

static void reset_and(int eventfd, int rc)
{
	event_fd = eventfd;
	create_rc = rc;
	prepare("reset");
	guest_new(&guest);
	guest.vmm->kvm.call = answer;
	guest.vmm->kvm.data = &guest;
}

static void a_reset_under_way_gives_way_to_a_stop(void **state)
{
	(void)state;
	reset_and(-1, 0);
	guest_run(&guest);
	assert_int_equal(guest.rc, 0);
	assert_int_equal(guest.end, VIA_VMM_END_STOPPED);
	assert_int_equal(guest.vmm->reboots, 1);
}

static void stop_reboot(void *data)
{
	struct guest *g = data;

	if (atomic_load(&g->vmm->end) == MACHINE_REBOOTS)
		seen_while_rebooting = true;
	via_vmm_stop(g->vmm);
}

static void what_happens_meanwhile_is_not_kept_waiting(void **state)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	(void)state;
	reset_and(fd, 0);
	assert_int_equal(via_vmm_watch(guest.vmm, fd, stop_reboot, &guest, &guest.err), 0);
	guest_run(&guest);
	assert_int_equal(guest.end, VIA_VMM_END_STOPPED);
	assert_true(seen_while_rebooting);
	close(fd);
}

static void a_reset_that_kvm_refuses_is_told(void **state)
{
	(void)state;
	reset_and(-1, -ENOMEM);
	guest_run(&guest);
	assert_int_equal(guest.rc, -ENOMEM);
	assert_non_null(strstr(guest.err.text, "the guest cannot be reset: KVM refuses to create a "
					       "virtual machine"));
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(a_guest_that_resets_itself_starts_anew),
		TEST(a_guest_with_two_processors_starts_anew),
		TEST(a_kernel_that_is_gone_ends_the_guest),
		TEST(a_guest_that_only_resets_itself_can_be_stopped),
		TEST(a_reset_under_way_gives_way_to_a_stop),
		TEST(what_happens_meanwhile_is_not_kept_waiting),
		TEST(a_reset_that_kvm_refuses_is_told),
	};
	int rc = guest_main(argc, argv);

	return rc ? rc : cmocka_run_group_tests(tests, NULL, NULL);
}
