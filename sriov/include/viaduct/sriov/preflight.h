/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_SRIOV_PREFLIGHT_H
#define VIADUCT_SRIOV_PREFLIGHT_H

#include <viaduct/util/bdf.h>
#include <viaduct/util/findings.h>
#include <viaduct/util/host.h>

/**
 * via_sriov_preflight() - what SR-IOV has to do with a function that a guest is to have. Of a VF,
 * that its PF is down, which is an error: `viaduct run` refuses it. Of a PF, warnings of what keeps
 * the host from making or reaching VFs: no addresses for their BARs, no bus numbers, no ARI.
 * @findings: appended to. Of a function without SR-IOV there are none.
 */
VIA_API void via_sriov_preflight(struct via_host *host, struct via_bdf bdf,
				 struct via_findings *findings);

#endif
