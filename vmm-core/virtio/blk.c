/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "blk.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_ids.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blk-ring.h"

#define PCI_CLASS_SCSI 0x010000U
/* With an indirect table a request takes one entry: the longest has header, data and status. */
#define SEGMENTS_MAX (VIA_VIRTQ_SIZE_MAX - 2U)
/* No request is longer than this many segments of this many bytes: 16 MiB. */
#define SEGMENT_BYTES_MAX (64U << 10)
#define BIT(number)	  (1ULL << (number))

struct disk {
	struct via_virtio *virtio;
	struct via_blk_file file;
	struct virtio_blk_config config;
	char id[VIRTIO_BLK_ID_BYTES];
	bool write_back; /* atomic: the driver may change it while the queues are served */
	unsigned int queue_count;
	struct via_blk_ring *rings;
};

static uint8_t log2_of(uint32_t ratio)
{
	return ratio ? (uint8_t)(31 - __builtin_clz(ratio)) : 0;
}

static void fill_config(struct disk *disk)
{
	const struct via_blk_file *file = &disk->file;
	uint32_t block = file->block_bytes;
	uint32_t physical = file->physical_bytes > block ? file->physical_bytes / block : 1;

	disk->config = (struct virtio_blk_config){
		.capacity = htole64(file->size_bytes / VIA_BLK_SECTOR_BYTES),
		.size_max = htole32(SEGMENT_BYTES_MAX),
		.seg_max = htole32(SEGMENTS_MAX),
		.blk_size = htole32(block),
		.physical_block_exp = log2_of(physical),
		.min_io_size = htole16((uint16_t)BIT(log2_of(physical))),
		.opt_io_size = htole32(file->best_bytes / block),
		.num_queues = htole16((uint16_t)disk->queue_count),
		.max_discard_sectors = htole32(VIA_BLK_RANGE_SECTORS_MAX),
		.max_discard_seg = htole32(1),
		.discard_sector_alignment =
			htole32((uint32_t)(BIT(log2_of(physical)) * block / VIA_BLK_SECTOR_BYTES)),
		.max_write_zeroes_sectors = htole32(VIA_BLK_RANGE_SECTORS_MAX),
		.max_write_zeroes_seg = htole32(1),
		.write_zeroes_may_unmap = file->can_punch,
	};
}

static uint64_t offered(const struct disk *disk)
{
	const struct via_blk_file *file = &disk->file;

	return BIT(VIRTIO_BLK_F_SIZE_MAX) | BIT(VIRTIO_BLK_F_SEG_MAX) | BIT(VIRTIO_BLK_F_BLK_SIZE) |
	       BIT(VIRTIO_BLK_F_TOPOLOGY) | BIT(VIRTIO_BLK_F_FLUSH) | BIT(VIRTIO_BLK_F_CONFIG_WCE) |
	       (file->read_only ? BIT(VIRTIO_BLK_F_RO) : 0) |
	       (disk->queue_count > 1 ? BIT(VIRTIO_BLK_F_MQ) : 0) |
	       (file->can_punch ? BIT(VIRTIO_BLK_F_DISCARD) : 0) |
	       (file->can_zero ? BIT(VIRTIO_BLK_F_WRITE_ZEROES) : 0);
}

static void disk_stop(void *device)
{
	struct disk *disk = device;

	for (unsigned int i = 0; i < disk->queue_count; i++)
		via_blk_ring_stop(&disk->rings[i]);
	__atomic_store_n(&disk->write_back, true, __ATOMIC_RELAXED);
}

static int disk_start(void *device, uint64_t features, struct via_error *err)
{
	struct disk *disk = device;
	int rc = 0;

	/* 5.2.6.2: a driver that will not flush is promised that what was written is safe. */
	if (!(features & BIT(VIRTIO_BLK_F_FLUSH)))
		__atomic_store_n(&disk->write_back, false, __ATOMIC_RELAXED);
	for (unsigned int i = 0; !rc && i < disk->queue_count; i++) {
		struct via_blk_ring *ring = &disk->rings[i];
		struct via_virtq *queue = via_virtio_queue(disk->virtio, i);

		ring->virtio = disk->virtio;
		ring->limits = (struct via_blk_limits){
			.size_bytes = disk->file.size_bytes,
			.transfer_bytes_max = (uint64_t)SEGMENT_BYTES_MAX * SEGMENTS_MAX,
			.block_bytes = disk->file.block_bytes,
			.read_only = disk->file.read_only,
			.discard = features & BIT(VIRTIO_BLK_F_DISCARD),
			.write_zeroes = features & BIT(VIRTIO_BLK_F_WRITE_ZEROES),
		};
		if (queue)
			rc = via_blk_ring_start(ring, queue, err);
	}
	if (rc)
		disk_stop(disk);
	return rc;
}

static void disk_queue_stop(void *device, unsigned int index)
{
	struct disk *disk = device;

	via_blk_ring_stop(&disk->rings[index]);
}

static int disk_queue_start(void *device, unsigned int index)
{
	struct disk *disk = device;

	return via_blk_ring_start(&disk->rings[index], via_virtio_queue(disk->virtio, index), NULL);
}

static void disk_config_read(void *device, size_t offset, void *data, size_t size_bytes)
{
	const struct disk *disk = device;
	struct virtio_blk_config config = disk->config;

	config.wce = __atomic_load_n(&disk->write_back, __ATOMIC_RELAXED);
	memcpy(data, (const uint8_t *)&config + offset, size_bytes);
}

static void disk_config_write(void *device, size_t offset, const void *data, size_t size_bytes)
{
	const size_t wce = offsetof(struct virtio_blk_config, wce);
	const uint8_t *bytes = data;
	struct disk *disk = device;

	if (offset <= wce && wce - offset < size_bytes)
		__atomic_store_n(&disk->write_back, bytes[wce - offset] & 1, __ATOMIC_RELAXED);
}

static void disk_stats(void *device, struct via_vmm_virtio_stats *stats)
{
	struct disk *disk = device;

	snprintf(stats->backend, sizeof(stats->backend), "io_uring");
	stats->queues = disk->queue_count;
	for (unsigned int i = 0; i < disk->queue_count; i++) {
		struct via_blk_ring *ring = &disk->rings[i];

		stats->kicks += __atomic_load_n(&ring->kicks, __ATOMIC_RELAXED);
		stats->requests += __atomic_load_n(&ring->requests, __ATOMIC_RELAXED);
		stats->bytes += __atomic_load_n(&ring->bytes, __ATOMIC_RELAXED);
		stats->cpu_ns += via_worker_cpu_ns(&ring->worker);
	}
}

static void disk_free(void *device)
{
	struct disk *disk = device;

	for (unsigned int i = 0; disk->rings && i < disk->queue_count; i++)
		via_blk_ring_free(&disk->rings[i]);
	free(disk->rings);
	via_blk_file_close(&disk->file);
	free(disk);
}

static const struct via_virtio_kind disk_kind = {
	.name = "blk",
	.id = VIRTIO_ID_BLOCK,
	.pci_class = PCI_CLASS_SCSI,
	.config_bytes = sizeof(struct virtio_blk_config),
	.start = disk_start,
	.stop = disk_stop,
	.queue_stop = disk_queue_stop,
	.queue_start = disk_queue_start,
	.config_read = disk_config_read,
	.config_write = disk_config_write,
	.stats = disk_stats,
	.free = disk_free,
};

static int make_rings(struct disk *disk, struct via_error *err)
{
	int rc = 0;

	disk->rings = calloc(disk->queue_count, sizeof(*disk->rings));
	if (!disk->rings)
		return via_error_set(err, ENOMEM, "no memory for a disk");
	for (unsigned int i = 0; !rc && i < disk->queue_count; i++) {
		disk->rings[i].index = i;
		disk->rings[i].file = &disk->file;
		disk->rings[i].id = disk->id;
		disk->rings[i].write_back = &disk->write_back;
		rc = via_blk_ring_init(&disk->rings[i], err);
	}
	return rc;
}

static int make(const struct via_virtio_machine *machine, struct disk *disk,
		struct via_virtio **virtio, struct via_error *err)
{
	struct via_virtio_description description = {
		.kind = &disk_kind,
		.device = disk,
		.queue_size = VIA_VIRTQ_SIZE_MAX,
		.queue_count = disk->queue_count,
	};
	int rc = make_rings(disk, err);

	if (rc)
		return rc;
	snprintf(description.name, sizeof(description.name), "%.15s", disk->id);
	fill_config(disk);
	description.features = offered(disk);
	rc = via_virtio_new(machine, &description, &disk->virtio, err);
	if (!rc)
		*virtio = disk->virtio;
	return rc;
}

int via_virtio_blk_new(const struct via_virtio_machine *machine, const struct via_vmm_disk *config,
		       unsigned int index, struct via_virtio **virtio, struct via_error *err)
{
	unsigned int queues = config->queues ? config->queues : machine->cpus;
	struct disk *disk;
	int rc;

	if (!config->queues && queues > VIA_VMM_QUEUES_MAX)
		queues = VIA_VMM_QUEUES_MAX;
	if (queues > VIA_VMM_QUEUES_MAX)
		return via_error_set(err, EINVAL, "disk %s: a disk has 1 to %u queues, not %u",
				     config->path, VIA_VMM_QUEUES_MAX, queues);
	disk = calloc(1, sizeof(*disk));
	if (!disk)
		return via_error_set(err, ENOMEM, "no memory for a disk");
	disk->file.fd = -1;
	disk->queue_count = queues;
	disk->write_back = true;
	snprintf(disk->id, sizeof(disk->id), "disk%u", index);
	rc = via_blk_file_open(machine->host, config, &disk->file, err);
	if (!rc)
		rc = make(machine, disk, virtio, err);
	if (rc)
		disk_free(disk);
	return rc;
}
