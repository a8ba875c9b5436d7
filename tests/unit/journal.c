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
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <viaduct/sriov/create.h>
#include <viaduct/sriov/undo.h>
#include <viaduct/util/cleanup.h>
#include <viaduct/util/journal.h>
#include <viaduct/vfio/bind.h>
#include <viaduct/vfio/lease.h>

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
static enum via_sriov_attr refuses;
static bool takes_a_mac_only;

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
	static const struct via_mac none;
	int rc = attrs_get(data, index, &now);

	if (rc)
		return rc;
	if (attr == refuses)
		return -EOPNOTSUPP;
	if (takes_a_mac_only && attr == VIA_SRIOV_MAC && !memcmp(&attrs->mac, &none, sizeof(none)))
		return -EINVAL;
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
	refuses = 0;
	takes_a_mac_only = false;
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

static void give_to_e1000e(struct via_host *host, void *data)
{
	struct via_error err;

	(void)data;
	if (via_vfio_bind(host, card, "e1000e", &err)) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
}

static void take_from_vfio(struct via_host *host, void *data)
{
	char driver[VIA_DRIVER_NAME_BYTES];
	struct via_error err;

	(void)data;
	if (via_vfio_unbind(host, card, driver, &err)) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
}

static void take_and_give(struct via_host *host, void *data)
{
	take_from_vfio(host, data);
	give_to_e1000e(host, data);
	give(host, card);
	take_from_vfio(host, data);
	give(host, card);
}

static void give_and_undo(struct via_host *host, void *data)
{
	give_to_e1000e(host, data);
	undo(host, data);
}

/* Somebody's own before, as driverctl binds. */
static void give_card_to_vfio(struct fake_kernel *of)
{
	fake_kernel_write(of, "devices/" FAKE_KERNEL_CARD "/driver/unbind", FAKE_KERNEL_CARD);
	fake_kernel_write(of, "devices/" FAKE_KERNEL_CARD "/driver_override", "vfio-pci");
	fake_kernel_write(of, "drivers_probe", FAKE_KERNEL_CARD);
}

static void a_vfio_driver_is_given_back(void **state)
{
	give_card_to_vfio(*state);
	assert_true(fake_kernel_kill(*state, give_to_e1000e, undo, NULL) > 6);
	assert_true(fake_kernel_kill(*state, give_and_undo, undo, NULL) > 12);
	assert_true(fake_kernel_kill(*state, take_from_vfio, undo, NULL) > 6);
	assert_true(fake_kernel_kill(*state, take_and_give, undo, NULL) > 24);
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

static int try_bind(struct via_host *host, struct via_error *err)
{
	return via_vfio_bind(host, card, "vfio-pci", err);
}

static int try_create(struct via_host *host, struct via_error *err)
{
	return via_sriov_create_with(host, pf, &(struct via_sriov_request){ .count = 2 }, &lent,
				     err);
}

static int try_destroy(struct via_host *host, struct via_error *err)
{
	return via_sriov_destroy_with(host, pf, true, &lent, err);
}

static int try_set(struct via_host *host, struct via_error *err)
{
	const struct via_sriov_attrs wanted = { .valid = VIA_SRIOV_VLAN, .vlan = 9 };
	struct via_sriov_pf now = { 0 };
	int rc = via_sriov_pf_load(host, pf, &now, err);

	if (!rc)
		rc = via_sriov_attrs_set_with(host, &now, 0, &wanted, &lent, err);
	via_sriov_pf_clear(&now);
	return rc;
}

typedef int (*try_fn)(struct via_host *host, struct via_error *err);

/* Nobody can write a byte: whatever kernel's file were written would end the test, too. */
static void on_a_full_disk(struct via_host *host, void *data)
{
	const struct rlimit none = { 0, 0 };
	struct via_error err = { "" };

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &none) || (*(try_fn *)data)(host, &err) != -EFBIG ||
	    !strstr(err.text, "so nothing is changed")) {
		fprintf(stderr, "on a full disk: %s\n", err.text);
		abort();
	}
}

static void a_full_disk_changes_nothing(void **state)
{
	static const try_fn with_vfs[] = { try_destroy, try_set };
	static const try_fn without[] = { try_bind, try_create };
	struct via_host *host = fake_kernel_tree(*state)->host;
	struct via_error err;
	char *before;

	for (size_t i = 0; i < 4; i++) {
		try_fn operation = i < 2 ? without[i] : with_vfs[i - 2];

		if (i == 2)
			fake_kernel_write(*state, "devices/" FAKE_KERNEL_PF "/sriov_numvfs", "2");
		before = fake_kernel_snapshot(*state);
		assert_int_equal(fake_kernel_kill_at(*state, -1, on_a_full_disk, &operation), -1);
		/* All but the locks, which are without a name now. */
		fake_kernel_assert_is(*state, before);
		free(before);
	}
	/* Nor where there can be no directory. */
	tree_drop(fake_kernel_tree(*state), "run/viaduct/devices");
	tree_add(fake_kernel_tree(*state), (struct tree_entry){ "run/viaduct/devices", "" });
	before = fake_kernel_snapshot(*state);
	assert_int_equal(try_bind(host, &err), -ENOTDIR);
	fake_kernel_assert_is(*state, before);
	free(before);
}

/* Each is told, and kept; what is whole is undone. */
static void what_cannot_be_read_does_not_keep_the_rest(void **state)
{
	static const struct {
		const char *file, *text, *says;
	} bad[] = {
		{ "pfs/" FAKE_KERNEL_PF, "", "damaged" },
		{ "pfs/" FAKE_KERNEL_PF, "version=1\ndevice=%s\nvfs=0\n", "damaged" },
		{ "pfs/" FAKE_KERNEL_PF, "version=1\ndevice=%s\nend=\n", "damaged" },
		{ "pfs/" FAKE_KERNEL_PF, "version=1\ndevice=%s\nvfs=1\nend=\n", "damaged" },
		{ "pfs/" FAKE_KERNEL_PF, "version=1\ndevice=%s\nvfs=99999\nend=\n", "damaged" },
		{ "pfs/" FAKE_KERNEL_PF, "version=1\ndevice=%s\nvfs=1\nvf=1 7\nend=\n", "damaged" },
		{ "pfs/" FAKE_KERNEL_PF,
		  "version=1\ndevice=%s\nvfs=1\nvf=0 7\ndriver=0 ../x\nend=\n", "damaged" },
		{ "pfs/" FAKE_KERNEL_PF, "version=1\ndevice=%s\nvfs=0\nnvme=1 1 1 1\nend=\n",
		  "damaged" },
		{ "pfs/" FAKE_KERNEL_PF, "version=2\ndevice=%s\nvfs=0\nend=\n",
		  "version 2, which takes a newer Viaduct" },
		{ "autoprobe/" FAKE_KERNEL_PF, "0\n", "damaged" },
		{ "autoprobe/" FAKE_KERNEL_PF, "version=9\n", "newer Viaduct" },
		{ "devices/" FAKE_KERNEL_PF, "version=1\ndevice=%s\ndriver=igb\n", "damaged" },
		{ "devices/readme", "hello\n", "no record of Viaduct's" },
	};
	struct via_host *host = fake_kernel_tree(*state)->host;
	char path[128], text[256], whole[160];
	struct via_error err;
	char *before = fake_kernel_snapshot(*state);
	size_t failed;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		give(host, card);
		snprintf(path, sizeof(path), "run/viaduct/%s", bad[i].file);
		if (strstr(bad[i].text, "%s"))
			snprintf(text, sizeof(text), "%.*s%s%s",
				 (int)(strstr(bad[i].text, "%s") - bad[i].text), bad[i].text,
				 via_journal_identity(host, pf).text,
				 strstr(bad[i].text, "%s") + 2);
		else
			snprintf(text, sizeof(text), "%s", bad[i].text);
		tree_add(fake_kernel_tree(*state), (struct tree_entry){ path, text });
		undo_all(host, &failed, &err);
		assert_int_equal(failed, 1);
		snprintf(whole, sizeof(whole), "/%s", path);
		if (!strstr(err.text, bad[i].says) || !strstr(err.text, whole))
			fail_msg("case %zu says: %s", i, err.text);
		assert_true(via_host_exists(host, "%s", path));
		tree_drop(fake_kernel_tree(*state), path);
		fake_kernel_assert_is(*state, before);
	}
	free(before);
}

/* A PF that was removed and came back has neither VFs nor what is written of it. */
static void what_is_gone_is_forgotten(void **state)
{
	struct via_host *host = fake_kernel_tree(*state)->host;
	struct via_undo *list;
	size_t count, failed;
	struct via_error err;
	char had[64];
	char *before = fake_kernel_snapshot(*state);

	tree_add(fake_kernel_tree(*state),
		 (struct tree_entry){ "run/viaduct/pfs/" FAKE_KERNEL_PF,
				      "version=1\ndevice=1\nvfs=5\nend=\n" });
	tree_add(fake_kernel_tree(*state),
		 (struct tree_entry){ "run/viaduct/devices/0000:09:00.0",
				      "driver=igb\noverride=\ntarget=vfio-pci\ndevice=7\n" });
	assert_int_equal(via_undo_list(host, &list, &count, &err), 0);
	assert_int_equal(count, 2);
	assert_int_equal(via_undo_had(host, &list[0], had, sizeof(had), &err), -ESTALE);
	assert_non_null(strstr(err.text, "is gone"));
	free(list);
	assert_int_equal(undo_all(host, &failed, &err), 2);
	assert_int_equal(failed, 0);
	fake_kernel_assert_is(*state, before);
	free(before);
}

/* Who has one open keeps it, and the rest is undone. */
static void what_is_in_use_stays(void **state)
{
	struct via_host *host = fake_kernel_tree(*state)->host;
	struct via_error err;
	size_t failed;
	char *before;

	tree_add(fake_kernel_tree(*state), (struct tree_entry){ "dev/vfio/10", "" });
	before = fake_kernel_snapshot(*state);
	create(host, 2);
	give(host, vfs[0]);
	give(host, card);
	tree_add(fake_kernel_tree(*state),
		 (struct tree_entry){ "proc/42/fd/11", .link = "/dev/vfio/10" });
	tree_add(fake_kernel_tree(*state), (struct tree_entry){ "proc/42/comm", "qemu\n" });
	undo_all(host, &failed, &err);
	assert_int_equal(failed, 2);
	assert_string_equal(err.text, FAKE_KERNEL_VF0
			    " is in use: process 42 (qemu) has IOMMU group 10 open");
	assert_false(via_host_exists(host, "run/viaduct/devices/" FAKE_KERNEL_CARD));
	tree_drop(fake_kernel_tree(*state), "proc");
	undo(host, NULL);
	fake_kernel_assert_is(*state, before);
	free(before);
}

/* In one instant: the second finds what the first made. */
static void only_one_makes_vfs(void **state)
{
	struct via_host *host = fake_kernel_tree(*state)->host;
	char *before = fake_kernel_snapshot(*state);
	int made = 0, refused = 0, status, gate[2];
	char byte;

	fake_kernel_dawdle(*state);
	assert_int_equal(pipe(gate), 0);
	for (int i = 0; i < 6; i++) {
		pid_t pid = fork();
		struct via_error err;

		assert_true(pid >= 0);
		if (pid)
			continue;
		close(gate[1]);
		if (read(gate[0], &byte, 1))
			_exit(1);
		_exit(-try_create(host, &err));
	}
	close(gate[0]);
	close(gate[1]);
	for (int i = 0; i < 6; i++) {
		assert_true(wait(&status) > 0);
		assert_true(WIFEXITED(status));
		made += !WEXITSTATUS(status);
		refused += WEXITSTATUS(status) == EEXIST;
	}
	assert_int_equal(made, 1);
	assert_int_equal(refused, 5);
	undo(host, NULL);
	fake_kernel_assert_is(*state, before);
	free(before);
}

static void open_by_guest(void)
{
	tree_add(fake_kernel_tree(kernel),
		 (struct tree_entry){ "proc/42/fd/11", .link = "/dev/vfio/10" });
	tree_add(fake_kernel_tree(kernel), (struct tree_entry){ "proc/42/comm", "qemu\n" });
}

static void assert_vlan(unsigned int index, unsigned int vlan)
{
	struct via_sriov_attrs now;

	assert_int_equal(attrs_get(NULL, index, &now), 0);
	assert_int_equal(now.vlan, vlan);
}

/* A VF of a guest, or on lease, keeps its attributes. */
static void attributes_in_use_stay(void **state)
{
	const struct via_lease_record held = { .pool = "p", .state = VIA_LEASE_HELD };
	struct via_host *host = fake_kernel_tree(*state)->host;
	via_autoclose int lease_fd = -1;
	struct via_error err;
	size_t failed;
	char *before;

	fake_kernel_write(*state, "devices/" FAKE_KERNEL_PF "/sriov_numvfs", "2");
	tree_add(fake_kernel_tree(*state), (struct tree_entry){ "dev/vfio/10", "" });
	before = fake_kernel_snapshot(*state);
	set(host, 0);
	set(host, 1);
	give(host, vfs[0]);
	open_by_guest();
	assert_int_equal(via_lease_record_save(host, vfs[1], &held, &err), 0);
	assert_int_equal(via_lease_lock(host, vfs[1], &lease_fd, &err), 0);
	undo_all(host, &failed, &err);
	assert_int_equal(failed, 3);
	assert_non_null(strstr(err.text, FAKE_KERNEL_VF1 " is on lease, from pool p"));
	assert_vlan(0, 100);
	assert_vlan(1, 100);
	tree_drop(fake_kernel_tree(*state), "proc");
	via_close(&lease_fd);
	assert_int_equal(via_lease_record_remove(host, vfs[1], &err), 0);
	undo(host, NULL);
	fake_kernel_assert_is(*state, before);
	free(before);
}

/* Nor is one changed that was made by hand since, and is in use. */
static void a_vf_made_anew_that_is_in_use_stays(void **state)
{
	static const struct via_sriov_attrs theirs = { .vlan = 7 };
	struct via_host *host = fake_kernel_tree(*state)->host;
	struct via_error err;
	size_t failed;

	fake_kernel_write(*state, "devices/" FAKE_KERNEL_PF "/sriov_numvfs", "2");
	tree_add(fake_kernel_tree(*state), (struct tree_entry){ "dev/vfio/10", "" });
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(attrs_set(NULL, i, VIA_SRIOV_VLAN, &theirs), 0);
	destroy(host);
	fake_kernel_write(*state, "devices/" FAKE_KERNEL_PF "/sriov_numvfs", "2");
	open_by_guest();
	undo_all(host, &failed, &err);
	assert_int_equal(failed, 1);
	assert_non_null(strstr(err.text, "(qemu) has IOMMU group 10 open"));
	assert_vlan(0, 0);
	/* The other one is. */
	assert_vlan(1, 7);
	tree_drop(fake_kernel_tree(*state), "proc");
	undo(host, NULL);
	assert_vlan(0, 7);
	assert_vlan(1, 7);
}

/* Each attribute for itself, and then the driver. */
static void what_is_refused_does_not_keep_the_rest(void **state)
{
	static const struct via_sriov_attrs theirs = { .vlan = 7, .spoofchk = false };
	struct via_host *host = fake_kernel_tree(*state)->host;
	struct via_error err;
	size_t failed;

	fake_kernel_write(*state, "devices/" FAKE_KERNEL_PF "/sriov_numvfs", "2");
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(attrs_set(NULL, i, VIA_SRIOV_VLAN, &theirs), 0);
	destroy(host);
	create(host, 2);
	set(host, 0);
	takes_a_mac_only = true;
	refuses = VIA_SRIOV_TRUST;
	undo_all(host, &failed, &err);
	/* Of the VF that was set, and of the one before it. */
	assert_int_equal(failed, 2);
	assert_string_equal(err.text, "igb, the driver of " FAKE_KERNEL_PF
				      ", refused the trust of VF 0: Operation not supported");
	for (unsigned int i = 0; i < 2; i++) {
		struct via_sriov_attrs now;

		assert_vlan(i, 7);
		assert_int_equal(attrs_get(NULL, i, &now), 0);
		assert_true(now.spoofchk);
	}
	assert_true(via_host_exists(host, VF0 "/driver"));
	refuses = 0;
	undo(host, NULL);
}

/* Those there are do not go when those that were cannot come. */
static void vfs_stay_when_others_cannot_be_made(void **state)
{
	struct via_host *host = fake_kernel_tree(*state)->host;
	struct via_error err;
	size_t failed;
	char *before;

	fake_kernel_write(*state, "devices/" FAKE_KERNEL_PF "/sriov_numvfs", "2");
	destroy(host);
	create(host, 4);
	tree_add(fake_kernel_tree(*state), (struct tree_entry){ PF "/net/eth0/flags", "0x1002\n" });
	before = fake_kernel_snapshot(*state);
	undo_all(host, &failed, &err);
	assert_int_equal(failed, 1);
	assert_non_null(strstr(err.text, "eth0"));
	fake_kernel_assert_is(*state, before);
	free(before);
}

/* What a bind would take away is written down, and only for as long as it may be gone. */
static void vfs_of_a_pf_that_stays_are_forgotten(void **state)
{
	struct via_host *host = fake_kernel_tree(*state)->host;
	struct via_error err;
	char *before;

	fake_kernel_write(*state, "devices/" FAKE_KERNEL_PF "/sriov_numvfs", "2");
	before = fake_kernel_snapshot(*state);
	assert_int_equal(via_undo_remember_vfs(host, pf, &err), 0);
	assert_true(via_host_exists(host, "run/viaduct/pfs/" FAKE_KERNEL_PF));
	via_undo_forget_vfs(host, pf);
	fake_kernel_assert_is(*state, before);
	free(before);
	assert_int_equal(via_undo_remember_vfs(host, pf, &err), 0);
	fake_kernel_write(*state, "devices/" FAKE_KERNEL_PF "/sriov_numvfs", "0");
	via_undo_forget_vfs(host, pf);
	assert_true(via_host_exists(host, "run/viaduct/pfs/" FAKE_KERNEL_PF));
}

/* VFs are those of the driver that made them. */
static void vfs_wait_for_the_driver_of_their_pf(void **state)
{
	struct via_host *host = fake_kernel_tree(*state)->host;
	struct via_error err;
	struct via_undo *list;
	size_t count, failed;
	char *before;

	fake_kernel_write(*state, "devices/" FAKE_KERNEL_PF "/sriov_numvfs", "2");
	before = fake_kernel_snapshot(*state);
	assert_int_equal(via_undo_remember_vfs(host, pf, &err), 0);
	fake_kernel_write(*state, "devices/" FAKE_KERNEL_PF "/sriov_numvfs", "0");
	give(host, pf);
	assert_int_equal(via_undo_list(host, &list, &count, &err), 0);
	assert_int_equal(count, 2);
	assert_int_equal(list[1].kind, VIA_UNDO_VFS);
	assert_int_equal(via_undo_with(host, &list[1], &lent, &err), -EBUSY);
	assert_non_null(strstr(err.text, "viaduct vf destroy " FAKE_KERNEL_PF));
	free(list);
	undo_all(host, &failed, &err);
	assert_int_equal(failed, 0);
	fake_kernel_assert_is(*state, before);
	free(before);
}

/* Not an attribute that others have set, be it between two of Viaduct's. */
static void attributes_of_others_stay(void **state)
{
	static const struct via_sriov_attrs theirs = { .mac = { { 2, 0, 0, 0, 0, 9 } },
						       .trust = true };
	struct via_host *host = fake_kernel_tree(*state)->host;
	struct via_sriov_attrs now;
	struct via_error err;
	struct via_undo *list;
	char had[64];
	size_t count;

	fake_kernel_write(*state, "devices/" FAKE_KERNEL_PF "/sriov_numvfs", "2");
	assert_int_equal(try_set(host, &err), 0);
	assert_int_equal(attrs_set(NULL, 0, VIA_SRIOV_MAC, &theirs), 0);
	assert_int_equal(attrs_set(NULL, 0, VIA_SRIOV_TRUST, &theirs), 0);
	assert_int_equal(via_undo_list(host, &list, &count, &err), 0);
	assert_int_equal(count, 1);
	assert_int_equal(via_undo_had(host, &list[0], had, sizeof(had), &err), 0);
	assert_string_equal(had, "VLAN 0, priority 0");
	free(list);
	undo(host, NULL);
	assert_int_equal(attrs_get(NULL, 0, &now), 0);
	assert_int_equal(now.vlan, 0);
	assert_memory_equal(&now.mac, &theirs.mac, sizeof(now.mac));
	assert_true(now.trust);

	assert_int_equal(try_set(host, &err), 0);
	assert_int_equal(attrs_set(NULL, 0, VIA_SRIOV_TRUST, &(struct via_sriov_attrs){ 0 }), 0);
	set(host, 0);
	undo(host, NULL);
	assert_int_equal(attrs_get(NULL, 0, &now), 0);
	assert_int_equal(now.vlan, 0);
	assert_memory_equal(&now.mac, &theirs.mac, sizeof(now.mac));
	assert_false(now.trust);
}

/* Who has the lock of @name while it lives. */
static pid_t hold_lock(struct via_host *host, const char *name)
{
	int gate[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(gate), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		via_autoclose int fd = via_host_create(host, "run/viaduct/lock/%s", name);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (fd < 0 || flock(fd, LOCK_EX) || write(gate[1], "", 1) != 1)
			_exit(1);
		pause();
		_exit(1);
	}
	assert_int_equal(read(gate[0], &byte, 1), 1);
	close(gate[0]);
	close(gate[1]);
	return pid;
}

/* Of a VF that is gone, and of a module: who writes one has a lock, and keeps it. */
static void a_record_goes_under_its_writers_lock(void **state)
{
	static const struct {
		const char *file, *lock;
	} rows[] = {
		{ "run/viaduct/attrs/.0000:01:10.0.new", FAKE_KERNEL_PF },
		{ "run/viaduct/devices/0000:01:10.0", FAKE_KERNEL_PF },
		{ "run/viaduct/modules/.vfio_pci.new", "modules" },
	};
	struct via_host *host = fake_kernel_tree(*state)->host;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct timespec moment = { .tv_nsec = 200000000 };
		struct via_error err;
		size_t failed;
		pid_t holder, undoer;

		tree_add(fake_kernel_tree(*state),
			 (struct tree_entry){ rows[i].file, "driver=igbvf\noverride=\n"
							    "target=vfio-pci\ndevice=7\n" });
		holder = hold_lock(host, rows[i].lock);
		undoer = fork();
		assert_true(undoer >= 0);
		if (!undoer)
			_exit(undo_all(host, &failed, &err) != 1 || failed);
		nanosleep(&moment, NULL);
		if (!via_host_exists(host, "%s", rows[i].file))
			fail_msg("%s is gone", rows[i].file);
		kill(holder, SIGKILL);
		assert_int_equal(waitpid(holder, NULL, 0), holder);
		assert_int_equal(waitpid(undoer, NULL, 0), undoer);
		assert_false(via_host_exists(host, "%s", rows[i].file));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_killed_bind_is_undone),
		TEST(a_vfio_driver_is_given_back),
		TEST(killed_making_of_vfs_is_undone),
		TEST(vfs_of_others_come_back),
		TEST(a_killed_undo_is_undone),
		TEST(a_full_disk_changes_nothing),
		TEST(what_cannot_be_read_does_not_keep_the_rest),
		TEST(what_is_gone_is_forgotten),
		TEST(what_is_in_use_stays),
		TEST(only_one_makes_vfs),
		TEST(attributes_in_use_stay),
		TEST(a_vf_made_anew_that_is_in_use_stays),
		TEST(what_is_refused_does_not_keep_the_rest),
		TEST(vfs_stay_when_others_cannot_be_made),
		TEST(vfs_of_a_pf_that_stays_are_forgotten),
		TEST(vfs_wait_for_the_driver_of_their_pf),
		TEST(attributes_of_others_stay),
		TEST(a_record_goes_under_its_writers_lock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
