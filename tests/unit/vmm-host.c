/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>

#include <viaduct/vmm/host.h>

#include "host-kvm.h"
#include "tree.h"

#define INTEL "sys/module/kvm_intel/parameters/"
#define AMD   "sys/module/kvm_amd/parameters/"

static struct via_vmm_processor load(void)
{
	struct via_vmm_processor processor;

	via_vmm_processor_load(tree_fresh.host, &processor);
	return processor;
}

static void intel_is_what_its_module_uses(void **state)
{
	struct via_vmm_processor processor;

	(void)state;
	tree_put(
		"proc/cpuinfo",
		"processor\t: 0\nflags\t\t: fpu vmx ept vpid\n"
		"vmx flags\t: posted_intr ept_1gb apicv ept\n\nprocessor\t: 1\nflags\t\t: svm\n\n");
	tree_put(INTEL "ept", "Y\n");
	tree_put(INTEL "vpid", "0\n");
	tree_put(INTEL "enable_apicv", "N\n");
	processor = load();
	assert_int_equal(processor.virtualisation, VIA_VMM_VIRTUALISATION_VTX);
	assert_true(processor.has_module);
	assert_int_equal(processor.nested, VIA_VMM_USE_YES);
	assert_int_equal(processor.gigapages, VIA_VMM_USE_YES);
	assert_int_equal(processor.tags, VIA_VMM_USE_OFF);
	assert_int_equal(processor.apic, VIA_VMM_USE_OFF);
	assert_int_equal(processor.posting, VIA_VMM_USE_YES);
}

/* KVM not loaded, and a kernel before 5.6, which has no line of its own for VMX. */
static void less_is_known_of_others(void **state)
{
	struct via_vmm_processor processor;

	(void)state;
	tree_put("proc/cpuinfo", "flags\t\t: fpu vmx ept\n\n");
	processor = load();
	assert_false(processor.has_module);
	assert_int_equal(processor.nested, VIA_VMM_USE_UNKNOWN);
	assert_int_equal(processor.tags, VIA_VMM_USE_LACKING);
	assert_int_equal(processor.gigapages, VIA_VMM_USE_UNKNOWN);
	assert_int_equal(processor.apic, VIA_VMM_USE_UNKNOWN);
	assert_int_equal(processor.posting, VIA_VMM_USE_UNKNOWN);
}

static void amd_is_what_its_module_uses(void **state)
{
	struct via_vmm_processor processor;

	(void)state;
	tree_put("proc/cpuinfo", "flags\t\t: fpu svm npt pdpe1gb\n\n");
	tree_put(AMD "npt", "1\n");
	tree_put(AMD "avic", "N\n");
	processor = load();
	assert_int_equal(processor.virtualisation, VIA_VMM_VIRTUALISATION_SVM);
	assert_int_equal(processor.nested, VIA_VMM_USE_YES);
	assert_int_equal(processor.gigapages, VIA_VMM_USE_YES);
	assert_int_equal(processor.tags, VIA_VMM_USE_YES);
	assert_int_equal(processor.apic, VIA_VMM_USE_LACKING);
	assert_int_equal(processor.posting, VIA_VMM_USE_LACKING);
	tree_put("proc/cpuinfo", "flags\t\t: fpu svm npt avic\n\n");
	assert_int_equal(load().apic, VIA_VMM_USE_OFF);
	tree_put(AMD "avic", "Y\n");
	assert_int_equal(load().apic, VIA_VMM_USE_YES);
}

static void words_are_whole(void **state)
{
	static const char *const texts[] = {
		"",
		"flags\t: vmxx svm_lock\n",
		"flags : \n",
		"flagship\t: vmx\n",
		"flags vmx svm\n",
		"bugs\t: vmx\n",
		"\n\nflags\t: vmx\n",
		"flags\t: xvmx\n",
	};

	(void)state;
	assert_int_equal(load().virtualisation, VIA_VMM_VIRTUALISATION_NONE);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		tree_put("proc/cpuinfo", texts[i]);
		assert_int_equal(load().virtualisation, VIA_VMM_VIRTUALISATION_NONE);
	}
	tree_put("proc/cpuinfo", "flags\t: vmxx avmx vmx\n");
	assert_int_equal(load().virtualisation, VIA_VMM_VIRTUALISATION_VTX);
	tree_put(INTEL "ept", "perhaps\n");
	assert_int_equal(load().nested, VIA_VMM_USE_LACKING);
}

static void a_recorded_host_is_not_asked(void **state)
{
	struct via_vmm_kvm kvm;

	(void)state;
	tree_put("dev/kvm", "");
	via_vmm_kvm_load(tree_fresh.host, &kvm);
	assert_false(kvm.usable);
	assert_int_equal(kvm.capability_count, 0);
	assert_string_equal(kvm.why.text, "");
}

static void kvm_is_looked_for_without_its_file(void **state)
{
	struct via_error err;

	(void)state;
	tree_put("dev/kvm", "");
	assert_int_equal(via_kvm_check_loaded(tree_fresh.host, &err), 0);
	tree_put("sys/class/misc/vfio/dev", "10:196\n");
	assert_int_equal(via_kvm_check_loaded(tree_fresh.host, &err), -ENODEV);
	assert_non_null(strstr(err.text, "modprobe kvm_intel"));
	tree_put("sys/class/misc/kvm/dev", "10:232\n");
	assert_int_equal(via_kvm_check_loaded(tree_fresh.host, &err), 0);
}

/* KVM without resample, and with an answer that is an error. */
static int answer(void *data, int fd, unsigned long request, void *argument)
{
	(void)data;
	assert_int_equal(fd, 7);
	assert_int_equal(request, KVM_CHECK_EXTENSION);
	switch ((long)argument) {
	case KVM_CAP_IRQFD_RESAMPLE:
		return 0;
	case KVM_CAP_DEVICE_CTRL:
		return -EINVAL;
	case KVM_CAP_MAX_VCPUS:
		return 288;
	default:
		return 1;
	}
}

static void capabilities_are_asked_one_by_one(void **state)
{
	struct via_kvm kvm = { .fd = -1, .vm_fd = 7, .call = answer };
	struct via_vmm_kvm facts = { 0 };
	size_t lacking = 0;

	(void)state;
	via_vmm_kvm_ask(&kvm, &facts);
	assert_int_equal(facts.capability_count, VIA_VMM_CAPABILITIES);
	assert_int_equal(facts.cpus_max, 288);
	assert_string_equal(facts.capabilities[0].name, "KVM_CAP_IRQCHIP");
	assert_null(facts.capabilities[0].without);
	for (size_t i = 0; i < facts.capability_count; i++) {
		const struct via_vmm_capability *each = &facts.capabilities[i];
		bool expected = strcmp(each->name, "KVM_CAP_IRQFD_RESAMPLE") &&
				strcmp(each->name, "KVM_CAP_DEVICE_CTRL");

		assert_int_equal(each->there, expected);
		lacking += !each->there;
		assert_true(each->there || each->without);
	}
	assert_int_equal(lacking, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tree_fresh_begin, tree_fresh_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(intel_is_what_its_module_uses),	 TEST(less_is_known_of_others),
		TEST(amd_is_what_its_module_uses),	 TEST(words_are_whole),
		TEST(a_recorded_host_is_not_asked),	 TEST(kvm_is_looked_for_without_its_file),
		TEST(capabilities_are_asked_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
