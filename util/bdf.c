/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <viaduct/util/bdf.h>

#include <errno.h>
#include <stdio.h>

/* Reads up to @max_digits hexadecimal digits at *@text and moves past them. */
static bool hex_field(const char **text, int max_digits, uint32_t max, uint32_t *value)
{
	uint32_t number = 0;
	int digits = 0;

	for (;; ++*text, digits++) {
		char c = **text;
		uint32_t digit;

		if (c >= '0' && c <= '9')
			digit = (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			digit = (uint32_t)(c - 'a') + 10;
		else if (c >= 'A' && c <= 'F')
			digit = (uint32_t)(c - 'A') + 10;
		else
			break;
		if (digits == max_digits)
			return false;
		number = number << 4 | digit;
	}
	*value = number;
	return digits > 0 && number <= max;
}

int via_bdf_parse(const char *text, struct via_bdf *bdf)
{
	uint32_t domain = 0, bus, device, function;
	const char *at = text;
	int colons = 0;

	for (const char *c = text; *c; c++)
		colons += *c == ':';
	if (colons == 2 && (!hex_field(&at, 8, UINT32_MAX, &domain) || *at++ != ':'))
		return -EINVAL;
	if (!hex_field(&at, 2, 0xff, &bus) || *at++ != ':')
		return -EINVAL;
	if (!hex_field(&at, 2, 0x1f, &device) || *at++ != '.')
		return -EINVAL;
	if (!hex_field(&at, 1, 7, &function) || *at)
		return -EINVAL;

	*bdf = (struct via_bdf){
		.domain = domain,
		.bus = (uint8_t)bus,
		.device = (uint8_t)device,
		.function = (uint8_t)function,
	};
	return 0;
}

struct via_bdf_text via_bdf_text(struct via_bdf bdf)
{
	struct via_bdf_text out;

	snprintf(out.text, sizeof(out.text), "%04x:%02x:%02x.%x", bdf.domain, bdf.bus,
		 bdf.device & 0x1fU, bdf.function & 7U);
	return out;
}

int via_bdf_compare(struct via_bdf a, struct via_bdf b)
{
	uint64_t x = (uint64_t)a.domain << 32 | (uint64_t)a.bus << 16 |
		     (uint64_t)a.device << 8 | a.function;
	uint64_t y = (uint64_t)b.domain << 32 | (uint64_t)b.bus << 16 |
		     (uint64_t)b.device << 8 | b.function;

	return (x > y) - (x < y);
}
