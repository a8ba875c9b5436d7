/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_SRIOV_WANTED_H
#define VIADUCT_SRIOV_WANTED_H

#include <stdbool.h>
#include <stddef.h>

#include <viaduct/iommu/group.h>
#include <viaduct/sriov/attr.h>
#include <viaduct/util/error.h>

/*
 * What somebody wants of a host's devices, as it was written: names are not looked up, ranges not
 * expanded. plan.h compares it with what there is. What is not said is to stay.
 */

/* Where it was written, from 1; 0 when it was not in a file. */
struct via_sriov_place {
	unsigned int line, column;
};

struct via_sriov_wanted_name {
	char *name;
	struct via_sriov_place place;
};

/* VFs of a PF. */
struct via_sriov_wanted_vfs {
	unsigned int first, last;     /* indices */
	struct via_sriov_attrs attrs; /* the MAC address of the first; the others' are counted up */
	char driver[VIA_DRIVER_NAME_BYTES]; /* "": as the PF says */
	struct via_sriov_place place;
};

struct via_sriov_wanted_pf {
	struct via_sriov_wanted_name pf;
	bool has_count;
	unsigned int count; /* of VFs */
	struct via_sriov_place count_place;
	char driver[VIA_DRIVER_NAME_BYTES]; /* of all VFs; "": not said */
	unsigned int queues, vectors;	    /* of each VF of an NVMe PF; 0: not said */
	struct via_sriov_wanted_vfs *vfs;   /* by index; no index twice */
	size_t vfs_count;
};

struct via_sriov_wanted_device {
	struct via_sriov_wanted_name device;
	char driver[VIA_DRIVER_NAME_BYTES];
};

struct via_sriov_wanted_pool {
	struct via_sriov_wanted_name pool;
	struct via_sriov_wanted_name *pfs;
	size_t pf_count;
	bool has_range; /* of VFs; else all that the PFs have */
	unsigned int first, last;
	struct via_sriov_attrs attrs;	    /* the MAC address of the first VF */
	char driver[VIA_DRIVER_NAME_BYTES]; /* of a VF that is leased; "": not said */
};

struct via_sriov_wanted {
	char *file; /* what sentences call it */
	struct via_sriov_wanted_pf *pfs;
	size_t pf_count;
	struct via_sriov_wanted_device *devices;
	size_t device_count;
	struct via_sriov_wanted_pool *pools;
	size_t pool_count;
};

/**
 * via_sriov_wanted_parse() - the wanted state from YAML: viaduct.yaml(5).
 * @file: what sentences call the text.
 * @wanted: zero-initialised; released with via_sriov_wanted_clear().
 *
 * Return: 0; -EINVAL with a sentence that names file, line and column: what is not YAML, an unknown
 * key, a value of another kind, VFs that are named twice or are more than there shall be, two VFs
 * with one MAC address; -E2BIG above 1 MiB; -ELIBACC when libfyaml cannot be loaded; -ENOMEM.
 */
VIA_API int via_sriov_wanted_parse(const char *file, const char *text, size_t bytes,
				   struct via_sriov_wanted *wanted, struct via_error *err);
VIA_API void via_sriov_wanted_clear(struct via_sriov_wanted *wanted);

/**
 * via_sriov_mac_add() - a MAC address and @count more, as a number of 48 bits.
 *
 * Return: whether the sum is an address a VF can have.
 */
VIA_API bool via_sriov_mac_add(struct via_mac mac, unsigned int count, struct via_mac *sum);

#endif
