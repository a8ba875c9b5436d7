/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_SRIOV_PF_H
#define VIADUCT_SRIOV_PF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <viaduct/iommu/group.h>
#include <viaduct/util/bdf.h>
#include <viaduct/util/error.h>
#include <viaduct/util/host.h>

/*
 * What the host says about a physical function (PF) and its virtual functions (VFs): PCI Express
 * Base Specification, "Single Root I/O Virtualization and Sharing", through the sriov_* files of
 * Documentation/ABI/testing/sysfs-bus-pci. Nothing here changes anything.
 *
 * Every function may be called by any thread; a struct is used by one thread at a time.
 */

/* A PCI function has at most 65,535 VFs: NumVFs and TotalVFs are 16 bits. */
#define VIA_SRIOV_VFS_MAX 65535U

struct via_sriov_vf {
	unsigned int index; /* the N of virtfnN, from 0; the VF number netlink wants */
	struct via_bdf bdf;
};

struct via_sriov_pf {
	struct via_bdf bdf;
	char driver[VIA_DRIVER_NAME_BYTES]; /* "" when no driver is bound */
	unsigned int total_vfs;		    /* what the driver allows, at most TotalVFs */
	unsigned int num_vfs;		    /* how many are enabled now */
	unsigned int offset;		    /* First VF Offset; 0 when the kernel does not say */
	unsigned int stride;		    /* VF Stride; 0 when the kernel does not say */
	unsigned int vf_device_id;	    /* 0 when the kernel does not say */
	bool autoprobe;			    /* the kernel looks for drivers for new VFs */
	struct via_sriov_vf *vfs;	    /* by index; what the virtfnN links name */
	size_t vf_count;
	struct via_names netdevs; /* of the PF, sorted */
};

/**
 * via_sriov_pf_load() - what sysfs says about a physical function.
 * @pf: zero-initialised; released with via_sriov_pf_clear().
 *
 * Return: 0; -ENODEV when there is no such function; -ENOTSUP when it has no SR-IOV capability (a
 * VF gets a sentence that names its PF); -EPROTO when sysfs holds something unreadable; -ENOMEM.
 */
VIA_API int via_sriov_pf_load(struct via_host *host, struct via_bdf bdf, struct via_sriov_pf *pf,
			      struct via_error *err);
VIA_API void via_sriov_pf_clear(struct via_sriov_pf *pf);

/**
 * via_sriov_pf_vf() - one of the VFs that exist.
 *
 * Return: 0, or -ENOENT when the PF has no VF of that index.
 */
VIA_API int via_sriov_pf_vf(const struct via_sriov_pf *pf, unsigned int index, struct via_bdf *vf,
			    struct via_error *err);

/**
 * via_sriov_pf_check_up() - whether the PF answers the drivers of its VFs: one of its network
 * interfaces is up, or it has none.
 *
 * Return: 0, or -ENETDOWN with a sentence that says the command.
 */
VIA_API int via_sriov_pf_check_up(struct via_host *host, const struct via_sriov_pf *pf,
				  struct via_error *err);

/**
 * via_sriov_vf_check_pf_up() - the same of the PF of a VF, which is nothing without it: its mailbox
 * is answered, and its link kept up, by the host.
 *
 * Return: 0, also for what is no VF; -ENETDOWN.
 */
VIA_API int via_sriov_vf_check_pf_up(struct via_host *host, struct via_bdf vf,
				     struct via_error *err);

/**
 * via_sriov_vf_msix_total() - how many MSI-X vectors a PF can share out among its VFs, which only
 * some can. The kernel answers when nobody changes the PF's driver.
 *
 * Return: a number; -1 when the kernel does not say or the PF cannot.
 */
VIA_API long via_sriov_vf_msix_total(struct via_host *host, struct via_bdf pf);

/**
 * via_sriov_vf_pf() - the PF a VF belongs to, and its place there.
 * @index: may be NULL.
 *
 * Return: 0; -ENODEV when there is no such function; -ENOTSUP when it is no VF; -EPROTO when
 * sysfs holds something unreadable.
 */
VIA_API int via_sriov_vf_pf(struct via_host *host, struct via_bdf vf, struct via_bdf *pf,
			    unsigned int *index, struct via_error *err);

#endif
