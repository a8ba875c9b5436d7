/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_FUNCTION_H
#define VIADUCT_TOOLS_FUNCTION_H

#include <stdbool.h>
#include <stdint.h>

#include <viaduct/sriov/pf.h>
#include <viaduct/util/error.h>

#include "command.h"

/* What a person wants to know of a PCI function before giving it away. */
struct via_function {
	struct via_bdf bdf;
	uint32_t class_code; /* base class, subclass and interface, 24 bits */
	uint16_t vendor_id;
	uint16_t device_id;
	char driver[VIA_DRIVER_NAME_BYTES]; /* "" for none */
	long iommu_group;		    /* -1 for none */
	long numa_node;			    /* -1 for none */
	bool is_vf;
	struct via_bdf pf_bdf; /* of a VF */
	unsigned int vf_index;
	bool is_pf;
	struct via_sriov_pf pf; /* of a PF */
	struct via_names netdevs;
	struct via_names nvme;
	struct via_names disks;	 /* block devices that are no NVMe namespaces */
	struct via_error in_use; /* who in the host uses it; "" for nobody */
};

/**
 * via_function_load() - everything about one function.
 * @function: released with via_function_clear().
 *
 * Return: 0, -ENODEV, -ENOMEM, or -EPROTO when sysfs holds something unreadable.
 */
int via_function_load(const struct via_cli *cli, struct via_bdf bdf, struct via_function *function,
		      struct via_error *err);
void via_function_clear(struct via_function *function);

/** via_function_is_worth_assigning() - false for what a chipset is made of: bridges,
 * memory controllers, timers. */
bool via_function_is_worth_assigning(const struct via_function *function);

#endif
