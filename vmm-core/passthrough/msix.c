/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "msix.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdlib.h>

#include <viaduct/util/cleanup.h>

#include "passthrough.h"

bool via_msix_enabled(const struct via_passthrough *function)
{
	return via_msix_table_enabled(&function->msix.table);
}

static void complain(void *owner, uint32_t entry, const char *what, const char *why)
{
	via_passthrough_complain(owner, "MSI-X vector %u cannot be %s: %s", entry, what, why);
}

/*
 * Has the host's vectors [first, end) signal their eventfds. A kernel that cannot add vectors to
 * those already allocated has to start over with all of them, which may lose an interrupt: then
 * all are allocated the first time.
 */
static int connect_range(struct via_passthrough *function, uint32_t first, uint32_t end,
			 struct via_error *err)
{
	struct via_msix *msix = &function->msix;
	bool all = !msix->host_enabled &&
		   !via_vfio_device_irq(function->device, VFIO_PCI_MSIX_IRQ_INDEX)->resizable;
	uint32_t begin = all ? 0 : first, count = all ? msix->table.count : end - first;
	via_autofree int32_t *fds = malloc(count * sizeof(*fds));
	int rc;

	if (!fds)
		return via_error_sys(err, ENOMEM, "cannot list its vectors");
	for (uint32_t i = 0; i < count; i++)
		fds[i] = begin + i >= first && begin + i < end
				 ? msix->table.wires[begin + i].vector.eventfd
				 : -1;
	rc = via_vfio_device_set_irqs(function->device, VFIO_PCI_MSIX_IRQ_INDEX, begin, count, fds,
				      err);
	if (rc)
		return rc;
	msix->host_enabled = true;
	for (uint32_t i = first; i < end; i++) {
		msix->table.wires[i].vector.connected = true;
		msix->table.wires[i].vector.enabled++;
	}
	return 0;
}

static void connect_attached(void *owner, uint32_t first, uint32_t end)
{
	struct via_passthrough *function = owner;
	struct via_msix_wire *wires = function->msix.table.wires;
	struct via_error err;

	for (uint32_t i = first; i < end;) {
		uint32_t run = i;

		while (run < end && wires[run].vector.attached && !wires[run].vector.connected)
			run++;
		if (run > i && connect_range(function, i, run, &err))
			complain(function, i, "connected", err.text);
		i = run > i ? run : i + 1;
	}
}

void via_msix_update(struct via_passthrough *function)
{
	if (!via_msix_enabled(function))
		via_msix_disable(function);
	else
		via_msix_table_update(&function->msix.table, 0, function->msix.table.count);
}

void via_msix_disable(struct via_passthrough *function)
{
	struct via_msix *msix = &function->msix;
	struct via_msix_table *table = &msix->table;
	struct via_error err;

	for (uint32_t i = 0; i < table->count; i++)
		via_vector_detach(table->irq, &table->wires[i].vector);
	if (msix->host_enabled) {
		via_autofree uint64_t *counts = calloc(table->count, sizeof(*counts));

		/* The kernel forgets its counts with the vectors. */
		if (counts) {
			via_msix_count(function, counts);
			for (uint32_t i = 0; i < table->count; i++)
				table->wires[i].vector.interrupts = counts[i];
		}
		if (via_vfio_device_disable_irqs(function->device, VFIO_PCI_MSIX_IRQ_INDEX, &err))
			via_host_log(function->machine.host, VIA_LOG_WARNING, "%s", err.text);
		msix->host_enabled = false;
	}
	for (uint32_t i = 0; i < table->count; i++)
		via_vector_release(table->irq, &table->wires[i].vector);
}

void via_msix_reset(struct via_passthrough *function)
{
	via_msix_table_reset(&function->msix.table);
}

bool via_msix_covers(const struct via_msix *msix, uint32_t bar, uint64_t offset,
		     uint64_t size_bytes)
{
	for (int i = 0; i < MSIX_STRUCTURES; i++) {
		const struct via_msix_structure *structure = &msix->structures[i];

		if (structure->bar == bar && structure->offset < offset + size_bytes &&
		    offset < structure->offset + structure->size_bytes)
			return true;
	}
	return false;
}

bool via_msix_access(struct via_passthrough *function, uint32_t bar, uint64_t offset,
		     struct via_bus_access *access)
{
	for (int i = 0; i < MSIX_STRUCTURES; i++) {
		const struct via_msix_structure *structure = &function->msix.structures[i];

		if (structure->bar != bar || offset < structure->offset ||
		    offset - structure->offset >= structure->size_bytes)
			continue;
		via_msix_table_access(&function->msix.table, i, offset - structure->offset, access);
		return true;
	}
	return false;
}

int via_msix_check_place(int which, const struct via_msix_structure *structure,
			 uint64_t region_bytes, struct via_error *err)
{
	if (structure->offset > region_bytes ||
	    structure->size_bytes > region_bytes - structure->offset)
		return via_error_set(err, EPROTO, "its MSI-X %s lies outside BAR %u",
				     which == MSIX_TABLE ? "table" : "pending bits",
				     structure->bar);
	return 0;
}

uint32_t via_msix_vectors(const struct via_pci_config *config)
{
	if (!config->msix)
		return 0;
	return (via_pci_config_get(config, config->msix + PCI_MSIX_FLAGS, 2) &
		PCI_MSIX_FLAGS_QSIZE) +
	       1U;
}

struct via_msix_structure via_msix_place(const struct via_pci_config *config, int which)
{
	size_t at = config->msix + (which == MSIX_TABLE ? PCI_MSIX_TABLE : (size_t)PCI_MSIX_PBA);
	uint32_t where = via_pci_config_get(config, at, 4);
	uint32_t count = via_msix_vectors(config);

	return (struct via_msix_structure){
		.bar = where & PCI_MSIX_TABLE_BIR,
		.offset = where & PCI_MSIX_TABLE_OFFSET,
		.size_bytes = which == MSIX_TABLE ? MSIX_TABLE_BYTES(count) : MSIX_PBA_BYTES(count),
	};
}

static int locate(struct via_passthrough *function, int which, struct via_error *err)
{
	struct via_msix_structure structure = via_msix_place(&function->config, which);
	uint64_t region_bytes = 0;
	int rc;

	if (structure.bar < BARS_MAX)
		region_bytes = via_vfio_device_region(function->device,
						      VFIO_PCI_BAR0_REGION_INDEX + structure.bar)
				       ->size_bytes;
	rc = via_msix_check_place(which, &structure, region_bytes, err);
	if (!rc)
		function->msix.structures[which] = structure;
	return rc;
}

int via_msix_init(struct via_passthrough *function, struct via_error *err)
{
	static const struct via_msix_owner ops = { .complain = complain,
						   .attached = connect_attached };
	const struct via_vfio_irq *irq =
		via_vfio_device_irq(function->device, VFIO_PCI_MSIX_IRQ_INDEX);
	const struct via_pci_config *config = &function->config;
	struct via_msix *msix = &function->msix;
	uint32_t count;
	int rc;

	*msix = (struct via_msix){ .structures = { { .bar = UINT32_MAX }, { .bar = UINT32_MAX } } };
	if (!config->msix)
		return 0;
	count = via_msix_vectors(config);
	if (count > irq->count)
		return via_error_set(err, EPROTO,
				     "it claims %u MSI-X vectors, and the kernel knows %u", count,
				     irq->count);
	rc = locate(function, MSIX_TABLE, err);
	if (!rc)
		rc = locate(function, MSIX_PBA, err);
	if (rc)
		return rc;
	msix->table = (struct via_msix_table){
		.irq = function->machine.irq,
		.control = &config->value[config->msix + PCI_MSIX_FLAGS + 1],
		.ops = &ops,
		.owner = function,
		.count = (uint16_t)count,
		.wire_count = (uint16_t)count,
	};
	if (via_msix_table_init(&msix->table))
		return via_error_sys(err, ENOMEM, "cannot keep track of its %u vectors", count);
	for (uint16_t i = 0; i < count; i++)
		msix->table.wires[i].entry = i;
	return 0;
}

void via_msix_free(struct via_passthrough *function)
{
	via_msix_disable(function);
	via_msix_table_free(&function->msix.table);
	function->msix = (struct via_msix){ 0 };
}

void via_msix_count(struct via_passthrough *function, uint64_t *counts)
{
	const struct via_msix_table *table = &function->msix.table;

	for (uint32_t i = 0; i < table->count; i++)
		counts[i] = table->wires[i].vector.interrupts;
	if (function->msix.host_enabled)
		via_passthrough_interrupts(function, "vfio-msix", counts, table->count);
}
