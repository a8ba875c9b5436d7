/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "function-json.h"

#include "output.h"

static json_t *json_names(const struct via_names *names)
{
	json_t *list = json_array();

	for (size_t i = 0; i < names->count; i++)
		json_array_append_new(list, via_json_text(names->names[i]));
	return list;
}

static json_t *json_number(long number)
{
	return number < 0 ? json_null() : json_integer(number);
}

static json_t *json_sriov(const struct via_function *function)
{
	json_t *vfs;

	if (!function->is_pf)
		return json_null();
	vfs = json_array();
	for (size_t i = 0; i < function->pf.vf_count; i++)
		json_array_append_new(vfs, json_string(via_bdf_text(function->pf.vfs[i].bdf).text));
	return json_pack("{s:I, s:I, s:o}", "total_vfs", (json_int_t)function->pf.total_vfs,
			 "num_vfs", (json_int_t)function->pf.num_vfs, "vfs", vfs);
}

static json_t *json_hex(unsigned int number, int digits)
{
	return json_sprintf("%0*x", digits, number);
}

json_t *via_function_json(struct via_pciname *names, const struct via_function *f)
{
	json_t *object = json_object();

	json_object_set_new(object, "bdf", json_string(via_bdf_text(f->bdf).text));
	json_object_set_new(object, "vendor_id", json_hex(f->vendor_id, 4));
	json_object_set_new(object, "device_id", json_hex(f->device_id, 4));
	json_object_set_new(object, "class", json_hex(f->class_code, 6));
	json_object_set_new(
		object, "name",
		via_json_text(via_pciname_device(names, f->vendor_id, f->device_id).text));
	json_object_set_new(object, "class_name",
			    via_json_text(via_pciname_class(names, f->class_code).text));
	json_object_set_new(object, "driver", via_json_text(f->driver));
	json_object_set_new(object, "iommu_group", json_number(f->iommu_group));
	json_object_set_new(object, "numa_node", json_number(f->numa_node));
	json_object_set_new(object, "pf",
			    f->is_vf ? json_string(via_bdf_text(f->pf_bdf).text) : json_null());
	json_object_set_new(object, "vf_index", json_number(f->is_vf ? (long)f->vf_index : -1));
	json_object_set_new(object, "sriov", json_sriov(f));
	json_object_set_new(object, "netdevs", json_names(&f->netdevs));
	json_object_set_new(object, "nvme", json_names(&f->nvme));
	json_object_set_new(object, "disks", json_names(&f->disks));
	json_object_set_new(object, "in_use_by", via_json_text(f->in_use.text));
	return object;
}
