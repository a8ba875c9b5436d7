/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pci/header.h>

#include <viaduct/iommu/cdev.h>
#include <viaduct/iommu/group.h>
#include <viaduct/sriov/pf.h>
#include <viaduct/util/cleanup.h>
#include <viaduct/vfio/bind.h>

#include "command.h"
#include "devname.h"
#include "output.h"

/*
 * Functions of one slot of the host get one slot of the guest, as their drivers may look for each
 * other. Slots from here on are free in QEMU's machines, which fill theirs from below; 1fh is a
 * q35's own.
 */
#define GUEST_SLOT_FIRST 0x10
#define GUEST_SLOT_END	 0x1f

struct exported {
	struct via_bdf bdf;
	char driver[VIA_DRIVER_NAME_BYTES];
	struct via_iommu_group group;
	bool has_group;
	bool is_vf;
	unsigned int guest_slot; /* 0: a slot of its own, whichever is free */
	unsigned int guest_function;
};

struct exports {
	struct exported *all;
	size_t count;
	bool iommufd;
	bool managed; /* libvirt binds, and gives back */
};

static void exports_clear(struct exports *exports)
{
	for (size_t i = 0; i < exports->count; i++)
		via_iommu_group_clear(&exports->all[i].group);
	free(exports->all);
}

static const struct exported *export_find(const struct exports *exports, struct via_bdf bdf)
{
	for (size_t i = 0; i < exports->count; i++)
		if (via_bdf_equal(exports->all[i].bdf, bdf))
			return &exports->all[i];
	return NULL;
}

static int check_no_bridge(const struct exported *device, struct via_error *err)
{
	for (size_t i = 0; i < device->group.member_count; i++)
		if (via_bdf_equal(device->group.members[i].bdf, device->bdf) &&
		    device->group.members[i].class_code >> 8 == PCI_CLASS_BRIDGE_PCI)
			return via_error_set(err, EINVAL,
					     "%s is a bridge, which no guest can be given",
					     via_bdf_text(device->bdf).text);
	return 0;
}

/* @needs_group: false for what goes on without an IOMMU. */
static int load_one(struct via_host *host, struct via_bdf bdf, bool needs_group,
		    struct exported *device, struct via_error *err)
{
	struct via_bdf pf;
	int rc = via_vfio_driver(host, bdf, device->driver, err);

	if (rc)
		return rc;
	device->bdf = bdf;
	device->is_vf = !via_sriov_vf_pf(host, bdf, &pf, NULL, NULL);
	rc = via_iommu_group_load(host, bdf, &device->group, err);
	if (rc == -ENXIO && !needs_group) {
		via_host_log(host, VIA_LOG_WARNING, "%s", err->text);
		return 0;
	}
	device->has_group = !rc;
	return rc ? rc : check_no_bridge(device, err);
}

static int load(struct via_cli *cli, bool needs_group, struct exports *exports,
		struct via_error *err)
{
	exports->all = calloc(cli->operand_count, sizeof(*exports->all));
	if (!exports->all)
		return via_error_sys(err, ENOMEM, "cannot look for the devices");
	for (size_t i = 0; i < cli->operand_count; i++) {
		struct via_bdf bdf;
		int rc = via_devname_resolve(cli->host, cli->operands[i], &bdf, err);

		/* A device named twice is one device. */
		if (!rc && export_find(exports, bdf))
			continue;
		if (!rc)
			rc = load_one(cli->host, bdf, needs_group, &exports->all[exports->count++],
				      err);
		if (rc)
			return rc;
	}
	return 0;
}

/* VFs of one PF have numbers in common as if they were functions of a slot, and are none. */
static bool share_a_slot(const struct exported *a, const struct exported *b)
{
	return !a->is_vf && !b->is_vf && a->bdf.domain == b->bdf.domain &&
	       a->bdf.bus == b->bdf.bus && a->bdf.device == b->bdf.device;
}

static int give_slots(struct exports *exports, struct via_error *err)
{
	unsigned int next = GUEST_SLOT_FIRST;

	for (size_t i = 0; i < exports->count; i++) {
		struct exported *device = &exports->all[i];
		unsigned int others = 0, before = 0;

		for (size_t j = 0; j < exports->count; j++) {
			const struct exported *other = &exports->all[j];

			if (j == i || !share_a_slot(device, other))
				continue;
			others++;
			before += other->bdf.function < device->bdf.function;
			if (j < i)
				device->guest_slot = other->guest_slot;
		}
		device->guest_function = before;
		if (!others || device->guest_slot)
			continue;
		if (next == GUEST_SLOT_END)
			return via_error_set(
				err, E2BIG,
				"these devices have functions in more than %d slots of "
				"the host, and a guest has no room for so many: export "
				"them in parts",
				GUEST_SLOT_END - GUEST_SLOT_FIRST);
		device->guest_slot = next++;
	}
	return 0;
}

static void warn_not_bound(struct via_host *host, const struct exported *device)
{
	struct via_bdf_text where = via_bdf_text(device->bdf);

	if (via_iommu_driver_is_vfio(device->driver))
		return;
	via_host_log(host, VIA_LOG_WARNING,
		     "%s has %s%s, and is to have vfio-pci when it is used: viaduct bind %s",
		     where.text, *device->driver ? "the driver " : "no driver", device->driver,
		     where.text);
}

/* What else of its group is in the way, once for each group. */
static void warn_of_group(struct via_host *host, const struct exports *exports, size_t at)
{
	struct via_iommu_group *group = &exports->all[at].group;
	struct via_error err;

	for (size_t i = 0; i < at; i++)
		if (exports->all[i].has_group && exports->all[i].group.id == group->id)
			return;
	/* As it will be once the devices themselves are bound. */
	for (size_t i = 0; i < group->member_count; i++)
		if (export_find(exports, group->members[i].bdf))
			group->members[i].driver[0] = '\0';
	if (via_iommu_group_check_viable(group, &err))
		via_host_log(host, VIA_LOG_WARNING, "%s", err.text);
}

static void warn(struct via_host *host, const struct exports *exports)
{
	for (size_t i = 0; i < exports->count; i++) {
		if (!exports->managed)
			warn_not_bound(host, &exports->all[i]);
		if (exports->all[i].has_group)
			warn_of_group(host, exports, i);
	}
}

/* "Device options" of qemu(1), and vfio-pci's own (qemu -device vfio-pci,help). No word of it needs
 * to be quoted in a shell. */
static int print_qemu(struct via_cli *cli, const struct exports *exports)
{
	(void)cli;
	if (exports->iommufd)
		puts("-object iommufd,id=iommufd0");
	for (size_t i = 0; i < exports->count; i++) {
		const struct exported *device = &exports->all[i];

		printf("-device vfio-pci,host=%s%s", via_bdf_text(device->bdf).text,
		       exports->iommufd ? ",iommufd=iommufd0" : "");
		if (device->guest_slot)
			printf(",addr=0x%x.%u,multifunction=on", device->guest_slot,
			       device->guest_function);
		putchar('\n');
	}
	return VIA_EXIT_DONE;
}

/* https://libvirt.org/formatdomain.html, "Host device assignment". */
static int print_libvirt(struct via_cli *cli, const struct exports *exports)
{
	(void)cli;
	if (!exports->managed)
		puts("<!-- managed='no': 'viaduct bind' gives them to vfio-pci and 'viaduct "
		     "unbind' gives them back,\n"
		     "     also when libvirt, which would remember it in its process, has "
		     "ended. -->");
	for (size_t i = 0; i < exports->count; i++) {
		const struct exported *device = &exports->all[i];

		printf("<hostdev mode='subsystem' type='pci' managed='%s'>\n"
		       "  <source>\n"
		       "    <address domain='0x%04x' bus='0x%02x' slot='0x%02x' function='0x%x'/>\n"
		       "  </source>\n",
		       exports->managed ? "yes" : "no", device->bdf.domain, device->bdf.bus,
		       device->bdf.device, device->bdf.function);
		if (device->guest_slot)
			printf("  <address type='pci' domain='0x0000' bus='0x00' slot='0x%02x' "
			       "function='0x%x'%s/>\n",
			       device->guest_slot, device->guest_function,
			       device->guest_function ? "" : " multifunction='on'");
		puts("</hostdev>");
	}
	return VIA_EXIT_DONE;
}

static json_t *cdi_edits(const char *path)
{
	return json_pack("{s:[{s:s, s:s}]}", "deviceNodes", "path", path, "permissions", "rw");
}

static int cdi_node(struct via_host *host, const struct exports *exports,
		    const struct exported *device, struct via_iommu_cdev_path *path,
		    struct via_error *err)
{
	int rc;

	if (!exports->iommufd) {
		snprintf(path->text, sizeof(path->text), "/dev/vfio/%u", device->group.id);
		return 0;
	}
	rc = via_iommu_cdev_path(host, device->bdf, path);
	if (rc == -ENOENT)
		return via_error_set(
			err, ENOENT,
			"%s has no file in /dev/vfio/devices: it is not bound to vfio-pci "
			"('viaduct bind'), or the kernel has none (CONFIG_VFIO_DEVICE_CDEV)",
			via_bdf_text(device->bdf).text);
	return rc ? via_error_sys(err, -rc, "cannot find the device file of %s",
				  via_bdf_text(device->bdf).text)
		  : 0;
}

/* Container Device Interface, SPEC.md 0.6.0: "CDI JSON Specification". */
static int print_cdi(struct via_cli *cli, const struct exports *exports)
{
	json_t *list = json_array();
	struct via_error err;

	for (size_t i = 0; i < exports->count; i++) {
		const struct exported *device = &exports->all[i];
		struct via_iommu_cdev_path node;

		if (cdi_node(cli->host, exports, device, &node, &err)) {
			json_decref(list);
			return via_fail(&err);
		}
		json_array_append_new(list, json_pack("{s:s, s:o}", "name",
						      via_bdf_text(device->bdf).text,
						      "containerEdits", cdi_edits(node.text)));
	}
	return via_json_print(json_pack(
		"{s:s, s:s, s:o, s:o}", "cdiVersion", "0.6.0", "kind", "viaduct/vfio",
		"containerEdits", cdi_edits(exports->iommufd ? "/dev/iommu" : "/dev/vfio/vfio"),
		"devices", list));
}

/* "EAL parameters" of DPDK's "Getting Started Guide for Linux". */
static int print_dpdk(struct via_cli *cli, const struct exports *exports)
{
	(void)cli;
	for (size_t i = 0; i < exports->count; i++)
		printf("-a %s\n", via_bdf_text(exports->all[i].bdf).text);
	return VIA_EXIT_DONE;
}

static const struct format {
	const char *name;
	bool has_backend;
	bool has_managed;
	bool needs_group;
	int (*print)(struct via_cli *cli, const struct exports *exports);
} formats[] = {
	{ "qemu", .has_backend = true, .needs_group = true, .print = print_qemu },
	{ "libvirt", .has_managed = true, .needs_group = true, .print = print_libvirt },
	{ "cdi", .has_backend = true, .needs_group = true, .print = print_cdi },
	{ "dpdk", .print = print_dpdk },
};

static const struct format *format_find(const char *name)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (!strcmp(formats[i].name, name))
			return &formats[i];
	return NULL;
}

/* Returns 0 or the exit status. */
static int take_options(struct via_cli *cli, const struct format **format, struct exports *exports)
{
	const char *name = via_cli_value(cli, "format"), *backend = via_cli_value(cli, "backend");

	if (!name)
		return via_usage_error("for what? --format qemu, libvirt, cdi or dpdk");
	*format = format_find(name);
	if (!*format)
		return via_usage_error("--format '%s' is none of qemu, libvirt, cdi and dpdk",
				       name);
	if (backend && strcmp(backend, "group") && strcmp(backend, "iommufd"))
		return via_usage_error("--backend '%s' is neither group nor iommufd", backend);
	if (backend && !(*format)->has_backend)
		return via_usage_error("--backend is for qemu and cdi: %s chooses it itself", name);
	exports->iommufd = backend && !strcmp(backend, "iommufd");
	exports->managed = via_cli_flag(cli, "managed");
	if (exports->managed && !(*format)->has_managed)
		return via_usage_error("--managed is for libvirt: %s binds no devices", name);
	return 0;
}

int cmd_export(struct via_cli *cli, int argc, char **argv)
{
	via_cleanup(exports_clear) struct exports exports = { 0 };
	const struct format *format = NULL;
	struct via_error err;
	int status = take_options(cli, &format, &exports);

	(void)argc;
	(void)argv;
	if (status)
		return status;
	if (load(cli, format->needs_group, &exports, &err) || give_slots(&exports, &err))
		return via_fail(&err);
	warn(cli->host, &exports);
	return format->print(cli, &exports);
}
