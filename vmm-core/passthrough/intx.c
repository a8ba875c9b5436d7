/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "intx.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>

#include "../layout.h"
#include "passthrough.h"

/* How long a function must be quiet until its registers are mapped again: the fallback. */
#define CALM_NS 500000000L

static int make_eventfd(int *fd)
{
	*fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return *fd < 0 ? -errno : 0;
}

static void unmask(struct via_passthrough *function)
{
	struct via_error err;

	if (via_vfio_device_unmask_irq(function->device, VFIO_PCI_INTX_IRQ_INDEX, &err))
		via_passthrough_complain(function, "%s", err.text);
}

static void lower(struct via_passthrough *function)
{
	struct via_intx *intx = &function->intx;

	if (intx->raised)
		via_irq_lower(function->machine.irq, intx->gsi);
	intx->raised = false;
}

/* The fallback, in the event loop: the host has masked the line and signals. */
static void triggered(void *data)
{
	struct via_passthrough *function = data;
	struct via_intx *intx = &function->intx;
	uint64_t count;

	via_lock(function->machine.lock);
	if (intx->enabled && read(intx->trigger.fd, &count, sizeof(count)) > 0) {
		/* Before the guest's handler runs: its access would be missed. */
		via_bars_trap(function, true);
		if (!intx->raised)
			via_irq_raise(function->machine.irq, intx->gsi);
		intx->raised = true;
	}
	via_unlock(function->machine.lock);
}

/* No interrupt for a while: the guest may have its registers back. */
static void calmed(void *data)
{
	struct via_passthrough *function = data;
	struct via_intx *intx = &function->intx;
	uint64_t count;

	via_lock(function->machine.lock);
	if (intx->enabled && read(intx->calm.fd, &count, sizeof(count)) > 0 && !intx->raised)
		via_bars_trap(function, false);
	via_unlock(function->machine.lock);
}

void via_intx_accessed(struct via_passthrough *function)
{
	const struct itimerspec calm = { .it_value.tv_nsec = CALM_NS };

	if (!function->intx.raised)
		return;
	lower(function);
	unmask(function);
	timerfd_settime(function->intx.calm.fd, 0, &calm, NULL);
}

static int watch(struct via_passthrough *function)
{
	struct via_intx *intx = &function->intx;
	int rc;

	intx->trigger.fd = intx->trigger_fd;
	intx->calm.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (intx->calm.fd < 0)
		return -errno;
	rc = via_loop_add(function->machine.loop, &intx->calm);
	if (!rc)
		rc = via_loop_add(function->machine.loop, &intx->trigger);
	intx->watched = !rc;
	if (rc)
		via_close(&intx->calm.fd);
	return rc;
}

static void unwatch(struct via_passthrough *function)
{
	struct via_intx *intx = &function->intx;

	if (!intx->watched)
		return;
	via_loop_remove(function->machine.loop, &intx->trigger);
	via_loop_remove(function->machine.loop, &intx->calm);
	via_close(&intx->calm.fd);
	intx->watched = false;
	lower(function);
	via_bars_trap(function, false);
}

static void close_fds(struct via_intx *intx)
{
	via_close(&intx->trigger_fd);
	via_close(&intx->unmask_fd);
}

/* Both ends know each other's eventfds, or this process stands between them. */
static int connect(struct via_passthrough *function, struct via_error *err)
{
	struct via_intx *intx = &function->intx;
	int32_t trigger;
	bool resample;
	int rc = make_eventfd(&intx->trigger_fd);

	if (!rc)
		rc = make_eventfd(&intx->unmask_fd);
	if (rc)
		return via_error_sys(err, -rc, "its INTx has no eventfd");
	trigger = intx->trigger_fd;
	resample = !via_irq_attach_level(function->machine.irq, intx->gsi, intx->trigger_fd,
					 intx->unmask_fd);
	rc = via_vfio_device_set_irqs(function->device, VFIO_PCI_INTX_IRQ_INDEX, 0, 1, &trigger,
				      err);
	if (!rc && resample &&
	    via_vfio_device_set_unmask(function->device, VFIO_PCI_INTX_IRQ_INDEX, intx->unmask_fd,
				       NULL)) {
		via_irq_detach_level(function->machine.irq, intx->gsi, intx->trigger_fd);
		resample = false;
		unmask(function); /* of an interrupt that KVM took, nobody would tell the host */
	}
	if (!rc && !resample) {
		rc = watch(function);
		if (rc)
			via_error_sys(err, -rc, "its INTx cannot be watched");
	}
	if (!rc)
		return 0;
	via_vfio_device_disable_irqs(function->device, VFIO_PCI_INTX_IRQ_INDEX, NULL);
	if (resample)
		via_irq_detach_level(function->machine.irq, intx->gsi, intx->trigger_fd);
	return rc;
}

void via_intx_update(struct via_passthrough *function, bool messages)
{
	uint32_t command = via_pci_config_get(&function->config, PCI_COMMAND, 2);
	struct via_intx *intx = &function->intx;
	struct via_error err;

	if (messages) {
		via_intx_disable(function);
		return;
	}
	/* Once taken, the guest's INTx Disable bit masks the line in the kernel: vfio-pci sees it.
	 * A guest that answers an interrupt with it need not touch a register.
	 */
	if (command & PCI_COMMAND_INTX_DISABLE)
		via_intx_accessed(function);
	if (!intx->pin || intx->enabled || command & PCI_COMMAND_INTX_DISABLE ||
	    !(command & (PCI_COMMAND_IO | PCI_COMMAND_MEMORY)))
		return;
	if (connect(function, &err)) {
		close_fds(intx);
		via_passthrough_complain(function, "%s", err.text);
		return;
	}
	intx->enabled = true;
}

void via_intx_disable(struct via_passthrough *function)
{
	struct via_intx *intx = &function->intx;
	struct via_error err;

	if (!intx->enabled)
		return;
	intx->interrupts = via_intx_count(function);
	intx->enabled = false;
	if (via_vfio_device_disable_irqs(function->device, VFIO_PCI_INTX_IRQ_INDEX, &err))
		via_host_log(function->machine.host, VIA_LOG_WARNING, "%s", err.text);
	if (intx->watched)
		unwatch(function);
	else
		via_irq_detach_level(function->machine.irq, intx->gsi, intx->trigger_fd);
	close_fds(intx);
}

void via_intx_init(struct via_passthrough *function)
{
	uint8_t pin = function->config.value[PCI_INTERRUPT_PIN];

	/* Handlers once and for all: the event loop looks at them without the machine's lock. */
	function->intx = (struct via_intx){
		.trigger_fd = -1,
		.unmask_fd = -1,
		.trigger = { .fd = -1, .ready = triggered, .data = function },
		.calm = { .fd = -1, .ready = calmed, .data = function },
	};
	if (pin < 1 || pin > 4 ||
	    !via_vfio_device_irq(function->device, VFIO_PCI_INTX_IRQ_INDEX)->count) {
		function->config.value[PCI_INTERRUPT_PIN] = 0;
		return;
	}
	function->intx.pin = pin;
	function->intx.gsi = LAYOUT_GSI_PCI(function->devfn >> 3, pin);
}

uint64_t via_intx_count(struct via_passthrough *function)
{
	uint64_t count = function->intx.interrupts;

	if (function->intx.enabled)
		via_passthrough_interrupts(function, "vfio-intx", &count, 1);
	return count;
}
