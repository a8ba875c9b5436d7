/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pciname.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pci/pci.h>

#include <viaduct/util/cleanup.h>

#include "output.h"

/* pci.ids alone: what udev's hardware database knows comes from it too. */
#define DEVICE_FLAGS (PCI_LOOKUP_VENDOR | PCI_LOOKUP_DEVICE | PCI_LOOKUP_NO_HWDB)
#define CLASS_FLAGS  (PCI_LOOKUP_CLASS | PCI_LOOKUP_NO_HWDB)

struct via_pciname {
	struct pci_access *access;
};

/* Of a database that cannot be parsed; libpci cannot go on after it. */
static __attribute__((noreturn)) void database_error(char *message, ...)
{
	char text[VIA_ERROR_TEXT_BYTES];
	va_list args;

	va_start(args, message);
	vsnprintf(text, sizeof(text), message, args);
	va_end(args);
	via_error_print("cannot read the PCI ID database: %s", text);
	exit(VIA_EXIT_FAILED);
}

static void database_warning(char *message, ...)
{
	(void)message;
}

int via_pciname_open(const struct via_cli *cli, struct via_pciname **names_out,
		     struct via_error *err)
{
	struct via_pciname *names = calloc(1, sizeof(*names));

	if (names)
		names->access = pci_alloc();
	if (!names || !names->access) {
		free(names);
		return via_error_sys(err, ENOMEM, "cannot read the PCI ID database");
	}
	names->access->error = database_error;
	names->access->warning = database_warning;
	names->access->debug = database_warning;
	/* pci_init() would look for a way into configuration space, and exit without one. */
	if (!via_host_is_real(cli->host)) {
		char *path = NULL;

		if (asprintf(&path, "%s/usr/share/misc/pci.ids", cli->root) < 0)
			path = NULL;
		if (path)
			pci_set_name_list_path(names->access, path, 1);
	}
	*names_out = names;
	return 0;
}

void via_pciname_closep(struct via_pciname **names)
{
	if (!*names)
		return;
	pci_free_name_list((*names)->access);
	pci_cleanup((*names)->access);
	free(*names);
}

struct via_pciname_text via_pciname_device(struct via_pciname *names, uint16_t vendor_id,
					   uint16_t device_id)
{
	struct via_pciname_text out = { "" };
	const char *text = pci_lookup_name(names->access, out.text, sizeof(out.text), DEVICE_FLAGS,
					   (int)vendor_id, (int)device_id);

	/* libpci returns a constant when the name does not fit. */
	if (text && text != out.text)
		snprintf(out.text, sizeof(out.text), "%s", text);
	return out;
}

struct via_pciname_text via_pciname_class(struct via_pciname *names, uint32_t class_code)
{
	struct via_pciname_text out = { "" };
	const char *text = pci_lookup_name(names->access, out.text, sizeof(out.text), CLASS_FLAGS,
					   (int)(class_code >> 8));

	if (text && text != out.text)
		snprintf(out.text, sizeof(out.text), "%s", text);
	return out;
}
