/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "library.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>
#include <viaduct/util/text.h>

#define SEGMENTS_MAX 256

static int no_program(const char *program, struct via_error *err)
{
	return via_error_set(err, ENOEXEC, "%s is no program of 64 bits", program);
}

static bool is_program(const Elf64_Ehdr *header)
{
	return !memcmp(header->e_ident, ELFMAG, SELFMAG) &&
	       header->e_ident[EI_CLASS] == ELFCLASS64 &&
	       (header->e_type == ET_EXEC || header->e_type == ET_DYN) &&
	       header->e_phentsize == sizeof(Elf64_Phdr) && header->e_phnum <= SEGMENTS_MAX;
}

/* Return: 1 when @segment names the loader, 0 when it does not. */
static int read_loader(int fd, const Elf64_Phdr *segment, char *loader, size_t loader_bytes)
{
	if (segment->p_type != PT_INTERP)
		return 0;
	if (!segment->p_filesz || segment->p_filesz > loader_bytes ||
	    pread(fd, loader, segment->p_filesz, (off_t)segment->p_offset) !=
		    (ssize_t)segment->p_filesz ||
	    loader[segment->p_filesz - 1] || loader[0] != '/')
		return -ENOEXEC;
	return 1;
}

int via_bench_loader_of(const char *program, char *loader, size_t loader_bytes,
			struct via_error *err)
{
	via_autoclose int fd = open(program, O_RDONLY | O_CLOEXEC);
	Elf64_Ehdr header;
	Elf64_Phdr segment;
	int rc = 0;

	if (fd < 0)
		return via_error_sys(err, errno, "cannot read %s", program);
	if (pread(fd, &header, sizeof(header), 0) != sizeof(header) || !is_program(&header))
		return no_program(program, err);
	for (unsigned int i = 0; !rc && i < header.e_phnum; i++) {
		uint64_t at = header.e_phoff + i * sizeof(segment);

		if (pread(fd, &segment, sizeof(segment), (off_t)at) != sizeof(segment))
			return no_program(program, err);
		rc = read_loader(fd, &segment, loader, loader_bytes);
	}
	if (rc < 0)
		return no_program(program, err);
	if (!rc)
		loader[0] = '\0';
	return 0;
}

static int missing(const char *line, struct via_error *err)
{
	char said[200];

	snprintf(said, sizeof(said), "%s", line);
	via_text_make_printable(said);
	return via_error_set(err, ENOENT, "the dynamic loader says: %s", said);
}

int via_bench_library_read(const char *line, struct via_bench_library *library,
			   struct via_error *err)
{
	static const char arrow[] = " => ";
	const char *name = line + strspn(line, " \t"), *split = strstr(name, arrow), *path, *end;
	size_t name_length;

	path = split ? split + strlen(arrow) : name;
	end = strstr(path, " (0x");
	if (!end || end == path || (split && *path != '/'))
		return missing(name, err);
	if (*path != '/')
		return 0;
	for (const char *c = name; c < (split ? split : end); c++)
		if (*c == '/')
			name = c + 1;
	name_length = (size_t)((split ? split : end) - name);
	if (!name_length || name_length >= sizeof(library->name) ||
	    (size_t)(end - path) >= sizeof(library->path))
		return missing(line, err);
	snprintf(library->name, sizeof(library->name), "%.*s", (int)name_length, name);
	snprintf(library->path, sizeof(library->path), "%.*s", (int)(end - path), path);
	return 1;
}
