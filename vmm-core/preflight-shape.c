/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "preflight.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>

#include <viaduct/util/cleanup.h>
#include <viaduct/util/pci.h>
#include <viaduct/vfio/reset.h>

#include "passthrough/bars.h"
#include "passthrough/config.h"
#include "passthrough/msix.h"
#include "passthrough/passthrough.h"
#include "passthrough/reset.h"
#include "passthrough/rom.h"

#define PAGE_BYTES 4096U

/* One function, and what is known of it. */
struct shape {
	struct via_preflight *preflight;
	struct via_bdf bdf;
	struct via_vfio_facts facts;
	struct via_pci_config config; /* that the guest would see */
};

static void refuse(const struct shape *shape, const char *id, int rc, const struct via_error *why)
{
	struct via_error err;

	via_passthrough_refuse(shape->bdf, rc, why, &err);
	via_preflight_error(shape->preflight, id, &shape->bdf, &err);
}

/*
 * As VFIO shows it: of a VF the IDs in the registers are all ones, and the kernel's are those of
 * the PF's capability. Without privilege only the header was read, and the rest is taken for empty.
 */
static int check_config(struct shape *shape, const struct via_pci_registers *registers)
{
	static const char *const ids[] = { "vendor", "device" };
	uint8_t snapshot[PCI_CONFIG_BYTES] = { 0 };
	struct via_error why;
	uint64_t id;
	int rc;

	memcpy(snapshot, registers->bytes, registers->size_bytes);
	for (size_t i = 0; shape->facts.config != VIA_VFIO_CONFIG_GONE && i < 2; i++)
		if (!via_host_read_u64(shape->preflight->host, &id, "sys/bus/pci/devices/%s/%s",
				       via_bdf_text(shape->bdf).text, ids[i])) {
			snapshot[2 * i] = (uint8_t)id;
			snapshot[2 * i + 1] = (uint8_t)(id >> 8);
		}
	rc = via_pci_config_build(&shape->config, snapshot,
				  registers->size_bytes > PCI_CFG_SPACE_SIZE ? PCI_CONFIG_BYTES
									     : PCI_CFG_SPACE_SIZE,
				  &why);
	if (!rc)
		return 0;
	if (shape->facts.config == VIA_VFIO_CONFIG_GONE) {
		refuse(shape, "device-gone", rc, &why);
		via_findings_fix(shape->preflight->findings,
				 "echo 1 >/sys/bus/pci/devices/%s/remove, then echo 1 "
				 ">/sys/bus/pci/rescan, or a power cycle",
				 via_bdf_text(shape->bdf).text);
	} else {
		refuse(shape, "bridge", rc, &why);
	}
	return rc;
}

static void check_msix(const struct shape *shape)
{
	if (!via_msix_vectors(&shape->config))
		return;
	for (int i = 0; i < MSIX_STRUCTURES; i++) {
		const struct via_msix_structure structure = via_msix_place(&shape->config, i);
		uint64_t region_bytes =
			structure.bar < BARS_MAX ? shape->facts.bars[structure.bar].size_bytes : 0;
		struct via_error why;
		int rc = via_msix_check_place(i, &structure, region_bytes, &why);

		if (!rc)
			continue;
		refuse(shape, "msix-outside", rc, &why);
		return;
	}
}

static int place(const struct shape *shape, const struct via_bar *bar, uint32_t index)
{
	struct via_error why;
	uint64_t address;
	int rc = via_bar_place(&shape->preflight->pci, bar, index, &address, &why);

	if (!rc)
		return 0;
	refuse(shape, index == BARS_ROM ? "rom-space" : "bar-space", rc, &why);
	via_findings_why(shape->preflight->findings,
			 "the guest's window for %s is shared by all its devices",
			 bar->io ? "I/O ports" : "addresses of 32 bits");
	via_findings_fix(shape->preflight->findings,
			 index == BARS_ROM ? "--device %s,rom=off" : "fewer devices beside %s",
			 via_bdf_text(shape->bdf).text);
	return rc;
}

static void tell_of_mapping(const struct shape *shape, unsigned int index)
{
	const struct via_vfio_bar *known = &shape->facts.bars[index];
	struct via_findings *findings = shape->preflight->findings;

	if (known->io) {
		via_findings_add(findings, VIA_SEVERITY_INFO, "bar-ports", &shape->bdf,
				 "its BAR %u is I/O ports: each access is an exit", index);
	} else if (known->size_bytes < PAGE_BYTES) {
		via_findings_add(findings, VIA_SEVERITY_WARNING, "bar-below-page", &shape->bdf,
				 "its BAR %u of %" PRIu64 " bytes cannot be mapped into a guest",
				 index, known->size_bytes);
		via_findings_why(findings, "it is smaller than a page of 4096 bytes, so each "
					   "access to it is an exit");
	} else if (known->mappable_known && known->mappable_bytes < known->size_bytes) {
		via_findings_add(findings, VIA_SEVERITY_INFO, "bar-msix-page", &shape->bdf,
				 "of its BAR %u, %" PRIu64 " of %" PRIu64
				 " bytes can be mapped into a guest",
				 index, known->mappable_bytes, known->size_bytes);
		via_findings_why(findings,
				 "pages that hold the MSI-X table or its pending bits are "
				 "emulated: each access to what else is in them is an exit");
	}
}

static void check_bars(const struct shape *shape)
{
	struct via_bar bar = { 0 };

	for (uint32_t i = 0; i < BARS_MAX; i++) {
		const struct via_vfio_bar *known = &shape->facts.bars[i];
		struct via_error why;
		int rc;

		if (!known->size_bytes)
			continue;
		bar = (struct via_bar){
			.size_bytes = known->size_bytes,
			.io = known->io,
			.wide = known->wide,
		};
		rc = via_bar_check_size(&bar, i, &why);
		if (rc)
			refuse(shape, "bar-size", rc, &why);
		else
			rc = place(shape, &bar, i);
		if (rc)
			return;
		tell_of_mapping(shape, i);
	}
	if (!shape->facts.rom_bytes || shape->facts.rom_bytes > VIA_ROM_MAX_BYTES)
		return;
	bar = (struct via_bar){ .size_bytes = via_rom_bar_bytes(shape->facts.rom_bytes) };
	place(shape, &bar, BARS_ROM);
}

static bool owns(void *data, struct via_bdf bdf)
{
	return via_preflight_takes(data, bdf);
}

static void check_reset(const struct shape *shape)
{
	struct via_findings *findings = shape->preflight->findings;
	struct via_error why, text;

	switch (via_vfio_reset_predict(&shape->facts, owns, shape->preflight, &why)) {
	case VIA_VFIO_RESET_FUNCTION:
		return;
	case VIA_VFIO_RESET_HOT:
		via_findings_add(findings, VIA_SEVERITY_INFO, "hot-reset", &shape->bdf,
				 "%s is reset with all others on its bus, which are the guest's",
				 via_bdf_text(shape->bdf).text);
		return;
	case VIA_VFIO_RESET_NONE:
		text = via_reset_warning(shape->bdf, &why);
		via_findings_add(findings, VIA_SEVERITY_WARNING, "no-reset", &shape->bdf, "%s",
				 text.text);
		via_findings_why(findings, "what a guest leaves in the device, the next one finds");
		if (shape->facts.bus_count)
			via_findings_fix(findings, "give the guest all that is on its bus");
		return;
	}
}

static void tell_of_config(const struct shape *shape)
{
	struct via_findings *findings = shape->preflight->findings;

	if (shape->facts.config == VIA_VFIO_CONFIG_WHOLE)
		return;
	via_findings_add(findings, VIA_SEVERITY_INFO, "not-seen", &shape->bdf,
			 "the capabilities of %s could not be read, so nothing is said of MSI and "
			 "MSI-X",
			 via_bdf_text(shape->bdf).text);
	via_findings_fix(findings, "run as root");
}

static int check(struct shape *shape)
{
	struct via_preflight *preflight = shape->preflight;
	struct via_pci_registers registers;
	struct via_error err;
	int rc = via_vfio_facts_load(preflight->host, shape->bdf, &shape->facts, &err);

	if (rc)
		return rc;
	if (shape->facts.config != VIA_VFIO_CONFIG_NONE &&
	    !via_pci_registers_read(preflight->host, shape->bdf, &registers))
		rc = check_config(shape, &registers);
	if (rc)
		return rc;
	check_msix(shape);
	check_bars(shape);
	check_reset(shape);
	tell_of_config(shape);
	if (shape->facts.msix_vectors > 0)
		preflight->vectors += (unsigned int)shape->facts.msix_vectors;
	else if (shape->facts.msi_vectors > 0)
		preflight->vectors += (unsigned int)shape->facts.msi_vectors;
	return 0;
}

void via_preflight_shape(struct via_preflight *preflight, struct via_preflight_function *function)
{
	via_autofree struct shape *shape = calloc(1, sizeof(*shape));

	if (!shape) {
		preflight->findings->failed = true;
		return;
	}
	shape->preflight = preflight;
	shape->bdf = function->bdf;
	if (check(shape) == -ENOMEM)
		preflight->findings->failed = true;
	via_vfio_facts_clear(&shape->facts);
}
