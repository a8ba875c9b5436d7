/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <viaduct/iommu/group.h>

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <viaduct/util/cleanup.h>

/* One sysfs attribute holds at most a page. */
#define SYSFS_TEXT_BYTES 4097

static int group_id_read(struct via_host *host, struct via_bdf bdf, unsigned int *id,
			 struct via_error *err)
{
	struct via_bdf_text where = via_bdf_text(bdf);
	unsigned long number;
	char name[32], *end;
	int rc;

	if (!via_host_exists(host, "sys/bus/pci/devices/%s", where.text))
		return via_error_set(err, ENODEV, "there is no PCI function %s", where.text);
	rc = via_host_link_name(host, name, sizeof(name), "sys/bus/pci/devices/%s/iommu_group",
				where.text);
	if (rc == -ENOENT) {
		struct via_names iommus = { 0 };
		bool have_iommu = !via_host_list(host, &iommus, "sys/class/iommu") && iommus.count;

		via_names_free(&iommus);
		if (have_iommu)
			return via_error_set(err, ENXIO,
					     "%s is in no IOMMU group: no IOMMU of this host "
					     "translates for it",
					     where.text);
		return via_error_set(
			err, ENXIO,
			"%s is in no IOMMU group, because this host has no IOMMU or it "
			"is off: turn VT-d or AMD-Vi on in the firmware, and on Intel "
			"boot with intel_iommu=on",
			where.text);
	}
	if (rc)
		return via_error_sys(err, -rc, "cannot read the IOMMU group of %s", where.text);

	errno = 0;
	number = strtoul(name, &end, 10);
	if (!isdigit((unsigned char)name[0]) || *end || errno || number > UINT32_MAX)
		return via_error_set(err, EPROTO, "the IOMMU group of %s has no number: \"%s\"",
				     where.text, name);
	*id = (unsigned int)number;
	return 0;
}

static int member_load(struct via_host *host, const char *name,
		       struct via_iommu_group_member *member, struct via_error *err)
{
	uint64_t class_code;
	int rc;

	if (via_bdf_parse(name, &member->bdf))
		return via_error_set(err, EPROTO, "member %s of the IOMMU group is no PCI function",
				     name);
	rc = via_host_read_u64(host, &class_code, "sys/bus/pci/devices/%s/class", name);
	if (rc || class_code > 0xffffff)
		return via_error_sys(err, EPROTO, "cannot read the PCI class of %s", name);
	member->class_code = (uint32_t)class_code;
	rc = via_host_link_name(host, member->driver, sizeof(member->driver),
				"sys/bus/pci/devices/%s/driver", name);
	if (rc && rc != -ENOENT)
		return via_error_sys(err, EPROTO, "cannot read the driver of %s", name);
	return 0;
}

static int member_compare(const void *a, const void *b)
{
	return via_bdf_compare(((const struct via_iommu_group_member *)a)->bdf,
			       ((const struct via_iommu_group_member *)b)->bdf);
}

static int members_load(struct via_host *host, struct via_iommu_group *group, struct via_error *err)
{
	via_cleanup(via_names_free) struct via_names names = { 0 };
	int rc = via_host_list(host, &names, "sys/kernel/iommu_groups/%u/devices", group->id);

	if (rc == -ENOMEM)
		return via_error_sys(err, ENOMEM, "cannot list IOMMU group %u", group->id);
	if (rc || !names.count)
		return via_error_set(err, EPROTO, "cannot list the members of IOMMU group %u",
				     group->id);
	group->members = calloc(names.count, sizeof(*group->members));
	if (!group->members)
		return via_error_sys(err, ENOMEM, "cannot list IOMMU group %u", group->id);
	for (size_t i = 0; i < names.count; i++) {
		rc = member_load(host, names.names[i], &group->members[i], err);
		if (rc)
			return rc;
	}
	group->member_count = names.count;
	qsort(group->members, group->member_count, sizeof(*group->members), member_compare);
	return 0;
}

/* Lines of "0x00000000fee00000 0x00000000feefffff msi": first, last, type. */
static int reserved_load(struct via_host *host, struct via_iommu_group *group,
			 struct via_error *err)
{
	char text[SYSFS_TEXT_BYTES], *rest = text, *line;
	int rc = via_host_read(host, text, sizeof(text),
			       "sys/kernel/iommu_groups/%u/reserved_regions", group->id);

	if (rc == -ENOENT)
		return 0;
	if (rc)
		return via_error_set(err, EPROTO,
				     "cannot read the reserved regions of IOMMU "
				     "group %u",
				     group->id);
	while ((line = strsep(&rest, "\n"))) {
		struct via_range range;
		char type[32];

		if (!*line)
			continue;
		if (sscanf(line, "0x%16" SCNx64 " 0x%16" SCNx64 " %31s", &range.first, &range.last,
			   type) != 3 ||
		    range.last < range.first)
			return via_error_set(err, EPROTO,
					     "cannot read the reserved region \"%s\" of IOMMU "
					     "group %u",
					     line, group->id);
		if (!strcmp(type, "direct-relaxable"))
			continue;
		group->direct |= !strcmp(type, "direct");
		if (via_range_set_add(&group->reserved, range))
			return via_error_sys(err, ENOMEM,
					     "cannot hold the reserved regions of "
					     "IOMMU group %u",
					     group->id);
	}
	return 0;
}

int via_iommu_group_load(struct via_host *host, struct via_bdf bdf, struct via_iommu_group *out,
			 struct via_error *err)
{
	via_cleanup(via_iommu_group_clear) struct via_iommu_group group = { 0 };
	int rc = group_id_read(host, bdf, &group.id, err);

	if (!rc)
		rc = members_load(host, &group, err);
	if (!rc)
		rc = reserved_load(host, &group, err);
	if (rc)
		return rc;
	/* Kernels before 5.11 do not tell. */
	if (via_host_read(host, group.type, sizeof(group.type), "sys/kernel/iommu_groups/%u/type",
			  group.id))
		group.type[0] = '\0';
	*out = group;
	group = (struct via_iommu_group){ 0 };
	return 0;
}

void via_iommu_group_clear(struct via_iommu_group *group)
{
	free(group->members);
	via_range_set_clear(&group->reserved);
	*group = (struct via_iommu_group){ 0 };
}

bool via_iommu_driver_is_vfio(const char *driver)
{
	size_t length = strlen(driver);

	if (length < strlen("vfio-pci"))
		return false;
	driver += length - strlen("vfio-pci");
	return !strcmp(driver, "vfio-pci") || !strcmp(driver, "vfio_pci");
}

int via_iommu_group_check_bound(const struct via_iommu_group *group, struct via_bdf bdf,
				struct via_error *err)
{
	const struct via_iommu_group_member *self = NULL;
	struct via_bdf_text where = via_bdf_text(bdf);

	for (size_t i = 0; i < group->member_count; i++)
		if (via_bdf_equal(group->members[i].bdf, bdf))
			self = &group->members[i];
	if (!self)
		return via_error_set(err, EPROTO, "IOMMU group %u does not list %s", group->id,
				     where.text);
	if (!via_iommu_driver_is_vfio(self->driver))
		return via_error_set(err, EINVAL,
				     "%s is not bound to vfio-pci (its driver is %s): viaduct bind "
				     "%s",
				     where.text, *self->driver ? self->driver : "none", where.text);
	return 0;
}

int via_iommu_group_check_direct(const struct via_iommu_group *group, struct via_error *err)
{
	if (!group->direct)
		return 0;
	return via_error_set(err, EPERM,
			     "IOMMU group %u cannot be a guest's: the firmware wants memory of its "
			     "own mapped for it (RMRR, IVMD), which the kernel does not take away",
			     group->id);
}

/* The drivers that leave DMA to others: struct pci_driver.driver_managed_dma in the kernel. */
static bool driver_is_harmless(const char *driver)
{
	return !*driver || via_iommu_driver_is_vfio(driver) || !strcmp(driver, "pci-stub") ||
	       !strcmp(driver, "pcieport");
}

int via_iommu_group_check_viable(const struct via_iommu_group *group, struct via_error *err)
{
	char who[384] = "", command[256] = "";
	size_t in_the_way = 0, named = 0;

	for (size_t i = 0; i < group->member_count; i++) {
		const struct via_iommu_group_member *member = &group->members[i];
		struct via_bdf_text where = via_bdf_text(member->bdf);
		size_t used = strlen(who), command_used = strlen(command);

		if (driver_is_harmless(member->driver))
			continue;
		in_the_way++;
		if (used + sizeof(where) + strlen(member->driver) + 16 > sizeof(who) ||
		    command_used + sizeof(where) + 1 > sizeof(command))
			continue;
		snprintf(who + used, sizeof(who) - used, "%s%s (%s)", used ? ", " : "", where.text,
			 member->driver);
		snprintf(command + command_used, sizeof(command) - command_used, " %s", where.text);
		named++;
	}
	if (!in_the_way)
		return 0;
	if (in_the_way > named) {
		size_t used = strlen(who);

		snprintf(who + used, sizeof(who) - used, " and %zu more", in_the_way - named);
	}
	return via_error_set(err, EPERM,
			     "IOMMU group %u is not viable, a host driver still has %s; the whole "
			     "group goes to a guest or nothing of it: viaduct bind%s",
			     group->id, who, command);
}
