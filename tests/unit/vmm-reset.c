/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "passthrough/passthrough.h"
#include "passthrough/reset.h"
#include "vmm-function.h"

static const struct via_bdf bdfs[] = { { 0, 1, 0x10, 0 }, { 0, 1, 0x10, 2 } };

/* Two functions of one slot, neither of which can be reset alone. */
struct fixture {
	struct vmm_function vf;
	struct via_passthrough functions[2], *all[2];
	struct via_reset_domain *domains;
	struct via_error err;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	vmm_function_init(&f->vf);
	for (int i = 0; i < 2; i++) {
		f->vf.fake.hot.devices[i].bus = bdfs[i].bus;
		f->vf.fake.hot.devices[i].devfn = (uint8_t)(bdfs[i].device << 3 | bdfs[i].function);
		f->all[i] = &f->functions[i];
		f->functions[i].machine.host = f->vf.host;
		if (via_vfio_device_open_with(f->vf.space, bdfs[i], -1, fake_vfio_port(&f->vf.fake),
					      &f->functions[i].device, &f->err))
			return -1;
		f->functions[i].device->can_reset = false;
	}
	f->vf.fake.hot.count = 2;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 2; i++)
		via_vfio_device_close(f->functions[i].device);
	via_reset_forget(f->domains);
	vmm_function_fini(&f->vf);
	free(f);
	return 0;
}

static int plan(struct fixture *f, size_t count, bool require)
{
	return via_reset_plan(f->all, count, require, &f->domains, &f->err);
}

static void a_domain_is_reset_once_when_all_are_quiet(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(plan(f, 2, true), 0);
	assert_int_equal(f->vf.fake.hot_resets, 1);
	for (size_t again = 2; again <= 4; again++) {
		assert_int_equal(via_reset_quiet(f->all[again % 2], &f->err), 0);
		assert_int_equal(f->vf.fake.hot_resets, again - 1);
		assert_int_equal(via_reset_quiet(f->all[again % 2], &f->err), 0);
		assert_int_equal(f->vf.fake.hot_resets, again - 1);
		assert_int_equal(via_reset_quiet(f->all[(again + 1) % 2], &f->err), 0);
		assert_int_equal(f->vf.fake.hot_resets, again);
	}
	assert_int_equal(f->vf.fake.resets, 0);
	assert_string_equal(f->vf.log, "");
}

/* It waits for the other, which a reset would hit while it works. */
static void one_that_could_alone_is_reset_with_the_rest(void **state)
{
	struct fixture *f = *state;

	f->functions[0].device->can_reset = true;
	assert_int_equal(plan(f, 2, false), 0);
	assert_int_equal(via_reset_quiet(f->all[0], &f->err), 0);
	assert_int_equal(via_reset_quiet(f->all[1], &f->err), 0);
	assert_int_equal(f->vf.fake.hot_resets, 2);
	assert_int_equal(f->vf.fake.resets, 0);
	/* When the other is taken away, it is on its own again. */
	via_reset_leave(f->all[1]);
	assert_int_equal(via_reset_quiet(f->all[0], &f->err), 0);
	assert_int_equal(f->vf.fake.hot_resets, 2);
	assert_int_equal(f->vf.fake.resets, 1);
}

static void what_cannot_be_reset_is_told(void **state)
{
	struct fixture *f = *state;

	f->vf.fake.hot.info_rc = -ENODEV;
	assert_int_equal(plan(f, 1, true), -ENOTSUP);
	assert_string_equal(f->err.text, "0000:01:10.0 cannot be reset: not alone, and the kernel "
					 "cannot reset the bus of 0000:01:10.0");
	assert_string_equal(f->vf.log, "");
	assert_int_equal(plan(f, 1, false), 0);
	assert_non_null(strstr(f->vf.log, "0000:01:10.0 cannot be reset"));
	assert_non_null(strstr(f->vf.log, "--require-reset"));
	assert_int_equal(via_reset_quiet(f->all[0], &f->err), 0);
	assert_int_equal(f->vf.fake.hot_resets + f->vf.fake.resets, 0);
}

static void a_refusal_comes_before_the_first_reset(void **state)
{
	struct fixture *f = *state;

	f->vf.fake.hot.rc = -EINVAL;
	assert_int_equal(plan(f, 2, true), -EINVAL);
	via_reset_forget(f->domains);
	f->domains = NULL;
	f->functions[0].domain = f->functions[1].domain = NULL;
	f->vf.fake.hot_resets = 0;
	/* Without --require-reset it is a warning, and not tried again. */
	assert_int_equal(plan(f, 2, false), 0);
	assert_non_null(strstr(f->vf.log, "cannot reset the bus"));
	assert_int_equal(via_reset_quiet(f->all[0], &f->err), 0);
	assert_int_equal(via_reset_quiet(f->all[1], &f->err), 0);
	assert_int_equal(f->vf.fake.hot_resets, 1);
}

static void those_that_can_are_reset_alone(void **state)
{
	struct fixture *f = *state;

	f->functions[0].device->can_reset = f->functions[1].device->can_reset = true;
	assert_int_equal(plan(f, 2, true), 0);
	assert_null(f->domains);
	assert_int_equal(f->vf.fake.hot_resets + f->vf.fake.resets, 0);
	assert_int_equal(via_reset_quiet(f->all[0], &f->err), 0);
	assert_int_equal(f->vf.fake.resets, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_domain_is_reset_once_when_all_are_quiet),
		TEST(one_that_could_alone_is_reset_with_the_rest),
		TEST(what_cannot_be_reset_is_told),
		TEST(a_refusal_comes_before_the_first_reset),
		TEST(those_that_can_are_reset_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
