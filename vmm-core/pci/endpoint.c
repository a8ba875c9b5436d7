/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "endpoint.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "../layout.h"

uint32_t via_pci_endpoint_get(const struct via_pci_endpoint *endpoint, uint64_t offset,
			      unsigned int size_bytes)
{
	uint32_t value = 0;

	for (unsigned int i = 0; i < size_bytes; i++)
		value |= (uint32_t)endpoint->value[offset + i] << i * 8;
	return value;
}

void via_pci_endpoint_set(struct via_pci_endpoint *endpoint, uint64_t offset,
			  unsigned int size_bytes, uint32_t value)
{
	for (unsigned int i = 0; i < size_bytes; i++)
		endpoint->value[offset + i] = (uint8_t)(value >> i * 8);
}

static uint64_t bar_address(const struct via_pci_endpoint *endpoint)
{
	uint64_t address = via_pci_endpoint_get(endpoint, PCI_BASE_ADDRESS_0, 4);

	address |= (uint64_t)via_pci_endpoint_get(endpoint, PCI_BASE_ADDRESS_1, 4) << 32;
	return address & ~(endpoint->bar.size_bytes - 1);
}

static bool decodes(const struct via_pci_endpoint *endpoint)
{
	return via_pci_endpoint_get(endpoint, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY;
}

static void unmap(struct via_pci_endpoint *endpoint)
{
	if (!endpoint->mapped)
		return;
	endpoint->ops->moved(endpoint->owner, false, endpoint->bar.base);
	via_bus_remove(endpoint->mmio, &endpoint->bar);
	endpoint->mapped = false;
}

static void retract(struct via_pci_endpoint *endpoint)
{
	if (!decodes(endpoint) || endpoint->bar.base != bar_address(endpoint))
		unmap(endpoint);
}

/* A BAR the guest laid where it must not be, or over another, is simply not decoded. */
static void follow(void *owner)
{
	struct via_pci_endpoint *endpoint = owner;
	struct via_range range;

	retract(endpoint);
	if (endpoint->mapped || !decodes(endpoint))
		return;
	endpoint->bar.base = bar_address(endpoint);
	if (via_range_make(endpoint->bar.base, endpoint->bar.size_bytes, &range) ||
	    !via_pci_host_decodes(endpoint->host, false, range) ||
	    via_bus_add(endpoint->mmio, &endpoint->bar))
		return;
	endpoint->mapped = true;
	endpoint->ops->moved(endpoint->owner, true, endpoint->bar.base);
}

static bool touches(const struct via_bus_access *access, uint64_t first, uint64_t bytes)
{
	return access->offset < first + bytes && first < access->offset + access->size_bytes;
}

static void write_config(struct via_pci_endpoint *endpoint, const struct via_bus_access *access)
{
	for (unsigned int i = 0; i < access->size_bytes; i++) {
		uint8_t *value = &endpoint->value[access->offset + i];
		uint8_t mask = endpoint->writable[access->offset + i];

		*value = (uint8_t)((*value & ~mask) | (uint8_t)(access->value >> i * 8 & mask));
	}
	if (touches(access, PCI_COMMAND, 2) || touches(access, PCI_BASE_ADDRESS_0, 8)) {
		retract(endpoint);
		via_pci_host_moved(endpoint->host);
	}
	endpoint->ops->config_written(endpoint->owner, access->offset, access->size_bytes);
}

static void access_config(void *owner, struct via_bus_access *access)
{
	struct via_pci_endpoint *endpoint = owner;

	if (access->offset + access->size_bytes > sizeof(endpoint->value)) {
		access->value = 0; /* no extended space: nothing there */
		return;
	}
	if (access->write) {
		write_config(endpoint, access);
		return;
	}
	if (endpoint->ops->config_read)
		endpoint->ops->config_read(endpoint->owner, access->offset, access->size_bytes);
	access->value = via_pci_endpoint_get(endpoint, access->offset, access->size_bytes);
}

/* Return: a device and function number, or -ENOSPC. */
static int free_slot(const struct via_pci_host *host)
{
	int slot = 0;

	for (unsigned int i = 0; i < PCI_FUNCTIONS; i++)
		if (host->functions[i])
			slot = (int)i >> 3;
	return slot + 1 < (int)LAYOUT_SLOTS ? (slot + 1) << 3 : -ENOSPC;
}

static void lay_out_header(struct via_pci_endpoint *endpoint,
			   const struct via_pci_endpoint_identity *identity)
{
	uint64_t mask = ~(endpoint->bar.size_bytes - 1);

	via_pci_endpoint_set(endpoint, PCI_VENDOR_ID, 2, identity->vendor);
	via_pci_endpoint_set(endpoint, PCI_DEVICE_ID, 2, identity->device);
	via_pci_endpoint_set(endpoint, PCI_STATUS, 2, PCI_STATUS_CAP_LIST);
	via_pci_endpoint_set(endpoint, PCI_CLASS_REVISION, 4,
			     identity->class << 8 | identity->revision);
	via_pci_endpoint_set(endpoint, PCI_SUBSYSTEM_VENDOR_ID, 2, identity->subsystem_vendor);
	via_pci_endpoint_set(endpoint, PCI_SUBSYSTEM_ID, 2, identity->subsystem);
	endpoint->writable[PCI_COMMAND] =
		PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY;
	endpoint->writable[PCI_COMMAND + 1] = (PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE) >> 8;
	endpoint->writable[PCI_CACHE_LINE_SIZE] = 0xff;
	endpoint->writable[PCI_INTERRUPT_LINE] = 0xff;
	for (unsigned int i = 0; i < 8; i++)
		endpoint->writable[PCI_BASE_ADDRESS_0 + i] = (uint8_t)(mask >> i * 8);
}

void via_pci_endpoint_reset(struct via_pci_endpoint *endpoint)
{
	unmap(endpoint);
	for (unsigned int i = 0; i < sizeof(endpoint->value); i++)
		endpoint->value[i] &= (uint8_t)~endpoint->writable[i];
	via_pci_endpoint_set(endpoint, PCI_BASE_ADDRESS_0, 4,
			     (uint32_t)endpoint->placed | PCI_BASE_ADDRESS_MEM_TYPE_64);
	via_pci_endpoint_set(endpoint, PCI_BASE_ADDRESS_1, 4, (uint32_t)(endpoint->placed >> 32));
}

int via_pci_endpoint_init(struct via_pci_endpoint *endpoint, struct via_pci_host *host,
			  struct via_bus *mmio, const struct via_pci_endpoint_identity *identity,
			  uint64_t bar_bytes, const struct via_pci_endpoint_owner *ops, void *owner,
			  struct via_error *err)
{
	int devfn = free_slot(host);

	if (devfn < 0)
		return via_error_set(err, ENOSPC, "a guest has at most %u devices",
				     LAYOUT_SLOTS - 1);
	*endpoint = (struct via_pci_endpoint){
		.function = { .config = access_config, .remap = follow, .owner = endpoint },
		.host = host,
		.mmio = mmio,
		.ops = ops,
		.owner = owner,
		.devfn = (uint8_t)devfn,
		.link = PCI_CAPABILITY_LIST,
		.end = PCI_STD_HEADER_SIZEOF,
		.bar = { .size_bytes = bar_bytes, .access = ops->registers, .owner = owner },
	};
	if (via_pci_host_place(host, VIA_PCI_MMIO64, bar_bytes, &endpoint->placed))
		return via_error_set(err, ENOSPC,
				     "the guest's PCI window has no room for its registers");
	lay_out_header(endpoint, identity);
	via_pci_endpoint_reset(endpoint);
	return 0;
}

uint8_t via_pci_endpoint_add(struct via_pci_endpoint *endpoint, const void *capability,
			     const void *writable, uint8_t size_bytes)
{
	uint8_t offset = endpoint->end;

	assert(offset + size_bytes <= PCI_CFG_SPACE_SIZE);
	memcpy(&endpoint->value[offset], capability, size_bytes);
	if (writable)
		memcpy(&endpoint->writable[offset], writable, size_bytes);
	endpoint->value[endpoint->link] = offset;
	endpoint->link = (uint8_t)(offset + PCI_CAP_LIST_NEXT);
	endpoint->value[endpoint->link] = 0;
	endpoint->end = (uint8_t)((offset + size_bytes + 3) & ~3);
	return offset;
}

void via_pci_endpoint_show(struct via_pci_endpoint *endpoint)
{
	endpoint->host->functions[endpoint->devfn] = &endpoint->function;
}

void via_pci_endpoint_hide(struct via_pci_endpoint *endpoint)
{
	if (!endpoint->host)
		return;
	unmap(endpoint);
	if (endpoint->host->functions[endpoint->devfn] == &endpoint->function)
		endpoint->host->functions[endpoint->devfn] = NULL;
}
