/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_PCI_HOST_H
#define VIA_VMM_PCI_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include <viaduct/util/error.h>
#include <viaduct/util/range.h>

#include "../bus.h"

/*
 * The PCIe host bridge: bus 0, reached through ECAM only (PCIe 6.0, 7.2.2). The older port pair
 * CF8h/CFCh is left out on purpose: a kernel that finds it uses it for the first 256 bytes, at
 * two exits for each access instead of one.
 */
#define PCI_CONFIG_BYTES 4096U
#define PCI_FUNCTIONS	 256U

enum via_pci_window {
	VIA_PCI_PIO,
	VIA_PCI_MMIO32,
	VIA_PCI_MMIO64,
	VIA_PCI_WINDOWS,
};

/* A function's configuration space; accesses are aligned and of 1, 2 or 4 bytes. */
struct via_pci_function {
	via_bus_fn config;
	void (*remap)(void *owner); /* make what is decoded, and where, true again */
	void *owner;
	uint64_t reads, writes;
};

struct via_pci_host {
	struct via_bus_range ecam;
	struct via_range windows[VIA_PCI_WINDOWS];
	uint64_t next[VIA_PCI_WINDOWS];			   /* first address not handed out */
	struct via_pci_function *functions[PCI_FUNCTIONS]; /* by device << 3 | function */
};

/** via_pci_host_init() - @mmio64: the window above RAM. */
void via_pci_host_init(struct via_pci_host *host, struct via_range mmio64);

/**
 * via_pci_host_place() - an address for a BAR, aligned to its size, as firmware would choose.
 * @size_bytes: a power of two.
 *
 * Return: 0, or -ENOSPC when the window is full.
 */
int via_pci_host_place(struct via_pci_host *host, enum via_pci_window window, uint64_t size_bytes,
		       uint64_t *address);

/** via_pci_host_decodes() - whether a BAR may be there: inside one of the windows, so that no
 * guest can lay it over RAM, configuration space or interrupt controllers.
 */
bool via_pci_host_decodes(const struct via_pci_host *host, bool io, struct via_range range);

/**
 * via_pci_host_moved() - a function's BARs moved: let all follow, as one that was in the way of
 * another may be no longer.
 */
void via_pci_host_moved(struct via_pci_host *host);

/** via_pci_mmio64_window() - where the window goes for a guest with RAM up to @ram_end and
 * addresses of @physical_bits. Return: 0 or -ENOSPC.
 */
int via_pci_mmio64_window(uint64_t ram_end, unsigned int physical_bits, struct via_range *window,
			  struct via_error *err);

#endif
