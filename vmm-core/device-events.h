/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_DEVICE_EVENTS_H
#define VIA_VMM_DEVICE_EVENTS_H

#include <viaduct/vmm/vmm.h>

#include "layout.h"
#include "loop.h"
#include "passthrough/passthrough.h"
#include "pci/hotplug.h"

/*
 * What becomes of a running guest when a device of it fails or the host wants it back.
 *
 * An error is handled as the configuration says. A device asked for is unplugged: the guest's ACPI
 * is told to eject its slot; when it did, or a timeout later, the device is quiesced, closed and
 * no longer there. All functions of a slot go together. The same happens to what the guest ejects
 * unasked.
 *
 * In the main thread, but for the guest's eject, which only leaves a note.
 */
struct via_device_events {
	enum via_vmm_on_error on_error;
	unsigned int timeout_s;
	struct via_hotplug hotplug;
	struct via_loop_watch ejected; /* eventfd: the guest ejected slots */
	struct via_loop_watch timer;   /* each second while the guest is waited for */
	uint32_t ejected_slots;	       /* by bit; guarded by the machine's lock, as all below */
	uint32_t asked_slots;
	unsigned int waited_s[LAYOUT_SLOTS];
};

/**
 * via_device_events_init() - set up the hot-plug registers and what waits.
 *
 * Return: 0, or the errno of eventfd(2), timerfd_create(2), epoll_ctl(2) or KVM_IRQFD.
 */
int via_device_events_init(struct via_vmm *vmm, const struct via_vmm_config *config,
			   struct via_error *err);

/** via_device_events_watch() - from now on handle what the host says of @function. Return: as
 * via_events_init().
 */
int via_device_events_watch(struct via_vmm *vmm, struct via_passthrough *function,
			    struct via_error *err);

/** via_device_events_reboot() - the guest is about to start anew, no vCPU runs: what the host wants
 * back need not be asked for.
 */
void via_device_events_reboot(struct via_vmm *vmm);

/** via_device_events_close() - after the devices. */
void via_device_events_close(struct via_vmm *vmm);

#endif
