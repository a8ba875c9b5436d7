// SPDX-License-Identifier: LGPL-2.1-or-later
#include "registers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_BYTES 4096u

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	exit(1);
}

static int function_file(const char *bdf, const char *name, int flags)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", bdf, name);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	return fd;
}

struct function function_open(const char *bdf)
{
	return (struct function){ .bdf = bdf, .config_fd = function_file(bdf, "config", O_RDWR) };
}

void function_command_change(struct function *function, uint16_t clear, uint16_t set)
{
	uint16_t value;

	if (pread(function->config_fd, &value, 2, PCI_COMMAND) != 2)
		die("configuration space of %s: %s", function->bdf, strerror(errno));
	value = (uint16_t)((value & ~clear) | set);
	if (pwrite(function->config_fd, &value, 2, PCI_COMMAND) != 2)
		die("configuration space of %s: %s", function->bdf, strerror(errno));
}

struct bar function_bar(struct function *function, int index)
{
	struct bar bar = { 0 };
	struct stat stat;
	char name[16];

	snprintf(name, sizeof(name), "resource%d", index);
	bar.fd = function_file(function->bdf, name, O_RDWR | O_SYNC);
	if (fstat(bar.fd, &stat))
		die("BAR %d of %s: %s", index, function->bdf, strerror(errno));
	bar.size = (size_t)stat.st_size;
	bar.map = mmap(NULL, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED, bar.fd, 0);
	if (bar.map == MAP_FAILED)
		bar.map = NULL;
	return bar;
}

static uint64_t file_number(int fd, const char *what)
{
	char text[64];
	ssize_t got = read(fd, text, sizeof(text) - 1);

	close(fd);
	if (got <= 0)
		die("%s cannot be read", what);
	text[got] = '\0';
	return strtoull(text, NULL, 0);
}

uint64_t function_number(const struct function *function, const char *name)
{
	return file_number(function_file(function->bdf, name, O_RDONLY), name);
}

uint32_t bar_read(const struct bar *bar, size_t offset, size_t width)
{
	volatile uint8_t *at = bar->map + offset;
	uint32_t value = 0;

	if (offset + width > bar->size)
		die("a read behind the end of a BAR");
	if (!bar->map) {
		if (pread(bar->fd, &value, width, (off_t)offset) != (ssize_t)width)
			die("reading I/O port %zu: %s", offset, strerror(errno));
		return value;
	}
	switch (width) {
	case 1:
		return *at;
	case 2:
		return *(volatile uint16_t *)at;
	default:
		return *(volatile uint32_t *)at;
	}
}

void bar_write(const struct bar *bar, size_t offset, size_t width, uint32_t value)
{
	volatile uint8_t *at = bar->map + offset;

	if (offset + width > bar->size)
		die("a write behind the end of a BAR");
	if (!bar->map) {
		if (pwrite(bar->fd, &value, width, (off_t)offset) != (ssize_t)width)
			die("writing I/O port %zu: %s", offset, strerror(errno));
		return;
	}
	switch (width) {
	case 1:
		*at = (uint8_t)value;
		break;
	case 2:
		*(volatile uint16_t *)at = (uint16_t)value;
		break;
	default:
		*(volatile uint32_t *)at = value;
	}
}

uint64_t irq_count(unsigned irq)
{
	char path[64], text[512], *each, *rest = text;
	uint64_t sum = 0;
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/irq/%u/per_cpu_count", irq);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (got < 0)
		die("%s: %s", path, strerror(errno));
	close(fd);
	text[got] = '\0';
	while ((each = strsep(&rest, ",")))
		sum += strtoull(each, NULL, 10);
	return sum;
}

static int number_compare(const void *left, const void *right)
{
	unsigned a = *(const unsigned *)left, b = *(const unsigned *)right;

	return (a > b) - (a < b);
}

unsigned function_message_irq(const struct function *function, unsigned index)
{
	char path[128];
	unsigned irqs[64], count = 0;
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/msi_irqs", function->bdf);
	dir = opendir(path);
	while (dir && count < 64 && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			irqs[count++] = (unsigned)strtoul(entry->d_name, NULL, 10);
	if (dir)
		closedir(dir);
	qsort(irqs, count, sizeof(irqs[0]), number_compare);
	if (index >= count)
		die("%s has no message %u", function->bdf, index);
	return irqs[index];
}

uint64_t irq_await(unsigned irq, uint64_t from, const char *what)
{
	uint64_t now = from;

	for (unsigned tries = 0; tries < AWAIT_MS / 10 && (now = irq_count(irq)) == from; tries++)
		usleep(10000);
	if (now == from)
		die("no interrupt %s", what);
	return now;
}

void *dma_page(uint64_t *address)
{
	void *page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry;

	if (page == MAP_FAILED || mlock(page, PAGE_BYTES))
		die("no memory");
	memset(page, 0, PAGE_BYTES);
	if (pread(fd, &entry, sizeof(entry),
		  (off_t)((uintptr_t)page / PAGE_BYTES * sizeof(entry))) != sizeof(entry))
		die("/proc/self/pagemap: %s", strerror(errno));
	close(fd);
	*address = (entry & ((UINT64_C(1) << 55) - 1)) * PAGE_BYTES;
	if (!*address)
		die("/proc/self/pagemap tells no address");
	return page;
}
