/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <viaduct/iommu/cdev.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <viaduct/util/cleanup.h>

/* "vfio" and a number: a name that is safe in a path. */
static bool is_device_name(const char *name)
{
	size_t length = strlen(name);

	if (strncmp(name, "vfio", 4) || length < 5 || length > 4 + 10)
		return false;
	return strspn(name + 4, "0123456789") == length - 4;
}

int via_iommu_cdev_path(struct via_host *host, struct via_bdf bdf, struct via_iommu_cdev_path *path)
{
	via_cleanup(via_names_free) struct via_names names = { 0 };
	int rc = via_host_list(host, &names, "sys/bus/pci/devices/%s/vfio-dev",
			       via_bdf_text(bdf).text);

	if (rc == -ENOMEM)
		return rc;
	if (rc || !names.count)
		return -ENOENT;
	if (names.count > 1 || !is_device_name(names.names[0]))
		return -EPROTO;
	/* Without CONFIG_VFIO_DEVICE_CDEV the directory is there, and no number of a file. */
	if (!via_host_exists(host, "sys/bus/pci/devices/%s/vfio-dev/%s/dev", via_bdf_text(bdf).text,
			     names.names[0]))
		return -ENOENT;
	snprintf(path->text, sizeof(path->text), "/dev/vfio/devices/%s", names.names[0]);
	return 0;
}

int via_iommu_cdev_bdf(struct via_host *host, int fd, struct via_bdf *bdf, struct via_error *err)
{
	char subsystem[32], name[32];
	struct stat status;

	if (fstat(fd, &status))
		return via_error_set(err, EBADF, "descriptor %d is not open", fd);
	if (!S_ISCHR(status.st_mode) ||
	    via_host_link_name(host, subsystem, sizeof(subsystem), "sys/dev/char/%u:%u/subsystem",
			       major(status.st_rdev), minor(status.st_rdev)) ||
	    strcmp(subsystem, "vfio-dev"))
		return via_error_set(err, EINVAL,
				     "descriptor %d is no VFIO device file, one of "
				     "/dev/vfio/devices",
				     fd);
	if (via_host_link_name(host, name, sizeof(name), "sys/dev/char/%u:%u/device",
			       major(status.st_rdev), minor(status.st_rdev)) ||
	    via_bdf_parse(name, bdf))
		return via_error_set(err, EINVAL, "descriptor %d is of no PCI function", fd);
	return 0;
}

int via_iommu_cdev_find_holder(struct via_host *host, struct via_bdf bdf,
			       struct via_process *holder)
{
	struct via_iommu_cdev_path path;
	struct via_device_file file = { .path = path.text };
	int rc = via_iommu_cdev_path(host, bdf, &path);

	if (rc)
		return rc == -ENOMEM ? rc : -ENOENT;
	return via_process_find_opener(host, &file, holder);
}
