/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "work.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DEPTH_MAX      64U
#define RANDOM_BYTES   4096U
#define SEQUENCE_BYTES (256U << 10)
#define DISK_SECONDS   30

/* Opened for writing only when a part writes: nothing is lost by measuring the others. */
struct disk {
	int fd;
	char path[80];
	char device[256];
	uint64_t size_bytes;
	uint64_t duration_ns;
	struct samples samples;
	unsigned char *buffer;
};

struct pattern {
	unsigned int depth;
	uint32_t bytes;
	bool random, write;
};

static const struct part {
	const char *name;
	struct pattern pattern;
	const char *latency; /* what the times of its requests are called; NULL: they are it */
	bool fio;	     /* it does it */
} parts[] = {
	{ "read-latency", { 1, RANDOM_BYTES, true, false }, NULL },
	{ "read-iops-4", { 4, RANDOM_BYTES, true, false }, "read-latency-4" },
	{ "read-iops-16", { 16, RANDOM_BYTES, true, false }, "read-latency-16" },
	{ "read-iops-64", { 64, RANDOM_BYTES, true, false }, "read-latency-64" },
	{ "read-sequential", { 4, SEQUENCE_BYTES, false, false }, NULL },
	{ "write-latency", { 1, RANDOM_BYTES, true, true }, NULL },
	{ "write-iops-16", { 16, RANDOM_BYTES, true, true }, "write-latency-16" },
	{ "write-sequential", { 4, SEQUENCE_BYTES, false, true }, NULL },
	{ "fio-iops-1", { 1, RANDOM_BYTES, true, false }, .fio = true },
	{ "fio-iops-32", { 32, RANDOM_BYTES, true, false }, .fio = true },
	{ "fio-sequential", { 4, SEQUENCE_BYTES, false, false }, .fio = true },
	{ "fio-write-iops-32", { 32, RANDOM_BYTES, true, true }, .fio = true },
	{ "fio-write-sequential", { 4, SEQUENCE_BYTES, false, true }, .fio = true },
};

/* The first disk of a PCI device, or that one: the others are made of memory or files. */
static bool find_disk(const char *wanted, char *name, size_t name_bytes, char *device,
		      size_t device_bytes)
{
	DIR *dir = opendir("/sys/block");
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		char path[300];

		snprintf(path, sizeof(path), "/sys/block/%s", entry->d_name);
		found = entry->d_name[0] != '.' && disk_name(entry->d_name, name, name_bytes) &&
			(!strcmp(wanted, "auto") || !strcmp(wanted, name)) &&
			pci_device_of(path, device, device_bytes);
	}
	if (dir)
		closedir(dir);
	return found;
}

static uint64_t next_random(void)
{
	static uint64_t state = 0x9e3779b97f4a7c15ULL;

	/* The same sequence in every run (xorshift64). */
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void submit(struct disk *disk, aio_context_t context, const struct pattern *pattern,
		   struct iocb *request, uint64_t *at)
{
	uint64_t blocks = disk->size_bytes / pattern->bytes;
	struct iocb *list = request;

	request->aio_offset =
		(int64_t)((pattern->random ? next_random() : (*at)++) % blocks * pattern->bytes);
	request->aio_data = now_ns();
	if (syscall(SYS_io_submit, context, 1, &list) != 1)
		talk_failed("cannot %s the disk: %s", pattern->write ? "write to" : "read",
			    strerror(errno));
}

/* Keeps as many requests in flight as @pattern says; the number that was done in time. */
static uint64_t work_for(struct disk *disk, const struct pattern *pattern, uint64_t duration_ns)
{
	struct iocb requests[DEPTH_MAX];
	struct io_event events[DEPTH_MAX];
	aio_context_t context = 0;
	uint64_t began, count = 0, at = 0;
	unsigned int in_flight = 0;

	if (syscall(SYS_io_setup, DEPTH_MAX, &context))
		talk_failed("the kernel has no asynchronous I/O: %s", strerror(errno));
	began = now_ns();
	for (; in_flight < pattern->depth; in_flight++) {
		requests[in_flight] = (struct iocb){
			.aio_fildes = (uint32_t)disk->fd,
			.aio_lio_opcode = pattern->write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD,
			.aio_buf = (uint64_t)(disk->buffer + (size_t)in_flight * pattern->bytes),
			.aio_nbytes = pattern->bytes,
		};
		submit(disk, context, pattern, &requests[in_flight], &at);
	}
	while (in_flight) {
		long got = syscall(SYS_io_getevents, context, 1L, (long)DEPTH_MAX, events, NULL);
		uint64_t now = now_ns();

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			talk_failed("cannot wait for the disk: %s", strerror(errno));
		for (long i = 0; i < got; i++) {
			if (events[i].res != (int64_t)pattern->bytes)
				talk_failed(
					"a %s of the disk failed: %s",
					pattern->write ? "write" : "read",
					strerror(events[i].res < 0 ? (int)-events[i].res : EIO));
			samples_add(&disk->samples, now - events[i].data);
			count++;
			in_flight--;
			if (now - began >= duration_ns)
				continue;
			submit(disk, context, pattern, (struct iocb *)(uintptr_t)events[i].obj,
			       &at);
			in_flight++;
		}
	}
	syscall(SYS_io_destroy, context);
	return count;
}

static void measure(struct disk *disk, const struct part *part)
{
	const struct pattern *pattern = &part->pattern;
	uint64_t began, count;
	struct window window;

	samples_reset(&disk->samples);
	work_for(disk, pattern, disk->duration_ns / 4);
	samples_reset(&disk->samples);
	window_begin(&window, part->name, disk->device);
	began = now_ns();
	count = work_for(disk, pattern, disk->duration_ns);
	if (pattern->random && pattern->depth == 1)
		window_end(&window, count, 0, &disk->samples);
	else
		window_end(&window, count,
			   (double)count * 1e9 / (double)(now_ns() - began) *
				   (pattern->random ? 1 : pattern->bytes),
			   NULL);
	if (part->latency)
		talk_times(part->latency, &disk->samples);
}

/* Threads, for a guest's kernel without shared memory (System V); no map of what was read, which is
 * as large as the disk. */
static void by_fio(struct disk *disk, const struct part *part)
{
	const struct pattern *pattern = &part->pattern;
	char file[96], what[32], bytes[24], depth[24], runtime[40];
	const char *const words[] = { "fio",
				      "--name=bench",
				      "--ioengine=libaio",
				      "--direct=1",
				      "--thread",
				      "--time_based",
				      "--eta=never",
				      "--output-format=json",
				      "--norandommap=1",
				      file,
				      what,
				      bytes,
				      depth,
				      runtime,
				      pattern->write ? NULL : "--readonly",
				      NULL };

	snprintf(file, sizeof(file), "--filename=%s", disk->path);
	snprintf(what, sizeof(what), "--rw=%s%s", pattern->random ? "rand" : "",
		 pattern->write ? "write" : "read");
	snprintf(bytes, sizeof(bytes), "--bs=%u", pattern->bytes);
	snprintf(depth, sizeof(depth), "--iodepth=%u", pattern->depth);
	snprintf(runtime, sizeof(runtime), "--runtime=%llums",
		 (unsigned long long)disk->duration_ns / 1000000);
	work_tool(part->name, disk->device, disk->duration_ns, words);
}

/* A function may have other disks than the one whose content may be lost. */
static void check_identity(const char *name, const char *wanted)
{
	char wwid[256] = "";

	if (!read_line(wwid, sizeof(wwid), "/sys/block/%s/wwid", name) || strcmp(wwid, wanted) != 0)
		talk_failed("the device's disk is %s, not %s: nothing is written",
			    wwid[0] ? wwid : "of unknown identity", wanted);
}

static void open_disk(struct disk *disk, const char *wanted, const char *written)
{
	char name[64];

	for (int tries = 0;
	     !find_disk(wanted, name, sizeof(name), disk->device, sizeof(disk->device)); tries++) {
		if (tries >= DISK_SECONDS * 10)
			talk_failed("no disk: no driver for the device was found in the kernel or "
				    "the initrd, or it gave none");
		usleep(100000);
	}
	snprintf(disk->path, sizeof(disk->path), "/dev/%s", name);
	if (written && strcmp(written, "any") != 0)
		check_identity(name, written);
	disk->fd = open(disk->path, (written ? O_RDWR : O_RDONLY) | O_DIRECT | O_CLOEXEC);
	if (disk->fd < 0 || ioctl(disk->fd, BLKGETSIZE64, &disk->size_bytes))
		talk_failed("cannot open %s: %s", disk->path, strerror(errno));
	if (disk->size_bytes < SEQUENCE_BYTES)
		talk_failed("%s is too small", disk->path);
}

static const struct part *find_part(const char *name)
{
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (!strcmp(name, parts[i].name))
			return &parts[i];
	talk_failed("there is no part '%s'", name);
}

/* disk NAME|auto MILLISECONDS IDENTITY|any PART... */
void work_disk(char **words)
{
	struct disk disk = { .fd = -1 };
	bool write = false;

	if (!words[1] || !words[2] || !words[3])
		talk_failed("words are missing");
	disk.duration_ns = strtoull(words[2], NULL, 10) * 1000000;
	for (char **part = words + 4; *part; part++)
		write |= find_part(*part)->pattern.write;
	open_disk(&disk, words[1], write ? words[3] : NULL);
	if (posix_memalign((void **)&disk.buffer, 4096, (size_t)4 * SEQUENCE_BYTES))
		talk_failed("out of memory");
	memset(disk.buffer, 0, (size_t)4 * SEQUENCE_BYTES);
	for (char **word = words + 4; *word; word++) {
		const struct part *part = find_part(*word);

		if (part->fio)
			by_fio(&disk, part);
		else
			measure(&disk, part);
	}
}
