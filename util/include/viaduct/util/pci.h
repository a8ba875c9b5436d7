/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_UTIL_PCI_H
#define VIADUCT_UTIL_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <viaduct/util/bdf.h>
#include <viaduct/util/error.h>
#include <viaduct/util/host.h>

/*
 * Configuration space (PCI Local Bus 3.0, chapter 6; PCI Express Base, chapter 7), which a device
 * may fill with anything, and the way from the root to a function.
 */
#define VIA_PCI_REGISTERS_BYTES 4096U

/* What was read of it. The kernel gives those without CAP_SYS_ADMIN the first 64 bytes. */
struct via_pci_registers {
	uint8_t bytes[VIA_PCI_REGISTERS_BYTES];
	size_t size_bytes;
};

/* A capability: its ID and where it begins. */
struct via_pci_capability {
	uint16_t id;
	uint16_t at;
};

/* As many as a list can have: one at every fourth byte from 40h, or from 100h. */
#define VIA_PCI_CAPABILITIES_MAX 48U
#define VIA_PCI_EXTENDED_MAX	 960U

/**
 * via_pci_capabilities() - the list of a type 0 or 1 header, in its order, cut where it loops,
 * leaves the first 256 bytes, or ends in what was not read.
 *
 * Return: how many were found.
 */
VIA_API size_t via_pci_capabilities(const uint8_t *bytes, size_t size_bytes,
				    struct via_pci_capability found[VIA_PCI_CAPABILITIES_MAX]);

/** via_pci_extended() - the list that begins at 100h, likewise; null capabilities are in it. */
VIA_API size_t via_pci_extended(const uint8_t *bytes, size_t size_bytes,
				struct via_pci_capability found[VIA_PCI_EXTENDED_MAX]);

/**
 * via_pci_registers_read() - as much as this user may read. To be checked: size_bytes.
 *
 * Return: 0, or the errno of open(2) or read(2): -ENOENT when sysfs has no such file.
 */
VIA_API int via_pci_registers_read(struct via_host *host, struct via_bdf bdf,
				   struct via_pci_registers *registers);

/** via_pci_registers_get() - @size_bytes (1, 2, 4) at @offset; all ones outside of what was read.
 */
VIA_API uint32_t via_pci_registers_get(const struct via_pci_registers *registers, size_t offset,
				       unsigned int size_bytes);

/** via_pci_registers_find() - where the first capability @id begins; 0 for none. */
VIA_API size_t via_pci_registers_find(const struct via_pci_registers *registers, uint8_t id);

/** via_pci_registers_find_extended() - the same of an extended capability. */
VIA_API size_t via_pci_registers_find_extended(const struct via_pci_registers *registers,
					       uint16_t id);

/* "00-1b-21-ff-ff-3a-4c-5e" and its NUL. */
#define VIA_PCI_SERIAL_BYTES 24

/**
 * via_pci_registers_serial() - the number of the Device Serial Number capability (PCI Express
 * Base, 7.9.3), the highest byte first, as lspci(8) prints it. The functions of a card may share it.
 *
 * Return: false when there is none, or the extended configuration space was not read.
 */
VIA_API bool via_pci_registers_serial(const struct via_pci_registers *registers,
				      char serial[static VIA_PCI_SERIAL_BYTES]);

/* Deeper hierarchies are cut: real ones have a handful of bridges. */
#define VIA_PCI_PATH_MAX 24U

/* The bridges and ports between the root bus and a function, the nearest to the root first. */
struct via_pci_path {
	struct via_bdf bridges[VIA_PCI_PATH_MAX];
	size_t count;
};

/**
 * via_pci_path_read() - from where sysfs links to. A VF's are those of its PF.
 *
 * Return: 0, or the errno of readlink(2): -EINVAL when sysfs tells no way.
 */
VIA_API int via_pci_path_read(struct via_host *host, struct via_bdf bdf, struct via_pci_path *path);

/** via_pci_path_has() - whether @bridge is on the way. */
VIA_API bool via_pci_path_has(const struct via_pci_path *path, struct via_bdf bridge);

#endif
