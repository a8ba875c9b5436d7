/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_PASSTHROUGH_ROM_H
#define VIA_VMM_PASSTHROUGH_ROM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <viaduct/util/error.h>

#include "../bus.h"

/*
 * The expansion ROM (PCI Local Bus 3.0, 6.2.5.2 and 6.3): an image in memory, read from a file at
 * the start, or from the device when the guest first decodes it. Reading it from the device each
 * time would disturb registers on devices that share the address decoder.
 */
struct via_passthrough;

#define VIA_ROM_MIN_BYTES 2048U /* what the register can tell: PCI Local Bus 3.0, 6.2.5.2 */
#define VIA_ROM_MAX_BYTES (16U << 20)

/** via_rom_bar_bytes() - what its register says the size is, of an image of so many bytes. */
static inline uint64_t via_rom_bar_bytes(uint64_t size_bytes)
{
	uint64_t bar_bytes = VIA_ROM_MIN_BYTES;

	while (bar_bytes < size_bytes)
		bar_bytes *= 2;
	return bar_bytes;
}

struct via_rom {
	uint8_t *image;
	uint64_t size_bytes; /* a power of two; 0: no ROM */
	uint64_t map_bytes;  /* at least a page */
	bool loaded;
};

/**
 * via_rom_init() - @source: see struct via_vmm_device.
 *
 * Return: 0; -ENOENT or another errno for a file that cannot be read; -EINVAL for one that is no
 * ROM image; -EFBIG for more than 16 MiB; -ENOMEM.
 */
int via_rom_init(struct via_passthrough *function, const char *source, struct via_error *err);
void via_rom_free(struct via_passthrough *function);

/** via_rom_load() - have the image, if it is not there yet. */
void via_rom_load(struct via_passthrough *function);

#endif
