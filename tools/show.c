/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "show.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <viaduct/util/cleanup.h>

#include "command.h"
#include "devname.h"
#include "output.h"

static void show_clear(struct via_show *show)
{
	via_function_clear(&show->function);
	via_vfio_facts_clear(&show->facts);
	via_iommu_group_clear(&show->group);
}

static int show_load(struct via_cli *cli, struct via_bdf bdf, struct via_show *show,
		     struct via_error *err)
{
	int rc = via_function_load(cli, bdf, &show->function, err);

	if (!rc)
		rc = via_vfio_facts_load(cli->host, bdf, &show->facts, err);
	if (rc)
		return rc;
	show->has_group = !via_iommu_group_load(cli->host, bdf, &show->group, &show->no_group);
	if (show->has_group)
		via_iommu_causes_find(cli->host, bdf, &show->group, &show->causes);
	show->vf_msix_total = -1;
	if (show->function.is_pf) {
		show->has_vf_bars = via_vfio_vf_bars_load(cli->host, bdf, show->vf_bars);
		show->vf_msix_total = via_sriov_vf_msix_total(cli->host, bdf);
	}
	return 0;
}

/* A label, and what is said. Without a label it belongs to the row above. */
static __attribute__((format(printf, 4, 5))) void row(struct via_table *table, const char *label,
						      enum via_style style, const char *fmt, ...)
{
	via_autofree char *text = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	table->failed |= !text;
	via_table_add(table, VIA_STYLE_BOLD, "%s", *label ? label : " ");
	via_table_add(table, style, "%s", text ? text : "");
}

static void names_row(struct via_table *table, const struct via_function *function)
{
	const struct via_names *const all[] = { &function->netdevs, &function->nvme,
						&function->disks };
	char text[256] = "";

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		for (size_t j = 0; j < all[i]->count; j++) {
			size_t used = strlen(text);

			snprintf(text + used, sizeof(text) - used, "%s%s", used ? ", " : "",
				 all[i]->names[j]);
		}
	row(table, "KNOWN AS", VIA_STYLE_PLAIN, "%s", text);
}

static void member_rows(struct via_table *table, struct via_pciname *names,
			const struct via_show *show)
{
	for (size_t i = 0; i < show->group.member_count; i++) {
		const struct via_iommu_group_member *member = &show->group.members[i];

		if (via_bdf_equal(member->bdf, show->function.bdf))
			continue;
		row(table, "", VIA_STYLE_PLAIN, "%s %s (%s)", via_bdf_text(member->bdf).text,
		    via_pciname_class(names, member->class_code).text,
		    *member->driver ? member->driver : "no driver");
	}
}

static void group_rows(struct via_table *table, struct via_pciname *names,
		       const struct via_show *show)
{
	const struct via_iommu_group *group = &show->group;
	size_t others = group->member_count - 1;
	char type[sizeof(group->type) + 3] = "";

	if (!show->has_group) {
		row(table, "GROUP", VIA_STYLE_WARNING, "%s", show->no_group.text);
		return;
	}
	if (group->type[0])
		snprintf(type, sizeof(type), " (%s)", group->type);
	if (group->member_count < 2)
		row(table, "GROUP", VIA_STYLE_GOOD, "%u%s, alone", group->id, type);
	else
		row(table, "GROUP", VIA_STYLE_WARNING, "%u%s, with %zu other%s", group->id, type,
		    others, others == 1 ? "" : "s");
	member_rows(table, names, show);
	for (size_t i = 0; i < show->causes.count; i++)
		row(table, i ? "" : "  WHY", VIA_STYLE_PLAIN, "%s",
		    via_iommu_cause_text(&show->causes.causes[i]).text);
	for (size_t i = 0; i < group->reserved.count; i++)
		row(table, i ? "" : "  RESERVED", VIA_STYLE_PLAIN, "0x%" PRIx64 " to 0x%" PRIx64,
		    group->reserved.ranges[i].first, group->reserved.ranges[i].last);
}

struct link_text {
	char text[32];
};

static struct link_text link_text(const struct via_vfio_link *link)
{
	struct link_text out;

	snprintf(out.text, sizeof(out.text), "%u.%u GT/s x%u", link->speed_mts / 1000,
		 link->speed_mts % 1000 / 100, link->width);
	return out;
}

static void link_row(struct via_table *table, const struct via_vfio_facts *facts)
{
	const struct via_vfio_link *now = &facts->link, *most = &facts->link_most;
	bool has_now = now->speed_mts && now->width, has_most = most->speed_mts && most->width;
	bool slower = now->speed_mts < most->speed_mts || now->width < most->width;

	if (has_now && has_most)
		row(table, "LINK", slower ? VIA_STYLE_WARNING : VIA_STYLE_PLAIN, "%s%s%s",
		    link_text(now).text, slower ? ", at most " : ", its most",
		    slower ? link_text(most).text : "");
	else if (has_now || has_most)
		row(table, "LINK", VIA_STYLE_PLAIN, "%s%s", has_now ? "" : "at most ",
		    link_text(has_now ? now : most).text);
	else
		row(table, "LINK", VIA_STYLE_PLAIN, "%s", "");
}

/* What of a BAR the guest reaches without an exit. */
static void describe_mapping(char *text, size_t text_bytes, const struct via_vfio_bar *bar)
{
	if (!bar->mappable_known)
		text[0] = '\0';
	else if (bar->mappable_bytes == bar->size_bytes)
		snprintf(text, text_bytes, "; can be mapped");
	else if (bar->mappable_bytes)
		snprintf(text, text_bytes, "; %s can be mapped, the rest has MSI-X",
			 via_size_text(bar->mappable_bytes).text);
	else if (bar->io)
		snprintf(text, text_bytes, "; never mapped");
	else if (bar->size_bytes < 4096)
		snprintf(text, text_bytes, "; below a page, so not mapped");
	else
		snprintf(text, text_bytes, "; MSI-X is in each page, so not mapped");
}

static void bar_rows(struct via_table *table, const char *what,
		     const struct via_vfio_bar bars[VIA_VFIO_BARS])
{
	for (unsigned int i = 0; i < VIA_VFIO_BARS; i++) {
		const struct via_vfio_bar *bar = &bars[i];
		char label[16], mapping[96], address[32] = "";

		if (!bar->size_bytes)
			continue;
		snprintf(label, sizeof(label), "%s %u", what, i);
		describe_mapping(mapping, sizeof(mapping), bar);
		if (bar->address)
			snprintf(address, sizeof(address), " at 0x%" PRIx64, bar->address);
		row(table, label, VIA_STYLE_PLAIN, "%s of %s%s%s%s%s",
		    via_size_text(bar->size_bytes).text, bar->io ? "I/O ports" : "memory", address,
		    bar->io	? ""
		    : bar->wide ? ", 64-bit"
				: ", 32-bit",
		    bar->prefetchable ? ", prefetchable" : "", mapping);
	}
}

static void place_row(struct via_table *table, const char *what, const struct via_vfio_place *place)
{
	if (place->size_bytes)
		row(table, "", VIA_STYLE_PLAIN, "%s in BAR %u at 0x%" PRIx32, what, place->bar,
		    place->offset_bytes);
}

struct vectors_text {
	char text[32];
};

/* "MSI 8", "no MSI", "MSI ?" */
static struct vectors_text vectors_text(const char *kind, int vectors)
{
	struct vectors_text out;

	if (vectors > 0)
		snprintf(out.text, sizeof(out.text), "%s %d", kind, vectors);
	else if (vectors)
		snprintf(out.text, sizeof(out.text), "%s ?", kind);
	else
		snprintf(out.text, sizeof(out.text), "no %s", kind);
	return out;
}

static void interrupt_rows(struct via_table *table, const struct via_vfio_facts *facts)
{
	static const char *const pins[] = { "no INTx", "INTA", "INTB", "INTC", "INTD" };

	row(table, "INTERRUPTS", VIA_STYLE_PLAIN, "%s, %s, %s",
	    facts->intx_pin < 0 ? "INTx ?" : pins[facts->intx_pin],
	    vectors_text("MSI", facts->msi_vectors).text,
	    vectors_text("MSI-X", facts->msix_vectors).text);
	place_row(table, "MSI-X table", &facts->msix_table);
	place_row(table, "pending bits", &facts->msix_pba);
}

#define BUS_SHOWN 8U

static void reset_rows(struct via_table *table, const struct via_show *show)
{
	const struct via_vfio_facts *facts = &show->facts;
	char text[BUS_SHOWN * 20 + 32] = "";

	if (!facts->reset_known)
		row(table, "RESET", VIA_STYLE_PLAIN, "%s", "");
	else if (!*facts->reset_methods)
		row(table, "RESET", VIA_STYLE_WARNING, "none of its own");
	else
		row(table, "RESET", VIA_STYLE_PLAIN, "%s", facts->reset_methods);
	if (!facts->bus || show->function.is_vf)
		return;
	for (size_t i = 0; i < facts->bus_count; i++) {
		size_t used = strlen(text);

		if (i == BUS_SHOWN) {
			snprintf(text + used, sizeof(text) - used, " and %zu more",
				 facts->bus_count - i);
			break;
		}
		snprintf(text + used, sizeof(text) - used, "%s%s", used ? ", " : "",
			 via_bdf_text(facts->bus[i]).text);
	}
	row(table, "  OF ITS BUS", VIA_STYLE_PLAIN, "reaches %s", text);
}

static void sriov_rows(struct via_table *table, const struct via_show *show)
{
	const struct via_function *function = &show->function;

	if (function->is_vf)
		row(table, "SR-IOV", VIA_STYLE_PLAIN, "VF %u of %s", function->vf_index,
		    via_bdf_text(function->pf_bdf).text);
	if (!function->is_pf)
		return;
	if (function->pf.vf_device_id)
		row(table, "SR-IOV", VIA_STYLE_PLAIN, "%u of %u VFs, device ID %04x",
		    function->pf.num_vfs, function->pf.total_vfs, function->pf.vf_device_id);
	else
		row(table, "SR-IOV", VIA_STYLE_PLAIN, "%u of %u VFs", function->pf.num_vfs,
		    function->pf.total_vfs);
	if (show->has_vf_bars)
		bar_rows(table, "  VF BAR", show->vf_bars);
	if (show->vf_msix_total >= 0)
		row(table, "  VF MSI-X", VIA_STYLE_PLAIN, "%ld vectors for all of them to share",
		    show->vf_msix_total);
}

/* One line for all that is missing above. */
static void config_row(struct via_table *table, const struct via_show *show)
{
	bool vf_bars = show->function.is_pf && !show->has_vf_bars;

	switch (show->facts.config) {
	case VIA_VFIO_CONFIG_WHOLE:
		return;
	case VIA_VFIO_CONFIG_HEADER:
		row(table, "NOT SEEN", VIA_STYLE_WARNING,
		    "MSI, MSI-X, ACS%s: others than root read 64 bytes of its configuration space",
		    vf_bars ? ", VF BARs" : "");
		return;
	case VIA_VFIO_CONFIG_GONE:
		row(table, "NOT SEEN", VIA_STYLE_WARNING,
		    "its configuration space reads as all ones: the device is gone or powered off");
		return;
	case VIA_VFIO_CONFIG_NONE:
		row(table, "NOT SEEN", VIA_STYLE_WARNING, "its configuration space cannot be read");
		return;
	}
}

static int print_table(const struct via_cli *cli, struct via_pciname *names,
		       const struct via_show *show)
{
	const struct via_function *function = &show->function;
	const struct via_vfio_facts *facts = &show->facts;
	struct via_bdf_text bdf = via_bdf_text(function->bdf);
	char what[2 * VIA_PCINAME_TEXT_BYTES + 2];
	const char *const headings[] = { bdf.text, what };
	struct via_table table;

	snprintf(what, sizeof(what), "%s: %s", via_pciname_class(names, function->class_code).text,
		 via_pciname_device(names, function->vendor_id, function->device_id).text);
	via_table_init(&table, 2, headings);
	row(&table, "IDS", VIA_STYLE_PLAIN, "%04x:%04x, class %06x", function->vendor_id,
	    function->device_id, function->class_code);
	row(&table, "DRIVER",
	    via_iommu_driver_is_vfio(function->driver) ? VIA_STYLE_GOOD : VIA_STYLE_PLAIN, "%s",
	    function->driver);
	names_row(&table, function);
	row(&table, "USED BY", VIA_STYLE_WARNING, "%s", function->in_use.text);
	group_rows(&table, names, show);
	via_table_add(&table, VIA_STYLE_BOLD, "NUMA NODE");
	via_table_add_number(&table, function->numa_node);
	link_row(&table, facts);
	bar_rows(&table, "BAR", facts->bars);
	row(&table, "ROM", VIA_STYLE_PLAIN, "%s",
	    facts->rom_bytes ? via_size_text(facts->rom_bytes).text : "");
	interrupt_rows(&table, facts);
	reset_rows(&table, show);
	sriov_rows(&table, show);
	config_row(&table, show);
	return via_table_print(cli, &table);
}

int cmd_show(struct via_cli *cli, int argc, char **argv)
{
	via_cleanup(show_clear) struct via_show show = { 0 };
	via_cleanup(via_pciname_closep) struct via_pciname *names = NULL;
	struct via_error err;
	struct via_bdf bdf;

	(void)argc;
	(void)argv;
	if (via_devname_resolve(cli->host, cli->operands[0], &bdf, &err) ||
	    show_load(cli, bdf, &show, &err) || via_pciname_open(cli, &names, &err))
		return via_fail(&err);
	return cli->json ? via_json_print(via_show_json(names, &show))
			 : print_table(cli, names, &show);
}
