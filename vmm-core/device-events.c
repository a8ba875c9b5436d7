/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "device-events.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>

#include "machine.h"

static unsigned int slot_of(const struct via_passthrough *function)
{
	return function->devfn >> 3;
}

static struct via_bdf_text bdf_of(const struct via_passthrough *function)
{
	return via_bdf_text(via_vfio_device_bdf(function->device));
}

static void tick(struct via_vmm *vmm)
{
	const time_t period_s = vmm->events.asked_slots ? 1 : 0;
	const struct itimerspec each = {
		.it_value.tv_sec = period_s,
		.it_interval.tv_sec = period_s,
	};

	timerfd_settime(vmm->events.timer.fd, 0, &each, NULL);
}

static void quiesce(struct via_passthrough *function)
{
	struct via_error err;

	via_events_free(function);
	if (via_passthrough_quiesce(function, &err))
		via_host_log(function->machine.host, VIA_LOG_WARNING, "%s", err.text);
}

/* Functions of one slot may share a group or a reset, so all are quiet before the first closes. */
static void release_slot(struct via_vmm *vmm, unsigned int slot, const char *how)
{
	size_t kept = 0;

	for (size_t i = 0; i < vmm->device_count; i++)
		if (slot_of(vmm->devices[i]) == slot)
			quiesce(vmm->devices[i]);
	for (size_t i = 0; i < vmm->device_count; i++) {
		struct via_passthrough *function = vmm->devices[i];

		if (slot_of(function) != slot) {
			vmm->devices[kept++] = function;
			continue;
		}
		via_host_log(vmm->host, VIA_LOG_WARNING, "%s left the guest: %s",
			     bdf_of(function).text, how);
		via_passthrough_free(function);
	}
	vmm->device_count = kept;
	via_hotplug_forget(&vmm->events.hotplug, slot);
	vmm->events.asked_slots &= ~(1U << slot);
	tick(vmm);
}

/* In the processor's thread: the slot is empty at once, the rest is the main thread's. */
static void eject(void *owner, unsigned int slot)
{
	struct via_vmm *vmm = owner;
	uint64_t one = 1;

	for (size_t i = 0; i < vmm->device_count; i++)
		if (slot_of(vmm->devices[i]) == slot)
			vmm->pci.functions[vmm->devices[i]->devfn] = NULL;
	vmm->events.ejected_slots |= 1U << slot;
	if (write(vmm->events.ejected.fd, &one, sizeof(one)) != sizeof(one))
		return; /* the main thread has not come to it yet */
}

static void slots_ejected(void *data)
{
	struct via_vmm *vmm = data;
	uint64_t times;

	if (read(vmm->events.ejected.fd, &times, sizeof(times)) != sizeof(times))
		return;
	via_lock(&vmm->lock);
	for (unsigned int slot = 1; slot < LAYOUT_SLOTS; slot++)
		if (vmm->events.ejected_slots & 1U << slot)
			release_slot(vmm, slot, "it let go of it");
	vmm->events.ejected_slots = 0;
	via_unlock(&vmm->lock);
}

static void second_passed(void *data)
{
	struct via_vmm *vmm = data;
	struct via_device_events *events = &vmm->events;
	uint64_t seconds;

	if (read(events->timer.fd, &seconds, sizeof(seconds)) != sizeof(seconds))
		return;
	via_lock(&vmm->lock);
	via_hotplug_remind(&events->hotplug);
	for (unsigned int slot = 1; slot < LAYOUT_SLOTS; slot++)
		if (events->asked_slots & 1U << slot &&
		    ++events->waited_s[slot] >= events->timeout_s)
			release_slot(vmm, slot, "it was asked to let go of it, and did not");
	via_unlock(&vmm->lock);
}

static void requested(struct via_passthrough *function)
{
	struct via_vmm *vmm = function->machine.vmm;
	unsigned int slot = slot_of(function);

	via_lock(&vmm->lock);
	if (!(vmm->events.asked_slots & 1U << slot)) {
		via_host_log(vmm->host, VIA_LOG_WARNING,
			     "the host wants %s back: the guest is asked to let go of it",
			     bdf_of(function).text);
		vmm->events.asked_slots |= 1U << slot;
		vmm->events.waited_s[slot] = 0;
		via_hotplug_remove(&vmm->events.hotplug, slot);
		tick(vmm);
	}
	via_unlock(&vmm->lock);
}

static void failed(struct via_passthrough *function)
{
	struct via_vmm *vmm = function->machine.vmm;
	struct via_bdf_text bdf = bdf_of(function);

	switch (vmm->events.on_error) {
	case VIA_VMM_ON_ERROR_REPORT:
		via_host_log(vmm->host, VIA_LOG_WARNING,
			     "%s reports an uncorrectable error; the guest goes on with it",
			     bdf.text);
		break;
	case VIA_VMM_ON_ERROR_RESET:
		via_host_log(vmm->host, VIA_LOG_WARNING,
			     "%s reports an uncorrectable error; the guest is reset", bdf.text);
		via_machine_request_end(vmm, MACHINE_REBOOTS);
		break;
	case VIA_VMM_ON_ERROR_STOP:
		via_machine_fail(vmm,
				 "%s reports an uncorrectable error, so its guest was stopped: the "
				 "host's kernel log has the details",
				 bdf.text);
	}
}

int via_device_events_watch(struct via_vmm *vmm, struct via_passthrough *function,
			    struct via_error *err)
{
	static const via_event_fn happened[VIA_EVENTS] = {
		[VIA_EVENT_ERROR] = failed,
		[VIA_EVENT_REQUEST] = requested,
	};

	return via_events_init(function, &vmm->loop, happened, err);
}

static int init_hotplug(struct via_vmm *vmm)
{
	struct via_hotplug *hotplug = &vmm->events.hotplug;
	int rc = via_hotplug_init(hotplug, eject, vmm);

	if (!rc)
		rc = via_bus_add(&vmm->pio, &hotplug->ports);
	if (!rc)
		rc = via_irq_attach(vmm->irq, LAYOUT_GSI_HOTPLUG, hotplug->irq_eventfd);
	return rc;
}

int via_device_events_init(struct via_vmm *vmm, const struct via_vmm_config *config,
			   struct via_error *err)
{
	struct via_device_events *events = &vmm->events;
	int rc;

	events->on_error = config->on_error;
	events->timeout_s =
		config->unplug_timeout_s ? config->unplug_timeout_s : VIA_VMM_UNPLUG_TIMEOUT_S;
	rc = init_hotplug(vmm);
	if (!rc) {
		events->ejected = (struct via_loop_watch){
			.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
			.ready = slots_ejected,
			.data = vmm,
		};
		events->timer = (struct via_loop_watch){
			.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
			.ready = second_passed,
			.data = vmm,
		};
		rc = via_loop_add(&vmm->loop, &events->ejected);
	}
	if (!rc)
		rc = via_loop_add(&vmm->loop, &events->timer);
	if (rc)
		return via_error_sys(err, -rc, "cannot watch the guest's devices");
	return 0;
}

void via_device_events_reboot(struct via_vmm *vmm)
{
	struct via_device_events *events = &vmm->events;

	via_lock(&vmm->lock);
	for (unsigned int slot = 1; slot < LAYOUT_SLOTS; slot++)
		if ((events->asked_slots | events->ejected_slots) & 1U << slot)
			release_slot(vmm, slot, "it was reset meanwhile");
	events->ejected_slots = 0;
	via_unlock(&vmm->lock);
}

void via_device_events_close(struct via_vmm *vmm)
{
	via_hotplug_close(&vmm->events.hotplug);
	via_close(&vmm->events.ejected.fd);
	via_close(&vmm->events.timer.fd);
}
