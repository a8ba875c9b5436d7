/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_LAYOUT_H
#define VIA_VMM_LAYOUT_H

/*
 * Where things are in the guest's physical address space. One table, used by the memory slots,
 * the e820 map, the ACPI tables and the PCI host, so that they cannot disagree.
 *
 *	0		.. RAM_LOW_END		RAM, up to 3 GiB of it
 *	MMIO32		.. ECAM			PCI memory window below 4 GiB
 *	ECAM		.. + 1 MiB		PCIe configuration space of bus 0
 *	FEC00000, FEE00000			I/O APIC, local APIC and MSI
 *	4 GiB		.. 			the rest of RAM
 *	MMIO64		..			PCI memory window above all RAM
 */

#define GIB (1ULL << 30)
#define MIB (1ULL << 20)

#define LAYOUT_RAM_LOW_END   (3 * GIB)
#define LAYOUT_MMIO32_BASE   LAYOUT_RAM_LOW_END
#define LAYOUT_MMIO32_BYTES  (512 * MIB)
#define LAYOUT_ECAM_BASE     (LAYOUT_MMIO32_BASE + LAYOUT_MMIO32_BYTES)
#define LAYOUT_ECAM_BYTES    (1 * MIB)
#define LAYOUT_IOAPIC_BASE   0xfec00000ULL
#define LAYOUT_LAPIC_BASE    0xfee00000ULL
#define LAYOUT_RAM_HIGH_BASE (4 * GIB)

/* Used by KVM on Intel hosts that cannot run real mode natively; below the reset vector. */
#define LAYOUT_IDENTITY_MAP 0xfffbc000UL
#define LAYOUT_TSS	    0xfffbd000UL

/* The first megabyte: what the firmware of a PC would have left there. */
#define LAYOUT_GDT	     0x6000ULL
#define LAYOUT_PVH_INFO	     0x6800ULL
#define LAYOUT_ZERO_PAGE     0x7000ULL
#define LAYOUT_PAGE_TABLES   0x9000ULL /* 6 pages: PML4, PDPT, 4 page directories */
#define LAYOUT_CMDLINE	     0x20000ULL
#define LAYOUT_CMDLINE_BYTES 0x10000ULL
#define LAYOUT_EBDA	     0x9fc00ULL
#define LAYOUT_ACPI	     0xe0000ULL
#define LAYOUT_ACPI_BYTES    0x1fff0ULL
#define LAYOUT_RESET_VECTOR  0xffff0ULL /* F000:FFF0, where a processor of old begins */
#define LAYOUT_KERNEL	     0x100000ULL

/* I/O ports. PCI I/O BARs go above the devices of a PC. */
#define LAYOUT_PORT_SERIAL	  0x3f8U
#define LAYOUT_PORT_SLEEP	  0x600U /* ACPI sleep control and status, one byte each */
#define LAYOUT_SLEEP_TYPE_OFF	  5U
#define LAYOUT_PORT_RESET	  0xcf9U
#define LAYOUT_RESET_VALUE	  0x06U	 /* what a PC's reset control register takes */
#define LAYOUT_PORT_HOTPLUG	  0x610U /* pci/hotplug.h */
#define LAYOUT_PORT_HOTPLUG_BYTES 12U
#define LAYOUT_PIO_BASE		  0x1000U
#define LAYOUT_PIO_BYTES	  0xf000U

#define LAYOUT_GSI_SERIAL      4U
#define LAYOUT_GSI_HOTPLUG     9U
#define LAYOUT_GSI_IOAPIC_PINS 24U
/* Pins 16 to 23 are PCI's, dealt out so that neighbours share none: acpi/dsdt.asl, _PRT. */
#define LAYOUT_GSI_PCI(slot, pin) (16U + (((uint32_t)(slot) + (uint32_t)(pin)-1U) & 7U))

#define LAYOUT_SLOTS 32U /* of bus 0; the host bridge has the first */

#endif
