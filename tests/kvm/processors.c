/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <elf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guest-run.h"

static struct guest guest;

static int teardown(void **state)
{
	(void)state;
	guest_fini(&guest);
	return 0;
}

/* Whether the host's processor has VT-x or SVM: without, KVM may still run a guest like ours. */
static bool host_runs_real_mode(void)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[8192];
	bool found = false;

	while (file && fgets(line, sizeof(line), file))
		found = found || strstr(line, " vmx") || strstr(line, " svm");
	if (file)
		fclose(file);
	return found;
}

static uint32_t tell_cpus(struct guest *g, uint32_t number)
{
	(void)number;
	return g->config.cpus;
}

static void start(unsigned int cpus)
{
	guest_init(&guest, "smp");
	guest.step = tell_cpus;
	guest.config.cpus = cpus;
	guest_new(&guest);
	guest_run(&guest);
	assert_int_equal(guest.rc, 0);
	assert_int_equal(guest.end, VIA_VMM_END_POWER_OFF);
}

static void two_processors_start(void **state)
{
	(void)state;
	start(2);
	guest_said(&guest, "others 1");
	guest_said(&guest, "ids 2");
}

static void four_processors_start(void **state)
{
	(void)state;
	start(4);
	guest_said(&guest, "others 3");
	guest_said(&guest, "ids e");
}

/* An ELF kernel that sees whether it was given a start info, says so, and turns itself off. */
static const struct {
	Elf64_Ehdr header;
	Elf64_Phdr segments[2];
	struct {
		Elf64_Nhdr note;
		char name[4];
		uint32_t entry;
	} note;
	uint8_t code[32];
} pvh_kernel = {
	.header = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2,
	},
	.segments = {
		{ .p_type = PT_LOAD, .p_paddr = 0x200000, .p_filesz = sizeof(pvh_kernel.code),
		  .p_memsz = 4096,
		  .p_offset = sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr) + sizeof(pvh_kernel.note) },
		{ .p_type = PT_NOTE, .p_filesz = sizeof(pvh_kernel.note),
		  .p_offset = sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr) },
	},
	.note = { { 4, 4, 18 }, "Xen", 0x200000 },
	.code = {
		0x81, 0x3b, 0x78, 0xc5, 0x6e, 0x33, /* cmpl $0x336ec578, (%ebx) */
		0x75, 0x0a,			    /* jne to the last three */
		0x66, 0xba, 0xf8, 0x03,		    /* mov $0x3f8, %dx */
		0xb0, 'P', 0xee,		    /* mov, out %al, %dx */
		0xb0, '\n', 0xee,
		0x66, 0xba, 0x00, 0x06, /* mov $0x600, %dx */
		0xb0, 0x34, 0xee,	/* S5 */
		0xf4,			/* hlt */
	},
};

static void a_pvh_kernel_is_entered(void **state)
{
	(void)state;
	guest_init(&guest, "");
	close(guest.kernel_fd);
	guest.kernel_fd = guest_file(&pvh_kernel, sizeof(pvh_kernel));
	snprintf(guest.kernel, sizeof(guest.kernel), "/proc/self/fd/%d", guest.kernel_fd);
	guest_new(&guest);
	guest_run(&guest);
	if (guest.rc)
		fail_msg("%s", guest.err.text);
	assert_int_equal(guest.end, VIA_VMM_END_POWER_OFF);
	guest_said(&guest, "P");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(two_processors_start, teardown),
		cmocka_unit_test_teardown(four_processors_start, teardown),
		cmocka_unit_test_teardown(a_pvh_kernel_is_entered, teardown),
	};
	int rc = guest_main(argc, argv);

	if (!rc && !host_runs_real_mode()) {
		printf("SKIP: without VT-x or SVM a guest has no real and no 32-bit mode\n");
		rc = 77;
	}
	return rc ? rc : cmocka_run_group_tests(tests, NULL, NULL);
}
