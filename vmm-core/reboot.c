/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include <viaduct/util/cleanup.h>

#include "cpuid.h"
#include "machine.h"

/*
 * A reset of the guest. What the world outside sees stays: open devices, their DMA mappings, the
 * memory they map, descriptors. Processors, interrupt controllers and clocks are KVM's, and the
 * only way to have them as they are at power-on, every register of this and of future processors,
 * is to have KVM make them again: a new VM. It costs a first start nothing, where saving their
 * state would, and leaves nothing of the old guest that could still write to memory (clock, steal
 * time, asynchronous page faults), interrupt, or run nested.
 */

static int reset_devices(struct via_vmm *vmm, struct via_error *err)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < vmm->device_count; i++)
		rc = via_passthrough_reset(vmm->devices[i], err);
	via_virtio_devices_reset(vmm);
	via_serial_reset(&vmm->serial);
	return rc;
}

static int renew_kvm(struct via_vmm *vmm, struct via_error *err)
{
	via_autofree struct kvm_cpuid2 *cpuid = NULL;
	int rc = via_machine_keep_stats(vmm);

	if (rc)
		return via_error_sys(err, -rc, "cannot read the guest's statistics");
	for (unsigned int i = 0; i < vmm->cpu_count; i++)
		via_vcpu_close(&vmm->vcpus[i]);
	via_memory_withdraw(&vmm->memory);
	rc = via_kvm_renew(&vmm->kvm, err);
	if (!rc)
		rc = via_memory_renew(&vmm->memory, err);
	if (rc)
		return rc;
	rc = via_irq_renew(vmm->irq);
	if (rc)
		return via_error_sys(err, -rc, "KVM refuses the guest's interrupts");
	rc = via_cpuid_new(&vmm->kvm, &cpuid, err);
	if (!rc)
		rc = via_machine_init_cpus(vmm, cpuid, err);
	return rc;
}

int via_machine_reboot(struct via_vmm *vmm, struct via_error *err)
{
	struct via_error why;
	int rc;

	via_device_events_reboot(vmm);
	/* No device may write to memory that is loaded anew. */
	rc = reset_devices(vmm, &why);
	if (!rc)
		rc = renew_kvm(vmm, &why);
	if (!rc)
		rc = via_machine_load(vmm, &why);
	if (rc)
		return via_error_set(err, -rc, "the guest cannot be reset: %s", why.text);
	vmm->reboots++;
	/* A guest that resets itself at once must not keep signals waiting. */
	rc = via_loop_poll(&vmm->loop);
	return rc ? via_error_sys(err, -rc, "the guest's event loop failed") : 0;
}
