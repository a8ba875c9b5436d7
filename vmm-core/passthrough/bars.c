/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bars.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>

#include "../machine.h"
#include "passthrough.h"

#define PAGE_BYTES 4096ULL

static size_t bar_register(uint32_t index)
{
	return index == BARS_ROM ? PCI_ROM_ADDRESS : PCI_BASE_ADDRESS_0 + index * 4;
}

/* In D1, D2 and D3hot a function decodes nothing (PCI PM 1.2, 5.4). */
static bool decodes(const struct via_passthrough *function, uint32_t index)
{
	const struct via_bar *bar = &function->bars.bars[index];
	uint32_t command = via_pci_config_get(&function->config, PCI_COMMAND, 2);

	if (index == BARS_ROM &&
	    !(via_pci_config_get(&function->config, PCI_ROM_ADDRESS, 4) & PCI_ROM_ADDRESS_ENABLE))
		return false;
	return bar->size_bytes && !function->asleep &&
	       command & (bar->io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY);
}

static uint64_t bar_address(const struct via_passthrough *function, uint32_t index)
{
	const struct via_bar *bar = &function->bars.bars[index];
	size_t offset = bar_register(index);
	uint64_t address = via_pci_config_get(&function->config, offset, 4);

	if (bar->wide)
		address |= (uint64_t)via_pci_config_get(&function->config, offset + 4, 4) << 32;
	return address & ~(bar->size_bytes - 1);
}

static void read_rom(const struct via_rom *rom, uint64_t offset, struct via_bus_access *access)
{
	if (!access->write && access->size_bytes <= rom->size_bytes - offset)
		memcpy(&access->value, rom->image + offset, access->size_bytes);
}

static void access_registers(struct via_bar_segment *segment, struct via_bus_access *access)
{
	struct via_passthrough *function = segment->function;
	uint64_t offset = segment->offset + access->offset;

	if (segment->bar == BARS_ROM) {
		read_rom(&function->rom, offset, access);
		return;
	}
	if (via_msix_access(function, segment->bar, offset, access))
		return;
	if (access->write) {
		via_vfio_device_write(function->device, segment->bar, offset, &access->value,
				      access->size_bytes);
		via_doorbell_written(function, segment, access);
	} else if (via_vfio_device_read(function->device, segment->bar, offset, &access->value,
					access->size_bytes)) {
		access->value = UINT64_MAX;
	}
}

static void access_segment(void *owner, struct via_bus_access *access)
{
	struct via_bar_segment *segment = owner;

	access_registers(segment, access);
	via_intx_accessed(segment->function);
}

/* Best effort: what other devices cannot reach is lost to them only. */
static void map_for_peers(struct via_passthrough *function, struct via_bar_segment *segment,
			  uint64_t address)
{
	const struct via_iommu_mapping mapping = {
		.iova = address,
		.hva = segment->hva,
		.size_bytes = segment->size_bytes,
	};
	struct via_error err;
	int rc;

	if (!function->machine.peers || segment->bar == BARS_ROM)
		return;
	rc = via_iommu_space_map_registers(function->machine.space, &mapping, &err);
	segment->peers = !rc;
	if (rc && rc != -EOPNOTSUPP)
		via_passthrough_complain(function, "other devices cannot reach its BAR %u: %s",
					 segment->bar, err.text);
}

static void unmap_for_peers(struct via_passthrough *function, struct via_bar_segment *segment)
{
	uint64_t address = function->bars.bars[segment->bar].base + segment->offset;
	struct via_error err;

	if (segment->peers && via_iommu_space_unmap_registers(function->machine.space, address,
							      segment->size_bytes, &err))
		via_machine_fail(function->machine.vmm, "%s", err.text);
	segment->peers = false;
}

static int map_segment(struct via_passthrough *function, struct via_bar_segment *segment, bool io,
		       uint64_t base)
{
	struct via_passthrough_machine *machine = &function->machine;

	if (segment->hva && !function->bars.trapped) {
		segment->slot = via_memory_slot_add(machine->memory, base + segment->offset,
						    segment->size_bytes, segment->hva,
						    segment->bar != BARS_ROM);
		if (segment->slot < 0)
			return segment->slot;
		map_for_peers(function, segment, base + segment->offset);
		return 0;
	}
	segment->range.base = base + segment->offset;
	segment->range.size_bytes = segment->size_bytes;
	return via_bus_add(io ? machine->pio : machine->mmio, &segment->range);
}

static void unmap_segment(struct via_passthrough *function, struct via_bar_segment *segment,
			  bool io)
{
	struct via_passthrough_machine *machine = &function->machine;

	unmap_for_peers(function, segment);
	via_doorbells_retract(function, segment);
	if (segment->slot < 0)
		via_bus_remove(io ? machine->pio : machine->mmio, &segment->range);
	else if (via_memory_slot_remove(machine->memory, segment->slot))
		via_machine_fail(machine->vmm,
				 "KVM does not take the registers of %s from the guest",
				 via_bdf_text(via_vfio_device_bdf(function->device)).text);
	segment->slot = -1;
}

static void unmap_bar(struct via_passthrough *function, struct via_bar *bar)
{
	if (!bar->mapped)
		return;
	for (size_t i = 0; i < bar->segment_count; i++)
		unmap_segment(function, &bar->segments[i], bar->io);
	bar->mapped = false;
}

/* A BAR the guest laid where it must not be is simply not decoded. */
static void map_bar(struct via_passthrough *function, uint32_t index)
{
	struct via_bar *bar = &function->bars.bars[index];
	uint64_t base = bar_address(function, index);
	struct via_range range;

	if (via_range_make(base, bar->size_bytes, &range) ||
	    !via_pci_host_decodes(function->machine.pci, bar->io, range))
		return;
	bar->base = base;
	bar->mapped = true;
	if (index == BARS_ROM)
		via_rom_load(function);
	for (size_t i = 0; i < bar->segment_count; i++) {
		int rc = map_segment(function, &bar->segments[i], bar->io, base);

		if (!rc)
			continue;
		via_passthrough_complain(function, "BAR %u cannot be at 0x%llx: %s", index,
					 (unsigned long long)base,
					 rc == -EEXIST ? "another BAR is there" : strerror(-rc));
		unmap_bar(function, bar);
		return;
	}
}

void via_bars_unmap(struct via_passthrough *function)
{
	for (uint32_t i = 0; i < BARS_ALL; i++)
		unmap_bar(function, &function->bars.bars[i]);
}

void via_bars_retract(struct via_passthrough *function)
{
	for (uint32_t i = 0; i < BARS_ALL; i++) {
		struct via_bar *bar = &function->bars.bars[i];

		if (!decodes(function, i) || bar->base != bar_address(function, i))
			unmap_bar(function, bar);
	}
}

void via_bars_trap(struct via_passthrough *function, bool all)
{
	if (function->bars.trapped == all)
		return;
	via_bars_unmap(function);
	function->bars.trapped = all;
	via_bars_update(function);
}

void via_bars_update(struct via_passthrough *function)
{
	/* All moves begin with a removal, so that two BARs can swap their places. */
	via_bars_retract(function);
	for (uint32_t i = 0; i < BARS_ALL; i++)
		if (!function->bars.bars[i].mapped && decodes(function, i))
			map_bar(function, i);
}

/* Where @page of the region is mapped in this process; NULL when it has to trap. */
static void *page_hva(const struct via_passthrough *function, uint32_t index,
		      const struct via_vfio_region *region, uint64_t page)
{
	if (via_msix_covers(&function->msix, index, page, PAGE_BYTES))
		return NULL;
	for (size_t i = 0; i < region->area_count; i++) {
		const struct via_vfio_area *area = &region->areas[i];

		if (area->hva && page >= area->offset && area->size_bytes >= PAGE_BYTES &&
		    page - area->offset <= area->size_bytes - PAGE_BYTES)
			return (uint8_t *)area->hva + (page - area->offset);
	}
	return NULL;
}

static void nearer(uint64_t *edge, uint64_t after, uint64_t candidate)
{
	if (candidate > after && candidate < *edge)
		*edge = candidate;
}

/* The first page after @page that may differ from it in how it is reached. */
static uint64_t next_edge(const struct via_passthrough *function, uint32_t index,
			  const struct via_vfio_region *region, uint64_t page)
{
	uint64_t edge = region->size_bytes;

	for (size_t i = 0; i < region->area_count; i++) {
		const struct via_vfio_area *area = &region->areas[i];

		nearer(&edge, page, (area->offset + PAGE_BYTES - 1) & -PAGE_BYTES);
		nearer(&edge, page, (area->offset + area->size_bytes) & -PAGE_BYTES);
	}
	for (size_t i = 0; i < MSIX_STRUCTURES; i++) {
		const struct via_msix_structure *structure = &function->msix.structures[i];

		if (structure->bar != index)
			continue;
		nearer(&edge, page, structure->offset & -PAGE_BYTES);
		nearer(&edge, page,
		       (structure->offset + structure->size_bytes + PAGE_BYTES - 1) & -PAGE_BYTES);
	}
	return edge;
}

static int add_segment(struct via_passthrough *function, uint32_t index, uint64_t offset,
		       uint64_t size_bytes, void *hva)
{
	struct via_bar *bar = &function->bars.bars[index];
	struct via_bar_segment *grown =
		realloc(bar->segments, (bar->segment_count + 1) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	bar->segments = grown;
	grown[bar->segment_count++] = (struct via_bar_segment){
		.function = function,
		.bar = index,
		.offset = offset,
		.size_bytes = size_bytes,
		.hva = hva,
		.slot = -1,
	};
	return 0;
}

/* Cuts a BAR where what is mapped and what traps change. */
static int cut_bar(struct via_passthrough *function, uint32_t index,
		   const struct via_vfio_region *region)
{
	struct via_bar *bar = &function->bars.bars[index];
	uint64_t page = 0;

	while (page < bar->size_bytes) {
		struct via_bar_segment *last =
			bar->segment_count ? &bar->segments[bar->segment_count - 1] : NULL;
		uint64_t edge = bar->size_bytes;
		void *hva = NULL;

		/* KVM maps whole pages; a smaller BAR traps. */
		if (!bar->io && bar->size_bytes >= PAGE_BYTES) {
			hva = page_hva(function, index, region, page);
			edge = next_edge(function, index, region, page);
		}
		if (!hva && last && !last->hva)
			last->size_bytes += edge - page;
		else if (add_segment(function, index, page, edge - page, hva))
			return -ENOMEM;
		page = edge;
	}
	/* Only now do the segments stay where they are. */
	for (size_t i = 0; i < bar->segment_count; i++)
		bar->segments[i].range = (struct via_bus_range){
			.access = access_segment,
			.owner = &bar->segments[i],
		};
	return 0;
}

int via_bar_check_size(const struct via_bar *bar, uint32_t index, struct via_error *err)
{
	uint64_t size_bytes = bar->size_bytes;

	if ((size_bytes & (size_bytes - 1)) || size_bytes < (bar->io ? 4 : 16) ||
	    size_bytes > (bar->io     ? 0x8000ULL
			  : bar->wide ? 1ULL << 62
				      : 1ULL << 31) ||
	    (bar->wide && index == BARS_MAX - 1))
		return via_error_set(err, EPROTO, "its BAR %u has an impossible size, 0x%llx bytes",
				     index, (unsigned long long)size_bytes);
	return 0;
}

int via_bar_place(struct via_pci_host *pci, const struct via_bar *bar, uint32_t index,
		  uint64_t *address, struct via_error *err)
{
	enum via_pci_window window = bar->io	 ? VIA_PCI_PIO
				     : bar->wide ? VIA_PCI_MMIO64
						 : VIA_PCI_MMIO32;

	if (!via_pci_host_place(pci, window, bar->size_bytes, address))
		return 0;
	if (index == BARS_ROM)
		return via_error_set(err, ENOSPC,
				     "its ROM of %llu KiB does not fit into the guest's PCI window "
				     "(rom=off leaves it out)",
				     (unsigned long long)(bar->size_bytes >> 10));
	return via_error_set(err, ENOSPC,
			     "its BAR %u of %llu MiB does not fit into the guest's PCI window",
			     index, (unsigned long long)(bar->size_bytes >> 20));
}

static int init_bar(struct via_passthrough *function, uint32_t index, struct via_error *err)
{
	const struct via_vfio_region *region =
		via_vfio_device_region(function->device, VFIO_PCI_BAR0_REGION_INDEX + index);
	struct via_bar *bar = &function->bars.bars[index];
	size_t offset = PCI_BASE_ADDRESS_0 + index * 4;
	uint32_t flags = via_pci_config_get(&function->config, offset, 4);
	uint64_t address, mask;
	int rc;

	via_pci_config_set(&function->config, offset, 4, 0);
	if (!region->size_bytes)
		return 0;

	bar->io = flags & PCI_BASE_ADDRESS_SPACE_IO;
	bar->wide = !bar->io &&
		    (flags & PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64;
	bar->size_bytes = region->size_bytes;
	rc = via_bar_check_size(bar, index, err);
	if (rc)
		return rc;
	if (!bar->io) {
		rc = via_vfio_device_map_region(function->device,
						VFIO_PCI_BAR0_REGION_INDEX + index, err);
		if (rc)
			return rc;
	}
	if (cut_bar(function, index, region))
		return via_error_sys(err, ENOMEM, "cannot describe its BAR %u", index);

	rc = via_bar_place(function->machine.pci, bar, index, &address, err);
	if (rc)
		return rc;
	flags &= bar->io ? 3U : 15U;
	mask = ~(bar->size_bytes - 1);
	via_pci_config_set(&function->config, offset, 4, (uint32_t)address | flags);
	for (unsigned int i = 0; i < 4; i++)
		function->config.writable[offset + i] = (uint8_t)(mask >> i * 8);
	if (bar->wide) {
		via_pci_config_set(&function->config, offset + 4, 4, (uint32_t)(address >> 32));
		for (unsigned int i = 0; i < 4; i++)
			function->config.writable[offset + 4 + i] = (uint8_t)(mask >> (32 + i * 8));
	}
	return 0;
}

static int init_rom(struct via_passthrough *function, struct via_error *err)
{
	struct via_bar *bar = &function->bars.bars[BARS_ROM];
	const struct via_rom *rom = &function->rom;
	uint32_t mask = ~(uint32_t)(rom->size_bytes - 1) | PCI_ROM_ADDRESS_ENABLE;
	bool direct = rom->size_bytes >= PAGE_BYTES;
	uint64_t address;
	int rc;

	via_pci_config_set(&function->config, PCI_ROM_ADDRESS, 4, 0);
	if (!rom->size_bytes)
		return 0;
	bar->size_bytes = rom->size_bytes;
	if (add_segment(function, BARS_ROM, 0, rom->size_bytes, direct ? rom->image : NULL))
		return via_error_sys(err, ENOMEM, "cannot describe its ROM");
	bar->segments->range =
		(struct via_bus_range){ .access = access_segment, .owner = bar->segments };
	rc = via_bar_place(function->machine.pci, bar, BARS_ROM, &address, err);
	if (rc)
		return rc;
	via_pci_config_set(&function->config, PCI_ROM_ADDRESS, 4, (uint32_t)address);
	for (unsigned int i = 0; i < 4; i++)
		function->config.writable[PCI_ROM_ADDRESS + i] = (uint8_t)(mask >> i * 8);
	return 0;
}

int via_bars_init(struct via_passthrough *function, struct via_error *err)
{
	for (uint32_t i = 0; i < BARS_MAX; i++) {
		int rc = init_bar(function, i, err);

		if (rc)
			return rc;
		if (function->bars.bars[i].wide)
			i++; /* the upper half */
	}
	return init_rom(function, err);
}

void via_bars_free(struct via_passthrough *function)
{
	via_bars_unmap(function);
	for (uint32_t i = 0; i < BARS_ALL; i++)
		free(function->bars.bars[i].segments);
	function->bars = (struct via_bars){ 0 };
}
