/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "blk-file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>

#define SECTOR_BYTES	512U
#define BLOCK_BYTES_MAX 4096U /* what drivers can be told to use: a page */

static int refuse(const struct via_vmm_disk *disk, int errnum, struct via_error *err)
{
	switch (errnum) {
	case ENOENT:
		return via_error_set(
			err, errnum,
			"there is no disk %s (truncate -s 10G FILE makes an empty one)",
			disk->path);
	case EISDIR:
		return via_error_set(err, errnum,
				     "disk %s is a directory, not a file or block device",
				     disk->path);
	case EACCES:
	case EPERM:
	case EROFS:
		return via_error_sys(err, errnum, "cannot open disk %s for %s%s", disk->path,
				     disk->read_only ? "reading" : "writing",
				     disk->read_only ? "" : " (',ro' makes it read-only)");
	case EBUSY:
		return via_error_set(err, errnum,
				     "disk %s is in use: the host has mounted it or built upon it, "
				     "or a guest writes to it",
				     disk->path);
	default:
		return via_error_sys(err, errnum, "cannot open disk %s", disk->path);
	}
}

/*
 * Without O_DIRECT, which only what holds data knows of. O_NONBLOCK, so that a pipe does not hold
 * us up.
 */
static int open_file(const struct via_vmm_disk *disk, int extra)
{
	int fd = open(disk->path, (disk->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK |
					  O_NOCTTY | extra);

	return fd < 0 ? -errno : fd;
}

static int check_kind(const struct via_vmm_disk *disk, const struct stat *status,
		      struct via_error *err)
{
	if (S_ISDIR(status->st_mode))
		return refuse(disk, EISDIR, err);
	if (!S_ISREG(status->st_mode) && !S_ISBLK(status->st_mode))
		return via_error_set(err, EINVAL, "disk %s is neither a file nor a block device",
				     disk->path);
	return 0;
}

/*
 * A block device that is mounted, swapped to, built upon, or written by another guest: the kernel
 * refuses O_EXCL then (open(2)). Who only reads gives the claim back, so that others may read too.
 */
static int claim(const struct via_vmm_disk *disk, int *fd, struct via_error *err)
{
	int claimed = open_file(disk, O_EXCL);

	if (claimed < 0)
		return refuse(disk, -claimed, err);
	via_close(disk->read_only ? &claimed : fd);
	if (!disk->read_only)
		*fd = claimed;
	return 0;
}

static int lock(const struct via_vmm_disk *disk, int fd, struct via_error *err)
{
	struct flock all = {
		.l_type = disk->read_only ? F_RDLCK : F_WRLCK,
		.l_whence = SEEK_SET,
	};

	if (!fcntl(fd, F_OFD_SETLK, &all))
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return via_error_set(err, EBUSY,
				     "disk %s is in use: another guest or program %s (a disk can "
				     "be written by one, or read by many with ',ro')",
				     disk->path,
				     disk->read_only ? "writes to it" : "has it locked");
	return via_error_sys(err, errno, "cannot lock disk %s", disk->path);
}

static int find_size(const struct via_vmm_disk *disk, const struct stat *status,
		     struct via_blk_file *file, struct via_error *err)
{
	file->size_bytes = (uint64_t)status->st_size;
	if (S_ISBLK(status->st_mode) && ioctl(file->fd, BLKGETSIZE64, &file->size_bytes))
		return via_error_sys(err, errno, "cannot tell the size of disk %s", disk->path);
	if (!file->size_bytes)
		return via_error_set(err, EINVAL,
				     "disk %s is empty: give it a size (truncate -s 10G FILE)",
				     disk->path);
	if (file->size_bytes % SECTOR_BYTES)
		return via_error_set(err, EINVAL,
				     "disk %s has %llu bytes, which is no multiple of 512: a disk "
				     "has whole sectors (truncate -s %%512 FILE adds the rest)",
				     disk->path, (unsigned long long)file->size_bytes);
	return 0;
}

/* How O_DIRECT wants accesses aligned, which not every filesystem tells (statx): try. */
static int find_direct_block(int fd, uint32_t *block_bytes)
{
	via_autofree void *memory = NULL;

	if (posix_memalign(&memory, 2UL * BLOCK_BYTES_MAX, 2UL * BLOCK_BYTES_MAX))
		return -ENOMEM;
	for (uint32_t bytes = SECTOR_BYTES; bytes <= BLOCK_BYTES_MAX; bytes *= 2) {
		if (pread(fd, (uint8_t *)memory + bytes, bytes, 0) >= 0) {
			*block_bytes = bytes;
			return 0;
		}
		if (errno != EINVAL)
			return -errno;
	}
	return -EINVAL;
}

static int set_direct(const struct via_vmm_disk *disk, struct via_blk_file *file,
		      struct via_error *err)
{
	uint32_t block_bytes = 0;
	int flags = fcntl(file->fd, F_GETFL), rc;

	if (flags < 0 || fcntl(file->fd, F_SETFL, (flags | O_DIRECT) & ~O_NONBLOCK))
		return via_error_set(err, ENOTSUP,
				     "disk %s cannot be accessed directly: its filesystem has no "
				     "O_DIRECT (leave out ',direct')",
				     disk->path);
	rc = find_direct_block(file->fd, &block_bytes);
	if (rc)
		return via_error_sys(err, -rc, "cannot access disk %s directly", disk->path);
	if (block_bytes > file->block_bytes)
		file->block_bytes = block_bytes;
	return 0;
}

/* Most files of queue/ are the whole disk's, which is one up from a partition. */
static uint64_t queue_limit(struct via_host *host, dev_t device, const char *name)
{
	static const char *const places[] = { "queue", "../queue" };
	uint64_t limit;

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (!via_host_read_u64(host, &limit, "sys/dev/block/%u:%u/%s/%s", major(device),
				       minor(device), places[i], name))
			return limit;
	return 0;
}

static int probe_device(struct via_host *host, const struct via_vmm_disk *disk,
			const struct stat *status, struct via_blk_file *file, struct via_error *err)
{
	unsigned int physical = 0, best = 0;
	int block = 0;

	if (ioctl(file->fd, BLKSSZGET, &block) || ioctl(file->fd, BLKPBSZGET, &physical) ||
	    ioctl(file->fd, BLKIOOPT, &best))
		return via_error_sys(err, errno, "cannot tell the block size of disk %s",
				     disk->path);
	if (block < (int)SECTOR_BYTES || block > (int)BLOCK_BYTES_MAX)
		return via_error_set(err, ENOTSUP, "disk %s has blocks of %d bytes: 512 to %u work",
				     disk->path, block, BLOCK_BYTES_MAX);
	file->block_bytes = (uint32_t)block;
	file->physical_bytes = physical;
	file->best_bytes = best;
	/* fallocate(2) on a block device: both are REQ_OP_WRITE_ZEROES, which for the first may
	 * unmap, and must be the device's own doing.
	 */
	file->can_zero =
		!file->read_only && queue_limit(host, status->st_rdev, "write_zeroes_max_bytes");
	file->can_punch = file->can_zero && queue_limit(host, status->st_rdev, "discard_max_bytes");
	return 0;
}

/*
 * Whether its filesystem knows of holes: beyond the end of the file there is nothing to lose. One
 * that does mostly zeroes ranges too, which cannot be tried without allocating them.
 */
static void probe_file(const struct stat *status, struct via_blk_file *file)
{
	file->block_bytes = SECTOR_BYTES;
	file->physical_bytes = (uint32_t)status->st_blksize;
	file->can_punch =
		!file->read_only && !fallocate(file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					       (off_t)file->size_bytes, BLOCK_BYTES_MAX);
	file->can_zero = file->can_punch;
}

static int open_and_probe(struct via_host *host, const struct via_vmm_disk *disk,
			  struct via_blk_file *file, struct via_error *err)
{
	struct stat status;
	int rc = open_file(disk, 0);

	if (rc < 0)
		return refuse(disk, -rc, err);
	file->fd = rc;
	if (fstat(file->fd, &status))
		return refuse(disk, errno, err);
	rc = check_kind(disk, &status, err);
	if (!rc && S_ISBLK(status.st_mode))
		rc = claim(disk, &file->fd, err);
	if (!rc)
		rc = lock(disk, file->fd, err);
	if (!rc)
		rc = find_size(disk, &status, file, err);
	if (rc)
		return rc;
	if (S_ISBLK(status.st_mode))
		rc = probe_device(host, disk, &status, file, err);
	else
		probe_file(&status, file);
	if (rc)
		return rc;
	/* io_uring fails what would block on a descriptor that must not. */
	if (disk->direct)
		rc = set_direct(disk, file, err);
	else if (fcntl(file->fd, F_SETFL, fcntl(file->fd, F_GETFL) & ~O_NONBLOCK))
		rc = via_error_sys(err, errno, "cannot open disk %s", disk->path);
	if (!rc && file->size_bytes % file->block_bytes)
		rc = via_error_set(err, EINVAL,
				   "disk %s has %llu bytes, which is no multiple of the %u that "
				   "direct access wants (leave out ',direct')",
				   disk->path, (unsigned long long)file->size_bytes,
				   file->block_bytes);
	return rc;
}

int via_blk_file_open(struct via_host *host, const struct via_vmm_disk *disk,
		      struct via_blk_file *file, struct via_error *err)
{
	struct via_blk_file opened = {
		.fd = -1,
		.read_only = disk->read_only,
		.direct = disk->direct,
	};
	int rc = open_and_probe(host, disk, &opened, err);

	if (rc)
		via_blk_file_close(&opened);
	else
		*file = opened;
	return rc;
}

void via_blk_file_close(struct via_blk_file *file)
{
	via_close(&file->fd);
}
