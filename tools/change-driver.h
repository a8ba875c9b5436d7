/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_CHANGE_DRIVER_H
#define VIADUCT_TOOLS_CHANGE_DRIVER_H

#include <stdbool.h>

#include <viaduct/util/bdf.h>

#include "change.h"

/* What via_vfio_bind() and via_vfio_unbind() would write, in order; see vfio/bind.c. */
void via_changes_add_bind(struct via_changes *changes, struct via_bdf bdf, const char *driver);
void via_changes_add_unbind(struct via_changes *changes, struct via_bdf bdf);

/** via_driver_is_recorded() - whether via_vfio_bind() remembers what the function had. */
bool via_driver_is_recorded(struct via_host *host, struct via_bdf bdf);

#endif
