/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/kvm.h>
#include <linux/pci_regs.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest-run.h"
#include "guest/guest.h"
#include "machine.h"
#include "vmm-function.h"

#define CONTROL (VMM_FUNCTION_MSIX + PCI_MSIX_FLAGS)
#define ENABLE	PCI_MSIX_FLAGS_ENABLE
#define MASKALL PCI_MSIX_FLAGS_MASKALL
#define PENDING 0x2000U

/* A device whose kernel is played here, in a machine of the real KVM. */
struct fixture {
	struct guest guest;
	struct vmm_function vf;
	struct via_passthrough *function;
	uint64_t routings, irqfds, set_irqs; /* at the last look */
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	guest_init(&f->guest, "function");
	vmm_function_init(&f->vf);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	via_passthrough_free(f->function);
	guest_fini(&f->guest);
	vmm_function_fini(&f->vf);
	free(f);
	return 0;
}

static void plug(struct fixture *f)
{
	struct via_vmm *vmm;
	struct via_passthrough_machine machine = { .host = f->vf.host };

	guest_new(&f->guest);
	vmm = f->guest.vmm;
	machine.lock = &vmm->lock;
	machine.loop = &vmm->loop;
	machine.irq = vmm->irq;
	machine.memory = &vmm->memory;
	machine.mmio = &vmm->mmio;
	machine.pio = &vmm->pio;
	machine.pci = &vmm->pci;
	if (via_passthrough_wrap(&machine, vmm_function_open(&f->vf), NULL,
				 (struct via_passthrough_place){ .devfn = GUEST_DEVFN },
				 &f->function, &f->guest.err))
		fail_msg("no function: %s", f->guest.err.text);
}

static struct via_vector *vector(struct fixture *f, unsigned int index)
{
	return &f->function->msix.table.wires[index].vector;
}

/* What it cost since the last look: routing updates, irqfds made and removed, VFIO calls. */
static void cost(struct fixture *f, uint64_t routings, uint64_t irqfds, uint64_t set_irqs)
{
	const struct via_kvm *kvm = &f->guest.vmm->kvm;
	uint64_t now_routings = kvm->ioctls[_IOC_NR(KVM_SET_GSI_ROUTING)];
	uint64_t now_irqfds = kvm->ioctls[_IOC_NR(KVM_IRQFD)];
	uint64_t now_set_irqs = via_vfio_device_stats(f->function->device).set_irqs;

	assert_int_equal(now_routings - f->routings, routings);
	assert_int_equal(now_irqfds - f->irqfds, irqfds);
	assert_int_equal(now_set_irqs - f->set_irqs, set_irqs);
	f->routings = now_routings;
	f->irqfds = now_irqfds;
	f->set_irqs = now_set_irqs;
}

static void begin(struct fixture *f)
{
	plug(f);
	f->irqfds = f->guest.vmm->kvm.ioctls[_IOC_NR(KVM_IRQFD)]; /* the serial port's */
}

static void config_write(struct fixture *f, size_t offset, unsigned int size_bytes, uint32_t value)
{
	struct via_bus_access access = { offset, value, size_bytes, true };

	f->function->function.config(f->function, &access);
}

static void table_write(struct fixture *f, uint64_t offset, unsigned int size_bytes, uint64_t value)
{
	struct via_bus_access access = { 0, value, size_bytes, true };

	assert_true(via_msix_access(f->function, 3, offset, &access));
}

static uint64_t table_read(struct fixture *f, uint64_t offset, unsigned int size_bytes)
{
	struct via_bus_access access = { 0, UINT64_MAX, size_bytes, false };

	assert_true(via_msix_access(f->function, 3, offset, &access));
	return size_bytes == 8 ? access.value : access.value & UINT32_MAX;
}

static void program(struct fixture *f, unsigned int index, uint32_t address, uint32_t data)
{
	table_write(f, index * 16, 4, address);
	table_write(f, index * 16 + 4, 4, 0);
	table_write(f, index * 16 + 8, 4, data);
}

static void mask(struct fixture *f, unsigned int index, bool masked)
{
	table_write(f, index * 16 + 12, 4, masked);
}

static void signal_vector(struct fixture *f, unsigned int index)
{
	uint64_t one = 1;

	assert_int_equal(write(vector(f, index)->eventfd, &one, sizeof(one)), sizeof(one));
}

static bool signalled(int eventfd)
{
	struct pollfd pollfd = { .fd = eventfd, .events = POLLIN };

	return poll(&pollfd, 1, 0) > 0;
}

static void kernel_has_noresize(struct fixture *f, bool noresize)
{
	f->vf.fake.irqs[VFIO_PCI_MSIX_IRQ_INDEX].flags =
		VFIO_IRQ_INFO_EVENTFD | (noresize ? VFIO_IRQ_INFO_NORESIZE : 0);
}

static void unmasking_connects_that_vector_and_no_other(void **state)
{
	struct fixture *f = *state;
	size_t files;

	kernel_has_noresize(f, false);
	begin(f);
	files = guest_open_files();
	config_write(f, CONTROL, 2, ENABLE);
	program(f, 1, 0xfee00000, 0x41);
	cost(f, 0, 0, 0);
	assert_int_equal(guest_open_files(), files);
	mask(f, 1, false);
	cost(f, 1, 1, 1);
	assert_int_equal(f->vf.fake.set.index, VFIO_PCI_MSIX_IRQ_INDEX);
	assert_int_equal(f->vf.fake.set.start, 1);
	assert_int_equal(f->vf.fake.set.count, 1);
	assert_int_equal(f->vf.fake.set.fds[0], vector(f, 1)->eventfd);
	assert_true(vector(f, 1)->attached);
	assert_int_equal(vector(f, 0)->eventfd, -1);
	assert_int_equal(vector(f, 2)->eventfd, -1);
	assert_int_equal(guest_open_files(), files + 1);
	/* Unmasked already. */
	mask(f, 1, false);
	cost(f, 0, 0, 0);
	/* The next adds itself. */
	program(f, 2, 0xfee00000, 0x42);
	mask(f, 2, false);
	cost(f, 1, 1, 1);
	assert_int_equal(f->vf.fake.set.start, 2);
	assert_int_equal(f->vf.fake.set.count, 1);
	/* Off, everything is given back. */
	config_write(f, CONTROL, 2, 0);
	cost(f, 0, 2, 1);
	assert_int_equal(f->vf.fake.set.count, 0);
	assert_int_equal(f->vf.fake.set.flags,
			 VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER);
	assert_int_equal(guest_open_files(), files);
	assert_int_equal(vector(f, 1)->enabled, 1);
}

static void masking_costs_one_irqfd_and_keeps_what_comes(void **state)
{
	struct fixture *f = *state;

	begin(f);
	config_write(f, CONTROL, 2, ENABLE);
	program(f, 0, 0xfee00000, 0x41);
	mask(f, 0, false);
	cost(f, 1, 1, 1);
	signal_vector(f, 0);
	mask(f, 0, true);
	cost(f, 0, 1, 0);
	assert_false(vector(f, 0)->attached);
	assert_false(signalled(vector(f, 0)->eventfd)); /* delivered before */
	assert_int_equal(table_read(f, PENDING, 8), 0);
	signal_vector(f, 0);
	assert_int_equal(table_read(f, PENDING, 4), 1);
	assert_int_equal(table_read(f, PENDING, 8), 1);
	assert_int_equal(table_read(f, PENDING + 4, 4), 0);
	assert_int_equal(table_read(f, PENDING, 4), 1); /* looking takes nothing */
	mask(f, 0, false);
	cost(f, 0, 1, 0);
	assert_int_equal(table_read(f, PENDING, 4), 0);
	assert_false(signalled(vector(f, 0)->eventfd));
	/* The whole function's mask does the same. */
	config_write(f, CONTROL, 2, ENABLE | MASKALL);
	cost(f, 0, 1, 0);
	signal_vector(f, 0);
	assert_int_equal(table_read(f, PENDING, 4), 1);
	config_write(f, CONTROL + 1, 1, ENABLE >> 8);
	cost(f, 0, 1, 0);
	assert_int_equal(table_read(f, PENDING, 4), 0);
}

static void a_changed_message_costs_one_routing(void **state)
{
	struct fixture *f = *state;

	begin(f);
	config_write(f, CONTROL, 2, ENABLE);
	program(f, 0, 0xfee00000, 0x41);
	mask(f, 0, false);
	cost(f, 1, 1, 1);
	/* As Linux moves an interrupt: masked, and unmasked once. */
	mask(f, 0, true);
	program(f, 0, 0xfee01000, 0x51);
	mask(f, 0, false);
	cost(f, 1, 2, 0);
	/* Masked and unmasked without a change costs no routing. */
	mask(f, 0, true);
	mask(f, 0, false);
	cost(f, 0, 2, 0);
	/* While it is unmasked, each piece counts. */
	table_write(f, 8, 4, 0x61);
	cost(f, 1, 0, 0);
	assert_true(vector(f, 0)->attached);
}

static void all_vectors_at_once_are_one_update(void **state)
{
	struct fixture *f = *state;

	begin(f);
	for (unsigned int i = 0; i < VMM_FUNCTION_VECTORS; i++) {
		program(f, i, 0xfee00000, 0x41 + i);
		mask(f, i, false);
	}
	cost(f, 0, 0, 0);
	config_write(f, CONTROL, 2, ENABLE);
	cost(f, 1, VMM_FUNCTION_VECTORS, 1);
	assert_int_equal(f->vf.fake.set.start, 0);
	assert_int_equal(f->vf.fake.set.count, VMM_FUNCTION_VECTORS);
	for (unsigned int i = 0; i < VMM_FUNCTION_VECTORS; i++)
		assert_int_equal(f->vf.fake.set.fds[i], vector(f, i)->eventfd);
	/* As Linux enables it: all masked, then one by one. */
	config_write(f, CONTROL, 2, 0);
	f->irqfds = f->guest.vmm->kvm.ioctls[_IOC_NR(KVM_IRQFD)];
	f->set_irqs++;
	config_write(f, CONTROL, 2, ENABLE | MASKALL);
	cost(f, 0, 0, 0);
	config_write(f, CONTROL, 2, ENABLE);
	cost(f, 1, VMM_FUNCTION_VECTORS, 1);
}

static void vectors_apart_are_connected_apart(void **state)
{
	struct fixture *f = *state;

	kernel_has_noresize(f, false);
	begin(f);
	program(f, 0, 0xfee00000, 0x41);
	mask(f, 0, false);
	program(f, 2, 0xfee00000, 0x43);
	mask(f, 2, false);
	config_write(f, CONTROL, 2, ENABLE);
	cost(f, 1, 2, 2);
	assert_int_equal(f->vf.fake.set.start, 2);
	assert_int_equal(f->vf.fake.set.count, 1);
	assert_int_equal(vector(f, 1)->eventfd, -1);
}

/* A kernel that cannot add vectors gets all of them the first time, silent but for the one. */
static void without_resizing_all_are_allocated_at_once(void **state)
{
	struct fixture *f = *state;

	kernel_has_noresize(f, true);
	begin(f);
	config_write(f, CONTROL, 2, ENABLE);
	program(f, 1, 0xfee00000, 0x41);
	mask(f, 1, false);
	cost(f, 1, 1, 1);
	assert_int_equal(f->vf.fake.set.start, 0);
	assert_int_equal(f->vf.fake.set.count, VMM_FUNCTION_VECTORS);
	assert_int_equal(f->vf.fake.set.fds[0], -1);
	assert_int_equal(f->vf.fake.set.fds[1], vector(f, 1)->eventfd);
	assert_int_equal(f->vf.fake.set.fds[2], -1);
	assert_int_equal(vector(f, 0)->eventfd, -1);
	program(f, 2, 0xfee00000, 0x42);
	mask(f, 2, false);
	cost(f, 1, 1, 1);
	assert_int_equal(f->vf.fake.set.start, 2);
	assert_int_equal(f->vf.fake.set.count, 1);
	assert_int_equal(f->vf.fake.set.fds[0], vector(f, 2)->eventfd);
}

static void nonsense_is_wired_to_nothing(void **state)
{
	static const struct {
		uint32_t address, upper;
	} cases[] = {
		{ 0, 0 },	   { 0x1000, 0 },     { 0xfed00000, 0 },	  { 0xfef00000, 0 },
		{ 0xfffffffc, 0 }, { 0xfee00000, 1 }, { 0xfee00000, UINT32_MAX }, { 0x7ee00000, 0 },
	};
	struct fixture *f = *state;

	begin(f);
	config_write(f, CONTROL, 2, ENABLE);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		table_write(f, 0, 4, cases[i].address);
		table_write(f, 4, 4, cases[i].upper);
		table_write(f, 8, 4, (uint32_t)(0xdeadbeef * (i + 1)));
		mask(f, 0, false);
		cost(f, 0, 0, 0);
		assert_int_equal(vector(f, 0)->eventfd, -1);
		mask(f, 0, true);
	}
	/* A good one, made bad while unmasked, is taken off; made good again it is back. */
	program(f, 0, 0xfee00000, 0x41);
	mask(f, 0, false);
	cost(f, 1, 1, 1);
	table_write(f, 4, 4, 1);
	assert_false(vector(f, 0)->attached);
	signal_vector(f, 0);
	assert_int_equal(table_read(f, PENDING, 4), 1);
	cost(f, 0, 1, 0);
	table_write(f, 4, 4, 0);
	assert_true(vector(f, 0)->attached);
	assert_int_equal(table_read(f, PENDING, 4), 0);
	cost(f, 0, 1, 0);
	/* Odd data is the guest's own affair: KVM drops what has no meaning. */
	table_write(f, 8, 4, 0xffffffff);
	cost(f, 1, 0, 0);
	signal_vector(f, 0);
}

static void interrupts_are_counted_by_the_kernel(void **state)
{
	struct fixture *f = *state;
	struct via_vmm_device_stats stats;

	tree_add(&f->vf.tree,
		 (struct tree_entry){
			 "proc/interrupts",
			 "           CPU0       CPU1\n"
			 "  4:        100        200   IO-APIC   4-edge      ttyS0\n"
			 " 28:          3         40  IR-PCI-MSIX-0000:01:10.0    0-edge      "
			 "vfio-msix[0](0000:01:10.0)\n"
			 " 29:          5          6  IR-PCI-MSIX-0000:01:10.0    2-edge      "
			 "vfio-msix[2](0000:01:10.0)\n"
			 " 30:       1000       1000  IR-PCI-MSIX-0000:01:10.2    0-edge      "
			 "vfio-msix[0](0000:01:10.2)\n"
			 " 31:       1000       1000  IR-PCI-MSIX-0000:01:10.0    7-edge      "
			 "vfio-msix[7](0000:01:10.0)\n"
			 "NMI:          0          0   Non-maskable interrupts\n" });
	begin(f);
	assert_int_equal(via_passthrough_stats(f->function, &stats), 0);
	assert_int_equal(stats.vector_count, VMM_FUNCTION_VECTORS);
	assert_int_equal(stats.vector_interrupts[0], 0); /* not ours before it is enabled */
	free(stats.vector_interrupts);
	config_write(f, CONTROL, 2, ENABLE);
	program(f, 0, 0xfee00000, 0x41);
	mask(f, 0, false);
	assert_int_equal(via_passthrough_stats(f->function, &stats), 0);
	assert_int_equal(stats.vector_interrupts[0], 43);
	assert_int_equal(stats.vector_interrupts[1], 0);
	assert_int_equal(stats.vector_interrupts[2], 11);
	assert_int_equal(stats.vectors_enabled, 1);
	assert_int_equal(stats.guest_devfn, GUEST_DEVFN);
	free(stats.vector_interrupts);
	/* The kernel forgets them with the vectors; they are kept. */
	config_write(f, CONTROL, 2, 0);
	tree_drop(&f->vf.tree, "proc/interrupts");
	assert_int_equal(via_passthrough_stats(f->function, &stats), 0);
	assert_int_equal(stats.vector_interrupts[0], 43);
	free(stats.vector_interrupts);
}

/* BARs that need memory slots, which the unit tests cannot have. */
static void a_bar_that_is_mapped_follows_its_register(void **state)
{
	struct fixture *f = *state;
	struct via_bar *bar;

	begin(f);
	bar = &f->function->bars.bars[0];
	assert_int_equal(bar->segments[0].slot, -1);
	config_write(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_true(bar->mapped);
	assert_true(bar->segments[0].slot > 0);
	assert_true(f->function->bars.bars[3].segments[1].slot > 0);
	assert_int_equal(f->function->bars.bars[3].segments[0].slot, -1); /* the table */
	config_write(f, 0x14, 4, 0);
	assert_false(bar->mapped);
	config_write(f, 0x10, 4, 0xc8000000);
	assert_true(bar->mapped);
	assert_int_equal(bar->base, 0xc8000000);
	/* Over memory, and over another BAR: not decoded, and no slot stays. */
	config_write(f, 0x10, 4, 0x100000);
	assert_false(bar->mapped);
	assert_int_equal(bar->segments[0].slot, -1);
	config_write(f, 0x20, 4, 0);
	config_write(f, 0x1c, 4, 0xc9000000);
	config_write(f, 0x10, 4, 0xc9000000);
	assert_false(bar->mapped);
	assert_true(f->function->bars.bars[3].mapped);
	config_write(f, 0x1c, 4, 0xca000000);
	assert_true(bar->mapped);
	assert_int_equal(via_passthrough_quiesce(f->function, &f->guest.err), 0);
	assert_false(bar->mapped);
	assert_int_equal(bar->segments[0].slot, -1);
	assert_int_equal(f->vf.fake.resets, 1);
}

static uint32_t as_the_device(struct guest *guest, uint32_t number)
{
	struct fixture *f = guest->data;
	uint32_t value = 0;

	switch (number) {
	case 1: /* what the guest wrote to register 12 */
		assert_int_equal(pread(f->vf.fake.device_fd, &value, 4, 12), 4);
		return value;
	case 2:
		return vector(f, 0)->connected;
	default:
		signal_vector(f, 0);
		return 0;
	}
}

static void a_guest_drives_a_function(void **state)
{
	struct fixture *f = *state;
	const uint32_t said = 0xbeef;

	f->guest.step = as_the_device;
	f->guest.data = f;
	assert_int_equal(pwrite(f->vf.fake.device_fd, &said, 4, 8), 4);
	plug(f);
	guest_run(&f->guest);
	assert_int_equal(f->guest.rc, 0);
	assert_int_equal(f->guest.end, VIA_VMM_END_POWER_OFF);
	guest_said(&f->guest, "id 10ca8086");
	guest_said(&f->guest, "msix at 70");
	guest_said(&f->guest, "undecoded ffffffff");
	guest_said(&f->guest, "register beef");
	guest_said(&f->guest, "reached feed");
	guest_said(&f->guest, "masked 1");
	assert_non_null(strstr(f->guest.text, "connected 0\nconnected 1\n"));
	guest_said(&f->guest, "delivered 1 0");
	assert_non_null(strstr(f->guest.text, "masked 1 0\npending 1\n"));
	assert_non_null(strstr(f->guest.text, "unmasked elsewhere 1 1\npending 0\n"));
	guest_said(&f->guest, "once 1 1");
	guest_said(&f->guest, "old place ffffffff");
	guest_said(&f->guest, "new place beef");
	guest_said(&f->guest, "off ffffffff");
	guest_said(&f->guest, "end");
	/* The registers were mapped: no access to them came here. */
	assert_int_equal(via_vfio_device_stats(f->function->device).region_reads, 0);
	assert_int_equal(via_vfio_device_stats(f->function->device).region_writes, 0);
}

/* What the device's kernel has to hand on since the last look. */
static uint64_t rung(struct fixture *f)
{
	uint64_t count = 0;

	if (!f->vf.fake.doorbell_count ||
	    read(f->vf.fake.doorbells[0].fd, &count, sizeof(count)) != sizeof(count))
		return 0;
	return count;
}

/* Writes that came here; from bit 16 on, what rang the doorbell instead; at bit 31, whether. */
static uint32_t beside_the_bell(struct guest *guest, uint32_t number)
{
	struct fixture *f = guest->data;
	uint64_t writes = via_vfio_device_stats(f->function->device).region_writes;

	(void)number;
	return (uint32_t)(writes | rung(f) << 16 | f->vf.fake.doorbell_count << 31);
}

static void begin_ringing(struct fixture *f)
{
	snprintf(f->guest.append, sizeof(f->guest.append), "test=doorbell");
	f->guest.step = beside_the_bell;
	f->guest.data = f;
	fake_region(&f->vf.fake, 0, 0, 0x4000,
		    VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE);
	begin(f);
}

static void a_doorbell_is_rung_without_this_process(void **state)
{
	struct fixture *f = *state;
	size_t files;

	begin_ringing(f);
	files = guest_open_files();
	guest_run(&f->guest);
	assert_int_equal(f->guest.rc, 0);
	guest_said(&f->guest, "before 3f");
	guest_said(&f->guest, "made 80000040");
	guest_said(&f->guest, "rung 83e80040");	  /* 1000 more writes, and none came here */
	guest_said(&f->guest, "others 80000043"); /* another value, width or register does */
	guest_said(&f->guest, "left 43");	  /* nobody is there any more */
	guest_said(&f->guest, "moved 44");
	guest_said(&f->guest, "back 45");
	guest_said(&f->guest, "end");
	assert_int_equal(f->vf.fake.doorbell.offset, 0x18);
	assert_int_equal(f->vf.fake.doorbell.data, 7);
	assert_int_equal(f->vf.fake.doorbell.flags, VFIO_DEVICE_IOEVENTFD_32);
	assert_int_equal(f->vf.fake.doorbell.fd, -1);
	assert_int_equal(guest_open_files(), files);
}

static void a_doorbell_the_kernel_refuses_is_not_asked_for_again(void **state)
{
	struct fixture *f = *state;

	f->vf.fake.doorbell_rc = -ENOTTY;
	begin_ringing(f);
	guest_run(&f->guest);
	assert_int_equal(f->guest.rc, 0);
	guest_said(&f->guest, "rung 428"); /* 1064 writes, each of them here */
	assert_int_equal(fake_vfio_called(&f->vf.fake, VFIO_DEVICE_IOEVENTFD), 1);
	assert_string_equal(f->vf.log, "");
}

static void ring(struct fixture *f, uint64_t register_at, uint64_t value)
{
	for (int i = 0; i < 64; i++)
		via_bus_access(&f->guest.vmm->mmio, 0xc8000000 + register_at, &value, 4, true);
}

static void doorbells_are_limited_and_go_with_their_registers(void **state)
{
	struct fixture *f = *state;
	size_t files;

	begin_ringing(f);
	config_write(f, 0x10, 4, 0xc8000000);
	config_write(f, 0x14, 4, 0);
	config_write(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	files = guest_open_files();
	/* Never equal in a row. */
	for (uint64_t i = 0; i < 200; i++) {
		uint64_t value = i & 1;

		via_bus_access(&f->guest.vmm->mmio, 0xc8000000, &value, 4, true);
	}
	assert_int_equal(f->vf.fake.doorbell_count, 0);
	for (uint64_t i = 0; i < DOORBELLS_MAX; i++)
		ring(f, i / 2 * 4, i % 2);
	assert_int_equal(f->vf.fake.doorbell_count, DOORBELLS_MAX);
	ring(f, 0x100, 1);
	assert_int_equal(f->vf.fake.doorbell_count, DOORBELLS_MAX);
	assert_int_equal(guest_open_files(), files + DOORBELLS_MAX);
	config_write(f, PCI_COMMAND, 2, 0);
	assert_int_equal(f->vf.fake.doorbell_count, 0);
	assert_int_equal(guest_open_files(), files);
	config_write(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	ring(f, 0x100, 1);
	assert_int_equal(f->vf.fake.doorbell_count, 1);
	assert_int_equal(via_passthrough_quiesce(f->function, &f->guest.err), 0);
	assert_int_equal(f->vf.fake.doorbell_count, 0);
	assert_int_equal(guest_open_files(), files);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(unmasking_connects_that_vector_and_no_other),
		TEST(masking_costs_one_irqfd_and_keeps_what_comes),
		TEST(a_changed_message_costs_one_routing),
		TEST(all_vectors_at_once_are_one_update),
		TEST(vectors_apart_are_connected_apart),
		TEST(without_resizing_all_are_allocated_at_once),
		TEST(nonsense_is_wired_to_nothing),
		TEST(interrupts_are_counted_by_the_kernel),
		TEST(a_bar_that_is_mapped_follows_its_register),
		TEST(a_guest_drives_a_function),
		TEST(a_doorbell_is_rung_without_this_process),
		TEST(a_doorbell_the_kernel_refuses_is_not_asked_for_again),
		TEST(doorbells_are_limited_and_go_with_their_registers),
	};
	int rc = guest_main(argc, argv);

	return rc ? rc : cmocka_run_group_tests(tests, NULL, NULL);
}
