/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "layout.h"
#include "pci/host.h"

static const struct via_range mmio64 = { 1ULL << 34, (1ULL << 35) - 1 };

static void bars_are_placed_aligned_to_their_size(void **state)
{
	struct via_pci_host host;
	uint64_t address;

	(void)state;
	via_pci_host_init(&host, mmio64);
	assert_int_equal(via_pci_host_place(&host, VIA_PCI_MMIO32, 0x4000, &address), 0);
	assert_int_equal(address, LAYOUT_MMIO32_BASE);
	assert_int_equal(via_pci_host_place(&host, VIA_PCI_MMIO32, 1 << 20, &address), 0);
	assert_int_equal(address, LAYOUT_MMIO32_BASE + MIB);
	/* Below a page each still has its own. */
	assert_int_equal(via_pci_host_place(&host, VIA_PCI_MMIO32, 16, &address), 0);
	assert_int_equal(address, LAYOUT_MMIO32_BASE + 2 * MIB);
	assert_int_equal(via_pci_host_place(&host, VIA_PCI_MMIO32, 128, &address), 0);
	assert_int_equal(address, LAYOUT_MMIO32_BASE + 2 * MIB + 4096);
	assert_int_equal(via_pci_host_place(&host, VIA_PCI_PIO, 4, &address), 0);
	assert_int_equal(address, 0x1000);
	assert_int_equal(via_pci_host_place(&host, VIA_PCI_PIO, 32, &address), 0);
	assert_int_equal(address, 0x1020);
	assert_int_equal(via_pci_host_place(&host, VIA_PCI_MMIO64, 8 * GIB, &address), 0);
	assert_true(address == 16 * GIB);
	assert_int_equal(via_pci_host_place(&host, VIA_PCI_MMIO64, 4096, &address), 0);
	assert_true(address == 24 * GIB);
}

static void a_full_window_says_so(void **state)
{
	struct via_pci_host host;
	uint64_t address = 123;

	(void)state;
	via_pci_host_init(&host, mmio64);
	assert_int_equal(via_pci_host_place(&host, VIA_PCI_MMIO32, GIB, &address), -ENOSPC);
	assert_int_equal(via_pci_host_place(&host, VIA_PCI_MMIO64, 1ULL << 62, &address), -ENOSPC);
	assert_int_equal(via_pci_host_place(&host, VIA_PCI_MMIO64, 1ULL << 63, &address), -ENOSPC);
	assert_int_equal(via_pci_host_place(&host, VIA_PCI_PIO, 0x10000, &address), -ENOSPC);
	assert_int_equal(address, 123);
	/* Half of it, and what is aligned to that has no room twice. */
	assert_int_equal(via_pci_host_place(&host, VIA_PCI_MMIO32, 16, &address), 0);
	assert_int_equal(via_pci_host_place(&host, VIA_PCI_MMIO32, 256 * MIB, &address), 0);
	assert_int_equal(address, LAYOUT_MMIO32_BASE + 256 * MIB);
	assert_int_equal(via_pci_host_place(&host, VIA_PCI_MMIO32, 256 * MIB, &address), -ENOSPC);
	assert_int_equal(via_pci_host_place(&host, VIA_PCI_MMIO32, 16, &address), -ENOSPC);
}

static bool decodes(const struct via_pci_host *host, bool io, uint64_t first, uint64_t size_bytes)
{
	return via_pci_host_decodes(host, io, (struct via_range){ first, first + size_bytes - 1 });
}

static void a_bar_is_decoded_inside_the_windows_only(void **state)
{
	struct via_pci_host host;

	(void)state;
	via_pci_host_init(&host, mmio64);
	assert_true(decodes(&host, false, LAYOUT_MMIO32_BASE, 0x1000));
	assert_true(decodes(&host, false, LAYOUT_ECAM_BASE - 0x1000, 0x1000));
	assert_true(decodes(&host, false, mmio64.first, 0x1000));
	assert_true(decodes(&host, false, mmio64.last - 0xfff, 0x1000));
	assert_true(decodes(&host, true, 0x1000, 0x20));
	assert_true(decodes(&host, true, 0xffe0, 0x20));
	/* RAM, configuration space, interrupt controllers, the edges. */
	assert_false(decodes(&host, false, 0, 0x1000));
	assert_false(decodes(&host, false, LAYOUT_RAM_LOW_END - 0x1000, 0x2000));
	assert_false(decodes(&host, false, LAYOUT_ECAM_BASE - 0x1000, 0x2000));
	assert_false(decodes(&host, false, LAYOUT_ECAM_BASE, 0x1000));
	assert_false(decodes(&host, false, LAYOUT_IOAPIC_BASE, 0x1000));
	assert_false(decodes(&host, false, LAYOUT_LAPIC_BASE, 0x1000));
	assert_false(decodes(&host, false, LAYOUT_RAM_HIGH_BASE, 0x1000));
	assert_false(decodes(&host, false, mmio64.first - 0x1000, 0x1000));
	assert_false(decodes(&host, false, mmio64.last, 0x1000));
	assert_false(decodes(&host, true, LAYOUT_PORT_SERIAL, 8));
	assert_false(decodes(&host, true, 0xff0, 0x20));
	assert_false(decodes(&host, true, LAYOUT_MMIO32_BASE, 0x20));
	assert_false(decodes(&host, false, 0x1000, 0x20));
}

static void the_upper_window_is_above_all_memory(void **state)
{
	static const struct {
		uint64_t ram_end;
		unsigned int bits;
		uint64_t first, size_bytes;
	} cases[] = {
		{ 32 * MIB, 36, 1ULL << 34, 1ULL << 34 },
		{ 5 * GIB, 39, 1ULL << 37, 1ULL << 37 },
		{ 5 * GIB, 46, 1ULL << 44, 1ULL << 44 },
		{ 5 * GIB, 52, 1ULL << 44, 1ULL << 44 }, /* not beyond four levels of paging */
		{ 17 * GIB, 36, 1ULL << 35, 1ULL << 34 },
		{ 1ULL << 34, 36, 1ULL << 34, 1ULL << 34 },
		{ 5 * GIB, 32, 1ULL << 33, 1ULL << 32 }, /* below 34 bits is a mistake of CPUID */
	};
	struct via_range window = { 1, 2 };
	struct via_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(
			via_pci_mmio64_window(cases[i].ram_end, cases[i].bits, &window, &err), 0);
		assert_true(window.first == cases[i].first);
		assert_true(window.last == cases[i].first + cases[i].size_bytes - 1);
		assert_true(window.first >= cases[i].ram_end);
	}
	assert_int_equal(via_pci_mmio64_window(49 * GIB, 36, &window, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "49 GiB"));
	assert_non_null(strstr(err.text, "36 address bits"));
}

static char asked[256];

static void config(void *owner, struct via_bus_access *access)
{
	size_t used = strlen(asked);

	(void)owner;
	snprintf(asked + used, sizeof(asked) - used, access->write ? "%llx:%u=%llx " : "%llx:%u ",
		 (unsigned long long)access->offset, access->size_bytes,
		 (unsigned long long)access->value);
	if (!access->write)
		access->value = 0x11223344;
}

static uint64_t ecam(struct via_pci_host *host, uint64_t offset, unsigned int size_bytes,
		     bool write, uint64_t value)
{
	struct via_bus_access access = {
		.offset = offset,
		.size_bytes = size_bytes,
		.write = write,
		.value = write ? value : UINT64_MAX,
	};

	host->ecam.access(host->ecam.owner, &access);
	return access.value;
}

static void accesses_reach_their_function_naturally_aligned(void **state)
{
	struct via_pci_function function = { .config = config };
	struct via_pci_host host;

	(void)state;
	via_pci_host_init(&host, mmio64);
	host.functions[0xff] = host.functions[9] = &function;
	assert_int_equal(ecam(&host, 0xff000, 4, false, 0), 0x11223344);
	assert_int_equal(ecam(&host, 0x9ffc, 4, false, 0), 0x11223344);
	assert_int_equal(ecam(&host, 0x9ff8, 8, false, 0), 0x1122334411223344);
	ecam(&host, 0x9010, 8, true, 0xaaaaaaaabbbbbbbb);
	assert_string_equal(asked, "0:4 ffc:4 ff8:4 ffc:4 10:4=bbbbbbbb 14:4=aaaaaaaa ");
	asked[0] = '\0';
	assert_true(ecam(&host, 0x9001, 2, false, 0) == UINT64_MAX);
	assert_true(ecam(&host, 0x9002, 4, false, 0) == UINT64_MAX);
	assert_true(ecam(&host, 0x9004, 8, false, 0) == UINT64_MAX);
	assert_true(ecam(&host, 0x8ffc, 4, false, 0) == UINT64_MAX);
	assert_true(ecam(&host, 0xa000, 8, false, 0) == UINT64_MAX);
	ecam(&host, 0x9004, 8, true, 0);
	assert_string_equal(asked, "");
	assert_int_equal(function.reads, 4);
	assert_int_equal(function.writes, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bars_are_placed_aligned_to_their_size),
		cmocka_unit_test(a_full_window_says_so),
		cmocka_unit_test(a_bar_is_decoded_inside_the_windows_only),
		cmocka_unit_test(the_upper_window_is_above_all_memory),
		cmocka_unit_test(accesses_reach_their_function_naturally_aligned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
