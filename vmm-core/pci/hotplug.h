/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_PCI_HOTPLUG_H
#define VIA_VMM_PCI_HOTPLUG_H

#include <stdbool.h>
#include <stdint.h>

#include "../bus.h"

/*
 * Slots that come and go, as the guest's ACPI sees them (acpi/dsdt.asl): an interrupt has it read
 * which, and its writes eject. Doublewords at LAYOUT_PORT_HOTPLUG; other accesses mean nothing.
 *
 *	0  CAME, read: slots with a new device since it was last read, by bit
 *	4  GOES, read: slots to be ejected that were not told of yet, by bit
 *	8  EJECT, write: the number of a slot whose device nobody uses any more
 *
 * Guarded by the machine's lock.
 */
struct via_hotplug {
	struct via_bus_range ports;
	int irq_eventfd; /* signalled for each edge of the interrupt line */
	uint32_t came, goes;
	void (*eject)(void *owner, unsigned int slot); /* 1 to 31; as often as the guest likes */
	void *owner;
};

/** via_hotplug_init() - @eject is called with the machine's lock held. Return: 0 or the errno of
 * eventfd(2).
 */
int via_hotplug_init(struct via_hotplug *hotplug, void (*eject)(void *owner, unsigned int slot),
		     void *owner);
void via_hotplug_close(struct via_hotplug *hotplug);

/** via_hotplug_insert() - tell the guest of a device in @slot. */
void via_hotplug_insert(struct via_hotplug *hotplug, unsigned int slot);

/** via_hotplug_remove() - ask the guest to eject @slot. */
void via_hotplug_remove(struct via_hotplug *hotplug, unsigned int slot);

/** via_hotplug_remind() - signal once more while there is something the guest has not read: an
 * edge is lost on a guest that has not set the interrupt up yet.
 */
void via_hotplug_remind(struct via_hotplug *hotplug);

/** via_hotplug_forget() - @slot is empty: there is nothing to tell of it. */
void via_hotplug_forget(struct via_hotplug *hotplug, unsigned int slot);

#endif
