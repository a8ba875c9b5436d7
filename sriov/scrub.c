/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scrub.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>
#include <viaduct/util/pci.h>

#define BARS_BYTES (PCI_CARDBUS_CIS - PCI_BASE_ADDRESS_0)

static int registers_read(struct via_host *host, struct via_bdf vf, struct via_pci_registers *now,
			  struct via_error *err)
{
	int rc = via_pci_registers_read(host, vf, now);

	if (rc)
		return via_error_sys(err, -rc, "cannot read the configuration space of %s",
				     via_bdf_text(vf).text);
	if (now->size_bytes < PCI_STD_HEADER_SIZEOF)
		return via_error_set(err, EIO, "%s has %zu bytes of configuration space",
				     via_bdf_text(vf).text, now->size_bytes);
	return 0;
}

static int bus_master_clear(struct via_host *host, struct via_bdf vf,
			    const struct via_pci_registers *now, struct via_error *err)
{
	uint32_t command = via_pci_registers_get(now, PCI_COMMAND, 2);
	struct via_bdf_text where = via_bdf_text(vf);
	via_autoclose int fd = -1;
	uint8_t bytes[2];

	if (!(command & PCI_COMMAND_MASTER) || command == UINT16_MAX)
		return 0;
	command &= ~(uint32_t)PCI_COMMAND_MASTER;
	bytes[0] = (uint8_t)command;
	bytes[1] = (uint8_t)(command >> 8);
	fd = via_host_open(host, O_WRONLY, "sys/bus/pci/devices/%s/config", where.text);
	if (fd < 0)
		return via_error_sys(err, -fd, "cannot take bus mastering from %s", where.text);
	return pwrite(fd, bytes, sizeof(bytes), PCI_COMMAND) == sizeof(bytes)
		       ? 0
		       : via_error_sys(err, EIO, "cannot take bus mastering from %s", where.text);
}

/* The kernel keeps the configuration space over it, and waits until the function answers again. */
static int reset(struct via_host *host, struct via_bdf vf, struct via_error *err)
{
	struct via_bdf_text where = via_bdf_text(vf);
	int rc = via_host_write(host, "1", "sys/bus/pci/devices/%s/reset", where.text);

	if (rc == -ENOENT)
		return via_error_set(err, ENOTTY, "%s cannot be reset: the kernel has no way to",
				     where.text);
	if (rc == -EACCES || rc == -EPERM)
		return via_error_set(err, EACCES,
				     "resetting %s takes root: this user may not write its reset",
				     where.text);
	return rc ? via_error_sys(err, -rc, "the reset of %s failed", where.text) : 0;
}

/* FFFFh in a VF's own registers (SR-IOV 3.4.1.1 and .2): what it is, its PF says. */
static bool id_is(uint32_t read, uint64_t expected)
{
	return read == UINT16_MAX || read == expected;
}

static int ids_check(struct via_host *host, const struct via_sriov_pf *pf, struct via_bdf vf,
		     const struct via_pci_registers *now, struct via_error *err)
{
	struct via_bdf_text where = via_bdf_text(vf);
	uint64_t vendor, device;

	if (via_host_read_u64(host, &vendor, "sys/bus/pci/devices/%s/vendor", where.text) ||
	    via_host_read_u64(host, &device, "sys/bus/pci/devices/%s/device", where.text))
		return via_error_set(err, EIO, "what %s is cannot be read", where.text);
	if (pf->vf_device_id && pf->vf_device_id != device)
		return via_error_set(err, EIO, "%s is a %04llx, but the VFs of its PF are %04x",
				     where.text, (unsigned long long)device, pf->vf_device_id);
	if (!id_is(via_pci_registers_get(now, PCI_VENDOR_ID, 2), vendor) ||
	    !id_is(via_pci_registers_get(now, PCI_DEVICE_ID, 2), device))
		return via_error_set(err, EIO,
				     "%s says after its reset that it is %04x:%04x, and was "
				     "%04llx:%04llx",
				     where.text, via_pci_registers_get(now, PCI_VENDOR_ID, 2),
				     via_pci_registers_get(now, PCI_DEVICE_ID, 2),
				     (unsigned long long)vendor, (unsigned long long)device);
	return 0;
}

/* One message-signalled vector left on is the last tenant's. */
static bool signals_are_off(const struct via_pci_registers *now)
{
	size_t msi = via_pci_registers_find(now, PCI_CAP_ID_MSI);
	size_t msix = via_pci_registers_find(now, PCI_CAP_ID_MSIX);

	return !(msi &&
		 via_pci_registers_get(now, msi + PCI_MSI_FLAGS, 2) & PCI_MSI_FLAGS_ENABLE) &&
	       !(msix &&
		 via_pci_registers_get(now, msix + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_ENABLE);
}

static int verify(struct via_host *host, const struct via_sriov_pf *pf, struct via_bdf vf,
		  const struct via_pci_registers *before, struct via_error *err)
{
	struct via_bdf_text where = via_bdf_text(vf);
	struct via_pci_registers now;
	int rc = registers_read(host, vf, &now, err);

	if (rc)
		return rc;
	if (via_pci_registers_get(&now, PCI_COMMAND, 4) == UINT32_MAX)
		return via_error_set(err, EIO,
				     "%s does not answer after its reset: its registers read FFh",
				     where.text);
	rc = ids_check(host, pf, vf, &now, err);
	if (rc)
		return rc;
	if (now.bytes[PCI_HEADER_TYPE] & PCI_HEADER_TYPE_MASK ||
	    memcmp(&now.bytes[PCI_CLASS_REVISION], &before->bytes[PCI_CLASS_REVISION], 4))
		return via_error_set(err, EIO, "%s has another class after its reset", where.text);
	if (memcmp(&now.bytes[PCI_BASE_ADDRESS_0], &before->bytes[PCI_BASE_ADDRESS_0], BARS_BYTES))
		return via_error_set(err, EIO, "%s has other BARs after its reset", where.text);
	if (via_pci_registers_get(&now, PCI_COMMAND, 2) & PCI_COMMAND_MASTER)
		return via_error_set(err, EIO, "%s is a bus master after its reset", where.text);
	if (!signals_are_off(&now))
		return via_error_set(err, EIO, "%s has its interrupts on after its reset",
				     where.text);
	return 0;
}

int via_sriov_scrub_reset(struct via_host *host, const struct via_sriov_pf *pf, struct via_bdf vf,
			  struct via_error *err)
{
	struct via_pci_registers before;
	int rc = registers_read(host, vf, &before, err);

	if (!rc)
		rc = bus_master_clear(host, vf, &before, err);
	if (!rc)
		rc = reset(host, vf, err);
	return rc ? rc : verify(host, pf, vf, &before, err);
}

int via_sriov_scrub_now(struct via_host *host, const struct via_sriov_pf *pf, unsigned int index,
			struct via_sriov_attrs *attrs, struct via_error *err)
{
	via_autofree struct via_sriov_attrs *all = calloc(pf->vf_count + 1, sizeof(*all));
	int rc;

	if (!all)
		return via_error_sys(err, ENOMEM, "cannot read the attributes of VF %u of %s",
				     index, via_bdf_text(pf->bdf).text);
	rc = via_sriov_attrs_get(host, pf, all, err);
	*attrs = (struct via_sriov_attrs){ 0 };
	for (size_t i = 0; !rc && i < pf->vf_count; i++)
		if (pf->vfs[i].index == index)
			*attrs = all[i];
	return rc == -ENOTSUP ? 0 : rc;
}

static bool same_vlan(const struct via_sriov_attrs *a, const struct via_sriov_attrs *b)
{
	uint16_t differ = a->vlan && a->vlan_protocol && b->vlan_protocol
				  ? a->vlan_protocol ^ b->vlan_protocol
				  : 0;

	return a->vlan == b->vlan && a->qos == b->qos && !differ;
}

/* Of @wanted what is not so. */
static unsigned int differing(const struct via_sriov_attrs *now,
			      const struct via_sriov_attrs *wanted)
{
	const unsigned int vlan = VIA_SRIOV_VLAN | VIA_SRIOV_QOS;
	unsigned int same = 0;

	if (!memcmp(&now->mac, &wanted->mac, sizeof(now->mac)))
		same |= VIA_SRIOV_MAC;
	if (same_vlan(now, wanted))
		same |= vlan;
	if (now->trust == wanted->trust)
		same |= VIA_SRIOV_TRUST;
	if (now->spoofchk == wanted->spoofchk)
		same |= VIA_SRIOV_SPOOFCHK;
	return wanted->valid & ~(same & now->valid);
}

int via_sriov_scrub_attrs(struct via_host *host, const struct via_sriov_pf *pf, unsigned int index,
			  const struct via_sriov_attrs *wanted, struct via_error *err)
{
	struct via_sriov_attrs now, change = *wanted;
	int rc = via_sriov_scrub_now(host, pf, index, &now, err);

	if (rc)
		return rc;
	change.valid = differing(&now, wanted);
	if (!change.valid)
		return 0;
	rc = via_sriov_attrs_set(host, pf, index, &change, err);
	if (!rc)
		rc = via_sriov_scrub_now(host, pf, index, &now, err);
	if (!rc && differing(&now, wanted) & now.valid)
		return via_error_set(err, EIO,
				     "%s, the driver of %s, did not set VF %u to what it was asked",
				     pf->driver, via_bdf_text(pf->bdf).text, index);
	return rc;
}
