/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend.h"
#include "fake-vfio.h"
#include "private.h"

#define CONFIG VFIO_PCI_CONFIG_REGION_INDEX
#define BAR0   VFIO_PCI_BAR0_REGION_INDEX
#define BAR3   VFIO_PCI_BAR3_REGION_INDEX
#define MSIX   VFIO_PCI_MSIX_IRQ_INDEX

#define RW   (VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE)
#define MMAP (RW | VFIO_REGION_INFO_FLAG_MMAP)

static const struct via_bdf vf0 = { 0, 1, 0x10, 0 };

/* Where the fake has the Command register. */
#define COMMAND_AT (0x20000 + PCI_COMMAND)

struct fixture {
	struct tree tree;
	struct fake_vfio fake;
	struct via_iommu_space *space;
	struct via_vfio_device *device;
	struct via_error err;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->tree = tree_make(fake_vfio_tree);
	fake_vfio_init(&f->fake);
	*state = f;
	return via_iommu_space_new_with(f->tree.host, VIA_IOMMU_BACKEND_GROUP, -1,
					fake_vfio_port(&f->fake), &f->space, &f->err);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	via_vfio_device_close(f->device);
	via_iommu_space_free(f->space);
	fake_vfio_fini(&f->fake);
	tree_remove(&f->tree);
	free(f);
	return 0;
}

static int open_vf(struct fixture *f)
{
	return via_vfio_device_open_with(f->space, vf0, -1, fake_vfio_port(&f->fake), &f->device,
					 &f->err);
}

static void a_device_is_described(void **state)
{
	struct fixture *f = *state;
	const struct via_vfio_region *bar;

	assert_int_equal(open_vf(f), 0);
	assert_true(via_bdf_equal(via_vfio_device_bdf(f->device), vf0));
	bar = via_vfio_device_region(f->device, BAR0);
	assert_int_equal(bar->size_bytes, 0x4000);
	assert_int_equal(bar->area_count, 1);
	assert_int_equal(bar->areas[0].size_bytes, 0x4000);
	bar = via_vfio_device_region(f->device, BAR3);
	assert_int_equal(bar->area_count, 1);
	assert_int_equal(bar->areas[0].offset, 0x1000);
	assert_null(bar->areas[0].hva);
	assert_int_equal(via_vfio_device_region(f->device, CONFIG)->area_count, 0);
	assert_int_equal(via_vfio_device_region(f->device, 1)->size_bytes, 0);
	assert_int_equal(via_vfio_device_region(f->device, 12345)->size_bytes, 0);
	assert_int_equal(via_vfio_device_irq(f->device, MSIX)->count, 3);
	assert_false(via_vfio_device_irq(f->device, MSIX)->resizable);
	assert_int_equal(via_vfio_device_irq(f->device, 12345)->count, 0);
	assert_true(via_vfio_device_can_reset(f->device));
	assert_int_equal(fake_vfio_called(&f->fake, VFIO_DEVICE_RESET), 0);
	assert_int_equal(fake_vfio_called(&f->fake, VFIO_DEVICE_SET_IRQS), 0);
	/* One question a thing: the device, nine regions, five kinds of interrupts. */
	assert_int_equal(via_vfio_device_stats(f->device).info, 15);
}

static void more_regions_than_known_are_left_out(void **state)
{
	struct fixture *f = *state;
	struct vfio_device_info head;

	memcpy(&head, f->fake.device_info.bytes, sizeof(head));
	head.num_regions = head.num_irqs = UINT32_MAX;
	memcpy(f->fake.device_info.bytes, &head, sizeof(head));
	assert_int_equal(open_vf(f), 0);
	assert_int_equal(via_vfio_device_stats(f->device).info, 15);
}

static void nonsense_is_refused_and_nothing_stays_open(void **state)
{
	struct fixture *f = *state;
	struct vfio_device_info head;

	/* Two regions that share a page of the descriptor. */
	fake_region(&f->fake, 1, 0x13000, 0x2000, RW);
	assert_int_equal(open_vf(f), -EPROTO);
	assert_non_null(strstr(f->err.text, "regions 1 and 3 of 0000:01:10.0 overlap"));
	fake_region(&f->fake, 1, 0x14000, 0x2000, RW);
	f->fake.irqs[MSIX].count = 2049;
	assert_int_equal(open_vf(f), -EPROTO);
	f->fake.irqs[MSIX].count = 2048;
	fake_region(&f->fake, CONFIG, 0, 0, 0);
	assert_int_equal(open_vf(f), -EPROTO);
	f->fake.region_rc[2] = -EIO;
	assert_int_equal(open_vf(f), -EIO);

	memcpy(&head, f->fake.device_info.bytes, sizeof(head));
	head.flags = VFIO_DEVICE_FLAGS_PLATFORM;
	memcpy(f->fake.device_info.bytes, &head, sizeof(head));
	assert_int_equal(open_vf(f), -ENOTSUP);
	assert_null(f->device);
}

/* The answer exactly as long as it is, for the sanitizer to guard its end. */
static int parse(const struct fake_info *fake, struct via_vfio_region *region)
{
	struct via_vfio_region_place place = { 0 };
	struct via_ioctl_info info = { malloc(fake->size_bytes), fake->size_bytes };
	int rc;

	memcpy(info.data, fake->bytes, fake->size_bytes);
	*region = (struct via_vfio_region){ 0 };
	rc = via_vfio_region_parse(&info, region, &place);
	free(info.data);
	return rc;
}

static void areas_are_sorted_and_empty_ones_dropped(void **state)
{
	static const struct vfio_region_sparse_mmap_area areas[] = {
		{ 0x8000, 0x2000 }, { 0, 0 }, { 0x1000, 0x7000 }, { 0x4000, 0 }
	};
	struct fixture *f = *state;
	struct via_vfio_region region;

	fake_region(&f->fake, 0, 0, 0xa000, MMAP | VFIO_REGION_INFO_FLAG_CAPS);
	fake_region_sparse(&f->fake, 0, areas, 4);
	assert_int_equal(parse(&f->fake.regions[0], &region), 0);
	assert_int_equal(region.area_count, 2);
	assert_int_equal(region.areas[0].offset, 0x1000);
	assert_int_equal(region.areas[1].offset, 0x8000);
	free(region.areas);

	/* A table that fills its BAR: mappable, but nothing of it. */
	fake_region(&f->fake, 0, 0, 0x1000, MMAP | VFIO_REGION_INFO_FLAG_CAPS);
	fake_region_sparse(&f->fake, 0, areas + 1, 1);
	assert_int_equal(parse(&f->fake.regions[0], &region), 0);
	assert_int_equal(region.area_count, 0);
	free(region.areas);
}

static void hostile_areas_are_refused(void **state)
{
	static const struct vfio_region_sparse_mmap_area bad[][2] = {
		{ { 0, 0x2000 }, { 0x1000, 0x1000 } },	    /* overlap */
		{ { 0, 0x5000 } },			    /* longer than the region */
		{ { 0x4000, 0x1000 } },			    /* behind it */
		{ { 0x3000, UINT64_MAX & ~0xfffULL } },	    /* wraps around */
		{ { UINT64_MAX & ~0xfffULL, 0x2000 } },	    /* wraps around */
		{ { 0x800, 0x1000 } },			    /* no page's boundary */
		{ { 0, 0x1800 } },			    /* no whole pages */
		{ { 0x1000, 0x1000 }, { 0x1000, 0x1000 } }, /* twice */
	};
	struct fixture *f = *state;
	struct via_vfio_region region;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fake_region(&f->fake, 0, 0, 0x4000, MMAP | VFIO_REGION_INFO_FLAG_CAPS);
		fake_region_sparse(&f->fake, 0, bad[i], 2);
		assert_int_equal(parse(&f->fake.regions[0], &region), -EPROTO);
		free(region.areas);
	}
}

static void hostile_chains_are_refused(void **state)
{
	static const struct vfio_region_sparse_mmap_area area = { 0, 0x1000 };
	const size_t link_at = offsetof(struct vfio_region_info, cap_offset);
	const uint32_t first = (sizeof(struct vfio_region_info) + 7) & ~7U;
	const struct {
		size_t at;
		uint32_t value;
	} breaks[] = {
		{ link_at, 4 },
		{ link_at, first + 40 },
		{ link_at, 0xffffffff },
		{ first + 4, first },
		{ first + 4, first + 7 },
		{ first + 4, 0xffffffff },
		{ first + 8, 0xffffffff },
		{ first + 8, 2 },
	};
	struct fixture *f = *state;
	struct via_vfio_region region;

	for (size_t i = 0; i < sizeof(breaks) / sizeof(breaks[0]); i++) {
		fake_region(&f->fake, 0, 0, 0x4000, MMAP | VFIO_REGION_INFO_FLAG_CAPS);
		fake_region_sparse(&f->fake, 0, &area, 1);
		assert_int_equal(parse(&f->fake.regions[0], &region), 0);
		free(region.areas);
		memcpy(f->fake.regions[0].bytes + breaks[i].at, &breaks[i].value, 4);
		assert_int_equal(parse(&f->fake.regions[0], &region), -EPROTO);
		free(region.areas);
	}

	/* The same capability twice. */
	fake_region(&f->fake, 0, 0, 0x4000, MMAP | VFIO_REGION_INFO_FLAG_CAPS);
	fake_region_sparse(&f->fake, 0, &area, 1);
	fake_region_sparse(&f->fake, 0, &area, 1);
	assert_int_equal(parse(&f->fake.regions[0], &region), -EPROTO);
	free(region.areas);
	/* A region that ends where no off_t reaches. */
	fake_region(&f->fake, 0, INT64_MAX, 1, RW);
	assert_int_equal(parse(&f->fake.regions[0], &region), -EPROTO);
	fake_region(&f->fake, 0, 0x1000, UINT64_MAX, RW);
	assert_int_equal(parse(&f->fake.regions[0], &region), -EPROTO);
	f->fake.regions[0].size_bytes = 8;
	assert_int_equal(parse(&f->fake.regions[0], &region), -EPROTO);
}

static void accesses_stay_inside_their_region(void **state)
{
	struct fixture *f = *state;
	struct via_vfio_device_stats stats;
	uint32_t value = 0x12345678;

	assert_int_equal(open_vf(f), 0);
	assert_int_equal(via_vfio_device_write(f->device, BAR3, 0x3ffc, &value, 4), 0);
	value = 0;
	assert_int_equal(pread(f->fake.device_fd, &value, 4, 0x13ffc), 4);
	assert_int_equal(value, 0x12345678);
	assert_int_equal(via_vfio_device_read(f->device, BAR3, 0x3ffd, &value, 4), -ERANGE);
	assert_int_equal(via_vfio_device_read(f->device, BAR3, UINT64_MAX, &value, 4), -ERANGE);
	assert_int_equal(via_vfio_device_write(f->device, 1, 0, &value, 1), -ERANGE);
	assert_int_equal(via_vfio_device_write(f->device, 99, 0, &value, 1), -ERANGE);
	assert_int_equal(via_vfio_device_read(f->device, CONFIG, 0, &value, 2), 0);
	/* The device ends early. */
	assert_int_equal(ftruncate(f->fake.device_fd, 0x13ffe), 0);
	assert_int_equal(via_vfio_device_read(f->device, BAR3, 0x3ffc, &value, 4), -EIO);
	stats = via_vfio_device_stats(f->device);
	assert_int_equal(stats.region_writes, 1);
	assert_int_equal(stats.region_reads, 1);
	assert_int_equal(stats.config_reads, 1);
	assert_int_equal(stats.config_writes, 0);
}

static void a_mapping_is_the_device(void **state)
{
	struct fixture *f = *state;
	const struct via_vfio_region *bar;
	uint32_t value;
	void *first;

	assert_int_equal(open_vf(f), 0);
	bar = via_vfio_device_region(f->device, BAR3);
	assert_int_equal(via_vfio_device_map_region(f->device, BAR3, &f->err), 0);
	first = bar->areas[0].hva;
	assert_non_null(first);
	/* At its offset from an address aligned like the region. */
	assert_int_equal((uintptr_t)first & 0x3fff, 0x1000);
	*(volatile uint32_t *)first = 0xcafe;
	assert_int_equal(via_vfio_device_read(f->device, BAR3, 0x1000, &value, 4), 0);
	assert_int_equal(value, 0xcafe);
	assert_int_equal(via_vfio_device_map_region(f->device, BAR3, &f->err), 0);
	assert_ptr_equal(bar->areas[0].hva, first);
	/* Nothing of it can be mapped, so nothing fails. */
	assert_int_equal(via_vfio_device_map_region(f->device, CONFIG, &f->err), 0);
	assert_int_equal(via_vfio_device_map_region(f->device, 99, &f->err), -EINVAL);
}

static void a_region_too_large_to_map_is_told(void **state)
{
	struct fixture *f = *state;

	fake_region(&f->fake, 5, 1ULL << 40, 1ULL << 62, MMAP);
	assert_int_equal(open_vf(f), 0);
	assert_int_equal(via_vfio_device_map_region(f->device, 5, &f->err), -ENOMEM);
	assert_non_null(strstr(f->err.text, "region 5 of 0000:01:10.0"));
	assert_null(via_vfio_device_region(f->device, 5)->areas[0].hva);
}

static void vectors_are_connected_within_bounds(void **state)
{
	static const int32_t eventfds[] = { 7, -1, 9, 11 };
	struct fixture *f = *state;

	assert_int_equal(open_vf(f), 0);
	assert_int_equal(via_vfio_device_set_irqs(f->device, MSIX, 0, 4, eventfds, &f->err),
			 -EINVAL);
	assert_int_equal(via_vfio_device_set_irqs(f->device, MSIX, 3, 1, eventfds, &f->err),
			 -EINVAL);
	assert_int_equal(
		via_vfio_device_set_irqs(f->device, MSIX, 1, UINT32_MAX, eventfds, &f->err),
		-EINVAL);
	assert_int_equal(via_vfio_device_set_irqs(f->device, MSIX, 0, 0, eventfds, &f->err),
			 -EINVAL);
	assert_int_equal(via_vfio_device_set_irqs(f->device, 99, 0, 1, eventfds, &f->err), -EINVAL);
	assert_int_equal(fake_vfio_called(&f->fake, VFIO_DEVICE_SET_IRQS), 0);

	assert_int_equal(via_vfio_device_set_irqs(f->device, MSIX, 1, 2, eventfds, &f->err), 0);
	assert_int_equal(f->fake.set.flags,
			 VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER);
	assert_int_equal(f->fake.set.argsz, sizeof(struct vfio_irq_set) + 8);
	assert_int_equal(f->fake.set.index, MSIX);
	assert_int_equal(f->fake.set.start, 1);
	assert_int_equal(f->fake.set.count, 2);
	assert_memory_equal(f->fake.set.fds, eventfds, 8);
}

static void only_enabled_vectors_are_released(void **state)
{
	static const int32_t eventfd = 7;
	struct fixture *f = *state;

	assert_int_equal(open_vf(f), 0);
	assert_int_equal(via_vfio_device_disable_irqs(f->device, MSIX, &f->err), 0);
	assert_int_equal(via_vfio_device_disable_irqs(f->device, 99, &f->err), 0);
	f->fake.set_irqs_rc = -ENOSPC;
	assert_int_equal(via_vfio_device_set_irqs(f->device, MSIX, 0, 1, &eventfd, &f->err),
			 -ENOSPC);
	assert_int_equal(via_vfio_device_disable_irqs(f->device, MSIX, &f->err), 0);
	assert_int_equal(via_vfio_device_stats(f->device).set_irqs, 1);
	f->fake.set_irqs_rc = 0;
	assert_int_equal(via_vfio_device_set_irqs(f->device, MSIX, 0, 1, &eventfd, &f->err), 0);
	assert_int_equal(via_vfio_device_disable_irqs(f->device, MSIX, &f->err), 0);
	assert_int_equal(f->fake.set.flags, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER);
	assert_int_equal(f->fake.set.count, 0);
	assert_int_equal(via_vfio_device_disable_irqs(f->device, MSIX, &f->err), 0);
	assert_int_equal(via_vfio_device_stats(f->device).set_irqs, 3);
}

static void a_reset_is_asked_for_only_where_there_is_one(void **state)
{
	struct fixture *f = *state;
	struct vfio_device_info head;

	memcpy(&head, f->fake.device_info.bytes, sizeof(head));
	head.flags = VFIO_DEVICE_FLAGS_PCI;
	memcpy(f->fake.device_info.bytes, &head, sizeof(head));
	assert_int_equal(open_vf(f), 0);
	assert_int_equal(via_vfio_device_reset(f->device, &f->err), -ENOTTY);
	assert_int_equal(f->fake.resets, 0);
	via_vfio_device_close(f->device);
	f->device = NULL;

	head.flags |= VFIO_DEVICE_FLAGS_RESET;
	memcpy(f->fake.device_info.bytes, &head, sizeof(head));
	assert_int_equal(open_vf(f), 0);
	assert_int_equal(via_vfio_device_reset(f->device, &f->err), 0);
	f->fake.reset_rc = -EAGAIN;
	assert_int_equal(via_vfio_device_reset(f->device, &f->err), -EAGAIN);
	assert_int_equal(via_vfio_device_stats(f->device).resets, 2);
}

static void a_line_is_unmasked_by_an_eventfd_or_at_once(void **state)
{
	static const int32_t trigger = 7;
	struct fixture *f = *state;

	f->fake.irqs[VFIO_PCI_INTX_IRQ_INDEX].count = 1;
	assert_int_equal(open_vf(f), 0);
	/* The kernel unmasks only a line that was taken. */
	assert_int_equal(via_vfio_device_unmask_irq(f->device, VFIO_PCI_INTX_IRQ_INDEX, &f->err),
			 -EINVAL);
	assert_string_equal(f->err.text, "the interrupt line of 0000:01:10.0 cannot be unmasked: "
					 "Invalid argument");
	assert_int_equal(via_vfio_device_set_irqs(f->device, VFIO_PCI_INTX_IRQ_INDEX, 0, 1,
						  &trigger, &f->err),
			 0);
	assert_int_equal(via_vfio_device_set_unmask(f->device, VFIO_PCI_INTX_IRQ_INDEX, 9, &f->err),
			 0);
	assert_int_equal(f->fake.set.argsz, sizeof(struct vfio_irq_set) + 4);
	assert_int_equal(f->fake.set.flags, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_UNMASK);
	assert_int_equal(f->fake.set.index, VFIO_PCI_INTX_IRQ_INDEX);
	assert_int_equal(f->fake.set.start, 0);
	assert_int_equal(f->fake.set.count, 1);
	assert_int_equal(f->fake.unmask_fd, 9);
	assert_int_equal(via_vfio_device_unmask_irq(f->device, VFIO_PCI_INTX_IRQ_INDEX, &f->err),
			 0);
	assert_int_equal(f->fake.set.argsz, sizeof(struct vfio_irq_set));
	assert_int_equal(f->fake.set.flags, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK);
	assert_int_equal(f->fake.set.start, 0);
	assert_int_equal(f->fake.set.count, 1);
	assert_int_equal(f->fake.unmasks, 1);
	assert_int_equal(via_vfio_device_stats(f->device).set_irqs, 4);
}

static void a_doorbell_is_a_place_in_the_devices_file(void **state)
{
	static const struct {
		uint32_t size_bytes, flags;
	} sizes[] = {
		{ 1, VFIO_DEVICE_IOEVENTFD_8 },
		{ 2, VFIO_DEVICE_IOEVENTFD_16 },
		{ 4, VFIO_DEVICE_IOEVENTFD_32 },
		{ 8, VFIO_DEVICE_IOEVENTFD_64 },
	};
	struct fixture *f = *state;

	assert_int_equal(open_vf(f), 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint64_t offset = 0x4000 - sizes[i].size_bytes;

		assert_int_equal(via_vfio_device_set_doorbell(f->device, BAR3, offset,
							      0x8877665544332211,
							      sizes[i].size_bytes, 9),
				 0);
		assert_int_equal(f->fake.doorbell.argsz, sizeof(struct vfio_device_ioeventfd));
		assert_int_equal(f->fake.doorbell.flags, sizes[i].flags);
		assert_int_equal(f->fake.doorbell.offset, 0x10000 + offset);
		assert_true(f->fake.doorbell.data == 0x8877665544332211);
		assert_int_equal(f->fake.doorbell.fd, 9);
		/* Not over the end of the region. */
		assert_int_equal(via_vfio_device_set_doorbell(f->device, BAR3, offset + 1, 1,
							      sizes[i].size_bytes, 9),
				 -ERANGE);
		assert_int_equal(f->fake.doorbell_count, i + 1);
	}
	assert_int_equal(via_vfio_device_set_doorbell(f->device, 99, 0, 1, 4, 9), -ERANGE);
	assert_int_equal(
		via_vfio_device_set_doorbell(f->device, BAR3, 0x3ffc, 0x8877665544332211, 4, -1),
		0);
	assert_int_equal(f->fake.doorbell.fd, -1);
	assert_int_equal(f->fake.doorbell_count, 3);
	f->fake.doorbell_rc = -EINVAL;
	assert_int_equal(via_vfio_device_set_doorbell(f->device, BAR3, 0, 1, 4, 9), -EINVAL);
}

/* Bus mastering is off before the vectors go: seen from within the ioctl that releases them. */
struct witness {
	struct via_ioctl_port inner;
	int device_fd;
	uint16_t command;
	bool saw_release;
};

static int witness_ioctl(void *data, int fd, unsigned long request, void *argument)
{
	struct witness *witness = data;

	if (request == VFIO_DEVICE_SET_IRQS && !((struct vfio_irq_set *)argument)->count) {
		witness->saw_release = true;
		assert_int_equal(pread(witness->device_fd, &witness->command, 2, COMMAND_AT), 2);
	}
	return witness->inner.call(witness->inner.data, fd, request, argument);
}

static void closing_begins_with_bus_mastering(void **state)
{
	static const int32_t eventfd = 7;
	struct fixture *f = *state;
	struct witness witness = { fake_vfio_port(&f->fake), f->fake.device_fd, 0xffff, false };
	struct via_ioctl_port port = { .call = witness_ioctl, .data = &witness };
	const uint16_t before = PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_DISABLE;
	uint16_t command;

	assert_int_equal(pwrite(f->fake.device_fd, &before, 2, COMMAND_AT), 2);
	assert_int_equal(via_vfio_device_open_with(f->space, vf0, -1, port, &f->device, &f->err),
			 0);
	assert_int_equal(via_vfio_device_set_bus_master(f->device, true, &f->err), 0);
	assert_int_equal(pread(f->fake.device_fd, &command, 2, COMMAND_AT), 2);
	assert_int_equal(command, before | PCI_COMMAND_MASTER);
	assert_int_equal(via_vfio_device_set_irqs(f->device, MSIX, 0, 1, &eventfd, &f->err), 0);
	via_vfio_device_close(f->device);
	f->device = NULL;
	assert_true(witness.saw_release);
	assert_int_equal(witness.command, before);
	assert_int_equal(f->fake.resets, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_device_is_described),
		TEST(more_regions_than_known_are_left_out),
		TEST(nonsense_is_refused_and_nothing_stays_open),
		TEST(areas_are_sorted_and_empty_ones_dropped),
		TEST(hostile_areas_are_refused),
		TEST(hostile_chains_are_refused),
		TEST(accesses_stay_inside_their_region),
		TEST(a_mapping_is_the_device),
		TEST(a_region_too_large_to_map_is_told),
		TEST(vectors_are_connected_within_bounds),
		TEST(only_enabled_vectors_are_released),
		TEST(a_line_is_unmasked_by_an_eventfd_or_at_once),
		TEST(a_doorbell_is_a_place_in_the_devices_file),
		TEST(a_reset_is_asked_for_only_where_there_is_one),
		TEST(closing_begins_with_bus_mastering),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
