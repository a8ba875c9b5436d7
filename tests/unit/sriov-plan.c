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

#include <viaduct/util/cleanup.h>
#include <viaduct/vfio/bind.h>
#include <viaduct/vfio/lease.h>

#include "attr-private.h"
#include "autoprobe.h"
#include "fake-kernel.h"
#include "kind.h"
#include "plan-private.h"
#include "undo-private.h"

#define VFS 7

/* What no tree holds: attributes of the PF's VFs, resources of an NVMe PF's. */
static struct fake {
	struct via_sriov_attrs attrs[VFS];
	struct via_sriov_nvme nvme[VFS];
	unsigned int queues; /* of all VFs of an NVMe PF; 0: no end of them */
	int fails_at, sets;  /* the call that fails, from 0; -1: none */
	int stops_at;	     /* the step before which somebody wants to stop; -1: never */
	bool loses;	     /* before a pool is written, the PF disappears, and it cannot be */
	bool elsewhere;	     /* the PF's interface is in another network namespace */
	bool opens;	     /* before the card is bound, a process opens it */
	size_t steps, steps_back;
} * fake;
static struct fake_kernel *kernel;

static int driver_get(void *data, unsigned int index, struct via_sriov_attrs *attrs)
{
	(void)data;
	*attrs = fake->attrs[index];
	return 0;
}

static int driver_set(void *data, unsigned int index, enum via_sriov_attr attr,
		      const struct via_sriov_attrs *attrs)
{
	struct via_sriov_attrs *now = &fake->attrs[index];

	(void)data;
	fake_kernel_step(kernel);
	if (fake->sets++ == fake->fails_at)
		return -EIO;
	switch (attr) {
	case VIA_SRIOV_MAC:
		now->mac = attrs->mac;
		break;
	case VIA_SRIOV_VLAN:
	case VIA_SRIOV_QOS:
		now->vlan = attrs->vlan;
		now->qos = attrs->qos;
		break;
	case VIA_SRIOV_TRUST:
		now->trust = attrs->trust;
		break;
	case VIA_SRIOV_SPOOFCHK:
		now->spoofchk = attrs->spoofchk;
		break;
	}
	fake_kernel_step(kernel);
	return 0;
}

static const struct via_sriov_attr_driver attr_driver = { driver_get, driver_set, NULL };
static const struct via_sriov_lent lent = { .attrs = &attr_driver };

static void fresh_attrs(void)
{
	memset(fake->attrs, 0, sizeof(fake->attrs));
	for (unsigned int i = 0; i < VFS; i++)
		fake->attrs[i].valid = VIA_SRIOV_MAC | VIA_SRIOV_VLAN | VIA_SRIOV_QOS |
				       VIA_SRIOV_TRUST | VIA_SRIOV_SPOOFCHK;
}

static int fake_create(struct via_host *host, struct via_bdf bdf,
		       const struct via_sriov_request *request, struct via_error *err)
{
	fresh_attrs();
	return via_sriov_create_with(host, bdf, request, &lent, err);
}

static int fake_destroy(struct via_host *host, struct via_bdf bdf, bool force,
			struct via_error *err)
{
	return via_sriov_destroy_with(host, bdf, force, &lent, err);
}

static int fake_attrs_get(struct via_host *host, const struct via_sriov_pf *pf,
			  struct via_sriov_attrs *attrs, struct via_error *err)
{
	if (fake->elsewhere)
		return via_error_set(err, EXDEV, "eth0 is elsewhere");
	return via_sriov_attrs_get_with(host, pf, &lent, attrs, err);
}

static int fake_attrs_set(struct via_host *host, const struct via_sriov_pf *pf, unsigned int index,
			  const struct via_sriov_attrs *attrs, struct via_error *err)
{
	return via_sriov_attrs_set_with(host, pf, index, attrs, &lent, err);
}

static int fake_attrs_restore(struct via_host *host, const struct via_sriov_pf *pf,
			      unsigned int index, const struct via_sriov_attrs *attrs,
			      struct via_error *err)
{
	return via_sriov_attrs_restore(host, pf, index, attrs, &lent, err);
}

static int fake_nvme_get(struct via_host *host, const struct via_sriov_pf *pf,
			 struct via_sriov_nvme *nvme, struct via_error *err)
{
	(void)host;
	(void)err;
	memcpy(nvme, fake->nvme, pf->vf_count * sizeof(*nvme));
	return 0;
}

static int fake_nvme_complete(struct via_host *host, const struct via_sriov_pf *pf,
			      unsigned int index, const struct via_sriov_nvme *wanted,
			      struct via_sriov_nvme *before, struct via_sriov_nvme *after,
			      struct via_error *err)
{
	unsigned int queues = wanted->queues;
	char driver[VIA_DRIVER_NAME_BYTES];

	(void)before;
	(void)after;
	assert_int_equal(via_vfio_driver(host, pf->vfs[index].bdf, driver, err), 0);
	if (!strcmp(driver, "nvme"))
		return via_error_set(err, EBUSY, "nvme would lose its controller");
	for (unsigned int i = 0; i < pf->vf_count; i++)
		if (i != index)
			queues += fake->nvme[i].queues;
	return fake->queues && queues > fake->queues
		       ? via_error_set(err, ENOSPC, "there are not so many queues")
		       : 0;
}

static int fake_nvme_set(struct via_host *host, const struct via_sriov_pf *pf, unsigned int index,
			 const struct via_sriov_nvme *wanted, struct via_error *err)
{
	int rc = fake_nvme_complete(host, pf, index, wanted, NULL, NULL, err);

	if (rc)
		return rc;
	if (fake->sets++ == fake->fails_at)
		return via_error_set(err, EREMOTEIO, "the controller refused");
	fake->nvme[index].online = true;
	if (wanted->queues)
		fake->nvme[index].queues = wanted->queues;
	if (wanted->vectors)
		fake->nvme[index].vectors = wanted->vectors;
	return 0;
}

static int fake_unbind(struct via_host *host, struct via_bdf bdf, char *driver,
		       struct via_error *err)
{
	return via_vfio_unbind(host, bdf, driver, err);
}

static const struct via_plan_port port = {
	.create = fake_create,
	.destroy = fake_destroy,
	.attrs_get = fake_attrs_get,
	.attrs_set = fake_attrs_set,
	.attrs_restore = fake_attrs_restore,
	.nvme_get = fake_nvme_get,
	.nvme_set = fake_nvme_set,
	.nvme_complete = fake_nvme_complete,
	.bind = via_vfio_bind,
	.unbind = fake_unbind,
};

static int resolve(struct via_host *host, const char *name, struct via_bdf *bdf,
		   struct via_error *err)
{
	(void)host;
	if (!strcmp(name, "eth0"))
		name = FAKE_KERNEL_PF;
	return via_bdf_parse(name, bdf) ? via_error_set(err, ENODEV, "there is no %s", name) : 0;
}

static int setup(void **state)
{
	kernel = *state = fake_kernel_new();
	memset(fake, 0, sizeof(*fake));
	fake->fails_at = fake->stops_at = -1;
	return 0;
}

static int teardown(void **state)
{
	fake_kernel_free(*state);
	return 0;
}

static struct via_host *the_host(void)
{
	return fake_kernel_tree(kernel)->host;
}

static void assert_says(const struct via_error *err, const char *part)
{
	if (!strstr(err->text, part))
		fail_msg("\"%s\" does not say \"%s\"", err->text, part);
}

static void make(const char *text, struct via_plan **plan)
{
	via_cleanup(via_sriov_wanted_clear) struct via_sriov_wanted wanted = { 0 };
	struct via_error err;

	if (via_sriov_wanted_parse("test.yaml", text, strlen(text), &wanted, &err) ||
	    via_plan_new_with(the_host(), &port, &wanted, resolve, plan, &err))
		fail_msg("%s", err.text);
}

static void refuse(const char *text, int expected, const char *says)
{
	via_cleanup(via_sriov_wanted_clear) struct via_sriov_wanted wanted = { 0 };
	struct via_plan *plan;
	struct via_error err;

	assert_int_equal(via_sriov_wanted_parse("test.yaml", text, strlen(text), &wanted, &err), 0);
	assert_int_equal(via_plan_new_with(the_host(), &port, &wanted, resolve, &plan, &err),
			 expected);
	assert_says(&err, says);
}

static void lose_pf(void)
{
	const struct tree *tree = fake_kernel_tree(kernel);

	tree_drop(tree, "sys/bus/pci/devices/" FAKE_KERNEL_PF);
	tree_drop(tree, "sys/bus/pci/devices/" FAKE_KERNEL_VF0);
	tree_add(tree, (struct tree_entry){ "run/viaduct/pools", "a file" });
	fake->loses = false;
}

static void open_card(void)
{
	const struct tree *tree = fake_kernel_tree(kernel);

	tree_add(tree, (struct tree_entry){ "dev/vfio/3", "" });
	tree_add(tree, (struct tree_entry){ "proc/42/fd/11", .link = "/dev/vfio/3" });
	tree_add(tree, (struct tree_entry){ "proc/42/comm", "qemu\n" });
}

static void watch_step(void *data, const struct via_plan_step *step, size_t at, size_t count,
		       bool takes_back)
{
	(void)data;
	assert_true(at < count);
	if (takes_back)
		fake->steps_back++;
	else
		fake->steps++;
	if (fake->loses && step->kind == VIA_PLAN_POOL)
		lose_pf();
	if (fake->opens && !strcmp(step->name, FAKE_KERNEL_CARD))
		open_card();
}

static bool watch_stop(void *data)
{
	(void)data;
	return fake->stops_at >= 0 && fake->steps == (size_t)fake->stops_at;
}

static int apply(const char *text, struct via_error *err)
{
	const struct via_plan_watch watch = { watch_step, watch_stop, NULL };
	via_cleanup(via_plan_freep) struct via_plan *plan = NULL;

	make(text, &plan);
	fake->steps = fake->steps_back = 0;
	return via_plan_apply(plan, &watch, err);
}

/* What a record says of VFs that were made again is of others: their inode is another one. */
static char *snapshot(void)
{
	char *text = fake_kernel_snapshot(kernel), *from = text, *to = text;

	while (*from) {
		bool device = !strncmp(from, "device=", strlen("device="));

		while (*from && *from != '\n')
			if (device && *from >= '0' && *from <= '9')
				from++;
			else
				*to++ = *from++;
		if (*from)
			*to++ = *from++;
	}
	*to = '\0';
	return text;
}

static void assert_is(const char *before)
{
	via_autofree char *now = snapshot();

	if (strcmp(now, before))
		fail_msg("it was:\n%s\nand is:\n%s", before, now);
}

static void must_apply(const char *text)
{
	struct via_error err;

	if (apply(text, &err))
		fail_msg("%s", err.text);
}

static size_t steps_of(const char *text)
{
	via_cleanup(via_plan_freep) struct via_plan *plan = NULL;
	const struct via_plan_step *steps;

	make(text, &plan);
	return via_plan_steps(plan, &steps);
}

static void assert_driver(const char *bdf, const char *expected)
{
	char driver[64] = "";

	via_host_link_name(the_host(), driver, sizeof(driver), "sys/bus/pci/devices/%s/driver",
			   bdf);
	assert_string_equal(driver, expected);
}

#define THREE                                                                                      \
	"pfs:\n"                                                                                   \
	"- pf: eth0\n"                                                                             \
	"  vfs: 3\n"                                                                               \
	"  driver: vfio-pci\n"                                                                     \
	"  vf:\n"                                                                                  \
	"  - {index: 1-2, mac: '02:00:00:00:00:ff', vlan: 100}\n"                                  \
	"devices:\n"                                                                               \
	"- {device: '" FAKE_KERNEL_CARD "', driver: vfio-pci}\n"                                   \
	"pools:\n"                                                                                 \
	"  fast: {pf: eth0, vf: 0-1}\n"

#define TWO                                                                                        \
	"pfs:\n"                                                                                   \
	"- pf: eth0\n"                                                                             \
	"  vfs: 2\n"                                                                               \
	"  driver: igbvf\n"                                                                        \
	"  vf:\n"                                                                                  \
	"  - {index: 0-1, mac: '02:00:00:00:00:01', vlan: 5, trust: on}\n"

#define NONE                                                                                       \
	"pfs:\n"                                                                                   \
	"- {pf: eth0, vfs: 0}\n"

static void steps_are_in_an_order_that_can_be_done(void **state)
{
	static const struct {
		enum via_plan_kind kind;
		const char *name;
	} rows[] = {
		{ VIA_PLAN_DESTROY, "eth0" },	     { VIA_PLAN_CREATE, "eth0" },
		{ VIA_PLAN_ATTRS, "eth0/vf0" },	     { VIA_PLAN_BIND, "eth0/vf0" },
		{ VIA_PLAN_ATTRS, "eth0/vf1" },	     { VIA_PLAN_BIND, "eth0/vf1" },
		{ VIA_PLAN_ATTRS, "eth0/vf2" },	     { VIA_PLAN_BIND, "eth0/vf2" },
		{ VIA_PLAN_BIND, FAKE_KERNEL_CARD }, { VIA_PLAN_POOL, "fast" },
	};
	via_cleanup(via_plan_freep) struct via_plan *plan = NULL;
	struct via_plan_value values[VIA_PLAN_VALUES_MAX];
	const struct via_plan_step *steps;

	(void)state;
	must_apply(TWO);
	make(THREE, &plan);
	assert_int_equal(via_plan_steps(plan, &steps), sizeof(rows) / sizeof(rows[0]));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(steps[i].kind, rows[i].kind);
		assert_string_equal(steps[i].name, rows[i].name);
	}
	assert_int_equal(via_plan_values(&steps[0], values), 1);
	assert_string_equal(values[0].before, "2");
	assert_string_equal(values[0].after, "0");
	/* Of new VFs nothing is known, but what was asked for. */
	assert_int_equal(via_plan_values(&steps[6], values), 3);
	assert_string_equal(values[0].name, "mac");
	assert_string_equal(values[0].before, "");
	assert_string_equal(values[0].after, "02:00:00:00:01:00");
}

static void what_is_not_said_of_vfs_made_again_stays(void **state)
{
	(void)state;
	must_apply(TWO);
	fake->attrs[0].spoofchk = true;
	fake->attrs[0].qos = 3;
	must_apply("pfs:\n"
		   "- pf: eth0\n"
		   "  vfs: 4\n"
		   "  vf:\n"
		   "  - {index: 1, vlan: 9, driver: vfio-pci}\n"
		   "  - {index: 3, mac: '02:00:00:00:00:02'}\n");
	assert_string_equal(via_mac_text(fake->attrs[0].mac).text, "02:00:00:00:00:01");
	assert_int_equal(fake->attrs[0].vlan, 5);
	assert_int_equal(fake->attrs[0].qos, 3);
	assert_true(fake->attrs[0].trust);
	assert_true(fake->attrs[0].spoofchk);
	assert_driver(FAKE_KERNEL_VF0, "igbvf");
	/* Its address has another one now. */
	assert_string_equal(via_mac_text(fake->attrs[1].mac).text, "00:00:00:00:00:00");
	assert_int_equal(fake->attrs[1].vlan, 9);
	assert_true(fake->attrs[1].trust);
	assert_driver(FAKE_KERNEL_VF1, "vfio-pci");
	assert_int_equal(fake->attrs[2].vlan, 0);
	assert_driver("0000:01:10.4", "");
}

static void a_second_time_nothing_is_written(void **state)
{
	via_autofree char *after = NULL;
	struct fake before;
	int writes;

	must_apply(THREE);
	assert_int_equal(fake->steps, 8);
	assert_driver(FAKE_KERNEL_VF1, "vfio-pci");
	assert_driver(FAKE_KERNEL_CARD, "vfio-pci");
	assert_int_equal(fake->attrs[2].vlan, 100);
	assert_string_equal(via_mac_text(fake->attrs[2].mac).text, "02:00:00:00:01:00");

	after = snapshot();
	before = *fake;
	writes = fake_kernel_writes(*state);
	must_apply(THREE);
	assert_int_equal(fake_kernel_writes(*state), writes);
	assert_int_equal(fake->sets, before.sets);
	assert_is(after);
}

static void only_what_differs_is_changed(void **state)
{
	int sets, writes;

	must_apply(THREE);
	fake->attrs[1].vlan = 7;
	sets = fake->sets;
	writes = fake_kernel_writes(*state);
	must_apply(THREE);
	assert_int_equal(fake->steps, 1);
	assert_int_equal(fake->sets, sets + 1);
	assert_int_equal(fake_kernel_writes(*state), writes);
	assert_int_equal(fake->attrs[1].vlan, 100);
	/* What is not said stays. */
	assert_int_equal(steps_of("pfs:\n- {pf: eth0}\n"), 0);
	assert_int_equal(steps_of("pfs:\n- {pf: eth0, vf: [{index: 1, trust: off}]}\n"), 0);
	assert_int_equal(steps_of("pfs:\n- {pf: eth0, vf: [{index: 1, trust: on}]}\n"), 1);
}

/* Whichever write fails, sysfs's or netlink's: two VFs with igbvf are there again, as they were. */
static void what_fails_is_taken_back(void **state)
{
	int failures = 0;

	for (int fails_at = 0;; fails_at++) {
		via_autofree char *before = NULL;
		struct via_error err;
		struct fake had;
		int rc, writes;

		teardown(state);
		setup(state);
		must_apply(TWO);
		before = snapshot();
		had = *fake;
		fake_kernel_fail(*state, fails_at);
		rc = apply(THREE, &err);
		writes = fake_kernel_writes(*state);
		if (rc) {
			failures++;
			assert_is(before);
			assert_memory_equal(fake->attrs, had.attrs, sizeof(had.attrs));
			if (strstr(err.text, "not all"))
				fail_msg("write %d: %s", fails_at, err.text);
		}
		if (writes <= fails_at)
			break;
	}
	assert_true(failures > 10);
	for (int fails_at = 0; fails_at < 4; fails_at++) {
		via_autofree char *before = NULL;
		struct via_error err;
		struct fake had;

		teardown(state);
		setup(state);
		must_apply(TWO);
		before = snapshot();
		had = *fake;
		fake->fails_at = fake->sets + fails_at;
		assert_int_equal(apply(THREE, &err), -EIO);
		assert_says(&err, "refused the");
		assert_says(&err, "; what was done before has been taken back");
		assert_is(before);
		assert_memory_equal(fake->attrs, had.attrs, sizeof(had.attrs));
	}
}

static void assert_of_the_kernels_giving(const char *bdf)
{
	char override[64];

	assert_driver(bdf, "igbvf");
	assert_int_equal(via_host_read(the_host(), override, sizeof(override),
				       "sys/bus/pci/devices/%s/driver_override", bdf),
			 0);
	assert_string_equal(override, "(null)");
	assert_false(via_host_exists(the_host(), "run/viaduct/devices/%s", bdf));
}

/* VFs that the kernel gave their driver, and nobody an override. */
static void a_driver_of_the_kernels_giving_stays_that(void **state)
{
	struct via_error err;

	fresh_attrs();
	fake_kernel_write(*state, "devices/" FAKE_KERNEL_PF "/sriov_numvfs", "2");
	assert_of_the_kernels_giving(FAKE_KERNEL_VF1);
	fake->fails_at = fake->sets + 1;
	assert_int_equal(apply(THREE, &err), -EIO);
	assert_says(&err, "; what was done before has been taken back, but for rates");
	assert_of_the_kernels_giving(FAKE_KERNEL_VF0);
	assert_of_the_kernels_giving(FAKE_KERNEL_VF1);

	fake->fails_at = -1;
	must_apply("pfs:\n- {pf: eth0, vfs: 3}\n");
	assert_of_the_kernels_giving(FAKE_KERNEL_VF0);
	assert_of_the_kernels_giving(FAKE_KERNEL_VF1);
}

static void it_can_be_stopped(void **state)
{
	via_autofree char *before = snapshot();
	struct via_error err;

	(void)state;
	for (int at = 0; at < 8; at++) {
		fake->stops_at = at;
		assert_int_equal(apply(THREE, &err), -EINTR);
		assert_int_equal(fake->steps, at);
		assert_says(&err, "it was stopped after");
		assert_is(before);
	}
}

static void who_uses_a_vf_keeps_all_as_it_is(void **state)
{
	const struct tree *tree = fake_kernel_tree(*state);
	via_autofree char *before = NULL;
	struct via_error err;

	must_apply(TWO);
	tree_add(tree, (struct tree_entry){ "dev/vfio/11", "" });
	tree_add(tree, (struct tree_entry){ "proc/42/fd/11", .link = "/dev/vfio/11" });
	tree_add(tree, (struct tree_entry){ "proc/42/comm", "qemu\n" });
	before = snapshot();
	assert_int_equal(apply(THREE, &err), -EBUSY);
	assert_says(&err, FAKE_KERNEL_VF1 " is in use: process 42 (qemu)");
	assert_int_equal(fake->steps, 0);
	/* One attribute of it. */
	assert_int_equal(apply("pfs:\n- {pf: eth0, vf: [{index: 0-1, vlan: 9}]}\n", &err), -EBUSY);
	assert_int_equal(fake->steps, 0);
	assert_is(before);
	/* Of others nobody minds. */
	must_apply("pfs:\n- {pf: eth0, vf: [{index: 0, vlan: 9}]}\n");
}

static void who_has_a_vf_on_lease_keeps_all_as_it_is(void **state)
{
	const struct via_lease_record record = {
		.pool = "fast",
		.holder = { .pid = 42, .start_ticks = 7 },
		.keeper = { .pid = 42, .start_ticks = 7 },
	};
	const struct via_bdf leased = { .bus = 1, .device = 0x10, .function = 2 };
	via_autofree char *before = NULL;
	struct via_error err;

	must_apply(TWO);
	tree_add(fake_kernel_tree(*state),
		 (struct tree_entry){ "proc/42/stat", "42 (job) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 "
						      "0 1 0 7 0 0 0\n" });
	tree_add(fake_kernel_tree(*state), (struct tree_entry){ "proc/42/comm", "job\n" });
	assert_int_equal(via_lease_record_save(the_host(), leased, &record, &err), 0);
	before = snapshot();
	assert_int_equal(apply(THREE, &err), -EBUSY);
	assert_says(&err, FAKE_KERNEL_VF1 " is on lease, from pool fast to process 42 (job)");
	assert_int_equal(apply("pfs:\n- {pf: eth0, vf: [{index: 0-1, vlan: 9}]}\n", &err), -EBUSY);
	assert_int_equal(fake->steps, 0);
	assert_is(before);
	must_apply("pfs:\n- {pf: eth0, vf: [{index: 0, vlan: 9}]}\n");
}

static void what_vfs_made_again_could_not_have_is_refused_before(void **state)
{
	via_autofree char *before = NULL;
	struct via_error err;

	(void)state;
	must_apply(TWO);
	before = snapshot();
	fake->elsewhere = true;
	assert_int_equal(apply(THREE, &err), -EXDEV);
	assert_int_equal(fake->steps, 0);
	/* Nor could it be given back. */
	assert_int_equal(apply("pfs:\n- {pf: eth0, vfs: 3}\n", &err), -EXDEV);
	assert_int_equal(fake->steps, 0);
	assert_is(before);
	fake->elsewhere = false;

	tree_drop(fake_kernel_tree(kernel), "sys/bus/pci/devices/" FAKE_KERNEL_PF "/iommu_group");
	assert_int_equal(apply(THREE, &err), -ENXIO);
	assert_says(&err, "this host has no IOMMU or it is off");
	assert_int_equal(fake->steps, 0);
	must_apply("pfs:\n- {pf: eth0, vfs: 3}\n");
}

static void none_is_made_whose_attributes_cannot_be_set(void **state)
{
	struct via_error err;

	(void)state;
	fake->elsewhere = true;
	assert_int_equal(apply(TWO, &err), -EXDEV);
	assert_int_equal(fake->steps, 0);
	must_apply("pfs:\n- {pf: eth0, vfs: 3}\n");
}

static void what_comes_into_use_meanwhile_is_left_alone(void **state)
{
	struct via_error err;

	(void)state;
	must_apply(TWO);
	fake->opens = true;
	assert_int_equal(apply(THREE, &err), -EBUSY);
	assert_says(&err, FAKE_KERNEL_CARD " is in use: process 42 (qemu)");
	assert_says(&err, "; what was done before has been taken back");
	assert_driver(FAKE_KERNEL_CARD, "e1000e");
	assert_int_equal(steps_of(TWO), 0);
}

static void a_pf_that_disappears_takes_nothing_else_with_it(void **state)
{
	struct via_error err;

	(void)state;
	fake->loses = true;
	assert_int_equal(apply(THREE, &err), -ENOTDIR);
	assert_says(&err, "; not all that was done before could be taken back");
	assert_driver(FAKE_KERNEL_CARD, "e1000e");
	assert_int_equal(fake->steps_back, 1);
	refuse(NONE, -ENODEV, "test.yaml:2:8: there is no PCI function 0000:01:00.0");
}

static void go_on(struct via_host *host, void *data)
{
	uint64_t autoprobe = 0;

	(void)host;
	(void)data;
	must_apply(THREE);
	assert_int_equal(via_sriov_autoprobe_check(the_host(), (struct via_bdf){ .bus = 1 }, NULL),
			 -ENOENT);
	assert_int_equal(via_host_read_u64(the_host(), &autoprobe,
					   "sys/bus/pci/devices/" FAKE_KERNEL_PF
					   "/sriov_drivers_autoprobe"),
			 0);
	assert_int_equal(autoprobe, 1);
	must_apply(NONE);
	must_apply("devices:\n- {device: '" FAKE_KERNEL_CARD "', driver: e1000e}\n");
	if (via_vfio_is_remembered(the_host(), (struct via_bdf){ .bus = 3 })) {
		char driver[VIA_DRIVER_NAME_BYTES];
		struct via_error err;

		assert_int_equal(
			via_vfio_unbind(the_host(), (struct via_bdf){ .bus = 3 }, driver, &err), 0);
	}
	assert_int_equal(via_pool_remove(the_host(), "fast", NULL), 0);
}

static void operate(struct via_host *host, void *data)
{
	struct via_error err;

	(void)host;
	(void)data;
	apply(THREE, &err);
}

/* kill -9 before and after every write: the next apply comes to the same end. */
static void one_that_was_killed_is_finished_by_the_next(void **state)
{
	assert_true(fake_kernel_kill(*state, operate, go_on, NULL) > 40);
}

#define UNSAVED                                                                                    \
	"pfs:\n"                                                                                   \
	"- pf: eth0\n"                                                                             \
	"  vfs: 3\n"                                                                               \
	"  driver: vfio-pci\n"                                                                     \
	"  vf: [{index: 1-2, mac: '02:00:00:00:00:ff', vlan: 100}]\n"                              \
	"devices:\n"                                                                               \
	"- {device: '" FAKE_KERNEL_CARD "', driver: vfio-pci}\n"

static void operate_unsaved(struct via_host *host, void *data)
{
	struct via_error err;

	(void)host;
	(void)data;
	apply(UNSAVED, &err);
}

/* And what somebody else had set up is there. */
static void undo(struct via_host *host, void *data)
{
	const struct via_sriov_attrs *had = data;
	struct via_undo *list;
	struct via_error err;
	size_t count;

	assert_int_equal(via_undo_list(host, &list, &count, &err), 0);
	for (size_t i = 0; i < count; i++) {
		int rc = via_undo_with(host, &list[i], &lent, &err);

		if (rc && rc != -ENOENT && rc != -ESTALE)
			fail_msg("%s", err.text);
	}
	free(list);
	for (size_t i = 0; had && i < 2; i++)
		assert_memory_equal(&fake->attrs[i], &had[i], sizeof(*had));
}

/* kill -9 before and after every write: undo makes the host what it was before. */
static void one_that_was_killed_is_undone(void **state)
{
	struct via_sriov_attrs had[2];

	assert_true(fake_kernel_kill(*state, operate_unsaved, undo, NULL) > 40);
	fresh_attrs();
	fake_kernel_write(*state, "devices/" FAKE_KERNEL_PF "/sriov_numvfs", "2");
	fake->attrs[1].mac = (struct via_mac){ { 2, 1, 1, 1, 1, 1 } };
	fake->attrs[1].vlan = 7;
	memcpy(had, fake->attrs, sizeof(had));
	assert_true(fake_kernel_kill(*state, operate_unsaved, undo, had) > 40);
}

static void an_address_that_was_none_is_none_again(void **state)
{
	via_autofree char *before = NULL;
	struct via_error err;

	fresh_attrs();
	fake_kernel_write(*state, "devices/" FAKE_KERNEL_PF "/sriov_numvfs", "2");
	before = snapshot();
	/* The second VF's. */
	fake->fails_at = 1;
	assert_int_equal(
		apply("pfs:\n- {pf: eth0, vf: [{index: 0-1, mac: '02:00:00:00:00:01'}]}\n", &err),
		-EIO);
	assert_int_equal(fake->steps_back, 1);
	assert_says(&err, "has been taken back");
	assert_string_equal(via_mac_text(fake->attrs[0].mac).text, "00:00:00:00:00:00");
	assert_is(before);
}

static void one_at_a_time(void **state)
{
	struct via_error err;
	int first, second;

	(void)state;
	assert_int_equal(via_plan_lock(the_host(), 0, &first, &err), 0);
	assert_int_equal(via_plan_lock(the_host(), 0, &second, &err), -EBUSY);
	assert_says(&err, "is applying a plan");
	via_close(&first);
	assert_int_equal(via_plan_lock(the_host(), 0, &second, &err), 0);
	via_close(&second);
}

#define NVME "sys/bus/pci/devices/0000:02:00.0/"

static void resources_are_compared_and_changed(void **state)
{
	static const struct tree_entry entries[] = {
		{ NVME "class", "0x010802\n" },
		{ NVME "driver", .link = "../../drivers/nvme" },
		{ NVME "sriov_totalvfs", "4\n" },
		{ NVME "sriov_numvfs", "2\n" },
		{ NVME "sriov_drivers_autoprobe", "1\n" },
		{ NVME "virtfn0", .link = "../0000:02:00.1" },
		{ NVME "virtfn1", .link = "../0000:02:00.2" },
		{ "sys/bus/pci/devices/0000:02:00.1/physfn", .link = "../0000:02:00.0" },
		{ "sys/bus/pci/devices/0000:02:00.1/driver_override", "(null)\n" },
		{ "sys/bus/pci/devices/0000:02:00.2/physfn", .link = "../0000:02:00.0" },
		{ "sys/bus/pci/devices/0000:02:00.2/driver_override", "(null)\n" },
		{ "sys/bus/pci/devices/0000:02:00.1/class", "0x010802\n" },
		{ "sys/bus/pci/devices/0000:02:00.1/driver", .link = "../../drivers/nvme" },
		{ "sys/bus/pci/devices/0000:02:00.1/iommu_group",
		  .link = "../../../../kernel/iommu_groups/20" },
		{ "sys/kernel/iommu_groups/20/devices/0000:02:00.1", "" },
		{ "sys/kernel/iommu_groups/20/reserved_regions", "" },
		{ "sys/bus/pci/drivers/nvme/unbind", "" },
	};
	const char *file = "pfs:\n- {pf: '02:00.0', vfs: 2, queues: 3, vectors: 1}\n";
	struct via_error err;

	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
		tree_add(fake_kernel_tree(*state), entries[i]);

	/* The driver of the host goes first; and what one VF gives another can have. */
	fake->queues = 8;
	fake->nvme[0] = (struct via_sriov_nvme){ true, 2, 1 };
	fake->nvme[1] = (struct via_sriov_nvme){ true, 6, 1 };
	assert_int_equal(apply("pfs:\n- {pf: '02:00.0', queues: 4}\n", &err), -EBUSY);
	must_apply("pfs:\n"
		   "- {pf: '02:00.0', queues: 4, vf: [{index: 0, driver: vfio-pci}]}\n");
	assert_driver("0000:02:00.1", "vfio-pci");
	assert_int_equal(fake->nvme[0].queues, 4);
	assert_int_equal(fake->nvme[1].queues, 4);
	assert_int_equal(apply("pfs:\n- {pf: '02:00.0', queues: 5}\n", &err), -ENOSPC);
	assert_int_equal(fake->steps, 0);
	/* And it comes last. */
	must_apply("pfs:\n- {pf: '02:00.0', queues: 3, vf: [{index: 0, driver: nvme}]}\n");
	assert_driver("0000:02:00.1", "nvme");
	assert_int_equal(fake->nvme[0].queues, 3);
	must_apply("pfs:\n- {pf: '02:00.0', vf: [{index: 0, driver: vfio-pci}]}\n");
	fake->queues = 0;

	fake->nvme[0] = (struct via_sriov_nvme){ true, 3, 1 };
	fake->nvme[1] = (struct via_sriov_nvme){ true, 2, 1 };
	assert_int_equal(steps_of(file), 1);
	assert_int_equal(steps_of("pfs:\n- {pf: '02:00.0', vfs: 2}\n"), 0);
	assert_int_equal(steps_of("pfs:\n- {pf: '02:00.0', vectors: 1}\n"), 0);
	must_apply(file);
	assert_int_equal(fake->nvme[1].queues, 3);
	assert_int_equal(steps_of(file), 0);

	/* What a kill left, once VFs were there. */
	fake->nvme[0].online = fake->nvme[1].online = false;
	assert_int_equal(steps_of(file), 2);
	assert_int_equal(steps_of("pfs:\n- {pf: '02:00.0', vfs: 2}\n"), 2);
	must_apply("pfs:\n- {pf: '02:00.0', vfs: 2}\n");
	assert_true(fake->nvme[0].online && fake->nvme[1].online);
	assert_int_equal(fake->nvme[1].queues, 3);
	assert_int_equal(steps_of(file), 0);
	/* What somebody else made, and gave nothing. */
	fake->nvme[2] = fake->nvme[1];
	fake->nvme[1] = (struct via_sriov_nvme){ false, 0, 0 };
	assert_int_equal(steps_of("pfs:\n- {pf: '02:00.0', vfs: 2}\n"), 0);
	fake->nvme[1] = fake->nvme[2];

	/* The second one fails: the first has what it had. */
	fake->fails_at = fake->sets + 1;
	assert_int_equal(apply("pfs:\n- {pf: '02:00.0', queues: 2}\n", &err), -EREMOTEIO);
	assert_int_equal(fake->nvme[0].queues, 3);
	assert_int_equal(fake->steps_back, 1);
	refuse("pfs:\n- {pf: eth0, queues: 2}\n", -ENOTSUP, "test.yaml:2:8: eth0 is no NVMe");
	refuse("pfs:\n- {pf: eth0, vfs: 8}\n", -ERANGE, "test.yaml:2:19: eth0 can have 7 VFs");
}

/* Made anew with an equal share: the VF that is to have less gives first. */
static void unequal_resources_can_be_had_again(void **state)
{
	struct via_plan_vf vfs[] = {
		{ .has_nvme = true, .nvme = { true, 6, 1 } },
		{ .has_nvme = true, .nvme = { true, 2, 1 } },
	};
	struct via_plan_pf none = { .name = "nvme0", .has_count = true };
	struct via_plan_pf two = {
		.name = "nvme0", .has_count = true, .count = 2, .vfs = vfs, .vf_count = 2
	};
	const struct via_plan_state from = { .pfs = &none, .pf_count = 1 };
	const struct via_plan_state to = { .pfs = &two, .pf_count = 1 };
	struct via_plan_steps steps = { 0 };

	(void)state;
	assert_int_equal(via_plan_diff(&from, &to, &steps, NULL), 0);
	assert_int_equal(steps.count, 3);
	assert_int_equal(steps.all[0].kind, VIA_PLAN_CREATE);
	assert_string_equal(steps.all[1].name, "nvme0/vf1");
	assert_string_equal(steps.all[2].name, "nvme0/vf0");
	free(steps.all);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(steps_are_in_an_order_that_can_be_done),
		TEST(what_is_not_said_of_vfs_made_again_stays),
		TEST(a_second_time_nothing_is_written),
		TEST(only_what_differs_is_changed),
		TEST(what_fails_is_taken_back),
		TEST(a_driver_of_the_kernels_giving_stays_that),
		TEST(it_can_be_stopped),
		TEST(who_uses_a_vf_keeps_all_as_it_is),
		TEST(who_has_a_vf_on_lease_keeps_all_as_it_is),
		TEST(what_vfs_made_again_could_not_have_is_refused_before),
		TEST(none_is_made_whose_attributes_cannot_be_set),
		TEST(what_comes_into_use_meanwhile_is_left_alone),
		TEST(a_pf_that_disappears_takes_nothing_else_with_it),
		TEST(one_that_was_killed_is_finished_by_the_next),
		TEST(one_that_was_killed_is_undone),
		TEST(an_address_that_was_none_is_none_again),
		TEST(one_at_a_time),
		TEST(resources_are_compared_and_changed),
		TEST(unequal_resources_can_be_had_again),
	};

	fake = fake_kernel_shared(sizeof(*fake));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
