/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "function.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pci/header.h>

#include <viaduct/util/cleanup.h>
#include <viaduct/vfio/bind.h>

/* A file that holds one number up to @max, hexadecimal with 0x or decimal. */
static int read_id(struct via_host *host, struct via_bdf bdf, const char *file, uint64_t max,
		   uint64_t *value, struct via_error *err)
{
	int rc = via_host_read_u64(host, value, "sys/bus/pci/devices/%s/%s", via_bdf_text(bdf).text,
				   file);

	if (rc == -ENOENT)
		return via_error_set(err, ENODEV, "there is no PCI function %s",
				     via_bdf_text(bdf).text);
	if (rc || *value > max)
		return via_error_set(err, EPROTO, "%s of %s holds no such number", file,
				     via_bdf_text(bdf).text);
	return 0;
}

static long read_group(struct via_host *host, const char *bdf)
{
	char name[16], *end;
	long group;

	if (via_host_link_name(host, name, sizeof(name), "sys/bus/pci/devices/%s/iommu_group", bdf))
		return -1;
	errno = 0;
	group = strtol(name, &end, 10);
	return *end || end == name || errno ? -1 : group;
}

/* -1 in the file, which is no unsigned number, says that there is none. */
static long read_numa_node(struct via_host *host, const char *bdf)
{
	uint64_t node;

	if (via_host_read_u64(host, &node, "sys/bus/pci/devices/%s/numa_node", bdf) ||
	    node > INT_MAX)
		return -1;
	return (long)node;
}

/* Whether @bdf is the function that is nearest to the end of the path: ports stand before it. */
static bool path_is_of(const char *path, const char *bdf)
{
	const char *nearest = "";
	struct via_bdf ignored;

	for (const char *at = strchr(path, '/'); at; at = strchr(at + 1, '/')) {
		char name[VIA_BDF_TEXT_BYTES];
		size_t length = strcspn(at + 1, "/");

		if (length >= sizeof(name) || !at[1 + length])
			continue;
		memcpy(name, at + 1, length);
		name[length] = '\0';
		if (!via_bdf_parse(name, &ignored))
			nearest = at + 1;
	}
	return !strncmp(nearest, bdf, strlen(bdf)) && nearest[strlen(bdf)] == '/';
}

/* Whether the link of a class device leads through the function. */
static bool is_of_function(const struct via_cli *cli, const char *class, const char *name,
			   const char *bdf)
{
	char path[PATH_MAX], target[PATH_MAX];
	int length = snprintf(path, sizeof(path), "%s/sys/class/%s/%s", cli->root, class, name);
	ssize_t got;

	if (length < 0 || (size_t)length >= sizeof(path))
		return false;
	got = readlink(path, target, sizeof(target) - 1);
	if (got < 0)
		return false;
	target[got] = '\0';
	return path_is_of(target, bdf);
}

/* The devices of a class that hang on the function, be it through virtio0 or host0/target0:0:0. */
static int find_names(const struct via_cli *cli, const char *class, const char *bdf,
		      struct via_names *found)
{
	via_cleanup(via_names_free) struct via_names all = { 0 };
	int rc = via_host_list(cli->host, &all, "sys/class/%s", class);

	if (rc)
		return rc == -ENOENT ? 0 : rc;
	found->names = calloc(all.count ? all.count : 1, sizeof(*found->names));
	if (!found->names)
		return -ENOMEM;
	for (size_t i = 0; i < all.count; i++) {
		if (is_of_function(cli, class, all.names[i], bdf) &&
		    !via_host_exists(cli->host, "sys/class/%s/%s/partition", class, all.names[i]))
			found->names[found->count++] = via_steal_ptr(all.names[i]);
	}
	return 0;
}

static int load_names(const struct via_cli *cli, struct via_function *function)
{
	struct via_bdf_text text = via_bdf_text(function->bdf);
	int rc = find_names(cli, "net", text.text, &function->netdevs);

	if (!rc)
		rc = find_names(cli, "nvme", text.text, &function->nvme);
	/* Namespaces are named after their controllers, and may belong to several of them. */
	if (!rc && !function->nvme.count)
		rc = find_names(cli, "block", text.text, &function->disks);
	return rc;
}

static int load_sriov(const struct via_cli *cli, struct via_function *function,
		      struct via_error *err)
{
	int rc = via_sriov_vf_pf(cli->host, function->bdf, &function->pf_bdf, &function->vf_index,
				 err);

	function->is_vf = !rc;
	if (rc && rc != -ENOTSUP)
		return rc;
	rc = via_sriov_pf_load(cli->host, function->bdf, &function->pf, err);
	function->is_pf = !rc;
	return rc && rc != -ENOTSUP ? rc : 0;
}

static int load(const struct via_cli *cli, struct via_function *function, struct via_error *err)
{
	struct via_bdf_text text = via_bdf_text(function->bdf);
	uint64_t class_code, vendor_id, device_id;
	int rc = read_id(cli->host, function->bdf, "class", 0xffffff, &class_code, err);

	if (!rc)
		rc = read_id(cli->host, function->bdf, "vendor", 0xffff, &vendor_id, err);
	if (!rc)
		rc = read_id(cli->host, function->bdf, "device", 0xffff, &device_id, err);
	if (!rc)
		rc = via_vfio_driver(cli->host, function->bdf, function->driver, err);
	if (!rc)
		rc = load_sriov(cli, function, err);
	if (rc)
		return rc;
	function->class_code = (uint32_t)class_code;
	function->vendor_id = (uint16_t)vendor_id;
	function->device_id = (uint16_t)device_id;
	function->iommu_group = read_group(cli->host, text.text);
	function->numa_node = read_numa_node(cli->host, text.text);

	rc = load_names(cli, function);
	if (rc)
		return via_error_sys(err, -rc, "cannot list what %s is known as", text.text);
	rc = via_vfio_check_unused(cli->host, function->bdf, &function->in_use);
	if (rc != -EBUSY)
		function->in_use.text[0] = '\0';
	return 0;
}

int via_function_load(const struct via_cli *cli, struct via_bdf bdf, struct via_function *function,
		      struct via_error *err)
{
	struct via_function found = { .bdf = bdf };
	int rc = load(cli, &found, err);

	if (rc) {
		via_function_clear(&found);
		return rc;
	}
	*function = found;
	return 0;
}

void via_function_clear(struct via_function *function)
{
	via_sriov_pf_clear(&function->pf);
	via_names_free(&function->netdevs);
	via_names_free(&function->nvme);
	via_names_free(&function->disks);
}

bool via_function_is_worth_assigning(const struct via_function *function)
{
	/* NVSwitches, non-transparent bridges, accelerators: endpoints that people do assign. */
	switch (function->class_code >> 8) {
	case PCI_CLASS_BRIDGE_OTHER:
	case PCI_CLASS_SYSTEM_OTHER:
		return true;
	case PCI_CLASS_SERIAL_SMBUS:
		return false;
	default:
		break;
	}
	switch (function->class_code >> 16) {
	case PCI_BASE_CLASS_MEMORY:
	case PCI_BASE_CLASS_BRIDGE:
	case PCI_BASE_CLASS_SYSTEM:
		return false;
	default:
		return true;
	}
}
