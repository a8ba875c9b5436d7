/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "devname.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <viaduct/sriov/pf.h>
#include <viaduct/util/cleanup.h>

/* As many "../" as a class device can be away from its PCI function: nvme0n1 is below nvme0, and
 * eth0 below virtio0. */
static const char *const parents[] = { "", "/..", "/../.." };

/* The PCI function a class device hangs on, from PCI_SLOT_NAME of the nearest uevent file. */
static int class_device(struct via_host *host, const char *class, const char *name,
			struct via_bdf *bdf)
{
	char text[4096];

	for (size_t i = 0; i < sizeof(parents) / sizeof(parents[0]); i++) {
		char *rest = text, *line;

		if (via_host_read(host, text, sizeof(text), "sys/class/%s/%s/device%s/uevent",
				  class, name, parents[i]))
			continue;
		while ((line = strsep(&rest, "\n")))
			if (!strncmp(line, "PCI_SLOT_NAME=", strlen("PCI_SLOT_NAME=")))
				return via_bdf_parse(line + strlen("PCI_SLOT_NAME="), bdf);
	}
	return -ENOTSUP;
}

static int resolve_whole(struct via_host *host, const char *name, struct via_bdf *bdf,
			 struct via_error *err)
{
	static const struct {
		const char *class, *what;
	} classes[] = { { "net", "network interface" }, { "nvme", "NVMe controller" } };

	if (!via_bdf_parse(name, bdf)) {
		if (!via_host_exists(host, "sys/bus/pci/devices/%s", via_bdf_text(*bdf).text))
			return via_error_set(err, ENODEV, "there is no PCI function %s",
					     via_bdf_text(*bdf).text);
		return 0;
	}
	if (!*name || strchr(name, '/') || name[0] == '.')
		return via_error_set(err, EINVAL,
				     "'%s' names no device: a PCI address, a network interface, an "
				     "NVMe controller, or PF/vfN",
				     name);
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		if (!via_host_exists(host, "sys/class/%s/%s", classes[i].class, name))
			continue;
		if (class_device(host, classes[i].class, name, bdf))
			return via_error_set(err, ENOTSUP,
					     "%s is a %s, but not one of a PCI device", name,
					     classes[i].what);
		return 0;
	}
	if (strchr(name, ':'))
		return via_error_set(err, EINVAL, "'%s' is not a PCI address, as 0000:01:10.0 is",
				     name);
	return via_error_set(err, ENODEV, "there is no network interface and no NVMe controller %s",
			     name);
}

/* "eth0/vf3": the length of "eth0" and 3. */
static bool split_vf(const char *name, size_t *pf_length, unsigned int *index)
{
	const char *slash = strrchr(name, '/');
	char *end;
	unsigned long number;

	if (!slash || slash == name || strncmp(slash, "/vf", 3) || slash[3] < '0' || slash[3] > '9')
		return false;
	errno = 0;
	number = strtoul(slash + 3, &end, 10);
	if (*end || errno || number >= VIA_SRIOV_VFS_MAX)
		return false;
	*pf_length = (size_t)(slash - name);
	*index = (unsigned int)number;
	return true;
}

/* Loads the PF of "PF/vfN"; -EINVAL without a sentence when @name is of another form. */
static int load_pf(struct via_host *host, const char *name, struct via_sriov_pf *pf,
		   unsigned int *index, struct via_error *err)
{
	via_autofree char *pf_name = NULL;
	struct via_bdf bdf;
	size_t length;
	int rc;

	if (!split_vf(name, &length, index))
		return -EINVAL;
	pf_name = strndup(name, length);
	if (!pf_name)
		return via_error_sys(err, ENOMEM, "cannot look for %s", name);
	rc = resolve_whole(host, pf_name, &bdf, err);
	if (rc)
		return rc == -EINVAL ? -ENODEV : rc;
	return via_sriov_pf_load(host, bdf, pf, err);
}

int via_devname_resolve(struct via_host *host, const char *name, struct via_bdf *bdf,
			struct via_error *err)
{
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf pf = { 0 };
	unsigned int index;
	int rc = load_pf(host, name, &pf, &index, err);

	if (rc == -EINVAL)
		return resolve_whole(host, name, bdf, err);
	return rc ? rc : via_sriov_pf_vf(&pf, index, bdf, err);
}

int via_devname_resolve_vf(struct via_host *host, const char *name, struct via_bdf *pf_bdf,
			   unsigned int *index, struct via_error *err)
{
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf pf = { 0 };
	unsigned int found;
	struct via_bdf vf;
	int rc = load_pf(host, name, &pf, &found, err);

	if (rc == -EINVAL) {
		rc = resolve_whole(host, name, &vf, err);
		return rc ? rc : via_sriov_vf_pf(host, vf, pf_bdf, index, err);
	}
	if (!rc)
		rc = via_sriov_pf_vf(&pf, found, &vf, err);
	if (rc)
		return rc;
	*pf_bdf = pf.bdf;
	*index = found;
	return 0;
}
