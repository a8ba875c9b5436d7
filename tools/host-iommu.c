/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <viaduct/iommu/hardware.h>
#include <viaduct/iommu/isolation.h>
#include <viaduct/iommu/space.h>
#include <viaduct/util/cleanup.h>

#define CLASS_PCI_BRIDGE 0x0604U /* base class and subclass */
#define PORTS_NAMED	 4U

static void add_page_sizes(struct via_host_lines *lines, const struct via_iommu_hardware *iommu)
{
	static const char id[] = "iommu-page-sizes", title[] = "IOMMU page sizes";
	bool large = iommu->page_sizes & 1ULL << 21;

	if (!iommu->page_sizes)
		via_host_line_add(lines, id, title, VIA_VERDICT_NEUTRAL, NULL,
				  "sysfs does not say");
	else if (iommu->kind == VIA_IOMMU_HARDWARE_AMD)
		via_host_line_add(lines, id, title, VIA_VERDICT_OK, NULL,
				  "every power of two from 4 KiB");
	else
		via_host_line_add(lines, id, title, large ? VIA_VERDICT_OK : VIA_VERDICT_NO,
				  large ? NULL : "another IOMMU", "4 KiB%s%s",
				  large ? ", 2 MiB" : "",
				  iommu->page_sizes & 1ULL << 30 ? ", 1 GiB" : "");
}

static void add_aperture(struct via_host_lines *lines, const struct via_iommu_hardware *iommu)
{
	static const char id[] = "iommu-aperture", title[] = "IOMMU addresses";

	if (!iommu->address_bits)
		via_host_line_add(lines, id, title, VIA_VERDICT_NEUTRAL, NULL,
				  "sysfs does not say");
	else
		via_host_line_add(lines, id, title, VIA_VERDICT_OK, NULL, "%u bits",
				  iommu->address_bits);
}

static bool allows_unsafe_interrupts(struct via_host *host)
{
	char text[8];

	return !via_host_read(host, text, sizeof(text),
			      "sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts") &&
	       !strcmp(text, "Y");
}

static void add_remapping(struct via_host *host, struct via_host_lines *lines,
			  const struct via_iommu_hardware *iommu)
{
	static const char id[] = "interrupt-remapping", title[] = "interrupt remapping";

	if (iommu->remapping)
		via_host_line_add(lines, id, title, VIA_VERDICT_OK, NULL, "on");
	else if (iommu->kind == VIA_IOMMU_HARDWARE_NONE)
		via_host_line_add(lines, id, title, VIA_VERDICT_NO, "turn the IOMMU on", "none");
	else if (!iommu->remapping_known)
		via_host_line_add(lines, id, title, VIA_VERDICT_NEUTRAL, NULL,
				  "the kernel does not say");
	else
		via_host_line_add(lines, id, title, VIA_VERDICT_NO,
				  "boot without intremap=off, update the firmware", "off: %s",
				  allows_unsafe_interrupts(host)
					  ? "a guest's device can send the host any interrupt"
					  : "VFIO gives no device away");
}

struct ports {
	unsigned int all, isolating, unreadable;
	char names[PORTS_NAMED * VIA_BDF_TEXT_BYTES + 16];
	unsigned int named;
};

static void count_port(struct via_host *host, struct via_bdf bdf, struct ports *ports)
{
	struct via_iommu_acs acs = via_iommu_acs_read(host, bdf);
	size_t used = strlen(ports->names);

	ports->unreadable += !acs.readable;
	if (!acs.is_port)
		return;
	ports->all++;
	if (acs.has_acs && !acs.lacks)
		ports->isolating++;
	else if (ports->named++ < PORTS_NAMED)
		snprintf(ports->names + used, sizeof(ports->names) - used, "%s%s", used ? ", " : "",
			 via_bdf_text(bdf).text);
}

static void add_acs(struct via_host *host, struct via_host_lines *lines)
{
	static const char id[] = "acs", title[] = "ports with ACS";
	via_cleanup(via_names_free) struct via_names names = { 0 };
	struct ports ports = { 0 };

	if (via_host_list(host, &names, "sys/bus/pci/devices"))
		names.count = 0;
	for (size_t i = 0; i < names.count; i++) {
		uint64_t class_code;
		struct via_bdf bdf;

		if (!via_bdf_parse(names.names[i], &bdf) &&
		    !via_host_read_u64(host, &class_code, "sys/bus/pci/devices/%s/class",
				       names.names[i]) &&
		    class_code >> 8 == CLASS_PCI_BRIDGE)
			count_port(host, bdf, &ports);
	}
	if (ports.unreadable)
		via_host_line_add(lines, id, title, VIA_VERDICT_NEUTRAL, NULL,
				  "not to be seen: it takes root to read");
	else if (!ports.all)
		via_host_line_add(lines, id, title, VIA_VERDICT_NEUTRAL, NULL,
				  "there are no ports of PCI Express");
	else if (ports.isolating == ports.all)
		via_host_line_add(lines, id, title, VIA_VERDICT_OK, NULL, "all %u", ports.all);
	else
		via_host_line_add(lines, id, title, VIA_VERDICT_NO,
				  ports.isolating ? "give away devices behind the others"
						  : "the firmware may have a setting for it",
				  "%u of %u; not %s%s", ports.isolating, ports.all, ports.names,
				  ports.named > PORTS_NAMED ? ", ..." : "");
}

void via_host_add_iommu(struct via_host *host, struct via_host_lines *lines)
{
	static const char *const kinds[] = {
		[VIA_IOMMU_HARDWARE_INTEL] = "Intel VT-d",
		[VIA_IOMMU_HARDWARE_AMD] = "AMD-Vi",
		[VIA_IOMMU_HARDWARE_OTHER] = "of another kind",
	};
	struct via_iommu_hardware iommu;

	if (via_iommu_hardware_load(host, &iommu, NULL)) {
		lines->failed = true;
		return;
	}
	if (iommu.kind == VIA_IOMMU_HARDWARE_NONE) {
		via_host_line_add(lines, "iommu", "IOMMU", VIA_VERDICT_NO,
				  "turn VT-d or AMD-Vi on in the firmware; on Intel boot with "
				  "intel_iommu=on",
				  "none, or it is off");
	} else {
		via_host_line_add(lines, "iommu", "IOMMU", VIA_VERDICT_OK, NULL, "%s, %zu unit%s",
				  kinds[iommu.kind], iommu.units, iommu.units == 1 ? "" : "s");
		add_page_sizes(lines, &iommu);
		add_aperture(lines, &iommu);
	}
	add_remapping(host, lines, &iommu);
	add_acs(host, lines);
}

struct backend {
	const char *id, *title;
	const char *misc; /* its name in /sys/class/misc, where it is once its module is loaded */
	const char *path;
	const char *fix;
};

/* Whether it is there and this user may open it. A file alone may only stand for a module to be
 * loaded. */
static bool add_backend(struct via_host *host, struct via_host_lines *lines,
			const struct backend *backend)
{
	via_autoclose int fd = -1;

	if (!via_host_exists(host, "sys/class/misc/%s", backend->misc)) {
		via_host_line_add(lines, backend->id, backend->title, VIA_VERDICT_NO, backend->fix,
				  "none");
		return false;
	}
	fd = via_host_open(host, O_RDWR, "%s", backend->path);
	if (fd < 0)
		via_host_line_add(lines, backend->id, backend->title, VIA_VERDICT_NO,
				  "run as root, or as who owns it",
				  "/%s, which this user cannot open", backend->path);
	else
		via_host_line_add(lines, backend->id, backend->title, VIA_VERDICT_OK, NULL, "/%s",
				  backend->path);
	return fd >= 0;
}

/* Device files are to be seen of functions that VFIO has. */
static void add_device_files(struct via_host *host, struct via_host_lines *lines)
{
	static const char id[] = "device-files", title[] = "device files of VFIO";
	via_cleanup(via_names_free) struct via_names names = { 0 };

	if (via_host_list(host, &names, "sys/class/vfio-dev") || !names.count)
		via_host_line_add(lines, id, title, VIA_VERDICT_NEUTRAL, NULL,
				  "shown once a function is bound to vfio-pci");
	else if (via_host_exists(host, "sys/class/vfio-dev/%s/dev", names.names[0]))
		via_host_line_add(lines, id, title, VIA_VERDICT_OK, NULL, "/dev/vfio/devices");
	else
		via_host_line_add(lines, id, title, VIA_VERDICT_NO,
				  "a kernel with CONFIG_VFIO_DEVICE_CDEV", "none");
}

void via_host_add_vfio(struct via_host *host, struct via_host_lines *lines)
{
	static const struct backend group = {
		"backend-group",
		"backend group",
		"vfio",
		"dev/vfio/vfio",
		"modprobe vfio_iommu_type1",
	};
	static const struct backend iommufd = {
		"backend-iommufd",
		"backend iommufd",
		"iommu",
		"dev/iommu",
		"modprobe iommufd, or a kernel with it",
	};
	bool driver = via_host_exists(host, "sys/bus/pci/drivers/vfio-pci");

	via_host_line_add(lines, "vfio-pci", "driver vfio-pci",
			  driver ? VIA_VERDICT_OK : VIA_VERDICT_NO,
			  driver ? NULL : "modprobe vfio-pci", "%s", driver ? "loaded" : "none");
	add_backend(host, lines, &group);
	if (!via_iommu_backend_is_built(VIA_IOMMU_BACKEND_IOMMUFD))
		via_host_line_add(lines, iommufd.id, iommufd.title, VIA_VERDICT_NO,
				  "build it with headers of Linux 6.7", "not in this Viaduct");
	else if (add_backend(host, lines, &iommufd))
		add_device_files(host, lines);
}
