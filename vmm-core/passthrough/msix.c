/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "msix.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>

#include <viaduct/util/cleanup.h>

#include "passthrough.h"

enum { WORD_ADDRESS, WORD_UPPER, WORD_DATA, WORD_CONTROL };

static uint16_t control(const struct via_passthrough *function)
{
	return (uint16_t)via_pci_config_get(&function->config,
					    function->config.msix + PCI_MSIX_FLAGS, 2);
}

bool via_msix_enabled(const struct via_passthrough *function)
{
	return function->config.msix && control(function) & PCI_MSIX_FLAGS_ENABLE;
}

static uint64_t address(const struct via_msix_vector *vector)
{
	return (uint64_t)vector->words[WORD_UPPER] << 32 | vector->words[WORD_ADDRESS];
}

static bool delivers(const struct via_passthrough *function, const struct via_msix_vector *vector)
{
	return via_msix_enabled(function) && !(control(function) & PCI_MSIX_FLAGS_MASKALL) &&
	       !(vector->words[WORD_CONTROL] & PCI_MSIX_ENTRY_CTRL_MASKBIT) &&
	       via_vector_is_message(address(vector));
}

static void complain(struct via_passthrough *function, const struct via_msix_vector *vector,
		     const char *what, const char *why)
{
	via_passthrough_complain(function, "MSI-X vector %td cannot be %s: %s",
				 vector - function->msix.vectors, what, why);
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
	uint32_t begin = all ? 0 : first, count = all ? msix->count : end - first;
	via_autofree int32_t *fds = malloc(count * sizeof(*fds));
	int rc;

	if (!fds)
		return via_error_sys(err, ENOMEM, "cannot list its vectors");
	for (uint32_t i = 0; i < count; i++)
		fds[i] = begin + i >= first && begin + i < end
				 ? msix->vectors[begin + i].wire.eventfd
				 : -1;
	rc = via_vfio_device_set_irqs(function->device, VFIO_PCI_MSIX_IRQ_INDEX, begin, count, fds,
				      err);
	if (rc)
		return rc;
	msix->host_enabled = true;
	for (uint32_t i = first; i < end; i++) {
		msix->vectors[i].wire.connected = true;
		msix->vectors[i].wire.enabled++;
	}
	return 0;
}

/* Brings vectors [first, end) to where the guest wants them: one routing update for all. */
static void update_vectors(struct via_passthrough *function, uint32_t first, uint32_t end)
{
	struct via_msix *msix = &function->msix;
	struct via_error err;
	int rc;

	for (uint32_t i = first; i < end; i++) {
		struct via_msix_vector *vector = &msix->vectors[i];

		if (!delivers(function, vector)) {
			via_vector_detach(function, &vector->wire);
			continue;
		}
		rc = via_vector_route(function, &vector->wire, address(vector),
				      vector->words[WORD_DATA]);
		if (rc)
			complain(function, vector, "unmasked", via_vector_reason(rc));
	}
	rc = via_irq_commit(function->machine.irq);
	if (rc) {
		complain(function, &msix->vectors[first], "routed", strerror(-rc));
		return;
	}
	for (uint32_t i = first; i < end; i++) {
		struct via_msix_vector *vector = &msix->vectors[i];

		if (vector->wire.gsi < 0 || !delivers(function, vector))
			continue;
		rc = via_vector_attach(function, &vector->wire);
		if (rc)
			complain(function, vector, "delivered", strerror(-rc));
	}
	for (uint32_t i = first; i < end;) {
		uint32_t run = i;

		while (run < end && msix->vectors[run].wire.attached &&
		       !msix->vectors[run].wire.connected)
			run++;
		if (run > i && connect_range(function, i, run, &err))
			complain(function, &msix->vectors[i], "connected", err.text);
		i = run > i ? run : i + 1;
	}
}

void via_msix_update(struct via_passthrough *function)
{
	if (!via_msix_enabled(function))
		via_msix_disable(function);
	else
		update_vectors(function, 0, function->msix.count);
}

void via_msix_disable(struct via_passthrough *function)
{
	struct via_msix *msix = &function->msix;
	struct via_error err;

	for (uint32_t i = 0; i < msix->count; i++)
		via_vector_detach(function, &msix->vectors[i].wire);
	if (msix->host_enabled) {
		via_autofree uint64_t *counts = calloc(msix->count, sizeof(*counts));

		/* The kernel forgets its counts with the vectors. */
		if (counts) {
			via_msix_count(function, counts);
			for (uint32_t i = 0; i < msix->count; i++)
				msix->vectors[i].wire.interrupts = counts[i];
		}
		if (via_vfio_device_disable_irqs(function->device, VFIO_PCI_MSIX_IRQ_INDEX, &err))
			via_host_log(function->machine.host, VIA_LOG_WARNING, "%s", err.text);
		msix->host_enabled = false;
	}
	for (uint32_t i = 0; i < msix->count; i++)
		via_vector_release(function, &msix->vectors[i].wire);
}

void via_msix_reset(struct via_passthrough *function)
{
	for (uint32_t i = 0; i < function->msix.count; i++) {
		uint32_t *words = function->msix.vectors[i].words;

		memset(words, 0, MSIX_ENTRY_WORDS * sizeof(*words));
		words[WORD_CONTROL] = PCI_MSIX_ENTRY_CTRL_MASKBIT;
	}
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

static uint32_t read_word(struct via_passthrough *function, int structure, uint64_t word)
{
	struct via_msix *msix = &function->msix;
	uint32_t pending = 0;

	if (structure == MSIX_TABLE)
		return msix->vectors[word / MSIX_ENTRY_WORDS].words[word % MSIX_ENTRY_WORDS];

	for (uint32_t bit = 0; bit < 32; bit++) {
		uint64_t index = word * 32 + bit;

		if (index < msix->count && via_vector_pending(&msix->vectors[index].wire))
			pending |= 1U << bit;
	}
	return pending;
}

static void write_word(struct via_passthrough *function, int structure, uint64_t word,
		       uint32_t value)
{
	struct via_msix_vector *vector;
	uint32_t index, field;

	if (structure == MSIX_PBA)
		return; /* read-only */
	index = (uint32_t)(word / MSIX_ENTRY_WORDS);
	field = (uint32_t)(word % MSIX_ENTRY_WORDS);
	vector = &function->msix.vectors[index];
	if (field == WORD_CONTROL)
		value &= PCI_MSIX_ENTRY_CTRL_MASKBIT;
	else if (field == WORD_ADDRESS)
		value &= ~3U;
	if (vector->words[field] == value)
		return;
	vector->words[field] = value;
	/*
	 * What a message written piece by piece to an unmasked vector does is undefined; the guest
	 * gets each piece as it comes, at a routing update each. Masked, only unmasking costs.
	 */
	if (field == WORD_CONTROL || delivers(function, vector) || vector->wire.attached)
		update_vectors(function, index, index + 1);
}

bool via_msix_access(struct via_passthrough *function, uint32_t bar, uint64_t offset,
		     struct via_bus_access *access)
{
	for (int i = 0; i < MSIX_STRUCTURES; i++) {
		const struct via_msix_structure *structure = &function->msix.structures[i];
		uint64_t word;

		if (structure->bar != bar || offset < structure->offset ||
		    offset - structure->offset >= structure->size_bytes)
			continue;
		/* Software uses aligned doublewords or quadwords (7.7.2); nothing else is defined.
		 */
		if (access->size_bytes < 4 || offset % access->size_bytes ||
		    access->size_bytes > structure->size_bytes - (offset - structure->offset))
			return true;
		word = (offset - structure->offset) / 4;
		if (!access->write)
			access->value = read_word(function, i, word);
		else
			write_word(function, i, word, (uint32_t)access->value);
		if (access->size_bytes == 8 && !access->write)
			access->value |= (uint64_t)read_word(function, i, word + 1) << 32;
		else if (access->size_bytes == 8)
			write_word(function, i, word + 1, (uint32_t)(access->value >> 32));
		return true;
	}
	return false;
}

static int locate(struct via_passthrough *function, int which, const char *name, uint32_t where,
		  uint64_t size_bytes, struct via_error *err)
{
	struct via_msix_structure *structure = &function->msix.structures[which];
	uint32_t bar = where & PCI_MSIX_TABLE_BIR;
	uint64_t offset = where & PCI_MSIX_TABLE_OFFSET, region_bytes = 0;

	if (bar < BARS_MAX)
		region_bytes =
			via_vfio_device_region(function->device, VFIO_PCI_BAR0_REGION_INDEX + bar)
				->size_bytes;
	if (offset > region_bytes || size_bytes > region_bytes - offset)
		return via_error_set(err, EPROTO, "its MSI-X %s lies outside BAR %u", name, bar);
	*structure = (struct via_msix_structure){ .bar = bar,
						  .offset = offset,
						  .size_bytes = size_bytes };
	return 0;
}

int via_msix_init(struct via_passthrough *function, struct via_error *err)
{
	const struct via_vfio_irq *irq =
		via_vfio_device_irq(function->device, VFIO_PCI_MSIX_IRQ_INDEX);
	const struct via_pci_config *config = &function->config;
	struct via_msix *msix = &function->msix;
	uint32_t count;
	int rc;

	*msix = (struct via_msix){ .structures = { { .bar = UINT32_MAX }, { .bar = UINT32_MAX } } };
	if (!config->msix)
		return 0;
	count = (control(function) & PCI_MSIX_FLAGS_QSIZE) + 1U;
	if (count > irq->count)
		return via_error_set(err, EPROTO,
				     "it claims %u MSI-X vectors, and the kernel knows %u", count,
				     irq->count);
	rc = locate(function, MSIX_TABLE, "table",
		    via_pci_config_get(config, config->msix + PCI_MSIX_TABLE, 4),
		    count * PCI_MSIX_ENTRY_SIZE, err);
	if (!rc)
		rc = locate(function, MSIX_PBA, "pending bits",
			    via_pci_config_get(config, config->msix + PCI_MSIX_PBA, 4),
			    (count + 63) / 64 * 8, err);
	if (rc)
		return rc;
	msix->vectors = calloc(count, sizeof(*msix->vectors));
	if (!msix->vectors)
		return via_error_sys(err, ENOMEM, "cannot keep track of its %u vectors", count);
	for (uint32_t i = 0; i < count; i++)
		via_vector_init(&msix->vectors[i].wire);
	msix->count = (uint16_t)count;
	via_msix_reset(function);
	return 0;
}

void via_msix_free(struct via_passthrough *function)
{
	via_msix_disable(function);
	free(function->msix.vectors);
	function->msix = (struct via_msix){ 0 };
}

void via_msix_count(struct via_passthrough *function, uint64_t *counts)
{
	struct via_msix *msix = &function->msix;

	for (uint32_t i = 0; i < msix->count; i++)
		counts[i] = msix->vectors[i].wire.interrupts;
	if (msix->host_enabled)
		via_vector_counts(function, "vfio-msix", counts, msix->count);
}
