/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_IOMMU_PREDICT_H
#define VIADUCT_IOMMU_PREDICT_H

#include <stdbool.h>
#include <stddef.h>

#include <viaduct/iommu/group.h>
#include <viaduct/iommu/space.h>
#include <viaduct/util/bdf.h>
#include <viaduct/util/error.h>
#include <viaduct/util/host.h>

/*
 * What an address space (viaduct/iommu/space.h) would fail with, and with which sentence, before
 * there is one. Nothing here changes anything: no module is loaded, no device bound. Of a host
 * that is only a record (via_host_is_real()), files are looked at and the kernel is not asked.
 */

/**
 * via_iommu_backend_loads() - the module that opening the backend's file would load.
 *
 * Return: its name; NULL when it is there already, or there is no such file.
 */
VIA_API const char *via_iommu_backend_loads(struct via_host *host, enum via_iommu_backend backend);

/**
 * via_iommu_backend_check() - whether via_iommu_space_new() would do. A file that would load a
 * module (via_iommu_backend_loads()) is not opened, and taken to do.
 * @backend: not AUTO.
 *
 * Return: as via_iommu_space_new().
 */
VIA_API int via_iommu_backend_check(struct via_host *host, enum via_iommu_backend backend,
				    struct via_error *err);

/**
 * via_iommu_device_check() - whether a function that is bound to a VFIO driver is there to be
 * opened: its file, and nobody else has it or a member of its group, which is viable.
 * @group: of @bdf, from via_iommu_group_load().
 *
 * With GROUP, the group's file is open for the moment of the question, unless somebody has it.
 *
 * Return: as via_iommu_space_open_device(), of which it is the first part.
 */
VIA_API int via_iommu_device_check(struct via_host *host, enum via_iommu_backend backend,
				   const struct via_iommu_group *group, struct via_bdf bdf,
				   struct via_error *err);

/**
 * via_iommu_refuses_direct() - whether the kernel refuses a group that the firmware wants addresses
 * mapped one to one for (via_iommu_group_check_direct()): with Intel's IOMMUs, and with any from
 * Linux 6.6 on, as one is taken to be that does not tell its release.
 */
VIA_API bool via_iommu_refuses_direct(struct via_host *host);

/**
 * via_iommu_interrupts_check() - whether the kernel will let the backend have a function: the
 * IOMMU remaps interrupts, or the backend's module was told to do without.
 *
 * Return: 0, also when the host does not tell; -EPERM with a sentence; -ENODATA with the same one
 * while the module is not loaded and modprobe.d(5), which is not read, may tell it otherwise.
 */
VIA_API int via_iommu_interrupts_check(struct via_host *host, enum via_iommu_backend backend,
				       const struct via_iommu_group *group, struct via_bdf bdf,
				       struct via_error *err);

/**
 * via_iommu_token_check() - whether VFIO gives a VF out without a token: its PF has no VFIO driver.
 *
 * Return: 0, also for what is no VF; -EACCES with a sentence.
 */
VIA_API int via_iommu_token_check(struct via_host *host, struct via_bdf bdf, struct via_error *err);

/**
 * via_iommu_memory_predict() - whether guest memory is where the IOMMU translates for all of some
 * groups, and takes no more DMA mappings than the kernel allows: from their reserved regions, the
 * width of the IOMMU's addresses, and what vfio_iommu_type1 was told.
 * @groups: those of the guest's functions, each once or several times.
 * @pieces: hva is not looked at.
 *
 * Return: 0; -ERANGE, -ENOSPC, -EINVAL, -ENOMEM as via_iommu_space_check_memory().
 */
VIA_API int via_iommu_memory_predict(struct via_host *host, enum via_iommu_backend backend,
				     const struct via_iommu_group *groups, size_t group_count,
				     const struct via_iommu_mapping *pieces, size_t count,
				     struct via_error *err);

#endif
