/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "guest-run.h"
#include "guest/guest.h"
#include "machine.h"

#define REBOOTS		4U
#define HOSTILE_REBOOTS 1U /* it takes KVM milliseconds to forget an eventfd */

static struct guest guest;
static uint32_t boots;
static size_t files;

static uint32_t next_boot(struct guest *g, uint32_t number)
{
	struct via_vmm_virtio_stats stats;

	boots++;
	assert_int_equal(number, boots);
	via_virtio_stats(g->vmm->virtio[0], &stats);
	/* The last one may still be on its way, when what it tells of has been found without it. */
	assert_in_range(stats.kicks, GUEST_VIRTIO_REQUESTS * boots,
			(GUEST_VIRTIO_REQUESTS + 1) * boots);
	assert_int_equal(stats.requests, GUEST_VIRTIO_REQUESTS * boots);
	/* KVM takes the notifications: what traps is what sets it up. */
	assert_true(stats.register_writes < 50 * boots);
	assert_true(stats.cpu_ns > 0);
	if (boots == 1)
		files = guest_open_files();
	assert_int_equal(guest_open_files(), files);
	if (boots > REBOOTS)
		return GUEST_REBOOT_NO_MORE;
	return boots % 2 ? GUEST_REBOOT_BY_PORT : GUEST_REBOOT_BY_FAULT;
}

static unsigned int times_said(const char *line)
{
	unsigned int times = 0;

	for (const char *at = guest.text; (at = strstr(at, line)); at++)
		times++;
	return times;
}

static void a_driver_gets_random_numbers_and_reboots(void **state)
{
	struct via_vmm_stats stats;

	(void)state;
	guest_init(&guest, "virtio");
	guest.step = next_boot;
	guest.config.on_reset = VIA_VMM_ON_RESET_REBOOT;
	guest.config.rng = true;
	guest_new(&guest);
	guest_run(&guest);
	if (guest.rc)
		fail_msg("%s\n%s", guest.err.text, guest.text);
	assert_int_equal(guest.end, VIA_VMM_END_POWER_OFF);
	guest_said(&guest, "end");
	assert_int_equal(times_said("boot\nid 10441af4\nagreed b\nsize 8\nrunning f\nwrong 0\n"
				    "broken 4f\n"),
			 REBOOTS + 1);
	assert_int_equal(via_vmm_stats(guest.vmm, &stats, &guest.err), 0);
	assert_int_equal(stats.reboots, REBOOTS);
	assert_int_equal(stats.virtio_count, 1);
	assert_string_equal(stats.virtio[0].name, "rng0");
	assert_int_equal(stats.virtio[0].bytes, 8ULL * GUEST_VIRTIO_REQUESTS * (REBOOTS + 1));
	via_vmm_stats_clear(&stats);
	guest_fini(&guest);
}

/* Seeds, one a boot; whatever is done to the devices, the last thing is that the first one works.
 */
static uint32_t next_seed(struct guest *g, uint32_t number)
{
	static uint32_t seed = 20250701;

	(void)g;
	if (!number)
		return seed++;
	boots = number;
	return boots > HOSTILE_REBOOTS ? GUEST_REBOOT_NO_MORE : GUEST_REBOOT_BY_PORT;
}

static void a_driver_that_does_anything(void **state)
{
	struct via_vmm_stats stats;

	(void)state;
	boots = 0;
	guest_init(&guest, "hostile");
	guest.step = next_seed;
	guest.config.on_reset = VIA_VMM_ON_RESET_REBOOT;
	guest.config.rng = true;
	guest_new(&guest);
	guest_run(&guest);
	if (guest.rc)
		fail_msg("%s\n%s", guest.err.text, guest.text);
	assert_int_equal(guest.end, VIA_VMM_END_POWER_OFF);
	assert_int_equal(boots, HOSTILE_REBOOTS + 1);
	assert_int_equal(times_said("boot\nid 10441af4\nagreed b\nsize 8\nrunning f\nwrong 0\n"
				    "broken 4f\n"),
			 HOSTILE_REBOOTS + 1);
	assert_int_equal(via_vmm_stats(guest.vmm, &stats, &guest.err), 0);
	/* Not all of it was for nothing. */
	assert_true(stats.virtio[0].requests > GUEST_VIRTIO_REQUESTS * (HOSTILE_REBOOTS + 1));
	via_vmm_stats_clear(&stats);
	guest_fini(&guest);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_driver_gets_random_numbers_and_reboots),
		cmocka_unit_test(a_driver_that_does_anything),
	};
	int rc = guest_main(argc, argv);

	return rc ? rc : cmocka_run_group_tests(tests, NULL, NULL);
}
