/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_VFS_H
#define VIADUCT_TOOLS_VFS_H

#include <viaduct/sriov/attr.h>
#include <viaduct/sriov/nvme.h>
#include <viaduct/sriov/pf.h>

#include "command.h"
#include "output.h"

/* What is known of the VFs of one PF: what its driver holds them to, or what its NVMe controller
 * gave them, where there is a way to ask for it. */
struct via_vfs {
	struct via_sriov_pf pf;
	struct via_sriov_attrs *attrs; /* pf.vf_count of them */
	struct via_sriov_nvme *nvme;   /* likewise; NULL when it is not known */
	bool is_nvme;
};

/** via_vfs_load() - @vfs: zero-initialised; released with via_vfs_clear(). */
int via_vfs_load(struct via_host *host, struct via_bdf pf, struct via_vfs *vfs,
		 struct via_error *err);

/** via_vfs_load_attrs() - the attributes of the VFs of @vfs->pf; what cannot be had is an error. */
int via_vfs_load_attrs(struct via_host *host, struct via_vfs *vfs, struct via_error *err);
void via_vfs_clear(struct via_vfs *vfs);

/** via_vfs_mac() - the address a VF is held to; "" when it chooses for itself, or nobody says. */
struct via_mac_text via_vfs_mac(const struct via_sriov_attrs *attrs);

/** via_vfs_print() - the VFs of @count PFs. Return: the exit status. */
int via_vfs_print(const struct via_cli *cli, const struct via_vfs *vfs, size_t count);

/** via_vfs_print_one() - VF @index of a PF, which has it; with --json, the PF. */
int via_vfs_print_one(const struct via_cli *cli, const struct via_vfs *vfs, unsigned int index);

/** via_vfs_place() - where among @pf->vfs VF @index is, which is there. */
size_t via_vfs_place(const struct via_sriov_pf *pf, unsigned int index);

#endif
