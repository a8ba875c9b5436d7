/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "../layout.h"

/* xen/include/public/elfnote.h */
#define NOTE_PHYS32_ENTRY 18U
#define NOTE_NAME	  "Xen"
#define NOTES_MAX_BYTES	  0x10000U
#define CMDLINE_MAX_BYTES 2047U /* x86 COMMAND_LINE_SIZE less its NUL */

static uint32_t note_align(uint32_t bytes)
{
	return (bytes + 3) & ~3U;
}

/* Looks for the PVH entry in a PT_NOTE segment of @size_bytes at @offset. */
static int find_entry(const struct via_image *image, uint64_t offset, uint64_t size_bytes,
		      uint64_t *entry, struct via_error *err)
{
	while (size_bytes >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr note;
		uint64_t body;
		int rc = via_image_read(image, offset, &note, sizeof(note), err);

		if (rc)
			return rc;
		if (note.n_namesz > NOTES_MAX_BYTES || note.n_descsz > NOTES_MAX_BYTES)
			break;
		body = sizeof(note) + note_align(note.n_namesz) + note_align(note.n_descsz);
		if (body > size_bytes)
			break;
		if (note.n_type == NOTE_PHYS32_ENTRY && note.n_namesz == sizeof(NOTE_NAME) &&
		    (note.n_descsz == 4 || note.n_descsz == 8)) {
			char name[sizeof(NOTE_NAME)];

			*entry = 0;
			rc = via_image_read(image, offset + sizeof(note), name, sizeof(name), err);
			if (!rc)
				rc = via_image_read(
					image, offset + sizeof(note) + note_align(note.n_namesz),
					entry, note.n_descsz, err);
			if (rc)
				return rc;
			if (!memcmp(name, NOTE_NAME, sizeof(NOTE_NAME)))
				return 0;
		}
		offset += body;
		size_bytes -= body;
	}
	return -ENOENT;
}

static int load_segment(struct via_memory *memory, const struct via_image *image,
			const Elf64_Phdr *segment, struct via_kernel *kernel, struct via_error *err)
{
	uint8_t *hva;
	int rc;

	if (!segment->p_memsz)
		return 0;
	if (segment->p_filesz > segment->p_memsz)
		return via_error_set(
			err, ENOEXEC,
			"%s is damaged: a segment is larger in the file than in memory",
			image->path);
	hva = segment->p_paddr >= LAYOUT_KERNEL
		      ? via_memory_at(memory, segment->p_paddr, segment->p_memsz)
		      : NULL;
	if (!hva || segment->p_paddr >= LAYOUT_RAM_LOW_END)
		return via_error_set(
			err, EFBIG,
			"%s does not fit: it wants %llu KiB at guest address 0x%llx, but "
			"memory goes from 1 MiB to %llu MiB (--memory)",
			image->path, (unsigned long long)(segment->p_memsz >> 10),
			(unsigned long long)segment->p_paddr,
			(unsigned long long)(via_memory_low_end(memory) / MIB));
	rc = via_image_read(image, segment->p_offset, hva, segment->p_filesz, err);
	if (rc)
		return rc;
	/* Fresh memory is zero already, and not worth the pages that zeroing would allocate. */
	if (memory->used)
		memset(hva + segment->p_filesz, 0, segment->p_memsz - segment->p_filesz);
	if (segment->p_paddr + segment->p_memsz > kernel->end_gpa)
		kernel->end_gpa = segment->p_paddr + segment->p_memsz;
	return 0;
}

int via_pvh_load(struct via_memory *memory, const struct via_image *image,
		 struct via_kernel *kernel, struct via_error *err)
{
	bool have_entry = false;
	Elf64_Ehdr header;
	int rc = via_image_read(image, 0, &header, sizeof(header), err);

	if (rc)
		return rc;
	if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
	    header.e_machine != EM_X86_64 || header.e_phentsize != sizeof(Elf64_Phdr))
		return via_error_set(err, ENOEXEC, "%s is an ELF file, but not for a 64-bit PC",
				     image->path);

	for (uint32_t i = 0; i < header.e_phnum; i++) {
		Elf64_Phdr segment;
		uint64_t at;

		if (__builtin_add_overflow(header.e_phoff, i * sizeof(segment), &at))
			return via_error_set(err, ENOEXEC,
					     "%s is damaged: its segment table is out "
					     "of the file",
					     image->path);
		rc = via_image_read(image, at, &segment, sizeof(segment), err);
		if (rc)
			return rc;
		if (segment.p_type == PT_LOAD) {
			rc = load_segment(memory, image, &segment, kernel, err);
			if (rc)
				return rc;
		} else if (segment.p_type == PT_NOTE && !have_entry) {
			rc = find_entry(image, segment.p_offset,
					segment.p_filesz < NOTES_MAX_BYTES ? segment.p_filesz
									   : NOTES_MAX_BYTES,
					&kernel->entry, err);
			if (rc && rc != -ENOENT)
				return rc;
			have_entry = !rc;
		}
	}
	if (!have_entry || !via_memory_at(memory, kernel->entry, 1) ||
	    kernel->entry >= LAYOUT_RAM_LOW_END)
		return via_error_set(err, ENOEXEC,
				     "%s is an ELF file without a PVH entry point (a Linux vmlinux "
				     "built with CONFIG_PVH has one)",
				     image->path);
	kernel->initrd_max_gpa = UINT32_MAX;
	kernel->cmdline_max_bytes = CMDLINE_MAX_BYTES;
	return 0;
}
