/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <viaduct/sriov/attr.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int hex_digit(char c)
{
	if (!isxdigit((unsigned char)c))
		return -1;
	return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

int via_mac_parse(const char *text, struct via_mac *mac, struct via_error *err)
{
	static const struct via_mac zero;
	struct via_mac found;
	const char *at = text;

	for (size_t i = 0; i < VIA_MAC_BYTES; i++) {
		int high = hex_digit(at[0]);
		int low = high < 0 ? -1 : hex_digit(at[1]);

		if (low < 0 || at[2] != (i + 1 < VIA_MAC_BYTES ? ':' : '\0'))
			return via_error_set(err, EINVAL,
					     "'%s' is not a MAC address: six octets, as in "
					     "02:00:00:00:00:01",
					     text);
		found.octets[i] = (uint8_t)(high << 4 | low);
		at += 3;
	}
	if (!memcmp(&found, &zero, sizeof(zero)))
		return via_error_set(err, EINVAL, "a VF cannot have the MAC address %s: it is zero",
				     text);
	if (found.octets[0] & 1)
		return via_error_set(err, EINVAL,
				     "a VF cannot have the MAC address %s: it is a multicast one",
				     text);
	*mac = found;
	return 0;
}

struct via_mac_text via_mac_text(struct via_mac mac)
{
	struct via_mac_text out;
	const uint8_t *o = mac.octets;

	snprintf(out.text, sizeof(out.text), "%02x:%02x:%02x:%02x:%02x:%02x", o[0], o[1], o[2],
		 o[3], o[4], o[5]);
	return out;
}
