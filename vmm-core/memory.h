/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_MEMORY_H
#define VIA_VMM_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <viaduct/util/error.h>

#include "kvm.h"

/*
 * Guest RAM, and the one owner of KVM's memory slots. RAM is one memfd, so that it can later be
 * shared with another process, mapped in at most two pieces: below and above the PCI hole.
 */
struct via_memory_piece {
	uint64_t gpa;
	uint64_t size_bytes;
	uint8_t *hva;
	int slot;
};

struct via_memory {
	struct via_kvm *kvm;
	int memfd;
	struct via_memory_piece pieces[2];
	size_t piece_count;
	bool used; /* a guest has run in it: it is no longer zero */
	uint8_t *slot_used;
	int slot_count;
	int slots_in_use;
};

/** via_memory_check_size() - whether a guest can have so much. Return: 0 or -EINVAL. */
int via_memory_check_size(uint64_t size_bytes, struct via_error *err);

/** via_memory_lay_out() - the pieces of so much memory, mapped nowhere. Return: how many. */
size_t via_memory_lay_out(uint64_t size_bytes, struct via_memory_piece pieces[static 2]);

/**
 * via_memory_init() - allocate guest RAM and give it to KVM.
 * @size_bytes: a multiple of 4 KiB, at least 16 MiB, at most what the host has.
 *
 * Return: 0; -EINVAL for a size out of these bounds; -ENOMEM; the errno of memfd_create(2),
 * mmap(2) or KVM_SET_USER_MEMORY_REGION.
 */
int via_memory_init(struct via_memory *memory, struct via_kvm *kvm, uint64_t size_bytes,
		    struct via_error *err);
void via_memory_free(struct via_memory *memory);

/**
 * via_memory_back_with_huge_pages() - have the kernel allocate all RAM now, in 2 MiB pages where
 * it can. Worth it only when a device will pin all of it anyway: pinning, the nested page tables
 * and the IOMMU's then work on 2 MiB instead of 4 KiB. Best effort.
 */
void via_memory_back_with_huge_pages(struct via_memory *memory);

/** via_memory_at() - @size_bytes of RAM at @gpa, or NULL when not all of that is RAM. */
void *via_memory_at(const struct via_memory *memory, uint64_t gpa, uint64_t size_bytes);

/** via_memory_low_end() - the first address after the RAM below the PCI hole. */
uint64_t via_memory_low_end(const struct via_memory *memory);

/** via_memory_end() - the first address after all RAM. */
uint64_t via_memory_end(const struct via_memory *memory);

/**
 * via_memory_withdraw() - take RAM from a VM that is to be replaced (via_kvm_renew()), and with it
 * the page tables KVM has made for it. All other slots must have been removed.
 */
void via_memory_withdraw(struct via_memory *memory);

/** via_memory_renew() - give RAM to the VM that replaces it. Return: 0 or the ioctl's errno. */
int via_memory_renew(struct via_memory *memory, struct via_error *err);

/**
 * via_memory_slot_add() - let the guest access @hva directly at @gpa.
 * @writable: else its writes become exits.
 *
 * Return: a slot number; -ENOSPC when KVM has none left; the errno of KVM_SET_USER_MEMORY_REGION
 * (-EEXIST when it would cover another slot).
 */
int via_memory_slot_add(struct via_memory *memory, uint64_t gpa, uint64_t size_bytes, void *hva,
			bool writable);

/**
 * via_memory_slot_remove() - take a slot away; the guest's accesses there become exits.
 *
 * Return: 0; or the errno of KVM_SET_USER_MEMORY_REGION (-ENOMEM): the guest still has it.
 */
int via_memory_slot_remove(struct via_memory *memory, int slot);

#endif
