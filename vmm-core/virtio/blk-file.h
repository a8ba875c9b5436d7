/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_VIRTIO_BLK_FILE_H
#define VIA_VMM_VIRTIO_BLK_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include <viaduct/util/error.h>
#include <viaduct/util/host.h>
#include <viaduct/vmm/vmm.h>

/* What a virtio disk keeps its data in: a regular file or a block device of the host. */
struct via_blk_file {
	int fd;
	uint64_t size_bytes;
	uint32_t block_bytes;	 /* what every access must be a multiple of, 512 to 4096 */
	uint32_t physical_bytes; /* what writes are cheap in */
	uint32_t best_bytes;	 /* what the host likes accesses to be; 0: it does not say */
	bool read_only;
	bool direct;	/* also in memory, segments must be aligned to @block_bytes */
	bool can_punch; /* give space back */
	bool can_zero;	/* make zeroes without writing them one by one */
};

/**
 * via_blk_file_open() - open and lock what @disk names, for as long as the descriptor lives.
 *
 * A file is locked (F_OFD_SETLK, of all of it): for writing against every other lock, read-only
 * against writers. A block device is claimed besides (O_EXCL), as a mount does.
 *
 * Return: 0; -EINVAL for what is neither, is empty or no multiple of 512 bytes; -EISDIR; -EBUSY
 * when somebody else has it; -ENOTSUP when it cannot be accessed directly; the errno of open(2).
 */
int via_blk_file_open(struct via_host *host, const struct via_vmm_disk *disk,
		      struct via_blk_file *file, struct via_error *err);

void via_blk_file_close(struct via_blk_file *file);

#endif
