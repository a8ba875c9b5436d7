/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_VIRTIO_NET_H
#define VIA_VMM_VIRTIO_NET_H

#include "virtio.h"

/**
 * via_virtio_net_new() - a network card (virtio 1.2, 5.1) and what is behind it, opened here, with
 * the privilege that takes.
 * @index: its place among the guest's network cards: its name, and part of a MAC address made up.
 * @virtio: the device; whoever frees it frees the card.
 *
 * Return: 0; -EINVAL for a MAC address, name or number of queues that cannot be; -EPERM/-EACCES for
 * a tap that may not be opened or made; -EBUSY when another process has it; -ENOENT/-ENODEV when
 * the kernel has no tun or vhost_net; -ENOTSUP when it is too old, or this build has no libslirp;
 * -ENOMEM; the errors of via_virtio_new().
 */
int via_virtio_net_new(const struct via_virtio_machine *machine, const struct via_vmm_net *wanted,
		       unsigned int index, struct via_virtio **virtio, struct via_error *err);

#endif
