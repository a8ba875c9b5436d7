/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "work.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* QEMU's edu device (docs/specs/edu.rst): writing a value to RAISE sets it in STATUS and raises
 * the interrupt, writing it to ACKNOWLEDGE takes it back. */
#define EDU_BYTES	0x100000U
#define EDU_STATUS	0x24
#define EDU_RAISE	0x60
#define EDU_ACKNOWLEDGE 0x64

#define PCI_COMMAND_INTX_OFF_BYTE 5 /* bit 2 of the command register's upper byte */

struct edu {
	char device[256];
	volatile uint32_t *registers;
	int uio, config;
	struct samples samples;
};

static bool find_edu(char *device, size_t device_bytes)
{
	DIR *dir = opendir("/sys/bus/pci/devices");
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		char vendor[16], id[16];

		found = read_line(vendor, sizeof(vendor), "/sys/bus/pci/devices/%s/vendor",
				  entry->d_name) &&
			read_line(id, sizeof(id), "/sys/bus/pci/devices/%s/device",
				  entry->d_name) &&
			!strcmp(vendor, "0x1234") && !strcmp(id, "0x11e8");
		if (found)
			snprintf(device, device_bytes, "/sys/bus/pci/devices/%.32s", entry->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

static void write_text(const char *text, const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		talk_failed("the kernel has no uio_pci_generic, by which interrupts of edu are "
			    "taken: %s: %s",
			    path, strerror(errno));
	close(fd);
}

static void open_edu(struct edu *edu)
{
	char path[300];
	struct dirent *entry;
	DIR *dir;
	int fd;

	snprintf(path, sizeof(path), "%s/driver", edu->device);
	if (access(path, F_OK)) {
		guest_load("uio_pci_generic");
		snprintf(path, sizeof(path), "%s/driver_override", edu->device);
		write_text("uio_pci_generic", path);
		write_text(strrchr(edu->device, '/') + 1,
			   "/sys/bus/pci/drivers/uio_pci_generic/bind");
	}
	snprintf(path, sizeof(path), "%s/uio", edu->device);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.') {
			snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
			edu->uio = open(path, O_RDWR | O_CLOEXEC);
		}
	if (dir)
		closedir(dir);
	snprintf(path, sizeof(path), "%s/config", edu->device);
	edu->config = open(path, O_RDWR | O_CLOEXEC);
	snprintf(path, sizeof(path), "%s/resource0", edu->device);
	fd = open(path, O_RDWR | O_SYNC | O_CLOEXEC);
	edu->registers = mmap(NULL, EDU_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (edu->uio < 0 || edu->config < 0 || edu->registers == MAP_FAILED)
		talk_failed("cannot open edu: %s", strerror(errno));
}

/* The kernel's handler turns INTx off at each interrupt; here it is turned on again. */
static void enable_line(const struct edu *edu)
{
	unsigned char byte;

	if (pread(edu->config, &byte, 1, PCI_COMMAND_INTX_OFF_BYTE) != 1)
		talk_failed("cannot read edu's configuration: %s", strerror(errno));
	byte &= (unsigned char)~4;
	if (pwrite(edu->config, &byte, 1, PCI_COMMAND_INTX_OFF_BYTE) != 1)
		talk_failed("cannot write edu's configuration: %s", strerror(errno));
}

static void raise_for(struct edu *edu, uint64_t count)
{
	while (count--) {
		uint32_t total;
		uint64_t began;

		enable_line(edu);
		began = now_ns();
		edu->registers[EDU_RAISE / 4] = 1;
		if (read(edu->uio, &total, sizeof(total)) != sizeof(total))
			talk_failed("no interrupt came: %s", strerror(errno));
		samples_add(&edu->samples, now_ns() - began);
		edu->registers[EDU_ACKNOWLEDGE / 4] = 1;
	}
}

static void work_edu(const char *name, uint64_t count)
{
	struct edu edu = { .uio = -1, .config = -1 };
	struct window window;

	if (!find_edu(edu.device, sizeof(edu.device)))
		talk_failed("there is no edu, a device that raises an interrupt when it is told");
	open_edu(&edu);
	edu.registers[EDU_ACKNOWLEDGE / 4] = edu.registers[EDU_STATUS / 4];
	samples_reset(&edu.samples);
	raise_for(&edu, count / 10 + 1);
	samples_reset(&edu.samples);
	window_begin(&window, name, edu.device);
	raise_for(&edu, count);
	window_end(&window, count, 0, &edu.samples);
}

/* irq COUNT DEVICE|auto PART...: the device is the one with MSI-X */
void work_irq(char **words)
{
	uint64_t count = words[1] ? strtoull(words[1], NULL, 10) : 0;

	if (!count || !words[2])
		talk_failed("words are missing");
	for (char **part = words + 3; *part; part++) {
		if (!strcmp(*part, "interrupt"))
			work_edu(*part, count);
		else if (!strcmp(*part, "mask"))
			work_mask(*part, words[2], count);
		else
			talk_failed("there is no part '%s'", *part);
	}
}
