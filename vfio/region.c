/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>

/* The largest page a CPU maps at once; aligning further than that gains nothing. */
#define MAP_ALIGN_MAX (1ULL << 30)

static int area_compare(const void *a, const void *b)
{
	const struct via_vfio_area *x = a, *y = b;

	return (x->offset > y->offset) - (x->offset < y->offset);
}

/* Areas that pages can map, inside the region, that do not overlap. */
static bool areas_make_sense(const struct via_vfio_region *region)
{
	uint64_t page_mask = (uint64_t)sysconf(_SC_PAGESIZE) - 1;
	uint64_t free_from = 0;

	for (size_t i = 0; i < region->area_count; i++) {
		const struct via_vfio_area *area = &region->areas[i];

		if ((area->offset | area->size_bytes) & page_mask || area->offset < free_from ||
		    area->offset > region->size_bytes ||
		    area->size_bytes > region->size_bytes - area->offset)
			return false;
		free_from = area->offset + area->size_bytes;
	}
	return true;
}

/* VFIO_REGION_INFO_CAP_SPARSE_MMAP: the parts of a region that may be mapped. */
static int sparse_parse(const struct via_ioctl_cap *cap, struct via_vfio_region *region)
{
	const size_t count_at = offsetof(struct vfio_region_info_cap_sparse_mmap, nr_areas) -
				sizeof(struct vfio_info_cap_header);
	const size_t areas_at = offsetof(struct vfio_region_info_cap_sparse_mmap, areas) -
				sizeof(struct vfio_info_cap_header);
	uint32_t count;

	if (region->areas || cap->size_bytes < areas_at)
		return -EPROTO;
	memcpy(&count, cap->data + count_at, sizeof(count));
	if (count > (cap->size_bytes - areas_at) / sizeof(struct vfio_region_sparse_mmap_area))
		return -EPROTO;
	region->areas = calloc(count ? count : 1, sizeof(*region->areas));
	if (!region->areas)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		struct vfio_region_sparse_mmap_area area;

		memcpy(&area, cap->data + areas_at + i * sizeof(area), sizeof(area));
		/* An MSI-X table that fills its BAR leaves an empty area. */
		if (area.size)
			region->areas[region->area_count++] = (struct via_vfio_area){
				.offset = area.offset,
				.size_bytes = area.size,
			};
	}
	if (region->area_count)
		qsort(region->areas, region->area_count, sizeof(*region->areas), area_compare);
	return areas_make_sense(region) ? 0 : -EPROTO;
}

static int whole_area(struct via_vfio_region *region)
{
	region->areas = calloc(1, sizeof(*region->areas));
	if (!region->areas)
		return -ENOMEM;
	region->areas[0].size_bytes = region->size_bytes;
	region->area_count = 1;
	return 0;
}

int via_vfio_region_parse(const struct via_ioctl_info *info, struct via_vfio_region *region,
			  struct via_vfio_region_place *place)
{
	struct vfio_region_info head;
	struct via_ioctl_cap cap = { 0 };
	uint64_t end;
	int rc = 0;

	if (info->size_bytes < sizeof(head))
		return -EPROTO;
	memcpy(&head, info->data, sizeof(head));
	if (!head.size)
		return 0;
	/* Both are handed to pread(2) as an off_t. */
	if (__builtin_add_overflow(head.offset, head.size, &end) || end > INT64_MAX)
		return -EPROTO;
	region->size_bytes = head.size;
	region->readable = head.flags & VFIO_REGION_INFO_FLAG_READ;
	region->writable = head.flags & VFIO_REGION_INFO_FLAG_WRITE;
	place->file_offset = head.offset;
	if (!(head.flags & VFIO_REGION_INFO_FLAG_MMAP))
		return 0;
	if (head.flags & VFIO_REGION_INFO_FLAG_CAPS)
		cap.next = head.cap_offset;
	while ((rc = via_ioctl_cap_next(info, sizeof(head), &cap)) > 0) {
		if (cap.id == VFIO_REGION_INFO_CAP_SPARSE_MMAP && cap.version == 1)
			rc = sparse_parse(&cap, region);
		if (rc < 0)
			return rc;
	}
	return rc || region->areas ? rc : whole_area(region);
}

static int region_load(struct via_vfio_device *device, uint32_t index, struct via_error *err)
{
	struct vfio_region_info head = { .index = index };
	struct via_ioctl_info info = { 0 };
	int rc = via_ioctl_ask(&device->port, device->fd, VFIO_DEVICE_GET_REGION_INFO, &head,
			       sizeof(head), &info);

	/* The VGA region of a function that is no VGA. */
	if (rc == -EINVAL)
		return 0;
	if (!rc)
		rc = via_vfio_region_parse(&info, &device->regions[index], &device->places[index]);
	free(info.data);
	if (rc)
		return via_error_sys(err, -rc, "cannot learn what region %u of %s is", index,
				     via_bdf_text(device->bdf).text);
	return 0;
}

/* Two regions at one place of the descriptor would let a guest reach one through the other. */
static int regions_check(const struct via_vfio_device *device, struct via_error *err)
{
	for (uint32_t i = 0; i < VFIO_PCI_NUM_REGIONS; i++) {
		for (uint32_t j = 0; j < i; j++) {
			uint64_t a = device->places[i].file_offset;
			uint64_t b = device->places[j].file_offset;

			if (a < b + device->regions[j].size_bytes &&
			    b < a + device->regions[i].size_bytes)
				return via_error_set(err, EPROTO, "regions %u and %u of %s overlap",
						     j, i, via_bdf_text(device->bdf).text);
		}
	}
	return 0;
}

int via_vfio_regions_load(struct via_vfio_device *device, uint32_t count, struct via_error *err)
{
	if (count > VFIO_PCI_NUM_REGIONS)
		count = VFIO_PCI_NUM_REGIONS;
	for (uint32_t index = 0; index < count; index++) {
		int rc = region_load(device, index, err);

		if (rc)
			return rc;
	}
	return regions_check(device, err);
}

void via_vfio_regions_release(struct via_vfio_device *device)
{
	for (uint32_t index = 0; index < VFIO_PCI_NUM_REGIONS; index++) {
		if (device->places[index].map_base)
			munmap(device->places[index].map_base, device->places[index].map_bytes);
		free(device->regions[index].areas);
	}
}

/*
 * Keep address space for a whole region, aligned like the region (whose BAR is aligned to its own
 * size), so that every area, at its offset from there, can use the largest pages.
 */
static int space_keep(uint64_t region_bytes, void **base_out, size_t *bytes_out)
{
	uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t align = page_bytes, bytes, lead;
	uintptr_t base;
	char *all;

	while (align < MAP_ALIGN_MAX && align * 2 <= region_bytes)
		align *= 2;
	bytes = (region_bytes + page_bytes - 1) & -page_bytes;
	if (bytes > SIZE_MAX - align)
		return -ENOMEM;
	all = mmap(NULL, bytes + align, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		   0);
	if (all == MAP_FAILED)
		return -errno;
	base = ((uintptr_t)all + align - 1) & -(uintptr_t)align;
	lead = base - (uintptr_t)all;
	if (lead)
		munmap(all, lead);
	if (lead < align)
		munmap((char *)base + bytes, align - lead);
	*base_out = (void *)base;
	*bytes_out = bytes;
	return 0;
}

int via_vfio_device_map_region(struct via_vfio_device *device, uint32_t index,
			       struct via_error *err)
{
	struct via_vfio_region *region;
	struct via_vfio_region_place *place;
	int protection, rc;
	size_t bytes = 0;
	void *base = NULL;

	if (index >= VFIO_PCI_NUM_REGIONS)
		return via_error_set(err, EINVAL, "%s has no region %u to map",
				     via_bdf_text(device->bdf).text, index);
	region = &device->regions[index];
	place = &device->places[index];
	if (!region->area_count || place->map_base)
		return 0;

	rc = space_keep(region->size_bytes, &base, &bytes);
	if (rc)
		return via_error_sys(err, -rc,
				     "no address space for region %u of %s (%" PRIu64 " bytes)",
				     index, via_bdf_text(device->bdf).text, region->size_bytes);
	protection = (region->readable ? PROT_READ : 0) | (region->writable ? PROT_WRITE : 0);
	for (size_t i = 0; i < region->area_count; i++) {
		struct via_vfio_area *area = &region->areas[i];

		if (mmap((char *)base + area->offset, area->size_bytes, protection,
			 MAP_SHARED | MAP_FIXED, device->fd,
			 (off_t)(place->file_offset + area->offset)) == MAP_FAILED) {
			rc = via_error_sys(err, errno, "cannot map region %u of %s at 0x%" PRIx64,
					   index, via_bdf_text(device->bdf).text, area->offset);
			munmap(base, bytes);
			return rc;
		}
	}
	for (size_t i = 0; i < region->area_count; i++)
		region->areas[i].hva = (char *)base + region->areas[i].offset;
	place->map_base = base;
	place->map_bytes = bytes;
	return 0;
}
