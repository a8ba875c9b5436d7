/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <viaduct/util/pci.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>

static uint32_t word_get(const uint8_t *bytes, size_t offset, unsigned int size_bytes)
{
	uint32_t value = 0;

	for (unsigned int i = 0; i < size_bytes; i++)
		value |= (uint32_t)bytes[offset + i] << i * 8;
	return value;
}

size_t via_pci_capabilities(const uint8_t *bytes, size_t size_bytes,
			    struct via_pci_capability found[VIA_PCI_CAPABILITIES_MAX])
{
	size_t end = size_bytes < PCI_CFG_SPACE_SIZE ? size_bytes : PCI_CFG_SPACE_SIZE;
	bool seen[PCI_CFG_SPACE_SIZE] = { false };
	size_t count = 0, at;

	if (end < PCI_STD_HEADER_SIZEOF || !(word_get(bytes, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST))
		return 0;
	at = bytes[PCI_CAPABILITY_LIST] & ~3U;
	while (at >= PCI_STD_HEADER_SIZEOF && at + 2 <= end && !seen[at]) {
		seen[at] = true;
		found[count++] = (struct via_pci_capability){ bytes[at], (uint16_t)at };
		at = bytes[at + 1] & ~3U;
	}
	return count;
}

size_t via_pci_extended(const uint8_t *bytes, size_t size_bytes,
			struct via_pci_capability found[VIA_PCI_EXTENDED_MAX])
{
	bool seen[VIA_PCI_REGISTERS_BYTES / 4] = { false };
	size_t count = 0, at = PCI_CFG_SPACE_SIZE;

	/* 8: what the smallest has. */
	while (at >= PCI_CFG_SPACE_SIZE && at + 8 <= size_bytes && !seen[at / 4] &&
	       count < VIA_PCI_EXTENDED_MAX) {
		uint32_t word = word_get(bytes, at, 4);

		if (!word || word == UINT32_MAX)
			break;
		seen[at / 4] = true;
		found[count++] = (struct via_pci_capability){ PCI_EXT_CAP_ID(word), (uint16_t)at };
		at = PCI_EXT_CAP_NEXT(word);
	}
	return count;
}

int via_pci_registers_read(struct via_host *host, struct via_bdf bdf,
			   struct via_pci_registers *registers)
{
	via_autoclose int fd = via_host_open(host, O_RDONLY, "sys/bus/pci/devices/%s/config",
					     via_bdf_text(bdf).text);
	size_t used = 0;
	ssize_t got;

	if (fd < 0)
		return fd;
	do {
		got = read(fd, registers->bytes + used, sizeof(registers->bytes) - used);
		if (got < 0)
			return -errno;
		used += (size_t)got;
	} while (got);
	registers->size_bytes = used;
	return 0;
}

uint32_t via_pci_registers_get(const struct via_pci_registers *registers, size_t offset,
			       unsigned int size_bytes)
{
	if (offset > registers->size_bytes || size_bytes > registers->size_bytes - offset)
		return UINT32_MAX >> (32 - size_bytes * 8);
	return word_get(registers->bytes, offset, size_bytes);
}

static size_t find(const struct via_pci_capability *all, size_t count, uint16_t id)
{
	for (size_t i = 0; i < count; i++)
		if (all[i].id == id)
			return all[i].at;
	return 0;
}

size_t via_pci_registers_find(const struct via_pci_registers *registers, uint8_t id)
{
	struct via_pci_capability all[VIA_PCI_CAPABILITIES_MAX];

	return find(all, via_pci_capabilities(registers->bytes, registers->size_bytes, all), id);
}

size_t via_pci_registers_find_extended(const struct via_pci_registers *registers, uint16_t id)
{
	struct via_pci_capability all[VIA_PCI_EXTENDED_MAX];

	return find(all, via_pci_extended(registers->bytes, registers->size_bytes, all), id);
}

bool via_pci_registers_serial(const struct via_pci_registers *registers,
			      char serial[static VIA_PCI_SERIAL_BYTES])
{
	size_t at = via_pci_registers_find_extended(registers, PCI_EXT_CAP_ID_DSN);
	uint8_t bytes[8];

	if (!at || at + 12 > registers->size_bytes)
		return false;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)via_pci_registers_get(registers, at + 11 - i, 1);
	snprintf(serial, VIA_PCI_SERIAL_BYTES, "%02x-%02x-%02x-%02x-%02x-%02x-%02x-%02x", bytes[0],
		 bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7]);
	return true;
}

/* "../../../devices/pci0000:00/0000:00:1c.0/0000:03:00.0": the components before the last. */
int via_pci_path_read(struct via_host *host, struct via_bdf bdf, struct via_pci_path *path)
{
	via_autoclose int directory =
		via_host_open(host, O_PATH | O_DIRECTORY, "sys/bus/pci/devices");
	struct via_pci_path found = { .count = 0 };
	char target[PATH_MAX], *rest = target, *component;
	struct via_bdf each, last = { 0 };
	bool any = false;
	ssize_t length;

	if (directory < 0)
		return directory;
	length = readlinkat(directory, via_bdf_text(bdf).text, target, sizeof(target) - 1);
	if (length < 0)
		return -errno;
	target[length] = '\0';
	while ((component = strsep(&rest, "/"))) {
		if (via_bdf_parse(component, &each))
			continue;
		if (any && found.count < VIA_PCI_PATH_MAX)
			found.bridges[found.count++] = last;
		last = each;
		any = true;
	}
	if (!any || !via_bdf_equal(last, bdf))
		return -EINVAL;
	*path = found;
	return 0;
}

bool via_pci_path_has(const struct via_pci_path *path, struct via_bdf bridge)
{
	for (size_t i = 0; i < path->count; i++)
		if (via_bdf_equal(path->bridges[i], bridge))
			return true;
	return false;
}
