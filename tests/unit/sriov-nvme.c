/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <endian.h>
#include <errno.h>
#include <libnvme.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <viaduct/sriov/create.h>
#include <viaduct/sriov/nvme.h>
#include <viaduct/util/cleanup.h>
#include <viaduct/vfio/lease.h>

#include "kind.h"
#include "nvme-private.h"
#include "tree.h"
#include "undo-private.h"

#define PF    "sys/bus/pci/devices/0000:02:00.0/"
#define VF(n) "sys/bus/pci/devices/0000:02:00." #n "/"

static const struct tree_entry entries[] = {
	{ PF "class", "0x010802\n" },
	{ PF "driver", .link = "../../../../bus/pci/drivers/nvme" },
	{ PF "sriov_totalvfs", "4\n" },
	{ PF "sriov_numvfs", "0\n" },
	{ PF "sriov_drivers_autoprobe", "1\n" },
	{ PF "virtfn0", .link = "../0000:02:00.1" },
	{ PF "virtfn1", .link = "../0000:02:00.2" },
	{ VF(1) "physfn", .link = "../0000:02:00.0" },
	{ VF(2) "physfn", .link = "../0000:02:00.0" },
	{ 0 },
};

static const struct via_bdf pf_bdf = { .bus = 2 };

#define CONTROLLERS 300U
#define QUEUES	    0U
#define VECTORS	    1U

/* A status that only some commands have: Status Code Type 1h. */
#define STATUS(code) (0x100 | NVME_SC_##code)

struct fake_secondary {
	uint16_t id, vf; /* VF counted from 1; 0: none */
	bool online;
	uint16_t held[2];
};

/* A controller that keeps the specification's rules, and QEMU's where that is silent. */
struct fake {
	struct via_host *host;
	uint16_t id, oacs;
	uint8_t types;
	uint32_t total[2];
	uint16_t own[2], most[2], step[2];
	size_t count;
	struct fake_secondary secondaries[CONTROLLERS]; /* by id, ascending */

	bool keeps;	   /* resources, when it goes offline */
	unsigned int lies; /* says of this action that it is done, and does nothing */
	unsigned int fail; /* the command, counted from 1, that fails; 0: none */
	int failure;	   /* with this */
	unsigned int commands, changes;
	unsigned int dies; /* as many commands from now on, the process that sends it is killed */
	bool dies_after;
	void (*tamper)(struct fake *fake, unsigned int cns, void *answer);
};

static uint64_t vfs_there(const struct fake *fake)
{
	uint64_t number;

	assert_int_equal(via_host_read_u64(fake->host, &number, PF "sriov_numvfs"), 0);
	return number;
}

static uint32_t held_by_all(const struct fake *fake, unsigned int type)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < fake->count; i++)
		sum += fake->secondaries[i].held[type];
	return sum;
}

static void answer_capabilities(const struct fake *fake, struct nvme_primary_ctrl_cap *cap)
{
	cap->cntlid = htole16(fake->id);
	cap->crt = fake->types;
	cap->vqfrt = htole32(fake->total[QUEUES]);
	cap->vqrfa = htole32(held_by_all(fake, QUEUES));
	cap->vqrfap = htole16(fake->own[QUEUES]);
	cap->vqfrsm = htole16(fake->most[QUEUES]);
	cap->vqgran = htole16(fake->step[QUEUES]);
	cap->vifrt = htole32(fake->total[VECTORS]);
	cap->virfa = htole32(held_by_all(fake, VECTORS));
	cap->virfap = htole16(fake->own[VECTORS]);
	cap->vifrsm = htole16(fake->most[VECTORS]);
	cap->vigran = htole16(fake->step[VECTORS]);
}

static void answer_list(const struct fake *fake, unsigned int from,
			struct nvme_secondary_ctrl_list *list)
{
	for (size_t i = 0; i < fake->count && list->num < NVME_ID_SECONDARY_CTRL_MAX; i++) {
		const struct fake_secondary *each = &fake->secondaries[i];

		if (each->id < from)
			continue;
		list->sc_entry[list->num++] = (struct nvme_secondary_ctrl){
			.scid = htole16(each->id),
			.pcid = htole16(fake->id),
			.scs = each->online,
			.vfn = htole16(each->vf),
			.nvq = htole16(each->held[QUEUES]),
			.nvi = htole16(each->held[VECTORS]),
		};
	}
}

static int fails(struct fake *fake)
{
	return ++fake->commands == fake->fail ? fake->failure : 0;
}

static int fake_identify(void *data, unsigned int cns, unsigned int controller, void *answer)
{
	struct fake *fake = data;
	int failure = fails(fake);

	if (failure)
		return failure;
	memset(answer, 0, VIA_NVME_ANSWER_BYTES);
	switch (cns) {
	case 0x01:
		((struct nvme_id_ctrl *)answer)->oacs = htole16(fake->oacs);
		((struct nvme_id_ctrl *)answer)->cntlid = htole16(fake->id);
		break;
	case 0x14:
		if (controller != fake->id)
			return STATUS(INVALID_CTRL_ID);
		answer_capabilities(fake, answer);
		break;
	case 0x15:
		answer_list(fake, controller, answer);
		break;
	default:
		return NVME_SC_INVALID_FIELD;
	}
	if (fake->tamper)
		fake->tamper(fake, cns, answer);
	return 0;
}

static int fake_assign(struct fake *fake, struct fake_secondary *each, unsigned int type,
		       unsigned int count)
{
	uint32_t free_now = fake->total[type] - fake->own[type] - held_by_all(fake, type);

	if (each->online)
		return STATUS(INVALID_SEC_CTRL_STATE);
	if (!(fake->types & 1U << type) || count > fake->most[type] || count % fake->step[type])
		return STATUS(INVALID_CTRL_RESOURCES);
	if (count > free_now + each->held[type])
		return STATUS(INVALID_RESOURCE_ID);
	each->held[type] = (uint16_t)count;
	return 0;
}

static bool has_enough(const struct fake *fake, const struct fake_secondary *each)
{
	for (unsigned int type = QUEUES; type <= VECTORS; type++)
		if (fake->types & 1U << type && each->held[type] < (type == QUEUES ? 2 : 1))
			return false;
	return true;
}

static int fake_obey(void *data, unsigned int action, unsigned int resource,
		     unsigned int controller, unsigned int count)
{
	struct fake *fake = data;
	struct fake_secondary *each = fake->secondaries;
	int failure = fails(fake);

	if (failure)
		return failure;
	fake->changes++;
	assert_true(fake->oacs & 0x80);
	assert_in_range(resource, QUEUES, VECTORS);
	while (each < fake->secondaries + fake->count && each->id != controller)
		each++;
	if (each == fake->secondaries + fake->count)
		return STATUS(INVALID_CTRL_ID);
	if (fake->lies == action)
		return 0;
	switch (action) {
	case 0x8:
		return fake_assign(fake, each, resource, count);
	case 0x9:
		if (!has_enough(fake, each) || each->vf > vfs_there(fake))
			return STATUS(INVALID_SEC_CTRL_STATE);
		each->online = true;
		return 0;
	case 0x7:
		if (!each->online)
			return STATUS(INVALID_SEC_CTRL_STATE);
		each->online = false;
		if (!fake->keeps)
			memset(each->held, 0, sizeof(each->held));
		return 0;
	default:
		return NVME_SC_INVALID_FIELD;
	}
}

static int fake_virtualize(void *data, unsigned int action, unsigned int resource,
			   unsigned int controller, unsigned int count)
{
	struct fake *fake = data;
	bool dies = fake->dies && !--fake->dies;
	int status;

	if (dies && !fake->dies_after)
		_exit(0);
	status = fake_obey(data, action, resource, controller, count);
	if (dies)
		_exit(0);
	return status;
}

static const char *fake_words(void *data, int status)
{
	(void)data;
	return status == STATUS(INVALID_RESOURCE_ID) ? "Invalid Resource" : "some status";
}

static void fake_close(void *data)
{
	(void)data;
	fail_msg("what is lent is not closed");
}

/* Four VFs, whose controllers are in no order that could be guessed. */
static struct fake fake_make(const struct tree *tree)
{
	return (struct fake){
		.host = tree->host,
		.id = 0x41,
		.oacs = 0x80,
		.types = 3,
		.total = { 16, 8 },
		.most = { 8, 4 },
		.step = { 1, 1 },
		.count = 5,
		.secondaries = { { .id = 3, .vf = 2 },
				 { .id = 9, .vf = 4 },
				 { .id = 10, .vf = 0 },
				 { .id = 0x42, .vf = 1 },
				 { .id = 0xffff, .vf = 3 } },
	};
}

static struct via_nvme_admin admin_of(struct fake *fake)
{
	return (struct via_nvme_admin){ .identify = fake_identify,
					.virtualize = fake_virtualize,
					.words = fake_words,
					.close = fake_close,
					.data = fake };
}

static struct fake_secondary *of_vf(struct fake *fake, unsigned int index)
{
	for (size_t i = 0; i < fake->count; i++)
		if (fake->secondaries[i].vf == index + 1)
			return &fake->secondaries[i];
	fail_msg("the fake has no VF %u", index);
	return NULL;
}

static int create(struct fake *fake, struct via_sriov_request request, struct via_error *err)
{
	struct via_nvme_admin admin = admin_of(fake);
	struct via_sriov_lent lent = { .nvme = &admin };

	fake->commands = fake->changes = 0;
	return via_sriov_create_with(fake->host, pf_bdf, &request, &lent, err);
}

static int destroy(struct fake *fake, struct via_error *err)
{
	struct via_nvme_admin admin = admin_of(fake);
	struct via_sriov_lent lent = { .nvme = &admin };

	fake->commands = fake->changes = 0;
	return via_sriov_destroy_with(fake->host, pf_bdf, false, &lent, err);
}

static void assert_says(const struct via_error *err, const char *part)
{
	if (!strstr(err->text, part))
		fail_msg("\"%s\" does not say \"%s\"", err->text, part);
}

static void assert_has(struct fake *fake, unsigned int vf, bool online, unsigned int queues,
		       unsigned int vectors)
{
	assert_int_equal(of_vf(fake, vf)->online, online);
	assert_int_equal(of_vf(fake, vf)->held[QUEUES], queues);
	assert_int_equal(of_vf(fake, vf)->held[VECTORS], vectors);
}

static void assert_no_vfs(struct fake *fake)
{
	uint64_t autoprobe;

	for (unsigned int vf = 0; vf < 4; vf++)
		assert_has(fake, vf, false, 0, 0);
	assert_int_equal(vfs_there(fake), 0);
	assert_int_equal(via_host_read_u64(fake->host, &autoprobe, PF "sriov_drivers_autoprobe"),
			 0);
	assert_int_equal(autoprobe, 1);
}

static void vfs_are_online_with_what_they_hold(void **state)
{
	struct tree tree = tree_make(entries);
	struct fake fake = fake_make(&tree);
	struct via_nvme_admin admin = admin_of(&fake);
	struct via_sriov_pf pf = { 0 };
	struct via_sriov_nvme vfs[2];
	struct via_error err;

	(void)state;
	assert_int_equal(create(&fake, (struct via_sriov_request){ .count = 2 }, &err), 0);
	assert_int_equal(vfs_there(&fake), 2);
	assert_has(&fake, 0, true, 8, 4);
	assert_has(&fake, 1, true, 8, 4);
	assert_has(&fake, 2, false, 0, 0);
	assert_int_equal(via_sriov_pf_load(tree.host, pf_bdf, &pf, &err), 0);
	of_vf(&fake, 1)->online = false;
	assert_int_equal(via_sriov_nvme_get_with(tree.host, &pf, &admin, vfs, &err), 0);
	assert_true(vfs[0].online && vfs[0].queues == 8 && vfs[0].vectors == 4);
	assert_true(!vfs[1].online && vfs[1].queues == 8 && vfs[1].vectors == 4);
	via_sriov_pf_clear(&pf);

	assert_int_equal(destroy(&fake, &err), 0);
	assert_no_vfs(&fake);
	tree_remove(&tree);
}

static void what_there_is_is_shared_fairly(void **state)
{
	static const struct {
		uint32_t total[2];
		uint16_t own[2], most[2], step[2];
		unsigned int count, asked[2];
		int expected;
		unsigned int each[2]; /* or, of a refusal, */
		const char *says;
	} rows[] = {
		{ { 16, 8 }, { 0 }, { 16, 8 }, { 1, 1 }, 2, { 0 }, 0, { 8, 4 } },
		{ { 16, 8 }, { 0 }, { 5, 1 }, { 1, 1 }, 2, { 0 }, 0, { 5, 1 } },
		{ { 15, 7 }, { 0 }, { 16, 8 }, { 1, 1 }, 2, { 0 }, 0, { 7, 3 } },
		{ { 15, 7 }, { 0 }, { 16, 8 }, { 4, 2 }, 2, { 0 }, 0, { 4, 2 } },
		{ { 30, 9 }, { 0 }, { 7, 3 }, { 4, 2 }, 2, { 0 }, 0, { 4, 2 } },
		{ { 16, 8 }, { 6, 2 }, { 16, 8 }, { 1, 1 }, 2, { 0 }, 0, { 5, 3 } },
		{ { 4, 2 }, { 0 }, { 2, 1 }, { 0, 0 }, 2, { 0 }, 0, { 2, 1 } },
		{ { 3, 2 },
		  { 0 },
		  { 9, 9 },
		  { 1, 1 },
		  2,
		  { 0 },
		  -ENOSPC,
		  .says = "2 VFs of 0000:02:00.0 with 2 queues each take more than the 3" },
		{ { 16, 1 },
		  { 0 },
		  { 9, 9 },
		  { 1, 1 },
		  2,
		  { 0 },
		  -ENOSPC,
		  .says = "with 1 vector each" },
		{ { 16, 8 },
		  { 16, 0 },
		  { 9, 9 },
		  { 1, 1 },
		  1,
		  { 0 },
		  -ENOSPC,
		  .says = "the PF has 16 itself, and gives them up after 'nvme virt-mgmt -c 65 -r "
			  "0 -a 1 -n 0'" },
		{ { 16, 8 }, { 0 }, { 9, 9 }, { 16, 1 }, 2, { 0 }, -ENOSPC, .says = "queues" },
		{ { 16, 8 }, { 0 }, { 0, 9 }, { 1, 1 }, 2, { 0 }, -ENOSPC, .says = "queues" },
		{ { 16, 8 }, { 0 }, { 9, 9 }, { 1, 1 }, 2, { 3, 1 }, 0, { 3, 1 } },
		{ { 16, 8 }, { 0 }, { 9, 9 }, { 1, 1 }, 2, { 0, 4 }, 0, { 8, 4 } },
		{ { 16, 8 },
		  { 0 },
		  { 9, 9 },
		  { 1, 1 },
		  2,
		  { 1, 0 },
		  -EINVAL,
		  .says = "needs at least 2 queues, not 1" },
		{ { 16, 8 },
		  { 0 },
		  { 8, 9 },
		  { 1, 1 },
		  2,
		  { 9, 0 },
		  -ERANGE,
		  .says = "8 queues at most, not 9" },
		{ { 16, 8 },
		  { 0 },
		  { 9, 3 },
		  { 1, 1 },
		  2,
		  { 0, 4 },
		  -ERANGE,
		  .says = "3 vectors at most, not 4" },
		{ { 16, 8 },
		  { 0 },
		  { 16, 9 },
		  { 4, 1 },
		  2,
		  { 6, 0 },
		  -EINVAL,
		  .says = "queues in multiples of 4, which 6 is not" },
		{ { 16, 8 },
		  { 0 },
		  { 16, 9 },
		  { 1, 1 },
		  2,
		  { 9, 0 },
		  -ENOSPC,
		  .says = "2 VFs of 0000:02:00.0 with 9 queues each take more than the 16" },
		{ { 0xffffffff, 0xffffffff },
		  { 0 },
		  { 0xffff, 0xffff },
		  { 1, 1 },
		  1,
		  { 0 },
		  0,
		  { 0xffff, 0xffff } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tree tree = tree_make(entries);
		struct fake fake = fake_make(&tree);
		struct via_sriov_request request = { .count = rows[i].count,
						     .queues = rows[i].asked[0],
						     .vectors = rows[i].asked[1] };
		struct via_nvme_admin admin = admin_of(&fake);
		struct via_sriov_pf pf = { 0 };
		struct via_sriov_nvme each;
		struct via_error err;

		if (rows[i].count == 1)
			tree_drop(&tree, PF "virtfn1");
		memcpy(fake.total, rows[i].total, sizeof(fake.total));
		memcpy(fake.own, rows[i].own, sizeof(fake.own));
		memcpy(fake.most, rows[i].most, sizeof(fake.most));
		memcpy(fake.step, rows[i].step, sizeof(fake.step));
		assert_int_equal(via_sriov_pf_load(tree.host, pf_bdf, &pf, &err), 0);
		assert_int_equal(
			via_sriov_nvme_plan_with(tree.host, &pf, &request, &admin, &each, &err),
			rows[i].expected);
		assert_int_equal(fake.changes, 0);
		via_sriov_pf_clear(&pf);
		if (!fake.step[0])
			fake.step[0] = fake.step[1] = 1; /* the fake divides by it */
		assert_int_equal(create(&fake, request, &err), rows[i].expected);
		if (rows[i].expected) {
			assert_says(&err, rows[i].says);
			assert_int_equal(fake.changes, 0);
			assert_no_vfs(&fake);
		} else {
			assert_int_equal(each.queues, rows[i].each[0]);
			assert_int_equal(each.vectors, rows[i].each[1]);
			assert_has(&fake, rows[i].count - 1, true, each.queues, each.vectors);
		}
		tree_remove(&tree);
	}
}

/* Whichever command fails, and however. */
static void a_failure_anywhere_takes_all_back(void **state)
{
	static const int failures[] = { STATUS(INVALID_RESOURCE_ID), -EIO };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		unsigned int at = 0;
		int rc;

		do {
			struct tree tree = tree_make(entries);
			struct fake fake = fake_make(&tree);
			struct via_error err;

			fake.fail = ++at;
			fake.failure = failures[i];
			fake.keeps = at % 2;
			rc = create(&fake, (struct via_sriov_request){ .count = 2 }, &err);
			if (rc) {
				assert_int_equal(rc, i ? -EIO : -EREMOTEIO);
				assert_says(&err, i ? "0000:02:00.0 could not be asked to "
						    : "0000:02:00.0 refused to ");
				assert_says(&err, i ? ": Input/output error"
						    : ": Invalid Resource (status 122h)");
				assert_no_vfs(&fake);
			}
			tree_remove(&tree);
		} while (rc);
		/* 3 questions, 3 more before the first change, 4 numbers, 2 states, 2 questions. */
		assert_true(at > 12);
	}
}

static void the_vfs_that_the_driver_did_not_make_hold_nothing(void **state)
{
	struct tree tree = tree_make(entries);
	struct fake fake = fake_make(&tree);
	struct via_error err;

	(void)state;
	tree_drop(&tree, PF "virtfn1");
	assert_int_equal(create(&fake, (struct via_sriov_request){ .count = 2 }, &err), -EPROTO);
	assert_says(&err, "VF 1 is missing");
	assert_true(fake.changes > 4);
	assert_no_vfs(&fake);
	tree_remove(&tree);
}

static void one_that_says_done_and_is_not_is_found_out(void **state)
{
	static const struct {
		unsigned int action;
		const char *says;
	} rows[] = {
		{ 0x9, "is offline with 8 and 4" },
		{ 0x8, "refused to bring VF 0 online" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tree tree = tree_make(entries);
		struct fake fake = fake_make(&tree);
		struct via_error err;

		fake.lies = rows[i].action;
		assert_int_not_equal(create(&fake, (struct via_sriov_request){ .count = 2 }, &err),
				     0);
		assert_says(&err, rows[i].says);
		fake.lies = 0;
		assert_int_equal(vfs_there(&fake), 0);
		tree_remove(&tree);
	}
}

static void fewer_resources(struct fake *fake, unsigned int cns, void *answer)
{
	struct nvme_secondary_ctrl_list *list = answer;

	if (cns == 0x15 && vfs_there(fake) && list->sc_entry[0].nvq)
		list->sc_entry[0].nvq = htole16(2);
}

static void fewer_than_asked_for_are_not_enough(void **state)
{
	struct tree tree = tree_make(entries);
	struct fake fake = fake_make(&tree);
	struct via_error err;

	(void)state;
	fake.tamper = fewer_resources;
	assert_int_equal(create(&fake, (struct via_sriov_request){ .count = 2 }, &err), -EPROTO);
	assert_says(&err, "VF 1 of 0000:02:00.0 was to be online with 8 queues and 4 vectors, and "
			  "is online with 2 and 4");
	assert_no_vfs(&fake);
	tree_remove(&tree);
}

static void what_vfs_left_is_shared_again(void **state)
{
	struct tree tree = tree_make(entries);
	struct fake fake = fake_make(&tree);
	struct via_error err;

	(void)state;
	of_vf(&fake, 0)->held[QUEUES] = 3;
	of_vf(&fake, 3)->held[QUEUES] = 8;
	of_vf(&fake, 3)->held[VECTORS] = 4;
	of_vf(&fake, 3)->online = true;
	assert_int_equal(create(&fake, (struct via_sriov_request){ .count = 2 }, &err), 0);
	assert_has(&fake, 0, true, 8, 4);
	assert_has(&fake, 1, true, 8, 4);
	assert_has(&fake, 3, false, 0, 0);
	/* One that is no VF's is left alone. */
	fake.total[QUEUES] += 2;
	fake.secondaries[2].held[QUEUES] = 2;
	assert_int_equal(destroy(&fake, &err), 0);
	assert_int_equal(fake.secondaries[2].held[QUEUES], 2);
	assert_no_vfs(&fake);
	tree_remove(&tree);
}

static void hardware_that_keeps_resources_is_asked_for_them(void **state)
{
	struct tree tree = tree_make(entries);
	struct fake fake = fake_make(&tree);
	struct via_error err;

	(void)state;
	fake.keeps = true;
	assert_int_equal(create(&fake, (struct via_sriov_request){ .count = 2 }, &err), 0);
	assert_int_equal(destroy(&fake, &err), 0);
	assert_no_vfs(&fake);
	tree_remove(&tree);
}

/* A PF that does not answer loses its VFs all the same. */
static void vfs_go_even_when_their_resources_stay(void **state)
{
	struct tree tree = tree_make(entries);
	struct fake fake = fake_make(&tree);
	struct via_error err;

	(void)state;
	for (unsigned int at = 1; at < 8; at++) {
		assert_int_equal(create(&fake, (struct via_sriov_request){ .count = 2 }, &err), 0);
		fake.fail = at;
		fake.failure = -EIO;
		assert_int_equal(destroy(&fake, &err), 0);
		assert_int_equal(vfs_there(&fake), 0);
		fake.fail = 0;
	}
	tree_remove(&tree);
}

static void a_controller_without_it_has_vfs_all_the_same(void **state)
{
	struct tree tree = tree_make(entries);
	struct fake fake = fake_make(&tree);
	struct via_nvme_admin admin = admin_of(&fake);
	struct via_sriov_pf pf = { 0 };
	struct via_sriov_nvme vfs[2];
	struct via_error err;

	(void)state;
	fake.oacs = 0x7f;
	assert_int_equal(create(&fake, (struct via_sriov_request){ .count = 2, .queues = 2 }, &err),
			 -ENOTSUP);
	assert_says(&err, "has no Virtualization Management command");
	assert_no_vfs(&fake);
	assert_int_equal(create(&fake, (struct via_sriov_request){ .count = 2 }, &err), 0);
	assert_int_equal(fake.changes, 0);
	assert_int_equal(vfs_there(&fake), 2);
	assert_int_equal(via_sriov_pf_load(tree.host, pf_bdf, &pf, &err), 0);
	assert_int_equal(via_sriov_nvme_get_with(tree.host, &pf, &admin, vfs, &err), -ENOTSUP);
	via_sriov_pf_clear(&pf);
	assert_int_equal(destroy(&fake, &err), 0);
	assert_int_equal(vfs_there(&fake), 0);
	tree_remove(&tree);
}

/* Of the other type each VF has some of its own. */
static void one_type_may_be_fixed(void **state)
{
	for (unsigned int types = 0; types < 3; types++) {
		struct tree tree = tree_make(entries);
		struct fake fake = fake_make(&tree);
		struct via_error err;

		(void)state;
		fake.types = (uint8_t)types;
		assert_int_equal(create(&fake,
					(struct via_sriov_request){
						.count = 2,
						.queues = types == 1 ? 0 : 2,
						.vectors = types == 1 ? 1 : 0,
					},
					&err),
				 -ENOTSUP);
		assert_says(&err, types == 1 ? "number of vectors of 0000:02:00.0's VFs is fixed"
					     : "number of queues of 0000:02:00.0's VFs is fixed");
		assert_int_equal(create(&fake, (struct via_sriov_request){ .count = 2 }, &err), 0);
		assert_has(&fake, 0, true, types & 1 ? 8 : 0, types & 2 ? 4 : 0);
		tree_remove(&tree);
	}
}

/* A list has 127 controllers at most; the rest is asked for. */
static void there_may_be_many(void **state)
{
	struct tree tree = tree_make(entries);
	struct fake *fake = test_malloc(sizeof(*fake));
	struct via_error err;

	(void)state;
	*fake = fake_make(&tree);
	tree_add(&tree, (struct tree_entry){ PF "sriov_totalvfs", "300\n" });
	fake->count = CONTROLLERS;
	for (unsigned int i = 0; i < CONTROLLERS; i++)
		fake->secondaries[i] = (struct fake_secondary){ .id = (uint16_t)(2 * i),
								.vf = (uint16_t)(CONTROLLERS - i) };
	assert_int_equal(create(fake, (struct via_sriov_request){ .count = 2 }, &err), 0);
	assert_has(fake, 0, true, 8, 4);
	assert_has(fake, 1, true, 8, 4);
	assert_has(fake, 2, false, 0, 0);
	test_free(fake);
	tree_remove(&tree);
}

static void too_many_assigned(struct fake *fake, unsigned int cns, void *answer)
{
	struct nvme_primary_ctrl_cap *cap = answer;

	/* Together no more than there are, in 32 bits. */
	(void)fake;
	if (cns == 0x14) {
		cap->vqrfa = 0xffffffff;
		cap->vqrfap = htole16(2);
	}
}

static void more_than_all_its_own(struct fake *fake, unsigned int cns, void *answer)
{
	(void)fake;
	if (cns == 0x14)
		((struct nvme_primary_ctrl_cap *)answer)->virfap = 0xffff;
}

static void another_controller(struct fake *fake, unsigned int cns, void *answer)
{
	(void)fake;
	if (cns == 0x14)
		((struct nvme_primary_ctrl_cap *)answer)->cntlid = 7;
}

static void too_long(struct fake *fake, unsigned int cns, void *answer)
{
	(void)fake;
	if (cns == 0x15)
		((struct nvme_secondary_ctrl_list *)answer)->num = 128;
}

static void backwards(struct fake *fake, unsigned int cns, void *answer)
{
	(void)fake;
	if (cns == 0x15)
		((struct nvme_secondary_ctrl_list *)answer)->sc_entry[1].scid = 3;
}

static void for_ever(struct fake *fake, unsigned int cns, void *answer)
{
	(void)fake;
	if (cns == 0x15)
		((struct nvme_secondary_ctrl_list *)answer)->num = 127;
}

static void of_another_primary(struct fake *fake, unsigned int cns, void *answer)
{
	(void)fake;
	if (cns == 0x15)
		((struct nvme_secondary_ctrl_list *)answer)->sc_entry[1].pcid = 0;
}

static void one_vf_twice(struct fake *fake, unsigned int cns, void *answer)
{
	(void)fake;
	if (cns == 0x15)
		((struct nvme_secondary_ctrl_list *)answer)->sc_entry[1].vfn = htole16(2);
}

static void a_vf_missing(struct fake *fake, unsigned int cns, void *answer)
{
	(void)fake;
	if (cns == 0x15)
		((struct nvme_secondary_ctrl_list *)answer)->sc_entry[3].vfn = htole16(5);
}

static void answers_that_cannot_be_are_refused(void **state)
{
	static const struct {
		void (*tamper)(struct fake *fake, unsigned int cns, void *answer);
		const char *says;
	} rows[] = {
		{ too_many_assigned, "its flexible resources" },
		{ more_than_all_its_own, "its flexible resources" },
		{ another_controller, "its own identifier" },
		{ too_long, "the number of its secondary controllers" },
		{ backwards, "the order of its secondary controllers" },
		{ for_ever, "its secondary controllers" },
		{ of_another_primary, "whose its secondary controllers are" },
		{ one_vf_twice, "the VFs of its secondary controllers" },
		{ a_vf_missing, "no secondary controller for its VF 0" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tree tree = tree_make(entries);
		struct fake fake = fake_make(&tree);
		struct via_error err;

		fake.tamper = rows[i].tamper;
		assert_int_equal(create(&fake, (struct via_sriov_request){ .count = 2 }, &err),
				 -EPROTO);
		assert_says(&err, rows[i].says);
		assert_int_equal(fake.changes, 0);
		assert_no_vfs(&fake);
		tree_remove(&tree);
	}
}

static void the_driver_of_the_pf_is_nvme(void **state)
{
	struct tree tree = tree_make(entries);
	struct fake fake = fake_make(&tree);
	struct via_error err;

	(void)state;
	tree_add(&tree, (struct tree_entry){ PF "driver",
					     .link = "../../../../bus/pci/drivers/vfio-pci" });
	assert_int_equal(create(&fake, (struct via_sriov_request){ .count = 2 }, &err), -ENXIO);
	assert_says(&err, "0000:02:00.0 is bound to vfio-pci; the VFs of an NVMe controller");
	assert_int_equal(fake.commands, 0);
	tree_remove(&tree);
}

static int set(struct fake *fake, unsigned int index, unsigned int queues, unsigned int vectors,
	       struct via_error *err)
{
	const struct via_sriov_nvme wanted = { .queues = queues, .vectors = vectors };
	struct via_nvme_admin admin = admin_of(fake);
	struct via_sriov_pf pf = { 0 };
	int rc;

	fake->commands = fake->changes = 0;
	assert_int_equal(via_sriov_pf_load(fake->host, pf_bdf, &pf, err), 0);
	rc = via_sriov_nvme_set_with(fake->host, &pf, index, &wanted, &admin, err);
	via_sriov_pf_clear(&pf);
	return rc;
}

static void one_vf_can_be_given_others(void **state)
{
	struct tree tree = tree_make(entries);
	struct fake fake = fake_make(&tree);
	struct via_error err;

	(void)state;
	fake.total[QUEUES] = 10;
	assert_int_equal(create(&fake, (struct via_sriov_request){ .count = 2, .queues = 4 }, &err),
			 0);
	assert_int_equal(set(&fake, 1, 6, 0, &err), 0);
	assert_has(&fake, 0, true, 4, 4);
	assert_has(&fake, 1, true, 6, 4);
	assert_int_equal(set(&fake, 0, 0, 2, &err), 0);
	assert_has(&fake, 0, true, 4, 2);
	assert_int_equal(set(&fake, 1, 2, 1, &err), 0);
	assert_has(&fake, 1, true, 2, 1);

	assert_int_equal(set(&fake, 1, 7, 0, &err), -ENOSPC);
	assert_int_equal(set(&fake, 1, 9, 0, &err), -ERANGE);
	assert_int_equal(set(&fake, 1, 1, 0, &err), -EINVAL);
	assert_int_equal(set(&fake, 2, 2, 0, &err), -ENOENT);
	assert_int_equal(fake.changes, 0);
	assert_has(&fake, 1, true, 2, 1);

	tree_add(&tree,
		 (struct tree_entry){ VF(2) "driver", .link = "../../../../bus/pci/drivers/nvme" });
	assert_int_equal(set(&fake, 1, 4, 0, &err), -EBUSY);
	assert_says(&err, "0000:02:00.2 is bound to nvme, which would lose its controller");
	tree_add(&tree, (struct tree_entry){ VF(2) "driver",
					     .link = "../../../../bus/pci/drivers/vfio-pci" });
	assert_int_equal(set(&fake, 1, 4, 0, &err), 0);
	tree_remove(&tree);
}

static void a_vf_keeps_what_it_had_when_it_gets_no_other(void **state)
{
	struct tree tree = tree_make(entries);
	struct fake fake = fake_make(&tree);
	unsigned int at = 0;
	struct via_error err;
	int rc;

	(void)state;
	assert_int_equal(create(&fake, (struct via_sriov_request){ .count = 2, .queues = 4 }, &err),
			 0);
	do {
		fake.fail = ++at;
		fake.failure = STATUS(INVALID_RESOURCE_ID);
		rc = set(&fake, 1, 6, 1, &err);
		if (rc) {
			assert_int_equal(rc, -EREMOTEIO);
			assert_has(&fake, 1, true, 4, 4);
		}
	} while (rc);
	assert_true(at > 8);
	assert_has(&fake, 1, true, 6, 1);
	assert_has(&fake, 0, true, 4, 4);

	/* Neither was it online. */
	of_vf(&fake, 1)->online = false;
	fake.fail = 8;
	assert_int_equal(set(&fake, 1, 2, 0, &err), -EREMOTEIO);
	assert_true(fake.changes > 2);
	assert_has(&fake, 1, false, 6, 1);
	tree_remove(&tree);
}

/* What is done to the VFs, by a process that may not live to end it. */
static void make_two(struct fake *fake)
{
	struct via_error err;

	if (create(fake, (struct via_sriov_request){ .count = 2 }, &err))
		_exit(2);
}

static void give_and_take(struct fake *fake)
{
	struct via_error err;

	if (set(fake, 1, 6, 2, &err) || destroy(fake, &err) ||
	    create(fake, (struct via_sriov_request){ .count = 2, .queues = 3 }, &err))
		_exit(2);
}

static void undo(struct fake *fake)
{
	struct via_nvme_admin admin = admin_of(fake);
	struct via_sriov_lent lent = { .nvme = &admin };
	struct via_undo *list;
	struct via_error err;
	size_t count;

	assert_int_equal(via_undo_list(fake->host, &list, &count, &err), 0);
	for (size_t i = 0; i < count; i++) {
		int rc = via_undo_with(fake->host, &list[i], &lent, &err);

		if (rc && rc != -ENOENT)
			fail_msg("%s", err.text);
	}
	free(list);
}

/* Returns whether it was killed; then, and when not, all is undone. */
static bool lives(struct fake *fake, void (*operate)(struct fake *fake), unsigned int at,
		  bool after)
{
	const struct fake before = *fake;
	uint64_t vfs = vfs_there(fake);
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		fake->dies = at;
		fake->dies_after = after;
		operate(fake);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
	fake->dies = 0;
	undo(fake);
	assert_memory_equal(fake->secondaries, before.secondaries, sizeof(before.secondaries));
	assert_int_equal(vfs_there(fake), vfs);
	assert_false(via_host_exists(fake->host, "run/viaduct/pfs/0000:02:00.0"));
	return WEXITSTATUS(status);
}

/* What is in the controller outlives the process, too. */
static void a_kill_at_any_command_is_undone(void **state)
{
	struct fake *fake = mmap(NULL, sizeof(*fake), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned int at;

	(void)state;
	assert_ptr_not_equal(fake, MAP_FAILED);
	for (unsigned int after = 0; after < 2; after++) {
		struct tree tree = tree_make(entries);

		*fake = fake_make(&tree);
		for (at = 1; !lives(fake, make_two, at, after);)
			at++;
		assert_true(at > 6);
		/* Somebody else's, one of them without a VF. */
		tree_add(&tree, (struct tree_entry){ PF "sriov_numvfs", "2\n" });
		*of_vf(fake, 0) = (struct fake_secondary){ 0x42, 1, true, { 4, 2 } };
		*of_vf(fake, 1) = (struct fake_secondary){ 3, 2, true, { 2, 1 } };
		*of_vf(fake, 3) = (struct fake_secondary){ 9, 4, false, { 1, 0 } };
		for (at = 1; !lives(fake, give_and_take, at, after);)
			at++;
		assert_true(at > 10);
		tree_remove(&tree);
	}
	munmap(fake, sizeof(*fake));
}

/* What is undone: -errno of the first that is not. */
static int try_undo(struct fake *fake, struct via_error *err)
{
	struct via_nvme_admin admin = admin_of(fake);
	struct via_sriov_lent lent = { .nvme = &admin };
	struct via_undo *list;
	size_t count;
	int rc = via_undo_list(fake->host, &list, &count, err);

	for (size_t i = 0; !rc && i < count; i++)
		rc = via_undo_with(fake->host, &list[i], &lent, err);
	free(list);
	return rc;
}

static void a_vf_on_lease_keeps_what_it_holds(void **state)
{
	const struct via_lease_record held = { .pool = "p", .state = VIA_LEASE_HELD };
	const struct via_bdf vf = { .bus = 2, .function = 2 };
	struct tree tree = tree_make(entries);
	struct fake fake = fake_make(&tree);
	via_autoclose int lease_fd = -1;
	struct via_error err;

	(void)state;
	tree_add(&tree, (struct tree_entry){ PF "sriov_numvfs", "2\n" });
	*of_vf(&fake, 1) = (struct fake_secondary){ 3, 2, true, { 2, 1 } };
	assert_int_equal(set(&fake, 1, 6, 2, &err), 0);
	assert_int_equal(via_lease_record_save(fake.host, vf, &held, &err), 0);
	assert_int_equal(via_lease_lock(fake.host, vf, &lease_fd, &err), 0);
	assert_int_equal(try_undo(&fake, &err), -EBUSY);
	assert_says(&err, "0000:02:00.2 is on lease");
	assert_has(&fake, 1, true, 6, 2);
	via_close(&lease_fd);
	assert_int_equal(try_undo(&fake, &err), 0);
	assert_has(&fake, 1, true, 2, 1);
	tree_remove(&tree);
}

/* Made by hand, of a controller whose resources the PF has all. */
static void vfs_that_held_nothing_come_back(void **state)
{
	struct tree tree = tree_make(entries);
	struct fake fake = fake_make(&tree);
	struct via_error err;

	(void)state;
	fake.own[QUEUES] = 16;
	fake.own[VECTORS] = 8;
	tree_add(&tree, (struct tree_entry){ PF "sriov_numvfs", "2\n" });
	assert_int_equal(destroy(&fake, &err), 0);
	assert_int_equal(vfs_there(&fake), 0);
	if (try_undo(&fake, &err))
		fail_msg("%s", err.text);
	assert_int_equal(vfs_there(&fake), 2);
	assert_has(&fake, 0, false, 0, 0);
	tree_remove(&tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vfs_are_online_with_what_they_hold),
		cmocka_unit_test(what_there_is_is_shared_fairly),
		cmocka_unit_test(a_failure_anywhere_takes_all_back),
		cmocka_unit_test(the_vfs_that_the_driver_did_not_make_hold_nothing),
		cmocka_unit_test(one_that_says_done_and_is_not_is_found_out),
		cmocka_unit_test(fewer_than_asked_for_are_not_enough),
		cmocka_unit_test(what_vfs_left_is_shared_again),
		cmocka_unit_test(hardware_that_keeps_resources_is_asked_for_them),
		cmocka_unit_test(vfs_go_even_when_their_resources_stay),
		cmocka_unit_test(a_controller_without_it_has_vfs_all_the_same),
		cmocka_unit_test(one_type_may_be_fixed),
		cmocka_unit_test(there_may_be_many),
		cmocka_unit_test(answers_that_cannot_be_are_refused),
		cmocka_unit_test(the_driver_of_the_pf_is_nvme),
		cmocka_unit_test(one_vf_can_be_given_others),
		cmocka_unit_test(a_vf_keeps_what_it_had_when_it_gets_no_other),
		cmocka_unit_test(a_kill_at_any_command_is_undone),
		cmocka_unit_test(a_vf_on_lease_keeps_what_it_holds),
		cmocka_unit_test(vfs_that_held_nothing_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
