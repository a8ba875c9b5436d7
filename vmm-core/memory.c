/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "memory.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>

#include "layout.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1 */
#endif

#define HUGE_PAGE_BYTES (2 * MIB)
#define RAM_MIN_BYTES	(16 * MIB)

static int set_slot(struct via_memory *memory, int slot, uint64_t gpa, uint64_t size_bytes,
		    void *hva, bool writable)
{
	struct kvm_userspace_memory_region region = {
		.slot = (uint32_t)slot,
		.flags = writable ? 0 : KVM_MEM_READONLY,
		.guest_phys_addr = gpa,
		.memory_size = size_bytes,
		.userspace_addr = (uintptr_t)hva,
	};

	return via_kvm_vm_ioctl(memory->kvm, KVM_SET_USER_MEMORY_REGION, &region);
}

int via_memory_slot_add(struct via_memory *memory, uint64_t gpa, uint64_t size_bytes, void *hva,
			bool writable)
{
	int slot = 0, rc;

	while (slot < memory->slot_count && memory->slot_used[slot])
		slot++;
	if (slot == memory->slot_count)
		return -ENOSPC;
	rc = set_slot(memory, slot, gpa, size_bytes, hva, writable);
	if (rc)
		return rc;
	memory->slot_used[slot] = true;
	memory->slots_in_use++;
	return slot;
}

int via_memory_slot_remove(struct via_memory *memory, int slot)
{
	int rc = set_slot(memory, slot, 0, 0, NULL, true);

	if (rc)
		return rc;
	memory->slot_used[slot] = false;
	memory->slots_in_use--;
	return 0;
}

/*
 * Maps @size_bytes of the memfd at an address that equals the guest's modulo 2 MiB (both are
 * aligned), without which KVM could not use huge pages.
 */
static uint8_t *map_aligned(int memfd, uint64_t offset, uint64_t size_bytes)
{
	uint64_t reserve_bytes = size_bytes + HUGE_PAGE_BYTES;
	uint8_t *reserved, *aligned, *mapped;
	size_t before, after;

	reserved = mmap(NULL, reserve_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			-1, 0);
	if (reserved == MAP_FAILED)
		return NULL;
	before = -(uintptr_t)reserved & (HUGE_PAGE_BYTES - 1);
	aligned = reserved + before;
	after = reserve_bytes - before - size_bytes;
	mapped = mmap(aligned, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memfd,
		      (off_t)offset);
	if (mapped == MAP_FAILED) {
		int saved_errno = errno;

		munmap(reserved, reserve_bytes);
		errno = saved_errno;
		return NULL;
	}
	if (before)
		munmap(reserved, before);
	if (after)
		munmap(aligned + size_bytes, after);
	return mapped;
}

static int refused(const struct via_memory_piece *piece, int rc, struct via_error *err)
{
	return via_error_sys(err, -rc, "KVM refuses %llu MiB of guest memory at 0x%llx",
			     (unsigned long long)(piece->size_bytes / MIB),
			     (unsigned long long)piece->gpa);
}

static int add_piece(struct via_memory *memory, uint64_t gpa, uint64_t offset, uint64_t size_bytes,
		     struct via_error *err)
{
	struct via_memory_piece *piece = &memory->pieces[memory->piece_count];
	uint8_t *hva = map_aligned(memory->memfd, offset, size_bytes);
	int slot;

	if (!hva)
		return via_error_sys(err, errno, "cannot map %llu MiB of guest memory",
				     (unsigned long long)(size_bytes / MIB));
	*piece = (struct via_memory_piece){
		.gpa = gpa, .size_bytes = size_bytes, .hva = hva, .slot = -1
	};
	memory->piece_count++;
	/* A guest's memory has no business in a core dump of the VMM. */
	madvise(hva, size_bytes, MADV_DONTDUMP);
	madvise(hva, size_bytes, MADV_HUGEPAGE);

	slot = via_memory_slot_add(memory, gpa, size_bytes, hva, true);
	if (slot < 0)
		return refused(piece, slot, err);
	piece->slot = slot;
	return 0;
}

void via_memory_withdraw(struct via_memory *memory)
{
	assert((size_t)memory->slots_in_use == memory->piece_count);
	for (size_t i = 0; i < memory->piece_count; i++)
		set_slot(memory, memory->pieces[i].slot, 0, 0, NULL, true);
	memory->used = true;
}

int via_memory_renew(struct via_memory *memory, struct via_error *err)
{
	for (size_t i = 0; i < memory->piece_count; i++) {
		const struct via_memory_piece *piece = &memory->pieces[i];
		int rc = set_slot(memory, piece->slot, piece->gpa, piece->size_bytes, piece->hva,
				  true);

		if (rc)
			return refused(piece, rc, err);
	}
	return 0;
}

int via_memory_check_size(uint64_t size_bytes, struct via_error *err)
{
	uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	struct sysinfo info;
	uint64_t host_bytes;

	if (size_bytes % page_bytes)
		return via_error_set(
			err, EINVAL,
			"a guest memory of %llu bytes is not a multiple of the page size, "
			"%llu bytes",
			(unsigned long long)size_bytes, (unsigned long long)page_bytes);
	if (size_bytes < RAM_MIN_BYTES)
		return via_error_set(
			err, EINVAL,
			"a guest memory of %llu bytes is too small: %llu MiB is the least",
			(unsigned long long)size_bytes, RAM_MIN_BYTES / MIB);
	if (sysinfo(&info))
		return via_error_sys(err, errno, "cannot tell how much memory the host has");
	host_bytes = (uint64_t)info.totalram * info.mem_unit;
	if (size_bytes > host_bytes)
		return via_error_set(
			err, EINVAL,
			"a guest memory of %llu MiB is more than the host has, %llu MiB",
			(unsigned long long)(size_bytes / MIB),
			(unsigned long long)(host_bytes / MIB));
	return 0;
}

size_t via_memory_lay_out(uint64_t size_bytes, struct via_memory_piece pieces[static 2])
{
	uint64_t low_bytes = size_bytes < LAYOUT_RAM_LOW_END ? size_bytes : LAYOUT_RAM_LOW_END;

	pieces[0] = (struct via_memory_piece){ .size_bytes = low_bytes, .slot = -1 };
	pieces[1] = (struct via_memory_piece){
		.gpa = LAYOUT_RAM_HIGH_BASE,
		.size_bytes = size_bytes - low_bytes,
		.slot = -1,
	};
	return size_bytes > low_bytes ? 2 : 1;
}

int via_memory_init(struct via_memory *memory, struct via_kvm *kvm, uint64_t size_bytes,
		    struct via_error *err)
{
	struct via_memory_piece pieces[2];
	uint64_t offset = 0;
	size_t count;
	int rc;

	*memory = (struct via_memory){ .kvm = kvm, .memfd = -1 };
	rc = via_memory_check_size(size_bytes, err);
	if (rc)
		return rc;

	memory->slot_count = via_kvm_capability(kvm, KVM_CAP_NR_MEMSLOTS);
	if (memory->slot_count <= 0)
		memory->slot_count = 32;
	memory->slot_used = calloc((size_t)memory->slot_count, 1);
	if (!memory->slot_used)
		return via_error_sys(err, ENOMEM, "cannot keep track of memory slots");

	memory->memfd = memfd_create("guest-ram", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (memory->memfd < 0 || ftruncate(memory->memfd, (off_t)size_bytes) ||
	    fcntl(memory->memfd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) {
		rc = via_error_sys(err, errno, "cannot create the file for guest memory");
		goto fail;
	}
	count = via_memory_lay_out(size_bytes, pieces);
	for (size_t i = 0; !rc && i < count; i++) {
		rc = add_piece(memory, pieces[i].gpa, offset, pieces[i].size_bytes, err);
		offset += pieces[i].size_bytes;
	}
	if (rc)
		goto fail;
	return 0;

fail:
	via_memory_free(memory);
	return rc;
}

void via_memory_back_with_huge_pages(struct via_memory *memory)
{
	for (size_t i = 0; i < memory->piece_count; i++) {
		const struct via_memory_piece *piece = &memory->pieces[i];

		/*
		 * Collapsing works whatever the host's policy for shared memory is (usually
		 * "never"), but only where there is a page to begin with. It halves the time to
		 * allocate and pin 512 MiB, and takes 25,000 nested page faults out of a guest's
		 * boot.
		 */
		for (uint64_t offset = 0; offset < piece->size_bytes; offset += HUGE_PAGE_BYTES) {
			volatile uint8_t *byte = piece->hva + offset;

			*byte = *byte;
		}
		madvise(piece->hva, piece->size_bytes, MADV_COLLAPSE);
	}
}

void via_memory_free(struct via_memory *memory)
{
	for (size_t i = 0; i < memory->piece_count; i++) {
		if (memory->pieces[i].slot >= 0)
			via_memory_slot_remove(memory, memory->pieces[i].slot);
		munmap(memory->pieces[i].hva, memory->pieces[i].size_bytes);
	}
	memory->piece_count = 0;
	free(memory->slot_used);
	memory->slot_used = NULL;
	memory->slot_count = 0;
	via_close(&memory->memfd);
}

void *via_memory_at(const struct via_memory *memory, uint64_t gpa, uint64_t size_bytes)
{
	for (size_t i = 0; i < memory->piece_count; i++) {
		const struct via_memory_piece *piece = &memory->pieces[i];

		if (gpa >= piece->gpa && gpa - piece->gpa < piece->size_bytes &&
		    size_bytes <= piece->size_bytes - (gpa - piece->gpa))
			return piece->hva + (gpa - piece->gpa);
	}
	return NULL;
}

uint64_t via_memory_low_end(const struct via_memory *memory)
{
	return memory->pieces[0].gpa + memory->pieces[0].size_bytes;
}

uint64_t via_memory_end(const struct via_memory *memory)
{
	const struct via_memory_piece *last = &memory->pieces[memory->piece_count - 1];

	return last->gpa + last->size_bytes;
}
