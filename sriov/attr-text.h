/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_SRIOV_ATTR_TEXT_H
#define VIADUCT_SRIOV_ATTR_TEXT_H

#include <viaduct/sriov/attr.h>

/* "mac=02:00:00:00:00:01 vlan=4094 qos=7 protocol=34984 trust=off spoofchk=off" and its NUL. */
#define VIA_SRIOV_ATTRS_TEXT_BYTES 96

/** via_sriov_attrs_format() - the attributes that say something, as words of files; "" for none. */
void via_sriov_attrs_format(const struct via_sriov_attrs *attrs,
			    char text[static VIA_SRIOV_ATTRS_TEXT_BYTES]);

/**
 * via_sriov_attrs_parse() - what via_sriov_attrs_format() wrote, each word once at most.
 *
 * Return: 0, or -EINVAL when it is anything else.
 */
int via_sriov_attrs_parse(const char *text, struct via_sriov_attrs *attrs);

#endif
