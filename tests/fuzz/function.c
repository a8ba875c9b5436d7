/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A passed-through function between a hostile device and a hostile guest: words of its
 * configuration space, the sizes of its BARs and ROM, what VFIO and KVM can do for it, then the
 * guest's accesses to all of it, the device's interrupts, and resets of the machine. VFIO and KVM
 * are played, and remember what is mapped, wired, raised and rung.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <linux/pci_regs.h>
#include <stdbool.h>
#include <unistd.h>

#include "fuzz.h"
#include "layout.h"
#include "passthrough/passthrough.h"
#include "vmm-function.h"

#define DEVFN	   8
#define SLOTS_MAX  32
#define ROUTES_MAX (LAYOUT_GSI_IOAPIC_PINS + 16 + 40) /* room for 40 messages */
#define WIRES_MAX  64
#define BELLS_MAX  64
#define ROM_BYTES  0x1000
#define FILE_BYTES 0x22000 /* of the fake device: the ROM is behind all else */
#define MSI	   0x50
#define ENABLES	   (PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER)

static struct {
	struct kvm_userspace_memory_region slots[SLOTS_MAX];
	struct kvm_irqfd wires[WIRES_MAX];
	size_t wire_count;
	struct kvm_irq_routing_entry routes[ROUTES_MAX];
	size_t route_count;
	struct kvm_ioeventfd bells[BELLS_MAX];
	size_t bell_count;
	bool resamples;
	bool raised; /* the line of the function's INTx, by us */
} kernel;

static int set_slot(const struct kvm_userspace_memory_region *wanted)
{
	MUST(wanted->slot < SLOTS_MAX);
	MUST(!((wanted->guest_phys_addr | wanted->memory_size | wanted->userspace_addr) & 4095));
	for (size_t i = 0; wanted->memory_size && i < SLOTS_MAX; i++) {
		const struct kvm_userspace_memory_region *slot = &kernel.slots[i];

		if (slot->memory_size && i != wanted->slot &&
		    wanted->guest_phys_addr < slot->guest_phys_addr + slot->memory_size &&
		    slot->guest_phys_addr < wanted->guest_phys_addr + wanted->memory_size)
			return -EEXIST;
	}
	/* Made when it is free, removed when it is not. */
	MUST(!wanted->memory_size != !kernel.slots[wanted->slot].memory_size);
	MUST(!wanted->memory_size || wanted->guest_phys_addr >= LAYOUT_MMIO32_BASE);
	kernel.slots[wanted->slot] = *wanted;
	return 0;
}

static int set_routes(const struct kvm_irq_routing *table)
{
	MUST(table->nr <= ROUTES_MAX);
	memcpy(kernel.routes, table->entries, table->nr * sizeof(*table->entries));
	kernel.route_count = table->nr;
	for (uint32_t i = 0; i < table->nr; i++)
		if (table->entries[i].type == KVM_IRQ_ROUTING_MSI) {
			MUST(table->entries[i].u.msi.address_lo >> 20 == 0xfee);
			MUST(!table->entries[i].u.msi.address_hi);
		}
	return 0;
}

static bool routed(uint32_t gsi)
{
	for (size_t i = 0; i < kernel.route_count; i++)
		if (kernel.routes[i].gsi == gsi)
			return true;
	return false;
}

static int set_wire(const struct kvm_irqfd *wanted)
{
	for (size_t i = 0; i < kernel.wire_count; i++) {
		struct kvm_irqfd *wire = &kernel.wires[i];

		if (wire->fd != wanted->fd)
			continue;
		MUST(wanted->flags & KVM_IRQFD_FLAG_DEASSIGN);
		MUST(wire->gsi == wanted->gsi);
		*wire = kernel.wires[--kernel.wire_count];
		return 0;
	}
	MUST(!(wanted->flags & KVM_IRQFD_FLAG_DEASSIGN));
	MUST(kernel.wire_count < WIRES_MAX);
	if (wanted->flags & KVM_IRQFD_FLAG_RESAMPLE)
		MUST(wanted->gsi == LAYOUT_GSI_PCI(DEVFN >> 3, 1) &&
		     wanted->resamplefd != wanted->fd);
	else
		MUST(routed(wanted->gsi));
	kernel.wires[kernel.wire_count++] = *wanted;
	return 0;
}

static bool same_bell(const struct kvm_ioeventfd *a, const struct kvm_ioeventfd *b)
{
	return a->addr == b->addr && a->len == b->len && a->datamatch == b->datamatch &&
	       !((a->flags ^ b->flags) & KVM_IOEVENTFD_FLAG_PIO);
}

static int set_bell(const struct kvm_ioeventfd *wanted)
{
	MUST(wanted->flags & KVM_IOEVENTFD_FLAG_DATAMATCH && wanted->len && wanted->len <= 8);
	for (size_t i = 0; i < kernel.bell_count; i++) {
		if (!same_bell(&kernel.bells[i], wanted))
			continue;
		if (!(wanted->flags & KVM_IOEVENTFD_FLAG_DEASSIGN))
			return -EEXIST;
		kernel.bells[i] = kernel.bells[--kernel.bell_count];
		return 0;
	}
	MUST(!(wanted->flags & KVM_IOEVENTFD_FLAG_DEASSIGN) && kernel.bell_count < BELLS_MAX);
	kernel.bells[kernel.bell_count++] = *wanted;
	return 0;
}

static int set_line(const struct kvm_irq_level *line)
{
	MUST(line->irq == LAYOUT_GSI_PCI(DEVFN >> 3, 1));
	MUST(kernel.raised != !!line->level);
	kernel.raised = line->level;
	return 0;
}

static int as_kvm(void *data, int fd, unsigned long request, void *argument)
{
	(void)data;
	(void)fd;
	switch (request) {
	case KVM_CHECK_EXTENSION:
		if ((long)argument == KVM_CAP_IRQFD_RESAMPLE)
			return kernel.resamples;
		return (long)argument == KVM_CAP_IRQ_ROUTING ? (int)ROUTES_MAX : 0;
	case KVM_SET_USER_MEMORY_REGION:
		return set_slot(argument);
	case KVM_SET_GSI_ROUTING:
		return set_routes(argument);
	case KVM_IRQFD:
		return set_wire(argument);
	case KVM_IOEVENTFD:
		return set_bell(argument);
	case KVM_IRQ_LINE:
		return set_line(argument);
	default:
		MUST(request == KVM_IRQFD); /* nobody should ask anything else */
		return -EINVAL;
	}
}

static struct vmm_function vf;

static void fini(void)
{
	vmm_function_fini(&vf);
}

static void describe(struct input *input)
{
	static const struct {
		uint16_t offset;
		uint32_t value;
	} values[] = {
		{ 0x00, 0x10ca8086 }, { 0x04, 0x00100000 }, { 0x08, 0x02000001 },
		{ 0x10, 0x0000000c }, { 0x1c, 0x0000000c }, { 0x34, 0x00000070 },
		{ 0x70, 0x0002a011 }, { 0x74, 0x00000003 }, { 0x78, 0x00002003 },
		{ 0xa0, 0x0002d010 }, { 0xa4, 0x10008cc2 }, { 0x100, 0x00010001 },
		{ 0xd0, 0x00035001 }, { 0x50, 0x01806805 }, { 0x68, 0x03060013 },
	};
	static const uint32_t bars[] = { 0, 3 };
	uint8_t how;

	for (size_t at = 0; at < PCI_CONFIG_BYTES; at += 4)
		vmm_function_put(&vf, at, 4, 0);
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		vmm_function_put(&vf, values[i].offset, 4, values[i].value);
	vf.fake.irqs[VFIO_PCI_MSIX_IRQ_INDEX].count = 1 + (uint32_t)take(input, 1) % 32;
	vf.fake.irqs[VFIO_PCI_MSIX_IRQ_INDEX].flags =
		VFIO_IRQ_INFO_EVENTFD | (take(input, 1) & 1 ? VFIO_IRQ_INFO_NORESIZE : 0);
	for (size_t i = 0; i < 2; i++) {
		struct vfio_region_sparse_mmap_area area = { .size = 4096 };
		uint32_t flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
		uint64_t bytes;

		how = (uint8_t)take(input, 1);
		area.offset = (how & 3) * 4096ULL;
		bytes = 1ULL << (2 + how % 15);

		if (how & 0x40)
			flags |= VFIO_REGION_INFO_FLAG_MMAP;
		if (how & 0x80 && area.offset + area.size <= bytes)
			flags |= VFIO_REGION_INFO_FLAG_CAPS;
		fake_region(&vf.fake, bars[i], i * 0x10000, bytes, flags);
		if (flags & VFIO_REGION_INFO_FLAG_CAPS)
			fake_region_sparse(&vf.fake, bars[i], &area, 1);
	}
	how = (uint8_t)take(input, 1);
	vmm_function_put(&vf, 0x3d, 1, how & 1);
	vmm_function_put(&vf, MSI + PCI_MSI_FLAGS, 2, 0x180 | (how & 0xe));
	vf.fake.irqs[VFIO_PCI_INTX_IRQ_INDEX].count = 1;
	vf.fake.irqs[VFIO_PCI_INTX_IRQ_INDEX].flags =
		VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED;
	vf.fake.irqs[VFIO_PCI_MSI_IRQ_INDEX].count = 32;
	vf.fake.irqs[VFIO_PCI_MSI_IRQ_INDEX].flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE;
	vf.fake.unmask_rc = how & 0x10 ? -EINVAL : 0;
	kernel.resamples = !(how & 0x20);
	vf.fake.host_vectors = how & 0x40 ? 2 : 0;
	fake_region(&vf.fake, VFIO_PCI_ROM_REGION_INDEX, FILE_BYTES - ROM_BYTES,
		    how & 0x80 ? ROM_BYTES : 0, VFIO_REGION_INFO_FLAG_READ);
	for (uint64_t words = take(input, 1); words && input->left; words--) {
		size_t offset = take(input, 1) * 4;

		vmm_function_put(&vf, offset, 4, (uint32_t)take(input, 4));
	}
	/* As the kernel opens it. */
	vmm_function_put(&vf, PCI_COMMAND, 1, 0);
}

/* Where BAR @index is, so that accesses find it; as the guest would read it. */
static uint64_t bar(struct via_passthrough *function, uint32_t index)
{
	return function->bars.bars[index].mapped ? function->bars.bars[index].base : 0;
}

static void ring(const struct via_vector *vector)
{
	uint64_t one = 1;

	MUST(vector->eventfd >= 0 || !vector->attached);
	if (vector->eventfd >= 0)
		MUST(write(vector->eventfd, &one, sizeof(one)) == sizeof(one));
}

static void interrupt(struct via_passthrough *function, uint8_t which)
{
	struct via_intx *intx = &function->intx;
	struct via_error err;
	uint64_t one = 1;

	if (which == 0xff) {
		MUST(!via_passthrough_reset(function, &err));
		MUST(!memcmp(function->config.value, function->initial,
			     function->config.size_bytes));
		MUST(!kernel.raised && !kernel.wire_count && !kernel.bell_count);
	} else if (which >= 0xf0 && intx->enabled) {
		if (which & 1)
			MUST(write(intx->trigger_fd, &one, sizeof(one)) == sizeof(one));
		else
			MUST(!via_loop_poll(function->machine.loop));
	} else if (which & 0x80 && which - 0x80 < function->msi.count) {
		ring(&function->msi.vectors[which - 0x80]);
	} else if (which < function->msix.table.count) {
		ring(&function->msix.table.wires[which].vector);
	}
}

/* What must hold after whatever the guest did. */
static void check(const struct via_passthrough *function, const struct via_bus *mmio,
		  const struct via_bus *pio)
{
	const struct via_pci_config *config = &function->config;
	uint16_t command = (uint16_t)via_pci_config_get(config, PCI_COMMAND, 2);

	MUST(!kernel.raised || (function->intx.enabled && function->intx.raised));
	MUST(!function->intx.enabled || !(via_msix_enabled(function) || via_msi_enabled(function)));
	MUST(kernel.bell_count <= DOORBELLS_MAX && kernel.bell_count == vf.fake.doorbell_count);
	for (size_t i = 0; i < SLOTS_MAX; i++)
		MUST(!kernel.slots[i].memory_size ||
		     (command & PCI_COMMAND_MEMORY && !function->asleep));
	MUST(!mmio->count || (command & PCI_COMMAND_MEMORY && !function->asleep));
	MUST(!pio->count || (command & PCI_COMMAND_IO && !function->asleep));
	MUST(!((vmm_function_get(&vf, PCI_COMMAND, 2) ^ command) & ENABLES));
}

static void play(struct via_passthrough *function, struct via_bus *mmio, struct via_bus *pio,
		 struct input *input)
{
	uint8_t what = (uint8_t)take(input, 1);
	unsigned int width = 1U << (what >> 3 & 3);
	struct via_bus_access access = { .write = what & 0x80, .size_bytes = width };
	uint64_t offset = take(input, 2), value = take(input, width);
	unsigned int times = what & 0x40 ? 70 : 1; /* the same again and again makes a doorbell */

	switch (what & 7) {
	case 0: /* the table and the pending bits, if they are anywhere */
	case 1:
		if (function->msix.structures[what & 1].bar < BARS_MAX) {
			const struct via_msix_structure *structure =
				&function->msix.structures[what & 1];

			access.value = value;
			access.offset = 0;
			via_msix_access(function, structure->bar,
					structure->offset + offset % (structure->size_bytes + 8),
					&access);
		}
		break;
	case 2:
	case 3:
		while (times--)
			via_bus_access(mmio, bar(function, what & 1 ? 3 : 0) + offset, &value,
				       width, access.write);
		break;
	case 4:
		if (what & 0x20) {
			via_bus_access(mmio, bar(function, BARS_ROM) + offset, &value, width,
				       access.write);
			break;
		}
		while (times--)
			via_bus_access(pio, bar(function, 0) + offset, &value,
				       width > 4 ? 4 : width, access.write);
		break;
	case 5: /* the device interrupts, or the machine is reset */
		interrupt(function, (uint8_t)offset);
		break;
	default: /* configuration space; mostly where something happens */
		access.size_bytes = width > 4 ? 4 : width;
		access.offset = what & 1 ? offset % PCI_CONFIG_BYTES : offset % 0x80;
		access.offset &= ~(access.size_bytes - 1ULL);
		access.value = value;
		function->function.config(function, &access);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct via_kvm kvm = { .fd = -1, .vm_fd = -1, .call = as_kvm };
	uint8_t slot_used[SLOTS_MAX] = { 0 };
	struct via_memory memory = { .kvm = &kvm, .slot_used = slot_used, .slot_count = SLOTS_MAX };
	struct via_machine_lock lock = { .mutex = PTHREAD_MUTEX_INITIALIZER };
	struct via_loop loop;
	struct via_passthrough_machine machine = {
		.memory = &memory, .lock = &lock, .loop = &loop, .peers = true
	};
	struct via_passthrough *function;
	struct via_pci_host pci;
	struct via_bus mmio = { 0 }, pio = { 0 };
	struct via_irq *irq;
	struct input input = { data, size };
	struct via_error err;

	if (!vf.host) {
		vmm_function_init(&vf);
		MUST(!ftruncate(vf.fake.device_fd, FILE_BYTES));
		atexit(fini);
	}
	vf.log[0] = '\0';
	memset(&kernel, 0, sizeof(kernel));
	describe(&input);
	vf.fake.set_irqs_rc = 0;
	vf.fake.call_count = vf.fake.doorbell_count = 0;
	MUST(!via_loop_init(&loop));
	via_pci_host_init(&pci, (struct via_range){ 1ULL << 34, (1ULL << 35) - 1 });
	MUST(!via_irq_new(&kvm, &irq, &err));
	machine.host = vf.host;
	machine.space = vf.space;
	machine.irq = irq;
	machine.mmio = &mmio;
	machine.pio = &pio;
	machine.pci = &pci;
	if (!via_passthrough_wrap(&machine, vmm_function_open(&vf), NULL,
				  (struct via_passthrough_place){ .devfn = DEVFN }, &function,
				  &err)) {
		for (size_t i = 0; i < MSIX_STRUCTURES; i++) {
			const struct via_msix_structure *structure = &function->msix.structures[i];

			MUST(structure->bar >= BARS_MAX ||
			     structure->offset + structure->size_bytes <=
				     via_vfio_device_region(function->device, structure->bar)
					     ->size_bytes);
		}
		while (input.left) {
			play(function, &mmio, &pio, &input);
			check(function, &mmio, &pio);
		}
		MUST(kernel.wire_count <= function->msix.table.count + function->msi.count + 1U);
		MUST(!via_passthrough_quiesce(function, &err));
		MUST(!kernel.wire_count && !mmio.count && !pio.count && !kernel.raised);
		MUST(!kernel.bell_count && !vf.fake.doorbell_count && !vf.fake.interrupting);
		MUST(!vf.fake.map_count);
		for (size_t i = 0; i < SLOTS_MAX; i++)
			MUST(!kernel.slots[i].memory_size && !slot_used[i]);
		MUST(!(vmm_function_get(&vf, PCI_COMMAND, 2) & PCI_COMMAND_MASTER));
		via_passthrough_free(function);
	}
	MUST(!pci.functions[DEVFN]);
	via_irq_free(irq);
	via_loop_close(&loop);
	via_bus_clear(&mmio);
	via_bus_clear(&pio);
	return 0;
}
