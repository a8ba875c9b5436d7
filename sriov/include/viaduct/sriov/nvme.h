/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_SRIOV_NVME_H
#define VIADUCT_SRIOV_NVME_H

#include <stdbool.h>

#include <viaduct/sriov/create.h>
#include <viaduct/sriov/pf.h>
#include <viaduct/util/error.h>
#include <viaduct/util/host.h>

/*
 * What the VFs of an NVMe PF have of its controller: NVM Express Base Specification,
 * "Virtualization Enhancements". Each VF is a secondary controller, which is offline, and answers
 * no driver, until it has flexible resources and is told to be online. via_sriov_create() does
 * that.
 *
 * Every function may be called by any thread; changes to one PF are made by one at a time.
 */
struct via_sriov_nvme {
	bool online;
	unsigned int queues;  /* VQ resources: pairs of queues, the admin queue's among them */
	unsigned int vectors; /* VI resources: interrupt vectors */
};

/* With fewer a controller cannot be online: an admin queue and one for I/O; one interrupt. */
#define VIA_SRIOV_NVME_QUEUES_MIN  2U
#define VIA_SRIOV_NVME_VECTORS_MIN 1U

/**
 * via_sriov_is_nvme() - whether a function is an NVMe controller, by its class code (010802h).
 */
VIA_API bool via_sriov_is_nvme(struct via_host *host, struct via_bdf bdf);

/**
 * via_sriov_nvme_get() - what each VF of a PF has.
 * @vfs: @pf->vf_count of them, in the order of @pf->vfs.
 *
 * Return: 0; -ENOTSUP when the PF is no NVMe controller, has no Virtualization Management (its VFs
 * have resources of their own, and are online), or the host is a recorded one; -ENXIO when another
 * driver than nvme has the PF; -ENODEV when the driver has no controller of it; -EACCES without the
 * privilege; -ELIBACC when libnvme cannot be loaded; -EREMOTEIO when the controller refused, with
 * the status of the completion in words; -EPROTO when it said something impossible; -ENOMEM; or an
 * errno of its driver.
 */
VIA_API int via_sriov_nvme_get(struct via_host *host, const struct via_sriov_pf *pf,
			       struct via_sriov_nvme *vfs, struct via_error *err);

/**
 * via_sriov_nvme_plan() - what via_sriov_create() would give each of the VFs of @request.
 *
 * As many as were asked for; else an equal share of what is free, at most what the controller
 * allows one VF (VQFRSM, VIFRSM), in multiples of its granularity (VQGRAN, VIGRAN). A kind of
 * resource that is not flexible, which each VF has of its own, is 0.
 *
 * Return: as via_sriov_nvme_get(), and what via_sriov_create() returns for resources.
 */
VIA_API int via_sriov_nvme_plan(struct via_host *host, const struct via_sriov_pf *pf,
				const struct via_sriov_request *request,
				struct via_sriov_nvme *each, struct via_error *err);

/**
 * via_sriov_nvme_set() - give a VF that nobody uses other numbers, and bring it online.
 * @wanted: 0 keeps the number the VF has, or gives it as many as it can have when it has none; its
 *	    `online` is not looked at.
 *
 * The VF is offline meanwhile, and has been reset afterwards. A failure gives back what it had.
 *
 * Return: as via_sriov_nvme_get() and via_sriov_nvme_plan(); -ENOENT when there is no such VF;
 * -EBUSY when it is in use or a driver of the host has it.
 */
VIA_API int via_sriov_nvme_set(struct via_host *host, const struct via_sriov_pf *pf,
			       unsigned int index, const struct via_sriov_nvme *wanted,
			       struct via_error *err);

/**
 * via_sriov_nvme_complete() - what VF @index has and what via_sriov_nvme_set() would make of it, or
 * why it would refuse.
 *
 * Return: as via_sriov_nvme_set().
 */
VIA_API int via_sriov_nvme_complete(struct via_host *host, const struct via_sriov_pf *pf,
				    unsigned int index, const struct via_sriov_nvme *wanted,
				    struct via_sriov_nvme *before, struct via_sriov_nvme *after,
				    struct via_error *err);

#endif
