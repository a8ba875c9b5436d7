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

#include "passthrough/slots.h"
#include "tree.h"

/* A host without devices, until a test gives it some. */
struct fixture {
	struct tree tree;
	struct via_vmm_device devices[VIA_VMM_DEVICES_MAX];
	struct via_passthrough_place places[VIA_VMM_DEVICES_MAX];
	size_t count;
	struct via_error err;
};

static int setup(void **state)
{
	static const struct tree_entry nothing[] = { { "sys/kernel/iommu_groups/", NULL, NULL },
						     { 0 } };
	struct fixture *f = calloc(1, sizeof(*f));

	f->tree = tree_make(nothing);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	tree_remove(&f->tree);
	free(f);
	return 0;
}

/* "03:00.1": also in the host's tree, in a group. */
static void give(struct fixture *f, const char *bdf, unsigned int group)
{
	char path[96], target[96];

	snprintf(path, sizeof(path), "sys/bus/pci/devices/0000:%s/iommu_group", bdf);
	snprintf(target, sizeof(target), "../../../../kernel/iommu_groups/%u", group);
	tree_add(&f->tree, (struct tree_entry){ path, .link = target });
	snprintf(path, sizeof(path), "sys/bus/pci/devices/0000:%s/class", bdf);
	tree_add(&f->tree, (struct tree_entry){ path, "0x020000\n" });
	snprintf(path, sizeof(path), "sys/kernel/iommu_groups/%u/devices/0000:%s", group, bdf);
	tree_add(&f->tree, (struct tree_entry){ path, "" });
	snprintf(path, sizeof(path), "sys/kernel/iommu_groups/%u/reserved_regions", group);
	tree_add(&f->tree, (struct tree_entry){ path, "" });
	snprintf(path, sizeof(path), "0000:%s", bdf);
	assert_int_equal(via_bdf_parse(path, &f->devices[f->count++].bdf), 0);
}

/* "1.0+ 1.1+ 2.0": where the guest finds them; with a plus, as a part of a device of several. */
static const char *slots(struct fixture *f)
{
	static char text[512];

	if (via_passthrough_slots(f->tree.host, f->devices, f->count, f->places, &f->err))
		fail_msg("no slots: %s", f->err.text);
	text[0] = '\0';
	for (size_t i = 0; i < f->count; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%u.%u%s",
			 i ? " " : "", f->places[i].devfn >> 3, f->places[i].devfn & 7U,
			 f->places[i].multifunction ? "+" : "");
	return text;
}

static void functions_of_a_device_stay_together(void **state)
{
	struct fixture *f = *state;

	give(f, "03:00.0", 7);
	give(f, "03:00.1", 7);
	give(f, "04:00.0", 8);
	give(f, "03:00.5", 7);
	assert_string_equal(slots(f), "1.0+ 1.1+ 2.0 1.5+");
}

static void the_order_of_devices_is_that_of_slots(void **state)
{
	struct fixture *f = *state;

	give(f, "04:00.0", 8);
	give(f, "03:00.1", 7);
	give(f, "01:00.0", 1);
	give(f, "03:00.0", 7);
	assert_string_equal(slots(f), "1.0 2.1+ 3.0 2.0+");
}

static void without_function_0_each_is_alone(void **state)
{
	struct fixture *f = *state;

	give(f, "03:00.1", 7);
	give(f, "03:00.2", 7);
	assert_string_equal(slots(f), "1.0 2.0");
}

static void one_function_is_no_device_of_several(void **state)
{
	struct fixture *f = *state;

	give(f, "03:00.0", 7);
	give(f, "04:00.3", 8);
	assert_string_equal(slots(f), "1.0 2.0");
}

static void virtual_functions_are_apart(void **state)
{
	struct fixture *f = *state;

	give(f, "01:10.0", 12);
	give(f, "01:10.2", 13);
	give(f, "01:10.4", 14);
	assert_string_equal(slots(f), "1.0 2.0 3.0");
}

static void a_slot_of_two_groups_is_two_devices(void **state)
{
	struct fixture *f = *state;

	give(f, "03:00.0", 7);
	give(f, "03:00.2", 9);
	give(f, "03:00.1", 7);
	give(f, "03:00.3", 9);
	assert_string_equal(slots(f), "1.0+ 2.0 1.1+ 3.0");
}

static void a_group_of_two_slots_is_two_devices(void **state)
{
	struct fixture *f = *state;

	give(f, "03:00.0", 7);
	give(f, "03:01.0", 7);
	give(f, "04:00.1", 7);
	assert_string_equal(slots(f), "1.0 2.0 3.0");
}

static void the_last_slot_is_31(void **state)
{
	struct fixture *f = *state;

	for (unsigned int i = 0; i < VIA_VMM_DEVICES_MAX; i++) {
		char bdf[16];

		snprintf(bdf, sizeof(bdf), "%02x:00.%u", 1 + i, i % 8);
		give(f, bdf, i);
	}
	slots(f);
	for (unsigned int i = 0; i < VIA_VMM_DEVICES_MAX; i++) {
		assert_int_equal(f->places[i].devfn, (i + 1) << 3);
		assert_false(f->places[i].multifunction);
	}
}

static void as_many_functions_fit_as_slots_and_more(void **state)
{
	struct fixture *f = *state;

	/* Three devices of eight functions and one of seven. */
	for (unsigned int i = 0; i < VIA_VMM_DEVICES_MAX; i++) {
		char bdf[16];

		snprintf(bdf, sizeof(bdf), "%02x:00.%u", 1 + i / 8, i % 8);
		give(f, bdf, i / 8);
	}
	slots(f);
	for (unsigned int i = 0; i < VIA_VMM_DEVICES_MAX; i++) {
		assert_int_equal(f->places[i].devfn, (i / 8 + 1) << 3 | i % 8);
		assert_true(f->places[i].multifunction);
	}
}

static void a_function_without_a_group_is_told(void **state)
{
	struct fixture *f = *state;

	give(f, "03:00.0", 7);
	tree_drop(&f->tree, "sys/bus/pci/devices/0000:03:00.0/iommu_group");
	assert_true(via_passthrough_slots(f->tree.host, f->devices, f->count, f->places, &f->err) <
		    0);
	assert_non_null(strstr(f->err.text, "0000:03:00.0"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(functions_of_a_device_stay_together),
		TEST(the_order_of_devices_is_that_of_slots),
		TEST(without_function_0_each_is_alone),
		TEST(one_function_is_no_device_of_several),
		TEST(virtual_functions_are_apart),
		TEST(a_slot_of_two_groups_is_two_devices),
		TEST(a_group_of_two_slots_is_two_devices),
		TEST(the_last_slot_is_31),
		TEST(as_many_functions_fit_as_slots_and_more),
		TEST(a_function_without_a_group_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
