/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_VIRTIO_DEVICES_H
#define VIA_VMM_VIRTIO_DEVICES_H

#include <viaduct/vmm/vmm.h>

/* The virtio devices of a machine, in the slots after the passed-through functions'. */

/**
 * via_virtio_devices_check() - before any file or device of the host is opened.
 *
 * Return: 0 or -EINVAL.
 */
int via_virtio_devices_check(const struct via_vmm_config *config, struct via_error *err);

/**
 * via_virtio_devices_add() - those @config asks for.
 *
 * Return: 0; -ENOSPC when the bus is full; -ENOMEM; the errors of opening what is behind one. What
 * there is then is freed with via_virtio_devices_free().
 */
int via_virtio_devices_add(struct via_vmm *vmm, const struct via_vmm_config *config,
			   struct via_error *err);

/** via_virtio_devices_stop() - none touches guest memory any more. No vCPU runs. */
void via_virtio_devices_stop(struct via_vmm *vmm);

/** via_virtio_devices_reset() - all as at the start of the machine. No vCPU runs. */
void via_virtio_devices_reset(struct via_vmm *vmm);

void via_virtio_devices_free(struct via_vmm *vmm);

#endif
