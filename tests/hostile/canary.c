/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * canary PAGES: memory of the host that nobody may touch. Prints where it is in physical memory,
 * one page's address a line, then "watched"; at a byte of input, whether it is as it was.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE_BYTES 4096UL

static uint64_t wanted(size_t word)
{
	return 0x9e3779b97f4a7c15ULL * (word + 1);
}

/* Documentation/admin-guide/mm/pagemap.rst: the frame in bits 0 to 54, present in bit 63. */
static uint64_t physical(int pagemap, const void *at)
{
	uint64_t entry;

	if (pread(pagemap, &entry, sizeof(entry), (off_t)((uintptr_t)at / PAGE_BYTES * 8)) !=
		    sizeof(entry) ||
	    !(entry >> 63))
		return 0;
	return (entry & ((1ULL << 55) - 1)) * PAGE_BYTES;
}

int main(int argc, char **argv)
{
	size_t pages = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
	size_t words = pages * PAGE_BYTES / 8, harmed = 0;
	int pagemap = open("/proc/self/pagemap", O_RDONLY);
	volatile uint64_t *memory;
	char byte;

	if (!pages || pagemap < 0) {
		fprintf(stderr, "usage: canary PAGES, as root\n");
		return 2;
	}
	memory = mmap(NULL, pages * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0);
	/* In pages of the smallest kind, so that nobody moves them to make larger ones. */
	if (memory == MAP_FAILED || madvise((void *)memory, pages * PAGE_BYTES, MADV_NOHUGEPAGE) ||
	    mlock((void *)memory, pages * PAGE_BYTES)) {
		perror("canary");
		return 2;
	}
	for (size_t i = 0; i < words; i++)
		memory[i] = wanted(i);
	for (size_t i = 0; i < pages; i++) {
		uint64_t where = physical(pagemap, (const char *)memory + i * PAGE_BYTES);

		if (!where) {
			fprintf(stderr, "canary: the kernel does not say where it is\n");
			return 2;
		}
		printf("%llx\n", (unsigned long long)where);
	}
	printf("watched\n");
	fflush(stdout);
	if (read(0, &byte, 1) < 0)
		return 2;
	for (size_t i = 0; i < words; i++)
		harmed += memory[i] != wanted(i);
	printf("%zu of %zu words harmed\n", harmed, words);
	return harmed ? 1 : 0;
}
