/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_ACPI_TABLES_H
#define VIA_VMM_ACPI_TABLES_H

#include <stddef.h>
#include <stdint.h>

#include <viaduct/util/error.h>
#include <viaduct/util/range.h>

/*
 * The ACPI tables of the guest (ACPI 6.5, chapter 5): hardware-reduced, because a machine without
 * PM timer, PIC, PIT, RTC and keyboard controller saves the guest the time, and the exits, of
 * looking for them.
 */
struct via_acpi_config {
	unsigned int cpus;
	struct via_range mmio64; /* PCI window above RAM */
	uint32_t slots;		 /* whose device can leave while the guest runs, by bit */
};

/**
 * via_acpi_build() - write RSDP, XSDT, FADT, MADT, MCFG and DSDT, the RSDP first.
 * @tables: where they go; @gpa: the guest's address of it.
 *
 * Return: 0 or -ENOSPC when @room_bytes are too few.
 */
int via_acpi_build(const struct via_acpi_config *config, uint8_t *tables, size_t room_bytes,
		   uint64_t gpa, struct via_error *err);

#endif
