/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A virtio device and a hostile driver: accesses to its configuration space and registers, what it
 * writes to memory, and resets of the device and the machine at any time. KVM is played, and aborts
 * when it is asked for what makes no sense; the device checks what the queues give it
 * (tests/unit/virtio-bench.c).
 */
#include <linux/pci_regs.h>
#include <linux/virtio_config.h>

#include "fuzz.h"
#include "virtio-bench.h"

#define STEPS_MAX 3000U
#define BAR_BYTES 0x4000U

static unsigned int width(uint64_t bits)
{
	return 1U << (bits & 3);
}

/* Often where something is: the common registers, a vector, a notification. */
static uint64_t somewhere(struct input *input)
{
	static const uint16_t structures[] = { 0x0000, 0x0000, 0x0000, 0x0400,
					       0x0800, 0x1000, 0x2000, 0x3000 };
	uint64_t choice = take(input, 1);

	return (structures[choice & 7] + take(input, 1) % 0x80) & (BAR_BYTES - 1);
}

static void scribble(struct vbench *bench, struct input *input)
{
	size_t offset = take(input, 3) % VBENCH_RAM_BYTES, bytes = take(input, 1);
	uint8_t *ram = bench->memory.pieces[0].hva;

	if (bytes > VBENCH_RAM_BYTES - offset)
		bytes = VBENCH_RAM_BYTES - offset;
	if (bytes > input->left)
		bytes = input->left;
	if (!bytes)
		return;
	memcpy(ram + offset, input->data, bytes);
	input->data += bytes;
	input->left -= bytes;
}

/* What holds at any time. */
static void check(struct vbench *bench)
{
	bool running = bench->started;

	/* KVM listens only for a running device, and only where it decodes. */
	MUST(!bench->kernel.bell_count || (running && bench->mmio.count));
	for (size_t i = 0; i < bench->kernel.bell_count; i++)
		MUST(bench->kernel.bells[i].addr - (vbench_bar(bench) + 0x1000) <
		     4 * VBENCH_QUEUES);
	/* Something is wired only when the guest has turned MSI-X on. */
	MUST(bench->kernel.wire_count <= VBENCH_QUEUES + 1);
	MUST(strlen(bench->log) < sizeof(bench->log) - 1);
}

static void enable_queue(struct vbench *bench, struct input *input, uint16_t index)
{
	vbench_write(bench, 22, 2, index);
	vbench_write(bench, 26, 2, take(input, 1));
	vbench_write(bench, 32, 8, 0x1000 * (index + 1U));
	vbench_write(bench, 40, 8, 0x1000 * (index + 1U) + 0x400);
	vbench_write(bench, 48, 8, 0x1000 * (index + 1U) + 0x800);
	vbench_write(bench, 28, 2, 1);
}

static void reset_queue(struct vbench *bench, uint16_t index)
{
	vbench_write(bench, 22, 2, index);
	vbench_write(bench, 58, 2, 1);
	MUST(!(bench->features & 1ULL << VIRTIO_F_RING_RESET) ||
	     !via_virtio_queue(bench->virtio, index) || !bench->started || !bench->mmio.count);
}

/* A driver that does all right so far: hostile ones seldom get past the negotiation by luck. */
static void drive(struct vbench *bench, struct input *input)
{
	uint64_t choice = take(input, 1);
	uint64_t features = 1ULL << VIRTIO_F_VERSION_1 | (choice & 0x7f) << 28 |
			    choice >> 7 << VIRTIO_F_RING_RESET;

	vbench_config_write(bench, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	vbench_write(bench, 20, 1, 0);
	vbench_write(bench, 8, 4, 0);
	vbench_write(bench, 12, 4, (uint32_t)features & 0x30000000);
	vbench_write(bench, 8, 4, 1);
	vbench_write(bench, 12, 4, features >> 32);
	vbench_write(bench, 20, 1, 11);
	for (uint16_t i = 0; i < VBENCH_QUEUES; i++)
		enable_queue(bench, input, i);
	vbench_write(bench, 20, 1, 15);
}

static void step(struct vbench *bench, struct input *input)
{
	uint64_t what = take(input, 1), offset;
	unsigned int size_bytes;

	switch (what & 15) {
	case 0:
	case 1:
	case 2:
	case 3:
		offset = somewhere(input);
		vbench_write(bench, offset, width(what >> 4), take(input, width(what >> 4)));
		break;
	case 4:
		vbench_read(bench, somewhere(input), width(what >> 4));
		break;
	case 5:
	case 6:
		size_bytes = width(what >> 4) & 3 ? width(what >> 4) : 4;
		offset = (take(input, 1) | (what & 0x80) << 1) & ~(uint64_t)(size_bytes - 1);
		vbench_config_write(bench, offset, size_bytes, (uint32_t)take(input, size_bytes));
		break;
	case 7:
		size_bytes = width(what >> 4) & 3 ? width(what >> 4) : 4;
		offset = (take(input, 1) | (what & 0x80) << 1) & ~(uint64_t)(size_bytes - 1);
		vbench_config_read(bench, offset, size_bytes);
		break;
	case 8:
	case 9:
		scribble(bench, input);
		break;
	case 10:
		vbench_serve(bench);
		break;
	case 11:
		drive(bench, input);
		break;
	case 12:
		via_virtio_config_changed(bench->virtio);
		if (what & 0x10)
			reset_queue(bench, (uint16_t)(what >> 5) % VBENCH_QUEUES);
		if (what & 0x80)
			enable_queue(bench, input, (uint16_t)(what >> 5) % VBENCH_QUEUES);
		break;
	case 13:
		via_virtio_interrupt(bench->virtio, (unsigned int)(what >> 4) % VBENCH_QUEUES);
		break;
	case 14:
		bench->start_fails = what & 0x20 ? -5 : 0;
		bench->kernel.refuses_bells = what & 0x40 ? -28 : 0;
		break;
	default:
		if (what & 0x80)
			via_virtio_reset(bench->virtio);
		else
			via_virtio_break(bench->virtio, "so it is");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vbench bench;
	struct input input = { data, size };

	vbench_init(&bench);
	bench.kernel.any_length = (int)take(&input, 1) & 1;
	vbench_add(&bench);
	for (unsigned int i = 0; i < STEPS_MAX && input.left; i++) {
		step(&bench, &input);
		check(&bench);
		if (i % 64 == 0)
			bench.log[0] = 0;
	}
	vbench_fini(&bench);
	return 0;
}
