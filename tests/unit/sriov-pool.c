/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pools: what may be one, its file, and what its VFs are held to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <viaduct/sriov/pool.h>
#include <viaduct/util/cleanup.h>

#include "tree.h"

#define POOLS "run/viaduct/pools/"
#define GOOD  "viaduct-pool 1\ndriver=vfio-pci\nbaseline=vlan=7\nmember=0000:01:00.0 0-6\n"

static const struct via_bdf pf0 = { .bus = 1 }, pf1 = { .bus = 1, .function = 1 };

static struct via_pool_member two[2];

static struct via_pool pool_of_two(void)
{
	two[0] = (struct via_pool_member){ pf0, 1, 3 };
	two[1] = (struct via_pool_member){ pf1, 0, VIA_POOL_LAST };
	return (struct via_pool){
		.name = "web-1",
		.driver = "vfio-pci",
		.baseline = { .valid = VIA_SRIOV_MAC | VIA_SRIOV_VLAN | VIA_SRIOV_QOS |
				       VIA_SRIOV_TRUST | VIA_SRIOV_SPOOFCHK,
			      .mac = { { 2, 0, 0, 0, 0, 0xfe } },
			      .vlan = 100,
			      .vlan_protocol = 0x88a8,
			      .qos = 3,
			      .spoofchk = true },
		.members = two,
		.member_count = 2,
	};
}

static void what_was_saved_is_loaded(void **state)
{
	via_cleanup(via_pool_clear) struct via_pool loaded = { 0 };
	struct via_pool pool = pool_of_two();
	struct via_error err;

	(void)state;
	assert_int_equal(via_pool_save(tree_fresh.host, &pool, &err), 0);
	assert_int_equal(via_pool_load(tree_fresh.host, "web-1", &loaded, &err), 0);
	assert_string_equal(loaded.name, "web-1");
	assert_string_equal(loaded.driver, "vfio-pci");
	assert_memory_equal(&loaded.baseline, &pool.baseline, sizeof(pool.baseline));
	assert_int_equal(loaded.member_count, 2);
	assert_true(via_bdf_equal(loaded.members[0].pf, pf0));
	assert_int_equal(loaded.members[0].first, 1);
	assert_int_equal(loaded.members[0].last, 3);
	assert_true(via_bdf_equal(loaded.members[1].pf, pf1));
	assert_int_equal(loaded.members[1].last, VIA_POOL_LAST);
}

static void a_mac_counts_up_from_vf_to_vf(void **state)
{
	struct via_pool pool = pool_of_two();
	struct via_sriov_attrs attrs;
	struct via_error err;

	(void)state;
	assert_int_equal(via_pool_baseline(&pool, 0, 1, &attrs, &err), 0);
	assert_string_equal(via_mac_text(attrs.mac).text, "02:00:00:00:00:fe");
	assert_int_equal(via_pool_baseline(&pool, 0, 3, &attrs, &err), 0);
	assert_string_equal(via_mac_text(attrs.mac).text, "02:00:00:00:01:00");
	assert_int_equal(via_pool_baseline(&pool, 1, 2, &attrs, &err), 0);
	assert_string_equal(via_mac_text(attrs.mac).text, "02:00:00:00:01:03");
	assert_int_equal(attrs.vlan, 100);
	/* How many come before is not known. */
	two[0].last = VIA_POOL_LAST;
	assert_int_equal(via_pool_check(&pool, &err), -EINVAL);
	assert_non_null(strstr(err.text, "say how many of 0000:01:00.0"));
	two[0].last = 3;
	pool.baseline.mac = (struct via_mac){ { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xfd } };
	assert_int_equal(via_pool_check(&pool, &err), -EINVAL);
	assert_non_null(strstr(err.text, "not enough MAC addresses"));
}

static void refused(struct via_pool pool, const char *why)
{
	struct via_error err = { "" };

	assert_int_equal(via_pool_save(tree_fresh.host, &pool, &err), -EINVAL);
	if (!strstr(err.text, why))
		fail_msg("\"%s\" does not say \"%s\"", err.text, why);
	assert_false(via_host_exists(tree_fresh.host, POOLS "web-1"));
}

static void what_can_be_no_pool_is_refused(void **state)
{
	struct via_pool pool;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		static const char *const names[] = { "", ".web", "a/b", "a b" };

		pool = pool_of_two();
		strcpy(pool.name, names[i]);
		refused(pool, "cannot be the name of a pool");
	}
	pool = pool_of_two();
	strcpy(pool.driver, "../igb");
	refused(pool, "no driver's name");
	pool = pool_of_two();
	pool.member_count = 0;
	refused(pool, "0 ranges");
	pool = pool_of_two();
	two[0].first = 4;
	refused(pool, "are none");
	pool = pool_of_two();
	two[0].last = 65535;
	refused(pool, "are none");
	pool = pool_of_two();
	two[0].pf = pf1;
	refused(pool, "of 0000:01:00.1 twice");
	pool = pool_of_two();
	pool.baseline.vlan = 4095;
	refused(pool, "VLAN 4095");
	pool = pool_of_two();
	pool.baseline.vlan = 0;
	refused(pool, "no priority 3");
	pool = pool_of_two();
	pool.baseline.qos = 8;
	refused(pool, "priority 8");
	pool = pool_of_two();
	pool.baseline.mac.octets[0] = 1;
	refused(pool, "multicast");
}

static void a_damaged_file_is_told(void **state)
{
	static const char *const damaged[] = {
		"",
		"\n",
		"viaduct-pool 2\ndriver=vfio-pci\nbaseline=\nmember=0000:01:00.0 0-6\n",
		"viaduct-pool 1\nbaseline=\nmember=0000:01:00.0 0-6\n",
		"viaduct-pool 1\ndriver=vfio-pci\nbaseline=\n",
		GOOD "driver=igbvf\n",
		GOOD "baseline=\n",
		GOOD "colour=red\n",
		GOOD "member\n",
		GOOD "member=0000:01:00.0 6-7\n",
		GOOD "member=0000:01:00.1 7\n",
		GOOD "member=0000:01:00.1 -7\n",
		GOOD "member=0000:01:00.1 0-65535\n",
		GOOD "member=0000:01:00.1 0-6 \n7",
		GOOD "member=0000:01:00.1  0-6\n",
		"viaduct-pool 1\ndriver=vfio-pci\nbaseline=vlan=7 vlan=8\nmember=0000:01:00.0 "
		"0-6\n",
		"viaduct-pool 1\ndriver=vfio-pci\nbaseline=mac=none\nmember=0000:01:00.0 0-6\n",
		"viaduct-pool 1\ndriver=vfio-pci\nbaseline=protocol=33024\nmember=0000:01:00.0 "
		"0-6\n",
		"viaduct-pool 1\ndriver=vfio-pci\nbaseline=trust=yes\nmember=0000:01:00.0 0-6\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
		struct via_pool pool = { 0 };
		struct via_error err;
		int rc;

		tree_put(POOLS "web", damaged[i]);
		rc = via_pool_load(tree_fresh.host, "web", &pool, &err);
		if (rc != -EPROTO)
			fail_msg("%d, not damaged:\n%s", rc, damaged[i]);
		assert_non_null(strstr(err.text, "/run/viaduct/pools/web"));
	}
	tree_put(POOLS "web", GOOD);
	{
		via_cleanup(via_pool_clear) struct via_pool pool = { 0 };

		assert_int_equal(via_pool_load(tree_fresh.host, "web", &pool, NULL), 0);
		assert_int_equal(pool.baseline.vlan, 7);
	}
}

static void pools_are_listed_and_removed(void **state)
{
	via_cleanup(via_names_free) struct via_names names = { 0 };
	via_cleanup(via_names_free) struct via_names left = { 0 };
	struct via_pool pool = pool_of_two();
	struct via_error err;

	(void)state;
	assert_int_equal(via_pool_list(tree_fresh.host, &names, &err), 0);
	assert_int_equal(names.count, 0);
	assert_int_equal(via_pool_load(tree_fresh.host, "web-1", &pool, &err), -ENOENT);
	assert_non_null(strstr(err.text, "'viaduct vf pool create' makes one"));
	assert_int_equal(via_pool_load(tree_fresh.host, "../x", &pool, &err), -EINVAL);
	assert_int_equal(via_pool_remove(tree_fresh.host, "web-1", &err), -ENOENT);
	assert_int_equal(via_pool_save(tree_fresh.host, &pool, &err), 0);
	strcpy(pool.name, "db");
	assert_int_equal(via_pool_save(tree_fresh.host, &pool, &err), 0);
	tree_put(POOLS ".db.new", "");
	assert_int_equal(via_pool_list(tree_fresh.host, &names, &err), 0);
	assert_int_equal(names.count, 2);
	assert_string_equal(names.names[0], "db");
	assert_string_equal(names.names[1], "web-1");
	assert_int_equal(via_pool_remove(tree_fresh.host, "db", &err), 0);
	assert_int_equal(via_pool_list(tree_fresh.host, &left, &err), 0);
	assert_int_equal(left.count, 1);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, tree_fresh_begin, tree_fresh_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(what_was_saved_is_loaded),       FRESH(a_mac_counts_up_from_vf_to_vf),
		FRESH(what_can_be_no_pool_is_refused), FRESH(a_damaged_file_is_told),
		FRESH(pools_are_listed_and_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
