/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_PCINAME_H
#define VIADUCT_TOOLS_PCINAME_H

#include <stdint.h>

#include <viaduct/util/error.h>

#include "command.h"

/* Names of devices and classes from the PCI ID database (pci.ids). */
struct via_pciname;

#define VIA_PCINAME_TEXT_BYTES 256

struct via_pciname_text {
	char text[VIA_PCINAME_TEXT_BYTES];
};

/**
 * via_pciname_open() - the host's database, or usr/share/misc/pci.ids below VIADUCT_ROOT.
 *
 * Return: 0 or -ENOMEM.
 */
int via_pciname_open(const struct via_cli *cli, struct via_pciname **names, struct via_error *err);
void via_pciname_closep(struct via_pciname **names);

/* Names as lspci(8) prints them; numbers where the database has no name. Their text lives as long
 * as the enclosing full expression. */
struct via_pciname_text via_pciname_device(struct via_pciname *names, uint16_t vendor_id,
					   uint16_t device_id);
struct via_pciname_text via_pciname_class(struct via_pciname *names, uint32_t class_code);

#endif
