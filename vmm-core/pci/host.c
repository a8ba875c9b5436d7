/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host.h"

#include <errno.h>

#include "../layout.h"

/* Four-level nested page tables and a guest with four-level paging both reach this far. */
#define PHYSICAL_BITS_MAX 46U

static void access_dword(struct via_pci_host *host, struct via_bus_access *access)
{
	struct via_pci_function *function = host->functions[access->offset / PCI_CONFIG_BYTES];

	if (!function || access->offset % access->size_bytes)
		return; /* reads stay all ones: nobody there */
	access->offset %= PCI_CONFIG_BYTES;
	if (access->write)
		function->writes++;
	else
		function->reads++;
	function->config(function->owner, access);
}

static void access_ecam(void *owner, struct via_bus_access *access)
{
	struct via_pci_host *host = owner;
	struct via_bus_access half = *access;

	if (access->size_bytes <= 4) {
		access_dword(host, access);
		return;
	}
	/* PCIe allows no quadword in configuration space; processors do write them. */
	if (access->offset % 8)
		return;
	half.size_bytes = 4;
	half.value = access->value & UINT32_MAX;
	access_dword(host, &half);
	access->value = (access->value & ~(uint64_t)UINT32_MAX) | (half.value & UINT32_MAX);
	half = (struct via_bus_access){
		.offset = access->offset + 4,
		.value = access->value >> 32,
		.size_bytes = 4,
		.write = access->write,
	};
	access_dword(host, &half);
	access->value = (access->value & UINT32_MAX) | half.value << 32;
}

void via_pci_host_init(struct via_pci_host *host, struct via_range mmio64)
{
	*host = (struct via_pci_host){
		.ecam = {
			.base = LAYOUT_ECAM_BASE, .size_bytes = LAYOUT_ECAM_BYTES,
			.access = access_ecam, .owner = host,
		},
		.windows = {
			[VIA_PCI_PIO] = { LAYOUT_PIO_BASE, LAYOUT_PIO_BASE + LAYOUT_PIO_BYTES - 1 },
			[VIA_PCI_MMIO32] = { LAYOUT_MMIO32_BASE,
					     LAYOUT_MMIO32_BASE + LAYOUT_MMIO32_BYTES - 1 },
			[VIA_PCI_MMIO64] = mmio64,
		},
	};
	for (int i = 0; i < VIA_PCI_WINDOWS; i++)
		host->next[i] = host->windows[i].first;
}

int via_pci_host_place(struct via_pci_host *host, enum via_pci_window window, uint64_t size_bytes,
		       uint64_t *address)
{
	struct via_range range;
	uint64_t first;

	/* At least a page each, so that every BAR can be mapped on its own. */
	if (window != VIA_PCI_PIO && size_bytes < 4096)
		size_bytes = 4096;
	if (__builtin_add_overflow(host->next[window], size_bytes - 1, &first))
		return -ENOSPC;
	first &= ~(size_bytes - 1);
	if (via_range_make(first, size_bytes, &range) ||
	    !via_range_contains(host->windows[window], range))
		return -ENOSPC;
	host->next[window] = range.last + 1;
	*address = first;
	return 0;
}

void via_pci_host_moved(struct via_pci_host *host)
{
	for (size_t i = 0; i < PCI_FUNCTIONS; i++)
		if (host->functions[i] && host->functions[i]->remap)
			host->functions[i]->remap(host->functions[i]->owner);
}

bool via_pci_host_decodes(const struct via_pci_host *host, bool io, struct via_range range)
{
	if (io)
		return via_range_contains(host->windows[VIA_PCI_PIO], range);
	return via_range_contains(host->windows[VIA_PCI_MMIO32], range) ||
	       via_range_contains(host->windows[VIA_PCI_MMIO64], range);
}

int via_pci_mmio64_window(uint64_t ram_end, unsigned int physical_bits, struct via_range *window,
			  struct via_error *err)
{
	unsigned int bits = physical_bits < PHYSICAL_BITS_MAX ? physical_bits : PHYSICAL_BITS_MAX;
	uint64_t size_bytes, first;

	/* A quarter of the address space, aligned to itself: room for any BAR that can exist. */
	if (bits < 34)
		bits = 34;
	size_bytes = 1ULL << (bits - 2);
	first = ram_end <= size_bytes ? size_bytes : (ram_end + size_bytes - 1) & ~(size_bytes - 1);
	if (first + size_bytes > 1ULL << bits)
		return via_error_set(err, ENOSPC,
				     "a guest memory that ends at %llu GiB leaves no room for PCI "
				     "windows in the %u address bits of this host's guests",
				     (unsigned long long)(ram_end / GIB), physical_bits);
	return via_range_make(first, size_bytes, window);
}
