/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "msi.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <string.h>

#include "passthrough.h"

static uint32_t read_register(const struct via_passthrough *function, unsigned int offset,
			      unsigned int size_bytes)
{
	return via_pci_config_get(&function->config, function->config.msi + offset, size_bytes);
}

static uint16_t flags(const struct via_passthrough *function)
{
	return (uint16_t)read_register(function, PCI_MSI_FLAGS, 2);
}

static uint8_t capable(uint16_t flags)
{
	return (uint8_t)(1U << ((flags & PCI_MSI_FLAGS_QMASK) >> 1));
}

bool via_msi_enabled(const struct via_passthrough *function)
{
	return function->config.msi && flags(function) & PCI_MSI_FLAGS_ENABLE;
}

static uint8_t wanted(const struct via_passthrough *function)
{
	unsigned int log, count = function->msi.count;

	if (!via_msi_enabled(function))
		return 0;
	log = (flags(function) & (unsigned int)PCI_MSI_FLAGS_QSIZE) >> 4;
	return (uint8_t)(log < 5 && 1U << log < count ? 1U << log : count);
}

static uint64_t address(const struct via_passthrough *function)
{
	uint64_t address = read_register(function, PCI_MSI_ADDRESS_LO, 4);

	if (flags(function) & PCI_MSI_FLAGS_64BIT)
		address |= (uint64_t)read_register(function, PCI_MSI_ADDRESS_HI, 4) << 32;
	return address;
}

static uint16_t data(const struct via_passthrough *function)
{
	bool wide = flags(function) & PCI_MSI_FLAGS_64BIT;

	return (uint16_t)read_register(function, wide ? PCI_MSI_DATA_64 : PCI_MSI_DATA_32, 2);
}

static uint32_t masked(const struct via_passthrough *function)
{
	if (!(flags(function) & PCI_MSI_FLAGS_MASKBIT))
		return 0;
	return read_register(
		function, flags(function) & PCI_MSI_FLAGS_64BIT ? PCI_MSI_MASK_64 : PCI_MSI_MASK_32,
		4);
}

static void complain(struct via_passthrough *function, const char *what, const char *why)
{
	via_passthrough_complain(function, "its MSI cannot be %s: %s", what, why);
}

/*
 * Has the host's vectors signal their eventfds. A host that has fewer than the guest enables gives
 * what it has: the device then folds its messages onto those.
 */
static void connect(struct via_passthrough *function)
{
	struct via_msi *msi = &function->msi;
	int32_t fds[MSI_VECTORS_MAX];
	uint8_t count = msi->enabled;
	struct via_error err;
	int rc;

	for (uint8_t i = 0; i < count; i++)
		fds[i] = msi->vectors[i].eventfd;
	while ((rc = via_vfio_device_set_irqs(function->device, VFIO_PCI_MSI_IRQ_INDEX, 0, count,
					      fds, &err)) == -ENOSPC &&
	       count > 1)
		count /= 2;
	if (rc)
		complain(function, "connected", err.text);
	else if (count < msi->enabled)
		complain(function, "had in full", "the host has too few interrupt vectors");
	for (uint8_t i = 0; !rc && i < count; i++) {
		msi->vectors[i].connected = true;
		msi->vectors[i].enabled++;
	}
}

static void attach(struct via_passthrough *function)
{
	struct via_msi *msi = &function->msi;
	bool reachable = via_vector_is_message(address(function));
	int rc = 0;

	for (uint8_t i = 0; i < msi->enabled; i++) {
		struct via_vector *vector = &msi->vectors[i];

		if (!reachable || masked(function) & 1U << i) {
			via_vector_detach(function->machine.irq, vector);
			continue;
		}
		/* The device puts the number of the message into the low bits (6.8.1.6). */
		rc = via_vector_route(function->machine.irq, vector, address(function),
				      (data(function) & ~(msi->enabled - 1U)) | i);
		if (rc)
			complain(function, "routed", strerror(-rc));
	}
	rc = via_irq_commit(function->machine.irq);
	if (rc)
		complain(function, "routed", strerror(-rc));
	for (uint8_t i = 0; !rc && reachable && i < msi->enabled; i++) {
		struct via_vector *vector = &msi->vectors[i];

		if (vector->gsi < 0 || masked(function) & 1U << i)
			continue;
		rc = via_vector_attach(function->machine.irq, vector);
		if (rc)
			complain(function, "delivered", strerror(-rc));
	}
}

void via_msi_update(struct via_passthrough *function)
{
	struct via_msi *msi = &function->msi;
	uint8_t count = wanted(function);
	bool fresh = count != msi->enabled;

	if (fresh)
		via_msi_disable(function);
	msi->enabled = count;
	/*
	 * A masked vector needs its eventfd too: the host's vectors come all at once. A route to
	 * what is no message KVM may refuse, and with it the routes of all others.
	 */
	for (uint8_t i = 0; fresh && i < count; i++) {
		struct via_vector *vector = &msi->vectors[i];
		int rc =
			via_vector_is_message(address(function))
				? via_vector_route(function->machine.irq, vector, address(function),
						   (data(function) & ~(count - 1U)) | i)
				: via_vector_prepare(function->machine.irq, vector);

		if (rc) {
			complain(function, "enabled", via_vector_reason(rc));
			via_msi_disable(function);
			return;
		}
	}
	attach(function);
	if (fresh && count)
		connect(function);
}

void via_msi_show_pending(struct via_passthrough *function)
{
	struct via_msi *msi = &function->msi;
	bool wide = flags(function) & PCI_MSI_FLAGS_64BIT;
	uint32_t pending = 0;

	if (!(flags(function) & PCI_MSI_FLAGS_MASKBIT))
		return;
	for (uint8_t i = 0; i < msi->enabled; i++)
		if (via_vector_pending(&msi->vectors[i]))
			pending |= 1U << i;
	via_pci_config_set(&function->config,
			   (size_t)function->config.msi +
				   (wide ? PCI_MSI_PENDING_64 : PCI_MSI_PENDING_32),
			   4, pending);
}

/* The kernel forgets its counts with the vectors. */
static void keep_counts(struct via_passthrough *function)
{
	uint64_t counts[MSI_VECTORS_MAX];

	via_msi_count(function, counts);
	for (uint8_t i = 0; i < function->msi.count; i++)
		function->msi.vectors[i].interrupts = counts[i];
}

void via_msi_disable(struct via_passthrough *function)
{
	struct via_msi *msi = &function->msi;
	struct via_error err;

	if (!msi->enabled)
		return;
	for (uint8_t i = 0; i < msi->enabled; i++)
		via_vector_detach(function->machine.irq, &msi->vectors[i]);
	keep_counts(function);
	if (via_vfio_device_disable_irqs(function->device, VFIO_PCI_MSI_IRQ_INDEX, &err))
		via_host_log(function->machine.host, VIA_LOG_WARNING, "%s", err.text);
	for (uint8_t i = 0; i < msi->enabled; i++)
		via_vector_release(function->machine.irq, &msi->vectors[i]);
	msi->enabled = 0;
}

int via_msi_init(struct via_passthrough *function, struct via_error *err)
{
	uint32_t known = via_vfio_device_irq(function->device, VFIO_PCI_MSI_IRQ_INDEX)->count;
	struct via_msi *msi = &function->msi;

	*msi = (struct via_msi){ 0 };
	for (uint8_t i = 0; i < MSI_VECTORS_MAX; i++)
		via_vector_init(&msi->vectors[i]);
	if (!function->config.msi)
		return 0;
	msi->count = capable(flags(function));
	if (msi->count > MSI_VECTORS_MAX || msi->count > known)
		return via_error_set(err, EPROTO,
				     "it claims %u MSI messages, and the kernel knows %u",
				     msi->count, known);
	return 0;
}

void via_msi_count(struct via_passthrough *function, uint64_t *counts)
{
	struct via_msi *msi = &function->msi;

	for (uint8_t i = 0; i < msi->count; i++)
		counts[i] = msi->vectors[i].interrupts;
	if (msi->enabled)
		via_passthrough_interrupts(function, "vfio-msi", counts, msi->count);
}
