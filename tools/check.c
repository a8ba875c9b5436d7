/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <viaduct/sriov/preflight.h>
#include <viaduct/util/cleanup.h>
#include <viaduct/vmm/preflight.h>

#include "command.h"
#include "devname.h"
#include "output.h"
#include "parse.h"

struct check {
	struct via_cli *cli;
	struct via_bdf *functions;
	struct via_vmm_request request;
	struct via_findings findings;
};

static const struct {
	const char *name;
	enum via_style style;
} severities[VIA_SEVERITIES] = {
	[VIA_SEVERITY_ERROR] = { "error", VIA_STYLE_BAD },
	[VIA_SEVERITY_WARNING] = { "warning", VIA_STYLE_WARNING },
	[VIA_SEVERITY_INFO] = { "info", VIA_STYLE_DIM },
};

static int find_functions(struct check *check, struct via_error *err)
{
	struct via_cli *cli = check->cli;

	check->functions = calloc(cli->operand_count, sizeof(*check->functions));
	if (!check->functions)
		return via_error_sys(err, ENOMEM, "cannot look for the devices");
	for (size_t i = 0; i < cli->operand_count; i++) {
		int rc =
			via_devname_resolve(cli->host, cli->operands[i], &check->functions[i], err);

		if (rc)
			return rc;
		via_sriov_preflight(cli->host, check->functions[i], &check->findings);
	}
	return 0;
}

static int look(struct check *check, struct via_error *err)
{
	struct via_cli *cli = check->cli;
	int rc = find_functions(check, err);

	if (rc)
		return rc;
	check->request.functions = check->functions;
	check->request.count = cli->operand_count;
	check->request.backend = via_iommu_backend_choose(cli->host, check->request.backend,
							  check->functions, cli->operand_count);
	return via_vmm_preflight(cli->host, &check->request, &check->findings, err);
}

static bool passes(const struct check *check)
{
	return !via_findings_count(&check->findings, VIA_SEVERITY_ERROR);
}

static const char *device_of(const struct via_finding *finding, struct via_bdf_text *text)
{
	if (!finding->has_device)
		return NULL;
	*text = via_bdf_text(finding->device);
	return text->text;
}

static json_t *json_findings(const struct via_findings *findings)
{
	json_t *list = json_array();

	for (int severity = 0; severity < VIA_SEVERITIES; severity++) {
		for (size_t i = 0; i < findings->count; i++) {
			const struct via_finding *finding = &findings->findings[i];
			struct via_bdf_text text;

			if ((int)finding->severity != severity)
				continue;
			json_array_append_new(
				list, json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "id", finding->id,
						"severity", severities[severity].name, "device",
						via_json_text(device_of(finding, &text)), "what",
						via_json_text(finding->what), "why",
						via_json_text(finding->why), "fix",
						via_json_text(finding->fix)));
		}
	}
	return list;
}

static int print_json(const struct check *check)
{
	json_t *devices = json_array();

	for (size_t i = 0; i < check->request.count; i++)
		json_array_append_new(devices, json_string(via_bdf_text(check->functions[i]).text));
	return via_json_print(json_pack("{s:b, s:o, s:I, s:s, s:o}", "passes", (int)passes(check),
					"devices", devices, "memory_bytes",
					(json_int_t)check->request.memory_bytes, "backend",
					via_iommu_backend_name(check->request.backend), "findings",
					json_findings(&check->findings)));
}

static void add_more(struct via_table *table, const char *title, const char *text)
{
	if (!text)
		return;
	via_table_add(table, VIA_STYLE_PLAIN, " ");
	via_table_add(table, VIA_STYLE_PLAIN, " ");
	via_table_add(table, VIA_STYLE_DIM, "%s", title);
	via_table_add(table, VIA_STYLE_PLAIN, "%s", text);
}

static void add_finding(struct via_table *table, const struct via_finding *finding)
{
	struct via_bdf_text text;
	const char *device = device_of(finding, &text);

	via_table_add(table, severities[finding->severity].style, "%s",
		      severities[finding->severity].name);
	via_table_add(table, VIA_STYLE_BOLD, "%s", finding->id);
	via_table_add(table, VIA_STYLE_PLAIN, "%s", device ? device : "");
	via_table_add(table, VIA_STYLE_PLAIN, "%s", finding->what);
	add_more(table, "why", finding->why);
	add_more(table, "helps", finding->fix);
}

static int print_table(const struct check *check)
{
	static const char *const headings[] = { "SEVERITY", "FINDING", "DEVICE", "WHAT" };
	const struct via_findings *findings = &check->findings;
	struct via_table table;
	int status;

	via_table_init(&table, sizeof(headings) / sizeof(headings[0]), headings);
	for (int severity = 0; severity < VIA_SEVERITIES; severity++)
		for (size_t i = 0; i < findings->count; i++)
			if ((int)findings->findings[i].severity == severity)
				add_finding(&table, &findings->findings[i]);
	status = findings->count ? via_table_print(check->cli, &table) : via_table_discard(&table);
	if (!status)
		printf("%s: 'viaduct run' would %s, with the backend %s\n",
		       passes(check) ? "yes" : "no", passes(check) ? "work" : "fail",
		       via_iommu_backend_name(check->request.backend));
	return status;
}

static void clear(struct check *check)
{
	free(check->functions);
	via_findings_clear(&check->findings);
}

int cmd_check(struct via_cli *cli, int argc, char **argv)
{
	via_cleanup(clear) struct check check = { .cli = cli };
	const char *memory = via_cli_value(cli, "memory"), *backend = via_cli_value(cli, "backend");
	struct via_error err;
	int status;

	(void)argc;
	(void)argv;
	if (via_parse_size(memory ? memory : VIA_MEMORY_DEFAULT, &check.request.memory_bytes))
		return via_usage_error("--memory wants a size such as 512M or 4G, not '%s'",
				       memory);
	if (backend && via_parse_backend(backend, &check.request.backend))
		return via_usage_error("--backend is auto, group or iommufd, not '%s'", backend);
	if (look(&check, &err))
		return via_fail(&err);
	status = cli->json ? print_json(&check) : print_table(&check);
	return status ? status : passes(&check) ? VIA_EXIT_DONE : VIA_EXIT_FAILED;
}
