/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run-disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"

/* Takes FILE off the front of @text, with its commas made single. Return: what follows, or NULL. */
static char *take_path(char *text)
{
	char *to = text;

	for (; *text; text++) {
		if (text[0] == ',' && *++text != ',') {
			*to = '\0';
			return text;
		}
		*to++ = *text;
	}
	*to = '\0';
	return NULL;
}

static int parse_queues(const char *text, unsigned int *queues)
{
	unsigned long value;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || *end || !value || value > VIA_VMM_QUEUES_MAX)
		return -EINVAL;
	*queues = (unsigned int)value;
	return 0;
}

static int parse_option(struct via_vmm_disk *disk, const char *option)
{
	if (!strcmp(option, "ro"))
		disk->read_only = true;
	else if (!strcmp(option, "direct"))
		disk->direct = true;
	else if (strncmp(option, "queues=", 7))
		return via_usage_error(
			"--disk has no option '%s': FILE[,ro][,direct][,queues=N] (in "
			"FILE, ',,' is a comma)",
			option);
	else if (parse_queues(option + 7, &disk->queues))
		return via_usage_error("a disk has 1 to %d queues, not '%s'", VIA_VMM_QUEUES_MAX,
				       option + 7);
	return 0;
}

int via_run_disks_parse(const struct via_cli *cli, struct via_run_disks *disks)
{
	const char *text;
	size_t at = 0;

	while ((text = via_cli_next_value(cli, "disk", &at))) {
		struct via_vmm_disk *disk = &disks->disks[disks->count];
		char *rest, *path;
		int rc = 0;

		if (disks->count == VIA_VMM_DISKS_MAX)
			return via_usage_error("a guest can have %d disks at most",
					       VIA_VMM_DISKS_MAX);
		path = strdup(text);
		if (!path)
			return via_usage_error("out of memory");
		disks->paths[disks->count++] = path;
		rest = take_path(path);
		*disk = (struct via_vmm_disk){ .path = path };
		if (!*path)
			return via_usage_error("--disk wants a file, not '%s'", text);
		while (!rc && rest)
			rc = parse_option(disk, strsep(&rest, ","));
		if (rc)
			return rc;
	}
	return 0;
}

void via_run_disks_clear(struct via_run_disks *disks)
{
	for (size_t i = 0; i < disks->count; i++)
		free(disks->paths[i]);
	*disks = (struct via_run_disks){ 0 };
}
