/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_SRIOV_CREATE_H
#define VIADUCT_SRIOV_CREATE_H

#include <stdbool.h>

#include <viaduct/sriov/pf.h>
#include <viaduct/util/bdf.h>
#include <viaduct/util/error.h>
#include <viaduct/util/host.h>

/*
 * Making VFs and taking them away. Whoever does it has the PF's lock meanwhile: others wait.
 */

/* The VFs wanted of a PF. */
struct via_sriov_request {
	unsigned int count;   /* how many */
	unsigned int queues;  /* of an NVMe PF: for each VF (see nvme.h); 0: an equal share */
	unsigned int vectors; /* likewise */
};

/**
 * via_sriov_create_check() - whether via_sriov_create() would be refused, and why.
 *
 * Return: 0; -EINVAL when a count of 0 is asked for; -EEXIST when the PF has VFs already (the
 * kernel changes their number only by way of 0); -ERANGE for more VFs than @pf->total_vfs; -ENXIO
 * when no driver is bound to the PF, or another than nvme to an NVMe PF; -ENOTSUP for queues or
 * vectors of another PF; -ENETDOWN when a network interface of the PF is down: its driver answers
 * the mailbox of its VFs only while it is up; -EACCES without the privilege.
 */
VIA_API int via_sriov_create_check(struct via_host *host, const struct via_sriov_pf *pf,
				   const struct via_sriov_request *request, struct via_error *err);

/**
 * via_sriov_create() - make VFs that no host driver has touched.
 * @bdf: the physical function.
 * @request: which VFs.
 *
 * Drivers are kept away from the new VFs (sriov_drivers_autoprobe), their number is written, and
 * their arrival is awaited: through udev, so that whatever rules do to a new device has been
 * done, or from the kernel where udev does not run. Then sriov_drivers_autoprobe is as it was; what
 * it was is in run/viaduct/autoprobe until then, from where the next call of this function or
 * via_sriov_destroy() restores it should this process be killed.
 * The VFs have no driver; the attributes of via_sriov_attrs_set() are best set now.
 *
 * Those of an NVMe PF are given queues and interrupt vectors before, and are brought online after;
 * one whose controller has none to give has VFs with resources of their own.
 *
 * A failure leaves the PF with no VFs, their resources given back, and its former
 * sriov_drivers_autoprobe. So does SIGINT, SIGTERM or SIGHUP, unless it is blocked or ignored:
 * they are blocked in the calling thread meanwhile, end the wait, and arrive when all is undone.
 *
 * Return: 0; what via_sriov_pf_load() and via_sriov_create_check() return; -ETIMEDOUT when a VF
 * did not arrive within 30 seconds; -EINTR when a signal ended the wait; -EBUSY while another
 * process makes VFs of this PF; -EPROTO when other VFs arrived than were asked for; for the
 * resources of an NVMe PF what via_sriov_nvme_get() returns, and -EINVAL, -ERANGE or -ENOSPC when
 * there can be none of the numbers asked for, or not enough are free for a share; or the errno of
 * the PF's driver, often -ENOSPC, -ENOMEM or -EIO when resources are short.
 */
VIA_API int via_sriov_create(struct via_host *host, struct via_bdf bdf,
			     const struct via_sriov_request *request, struct via_error *err);

/**
 * via_sriov_destroy_check() - whether the host and every process can do without the VFs.
 * @force: ask for processes only.
 *
 * Return: 0; -EBUSY with a sentence that says who uses which VF; -EACCES without the privilege.
 */
VIA_API int via_sriov_destroy_check(struct via_host *host, const struct via_sriov_pf *pf,
				    bool force, struct via_error *err);

/**
 * via_sriov_destroy() - take all VFs of a PF away, and what via_vfio_bind() remembers of them.
 * @force: also those the host uses. A VF a process holds open is never taken away: the kernel
 *	   would wait for that process, without end.
 *
 * An NVMe PF has their queues and vectors back; where that fails, it is logged. A PF without VFs:
 * nothing to do. VFs go with the driver they have: none is given back to another
 * one first.
 *
 * Return: 0; what via_sriov_pf_load() and via_sriov_destroy_check() return; or the errno of the
 * PF's driver.
 */
VIA_API int via_sriov_destroy(struct via_host *host, struct via_bdf bdf, bool force,
			      struct via_error *err);

#endif
