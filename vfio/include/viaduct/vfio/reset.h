/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_VFIO_RESET_H
#define VIADUCT_VFIO_RESET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <viaduct/vfio/device.h>
#include <viaduct/vfio/facts.h>

/*
 * Reset of more than one function: a hot reset of a bus or a slot (VFIO_DEVICE_PCI_HOT_RESET),
 * for functions that via_vfio_device_reset() cannot reset alone. It reaches every function there,
 * so all of them must be the guest's. Nothing here is done by itself: the policy is the caller's.
 */
enum via_vfio_reset_kind {
	VIA_VFIO_RESET_NONE,
	VIA_VFIO_RESET_FUNCTION, /* alone: via_vfio_device_reset() */
	VIA_VFIO_RESET_HOT,	 /* with all of its domain: via_vfio_reset_hot() */
};

/* What one hot reset resets. */
struct via_vfio_reset_domain {
	struct via_bdf *functions; /* the device among them */
	size_t count;
	bool owned;	    /* all of them are its guest's, so that the kernel would do it */
	size_t lacks;	    /* when not owned: which of functions is not the guest's, the first */
	int32_t *group_fds; /* proof of it, the address space's; with iommufd there is none */
	size_t group_fd_count;
};

/**
 * via_vfio_reset_load() - what a hot reset of @device would reach, as of now: to be asked when all
 * of the guest's functions are open.
 * @domain: zero-initialised; released with via_vfio_reset_clear().
 *
 * Return: 0; -ENODEV when the kernel cannot reset its bus or slot; -EPERM when a function there is
 * in no IOMMU group; -EPROTO when the answer makes no sense; -ENOMEM; the errno of the ioctl.
 */
VIA_API int via_vfio_reset_load(struct via_vfio_device *device,
				struct via_vfio_reset_domain *domain, struct via_error *err);
VIA_API void via_vfio_reset_clear(struct via_vfio_reset_domain *domain);

/**
 * via_vfio_reset_find() - which reset @device would get: of itself where it can, else a hot one
 * when its domain is owned, else none.
 * @domain: zero-initialised; filled for HOT, released with via_vfio_reset_clear().
 * @why: for NONE, why there is no hot one.
 */
VIA_API enum via_vfio_reset_kind via_vfio_reset_find(struct via_vfio_device *device,
						     struct via_vfio_reset_domain *domain,
						     struct via_error *why);

/**
 * via_vfio_reset_predict() - what via_vfio_reset_find() would say, from what is known of a function
 * that is not open.
 * @owns: whether another function would be the guest's, too.
 */
VIA_API enum via_vfio_reset_kind via_vfio_reset_predict(const struct via_vfio_facts *facts,
							bool (*owns)(void *data,
								     struct via_bdf bdf),
							void *data, struct via_error *why);

/**
 * via_vfio_reset_hot() - reset the bus or slot of @device, after all functions there became quiet.
 * Their configuration space is restored by the kernel, their mapped registers come back.
 *
 * Return: 0; -EPERM when its domain is not owned; the errors of via_vfio_reset_load(); the errno of
 * VFIO_DEVICE_PCI_HOT_RESET.
 */
VIA_API int via_vfio_reset_hot(struct via_vfio_device *device, struct via_error *err);

#endif
