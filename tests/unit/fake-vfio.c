/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake-vfio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FUNCTION "sys/bus/pci/devices/0000:01:10."
#define GROUP	 "../../../../kernel/iommu_groups/12"

const struct tree_entry fake_vfio_tree[] = {
	{ FUNCTION "0/class", "0x020000\n" },
	{ FUNCTION "0/iommu_group", .link = GROUP },
	{ FUNCTION "0/driver", .link = "../../../../bus/pci/drivers/vfio-pci" },
	{ FUNCTION "2/class", "0x020000\n" },
	{ FUNCTION "2/iommu_group", .link = GROUP },
	{ FUNCTION "2/driver", .link = "../../../../bus/pci/drivers/vfio-pci" },
	{ FUNCTION "4/class", "0x020000\n" },
	{ FUNCTION "4/iommu_group", .link = "../../../../kernel/iommu_groups/13" },
	{ FUNCTION "4/driver", .link = "../../../../bus/pci/drivers/vfio-pci" },
	{ FUNCTION "6/class", "0x020000\n" },
	{ "sys/bus/pci/drivers/vfio-pci/" },
	{ "sys/kernel/iommu_groups/12/devices/0000:01:10.0", "" },
	{ "sys/kernel/iommu_groups/12/devices/0000:01:10.2", "" },
	{ "sys/kernel/iommu_groups/12/type", "DMA-FQ\n" },
	{ "sys/kernel/iommu_groups/12/reserved_regions",
	  "0x00000000fee00000 0x00000000feefffff msi\n" },
	{ "sys/kernel/iommu_groups/13/devices/0000:01:10.4", "" },
	{ "dev/vfio/13", "" },
	{ "dev/vfio/vfio", "" },
	{ "dev/vfio/12", "" },
	{ "proc/self/limits",
	  "Limit                     Soft Limit           Hard Limit   Units\n"
	  "Max locked memory         8388608              8388608      bytes\n" },
	{ "proc/self/status", "Name:\ttest\nVmLck:\t       0 kB\nCapEff:\t0000000000000000\n" },
	{ 0 },
};

void fake_info_cap(struct fake_info *info, size_t cap_offset_at, uint16_t id, uint16_t version,
		   const void *data, size_t size_bytes)
{
	struct vfio_info_cap_header header = { .id = id, .version = version };
	uint32_t at = (uint32_t)(info->size_bytes + 7) & ~7U;
	size_t link_at = cap_offset_at;
	uint32_t next;

	for (;;) {
		memcpy(&next, info->bytes + link_at, sizeof(next));
		if (!next)
			break;
		link_at = next + offsetof(struct vfio_info_cap_header, next);
	}
	memcpy(info->bytes + link_at, &at, sizeof(at));
	memcpy(info->bytes + at, &header, sizeof(header));
	memcpy(info->bytes + at + sizeof(header), data, size_bytes);
	info->size_bytes = at + sizeof(header) + size_bytes;
}

void fake_iommu_ranges(struct fake_vfio *fake, const struct vfio_iova_range *ranges, uint32_t count,
		       uint32_t entries_left)
{
	struct vfio_iommu_type1_info head = {
		.flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS,
		.iova_pgsizes = 0x40201000,
	};
	unsigned char data[8 + 64 * sizeof(*ranges)] = { 0 };

	memset(&fake->iommu_info, 0, sizeof(fake->iommu_info));
	memcpy(fake->iommu_info.bytes, &head, sizeof(head));
	fake->iommu_info.size_bytes = sizeof(head);
	memcpy(data, &count, sizeof(count));
	memcpy(data + 8, ranges, count * sizeof(*ranges));
	fake_info_cap(&fake->iommu_info, offsetof(struct vfio_iommu_type1_info, cap_offset),
		      VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, 1, data, 8 + count * sizeof(*ranges));
	fake_info_cap(&fake->iommu_info, offsetof(struct vfio_iommu_type1_info, cap_offset),
		      VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, 1, &entries_left, sizeof(entries_left));
}

void fake_region(struct fake_vfio *fake, uint32_t index, uint64_t offset, uint64_t size_bytes,
		 uint32_t flags)
{
	struct vfio_region_info head = {
		.index = index,
		.offset = offset,
		.size = size_bytes,
		.flags = flags,
	};

	memset(&fake->regions[index], 0, sizeof(fake->regions[index]));
	memcpy(fake->regions[index].bytes, &head, sizeof(head));
	fake->regions[index].size_bytes = sizeof(head);
}

void fake_region_sparse(struct fake_vfio *fake, uint32_t index,
			const struct vfio_region_sparse_mmap_area *areas, uint32_t count)
{
	unsigned char data[8 + 64 * sizeof(*areas)] = { 0 };

	memcpy(data, &count, sizeof(count));
	memcpy(data + 8, areas, count * sizeof(*areas));
	fake_info_cap(&fake->regions[index], offsetof(struct vfio_region_info, cap_offset),
		      VFIO_REGION_INFO_CAP_SPARSE_MMAP, 1, data, 8 + count * sizeof(*areas));
}

void fake_vfio_init(struct fake_vfio *fake)
{
	static const struct vfio_iova_range iova[] = {
		{ 0, 0xfedfffff },
		{ 0xfef00000, 0x7fffffffff },
	};
	static const struct vfio_region_sparse_mmap_area around_table[] = { { 0x1000, 0x3000 } };
	const uint32_t rw = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	struct vfio_device_info device = {
		.flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET,
		.num_regions = VFIO_PCI_NUM_REGIONS,
		.num_irqs = VFIO_PCI_NUM_IRQS,
	};

	memset(fake, 0, sizeof(*fake));
	fake->api_version = VFIO_API_VERSION;
	fake->type1v2 = true;
	fake->group_flags = VFIO_GROUP_FLAGS_VIABLE;
	fake->map_fails_at = SIZE_MAX;
	fake->unmask_fd = -1;
	fake_iommu_ranges(fake, iova, 2, 65535);
	memcpy(fake->device_info.bytes, &device, sizeof(device));
	fake->device_info.size_bytes = sizeof(device);
	for (uint32_t i = 0; i < VFIO_PCI_NUM_REGIONS; i++)
		fake_region(fake, i, 0, 0, 0);
	fake_region(fake, VFIO_PCI_BAR0_REGION_INDEX, 0, 0x4000, rw | VFIO_REGION_INFO_FLAG_MMAP);
	fake_region(fake, VFIO_PCI_BAR3_REGION_INDEX, 0x10000, 0x4000,
		    rw | VFIO_REGION_INFO_FLAG_MMAP | VFIO_REGION_INFO_FLAG_CAPS);
	fake_region_sparse(fake, VFIO_PCI_BAR3_REGION_INDEX, around_table, 1);
	fake_region(fake, VFIO_PCI_CONFIG_REGION_INDEX, 0x20000, 0x1000, rw);
	fake->region_rc[VFIO_PCI_VGA_REGION_INDEX] = -EINVAL;
	fake->irqs[VFIO_PCI_MSIX_IRQ_INDEX].count = 3;
	fake->irqs[VFIO_PCI_MSIX_IRQ_INDEX].flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE;
	fake->irq_rc[VFIO_PCI_ERR_IRQ_INDEX] = -EINVAL;
	fake->device_fd = memfd_create("fake-device", MFD_CLOEXEC);
	if (fake->device_fd < 0 || ftruncate(fake->device_fd, 0x21000))
		abort();
}

void fake_vfio_fini(struct fake_vfio *fake)
{
	close(fake->device_fd);
}

/* As the kernel does it: the head always, the capabilities only where all of them fit. */
static int answer(const struct fake_info *info, size_t cap_offset_at, void *argument)
{
	uint32_t room, none = 0, size_bytes = (uint32_t)info->size_bytes;

	memcpy(&room, argument, sizeof(room));
	if (room >= size_bytes) {
		memcpy(argument, info->bytes, size_bytes);
		memcpy(argument, &room, sizeof(room));
		return 0;
	}
	memcpy(argument, info->bytes, cap_offset_at);
	memcpy((char *)argument + cap_offset_at, &none, sizeof(none));
	memcpy(argument, &size_bytes, sizeof(size_bytes));
	return 0;
}

static int map(struct fake_vfio *fake, const struct vfio_iommu_type1_dma_map *map)
{
	if (fake->map_calls++ == fake->map_fails_at)
		return fake->map_rc;
	if (fake->map_count == FAKE_MAPS_MAX)
		return -ENOSPC;
	fake->maps[fake->map_count++] = *map;
	return 0;
}

static int unmap(struct fake_vfio *fake, struct vfio_iommu_type1_dma_unmap *unmap)
{
	fake->unmap_calls++;
	if (fake->unmap_rc)
		return fake->unmap_rc;
	for (size_t i = 0; i < fake->map_count; i++) {
		if (fake->maps[i].iova != unmap->iova || fake->maps[i].size != unmap->size)
			continue;
		fake->maps[i] = fake->maps[--fake->map_count];
		return 0;
	}
	unmap->size = 0;
	return 0;
}

/* As the kernel does it: how many there are, and ENOSPC, where they do not fit. */
static int hot_info(const struct fake_vfio *fake, struct vfio_pci_hot_reset_info *info)
{
	uint32_t room = (info->argsz - (uint32_t)sizeof(*info)) / sizeof(info->devices[0]);

	if (fake->hot.info_rc)
		return fake->hot.info_rc;
	info->flags = fake->hot.flags;
	info->count = fake->hot.count;
	if (room < fake->hot.count)
		return -ENOSPC;
	memcpy(info->devices, fake->hot.devices, fake->hot.count * sizeof(info->devices[0]));
	return 0;
}

/* A container and a device have different requests of the same number. */
static bool is_device(const struct fake_vfio *fake, int fd)
{
	struct stat mine, theirs;

	return !fstat(fake->device_fd, &mine) && !fstat(fd, &theirs) &&
	       mine.st_dev == theirs.st_dev && mine.st_ino == theirs.st_ino;
}

static int hot_ioctl(struct fake_vfio *fake, unsigned long request, void *argument)
{
	if (request == VFIO_DEVICE_GET_PCI_HOT_RESET_INFO) {
		fake->hot_questions++;
		return hot_info(fake, argument);
	}
	fake->hot_resets++;
	fake->hot_fd_count = ((struct vfio_pci_hot_reset *)argument)->count;
	return fake->hot.rc;
}

static int unmask(struct fake_vfio *fake)
{
	if (fake->interrupting != VFIO_PCI_INTX_IRQ_INDEX + 1 ||
	    fake->set.index != VFIO_PCI_INTX_IRQ_INDEX)
		return -EINVAL;
	if (fake->set.flags & VFIO_IRQ_SET_DATA_NONE) {
		fake->unmasks++;
		return 0;
	}
	if (!fake->unmask_rc)
		fake->unmask_fd = fake->set.fds[0];
	return fake->unmask_rc;
}

/* As the kernel does it: one kind at a time, and as many messages as asked for or none. */
static int set_irqs(struct fake_vfio *fake, const struct vfio_irq_set *set)
{
	memcpy(&fake->set, set, sizeof(*set));
	if (set->flags & VFIO_IRQ_SET_DATA_EVENTFD)
		memcpy(fake->set.fds, set->data, set->count * sizeof(int32_t));
	if (set->flags & VFIO_IRQ_SET_ACTION_UNMASK)
		return unmask(fake);
	if (set->index > VFIO_PCI_MSIX_IRQ_INDEX)
		return 0; /* events, whatever interrupts */
	if (fake->interrupting ? fake->interrupting != set->index + 1 : !set->count)
		return -EINVAL;
	if (set->index != VFIO_PCI_INTX_IRQ_INDEX && fake->host_vectors &&
	    set->start + set->count > fake->host_vectors)
		return (int)fake->host_vectors;
	fake->interrupting = set->count ? set->index + 1 : 0;
	if (!set->count)
		fake->unmask_fd = -1;
	return 0;
}

static int set_doorbell(struct fake_vfio *fake, const struct vfio_device_ioeventfd *doorbell)
{
	fake->doorbell = *doorbell;
	for (size_t i = 0; i < fake->doorbell_count; i++) {
		struct vfio_device_ioeventfd *known = &fake->doorbells[i];

		if (known->offset != doorbell->offset || known->data != doorbell->data ||
		    known->flags != doorbell->flags)
			continue;
		if (doorbell->fd >= 0)
			return -EEXIST;
		*known = fake->doorbells[--fake->doorbell_count];
		return 0;
	}
	if (doorbell->fd < 0)
		return -ENODEV;
	if (fake->doorbell_count == FAKE_DOORBELLS_MAX)
		return -ENOSPC;
	fake->doorbells[fake->doorbell_count++] = *doorbell;
	return 0;
}

static int fake_ioctl(void *data, int fd, unsigned long request, void *argument)
{
	struct fake_vfio *fake = data;
	uint32_t index;

	if ((request == VFIO_DEVICE_GET_PCI_HOT_RESET_INFO ||
	     request == VFIO_DEVICE_PCI_HOT_RESET) &&
	    is_device(fake, fd))
		return hot_ioctl(fake, request, argument);
	if (fake->call_count < FAKE_CALLS_MAX)
		fake->calls[fake->call_count++] = request;
	switch (request) {
	case VFIO_GET_API_VERSION:
		return fake->api_version;
	case VFIO_CHECK_EXTENSION:
		return (uintptr_t)argument == VFIO_TYPE1v2_IOMMU && fake->type1v2;
	case VFIO_GROUP_GET_STATUS:
		((struct vfio_group_status *)argument)->flags = fake->group_flags;
		return 0;
	case VFIO_GROUP_SET_CONTAINER:
		return fake->set_container_rc;
	case VFIO_SET_IOMMU:
		return (uintptr_t)argument == VFIO_TYPE1v2_IOMMU ? fake->set_iommu_rc : -EINVAL;
	case VFIO_GROUP_GET_DEVICE_FD:
		if (fake->device_rc)
			return fake->device_rc;
		return strncmp(argument, "0000:01:10.", 11) ? -ENODEV : dup(fake->device_fd);
	case VFIO_IOMMU_GET_INFO:
		return answer(&fake->iommu_info, offsetof(struct vfio_iommu_type1_info, cap_offset),
			      argument);
	case VFIO_IOMMU_MAP_DMA:
		return map(fake, argument);
	case VFIO_IOMMU_UNMAP_DMA:
		return unmap(fake, argument);
	case VFIO_DEVICE_GET_INFO:
		return answer(&fake->device_info, offsetof(struct vfio_device_info, cap_offset),
			      argument);
	case VFIO_DEVICE_GET_REGION_INFO:
		index = ((struct vfio_region_info *)argument)->index;
		if (index >= VFIO_PCI_NUM_REGIONS)
			return -EINVAL;
		return fake->region_rc[index]
			       ? fake->region_rc[index]
			       : answer(&fake->regions[index],
					offsetof(struct vfio_region_info, cap_offset), argument);
	case VFIO_DEVICE_GET_IRQ_INFO:
		index = ((struct vfio_irq_info *)argument)->index;
		if (index >= VFIO_PCI_NUM_IRQS)
			return -EINVAL;
		((struct vfio_irq_info *)argument)->count = fake->irqs[index].count;
		((struct vfio_irq_info *)argument)->flags = fake->irqs[index].flags;
		return fake->irq_rc[index];
	case VFIO_DEVICE_SET_IRQS:
		return fake->set_irqs_rc ? fake->set_irqs_rc : set_irqs(fake, argument);
	case VFIO_DEVICE_IOEVENTFD:
		return fake->doorbell_rc ? fake->doorbell_rc : set_doorbell(fake, argument);
	case VFIO_DEVICE_RESET:
		fake->resets++;
		return fake->reset_rc;
	default:
		fprintf(stderr, "fake-vfio: nobody should ask 0x%lx\n", request);
		abort();
	}
}

struct via_ioctl_port fake_vfio_port(struct fake_vfio *fake)
{
	return (struct via_ioctl_port){ .call = fake_ioctl, .data = fake };
}

size_t fake_vfio_called(const struct fake_vfio *fake, unsigned long request)
{
	size_t count = 0;

	for (size_t i = 0; i < fake->call_count; i++)
		count += fake->calls[i] == request;
	return count;
}
