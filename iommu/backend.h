/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_IOMMU_BACKEND_H
#define VIADUCT_IOMMU_BACKEND_H

#include <viaduct/iommu/group.h>
#include <viaduct/iommu/ioctl.h>
#include <viaduct/iommu/space.h>

/*
 * What an address space needs from the kernel's two ways of giving one: a VFIO container, or an
 * IOAS of iommufd. Everything that can be checked without the kernel is checked above, in space.c.
 */

/* What the kernel will map. */
struct via_iommu_geometry {
	struct via_range_set iova;
	uint64_t page_bytes;   /* smallest the IOMMU maps */
	uint64_t entries_left; /* maps the kernel still allows; UINT64_MAX when it does not say */
	bool dirty_tracking;
};

/* Whom to tell of a group or device file; both may be NULL. */
struct via_iommu_attach {
	via_iommu_attach_fn attached;
	via_iommu_detach_fn detached;
	void *data;
};

struct via_iommu_backend_ops {
	const char *module; /* of the kernel, that maps */
	const char
		*misc; /* its file's name in sys/class/misc, where it is once there is a driver */
	const char *file; /* below the root */
	/* Whether open() would get its file, and open_device() that of a function nobody may have:
	 * their sentences, without an ioctl on a host that is only a record. */
	int (*check_file)(struct via_host *host, struct via_error *err);
	int (*check_device)(struct via_host *host, const struct via_iommu_group *group,
			    struct via_bdf bdf, struct via_error *err);
	/* The sentence for a host that cannot remap interrupts. Return: -EPERM. */
	int (*unsafe)(const struct via_iommu_group *group, struct via_bdf bdf,
		      struct via_error *err);
	/* @port outlives the backend. Errors: those of via_iommu_space_new(). */
	int (*open)(struct via_host *host, struct via_ioctl_port *port, int iommufd, void **backend,
		    struct via_error *err);
	/* Devices are closed and memory is unmapped before. */
	void (*close)(void *backend);
	/* Attach the function, tell @attach of the file, and open the function: errors of
	 * via_iommu_space_open_device(). The function has a VFIO driver and is a member of @group.
	 * On failure nothing stays attached that was not before. */
	int (*open_device)(void *backend, const struct via_iommu_group *group, struct via_bdf bdf,
			   int given_fd, const struct via_iommu_attach *attach, int *device_fd,
			   struct via_error *err);
	/*
	 * Close a descriptor that open_device() gave, and detach what no open function uses any
	 * more: told to @attach first, as nothing is detached while somebody refers to its file.
	 * Returns whether the address space is still there: type1 loses it with its last group.
	 */
	bool (*close_device)(void *backend, const struct via_iommu_attach *attach, int device_fd);
	/* The file of an attached group; NULL where there are none. -ENOENT for another group. */
	int (*group_fd)(void *backend, unsigned int group_id);
	/* @geometry is zero-initialised. Once a device is attached; again after each. */
	int (*query)(void *backend, struct via_iommu_geometry *geometry, struct via_error *err);
	/* 0 or the errno, as the kernel said it. */
	int (*map)(void *backend, uint64_t iova, void *hva, uint64_t size_bytes,
		   unsigned int access);
	int (*unmap)(void *backend, uint64_t iova, uint64_t size_bytes);
	/* A map of registers that fails will always fail: there is no use in asking again. */
	bool maps_memory_only;
};

extern const struct via_iommu_backend_ops via_iommu_type1_ops;
extern const struct via_iommu_backend_ops via_iommu_iommufd_ops;

/** via_iommu_space_new_with() - via_iommu_space_new() with someone else to answer the ioctls. */
int via_iommu_space_new_with(struct via_host *host, enum via_iommu_backend backend, int iommufd,
			     struct via_ioctl_port port, struct via_iommu_space **space,
			     struct via_error *err);

/**
 * via_iommu_group_busy() - the sentence for a function whose group somebody has open.
 *
 * Return: -EBUSY; -ENOENT when there is nobody to be seen, and no sentence.
 */
int via_iommu_group_busy(struct via_host *host, unsigned int group_id, struct via_bdf bdf,
			 struct via_error *err);

/** via_iommu_space_predict_memory() - what via_iommu_space_check_memory() would say, but for the
 * limit of locked memory, of a space with devices that can map @geometry.
 */
int via_iommu_space_predict_memory(struct via_host *host, enum via_iommu_backend backend,
				   const struct via_iommu_geometry *geometry,
				   const struct via_iommu_mapping *pieces, size_t count,
				   struct via_error *err);

/** via_iommu_token_wanted() - the sentence for a VF whose PF VFIO has, too. Return: -EACCES. */
int via_iommu_token_wanted(struct via_bdf bdf, struct via_error *err);

/** via_iommu_backend_ops() - of a backend. Return: 0; -EPROTONOSUPPORT with a sentence. */
int via_iommu_backend_ops(enum via_iommu_backend backend, const struct via_iommu_backend_ops **ops,
			  struct via_error *err);

/** via_iommu_type1_parse() - the answer to VFIO_IOMMU_GET_INFO. Return: 0, -EPROTO, -ENOMEM. */
int via_iommu_type1_parse(const struct via_ioctl_info *info, struct via_iommu_geometry *geometry);

struct iommu_iova_range;

/**
 * via_iommu_iommufd_parse() - the answer to IOMMU_IOAS_IOVA_RANGES.
 *
 * Return: 0; -EPROTO, -ENOMEM.
 */
int via_iommu_iommufd_parse(const struct iommu_iova_range *ranges, size_t count,
			    uint64_t alignment_bytes, struct via_iommu_geometry *geometry);

#endif
