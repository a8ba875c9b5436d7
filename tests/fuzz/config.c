/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A device's configuration space, and a guest's accesses to it. The input: whether there is
 * extended space, how many words differ from an igb VF's and which, then accesses.
 */
#include <linux/pci_regs.h>
#include <stdbool.h>

#include "fuzz.h"
#include "passthrough/config.h"

static uint8_t space[PCI_CONFIG_BYTES];

static void put(size_t offset, uint32_t value)
{
	memcpy(space + offset, &value, sizeof(value));
}

static void igb_vf(void)
{
	memset(space, 0, sizeof(space));
	put(0x00, 0x10ca8086);
	put(0x04, 0x00100007);
	put(0x08, 0x02000001);
	put(0x10, 0xfebd000c);
	put(0x1c, 0xfebe000c);
	put(0x34, 0x00000070);
	put(0x70, 0xc002a011);
	put(0x74, 0x00000003);
	put(0x78, 0x00002003);
	put(0xa0, 0x00020010);
	put(0x100, 0x15010001);
	put(0x150, 0x1a01000e);
	put(0x1a0, 0x00010018);
}

/* What the guest reads while the device still says what it said. */
static uint32_t guest(const struct via_pci_config *config, size_t offset, unsigned int bytes)
{
	uint32_t device = 0;

	memcpy(&device, space + offset, bytes);
	return via_pci_config_merge(config, offset, bytes, device);
}

static bool one_of(uint32_t id, const uint8_t *ids, size_t count)
{
	return memchr(ids, (int)id, count);
}

static void check(const struct via_pci_config *config)
{
	static const uint8_t ids[] = { 0x01, 0x03, 0x05, 0x09, 0x10, 0x11, 0x13 };
	static const uint8_t extended[] = { 0x00, 0x01, 0x03, 0x04, 0x0b, 0x17, 0x18 };
	bool has_list = config->value[PCI_CAPABILITY_LIST];
	unsigned int found = 0;

	for (size_t i = 0; i < config->size_bytes; i++)
		MUST(!config->forward[i] || (!config->emulated[i] && !config->writable[i]));
	for (size_t i = 0; i < PCI_STD_HEADER_SIZEOF; i++)
		MUST(!config->forward[i] || i / 2 == PCI_STATUS / 2);
	for (size_t at = has_list ? guest(config, PCI_CAPABILITY_LIST, 1) : 0; at;
	     at = guest(config, at + 1, 1)) {
		MUST(at >= PCI_STD_HEADER_SIZEOF && at % 4 == 0 && ++found <= 48);
		MUST(via_pci_config_emulates(config, at, 2));
		MUST(one_of(guest(config, at, 1), ids, sizeof(ids)));
	}
	found = 0;
	for (size_t at = PCI_CFG_SPACE_SIZE; config->size_bytes > at;) {
		uint32_t word = guest(config, at, 4);

		MUST(++found <= 480);
		if (!word)
			break;
		MUST(via_pci_config_emulates(config, at, 4));
		MUST(one_of(PCI_EXT_CAP_ID(word), extended, sizeof(extended)));
		MUST(PCI_EXT_CAP_ID(word) < 256);
		at = PCI_EXT_CAP_NEXT(word);
		if (at < PCI_CFG_SPACE_SIZE)
			break;
	}
	if (config->msix) {
		MUST(config->msix + PCI_CAP_MSIX_SIZEOF <= PCI_CFG_SPACE_SIZE);
		for (size_t i = 0; i < PCI_CAP_MSIX_SIZEOF; i++)
			MUST(config->emulated[config->msix + i]);
	}
	/* Messages are never the device's to see, and what was pending is not the guest's to write.
	 */
	MUST(!config->msi || config->msi + config->msi_bytes <= PCI_CFG_SPACE_SIZE);
	for (size_t i = 0; config->msi && i < config->msi_bytes; i++) {
		MUST(config->emulated[config->msi + i] && !config->forward[config->msi + i]);
		MUST(i < 20 || !config->writable[config->msi + i]);
	}
	MUST(!(config->value[PCI_HEADER_TYPE] & 0x80));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	size_t bytes = take(&input, 1) & 1 ? PCI_CFG_SPACE_SIZE : PCI_CONFIG_BYTES;
	static struct via_pci_config config, before;
	struct via_error err;

	igb_vf();
	for (uint64_t words = take(&input, 1); words && input.left; words--) {
		size_t offset = take(&input, 2) % (PCI_CONFIG_BYTES - 3);

		put(offset, (uint32_t)take(&input, 4));
	}
	if (via_pci_config_build(&config, space, bytes, &err))
		return 0;
	check(&config);
	before = config;
	while (input.left) {
		unsigned int width = 1U << take(&input, 1) % 3;
		size_t offset = take(&input, 2) % bytes & ~(width - 1UL);

		via_pci_config_write(&config, offset, width, (uint32_t)take(&input, width));
		guest(&config, offset, width);
		MUST(via_pci_config_get(&config, offset, width) ==
		     via_pci_config_merge(&config, offset, width,
					  via_pci_config_get(&config, offset, width)));
	}
	check(&config);
	for (size_t i = 0; i < bytes; i++)
		MUST(!((config.value[i] ^ before.value[i]) & ~before.writable[i]));
	return 0;
}
