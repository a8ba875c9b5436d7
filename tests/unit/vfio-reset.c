/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <viaduct/vfio/reset.h>

#include "backend.h"
#include "fake-vfio.h"
#include "private.h"

static const struct via_bdf vf0 = { 0, 1, 0x10, 0 }, vf1 = { 0, 1, 0x10, 2 },
			    vf2 = { 0, 1, 0x10, 4 };

struct fixture {
	struct tree tree;
	struct fake_vfio fake;
	struct via_iommu_space *space;
	struct via_vfio_device *device;
	struct via_vfio_reset_domain domain;
	struct via_error err;
};

static void reach(struct fixture *f, const struct via_bdf *functions, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		f->fake.hot.devices[i] = (struct vfio_pci_dependent_device){
			.group_id = 12,
			.segment = (uint16_t)functions[i].domain,
			.bus = functions[i].bus,
			.devfn = (uint8_t)(functions[i].device << 3 | functions[i].function),
		};
	f->fake.hot.count = count;
}

/* A function that cannot be reset alone. */
static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const struct vfio_device_info info = {
		.flags = VFIO_DEVICE_FLAGS_PCI,
		.num_regions = VFIO_PCI_NUM_REGIONS,
		.num_irqs = VFIO_PCI_NUM_IRQS,
	};

	f->tree = tree_make(fake_vfio_tree);
	fake_vfio_init(&f->fake);
	memcpy(f->fake.device_info.bytes, &info, sizeof(info));
	reach(f, (struct via_bdf[]){ vf0, vf1 }, 2);
	*state = f;
	if (via_iommu_space_new_with(f->tree.host, VIA_IOMMU_BACKEND_GROUP, -1,
				     fake_vfio_port(&f->fake), &f->space, &f->err))
		return -1;
	return via_vfio_device_open_with(f->space, vf0, -1, fake_vfio_port(&f->fake), &f->device,
					 &f->err);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	via_vfio_reset_clear(&f->domain);
	via_vfio_device_close(f->device);
	via_iommu_space_free(f->space);
	fake_vfio_fini(&f->fake);
	tree_remove(&f->tree);
	free(f);
	return 0;
}

static void a_group_that_is_the_guests_is_reset_whole(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(via_vfio_reset_find(f->device, &f->domain, &f->err), VIA_VFIO_RESET_HOT);
	assert_true(f->domain.owned);
	assert_int_equal(f->domain.count, 2);
	assert_true(via_bdf_equal(f->domain.functions[1], vf1));
	assert_int_equal(f->fake.hot_resets, 0);
	assert_int_equal(via_vfio_reset_hot(f->device, &f->err), 0);
	assert_int_equal(f->fake.hot_resets, 1);
	/* Both are of one group. */
	assert_int_equal(f->fake.hot_fd_count, 1);
	assert_int_equal(via_vfio_device_stats(f->device).resets, 1);
	f->fake.hot.rc = -EBUSY;
	assert_int_equal(via_vfio_reset_hot(f->device, &f->err), -EBUSY);
}

static void another_group_must_be_the_guests_too(void **state)
{
	struct via_vfio_device *other = NULL;
	struct fixture *f = *state;

	reach(f, (struct via_bdf[]){ vf0, vf2 }, 2);
	assert_int_equal(via_vfio_reset_find(f->device, &f->domain, &f->err), VIA_VFIO_RESET_NONE);
	assert_string_equal(f->err.text, "a bus reset of 0000:01:10.0 would reach 0000:01:10.4 "
					 "too, which is not this guest's");
	assert_int_equal(via_vfio_reset_hot(f->device, &f->err), -EPERM);
	assert_int_equal(f->fake.hot_resets, 0);

	assert_int_equal(via_vfio_device_open_with(f->space, vf2, -1, fake_vfio_port(&f->fake),
						   &other, &f->err),
			 0);
	assert_int_equal(via_vfio_reset_find(f->device, &f->domain, &f->err), VIA_VFIO_RESET_HOT);
	assert_int_equal(via_vfio_reset_hot(f->device, &f->err), 0);
	assert_int_equal(f->fake.hot_fd_count, 2);
	via_vfio_device_close(other);
	assert_int_equal(via_vfio_reset_hot(f->device, &f->err), -EPERM);
}

static void a_neighbour_without_vfio_is_nobodys(void **state)
{
	struct fixture *f = *state;

	tree_drop(&f->tree, "sys/bus/pci/devices/0000:01:10.2/driver");
	assert_int_equal(via_vfio_reset_find(f->device, &f->domain, &f->err), VIA_VFIO_RESET_NONE);
	assert_non_null(strstr(f->err.text, "0000:01:10.2"));
}

static void of_itself_is_better(void **state)
{
	struct fixture *f = *state;

	f->device->can_reset = true;
	assert_int_equal(via_vfio_reset_find(f->device, &f->domain, &f->err),
			 VIA_VFIO_RESET_FUNCTION);
	assert_int_equal(f->fake.hot_questions, 0);
}

static void a_root_bus_is_never_reset(void **state)
{
	struct fixture *f = *state;

	f->fake.hot.info_rc = -ENODEV;
	assert_int_equal(via_vfio_reset_find(f->device, &f->domain, &f->err), VIA_VFIO_RESET_NONE);
	assert_string_equal(f->err.text, "the kernel cannot reset the bus of 0000:01:10.0");
	assert_int_equal(via_vfio_reset_load(f->device, &f->domain, &f->err), -ENODEV);
}

/* What a user of iommufd is told: IDs in place of groups. */
static void the_kernel_knows_what_is_owned(void **state)
{
	struct fixture *f = *state;

	f->fake.hot.flags = 3;
	f->fake.hot.devices[0].group_id = 7;
	f->fake.hot.devices[1].group_id = 0; /* not open, but of a group that is owned */
	assert_int_equal(via_vfio_reset_find(f->device, &f->domain, &f->err), VIA_VFIO_RESET_HOT);
	assert_int_equal(f->domain.group_fd_count, 0);
	via_vfio_reset_clear(&f->domain);
	assert_int_equal(via_vfio_reset_hot(f->device, &f->err), 0);
	assert_int_equal(f->fake.hot_fd_count, 0);

	f->fake.hot.devices[1].group_id = UINT32_MAX;
	for (uint32_t flags = 1; flags <= 3; flags += 2) {
		f->fake.hot.flags = flags;
		assert_int_equal(via_vfio_reset_find(f->device, &f->domain, &f->err),
				 VIA_VFIO_RESET_NONE);
		assert_non_null(strstr(f->err.text, "0000:01:10.2"));
	}
}

static void a_large_bus_is_asked_for_again(void **state)
{
	struct fixture *f = *state;
	struct via_bdf functions[40];

	for (uint8_t i = 0; i < 40; i++)
		functions[i] = (struct via_bdf){ 0, 1, 0x10, i % 2 ? 2 : 0 };
	reach(f, functions, 40);
	assert_int_equal(via_vfio_reset_load(f->device, &f->domain, &f->err), 0);
	assert_int_equal(f->domain.count, 40);
	assert_int_equal(f->domain.group_fd_count, 1);
	assert_int_equal(f->fake.hot_questions, 2);
}

static void answers_that_make_no_sense_are_refused(void **state)
{
	struct fixture *f = *state;

	f->fake.hot.count = 0;
	assert_int_equal(via_vfio_reset_load(f->device, &f->domain, &f->err), -EPROTO);
	f->fake.hot.count = UINT32_MAX;
	assert_int_equal(via_vfio_reset_load(f->device, &f->domain, &f->err), -EPROTO);
	/* Not even the function itself. */
	reach(f, (struct via_bdf[]){ vf1 }, 1);
	assert_int_equal(via_vfio_reset_load(f->device, &f->domain, &f->err), -EPROTO);
	f->fake.hot.info_rc = -ENOSPC;
	f->fake.hot.count = 2;
	assert_int_equal(via_vfio_reset_load(f->device, &f->domain, &f->err), -EPROTO);
	f->fake.hot.info_rc = -EPERM;
	assert_int_equal(via_vfio_reset_load(f->device, &f->domain, &f->err), -EPERM);
	assert_null(f->domain.functions);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_group_that_is_the_guests_is_reset_whole),
		TEST(another_group_must_be_the_guests_too),
		TEST(a_neighbour_without_vfio_is_nobodys),
		TEST(of_itself_is_better),
		TEST(a_root_bus_is_never_reset),
		TEST(the_kernel_knows_what_is_owned),
		TEST(a_large_bus_is_asked_for_again),
		TEST(answers_that_make_no_sense_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
