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
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "guest-run.h"
#include "guest/guest.h"
#include "layout.h"
#include "machine.h"
#include "vmm-function.h"

#define FUNCTIONS 2
#define MSIX_AT	  VMM_FUNCTION_MSIX
#define MSI_AT	  0x50
#define MSI_FLAGS (MSI_AT + PCI_MSI_FLAGS)
#define MESSAGE	  0xfee00000U
#define VECTORS	  0x40 /* of the guest, the first of those that are used */

/* Devices whose kernel is played here, in a machine of the real KVM. */
struct fixture {
	struct guest guest;
	struct vmm_function vf[FUNCTIONS];
	struct via_passthrough *functions[FUNCTIONS];
	size_t count;
	size_t unmasks[FUNCTIONS];	     /* at the last look */
	uint64_t routings, irqfds, set_irqs; /* likewise */
	const uint32_t *samples;	     /* vectors to signal, in this order */
	size_t sample_count;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	guest_init(&f->guest, "intx");
	f->guest.data = f;
	f->count = 1;
	for (size_t i = 0; i < FUNCTIONS; i++)
		vmm_function_init(&f->vf[i]);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < FUNCTIONS; i++)
		via_passthrough_free(f->functions[i]);
	guest_fini(&f->guest);
	for (size_t i = 0; i < FUNCTIONS; i++)
		vmm_function_fini(&f->vf[i]);
	free(f);
	return 0;
}

static void give_intx(struct vmm_function *vf)
{
	vmm_function_put(vf, PCI_INTERRUPT_PIN, 1, 1);
	vf->fake.irqs[VFIO_PCI_INTX_IRQ_INDEX].count = 1;
	vf->fake.irqs[VFIO_PCI_INTX_IRQ_INDEX].flags =
		VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED;
}

/* With 64-bit addresses and masks; @log: of how many messages. */
static void give_msi(struct vmm_function *vf, unsigned int log)
{
	vmm_function_put(vf, PCI_CAPABILITY_LIST, 1, MSI_AT);
	vmm_function_put(vf, MSI_AT, 4,
			 PCI_CAP_ID_MSI | MSIX_AT << 8 |
				 (PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT | log << 1) << 16);
	vf->fake.irqs[VFIO_PCI_MSI_IRQ_INDEX].count = 1U << log;
	vf->fake.irqs[VFIO_PCI_MSI_IRQ_INDEX].flags =
		VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE;
}

/* The largest table there is, and a kernel that adds vectors one by one. */
static void give_vectors(struct vmm_function *vf, uint32_t count)
{
	vmm_function_put(vf, MSIX_AT + PCI_MSIX_FLAGS, 2, count - 1);
	vmm_function_put(vf, MSIX_AT + PCI_MSIX_TABLE, 4, 0x00001003);
	vmm_function_put(vf, MSIX_AT + PCI_MSIX_PBA, 4, 0x0000a003);
	fake_region(&vf->fake, 3, 0x30000, 0x10000,
		    VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE);
	assert_int_equal(ftruncate(vf->fake.device_fd, 0x40000), 0);
	vf->fake.irqs[VFIO_PCI_MSIX_IRQ_INDEX].count = count;
	vf->fake.irqs[VFIO_PCI_MSIX_IRQ_INDEX].flags = VFIO_IRQ_INFO_EVENTFD;
}

static void look(struct fixture *f)
{
	const struct via_kvm *kvm = &f->guest.vmm->kvm;

	f->routings = kvm->ioctls[_IOC_NR(KVM_SET_GSI_ROUTING)];
	f->irqfds = kvm->ioctls[_IOC_NR(KVM_IRQFD)];
	f->set_irqs = via_vfio_device_stats(f->functions[0]->device).set_irqs;
}

/* What it cost since the last look: routing updates, irqfds made and removed, VFIO calls. */
static void cost(struct fixture *f, uint64_t routings, uint64_t irqfds, uint64_t set_irqs)
{
	struct fixture before = { .routings = f->routings,
				  .irqfds = f->irqfds,
				  .set_irqs = f->set_irqs };

	look(f);
	assert_int_equal(f->routings - before.routings, routings);
	assert_int_equal(f->irqfds - before.irqfds, irqfds);
	assert_int_equal(f->set_irqs - before.set_irqs, set_irqs);
}

static void plug(struct fixture *f)
{
	static const uint8_t devfns[FUNCTIONS] = { GUEST_DEVFN, GUEST_OTHER_DEVFN };
	struct via_vmm *vmm = f->guest.vmm;

	for (size_t i = 0; i < f->count; i++) {
		const struct via_passthrough_machine machine = {
			.vmm = vmm,
			.host = f->vf[i].host,
			.lock = &vmm->lock,
			.loop = &vmm->loop,
			.irq = vmm->irq,
			.memory = &vmm->memory,
			.mmio = &vmm->mmio,
			.pio = &vmm->pio,
			.pci = &vmm->pci,
		};

		if (via_passthrough_wrap(&machine, vmm_function_open(&f->vf[i]), NULL,
					 (struct via_passthrough_place){ .devfn = devfns[i] },
					 &f->functions[i], &f->guest.err))
			fail_msg("no function: %s", f->guest.err.text);
	}
	look(f);
}

static void begin(struct fixture *f)
{
	guest_new(&f->guest);
	plug(f);
}

static void run(struct fixture *f)
{
	guest_run(&f->guest);
	assert_int_equal(f->guest.rc, 0);
	assert_int_equal(f->guest.end, VIA_VMM_END_POWER_OFF);
	guest_said(&f->guest, "end");
	for (size_t i = 0; i < f->count; i++)
		assert_string_equal(f->vf[i].log, "");
}

static void config_write(struct fixture *f, size_t offset, unsigned int size_bytes, uint32_t value)
{
	struct via_bus_access access = { offset, value, size_bytes, true };

	f->functions[0]->function.config(f->functions[0], &access);
}

static uint32_t config_read(struct fixture *f, size_t offset, unsigned int size_bytes)
{
	struct via_bus_access access = { offset, 0, size_bytes, false };

	f->functions[0]->function.config(f->functions[0], &access);
	return (uint32_t)access.value & UINT32_MAX >> (32 - size_bytes * 8);
}

static void signal_eventfd(int eventfd)
{
	uint64_t one = 1;

	assert_int_equal(write(eventfd, &one, sizeof(one)), sizeof(one));
}

static uint64_t taken(int eventfd)
{
	uint64_t count = 0;

	return read(eventfd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

static bool said(struct fixture *f, const char *what)
{
	return strstr(f->vf[0].log, what);
}

/* INTx. */

/* As the host: its line is masked when it interrupts, and unmasked by an eventfd or a call. */
static bool was_unmasked(struct fixture *f, size_t i)
{
	size_t before = f->unmasks[i];

	f->unmasks[i] = f->vf[i].fake.unmasks;
	if (f->vf[i].fake.unmask_fd >= 0)
		return taken(f->vf[i].fake.unmask_fd);
	return f->unmasks[i] != before;
}

static uint32_t as_devices(struct guest *guest, uint32_t number)
{
	struct fixture *f = guest->data;
	uint32_t answer = 0;

	switch (number & 0xff) {
	case GUEST_INTX_SIGNAL:
		for (size_t i = 0; i < f->count; i++) {
			if (!(number & 0x100U << i))
				continue;
			f->unmasks[i] = f->vf[i].fake.unmasks;
			signal_eventfd(f->functions[i]->intx.trigger_fd);
		}
		break;
	case GUEST_INTX_UNMASKED:
		for (size_t i = 0; i < f->count; i++)
			answer |= (uint32_t)was_unmasked(f, i) << i;
		break;
	case GUEST_INTX_DIRECT:
		return !f->functions[0]->bars.trapped;
	case GUEST_INTX_TRAPPED:
		return (uint32_t)via_vfio_device_stats(f->functions[0]->device).region_reads;
	}
	return answer;
}

static int without_resample(void *data, int fd, unsigned long request, void *argument)
{
	int rc;

	(void)data;
	if (request == KVM_CHECK_EXTENSION && (uintptr_t)argument == KVM_CAP_IRQFD_RESAMPLE)
		return 0;
	rc = ioctl(fd, request, argument);
	return rc < 0 ? -errno : rc;
}

static void begin_intx(struct fixture *f, size_t count, bool resample)
{
	f->count = count;
	f->guest.step = as_devices;
	for (size_t i = 0; i < count; i++)
		give_intx(&f->vf[i]);
	guest_new(&f->guest);
	if (!resample)
		f->guest.vmm->kvm.call = without_resample;
	plug(f);
}

static void each_was_unmasked(struct fixture *f)
{
	guest_said(&f->guest, "pin 1");
	guest_said(&f->guest, "unmasked 1");
	guest_said(&f->guest, "trapped 0");
}

static void a_line_goes_through_the_kernel(void **state)
{
	struct fixture *f = *state;

	begin_intx(f, 1, true);
	assert_int_equal(LAYOUT_GSI_PCI(GUEST_DEVFN >> 3, 1), GUEST_INTX_PIN);
	assert_int_equal(LAYOUT_GSI_PCI(GUEST_OTHER_DEVFN >> 3, 1), GUEST_INTX_PIN);
	run(f);
	each_was_unmasked(f);
	guest_said(&f->guest, "interrupts 1 0");
	guest_said(&f->guest, "interrupts 2 0");
	guest_said(&f->guest, "interrupts 3 0");
	cost(f, 0, 1, 2);
	/* This process saw nothing of it. */
	assert_false(f->functions[0]->intx.watched);
	assert_int_equal(f->vf[0].fake.unmasks, 0);
	assert_int_equal(via_vfio_device_stats(f->functions[0]->device).region_reads, 0);
	assert_int_equal(f->guest.vmm->kvm.ioctls[_IOC_NR(KVM_IRQ_LINE)], 0);
}

static void two_functions_share_a_line(void **state)
{
	struct fixture *f = *state;

	begin_intx(f, 2, true);
	run(f);
	guest_said(&f->guest, "unmasked 3");
	assert_int_equal(f->vf[0].fake.unmasks + f->vf[1].fake.unmasks, 0);
}

static void without_resampling_the_line_is_held_here(void **state)
{
	struct fixture *f = *state;

	begin_intx(f, 1, false);
	run(f);
	each_was_unmasked(f);
	cost(f, 0, 0, 1 + 3);
	assert_true(f->functions[0]->intx.watched);
	assert_int_equal(f->vf[0].fake.unmasks, 3);
	assert_int_equal(f->guest.vmm->kvm.ioctls[_IOC_NR(KVM_IRQ_LINE)], 6);
	/* Its handler's reads trapped. How often it ran is KVM's affair: some deliver a line that
	 * is lowered before the EOI once more.
	 */
	assert_true(via_vfio_device_stats(f->functions[0]->device).region_reads >= 3);
}

static void a_shared_line_is_held_until_both_are_served(void **state)
{
	struct fixture *f = *state;

	begin_intx(f, 2, false);
	run(f);
	guest_said(&f->guest, "unmasked 3");
	assert_int_equal(f->vf[0].fake.unmasks, 3);
	assert_int_equal(f->vf[1].fake.unmasks, 3);
	assert_false(f->functions[0]->intx.raised);
	assert_false(f->functions[1]->intx.raised);
}

static void where_vfio_takes_no_eventfd_to_unmask_by_the_line_is_held_here(void **state)
{
	struct fixture *f = *state;

	f->vf[0].fake.unmask_rc = -ENOTTY;
	begin_intx(f, 1, true);
	run(f);
	each_was_unmasked(f);
	assert_true(f->functions[0]->intx.watched);
	/* One more at first: an interrupt may have come before it was known. */
	assert_int_equal(f->vf[0].fake.unmasks, 4);
}

/* The line is released for messages and taken again after them. */
static void messages_take_the_place_of_the_line(void **state)
{
	struct fixture *f = *state;
	size_t files;

	give_msi(&f->vf[0], 2);
	begin_intx(f, 1, true);
	files = guest_open_files();
	config_write(f, PCI_COMMAND, 2, PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
	config_write(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_DISABLE);
	cost(f, 0, 0, 0);
	config_write(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	cost(f, 0, 1, 2);
	assert_int_equal(guest_open_files(), files + 2);
	/* Taken, the kernel sees to the bit: it is told, and nothing else changes. */
	config_write(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_DISABLE);
	assert_int_equal(vmm_function_get(&f->vf[0], PCI_COMMAND, 2),
			 PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_DISABLE);
	config_write(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	cost(f, 0, 0, 0);

	config_write(f, MSI_AT + PCI_MSI_ADDRESS_LO, 4, MESSAGE);
	config_write(f, MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE);
	cost(f, 1, 2, 2);
	assert_false(f->functions[0]->intx.enabled);
	assert_int_equal(guest_open_files(), files + 1);
	config_write(f, MSI_FLAGS, 2, 0);
	cost(f, 0, 2, 3);
	assert_true(f->functions[0]->intx.enabled);

	config_write(f, MSIX_AT + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
	cost(f, 0, 1, 1);
	config_write(f, MSIX_AT + PCI_MSIX_FLAGS, 2, 0);
	cost(f, 0, 1, 2);
	assert_true(f->functions[0]->intx.enabled);
	assert_int_equal(via_passthrough_quiesce(f->functions[0], &f->guest.err), 0);
	cost(f, 0, 1, 1);
	assert_int_equal(guest_open_files(), files);
	assert_string_equal(f->vf[0].log, "");
}

/* A handler that answers by the INTx Disable bit, as generic ones do, touches no register. */
static void disabling_a_line_lowers_it(void **state)
{
	struct fixture *f = *state;
	struct via_intx *intx;

	begin_intx(f, 1, false);
	intx = &f->functions[0]->intx;
	config_write(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_false(f->functions[0]->bars.trapped);
	signal_eventfd(intx->trigger_fd);
	assert_int_equal(via_loop_poll(&f->guest.vmm->loop), 0);
	assert_true(intx->raised);
	assert_true(f->functions[0]->bars.trapped);
	assert_int_equal(f->functions[0]->bars.bars[0].segments[0].slot, -1);
	config_write(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_DISABLE);
	assert_false(intx->raised);
	assert_int_equal(f->vf[0].fake.unmasks, 1);
	assert_true(intx->enabled);
	/* Messages make an end of it, whatever its state. */
	config_write(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	signal_eventfd(intx->trigger_fd);
	assert_int_equal(via_loop_poll(&f->guest.vmm->loop), 0);
	assert_true(intx->raised);
	config_write(f, MSIX_AT + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
	assert_false(intx->raised);
	assert_false(f->functions[0]->bars.trapped);
	assert_true(f->functions[0]->bars.bars[0].segments[0].slot > 0);
	assert_int_equal(f->guest.vmm->kvm.ioctls[_IOC_NR(KVM_IRQ_LINE)], 4);
	assert_string_equal(f->vf[0].log, "");
}

/* The device lowers its line because of the access, so that comes before the host unmasks it. */
static int witness_unmask(void *data, int fd, unsigned long request, void *argument)
{
	struct fixture *f = data;
	const struct vfio_irq_set *set = argument;
	uint32_t value = 0;

	if (request == VFIO_DEVICE_SET_IRQS && set->flags & VFIO_IRQ_SET_ACTION_UNMASK) {
		assert_int_equal(pread(f->vf[0].fake.device_fd, &value, 4, 0x40), 4);
		assert_int_equal(value, 0xacced);
	}
	return fake_vfio_port(&f->vf[0].fake).call(&f->vf[0].fake, fd, request, argument);
}

static void the_access_comes_before_unmasking(void **state)
{
	struct fixture *f = *state;
	uint32_t value = 0xacced;
	uint64_t registers;

	begin_intx(f, 1, false);
	f->functions[0]->device->port =
		(struct via_ioctl_port){ .call = witness_unmask, .data = f };
	config_write(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	signal_eventfd(f->functions[0]->intx.trigger_fd);
	assert_int_equal(via_loop_poll(&f->guest.vmm->loop), 0);
	registers = f->functions[0]->bars.bars[0].base;
	via_bus_access(&f->guest.vmm->mmio, registers + 0x40, &value, 4, true);
	assert_int_equal(f->vf[0].fake.unmasks, 1);
	assert_false(f->functions[0]->intx.raised);
}

static void a_line_that_cannot_be_had_is_told(void **state)
{
	struct fixture *f = *state;
	size_t files;

	begin_intx(f, 1, true);
	files = guest_open_files();
	f->vf[0].fake.set_irqs_rc = -EBUSY;
	config_write(f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_true(said(f, "0000:01:10.0: cannot connect interrupts"));
	cost(f, 0, 2, 1);
	assert_int_equal(guest_open_files(), files);
	assert_false(f->functions[0]->intx.enabled);
}

/* MSI. */

static struct via_msi *msi(struct fixture *f)
{
	return &f->functions[0]->msi;
}

static void begin_msi(struct fixture *f, unsigned int log)
{
	give_msi(&f->vf[0], log);
	begin(f);
	config_write(f, MSI_AT + PCI_MSI_ADDRESS_LO, 4, MESSAGE);
	config_write(f, MSI_AT + PCI_MSI_DATA_64, 2, VECTORS);
	cost(f, 0, 0, 0);
}

/* @log: how many messages the guest wants. */
static void enable_msi(struct fixture *f, unsigned int log)
{
	config_write(f, MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE | log << 4);
}

static void the_guest_gets_as_many_messages_as_it_enables(void **state)
{
	struct fixture *f = *state;
	size_t files;

	begin_msi(f, 5);
	files = guest_open_files();
	for (unsigned int log = 0; log <= 5; log++) {
		unsigned int count = 1U << log;

		enable_msi(f, log);
		cost(f, 1, count, 1);
		assert_int_equal(msi(f)->enabled, count);
		assert_int_equal(guest_open_files(), files + count);
		assert_int_equal(f->vf[0].fake.set.index, VFIO_PCI_MSI_IRQ_INDEX);
		assert_int_equal(f->vf[0].fake.set.start, 0);
		assert_int_equal(f->vf[0].fake.set.count, count);
		for (unsigned int i = 0; i < count; i++) {
			assert_int_equal(f->vf[0].fake.set.fds[i], msi(f)->vectors[i].eventfd);
			assert_true(msi(f)->vectors[i].attached);
			assert_true(msi(f)->vectors[i].connected);
		}
		enable_msi(f, log); /* already */
		cost(f, 0, 0, 0);
		config_write(f, MSI_FLAGS, 2, 0);
		cost(f, 0, count, 1);
		assert_int_equal(guest_open_files(), files);
	}
	/* From some to others, without off in between. */
	enable_msi(f, 1);
	cost(f, 1, 2, 1);
	enable_msi(f, 3);
	cost(f, 1, 2 + 8, 2);
	/* There are no 64 and 128 messages: the most it has. */
	enable_msi(f, 7);
	assert_int_equal(msi(f)->enabled, 32);
	assert_string_equal(f->vf[0].log, "");
}

static void no_more_messages_than_the_function_has(void **state)
{
	struct fixture *f = *state;

	begin_msi(f, 2);
	enable_msi(f, 5);
	cost(f, 1, 4, 1);
	assert_int_equal(msi(f)->enabled, 4);
}

static uint32_t send_sample(struct guest *guest, uint32_t number)
{
	struct fixture *f = guest->data;
	uint32_t index;

	(void)number;
	if (!f->sample_count--)
		return 0;
	index = *f->samples++;
	signal_eventfd(msi(f)->enabled ? msi(f)->vectors[index].eventfd
				       : f->functions[0]->msix.table.wires[index].vector.eventfd);
	return VECTORS + index % 0x80;
}

/* Each message that is sent arrives once, as the vector with its number. */
static void run_samples(struct fixture *f, const uint32_t *samples, size_t count)
{
	char line[32];

	f->samples = samples;
	f->sample_count = count;
	f->guest.step = send_sample;
	run(f);
	snprintf(line, sizeof(line), "sent %zx", count);
	guest_said(&f->guest, line);
	snprintf(line, sizeof(line), "came %zx", count);
	guest_said(&f->guest, line);
}

static void each_message_arrives_as_its_vector(void **state)
{
	struct fixture *f = *state;
	uint32_t all[MSI_VECTORS_MAX + 1];

	for (uint32_t i = 0; i <= MSI_VECTORS_MAX; i++)
		all[i] = i % MSI_VECTORS_MAX;
	snprintf(f->guest.append, sizeof(f->guest.append), "test=vectors");
	begin_msi(f, 5);
	/* The function puts its number in place of the low bits, whatever they are. */
	config_write(f, MSI_AT + PCI_MSI_DATA_64, 2, VECTORS | 0x15);
	enable_msi(f, 5);
	run_samples(f, all, MSI_VECTORS_MAX + 1);
}

static void a_masked_message_is_pending(void **state)
{
	struct fixture *f = *state;

	begin_msi(f, 2);
	/* Masked before it is enabled, it stays so. */
	config_write(f, MSI_AT + PCI_MSI_MASK_64, 4, 0x2);
	enable_msi(f, 2);
	cost(f, 1, 3, 1);
	assert_false(msi(f)->vectors[1].attached);
	assert_true(msi(f)->vectors[1].connected);
	assert_int_equal(config_read(f, MSI_AT + PCI_MSI_PENDING_64, 4), 0);
	signal_eventfd(msi(f)->vectors[1].eventfd);
	assert_int_equal(config_read(f, MSI_AT + PCI_MSI_PENDING_64, 4), 0x2);
	assert_int_equal(config_read(f, MSI_AT + PCI_MSI_PENDING_64, 1), 0x2);
	config_write(f, MSI_AT + PCI_MSI_PENDING_64, 4, 0xd);
	assert_int_equal(config_read(f, MSI_AT + PCI_MSI_PENDING_64, 4), 0x2);
	config_write(f, MSI_AT + PCI_MSI_MASK_64, 1, 0);
	cost(f, 0, 1, 0);
	assert_int_equal(config_read(f, MSI_AT + PCI_MSI_PENDING_64, 4), 0);
	config_write(f, MSI_AT + PCI_MSI_MASK_64, 4, 0xf);
	cost(f, 0, 4, 0);
	signal_eventfd(msi(f)->vectors[0].eventfd);
	signal_eventfd(msi(f)->vectors[3].eventfd);
	assert_int_equal(config_read(f, MSI_AT + PCI_MSI_PENDING_64, 4), 0x9);
	/* With the vectors goes what was pending. */
	config_write(f, MSI_FLAGS, 2, 0);
	cost(f, 0, 0, 1);
	enable_msi(f, 2);
	assert_int_equal(config_read(f, MSI_AT + PCI_MSI_PENDING_64, 4), 0);
}

static void a_moved_message_is_routed_anew(void **state)
{
	struct fixture *f = *state;

	begin_msi(f, 2);
	enable_msi(f, 2);
	cost(f, 1, 4, 1);
	/* As Linux moves one that it cannot mask: each register counts. */
	config_write(f, MSI_AT + PCI_MSI_ADDRESS_LO, 4, MESSAGE | 0x1000);
	cost(f, 1, 0, 0);
	config_write(f, MSI_AT + PCI_MSI_ADDRESS_HI, 4, 0);
	cost(f, 0, 0, 0);
	config_write(f, MSI_AT + PCI_MSI_DATA_64, 2, VECTORS + 4);
	cost(f, 1, 0, 0);
	/* Masked, unmasking counts. */
	config_write(f, MSI_AT + PCI_MSI_MASK_64, 4, 0xf);
	cost(f, 0, 4, 0);
	config_write(f, MSI_AT + PCI_MSI_ADDRESS_LO, 4, MESSAGE);
	config_write(f, MSI_AT + PCI_MSI_DATA_64, 2, VECTORS);
	cost(f, 0, 0, 0);
	config_write(f, MSI_AT + PCI_MSI_MASK_64, 4, 0);
	cost(f, 1, 4, 0);
	/* To where no message goes, and back. */
	config_write(f, MSI_AT + PCI_MSI_ADDRESS_HI, 4, 1);
	cost(f, 0, 4, 0);
	config_write(f, MSI_AT + PCI_MSI_ADDRESS_HI, 4, 0);
	cost(f, 0, 4, 0);
	for (int i = 0; i < 4; i++)
		assert_true(msi(f)->vectors[i].attached);
	assert_string_equal(f->vf[0].log, "");
}

static void a_host_with_fewer_vectors_gives_what_it_has(void **state)
{
	struct fixture *f = *state;

	f->vf[0].fake.host_vectors = 5;
	begin_msi(f, 5);
	enable_msi(f, 5);
	cost(f, 1, 32, 4);
	assert_int_equal(f->vf[0].fake.set.count, 4);
	assert_true(msi(f)->vectors[3].connected);
	assert_false(msi(f)->vectors[4].connected);
	assert_true(said(f, "its MSI cannot be had in full: the host has too few"));
	config_write(f, MSI_FLAGS, 2, 0);
	cost(f, 0, 32, 1);
	/* None at all. */
	f->vf[0].fake.set_irqs_rc = -ENOSPC;
	enable_msi(f, 1);
	cost(f, 1, 2, 2);
	assert_false(msi(f)->vectors[0].connected);
	config_write(f, MSI_FLAGS, 2, 0);
	cost(f, 0, 2, 0);
}

/* MSI-X. */

static struct via_vector *wire(struct fixture *f, uint32_t index)
{
	return &f->functions[0]->msix.table.wires[index].vector;
}

static void table_write(struct fixture *f, uint32_t index, uint32_t field, uint32_t value)
{
	struct via_bus_access access = { 0, value, 4, true };

	assert_true(via_msix_access(f->functions[0], 3,
				    f->functions[0]->msix.structures[MSIX_TABLE].offset +
					    index * PCI_MSIX_ENTRY_SIZE + field,
				    &access));
}

static void program(struct fixture *f, uint32_t index, uint32_t address)
{
	table_write(f, index, PCI_MSIX_ENTRY_LOWER_ADDR, address);
	table_write(f, index, PCI_MSIX_ENTRY_UPPER_ADDR, 0);
	table_write(f, index, PCI_MSIX_ENTRY_DATA, VECTORS + index % 0x80);
}

static void mask(struct fixture *f, uint32_t index, bool masked)
{
	table_write(f, index, PCI_MSIX_ENTRY_VECTOR_CTRL, masked);
}

static void set_control(struct fixture *f, uint32_t control)
{
	config_write(f, MSIX_AT + PCI_MSIX_FLAGS, 2, control);
}

/* As Linux does it: all masked, then whole, then one by one as drivers ask for them. */
static void bring_up(struct fixture *f, uint32_t count)
{
	set_control(f, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	for (uint32_t i = 0; i < count; i++)
		program(f, i, MESSAGE);
	set_control(f, PCI_MSIX_FLAGS_ENABLE);
	cost(f, 0, 0, 0);
	for (uint32_t i = 0; i < count; i++)
		mask(f, i, false);
}

static void sixty_four_vectors_cost_one_call_of_each_kind_a_vector(void **state)
{
	struct fixture *f = *state;

	give_vectors(&f->vf[0], 64);
	begin(f);
	bring_up(f, 64);
	cost(f, 64, 64, 64);
	/* One moves to another processor. */
	mask(f, 9, true);
	program(f, 9, MESSAGE | 0x1000);
	mask(f, 9, false);
	cost(f, 1, 2, 0);
	set_control(f, 0);
	cost(f, 0, 64, 1);
	/* A driver that has unmasked them beforehand. */
	set_control(f, PCI_MSIX_FLAGS_ENABLE);
	cost(f, 1, 64, 1);
}

/* The kernel's table of routes is for all functions: as many vectors as one can have fit. */
static void the_most_vectors_there_can_be_work(void **state)
{
	static const uint32_t samples[] = { 0, 1, 777, 2047, 1, 2046 };
	struct fixture *f = *state;
	size_t files;

	snprintf(f->guest.append, sizeof(f->guest.append), "test=vectors");
	give_vectors(&f->vf[0], 2048);
	begin(f);
	files = guest_open_files();
	bring_up(f, 2048);
	cost(f, 2048, 2048, 2048);
	assert_int_equal(guest_open_files(), files + 2048);
	for (uint32_t i = 0; i < 2048; i++) {
		assert_true(wire(f, i)->connected);
		assert_true(wire(f, i)->attached);
		assert_int_equal(wire(f, i)->gsi, LAYOUT_GSI_IOAPIC_PINS + i);
	}
	run_samples(f, samples, sizeof(samples) / sizeof(*samples));
	set_control(f, 0);
	assert_int_equal(guest_open_files(), files);
}

/* The kernel refuses one beside the other; what works stays. */
static void msi_beside_msix_is_told(void **state)
{
	struct fixture *f = *state;

	begin_msi(f, 2);
	bring_up(f, 2);
	cost(f, 2, 2, 2);
	enable_msi(f, 2);
	assert_true(said(f, "its MSI cannot be connected: cannot connect interrupts"));
	cost(f, 1, 4, 1);
	assert_false(msi(f)->vectors[0].connected);
	assert_true(wire(f, 1)->connected);
	assert_true(wire(f, 1)->attached);
	config_write(f, MSI_FLAGS, 2, 0);
	cost(f, 0, 4, 0);
	set_control(f, 0);
	cost(f, 0, 2, 1);
}

static void a_limit_of_open_files_is_told(void **state)
{
	struct fixture *f = *state;
	struct rlimit limit, low;
	int next;

	begin(f);
	next = dup(0);
	assert_true(next >= 0);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = limit;
	low.rlim_cur = (rlim_t)next + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	bring_up(f, 2);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_true(wire(f, 0)->attached);
	assert_int_equal(wire(f, 1)->eventfd, -1);
	assert_true(said(f, "MSI-X vector 1 cannot be unmasked: this process may have no more "
			    "files open (ulimit -Hn raises the limit)"));
	/* It is not lost for good. */
	mask(f, 1, true);
	mask(f, 1, false);
	assert_true(wire(f, 1)->attached);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(a_line_goes_through_the_kernel),
		TEST(two_functions_share_a_line),
		TEST(without_resampling_the_line_is_held_here),
		TEST(a_shared_line_is_held_until_both_are_served),
		TEST(where_vfio_takes_no_eventfd_to_unmask_by_the_line_is_held_here),
		TEST(messages_take_the_place_of_the_line),
		TEST(disabling_a_line_lowers_it),
		TEST(the_access_comes_before_unmasking),
		TEST(a_line_that_cannot_be_had_is_told),
		TEST(the_guest_gets_as_many_messages_as_it_enables),
		TEST(no_more_messages_than_the_function_has),
		TEST(each_message_arrives_as_its_vector),
		TEST(a_masked_message_is_pending),
		TEST(a_moved_message_is_routed_anew),
		TEST(a_host_with_fewer_vectors_gives_what_it_has),
		TEST(sixty_four_vectors_cost_one_call_of_each_kind_a_vector),
		TEST(the_most_vectors_there_can_be_work),
		TEST(msi_beside_msix_is_told),
		TEST(a_limit_of_open_files_is_told),
	};
	int rc = guest_main(argc, argv);

	return rc ? rc : cmocka_run_group_tests(tests, NULL, NULL);
}
