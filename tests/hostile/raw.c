/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * raw SEED SECONDS: in a Linux guest, random accesses to the configuration space and the BARs of
 * all functions of bus 0 through sysfs, by three processes, while a fourth binds, unbinds, removes
 * and rescans them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEVICES	      "/sys/bus/pci/devices"
#define FUNCTIONS_MAX 16
#define NAME_BYTES    16
#define WORKERS	      3

static char names[FUNCTIONS_MAX][NAME_BYTES];
static size_t name_count;
static uint64_t state;

static uint64_t any(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dULL;
}

static uint64_t below(uint64_t end)
{
	return (any() >> 16) % end;
}

static time_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

static void find_functions(void)
{
	DIR *dir = opendir(DEVICES);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)) && name_count < FUNCTIONS_MAX)
		if (strlen(entry->d_name) < NAME_BYTES && entry->d_name[0] != '.')
			strcpy(names[name_count++], entry->d_name);
	if (dir)
		closedir(dir);
}

static int open_of(const char *function, const char *file, int flags)
{
	char path[128];

	snprintf(path, sizeof(path), DEVICES "/%s/%s", function, file);
	return open(path, flags | O_CLOEXEC);
}

/* Device and vendor, 0 if it is gone. */
static uint32_t identity(const char *function)
{
	uint32_t id = 0;
	int fd = open_of(function, "config", O_RDONLY);

	if (fd >= 0 && pread(fd, &id, sizeof(id), 0) != sizeof(id))
		id = 0;
	if (fd >= 0)
		close(fd);
	return id;
}

static bool is_edu(const char *function)
{
	return identity(function) == 0x11e81234;
}

static bool is_virtio(const char *function)
{
	return (identity(function) & 0xffff) == 0x1af4;
}

static uint64_t value(void)
{
	static const uint64_t edges[] = { 0, ~0ULL, 0xfee00000, 0xe0000000, 0x1000, 0x80000000 };

	return below(3) ? any() : edges[below(6)];
}

static void config_nonsense(const char *function)
{
	int fd = open_of(function, "config", O_RDWR);

	for (uint64_t i = below(64); fd >= 0 && i; i--) {
		size_t bytes = 1 + below(8);
		off_t offset = (off_t)below(below(4) ? 256 : 4096);
		uint64_t to = value();
		ssize_t done;

		/* Where edu is, it stays: guest.c says why. */
		if (below(3) || (is_edu(function) && offset < 0x28 && offset + 8 > 0x10))
			done = pread(fd, &to, bytes, offset);
		else
			done = pwrite(fd, &to, bytes, offset);
		if (done < 0 && errno == ENODEV)
			break;
	}
	if (fd >= 0)
		close(fd);
}

static void touch(volatile uint8_t *at, uint64_t offset)
{
	switch (below(6)) {
	case 0:
		at[offset] = (uint8_t)value();
		break;
	case 1:
		*(volatile uint32_t *)(at + (offset & ~3ULL)) = (uint32_t)value();
		break;
	case 2:
		*(volatile uint64_t *)(at + (offset & ~7ULL)) = value();
		break;
	case 3:
		(void)at[offset];
		break;
	case 4:
		(void)*(volatile uint32_t *)(at + (offset & ~3ULL));
		break;
	default:
		(void)*(volatile uint64_t *)(at + (offset & ~7ULL));
	}
}

static void bar_nonsense(const char *function)
{
	char file[16];
	int fd;
	off_t bytes, near = 4096;
	uint64_t word;
	void *at;

	if (is_edu(function))
		return;
	snprintf(file, sizeof(file), "resource%u", (unsigned int)below(6));
	fd = open_of(function, file, O_RDWR);
	if (fd < 0)
		return;
	bytes = lseek(fd, 0, SEEK_END);
	at = bytes < 4096 ? MAP_FAILED
			  : mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	/* Where a virtio device of ours has the registers of its queues: 64 bytes. */
	if (below(2) && bytes > 64 && is_virtio(function))
		near = 64;
	for (uint64_t i = below(128); i; i--) {
		uint64_t offset =
			below(below(2) && bytes > near ? (uint64_t)near : (uint64_t)bytes + !bytes);

		if (at != MAP_FAILED) {
			touch(at, offset & ~7ULL);
		} else { /* I/O ports */
			size_t width = 1UL << below(3);

			word = value();
			if (below(2) ? pread(fd, &word, width, (off_t)offset) < 0
				     : pwrite(fd, &word, width, (off_t)offset) < 0)
				break;
		}
	}
	if (at != MAP_FAILED)
		munmap(at, (size_t)bytes);
	close(fd);
}

static void put(const char *function, const char *file, const char *text)
{
	int fd = open_of(function, file, O_WRONLY);

	if (fd >= 0 && write(fd, text, strlen(text)) < 0 && errno == EBADF)
		abort();
	if (fd >= 0)
		close(fd);
}

static void rom(const char *function)
{
	char bytes[4096];
	int fd;

	put(function, "rom", "1");
	fd = open_of(function, "rom", O_RDONLY);
	while (fd >= 0 && read(fd, bytes, sizeof(bytes)) > 0)
		;
	if (fd >= 0)
		close(fd);
	put(function, "rom", "0");
}

static void work(uint64_t seed, time_t end)
{
	uint64_t deeds = 0;

	state = seed;
	while (now() < end) {
		const char *function = names[below(name_count)];

		switch (below(8)) {
		case 0:
			put(function, "enable", below(2) ? "1" : "0");
			break;
		case 1:
			rom(function);
			break;
		case 2:
			if (!below(8)) /* each takes a tenth of a second and more */
				put(function, "reset", "1");
			break;
		case 3:
		case 4:
			bar_nonsense(function);
			break;
		default:
			config_nonsense(function);
		}
		deeds++;
	}
	printf("raw: %llu deeds\n", (unsigned long long)deeds);
	exit(0);
}

/* A driver may hang in a device that answers nonsense: that is a process' own time. */
static void drivers(uint64_t seed, time_t end)
{
	uint64_t deeds = 0;

	state = seed;
	while (now() < end) {
		const char *function = names[below(name_count)];

		switch (below(4)) {
		case 0:
			put(function, "driver/unbind", function);
			break;
		case 1:
			put("..", "drivers_probe", function);
			break;
		case 2:
			put(function, "remove", "1");
			break;
		default:
			put("..", "rescan", "1");
		}
		deeds++;
		usleep(20000);
	}
	printf("raw: %llu deeds with drivers\n", (unsigned long long)deeds);
	exit(0);
}

int main(int argc, char **argv)
{
	uint64_t seed = argc == 3 ? strtoull(argv[1], NULL, 10) : 0;
	time_t told = now(), end = told + (argc == 3 ? strtol(argv[2], NULL, 10) : 0);

	find_functions();
	if (!seed || !name_count) {
		fprintf(stderr, "usage: raw SEED SECONDS, as root, with PCI devices\n");
		return 2;
	}
	printf("raw: begins with %zu functions, seed %llu\n", name_count, (unsigned long long)seed);
	fflush(stdout);
	for (unsigned int i = 0; i <= WORKERS; i++) {
		if (fork())
			continue;
		if (i < WORKERS)
			work(seed + i * 0x9e3779b97f4a7c15ULL, end);
		else
			drivers(seed + i * 0x9e3779b97f4a7c15ULL, end);
	}
	/* What hangs in the guest's kernel then is left there. */
	while (now() < end + 10 && waitpid(-1, NULL, WNOHANG) >= 0) {
		if (now() >= told + 2) {
			told = now();
			printf("raw: %lld s left\n", (long long)(end - told));
			fflush(stdout);
		}
		usleep(100000);
	}
	printf("raw: ends\n");
	return 0;
}
