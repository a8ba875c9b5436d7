/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pci/header.h>

#include <viaduct/util/cleanup.h>
#include <viaduct/util/process.h>

#include "command.h"
#include "function-json.h"
#include "function.h"
#include "output.h"
#include "pciname.h"

struct functions {
	struct via_function *all;
	size_t count;
};

static void functions_clear(struct functions *functions)
{
	for (size_t i = 0; i < functions->count; i++)
		via_function_clear(&functions->all[i]);
	free(functions->all);
}

/* By address, but each VF right after its PF and by index. */
static int function_compare(const void *a, const void *b)
{
	const struct via_function *x = a, *y = b;
	int order = via_bdf_compare(x->is_vf ? x->pf_bdf : x->bdf, y->is_vf ? y->pf_bdf : y->bdf);

	if (order)
		return order;
	if (x->is_vf != y->is_vf)
		return x->is_vf - y->is_vf;
	return (x->vf_index > y->vf_index) - (x->vf_index < y->vf_index);
}

static int load_functions(struct via_cli *cli, bool all, struct functions *functions,
			  struct via_error *err)
{
	via_cleanup(via_names_free) struct via_names names = { 0 };
	int rc = via_host_list(cli->host, &names, "sys/bus/pci/devices");

	if (rc == -ENOENT)
		return via_error_set(err, ENOENT, "this host has no PCI: no sys/bus/pci/devices");
	if (rc)
		return via_error_sys(err, -rc, "cannot list the PCI functions");
	/* Each function is asked about; going through all processes for each takes long. */
	rc = via_host_keep_openers(cli->host);
	if (rc)
		return via_error_sys(err, -rc, "cannot look for users of the PCI functions");
	functions->all = calloc(names.count ? names.count : 1, sizeof(*functions->all));
	if (!functions->all)
		return via_error_sys(err, ENOMEM, "cannot list the PCI functions");
	for (size_t i = 0; i < names.count; i++) {
		struct via_function *function = &functions->all[functions->count];
		struct via_bdf bdf;

		if (via_bdf_parse(names.names[i], &bdf))
			continue;
		rc = via_function_load(cli, bdf, function, err);
		if (rc == -ENOMEM)
			return rc;
		if (rc == -ENODEV)
			continue; /* it went away meanwhile */
		if (rc) {
			/* One unreadable function does not hide the others. */
			via_host_log(cli->host, VIA_LOG_WARNING, "%s", err->text);
			continue;
		}
		if (all || via_function_is_worth_assigning(function))
			functions->count++;
		else
			via_function_clear(function);
	}
	qsort(functions->all, functions->count, sizeof(*functions->all), function_compare);
	return 0;
}

static int print_json(struct via_pciname *names, const struct functions *functions)
{
	json_t *list = json_array();

	for (size_t i = 0; i < functions->count; i++)
		json_array_append_new(list, via_function_json(names, &functions->all[i]));
	return via_json_print(json_pack("{s:o}", "devices", list));
}

static void join(char *text, size_t text_bytes, const struct via_names *names)
{
	for (size_t i = 0; i < names->count; i++) {
		size_t used = strlen(text);

		snprintf(text + used, text_bytes - used, "%s%s", used ? "," : "", names->names[i]);
	}
}

/* Through what the host uses a device: a short form of the sentence in_use. */
static void used_by(const struct via_function *function, const char *known_as, char *text,
		    size_t text_bytes)
{
	const char *sentence = function->in_use.text;
	const char *process = strstr(sentence, ": process ");
	const char *end = process ? strstr(process, ") has ") : NULL;

	if (!*sentence)
		*text = '\0';
	else if (end)
		snprintf(text, text_bytes, "%.*s", (int)(end - process - 1), process + 2);
	else if (*known_as)
		snprintf(text, text_bytes, "%s", known_as);
	else if (function->class_code >> 8 == PCI_CLASS_BRIDGE_PCI)
		snprintf(text, text_bytes, "what is behind");
	else if (function->is_pf && function->pf.num_vfs)
		snprintf(text, text_bytes, "its VFs");
	/* A network function with a driver and no interface: it is not to be seen from here. */
	else if (function->class_code >> 16 == PCI_BASE_CLASS_NETWORK &&
		 !via_iommu_driver_is_vfio(function->driver))
		snprintf(text, text_bytes, "another netns");
	else
		snprintf(text, text_bytes, "a process");
}

/* What stands before a VF below its PF: as wide as the two spaces that scripts get. */
struct branches {
	const char *inner, *last;
};

static struct branches choose_branches(const struct via_cli *cli)
{
	struct branches branches = { "  ", "  " };
	locale_t locale;

	if (!cli->tty)
		return branches;
	branches = (struct branches){ "|-", "`-" };
	locale = newlocale(LC_CTYPE_MASK, "", NULL);
	if (!locale)
		return branches;
	if (!strcmp(nl_langinfo_l(CODESET, locale), "UTF-8"))
		branches = (struct branches){ "├─", "└─" };
	freelocale(locale);
	return branches;
}

static bool is_vf_of(const struct via_function *f, const struct via_function *pf)
{
	return f->is_vf && pf && !via_bdf_compare(f->pf_bdf, pf->bdf);
}

static void add_row(struct via_table *table, struct via_pciname *names, const char *branch,
		    const struct via_function *f)
{
	bool assignable = via_iommu_driver_is_vfio(f->driver);
	char known_as[128] = "", user[128];

	join(known_as, sizeof(known_as), &f->netdevs);
	join(known_as, sizeof(known_as), &f->nvme);
	join(known_as, sizeof(known_as), &f->disks);
	used_by(f, known_as, user, sizeof(user));

	via_table_add(table, f->is_pf ? VIA_STYLE_BOLD : VIA_STYLE_PLAIN, "%s%s", branch,
		      via_bdf_text(f->bdf).text);
	if (f->is_pf)
		via_table_add(table, VIA_STYLE_PLAIN, "PF %u/%u", f->pf.num_vfs, f->pf.total_vfs);
	else if (f->is_vf)
		via_table_add(table, VIA_STYLE_PLAIN, "VF %u", f->vf_index);
	else
		via_table_add(table, VIA_STYLE_PLAIN, "%s", "");
	via_table_add(table, assignable ? VIA_STYLE_GOOD : VIA_STYLE_PLAIN, "%s", f->driver);
	via_table_add_number(table, f->iommu_group);
	via_table_add_number(table, f->numa_node);
	via_table_add(table, VIA_STYLE_PLAIN, "%s", known_as);
	via_table_add(table, VIA_STYLE_WARNING, "%s", user);
	via_table_add(table, VIA_STYLE_PLAIN, "%s: %s",
		      via_pciname_class(names, f->class_code).text,
		      via_pciname_device(names, f->vendor_id, f->device_id).text);
}

static int print_table(const struct via_cli *cli, struct via_pciname *names,
		       const struct functions *functions)
{
	static const char *const headings[] = { "DEVICE", "SR-IOV",   "DRIVER",	 "GROUP",
						"NUMA",	  "KNOWN AS", "USED BY", "WHAT" };
	struct branches branches = choose_branches(cli);
	const struct via_function *pf = NULL;
	struct via_table table;

	via_table_init(&table, sizeof(headings) / sizeof(headings[0]), headings);
	for (size_t i = 0; i < functions->count; i++) {
		const struct via_function *f = &functions->all[i];
		bool more = i + 1 < functions->count && is_vf_of(f + 1, pf);
		const char *branch = "";

		if (is_vf_of(f, pf))
			branch = more ? branches.inner : branches.last;
		else if (f->is_vf)
			branch = "  "; /* its PF could not be read */
		else
			pf = f;
		add_row(&table, names, branch, f);
	}
	return via_table_print(cli, &table);
}

int cmd_list(struct via_cli *cli, int argc, char **argv)
{
	via_cleanup(functions_clear) struct functions functions = { 0 };
	via_cleanup(via_pciname_closep) struct via_pciname *names = NULL;
	struct via_error err;

	(void)argc;
	(void)argv;
	if (load_functions(cli, via_cli_flag(cli, "all"), &functions, &err) ||
	    via_pciname_open(cli, &names, &err))
		return via_fail(&err);
	via_host_forget_openers(cli->host);
	return cli->json ? print_json(names, &functions) : print_table(cli, names, &functions);
}
