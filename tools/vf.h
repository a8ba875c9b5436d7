/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_VF_H
#define VIADUCT_TOOLS_VF_H

#include <stdbool.h>

#include <viaduct/sriov/attr.h>
#include <viaduct/sriov/pf.h>

#include "change.h"
#include "command.h"

/** via_vf_parse_number() - a whole number in decimal, up to @max. */
bool via_vf_parse_number(const char *text, unsigned int max, unsigned int *number);

/** via_vf_parse_attrs() - what --mac, --vlan, --qos, --trust and --spoofchk ask for.
 * Return: 0 or the exit status. */
int via_vf_parse_attrs(const struct via_cli *cli, struct via_sriov_attrs *attrs);

/* The text of one attribute. */
struct via_vf_attr_text {
	char text[VIA_MAC_TEXT_BYTES];
};

/** via_vf_attr_text() - one attribute; "" when it is not known. */
struct via_vf_attr_text via_vf_attr_text(const struct via_sriov_attrs *attrs,
					 enum via_sriov_attr attr);

/** via_vf_add_attrs() - from one state of VF @index to another. @asked: what is said, too, when it
 * stays. */
void via_vf_add_attrs(struct via_changes *changes, const struct via_sriov_pf *pf,
		      unsigned int index, unsigned int asked, const struct via_sriov_attrs *before,
		      const struct via_sriov_attrs *after);

#endif
