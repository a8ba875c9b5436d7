/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_VFIO_LEASE_PRIVATE_H
#define VIADUCT_VFIO_LEASE_PRIVATE_H

#include <viaduct/vfio/lease.h>

#define VIA_LEASE_DIRECTORY    "run/viaduct/leases"
#define VIA_LEASE_RECORD_BYTES 2048 /* of its text, with room to spare */

#endif
