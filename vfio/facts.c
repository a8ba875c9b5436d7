/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <viaduct/vfio/facts.h>

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <viaduct/util/cleanup.h>
#include <viaduct/util/pci.h>

#define PAGE_BYTES 4096ULL

/* Flags of the file "resource": include/linux/ioport.h of the kernel. */
#define RESOURCE_IO	  0x00000100ULL
#define RESOURCE_MEM	  0x00000200ULL
#define RESOURCE_PREFETCH 0x00002000ULL
#define RESOURCE_MEM_64	  0x00100000ULL
#define RESOURCE_UNSET	  0x20000000ULL

/* Its lines: BARs, the expansion ROM, and where the kernel knows SR-IOV, the BARs of all VFs. */
#define LINE_ROM       6U
#define LINE_VF_BARS   7U
#define LINES	       (LINE_VF_BARS + VIA_VFIO_BARS)
#define RESOURCE_BYTES 4097U

struct resource {
	uint64_t first, size_bytes, flags;
};

/* Lines that cannot be read, and ranges that make no sense, are as if there were none. */
static size_t resources_read(struct via_host *host, struct via_bdf bdf,
			     struct resource resources[LINES])
{
	char text[RESOURCE_BYTES], *rest = text, *line;
	size_t count = 0;

	memset(resources, 0, LINES * sizeof(*resources));
	if (via_host_read(host, text, sizeof(text), "sys/bus/pci/devices/%s/resource",
			  via_bdf_text(bdf).text))
		return 0;
	for (; count < LINES && (line = strsep(&rest, "\n")); count++) {
		uint64_t first, last, flags;

		if (sscanf(line, "0x%16" SCNx64 " 0x%16" SCNx64 " 0x%16" SCNx64, &first, &last,
			   &flags) != 3 ||
		    !(flags & (RESOURCE_IO | RESOURCE_MEM)) || last <= first ||
		    last - first == UINT64_MAX)
			continue;
		resources[count] = (struct resource){ first, last - first + 1, flags };
	}
	return count;
}

static struct via_vfio_bar bar_of(const struct resource *resource)
{
	return (struct via_vfio_bar){
		.size_bytes = resource->size_bytes,
		.address = resource->flags & RESOURCE_UNSET ? 0 : resource->first,
		.io = resource->flags & RESOURCE_IO,
		.wide = resource->flags & RESOURCE_MEM_64,
		.prefetchable = resource->flags & RESOURCE_PREFETCH,
	};
}

/* Pages of the BAR @index that @a or @b lies in, counted once each. */
static uint64_t pages_taken(unsigned int index, uint64_t bar_bytes, struct via_vfio_place a,
			    struct via_vfio_place b)
{
	const struct via_vfio_place places[] = { a, b };
	uint64_t pages = 0, behind = 0;

	/* In the order of their offsets, so that a page of both is not counted again. */
	for (size_t i = 0; i < 2; i++) {
		const struct via_vfio_place *place =
			&places[a.offset_bytes <= b.offset_bytes ? i : 1 - i];
		uint64_t first = place->offset_bytes / PAGE_BYTES;
		uint64_t end =
			((uint64_t)place->offset_bytes + place->size_bytes + PAGE_BYTES - 1) /
			PAGE_BYTES;

		if (!place->size_bytes || place->bar != index)
			continue;
		if (first < behind)
			first = behind;
		if (end > bar_bytes / PAGE_BYTES)
			end = bar_bytes / PAGE_BYTES;
		if (end > first)
			pages += end - first;
		if (end > behind)
			behind = end;
	}
	return pages;
}

static void bars_load(struct via_vfio_facts *facts, const struct resource resources[LINES])
{
	for (unsigned int i = 0; i < VIA_VFIO_BARS; i++) {
		struct via_vfio_bar *bar = &facts->bars[i];

		*bar = bar_of(&resources[i]);
		/* Only whole pages can be mapped, and never I/O ports. */
		bar->mappable_known =
			bar->io || bar->size_bytes < PAGE_BYTES || facts->msix_vectors >= 0;
		if (bar->mappable_known && !bar->io)
			bar->mappable_bytes = (bar->size_bytes / PAGE_BYTES -
					       pages_taken(i, bar->size_bytes, facts->msix_table,
							   facts->msix_pba)) *
					      PAGE_BYTES;
	}
	facts->rom_bytes = resources[LINE_ROM].size_bytes;
}

static enum via_vfio_config config_classify(const struct via_pci_registers *registers)
{
	bool ones = true;

	if (registers->size_bytes < PCI_STD_HEADER_SIZEOF)
		return VIA_VFIO_CONFIG_NONE;
	/* Of a VF the IDs alone do (PCI Express Base, 9.3.4.1). */
	for (size_t i = 0; i < PCI_STD_HEADER_SIZEOF; i++)
		ones &= registers->bytes[i] == 0xff;
	if (ones)
		return VIA_VFIO_CONFIG_GONE;
	return registers->size_bytes < PCI_CFG_SPACE_SIZE ? VIA_VFIO_CONFIG_HEADER
							  : VIA_VFIO_CONFIG_WHOLE;
}

/* Table Offset/BIR and PBA Offset/BIR (PCI Local Bus 3.0, 6.8.2). */
static struct via_vfio_place place_of(uint32_t word, uint32_t size_bytes)
{
	struct via_vfio_place place = {
		.bar = word & PCI_MSIX_TABLE_BIR,
		.offset_bytes = word & PCI_MSIX_TABLE_OFFSET,
		.size_bytes = size_bytes,
	};

	/* The BAR numbers 6 and 7 are reserved. */
	return place.bar < VIA_VFIO_BARS ? place : (struct via_vfio_place){ 0 };
}

static void msix_load(struct via_vfio_facts *facts, const struct via_pci_registers *registers)
{
	size_t at = via_pci_registers_find(registers, PCI_CAP_ID_MSIX);
	unsigned int vectors;

	facts->msix_vectors = 0;
	if (!at || at + PCI_CAP_MSIX_SIZEOF > PCI_CFG_SPACE_SIZE)
		return;
	vectors = via_pci_registers_get(registers, at + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_QSIZE;
	vectors++;
	facts->msix_vectors = (int)vectors;
	facts->msix_table = place_of(via_pci_registers_get(registers, at + PCI_MSIX_TABLE, 4),
				     vectors * PCI_MSIX_ENTRY_SIZE);
	facts->msix_pba = place_of(via_pci_registers_get(registers, at + PCI_MSIX_PBA, 4),
				   (vectors + 63) / 64 * 8);
}

static void msi_load(struct via_vfio_facts *facts, const struct via_pci_registers *registers)
{
	size_t at = via_pci_registers_find(registers, PCI_CAP_ID_MSI);
	unsigned int exponent;

	facts->msi_vectors = 0;
	if (!at || at + PCI_MSI_FLAGS + 2 > PCI_CFG_SPACE_SIZE)
		return;
	exponent =
		(via_pci_registers_get(registers, at + PCI_MSI_FLAGS, 2) & PCI_MSI_FLAGS_QMASK) >>
		1;
	/* 6 and 7 are reserved. */
	facts->msi_vectors = exponent < 6 ? 1 << exponent : -1;
}

static void config_load(struct via_host *host, struct via_vfio_facts *facts)
{
	struct via_pci_registers registers;

	facts->intx_pin = facts->msi_vectors = facts->msix_vectors = -1;
	if (via_pci_registers_read(host, facts->bdf, &registers))
		return;
	facts->config = config_classify(&registers);
	if (facts->config == VIA_VFIO_CONFIG_NONE || facts->config == VIA_VFIO_CONFIG_GONE)
		return;
	if (registers.bytes[PCI_INTERRUPT_PIN] <= 4)
		facts->intx_pin = registers.bytes[PCI_INTERRUPT_PIN];
	if (facts->config != VIA_VFIO_CONFIG_WHOLE)
		return;
	msi_load(facts, &registers);
	msix_load(facts, &registers);
}

/* "8.0 GT/s PCIe", "Unknown". */
static unsigned int speed_read(struct via_host *host, const char *bdf, const char *file)
{
	unsigned int whole, tenth;
	char text[32], unit[8];

	if (via_host_read(host, text, sizeof(text), "sys/bus/pci/devices/%s/%s", bdf, file) ||
	    sscanf(text, "%3u.%1u %7s", &whole, &tenth, unit) != 3 || strcmp(unit, "GT/s"))
		return 0;
	return whole * 1000 + tenth * 100;
}

static struct via_vfio_link link_read(struct via_host *host, const char *bdf, const char *which)
{
	struct via_vfio_link link = { 0 };
	char file[32];
	uint64_t width;

	snprintf(file, sizeof(file), "%s_link_speed", which);
	link.speed_mts = speed_read(host, bdf, file);
	/* 32 lanes at most; the kernel says 255 for what it does not know. */
	if (!via_host_read_u64(host, &width, "sys/bus/pci/devices/%s/%s_link_width", bdf, which) &&
	    width <= 32)
		link.width = (unsigned int)width;
	return link;
}

static void reset_load(struct via_host *host, const char *bdf, struct via_vfio_facts *facts)
{
	char text[sizeof(facts->reset_methods)];
	int rc =
		via_host_read(host, text, sizeof(text), "sys/bus/pci/devices/%s/reset_method", bdf);

	/* Kernels before 5.15 only say that there is a way; those after it, by no file, that there
	 * is none. */
	if (rc == -ENOENT) {
		facts->reset_known = !via_host_exists(host, "sys/bus/pci/devices/%s/reset", bdf);
		return;
	}
	if (rc || strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_ ") != strlen(text))
		return;
	facts->reset_known = true;
	memcpy(facts->reset_methods, text, sizeof(text));
}

/* Below the same bridge; a reset of its far side goes through to the end. */
static int bus_load(struct via_host *host, struct via_vfio_facts *facts)
{
	via_cleanup(via_names_free) struct via_names names = { 0 };
	struct via_pci_path path, other;
	int rc;

	if (via_pci_path_read(host, facts->bdf, &path) || !path.count)
		return 0;
	rc = via_host_list(host, &names, "sys/bus/pci/devices");
	if (rc)
		return rc;
	facts->bus = calloc(names.count ? names.count : 1, sizeof(*facts->bus));
	if (!facts->bus)
		return -ENOMEM;
	for (size_t i = 0; i < names.count; i++) {
		struct via_bdf bdf;

		if (!via_bdf_parse(names.names[i], &bdf) && !via_pci_path_read(host, bdf, &other) &&
		    via_pci_path_has(&other, path.bridges[path.count - 1]))
			facts->bus[facts->bus_count++] = bdf;
	}
	return 0;
}

int via_vfio_facts_load(struct via_host *host, struct via_bdf bdf, struct via_vfio_facts *out,
			struct via_error *err)
{
	struct via_vfio_facts facts = { .bdf = bdf };
	struct via_bdf_text where = via_bdf_text(bdf);
	struct resource resources[LINES];
	int rc;

	if (!via_host_exists(host, "sys/bus/pci/devices/%s", where.text))
		return via_error_set(err, ENODEV, "there is no PCI function %s", where.text);
	config_load(host, &facts);
	resources_read(host, bdf, resources);
	bars_load(&facts, resources);
	facts.link = link_read(host, where.text, "current");
	facts.link_most = link_read(host, where.text, "max");
	reset_load(host, where.text, &facts);
	rc = bus_load(host, &facts);
	if (rc) {
		via_vfio_facts_clear(&facts);
		return via_error_sys(err, -rc, "cannot list what a bus reset of %s reaches",
				     where.text);
	}
	*out = facts;
	return 0;
}

void via_vfio_facts_clear(struct via_vfio_facts *facts)
{
	free(facts->bus);
	*facts = (struct via_vfio_facts){ 0 };
}

/* TotalVFs of the capability, by which the kernel multiplied the size of one VF's BAR; 0: unknown.
 */
static unsigned int total_vfs_read(struct via_host *host, struct via_bdf pf)
{
	struct via_pci_registers registers;
	uint32_t total;
	size_t at;

	if (via_pci_registers_read(host, pf, &registers))
		return 0;
	at = via_pci_registers_find_extended(&registers, PCI_EXT_CAP_ID_SRIOV);
	total = at ? via_pci_registers_get(&registers, at + PCI_SRIOV_TOTAL_VF, 2) : 0;
	return total < UINT16_MAX ? total : 0;
}

/* A VF that exists has them like any function. */
static bool vf_resources_read(struct via_host *host, struct via_bdf pf,
			      struct resource resources[LINES])
{
	struct via_bdf vf;
	char name[64];

	return !via_host_link_name(host, name, sizeof(name), "sys/bus/pci/devices/%s/virtfn0",
				   via_bdf_text(pf).text) &&
	       !via_bdf_parse(name, &vf) && resources_read(host, vf, resources) >= VIA_VFIO_BARS;
}

bool via_vfio_vf_bars_load(struct via_host *host, struct via_bdf pf,
			   struct via_vfio_bar bars[VIA_VFIO_BARS])
{
	unsigned int total = total_vfs_read(host, pf), skip = 0;
	struct resource resources[LINES];

	if (!vf_resources_read(host, pf, resources)) {
		if (!total || resources_read(host, pf, resources) < LINES)
			return false;
		skip = LINE_VF_BARS;
	}
	for (unsigned int i = 0; i < VIA_VFIO_BARS; i++) {
		struct resource *resource = &resources[skip + i];

		if (skip && resource->size_bytes % total)
			return false;
		if (skip)
			resource->size_bytes /= total;
	}
	for (unsigned int i = 0; i < VIA_VFIO_BARS; i++) {
		bars[i] = bar_of(&resources[skip + i]);
		bars[i].address = 0;
	}
	return true;
}

bool via_vfio_vf_bars_unplaced(struct via_host *host, struct via_bdf pf)
{
	struct resource resources[LINES];

	if (resources_read(host, pf, resources) < LINES)
		return false;
	for (unsigned int i = LINE_VF_BARS; i < LINES; i++)
		if (bar_of(&resources[i]).address)
			return false;
	return true;
}
