// SPDX-License-Identifier: LGPL-2.1-or-later
/* QEMU's edu device, docs/specs/edu: arithmetic, an interrupt, and DMA to and from its buffer. */
#include "registers.h"

#include <fcntl.h>
#include <linux/pci_regs.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define EDU_IDENT	    0x00
#define EDU_LIVENESS	    0x04
#define EDU_FACTORIAL	    0x08
#define EDU_STATUS	    0x20
#define EDU_STATUS_IRQ	    0x80u
#define EDU_IRQ_STATUS	    0x24
#define EDU_IRQ_ACK	    0x64
#define EDU_IRQ_FACTORIAL   0x001u
#define EDU_IRQ_DMA	    0x100u
#define EDU_DMA_SOURCE	    0x80
#define EDU_DMA_DESTINATION 0x88
#define EDU_DMA_COUNT	    0x90
#define EDU_DMA_COMMAND	    0x98
#define EDU_DMA_START	    0x01u
#define EDU_DMA_TO_MEMORY   0x02u
#define EDU_DMA_INTERRUPT   0x04u
#define EDU_BUFFER	    0x40000u
#define EDU_BUFFER_BYTES    4096u

struct state {
	struct function function;
	struct bar bar;
	int uio_fd; /* INTx, or -1 */
	unsigned irq;
	unsigned interrupts;
};

/* Message or line, it comes once for each thing done. */
static void interrupt_take(struct state *edu, uint64_t before, uint32_t status)
{
	uint32_t count;

	if (edu->uio_fd < 0) {
		irq_await(edu->irq, before,
			  status == EDU_IRQ_DMA ? "after DMA" : "after the factorial");
	} else {
		/* Its driver must have seen the device interrupt before that is told to stop. */
		struct pollfd event = { .fd = edu->uio_fd, .events = POLLIN };

		if (poll(&event, 1, AWAIT_MS) != 1 || read(edu->uio_fd, &count, 4) != 4)
			die("no interrupt on the line");
	}
	if (bar_read(&edu->bar, EDU_IRQ_STATUS, 4) != status)
		die("interrupt status %#x, not %#x", bar_read(&edu->bar, EDU_IRQ_STATUS, 4),
		    status);
	bar_write(&edu->bar, EDU_IRQ_ACK, 4, status);
	if (bar_read(&edu->bar, EDU_IRQ_STATUS, 4))
		die("the interrupt was not acknowledged");
	/* The driver has disabled INTx, and leaves it to us to enable it. */
	if (edu->uio_fd >= 0)
		function_command_change(&edu->function, PCI_COMMAND_INTX_DISABLE, 0);
	edu->interrupts++;
}

static void factorial(struct state *edu, uint32_t of)
{
	uint64_t before = irq_count(edu->irq);
	uint32_t wanted = 1;

	for (uint32_t each = 2; each <= of; each++)
		wanted *= each;
	bar_write(&edu->bar, EDU_STATUS, 4, EDU_STATUS_IRQ);
	bar_write(&edu->bar, EDU_FACTORIAL, 4, of);
	interrupt_take(edu, before, EDU_IRQ_FACTORIAL);
	if (bar_read(&edu->bar, EDU_FACTORIAL, 4) != wanted)
		die("%u! is %u here, not %u", of, bar_read(&edu->bar, EDU_FACTORIAL, 4), wanted);
}

static void transfer(struct state *edu, uint64_t from, uint64_t to, uint32_t direction)
{
	uint64_t before = irq_count(edu->irq);
	const size_t registers[] = { EDU_DMA_SOURCE, EDU_DMA_DESTINATION, EDU_DMA_COUNT };
	const uint64_t values[] = { from, to, EDU_BUFFER_BYTES };

	/* 8-byte registers that take one access of 8 or of 4 bytes; the addresses are below 4 GiB.
	 */
	for (size_t index = 0; index < 3; index++)
		bar_write(&edu->bar, registers[index], 4, (uint32_t)values[index]);
	bar_write(&edu->bar, EDU_DMA_COMMAND, 4, EDU_DMA_START | EDU_DMA_INTERRUPT | direction);
	interrupt_take(edu, before, EDU_IRQ_DMA);
}

static void dma(struct state *edu, uint32_t seed)
{
	static uint8_t pattern[EDU_BUFFER_BYTES];
	uint64_t address;
	uint8_t *page = dma_page(&address);

	if (address >> 32)
		die("the page is above 4 GiB");
	for (size_t index = 0; index < sizeof(pattern); index++)
		pattern[index] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
	memcpy(page, pattern, sizeof(pattern));
	transfer(edu, address, EDU_BUFFER, 0);
	memset(page, 0xa5, sizeof(pattern));
	transfer(edu, EDU_BUFFER, address, EDU_DMA_TO_MEMORY);
	if (memcmp(page, pattern, sizeof(pattern)))
		die("what came back by DMA is not what went out");
}

static int uio_open(const char *bdf)
{
	char path[128];

	for (int index = 0; index < 8; index++) {
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/uio/uio%d", bdf, index);
		if (access(path, F_OK))
			continue;
		snprintf(path, sizeof(path), "/dev/uio%d", index);
		return open(path, O_RDWR | O_CLOEXEC);
	}
	return -1;
}

/* edu BDF intx|msi */
int edu(int argc, char **argv)
{
	struct state edu = { .uio_fd = -1 };

	if (argc != 3)
		return 2;
	edu.function = function_open(argv[1]);
	if (!strcmp(argv[2], "intx")) {
		edu.uio_fd = uio_open(argv[1]);
		if (edu.uio_fd < 0)
			die("no uio device");
		edu.irq = (unsigned)function_number(&edu.function, "irq");
	} else {
		edu.irq = function_message_irq(&edu.function, 0);
	}
	function_command_change(&edu.function, PCI_COMMAND_INTX_DISABLE,
				PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	edu.bar = function_bar(&edu.function, 0);
	if (!edu.bar.map)
		die("BAR 0 cannot be mapped");
	if ((bar_read(&edu.bar, EDU_IDENT, 4) & 0xff) != 0xed)
		die("this is no edu: %#x", bar_read(&edu.bar, EDU_IDENT, 4));
	bar_write(&edu.bar, EDU_LIVENESS, 4, 0x12345678);
	if (bar_read(&edu.bar, EDU_LIVENESS, 4) != ~0x12345678u)
		die("the liveness check is %#x", bar_read(&edu.bar, EDU_LIVENESS, 4));
	for (uint32_t of = 3; of <= 12; of += 3)
		factorial(&edu, of);
	for (uint32_t seed = 1; seed <= 8; seed++)
		dma(&edu, seed);
	printf("interrupts %u\n", edu.interrupts);
	return 0;
}
