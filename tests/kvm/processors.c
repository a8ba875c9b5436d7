/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "guest-run.h"

static struct guest guest;

static int teardown(void **state)
{
	(void)state;
	guest_fini(&guest);
	return 0;
}

/* Whether the host's processor has VT-x or SVM: without, KVM may still run a guest like ours. */
static bool host_runs_real_mode(void)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[8192];
	bool found = false;

	while (file && fgets(line, sizeof(line), file))
		found = found || strstr(line, " vmx") || strstr(line, " svm");
	if (file)
		fclose(file);
	return found;
}

static uint32_t tell_cpus(struct guest *g, uint32_t number)
{
	(void)number;
	return g->config.cpus;
}

static void start(unsigned int cpus)
{
	guest_init(&guest, "smp");
	guest.step = tell_cpus;
	guest.config.cpus = cpus;
	guest_new(&guest);
	guest_run(&guest);
	assert_int_equal(guest.rc, 0);
	assert_int_equal(guest.end, VIA_VMM_END_POWER_OFF);
}

static void two_processors_start(void **state)
{
	(void)state;
	start(2);
	guest_said(&guest, "others 1");
	guest_said(&guest, "ids 2");
}

static void four_processors_start(void **state)
{
	(void)state;
	start(4);
	guest_said(&guest, "others 3");
	guest_said(&guest, "ids e");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(two_processors_start, teardown),
		cmocka_unit_test_teardown(four_processors_start, teardown),
	};
	int rc = guest_main(argc, argv);

	if (!rc && !host_runs_real_mode()) {
		printf("SKIP: processors of a guest start in real mode, and this host has neither "
		       "VT-x nor SVM\n");
		rc = 77;
	}
	return rc ? rc : cmocka_run_group_tests(tests, NULL, NULL);
}
