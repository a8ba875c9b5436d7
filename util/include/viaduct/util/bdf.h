/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_UTIL_BDF_H
#define VIADUCT_UTIL_BDF_H

#include <stdbool.h>
#include <stdint.h>

#include <viaduct/util/error.h>

/* Where a PCI function is: domain (segment), bus, device, function. Written 0000:01:10.0. */
struct via_bdf {
	uint32_t domain;
	uint8_t bus;
	uint8_t device;
	uint8_t function;
};

/* Room for "ffffffff:ff:1f.7" and its NUL; sysfs writes domains with at least four digits. */
#define VIA_BDF_TEXT_BYTES 18

struct via_bdf_text {
	char text[VIA_BDF_TEXT_BYTES];
};

/**
 * via_bdf_parse() - read "0000:01:10.0" or "01:10.0" (domain 0), nothing before or after.
 *
 * Return: 0, or -EINVAL when @text is not a PCI address.
 */
VIA_API int via_bdf_parse(const char *text, struct via_bdf *bdf);

/** via_bdf_text() - the address as sysfs writes it. `via_bdf_text(bdf).text` lives as long as the
 * enclosing full expression.
 */
VIA_API struct via_bdf_text via_bdf_text(struct via_bdf bdf);

static inline bool via_bdf_equal(struct via_bdf a, struct via_bdf b)
{
	return a.domain == b.domain && a.bus == b.bus && a.device == b.device &&
	       a.function == b.function;
}

/** via_bdf_compare() - qsort()-style order by domain, bus, device, function. */
VIA_API int via_bdf_compare(struct via_bdf a, struct via_bdf b);

#endif
