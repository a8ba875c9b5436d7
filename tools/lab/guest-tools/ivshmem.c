// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Two ivshmem-doorbell devices of one server, docs/specs/ivshmem: what one writes the other
 * reads, and each rings every doorbell of the other.
 */
#include "registers.h"

#include <linux/pci_regs.h>
#include <stdio.h>

#define IVSHMEM_POSITION 0x8
#define IVSHMEM_DOORBELL 0xc
#define IVSHMEM_VECTORS	 2u

struct peer {
	struct function function;
	struct bar registers, memory;
	uint32_t position;
};

static struct peer peer_open(const char *bdf)
{
	struct peer peer = { .function = function_open(bdf) };

	function_command_change(&peer.function, 0, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	peer.registers = function_bar(&peer.function, 0);
	peer.memory = function_bar(&peer.function, 2);
	if (!peer.registers.map || !peer.memory.map)
		die("%s: BAR 0 or 2 cannot be mapped", bdf);
	peer.position = bar_read(&peer.registers, IVSHMEM_POSITION, 4);
	return peer;
}

static void share(const struct peer *from, const struct peer *to, uint32_t seed)
{
	/* Reaches the last page, with a step that is no power of two. */
	for (size_t offset = 0; offset + 4 <= from->memory.size; offset += 4092)
		bar_write(&from->memory, offset, 4, seed ^ (uint32_t)offset);
	for (size_t offset = 0; offset + 4 <= to->memory.size; offset += 4092)
		if (bar_read(&to->memory, offset, 4) != (seed ^ (uint32_t)offset))
			die("%s does not see at %zu what %s wrote", to->function.bdf, offset,
			    from->function.bdf);
}

static void ring(const struct peer *from, const struct peer *to)
{
	for (uint32_t vector = 0; vector < IVSHMEM_VECTORS; vector++) {
		unsigned irq = function_message_irq(&to->function, vector);
		unsigned other = function_message_irq(&to->function, !vector);
		uint64_t before_other = irq_count(other);

		for (unsigned times = 0; times < 100; times++) {
			uint64_t before = irq_count(irq);

			bar_write(&from->registers, IVSHMEM_DOORBELL, 4,
				  to->position << 16 | vector);
			irq_await(irq, before, "for the doorbell");
		}
		if (irq_count(other) != before_other)
			die("the doorbell of vector %u rang another", vector);
	}
}

/* ivshmem BDF BDF */
int ivshmem(int argc, char **argv)
{
	struct peer one, other;

	if (argc != 3)
		return 2;
	one = peer_open(argv[1]);
	other = peer_open(argv[2]);
	if (one.position == other.position)
		die("both are peer %u", one.position);
	share(&one, &other, 0x1234567);
	share(&other, &one, 0x89abcde);
	ring(&one, &other);
	ring(&other, &one);
	return 0;
}
