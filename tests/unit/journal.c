/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <viaduct/sriov/create.h>
#include <viaduct/vfio/bind.h>

#include "fake-kernel.h"

static const struct via_bdf card = { .bus = 3 };

static int setup(void **state)
{
	*state = fake_kernel_new();
	return 0;
}

static int teardown(void **state)
{
	fake_kernel_free(*state);
	return 0;
}

static void bind_card(struct via_host *host, void *data)
{
	struct via_error err;

	(void)data;
	via_vfio_bind(host, card, "vfio-pci", &err);
}

static void unbind_card(struct via_host *host, void *data)
{
	char driver[VIA_DRIVER_NAME_BYTES];
	struct via_error err;

	(void)data;
	if (via_vfio_unbind(host, card, driver, &err))
		fail_msg("%s", err.text);
}

static void a_killed_bind_is_undone(void **state)
{
	assert_true(fake_kernel_kill(*state, bind_card, unbind_card, NULL) > 6);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_killed_bind_is_undone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
