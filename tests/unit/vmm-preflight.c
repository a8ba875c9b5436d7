/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A host of which everything works, and what is found when one thing of it does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>

#include <viaduct/vmm/preflight.h>
#include <viaduct/vmm/vmm.h>

#include "tree.h"

#define MIB	 (1ULL << 20)
#define FIRST	 "sys/bus/pci/devices/0000:01:00.0/"
#define SECOND	 "sys/bus/pci/devices/0000:01:00.1/"
#define GROUP	 "sys/kernel/iommu_groups/12/"
#define VFIO	 "../../../../bus/pci/drivers/vfio-pci"
#define MEMORY	 "0x0000000000040200"
#define MEMORY64 "0x0000000000140200"
#define PORTS	 "0x0000000000040101"
#define NOTHING	 "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
#define MSIX_AT	 0x40

static const struct via_bdf first = { 0, 1, 0, 0 }, second = { 0, 1, 0, 1 };

static struct via_findings findings;
static struct via_vmm_request request;

/* MSI-X with so many vectors, the table at @table and the pending bits at @pending, as the
 * registers have it.
 */
static void put_config(const char *path, uint32_t class_and_type, unsigned int vectors,
		       uint32_t table, uint32_t pending)
{
	char bytes[256] = { 0 };
	uint16_t flags = (uint16_t)(vectors - 1);

	memcpy(bytes, "\x86\x80\xc9\x10", 4);
	bytes[PCI_HEADER_TYPE] = (char)class_and_type;
	if (vectors) {
		bytes[PCI_STATUS] = PCI_STATUS_CAP_LIST;
		bytes[PCI_CAPABILITY_LIST] = MSIX_AT;
		bytes[MSIX_AT] = PCI_CAP_ID_MSIX;
		memcpy(bytes + MSIX_AT + PCI_MSIX_FLAGS, &flags, sizeof(flags));
		memcpy(bytes + MSIX_AT + PCI_MSIX_TABLE, &table, sizeof(table));
		memcpy(bytes + MSIX_AT + PCI_MSIX_PBA, &pending, sizeof(pending));
	}
	tree_add(&tree_fresh, (struct tree_entry){ path, bytes, .bytes = sizeof(bytes) });
}

/* Its BAR 0, and nothing behind it but a ROM, if any. */
static void put_bars(const char *path, const char *bar, const char *rom)
{
	char text[1024];

	snprintf(text, sizeof(text), "%s" NOTHING NOTHING NOTHING NOTHING NOTHING "%s", bar, rom);
	tree_put(path, text);
}

static void put_link(const char *path, const char *target)
{
	tree_add(&tree_fresh, (struct tree_entry){ path, .link = target });
}

static void put_function(const char *directory, const char *name)
{
	char path[128];

#define PUT(file) (snprintf(path, sizeof(path), "%s" file, directory), path)
	tree_put(PUT("class"), "0x020000\n");
	tree_put(PUT("vendor"), "0x8086\n");
	tree_put(PUT("device"), "0x10c9\n");
	tree_put(PUT("driver_override"), "(null)\n");
	tree_put(PUT("reset_method"), "flr\n");
	put_link(PUT("driver"), VFIO);
	put_link(PUT("iommu_group"), "../../../../kernel/iommu_groups/12");
	put_config(PUT("config"), PCI_HEADER_TYPE_NORMAL, 0, 0, 0);
	put_bars(PUT("resource"), "0x0000000090000000 0x0000000090003fff " MEMORY64 "\n", NOTHING);
#undef PUT
	snprintf(path, sizeof(path), GROUP "devices/%s", name);
	tree_put(path, "");
}

static int begin(void **state)
{
	tree_fresh_begin(state);
	put_function(FIRST, "0000:01:00.0");
	tree_put(GROUP "reserved_regions", "0x00000000fee00000 0x00000000feefffff msi\n");
	tree_put(GROUP "type", "DMA-FQ\n");
	tree_put("sys/class/iommu/dmar0/intel-iommu/cap", "d2008c40660462\n");
	tree_put("sys/bus/pci/drivers/vfio-pci/bind", "");
	tree_put("dev/kvm", "");
	tree_put("dev/vfio/vfio", "");
	tree_put("dev/vfio/12", "");
	tree_put("proc/interrupts", " 26: 0 IR-PCI-MSI 0-edge x\n");
	request = (struct via_vmm_request){
		.functions = &first,
		.count = 1,
		.memory_bytes = 256 * MIB,
		.backend = VIA_IOMMU_BACKEND_GROUP,
	};
	return 0;
}

static int end(void **state)
{
	via_findings_clear(&findings);
	return tree_fresh_end(state);
}

static void look(void)
{
	struct via_error err = { 0 };

	via_findings_clear(&findings);
	assert_int_equal(via_vmm_preflight(tree_fresh.host, &request, &findings, &err), 0);
}

static const struct via_finding *find(const char *id)
{
	for (size_t i = 0; i < findings.count; i++)
		if (!strcmp(findings.findings[i].id, id))
			return &findings.findings[i];
	return NULL;
}

/* There is one such finding, of this severity, that says @words; and no error but that. */
static void finds(enum via_severity severity, const char *id, const char *words)
{
	const struct via_finding *finding;
	size_t errors;

	look();
	finding = find(id);
	errors = via_findings_count(&findings, VIA_SEVERITY_ERROR);
	if (!finding || finding->severity != severity || !strstr(finding->what, words) ||
	    errors != (severity == VIA_SEVERITY_ERROR)) {
		for (size_t i = 0; i < findings.count; i++)
			print_error("%d %s: %s\n", (int)findings.findings[i].severity,
				    findings.findings[i].id, findings.findings[i].what);
		fail_msg("not found, or not alone: %s", id);
	}
}

static void error_is(const char *id, const char *words)
{
	finds(VIA_SEVERITY_ERROR, id, words);
}

static void nothing_is_found_of_what_works(void **state)
{
	(void)state;
	look();
	assert_int_equal(findings.count, 0);
}

static void the_host_is_looked_at(void **state)
{
	(void)state;
	tree_drop(&tree_fresh, "dev/kvm");
	error_is("kvm-missing", "/dev/kvm");
	tree_put("dev/kvm", "");
	request.memory_bytes = 257 << 10;
	error_is("memory-size", "page size");
	request.memory_bytes = 64ULL << 40;
	look();
	assert_string_equal(findings.findings[0].id, "memory-size");
	assert_non_null(find("address-bits"));
	request.memory_bytes = 256 * MIB;
	tree_put("sys/kernel/mm/transparent_hugepage/shmem_enabled", "always never [deny] force\n");
	finds(VIA_SEVERITY_WARNING, "huge-pages", "denies");
	tree_drop(&tree_fresh, "sys/kernel/mm/transparent_hugepage");
	finds(VIA_SEVERITY_WARNING, "huge-pages", "has none");
}

static void the_backend_is_there(void **state)
{
	(void)state;
	tree_drop(&tree_fresh, "dev/vfio/vfio");
	error_is("backend-missing", "modprobe vfio-pci");
	request.backend = VIA_IOMMU_BACKEND_AUTO;
	error_is("backend-unfit", "no such IOMMU backend");
	request.backend = VIA_IOMMU_BACKEND_IOMMUFD;
	if (!via_iommu_backend_is_built(VIA_IOMMU_BACKEND_IOMMUFD)) {
		error_is("backend-unfit", "this build of Viaduct has no iommufd");
		return;
	}
	look();
	assert_string_equal(findings.findings[0].id, "backend-missing");
	assert_non_null(strstr(findings.findings[0].what, "/dev/iommu"));
	assert_string_equal(findings.findings[1].id, "device-file");
	tree_put("dev/iommu", "");
	error_is("device-file", "VFIO offers no device file for 0000:01:00.0");
	tree_put(FIRST "vfio-dev/vfio3/dev", "511:3\n");
	error_is("device-file", "/dev/vfio/devices/vfio3");
	tree_put("dev/vfio/devices/vfio3", "");
	look();
	assert_int_equal(findings.count, 0);
	tree_put("proc/self/limits", "Max locked memory 1073741824 1073741824 bytes\n");
	tree_put("proc/self/status", "CapEff:\t0000000000000000\n");
	finds(VIA_SEVERITY_INFO, "locked-memory-shared", "1073741824");
	tree_put("proc/interrupts", " 26: 0 PCI-MSI 0-edge x\n");
	finds(VIA_SEVERITY_WARNING, "interrupt-remapping", "iommufd.allow_unsafe_interrupts=1");
	tree_put("sys/module/iommufd/parameters/allow_unsafe_interrupts", "N\n");
	error_is("interrupt-remapping", "iommufd.allow_unsafe_interrupts=1");
	tree_put("sys/module/iommufd/parameters/allow_unsafe_interrupts", "Y\n");
	look();
	assert_null(find("interrupt-remapping"));
}

static void memory_is_locked(void **state)
{
	(void)state;
	tree_put("proc/self/limits", "Max locked memory 8388608 8388608 bytes\n");
	tree_put("proc/self/status", "VmLck:\t 0 kB\nCapEff:\t0000000000000000\n");
	error_is("locked-memory", "needs a locked-memory limit of 268435456 bytes");
	tree_put("proc/self/limits", "Max locked memory 268435456 8388608 bytes\n");
	look();
	assert_int_equal(findings.count, 0);
}

static void a_group_is_needed(void **state)
{
	(void)state;
	tree_put(GROUP "reserved_regions", "junk\n");
	error_is("unreadable", "junk");
	tree_drop(&tree_fresh, FIRST "iommu_group");
	error_is("no-iommu-group", "no IOMMU of this host translates for it");
	tree_drop(&tree_fresh, "sys/class/iommu");
	error_is("iommu-off", "intel_iommu=on");
}

static void what_is_not_bound_has_to_be(void **state)
{
	(void)state;
	put_link(FIRST "driver", "../../../../bus/pci/drivers/igb");
	tree_drop(&tree_fresh, "dev/vfio/12");
	error_is("not-bound", "its driver is igb");
	assert_string_equal(findings.findings[0].fix, "viaduct bind 0000:01:00.0");
	tree_put(FIRST "sriov_numvfs", "3\n");
	look();
	assert_string_equal(findings.findings[0].id, "not-bound");
	assert_string_equal(findings.findings[1].id, "in-use");
	assert_non_null(strstr(findings.findings[1].what, "3 virtual functions"));
	tree_put(FIRST "sriov_numvfs", "0\n");
	tree_drop(&tree_fresh, "sys/bus/pci/drivers/vfio-pci");
	look();
	assert_string_equal(findings.findings[1].id, "driver-missing");
	assert_int_equal(findings.count, 2);
}

static void a_bridge_is_none(void **state)
{
	(void)state;
	put_config(FIRST "config", PCI_HEADER_TYPE_BRIDGE, 0, 0, 0);
	error_is("bridge", "cannot be given to a guest: it is a bridge");
	put_link(FIRST "driver", "../../../../bus/pci/drivers/pcieport");
	look();
	assert_string_equal(findings.findings[0].id, "not-bound");
	assert_string_equal(findings.findings[1].id, "bridge");
	assert_non_null(strstr(findings.findings[1].what, "only what is behind it"));
}

static void a_group_goes_whole(void **state)
{
	static const struct via_bdf both[] = { { 0, 1, 0, 0 }, { 0, 1, 0, 1 } };

	(void)state;
	put_function(SECOND, "0000:01:00.1");
	finds(VIA_SEVERITY_INFO, "group-shared", "1 more member");
	put_link(SECOND "driver", "../../../../bus/pci/drivers/igb");
	error_is("group-not-viable", "0000:01:00.1 (igb)");
	assert_string_equal(find("group-not-viable")->fix, "viaduct bind 0000:01:00.1");
	assert_null(find("group-shared"));
	tree_put(SECOND "sriov_numvfs", "2\n");
	look();
	assert_true(via_bdf_equal(find("in-use")->device, second));
	tree_put(SECOND "sriov_numvfs", "0\n");

	/* All that is asked for is bound before: but what is bound now meets the group as it is. */
	request.functions = both;
	request.count = 2;
	look();
	assert_string_equal(findings.findings[0].id, "group-not-viable");
	assert_string_equal(findings.findings[1].id, "not-bound");
	put_link(FIRST "driver", "../../../../bus/pci/drivers/igb");
	look();
	assert_null(find("group-not-viable"));
	assert_int_equal(via_findings_count(&findings, VIA_SEVERITY_ERROR), 2);
}

static void who_has_it_is_named(void **state)
{
	(void)state;
	tree_put("proc/4711/comm", "qemu\n");
	put_link("proc/4711/fd/9", "/dev/vfio/12");
	error_is("held", "process 4711 (qemu) has IOMMU group 12 open");
	tree_drop(&tree_fresh, "proc/4711");
	tree_drop(&tree_fresh, "dev/vfio/12");
	error_is("device-file", "VFIO offers no /dev/vfio/12");
}

static void interrupts_are_remapped(void **state)
{
	(void)state;
	tree_put("proc/interrupts", " 26: 0 PCI-MSI 0-edge x\n");
	finds(VIA_SEVERITY_WARNING, "interrupt-remapping",
	      "vfio_iommu_type1.allow_unsafe_interrupts=1");
	assert_non_null(strstr(find("interrupt-remapping")->why, "modprobe.d"));
	tree_put("sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", "N\n");
	error_is("interrupt-remapping", "vfio_iommu_type1.allow_unsafe_interrupts=1");
	tree_put("sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", "Y\n");
	look();
	assert_int_equal(findings.count, 0);
	tree_drop(&tree_fresh, "sys/module");
	tree_put("proc/cmdline", "quiet vfio_iommu_type1.allow_unsafe_interrupts=1\n");
	look();
	assert_int_equal(findings.count, 0);
}

static void what_the_firmware_wants_mapped_stays(void **state)
{
	(void)state;
	tree_put(GROUP "reserved_regions", "0x00000000e0000000 0x00000000e00fffff direct\n");
	error_is("direct-mapping", "the firmware wants memory of its own mapped for it");
	tree_put("proc/sys/kernel/osrelease", "6.1.0-18-amd64\n");
	error_is("direct-mapping", "the firmware wants memory of its own mapped for it");
	tree_drop(&tree_fresh, "sys/class/iommu/dmar0");
	tree_put("sys/class/iommu/ivhd0/amd-iommu/features", "25bf732fa2295afe:1d\n");
	finds(VIA_SEVERITY_WARNING, "direct-mapping", "IOMMU group 12, which it is not");
	tree_put("proc/sys/kernel/osrelease", "5.15.0-91-generic\n");
	finds(VIA_SEVERITY_WARNING, "direct-mapping", "IOMMU group 12, which it is not");
	tree_put("proc/sys/kernel/osrelease", "6.6.1\n");
	error_is("direct-mapping", "the firmware wants memory of its own mapped for it");
	tree_put("proc/sys/kernel/osrelease", "7.0.0-rc1\n");
	error_is("direct-mapping", "the firmware wants memory of its own mapped for it");
	tree_put(GROUP "reserved_regions",
		 "0x00000000e0000000 0x00000000e00fffff direct-relaxable\n");
	look();
	assert_int_equal(findings.count, 0);
}

static void what_would_be_missed_is_said(void **state)
{
	(void)state;
	put_link(FIRST "driver", "../../../../bus/pci/drivers/igb");
	tree_put("sys/devices/pci0000:00/0000:01:00.0/net/eth0/flags", "0x1003\n");
	tree_put("sys/devices/virtual/net/lo/flags", "0x9\n");
	put_link("sys/class/net/eth0", "../../devices/pci0000:00/0000:01:00.0/net/eth0");
	put_link("sys/class/net/lo", "../../devices/virtual/net/lo");
	look();
	assert_non_null(find("last-interface"));
	tree_put("sys/devices/pci0000:00/0000:05:00.0/net/eth1/flags", "0x1003\n");
	put_link("sys/class/net/eth1", "../../devices/pci0000:00/0000:05:00.0/net/eth1");
	look();
	assert_null(find("last-interface"));

	tree_put("sys/class/vtconsole/vtcon1/name", "(M) frame buffer device\n");
	tree_put("sys/class/vtconsole/vtcon1/bind", "1\n");
	tree_put("sys/devices/pci0000:00/0000:01:00.0/graphics/fb0/dev", "29:0\n");
	put_link("sys/class/graphics/fb0", "../../devices/pci0000:00/0000:01:00.0/graphics/fb0");
	look();
	assert_non_null(find("console-display"));
	tree_put("sys/class/vtconsole/vtcon1/bind", "0\n");
	look();
	assert_null(find("console-display"));
	/* That of the firmware is no PCI function's. */
	tree_put("sys/class/vtconsole/vtcon1/bind", "1\n");
	put_link("sys/class/graphics/fb0", "../../devices/platform/efi-framebuffer.0/graphics/fb0");
	look();
	assert_null(find("console-display"));
	tree_put(FIRST "boot_vga", "1\n");
	look();
	assert_non_null(find("console-display"));
}

static void a_vf_of_a_pf_that_vfio_has_takes_a_token(void **state)
{
	(void)state;
	put_link("sys/bus/pci/devices/0000:02:00.0/driver", VFIO);
	put_link(FIRST "physfn", "../0000:02:00.0");
	error_is("vf-token", "asks for a token");
}

static void a_device_may_be_gone(void **state)
{
	char ones[256];

	(void)state;
	memset(ones, 0xff, sizeof(ones));
	tree_add(&tree_fresh, (struct tree_entry){ FIRST "config", ones, .bytes = sizeof(ones) });
	error_is("device-gone", "gone or powered off");
	/* But for a VF, whose IDs alone read so. */
	memset(ones + 4, 0, sizeof(ones) - 4);
	tree_add(&tree_fresh, (struct tree_entry){ FIRST "config", ones, .bytes = sizeof(ones) });
	look();
	assert_int_equal(findings.count, 0);
	tree_add(&tree_fresh, (struct tree_entry){ FIRST "config", ones, .bytes = 64 });
	finds(VIA_SEVERITY_INFO, "not-seen", "MSI-X");
}

static void vectors_are_where_they_can_be(void **state)
{
	static const struct via_bdf both[] = { { 0, 1, 0, 0 }, { 0, 1, 0, 1 } };

	(void)state;
	put_config(FIRST "config", PCI_HEADER_TYPE_NORMAL, 16, 0x3f10, 0x1000);
	error_is("msix-outside", "its MSI-X table lies outside BAR 0");
	put_config(FIRST "config", PCI_HEADER_TYPE_NORMAL, 16, 0x1000, 0x4000);
	error_is("msix-outside", "its MSI-X pending bits lies outside BAR 0");
	put_config(FIRST "config", PCI_HEADER_TYPE_NORMAL, 16, 0x1007, 0x1000);
	error_is("msix-outside", "outside BAR 7");
	put_config(FIRST "config", PCI_HEADER_TYPE_NORMAL, 16, 0x3f00, 0x1000);
	finds(VIA_SEVERITY_INFO, "bar-msix-page", "8192 of 16384");
	tree_put("proc/self/limits", "Max open files  8  15  files\n");
	finds(VIA_SEVERITY_WARNING, "vector-files", "may open 15 files");
	tree_put("proc/self/limits", "Max open files  8  16  files\n");
	look();
	assert_null(find("vector-files"));

	put_function(SECOND, "0000:01:00.1");
	request.functions = both;
	request.count = 2;
	for (int i = 0; i < 2; i++) {
		const char *config = i ? SECOND "config" : FIRST "config";
		const char *bars = i ? SECOND "resource" : FIRST "resource";

		put_config(config, PCI_HEADER_TYPE_NORMAL, i ? 2008 : 2048, 0, 0x8000);
		put_bars(bars, "0x0000000090000000 0x000000009000ffff " MEMORY64 "\n", NOTHING);
	}
	look();
	assert_null(find("vectors")); /* 4056, with the pins' 40 of KVM's 4096 */
	put_config(SECOND "config", PCI_HEADER_TYPE_NORMAL, 2009, 0, 0x8000);
	finds(VIA_SEVERITY_WARNING, "vectors", "4057 interrupt vectors, and KVM routes 4056");
}

static void bars_fit_into_the_guest(void **state)
{
	(void)state;
	put_bars(FIRST "resource", "0x0000000090000000 0x0000000090002fff " MEMORY "\n", NOTHING);
	error_is("bar-size", "BAR 0 has an impossible size, 0x3000 bytes");
	put_bars(FIRST "resource", "0x0000000040000000 0x000000007fffffff " MEMORY "\n", NOTHING);
	error_is("bar-space", "its BAR 0 of 1024 MiB does not fit");
	put_bars(FIRST "resource", "0x0000004000000000 0x000000407fffffff " MEMORY64 "\n", NOTHING);
	look();
	assert_int_equal(findings.count, 0);
	put_bars(FIRST "resource", "0x0000000040000000 0x000000005fffffff " MEMORY "\n",
		 "0x0000000080000000 0x000000008000ffff " MEMORY "\n");
	error_is("rom-space", "its ROM of 64 KiB does not fit");
	put_bars(FIRST "resource", "0x0000000000003000 0x000000000000307f " PORTS "\n", NOTHING);
	finds(VIA_SEVERITY_INFO, "bar-ports", "BAR 0 is I/O ports");
	put_bars(FIRST "resource", "0x0000000090000000 0x00000000900007ff " MEMORY "\n", NOTHING);
	finds(VIA_SEVERITY_WARNING, "bar-below-page", "BAR 0 of 2048 bytes");
}

static void a_reset_is_wanted(void **state)
{
	static const struct via_bdf both[] = { { 0, 1, 0, 0 }, { 0, 1, 0, 1 } };

	(void)state;
	/* Both behind one port, as sysfs has it. */
	tree_drop(&tree_fresh, "sys/bus/pci/devices");
	put_function("sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0/", "0000:01:00.0");
	put_function("sys/devices/pci0000:00/0000:00:01.0/0000:01:00.1/", "0000:01:00.1");
	put_link("sys/bus/pci/devices/0000:01:00.0",
		 "../../../devices/pci0000:00/0000:00:01.0/0000:01:00.0");
	put_link("sys/bus/pci/devices/0000:01:00.1",
		 "../../../devices/pci0000:00/0000:00:01.0/0000:01:00.1");
	put_link(FIRST "driver", "../../../../bus/pci/drivers/vfio-pci");
	put_link(FIRST "iommu_group", "../../../../kernel/iommu_groups/12");
	put_link(SECOND "iommu_group", "../../../../kernel/iommu_groups/13");
	tree_drop(&tree_fresh, GROUP "devices/0000:01:00.1");
	tree_put("sys/kernel/iommu_groups/13/devices/0000:01:00.1", "");
	tree_put("dev/vfio/13", "");
	tree_put(FIRST "reset_method", "\n");
	finds(VIA_SEVERITY_WARNING, "no-reset", "would reach 0000:01:00.1 too");
	request.functions = both;
	request.count = 2;
	finds(VIA_SEVERITY_INFO, "hot-reset", "with all others on its bus");
	assert_null(find("no-reset"));
}

static void on_a_root_bus_nothing_resets_it(void **state)
{
	(void)state;
	tree_put(FIRST "reset_method", "\n");
	finds(VIA_SEVERITY_WARNING, "no-reset", "the kernel cannot reset the bus of 0000:01:00.0");
}

static void memory_is_within_reach(void **state)
{
	(void)state;
	tree_put(GROUP "reserved_regions", "0x0000000008000000 0x00000000080fffff reserved\n");
	error_is("iova-reserved", "does not translate 0x8000000 to 0x80fffff");
	request.memory_bytes = 128 * MIB;
	look();
	assert_int_equal(findings.count, 0);
	/* 28 bits of addresses */
	tree_put("sys/class/iommu/dmar0/intel-iommu/cap", "1b0200\n");
	tree_put(GROUP "reserved_regions", "");
	request.memory_bytes = 256 * MIB;
	look();
	assert_int_equal(findings.count, 0);
	request.memory_bytes += MIB;
	error_is("iova-reserved", "does not translate 0x10000000 to 0xffffffffffffffff");
	tree_put("sys/class/iommu/dmar0/intel-iommu/cap", "0\n");
	tree_put("sys/module/vfio_iommu_type1/parameters/dma_entry_limit", "0\n");
	error_is("dma-entries", "the kernel has 0 left");
	tree_put("sys/module/vfio_iommu_type1/parameters/dma_entry_limit", "1\n");
	look();
	assert_int_equal(findings.count, 0);
	tree_put(GROUP "type", "identity\n");
	finds(VIA_SEVERITY_INFO, "iommu-passthrough", "passthrough mode");
}

static void a_list_makes_sense(void **state)
{
	static const struct via_bdf twice[] = { { 0, 1, 0, 0 }, { 0, 1, 0, 0 } };
	struct via_bdf many[VIA_VMM_DEVICES_MAX + 1];

	(void)state;
	request.functions = twice;
	request.count = 2;
	error_is("given-twice", "0000:01:00.0 is given to the guest twice");
	for (size_t i = 0; i < sizeof(many) / sizeof(many[0]); i++)
		many[i] = (struct via_bdf){ .bus = (uint8_t)i };
	request.functions = many;
	request.count = sizeof(many) / sizeof(many[0]);
	error_is("too-many-devices", "at most 31 devices, not 32");
}

/* The first is what a guest's start would fail with. */
static void errors_stand_in_the_order_of_a_start(void **state)
{
	static const char *const order[] = { "kvm-missing",	    "memory-size",
					     "backend-missing",	    "locked-memory",
					     "interrupt-remapping", "bar-space",
					     "iova-reserved" };
	size_t at = 0;

	(void)state;
	tree_drop(&tree_fresh, "dev/kvm");
	tree_drop(&tree_fresh, "dev/vfio/vfio");
	tree_put("proc/self/limits", "Max locked memory 8388608 8388608 bytes\n");
	tree_put("proc/interrupts", " 26: 0 PCI-MSI 0-edge x\n");
	tree_put("sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", "N\n");
	tree_put(GROUP "reserved_regions", "0x0000000000100000 0x00000000001fffff reserved\n");
	put_bars(FIRST "resource", "0x0000000040000000 0x000000007fffffff " MEMORY "\n", NOTHING);
	request.memory_bytes = 1ULL << 50;
	look();
	for (size_t i = 0; i < findings.count && at < sizeof(order) / sizeof(order[0]); i++)
		at += !strcmp(findings.findings[i].id, order[at]);
	assert_int_equal(at, sizeof(order) / sizeof(order[0]));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_found_of_what_works),
		TEST(the_host_is_looked_at),
		TEST(the_backend_is_there),
		TEST(memory_is_locked),
		TEST(a_group_is_needed),
		TEST(what_is_not_bound_has_to_be),
		TEST(a_bridge_is_none),
		TEST(a_group_goes_whole),
		TEST(who_has_it_is_named),
		TEST(interrupts_are_remapped),
		TEST(a_vf_of_a_pf_that_vfio_has_takes_a_token),
		TEST(what_the_firmware_wants_mapped_stays),
		TEST(what_would_be_missed_is_said),
		TEST(a_device_may_be_gone),
		TEST(vectors_are_where_they_can_be),
		TEST(bars_fit_into_the_guest),
		TEST(a_reset_is_wanted),
		TEST(on_a_root_bus_nothing_resets_it),
		TEST(memory_is_within_reach),
		TEST(a_list_makes_sense),
		TEST(errors_stand_in_the_order_of_a_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
