/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_IOMMU_SPACE_H
#define VIADUCT_IOMMU_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <viaduct/util/bdf.h>
#include <viaduct/util/error.h>
#include <viaduct/util/host.h>
#include <viaduct/util/range.h>

/*
 * A DMA address space: what the devices of one guest can reach, and the one owner of the VFIO
 * container or the iommufd IOAS behind it. All functions of a guest share one.
 *
 * Not thread-safe: one thread at a time.
 */
struct via_iommu_space;

enum via_iommu_backend {
	VIA_IOMMU_BACKEND_AUTO,	   /* whichever via_iommu_backend_choose() finds */
	VIA_IOMMU_BACKEND_GROUP,   /* VFIO container with the type1 v2 driver, and group files */
	VIA_IOMMU_BACKEND_IOMMUFD, /* an IOAS of /dev/iommu, and device files (Linux 6.6) */
};

/** via_iommu_backend_name() - "auto", "group", "iommufd". */
VIA_API const char *via_iommu_backend_name(enum via_iommu_backend backend);

/** via_iommu_backend_is_built() - whether this Viaduct has it; its build may have had older
 * headers. */
VIA_API bool via_iommu_backend_is_built(enum via_iommu_backend backend);

/**
 * via_iommu_backend_choose() - what AUTO means for a guest with these functions: IOMMUFD when
 * /dev/iommu and a device file of every function can be opened, else GROUP.
 * @wanted: kept unless it is AUTO.
 *
 * Return: a backend other than AUTO.
 */
VIA_API enum via_iommu_backend via_iommu_backend_choose(struct via_host *host,
							enum via_iommu_backend wanted,
							const struct via_bdf *functions,
							size_t count);

enum {
	VIA_IOMMU_READ = 1,  /* the device may read */
	VIA_IOMMU_WRITE = 2, /* the device may write */
};

/* Every mapping that was made, for --stats. */
struct via_iommu_space_stats {
	uint64_t map_calls;
	uint64_t map_bytes;
	uint64_t map_ns;
	uint64_t unmap_calls;
	uint64_t unmap_ns;
	uint64_t ioctls; /* all of them: set-up and questions, maps and unmaps */
};

/* What is not known before it was tried. */
enum via_iommu_answer {
	VIA_IOMMU_UNKNOWN,
	VIA_IOMMU_NO,
	VIA_IOMMU_YES,
};

/**
 * via_iommu_space_new() - an empty address space that no device uses yet.
 * @backend: not AUTO.
 * @iommufd: of IOMMUFD: an open /dev/iommu, which stays the caller's; -1 opens it. Of GROUP: -1.
 * @space: released with via_iommu_space_free().
 *
 * Return: 0; -ENOENT when the host has no /dev/vfio/vfio (the sentence says which module to
 * load) or /dev/iommu (it says which kernel option); -EACCES without permission; -EINVAL for an
 * @iommufd that is none; -EPROTONOSUPPORT for a VFIO this code does not know, or a build without
 * iommufd; -ENOMEM.
 */
VIA_API int via_iommu_space_new(struct via_host *host, enum via_iommu_backend backend, int iommufd,
				struct via_iommu_space **space, struct via_error *err);

/**
 * via_iommu_space_free() - give the address space back. Every device opened through it must be
 * closed before; whatever is still mapped is unmapped first.
 */
VIA_API void via_iommu_space_free(struct via_iommu_space *space);

/**
 * via_iommu_space_open_device() - attach a function, or its whole group, to the address space
 * (unless it is already) and open the function.
 * @given_fd: of IOMMUFD: the function's device file (see via_iommu_cdev_bdf()), open but not yet
 *	bound, which stays the caller's; else -1.
 * @device_fd: a VFIO device file descriptor to be closed by via_iommu_space_close_device().
 *
 * Return: 0; -ENODEV for no such function; -ENXIO when it is in no IOMMU group, or VFIO offers no
 * file for its group or for it; -EPERM for a group that is not viable (naming who is in the way) or
 * a host that cannot remap interrupts; -EBUSY when another process holds the group or a function of
 * it (naming it where it can be found); -EACCES without permission on that file; -EINVAL when the
 * function is not bound to vfio-pci (the sentence says the command that binds it), or @given_fd
 * is of no use; -EPROTO when sysfs or VFIO says what makes no sense; -ENOMEM.
 */
VIA_API int via_iommu_space_open_device(struct via_iommu_space *space, struct via_bdf bdf,
					int given_fd, int *device_fd, struct via_error *err);

VIA_API enum via_iommu_backend via_iommu_space_backend(const struct via_iommu_space *space);

/**
 * via_iommu_space_owns() - whether a function is this guest's to reset: GROUP: its group is in the
 * container; and a VFIO driver has it.
 * @group_fd: the file of its group, the space's; -1 with IOMMUFD.
 */
VIA_API bool via_iommu_space_owns(struct via_iommu_space *space, struct via_bdf bdf, int *group_fd);

/**
 * via_iommu_space_close_device() - close a descriptor that via_iommu_space_open_device() gave, and
 * detach its group when no other function of it is open. What was mapped stays mapped for the
 * devices that are left; with the last of them a VFIO container loses all its mappings, and the
 * space is as new.
 * @device_fd: -1 afterwards; one that is -1 is left alone.
 */
VIA_API void via_iommu_space_close_device(struct via_iommu_space *space, int *device_fd);

/*
 * Called with each VFIO group file (or device file of iommufd) that joins an address space, before
 * the device is opened: KVM has to be told. @file_fd stays the space's. What it returns, and its
 * sentence, is what opening the device fails with.
 */
typedef int (*via_iommu_attach_fn)(void *data, int file_fd, struct via_error *err);

/* Called with the same file before it leaves: whoever refers to it must let go, or it stays. */
typedef void (*via_iommu_detach_fn)(void *data, int file_fd);

/** via_iommu_space_on_attach() - whom to call from now on; NULL for nobody. */
VIA_API void via_iommu_space_on_attach(struct via_iommu_space *space, via_iommu_attach_fn attached,
				       via_iommu_detach_fn detached, void *data);

/** via_iommu_space_iova() - the IOVA that can be mapped, known once a device is attached. */
VIA_API const struct via_range_set *via_iommu_space_iova(const struct via_iommu_space *space);

/* A piece of guest memory: @size_bytes at @hva of this process, seen by devices at @iova. */
struct via_iommu_mapping {
	uint64_t iova;
	void *hva;
	uint64_t size_bytes;
};

/**
 * via_iommu_space_check_memory() - whether via_iommu_space_map_memory() would be allowed to: every
 * piece is page-aligned, RLIMIT_MEMLOCK allows their sum (or the process has CAP_IPC_LOCK), and,
 * once a device is attached, all are inside the IOVA ranges and the kernel has DMA entries left.
 *
 * Return: as via_iommu_space_map_memory().
 */
VIA_API int via_iommu_space_check_memory(struct via_iommu_space *space,
					 const struct via_iommu_mapping *pieces, size_t count,
					 struct via_error *err);

/**
 * via_iommu_space_map_memory() - let the devices read and write guest memory, one map call per
 * piece, after via_iommu_space_check_memory(). All or nothing: a failure unmaps what was mapped.
 *
 * Return: 0; -EINVAL for a misaligned, empty or overlapping piece, or before a device is attached;
 * -ERANGE for a piece outside the IOVA ranges (the sentence names the range in the way); -ENOSPC
 * when DMA entries are short (with both numbers); -ENOMEM when the locked-memory limit is too low
 * (with the number needed and the command that raises it) or memory cannot be pinned.
 */
VIA_API int via_iommu_space_map_memory(struct via_iommu_space *space,
				       const struct via_iommu_mapping *pieces, size_t count,
				       struct via_error *err);

/**
 * via_iommu_space_map_registers() - let the devices read and write the registers of another one,
 * mapped into this process (via_vfio_device_map_region()): DMA between two of a guest's devices.
 * The function's memory decoding is on. They are kept in the same book as memory.
 *
 * Return: 0; -EINVAL for what is misaligned, empty or overlaps, or before a device is attached;
 * -ERANGE outside the IOVA ranges; -ENOSPC when DMA entries are short; -EOPNOTSUPP where the
 * kernel maps memory only (iommufd of Linux 6.12), which is asked once; -EFAULT while decoding
 * is off; -ENOMEM.
 */
VIA_API int via_iommu_space_map_registers(struct via_iommu_space *space,
					  const struct via_iommu_mapping *piece,
					  struct via_error *err);

/**
 * via_iommu_space_unmap_registers() - take back one via_iommu_space_map_registers().
 *
 * Return: 0; -ENOENT when registers were not mapped exactly so; the errno of the unmap.
 */
VIA_API int via_iommu_space_unmap_registers(struct via_iommu_space *space, uint64_t iova,
					    uint64_t size_bytes, struct via_error *err);

/**
 * via_iommu_space_p2p() - whether the kernel maps registers; UNKNOWN until it was asked to.
 */
VIA_API enum via_iommu_answer via_iommu_space_p2p(const struct via_iommu_space *space);

/**
 * via_iommu_space_tracks_dirty() - whether it can be told which memory devices wrote: all IOMMUs in
 * use can. False before a device is attached.
 */
VIA_API bool via_iommu_space_tracks_dirty(const struct via_iommu_space *space);

/**
 * via_iommu_space_unmap_all() - take all memory and registers away from the devices. To be called
 * before the memory is given back, after bus mastering was cleared.
 *
 * Return: 0, or the errno of the first unmap that failed; the rest is still tried.
 */
VIA_API int via_iommu_space_unmap_all(struct via_iommu_space *space, struct via_error *err);

VIA_API struct via_iommu_space_stats via_iommu_space_stats(const struct via_iommu_space *space);

#endif
