/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_VIRTIO_RNG_H
#define VIA_VMM_VIRTIO_RNG_H

#include "virtio.h"

/**
 * via_virtio_rng_new() - a source of random numbers (virtio 1.2, 5.4): the host kernel's.
 *
 * Return: 0; -ENOMEM; the errors of via_virtio_new().
 */
int via_virtio_rng_new(const struct via_virtio_machine *machine, struct via_virtio **virtio,
		       struct via_error *err);

#endif
