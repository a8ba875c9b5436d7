/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The iommufd backend, against the kernel's side of /dev/iommu and of device files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/iommufd.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <viaduct/iommu/cdev.h>

#include "backend.h"
#include "fake-vfio.h"

#define MIB	 (1ULL << 20)
#define GIB	 (1ULL << 30)
#define IOAS	 7U
#define CALLS	 64
#define CLOSED	 9999 /* a descriptor nobody has */
#define ATTACHED 1UL  /* KVM was told of a file, among the ioctls */
#define DETACHED 2UL  /* it was told to let go */

static const struct via_bdf vf0 = { 0, 1, 0x10, 0 }, vf1 = { 0, 1, 0x10, 2 },
			    vf2 = { 0, 1, 0x10, 4 };

struct fixture {
	struct tree tree;
	struct via_iommu_space *space;
	struct via_error err;
	int fds[2];

	/* What the kernel answers. */
	int alloc_rc, bind_rc, attach_rc, hw_info_rc, ranges_rc, map_rc, unmap_rc, kvm_rc;
	uint64_t capabilities[2]; /* of the devices, by the order they are bound in */
	struct iommu_iova_range ranges[40];
	uint32_t range_count;
	uint64_t alignment_bytes;
	bool growing; /* there are always more ranges than there was room for */
	uint64_t unmap_short;

	unsigned long calls[CALLS];
	int call_fds[CALLS];
	size_t call_count;
	uint32_t bound;
	struct iommu_ioas_map map;
	struct iommu_ioas_unmap unmap;
	uint32_t destroyed;
};

static void called(struct fixture *f, unsigned long what, int fd)
{
	assert_true(f->call_count < CALLS);
	f->call_fds[f->call_count] = fd;
	f->calls[f->call_count++] = what;
}

static size_t count(const struct fixture *f, unsigned long what)
{
	size_t total = 0;

	for (size_t i = 0; i < f->call_count; i++)
		total += f->calls[i] == what;
	return total;
}

static int tell_ranges(struct fixture *f, struct iommu_ioas_iova_ranges *ask)
{
	struct iommu_iova_range *room = (void *)(uintptr_t)ask->allowed_iovas;
	uint32_t fits = ask->num_iovas < f->range_count ? ask->num_iovas : f->range_count;

	if (f->ranges_rc)
		return f->ranges_rc;
	assert_int_equal(ask->ioas_id, IOAS);
	memcpy(room, f->ranges, fits * sizeof(*room));
	ask->out_iova_alignment = f->alignment_bytes;
	if (f->growing)
		ask->num_iovas++;
	else
		ask->num_iovas = f->range_count;
	return f->growing || fits < f->range_count ? -EMSGSIZE : 0;
}

static int kernel(void *data, int fd, unsigned long request, void *argument)
{
	struct fixture *f = data;

	called(f, request, fd);
	switch (request) {
	case IOMMU_IOAS_ALLOC:
		((struct iommu_ioas_alloc *)argument)->out_ioas_id = IOAS;
		return f->alloc_rc;
	case VFIO_DEVICE_BIND_IOMMUFD:
		((struct vfio_device_bind_iommufd *)argument)->out_devid = 100 + f->bound;
		f->bound += !f->bind_rc;
		return f->bind_rc;
	case VFIO_DEVICE_ATTACH_IOMMUFD_PT:
		assert_int_equal(((struct vfio_device_attach_iommufd_pt *)argument)->pt_id, IOAS);
		return f->attach_rc;
	case VFIO_DEVICE_DETACH_IOMMUFD_PT:
		return 0;
	case IOMMU_GET_HW_INFO: {
		struct iommu_hw_info *info = argument;

		assert_in_range(info->dev_id, 100, 99 + f->bound);
		info->out_capabilities = f->capabilities[(info->dev_id - 100) % 2];
		return f->hw_info_rc;
	}
	case IOMMU_IOAS_IOVA_RANGES:
		return tell_ranges(f, argument);
	case IOMMU_IOAS_MAP:
		memcpy(&f->map, argument, sizeof(f->map));
		return f->map_rc;
	case IOMMU_IOAS_UNMAP:
		memcpy(&f->unmap, argument, sizeof(f->unmap));
		((struct iommu_ioas_unmap *)argument)->length -= f->unmap_short;
		return f->unmap_rc;
	case IOMMU_DESTROY:
		f->destroyed = ((struct iommu_destroy *)argument)->id;
		return 0;
	default:
		fail_msg("nobody should ask 0x%lx", request);
		return -ENOTTY;
	}
}

static int attached(void *data, int file_fd, struct via_error *err)
{
	struct fixture *f = data;

	called(f, ATTACHED, file_fd);
	return f->kvm_rc ? via_error_set(err, -f->kvm_rc, "KVM refuses") : 0;
}

static void detached(void *data, int file_fd)
{
	called(data, DETACHED, file_fd);
}

static const struct tree_entry tree_more[] = {
	{ "dev/iommu", "" },
	{ "dev/vfio/devices/vfio0", "" },
	{ "dev/vfio/devices/vfio1", "" },
	{ "dev/vfio/devices/vfio2", "" },
	{ "sys/bus/pci/devices/0000:01:10.0/vfio-dev/vfio0/dev", "246:0\n" },
	{ "sys/bus/pci/devices/0000:01:10.2/vfio-dev/vfio1/dev", "246:1\n" },
	{ "sys/bus/pci/devices/0000:01:10.4/vfio-dev/vfio2/dev", "246:2\n" },
	{ 0 },
};

static int new_space(struct fixture *f, int iommufd)
{
	int rc = via_iommu_space_new_with(f->tree.host, VIA_IOMMU_BACKEND_IOMMUFD, iommufd,
					  (struct via_ioctl_port){ .call = kernel, .data = f },
					  &f->space, &f->err);

	if (!rc)
		via_iommu_space_on_attach(f->space, attached, detached, f);
	return rc;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->tree = tree_make(fake_vfio_tree);
	for (const struct tree_entry *entry = tree_more; entry->path; entry++)
		tree_add(&f->tree, *entry);
	f->fds[0] = f->fds[1] = -1;
	f->ranges[0] = (struct iommu_iova_range){ 0, 0xfedfffff };
	f->ranges[1] = (struct iommu_iova_range){ 0xfef00000, 0x7fffffffff };
	f->range_count = 2;
	f->alignment_bytes = 4096;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 2; i++)
		if (f->space)
			via_iommu_space_close_device(f->space, &f->fds[i]);
	via_iommu_space_free(f->space);
	tree_remove(&f->tree);
	free(f);
	return 0;
}

static int open_vf0(struct fixture *f)
{
	return via_iommu_space_open_device(f->space, vf0, -1, &f->fds[0], &f->err);
}

static void attach(struct fixture *f)
{
	assert_int_equal(new_space(f, -1), 0);
	assert_int_equal(open_vf0(f), 0);
}

/* Memory that nobody touches: an address is all a map takes here. */
static struct via_iommu_mapping piece(uint64_t iova, uint64_t size_bytes)
{
	return (struct via_iommu_mapping){ iova, (void *)(0x7f0000000000 + iova), size_bytes };
}

static void kvm_knows_the_file_before_it_is_bound(void **state)
{
	static const unsigned long order[] = {
		IOMMU_IOAS_ALLOC,	  ATTACHED,
		VFIO_DEVICE_BIND_IOMMUFD, VFIO_DEVICE_ATTACH_IOMMUFD_PT,
		IOMMU_GET_HW_INFO,	  IOMMU_IOAS_IOVA_RANGES,
	};
	struct fixture *f = *state;

	attach(f);
	assert_int_equal(f->call_count, sizeof(order) / sizeof(order[0]));
	assert_memory_equal(f->calls, order, sizeof(order));
	assert_int_equal(f->call_fds[1], f->fds[0]);
	assert_int_equal(f->call_fds[2], f->fds[0]);
	assert_int_equal(via_iommu_space_stats(f->space).ioctls, f->call_count - 1);
	assert_int_equal(via_iommu_space_backend(f->space), VIA_IOMMU_BACKEND_IOMMUFD);
	/* All devices of a guest share one IOAS. */
	assert_int_equal(via_iommu_space_open_device(f->space, vf2, -1, &f->fds[1], &f->err), 0);
	assert_int_equal(count(f, IOMMU_IOAS_ALLOC), 1);
	assert_int_equal(count(f, VFIO_DEVICE_ATTACH_IOMMUFD_PT), 2);
	assert_int_equal(count(f, IOMMU_IOAS_IOVA_RANGES), 2);
}

static void a_closed_device_is_detached_and_memory_stays(void **state)
{
	struct fixture *f = *state;
	struct via_iommu_mapping one = piece(0, MIB);
	size_t before;

	attach(f);
	assert_int_equal(via_iommu_space_map_memory(f->space, &one, 1, &f->err), 0);
	before = f->call_count;
	via_iommu_space_close_device(f->space, &f->fds[0]);
	assert_int_equal(f->calls[before], VFIO_DEVICE_DETACH_IOMMUFD_PT);
	assert_int_equal(f->calls[before + 1], DETACHED);
	assert_int_equal(f->call_count, before + 2);
	assert_int_equal(f->fds[0], -1);
	assert_int_equal(via_iommu_space_unmap_all(f->space, &f->err), 0);
	assert_int_equal(f->unmap.length, MIB);
	/* What /dev/iommu holds goes with it. */
	via_iommu_space_free(f->space);
	f->space = NULL;
	assert_int_equal(f->destroyed, 0);
}

static void memory_is_mapped_where_it_is_said_to_be(void **state)
{
	struct fixture *f = *state;
	struct via_iommu_mapping one = piece(4 * GIB, 2 * MIB);

	attach(f);
	assert_int_equal(via_iommu_space_map_memory(f->space, &one, 1, &f->err), 0);
	assert_int_equal(f->map.flags, IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
					       IOMMU_IOAS_MAP_WRITEABLE);
	assert_int_equal(f->map.ioas_id, IOAS);
	assert_int_equal(f->map.iova, 4 * GIB);
	assert_int_equal(f->map.user_va, (uintptr_t)one.hva);
	assert_int_equal(f->map.length, 2 * MIB);
	assert_int_equal(via_iommu_space_unmap_all(f->space, &f->err), 0);
	assert_int_equal(f->unmap.iova, 4 * GIB);
	assert_int_equal(f->unmap.ioas_id, IOAS);
}

static void an_unmap_of_less_is_a_failure(void **state)
{
	struct fixture *f = *state;
	struct via_iommu_mapping one = piece(0, 2 * MIB);

	attach(f);
	assert_int_equal(via_iommu_space_map_memory(f->space, &one, 1, &f->err), 0);
	f->unmap_short = 4096;
	assert_int_equal(via_iommu_space_unmap_all(f->space, &f->err), -EIO);
	f->unmap_short = 0;
	f->unmap_rc = -ENOENT;
	assert_int_equal(via_iommu_space_unmap_all(f->space, &f->err), -ENOENT);
	f->unmap_rc = 0;
	assert_int_equal(via_iommu_space_unmap_all(f->space, &f->err), 0);
}

static void memory_beyond_the_aperture_is_refused(void **state)
{
	struct fixture *f = *state;
	struct via_iommu_mapping high = piece(0x7ffffff000, 8192), msi = piece(0xfee00000, 4096);

	attach(f);
	assert_int_equal(via_iommu_space_map_memory(f->space, &high, 1, &f->err), -ERANGE);
	assert_string_equal(f->err.text,
			    "devices cannot reach guest memory at 0x8000000000: the IOMMU does not "
			    "translate 0x8000000000 to 0xffffffffffffffff");
	assert_int_equal(via_iommu_space_map_memory(f->space, &msi, 1, &f->err), -ERANGE);
	assert_int_equal(count(f, IOMMU_IOAS_MAP), 0);
}

static void pages_are_the_iommus(void **state)
{
	struct fixture *f = *state;
	struct via_iommu_mapping one = piece(0, 0x11000);

	f->alignment_bytes = 0x10000;
	attach(f);
	assert_int_equal(via_iommu_space_map_memory(f->space, &one, 1, &f->err), -EINVAL);
	assert_non_null(strstr(f->err.text, "65536"));
}

static void many_ranges_are_asked_for_again(void **state)
{
	struct fixture *f = *state;

	for (uint32_t i = 0; i < 40; i++)
		f->ranges[i] = (struct iommu_iova_range){ i * GIB, i * GIB + MIB - 1 };
	f->range_count = 40;
	attach(f);
	assert_int_equal(count(f, IOMMU_IOAS_IOVA_RANGES), 2);
	assert_int_equal(via_iommu_space_iova(f->space)->count, 40);
}

static void hostile_ranges_are_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(new_space(f, -1), 0);
	f->growing = true;
	assert_int_equal(open_vf0(f), -EPROTO);
	assert_int_equal(count(f, IOMMU_IOAS_IOVA_RANGES), 4);
	f->growing = false;
	f->ranges[1].last = 1;
	assert_int_equal(open_vf0(f), -EPROTO);
	f->ranges[1].last = UINT64_MAX;
	f->alignment_bytes = 0;
	assert_int_equal(open_vf0(f), -EPROTO);
	f->alignment_bytes = 12288;
	assert_int_equal(open_vf0(f), -EPROTO);
	f->alignment_bytes = 4096;
	f->ranges_rc = -ENOENT;
	assert_int_equal(open_vf0(f), -ENOENT);
	f->ranges_rc = 0;
	assert_int_equal(open_vf0(f), 0);
	/* Each failure took back what it had attached. */
	assert_int_equal(count(f, DETACHED), 5);
	assert_int_equal(count(f, VFIO_DEVICE_DETACH_IOMMUFD_PT), 5);
}

static void a_host_without_iommufd_says_what_it_takes(void **state)
{
	struct fixture *f = *state;

	tree_drop(&f->tree, "dev/iommu");
	assert_int_equal(new_space(f, -1), -ENOENT);
	assert_non_null(strstr(f->err.text, "CONFIG_IOMMUFD"));
	assert_non_null(strstr(f->err.text, "backend group"));
	assert_null(f->space);
}

static void a_device_without_a_file_says_what_it_takes(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(new_space(f, -1), 0);
	tree_drop(&f->tree, "sys/bus/pci/devices/0000:01:10.0/vfio-dev/vfio0/dev");
	assert_int_equal(open_vf0(f), -ENXIO);
	assert_non_null(strstr(f->err.text, "0000:01:10.0"));
	assert_non_null(strstr(f->err.text, "CONFIG_VFIO_DEVICE_CDEV"));
	tree_drop(&f->tree, "sys/bus/pci/devices/0000:01:10.0/vfio-dev");
	assert_int_equal(open_vf0(f), -ENXIO);
	tree_add(&f->tree,
		 (struct tree_entry){ "sys/bus/pci/devices/0000:01:10.0/vfio-dev/vfio-0/dev", "" });
	assert_int_equal(open_vf0(f), -EPROTO);
	assert_int_equal(count(f, ATTACHED), 0);
}

static void bind_tells_who_is_in_the_way(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(new_space(f, -1), 0);
	f->bind_rc = -EBUSY;
	tree_add(&f->tree, (struct tree_entry){ "sys/bus/pci/devices/0000:01:10.2/driver",
						.link = "../../bus/pci/drivers/igbvf" });
	assert_int_equal(open_vf0(f), -EPERM);
	assert_non_null(strstr(f->err.text, "0000:01:10.2 (igbvf)"));
	tree_add(&f->tree, (struct tree_entry){ "sys/bus/pci/devices/0000:01:10.2/driver",
						.link = "../../bus/pci/drivers/vfio-pci" });
	assert_int_equal(open_vf0(f), -EBUSY);
	assert_non_null(strstr(f->err.text, "0000:01:10.0 is in use"));

	/* Another guest has its neighbour, or it itself. */
	tree_add(&f->tree, (struct tree_entry){ "proc/42/comm", "qemu\n" });
	tree_add(&f->tree,
		 (struct tree_entry){ "proc/42/fd/9", .link = "/dev/vfio/devices/vfio1" });
	assert_int_equal(open_vf0(f), -EBUSY);
	assert_string_equal(f->err.text, "0000:01:10.0 is in use: process 42 (qemu) has the VFIO "
					 "device file of 0000:01:10.2 open");
	f->bind_rc = -EINVAL;
	tree_add(&f->tree, (struct tree_entry){ "proc/42/fd/9", .link = "/dev/vfio/12" });
	assert_int_equal(open_vf0(f), -EBUSY);
	assert_string_equal(f->err.text,
			    "0000:01:10.0 is in use: process 42 (qemu) has IOMMU group "
			    "12 open");
	f->bind_rc = -EPERM;
	assert_int_equal(open_vf0(f), -EPERM);
	assert_non_null(strstr(f->err.text, "iommufd.allow_unsafe_interrupts"));
	f->bind_rc = -ENODEV;
	assert_int_equal(open_vf0(f), -ENODEV);
	/* KVM lets go of each. */
	assert_int_equal(count(f, ATTACHED), count(f, DETACHED));
	assert_int_equal(count(f, VFIO_DEVICE_ATTACH_IOMMUFD_PT), 0);
	f->bind_rc = 0;
	assert_int_equal(open_vf0(f), 0);
}

static void attach_can_fail(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(new_space(f, -1), 0);
	f->attach_rc = -EADDRINUSE;
	assert_int_equal(open_vf0(f), -ERANGE);
	f->attach_rc = -EINVAL;
	assert_int_equal(open_vf0(f), -EINVAL);
	assert_non_null(strstr(f->err.text, "0000:01:10.0"));
	f->kvm_rc = -EOPNOTSUPP;
	assert_int_equal(open_vf0(f), -EOPNOTSUPP);
	assert_int_equal(count(f, VFIO_DEVICE_BIND_IOMMUFD), 2);
	assert_int_equal(count(f, DETACHED), 2);
	assert_int_equal(f->fds[0], -1);
}

static void dirty_tracking_takes_all_devices(void **state)
{
	struct fixture *f = *state;

	f->capabilities[0] = IOMMU_HW_CAP_DIRTY_TRACKING;
	assert_int_equal(new_space(f, -1), 0);
	assert_false(via_iommu_space_tracks_dirty(f->space));
	assert_int_equal(open_vf0(f), 0);
	assert_true(via_iommu_space_tracks_dirty(f->space));
	assert_int_equal(via_iommu_space_open_device(f->space, vf2, -1, &f->fds[1], &f->err), 0);
	assert_false(via_iommu_space_tracks_dirty(f->space));
}

static void a_kernel_that_does_not_say_tracks_nothing(void **state)
{
	struct fixture *f = *state;

	f->capabilities[0] = IOMMU_HW_CAP_DIRTY_TRACKING;
	f->hw_info_rc = -EOPNOTSUPP;
	attach(f);
	assert_false(via_iommu_space_tracks_dirty(f->space));
}

static void registers_are_asked_for_once(void **state)
{
	struct fixture *f = *state;
	struct via_iommu_mapping bar = piece(3 * GIB, 0x4000), memory = piece(0, MIB);

	attach(f);
	assert_int_equal(via_iommu_space_p2p(f->space), VIA_IOMMU_UNKNOWN);
	f->map_rc = -EFAULT;
	assert_int_equal(via_iommu_space_map_registers(f->space, &bar, &f->err), -EOPNOTSUPP);
	assert_int_equal(via_iommu_space_p2p(f->space), VIA_IOMMU_NO);
	f->map_rc = 0;
	assert_int_equal(via_iommu_space_map_registers(f->space, &bar, &f->err), -EOPNOTSUPP);
	assert_int_equal(count(f, IOMMU_IOAS_MAP), 1);
	assert_int_equal(via_iommu_space_map_memory(f->space, &memory, 1, &f->err), 0);
}

static void a_kernel_that_maps_registers_is_used(void **state)
{
	struct fixture *f = *state;
	struct via_iommu_mapping bar = piece(3 * GIB, 0x4000);

	attach(f);
	assert_int_equal(via_iommu_space_map_registers(f->space, &bar, &f->err), 0);
	assert_int_equal(via_iommu_space_p2p(f->space), VIA_IOMMU_YES);
	f->map_rc = -EFAULT;
	bar.iova += 0x4000;
	assert_int_equal(via_iommu_space_map_registers(f->space, &bar, &f->err), -EFAULT);
	assert_int_equal(via_iommu_space_p2p(f->space), VIA_IOMMU_YES);
}

static void memory_of_all_guests_counts(void **state)
{
	struct fixture *f = *state;
	struct via_iommu_mapping one = piece(0, MIB);

	attach(f);
	f->map_rc = -ENOMEM;
	assert_int_equal(via_iommu_space_map_memory(f->space, &one, 1, &f->err), -ENOMEM);
	assert_non_null(strstr(f->err.text, "all processes of this user"));
}

static void what_was_handed_over_stays_the_givers(void **state)
{
	struct fixture *f = *state;
	int iommufd = open("/dev/null", O_RDWR), given = open("/dev/null", O_RDWR);

	tree_drop(&f->tree, "dev/iommu");
	tree_drop(&f->tree, "dev/vfio/devices");
	assert_int_equal(new_space(f, iommufd), 0);
	assert_int_equal(via_iommu_space_open_device(f->space, vf0, given, &f->fds[0], &f->err), 0);
	assert_int_not_equal(f->fds[0], given);
	via_iommu_space_close_device(f->space, &f->fds[0]);
	via_iommu_space_free(f->space);
	f->space = NULL;
	/* Closing does not free it while others have it. */
	assert_int_equal(f->destroyed, IOAS);
	assert_int_equal(close(given), 0);
	assert_int_equal(close(iommufd), 0);
}

static void what_is_handed_over_must_be_one(void **state)
{
	struct fixture *f = *state;
	int fd = open("/dev/null", O_RDWR);

	f->alloc_rc = -ENOTTY;
	assert_int_equal(new_space(f, fd), -EINVAL);
	assert_non_null(strstr(f->err.text, "is not an open /dev/iommu"));
	close(fd);
	assert_int_equal(new_space(f, CLOSED), -EBADF);
	f->alloc_rc = 0;
	assert_int_equal(new_space(f, -1), 0);
	assert_int_equal(via_iommu_space_open_device(f->space, vf0, CLOSED, &f->fds[0], &f->err),
			 -EBADF);
}

static void auto_takes_iommufd_where_all_have_files(void **state)
{
	struct fixture *f = *state;
	const struct via_bdf all[] = { vf0, vf1 };

	assert_int_equal(via_iommu_backend_choose(f->tree.host, VIA_IOMMU_BACKEND_AUTO, all, 2),
			 VIA_IOMMU_BACKEND_IOMMUFD);
	assert_int_equal(via_iommu_backend_choose(f->tree.host, VIA_IOMMU_BACKEND_GROUP, all, 2),
			 VIA_IOMMU_BACKEND_GROUP);
	tree_drop(&f->tree, "dev/vfio/devices/vfio1");
	assert_int_equal(via_iommu_backend_choose(f->tree.host, VIA_IOMMU_BACKEND_AUTO, all, 2),
			 VIA_IOMMU_BACKEND_GROUP);
	assert_int_equal(via_iommu_backend_choose(f->tree.host, VIA_IOMMU_BACKEND_AUTO, all, 1),
			 VIA_IOMMU_BACKEND_IOMMUFD);
	tree_drop(&f->tree, "dev/iommu");
	assert_int_equal(via_iommu_backend_choose(f->tree.host, VIA_IOMMU_BACKEND_AUTO, all, 1),
			 VIA_IOMMU_BACKEND_GROUP);
	assert_int_equal(via_iommu_backend_choose(f->tree.host, VIA_IOMMU_BACKEND_IOMMUFD, all, 1),
			 VIA_IOMMU_BACKEND_IOMMUFD);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(kvm_knows_the_file_before_it_is_bound),
		TEST(a_closed_device_is_detached_and_memory_stays),
		TEST(memory_is_mapped_where_it_is_said_to_be),
		TEST(an_unmap_of_less_is_a_failure),
		TEST(memory_beyond_the_aperture_is_refused),
		TEST(pages_are_the_iommus),
		TEST(many_ranges_are_asked_for_again),
		TEST(hostile_ranges_are_refused),
		TEST(a_host_without_iommufd_says_what_it_takes),
		TEST(a_device_without_a_file_says_what_it_takes),
		TEST(bind_tells_who_is_in_the_way),
		TEST(attach_can_fail),
		TEST(dirty_tracking_takes_all_devices),
		TEST(a_kernel_that_does_not_say_tracks_nothing),
		TEST(registers_are_asked_for_once),
		TEST(a_kernel_that_maps_registers_is_used),
		TEST(memory_of_all_guests_counts),
		TEST(what_was_handed_over_stays_the_givers),
		TEST(what_is_handed_over_must_be_one),
		TEST(auto_takes_iommufd_where_all_have_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
