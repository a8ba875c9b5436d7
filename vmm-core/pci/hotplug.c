/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hotplug.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>

#include "../layout.h"

enum { REGISTER_CAME = 0, REGISTER_GOES = 4, REGISTER_EJECT = 8 };

static uint64_t take(uint32_t *slots)
{
	uint32_t value = *slots;

	*slots = 0;
	return value;
}

static void access_ports(void *owner, struct via_bus_access *access)
{
	struct via_hotplug *hotplug = owner;

	if (access->size_bytes != 4)
		return;
	if (access->write) {
		uint32_t slot = (uint32_t)access->value;

		if (access->offset == REGISTER_EJECT && slot >= 1 && slot < LAYOUT_SLOTS)
			hotplug->eject(hotplug->owner, slot);
	} else if (access->offset == REGISTER_CAME) {
		access->value = take(&hotplug->came);
	} else if (access->offset == REGISTER_GOES) {
		access->value = take(&hotplug->goes);
	}
}

int via_hotplug_init(struct via_hotplug *hotplug, void (*eject)(void *owner, unsigned int slot),
		     void *owner)
{
	*hotplug = (struct via_hotplug){
		.ports = { .base = LAYOUT_PORT_HOTPLUG,
			   .size_bytes = LAYOUT_PORT_HOTPLUG_BYTES,
			   .access = access_ports,
			   .owner = hotplug },
		.irq_eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.eject = eject,
		.owner = owner,
	};
	return hotplug->irq_eventfd < 0 ? -errno : 0;
}

void via_hotplug_close(struct via_hotplug *hotplug)
{
	via_close(&hotplug->irq_eventfd);
}

void via_hotplug_remind(struct via_hotplug *hotplug)
{
	uint64_t one = 1;

	if ((hotplug->came | hotplug->goes) &&
	    write(hotplug->irq_eventfd, &one, sizeof(one)) != sizeof(one))
		return; /* signalled already, and not seen yet */
}

void via_hotplug_insert(struct via_hotplug *hotplug, unsigned int slot)
{
	hotplug->came |= 1U << slot;
	via_hotplug_remind(hotplug);
}

void via_hotplug_remove(struct via_hotplug *hotplug, unsigned int slot)
{
	hotplug->goes |= 1U << slot;
	via_hotplug_remind(hotplug);
}

void via_hotplug_forget(struct via_hotplug *hotplug, unsigned int slot)
{
	hotplug->came &= ~(1U << slot);
	hotplug->goes &= ~(1U << slot);
}
