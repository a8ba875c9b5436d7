/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_VIRTIO_BLK_H
#define VIA_VMM_VIRTIO_BLK_H

#include "virtio.h"

/**
 * via_virtio_blk_new() - a disk (virtio 1.2, 5.2) on a file or block device of the host.
 * @index: it is called disk0, disk1, ...: in errors, in statistics, and by the guest.
 *
 * Return: 0; -EINVAL for too many queues; the errors of via_blk_file_open(),
 * via_blk_ring_init() and via_virtio_new(); -ENOMEM.
 */
int via_virtio_blk_new(const struct via_virtio_machine *machine, const struct via_vmm_disk *disk,
		       unsigned int index, struct via_virtio **virtio, struct via_error *err);

#endif
