/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backend.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <viaduct/iommu/memlock.h>
#include <viaduct/util/cleanup.h>

struct via_iommu_entry {
	struct via_range iova;
	bool registers; /* of a device; else guest memory */
};

struct via_iommu_space {
	enum via_iommu_backend kind;
	struct via_host *host;
	struct via_ioctl_port port;
	const struct via_iommu_backend_ops *ops;
	void *backend;
	struct via_iommu_attach attach;
	bool attached; /* a device was opened, so geometry is known */
	struct via_iommu_geometry geometry;
	struct via_range_set reserved;	/* of all groups attached so far */
	struct via_iommu_entry *mapped; /* IOVA as it was mapped: type1 v2 splits no mapping */
	size_t mapped_count;
	enum via_iommu_answer p2p;
	struct via_iommu_space_stats stats;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

const char *via_iommu_backend_name(enum via_iommu_backend backend)
{
	switch (backend) {
	case VIA_IOMMU_BACKEND_AUTO:
		return "auto";
	case VIA_IOMMU_BACKEND_GROUP:
		return "group";
	case VIA_IOMMU_BACKEND_IOMMUFD:
		return "iommufd";
	}
	return "unknown";
}

int via_iommu_backend_ops(enum via_iommu_backend backend, const struct via_iommu_backend_ops **ops,
			  struct via_error *err)
{
	switch (backend) {
	case VIA_IOMMU_BACKEND_GROUP:
		*ops = &via_iommu_type1_ops;
		return 0;
#ifdef VIA_HAVE_IOMMUFD
	case VIA_IOMMU_BACKEND_IOMMUFD:
		*ops = &via_iommu_iommufd_ops;
		return 0;
#else
	case VIA_IOMMU_BACKEND_IOMMUFD:
		return via_error_set(err, EPROTONOSUPPORT,
				     "this build of Viaduct has no iommufd: the kernel headers it "
				     "was built with were older than Linux 6.7");
#endif
	default:
		return via_error_set(err, EPROTONOSUPPORT, "no such IOMMU backend: %d",
				     (int)backend);
	}
}

int via_iommu_space_new_with(struct via_host *host, enum via_iommu_backend backend, int iommufd,
			     struct via_ioctl_port port, struct via_iommu_space **out,
			     struct via_error *err)
{
	const struct via_iommu_backend_ops *ops = NULL;
	struct via_iommu_space *space;
	int rc = via_iommu_backend_ops(backend, &ops, err);

	if (rc)
		return rc;
	space = calloc(1, sizeof(*space));
	if (!space)
		return via_error_sys(err, ENOMEM, "cannot make an address space");
	space->host = host;
	space->port = port;
	space->kind = backend;
	space->ops = ops;
	space->geometry.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	rc = space->ops->open(host, &space->port, iommufd, &space->backend, err);
	if (rc) {
		free(space);
		return rc;
	}
	*out = space;
	return 0;
}

int via_iommu_space_new(struct via_host *host, enum via_iommu_backend backend, int iommufd,
			struct via_iommu_space **space, struct via_error *err)
{
	return via_iommu_space_new_with(host, backend, iommufd, (struct via_ioctl_port){ 0 }, space,
					err);
}

void via_iommu_space_free(struct via_iommu_space *space)
{
	struct via_error err;

	if (!space)
		return;
	if (via_iommu_space_unmap_all(space, &err))
		via_host_log(space->host, VIA_LOG_WARNING, "%s", err.text);
	space->ops->close(space->backend);
	via_range_set_clear(&space->geometry.iova);
	via_range_set_clear(&space->reserved);
	free(space->mapped);
	free(space);
}

/* Ask again what can be mapped: every group that joins can narrow it. */
static int geometry_load(struct via_iommu_space *space, struct via_error *err)
{
	struct via_iommu_geometry geometry = { 0 };
	uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	int rc = space->ops->query(space->backend, &geometry, err);

	if (rc)
		return rc;
	for (size_t i = 0; i < space->reserved.count; i++) {
		rc = via_range_set_remove(&geometry.iova, space->reserved.ranges[i]);
		if (rc) {
			via_range_set_clear(&geometry.iova);
			return via_error_sys(err, -rc, "cannot hold the IOVA ranges");
		}
	}
	if (geometry.page_bytes < page_bytes)
		geometry.page_bytes = page_bytes;
	via_range_set_clear(&space->geometry.iova);
	space->geometry = geometry;
	return 0;
}

int via_iommu_space_open_device(struct via_iommu_space *space, struct via_bdf bdf, int given_fd,
				int *device_fd, struct via_error *err)
{
	via_cleanup(via_iommu_group_clear) struct via_iommu_group group = { 0 };
	int rc = via_iommu_group_load(space->host, bdf, &group, err), fd = -1;

	if (rc)
		return rc;
	rc = via_iommu_group_check_bound(&group, bdf, err);
	if (rc)
		return rc;
	rc = space->ops->open_device(space->backend, &group, bdf, given_fd, &space->attach, &fd,
				     err);
	if (rc)
		return rc;
	for (size_t i = 0; !rc && i < group.reserved.count; i++)
		if (via_range_set_add(&space->reserved, group.reserved.ranges[i]))
			rc = via_error_sys(err, ENOMEM, "cannot hold the reserved regions");
	if (!rc)
		rc = geometry_load(space, err);
	if (rc) {
		via_iommu_space_close_device(space, &fd);
		return rc;
	}
	space->attached = true;
	*device_fd = fd;
	return 0;
}

enum via_iommu_backend via_iommu_space_backend(const struct via_iommu_space *space)
{
	return space->kind;
}

bool via_iommu_space_owns(struct via_iommu_space *space, struct via_bdf bdf, int *group_fd)
{
	via_cleanup(via_iommu_group_clear) struct via_iommu_group group = { 0 };

	*group_fd = -1;
	if (via_iommu_group_load(space->host, bdf, &group, NULL))
		return false;
	for (size_t i = 0; i < group.member_count; i++)
		if (via_bdf_equal(group.members[i].bdf, bdf) &&
		    !via_iommu_driver_is_vfio(group.members[i].driver))
			return false;
	if (space->ops->group_fd)
		*group_fd = space->ops->group_fd(space->backend, group.id);
	return !space->ops->group_fd || *group_fd >= 0;
}

enum via_iommu_answer via_iommu_space_p2p(const struct via_iommu_space *space)
{
	return space->p2p;
}

bool via_iommu_space_tracks_dirty(const struct via_iommu_space *space)
{
	return space->attached && space->geometry.dirty_tracking;
}

void via_iommu_space_close_device(struct via_iommu_space *space, int *device_fd)
{
	if (*device_fd < 0 ||
	    space->ops->close_device(space->backend, &space->attach, via_steal_fd(device_fd)))
		return;
	space->attached = false;
	space->mapped_count = 0;
	via_range_set_clear(&space->reserved);
	via_range_set_clear(&space->geometry.iova);
	space->geometry.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
}

void via_iommu_space_on_attach(struct via_iommu_space *space, via_iommu_attach_fn attached,
			       via_iommu_detach_fn detached, void *data)
{
	space->attach = (struct via_iommu_attach){
		.attached = attached,
		.detached = detached,
		.data = data,
	};
}

const struct via_range_set *via_iommu_space_iova(const struct via_iommu_space *space)
{
	return &space->geometry.iova;
}

/* The part of @piece that cannot be mapped begins before, in or behind the IOVA ranges. */
static int out_of_range(const struct via_range_set *iova, const char *what, struct via_range piece,
			struct via_error *err)
{
	struct via_range hole = { 0, UINT64_MAX };

	for (size_t i = 0; i < iova->count; i++) {
		struct via_range usable = iova->ranges[i];

		if (usable.last < piece.first) {
			hole.first = usable.last + 1;
		} else if (usable.first <= piece.first) {
			piece.first = usable.last + 1;
			hole.first = piece.first;
		} else {
			hole.last = usable.first - 1;
			break;
		}
	}
	return via_error_set(err, ERANGE,
			     "devices cannot reach %s at 0x%" PRIx64 ": the IOMMU does "
			     "not translate 0x%" PRIx64 " to 0x%" PRIx64,
			     what, piece.first, hole.first, hole.last);
}

static int piece_check(const struct via_iommu_space *space, const char *what,
		       const struct via_iommu_mapping *piece, struct via_range_set *taken,
		       uint64_t *total_bytes, struct via_error *err)
{
	uint64_t page_bytes = space->geometry.page_bytes;
	struct via_range range;

	if (via_range_make(piece->iova, piece->size_bytes, &range) ||
	    (uintptr_t)piece->hva > UINTPTR_MAX - (piece->size_bytes - 1))
		return via_error_set(err, EINVAL,
				     "%s at 0x%" PRIx64 " of 0x%" PRIx64
				     " bytes is empty or wraps around",
				     what, piece->iova, piece->size_bytes);
	if ((piece->iova | piece->size_bytes | (uintptr_t)piece->hva) & (page_bytes - 1))
		return via_error_set(err, EINVAL,
				     "%s at 0x%" PRIx64 " of 0x%" PRIx64
				     " bytes is not aligned to the %" PRIu64 " bytes of a page",
				     what, piece->iova, piece->size_bytes, page_bytes);
	if (via_range_set_overlap(taken, range))
		return via_error_set(err, EINVAL,
				     "%s at 0x%" PRIx64 " of 0x%" PRIx64 " bytes is mapped twice",
				     what, piece->iova, piece->size_bytes);
	if (space->attached && !via_range_set_contains(&space->geometry.iova, range))
		return out_of_range(&space->geometry.iova, what, range, err);
	if (via_range_set_add(taken, range))
		return via_error_sys(err, ENOMEM, "cannot map %s", what);
	/* Pieces do not overlap, so only all 2^64 bytes overflow the sum. */
	if (__builtin_add_overflow(*total_bytes, piece->size_bytes, total_bytes))
		return via_error_set(err, EINVAL, "%s is larger than the address space", what);
	return 0;
}

static int pieces_check(struct via_iommu_space *space, const char *what,
			const struct via_iommu_mapping *pieces, size_t count, uint64_t *total_bytes,
			struct via_error *err)
{
	via_cleanup(via_range_set_clear) struct via_range_set taken = { 0 };

	for (size_t i = 0; i < space->mapped_count; i++)
		if (via_range_set_add(&taken, space->mapped[i].iova))
			return via_error_sys(err, ENOMEM, "cannot map %s", what);
	for (size_t i = 0; i < count; i++) {
		int rc = piece_check(space, what, &pieces[i], &taken, total_bytes, err);

		if (rc)
			return rc;
	}
	if (space->attached && count > space->geometry.entries_left)
		return via_error_set(err, ENOSPC,
				     "%s needs %zu DMA mappings and the kernel has %" PRIu64
				     " left: raise vfio_iommu_type1.dma_entry_limit",
				     what, count, space->geometry.entries_left);
	return 0;
}

static int map_failed(struct via_iommu_space *space, const struct via_iommu_mapping *piece,
		      int errnum, struct via_error *err)
{
	if (errnum == ENOMEM) {
		struct via_iommu_memlock memlock = via_iommu_memlock_read(space->host);
		int rc = via_iommu_memlock_check(&memlock, piece->size_bytes, err);

		if (rc)
			return rc;
		if (space->kind == VIA_IOMMU_BACKEND_IOMMUFD && !memlock.unlimited)
			return via_error_set(err, ENOMEM,
					     "guest memory of %" PRIu64 " bytes cannot be pinned: "
					     "iommufd counts what all processes of this user pin "
					     "against the limit of %" PRIu64
					     " bytes; raise it with "
					     "ulimit -l or grant CAP_IPC_LOCK",
					     piece->size_bytes, memlock.limit_bytes);
	}
	return via_error_sys(err, errnum,
			     "cannot map guest memory of 0x%" PRIx64 " bytes at 0x%" PRIx64
			     " for devices",
			     piece->size_bytes, piece->iova);
}

static void entries_take(struct via_iommu_space *space, int64_t count)
{
	if (space->geometry.entries_left != UINT64_MAX)
		space->geometry.entries_left -= (uint64_t)count;
}

/* Room in the book for @count more. */
static int book_grow(struct via_iommu_space *space, size_t count)
{
	struct via_iommu_entry *mapped;

	if (!count)
		return 0;
	mapped = reallocarray(space->mapped, space->mapped_count + count, sizeof(*mapped));
	if (!mapped)
		return -ENOMEM;
	space->mapped = mapped;
	return 0;
}

static int piece_map(struct via_iommu_space *space, const struct via_iommu_mapping *piece,
		     bool registers)
{
	uint64_t start_ns = now_ns();
	int rc = space->ops->map(space->backend, piece->iova, piece->hva, piece->size_bytes,
				 VIA_IOMMU_READ | VIA_IOMMU_WRITE);

	space->stats.map_calls++;
	space->stats.map_ns += now_ns() - start_ns;
	if (rc)
		return rc;
	space->stats.map_bytes += piece->size_bytes;
	entries_take(space, 1);
	space->mapped[space->mapped_count++] = (struct via_iommu_entry){
		.iova = { piece->iova, piece->iova + (piece->size_bytes - 1) },
		.registers = registers,
	};
	return 0;
}

static int entry_unmap(struct via_iommu_space *space, const struct via_iommu_entry *entry,
		       struct via_error *err)
{
	struct via_range iova = entry->iova;
	uint64_t start_ns = now_ns();
	int rc = space->ops->unmap(space->backend, iova.first, iova.last - iova.first + 1);

	space->stats.unmap_calls++;
	space->stats.unmap_ns += now_ns() - start_ns;
	if (rc)
		return via_error_sys(err, -rc, "cannot unmap %s at 0x%" PRIx64 " from devices",
				     entry->registers ? "device registers" : "guest memory",
				     iova.first);
	entries_take(space, -1);
	return 0;
}

/* Unmaps what was mapped from number @first on; what refuses stays in the book. */
static int unmap_from(struct via_iommu_space *space, size_t first, struct via_error *err)
{
	size_t kept = first;
	int result = 0;

	for (size_t i = first; i < space->mapped_count; i++) {
		int rc = entry_unmap(space, &space->mapped[i], result ? NULL : err);

		result = result ? result : rc;
		if (rc)
			space->mapped[kept++] = space->mapped[i];
	}
	space->mapped_count = kept;
	return result;
}

int via_iommu_space_check_memory(struct via_iommu_space *space,
				 const struct via_iommu_mapping *pieces, size_t count,
				 struct via_error *err)
{
	struct via_iommu_memlock memlock;
	uint64_t total_bytes = 0;
	int rc = pieces_check(space, "guest memory", pieces, count, &total_bytes, err);

	if (rc)
		return rc;
	memlock = via_iommu_memlock_read(space->host);
	return via_iommu_memlock_check(&memlock, total_bytes, err);
}

int via_iommu_space_predict_memory(struct via_host *host, enum via_iommu_backend backend,
				   const struct via_iommu_geometry *geometry,
				   const struct via_iommu_mapping *pieces, size_t count,
				   struct via_error *err)
{
	struct via_iommu_space space = {
		.kind = backend,
		.host = host,
		.attached = true,
		.geometry = *geometry,
	};
	uint64_t total_bytes = 0;

	return pieces_check(&space, "guest memory", pieces, count, &total_bytes, err);
}

int via_iommu_space_map_memory(struct via_iommu_space *space,
			       const struct via_iommu_mapping *pieces, size_t count,
			       struct via_error *err)
{
	size_t before = space->mapped_count;
	int rc;

	if (!space->attached)
		return via_error_set(err, EINVAL,
				     "no device is attached yet, so nothing can be mapped for one");
	rc = via_iommu_space_check_memory(space, pieces, count, err);
	if (rc)
		return rc;
	if (book_grow(space, count))
		return via_error_sys(err, ENOMEM, "cannot map guest memory");

	for (size_t i = 0; i < count; i++) {
		rc = piece_map(space, &pieces[i], false);
		if (rc) {
			rc = map_failed(space, &pieces[i], -rc, err);
			unmap_from(space, before, NULL);
			return rc;
		}
	}
	return 0;
}

int via_iommu_space_map_registers(struct via_iommu_space *space,
				  const struct via_iommu_mapping *piece, struct via_error *err)
{
	uint64_t total_bytes = 0;
	int rc;

	if (!space->attached)
		return via_error_set(err, EINVAL,
				     "no device is attached yet, so nothing can be mapped for one");
	rc = pieces_check(space, "device registers", piece, 1, &total_bytes, err);
	if (rc)
		return rc;
	if (book_grow(space, 1))
		return via_error_sys(err, ENOMEM, "cannot map device registers");
	if (space->p2p != VIA_IOMMU_NO) {
		rc = piece_map(space, piece, true);
		if (!rc)
			space->p2p = VIA_IOMMU_YES;
		else if (space->p2p == VIA_IOMMU_UNKNOWN && space->ops->maps_memory_only &&
			 rc != -ENOMEM)
			space->p2p = VIA_IOMMU_NO;
	}
	if (space->p2p == VIA_IOMMU_NO)
		return via_error_set(err, EOPNOTSUPP,
				     "%s of this kernel maps memory only, so devices cannot reach "
				     "each other's registers",
				     via_iommu_backend_name(space->kind));
	return rc ? via_error_sys(err, -rc,
				  "cannot map device registers of 0x%" PRIx64 " bytes at 0x%" PRIx64
				  " for devices",
				  piece->size_bytes, piece->iova)
		  : 0;
}

int via_iommu_space_unmap_registers(struct via_iommu_space *space, uint64_t iova,
				    uint64_t size_bytes, struct via_error *err)
{
	for (size_t i = 0; i < space->mapped_count; i++) {
		struct via_iommu_entry *entry = &space->mapped[i];
		int rc;

		if (!entry->registers || entry->iova.first != iova ||
		    entry->iova.last - iova + 1 != size_bytes)
			continue;
		rc = entry_unmap(space, entry, err);
		if (!rc)
			*entry = space->mapped[--space->mapped_count];
		return rc;
	}
	return via_error_set(err, ENOENT, "no device registers are mapped at 0x%" PRIx64, iova);
}

int via_iommu_space_unmap_all(struct via_iommu_space *space, struct via_error *err)
{
	return unmap_from(space, 0, err);
}

struct via_iommu_space_stats via_iommu_space_stats(const struct via_iommu_space *space)
{
	struct via_iommu_space_stats stats = space->stats;

	stats.ioctls = space->port.calls;
	return stats;
}
