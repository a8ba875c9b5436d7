/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "show.h"

#include <inttypes.h>
#include <string.h>

#include "function-json.h"
#include "output.h"

static json_t *json_bdf(struct via_bdf bdf)
{
	return json_string(via_bdf_text(bdf).text);
}

static json_t *json_address(uint64_t address)
{
	return json_sprintf("0x%" PRIx64, address);
}

static json_t *json_bytes(uint64_t bytes)
{
	return bytes > INT64_MAX ? json_null() : json_integer((json_int_t)bytes);
}

/* -1 is what is not known. */
static json_t *json_count(int count)
{
	return count < 0 ? json_null() : json_integer(count);
}

static json_t *json_members(struct via_pciname *names, const struct via_iommu_group *group)
{
	json_t *list = json_array();

	for (size_t i = 0; i < group->member_count; i++) {
		const struct via_iommu_group_member *member = &group->members[i];

		json_array_append_new(
			list,
			json_pack(
				"{s:o, s:o, s:o}", "bdf", json_bdf(member->bdf), "driver",
				via_json_text(member->driver), "class_name",
				via_json_text(via_pciname_class(names, member->class_code).text)));
	}
	return list;
}

static json_t *json_lacks(uint16_t bits)
{
	json_t *list = json_array();

	for (unsigned int bit = 0; bit < 16; bit++)
		if (bits >> bit & 1 && via_iommu_acs_name(bit))
			json_array_append_new(list, json_string(via_iommu_acs_name(bit)));
	return list;
}

static json_t *json_causes(const struct via_iommu_causes *causes)
{
	static const char *const kinds[] = {
		[VIA_IOMMU_CAUSE_BRIDGE] = "bridge",
		[VIA_IOMMU_CAUSE_NO_ACS] = "no-acs",
		[VIA_IOMMU_CAUSE_ACS_OFF] = "acs-off",
		[VIA_IOMMU_CAUSE_FUNCTIONS] = "functions",
		[VIA_IOMMU_CAUSE_UNREADABLE] = "unreadable",
		[VIA_IOMMU_CAUSE_UNKNOWN] = "unknown",
	};
	json_t *list = json_array();

	for (size_t i = 0; i < causes->count; i++) {
		const struct via_iommu_cause *cause = &causes->causes[i];

		json_array_append_new(
			list, json_pack("{s:s, s:o, s:o, s:s}", "kind", kinds[cause->kind], "bdf",
					json_bdf(cause->bdf), "lacks", json_lacks(cause->lacks),
					"text", via_iommu_cause_text(cause).text));
	}
	return list;
}

static json_t *json_ranges(const struct via_range_set *set)
{
	json_t *list = json_array();

	for (size_t i = 0; i < set->count; i++)
		json_array_append_new(list, json_pack("{s:o, s:o}", "first",
						      json_address(set->ranges[i].first), "last",
						      json_address(set->ranges[i].last)));
	return list;
}

static json_t *json_group(struct via_pciname *names, const struct via_show *show)
{
	if (!show->has_group)
		return json_null();
	return json_pack("{s:I, s:o, s:o, s:o, s:o}", "id", (json_int_t)show->group.id, "type",
			 via_json_text(show->group.type), "members",
			 json_members(names, &show->group), "causes", json_causes(&show->causes),
			 "reserved", json_ranges(&show->group.reserved));
}

static json_t *json_link(const struct via_vfio_link *link)
{
	return json_pack("{s:o, s:o}", "speed_gts",
			 link->speed_mts ? json_real(link->speed_mts / 1000.0) : json_null(),
			 "width", link->width ? json_integer(link->width) : json_null());
}

static json_t *json_bars(const struct via_vfio_bar bars[VIA_VFIO_BARS])
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < VIA_VFIO_BARS; i++) {
		const struct via_vfio_bar *bar = &bars[i];

		if (!bar->size_bytes)
			continue;
		json_array_append_new(
			list, json_pack("{s:i, s:o, s:o, s:b, s:b, s:b, s:o}", "index", (int)i,
					"size_bytes", json_bytes(bar->size_bytes), "address",
					bar->address ? json_address(bar->address) : json_null(),
					"io", (int)bar->io, "wide", (int)bar->wide, "prefetchable",
					(int)bar->prefetchable, "mappable_bytes",
					bar->mappable_known ? json_bytes(bar->mappable_bytes)
							    : json_null()));
	}
	return list;
}

static json_t *json_place(const struct via_vfio_place *place)
{
	if (!place->size_bytes)
		return json_null();
	return json_pack("{s:i, s:I, s:I}", "bar", (int)place->bar, "offset_bytes",
			 (json_int_t)place->offset_bytes, "size_bytes",
			 (json_int_t)place->size_bytes);
}

static json_t *json_pin(int pin)
{
	return pin > 0 ? json_sprintf("INT%c", 'A' + pin - 1) : json_null();
}

static json_t *json_methods(const struct via_vfio_facts *facts)
{
	char text[sizeof(facts->reset_methods)], *rest = text, *word;
	json_t *list;

	if (!facts->reset_known)
		return json_null();
	list = json_array();
	memcpy(text, facts->reset_methods, sizeof(text));
	while ((word = strsep(&rest, " ")))
		if (*word)
			json_array_append_new(list, json_string(word));
	return list;
}

static json_t *json_bus(const struct via_show *show)
{
	json_t *list;

	if (!show->facts.bus || show->function.is_vf)
		return json_null();
	list = json_array();
	for (size_t i = 0; i < show->facts.bus_count; i++)
		json_array_append_new(list, json_bdf(show->facts.bus[i]));
	return list;
}

json_t *via_show_json(struct via_pciname *names, const struct via_show *show)
{
	static const char *const config[] = {
		[VIA_VFIO_CONFIG_NONE] = "none",
		[VIA_VFIO_CONFIG_HEADER] = "header",
		[VIA_VFIO_CONFIG_WHOLE] = "whole",
		[VIA_VFIO_CONFIG_GONE] = "gone",
	};
	const struct via_vfio_facts *facts = &show->facts;
	const struct via_function *function = &show->function;
	json_t *object = via_function_json(names, function);

	json_object_set_new(object, "config", json_string(config[facts->config]));
	json_object_set_new(object, "group", json_group(names, show));
	json_object_set_new(object, "no_group",
			    show->has_group ? json_null() : via_json_text(show->no_group.text));
	json_object_set_new(object, "link", json_link(&facts->link));
	json_object_set_new(object, "link_most", json_link(&facts->link_most));
	json_object_set_new(object, "bars", json_bars(facts->bars));
	json_object_set_new(object, "rom_bytes", json_bytes(facts->rom_bytes));
	json_object_set_new(object, "intx_pin", json_pin(facts->intx_pin));
	json_object_set_new(object, "msi_vectors", json_count(facts->msi_vectors));
	json_object_set_new(object, "msix_vectors", json_count(facts->msix_vectors));
	json_object_set_new(object, "msix_table", json_place(&facts->msix_table));
	json_object_set_new(object, "msix_pending", json_place(&facts->msix_pba));
	json_object_set_new(object, "reset_methods", json_methods(facts));
	json_object_set_new(object, "bus_reset", json_bus(show));
	json_object_set_new(object, "vf_device_id",
			    function->is_pf && function->pf.vf_device_id
				    ? json_sprintf("%04x", function->pf.vf_device_id)
				    : json_null());
	json_object_set_new(object, "vf_bars",
			    show->has_vf_bars ? json_bars(show->vf_bars) : json_null());
	json_object_set_new(object, "vf_msix_total",
			    show->vf_msix_total < 0 ? json_null()
						    : json_integer(show->vf_msix_total));
	return json_pack("{s:o}", "device", object);
}
