/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "vmm-bench.h"

/* "0:43 2:11": the counts of vectors that were seen, for 0000:01:10.0. */
static const char *counts(struct bench *f, const char *kind, uint32_t count, const char *interrupts)
{
	static char text[256];
	uint64_t seen[8] = { 0 };

	if (!f->function)
		bench_add(f);
	if (interrupts)
		tree_add(&f->vf.tree, (struct tree_entry){ "proc/interrupts", interrupts });
	via_passthrough_interrupts(f->function, kind, seen, count);
	text[0] = '\0';
	for (uint32_t i = 0; i < 8; i++)
		if (seen[i])
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%u:%llu",
				 text[0] ? " " : "", i, (unsigned long long)seen[i]);
	return text;
}

static const char all[] = "           CPU0       CPU1\n"
			  "  4:        100        200   IO-APIC   4-edge      ttyS0\n"
			  " 16:          7          8  IR-IO-APIC   16-fasteoi   ehci_hcd:usb1, "
			  "vfio-intx(0000:02:00.0), vfio-intx(0000:01:10.0)\n"
			  " 28:          3         40  IR-PCI-MSIX-0000:01:10.0    0-edge      "
			  "vfio-msix[0](0000:01:10.0)\n"
			  " 29:          5          6  IR-PCI-MSIX-0000:01:10.0    2-edge      "
			  "vfio-msix[2](0000:01:10.0)\n"
			  " 30:       1000       1000  IR-PCI-MSIX-0000:01:10.2    0-edge      "
			  "vfio-msix[0](0000:01:10.2)\n"
			  " 31:       1000       1000  IR-PCI-MSIX-0000:01:10.0    7-edge      "
			  "vfio-msix[7](0000:01:10.0)\n"
			  " 32: 4294967296 4294967296  IR-PCI-MSI-0000:01:10.0    0-edge      "
			  "vfio-msi[1](0000:01:10.0)\n"
			  "NMI:          9          9   Non-maskable interrupts\n";

static void each_kind_has_its_counts(void **state)
{
	struct bench *f = *state;

	assert_string_equal(counts(f, "vfio-msix", 3, all), "0:43 2:11");
	assert_string_equal(counts(f, "vfio-msix", 8, NULL), "0:43 2:11 7:2000");
	assert_string_equal(counts(f, "vfio-msi", 8, NULL), "1:8589934592");
	assert_string_equal(counts(f, "vfio-intx", 1, NULL), "0:15");
}

static void a_shared_line_counts_for_all_it_names(void **state)
{
	static const char *const lines[] = {
		" 16: 5  IO-APIC  16-fasteoi  vfio-intx(0000:01:10.0), vfio-intx(0000:02:00.0)\n",
		" 16: 5  IO-APIC  16-fasteoi  vfio-intx(0000:02:00.0), vfio-intx(0000:01:10.0)\n",
		" 16: 5  IO-APIC  16-fasteoi  uhci_hcd, i801, vfio-intx(0000:01:10.0)\n",
	};
	struct bench *f = *state;

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		assert_string_equal(counts(f, "vfio-intx", 1, lines[i]), "0:5");
}

static void what_is_no_line_of_ours_does_not_count(void **state)
{
	static const char *const lines[] = {
		"",
		"\n\n\n",
		" 16: 5  IO-APIC  16-fasteoi  vfio-intx(0000:01:10.1)\n",
		" 16: 5  IO-APIC  16-fasteoi  vfio-intx\n",
		" 16: 5  IO-APIC  16-fasteoi  vfio-intx(\n",
		" 16: 5  IO-APIC  16-fasteoi  vfio-intx(0000:01\n",
		" 16: 5  IO-APIC  16-fasteoi  vfio-intx[(0000:01:10.0)\n",
		" 16: 5  IO-APIC  16-fasteoi  vfio-intx[8](0000:01:10.0)\n",
		" 16: 5  IO-APIC  16-fasteoi  vfio-intx[-1](0000:01:10.0)\n",
		" 16: 5  IO-APIC  16-fasteoi  vfio-intx-handler(0000:01:10.0)\n",
		" 16:  IO-APIC  16-fasteoi  vfio-intx(0000:01:10.0)\n",
		" 16:",
		"vfio-intx(0000:01:10.0)",
		"vfio-intx(0000:01:10.0) 16 5 5\n",
	};
	struct bench *f = *state;

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		if (*counts(f, "vfio-intx", 8, lines[i]))
			fail_msg("\"%s\" counts", lines[i]);
	/* Nor is the end of a line that is cut off in the middle of a number. */
	assert_string_equal(counts(f, "vfio-intx", 8, " 16: 5 6 vfio-intx(0000:01:10.0)"), "0:11");
	tree_drop(&f->vf.tree, "proc/interrupts");
	assert_string_equal(counts(f, "vfio-intx", 8, NULL), "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_kind_has_its_counts),
		TEST(a_shared_line_counts_for_all_it_names),
		TEST(what_is_no_line_of_ours_does_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
