/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_VMM_PREFLIGHT_H
#define VIADUCT_VMM_PREFLIGHT_H

#include <stddef.h>
#include <stdint.h>

#include <viaduct/iommu/space.h>
#include <viaduct/util/bdf.h>
#include <viaduct/util/error.h>
#include <viaduct/util/findings.h>
#include <viaduct/util/host.h>

/* Whether a guest could have functions of the host, asked before there is one. */
struct via_vmm_request {
	const struct via_bdf *functions;
	size_t count;
	uint64_t memory_bytes;
	enum via_iommu_backend backend; /* as via_iommu_backend_choose() chose: not AUTO */
};

/**
 * via_vmm_preflight() - what via_vmm_new() would meet with these functions and so much memory.
 * @findings: appended to.
 *
 * The errors stand in the order in which via_vmm_new() would meet them: its sentence is that of
 * the first. Of a function that is not bound to a VFIO driver that is an error, and behind it
 * stands what via_vfio_bind() and via_vfio_check_unused() would refuse it for, and what the guest
 * would fail with once all functions asked for are bound.
 *
 * Nothing is changed: no function is bound or given to a guest, no module loaded. What only an
 * open function tells is predicted from sysfs. A KVM machine is made for a moment, and the VFIO
 * file of a group, or of a function without binding it to anything, opened for one. A record of a
 * host (via_host_is_real()) is asked for files only.
 *
 * Return: 0; -ENOMEM, and then @findings may lack some.
 */
VIA_API int via_vmm_preflight(struct via_host *host, const struct via_vmm_request *request,
			      struct via_findings *findings, struct via_error *err);

#endif
