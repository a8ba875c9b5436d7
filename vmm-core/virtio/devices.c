/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "devices.h"

#include <errno.h>
#include <stdlib.h>

#include "../layout.h"
#include "../machine.h"
#include "blk.h"
#include "net.h"
#include "rng.h"
#include "virtio.h"

static size_t wanted(const struct via_vmm_config *config)
{
	return config->net_count + config->disk_count + config->rng;
}

int via_virtio_devices_check(const struct via_vmm_config *config, struct via_error *err)
{
	if (config->net_count > VIA_VMM_NETS_MAX)
		return via_error_set(err, EINVAL, "a guest has at most %d network cards, not %zu",
				     VIA_VMM_NETS_MAX, config->net_count);
	if (config->disk_count > VIA_VMM_DISKS_MAX)
		return via_error_set(err, EINVAL, "a guest has at most %d disks, not %zu",
				     VIA_VMM_DISKS_MAX, config->disk_count);
	if (wanted(config) + config->device_count > LAYOUT_SLOTS - 1)
		return via_error_set(err, EINVAL, "a guest has at most %u devices, not %zu",
				     LAYOUT_SLOTS - 1, wanted(config) + config->device_count);
	return 0;
}

int via_virtio_devices_add(struct via_vmm *vmm, const struct via_vmm_config *config,
			   struct via_error *err)
{
	const struct via_virtio_machine machine = {
		.host = vmm->host,
		.lock = &vmm->lock,
		.irq = vmm->irq,
		.memory = &vmm->memory,
		.mmio = &vmm->mmio,
		.pci = &vmm->pci,
		.cpus = vmm->cpu_count,
	};
	int rc = 0;

	if (!wanted(config))
		return 0;
	vmm->virtio = calloc(wanted(config), sizeof(struct via_virtio *));
	if (!vmm->virtio)
		return via_error_sys(err, ENOMEM, "cannot describe the guest's devices");
	for (size_t i = 0; !rc && i < config->net_count; i++) {
		rc = via_virtio_net_new(&machine, &config->nets[i], (unsigned int)i,
					&vmm->virtio[vmm->virtio_count], err);
		vmm->virtio_count += !rc;
	}
	for (unsigned int i = 0; !rc && i < config->disk_count; i++) {
		rc = via_virtio_blk_new(&machine, &config->disks[i], i,
					&vmm->virtio[vmm->virtio_count], err);
		vmm->virtio_count += !rc;
	}
	if (!rc && config->rng) {
		rc = via_virtio_rng_new(&machine, &vmm->virtio[vmm->virtio_count], err);
		vmm->virtio_count += !rc;
	}
	return rc;
}

void via_virtio_devices_stop(struct via_vmm *vmm)
{
	for (size_t i = 0; i < vmm->virtio_count; i++)
		via_virtio_stop(vmm->virtio[i]);
}

void via_virtio_devices_reset(struct via_vmm *vmm)
{
	for (size_t i = 0; i < vmm->virtio_count; i++)
		via_virtio_reset(vmm->virtio[i]);
}

void via_virtio_devices_free(struct via_vmm *vmm)
{
	for (size_t i = 0; i < vmm->virtio_count; i++)
		via_virtio_free(vmm->virtio[i]);
	free(vmm->virtio);
	vmm->virtio = NULL;
	vmm->virtio_count = 0;
}
