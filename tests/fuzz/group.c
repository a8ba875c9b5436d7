/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What sysfs lists of an IOMMU group. The input, in lines: where the function's iommu_group leads,
 * the group's type, then a member each: its name, its class and its driver.
 */
#include <errno.h>
#include <stdbool.h>

#include <viaduct/iommu/group.h>

#include "fuzz.h"
#include "tree.h"

#define DEVICES	    "sys/bus/pci/devices/"
#define GROUP	    "sys/kernel/iommu_groups/12"
#define MEMBERS_MAX 16

static const struct via_bdf bdf = { .bus = 1, .device = 0x10 };
static struct tree tree;

static void remove_tree(void)
{
	tree_remove(&tree);
}

/* What the kernel could name a device, or have as a link's last part. */
static bool is_name(const char *text)
{
	return *text && strlen(text) < 200 && !strchr(text, '/') && strcmp(text, ".") &&
	       strcmp(text, "..");
}

static void put(const char *directory, const char *name, struct tree_entry entry)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s%s", directory, name, entry.path);
	entry.path = path;
	tree_add(&tree, entry);
}

static bool put_member(char *line)
{
	char *name = strsep(&line, " "), *class = strsep(&line, " ");

	if (!is_name(name))
		return false;
	put(GROUP "/devices", name, (struct tree_entry){ .path = "" });
	if (class)
		put(DEVICES, name, (struct tree_entry){ .path = "/class", .content = class });
	if (line && *line && strlen(line) < 4000)
		put(DEVICES, name, (struct tree_entry){ .path = "/driver", .link = line });
	return true;
}

static void put_group(char *text)
{
	char *group = strsep(&text, "\n"), *type = strsep(&text, "\n"), *line;
	size_t members = 0;

	tree_add(&tree, (struct tree_entry){ GROUP "/devices/", NULL, NULL });
	tree_add(&tree, (struct tree_entry){ DEVICES "0000:01:10.0/", NULL, NULL });
	if (*group && strlen(group) < 4000)
		put(DEVICES, "0000:01:10.0",
		    (struct tree_entry){ .path = "/iommu_group", .link = group });
	if (type)
		tree_add(&tree, (struct tree_entry){ GROUP "/type", type, NULL });
	while (members < MEMBERS_MAX && (line = strsep(&text, "\n")))
		members += put_member(line);
}

static void check(const struct via_iommu_group *group)
{
	struct via_error err = { 0 };
	int rc;

	MUST(group->id == 12 && group->member_count && group->member_count <= MEMBERS_MAX);
	for (size_t i = 0; i < group->member_count; i++) {
		MUST(group->members[i].class_code <= 0xffffff);
		MUST(memchr(group->members[i].driver, '\0', sizeof(group->members[i].driver)));
		MUST(!i || via_bdf_compare(group->members[i - 1].bdf, group->members[i].bdf) <= 0);
	}
	MUST(memchr(group->type, '\0', sizeof(group->type)));
	rc = via_iommu_group_check_viable(group, &err);
	MUST(rc == (err.text[0] ? -EPERM : 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct tree_entry nothing[] = { { "sys/", NULL, NULL }, { 0 } };
	struct via_iommu_group group = { 0 };
	struct via_error err = { 0 };
	char *text = malloc(size + 1);

	if (!tree.host) {
		tree = tree_make(nothing);
		atexit(remove_tree);
	}
	MUST(text);
	memcpy(text, data, size);
	text[size] = '\0';
	put_group(text);
	if (!via_iommu_group_load(tree.host, bdf, &group, &err)) {
		check(&group);
		via_iommu_group_clear(&group);
	} else {
		MUST(!group.members && err.text[0]);
	}
	free(text);
	tree_drop(&tree, "sys");
	return 0;
}
