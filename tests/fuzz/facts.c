/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What sysfs and its configuration space say of a function. The input: the file resource up to a
 * NUL, likewise speed, width and ways to reset in a line each, then configuration space, of which
 * the last byte is how much can be read.
 */
#include <viaduct/iommu/isolation.h>
#include <viaduct/vfio/facts.h>

#include "fuzz.h"
#include "tree.h"

#define DEVICES "sys/bus/pci/devices/"
#define PORT	"devices/pci0000:00/0000:00:1c.0"
#define DEVICE	"sys/" PORT "/0000:01:00.0/"

static const struct via_bdf bdf = { .bus = 1 }, port = { .device = 0x1c };
static struct tree tree;

static void remove_tree(void)
{
	tree_remove(&tree);
}

/* What is before the next NUL, and that is taken off the front. */
static char *take_text(struct input *input)
{
	size_t length = strnlen((const char *)input->data, input->left);
	char *text = malloc(length + 1);

	MUST(text);
	memcpy(text, input->data, length);
	text[length] = '\0';
	input->data += length;
	input->left -= length;
	take(input, 1);
	return text;
}

static void put(const char *path, const char *content)
{
	tree_add(&tree, (struct tree_entry){ path, content });
}

static void put_lines(char *text)
{
	char *speed = strsep(&text, "\n"), *width = strsep(&text, "\n");

	put(DEVICE "max_link_speed", speed);
	if (width)
		put(DEVICE "max_link_width", width);
	if (text)
		put(DEVICE "reset_method", text);
}

/* Of the function, and of the port it is behind. */
static void put_config(const struct input *input)
{
	static const size_t sizes[] = { 0, 63, 64, 256, 4096 };
	static uint8_t space[4096];
	size_t bytes = input->left < sizeof(space) ? input->left : sizeof(space);

	memset(space, 0, sizeof(space));
	memcpy(space, input->data, bytes);
	bytes = bytes ? sizes[input->data[input->left - 1] % 5] : 0;
	tree_add(&tree, (struct tree_entry){ DEVICE "config", bytes ? (const char *)space : "",
					     .bytes = bytes });
	tree_add(&tree, (struct tree_entry){ "sys/" PORT "/config",
					     bytes ? (const char *)space : "", .bytes = bytes });
}

static void check_place(const struct via_vfio_facts *facts, const struct via_vfio_place *place)
{
	MUST(place->bar < VIA_VFIO_BARS);
	MUST(!place->size_bytes || facts->msix_vectors > 0);
	MUST(place->size_bytes <= 2048 * 16);
}

static void check(const struct via_vfio_facts *facts)
{
	MUST(facts->intx_pin >= -1 && facts->intx_pin <= 4);
	MUST(facts->msi_vectors >= -1 && facts->msi_vectors <= 32);
	MUST(facts->msix_vectors >= -1 && facts->msix_vectors <= 2048);
	MUST(facts->config == VIA_VFIO_CONFIG_WHOLE ||
	     (facts->msi_vectors < 0 && facts->msix_vectors < 0));
	MUST(facts->link_most.width <= 32 && facts->link_most.speed_mts < 1000000);
	MUST(memchr(facts->reset_methods, '\0', sizeof(facts->reset_methods)));
	MUST(facts->reset_known || !facts->reset_methods[0]);
	MUST(!strchr(facts->reset_methods, '\33'));
	check_place(facts, &facts->msix_table);
	check_place(facts, &facts->msix_pba);
	for (size_t i = 0; i < VIA_VFIO_BARS; i++) {
		MUST(facts->bars[i].mappable_bytes <= facts->bars[i].size_bytes);
		MUST(facts->bars[i].mappable_bytes % 4096 == 0);
	}
}

/* As one of a group with its port and another function. */
static void check_causes(void)
{
	struct via_iommu_group_member members[] = { { .bdf = bdf },
						    { .bdf = bdf },
						    { .bdf = port } };
	const struct via_iommu_group group = { .members = members, .member_count = 3 };
	struct via_iommu_causes causes;

	members[1].bdf.function = 1;
	via_iommu_causes_find(tree.host, bdf, &group, &causes);
	MUST(causes.count && causes.count <= VIA_IOMMU_CAUSES_MAX);
	for (size_t i = 0; i < causes.count; i++)
		MUST(via_iommu_cause_text(&causes.causes[i]).text[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct tree_entry nothing[] = { { "sys/" }, { 0 } };
	struct via_vfio_bar bars[VIA_VFIO_BARS];
	struct via_vfio_facts facts = { 0 };
	struct input input = { data, size };
	char *resource = take_text(&input), *lines = take_text(&input);

	if (!tree.host) {
		tree = tree_make(nothing);
		atexit(remove_tree);
	}
	put(DEVICE "resource", resource);
	tree_add(&tree, (struct tree_entry){ DEVICES "0000:01:00.0",
					     .link = "../../../" PORT "/0000:01:00.0" });
	tree_add(&tree, (struct tree_entry){ DEVICES "0000:00:1c.0", .link = "../../../" PORT });
	put_lines(lines);
	put_config(&input);
	MUST(!via_vfio_facts_load(tree.host, bdf, &facts, NULL));
	check(&facts);
	via_vfio_facts_clear(&facts);
	via_vfio_vf_bars_load(tree.host, bdf, bars);
	check_causes();
	free(resource);
	free(lines);
	tree_drop(&tree, "sys");
	return 0;
}
