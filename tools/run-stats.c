/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run-stats.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>

#include "newfile.h"
#include "output.h"

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *hex(uint64_t value)
{
	return json_sprintf("0x%llx", (unsigned long long)value);
}

static json_t *counts_json(const struct via_vmm_counts *counts)
{
	json_t *object = json_object();

	for (size_t i = 0; i < counts->count; i++)
		json_object_set_new(object, counts->counts[i].name,
				    number(counts->counts[i].value));
	return object;
}

static json_t *phases_json(const struct via_vmm_stats *stats, uint64_t begin_ns)
{
	static const char *const names[VIA_VMM_PHASES] = {
		[VIA_VMM_PHASE_KVM] = "kvm",	     [VIA_VMM_PHASE_LOADED] = "loaded",
		[VIA_VMM_PHASE_DEVICES] = "devices", [VIA_VMM_PHASE_MAPPED] = "mapped",
		[VIA_VMM_PHASE_RUN] = "run",	     [VIA_VMM_PHASE_END] = "end",
	};
	json_t *object = json_object();

	for (size_t i = 0; i < VIA_VMM_PHASES; i++)
		if (stats->phase_ns[i])
			json_object_set_new(object, names[i],
					    number(stats->phase_ns[i] - begin_ns));
	return object;
}

static json_t *dma_json(const struct via_vmm_stats *stats)
{
	json_t *ranges = json_array();

	for (size_t i = 0; i < stats->mapped_count; i++)
		json_array_append_new(ranges,
				      json_pack("{s:o, s:o}", "first", hex(stats->mapped[i].first),
						"last", hex(stats->mapped[i].last)));
	return json_pack(
		"{s:s?, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "backend",
		stats->backend == VIA_IOMMU_BACKEND_AUTO ? NULL
							 : via_iommu_backend_name(stats->backend),
		"p2p",
		stats->p2p == VIA_IOMMU_UNKNOWN ? json_null()
						: json_boolean(stats->p2p == VIA_IOMMU_YES),
		"dirty_tracking", stats->dirty_tracking, "map_calls", number(stats->dma.map_calls),
		"map_bytes", number(stats->dma.map_bytes), "map_ns", number(stats->dma.map_ns),
		"unmap_calls", number(stats->dma.unmap_calls), "unmap_ns",
		number(stats->dma.unmap_ns), "ioctls", number(stats->dma.ioctls), "ranges", ranges);
}

static json_t *device_json(const struct via_vmm_device_stats *device)
{
	json_t *interrupts = json_array(), *msi = json_array();

	for (size_t i = 0; i < device->vector_count; i++)
		json_array_append_new(interrupts, number(device->vector_interrupts[i]));
	for (size_t i = 0; i < device->msi_count; i++)
		json_array_append_new(msi, number(device->msi_interrupts[i]));
	return json_pack(
		"{s:s, s:o, s:o, s:o, s:o, s:o, s:{s:o, s:o, s:o, s:o},"
		" s:{s:o, s:o, s:o, s:o, s:o, s:o, s:o}}",
		"device", via_bdf_text(device->bdf).text, "guest",
		json_sprintf("0000:00:%02x.%x", device->guest_devfn >> 3, device->guest_devfn & 7),
		"interrupts", interrupts, "msi_interrupts", msi, "intx_interrupts",
		number(device->intx_interrupts), "vectors_enabled", number(device->vectors_enabled),
		"exits", "config_reads", number(device->config_reads), "config_writes",
		number(device->config_writes), "region_reads", number(device->region_reads),
		"region_writes", number(device->region_writes), "vfio", "info",
		number(device->vfio.info), "set_irqs", number(device->vfio.set_irqs), "resets",
		number(device->vfio.resets), "config_reads", number(device->vfio.config_reads),
		"config_writes", number(device->vfio.config_writes), "region_reads",
		number(device->vfio.region_reads), "region_writes",
		number(device->vfio.region_writes));
}

static json_t *virtio_json(const struct via_vmm_virtio_stats *device)
{
	return json_pack(
		"{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:{s:o, s:o, s:o, s:o}}", "device",
		device->name, "backend", device->backend, "guest",
		json_sprintf("0000:00:%02x.%x", device->guest_devfn >> 3, device->guest_devfn & 7),
		"queues", number(device->queues), "kicks", number(device->kicks), "interrupts",
		number(device->interrupts), "requests", number(device->requests), "bytes",
		number(device->bytes), "cpu_ns", number(device->cpu_ns), "exits", "config_reads",
		number(device->config_reads), "config_writes", number(device->config_writes),
		"register_reads", number(device->register_reads), "register_writes",
		number(device->register_writes));
}

/* Anonymous memory of this process, which guest RAM, a memfd, is not part of. */
static uint64_t private_bytes(void)
{
	via_autofclose FILE *file = fopen("/proc/self/status", "re");
	unsigned long long kib = 0;
	char line[128];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "RssAnon: %llu kB", &kib) == 1)
			break;
	return kib << 10;
}

static json_t *stats_json(const struct via_vmm_stats *stats, uint64_t begin_ns, const char *end)
{
	json_t *devices = json_array(), *virtio = json_array();

	for (size_t i = 0; i < stats->device_count; i++)
		json_array_append_new(devices, device_json(&stats->devices[i]));
	for (size_t i = 0; i < stats->virtio_count; i++)
		json_array_append_new(virtio, virtio_json(&stats->virtio[i]));
	return json_pack("{s:i, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:{s:o, s:o}}",
			 "version", 1, "end", end, "reboots", number(stats->reboots), "phases_ns",
			 phases_json(stats, begin_ns), "exits", counts_json(&stats->exits),
			 "user_exits", counts_json(&stats->user_exits), "accesses",
			 counts_json(&stats->accesses), "ioctls", counts_json(&stats->ioctls),
			 "dma", dma_json(stats), "devices", devices, "virtio", virtio, "memory",
			 "guest_bytes", number(stats->memory_bytes), "private_bytes",
			 number(private_bytes()));
}

/*
 * Whether a process that gives up its privileges can no longer make a file beside @path, or put it
 * there: root has the rights of its user ID only, another user hardly any.
 */
static bool will_lose(const char *path, bool becomes_user, struct via_error *err, int *rc)
{
	const char *slash = strrchr(path, '/');
	via_autofree char *directory =
		slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	struct stat status;

	*rc = 0;
	if (geteuid())
		return false;
	if (becomes_user)
		return true;
	if (!directory) {
		*rc = via_error_sys(err, ENOMEM, "cannot write %s", path);
		return false;
	}
	if (!stat(path, &status) && status.st_uid)
		return true;
	return !stat(directory, &status) && (status.st_uid || !(status.st_mode & S_IWUSR));
}

int via_run_stats_open(struct via_run_stats *stats, bool becomes_user, struct via_error *err)
{
	int rc;

	if (!stats->path)
		return 0;
	if (will_lose(stats->path, becomes_user, err, &rc)) {
		stats->fd = open(stats->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		stats->created = stats->fd >= 0;
		if (stats->fd < 0)
			stats->fd = open(stats->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
		return stats->fd < 0 ? via_error_sys(err, errno, "cannot write %s", stats->path)
				     : 0;
	}
	if (rc)
		return rc;
	return via_newfile_check(stats->path, err);
}

void via_run_stats_close(struct via_run_stats *stats)
{
	if (stats->created && !stats->written)
		unlink(stats->path);
	via_close(&stats->fd);
}

static int write_in_place(const struct via_run_stats *stats, const char *text,
			  struct via_error *err)
{
	int rc;

	/* A pipe can do neither, and needs neither. */
	if (lseek(stats->fd, 0, SEEK_SET) >= 0 && ftruncate(stats->fd, 0))
		return via_error_sys(err, errno, "cannot write %s", stats->path);
	rc = via_newfile_write_all(stats->fd, text, strlen(text));
	return rc ? via_error_sys(err, -rc, "cannot write %s", stats->path) : 0;
}

int via_run_stats_write(struct via_run_stats *stats, struct via_vmm *vmm, const char *end,
			struct via_error *err)
{
	via_autofree char *text = NULL;
	struct via_vmm_stats values;
	json_t *json;
	int rc;

	if (!stats->path)
		return 0;
	rc = via_vmm_stats(vmm, &values, err);
	if (rc)
		return rc;
	json = stats_json(&values, stats->begin_ns, end);
	via_vmm_stats_clear(&values);
	text = via_json_dump(json);
	if (!text)
		return via_error_sys(err, ENOMEM, "cannot write %s", stats->path);
	stats->written = true;
	return stats->fd >= 0 ? write_in_place(stats, text, err)
			      : via_newfile_write(stats->path, text, strlen(text), err);
}
