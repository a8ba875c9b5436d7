/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unused.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>

#include "bind-private.h"

int via_vfio_class_path(struct via_host *host, const char *class, const char *name, char *path,
			size_t path_bytes)
{
	via_autoclose int directory =
		via_host_open(host, O_PATH | O_DIRECTORY, "sys/class/%s", class);
	ssize_t length;

	if (directory < 0)
		return directory;
	length = readlinkat(directory, name, path, path_bytes);
	if (length < 0)
		return -errno;
	if ((size_t)length == path_bytes)
		return -ENAMETOOLONG;
	path[length] = '\0';
	return 0;
}

bool via_vfio_path_has(const char *path, const char *component)
{
	size_t length = strlen(component);

	for (const char *at = path; at; at = strchr(at, '/')) {
		at += *at == '/';
		if (!strncmp(at, component, length) && (at[length] == '/' || !at[length]))
			return true;
	}
	return false;
}

int via_vfio_check_not_open(struct via_host *host, struct via_bdf bdf, struct via_error *err)
{
	struct via_bdf_text where = via_bdf_text(bdf);
	struct via_iommu_group_holder holder;
	char group[16];
	int rc = via_host_link_name(host, group, sizeof(group),
				    "sys/bus/pci/devices/%s/iommu_group", where.text);

	/* In no group, so in no process's either. */
	if (rc == -ENOENT)
		return 0;
	if (rc)
		return via_error_sys(err, -rc, "cannot read the IOMMU group of %s", where.text);
	rc = via_iommu_group_find_holder(host, (unsigned int)strtoul(group, NULL, 10), &holder);
	if (rc == -ENOENT)
		return via_vfio_check_cdevs(host, bdf, err);
	if (rc)
		return via_error_sys(err, -rc, "cannot look for users of %s", where.text);
	return via_error_set(err, EBUSY, "%s is in use: process %d (%s) has IOMMU group %s open",
			     where.text, (int)holder.pid, holder.comm, group);
}

static int check_functions(struct via_host *host, struct via_bdf bdf, struct via_error *err)
{
	struct via_bdf_text where = via_bdf_text(bdf);
	uint64_t count;

	if (via_host_read_u64(host, &count, "sys/bus/pci/devices/%s/sriov_numvfs", where.text) ||
	    !count)
		return 0;
	return via_error_set(err, EBUSY,
			     "%s is in use: it has %u virtual functions, which go with its driver; "
			     "viaduct vf destroy %s",
			     where.text, (unsigned int)count, where.text);
}

int via_vfio_check_unused(struct via_host *host, struct via_bdf bdf, struct via_error *err)
{
	struct via_bdf_text where = via_bdf_text(bdf);
	int rc;

	if (!via_host_exists(host, "sys/bus/pci/devices/%s", where.text))
		return via_error_set(err, ENODEV, "there is no PCI function %s", where.text);
	rc = via_vfio_check_not_open(host, bdf, err);
	if (!rc)
		rc = check_functions(host, bdf, err);
	if (!rc)
		rc = via_vfio_check_netdevs(host, bdf, err);
	if (!rc)
		rc = via_vfio_check_disks(host, bdf, err);
	if (!rc)
		rc = via_vfio_check_files(host, bdf, err);
	return rc;
}
