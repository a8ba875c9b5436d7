/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "work.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool read_line(char *text, size_t text_bytes, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list args;
	FILE *file;
	bool got;

	va_start(args, fmt);
	vsnprintf(path, sizeof(path), fmt, args);
	va_end(args);
	file = fopen(path, "re");
	if (!file)
		return false;
	got = fgets(text, (int)text_bytes, file);
	fclose(file);
	if (got)
		text[strcspn(text, "\n")] = '\0';
	return got;
}

bool pci_device_of(const char *class_path, char *path, size_t path_bytes)
{
	char link[PATH_MAX], resolved[PATH_MAX];

	snprintf(link, sizeof(link), "%s/device", class_path);
	if (!realpath(link, resolved))
		return false;
	/* The nearest parent that has a PCI configuration space. */
	while (resolved[1]) {
		char config[PATH_MAX + 8];
		char *slash = strrchr(resolved, '/');

		snprintf(config, sizeof(config), "%s/config", resolved);
		if (!access(config, F_OK))
			return snprintf(path, path_bytes, "%s", resolved) < (int)path_bytes;
		if (!slash || slash == resolved)
			break;
		*slash = '\0';
	}
	return false;
}

bool driver_of(const char *device, char *name, size_t name_bytes)
{
	char link[PATH_MAX], target[PATH_MAX];
	const char *slash;

	snprintf(link, sizeof(link), "%.255s/driver", device);
	if (!realpath(link, target))
		return false;
	slash = strrchr(target, '/');
	return snprintf(name, name_bytes, "%s", slash + 1) < (int)name_bytes;
}

bool disk_name(const char *block, char *name, size_t name_bytes)
{
	unsigned int subsystem, controller, namespace;
	char node[300];

	if (sscanf(block, "nvme%uc%un%u", &subsystem, &controller, &namespace) == 3)
		snprintf(name, name_bytes, "nvme%un%u", subsystem, namespace);
	else
		snprintf(name, name_bytes, "%s", block);
	snprintf(node, sizeof(node), "/dev/%.255s", name);
	return !access(node, F_OK);
}

/* Whether the kernel's number @irq is the device's: one of its messages, or its line. */
static bool has_irq(const char *device, unsigned long irq)
{
	char path[PATH_MAX], line[32];

	snprintf(path, sizeof(path), "%s/msi_irqs/%lu", device, irq);
	if (!access(path, F_OK))
		return true;
	snprintf(path, sizeof(path), "%s/msi_irqs", device);
	if (!access(path, F_OK))
		return false;
	return read_line(line, sizeof(line), "%s/irq", device) && strtoul(line, NULL, 10) == irq;
}

/* Of all processors; @at: behind the colon of a line of /proc/interrupts. */
static uint64_t add_columns(const char *at)
{
	uint64_t total = 0;

	for (;;) {
		char *end;
		unsigned long long count = strtoull(at, &end, 10);

		if (end == at || (*end != ' ' && *end != '\n'))
			return total;
		total += count;
		at = end;
	}
}

/* Of a device, or without one of the local timers. */
static uint64_t add_interrupts(const char *device)
{
	FILE *file = fopen("/proc/interrupts", "re");
	uint64_t total = 0;
	char line[16384];

	while (file && fgets(line, sizeof(line), file)) {
		char *at = line + strspn(line, " ");
		unsigned long irq = strtoul(at, &at, 10);

		if (device ? *at == ':' && has_irq(device, irq) : !strncmp(at, "LOC:", 4))
			total += add_columns(strchr(at, ':') + 1);
	}
	if (file)
		fclose(file);
	return total;
}

uint64_t interrupts_of(const char *device)
{
	return add_interrupts(device);
}

uint64_t ticks_now(void)
{
	return add_interrupts(NULL);
}
