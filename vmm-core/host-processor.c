/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <viaduct/vmm/host.h>

#include <stdio.h>
#include <string.h>

#include <viaduct/util/cleanup.h>

/* Flags of the first processor; the others have the same. */
struct flags {
	char *cpu; /* "flags", with a space at both ends of each word; NULL: not told */
	char *vmx; /* "vmx flags", since Linux 5.6 */
};

static void flags_free(struct flags *flags)
{
	free(flags->cpu);
	free(flags->vmx);
}

/* What is behind "KEY : " in a line, as " a b c ". */
static char *words_of(const char *line, const char *key)
{
	size_t length = strlen(key);
	char *words;

	if (strncmp(line, key, length) || (line[length] != '\t' && line[length] != ' '))
		return NULL;
	line = strchr(line, ':');
	if (!line || asprintf(&words, "%s ", line + 1) < 0)
		return NULL;
	for (char *c = words; *c; c++)
		if (*c == '\n' || *c == '\t')
			*c = ' ';
	return words;
}

static void flags_read(struct via_host *host, struct flags *flags)
{
	via_autofclose FILE *file = via_host_fopen(host, "proc/cpuinfo");
	via_autofree char *line = NULL;
	size_t line_bytes = 0;

	while (file && getline(&line, &line_bytes, file) > 1) {
		if (!flags->cpu)
			flags->cpu = words_of(line, "flags");
		if (!flags->vmx)
			flags->vmx = words_of(line, "vmx flags");
	}
}

static bool has(const char *words, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = words; at && (at = strstr(at, word)); at += length)
		if (at > words && at[-1] == ' ' && at[length] == ' ')
			return true;
	return false;
}

/* A boolean parameter of a module: 1, 0, or -1 when there is none. */
static int parameter(struct via_host *host, const char *module, const char *name)
{
	char text[8];

	if (via_host_read(host, text, sizeof(text), "sys/module/%s/parameters/%s", module, name))
		return -1;
	if (!strcmp(text, "Y") || !strcmp(text, "1"))
		return 1;
	return !strcmp(text, "N") || !strcmp(text, "0") ? 0 : -1;
}

/* KVM turns a parameter off by itself when the processor lacks what it stands for. */
static enum via_vmm_use use_of(const char *words, const char *word, int parameter)
{
	if (parameter > 0)
		return VIA_VMM_USE_YES;
	if (words && !has(words, word))
		return VIA_VMM_USE_LACKING;
	return parameter == 0 ? VIA_VMM_USE_OFF : VIA_VMM_USE_UNKNOWN;
}

static enum via_vmm_use flag_of(const char *words, const char *word)
{
	if (!words)
		return VIA_VMM_USE_UNKNOWN;
	return has(words, word) ? VIA_VMM_USE_YES : VIA_VMM_USE_LACKING;
}

static void intel_load(struct via_host *host, const struct flags *flags,
		       struct via_vmm_processor *processor)
{
	const char *module = "kvm_intel";

	processor->has_module = via_host_exists(host, "sys/module/%s", module);
	processor->nested = use_of(flags->cpu, "ept", parameter(host, module, "ept"));
	processor->gigapages = flag_of(flags->vmx, "ept_1gb");
	processor->tags = use_of(flags->cpu, "vpid", parameter(host, module, "vpid"));
	processor->apic = use_of(flags->vmx, "apicv", parameter(host, module, "enable_apicv"));
	processor->posting = flag_of(flags->vmx, "posted_intr");
}

/* A guest has had an ASID of its own since the first SVM; nothing turns them off. */
static void amd_load(struct via_host *host, const struct flags *flags,
		     struct via_vmm_processor *processor)
{
	const char *module = "kvm_amd";

	processor->has_module = via_host_exists(host, "sys/module/%s", module);
	processor->nested = use_of(flags->cpu, "npt", parameter(host, module, "npt"));
	processor->gigapages = flag_of(flags->cpu, "pdpe1gb");
	processor->tags = VIA_VMM_USE_YES;
	processor->apic = use_of(flags->cpu, "avic", parameter(host, module, "avic"));
	processor->posting = flag_of(flags->cpu, "avic");
}

void via_vmm_processor_load(struct via_host *host, struct via_vmm_processor *processor)
{
	via_cleanup(flags_free) struct flags flags = { 0 };

	*processor = (struct via_vmm_processor){ .virtualisation = VIA_VMM_VIRTUALISATION_NONE };
	flags_read(host, &flags);
	if (has(flags.cpu, "vmx")) {
		processor->virtualisation = VIA_VMM_VIRTUALISATION_VTX;
		intel_load(host, &flags, processor);
	} else if (has(flags.cpu, "svm")) {
		processor->virtualisation = VIA_VMM_VIRTUALISATION_SVM;
		amd_load(host, &flags, processor);
	}
}
