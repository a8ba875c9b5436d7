/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>

#include "layout.h"
#include "vmm-bench.h"

/* Registers that are mapped, of 32 bits; BAR 3 has pages that trap. */
static void give(struct bench *f)
{
	vmm_function_put(&f->vf, 0x10, 4, 0x8);
	vmm_function_put(&f->vf, 0x1c, 4, 0x8);
	bench_give_slots(f);
}

/* Where devices find registers: by address, "c0000000+4000 c0005000+1000 ". */
static const char *reached(struct bench *f)
{
	static char text[256];
	uint64_t after = 0;

	text[0] = '\0';
	for (size_t i = 0; i < f->vf.fake.map_count; i++) {
		const struct vfio_iommu_type1_dma_map *next = NULL;

		for (size_t j = 0; j < f->vf.fake.map_count; j++)
			if (f->vf.fake.maps[j].iova >= after &&
			    (!next || f->vf.fake.maps[j].iova < next->iova))
				next = &f->vf.fake.maps[j];
		after = next->iova + 1;
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%llx+%llx ",
			 (unsigned long long)next->iova, (unsigned long long)next->size);
	}
	return text;
}

static void registers_are_reached_where_the_guest_has_them(void **state)
{
	struct bench *f = *state;

	give(f);
	f->peers = true;
	bench_add(f);
	assert_string_equal(reached(f), "");
	bench_config_write(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	/* Not what traps: the MSI-X table and its pending bits. */
	assert_string_equal(reached(f), "c0000000+4000 c0005000+1000 c0007000+1000 ");
	for (size_t i = 0; i < f->vf.fake.map_count; i++)
		assert_int_equal(f->vf.fake.maps[i].flags,
				 VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
	bench_config_write(f, 0x10, 4, 0xd0000000);
	assert_string_equal(reached(f), "c0005000+1000 c0007000+1000 d0000000+4000 ");
	assert_int_equal(f->vf.fake.unmap_calls, 1);
	bench_config_write(f, PCI_COMMAND, 2, 0);
	assert_string_equal(reached(f), "");
	bench_config_write(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(via_passthrough_quiesce(f->function, &f->err), 0);
	assert_string_equal(reached(f), "");
	assert_string_equal(f->vf.log, "");
}

static void a_function_alone_is_not_reached(void **state)
{
	struct bench *f = *state;

	give(f);
	bench_add(f);
	bench_config_write(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_true(f->function->bars.bars[0].mapped);
	assert_int_equal(f->vf.fake.map_calls, 0);
}

/* The old mapping goes before the device is told and before the new one comes. */
static void a_mapping_goes_before_its_slot(void **state)
{
	struct bench *f = *state;

	give(f);
	f->peers = true;
	bench_add(f);
	bench_config_write(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	/* Two change places: none is in the way of the other. */
	bench_config_write(f, 0x10, 4, 0xd0000000);
	bench_config_write(f, 0x1c, 4, LAYOUT_MMIO32_BASE);
	assert_string_equal(reached(f), "c0001000+1000 c0003000+1000 d0000000+4000 ");
	assert_string_equal(f->vf.log, "");
}

static void what_the_iommu_does_not_reach_is_told_once(void **state)
{
	static const struct vfio_iova_range low[] = { { 0, 0xbfffffff } };
	struct bench *f = *state;

	give(f);
	f->peers = true;
	fake_iommu_ranges(&f->vf.fake, low, 1, 100);
	bench_add(f);
	bench_config_write(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_int_equal(f->vf.fake.map_calls, 0);
	assert_true(f->function->bars.bars[0].mapped);
	assert_non_null(strstr(f->vf.log, "0000:01:10.0: other devices cannot reach its BAR 0: "
					  "devices cannot reach device registers at 0xc0000000"));
	assert_ptr_equal(strchr(f->vf.log, '\n'), strrchr(f->vf.log, '\n'));
	bench_config_write(f, PCI_COMMAND, 2, 0);
	assert_int_equal(f->vf.fake.unmap_calls, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(registers_are_reached_where_the_guest_has_them),
		TEST(a_function_alone_is_not_reached),
		TEST(a_mapping_goes_before_its_slot),
		TEST(what_the_iommu_does_not_reach_is_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
