/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_BOOT_H
#define VIA_VMM_BOOT_H

#include <stdbool.h>
#include <stdint.h>

#include <viaduct/util/error.h>

#include "../memory.h"
#include "image.h"

/*
 * Putting a kernel into guest memory: the Linux 64-bit boot protocol for a bzImage
 * (Documentation/arch/x86/boot.rst), the PVH one for an ELF file
 * (xen/include/public/arch-x86/hvm/start_info.h). Both are given the same memory map and tables.
 */
struct via_boot_config {
	const char *kernel; /* path */
	const char *initrd; /* path, or NULL */
	const char *append; /* never NULL */
};

/*
 * What a guest boots from. The files stay open, so that a reset finds them whatever became of
 * their paths and of what this process may open.
 */
struct via_boot {
	struct via_image kernel;
	struct via_image initrd; /* without: fd -1 */
	char *append;
};

#define VIA_BOOT_NONE                                                                              \
	{                                                                                          \
		.kernel = { .fd = -1 }, .initrd = {.fd = -1 }                                      \
	}

/* How the first processor enters the kernel. */
struct via_boot_entry {
	bool long_mode; /* else 32-bit protected mode without paging (PVH) */
	uint64_t address;
	uint64_t argument; /* rsi in long mode: zero page; ebx in PVH: start info */
};

/**
 * via_boot_open() - open the files. @config need not outlive the call.
 *
 * Return: 0; the errno of opening a file; -EINVAL for what is not a regular file; -ENOMEM.
 */
int via_boot_open(const struct via_boot_config *config, struct via_boot *boot,
		  struct via_error *err);
void via_boot_close(struct via_boot *boot);

/**
 * via_boot_load() - read kernel and initrd straight into guest memory and describe the machine
 * to the kernel. The ACPI tables must be at LAYOUT_ACPI by the time the guest runs.
 *
 * In memory a guest has used, what has to be zero is made so: where firmware keeps its data and
 * what the kernel's file leaves out. The rest stays, as over the reset of a PC.
 *
 * Return: 0; the errno of reading a file; -ENOEXEC for a file that is neither a bzImage
 * nor an ELF kernel Viaduct can enter; -EFBIG when kernel or initrd do not fit in the memory;
 * -E2BIG for a command line longer than the kernel takes.
 */
int via_boot_load(struct via_memory *memory, const struct via_boot *boot,
		  struct via_boot_entry *entry, struct via_error *err);

struct via_vcpu;

/** via_boot_enter() - set the registers of the first processor. Return: 0 or -errno. */
int via_boot_enter(struct via_memory *memory, struct via_vcpu *vcpu,
		   const struct via_boot_entry *entry, struct via_error *err);

#endif
