/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "msix.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_ADDRESS, WORD_UPPER, WORD_DATA, WORD_CONTROL };

int via_msix_table_init(struct via_msix_table *table)
{
	table->entries = calloc(table->count, sizeof(*table->entries));
	table->wires = calloc(table->wire_count, sizeof(*table->wires));
	if (!table->entries || !table->wires) {
		free(table->entries);
		free(table->wires);
		table->entries = NULL;
		table->wires = NULL;
		table->count = table->wire_count = 0;
		return -ENOMEM;
	}
	for (uint16_t i = 0; i < table->wire_count; i++) {
		via_vector_init(&table->wires[i].vector);
		table->wires[i].entry = MSIX_NO_ENTRY;
	}
	via_msix_table_reset(table);
	return 0;
}

void via_msix_table_free(struct via_msix_table *table)
{
	for (uint16_t i = 0; table->wires && i < table->wire_count; i++)
		via_vector_release(table->irq, &table->wires[i].vector);
	free(table->entries);
	free(table->wires);
	*table = (struct via_msix_table){ 0 };
}

static bool control(const struct via_msix_table *table, unsigned int flag)
{
	return table->count && *table->control & flag >> 8;
}

bool via_msix_table_enabled(const struct via_msix_table *table)
{
	return control(table, PCI_MSIX_FLAGS_ENABLE);
}

static uint64_t address(const struct via_msix_entry *entry)
{
	return (uint64_t)entry->words[WORD_UPPER] << 32 | entry->words[WORD_ADDRESS];
}

bool via_msix_table_delivers(const struct via_msix_table *table, uint32_t index)
{
	const struct via_msix_entry *entry = &table->entries[index];

	return via_msix_table_enabled(table) && !control(table, PCI_MSIX_FLAGS_MASKALL) &&
	       !(entry->words[WORD_CONTROL] & PCI_MSIX_ENTRY_CTRL_MASKBIT) &&
	       via_vector_is_message(address(entry));
}

static bool is_attached(const struct via_msix_table *table, uint32_t entry)
{
	for (uint16_t i = 0; i < table->wire_count; i++)
		if (table->wires[i].entry == entry && table->wires[i].vector.attached)
			return true;
	return false;
}

static void route(struct via_msix_table *table, struct via_msix_wire *wire)
{
	const struct via_msix_entry *entry = &table->entries[wire->entry];
	int rc;

	if (!via_msix_table_delivers(table, wire->entry)) {
		via_vector_detach(table->irq, &wire->vector);
		return;
	}
	rc = via_vector_route(table->irq, &wire->vector, address(entry), entry->words[WORD_DATA]);
	if (rc)
		table->ops->complain(table->owner, wire->entry, "unmasked", via_vector_reason(rc));
}

static void attach(struct via_msix_table *table, struct via_msix_wire *wire)
{
	int rc;

	if (wire->vector.gsi < 0 || !via_msix_table_delivers(table, wire->entry))
		return;
	rc = via_vector_attach(table->irq, &wire->vector);
	if (rc)
		table->ops->complain(table->owner, wire->entry, "delivered", strerror(-rc));
}

static bool is_within(const struct via_msix_wire *wire, uint32_t first, uint32_t end)
{
	return wire->entry >= first && wire->entry < end;
}

void via_msix_table_update(struct via_msix_table *table, uint32_t first, uint32_t end)
{
	int rc;

	for (uint16_t i = 0; i < table->wire_count; i++)
		if (is_within(&table->wires[i], first, end))
			route(table, &table->wires[i]);
	rc = via_irq_commit(table->irq);
	if (rc) {
		table->ops->complain(table->owner, first, "routed", strerror(-rc));
		return;
	}
	for (uint16_t i = 0; i < table->wire_count; i++)
		if (is_within(&table->wires[i], first, end))
			attach(table, &table->wires[i]);
	if (table->ops->attached)
		table->ops->attached(table->owner, first, end);
}

void via_msix_table_reset(struct via_msix_table *table)
{
	for (uint16_t i = 0; i < table->count; i++)
		table->entries[i] = (struct via_msix_entry){ .words[WORD_CONTROL] =
								     PCI_MSIX_ENTRY_CTRL_MASKBIT };
}

static uint32_t read_word(const struct via_msix_table *table, int structure, uint64_t word)
{
	uint32_t pending = 0;

	if (structure == MSIX_TABLE)
		return table->entries[word / MSIX_ENTRY_WORDS].words[word % MSIX_ENTRY_WORDS];
	for (uint16_t i = 0; i < table->wire_count; i++) {
		const struct via_msix_wire *wire = &table->wires[i];

		if (wire->entry != MSIX_NO_ENTRY && wire->entry / 32U == word &&
		    via_vector_pending(&wire->vector))
			pending |= 1U << wire->entry % 32;
	}
	return pending;
}

static void write_word(struct via_msix_table *table, int structure, uint64_t word, uint32_t value)
{
	uint32_t index, field;
	uint32_t *words;

	if (structure == MSIX_PBA)
		return; /* read-only */
	index = (uint32_t)(word / MSIX_ENTRY_WORDS);
	field = (uint32_t)(word % MSIX_ENTRY_WORDS);
	words = table->entries[index].words;
	if (field == WORD_CONTROL)
		value &= PCI_MSIX_ENTRY_CTRL_MASKBIT;
	else if (field == WORD_ADDRESS)
		value &= ~3U;
	if (words[field] == value)
		return;
	words[field] = value;
	/*
	 * What a message written piece by piece to an unmasked vector does is undefined; the guest
	 * gets each piece as it comes, at a routing update each. Masked, only unmasking costs.
	 */
	if (field == WORD_CONTROL || via_msix_table_delivers(table, index) ||
	    is_attached(table, index))
		via_msix_table_update(table, index, index + 1);
}

void via_msix_table_access(struct via_msix_table *table, int structure, uint64_t offset,
			   struct via_bus_access *access)
{
	uint64_t size_bytes = structure == MSIX_TABLE ? MSIX_TABLE_BYTES(table->count)
						      : MSIX_PBA_BYTES(table->count);
	uint64_t word = offset / 4;

	/* Software uses aligned doublewords or quadwords (7.7.2); nothing else is defined. */
	if (access->size_bytes < 4 || offset % access->size_bytes ||
	    access->size_bytes > size_bytes - offset)
		return;
	if (!access->write)
		access->value = read_word(table, structure, word);
	else
		write_word(table, structure, word, (uint32_t)access->value);
	if (access->size_bytes == 8 && !access->write)
		access->value |= (uint64_t)read_word(table, structure, word + 1) << 32;
	else if (access->size_bytes == 8)
		write_word(table, structure, word + 1, (uint32_t)(access->value >> 32));
}
