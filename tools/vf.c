/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <viaduct/sriov/attr.h>
#include <viaduct/sriov/create.h>
#include <viaduct/sriov/nvme.h>
#include <viaduct/sriov/pf.h>
#include <viaduct/util/cleanup.h>
#include <viaduct/vfio/bind.h>
#include <viaduct/vfio/module.h>

#include "change.h"
#include "command.h"
#include "devname.h"
#include "output.h"
#include "vf.h"
#include "vfs.h"

static int load_pf(struct via_host *host, const char *name, struct via_sriov_pf *pf,
		   struct via_error *err)
{
	struct via_bdf bdf;
	int rc = via_devname_resolve(host, name, &bdf, err);

	return rc ? rc : via_sriov_pf_load(host, bdf, pf, err);
}

bool via_vf_parse_number(const char *text, unsigned int max, unsigned int *number)
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

static void add_vf_value(struct via_changes *changes, const struct via_sriov_pf *pf,
			 unsigned int index, const char *name, const char *before,
			 const char *after)
{
	char what[64];

	snprintf(what, sizeof(what), "%s/vf%u %s",
		 pf->netdevs.count ? pf->netdevs.names[0] : via_bdf_text(pf->bdf).text, index,
		 name);
	via_changes_add(changes, what, before, after);
}

static void add_vf_number(struct via_changes *changes, const struct via_sriov_pf *pf,
			  unsigned int index, const char *name, unsigned int before,
			  unsigned int after)
{
	char before_text[16], after_text[16];

	snprintf(before_text, sizeof(before_text), "%u", before);
	snprintf(after_text, sizeof(after_text), "%u", after);
	if (before != after)
		add_vf_value(changes, pf, index, name, before_text, after_text);
}

/* From one state of a VF of an NVMe PF to another. */
static void add_nvme(struct via_changes *changes, const struct via_sriov_pf *pf, unsigned int index,
		     const struct via_sriov_nvme *before, const struct via_sriov_nvme *after)
{
	add_vf_number(changes, pf, index, "queues", before->queues, after->queues);
	add_vf_number(changes, pf, index, "vectors", before->vectors, after->vectors);
	if (before->online != after->online)
		add_vf_value(changes, pf, index, "state", before->online ? "online" : "offline",
			     after->online ? "online" : "offline");
}

/* @driver: NULL: they are bound to none. */
static int show_create(const struct via_cli *cli, struct via_bdf bdf,
		       const struct via_sriov_request *request, const char *driver)
{
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf pf = { 0 };
	const struct via_sriov_nvme none = { 0 };
	struct via_sriov_nvme each = { 0 };
	struct via_changes changes;
	struct via_error err;
	int rc;

	if (via_sriov_pf_load(cli->host, bdf, &pf, &err))
		return via_fail(&err);
	rc = via_sriov_create_check(cli->host, &pf, request, &err);
	/* The lack of privilege does not matter to those who only ask. */
	if (rc && rc != -EACCES)
		return via_fail(&err);
	rc = via_sriov_nvme_plan(cli->host, &pf, request, &each, &err);
	if (rc && rc != -EACCES && (rc != -ENOTSUP || request->queues || request->vectors))
		return via_fail(&err);
	via_changes_init(&changes, cli);
	if (pf.autoprobe)
		add_pf_file(&changes, &pf, "sriov_drivers_autoprobe", 1, 0);
	add_pf_file(&changes, &pf, "sriov_numvfs", 0, request->count);
	for (unsigned int i = 0; i < request->count; i++)
		add_nvme(&changes, &pf, i, &none, &each);
	if (pf.autoprobe)
		add_pf_file(&changes, &pf, "sriov_drivers_autoprobe", 0, 1);
	for (unsigned int i = 0; driver && i < request->count; i++)
		add_vf_value(&changes, &pf, i, "driver", "", driver);
	return via_changes_end(&changes);
}

/* What was asked for has been done, so the status says that. */
static int not_shown(const struct via_cli *cli, const char *done, const struct via_error *err)
{
	via_host_log(cli->host, VIA_LOG_WARNING, "%s, but cannot be shown: %s", done, err->text);
	return VIA_EXIT_DONE;
}

/* --queues and --vectors; what is not given becomes 0. Returns 0 or the exit status. */
static int parse_resources(const struct via_cli *cli, unsigned int *queues, unsigned int *vectors)
{
	const char *queues_text = via_cli_value(cli, "queues");
	const char *vectors_text = via_cli_value(cli, "vectors");

	*queues = *vectors = 0;
	if (queues_text && (!via_vf_parse_number(queues_text, UINT16_MAX, queues) || !*queues))
		return via_usage_error("'%s' is not a number of queues", queues_text);
	if (vectors_text && (!via_vf_parse_number(vectors_text, UINT16_MAX, vectors) || !*vectors))
		return via_usage_error("'%s' is not a number of vectors", vectors_text);
	return 0;
}

/* Before there are VFs: via_vfio_bind() finds the same too late. */
static int check_driver(struct via_host *host, const char *driver, struct via_error *err)
{
	bool named = *driver && !strchr(driver, '/') && *driver != '.';

	if (named && via_host_exists(host, "sys/bus/pci/drivers/%s", driver))
		return 0;
	if (named && via_iommu_driver_is_vfio(driver))
		return via_module_check(host, driver, err);
	return via_error_set(err, ENOENT, "the driver %s is not loaded: modprobe %s", driver,
			     driver);
}

/* All of the VFs, or there are none. */
static int bind_made(struct via_host *host, const struct via_vfs *made, const char *driver,
		     struct via_error *err)
{
	int rc = 0;

	for (size_t i = 0; i < made->pf.vf_count && !rc; i++)
		rc = via_vfio_bind(host, made->pf.vfs[i].bdf, driver, err);
	if (rc) {
		struct via_error again;

		if (via_sriov_destroy(host, made->pf.bdf, false, &again))
			via_host_log(host, VIA_LOG_WARNING, "the VFs stay: %s", again.text);
	}
	return rc;
}

int cmd_vf_create(struct via_cli *cli, int argc, char **argv)
{
	via_cleanup(via_vfs_clear) struct via_vfs made = { 0 };
	const char *driver = via_cli_value(cli, "driver");
	struct via_sriov_request request;
	struct via_bdf pf;
	struct via_error err;
	int status = parse_resources(cli, &request.queues, &request.vectors);

	(void)argc;
	(void)argv;
	if (status)
		return status;
	if (!via_vf_parse_number(cli->operands[1], UINT_MAX, &request.count))
		return via_usage_error("'%s' is not a number of VFs", cli->operands[1]);
	if (via_devname_resolve(cli->host, cli->operands[0], &pf, &err) ||
	    (driver && check_driver(cli->host, driver, &err)))
		return via_fail(&err);
	if (cli->dry_run)
		return show_create(cli, pf, &request, driver);
	if (via_sriov_create(cli->host, pf, &request, &err))
		return via_fail(&err);
	if (via_vfs_load(cli->host, pf, &made, &err))
		return not_shown(cli, "the VFs were made", &err);
	if (driver) {
		if (bind_made(cli->host, &made, driver, &err))
			return via_fail(&err);
		via_vfs_clear(&made);
		made = (struct via_vfs){ 0 };
		if (via_vfs_load(cli->host, pf, &made, &err))
			return not_shown(cli, "the VFs were made and bound", &err);
	}
	via_vfs_print(cli, &made, 1);
	return VIA_EXIT_DONE;
}

static bool parse_switch(const char *text, bool *on)
{
	*on = !strcmp(text, "on");
	return *on || !strcmp(text, "off");
}

int via_vf_parse_attrs(const struct via_cli *cli, struct via_sriov_attrs *attrs)
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
	if (vlan && !via_vf_parse_number(vlan, VIA_SRIOV_VLAN_MAX, &attrs->vlan))
		return via_usage_error("'%s' is not a VLAN: 1 to %u, or 0 for none", vlan,
				       VIA_SRIOV_VLAN_MAX);
	if (qos && !via_vf_parse_number(qos, VIA_SRIOV_QOS_MAX, &attrs->qos))
		return via_usage_error("'%s' is not a priority: 0 to %u", qos, VIA_SRIOV_QOS_MAX);
	if (trust && !parse_switch(trust, &attrs->trust))
		return via_usage_error("--trust is on or off, not '%s'", trust);
	if (spoofchk && !parse_switch(spoofchk, &attrs->spoofchk))
		return via_usage_error("--spoofchk is on or off, not '%s'", spoofchk);
	attrs->valid = (mac ? VIA_SRIOV_MAC : 0U) | (vlan ? VIA_SRIOV_VLAN : 0U) |
		       (qos ? VIA_SRIOV_QOS : 0U) | (trust ? VIA_SRIOV_TRUST : 0U) |
		       (spoofchk ? VIA_SRIOV_SPOOFCHK : 0U);
	return 0;
}

struct via_vf_attr_text via_vf_attr_text(const struct via_sriov_attrs *attrs,
					 enum via_sriov_attr attr)
{
	struct via_vf_attr_text out = { "" };

	if (!(attrs->valid & (unsigned int)attr))
		return out;
	switch (attr) {
	case VIA_SRIOV_MAC:
		snprintf(out.text, sizeof(out.text), "%s", via_vfs_mac(attrs).text);
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

void via_vf_add_attrs(struct via_changes *changes, const struct via_sriov_pf *pf,
		      unsigned int index, unsigned int asked, const struct via_sriov_attrs *before,
		      const struct via_sriov_attrs *after)
{
	static const struct {
		enum via_sriov_attr attr;
		const char *name;
	} rows[] = {
		{ VIA_SRIOV_MAC, "mac" },	    { VIA_SRIOV_VLAN, "vlan" },
		{ VIA_SRIOV_QOS, "qos" },	    { VIA_SRIOV_TRUST, "trust" },
		{ VIA_SRIOV_SPOOFCHK, "spoofchk" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct via_vf_attr_text had = via_vf_attr_text(before, rows[i].attr);
		struct via_vf_attr_text gets = via_vf_attr_text(after, rows[i].attr);

		/* What only goes with another is said when it changes. */
		if (!(asked & (unsigned int)rows[i].attr) && !strcmp(had.text, gets.text))
			continue;
		add_vf_value(changes, pf, index, rows[i].name, had.text, gets.text);
	}
}

static int show_set(const struct via_cli *cli, const struct via_vfs *vfs, unsigned int index,
		    const struct via_sriov_attrs *asked)
{
	const struct via_sriov_attrs *before = &vfs->attrs[via_vfs_place(&vfs->pf, index)];
	struct via_sriov_attrs after = *asked;
	struct via_changes changes;
	struct via_error err;

	if (via_sriov_attrs_complete(before, &after, &err))
		return via_fail(&err);
	via_changes_init(&changes, cli);
	via_vf_add_attrs(&changes, &vfs->pf, index, asked->valid, before, &after);
	return via_changes_end(&changes);
}

/* Both return 0 or the exit status. */
static int set_attrs(const struct via_cli *cli, const struct via_sriov_pf *pf, unsigned int index,
		     const struct via_sriov_attrs *wanted)
{
	struct via_error err;

	if (via_sriov_attrs_check(cli->host, pf, index, wanted, &err))
		return via_fail(&err);
	if (cli->dry_run)
		return 0;
	return via_sriov_attrs_set(cli->host, pf, index, wanted, &err) ? via_fail(&err) : 0;
}

static int set_nvme(const struct via_cli *cli, const struct via_sriov_pf *pf, unsigned int index,
		    const struct via_sriov_nvme *wanted)
{
	struct via_sriov_nvme before, after;
	struct via_changes changes;
	struct via_error err;

	if (!cli->dry_run)
		return via_sriov_nvme_set(cli->host, pf, index, wanted, &err) ? via_fail(&err) : 0;
	if (via_sriov_nvme_complete(cli->host, pf, index, wanted, &before, &after, &err))
		return via_fail(&err);
	via_changes_init(&changes, cli);
	add_nvme(&changes, pf, index, &before, &after);
	return via_changes_end(&changes);
}

static bool sets_attrs(const struct via_cli *cli)
{
	static const char *const names[] = { "mac", "vlan", "qos", "trust", "spoofchk" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (via_cli_value(cli, names[i]))
			return true;
	return false;
}

int cmd_vf_set(struct via_cli *cli, int argc, char **argv)
{
	via_cleanup(via_vfs_clear) struct via_vfs vfs = { 0 };
	via_cleanup(via_vfs_clear) struct via_vfs after = { 0 };
	struct via_sriov_nvme nvme = { 0 };
	struct via_sriov_attrs attrs;
	struct via_bdf pf;
	unsigned int index;
	struct via_error err;
	int status = parse_resources(cli, &nvme.queues, &nvme.vectors);
	bool resources = nvme.queues || nvme.vectors;

	(void)argc;
	(void)argv;
	if (!status && resources && sets_attrs(cli))
		return via_usage_error("--queues and --vectors are for NVMe VFs, the other options "
				       "for those of a network PF");
	if (!status && !resources)
		status = via_vf_parse_attrs(cli, &attrs);
	if (!status && !resources && !attrs.valid)
		return via_usage_error("'vf set' wants something to set; 'viaduct vf set --help' "
				       "shows what there is");
	if (status)
		return status;
	if (via_devname_resolve_vf(cli->host, cli->operands[0], &pf, &index, &err) ||
	    via_sriov_pf_load(cli->host, pf, &vfs.pf, &err))
		return via_fail(&err);
	status = resources ? set_nvme(cli, &vfs.pf, index, &nvme)
			   : set_attrs(cli, &vfs.pf, index, &attrs);
	if (status)
		return status;
	if (cli->dry_run && resources)
		return VIA_EXIT_DONE;
	if (cli->dry_run)
		return via_vfs_load_attrs(cli->host, &vfs, &err)
			       ? via_fail(&err)
			       : show_set(cli, &vfs, index, &attrs);
	if (via_vfs_load(cli->host, pf, &after, &err))
		return not_shown(cli, "it was set", &err);
	via_vfs_print_one(cli, &after, index);
	return VIA_EXIT_DONE;
}

static int list_one(struct via_cli *cli, struct via_error *err)
{
	via_cleanup(via_vfs_clear) struct via_vfs vfs = { 0 };
	struct via_bdf bdf;

	if (via_devname_resolve(cli->host, cli->operands[0], &bdf, err) ||
	    via_vfs_load(cli->host, bdf, &vfs, err))
		return via_fail(err);
	return via_vfs_print(cli, &vfs, 1);
}

static int list_all(struct via_cli *cli, struct via_error *err)
{
	via_cleanup(via_names_free) struct via_names names = { 0 };
	struct via_vfs *all = NULL;
	size_t count = 0;
	int rc = via_host_list(cli->host, &names, "sys/bus/pci/devices");
	int status;

	if (!rc || rc == -ENOENT)
		all = calloc(names.count + 1, sizeof(*all));
	if (!all) {
		via_error_sys(err, rc && rc != -ENOENT ? -rc : ENOMEM,
			      "cannot list the PCI functions");
		return via_fail(err);
	}
	for (size_t i = 0; i < names.count; i++) {
		struct via_bdf bdf;

		if (via_bdf_parse(names.names[i], &bdf))
			continue;
		rc = via_vfs_load(cli->host, bdf, &all[count], err);
		if (!rc) {
			count++;
			continue;
		}
		via_vfs_clear(&all[count]);
		if (rc != -ENOTSUP && rc != -ENODEV)
			via_host_log(cli->host, VIA_LOG_WARNING, "%s", err->text);
	}
	status = via_vfs_print(cli, all, count);
	while (count)
		via_vfs_clear(&all[--count]);
	free(all);
	return status;
}

int cmd_vf_list(struct via_cli *cli, int argc, char **argv)
{
	struct via_error err;

	(void)argc;
	(void)argv;
	return cli->operand_count ? list_one(cli, &err) : list_all(cli, &err);
}

static int show_destroy(const struct via_cli *cli, struct via_bdf bdf)
{
	via_cleanup(via_vfs_clear) struct via_vfs vfs = { 0 };
	const struct via_sriov_pf *pf = &vfs.pf;
	const struct via_sriov_nvme none = { 0 };
	struct via_changes changes;
	struct via_error err;

	if (via_vfs_load(cli->host, bdf, &vfs, &err))
		return via_fail(&err);
	via_changes_init(&changes, cli);
	if (pf->num_vfs)
		add_pf_file(&changes, pf, "sriov_numvfs", pf->num_vfs, 0);
	for (size_t i = 0; vfs.nvme && i < pf->vf_count; i++)
		add_nvme(&changes, pf, pf->vfs[i].index, &vfs.nvme[i], &none);
	for (size_t i = 0; i < pf->vf_count; i++)
		via_vfio_forget_plan(cli->host, pf->vfs[i].bdf, via_changes_add_file, &changes);
	return via_changes_end(&changes);
}

int cmd_vf_destroy(struct via_cli *cli, int argc, char **argv)
{
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf pf = { 0 };
	via_cleanup(via_vfs_clear) struct via_vfs after = { 0 };
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
		return show_destroy(cli, pf.bdf);
	if (via_sriov_destroy(cli->host, pf.bdf, force, &err) ||
	    via_vfs_load(cli->host, pf.bdf, &after, &err))
		return via_fail(&err);
	if (cli->json)
		return via_vfs_print(cli, &after, 1);
	if (pf.num_vfs)
		printf("%s: %u VF%s taken away\n", via_bdf_text(pf.bdf).text, pf.num_vfs,
		       pf.num_vfs == 1 ? "" : "s");
	else
		printf("%s: no VFs to take away\n", via_bdf_text(pf.bdf).text);
	return VIA_EXIT_DONE;
}
