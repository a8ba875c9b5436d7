/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_SRIOV_UNDO_PRIVATE_H
#define VIADUCT_SRIOV_UNDO_PRIVATE_H

#include <viaduct/sriov/undo.h>

#include "kind.h"

int via_undo_with(struct via_host *host, const struct via_undo *undo,
		  const struct via_sriov_lent *lent, struct via_error *err);

/** via_undo_vfs() - the VFs of a PF as its record has them. Return: as via_undo(). */
int via_undo_vfs(struct via_host *host, struct via_bdf pf, const struct via_sriov_lent *lent,
		 struct via_error *err);
int via_undo_vfs_plan(struct via_host *host, struct via_bdf pf, via_undo_change_fn change,
		      void *data, struct via_error *err);

/** via_undo_attrs() - the attributes of a VF as its record has them. Return: as via_undo(). */
int via_undo_attrs(struct via_host *host, struct via_bdf vf, const struct via_sriov_lent *lent,
		   struct via_error *err);
int via_undo_attrs_plan(struct via_host *host, struct via_bdf vf, via_undo_change_fn change,
			void *data, struct via_error *err);

#endif
