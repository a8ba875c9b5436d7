/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <viaduct/sriov/create.h>
#include <viaduct/sriov/undo.h>
#include <viaduct/vfio/bind.h>

#include "attr-private.h"
#include "fake-kernel.h"
#include "kind.h"
#include "undo-private.h"

#define PF  "sys/bus/pci/devices/" FAKE_KERNEL_PF
#define VF0 "sys/bus/pci/devices/" FAKE_KERNEL_VF0
#define VF1 "sys/bus/pci/devices/" FAKE_KERNEL_VF1

static const struct via_bdf card = { .bus = 3 }, pf = { .bus = 1 },
			    vfs[] = { { .bus = 1, .device = 0x10 },
				      { .bus = 1, .device = 0x10, .function = 2 } };

/* The driver of the PF, which has its VFs' attributes in files, as they outlive who sets them. */
static struct fake_kernel *kernel;

static int attrs_get(void *data, unsigned int index, struct via_sriov_attrs *attrs)
{
	char text[64], path[32];
	unsigned int octets[6], trust, spoofchk;

	(void)data;
	snprintf(path, sizeof(path), "attrs/%u", index);
	if (via_host_read(fake_kernel_tree(kernel)->host, text, sizeof(text), "%s", path))
		return -ENODEV;
	*attrs = (struct via_sriov_attrs){ .valid = 0x1f };
	assert_int_equal(sscanf(text, "%x:%x:%x:%x:%x:%x %u %u %u %u", &octets[0], &octets[1],
				&octets[2], &octets[3], &octets[4], &octets[5], &attrs->vlan,
				&attrs->qos, &trust, &spoofchk),
			 10);
	for (int i = 0; i < 6; i++)
		attrs->mac.octets[i] = (uint8_t)octets[i];
	attrs->trust = trust;
	attrs->spoofchk = spoofchk;
	return 0;
}

static int attrs_set(void *data, unsigned int index, enum via_sriov_attr attr,
		     const struct via_sriov_attrs *attrs)
{
	struct via_sriov_attrs now;
	char text[64], path[32];
	int rc = attrs_get(data, index, &now);

	if (rc)
		return rc;
	if (attr == VIA_SRIOV_MAC)
		now.mac = attrs->mac;
	if (attr == VIA_SRIOV_VLAN) {
		now.vlan = attrs->vlan;
		now.qos = attrs->qos;
	}
	if (attr == VIA_SRIOV_TRUST)
		now.trust = attrs->trust;
	if (attr == VIA_SRIOV_SPOOFCHK)
		now.spoofchk = attrs->spoofchk;
	snprintf(path, sizeof(path), "attrs/%u", index);
	snprintf(text, sizeof(text), "%s %u %u %d %d\n", via_mac_text(now.mac).text, now.vlan,
		 now.qos, now.trust, now.spoofchk);
	fake_kernel_step(kernel);
	tree_add(fake_kernel_tree(kernel), (struct tree_entry){ path, text });
	fake_kernel_step(kernel);
	return 0;
}

static const struct via_sriov_attr_driver attr_driver = { attrs_get, attrs_set, NULL };
static const struct via_sriov_lent lent = { .attrs = &attr_driver };

static int setup(void **state)
{
	kernel = *state = fake_kernel_new();
	return 0;
}

static int teardown(void **state)
{
	fake_kernel_free(*state);
	return 0;
}

/* Undo all. Returns how many records there were; *@failed: how many stay. */
static size_t undo_all(struct via_host *host, size_t *failed, struct via_error *err)
{
	struct via_undo *list;
	size_t count;

	*failed = 0;
	assert_int_equal(via_undo_list(host, &list, &count, err), 0);
	for (size_t i = 0; i < count; i++) {
		int rc = via_undo_with(host, &list[i], &lent, err);

		*failed += rc && rc != -ENOENT && rc != -ESTALE;
	}
	free(list);
	return count;
}

static void undo(struct via_host *host, void *data)
{
	struct via_error err = { "" };
	size_t failed;

	(void)data;
	undo_all(host, &failed, &err);
	if (failed) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
}

static void give(struct via_host *host, struct via_bdf bdf)
{
	struct via_error err;

	if (via_vfio_bind(host, bdf, "vfio-pci", &err)) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
}

static void set(struct via_host *host, unsigned int index)
{
	const struct via_sriov_attrs wanted = { .valid = VIA_SRIOV_MAC | VIA_SRIOV_VLAN |
							 VIA_SRIOV_TRUST | VIA_SRIOV_SPOOFCHK,
						.mac = { { 2, 0, 0, 0, 0, 7 } },
						.vlan = 100,
						.trust = true };
	struct via_sriov_pf now = { 0 };
	struct via_error err;

	if (via_sriov_pf_load(host, pf, &now, &err) ||
	    via_sriov_attrs_set_with(host, &now, index, &wanted, &lent, &err)) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	via_sriov_pf_clear(&now);
}

static void create(struct via_host *host, unsigned int count)
{
	const struct via_sriov_request request = { .count = count };
	struct via_error err;

	if (via_sriov_create_with(host, pf, &request, &lent, &err)) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
}

static void destroy(struct via_host *host)
{
	struct via_error err;

	if (via_sriov_destroy_with(host, pf, false, &lent, &err)) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
}

static void bind_card(struct via_host *host, void *data)
{
	(void)data;
	give(host, card);
}

static void make_vfs(struct via_host *host, void *data)
{
	(void)data;
	create(host, 2);
	set(host, 0);
	give(host, vfs[0]);
	give(host, vfs[1]);
	set(host, 1);
}

static void destroy_all(struct via_host *host, void *data)
{
	(void)data;
	destroy(host);
}

static void change_vfs(struct via_host *host, void *data)
{
	(void)data;
	set(host, 1);
	give(host, vfs[1]);
	destroy(host);
	create(host, 3);
	set(host, 0);
	give(host, vfs[0]);
}

static void make_and_destroy(struct via_host *host, void *data)
{
	make_vfs(host, data);
	destroy(host);
}

static void a_killed_bind_is_undone(void **state)
{
	assert_true(fake_kernel_kill(*state, bind_card, undo, NULL) > 6);
}

static void killed_making_of_vfs_is_undone(void **state)
{
	assert_true(fake_kernel_kill(*state, make_vfs, undo, NULL) > 30);
	assert_true(fake_kernel_kill(*state, make_and_destroy, undo, NULL) > 40);
}

/* With drivers, an override and attributes of somebody's own. */
static void vfs_of_others_come_back(void **state)
{
	struct via_sriov_attrs theirs = { .mac = { { 2, 1, 1, 1, 1, 1 } }, .vlan = 7, .qos = 3 };
	size_t failed;
	struct via_error err;
	char *before;

	fake_kernel_write(*state, "devices/" FAKE_KERNEL_PF "/sriov_numvfs", "2");
	assert_int_equal(attrs_set(NULL, 1, VIA_SRIOV_MAC, &theirs), 0);
	assert_int_equal(attrs_set(NULL, 1, VIA_SRIOV_VLAN, &theirs), 0);
	fake_kernel_write(*state, "devices/" FAKE_KERNEL_VF1 "/driver_override", "igbvf");
	fake_kernel_write(*state, "devices/" FAKE_KERNEL_VF0 "/driver/unbind", FAKE_KERNEL_VF0);
	assert_true(fake_kernel_kill(*state, destroy_all, undo, NULL) >= 5);
	assert_true(fake_kernel_kill(*state, change_vfs, undo, NULL) > 40);

	/* Not killed, and undone twice. */
	before = fake_kernel_snapshot(*state);
	change_vfs(fake_kernel_tree(*state)->host, NULL);
	assert_true(undo_all(fake_kernel_tree(*state)->host, &failed, &err) > 0);
	assert_int_equal(failed, 0);
	fake_kernel_assert_is(*state, before);
	assert_int_equal(undo_all(fake_kernel_tree(*state)->host, &failed, &err), 0);
	free(before);
}

/* Who undoes may be killed as well. */
static void a_killed_undo_is_undone(void **state)
{
	struct via_host *host = fake_kernel_tree(*state)->host;
	char *before;

	fake_kernel_write(*state, "devices/" FAKE_KERNEL_PF "/sriov_numvfs", "2");
	before = fake_kernel_snapshot(*state);
	for (int step = 0, steps = 1; step < steps; step++) {
		change_vfs(host, NULL);
		give(host, card);
		steps = fake_kernel_kill_at(*state, step, undo, NULL);
		undo(host, NULL);
		fake_kernel_assert_is(*state, before);
	}
	free(before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_killed_bind_is_undone),
		TEST(killed_making_of_vfs_is_undone),
		TEST(vfs_of_others_come_back),
		TEST(a_killed_undo_is_undone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
