/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TESTS_UNIT_FAKE_VFIO_H
#define VIADUCT_TESTS_UNIT_FAKE_VFIO_H

#include <linux/vfio.h>
#include <stdbool.h>
#include <stddef.h>

#include <viaduct/iommu/ioctl.h>

#include "tree.h"

/*
 * The kernel's side of VFIO, as far as ioctls go: a group with functions 0000:01:10.0 and .2,
 * another with .4, .6 in none; one IOMMU, and devices whose memory is one memfd, so that it can
 * be read, written and mapped.
 * Whatever a test wants answered otherwise it sets before it asks.
 */

#define FAKE_MAPS_MAX	   16
#define FAKE_CALLS_MAX	   64
#define FAKE_DOORBELLS_MAX 32

/* An answer of VFIO with a chain of capabilities. */
struct fake_info {
	_Alignas(8) unsigned char bytes[4096];
	size_t size_bytes;
};

struct fake_vfio {
	int api_version;
	bool type1v2;
	uint32_t group_flags;
	int set_container_rc;
	int set_iommu_rc;
	int device_rc; /* instead of the descriptor, when negative */
	struct fake_info iommu_info;
	size_t map_fails_at; /* the map with this number fails with map_rc */
	int map_rc;
	int unmap_rc;
	struct fake_info device_info;
	struct fake_info regions[VFIO_PCI_NUM_REGIONS];
	int region_rc[VFIO_PCI_NUM_REGIONS];
	struct vfio_irq_info irqs[VFIO_PCI_NUM_IRQS];
	int irq_rc[VFIO_PCI_NUM_IRQS];
	int set_irqs_rc;
	uint32_t host_vectors; /* what the host has to give for MSI or MSI-X; 0: enough */
	int unmask_rc;	       /* of being given an eventfd to unmask INTx by */
	int doorbell_rc;
	int reset_rc;
	struct { /* of a hot reset: flags, what it reaches; rc instead when negative */
		uint32_t flags;
		struct vfio_pci_dependent_device devices[40];
		uint32_t count;
		int info_rc;
		int rc;
	} hot;

	/* What it was asked. */
	struct vfio_iommu_type1_dma_map maps[FAKE_MAPS_MAX]; /* those now in force */
	size_t map_count;
	size_t map_calls;
	size_t unmap_calls;
	unsigned long calls[FAKE_CALLS_MAX]; /* the first requests, in order */
	size_t call_count;
	struct {
		uint32_t argsz;
		uint32_t flags;
		uint32_t index;
		uint32_t start;
		uint32_t count;
		int32_t fds[2048];
	} set;		       /* the last struct vfio_irq_set */
	uint32_t interrupting; /* one past the kind of interrupt the function is set up for */
	int32_t unmask_fd;     /* what unmasks INTx; -1: none */
	size_t unmasks;	       /* of INTx, each asked for */
	struct vfio_device_ioeventfd doorbells[FAKE_DOORBELLS_MAX]; /* those now in force */
	size_t doorbell_count;
	struct vfio_device_ioeventfd doorbell; /* the last one asked for */
	size_t resets;
	size_t hot_questions, hot_resets;
	uint32_t hot_fd_count; /* of the last one */
	int device_fd;	       /* the memfd, kept to look into */
};

/** fake_vfio_init() - a host of which everything works: an igb VF with two MSI-X vectors. */
void fake_vfio_init(struct fake_vfio *fake);
void fake_vfio_fini(struct fake_vfio *fake);

/** fake_vfio_port() - the port that asks @fake. */
struct via_ioctl_port fake_vfio_port(struct fake_vfio *fake);

/** fake_info_cap() - append a capability of @size_bytes behind its header. */
void fake_info_cap(struct fake_info *info, size_t cap_offset_at, uint16_t id, uint16_t version,
		   const void *data, size_t size_bytes);

/** fake_iommu_ranges() - say what can be mapped, and how many maps are left. */
void fake_iommu_ranges(struct fake_vfio *fake, const struct vfio_iova_range *ranges, uint32_t count,
		       uint32_t entries_left);

/** fake_region() - a region without capabilities. */
void fake_region(struct fake_vfio *fake, uint32_t index, uint64_t offset, uint64_t size_bytes,
		 uint32_t flags);

/** fake_region_sparse() - say which parts of it can be mapped. */
void fake_region_sparse(struct fake_vfio *fake, uint32_t index,
			const struct vfio_region_sparse_mmap_area *areas, uint32_t count);

/** fake_vfio_called() - how often @request was among the calls. */
size_t fake_vfio_called(const struct fake_vfio *fake, unsigned long request);

/* The tree of the host that goes with it. */
extern const struct tree_entry fake_vfio_tree[];

#endif
