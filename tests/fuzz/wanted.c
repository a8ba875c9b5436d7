/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What somebody wrote as the wanted state of devices. */
#include <errno.h>

#include <viaduct/sriov/nvme.h>
#include <viaduct/sriov/pf.h>
#include <viaduct/sriov/wanted.h>

#include "fuzz.h"

/* libfyaml 0.7.12 leaks a buffer when a quoted key is cut off. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libfyaml.so";
}

static void check_attrs(const struct via_sriov_attrs *attrs, unsigned int first, unsigned int last)
{
	struct via_mac mac;

	MUST(first <= last && last < VIA_SRIOV_VFS_MAX);
	MUST(!(attrs->valid & VIA_SRIOV_VLAN) == !(attrs->valid & VIA_SRIOV_QOS));
	MUST(attrs->vlan <= VIA_SRIOV_VLAN_MAX && attrs->qos <= VIA_SRIOV_QOS_MAX);
	MUST(attrs->vlan || !attrs->qos);
	if (attrs->valid & VIA_SRIOV_MAC) {
		MUST(!via_mac_parse(via_mac_text(attrs->mac).text, &mac, NULL));
		MUST(via_sriov_mac_add(attrs->mac, last - first, &mac));
		MUST(!via_mac_parse(via_mac_text(mac).text, &mac, NULL));
	}
}

static void check_pf(const struct via_sriov_wanted_pf *pf)
{
	MUST(pf->pf.name && *pf->pf.name && pf->pf.place.line);
	MUST(!pf->queues || pf->queues >= VIA_SRIOV_NVME_QUEUES_MIN);
	for (size_t i = 0; i < pf->vfs_count; i++) {
		const struct via_sriov_wanted_vfs *vfs = &pf->vfs[i];

		check_attrs(&vfs->attrs, vfs->first, vfs->last);
		MUST(!pf->has_count || vfs->last < pf->count);
		MUST(!i || pf->vfs[i - 1].last < vfs->first);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct via_sriov_wanted wanted = { 0 };
	struct via_error err = { 0 };
	int rc = via_sriov_wanted_parse("f", (const char *)data, size, &wanted, &err);

	if (rc) {
		MUST((rc == -EINVAL || rc == -E2BIG) && err.text[0] && !strchr(err.text, '\n'));
		MUST(!wanted.pfs && !wanted.devices && !wanted.pools && !wanted.file);
		return 0;
	}
	for (size_t i = 0; i < wanted.pf_count; i++)
		check_pf(&wanted.pfs[i]);
	for (size_t i = 0; i < wanted.device_count; i++)
		MUST(*wanted.devices[i].device.name && *wanted.devices[i].driver);
	for (size_t i = 0; i < wanted.pool_count; i++) {
		MUST(*wanted.pools[i].pool.name && wanted.pools[i].pf_count);
		check_attrs(&wanted.pools[i].attrs, wanted.pools[i].first, wanted.pools[i].last);
	}
	via_sriov_wanted_clear(&wanted);
	return 0;
}
