/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_IOMMU_ISOLATION_H
#define VIADUCT_IOMMU_ISOLATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <viaduct/iommu/group.h>
#include <viaduct/util/bdf.h>
#include <viaduct/util/host.h>
#include <viaduct/util/pci.h>

/*
 * Why functions share a group, found as the kernel finds it (pci_device_group()): Access Control
 * Services (ACS; PCI Express Base, 6.12) that keep requests from being turned around below the
 * IOMMU, and bridges that put their own requester ID on what passes.
 */

/* What the ACS of a function lets through. */
struct via_iommu_acs {
	bool readable;	/* false: its capabilities take CAP_SYS_ADMIN, nothing below is known */
	bool is_port;	/* a root port or a downstream port of a switch, which always needs it */
	bool is_bridge; /* whose far side has one requester ID: conventional, or PCI Express to PCI
			 */
	bool has_acs;
	uint16_t lacks; /* bits of the ACS Control Register that are off and should be on */
};

/* Of those: source validation, request redirect, completion redirect, upstream forwarding. */
VIA_API struct via_iommu_acs via_iommu_acs_read(struct via_host *host, struct via_bdf bdf);

enum via_iommu_cause_kind {
	VIA_IOMMU_CAUSE_BRIDGE,	    /* what is behind it has one requester ID */
	VIA_IOMMU_CAUSE_NO_ACS,	    /* a port without the capability */
	VIA_IOMMU_CAUSE_ACS_OFF,    /* a port with some of it off: lacks */
	VIA_IOMMU_CAUSE_FUNCTIONS,  /* functions of one device without it between them */
	VIA_IOMMU_CAUSE_UNREADABLE, /* this user may not read the capabilities of the bridges */
	VIA_IOMMU_CAUSE_UNKNOWN,    /* nothing on the way says why: the kernel or firmware knows */
};

struct via_iommu_cause {
	enum via_iommu_cause_kind kind;
	struct via_bdf bdf; /* where; the function itself for UNREADABLE and UNKNOWN */
	uint16_t lacks;	    /* ACS_OFF: bits of the ACS Control Register */
};

/* Two for each bridge of the way, and for the function. */
#define VIA_IOMMU_CAUSES_MAX (2U * (VIA_PCI_PATH_MAX + 1U))

struct via_iommu_causes {
	struct via_iommu_cause causes[VIA_IOMMU_CAUSES_MAX];
	size_t count; /* 0 for a group of one */
};

/**
 * via_iommu_causes_find() - why @group has others than @bdf, from the root towards it. The kernel
 * knows of devices that isolate without saying so: a bridge counts only when it is in the group.
 */
VIA_API void via_iommu_causes_find(struct via_host *host, struct via_bdf bdf,
				   const struct via_iommu_group *group,
				   struct via_iommu_causes *causes);

/* A sentence for people. */
struct via_iommu_cause_text {
	char text[256];
};

VIA_API struct via_iommu_cause_text via_iommu_cause_text(const struct via_iommu_cause *cause);

/** via_iommu_acs_name() - "source validation" for bit 0 of ACS Control; NULL for one not asked for.
 */
VIA_API const char *via_iommu_acs_name(unsigned int bit);

#endif
