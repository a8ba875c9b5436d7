/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "doorbell.h"

#include <errno.h>
#include <linux/kvm.h>
#include <sys/eventfd.h>

#include <viaduct/util/cleanup.h>

#include "passthrough.h"

/* In a row: what a driver does once in a while is not worth the kernel's memory. */
#define REPEATS 64U

static int kvm_set(struct via_passthrough *function, const struct via_doorbell *doorbell,
		   uint32_t flags)
{
	struct kvm_ioeventfd ioeventfd = {
		.datamatch = doorbell->value,
		.addr = doorbell->address,
		.len = doorbell->size_bytes,
		.fd = doorbell->eventfd,
		.flags = flags | KVM_IOEVENTFD_FLAG_DATAMATCH,
	};

	if (function->bars.bars[doorbell->segment->bar].io)
		ioeventfd.flags |= KVM_IOEVENTFD_FLAG_PIO;
	return via_kvm_vm_ioctl(function->machine.memory->kvm, KVM_IOEVENTFD, &ioeventfd);
}

static int vfio_set(struct via_passthrough *function, const struct via_doorbell *doorbell,
		    int eventfd)
{
	return via_vfio_device_set_doorbell(function->device, doorbell->segment->bar,
					    doorbell->offset, doorbell->value, doorbell->size_bytes,
					    eventfd);
}

static void make(struct via_passthrough *function, struct via_doorbell *doorbell)
{
	struct via_doorbells *doorbells = &function->doorbells;

	*doorbell = doorbells->last;
	doorbell->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	/* VFIO first: a write that KVM takes has to arrive. */
	if (doorbell->eventfd < 0 || vfio_set(function, doorbell, doorbell->eventfd)) {
		doorbells->refused = true;
	} else if (kvm_set(function, doorbell, 0)) {
		vfio_set(function, doorbell, -1);
		doorbells->refused = true;
	} else {
		return;
	}
	via_close(&doorbell->eventfd);
	doorbell->segment = NULL;
}

void via_doorbell_written(struct via_passthrough *function, struct via_bar_segment *segment,
			  const struct via_bus_access *access)
{
	struct via_doorbells *doorbells = &function->doorbells;
	struct via_doorbell *last = &doorbells->last;
	uint64_t offset = segment->offset + access->offset;
	uint64_t value = access->value;

	if (access->size_bytes < 8)
		value &= (1ULL << access->size_bytes * 8) - 1;
	if (last->segment != segment || last->offset != offset || last->value != value ||
	    last->size_bytes != access->size_bytes) {
		*last = (struct via_doorbell){
			.segment = segment,
			.offset = offset,
			.address = segment->range.base + access->offset,
			.value = value,
			.size_bytes = access->size_bytes,
			.eventfd = -1,
		};
		doorbells->repeats = 0;
	}
	if (++doorbells->repeats < REPEATS || doorbells->refused || offset % access->size_bytes ||
	    function->bars.trapped)
		return;
	doorbells->repeats = 0;
	for (size_t i = 0; i < DOORBELLS_MAX; i++) {
		if (doorbells->active[i].segment)
			continue;
		make(function, &doorbells->active[i]);
		return;
	}
}

void via_doorbells_retract(struct via_passthrough *function, const struct via_bar_segment *segment)
{
	struct via_doorbells *doorbells = &function->doorbells;

	for (size_t i = 0; i < DOORBELLS_MAX; i++) {
		struct via_doorbell *doorbell = &doorbells->active[i];

		if (doorbell->segment != segment)
			continue;
		kvm_set(function, doorbell, KVM_IOEVENTFD_FLAG_DEASSIGN);
		vfio_set(function, doorbell, -1);
		via_close(&doorbell->eventfd);
		doorbell->segment = NULL;
	}
	if (doorbells->last.segment == segment)
		doorbells->last.segment = NULL;
}
