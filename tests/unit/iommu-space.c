/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend.h"
#include "fake-vfio.h"

#define MIB (1ULL << 20)
#define GIB (1ULL << 30)

static const struct via_bdf vf0 = { 0, 1, 0x10, 0 }, vf1 = { 0, 1, 0x10, 2 },
			    vf2 = { 0, 1, 0x10, 4 };

struct fixture {
	struct tree tree;
	struct fake_vfio fake;
	struct via_iommu_space *space;
	struct via_error err;
	int fds[2];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->tree = tree_make(fake_vfio_tree);
	f->fds[0] = f->fds[1] = -1;
	fake_vfio_init(&f->fake);
	*state = f;
	return via_iommu_space_new_with(f->tree.host, VIA_IOMMU_BACKEND_GROUP, -1,
					fake_vfio_port(&f->fake), &f->space, &f->err);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 2; i++)
		if (f->fds[i] >= 0)
			close(f->fds[i]);
	via_iommu_space_free(f->space);
	fake_vfio_fini(&f->fake);
	tree_remove(&f->tree);
	free(f);
	return 0;
}

/* Memory that nobody touches: an address is all a map takes here. */
static struct via_iommu_mapping piece(uint64_t iova, uint64_t size_bytes)
{
	return (struct via_iommu_mapping){ iova, (void *)(0x7f0000000000 + iova), size_bytes };
}

static void attach(struct fixture *f)
{
	assert_int_equal(via_iommu_space_open_device(f->space, vf0, -1, &f->fds[0], &f->err), 0);
}

static void the_container_comes_before_its_driver(void **state)
{
	struct fixture *f = *state;
	static const unsigned long order[] = {
		VFIO_GET_API_VERSION,	  VFIO_CHECK_EXTENSION, VFIO_GROUP_GET_STATUS,
		VFIO_GROUP_SET_CONTAINER, VFIO_SET_IOMMU,	VFIO_GROUP_GET_DEVICE_FD,
		VFIO_IOMMU_GET_INFO,
	};

	attach(f);
	assert_int_equal(f->fake.call_count, sizeof(order) / sizeof(order[0]));
	assert_memory_equal(f->fake.calls, order, sizeof(order));
	/* The second function is in the group that is there already. */
	assert_int_equal(via_iommu_space_open_device(f->space, vf1, -1, &f->fds[1], &f->err), 0);
	assert_int_equal(fake_vfio_called(&f->fake, VFIO_SET_IOMMU), 1);
	assert_int_equal(fake_vfio_called(&f->fake, VFIO_GROUP_SET_CONTAINER), 1);
	assert_int_equal(via_iommu_space_stats(f->space).ioctls, f->fake.call_count);
}

static void a_second_group_joins_the_same_driver(void **state)
{
	struct fixture *f = *state;

	attach(f);
	assert_int_equal(via_iommu_space_open_device(f->space, vf2, -1, &f->fds[1], &f->err), 0);
	assert_int_equal(fake_vfio_called(&f->fake, VFIO_GROUP_SET_CONTAINER), 2);
	assert_int_equal(fake_vfio_called(&f->fake, VFIO_SET_IOMMU), 1);
	/* It can narrow what can be mapped. */
	assert_int_equal(fake_vfio_called(&f->fake, VFIO_IOMMU_GET_INFO), 2);
}

static void a_host_without_vfio_says_what_to_load(void **state)
{
	struct fixture *f = *state;
	struct via_iommu_space *other = NULL;

	f->fake.type1v2 = false;
	assert_int_equal(via_iommu_space_new_with(f->tree.host, VIA_IOMMU_BACKEND_GROUP, -1,
						  fake_vfio_port(&f->fake), &other, &f->err),
			 -EPROTONOSUPPORT);
	f->fake.api_version = 1;
	assert_int_equal(via_iommu_space_new_with(f->tree.host, VIA_IOMMU_BACKEND_GROUP, -1,
						  fake_vfio_port(&f->fake), &other, &f->err),
			 -EPROTONOSUPPORT);
	tree_drop(&f->tree, "dev/vfio/vfio");
	assert_int_equal(
		via_iommu_space_new(f->tree.host, VIA_IOMMU_BACKEND_GROUP, -1, &other, &f->err),
		-ENOENT);
	assert_non_null(strstr(f->err.text, "modprobe vfio-pci"));
	assert_null(other);
}

static void a_function_of_another_driver_is_not_opened(void **state)
{
	struct fixture *f = *state;

	tree_add(&f->tree, (struct tree_entry){ "sys/bus/pci/devices/0000:01:10.0/driver",
						.link = "../../bus/pci/drivers/igbvf" });
	assert_int_equal(via_iommu_space_open_device(f->space, vf0, -1, &f->fds[0], &f->err),
			 -EINVAL);
	assert_string_equal(f->err.text, "0000:01:10.0 is not bound to vfio-pci (its driver is "
					 "igbvf): viaduct bind 0000:01:10.0");
	assert_int_equal(f->fds[0], -1);

	/* Its neighbour is, but the group goes whole. */
	f->fake.group_flags = 0;
	assert_int_equal(via_iommu_space_open_device(f->space, vf1, -1, &f->fds[0], &f->err),
			 -EPERM);
	assert_non_null(strstr(f->err.text, "0000:01:10.0 (igbvf)"));
	assert_int_equal(fake_vfio_called(&f->fake, VFIO_GROUP_SET_CONTAINER), 0);

	assert_int_equal(via_iommu_space_open_device(f->space, (struct via_bdf){ 0, 1, 0x10, 6 },
						     -1, &f->fds[0], &f->err),
			 -ENXIO);
	assert_int_equal(via_iommu_space_open_device(f->space, (struct via_bdf){ 0, 1, 0x10, 7 },
						     -1, &f->fds[0], &f->err),
			 -ENODEV);
}

static void failures_of_the_kernel_keep_their_meaning(void **state)
{
	struct fixture *f = *state;

	f->fake.set_iommu_rc = -EPERM;
	assert_int_equal(via_iommu_space_open_device(f->space, vf0, -1, &f->fds[0], &f->err),
			 -EPERM);
	assert_non_null(strstr(f->err.text, "allow_unsafe_interrupts"));
	tree_add(&f->tree, (struct tree_entry){ "sys/kernel/iommu_groups/12/reserved_regions",
						"0x0000000000001000 0x0000000000002fff direct\n" });
	assert_int_equal(via_iommu_space_open_device(f->space, vf0, -1, &f->fds[0], &f->err),
			 -EPERM);
	assert_non_null(strstr(f->err.text, "RMRR"));
	tree_add(&f->tree, (struct tree_entry){ "sys/kernel/iommu_groups/12/reserved_regions",
						"0x00000000fee00000 0x00000000feefffff msi\n" });
	f->fake.set_iommu_rc = 0;
	f->fake.device_rc = -ENODEV;
	assert_int_equal(via_iommu_space_open_device(f->space, vf0, -1, &f->fds[0], &f->err),
			 -EINVAL);
	assert_non_null(strstr(f->err.text, "viaduct bind 0000:01:10.0"));
	f->fake.device_rc = -EBUSY;
	assert_int_equal(via_iommu_space_open_device(f->space, vf0, -1, &f->fds[0], &f->err),
			 -EBUSY);
	/* Nothing stayed attached: the driver of the container is chosen anew. */
	f->fake.device_rc = 0;
	attach(f);
	assert_int_equal(fake_vfio_called(&f->fake, VFIO_SET_IOMMU), 5);
}

static void ranges_are_the_kernels_without_the_reserved(void **state)
{
	static const struct vfio_iova_range all = { 0, UINT64_MAX };
	struct fixture *f = *state;
	const struct via_range_set *iova = via_iommu_space_iova(f->space);

	assert_int_equal(iova->count, 0);
	fake_iommu_ranges(&f->fake, &all, 1, 10);
	attach(f);
	assert_int_equal(iova->count, 2);
	assert_int_equal(iova->ranges[0].last, 0xfedfffff);
	assert_int_equal(iova->ranges[1].first, 0xfef00000);
}

static void long_answers_are_asked_for_again(void **state)
{
	struct vfio_iova_range ranges[64];
	struct fixture *f = *state;

	for (uint64_t i = 0; i < 64; i++)
		ranges[i] = (struct vfio_iova_range){ i * GIB, i * GIB + MIB - 1 };
	fake_iommu_ranges(&f->fake, ranges, 64, 10);
	attach(f);
	assert_int_equal(fake_vfio_called(&f->fake, VFIO_IOMMU_GET_INFO), 2);
	assert_int_equal(via_iommu_space_iova(f->space)->count, 64);
}

/* Each breaks a good answer in one place. */
static void hostile_answers_are_refused(void **state)
{
	struct fixture *f = *state;
	const size_t link_at = offsetof(struct vfio_iommu_type1_info, cap_offset);
	const uint32_t first = (sizeof(struct vfio_iommu_type1_info) + 7) & ~7U;
	const struct {
		size_t at;
		uint32_t value;
	} breaks[] = {
		{ link_at, 1 },			/* a capability inside the head */
		{ link_at, 4096 },		/* one at the end of the answer */
		{ link_at, 0xfffffff8 },	/* one far behind it */
		{ first + 4, first },		/* a chain that is a loop */
		{ first + 4, first + 4 },	/* one that overlaps itself */
		{ first + 4, 0xfffffff0 },	/* one that leaves */
		{ first + 8, 0xffffffff },	/* more ranges than there is room for */
		{ first + 8, 3 },		/* one more */
		{ first + 16 + 4, 0xffffffff }, /* a range that ends before it begins */
	};

	for (size_t i = 0; i < sizeof(breaks) / sizeof(breaks[0]); i++) {
		struct via_iommu_geometry geometry = { 0 };
		struct fake_info broken = f->fake.iommu_info;
		struct via_ioctl_info info;

		memcpy(broken.bytes + breaks[i].at, &breaks[i].value, 4);
		/* Exactly as long as it claims, for the sanitizer to guard its end. */
		info.size_bytes = broken.size_bytes;
		info.data = malloc(info.size_bytes);
		memcpy(info.data, broken.bytes, info.size_bytes);
		assert_int_equal(via_iommu_type1_parse(&info, &geometry), -EPROTO);
		via_range_set_clear(&geometry.iova);
		free(info.data);
	}
}

/* Seen at once, before anyone believes the size of the capability. */
static void a_capability_ends_behind_its_header(void **state)
{
	const struct {
		uint32_t at;
		uint32_t next;
	} bad[] = { { 16, 16 }, { 16, 20 }, { 16, 8 }, { 16, 36 }, { 28, 0 }, { 32, 0 }, { 8, 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint8_t *data = calloc(1, 32);
		struct via_ioctl_info info = { data, 32 };
		struct via_ioctl_cap cap = { .next = bad[i].at };

		memcpy(data + 20, &bad[i].next, sizeof(bad[i].next));
		assert_int_equal(via_ioctl_cap_next(&info, 16, &cap), -EPROTO);
		free(data);
	}
}

static void an_answer_that_never_fits_ends(void **state)
{
	struct fixture *f = *state;

	f->fake.iommu_info.size_bytes = 2U << 20;
	assert_int_equal(via_iommu_space_open_device(f->space, vf0, -1, &f->fds[0], &f->err),
			 -EPROTO);
	assert_int_equal(f->fds[0], -1);
}

static void memory_is_one_map_a_piece(void **state)
{
	struct via_iommu_mapping pieces[] = { piece(0, 2 * MIB), piece(4 * GIB, 4 * MIB) };
	struct fixture *f = *state;
	struct via_iommu_space_stats stats;

	assert_int_equal(via_iommu_space_map_memory(f->space, pieces, 2, &f->err), -EINVAL);
	attach(f);
	assert_int_equal(via_iommu_space_map_memory(f->space, pieces, 2, &f->err), 0);
	assert_int_equal(f->fake.map_count, 2);
	assert_int_equal(f->fake.maps[1].iova, 4 * GIB);
	assert_int_equal(f->fake.maps[1].vaddr, (uintptr_t)pieces[1].hva);
	assert_int_equal(f->fake.maps[1].size, 4 * MIB);
	assert_int_equal(f->fake.maps[1].flags, VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
	stats = via_iommu_space_stats(f->space);
	assert_int_equal(stats.map_calls, 2);
	assert_int_equal(stats.map_bytes, 6 * MIB);

	assert_int_equal(via_iommu_space_map_memory(f->space, pieces, 1, &f->err), -EINVAL);
	assert_int_equal(via_iommu_space_unmap_all(f->space, &f->err), 0);
	assert_int_equal(f->fake.map_count, 0);
	assert_int_equal(via_iommu_space_stats(f->space).unmap_calls, 2);
	assert_int_equal(via_iommu_space_map_memory(f->space, pieces, 2, &f->err), 0);
}

static void what_cannot_work_is_refused_before_the_first_map(void **state)
{
	struct fixture *f = *state;
	const struct {
		struct via_iommu_mapping bad;
		int rc;
		const char *says;
	} cases[] = {
		{ piece(0x100, MIB), -EINVAL, "not aligned" },
		{ piece(16 * MIB, 0x100), -EINVAL, "not aligned" },
		{ { 16 * MIB, (void *)0x7f0000000100, MIB }, -EINVAL, "not aligned" },
		{ piece(16 * MIB, 0), -EINVAL, "empty" },
		{ piece(UINT64_MAX - 4095, 8192), -EINVAL, "wraps" },
		{ { 16 * MIB, (void *)-4096, 8192 }, -EINVAL, "wraps" },
		{ piece(MIB, MIB), -EINVAL, "twice" },
		{ piece(0xfed00000, 2 * MIB), -ERANGE, "0xfee00000 to 0xfeefffff" },
		{ piece(0xfee00000, 4096), -ERANGE, "0xfee00000 to 0xfeefffff" },
		{ piece(0x7ffffff000, 8192), -ERANGE, "0x8000000000 to 0xffffffffffffffff" },
		{ piece(16 * MIB, 8 * MIB), -ENOMEM, "ulimit -l 10240" },
	};

	attach(f);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct via_iommu_mapping pieces[] = { piece(0, 2 * MIB), cases[i].bad };

		assert_int_equal(via_iommu_space_map_memory(f->space, pieces, 2, &f->err),
				 cases[i].rc);
		if (!strstr(f->err.text, cases[i].says))
			fail_msg("case %zu says: %s", i, f->err.text);
		assert_int_equal(f->fake.map_calls, 0);
	}
}

static void locked_memory_counts_what_is_locked(void **state)
{
	struct via_iommu_mapping pieces[] = { piece(0, 8 * MIB), piece(16 * MIB, MIB) };
	struct fixture *f = *state;

	attach(f);
	assert_int_equal(via_iommu_space_map_memory(f->space, pieces, 1, &f->err), 0);
	tree_add(&f->tree,
		 (struct tree_entry){ "proc/self/status",
				      "VmLck:\t    8192 kB\nCapEff:\t0000000000000000\n" });
	assert_int_equal(via_iommu_space_map_memory(f->space, pieces + 1, 1, &f->err), -ENOMEM);
	assert_non_null(strstr(f->err.text, "9437184"));
	/* CAP_IPC_LOCK is bit 14. */
	tree_add(&f->tree,
		 (struct tree_entry){ "proc/self/status",
				      "VmLck:\t    8192 kB\nCapEff:\t0000000000004000\n" });
	assert_int_equal(via_iommu_space_map_memory(f->space, pieces + 1, 1, &f->err), 0);
}

static void an_unlimited_process_is_not_limited(void **state)
{
	struct via_iommu_mapping one = piece(0, GIB);
	struct fixture *f = *state;

	attach(f);
	assert_int_equal(via_iommu_space_map_memory(f->space, &one, 1, &f->err), -ENOMEM);
	tree_add(&f->tree,
		 (struct tree_entry){
			 "proc/self/limits",
			 "Max locked memory         unlimited            unlimited    bytes\n" });
	assert_int_equal(via_iommu_space_map_memory(f->space, &one, 1, &f->err), 0);
}

static void entries_are_counted_down_and_given_back(void **state)
{
	static const struct vfio_iova_range all = { 0, 0xfedfffff };
	struct via_iommu_mapping pieces[] = { piece(0, MIB), piece(2 * MIB, MIB),
					      piece(4 * MIB, MIB) };
	struct fixture *f = *state;

	fake_iommu_ranges(&f->fake, &all, 1, 2);
	attach(f);
	assert_int_equal(via_iommu_space_map_memory(f->space, pieces, 3, &f->err), -ENOSPC);
	assert_non_null(strstr(f->err.text, "needs 3 DMA mappings and the kernel has 2"));
	assert_int_equal(via_iommu_space_map_memory(f->space, pieces, 2, &f->err), 0);
	assert_int_equal(via_iommu_space_map_memory(f->space, pieces + 2, 1, &f->err), -ENOSPC);
	assert_int_equal(via_iommu_space_unmap_all(f->space, &f->err), 0);
	assert_int_equal(via_iommu_space_map_memory(f->space, pieces + 1, 2, &f->err), 0);
}

static void a_failed_map_takes_the_others_back(void **state)
{
	struct via_iommu_mapping kept = piece(GIB, MIB);
	struct via_iommu_mapping pieces[] = { piece(0, MIB), piece(2 * MIB, MIB),
					      piece(4 * MIB, MIB) };
	struct fixture *f = *state;

	attach(f);
	assert_int_equal(via_iommu_space_map_memory(f->space, &kept, 1, &f->err), 0);
	f->fake.map_fails_at = 3;
	f->fake.map_rc = -EFAULT;
	assert_int_equal(via_iommu_space_map_memory(f->space, pieces, 3, &f->err), -EFAULT);
	assert_non_null(strstr(f->err.text, "0x400000"));
	assert_int_equal(f->fake.map_count, 1);
	assert_int_equal(f->fake.maps[0].iova, GIB);
	f->fake.map_fails_at = SIZE_MAX;
	assert_int_equal(via_iommu_space_map_memory(f->space, pieces, 3, &f->err), 0);
}

static void a_failed_unmap_is_told_and_tried_again(void **state)
{
	struct via_iommu_mapping pieces[] = { piece(0, MIB), piece(2 * MIB, MIB) };
	struct fixture *f = *state;

	attach(f);
	assert_int_equal(via_iommu_space_map_memory(f->space, pieces, 2, &f->err), 0);
	f->fake.unmap_rc = -EIO;
	assert_int_equal(via_iommu_space_unmap_all(f->space, &f->err), -EIO);
	assert_int_equal(f->fake.unmap_calls, 2);
	f->fake.unmap_rc = 0;
	assert_int_equal(via_iommu_space_unmap_all(f->space, &f->err), 0);
	assert_int_equal(f->fake.map_count, 0);
	assert_int_equal(f->fake.unmap_calls, 4);
}

/* What was attached and detached, and whether the device was closed by then. */
struct files {
	int attached, detached, last;
	int device_fd;
	bool was_closed;
};

static int file_attached(void *data, int file_fd, struct via_error *err)
{
	struct files *files = data;

	(void)err;
	files->attached++;
	files->last = file_fd;
	return 0;
}

static void file_detached(void *data, int file_fd)
{
	struct files *files = data;

	files->detached++;
	assert_true(fcntl(file_fd, F_GETFD) >= 0);
	files->last = file_fd;
	files->was_closed = fcntl(files->device_fd, F_GETFD) < 0;
}

static void a_group_leaves_with_its_last_function(void **state)
{
	struct via_iommu_mapping pieces[] = { piece(0, MIB), piece(2 * MIB, MIB) };
	struct fixture *f = *state;
	struct files files = { 0 };
	int third = -1;

	via_iommu_space_on_attach(f->space, file_attached, file_detached, &files);
	attach(f);
	assert_int_equal(via_iommu_space_open_device(f->space, vf1, -1, &f->fds[1], &f->err), 0);
	assert_int_equal(via_iommu_space_open_device(f->space, vf2, -1, &third, &f->err), 0);
	assert_int_equal(files.attached, 2);
	assert_int_equal(via_iommu_space_map_memory(f->space, pieces, 2, &f->err), 0);

	via_iommu_space_close_device(f->space, &f->fds[0]);
	assert_int_equal(f->fds[0], -1);
	assert_int_equal(files.detached, 0);
	files.device_fd = f->fds[1];
	via_iommu_space_close_device(f->space, &f->fds[1]);
	assert_int_equal(files.detached, 1);
	assert_true(files.was_closed);
	assert_true(fcntl(files.last, F_GETFD) < 0);
	/* The other group still reaches guest memory. */
	assert_int_equal(via_iommu_space_map_memory(f->space, pieces, 1, &f->err), -EINVAL);
	assert_int_equal(f->fake.unmap_calls, 0);

	via_iommu_space_close_device(f->space, &third);
	assert_int_equal(files.detached, 2);
	/* The container lost its driver, and with it what was mapped. */
	f->fake.map_count = 0;
	assert_int_equal(via_iommu_space_map_memory(f->space, pieces, 1, &f->err), -EINVAL);
	assert_non_null(strstr(f->err.text, "no device is attached"));
	assert_int_equal(via_iommu_space_unmap_all(f->space, &f->err), 0);
	assert_int_equal(f->fake.unmap_calls, 0);
	via_iommu_space_close_device(f->space, &third);

	attach(f);
	assert_int_equal(fake_vfio_called(&f->fake, VFIO_SET_IOMMU), 2);
	assert_int_equal(via_iommu_space_map_memory(f->space, pieces, 2, &f->err), 0);
}

static void a_group_does_not_stay_for_a_function_that_did_not_open(void **state)
{
	struct fixture *f = *state;
	struct files files = { 0 };

	via_iommu_space_on_attach(f->space, file_attached, file_detached, &files);
	f->fake.device_rc = -EBUSY;
	assert_int_equal(via_iommu_space_open_device(f->space, vf0, -1, &f->fds[0], &f->err),
			 -EBUSY);
	assert_int_equal(files.attached, 1);
	assert_int_equal(files.detached, 1);
	assert_true(fcntl(files.last, F_GETFD) < 0);
	f->fake.device_rc = 0;
	attach(f);
	assert_int_equal(fake_vfio_called(&f->fake, VFIO_SET_IOMMU), 2);
}

static void registers_are_in_the_same_book(void **state)
{
	struct via_iommu_mapping bar = piece(GIB, 0x4000), memory[] = { piece(0, 2 * MIB) },
				 over = piece(GIB + 0x3000, 0x2000),
				 outside = piece(0x7ffffff000, 8192);
	struct fixture *f = *state;

	assert_int_equal(via_iommu_space_map_registers(f->space, &bar, &f->err), -EINVAL);
	attach(f);
	assert_int_equal(via_iommu_space_p2p(f->space), VIA_IOMMU_UNKNOWN);
	assert_int_equal(via_iommu_space_map_memory(f->space, memory, 1, &f->err), 0);
	assert_int_equal(via_iommu_space_map_registers(f->space, &bar, &f->err), 0);
	assert_int_equal(via_iommu_space_p2p(f->space), VIA_IOMMU_YES);
	assert_int_equal(f->fake.maps[1].iova, GIB);
	assert_int_equal(f->fake.maps[1].flags, VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);

	assert_int_equal(via_iommu_space_map_registers(f->space, &over, &f->err), -EINVAL);
	assert_non_null(strstr(f->err.text, "device registers at 0x40003000"));
	assert_int_equal(via_iommu_space_map_registers(f->space, &outside, &f->err), -ERANGE);
	/* Memory is no registers, and a part of them neither. */
	assert_int_equal(via_iommu_space_unmap_registers(f->space, 0, 2 * MIB, &f->err), -ENOENT);
	assert_int_equal(via_iommu_space_unmap_registers(f->space, GIB, 0x1000, &f->err), -ENOENT);
	f->fake.unmap_rc = -EIO;
	assert_int_equal(via_iommu_space_unmap_registers(f->space, GIB, 0x4000, &f->err), -EIO);
	f->fake.unmap_rc = 0;
	assert_int_equal(via_iommu_space_unmap_registers(f->space, GIB, 0x4000, &f->err), 0);
	assert_int_equal(f->fake.map_count, 1);
	assert_int_equal(via_iommu_space_map_registers(f->space, &over, &f->err), 0);
	assert_int_equal(via_iommu_space_unmap_all(f->space, &f->err), 0);
	assert_int_equal(f->fake.map_count, 0);
}

/* A BAR that is not decoded now can be later. */
static void registers_that_fail_once_are_tried_again(void **state)
{
	struct via_iommu_mapping bar = piece(GIB, 0x4000);
	struct fixture *f = *state;

	attach(f);
	f->fake.map_fails_at = 0;
	f->fake.map_rc = -EFAULT;
	assert_int_equal(via_iommu_space_map_registers(f->space, &bar, &f->err), -EFAULT);
	assert_int_equal(via_iommu_space_p2p(f->space), VIA_IOMMU_UNKNOWN);
	assert_int_equal(via_iommu_space_map_registers(f->space, &bar, &f->err), 0);
}

static void dirty_tracking_is_what_the_container_says(void **state)
{
	struct vfio_iommu_type1_info_cap_migration migration = { .pgsize_bitmap = 4096 };
	struct fixture *f = *state;

	attach(f);
	assert_false(via_iommu_space_tracks_dirty(f->space));
	fake_info_cap(&f->fake.iommu_info, offsetof(struct vfio_iommu_type1_info, cap_offset),
		      VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION, 1, &migration.flags,
		      sizeof(migration) - sizeof(migration.header));
	assert_int_equal(via_iommu_space_open_device(f->space, vf2, -1, &f->fds[1], &f->err), 0);
	assert_true(via_iommu_space_tracks_dirty(f->space));
}

static void a_function_is_owned_with_its_group(void **state)
{
	struct fixture *f = *state;
	int fd;

	attach(f);
	assert_true(via_iommu_space_owns(f->space, vf1, &fd));
	assert_true(fd >= 0);
	assert_false(via_iommu_space_owns(f->space, vf2, &fd));
	tree_drop(&f->tree, "sys/bus/pci/devices/0000:01:10.2/driver");
	assert_false(via_iommu_space_owns(f->space, vf1, &fd));
}

static void groups_take_nothing_handed_over(void **state)
{
	struct via_iommu_space *other = NULL;
	struct fixture *f = *state;

	assert_int_equal(via_iommu_space_new_with(f->tree.host, VIA_IOMMU_BACKEND_GROUP, 0,
						  fake_vfio_port(&f->fake), &other, &f->err),
			 -EINVAL);
	assert_int_equal(via_iommu_space_open_device(f->space, vf0, 0, &f->fds[0], &f->err),
			 -EINVAL);
	assert_non_null(strstr(f->err.text, "no use to the group backend"));
	assert_int_equal(via_iommu_space_new_with(f->tree.host, VIA_IOMMU_BACKEND_AUTO, -1,
						  fake_vfio_port(&f->fake), &other, &f->err),
			 -EPROTONOSUPPORT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_container_comes_before_its_driver),
		TEST(a_second_group_joins_the_same_driver),
		TEST(a_host_without_vfio_says_what_to_load),
		TEST(a_function_of_another_driver_is_not_opened),
		TEST(failures_of_the_kernel_keep_their_meaning),
		TEST(ranges_are_the_kernels_without_the_reserved),
		TEST(long_answers_are_asked_for_again),
		TEST(hostile_answers_are_refused),
		TEST(a_capability_ends_behind_its_header),
		TEST(an_answer_that_never_fits_ends),
		TEST(memory_is_one_map_a_piece),
		TEST(what_cannot_work_is_refused_before_the_first_map),
		TEST(locked_memory_counts_what_is_locked),
		TEST(an_unlimited_process_is_not_limited),
		TEST(entries_are_counted_down_and_given_back),
		TEST(a_failed_map_takes_the_others_back),
		TEST(a_failed_unmap_is_told_and_tried_again),
		TEST(registers_are_in_the_same_book),
		TEST(registers_that_fail_once_are_tried_again),
		TEST(dirty_tracking_is_what_the_container_says),
		TEST(a_function_is_owned_with_its_group),
		TEST(groups_take_nothing_handed_over),
		TEST(a_group_leaves_with_its_last_function),
		TEST(a_group_does_not_stay_for_a_function_that_did_not_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
