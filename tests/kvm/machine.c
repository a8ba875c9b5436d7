/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include "guest-run.h"
#include "guest/guest.h"
#include "layout.h"
#include "machine.h"

static struct guest guest;

static int teardown(void **state)
{
	(void)state;
	guest_fini(&guest);
	return 0;
}

static void run(const char *test)
{
	guest_init(&guest, test);
	guest_new(&guest);
	guest_run(&guest);
}

static void ended_well(void)
{
	assert_int_equal(guest.rc, 0);
	assert_int_equal(guest.end, VIA_VMM_END_POWER_OFF);
	guest_said(&guest, "end");
}

static void a_guest_runs_and_turns_itself_off(void **state)
{
	(void)state;
	run("hello");
	ended_well();
	guest_said(&guest, "hello");
}

static void a_guest_is_told_what_it_has(void **state)
{
	static const uint32_t initrd[] = { 0x11111111, 0, 0, 0, 0x22222222 };
	char path[64];
	int fd = guest_file(initrd, sizeof(initrd));

	(void)state;
	guest_init(&guest, "params with more words");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	guest.config.initrd = path;
	guest_new(&guest);
	close(fd);
	guest_run(&guest);
	ended_well();
	guest_said(&guest, "cmdline test=params with more words");
	guest_said(&guest, "e820 0 9fc00 1");
	guest_said(&guest, "e820 9fc00 60400 2");
	guest_said(&guest, "e820 100000 1f00000 1");
	guest_said(&guest, "e820 e0000000 100000 2");
	guest_said(&guest, "initrd bytes 14");
	guest_said(&guest, "initrd first 11111111");
	guest_said(&guest, "initrd last 22222222");
	guest_said(&guest, "rsdp sum 0");
	guest_said(&guest, "rsdp all 0");
	for (size_t i = 0; i < 5; i++) {
		static const char *const tables[] = { "XSDT", "FACP", "APIC", "MCFG", "DSDT" };
		char line[32];

		snprintf(line, sizeof(line), "table %s sum 0", tables[i]);
		guest_said(&guest, line);
	}
}

static void a_reset_ends_a_guest(void **state)
{
	(void)state;
	run("reset");
	assert_int_equal(guest.rc, 0);
	assert_int_equal(guest.end, VIA_VMM_END_RESET);
	guest_said(&guest, "before");
}

static void only_the_right_value_turns_a_guest_off(void **state)
{
	(void)state;
	run("sleep");
	ended_well();
	guest_said(&guest, "status 0");
	guest_said(&guest, "awake");
}

static void a_triple_fault_is_an_error(void **state)
{
	(void)state;
	run("triple");
	guest_said(&guest, "before");
	assert_int_equal(guest.rc, -EIO);
	assert_non_null(
		strstr(guest.err.text, "processor 0 of the guest shut down: a triple fault"));
	assert_non_null(
		strstr(guest.err.text, " at rip 0x")); /* on SVM, where it would start again */
}

/* An INIT takes the first processor to where a PC has firmware, and a guest of ours nothing. */
static void an_init_of_the_first_processor_is_an_error(void **state)
{
	(void)state;
	run("init");
	guest_said(&guest, "before");
	assert_int_equal(guest.rc, -EIO);
	assert_non_null(strstr(guest.err.text, "processor 0 of the guest hit something KVM"));
	assert_non_null(strstr(guest.err.text, " at rip 0xfff0"));
}

static void a_guest_kvm_gives_up_is_an_error(void **state)
{
	(void)state;
	run("smi");
	guest_said(&guest, "before");
	if (guest_has_said(&guest, "no system management"))
		skip();
	assert_int_equal(guest.rc, -EIO);
	assert_non_null(strstr(guest.err.text, "KVM has given the guest up"));
}

/* More than the receive FIFO holds, in pieces, and the guest asleep in between. */
static void type(struct guest *g)
{
	static const char line[] = "0123456789abcdefghijklmnopqrstuvwxyz0123456789\n";

	if (g->in[1] < 0 || !guest_has_said(g, "ready"))
		return;
	assert_int_equal(write(g->in[1], line, 20), 20);
	assert_int_equal(write(g->in[1], line + 20, sizeof(line) - 21), sizeof(line) - 21);
	close(g->in[1]); /* the end of input ends nothing */
	g->in[1] = -1;
}

static void a_console_goes_both_ways(void **state)
{
	uint32_t total = 0;
	char line[32];

	(void)state;
	guest_init(&guest, "echo");
	guest.config.console_in = guest.in[0];
	guest.said = type;
	guest_new(&guest);
	guest_run(&guest);
	ended_well();
	guest_said(&guest, "bytes 2e");
	for (const char *c = "0123456789abcdefghijklmnopqrstuvwxyz0123456789"; *c; c++)
		total += (uint8_t)*c;
	snprintf(line, sizeof(line), "total %x", total);
	guest_said(&guest, line);
}

static void a_guest_without_a_console_runs_all_the_same(void **state)
{
	(void)state;
	guest_init(&guest, "hello");
	guest.config.console_out = -1;
	guest_new(&guest);
	guest_run(&guest);
	assert_int_equal(guest.rc, 0);
	assert_int_equal(guest.end, VIA_VMM_END_POWER_OFF);
	assert_string_equal(guest.text, "");
}

static void a_console_nobody_reads_any_more_is_no_obstacle(void **state)
{
	(void)state;
	guest_init(&guest, "hello");
	guest_new(&guest);
	close(guest.out[0]);
	guest.out[0] = -1;
	guest_run(&guest);
	assert_int_equal(guest.rc, 0);
	assert_int_equal(guest.end, VIA_VMM_END_POWER_OFF);
}

static uint32_t write_high(struct guest *g, uint32_t number)
{
	uint64_t value;
	uint8_t *high = via_memory_at(&g->vmm->memory, LAYOUT_RAM_HIGH_BASE, 4096);

	(void)number;
	if (!high)
		return 1;
	memcpy(&value, high, sizeof(value));
	memset(high + 8, 0xab, 4);
	return (uint32_t)value;
}

static void memory_above_4_gib_is_memory(void **state)
{
	struct sysinfo info;

	(void)state;
	guest_init(&guest, "high");
	assert_int_equal(sysinfo(&info), 0);
	if ((uint64_t)info.totalram * info.mem_unit < 4 * GIB) {
		print_message("SKIP: this host has less than the guest's 4 GiB\n");
		skip();
	}
	guest.step = write_high;
	guest.config.memory_bytes = 3 * GIB + 64 * MIB;
	guest_new(&guest);
	guest_run(&guest);
	ended_well();
	guest_said(&guest, "last 103fffff8");
	guest_said(&guest, "was 0");
	guest_said(&guest, "first reads 1122334455667788");
	guest_said(&guest, "last reads 99aabbccddeeff00");
	guest_said(&guest, "step 55667788");
	guest_said(&guest, "then reads abababab");
}

static void ports_nobody_has_read_as_ones(void **state)
{
	(void)state;
	run("ports");
	ended_well();
	guest_said(&guest, "in8 ff");
	guest_said(&guest, "in16 ffff");
	guest_said(&guest, "in32 ffffffff");
	guest_said(&guest, "in beyond ffffffff");
	/* outs brought all eight letters in order, ins fetched them backwards. */
	assert_non_null(strstr(guest.text,
			       "ins 68\nins 67\nins 66\nins 65\nins 64\nins 63\nins 62\n"
			       "ins 61\n"));
	guest_said(&guest, "ins nobody ffffffffffffffff");
	assert_int_equal(guest.vmm->pio.unclaimed, 3 + 3 + 1 + 2);
}

static uint32_t unclaimed_mmio(struct guest *g, uint32_t number)
{
	(void)number;
	return (uint32_t)g->vmm->mmio.unclaimed;
}

/* Remembers what was written to it, byte by byte, and that each access was a natural one. */
struct memory_range {
	struct via_bus_range range;
	uint8_t bytes[0x2000];
	unsigned int unnatural;
};

static void access_memory(void *owner, struct via_bus_access *access)
{
	struct memory_range *memory = owner;
	unsigned int size_bytes = access->size_bytes;

	if (size_bytes & (size_bytes - 1))
		memory->unnatural++;
	else if (access->write)
		memcpy(memory->bytes + access->offset, &access->value, size_bytes);
	else
		memcpy(&access->value, memory->bytes + access->offset, size_bytes);
}

static void addresses_nobody_has_read_as_ones(void **state)
{
	static struct memory_range memory;

	(void)state;
	guest_init(&guest, "mmio");
	guest.step = unclaimed_mmio;
	guest_new(&guest);
	memory.range = (struct via_bus_range){
		.base = GUEST_EMPTY_GPA + 0x1000,
		.size_bytes = 0x2000,
		.access = access_memory,
		.owner = &memory,
	};
	assert_int_equal(via_bus_add(&guest.vmm->mmio, &memory.range), 0);
	guest_run(&guest);
	ended_well();
	guest_said(&guest, "read8 ff");
	guest_said(&guest, "read16 ffff");
	guest_said(&guest, "read32 ffffffff");
	guest_said(&guest, "read64 ffffffffffffffff");
	/* Three bytes of nobody's, then five of the range. */
	guest_said(&guest, "edge ffffff");
	/* Eight accesses of a natural size, and three and five bytes in two parts each. */
	guest_said(&guest, "step c");
	guest_said(&guest, "odd 807060504030201");
	assert_int_equal(memory.unnatural, 0);
}

struct fake_function {
	struct via_pci_function function;
	char log[512];
};

static void fake_config(void *owner, struct via_bus_access *access)
{
	struct fake_function *fake = owner;
	size_t used = strlen(fake->log);

	if (access->write)
		snprintf(fake->log + used, sizeof(fake->log) - used, "%llx:%u=%llx ",
			 (unsigned long long)access->offset, access->size_bytes,
			 (unsigned long long)access->value);
	else
		access->value =
			access->offset >= 4 ? access->offset : 0x76543210ULL >> access->offset * 8;
}

static void configuration_space_is_reached_through_ecam(void **state)
{
	static struct fake_function fake;

	(void)state;
	guest_init(&guest, "ecam");
	guest_new(&guest);
	fake = (struct fake_function){ .function = { .config = fake_config, .owner = &fake } };
	guest.vmm->pci.functions[GUEST_DEVFN] = &fake.function;
	guest_run(&guest);
	guest.vmm->pci.functions[GUEST_DEVFN] = NULL;
	ended_well();
	guest_said(&guest, "absent8 ff");
	guest_said(&guest, "absent16 ffff");
	guest_said(&guest, "absent32 ffffffff");
	guest_said(&guest, "absent64 ffffffffffffffff");
	guest_said(&guest, "id 76543210");
	guest_said(&guest, "vendor 3210");
	guest_said(&guest, "device 7654");
	guest_said(&guest, "byte 76");
	guest_said(&guest, "both 476543210");
	guest_said(&guest, "last ffc");
	guest_said(&guest, "function 1 ffffffff");
	guest_said(&guest, "unaligned ffffffff");
	assert_string_equal(fake.log,
			    "40:1=11 42:2=2233 44:4=44556677 48:4=ccddeeff 4c:4=8899aabb ");
	assert_int_equal(fake.function.reads, 7);
	assert_int_equal(fake.function.writes, 5);
}

/* Two pages of this process that the guest gets to see and loses again. */
static uint8_t *slot_page;
static int slot;

static uint32_t change_slots(struct guest *g, uint32_t number)
{
	struct via_memory *memory = &g->vmm->memory;
	uint32_t value;

	switch (number) {
	case 1:
		memset(slot_page, 0x5a, 4096);
		slot = via_memory_slot_add(memory, GUEST_SLOT_GPA, 4096, slot_page, true);
		return slot >= 0;
	case 2:
		memcpy(&value, slot_page + 4, sizeof(value));
		/* KVM's refusal to lay one over another comes through. */
		return via_memory_slot_add(memory, GUEST_SLOT_GPA, 4096, slot_page, true) == -EEXIST
			       ? value
			       : 0;
	case 3:
		via_memory_slot_remove(memory, slot);
		slot = via_memory_slot_add(memory, GUEST_OTHER_SLOT_GPA, 4096, slot_page, true);
		return slot >= 0;
	default:
		via_memory_slot_remove(memory, slot);
		return 0;
	}
}

static void memory_slots_come_and_go(void **state)
{
	(void)state;
	slot_page = aligned_alloc(4096, 4096);
	assert_non_null(slot_page);
	guest_init(&guest, "slots");
	guest.step = change_slots;
	guest_new(&guest);
	guest_run(&guest);
	ended_well();
	guest_said(&guest, "empty ffffffff");
	guest_said(&guest, "added 5a5a5a5a");
	guest_said(&guest, "direct cafe");
	guest_said(&guest, "moved away ffffffff");
	guest_said(&guest, "moved 5a5a5a5a");
	guest_said(&guest, "moved too cafe");
	guest_said(&guest, "removed ffffffff");
	free(slot_page);
}

static uint32_t gsi_count;
static int gsi_a, gsi_b, msi_eventfd;

static uint64_t routings(const struct guest *g)
{
	return g->vmm->kvm.ioctls[_IOC_NR(KVM_SET_GSI_ROUTING)];
}

static uint32_t send_msis(struct guest *g, uint32_t number)
{
	struct via_irq *irq = g->vmm->irq;
	uint64_t one = 1, before = routings(g);

	switch (number) {
	case 1:
		assert_int_equal(before, 0);
		gsi_a = via_irq_msi_alloc(irq);
		gsi_b = via_irq_msi_alloc(irq);
		assert_int_equal(gsi_a, 24);
		assert_int_equal(gsi_b, 25);
		via_irq_msi_route(irq, gsi_a, 0xfee00000, GUEST_VECTOR_A);
		assert_int_equal(routings(g), before);
		assert_int_equal(via_irq_commit(irq), 0);
		assert_int_equal(routings(g), before + 1);
		assert_int_equal(via_irq_attach(irq, gsi_a, msi_eventfd), 0);
		break;
	case 2:
		via_irq_msi_route(irq, gsi_a, 0xfee00000, GUEST_VECTOR_B);
		assert_int_equal(via_irq_commit(irq), 0);
		assert_int_equal(routings(g), before + 1);
		/* The same once more is nothing to tell KVM. */
		via_irq_msi_route(irq, gsi_a, 0xfee00000, GUEST_VECTOR_B);
		assert_int_equal(via_irq_commit(irq), 0);
		assert_int_equal(routings(g), before + 1);
		break;
	case 3:
		via_irq_detach(irq, gsi_a, msi_eventfd);
		assert_int_equal(write(msi_eventfd, &one, sizeof(one)), sizeof(one));
		break;
	case 4:
		assert_int_equal(via_irq_attach(irq, gsi_a, msi_eventfd), 0);
		return 0;
	case 5:
		via_irq_detach(irq, gsi_a, msi_eventfd);
		via_irq_msi_free(irq, gsi_a);
		via_irq_msi_route(irq, gsi_b, 0xfee00000, GUEST_VECTOR_A);
		assert_int_equal(via_irq_msi_alloc(irq), gsi_a);
		via_irq_msi_route(irq, gsi_a, 0xfee00000, GUEST_VECTOR_B);
		assert_int_equal(via_irq_commit(irq), 0);
		assert_int_equal(routings(g), before + 1);
		assert_int_equal(via_irq_attach(irq, gsi_b, msi_eventfd), 0);
		break;
	}
	assert_int_equal(write(msi_eventfd, &one, sizeof(one)), sizeof(one));
	gsi_count++;
	return 0;
}

static void an_eventfd_interrupts_the_guest(void **state)
{
	(void)state;
	msi_eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	guest_init(&guest, "msi");
	guest.step = send_msis;
	guest_new(&guest);
	guest_run(&guest);
	ended_well();
	guest_said(&guest, "begin 0 0");
	guest_said(&guest, "first 1 0");
	guest_said(&guest, "re-routed 1 1");
	/* Two signals while detached stay in the eventfd, and are one interrupt after. */
	guest_said(&guest, "detached 1 1");
	guest_said(&guest, "attached 1 2");
	guest_said(&guest, "second 2 2");
	via_irq_detach(guest.vmm->irq, gsi_b, msi_eventfd);
	close(msi_eventfd);
}

static void processors_know_of_each_other(void **state)
{
	(void)state;
	guest_init(&guest, "topology");
	guest.config.cpus = 4;
	guest_new(&guest);
	guest_run(&guest);
	ended_well();
	guest_said(&guest, "id 0");
	guest_said(&guest, "logical 4");
	guest_said(&guest, "features 7");
	guest_said(&guest, "cores 4");
	for (unsigned int i = 0; i < 4; i++)
		assert_true(guest.vmm->vcpus[i].fd >= 0);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t stopped_at_ms;

static void *stop_soon(void *argument)
{
	struct guest *g = argument;
	const struct timespec soon = { .tv_nsec = 300000000 };
	int waiting = 0, before;

	/* When it has said all it says; what nobody reads comes to a halt when the pipe is full. */
	do {
		before = waiting;
		nanosleep(&soon, NULL);
		if (g->deaf)
			assert_int_equal(ioctl(g->out[0], FIONREAD, &waiting), 0);
		else
			waiting = (int)__atomic_load_n(&g->text_bytes, __ATOMIC_RELAXED);
	} while (!waiting || waiting != before);
	stopped_at_ms = now_ms();
	via_vmm_stop(g->vmm);
	via_vmm_stop(g->vmm);
	return NULL;
}

static void run_until_stopped(const char *test, unsigned int cpus)
{
	pthread_t thread;

	guest_init(&guest, test);
	guest.deaf = !strcmp(test, "flood");
	assert_true(fcntl(guest.out[1], F_SETPIPE_SZ, 4096) >= 4096);
	guest.config.cpus = cpus;
	guest_new(&guest);
	assert_int_equal(pthread_create(&thread, NULL, stop_soon, &guest), 0);
	guest_run(&guest);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(guest.rc, 0);
	assert_int_equal(guest.end, VIA_VMM_END_STOPPED);
	/* A kick and a join; the rest is for a busy or an emulated host. */
	assert_true(now_ms() - stopped_at_ms < 5000);
}

static void a_guest_that_sleeps_can_be_stopped(void **state)
{
	(void)state;
	run_until_stopped("halt", 4);
	guest_said(&guest, "halted");
}

static void a_guest_that_is_busy_can_be_stopped(void **state)
{
	(void)state;
	run_until_stopped("busy", 1);
	guest_said(&guest, "busy");
}

static void a_guest_whose_console_is_full_can_be_stopped(void **state)
{
	(void)state;
	run_until_stopped("flood", 1);
}

static void a_guest_can_be_stopped_before_it_runs(void **state)
{
	(void)state;
	guest_init(&guest, "halt");
	guest_new(&guest);
	via_vmm_stop(guest.vmm);
	guest_run(&guest);
	assert_int_equal(guest.rc, 0);
	assert_int_equal(guest.end, VIA_VMM_END_STOPPED);
}

static uint64_t count_of(const struct via_vmm_counts *counts, const char *name)
{
	for (size_t i = 0; i < counts->count; i++)
		if (!strcmp(counts->counts[i].name, name))
			return counts->counts[i].value;
	return 0;
}

static void what_happened_is_counted(void **state)
{
	struct via_vmm_stats stats;

	(void)state;
	run("ports");
	assert_int_equal(via_vmm_stats(guest.vmm, &stats, &guest.err), 0);
	assert_int_equal(stats.memory_bytes, 32 << 20);
	assert_int_equal(count_of(&stats.accesses, "unclaimed_pio"), 9);
	assert_int_equal(count_of(&stats.accesses, "unclaimed_mmio"), 0);
	assert_int_equal(count_of(&stats.accesses, "sleep"), 1);
	assert_true(count_of(&stats.accesses, "serial") > 100);
	assert_true(count_of(&stats.user_exits, "io") > 100);
	assert_int_equal(count_of(&stats.ioctls, "KVM_CREATE_VCPU"), 1);
	assert_int_equal(count_of(&stats.ioctls, "KVM_SET_GSI_ROUTING"), 0);
	assert_true(count_of(&stats.ioctls, "KVM_RUN") >= count_of(&stats.user_exits, "io"));
	assert_true(stats.phase_ns[VIA_VMM_PHASE_KVM] <= stats.phase_ns[VIA_VMM_PHASE_LOADED]);
	assert_true(stats.phase_ns[VIA_VMM_PHASE_LOADED] <= stats.phase_ns[VIA_VMM_PHASE_RUN]);
	assert_true(stats.phase_ns[VIA_VMM_PHASE_RUN] < stats.phase_ns[VIA_VMM_PHASE_END]);
	assert_int_equal(stats.phase_ns[VIA_VMM_PHASE_DEVICES], 0);
	via_vmm_stats_clear(&stats);
}

static uint64_t runs_seen;

static void look(struct guest *g)
{
	struct via_vmm_stats stats;

	assert_int_equal(via_vmm_stats(g->vmm, &stats, &g->err), 0);
	assert_true(count_of(&stats.ioctls, "KVM_RUN") >= runs_seen);
	runs_seen = count_of(&stats.ioctls, "KVM_RUN");
	via_vmm_stats_clear(&stats);
	type(g);
}

static void counters_can_be_read_while_the_guest_runs(void **state)
{
	(void)state;
	guest_init(&guest, "echo");
	guest.config.console_in = guest.in[0];
	guest.said = look;
	guest_new(&guest);
	guest_run(&guest);
	ended_well();
	assert_true(runs_seen > 10);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(a_guest_runs_and_turns_itself_off),
		TEST(a_guest_is_told_what_it_has),
		TEST(a_reset_ends_a_guest),
		TEST(only_the_right_value_turns_a_guest_off),
		TEST(a_triple_fault_is_an_error),
		TEST(an_init_of_the_first_processor_is_an_error),
		TEST(a_guest_kvm_gives_up_is_an_error),
		TEST(a_console_goes_both_ways),
		TEST(a_guest_without_a_console_runs_all_the_same),
		TEST(a_console_nobody_reads_any_more_is_no_obstacle),
		TEST(memory_above_4_gib_is_memory),
		TEST(ports_nobody_has_read_as_ones),
		TEST(addresses_nobody_has_read_as_ones),
		TEST(configuration_space_is_reached_through_ecam),
		TEST(memory_slots_come_and_go),
		TEST(an_eventfd_interrupts_the_guest),
		TEST(processors_know_of_each_other),
		TEST(a_guest_that_sleeps_can_be_stopped),
		TEST(a_guest_that_is_busy_can_be_stopped),
		TEST(a_guest_whose_console_is_full_can_be_stopped),
		TEST(a_guest_can_be_stopped_before_it_runs),
		TEST(what_happened_is_counted),
		TEST(counters_can_be_read_while_the_guest_runs),
	};
	int rc = guest_main(argc, argv);

	return rc ? rc : cmocka_run_group_tests(tests, NULL, NULL);
}
