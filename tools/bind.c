/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <viaduct/iommu/group.h>
#include <viaduct/sriov/undo.h>
#include <viaduct/util/cleanup.h>
#include <viaduct/vfio/bind.h>

#include "change.h"
#include "command.h"
#include "devname.h"
#include "output.h"

/* A device named on the command line, and what it was before. */
struct target {
	struct via_bdf bdf;
	char before[VIA_DRIVER_NAME_BYTES];
	bool remembered;     /* what it had before that */
	size_t change_count; /* writes that what is asked for takes */
	char after[VIA_DRIVER_NAME_BYTES];
};

struct targets {
	struct target *all;
	size_t count;
};

static void targets_clear(struct targets *targets)
{
	free(targets->all);
}

static int load_target(struct via_host *host, const char *name, struct target *target,
		       struct via_error *err)
{
	int rc = via_devname_resolve(host, name, &target->bdf, err);

	if (!rc)
		rc = via_vfio_driver(host, target->bdf, target->before, err);
	if (rc)
		return rc;
	target->remembered = via_vfio_is_remembered(host, target->bdf);
	return 0;
}

/* A device named twice is one device. */
static bool is_known(const struct targets *targets, struct via_bdf bdf)
{
	for (size_t i = 0; i < targets->count; i++)
		if (via_bdf_equal(targets->all[i].bdf, bdf))
			return true;
	return false;
}

static int load_targets(struct via_cli *cli, struct targets *targets, struct via_error *err)
{
	targets->all = calloc(cli->operand_count, sizeof(*targets->all));
	if (!targets->all)
		return via_error_sys(err, ENOMEM, "cannot look for the devices");
	for (size_t i = 0; i < cli->operand_count; i++) {
		struct target *target = &targets->all[targets->count];
		int rc = load_target(cli->host, cli->operands[i], target, err);

		if (rc)
			return rc;
		if (!is_known(targets, target->bdf))
			targets->count++;
	}
	return 0;
}

static int check_privilege(struct via_host *host, struct via_bdf bdf, struct via_error *err)
{
	via_autoclose int fd = via_host_open(
		host, O_WRONLY, "sys/bus/pci/devices/%s/driver_override", via_bdf_text(bdf).text);

	if (fd == -EACCES || fd == -EPERM)
		return via_error_set(
			err, EACCES,
			"changing the driver of %s takes root: this user may not write "
			"its driver_override",
			via_bdf_text(bdf).text);
	if (fd < 0)
		return via_error_sys(err, -fd, "cannot write driver_override of %s",
				     via_bdf_text(bdf).text);
	return 0;
}

static void count_change(void *data, const char *path, const char *before, const char *after)
{
	struct target *target = data;

	(void)path;
	(void)before;
	(void)after;
	target->change_count++;
}

static int check_bind(struct via_cli *cli, struct target *target, const char *driver,
		      struct via_error *err)
{
	int rc = via_vfio_bind_plan(cli->host, target->bdf, driver, count_change, target, err);

	if (rc || !target->change_count)
		return rc;
	if (!via_cli_flag(cli, "force"))
		rc = via_vfio_check_unused(cli->host, target->bdf, err);
	if (!rc && !cli->dry_run)
		rc = check_privilege(cli->host, target->bdf, err);
	return rc;
}

/* @driver: NULL to unbind. */
static int show(struct via_cli *cli, const struct targets *targets, const char *driver)
{
	struct via_changes changes;
	struct via_error err;
	int rc = 0;

	via_changes_init(&changes, cli);
	for (size_t i = 0; i < targets->count && !rc; i++) {
		struct via_bdf bdf = targets->all[i].bdf;

		rc = driver ? via_vfio_bind_plan(cli->host, bdf, driver, via_changes_add_file,
						 &changes, &err)
			    : via_vfio_unbind_plan(cli->host, bdf, via_changes_add_file, &changes,
						   &err);
	}
	if (rc) {
		json_decref(changes.list);
		return via_fail(&err);
	}
	return via_changes_end(&changes);
}

static int print_targets(struct via_cli *cli, const struct targets *targets)
{
	json_t *list;

	if (!cli->json) {
		for (size_t i = 0; i < targets->count; i++) {
			const struct target *t = &targets->all[i];

			if (!strcmp(t->before, t->after))
				printf("%s: %s %s\n", via_bdf_text(t->bdf).text,
				       *t->after ? t->after : "no driver",
				       t->change_count ? "stays" : "already");
			else
				printf("%s: %s -> %s\n", via_bdf_text(t->bdf).text,
				       *t->before ? t->before : "no driver",
				       *t->after ? t->after : "no driver");
		}
		return VIA_EXIT_DONE;
	}
	list = json_array();
	for (size_t i = 0; i < targets->count; i++) {
		const struct target *t = &targets->all[i];

		json_array_append_new(list,
				      json_pack("{s:s, s:o, s:o}", "bdf", via_bdf_text(t->bdf).text,
						"driver_before", via_json_text(t->before), "driver",
						via_json_text(t->after)));
	}
	return via_json_print(json_pack("{s:o}", "devices", list));
}

/* The first @count targets back to what they were. */
static void roll_back(struct via_host *host, const struct targets *targets, size_t count)
{
	while (count-- > 0) {
		const struct target *target = &targets->all[count];
		char driver[VIA_DRIVER_NAME_BYTES];
		struct via_error err;
		int rc;

		if (!strcmp(target->before, target->after))
			continue;
		if (target->remembered && target->before[0])
			rc = via_vfio_bind(host, target->bdf, target->before, &err);
		else
			rc = via_vfio_unbind(host, target->bdf, driver, &err);
		if (rc)
			via_host_log(host, VIA_LOG_WARNING, "cannot take back what was done: %s",
				     err.text);
	}
}

/* VFIO hands a group out whole: say what else of it has to follow. */
static void warn_of_group(struct via_host *host, const struct target *target)
{
	via_cleanup(via_iommu_group_clear) struct via_iommu_group group = { 0 };
	struct via_error err;

	if (via_iommu_group_load(host, target->bdf, &group, NULL))
		return;
	if (via_iommu_group_check_viable(&group, &err))
		via_host_log(host, VIA_LOG_WARNING, "%s", err.text);
}

static int bind_one(struct via_host *host, const struct target *target, const char *driver,
		    struct via_error *err)
{
	int rc = target->change_count ? via_undo_remember_vfs(host, target->bdf, err) : 0;

	if (rc)
		return rc;
	rc = via_vfio_bind(host, target->bdf, driver, err);
	if (rc)
		via_undo_forget_vfs(host, target->bdf);
	return rc;
}

int cmd_bind(struct via_cli *cli, int argc, char **argv)
{
	via_cleanup(targets_clear) struct targets targets = { 0 };
	const char *driver = via_cli_value(cli, "driver");
	struct via_error err;

	(void)argc;
	(void)argv;
	if (!driver)
		driver = "vfio-pci";
	if (load_targets(cli, &targets, &err))
		return via_fail(&err);
	for (size_t i = 0; i < targets.count; i++)
		if (check_bind(cli, &targets.all[i], driver, &err))
			return via_fail(&err);
	if (cli->dry_run)
		return show(cli, &targets, driver);

	for (size_t i = 0; i < targets.count; i++) {
		struct target *target = &targets.all[i];

		if (bind_one(cli->host, target, driver, &err)) {
			roll_back(cli->host, &targets, i);
			return via_fail(&err);
		}
		snprintf(target->after, sizeof(target->after), "%s", driver);
	}
	if (via_iommu_driver_is_vfio(driver))
		for (size_t i = 0; i < targets.count; i++)
			warn_of_group(cli->host, &targets.all[i]);
	return print_targets(cli, &targets);
}

static int check_unbind(struct via_cli *cli, struct target *target, struct via_error *err)
{
	int rc = via_vfio_unbind_plan(cli->host, target->bdf, count_change, target, err);

	if (rc)
		return rc;
	if (!target->change_count)
		return via_error_set(err, EINVAL,
				     "%s is not bound to a VFIO driver, nor was it 'viaduct bind' "
				     "that gave it %s%s",
				     via_bdf_text(target->bdf).text,
				     *target->before ? "its driver " : "no driver", target->before);
	return cli->dry_run ? 0 : check_privilege(cli->host, target->bdf, err);
}

int cmd_unbind(struct via_cli *cli, int argc, char **argv)
{
	via_cleanup(targets_clear) struct targets targets = { 0 };
	struct via_error err;

	(void)argc;
	(void)argv;
	if (load_targets(cli, &targets, &err))
		return via_fail(&err);
	for (size_t i = 0; i < targets.count; i++)
		if (check_unbind(cli, &targets.all[i], &err))
			return via_fail(&err);
	if (cli->dry_run)
		return show(cli, &targets, NULL);

	for (size_t i = 0; i < targets.count; i++) {
		struct target *target = &targets.all[i];

		if (!via_vfio_unbind(cli->host, target->bdf, target->after, &err))
			continue;
		while (i-- > 0) {
			struct via_error again;

			target = &targets.all[i];
			if (target->before[0] &&
			    via_vfio_bind(cli->host, target->bdf, target->before, &again))
				via_host_log(cli->host, VIA_LOG_WARNING,
					     "cannot take back what was done: %s", again.text);
		}
		return via_fail(&err);
	}
	return print_targets(cli, &targets);
}
