/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "preflight.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <viaduct/iommu/memlock.h>
#include <viaduct/iommu/predict.h>
#include <viaduct/util/cleanup.h>

#include "cpuid.h"
#include "irq.h"
#include "kvm.h"
#include "layout.h"
#include "machine.h"
#include "memory.h"

/* Of a KVM that cannot be asked: what Linux has (KVM_MAX_IRQ_ROUTES), and the widest there is. */
#define ROUTES_USUAL	4096
#define PHYSICAL_BITS	46U
#define GROUP_TYPE_PASS "identity"

void via_preflight_error(struct via_preflight *preflight, const char *id,
			 const struct via_bdf *device, const struct via_error *err)
{
	via_findings_add(preflight->findings, VIA_SEVERITY_ERROR, id, device, "%s", err->text);
}

static void kvm_refused(struct via_preflight *preflight, int rc, const struct via_error *err)
{
	switch (-rc) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		via_preflight_error(preflight, "kvm-missing", NULL, err);
		via_findings_fix(preflight->findings, "modprobe kvm_intel or modprobe kvm_amd");
		break;
	case EACCES:
	case EPERM:
		via_preflight_error(preflight, "kvm-permission", NULL, err);
		via_findings_fix(preflight->findings, "usermod -aG kvm \"$USER\", or run as root");
		break;
	default:
		via_preflight_error(preflight, "kvm-unfit", NULL, err);
		via_findings_fix(preflight->findings, "a newer kernel, with CONFIG_KVM_VFIO");
		break;
	}
}

/* How wide the guest's addresses would be. */
static unsigned int ask_kvm(struct via_preflight *preflight)
{
	via_autofree struct kvm_cpuid2 *cpuid = NULL;
	unsigned int bits = PHYSICAL_BITS;
	struct via_error err;
	struct via_kvm kvm;
	int rc;

	preflight->messages_most = via_irq_msi_most(ROUTES_USUAL);
	if (!via_host_is_real(preflight->host)) {
		rc = via_kvm_check_file(preflight->host, &err);
		if (rc)
			kvm_refused(preflight, rc, &err);
		return bits;
	}
	rc = via_kvm_check_loaded(preflight->host, &err);
	if (!rc)
		rc = via_kvm_open(preflight->host, &kvm, &err);
	if (rc) {
		kvm_refused(preflight, rc, &err);
		return bits;
	}
	preflight->messages_most = via_irq_msi_most(via_kvm_capability(&kvm, KVM_CAP_IRQ_ROUTING));
	rc = via_cpuid_new(&kvm, &cpuid, &err);
	if (!rc) {
		bits = via_cpuid_physical_bits(cpuid);
		rc = via_kvm_check_vfio(&kvm, &err);
	}
	if (rc)
		kvm_refused(preflight, -ENOTSUP, &err);
	via_kvm_close(&kvm);
	return bits;
}

static void check_memory_size(struct via_preflight *preflight, unsigned int physical_bits)
{
	uint64_t size_bytes = preflight->request->memory_bytes;
	struct via_memory_piece pieces[2];
	struct via_range window;
	struct via_error err;
	size_t count = via_memory_lay_out(size_bytes, pieces);

	if (via_memory_check_size(size_bytes, &err)) {
		via_preflight_error(preflight, "memory-size", NULL, &err);
		via_findings_fix(preflight->findings, "--memory with another size");
	}
	if (via_pci_mmio64_window(pieces[count - 1].gpa + pieces[count - 1].size_bytes,
				  physical_bits, &window, &err)) {
		via_preflight_error(preflight, "address-bits", NULL, &err);
		via_findings_fix(preflight->findings, "--memory with a smaller size");
		via_pci_mmio64_window(0, physical_bits, &window, NULL);
	}
	via_pci_host_init(&preflight->pci, window);
}

static void group_refused(struct via_preflight *preflight, struct via_preflight_function *function,
			  int rc, const struct via_error *err)
{
	via_cleanup(via_names_free) struct via_names iommus = { 0 };

	if (rc != -ENXIO) {
		via_preflight_error(preflight, "unreadable", &function->bdf, err);
		return;
	}
	if (via_host_list(preflight->host, &iommus, "sys/class/iommu") || !iommus.count) {
		via_preflight_error(preflight, "iommu-off", &function->bdf, err);
		via_findings_fix(preflight->findings, "boot with intel_iommu=on, after turning "
						      "VT-d or AMD-Vi on in the firmware");
		return;
	}
	via_preflight_error(preflight, "no-iommu-group", &function->bdf, err);
	/* With a virtio-iommu it is joined when the function is first offered to a driver. */
	via_findings_fix(preflight->findings, "viaduct bind %s, which may bring it",
			 via_bdf_text(function->bdf).text);
}

/* As the guest's slots are dealt out, which takes the groups of all. */
static void load_groups(struct via_preflight *preflight)
{
	for (size_t i = 0; i < preflight->count; i++) {
		struct via_preflight_function *function = &preflight->functions[i];
		struct via_error err;
		int rc = via_iommu_group_load(preflight->host, function->bdf, &function->group,
					      &err);

		function->has_group = !rc;
		if (rc)
			group_refused(preflight, function, rc, &err);
		else
			function->bound =
				!via_iommu_group_check_bound(&function->group, function->bdf, NULL);
	}
}

static void check_backend(struct via_preflight *preflight)
{
	enum via_iommu_backend backend = preflight->request->backend;
	const char *name = via_iommu_backend_name(backend);
	const char *module = via_iommu_backend_loads(preflight->host, backend);
	struct via_error err;
	int rc = via_iommu_backend_check(preflight->host, backend, &err);

	if (module) {
		via_findings_add(preflight->findings, VIA_SEVERITY_INFO, "backend-module", NULL,
				 "the module %s, of the backend %s, is not loaded", module, name);
		via_findings_why(preflight->findings, "opening its file loads it");
		via_findings_fix(preflight->findings, "modprobe %s", module);
	}
	switch (-rc) {
	case 0:
		return;
	case ENOENT:
		via_preflight_error(preflight, "backend-missing", NULL, &err);
		via_findings_fix(preflight->findings, "modprobe %s",
				 backend == VIA_IOMMU_BACKEND_GROUP ? "vfio-pci" : "iommufd");
		return;
	case EACCES:
		via_preflight_error(preflight, "backend-permission", NULL, &err);
		via_findings_fix(preflight->findings, "run as root, or chown \"$USER\" %s",
				 backend == VIA_IOMMU_BACKEND_GROUP ? "/dev/vfio/vfio"
								    : "/dev/iommu");
		return;
	default:
		via_preflight_error(preflight, "backend-unfit", NULL, &err);
		via_findings_fix(preflight->findings, "--backend %s",
				 backend == VIA_IOMMU_BACKEND_GROUP ? "iommufd" : "group");
		return;
	}
}

static void check_memlock(struct via_preflight *preflight)
{
	struct via_iommu_memlock memlock = via_iommu_memlock_read(preflight->host);
	struct via_error err;

	if (via_iommu_memlock_check(&memlock, preflight->request->memory_bytes, &err)) {
		via_preflight_error(preflight, "locked-memory", NULL, &err);
		via_findings_why(preflight->findings,
				 "a device can write any page of the guest at any time, so all of "
				 "them stay where they are");
		via_findings_fix(preflight->findings, "ulimit -l unlimited, or CAP_IPC_LOCK");
	} else if (!memlock.unlimited && preflight->request->backend == VIA_IOMMU_BACKEND_IOMMUFD) {
		via_findings_add(preflight->findings, VIA_SEVERITY_INFO, "locked-memory-shared",
				 NULL,
				 "iommufd counts what all processes of this user pin against the "
				 "limit of %" PRIu64 " bytes",
				 memlock.limit_bytes);
		via_findings_fix(preflight->findings, "ulimit -l unlimited, or CAP_IPC_LOCK");
	}
}

/* What the IOMMU translates, and how many mappings there may be. */
static void check_reach(struct via_preflight *preflight)
{
	via_autofree struct via_iommu_group *groups = calloc(preflight->count + 1, sizeof(*groups));
	struct via_iommu_mapping mappings[2];
	struct via_memory_piece pieces[2];
	size_t group_count = 0, count;
	struct via_error err;

	if (!groups) {
		preflight->findings->failed = true;
		return;
	}
	for (size_t i = 0; i < preflight->count; i++)
		if (preflight->functions[i].has_group)
			groups[group_count++] = preflight->functions[i].group;
	count = via_memory_lay_out(preflight->request->memory_bytes, pieces);
	for (size_t i = 0; i < count; i++)
		mappings[i] = (struct via_iommu_mapping){ .iova = pieces[i].gpa,
							  .size_bytes = pieces[i].size_bytes };
	switch (-via_iommu_memory_predict(preflight->host, preflight->request->backend, groups,
					  group_count, mappings, count, &err)) {
	case ERANGE:
		via_preflight_error(preflight, "iova-reserved", NULL, &err);
		via_findings_why(preflight->findings,
				 "a guest's memory is at 0, up to 3 GiB, and from 4 GiB on, and "
				 "its devices reach it by the same addresses");
		via_findings_fix(preflight->findings,
				 "--memory with a size that ends before, or another device");
		break;
	case ENOSPC:
		via_preflight_error(preflight, "dma-entries", NULL, &err);
		via_findings_fix(preflight->findings, "vfio_iommu_type1.dma_entry_limit=65535");
		break;
	case ENOMEM:
		preflight->findings->failed = true;
		break;
	default: /* what makes no sense was said of its size */
		break;
	}
}

/* The most files this process may have open: run raises its limit as far as it can. */
static uint64_t files_most(struct via_host *host)
{
	via_autofclose FILE *file = via_host_fopen(host, "proc/self/limits");
	via_autofree char *line = NULL;
	size_t line_bytes = 0;
	uint64_t most;

	while (file && getline(&line, &line_bytes, file) >= 0)
		if (sscanf(line, "Max open files %*s %" SCNu64, &most) == 1)
			return most;
	return UINT64_MAX;
}

static void check_vectors(struct via_preflight *preflight)
{
	uint64_t files = files_most(preflight->host);

	if (preflight->vectors > preflight->messages_most) {
		via_findings_add(preflight->findings, VIA_SEVERITY_WARNING, "vectors", NULL,
				 "the devices have %" PRIu64
				 " interrupt vectors, and KVM routes %zu of a guest",
				 preflight->vectors, preflight->messages_most);
		via_findings_why(preflight->findings,
				 "a vector takes a route (GSI) when the guest first unmasks it; "
				 "those without one are never raised");
		via_findings_fix(preflight->findings, "fewer devices in one guest");
	}
	if (preflight->vectors > files) {
		via_findings_add(preflight->findings, VIA_SEVERITY_WARNING, "vector-files", NULL,
				 "the devices have %" PRIu64
				 " interrupt vectors, and this process may open %" PRIu64 " files",
				 preflight->vectors, files);
		via_findings_why(preflight->findings,
				 "each vector the guest uses is an eventfd; those without one are "
				 "never raised");
		via_findings_fix(preflight->findings, "ulimit -H -n %" PRIu64,
				 preflight->vectors + 256);
	}
}

/* What the host has guests' shared memory do. */
static void check_huge_pages(struct via_preflight *preflight)
{
	char text[128];
	int rc = via_host_read(preflight->host, text, sizeof(text),
			       "sys/kernel/mm/transparent_hugepage/shmem_enabled");

	if (rc && (rc != -ENOENT || !via_host_exists(preflight->host, "sys/kernel/mm") ||
		   via_host_exists(preflight->host, "sys/kernel/mm/transparent_hugepage")))
		return;
	if (!rc && !strstr(text, "[deny]"))
		return;
	via_findings_add(preflight->findings, VIA_SEVERITY_WARNING, "huge-pages", NULL,
			 "the guest's memory cannot be of huge pages: the kernel %s",
			 rc ? "has none (CONFIG_TRANSPARENT_HUGEPAGE)"
			    : "denies them to shared memory");
	via_findings_why(preflight->findings,
			 "it is pinned and mapped for devices page by page, 512 times as many");
	if (!rc)
		via_findings_fix(preflight->findings,
				 "echo advise >/sys/kernel/mm/transparent_hugepage/shmem_enabled");
}

static void check_translation(struct via_preflight *preflight)
{
	for (size_t i = 0; i < preflight->count; i++) {
		const struct via_preflight_function *function = &preflight->functions[i];

		if (!function->has_group || strcmp(function->group.type, GROUP_TYPE_PASS))
			continue;
		via_findings_add(preflight->findings, VIA_SEVERITY_INFO, "iommu-passthrough",
				 &function->bdf,
				 "IOMMU group %u is in passthrough mode while the host has it",
				 function->group.id);
		via_findings_why(preflight->findings,
				 "a guest's devices are translated all the same; until one has it, "
				 "and after, it reaches all of the host's memory");
		via_findings_fix(preflight->findings, "boot with iommu=nopt");
	}
}

bool via_preflight_asks(const struct via_preflight *preflight, struct via_bdf bdf)
{
	for (size_t i = 0; i < preflight->count; i++)
		if (via_bdf_equal(preflight->functions[i].bdf, bdf))
			return true;
	return false;
}

bool via_preflight_takes(const struct via_preflight *preflight, struct via_bdf bdf)
{
	for (size_t i = 0; i < preflight->count; i++) {
		const struct via_preflight_function *function = &preflight->functions[i];

		for (size_t j = 0; function->has_group && j < function->group.member_count; j++)
			if (via_bdf_equal(function->group.members[j].bdf, bdf) &&
			    via_iommu_driver_is_vfio(function->group.members[j].driver))
				return true;
	}
	return via_preflight_asks(preflight, bdf);
}

/* Return: whether there are as many as a guest can have, each once: else nothing else is asked. */
static bool check_list(struct via_preflight *preflight)
{
	const struct via_vmm_request *request = preflight->request;
	via_autofree struct via_vmm_device *devices = calloc(request->count + 1, sizeof(*devices));
	struct via_error err;

	if (!devices) {
		preflight->findings->failed = true;
		return false;
	}
	for (size_t i = 0; i < request->count; i++)
		devices[i].bdf = request->functions[i];
	if (!via_machine_check_devices(devices, request->count, &err))
		return true;
	via_preflight_error(preflight,
			    request->count > VIA_VMM_DEVICES_MAX ? "too-many-devices"
								 : "given-twice",
			    NULL, &err);
	return false;
}

static void check_all(struct via_preflight *preflight)
{
	if (!check_list(preflight))
		return;
	check_memory_size(preflight, ask_kvm(preflight));
	load_groups(preflight);
	check_backend(preflight);
	check_memlock(preflight);
	for (size_t i = 0; i < preflight->count; i++) {
		via_preflight_open(preflight, &preflight->functions[i]);
		via_preflight_shape(preflight, &preflight->functions[i]);
	}
	check_reach(preflight);
	check_vectors(preflight);
	check_huge_pages(preflight);
	check_translation(preflight);
}

int via_vmm_preflight(struct via_host *host, const struct via_vmm_request *request,
		      struct via_findings *findings, struct via_error *err)
{
	struct via_preflight preflight = {
		.host = host,
		.request = request,
		.findings = findings,
		.functions = calloc(request->count + 1, sizeof(*preflight.functions)),
	};

	if (!preflight.functions)
		return via_error_sys(err, ENOMEM, "cannot look at the devices");
	for (size_t i = 0; i < request->count; i++)
		preflight.functions[i].bdf = request->functions[i];
	preflight.count = request->count;
	check_all(&preflight);
	for (size_t i = 0; i < preflight.count; i++)
		via_iommu_group_clear(&preflight.functions[i].group);
	free(preflight.functions);
	return findings->failed ? via_error_sys(err, ENOMEM, "cannot hold what was found") : 0;
}
