/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <viaduct/sriov/attr.h>
#include <viaduct/sriov/create.h>
#include <viaduct/sriov/pf.h>
#include <viaduct/util/cleanup.h>
#include <viaduct/vfio/bind.h>

#include "change.h"
#include "command.h"
#include "devname.h"
#include "output.h"

static int load_pf(struct via_host *host, const char *name, struct via_sriov_pf *pf,
		   struct via_error *err)
{
	struct via_bdf bdf;
	int rc = via_devname_resolve(host, name, &bdf, err);

	return rc ? rc : via_sriov_pf_load(host, bdf, pf, err);
}

/* A whole number in decimal, up to @max. */
static bool parse_number(const char *text, unsigned int max, unsigned int *number)
{
	char *end;
	unsigned long value;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (*end || errno || value > max)
		return false;
	*number = (unsigned int)value;
	return true;
}

/* What is known of the VFs of one PF; without attributes where there is no way to ask for them. */
struct vfs {
	struct via_sriov_pf pf;
	struct via_sriov_attrs *attrs; /* pf.vf_count of them */
};

static void vfs_clear(struct vfs *vfs)
{
	via_sriov_pf_clear(&vfs->pf);
	free(vfs->attrs);
}

static int load_attrs(struct via_host *host, struct vfs *vfs, struct via_error *err)
{
	vfs->attrs = calloc(vfs->pf.vf_count ? vfs->pf.vf_count : 1, sizeof(*vfs->attrs));
	if (!vfs->attrs)
		return via_error_sys(err, ENOMEM, "cannot list the VFs of %s",
				     via_bdf_text(vfs->pf.bdf).text);
	return via_sriov_attrs_get(host, &vfs->pf, vfs->attrs, err);
}

static int load_vfs(struct via_host *host, struct via_bdf pf, struct vfs *vfs,
		    struct via_error *err)
{
	int rc = via_sriov_pf_load(host, pf, &vfs->pf, err);

	if (rc)
		return rc;
	rc = load_attrs(host, vfs, err);
	/* There, and only their attributes out of reach: the VFs are still worth showing. */
	if (rc == -EXDEV)
		via_host_log(host, VIA_LOG_WARNING, "%s", err->text);
	return rc == -ENOTSUP || rc == -EXDEV ? 0 : rc;
}

/* The address a VF is held to; "" when it chooses for itself, or the driver does not say. */
static struct via_mac_text mac_text(const struct via_sriov_attrs *attrs)
{
	static const struct via_mac zero;

	if (!(attrs->valid & VIA_SRIOV_MAC) || !memcmp(&attrs->mac, &zero, sizeof(zero)))
		return (struct via_mac_text){ "" };
	return via_mac_text(attrs->mac);
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

static json_t *json_vf(struct via_host *host, const struct via_sriov_vf *vf,
		       const struct via_sriov_attrs *attrs)
{
	char driver[VIA_DRIVER_NAME_BYTES];

	if (via_vfio_driver(host, vf->bdf, driver, NULL))
		driver[0] = '\0';
	return json_pack("{s:I, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "index", (json_int_t)vf->index,
			 "bdf", via_bdf_text(vf->bdf).text, "driver", via_json_text(driver), "mac",
			 via_json_text(mac_text(attrs).text), "vlan",
			 json_number(attrs, VIA_SRIOV_VLAN, attrs->vlan), "qos",
			 json_number(attrs, VIA_SRIOV_QOS, attrs->qos), "trust",
			 json_switch(attrs, VIA_SRIOV_TRUST, attrs->trust), "spoofchk",
			 json_switch(attrs, VIA_SRIOV_SPOOFCHK, attrs->spoofchk));
}

static json_t *json_pf(struct via_host *host, const struct vfs *vfs)
{
	const struct via_sriov_pf *pf = &vfs->pf;
	json_t *netdevs = json_array();
	json_t *list = json_array();

	for (size_t i = 0; i < pf->netdevs.count; i++)
		json_array_append_new(netdevs, via_json_text(pf->netdevs.names[i]));
	for (size_t i = 0; i < pf->vf_count; i++)
		json_array_append_new(list, json_vf(host, &pf->vfs[i], &vfs->attrs[i]));
	return json_pack("{s:s, s:o, s:o, s:I, s:I, s:b, s:o}", "bdf", via_bdf_text(pf->bdf).text,
			 "driver", via_json_text(pf->driver), "netdevs", netdevs, "total_vfs",
			 (json_int_t)pf->total_vfs, "num_vfs", (json_int_t)pf->num_vfs, "autoprobe",
			 pf->autoprobe, "vfs", list);
}

static void add_switch(struct via_table *table, const struct via_sriov_attrs *attrs,
		       enum via_sriov_attr attr, bool on)
{
	via_table_add(table, VIA_STYLE_PLAIN, "%s",
		      !(attrs->valid & (unsigned int)attr) ? ""
		      : on				   ? "on"
							   : "off");
}

static void add_row(struct via_host *host, struct via_table *table, const struct vfs *vfs,
		    size_t at)
{
	const struct via_sriov_vf *vf = &vfs->pf.vfs[at];
	const struct via_sriov_attrs *attrs = &vfs->attrs[at];
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
	via_table_add(table, VIA_STYLE_PLAIN, "%s", mac_text(attrs).text);
	via_table_add_number(table, has_vlan ? (long)attrs->vlan : -1);
	via_table_add_number(table, has_vlan ? (long)attrs->qos : -1);
	add_switch(table, attrs, VIA_SRIOV_TRUST, attrs->trust);
	add_switch(table, attrs, VIA_SRIOV_SPOOFCHK, attrs->spoofchk);
}

static void add_rows(struct via_host *host, struct via_table *table, const struct vfs *vfs)
{
	for (size_t i = 0; i < vfs->pf.vf_count; i++)
		add_row(host, table, vfs, i);
}

/* The place of VF @index among the VFs of its PF, which has it. */
static size_t place_of(const struct via_sriov_pf *pf, unsigned int index)
{
	size_t at = 0;

	while (at + 1 < pf->vf_count && pf->vfs[at].index != index)
		at++;
	return at;
}

static void init_table(struct via_table *table)
{
	static const char *const headings[] = { "VF",	"DEVICE", "DRIVER", "MAC",
						"VLAN", "QOS",	  "TRUST",  "SPOOFCHK" };

	via_table_init(table, sizeof(headings) / sizeof(headings[0]), headings);
}

static int print_pf(const struct via_cli *cli, const struct vfs *vfs)
{
	struct via_table table;

	if (cli->json)
		return via_json_print(json_pack("{s:[o]}", "pfs", json_pf(cli->host, vfs)));
	init_table(&table);
	add_rows(cli->host, &table, vfs);
	return via_table_print(cli, &table);
}

static void add_pf_file(struct via_changes *changes, const struct via_sriov_pf *pf,
			const char *file, unsigned int before, unsigned int after)
{
	char path[256], before_text[16], after_text[16];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", via_bdf_text(pf->bdf).text,
		 file);
	snprintf(before_text, sizeof(before_text), "%u", before);
	snprintf(after_text, sizeof(after_text), "%u", after);
	via_changes_add(changes, path, before_text, after_text);
}

static int show_create(const struct via_cli *cli, struct via_bdf bdf, unsigned int count)
{
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf pf = { 0 };
	struct via_changes changes;
	struct via_error err;
	int rc;

	if (via_sriov_pf_load(cli->host, bdf, &pf, &err))
		return via_fail(&err);
	rc = via_sriov_create_check(cli->host, &pf, count, &err);
	/* The lack of privilege does not matter to those who only ask. */
	if (rc && rc != -EACCES)
		return via_fail(&err);
	via_changes_init(&changes, cli);
	if (pf.autoprobe)
		add_pf_file(&changes, &pf, "sriov_drivers_autoprobe", 1, 0);
	add_pf_file(&changes, &pf, "sriov_numvfs", 0, count);
	if (pf.autoprobe)
		add_pf_file(&changes, &pf, "sriov_drivers_autoprobe", 0, 1);
	return via_changes_end(&changes);
}

/* What was asked for has been done, so the status says that. */
static int not_shown(const struct via_cli *cli, const char *done, const struct via_error *err)
{
	via_host_log(cli->host, VIA_LOG_WARNING, "%s, but cannot be shown: %s", done, err->text);
	return VIA_EXIT_DONE;
}

int cmd_vf_create(struct via_cli *cli, int argc, char **argv)
{
	via_cleanup(vfs_clear) struct vfs made = { 0 };
	unsigned int count;
	struct via_bdf pf;
	struct via_error err;

	(void)argc;
	(void)argv;
	if (!parse_number(cli->operands[1], UINT_MAX, &count))
		return via_usage_error("'%s' is not a number of VFs", cli->operands[1]);
	if (via_devname_resolve(cli->host, cli->operands[0], &pf, &err))
		return via_fail(&err);
	if (cli->dry_run)
		return show_create(cli, pf, count);
	if (via_sriov_create(cli->host, pf, count, &err))
		return via_fail(&err);
	if (load_vfs(cli->host, pf, &made, &err))
		return not_shown(cli, "the VFs were made", &err);
	print_pf(cli, &made);
	return VIA_EXIT_DONE;
}

static bool parse_switch(const char *text, bool *on)
{
	*on = !strcmp(text, "on");
	return *on || !strcmp(text, "off");
}

/* The attributes asked for. Returns 0 or the exit status. */
static int parse_attrs(const struct via_cli *cli, struct via_sriov_attrs *attrs)
{
	const char *mac = via_cli_value(cli, "mac");
	const char *vlan = via_cli_value(cli, "vlan");
	const char *qos = via_cli_value(cli, "qos");
	const char *trust = via_cli_value(cli, "trust");
	const char *spoofchk = via_cli_value(cli, "spoofchk");
	struct via_error err;

	*attrs = (struct via_sriov_attrs){ 0 };
	if (mac && via_mac_parse(mac, &attrs->mac, &err))
		return via_usage_error("%s", err.text);
	if (vlan && !parse_number(vlan, VIA_SRIOV_VLAN_MAX, &attrs->vlan))
		return via_usage_error("'%s' is not a VLAN: 1 to %u, or 0 for none", vlan,
				       VIA_SRIOV_VLAN_MAX);
	if (qos && !parse_number(qos, VIA_SRIOV_QOS_MAX, &attrs->qos))
		return via_usage_error("'%s' is not a priority: 0 to %u", qos, VIA_SRIOV_QOS_MAX);
	if (trust && !parse_switch(trust, &attrs->trust))
		return via_usage_error("--trust is on or off, not '%s'", trust);
	if (spoofchk && !parse_switch(spoofchk, &attrs->spoofchk))
		return via_usage_error("--spoofchk is on or off, not '%s'", spoofchk);
	attrs->valid = (mac ? VIA_SRIOV_MAC : 0U) | (vlan ? VIA_SRIOV_VLAN : 0U) |
		       (qos ? VIA_SRIOV_QOS : 0U) | (trust ? VIA_SRIOV_TRUST : 0U) |
		       (spoofchk ? VIA_SRIOV_SPOOFCHK : 0U);
	if (!attrs->valid)
		return via_usage_error("'vf set' wants something to set; 'viaduct vf set --help' "
				       "shows what there is");
	return 0;
}

/* The text of one attribute; "" when it is not known. */
struct attr_text {
	char text[VIA_MAC_TEXT_BYTES];
};

static struct attr_text attr_text(const struct via_sriov_attrs *attrs, enum via_sriov_attr attr)
{
	struct attr_text out = { "" };

	if (!(attrs->valid & (unsigned int)attr))
		return out;
	switch (attr) {
	case VIA_SRIOV_MAC:
		snprintf(out.text, sizeof(out.text), "%s", mac_text(attrs).text);
		break;
	case VIA_SRIOV_VLAN:
		snprintf(out.text, sizeof(out.text), "%u", attrs->vlan);
		break;
	case VIA_SRIOV_QOS:
		snprintf(out.text, sizeof(out.text), "%u", attrs->qos);
		break;
	case VIA_SRIOV_TRUST:
		strcpy(out.text, attrs->trust ? "on" : "off");
		break;
	case VIA_SRIOV_SPOOFCHK:
		strcpy(out.text, attrs->spoofchk ? "on" : "off");
		break;
	}
	return out;
}

static int show_set(const struct via_cli *cli, const struct vfs *vfs, unsigned int index,
		    const struct via_sriov_attrs *asked)
{
	static const struct {
		enum via_sriov_attr attr;
		const char *name;
	} rows[] = {
		{ VIA_SRIOV_MAC, "mac" },	    { VIA_SRIOV_VLAN, "vlan" },
		{ VIA_SRIOV_QOS, "qos" },	    { VIA_SRIOV_TRUST, "trust" },
		{ VIA_SRIOV_SPOOFCHK, "spoofchk" },
	};
	const struct via_sriov_attrs *before = &vfs->attrs[place_of(&vfs->pf, index)];
	struct via_sriov_attrs after = *asked;
	struct via_changes changes;
	struct via_error err;

	if (via_sriov_attrs_complete(before, &after, &err))
		return via_fail(&err);
	via_changes_init(&changes, cli);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct attr_text had = attr_text(before, rows[i].attr);
		struct attr_text gets = attr_text(&after, rows[i].attr);
		char what[128];

		/* What only goes with another is said when it changes. */
		if (!(asked->valid & (unsigned int)rows[i].attr) && !strcmp(had.text, gets.text))
			continue;
		snprintf(what, sizeof(what), "%s/vf%u %s", vfs->pf.netdevs.names[0], index,
			 rows[i].name);
		via_changes_add(&changes, what, had.text, gets.text);
	}
	return via_changes_end(&changes);
}

static int print_vf(const struct via_cli *cli, const struct vfs *vfs, unsigned int index)
{
	struct via_table table;

	if (cli->json)
		return print_pf(cli, vfs);
	init_table(&table);
	add_row(cli->host, &table, vfs, place_of(&vfs->pf, index));
	return via_table_print(cli, &table);
}

int cmd_vf_set(struct via_cli *cli, int argc, char **argv)
{
	via_cleanup(vfs_clear) struct vfs vfs = { 0 };
	via_cleanup(vfs_clear) struct vfs after = { 0 };
	struct via_sriov_attrs wanted;
	struct via_bdf pf;
	unsigned int index;
	struct via_error err;
	int status = parse_attrs(cli, &wanted);

	(void)argc;
	(void)argv;
	if (status)
		return status;
	if (via_devname_resolve_vf(cli->host, cli->operands[0], &pf, &index, &err) ||
	    via_sriov_pf_load(cli->host, pf, &vfs.pf, &err) ||
	    via_sriov_attrs_check(cli->host, &vfs.pf, index, &wanted, &err))
		return via_fail(&err);
	if (cli->dry_run)
		return load_attrs(cli->host, &vfs, &err) ? via_fail(&err)
							 : show_set(cli, &vfs, index, &wanted);
	if (via_sriov_attrs_set(cli->host, &vfs.pf, index, &wanted, &err))
		return via_fail(&err);
	if (load_vfs(cli->host, pf, &after, &err))
		return not_shown(cli, "the attributes were set", &err);
	print_vf(cli, &after, index);
	return VIA_EXIT_DONE;
}

static int list_one(struct via_cli *cli, struct via_error *err)
{
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf pf = { 0 };
	via_cleanup(vfs_clear) struct vfs vfs = { 0 };

	if (load_pf(cli->host, cli->operands[0], &pf, err) ||
	    load_vfs(cli->host, pf.bdf, &vfs, err))
		return via_fail(err);
	return print_pf(cli, &vfs);
}

static int list_all(struct via_cli *cli, struct via_error *err)
{
	via_cleanup(via_names_free) struct via_names names = { 0 };
	json_t *pfs = cli->json ? json_array() : NULL;
	struct via_table table;
	int rc = via_host_list(cli->host, &names, "sys/bus/pci/devices");

	if (rc && rc != -ENOENT) {
		json_decref(pfs);
		via_error_sys(err, -rc, "cannot list the PCI functions");
		return via_fail(err);
	}
	if (!cli->json)
		init_table(&table);
	for (size_t i = 0; i < names.count; i++) {
		via_cleanup(vfs_clear) struct vfs vfs = { 0 };
		struct via_bdf bdf;

		if (via_bdf_parse(names.names[i], &bdf))
			continue;
		rc = load_vfs(cli->host, bdf, &vfs, err);
		if (rc) {
			if (rc != -ENOTSUP && rc != -ENODEV)
				via_host_log(cli->host, VIA_LOG_WARNING, "%s", err->text);
			continue;
		}
		if (cli->json)
			json_array_append_new(pfs, json_pf(cli->host, &vfs));
		else
			add_rows(cli->host, &table, &vfs);
	}
	if (cli->json)
		return via_json_print(json_pack("{s:o}", "pfs", pfs));
	return via_table_print(cli, &table);
}

int cmd_vf_list(struct via_cli *cli, int argc, char **argv)
{
	struct via_error err;

	(void)argc;
	(void)argv;
	return cli->operand_count ? list_one(cli, &err) : list_all(cli, &err);
}

static int show_destroy(const struct via_cli *cli, const struct via_sriov_pf *pf)
{
	struct via_changes changes;

	via_changes_init(&changes, cli);
	if (pf->num_vfs)
		add_pf_file(&changes, pf, "sriov_numvfs", pf->num_vfs, 0);
	for (size_t i = 0; i < pf->vf_count; i++)
		via_vfio_forget_plan(cli->host, pf->vfs[i].bdf, via_changes_add_file, &changes);
	return via_changes_end(&changes);
}

int cmd_vf_destroy(struct via_cli *cli, int argc, char **argv)
{
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf pf = { 0 };
	via_cleanup(vfs_clear) struct vfs after = { 0 };
	bool force = via_cli_flag(cli, "force");
	struct via_error err;
	int rc;

	(void)argc;
	(void)argv;
	if (load_pf(cli->host, cli->operands[0], &pf, &err))
		return via_fail(&err);
	rc = via_sriov_destroy_check(cli->host, &pf, force, &err);
	if (rc && !(rc == -EACCES && cli->dry_run))
		return via_fail(&err);
	if (cli->dry_run)
		return show_destroy(cli, &pf);
	if (via_sriov_destroy(cli->host, pf.bdf, force, &err) ||
	    load_vfs(cli->host, pf.bdf, &after, &err))
		return via_fail(&err);
	if (cli->json)
		return print_pf(cli, &after);
	if (pf.num_vfs)
		printf("%s: %u VF%s taken away\n", via_bdf_text(pf.bdf).text, pf.num_vfs,
		       pf.num_vfs == 1 ? "" : "s");
	else
		printf("%s: no VFs to take away\n", via_bdf_text(pf.bdf).text);
	return VIA_EXIT_DONE;
}
