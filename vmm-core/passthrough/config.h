/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_PASSTHROUGH_CONFIG_H
#define VIA_VMM_PASSTHROUGH_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <viaduct/util/error.h>

#include "../pci/host.h"

/*
 * The configuration space the guest sees, as a plan for each byte: where reads come from, which
 * bits writes change, and whether writes reach the device. Built once from a snapshot; knows
 * nothing of VFIO, so that it can be tested and fuzzed with any snapshot.
 */
struct via_pci_config {
	uint8_t value[PCI_CONFIG_BYTES];    /* what emulated bytes read as */
	uint8_t emulated[PCI_CONFIG_BYTES]; /* 1: reads come from value, 0: from the device */
	uint8_t writable[PCI_CONFIG_BYTES]; /* bits of an emulated byte that the guest can change */
	uint8_t forward[PCI_CONFIG_BYTES];  /* 1: writes go to the device */
	size_t size_bytes;		    /* 256 or 4096 */
	uint16_t msi;			    /* offset of the MSI capability, 0: none */
	uint8_t msi_bytes;
	uint16_t msix; /* offset of the MSI-X capability, 0: none */
	uint16_t pcie; /* of the PCI Express capability, 0: none */
	uint16_t af;   /* of Advanced Features, 0: none */
	uint16_t pm;   /* of the power management capability, 0: none */
};

/**
 * via_pci_config_build() - the plan for a function whose configuration space reads as @snapshot.
 * Capability lists that loop or leave the space are cut where they do.
 *
 * Return: 0; -EPROTO when it is no type 0 header or reads as all ones.
 */
int via_pci_config_build(struct via_pci_config *config, const uint8_t *snapshot, size_t size_bytes,
			 struct via_error *err);

/** via_pci_config_get() - @size_bytes (1, 2, 4) of the emulated value at @offset. */
uint32_t via_pci_config_get(const struct via_pci_config *config, size_t offset,
			    unsigned int size_bytes);
void via_pci_config_set(struct via_pci_config *config, size_t offset, unsigned int size_bytes,
			uint32_t value);

/** via_pci_config_emulates() - whether none of these bytes needs the device to be read. */
bool via_pci_config_emulates(const struct via_pci_config *config, size_t offset,
			     unsigned int size_bytes);

/** via_pci_config_merge() - what the guest reads when the device says @device. */
uint32_t via_pci_config_merge(const struct via_pci_config *config, size_t offset,
			      unsigned int size_bytes, uint32_t device);

/** via_pci_config_write() - take the guest's write into the emulated bytes. */
void via_pci_config_write(struct via_pci_config *config, size_t offset, unsigned int size_bytes,
			  uint32_t value);

#endif
