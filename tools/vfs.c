/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vfs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <viaduct/vfio/bind.h>

void via_vfs_clear(struct via_vfs *vfs)
{
	via_sriov_pf_clear(&vfs->pf);
	free(vfs->attrs);
	free(vfs->nvme);
	*vfs = (struct via_vfs){ 0 };
}

static int no_memory(const struct via_vfs *vfs, struct via_error *err)
{
	return via_error_sys(err, ENOMEM, "cannot list the VFs of %s",
			     via_bdf_text(vfs->pf.bdf).text);
}

int via_vfs_load_attrs(struct via_host *host, struct via_vfs *vfs, struct via_error *err)
{
	vfs->attrs = calloc(vfs->pf.vf_count ? vfs->pf.vf_count : 1, sizeof(*vfs->attrs));
	return vfs->attrs ? via_sriov_attrs_get(host, &vfs->pf, vfs->attrs, err)
			  : no_memory(vfs, err);
}

/* The VFs are worth showing without: they are there, and the PF may be with another driver. */
static int load_nvme(struct via_host *host, struct via_vfs *vfs, struct via_error *err)
{
	int rc;

	vfs->is_nvme = via_sriov_is_nvme(host, vfs->pf.bdf);
	if (!vfs->is_nvme || !vfs->pf.vf_count)
		return 0;
	vfs->nvme = calloc(vfs->pf.vf_count, sizeof(*vfs->nvme));
	if (!vfs->nvme)
		return no_memory(vfs, err);
	rc = via_sriov_nvme_get(host, &vfs->pf, vfs->nvme, err);
	if (!rc)
		return 0;
	if (rc != -ENOTSUP)
		via_host_log(host, VIA_LOG_WARNING, "%s", err->text);
	free(vfs->nvme);
	vfs->nvme = NULL;
	return 0;
}

int via_vfs_load(struct via_host *host, struct via_bdf pf, struct via_vfs *vfs,
		 struct via_error *err)
{
	int rc = via_sriov_pf_load(host, pf, &vfs->pf, err);

	if (rc)
		return rc;
	rc = via_vfs_load_attrs(host, vfs, err);
	/* There, and only their attributes out of reach: the VFs are still worth showing. */
	if (rc == -EXDEV)
		via_host_log(host, VIA_LOG_WARNING, "%s", err->text);
	if (rc && rc != -ENOTSUP && rc != -EXDEV)
		return rc;
	return load_nvme(host, vfs, err);
}

struct via_mac_text via_vfs_mac(const struct via_sriov_attrs *attrs)
{
	static const struct via_mac zero;

	if (!(attrs->valid & VIA_SRIOV_MAC) || !memcmp(&attrs->mac, &zero, sizeof(zero)))
		return (struct via_mac_text){ "" };
	return via_mac_text(attrs->mac);
}

size_t via_vfs_place(const struct via_sriov_pf *pf, unsigned int index)
{
	size_t at = 0;

	while (at + 1 < pf->vf_count && pf->vfs[at].index != index)
		at++;
	return at;
}

static json_t *json_switch(const struct via_sriov_attrs *attrs, enum via_sriov_attr attr, bool on)
{
	return attrs->valid & (unsigned int)attr ? json_boolean(on) : json_null();
}

static json_t *json_number(const struct via_sriov_attrs *attrs, enum via_sriov_attr attr,
			   unsigned int number)
{
	return attrs->valid & (unsigned int)attr ? json_integer(number) : json_null();
}

static const char *state_text(const struct via_sriov_nvme *nvme)
{
	return nvme->online ? "online" : "offline";
}

static json_t *json_vf(struct via_host *host, const struct via_vfs *vfs, size_t at)
{
	const struct via_sriov_vf *vf = &vfs->pf.vfs[at];
	const struct via_sriov_attrs *attrs = &vfs->attrs[at];
	const struct via_sriov_nvme *nvme = vfs->nvme ? &vfs->nvme[at] : NULL;
	char driver[VIA_DRIVER_NAME_BYTES];

	if (via_vfio_driver(host, vf->bdf, driver, NULL))
		driver[0] = '\0';
	return json_pack("{s:I, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "index",
			 (json_int_t)vf->index, "bdf", via_bdf_text(vf->bdf).text, "driver",
			 via_json_text(driver), "mac", via_json_text(via_vfs_mac(attrs).text),
			 "vlan", json_number(attrs, VIA_SRIOV_VLAN, attrs->vlan), "qos",
			 json_number(attrs, VIA_SRIOV_QOS, attrs->qos), "trust",
			 json_switch(attrs, VIA_SRIOV_TRUST, attrs->trust), "spoofchk",
			 json_switch(attrs, VIA_SRIOV_SPOOFCHK, attrs->spoofchk), "state",
			 via_json_text(nvme ? state_text(nvme) : NULL), "queues",
			 nvme ? json_integer(nvme->queues) : json_null(), "vectors",
			 nvme ? json_integer(nvme->vectors) : json_null());
}

static json_t *json_pf(struct via_host *host, const struct via_vfs *vfs)
{
	const struct via_sriov_pf *pf = &vfs->pf;
	json_t *netdevs = json_array();
	json_t *list = json_array();

	for (size_t i = 0; i < pf->netdevs.count; i++)
		json_array_append_new(netdevs, via_json_text(pf->netdevs.names[i]));
	for (size_t i = 0; i < pf->vf_count; i++)
		json_array_append_new(list, json_vf(host, vfs, i));
	return json_pack("{s:s, s:o, s:o, s:I, s:I, s:b, s:o}", "bdf", via_bdf_text(pf->bdf).text,
			 "driver", via_json_text(pf->driver), "netdevs", netdevs, "total_vfs",
			 (json_int_t)pf->total_vfs, "num_vfs", (json_int_t)pf->num_vfs, "autoprobe",
			 pf->autoprobe, "vfs", list);
}

/* Which columns there are depends on the PFs that are shown. */
struct columns {
	bool network, nvme;
};

static void init_table(struct via_table *table, struct columns columns)
{
	static const char *const headings[] = { "VF",	  "DEVICE",  "DRIVER",	"STATE",
						"QUEUES", "VECTORS", "MAC",	"VLAN",
						"QOS",	  "TRUST",   "SPOOFCHK" };
	const size_t common = 3, nvme = 3, network = 5;
	const char *shown[sizeof(headings) / sizeof(headings[0])];
	size_t count = common;

	memcpy(shown, headings, common * sizeof(shown[0]));
	if (columns.nvme) {
		memcpy(shown + count, headings + common, nvme * sizeof(shown[0]));
		count += nvme;
	}
	if (columns.network) {
		memcpy(shown + count, headings + common + nvme, network * sizeof(shown[0]));
		count += network;
	}
	via_table_init(table, count, shown);
}

static void add_switch(struct via_table *table, const struct via_sriov_attrs *attrs,
		       enum via_sriov_attr attr, bool on)
{
	via_table_add(table, VIA_STYLE_PLAIN, "%s",
		      !(attrs->valid & (unsigned int)attr) ? ""
		      : on				   ? "on"
							   : "off");
}

static void add_row(struct via_host *host, struct via_table *table, struct columns columns,
		    const struct via_vfs *vfs, size_t at)
{
	const struct via_sriov_vf *vf = &vfs->pf.vfs[at];
	const struct via_sriov_attrs *attrs = &vfs->attrs[at];
	const struct via_sriov_nvme *nvme = vfs->nvme ? &vfs->nvme[at] : NULL;
	bool has_vlan = attrs->valid & VIA_SRIOV_VLAN && attrs->vlan;
	char driver[VIA_DRIVER_NAME_BYTES];

	if (via_vfio_driver(host, vf->bdf, driver, NULL))
		driver[0] = '\0';
	via_table_add(table, VIA_STYLE_PLAIN, "%s/vf%u",
		      vfs->pf.netdevs.count ? vfs->pf.netdevs.names[0]
					    : via_bdf_text(vfs->pf.bdf).text,
		      vf->index);
	via_table_add(table, VIA_STYLE_PLAIN, "%s", via_bdf_text(vf->bdf).text);
	via_table_add(table, via_iommu_driver_is_vfio(driver) ? VIA_STYLE_GOOD : VIA_STYLE_PLAIN,
		      "%s", driver);
	if (columns.nvme) {
		via_table_add(table, VIA_STYLE_PLAIN, "%s", nvme ? state_text(nvme) : "");
		via_table_add_number(table, nvme ? (long)nvme->queues : -1);
		via_table_add_number(table, nvme ? (long)nvme->vectors : -1);
	}
	if (columns.network) {
		via_table_add(table, VIA_STYLE_PLAIN, "%s", via_vfs_mac(attrs).text);
		via_table_add_number(table, has_vlan ? (long)attrs->vlan : -1);
		via_table_add_number(table, has_vlan ? (long)attrs->qos : -1);
		add_switch(table, attrs, VIA_SRIOV_TRUST, attrs->trust);
		add_switch(table, attrs, VIA_SRIOV_SPOOFCHK, attrs->spoofchk);
	}
}

static struct columns columns_of(const struct via_vfs *vfs, size_t count)
{
	struct columns columns = { 0 };

	for (size_t i = 0; i < count; i++) {
		columns.nvme |= vfs[i].pf.vf_count && vfs[i].is_nvme;
		columns.network |= vfs[i].pf.vf_count && !vfs[i].is_nvme;
	}
	columns.network |= !columns.nvme;
	return columns;
}

int via_vfs_print(const struct via_cli *cli, const struct via_vfs *vfs, size_t count)
{
	struct columns columns = columns_of(vfs, count);
	json_t *pfs = cli->json ? json_array() : NULL;
	struct via_table table;

	if (!cli->json)
		init_table(&table, columns);
	for (size_t i = 0; i < count; i++) {
		if (cli->json)
			json_array_append_new(pfs, json_pf(cli->host, &vfs[i]));
		for (size_t at = 0; !cli->json && at < vfs[i].pf.vf_count; at++)
			add_row(cli->host, &table, columns, &vfs[i], at);
	}
	if (cli->json)
		return via_json_print(json_pack("{s:o}", "pfs", pfs));
	return via_table_print(cli, &table);
}

int via_vfs_print_one(const struct via_cli *cli, const struct via_vfs *vfs, unsigned int index)
{
	struct columns columns = columns_of(vfs, 1);
	struct via_table table;

	if (cli->json)
		return via_vfs_print(cli, vfs, 1);
	init_table(&table, columns);
	add_row(cli->host, &table, columns, vfs, via_vfs_place(&vfs->pf, index));
	return via_table_print(cli, &table);
}
