/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <viaduct/iommu/isolation.h>

#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>

/* What the kernel wants for a group of its own: REQ_ACS_FLAGS of drivers/iommu/iommu.c. */
#define ACS_WANTED (PCI_ACS_SV | PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_UF)

/* PCI Express Base, 7.7.7.3, in the order of its bits. */
static const char *const acs_names[] = {
	[0] = "source validation",
	[2] = "request redirect",
	[3] = "completion redirect",
	[4] = "upstream forwarding",
};

const char *via_iommu_acs_name(unsigned int bit)
{
	return bit < sizeof(acs_names) / sizeof(acs_names[0]) ? acs_names[bit] : NULL;
}

static void acs_find(const struct via_pci_registers *registers, struct via_iommu_acs *acs)
{
	size_t at = via_pci_registers_find_extended(registers, PCI_EXT_CAP_ID_ACS);
	uint32_t can, control;

	acs->has_acs = at;
	acs->lacks = ACS_WANTED;
	if (!at)
		return;
	/* What a function cannot control it does always. */
	can = via_pci_registers_get(registers, at + PCI_ACS_CAP, 2);
	control = via_pci_registers_get(registers, at + PCI_ACS_CTRL, 2);
	acs->lacks = (uint16_t)(ACS_WANTED & can & ~control);
}

struct via_iommu_acs via_iommu_acs_read(struct via_host *host, struct via_bdf bdf)
{
	struct via_iommu_acs acs = { 0 };
	struct via_pci_registers registers;
	size_t express;
	uint32_t type;

	if (via_pci_registers_read(host, bdf, &registers) ||
	    registers.size_bytes < PCI_CFG_SPACE_SIZE)
		return acs;
	acs.readable = true;
	acs_find(&registers, &acs);
	express = via_pci_registers_find(&registers, PCI_CAP_ID_EXP);
	if (!express) {
		acs.is_bridge = (registers.bytes[PCI_HEADER_TYPE] & 0x7f) == PCI_HEADER_TYPE_BRIDGE;
		return acs;
	}
	type = via_pci_registers_get(&registers, express + PCI_EXP_FLAGS, 2) & PCI_EXP_FLAGS_TYPE;
	type >>= 4;
	acs.is_port = type == PCI_EXP_TYPE_ROOT_PORT || type == PCI_EXP_TYPE_DOWNSTREAM;
	acs.is_bridge = type == PCI_EXP_TYPE_PCI_BRIDGE || type == PCI_EXP_TYPE_PCIE_BRIDGE;
	return acs;
}

static bool is_member(const struct via_iommu_group *group, struct via_bdf bdf)
{
	for (size_t i = 0; i < group->member_count; i++)
		if (via_bdf_equal(group->members[i].bdf, bdf))
			return true;
	return false;
}

static bool has_other_of_slot(const struct via_iommu_group *group, struct via_bdf bdf)
{
	for (size_t i = 0; i < group->member_count; i++) {
		struct via_bdf other = group->members[i].bdf;

		if (other.domain == bdf.domain && other.bus == bdf.bus &&
		    other.device == bdf.device && other.function != bdf.function)
			return true;
	}
	return false;
}

static void add(struct via_iommu_causes *causes, enum via_iommu_cause_kind kind, struct via_bdf bdf,
		uint16_t lacks)
{
	causes->causes[causes->count++] =
		(struct via_iommu_cause){ .kind = kind, .bdf = bdf, .lacks = lacks };
}

/* What one function of the way does. False when that cannot be read. */
static bool explain(struct via_host *host, const struct via_iommu_group *group, struct via_bdf bdf,
		    struct via_iommu_causes *causes)
{
	struct via_iommu_acs acs = via_iommu_acs_read(host, bdf);

	if (!acs.readable)
		return false;
	if (acs.is_bridge)
		add(causes, VIA_IOMMU_CAUSE_BRIDGE, bdf, 0);
	else if (acs.is_port && !acs.has_acs)
		add(causes, VIA_IOMMU_CAUSE_NO_ACS, bdf, 0);
	else if (acs.is_port && acs.lacks)
		add(causes, VIA_IOMMU_CAUSE_ACS_OFF, bdf, acs.lacks);
	if (acs.lacks && has_other_of_slot(group, bdf))
		add(causes, VIA_IOMMU_CAUSE_FUNCTIONS, bdf, 0);
	return true;
}

void via_iommu_causes_find(struct via_host *host, struct via_bdf bdf,
			   const struct via_iommu_group *group, struct via_iommu_causes *causes)
{
	struct via_pci_path path = { .count = 0 };
	bool readable = true;

	causes->count = 0;
	if (group->member_count < 2)
		return;
	if (via_pci_path_read(host, bdf, &path))
		path.count = 0;
	for (size_t i = 0; i < path.count; i++)
		if (is_member(group, path.bridges[i]))
			readable &= explain(host, group, path.bridges[i], causes);
	readable &= explain(host, group, bdf, causes);
	if (!readable)
		add(causes, VIA_IOMMU_CAUSE_UNREADABLE, bdf, 0);
	else if (!causes->count)
		add(causes, VIA_IOMMU_CAUSE_UNKNOWN, bdf, 0);
}

/* "source validation, request redirect" */
static void join_names(char *text, size_t text_bytes, uint16_t bits)
{
	text[0] = '\0';
	for (unsigned int bit = 0; bit < 16; bit++) {
		size_t used = strlen(text);

		if (bits >> bit & 1 && via_iommu_acs_name(bit))
			snprintf(text + used, text_bytes - used, "%s%s", used ? ", " : "",
				 via_iommu_acs_name(bit));
	}
}

struct via_iommu_cause_text via_iommu_cause_text(const struct via_iommu_cause *cause)
{
	struct via_bdf_text where = via_bdf_text(cause->bdf);
	struct via_iommu_cause_text out;
	char names[96];

	switch (cause->kind) {
	case VIA_IOMMU_CAUSE_BRIDGE:
		snprintf(out.text, sizeof(out.text),
			 "%s is a bridge to conventional PCI: all behind it has one requester ID",
			 where.text);
		break;
	case VIA_IOMMU_CAUSE_NO_ACS:
		snprintf(out.text, sizeof(out.text),
			 "the port %s has no ACS, so what is behind it can reach its neighbours "
			 "without the IOMMU",
			 where.text);
		break;
	case VIA_IOMMU_CAUSE_ACS_OFF:
		join_names(names, sizeof(names), cause->lacks);
		snprintf(out.text, sizeof(out.text), "the port %s has ACS, but off: %s", where.text,
			 names);
		break;
	case VIA_IOMMU_CAUSE_FUNCTIONS:
		snprintf(out.text, sizeof(out.text),
			 "%s and the other functions of its device have no ACS between them",
			 where.text);
		break;
	case VIA_IOMMU_CAUSE_UNREADABLE:
		snprintf(out.text, sizeof(out.text),
			 "not to be seen: the capabilities of the bridges take root to read");
		break;
	case VIA_IOMMU_CAUSE_UNKNOWN:
		snprintf(out.text, sizeof(out.text),
			 "nothing on the way to %s says why: the kernel or the firmware knows "
			 "its devices to share an ID or a path",
			 where.text);
		break;
	}
	return out;
}
