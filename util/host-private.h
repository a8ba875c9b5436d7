/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_UTIL_HOST_PRIVATE_H
#define VIADUCT_UTIL_HOST_PRIVATE_H

#include <viaduct/util/host.h>

struct via_openers;

/* Where process.c keeps what it found. */
struct via_openers **via_host_openers(struct via_host *host);
void via_openers_free(struct via_openers *openers);

#endif
