/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host.h"

#include <stdio.h>
#include <string.h>

/* Words of the kernel's command line that decide over devices and guests, by how they begin. */
static const struct {
	const char *word;
	const char *fix; /* of one that does harm; NULL: only told */
	const char *harm;
} kernel_words[] = {
	{ "intel_iommu=off", "boot with intel_iommu=on", "the IOMMU is off" },
	{ "amd_iommu=off", "boot without it", "the IOMMU is off" },
	{ "iommu=off", "boot without it", "the IOMMU is off" },
	{ "intremap=off", "boot without it", "interrupts are not remapped" },
	{ "intremap=nopost", "boot without it", "interrupts are not posted" },
	{ "nointremap", "boot without it", "interrupts are not remapped" },
	{ "pcie_acs_override=", "boot without it",
	  "groups look smaller than the hardware makes them: guests can reach each other's "
	  "devices" },
	{ "pci=nomsi", "boot without it", "devices have no MSI" },
	{ "pci=noacs", "boot without it", "groups are larger than need be" },
	{ "intel_iommu=", NULL, NULL },
	{ "amd_iommu=", NULL, NULL },
	{ "iommu=", NULL, NULL },
	{ "iommu.", NULL, NULL },
	{ "intremap=", NULL, NULL },
	{ "pci=", NULL, NULL },
	{ "hugepages=", NULL, NULL },
	{ "hugepagesz=", NULL, NULL },
	{ "default_hugepagesz=", NULL, NULL },
	{ "transparent_hugepage=", NULL, NULL },
	{ "isolcpus=", NULL, NULL },
	{ "nohz_full=", NULL, NULL },
	{ "kvm.", NULL, NULL },
	{ "kvm-intel.", NULL, NULL },
	{ "kvm_intel.", NULL, NULL },
	{ "kvm-amd.", NULL, NULL },
	{ "kvm_amd.", NULL, NULL },
	{ "vfio", NULL, NULL },
};

static void add_kernel_word(struct via_host_lines *lines, const char *word)
{
	for (size_t i = 0; i < sizeof(kernel_words) / sizeof(kernel_words[0]); i++) {
		if (strncmp(word, kernel_words[i].word, strlen(kernel_words[i].word)))
			continue;
		if (kernel_words[i].fix)
			via_host_line_add(lines, "kernel-parameter", "kernel parameter",
					  VIA_VERDICT_NO, kernel_words[i].fix, "%s: %s", word,
					  kernel_words[i].harm);
		else
			via_host_line_add(lines, "kernel-parameter", "kernel parameter",
					  VIA_VERDICT_NEUTRAL, NULL, "%s", word);
		return;
	}
}

static void add_kernel_words(struct via_host *host, struct via_host_lines *lines)
{
	char text[4097], *rest = text, *word;

	if (via_host_read(host, text, sizeof(text), "proc/cmdline"))
		return;
	while ((word = strsep(&rest, " \n")))
		add_kernel_word(lines, word);
}

#define PARAMETERS_MAX 8U

static const struct {
	const char *module;
	const char *parameters[PARAMETERS_MAX]; /* up to a NULL */
} modules[] = {
	{ "kvm", { "halt_poll_ns", "ignore_msrs", "nx_huge_pages", "tdp_mmu" } },
	{ "kvm_intel",
	  { "ept", "vpid", "enable_apicv", "unrestricted_guest", "ple_gap", "nested" } },
	{ "kvm_amd", { "npt", "avic", "nested", "vgif", "sev" } },
	{ "vfio", { "enable_unsafe_noiommu_mode" } },
	{ "vfio_iommu_type1", { "allow_unsafe_interrupts", "dma_entry_limit" } },
	{ "iommufd", { "allow_unsafe_interrupts" } },
	{ "vfio_pci", { "disable_idle_d3", "nointxmask", "ids" } },
};

/* Those that take the protection of the host away when they are on. */
static const struct {
	const char *module, *parameter, *harm, *fix;
} dangers[] = {
	{ "vfio_iommu_type1", "allow_unsafe_interrupts",
	  "a guest's device can send the host any interrupt", "load vfio_iommu_type1 without it" },
	{ "iommufd", "allow_unsafe_interrupts", "a guest's device can send the host any interrupt",
	  "load iommufd without it" },
	{ "vfio", "enable_unsafe_noiommu_mode",
	  "a process with a device can reach all of the host's memory", "load vfio without it" },
};

static void add_module(struct via_host *host, struct via_host_lines *lines, size_t index)
{
	char text[256] = "", value[64];

	for (size_t i = 0; i < PARAMETERS_MAX && modules[index].parameters[i]; i++) {
		const char *name = modules[index].parameters[i];
		size_t used = strlen(text);

		if (!via_host_read(host, value, sizeof(value), "sys/module/%s/parameters/%s",
				   modules[index].module, name))
			snprintf(text + used, sizeof(text) - used, "%s%s=%s", used ? " " : "", name,
				 value);
	}
	if (*text)
		via_host_line_add(lines, "module", modules[index].module, VIA_VERDICT_NEUTRAL, NULL,
				  "%s", text);
}

void via_host_add_parameters(struct via_host *host, struct via_host_lines *lines)
{
	char value[8];

	add_kernel_words(host, lines);
	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++)
		add_module(host, lines, i);
	for (size_t i = 0; i < sizeof(dangers) / sizeof(dangers[0]); i++)
		if (!via_host_read(host, value, sizeof(value), "sys/module/%s/parameters/%s",
				   dangers[i].module, dangers[i].parameter) &&
		    !strcmp(value, "Y"))
			via_host_line_add(lines, "module", dangers[i].module, VIA_VERDICT_NO,
					  dangers[i].fix, "%s is on: %s", dangers[i].parameter,
					  dangers[i].harm);
}
