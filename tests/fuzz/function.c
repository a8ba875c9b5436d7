/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A passed-through function between a hostile device and a hostile guest: words of its
 * configuration space, the sizes of its BARs, then the guest's accesses to all of them. VFIO and
 * KVM are played, and remember what is mapped and wired.
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
#define ROUTES_MAX (LAYOUT_GSI_IOAPIC_PINS + 16 + 8) /* room for 8 messages */
#define WIRES_MAX  64

static struct {
	struct kvm_userspace_memory_region slots[SLOTS_MAX];
	struct kvm_irqfd wires[WIRES_MAX];
	size_t wire_count;
	struct kvm_irq_routing_entry routes[ROUTES_MAX];
	size_t route_count;
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
	MUST(routed(wanted->gsi) && kernel.wire_count < WIRES_MAX);
	kernel.wires[kernel.wire_count++] = *wanted;
	return 0;
}

static int as_kvm(void *data, int fd, unsigned long request, void *argument)
{
	(void)data;
	(void)fd;
	switch (request) {
	case KVM_CHECK_EXTENSION:
		return (long)argument == KVM_CAP_IRQ_ROUTING ? (int)ROUTES_MAX : 0;
	case KVM_SET_USER_MEMORY_REGION:
		return set_slot(argument);
	case KVM_SET_GSI_ROUTING:
		return set_routes(argument);
	case KVM_IRQFD:
		return set_wire(argument);
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
		{ 0xa0, 0x00020010 }, { 0xa4, 0x10008cc2 }, { 0x100, 0x00010001 },
	};
	static const uint32_t bars[] = { 0, 3 };

	for (size_t at = 0; at < PCI_CONFIG_BYTES; at += 4)
		vmm_function_put(&vf, at, 4, 0);
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		vmm_function_put(&vf, values[i].offset, 4, values[i].value);
	vf.fake.irqs[VFIO_PCI_MSIX_IRQ_INDEX].count = 1 + (uint32_t)take(input, 1) % 32;
	vf.fake.irqs[VFIO_PCI_MSIX_IRQ_INDEX].flags =
		VFIO_IRQ_INFO_EVENTFD | (take(input, 1) & 1 ? VFIO_IRQ_INFO_NORESIZE : 0);
	for (size_t i = 0; i < 2; i++) {
		uint8_t how = (uint8_t)take(input, 1);
		struct vfio_region_sparse_mmap_area area = { .offset = (how & 3) * 4096ULL,
							     .size = 4096 };
		uint32_t flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
		uint64_t bytes = 1ULL << (2 + how % 15);

		if (how & 0x40)
			flags |= VFIO_REGION_INFO_FLAG_MMAP;
		if (how & 0x80 && area.offset + area.size <= bytes)
			flags |= VFIO_REGION_INFO_FLAG_CAPS;
		fake_region(&vf.fake, bars[i], i * 0x10000, bytes, flags);
		if (flags & VFIO_REGION_INFO_FLAG_CAPS)
			fake_region_sparse(&vf.fake, bars[i], &area, 1);
	}
	for (uint64_t words = take(input, 1); words && input->left; words--) {
		size_t offset = take(input, 1) * 4;

		vmm_function_put(&vf, offset, 4, (uint32_t)take(input, 4));
	}
}

/* Where BAR @index is, so that accesses find it; as the guest would read it. */
static uint64_t bar(struct via_passthrough *function, uint32_t index)
{
	return function->bars.bars[index].mapped ? function->bars.bars[index].base : 0;
}

static void play(struct via_passthrough *function, struct via_bus *mmio, struct via_bus *pio,
		 struct input *input)
{
	uint8_t what = (uint8_t)take(input, 1);
	unsigned int width = 1U << (what >> 3 & 3);
	struct via_bus_access access = { .write = what & 0x80, .size_bytes = width };
	uint64_t offset = take(input, 2), value = take(input, width), one = 1;

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
		via_bus_access(mmio, bar(function, 0) + offset, &value, width, access.write);
		break;
	case 3:
		via_bus_access(mmio, bar(function, 3) + offset, &value, width, access.write);
		break;
	case 4:
		via_bus_access(pio, bar(function, 0) + offset, &value, width > 4 ? 4 : width,
			       access.write);
		break;
	case 5: /* a vector the device signals */
		offset %= function->msix.count + 1U;
		if (offset < function->msix.count &&
		    function->msix.vectors[offset].wire.eventfd >= 0)
			MUST(write(function->msix.vectors[offset].wire.eventfd, &one, 8) == 8);
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
	struct via_passthrough_machine machine = { .memory = &memory };
	struct via_passthrough *function;
	struct via_pci_host pci;
	struct via_bus mmio = { 0 }, pio = { 0 };
	struct via_irq *irq;
	struct input input = { data, size };
	struct via_error err;

	if (!vf.host) {
		vmm_function_init(&vf);
		atexit(fini);
	}
	vf.log[0] = '\0';
	describe(&input);
	memset(&kernel, 0, sizeof(kernel));
	via_pci_host_init(&pci, (struct via_range){ 1ULL << 34, (1ULL << 35) - 1 });
	MUST(!via_irq_new(&kvm, &irq, &err));
	machine.host = vf.host;
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
		while (input.left)
			play(function, &mmio, &pio, &input);
		MUST(kernel.wire_count <= function->msix.count);
		MUST(!via_passthrough_quiesce(function, &err));
		MUST(!kernel.wire_count && !mmio.count && !pio.count);
		for (size_t i = 0; i < SLOTS_MAX; i++)
			MUST(!kernel.slots[i].memory_size && !slot_used[i]);
		MUST(!(vmm_function_get(&vf, PCI_COMMAND, 2) & PCI_COMMAND_MASTER));
		via_passthrough_free(function);
	}
	MUST(!pci.functions[DEVFN]);
	via_irq_free(irq);
	via_bus_clear(&mmio);
	via_bus_clear(&pio);
	return 0;
}
