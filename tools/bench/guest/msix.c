/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A vector of MSI-X masked and unmasked, as the kernel does it around changes of its affinity. */
#include "work.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CONFIG_BYTES	 256U
#define CAPABILITIES_MAX 48
#define PAGE_BYTES	 4096U
#define MESSAGE_ADDRESS	 0xfee00000U
#define SPURIOUS_VECTOR	 0xffU /* which nobody takes for an interrupt of a device */
#define MASKED		 PCI_MSIX_ENTRY_CTRL_MASKBIT

struct msix {
	char device[256];
	int config;
	unsigned int capability; /* where it is; 0: there is none */
	uint16_t control;	 /* as it was */
	unsigned char *page;
	volatile uint32_t *entry;
	struct samples samples;
};

static unsigned int find_capability(int config)
{
	unsigned char bytes[CONFIG_BYTES];
	unsigned int at;

	if (pread(config, bytes, sizeof(bytes), 0) != sizeof(bytes) ||
	    !(bytes[PCI_STATUS] & PCI_STATUS_CAP_LIST))
		return 0;
	at = bytes[PCI_CAPABILITY_LIST];
	for (int i = 0; i < CAPABILITIES_MAX && at >= 0x40 && at <= CONFIG_BYTES - 12; i++) {
		if (bytes[at] == PCI_CAP_ID_MSIX)
			return at;
		at = bytes[at + 1];
	}
	return 0;
}

/* That device, or the first that has MSI-X ("auto"). */
static bool find(struct msix *msix, const char *wanted)
{
	DIR *dir = opendir("/sys/bus/pci/devices");
	struct dirent *entry;

	while (dir && !msix->capability && (entry = readdir(dir))) {
		char path[300];

		if (entry->d_name[0] == '.' ||
		    (strcmp(wanted, "auto") && strcmp(wanted, entry->d_name)))
			continue;
		snprintf(msix->device, sizeof(msix->device), "/sys/bus/pci/devices/%.32s",
			 entry->d_name);
		snprintf(path, sizeof(path), "%s/config", msix->device);
		msix->config = open(path, O_RDWR | O_CLOEXEC);
		msix->capability = msix->config < 0 ? 0 : find_capability(msix->config);
		if (!msix->capability && msix->config >= 0)
			close(msix->config);
	}
	if (dir)
		closedir(dir);
	return msix->capability;
}

static void write_text(const struct msix *msix, const char *file, const char *text)
{
	char path[300];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", msix->device, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		errno = 0; /* what follows fails, and says why */
	close(fd);
}

/* A driver in the guest keeps programs from the registers; on the host none has them. */
static bool map_table(struct msix *msix)
{
	uint32_t table;
	char path[300];
	int fd;

	write_text(msix, "driver/unbind", strrchr(msix->device, '/') + 1);
	write_text(msix, "enable", "1");
	if (pread(msix->config, &table, sizeof(table), msix->capability + PCI_MSIX_TABLE) !=
		    sizeof(table) ||
	    pread(msix->config, &msix->control, sizeof(msix->control),
		  msix->capability + PCI_MSIX_FLAGS) != sizeof(msix->control))
		return false;
	snprintf(path, sizeof(path), "%s/resource%u", msix->device, table & PCI_MSIX_TABLE_BIR);
	fd = open(path, O_RDWR | O_SYNC | O_CLOEXEC);
	table &= PCI_MSIX_TABLE_OFFSET;
	msix->page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			  table & ~(PAGE_BYTES - 1));
	if (fd >= 0)
		close(fd);
	if (msix->page == MAP_FAILED)
		return false;
	msix->entry = (volatile uint32_t *)(msix->page + table % PAGE_BYTES);
	return true;
}

static bool set_control(const struct msix *msix, uint16_t control)
{
	return pwrite(msix->config, &control, sizeof(control), msix->capability + PCI_MSIX_FLAGS) ==
	       sizeof(control);
}

/* Each is read back: a write has arrived when the read behind it has. */
static void set_mask(const struct msix *msix, uint32_t mask)
{
	msix->entry[PCI_MSIX_ENTRY_VECTOR_CTRL / 4] = mask;
	if ((msix->entry[PCI_MSIX_ENTRY_VECTOR_CTRL / 4] & MASKED) != mask)
		talk_failed("the device has lost the mask of its first vector");
}

static void pairs(struct msix *msix, uint64_t count)
{
	while (count--) {
		uint64_t began = now_ns();

		set_mask(msix, MASKED);
		set_mask(msix, 0);
		samples_add(&msix->samples, now_ns() - began);
	}
}

static void measure(struct msix *msix, const char *name, uint64_t count)
{
	struct window window;

	msix->entry[PCI_MSIX_ENTRY_VECTOR_CTRL / 4] = MASKED;
	msix->entry[PCI_MSIX_ENTRY_LOWER_ADDR / 4] = MESSAGE_ADDRESS;
	msix->entry[PCI_MSIX_ENTRY_UPPER_ADDR / 4] = 0;
	msix->entry[PCI_MSIX_ENTRY_DATA / 4] = SPURIOUS_VECTOR;
	samples_reset(&msix->samples);
	pairs(msix, count / 10 + 1);
	samples_reset(&msix->samples);
	window_begin(&window, name, NULL);
	pairs(msix, count);
	window_end(&window, count, 0, &msix->samples);
	msix->entry[PCI_MSIX_ENTRY_VECTOR_CTRL / 4] = MASKED;
}

void work_mask(const char *name, const char *device, uint64_t count)
{
	struct msix msix = { .config = -1, .page = MAP_FAILED };

	if (!find(&msix, device)) {
		talk_skipped(name, "no device has MSI-X");
		return;
	}
	if (!map_table(&msix) ||
	    !set_control(&msix, (uint16_t)((msix.control & ~PCI_MSIX_FLAGS_MASKALL) |
					   PCI_MSIX_FLAGS_ENABLE)))
		talk_skipped(name, "cannot reach the table of MSI-X: %s", strerror(errno));
	else
		measure(&msix, name, count);
	if (msix.page != MAP_FAILED) {
		set_control(&msix, msix.control);
		munmap(msix.page, PAGE_BYTES);
	}
	close(msix.config);
}
