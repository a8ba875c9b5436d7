/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <viaduct/iommu/hardware.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <viaduct/util/cleanup.h>

#define SIZE_4K (1ULL << 12)
#define SIZE_2M (1ULL << 21)
#define SIZE_1G (1ULL << 30)

/* Intel VT-d 4.1, 11.4.2: Capability Register. */
#define VTD_SAGAW_SHIFT 8  /* bits 1, 2, 3: 39, 48, 57 bits */
#define VTD_MGAW_SHIFT	16 /* 6 bits, one less than the width */
#define VTD_SLLPS_2M	(1ULL << 34)
#define VTD_SLLPS_1G	(1ULL << 35)
#define VTD_PI		(1ULL << 59)

/* AMD I/O Virtualization 3.09, 3.4.8: Extended Feature Register. */
#define AMD_HATS_SHIFT 10 /* 2 bits: levels of host page tables beyond 4 */
#define AMD_GAM_VAPIC  (1ULL << 21)

/* A register of one unit, which the kernel writes as hexadecimal digits. */
static bool register_read(struct via_host *host, const char *unit, const char *file,
			  uint64_t *value)
{
	char text[64];
	size_t digits;

	if (via_host_read(host, text, sizeof(text), "sys/class/iommu/%s/%s", unit, file))
		return false;
	digits = strspn(text, "0123456789abcdefABCDEF");
	return digits && digits <= 16 && sscanf(text, "%16" SCNx64, value) == 1;
}

struct unit {
	uint64_t page_sizes;
	unsigned int address_bits;
	bool posting_known, posting;
};

static void intel_load(struct via_host *host, const char *name, struct unit *unit)
{
	uint64_t cap;
	unsigned int most;

	if (!register_read(host, name, "intel-iommu/cap", &cap))
		return;
	unit->page_sizes =
		SIZE_4K | (cap & VTD_SLLPS_2M ? SIZE_2M : 0) | (cap & VTD_SLLPS_1G ? SIZE_1G : 0);
	unit->posting_known = true;
	unit->posting = cap & VTD_PI;
	for (unsigned int level = 1; level <= 3; level++)
		if (cap >> VTD_SAGAW_SHIFT >> level & 1)
			unit->address_bits = 30 + level * 9;
	most = (unsigned int)(cap >> VTD_MGAW_SHIFT & 0x3f) + 1;
	if (unit->address_bits > most)
		unit->address_bits = most;
}

/* Page tables of version 1: every power of two from 4 KiB. */
static void amd_load(struct via_host *host, const char *name, struct unit *unit)
{
	unsigned int levels;
	uint64_t features;

	if (!register_read(host, name, "amd-iommu/features", &features))
		return;
	levels = 4 + (unsigned int)(features >> AMD_HATS_SHIFT & 3);
	unit->page_sizes = ~(SIZE_4K - 1);
	unit->address_bits = levels > 5 ? 64 : 12 + levels * 9;
	unit->posting_known = true;
	unit->posting = features & AMD_GAM_VAPIC;
}

/* Chips of remapped interrupts: "IR-PCI-MSI", "IR-IO-APIC". */
static void remapping_read(struct via_host *host, struct via_iommu_hardware *hardware)
{
	via_autofclose FILE *file = via_host_fopen(host, "proc/interrupts");
	via_autofree char *line = NULL;
	size_t line_bytes = 0;

	while (file && getline(&line, &line_bytes, file) >= 0) {
		hardware->remapping_known = true;
		hardware->remapping |= !!strstr(line, " IR-");
	}
}

static enum via_iommu_hardware_kind unit_load(struct via_host *host, const char *name,
					      struct unit *unit)
{
	if (via_host_exists(host, "sys/class/iommu/%s/intel-iommu", name)) {
		intel_load(host, name, unit);
		return VIA_IOMMU_HARDWARE_INTEL;
	}
	if (via_host_exists(host, "sys/class/iommu/%s/amd-iommu", name)) {
		amd_load(host, name, unit);
		return VIA_IOMMU_HARDWARE_AMD;
	}
	return VIA_IOMMU_HARDWARE_OTHER;
}

int via_iommu_hardware_load(struct via_host *host, struct via_iommu_hardware *out,
			    struct via_error *err)
{
	via_cleanup(via_names_free) struct via_names names = { 0 };
	struct via_iommu_hardware found = { 0 };
	int rc = via_host_list(host, &names, "sys/class/iommu");

	if (rc == -ENOMEM)
		return via_error_sys(err, ENOMEM, "cannot list the IOMMUs");
	found.units = names.count;
	found.page_sizes = UINT64_MAX;
	found.address_bits = UINT32_MAX;
	found.posting_known = found.posting = true;
	for (size_t i = 0; i < names.count; i++) {
		struct unit unit = { 0 };
		enum via_iommu_hardware_kind kind = unit_load(host, names.names[i], &unit);

		found.kind = !i || kind == found.kind ? kind : VIA_IOMMU_HARDWARE_OTHER;
		found.page_sizes &= unit.page_sizes;
		if (unit.address_bits < found.address_bits)
			found.address_bits = unit.address_bits;
		found.posting_known &= unit.posting_known;
		found.posting &= unit.posting;
	}
	if (!found.units)
		found = (struct via_iommu_hardware){ .kind = VIA_IOMMU_HARDWARE_NONE };
	remapping_read(host, &found);
	*out = found;
	return 0;
}
