// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * QEMU's pci-testdev, docs/specs/pci-testdev: BAR 0 (memory) and BAR 1 (I/O ports) each have
 * three tests. The device counts what is written at the place and with the width it names;
 * with an ioeventfd the write ends there and is not counted.
 */
#include "registers.h"

#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>

#define TESTDEV_TEST   0x0
#define TESTDEV_WIDTH  0x1
#define TESTDEV_OFFSET 0x4
#define TESTDEV_DATA   0x8
#define TESTDEV_COUNT  0xc
#define TESTDEV_NAME   0x10

static void name_read(const struct bar *bar, char *name, size_t size)
{
	size_t index;

	for (index = 0; index < size - 1; index++) {
		name[index] = (char)bar_read(bar, TESTDEV_NAME + index, 1);
		if (!name[index])
			break;
	}
	name[index] = '\0';
}

/* Returns the number of tests in this BAR. */
static unsigned bar_test(const struct bar *bar, const char *kind)
{
	const uint32_t times = 1000;
	unsigned done = 0;
	char name[64];

	for (uint32_t test = 0; test < 8; test++) {
		uint32_t offset, data, width, count, wanted;

		bar_write(bar, TESTDEV_TEST, 1, test);
		name_read(bar, name, sizeof(name));
		/* A number that is none of this BAR's leaves the last test, whose name we know. */
		if (strncmp(name, kind, strlen(kind)))
			continue;
		width = bar_read(bar, TESTDEV_WIDTH, 1);
		offset = bar_read(bar, TESTDEV_OFFSET, 4);
		data = bar_read(bar, TESTDEV_DATA, 4);
		count = bar_read(bar, TESTDEV_COUNT, 4);
		if (count)
			die("%s begins at %u", name, count);
		if (width != 1 && width != 2 && width != 4)
			die("%s has width %u", name, width);
		for (uint32_t time = 0; time < times; time++)
			bar_write(bar, offset, width, data);
		count = bar_read(bar, TESTDEV_COUNT, 4);
		wanted = strstr(name, "no-eventfd") ? times : 0;
		if (count != wanted)
			die("%s counts %u, not %u", name, count, wanted);
		printf("test %s\n", name);
		done++;
	}
	return done;
}

/* testdev BDF */
int testdev(int argc, char **argv)
{
	struct function function;
	struct bar memory, ports;

	if (argc != 2)
		return 2;
	function = function_open(argv[1]);
	function_command_change(&function, 0, PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
	memory = function_bar(&function, 0);
	ports = function_bar(&function, 1);
	if (!memory.map || ports.map)
		die("BAR 0 is no memory, or BAR 1 no ports");
	if (bar_test(&memory, "mmio") < 3 || bar_test(&ports, "portio") < 3)
		die("tests are missing");
	return 0;
}
