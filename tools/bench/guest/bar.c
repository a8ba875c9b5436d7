/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "work.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_BYTES 4096U
#define PAGES_MAX  16384U

/* The largest BAR of a device, or of all of them ("auto"), and where it is. */
static uint64_t find_bar(const char *wanted, char *device, size_t device_bytes, int *bar)
{
	DIR *dir = opendir("/sys/bus/pci/devices");
	uint64_t largest = 0;
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		for (int i = 0; i < 6; i++) {
			char path[300];
			struct stat status;

			if (strcmp(wanted, "auto") && strcmp(wanted, entry->d_name))
				continue;
			snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource%d",
				 entry->d_name, i);
			/* Only what can be mapped; I/O ports are files, too. */
			if (stat(path, &status) || (uint64_t)status.st_size <= largest ||
			    status.st_size % PAGE_BYTES)
				continue;
			largest = (uint64_t)status.st_size;
			*bar = i;
			snprintf(device, device_bytes, "/sys/bus/pci/devices/%.32s", entry->d_name);
		}
	if (dir)
		closedir(dir);
	return largest;
}

static void touch(volatile uint32_t *registers, uint64_t pages, struct samples *samples)
{
	for (uint64_t page = 0; page < pages; page++) {
		uint64_t began = now_ns();

		(void)registers[page * PAGE_BYTES / sizeof(*registers)];
		samples_add(samples, now_ns() - began);
	}
}

/* bar DEVICE|auto */
void work_bar(char **words)
{
	struct samples samples = { 0 };
	struct window window;
	char device[256], path[300];
	uint64_t bytes;
	volatile uint32_t *registers;
	int bar = 0, fd;

	if (!words[1])
		talk_failed("words are missing");
	bytes = find_bar(words[1], device, sizeof(device), &bar);
	if (!bytes)
		talk_failed("no device has a BAR that can be mapped");
	snprintf(path, sizeof(path), "%s/enable", device);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, "1", 1) == 1)
		close(fd);
	snprintf(path, sizeof(path), "%s/resource%d", device, bar);
	fd = open(path, O_RDWR | O_SYNC | O_CLOEXEC);
	registers = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (registers == MAP_FAILED)
		talk_failed("cannot map %s: %s", path, strerror(errno));
	if (bytes / PAGE_BYTES > PAGES_MAX)
		bytes = (uint64_t)PAGES_MAX * PAGE_BYTES;
	samples_reset(&samples);
	window_begin(&window, "first-touch", NULL);
	touch(registers, bytes / PAGE_BYTES, &samples);
	window_end(&window, bytes / PAGE_BYTES, 0, &samples);
	samples_reset(&samples);
	window_begin(&window, "second-touch", NULL);
	touch(registers, bytes / PAGE_BYTES, &samples);
	window_end(&window, bytes / PAGE_BYTES, 0, &samples);
}
