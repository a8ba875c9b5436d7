/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <viaduct/sriov/undo.h>
#include <viaduct/util/cleanup.h>

#include "change.h"
#include "command.h"
#include "devname.h"
#include "output.h"

/* Its function is gone with it, so the name need not be one that is there. */
static int resolve(struct via_host *host, const char *name, struct via_bdf *bdf,
		   struct via_error *err)
{
	return via_bdf_parse(name, bdf) ? via_devname_resolve(host, name, bdf, err) : 0;
}

/* What there is to undo, or of that what the operands name. Each operand must be a device. */
static int load(const struct via_cli *cli, struct via_undo **list_out, size_t *count_out,
		struct via_error *err)
{
	via_autofree struct via_bdf *named = calloc(cli->operand_count + 1, sizeof(*named));
	via_autofree struct via_undo *list = NULL;
	size_t count = 0, kept = 0;
	int rc = named ? 0 : via_error_sys(err, ENOMEM, "cannot look for the devices");

	for (size_t i = 0; !rc && i < cli->operand_count; i++)
		rc = resolve(cli->host, cli->operands[i], &named[i], err);
	if (!rc)
		rc = via_undo_list(cli->host, &list, &count, err);
	if (rc)
		return rc;
	for (size_t i = 0; i < count; i++) {
		bool about = !cli->operand_count;

		for (size_t n = 0; !about && n < cli->operand_count; n++)
			about = via_undo_is_about(cli->host, &list[i], named[n]);
		if (about)
			list[kept++] = list[i];
	}
	*list_out = via_steal_ptr(list);
	*count_out = kept;
	return 0;
}

static const char *kind_name(enum via_undo_kind kind)
{
	switch (kind) {
	case VIA_UNDO_VFS:
		return "vfs";
	case VIA_UNDO_DRIVER:
		return "driver";
	case VIA_UNDO_ATTRS:
		return "attributes";
	case VIA_UNDO_AUTOPROBE:
		return "autoprobe";
	case VIA_UNDO_MODULE:
		return "module";
	case VIA_UNDO_LEFTOVER:
		return "leftover";
	case VIA_UNDO_UNKNOWN:
		break;
	}
	return "unknown";
}

static json_t *record_json(const struct via_undo *undo, const char *had, const char *problem)
{
	char file[sizeof(undo->file) + 1];

	snprintf(file, sizeof(file), "/%s", undo->file);
	return json_pack("{s:s, s:o, s:o, s:o, s:o}", "kind", kind_name(undo->kind), "name",
			 via_json_text(undo->name), "record", via_json_text(file), "before",
			 via_json_text(had), "problem", via_json_text(problem));
}

static int list_records(struct via_cli *cli, const struct via_undo *list, size_t count)
{
	json_t *records = json_array();
	bool damaged = false;
	int status = VIA_EXIT_DONE;

	for (size_t i = 0; i < count; i++) {
		struct via_error err = { "" };
		char had[256] = "";
		int rc = via_undo_had(cli->host, &list[i], had, sizeof(had), &err);

		if (rc == -ENOENT)
			continue;
		damaged |= rc && rc != -ESTALE;
		if (cli->json)
			json_array_append_new(records, record_json(&list[i], rc ? NULL : had,
								   rc ? err.text : NULL));
		else if (rc && rc != -ESTALE)
			via_fail(&err);
		else if (rc)
			printf("%s\n", err.text);
		else
			printf("%s: %s%s\n", list[i].name, had,
			       list[i].kind == VIA_UNDO_LEFTOVER ? "" : " before");
	}
	if (cli->json)
		status = via_json_print(json_pack("{s:O}", "records", records));
	json_decref(records);
	return damaged ? VIA_EXIT_FAILED : status;
}

/* Whether a VF goes with what is undone before: then nothing of its own is. */
static bool goes_before(struct via_host *host, const struct via_undo *list, const bool *failed,
			size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (list[i].kind == VIA_UNDO_VFS && !failed[i] &&
		    !via_bdf_equal(list[i].bdf, list[at].bdf) &&
		    via_undo_is_about(host, &list[at], list[i].bdf))
			return true;
	return false;
}

static int show(struct via_cli *cli, const struct via_undo *list, size_t count)
{
	via_autofree bool *failures = calloc(count + 1, sizeof(*failures));
	struct via_changes changes;
	bool failed = !failures;
	int status;

	via_changes_init(&changes, cli);
	for (size_t i = 0; failures && i < count; i++) {
		struct via_error err = { "" };
		int rc;

		if (goes_before(cli->host, list, failures, i))
			continue;
		rc = via_undo_plan(cli->host, &list[i], via_changes_add_what, &changes, &err);
		if (!rc || (rc == -ENOENT && !err.text[0]))
			continue;
		failures[i] = true;
		if (rc == -ESTALE && !cli->json)
			printf("%s\n", err.text);
		if (rc != -ESTALE)
			via_fail(&err);
		failed |= rc != -ESTALE;
	}
	status = via_changes_end(&changes);
	return failed ? VIA_EXIT_FAILED : status;
}

static int undo_all(struct via_cli *cli, const struct via_undo *list, size_t count)
{
	json_t *records = json_array();
	bool failed = false;
	int status = VIA_EXIT_DONE;

	for (size_t i = 0; i < count; i++) {
		struct via_error err = { "" };
		char had[256] = "";
		int rc = via_undo_had(cli->host, &list[i], had, sizeof(had), &err);

		if (!rc || rc == -ESTALE)
			rc = via_undo(cli->host, &list[i], &err);
		/* It went with something that came before it. */
		if (rc == -ENOENT && !err.text[0])
			continue;
		failed |= rc && rc != -ESTALE;
		if (cli->json)
			json_array_append_new(records, record_json(&list[i], rc ? NULL : had,
								   rc ? err.text : NULL));
		else if (rc && rc != -ESTALE)
			via_fail(&err);
		else if (rc)
			printf("%s\n", err.text);
		else
			printf("%s: %s %s\n", list[i].name, had,
			       list[i].kind == VIA_UNDO_LEFTOVER ? "removed" : "again");
	}
	if (cli->json)
		status = via_json_print(json_pack("{s:O}", "undone", records));
	else if (!count)
		printf("nothing to undo\n");
	json_decref(records);
	return failed ? VIA_EXIT_FAILED : status;
}

int cmd_undo(struct via_cli *cli, int argc, char **argv)
{
	via_autofree struct via_undo *list = NULL;
	struct via_error err;
	size_t count;

	(void)argc;
	(void)argv;
	if (load(cli, &list, &count, &err))
		return via_fail(&err);
	if (via_cli_flag(cli, "list"))
		return list_records(cli, list, count);
	return cli->dry_run ? show(cli, list, count) : undo_all(cli, list, count);
}
