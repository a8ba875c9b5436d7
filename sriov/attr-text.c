/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "attr-text.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_ether.h>

static const struct via_mac no_mac;

/* One word more. The longest of each together fit. */
static void __attribute__((format(printf, 2, 3))) add(char *text, const char *fmt, ...)
{
	size_t used = strlen(text);
	va_list args;

	if (used)
		text[used++] = ' ';
	va_start(args, fmt);
	vsnprintf(text + used, VIA_SRIOV_ATTRS_TEXT_BYTES - used, fmt, args);
	va_end(args);
}

void via_sriov_attrs_format(const struct via_sriov_attrs *attrs,
			    char text[static VIA_SRIOV_ATTRS_TEXT_BYTES])
{
	*text = '\0';
	if (attrs->valid & VIA_SRIOV_MAC)
		add(text, "mac=%s",
		    memcmp(&attrs->mac, &no_mac, sizeof(no_mac)) ? via_mac_text(attrs->mac).text
								 : "none");
	if (attrs->valid & VIA_SRIOV_VLAN) {
		add(text, "vlan=%u", attrs->vlan);
		if (attrs->vlan_protocol)
			add(text, "protocol=%u", attrs->vlan_protocol);
	}
	if (attrs->valid & VIA_SRIOV_QOS)
		add(text, "qos=%u", attrs->qos);
	if (attrs->valid & VIA_SRIOV_TRUST)
		add(text, "trust=%s", attrs->trust ? "on" : "off");
	if (attrs->valid & VIA_SRIOV_SPOOFCHK)
		add(text, "spoofchk=%s", attrs->spoofchk ? "on" : "off");
}

static bool parse_number(const char *text, unsigned int max, unsigned int *number)
{
	char *end;
	unsigned long value;

	if (!isdigit((unsigned char)*text) || strlen(text) > 5)
		return false;
	value = strtoul(text, &end, 10);
	if (*end || value > max)
		return false;
	*number = (unsigned int)value;
	return true;
}

static bool parse_switch(const char *text, bool *on)
{
	*on = !strcmp(text, "on");
	return *on || !strcmp(text, "off");
}

static bool parse_mac(const char *text, struct via_mac *mac)
{
	*mac = no_mac;
	return !strcmp(text, "none") || !via_mac_parse(text, mac, NULL);
}

static bool parse_protocol(const char *text, uint16_t *protocol)
{
	unsigned int number;

	if (!parse_number(text, UINT16_MAX, &number) ||
	    (number != ETH_P_8021Q && number != ETH_P_8021AD))
		return false;
	*protocol = (uint16_t)number;
	return true;
}

/* The bit of a word that is no attribute of its own. */
#define PROTOCOL (1U << 31)

/* Which word it was; 0 for none that may be there. */
static unsigned int parse_word(const char *key, const char *value, struct via_sriov_attrs *attrs)
{
	if (!strcmp(key, "mac") && parse_mac(value, &attrs->mac))
		return VIA_SRIOV_MAC;
	if (!strcmp(key, "vlan") && parse_number(value, VIA_SRIOV_VLAN_MAX, &attrs->vlan))
		return VIA_SRIOV_VLAN;
	if (!strcmp(key, "protocol") && parse_protocol(value, &attrs->vlan_protocol))
		return PROTOCOL;
	if (!strcmp(key, "qos") && parse_number(value, VIA_SRIOV_QOS_MAX, &attrs->qos))
		return VIA_SRIOV_QOS;
	if (!strcmp(key, "trust") && parse_switch(value, &attrs->trust))
		return VIA_SRIOV_TRUST;
	if (!strcmp(key, "spoofchk") && parse_switch(value, &attrs->spoofchk))
		return VIA_SRIOV_SPOOFCHK;
	return 0;
}

int via_sriov_attrs_parse(const char *text, struct via_sriov_attrs *attrs)
{
	struct via_sriov_attrs found = { 0 };
	char copy[VIA_SRIOV_ATTRS_TEXT_BYTES], *rest = copy, *word;
	unsigned int seen = 0;

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, text);
	while (*copy && (word = strsep(&rest, " "))) {
		char *value = strchr(word, '=');
		unsigned int which;

		if (!value)
			return -EINVAL;
		*value++ = '\0';
		which = parse_word(word, value, &found);
		if (!which || seen & which)
			return -EINVAL;
		seen |= which;
	}
	if (seen & PROTOCOL && !(seen & VIA_SRIOV_VLAN))
		return -EINVAL;
	found.valid = seen & ~PROTOCOL;
	*attrs = found;
	return 0;
}
