/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "irq.h"

#include <assert.h>
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <unistd.h>

#include "layout.h"

#define PIC_PINS 16U

struct msi {
	bool used;
	bool routed;
	uint64_t address;
	uint32_t data;
};

struct attachment {
	int gsi, eventfd;
};

struct via_irq {
	struct via_kvm *kvm;
	struct attachment *attachments;
	size_t attachment_count, attachment_room;
	struct msi *msis; /* by GSI - LAYOUT_GSI_IOAPIC_PINS */
	size_t msi_max;	  /* how many KVM takes */
	size_t msi_end;	  /* one past the highest ever used: how many are allocated */
	bool dirty;
	uint16_t raised[LAYOUT_GSI_IOAPIC_PINS]; /* by how many */
};

size_t via_irq_msi_most(int routes)
{
	/* Pins 0 to 15 take two routes each. */
	const int pins = (int)(LAYOUT_GSI_IOAPIC_PINS + PIC_PINS);

	return routes > pins ? (size_t)(routes - pins) : 0;
}

int via_irq_new(struct via_kvm *kvm, struct via_irq **irq_out, struct via_error *err)
{
	struct via_irq *irq = calloc(1, sizeof(*irq));

	if (!irq)
		return via_error_sys(err, ENOMEM, "cannot keep track of interrupts");
	irq->kvm = kvm;
	/* The capability's value is the size of KVM's table. */
	irq->msi_max = via_irq_msi_most(via_kvm_capability(kvm, KVM_CAP_IRQ_ROUTING));
	*irq_out = irq;
	return 0;
}

void via_irq_free(struct via_irq *irq)
{
	if (!irq)
		return;
	free(irq->attachments);
	free(irq->msis);
	free(irq);
}

int via_irq_msi_alloc(struct via_irq *irq)
{
	size_t i = 0;

	while (i < irq->msi_end && irq->msis[i].used)
		i++;
	if (i == irq->msi_max)
		return -ENOSPC;
	if (i == irq->msi_end) {
		struct msi *grown = realloc(irq->msis, (i + 1) * sizeof(*grown));

		if (!grown)
			return -ENOSPC;
		irq->msis = grown;
		irq->msi_end = i + 1;
	}
	irq->msis[i] = (struct msi){ .used = true };
	return (int)(i + LAYOUT_GSI_IOAPIC_PINS);
}

static struct msi *msi_of(struct via_irq *irq, int gsi)
{
	size_t i = (size_t)gsi - LAYOUT_GSI_IOAPIC_PINS;

	assert(gsi >= (int)LAYOUT_GSI_IOAPIC_PINS && i < irq->msi_end && irq->msis[i].used);
	return &irq->msis[i];
}

void via_irq_msi_free(struct via_irq *irq, int gsi)
{
	/* Nothing is attached to it: the stale route in KVM can wait for the next commit. */
	*msi_of(irq, gsi) = (struct msi){ 0 };
}

void via_irq_msi_route(struct via_irq *irq, int gsi, uint64_t address, uint32_t data)
{
	struct msi *msi = msi_of(irq, gsi);

	if (msi->routed && msi->address == address && msi->data == data)
		return;
	msi->routed = true;
	msi->address = address;
	msi->data = data;
	irq->dirty = true;
}

static void route_pins(struct kvm_irq_routing *table)
{
	for (uint32_t pin = 0; pin < LAYOUT_GSI_IOAPIC_PINS; pin++) {
		table->entries[table->nr++] = (struct kvm_irq_routing_entry){
			.gsi = pin,
			.type = KVM_IRQ_ROUTING_IRQCHIP,
			.u.irqchip = { .irqchip = KVM_IRQCHIP_IOAPIC, .pin = pin },
		};
		if (pin < PIC_PINS)
			table->entries[table->nr++] = (struct kvm_irq_routing_entry){
				.gsi = pin,
				.type = KVM_IRQ_ROUTING_IRQCHIP,
				.u.irqchip = {
					.irqchip = pin < 8 ? KVM_IRQCHIP_PIC_MASTER :
							     KVM_IRQCHIP_PIC_SLAVE,
					.pin = pin % 8,
				},
			};
	}
}

int via_irq_commit(struct via_irq *irq)
{
	size_t most = LAYOUT_GSI_IOAPIC_PINS + PIC_PINS + irq->msi_end;
	struct kvm_irq_routing *table;
	int rc;

	if (!irq->dirty)
		return 0;
	table = calloc(1, sizeof(*table) + most * sizeof(*table->entries));
	if (!table)
		return -ENOMEM;
	route_pins(table);
	for (size_t i = 0; i < irq->msi_end; i++) {
		const struct msi *msi = &irq->msis[i];

		if (!msi->routed)
			continue;
		table->entries[table->nr++] = (struct kvm_irq_routing_entry){
			.gsi = (uint32_t)(i + LAYOUT_GSI_IOAPIC_PINS),
			.type = KVM_IRQ_ROUTING_MSI,
			.u.msi = {
				.address_lo = (uint32_t)msi->address,
				.address_hi = (uint32_t)(msi->address >> 32),
				.data = msi->data,
			},
		};
	}
	rc = via_kvm_vm_ioctl(irq->kvm, KVM_SET_GSI_ROUTING, table);
	free(table);
	if (rc)
		return rc;
	irq->dirty = false;
	return 0;
}

static int set_irqfd(struct via_irq *irq, int gsi, int eventfd, uint32_t flags)
{
	struct kvm_irqfd irqfd = {
		.fd = (uint32_t)eventfd,
		.gsi = (uint32_t)gsi,
		.flags = flags,
	};

	return via_kvm_vm_ioctl(irq->kvm, KVM_IRQFD, &irqfd);
}

static int attach(struct via_irq *irq, int gsi, int eventfd)
{
	int rc = set_irqfd(irq, gsi, eventfd, 0);
	uint64_t pending;

	/*
	 * KVM delivers what was signalled before, but leaves it counted: detached again, it would
	 * look pending, and attached again, be delivered twice. What comes from now on KVM counts
	 * off.
	 */
	if (!rc && read(eventfd, &pending, sizeof(pending)) < 0)
		return 0; /* nothing was */
	return rc;
}

int via_irq_attach(struct via_irq *irq, int gsi, int eventfd)
{
	int rc;

	if (irq->attachment_count == irq->attachment_room) {
		size_t room = irq->attachment_room ? irq->attachment_room * 2 : 8;
		struct attachment *grown = realloc(irq->attachments, room * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		irq->attachments = grown;
		irq->attachment_room = room;
	}
	rc = attach(irq, gsi, eventfd);
	if (!rc)
		irq->attachments[irq->attachment_count++] = (struct attachment){ gsi, eventfd };
	return rc;
}

int via_irq_renew(struct via_irq *irq)
{
	int rc = 0;

	/* A new VM routes the pins by itself. */
	irq->dirty = false;
	for (size_t i = 0; i < irq->msi_end; i++)
		irq->dirty |= irq->msis[i].routed;
	rc = via_irq_commit(irq);
	for (size_t i = 0; !rc && i < irq->attachment_count; i++)
		rc = attach(irq, irq->attachments[i].gsi, irq->attachments[i].eventfd);
	return rc;
}

void via_irq_detach(struct via_irq *irq, int gsi, int eventfd)
{
	for (size_t i = 0; i < irq->attachment_count; i++)
		if (irq->attachments[i].gsi == gsi && irq->attachments[i].eventfd == eventfd)
			irq->attachments[i] = irq->attachments[--irq->attachment_count];
	set_irqfd(irq, gsi, eventfd, KVM_IRQFD_FLAG_DEASSIGN);
}

int via_irq_attach_level(struct via_irq *irq, uint32_t gsi, int trigger, int resample)
{
	struct kvm_irqfd irqfd = {
		.fd = (uint32_t)trigger,
		.gsi = gsi,
		.flags = KVM_IRQFD_FLAG_RESAMPLE,
		.resamplefd = (uint32_t)resample,
	};

	if (!via_kvm_capability(irq->kvm, KVM_CAP_IRQFD_RESAMPLE))
		return -ENOTSUP;
	return via_kvm_vm_ioctl(irq->kvm, KVM_IRQFD, &irqfd);
}

void via_irq_detach_level(struct via_irq *irq, uint32_t gsi, int trigger)
{
	set_irqfd(irq, (int)gsi, trigger, KVM_IRQFD_FLAG_DEASSIGN);
}

static void set_pin(struct via_irq *irq, uint32_t gsi, uint32_t level)
{
	struct kvm_irq_level line = { .irq = gsi, .level = level };

	via_kvm_vm_ioctl(irq->kvm, KVM_IRQ_LINE, &line);
}

void via_irq_raise(struct via_irq *irq, uint32_t gsi)
{
	if (!irq->raised[gsi]++)
		set_pin(irq, gsi, 1);
}

void via_irq_lower(struct via_irq *irq, uint32_t gsi)
{
	assert(irq->raised[gsi]);
	if (!--irq->raised[gsi])
		set_pin(irq, gsi, 0);
}
