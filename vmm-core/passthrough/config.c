/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

#include <viaduct/util/pci.h>

/* PCI Local Bus 3.0, 6.8.1: the four layouts of the MSI capability. */
#define PCI_CAP_MSI_32_BYTES	  10U
#define PCI_CAP_MSI_64_BYTES	  14U
#define PCI_CAP_MSI_32_MASK_BYTES 20U
#define PCI_CAP_MSI_64_MASK_BYTES 24U

enum plan {
	EMULATED, /* reads the snapshot; writes change the bits of the mask */
	DEVICE,	  /* reads and writes go to the device, filtered by the host's vfio-pci */
};

/*
 * The header (PCI Local Bus 3.0, 6.1). What is not listed reads the snapshot and ignores writes.
 * The device is asked only where it changes by itself: each forwarded read is a system call.
 */
static const struct {
	uint8_t offset, size_bytes;
	enum plan plan;
	uint32_t writable;
	const char *reason;
} header[] = {
	{ PCI_COMMAND, 2, EMULATED,
	  PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY |
		  PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE,
	  "decoding moves the guest's mappings; passthrough.c hands the rest to the device" },
	{ PCI_STATUS, 2, DEVICE, 0, "error bits come from the device and are cleared in it" },
	{ PCI_CACHE_LINE_SIZE, 1, EMULATED, 0xff, "a scratch register for PCI Express" },
	{ PCI_LATENCY_TIMER, 1, EMULATED, 0, "not used by PCI Express" },
	{ PCI_BASE_ADDRESS_0, 24, EMULATED, 0, "the guest's addresses: bars.c sets the masks" },
	{ PCI_ROM_ADDRESS, 4, EMULATED, 0, "the guest's address: bars.c sets the mask" },
	{ PCI_INTERRUPT_LINE, 1, EMULATED, 0xff, "a note from firmware to the system" },
	{ PCI_INTERRUPT_PIN, 1, EMULATED, 0,
	  "the function's own; 0 when VFIO offers no INTx: intx.c" },
};

/*
 * Capabilities (PCI Code and ID Assignment Specification). One that is not listed is hidden: the
 * guest gets nothing whose effects on the host are not known.
 */
static const struct {
	uint8_t id;
	const char *reason;
} capabilities[] = {
	{ PCI_CAP_ID_PM, "vfio-pci keeps power states consistent" },
	{ PCI_CAP_ID_VPD, "serial numbers; vfio-pci serialises access" },
	{ PCI_CAP_ID_VNDR, "drivers need it; only the function's own registers" },
	{ PCI_CAP_ID_EXP, "vfio-pci lets through what is safe and turns FLR into a reset" },
	{ PCI_CAP_ID_MSI, "messages are the host's: emulated, msi.c" },
	{ PCI_CAP_ID_MSIX, "vectors are the host's: emulated, msix.c" },
	{ PCI_CAP_ID_AF, "FLR of conventional PCI, done by vfio-pci" },
};

/* Extended capabilities, likewise. ARI, SR-IOV, ATS, PRI, PASID, ACS and resizable BARs change
 * what the IOMMU and the bus let through, so they stay with the host.
 */
static const struct {
	uint16_t id;
	const char *reason;
} extended[] = {
	{ PCI_EXT_CAP_ID_ERR, "errors of the function itself" },
	{ PCI_EXT_CAP_ID_DSN, "the serial number" },
	{ PCI_EXT_CAP_ID_PWR, "power budget, read-only" },
	{ PCI_EXT_CAP_ID_VNDR, "drivers need it" },
	{ PCI_EXT_CAP_ID_LTR, "latency the function tolerates" },
	{ PCI_EXT_CAP_ID_TPH, "hints for the function's own writes" },
};

#define COUNT(table) (sizeof(table) / sizeof(*(table)))

uint32_t via_pci_config_get(const struct via_pci_config *config, size_t offset,
			    unsigned int size_bytes)
{
	uint32_t value = 0;

	for (unsigned int i = 0; i < size_bytes; i++)
		value |= (uint32_t)config->value[offset + i] << i * 8;
	return value;
}

void via_pci_config_set(struct via_pci_config *config, size_t offset, unsigned int size_bytes,
			uint32_t value)
{
	for (unsigned int i = 0; i < size_bytes; i++)
		config->value[offset + i] = (uint8_t)(value >> i * 8);
}

bool via_pci_config_emulates(const struct via_pci_config *config, size_t offset,
			     unsigned int size_bytes)
{
	for (unsigned int i = 0; i < size_bytes; i++)
		if (!config->emulated[offset + i])
			return false;
	return true;
}

uint32_t via_pci_config_merge(const struct via_pci_config *config, size_t offset,
			      unsigned int size_bytes, uint32_t device)
{
	for (unsigned int i = 0; i < size_bytes; i++) {
		uint32_t mask = 0xffU << i * 8;

		if (config->emulated[offset + i])
			device = (device & ~mask) | (uint32_t)config->value[offset + i] << i * 8;
	}
	return device;
}

void via_pci_config_write(struct via_pci_config *config, size_t offset, unsigned int size_bytes,
			  uint32_t value)
{
	for (unsigned int i = 0; i < size_bytes; i++) {
		uint8_t mask = config->writable[offset + i];
		uint8_t byte = (uint8_t)(value >> i * 8);

		config->value[offset + i] =
			(uint8_t)((config->value[offset + i] & ~mask) | (byte & mask));
	}
}

static void set_plan(struct via_pci_config *config, size_t offset, size_t size_bytes,
		     enum plan plan)
{
	for (size_t i = offset; i < offset + size_bytes && i < config->size_bytes; i++) {
		config->emulated[i] = plan == EMULATED;
		config->forward[i] = plan == DEVICE;
	}
}

/* Reads as zero and ignores writes, as if nothing were there. */
static void hide(struct via_pci_config *config, size_t offset, size_t size_bytes)
{
	for (size_t i = offset; i < offset + size_bytes && i < config->size_bytes; i++)
		config->value[i] = 0;
	set_plan(config, offset, size_bytes, EMULATED);
}

static void plan_header(struct via_pci_config *config)
{
	for (size_t i = 0; i < COUNT(header); i++) {
		set_plan(config, header[i].offset, header[i].size_bytes, header[i].plan);
		for (unsigned int j = 0; j < header[i].size_bytes && j < 4; j++)
			config->writable[header[i].offset + j] =
				(uint8_t)(header[i].writable >> j * 8);
	}
	/* As after a reset. Decoding and bus mastering are the guest's to enable. */
	via_pci_config_set(config, PCI_COMMAND, 2, 0);
	config->value[PCI_INTERRUPT_LINE] = 0;
}

/* The capabilities that are emulated whole: their length. Of others only the header is certain. */
static size_t capability_bytes(const struct via_pci_config *config, size_t at, uint8_t id)
{
	uint32_t flags;

	switch (id) {
	case PCI_CAP_ID_MSI:
		flags = via_pci_config_get(config, at + PCI_MSI_FLAGS, 2);
		if (flags & PCI_MSI_FLAGS_MASKBIT)
			return flags & PCI_MSI_FLAGS_64BIT ? PCI_CAP_MSI_64_MASK_BYTES
							   : PCI_CAP_MSI_32_MASK_BYTES;
		return flags & PCI_MSI_FLAGS_64BIT ? PCI_CAP_MSI_64_BYTES : PCI_CAP_MSI_32_BYTES;
	case PCI_CAP_ID_MSIX:
		return PCI_CAP_MSIX_SIZEOF;
	default:
		return 2;
	}
}

static bool may_see(const struct via_pci_config *config, size_t at, uint8_t id)
{
	if (at + capability_bytes(config, at, id) > PCI_CFG_SPACE_SIZE)
		return false;
	for (size_t i = 0; i < COUNT(capabilities); i++)
		if (capabilities[i].id == id)
			return true;
	return false;
}

/* There is one of each, but for those of vendors. */
static bool is_repeated(const struct via_pci_capability *found, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (found[i].id == found[index].id)
			return found[index].id != PCI_CAP_ID_VNDR;
	return false;
}

static void plan_msix(struct via_pci_config *config, size_t at)
{
	const uint8_t writable = (PCI_MSIX_FLAGS_MASKALL | PCI_MSIX_FLAGS_ENABLE) >> 8;

	set_plan(config, at, PCI_CAP_MSIX_SIZEOF, EMULATED);
	config->value[at + 3] &= (uint8_t)~writable;
	config->writable[at + 3] = writable;
	config->msix = (uint16_t)at;
}

/* PCI Local Bus 3.0, 6.8.1: as after a reset, but for what the function can do. */
static void plan_msi(struct via_pci_config *config, size_t at)
{
	uint32_t flags = via_pci_config_get(config, at + PCI_MSI_FLAGS, 2);
	bool wide = flags & PCI_MSI_FLAGS_64BIT;
	size_t size_bytes = capability_bytes(config, at, PCI_CAP_ID_MSI);
	const uint16_t writable = PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE;

	set_plan(config, at, size_bytes, EMULATED);
	memset(config->value + at + PCI_MSI_ADDRESS_LO, 0, size_bytes - PCI_MSI_ADDRESS_LO);
	via_pci_config_set(config, at + PCI_MSI_FLAGS, 2, flags & ~(uint32_t)writable);
	config->writable[at + PCI_MSI_FLAGS] = (uint8_t)writable;
	memset(config->writable + at + PCI_MSI_ADDRESS_LO, 0xff, wide ? 10 : 6);
	config->writable[at + PCI_MSI_ADDRESS_LO] = 0xfc;
	if (flags & PCI_MSI_FLAGS_MASKBIT)
		memset(config->writable + at + (wide ? PCI_MSI_MASK_64 : PCI_MSI_MASK_32), 0xff, 4);
	config->msi = (uint16_t)at;
	config->msi_bytes = (uint8_t)size_bytes;
}

static void plan_capabilities(struct via_pci_config *config)
{
	struct via_pci_capability found[VIA_PCI_CAPABILITIES_MAX];
	size_t link = PCI_CAPABILITY_LIST; /* the byte that points to the next one shown */
	size_t count = via_pci_capabilities(config->value, config->size_bytes, found);

	/* Registers outside any capability, and those of most, are the device's own. */
	set_plan(config, PCI_STD_HEADER_SIZEOF, PCI_CFG_SPACE_SIZE - PCI_STD_HEADER_SIZEOF, DEVICE);

	/* In this order, so that capabilities which overlap give nothing away. */
	for (size_t i = 0; i < count; i++) {
		size_t at = found[i].at;

		if (is_repeated(found, i) || !may_see(config, at, (uint8_t)found[i].id)) {
			size_t end = at + capability_bytes(config, at, (uint8_t)found[i].id);

			hide(config, at,
			     (end < PCI_CFG_SPACE_SIZE ? end : PCI_CFG_SPACE_SIZE) - at);
		}
	}
	for (size_t i = 0; i < count; i++) {
		size_t at = found[i].at;
		uint8_t id = (uint8_t)found[i].id;

		if (is_repeated(found, i) || !may_see(config, at, id))
			continue;
		if (id == PCI_CAP_ID_MSIX)
			plan_msix(config, at);
		else if (id == PCI_CAP_ID_MSI)
			plan_msi(config, at);
		else if (id == PCI_CAP_ID_EXP)
			config->pcie = (uint16_t)at;
		else if (id == PCI_CAP_ID_AF)
			config->af = (uint16_t)at;
		else if (id == PCI_CAP_ID_PM)
			config->pm = (uint16_t)at;
		set_plan(config, at, 2, EMULATED);
		config->value[at] = id;
		config->value[link] = (uint8_t)at;
		link = at + 1;
	}
	config->value[link] = 0;
}

static bool may_see_extended(uint16_t id)
{
	for (size_t i = 0; i < COUNT(extended); i++)
		if (extended[i].id == id)
			return true;
	return false;
}

static void plan_extended(struct via_pci_config *config)
{
	struct via_pci_capability found[VIA_PCI_EXTENDED_MAX];
	bool seen[PCI_CONFIG_BYTES / 4] = { false };
	uint16_t shown[VIA_PCI_EXTENDED_MAX];
	size_t shown_count = 0, count = via_pci_extended(config->value, config->size_bytes, found);
	uint32_t word;

	/* First find them all: how far one reaches is told by where the next begins. */
	for (size_t i = 0; i < count; i++) {
		seen[found[i].at / 4] = true;
		if (may_see_extended(found[i].id))
			shown[shown_count++] = found[i].at;
	}

	/* The list must begin at 100h: a null capability with a link stands in for a hidden one. */
	if (!seen[PCI_CFG_SPACE_SIZE / 4] || !shown_count) {
		hide(config, PCI_CFG_SPACE_SIZE, PCI_CONFIG_BYTES - PCI_CFG_SPACE_SIZE);
		return;
	}
	for (size_t begin = PCI_CFG_SPACE_SIZE / 4; begin < COUNT(seen); begin++) {
		size_t end = begin + 1;

		if (!seen[begin])
			continue;
		while (end < COUNT(seen) && !seen[end])
			end++;
		word = via_pci_config_get(config, begin * 4, 4);
		if (may_see_extended(PCI_EXT_CAP_ID(word)))
			set_plan(config, begin * 4 + 4, (end - begin - 1) * 4, DEVICE);
		else
			hide(config, begin * 4, (end - begin) * 4);
	}
	for (size_t i = 0; i < shown_count; i++) {
		uint32_t next = i + 1 < shown_count ? shown[i + 1] : 0;

		word = via_pci_config_get(config, shown[i], 4);
		via_pci_config_set(config, shown[i], 4, (word & 0xfffff) | next << 20);
	}
	if (shown[0] != PCI_CFG_SPACE_SIZE)
		via_pci_config_set(config, PCI_CFG_SPACE_SIZE, 4,
				   (uint32_t)shown[0] << 20 | 1 << 16);
}

int via_pci_config_build(struct via_pci_config *config, const uint8_t *snapshot, size_t size_bytes,
			 struct via_error *err)
{
	*config = (struct via_pci_config){ .size_bytes = size_bytes };
	memcpy(config->value, snapshot, size_bytes);
	memset(config->emulated, 1, sizeof(config->emulated));

	if (via_pci_config_get(config, PCI_VENDOR_ID, 2) == 0xffff)
		return via_error_set(err, EPROTO,
				     "its configuration space reads as all ones: the "
				     "device is gone or powered off");
	if ((config->value[PCI_HEADER_TYPE] & 0x7f) != PCI_HEADER_TYPE_NORMAL)
		return via_error_set(err, EPROTO,
				     "it is a bridge, and only endpoints can be given to "
				     "a guest");
	/* One function of a slot is all the guest sees of it. */
	config->value[PCI_HEADER_TYPE] &= 0x7f;
	plan_header(config);
	plan_capabilities(config);
	if (size_bytes > PCI_CFG_SPACE_SIZE) {
		if (config->pcie)
			plan_extended(config);
		else
			hide(config, PCI_CFG_SPACE_SIZE, size_bytes - PCI_CFG_SPACE_SIZE);
	}
	return 0;
}
