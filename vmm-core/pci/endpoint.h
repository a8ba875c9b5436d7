/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_PCI_ENDPOINT_H
#define VIA_VMM_PCI_ENDPOINT_H

#include <linux/pci_regs.h>
#include <stdbool.h>
#include <stdint.h>

#include <viaduct/util/error.h>

#include "../bus.h"
#include "host.h"

/*
 * An emulated PCI function: a header, a list of capabilities, and one 64-bit memory BAR (BAR 0).
 * It has no PCI Express capability, and so no extended configuration space: what a system would
 * look for there costs exits and says nothing.
 *
 * Guarded by the machine's lock.
 */
struct via_pci_endpoint_identity {
	uint16_t vendor, device, subsystem_vendor, subsystem;
	uint8_t revision;
	uint32_t class; /* class, subclass and interface: 0x020000 */
};

struct via_pci_endpoint;

struct via_pci_endpoint_owner {
	/** registers() - an access to the BAR. */
	via_bus_fn registers;
	/** config_read() - before bytes of the configuration space are read; NULL: nothing to do.
	 */
	void (*config_read)(void *owner, uint64_t offset, unsigned int size_bytes);
	/** config_written() - after the guest wrote to the configuration space. */
	void (*config_written)(void *owner, uint64_t offset, unsigned int size_bytes);
	/** moved() - the BAR appeared (@mapped) at @base, or is about to leave it. */
	void (*moved)(void *owner, bool mapped, uint64_t base);
};

struct via_pci_endpoint {
	struct via_pci_function function;
	struct via_pci_host *host;
	struct via_bus *mmio;
	const struct via_pci_endpoint_owner *ops;
	void *owner;
	uint8_t devfn;
	uint8_t value[PCI_CFG_SPACE_SIZE];
	uint8_t writable[PCI_CFG_SPACE_SIZE]; /* bits that the guest can change */
	uint8_t link;			      /* where the offset of the next capability goes */
	uint8_t end;			      /* where it may be */
	uint64_t placed;		      /* where the BAR is at the start */
	struct via_bus_range bar;
	bool mapped;
};

/**
 * via_pci_endpoint_init() - in the first slot after those of all other functions; not seen by the
 * guest before via_pci_endpoint_show(). @endpoint stays in place.
 * @bar_bytes: a power of two, at least 4096.
 *
 * Return: 0; -ENOSPC without a slot or room in the window above RAM.
 */
int via_pci_endpoint_init(struct via_pci_endpoint *endpoint, struct via_pci_host *host,
			  struct via_bus *mmio, const struct via_pci_endpoint_identity *identity,
			  uint64_t bar_bytes, const struct via_pci_endpoint_owner *ops, void *owner,
			  struct via_error *err);

/**
 * via_pci_endpoint_add() - one more capability, read-only but for @writable (NULL: all of it).
 * @capability: @size_bytes of it, from its ID on.
 *
 * Return: its offset. That there is room for all of them is the caller's to see to.
 */
uint8_t via_pci_endpoint_add(struct via_pci_endpoint *endpoint, const void *capability,
			     const void *writable, uint8_t size_bytes);

/** via_pci_endpoint_show() - complete. */
void via_pci_endpoint_show(struct via_pci_endpoint *endpoint);

/** via_pci_endpoint_hide() - take it out of the guest. One never shown, or zeroed, is left alone.
 */
void via_pci_endpoint_hide(struct via_pci_endpoint *endpoint);

/**
 * via_pci_endpoint_reset() - as at the start: BAR where it was placed, not decoded; the other bits
 * that the guest can change are zero.
 */
void via_pci_endpoint_reset(struct via_pci_endpoint *endpoint);

uint32_t via_pci_endpoint_get(const struct via_pci_endpoint *endpoint, uint64_t offset,
			      unsigned int size_bytes);
void via_pci_endpoint_set(struct via_pci_endpoint *endpoint, uint64_t offset,
			  unsigned int size_bytes, uint32_t value);

#endif
