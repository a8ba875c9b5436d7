/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_IRQ_H
#define VIA_VMM_IRQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <viaduct/util/error.h>

#include "kvm.h"

/*
 * The one owner of KVM's interrupt routing table: GSI 0 to 23 are the pins of the I/O APIC (0 to
 * 15 also of the PIC), each GSI above is one MSI message. Changes are gathered and reach KVM in
 * one KVM_SET_GSI_ROUTING by via_irq_commit().
 *
 * Guarded by the machine's lock.
 */
struct via_irq;

/** via_irq_msi_most() - how many messages there can be where KVM takes so many routes. */
size_t via_irq_msi_most(int routes);

/** via_irq_new() - @irq: freed with via_irq_free(). Return: 0 or -ENOMEM. */
int via_irq_new(struct via_kvm *kvm, struct via_irq **irq, struct via_error *err);
void via_irq_free(struct via_irq *irq);

/** via_irq_msi_alloc() - a GSI for an MSI message. Return: the GSI, or -ENOSPC. */
int via_irq_msi_alloc(struct via_irq *irq);

/** via_irq_msi_free() - give a GSI back. Its irqfds must have been removed. */
void via_irq_msi_free(struct via_irq *irq, int gsi);

/** via_irq_msi_route() - the message a GSI sends from the next via_irq_commit() on. */
void via_irq_msi_route(struct via_irq *irq, int gsi, uint64_t address, uint32_t data);

/**
 * via_irq_commit() - hand KVM the table, if it changed.
 *
 * Return: 0, or the errno of KVM_SET_GSI_ROUTING; the old table then stays in force.
 */
int via_irq_commit(struct via_irq *irq);

/**
 * via_irq_attach() - each signal of @eventfd raises @gsi, in the kernel; one that waits in it does
 * at once. @eventfd is a non-blocking one.
 *
 * Return: 0, or the errno of KVM_IRQFD.
 */
int via_irq_attach(struct via_irq *irq, int gsi, int eventfd);

/**
 * via_irq_renew() - give the VM that replaces another (via_kvm_renew()) its routes and what is
 * attached with via_irq_attach(). Nothing else may be attached or raised.
 *
 * Return: 0, -ENOMEM, or the errno of KVM_SET_GSI_ROUTING or KVM_IRQFD.
 */
int via_irq_renew(struct via_irq *irq);

/** via_irq_detach() - the reverse; signals then stay counted in the eventfd. */
void via_irq_detach(struct via_irq *irq, int gsi, int eventfd);

/**
 * via_irq_attach_level() - each signal of @trigger raises I/O APIC pin @gsi and keeps it raised
 * until the guest's EOI, which lowers it and signals @resample.
 *
 * Return: 0; -ENOTSUP when this KVM does not tell of EOIs; the errno of KVM_IRQFD.
 */
int via_irq_attach_level(struct via_irq *irq, uint32_t gsi, int trigger, int resample);
void via_irq_detach_level(struct via_irq *irq, uint32_t gsi, int trigger);

/** via_irq_raise() - hold a pin up, until via_irq_lower() by everybody who did. */
void via_irq_raise(struct via_irq *irq, uint32_t gsi);
void via_irq_lower(struct via_irq *irq, uint32_t gsi);

#endif
