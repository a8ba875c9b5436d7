/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run-device.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <viaduct/iommu/cdev.h>
#include <viaduct/sriov/pf.h>

#include "devname.h"

static int parse_option(struct via_vmm_device *device, const char *name, const char *option,
			struct via_error *err)
{
	if (!strncmp(option, "rom=", 4) && option[4])
		device->rom = option + 4;
	else
		return via_error_set(err, EINVAL,
				     "--device %s has no option '%s': rom=off or rom=FILE", name,
				     option);
	return 0;
}

int via_run_fd_parse(const char *text, int *fd)
{
	unsigned long value;
	char *end;

	if (strncmp(text, "fd=", 3) || text[3] < '0' || text[3] > '9')
		return -EINVAL;
	errno = 0;
	value = strtoul(text + 3, &end, 10);
	if (errno || *end || value > INT_MAX)
		return -EINVAL;
	*fd = (int)value;
	return 0;
}

/* @text is cut at its commas. */
static int find(const struct via_cli *cli, char *text, struct via_vmm_device *device,
		struct via_error *err)
{
	char *rest = text, *name = strsep(&rest, ",");
	int rc = 0;

	*device = (struct via_vmm_device){ .fd = -1 };
	while (!rc && rest)
		rc = parse_option(device, name, strsep(&rest, ","), err);
	if (!rc && !via_run_fd_parse(name, &device->fd))
		rc = via_iommu_cdev_bdf(cli->host, device->fd, &device->bdf, err);
	else if (!rc)
		rc = via_devname_resolve(cli->host, name, &device->bdf, err);
	return rc ? rc : via_sriov_vf_check_pf_up(cli->host, device->bdf, err);
}

int via_run_devices_find(const struct via_cli *cli, struct via_run_devices *devices,
			 struct via_error *err)
{
	const char *text;
	size_t at = 0;

	while ((text = via_cli_next_value(cli, "device", &at))) {
		size_t i = devices->count;
		int rc;

		if (i == VIA_VMM_DEVICES_MAX)
			return via_error_set(err, EINVAL, "a guest has at most %d devices",
					     VIA_VMM_DEVICES_MAX);
		devices->texts[i] = strdup(text);
		if (!devices->texts[i])
			return via_error_sys(err, ENOMEM, "cannot look for %s", text);
		devices->count++;
		rc = find(cli, devices->texts[i], &devices->devices[i], err);
		if (rc)
			return rc;
	}
	return 0;
}

void via_run_devices_clear(struct via_run_devices *devices)
{
	for (size_t i = 0; i < devices->count; i++)
		free(devices->texts[i]);
	*devices = (struct via_run_devices){ 0 };
}
