/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <viaduct/sriov/preflight.h>

#include <linux/pci_regs.h>

#include <viaduct/sriov/pf.h>
#include <viaduct/util/cleanup.h>
#include <viaduct/util/pci.h>
#include <viaduct/vfio/facts.h>

#define FUNCTIONS_OF_A_DEVICE 8U
#define FUNCTIONS_OF_A_BUS    256U

static void check_pf_up(struct via_host *host, struct via_bdf vf, struct via_findings *findings)
{
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf pf = { 0 };
	struct via_bdf pf_bdf;
	struct via_error err;

	if (!via_sriov_vf_check_pf_up(host, vf, &err))
		return;
	via_findings_add(findings, VIA_SEVERITY_ERROR, "pf-down", &vf, "%s", err.text);
	if (!via_sriov_vf_pf(host, vf, &pf_bdf, NULL, NULL) &&
	    !via_sriov_pf_load(host, pf_bdf, &pf, NULL) && pf.netdevs.count)
		via_findings_fix(findings, "ip link set %s up", pf.netdevs.names[0]);
}

static void check_space(struct via_host *host, const struct via_sriov_pf *pf,
			struct via_findings *findings)
{
	if (pf->vf_count || !via_vfio_vf_bars_unplaced(host, pf->bdf))
		return;
	via_findings_add(findings, VIA_SEVERITY_WARNING, "sriov-space", &pf->bdf,
			 "%s can have no VFs: the firmware left no addresses for their BARs",
			 via_bdf_text(pf->bdf).text);
	via_findings_fix(findings, "boot with pci=realloc, or turn SR-IOV on in the firmware");
}

static bool forwards_ari(const struct via_pci_registers *port)
{
	size_t express = via_pci_registers_find(port, PCI_CAP_ID_EXP);

	return express &&
	       via_pci_registers_get(port, express + PCI_EXP_DEVCTL2, 2) & PCI_EXP_DEVCTL2_ARI;
}

/* Where the VFs would be, as numbers of functions from the first on the PF's bus. */
static void check_numbers(struct via_host *host, const struct via_sriov_pf *pf,
			  struct via_findings *findings)
{
	unsigned int first = pf->bdf.device * FUNCTIONS_OF_A_DEVICE + pf->bdf.function + pf->offset;
	unsigned int last = first + (pf->total_vfs - 1) * pf->stride;
	unsigned int last_bus = pf->bdf.bus + last / FUNCTIONS_OF_A_BUS;
	struct via_pci_registers port;
	struct via_bdf_text where;
	struct via_pci_path path;
	uint32_t subordinate;

	if (via_pci_path_read(host, pf->bdf, &path) || !path.count ||
	    via_pci_registers_read(host, path.bridges[path.count - 1], &port))
		return;
	where = via_bdf_text(path.bridges[path.count - 1]);
	/* Function 0 of a device is all that is asked for by who does not know of ARI. */
	if (port.size_bytes >= PCI_CFG_SPACE_SIZE && first >= FUNCTIONS_OF_A_DEVICE &&
	    first < FUNCTIONS_OF_A_BUS && !forwards_ari(&port)) {
		via_findings_add(findings, VIA_SEVERITY_WARNING, "sriov-ari", &pf->bdf,
				 "VFs of %s cannot be reached: the port %s does not forward ARI",
				 via_bdf_text(pf->bdf).text, where.text);
		via_findings_fix(findings,
				 "turn ARI on in the firmware, or put the card in another slot");
	}
	subordinate = via_pci_registers_get(&port, PCI_SUBORDINATE_BUS, 1);
	if (port.size_bytes >= PCI_STD_HEADER_SIZEOF && subordinate && last_bus > subordinate) {
		via_findings_add(findings, VIA_SEVERITY_WARNING, "sriov-buses", &pf->bdf,
				 "not all VFs of %s can be: they reach to bus %02x, and the "
				 "buses of the port %s end at %02x",
				 via_bdf_text(pf->bdf).text, last_bus, where.text, subordinate);
		via_findings_fix(findings, "boot with pci=assign-busses");
	}
}

void via_sriov_preflight(struct via_host *host, struct via_bdf bdf, struct via_findings *findings)
{
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf pf = { 0 };

	check_pf_up(host, bdf, findings);
	if (via_sriov_pf_load(host, bdf, &pf, NULL) || !pf.total_vfs)
		return;
	check_space(host, &pf, findings);
	if (pf.offset && (pf.stride || pf.total_vfs == 1))
		check_numbers(host, &pf, findings);
}
