/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "boot.h"

#include <linux/kvm.h>
#include <string.h>

#include "../layout.h"
#include "../machine.h"
#include "../vcpu.h"

/* Intel SDM volume 3A: control registers 2.5, paging 4.5, segment descriptors 3.4.5. */
#define CR0_PE	   (1ULL << 0)
#define CR0_ET	   (1ULL << 4)
#define CR0_PG	   (1ULL << 31)
#define CR4_PAE	   (1ULL << 5)
#define EFER_LME   (1ULL << 8)
#define EFER_LMA   (1ULL << 10)
#define RFLAGS_ONE (1ULL << 1)

#define PAGE_PRESENT  (1ULL << 0)
#define PAGE_WRITABLE (1ULL << 1)
#define PAGE_USER     (1ULL << 2) /* for hosts whose KVM runs the guest's ring 0 in user mode */
#define PAGE_LARGE    (1ULL << 7)
#define PAGE_TABLE    (PAGE_PRESENT | PAGE_WRITABLE | PAGE_USER)

#define PAGE_BYTES  4096ULL
#define ENTRIES	    512U
#define DIRECTORIES 4U /* 1 GiB each */

/* __BOOT_CS, __BOOT_DS (boot.rst, "64-bit boot protocol"), and a TSS to make VMX entry happy. */
enum { GDT_CODE = 2, GDT_DATA = 3, GDT_TSS = 4, GDT_ENTRIES };

static struct kvm_segment code_segment(bool long_mode)
{
	return (struct kvm_segment){
		.limit = 0xffffffff,
		.selector = GDT_CODE * 8,
		.type = 0xb,
		.present = 1,
		.s = 1,
		.l = long_mode,
		.db = !long_mode,
		.g = 1,
	};
}

static struct kvm_segment data_segment(void)
{
	return (struct kvm_segment){
		.limit = 0xffffffff,
		.selector = GDT_DATA * 8,
		.type = 0x3,
		.present = 1,
		.s = 1,
		.db = 1,
		.g = 1,
	};
}

static struct kvm_segment task_segment(void)
{
	return (struct kvm_segment){
		.limit = 0x67,
		.selector = GDT_TSS * 8,
		.type = 0xb,
		.present = 1,
	};
}

static uint64_t descriptor(const struct kvm_segment *segment)
{
	uint64_t limit = segment->g ? segment->limit >> 12 : segment->limit;

	return (limit & 0xffff) | (segment->base & 0xffffff) << 16 | (uint64_t)segment->type << 40 |
	       (uint64_t)segment->s << 44 | (uint64_t)segment->dpl << 45 |
	       (uint64_t)segment->present << 47 | (limit >> 16 & 0xf) << 48 |
	       (uint64_t)segment->l << 53 | (uint64_t)segment->db << 54 |
	       (uint64_t)segment->g << 55 | (segment->base >> 24 & 0xff) << 56;
}

/* The first 4 GiB, each address mapped to itself in 2 MiB pages. */
static void write_page_tables(struct via_memory *memory)
{
	uint64_t *tables =
		via_memory_at(memory, LAYOUT_PAGE_TABLES, (2 + DIRECTORIES) * PAGE_BYTES);
	uint64_t *pointers = tables + ENTRIES, *pages = pointers + ENTRIES;

	memset(tables, 0, 2 * PAGE_BYTES);
	tables[0] = (LAYOUT_PAGE_TABLES + PAGE_BYTES) | PAGE_TABLE;
	for (uint64_t i = 0; i < DIRECTORIES; i++)
		pointers[i] = (LAYOUT_PAGE_TABLES + (2 + i) * PAGE_BYTES) | PAGE_TABLE;
	for (uint64_t i = 0; i < DIRECTORIES * ENTRIES; i++)
		pages[i] = i * 2 * MIB | PAGE_TABLE | PAGE_LARGE;
}

int via_boot_enter(struct via_memory *memory, struct via_vcpu *vcpu,
		   const struct via_boot_entry *entry, struct via_error *err)
{
	struct kvm_segment code = code_segment(entry->long_mode), data = data_segment();
	struct kvm_segment task = task_segment();
	uint64_t *gdt = via_memory_at(memory, LAYOUT_GDT, GDT_ENTRIES * sizeof(*gdt));
	struct via_kvm *kvm = &vcpu->vmm->kvm;
	struct kvm_regs regs = {
		.rip = entry->address,
		.rsi = entry->long_mode ? entry->argument : 0,
		.rbx = entry->long_mode ? 0 : entry->argument,
		.rflags = RFLAGS_ONE,
	};
	struct kvm_sregs sregs;
	int rc;

	rc = via_kvm_ioctl(kvm, vcpu->fd, KVM_GET_SREGS, &sregs);
	if (rc)
		return via_error_sys(err, -rc, "KVM does not tell the guest's registers");

	memset(gdt, 0, GDT_ENTRIES * sizeof(*gdt));
	gdt[GDT_CODE] = descriptor(&code);
	gdt[GDT_DATA] = descriptor(&data);
	gdt[GDT_TSS] = descriptor(&task);
	sregs.gdt =
		(struct kvm_dtable){ .base = LAYOUT_GDT, .limit = GDT_ENTRIES * sizeof(*gdt) - 1 };
	sregs.cs = code;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.tr = task;
	sregs.cr0 = CR0_PE | CR0_ET;
	if (entry->long_mode) {
		write_page_tables(memory);
		sregs.cr0 |= CR0_PG;
		sregs.cr3 = LAYOUT_PAGE_TABLES;
		sregs.cr4 |= CR4_PAE;
		sregs.efer |= EFER_LME | EFER_LMA;
	}
	rc = via_kvm_ioctl(kvm, vcpu->fd, KVM_SET_SREGS, &sregs);
	if (!rc)
		rc = via_kvm_ioctl(kvm, vcpu->fd, KVM_SET_REGS, &regs);
	if (rc)
		return via_error_sys(err, -rc, "KVM refuses the guest's first registers");
	return 0;
}
