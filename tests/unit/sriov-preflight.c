/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is found of SR-IOV before a function is given away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>

#include <viaduct/sriov/preflight.h>

#include "tree.h"

#define PORT	"sys/devices/pci0000:00/0000:00:01.0/"
#define PF	PORT "0000:01:00.0/"
#define NOTHING "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
#define SEVEN	NOTHING NOTHING NOTHING NOTHING NOTHING NOTHING NOTHING
#define EXP_AT	0x40

static const struct via_bdf pf = { 0, 1, 0, 0 }, vf = { 0, 1, 0x10, 0 };

static struct via_findings findings;

static void put_port(uint8_t control2, uint8_t subordinate, size_t size_bytes)
{
	char bytes[256] = { 0 };

	bytes[PCI_STATUS] = PCI_STATUS_CAP_LIST;
	bytes[PCI_HEADER_TYPE] = PCI_HEADER_TYPE_BRIDGE;
	bytes[PCI_SUBORDINATE_BUS] = (char)subordinate;
	bytes[PCI_CAPABILITY_LIST] = EXP_AT;
	bytes[EXP_AT] = PCI_CAP_ID_EXP;
	bytes[EXP_AT + PCI_EXP_DEVCTL2] = (char)control2;
	tree_add(&tree_fresh, (struct tree_entry){ PORT "config", bytes, .bytes = size_bytes });
}

static int begin(void **state)
{
	tree_fresh_begin(state);
	tree_add(&tree_fresh,
		 (struct tree_entry){
			 "sys/bus/pci/devices/0000:01:00.0",
			 .link = "../../../devices/pci0000:00/0000:00:01.0/0000:01:00.0" });
	tree_add(&tree_fresh,
		 (struct tree_entry){ "sys/bus/pci/devices/0000:00:01.0",
				      .link = "../../../devices/pci0000:00/0000:00:01.0" });
	tree_put(PF "sriov_totalvfs", "7\n");
	tree_put(PF "sriov_numvfs", "0\n");
	tree_put(PF "sriov_offset", "128\n");
	tree_put(PF "sriov_stride", "2\n");
	tree_put(PF "resource",
		 SEVEN "0x0000004000000000 0x000000400001ffff 0x0000000000140200\n" NOTHING NOTHING
			 NOTHING NOTHING NOTHING);
	put_port(PCI_EXP_DEVCTL2_ARI, 1, 256);
	return 0;
}

static int end(void **state)
{
	via_findings_clear(&findings);
	return tree_fresh_end(state);
}

static void look(struct via_bdf bdf)
{
	via_findings_clear(&findings);
	via_sriov_preflight(tree_fresh.host, bdf, &findings);
	assert_false(findings.failed);
}

static void finds(enum via_severity severity, const char *id)
{
	assert_int_equal(findings.count, 1);
	assert_string_equal(findings.findings[0].id, id);
	assert_int_equal(findings.findings[0].severity, severity);
	assert_non_null(findings.findings[0].fix);
}

static void nothing_is_found_of_a_good_pf(void **state)
{
	(void)state;
	look(pf);
	assert_int_equal(findings.count, 0);
	tree_drop(&tree_fresh, PF "sriov_totalvfs");
	put_port(0, 1, 256);
	look(pf);
	assert_int_equal(findings.count, 0);
}

static void vfs_want_addresses(void **state)
{
	(void)state;
	tree_put(PF "resource", SEVEN NOTHING NOTHING NOTHING NOTHING NOTHING NOTHING);
	look(pf);
	finds(VIA_SEVERITY_WARNING, "sriov-space");
	tree_put(PF "resource",
		 SEVEN "0x0000000000000000 0x000000000001ffff 0x0000000020140200\n" NOTHING NOTHING
			 NOTHING NOTHING NOTHING);
	look(pf);
	finds(VIA_SEVERITY_WARNING, "sriov-space");
	tree_put(PF "resource", SEVEN); /* of a kernel without SR-IOV */
	look(pf);
	assert_int_equal(findings.count, 0);
}

static void vfs_want_numbers(void **state)
{
	(void)state;
	put_port(0, 1, 256);
	look(pf);
	finds(VIA_SEVERITY_WARNING, "sriov-ari");
	put_port(0, 1, 64); /* all that others than root see */
	look(pf);
	assert_int_equal(findings.count, 0);
	tree_put(PF "sriov_offset", "4\n");
	tree_put(PF "sriov_stride", "1\n");
	put_port(0, 1, 256); /* function 4 of the PF's own device */
	look(pf);
	assert_int_equal(findings.count, 0);
	tree_put(PF "sriov_offset", "243\n"); /* the last of 7 is function 249; then 256 */
	tree_put(PF "sriov_stride", "1\n");
	put_port(PCI_EXP_DEVCTL2_ARI, 1, 256);
	look(pf);
	assert_int_equal(findings.count, 0);
	tree_put(PF "sriov_offset", "250\n");
	look(pf);
	finds(VIA_SEVERITY_WARNING, "sriov-buses");
	put_port(PCI_EXP_DEVCTL2_ARI, 2, 256);
	look(pf);
	assert_int_equal(findings.count, 0);
	tree_put(PF "sriov_offset", "256\n"); /* on a bus of their own they need no ARI */
	put_port(0, 2, 256);
	look(pf);
	assert_int_equal(findings.count, 0);
}

static void a_vf_wants_its_pf_up(void **state)
{
	(void)state;
	tree_put(PF "net/eth7/flags", "0x1002\n");
	tree_add(&tree_fresh, (struct tree_entry){ "sys/bus/pci/devices/0000:01:10.0/physfn",
						   .link = "../0000:01:00.0" });
	look(vf);
	finds(VIA_SEVERITY_ERROR, "pf-down");
	assert_string_equal(findings.findings[0].fix, "ip link set eth7 up");
	tree_put(PF "net/eth7/flags", "0x1003\n");
	look(vf);
	assert_int_equal(findings.count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_found_of_a_good_pf),
		TEST(vfs_want_addresses),
		TEST(vfs_want_numbers),
		TEST(a_vf_wants_its_pf_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
