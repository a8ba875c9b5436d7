/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <viaduct/iommu/predict.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <viaduct/iommu/hardware.h>
#include <viaduct/util/cleanup.h>

#include "backend.h"

const char *via_iommu_backend_loads(struct via_host *host, enum via_iommu_backend backend)
{
	const struct via_iommu_backend_ops *ops = NULL;

	if (!via_host_is_real(host) || via_iommu_backend_ops(backend, &ops, NULL) ||
	    via_host_exists(host, "sys/class/misc/%s", ops->misc) ||
	    !via_host_exists(host, "%s", ops->file))
		return NULL;
	return ops->module;
}

int via_iommu_backend_check(struct via_host *host, enum via_iommu_backend backend,
			    struct via_error *err)
{
	const struct via_iommu_backend_ops *ops = NULL;
	struct via_iommu_space *space = NULL;
	int rc = via_iommu_backend_ops(backend, &ops, err);

	if (rc || via_iommu_backend_loads(host, backend))
		return rc;
	if (!via_host_is_real(host))
		return ops->check_file(host, err);
	rc = via_iommu_space_new(host, backend, -1, &space, err);
	via_iommu_space_free(space);
	return rc;
}

int via_iommu_device_check(struct via_host *host, enum via_iommu_backend backend,
			   const struct via_iommu_group *group, struct via_bdf bdf,
			   struct via_error *err)
{
	const struct via_iommu_backend_ops *ops = NULL;
	int rc = via_iommu_backend_ops(backend, &ops, err);

	return rc ? rc : ops->check_device(host, group, bdf, err);
}

/* As the module was told; while it is not loaded, as it will be by the kernel's command line. */
static bool allows_unsafe(struct via_host *host, const char *module, bool *loaded)
{
	char text[4097], word[64];
	const char *value = text;

	*loaded = !via_host_read(host, text, sizeof(text), "sys/module/%s/parameters/%s", module,
				 "allow_unsafe_interrupts");
	if (!*loaded) {
		snprintf(word, sizeof(word), "%s.allow_unsafe_interrupts=", module);
		if (via_host_read(host, text, sizeof(text), "proc/cmdline"))
			return false;
		value = strstr(text, word);
		value = value ? value + strlen(word) : "";
	}
	return *value == 'Y' || *value == 'y' || *value == '1';
}

int via_iommu_interrupts_check(struct via_host *host, enum via_iommu_backend backend,
			       const struct via_iommu_group *group, struct via_bdf bdf,
			       struct via_error *err)
{
	const struct via_iommu_backend_ops *ops = NULL;
	struct via_iommu_hardware iommu;
	bool loaded = false;
	int rc = via_iommu_backend_ops(backend, &ops, err);

	if (!rc)
		rc = via_iommu_hardware_load(host, &iommu, err);
	if (rc || iommu.remapping || !iommu.remapping_known ||
	    allows_unsafe(host, ops->module, &loaded))
		return rc;
	rc = ops->unsafe(group, bdf, err);
	return loaded ? rc : -ENODATA;
}

bool via_iommu_refuses_direct(struct via_host *host)
{
	struct via_iommu_hardware iommu;
	unsigned int major, minor;
	char release[128];

	if (via_iommu_hardware_load(host, &iommu, NULL) || iommu.kind == VIA_IOMMU_HARDWARE_INTEL ||
	    via_host_read(host, release, sizeof(release), "proc/sys/kernel/osrelease") ||
	    sscanf(release, "%9u.%9u", &major, &minor) != 2)
		return true;
	return major > 6 || (major == 6 && minor >= 6);
}

int via_iommu_token_wanted(struct via_bdf bdf, struct via_error *err)
{
	return via_error_set(err, EACCES,
			     "VFIO refuses %s: its physical function is bound to vfio-pci "
			     "too and asks for a token",
			     via_bdf_text(bdf).text);
}

int via_iommu_token_check(struct via_host *host, struct via_bdf bdf, struct via_error *err)
{
	char driver[VIA_DRIVER_NAME_BYTES];

	if (via_host_link_name(host, driver, sizeof(driver), "sys/bus/pci/devices/%s/physfn/driver",
			       via_bdf_text(bdf).text) ||
	    !via_iommu_driver_is_vfio(driver))
		return 0;
	return via_iommu_token_wanted(bdf, err);
}

/* What the kernel would say of a space that these groups have joined. */
static int geometry_predict(struct via_host *host, enum via_iommu_backend backend,
			    const struct via_iommu_group *groups, size_t group_count,
			    struct via_iommu_geometry *geometry)
{
	struct via_iommu_hardware iommu;
	struct via_range all = { 0, UINT64_MAX };
	int rc = via_iommu_hardware_load(host, &iommu, NULL);

	geometry->page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	geometry->entries_left = UINT64_MAX;
	if (!rc && iommu.address_bits && iommu.address_bits < 64)
		all.last = (1ULL << iommu.address_bits) - 1;
	if (!rc)
		rc = via_range_set_add(&geometry->iova, all);
	for (size_t i = 0; !rc && i < group_count; i++)
		for (size_t j = 0; !rc && j < groups[i].reserved.count; j++)
			rc = via_range_set_remove(&geometry->iova, groups[i].reserved.ranges[j]);
	if (!rc && backend == VIA_IOMMU_BACKEND_GROUP &&
	    via_host_read_u64(host, &geometry->entries_left,
			      "sys/module/vfio_iommu_type1/parameters/dma_entry_limit"))
		geometry->entries_left = UINT64_MAX;
	return rc;
}

int via_iommu_memory_predict(struct via_host *host, enum via_iommu_backend backend,
			     const struct via_iommu_group *groups, size_t group_count,
			     const struct via_iommu_mapping *pieces, size_t count,
			     struct via_error *err)
{
	struct via_iommu_geometry geometry = { 0 };
	int rc = geometry_predict(host, backend, groups, group_count, &geometry);

	if (rc)
		via_error_sys(err, -rc, "cannot hold the IOVA ranges");
	else
		rc = via_iommu_space_predict_memory(host, backend, &geometry, pieces, count, err);
	via_range_set_clear(&geometry.iova);
	return rc;
}
