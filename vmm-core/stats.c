/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>

#include "machine.h"

#define NAME_BYTES_MAX	256U
#define DESCRIPTORS_MAX 4096U
#define DATA_BYTES_MAX	0x100000U

static int count_add(struct via_vmm_counts *counts, const char *name, uint64_t value)
{
	struct via_vmm_count *grown;

	for (size_t i = 0; i < counts->count; i++) {
		if (!strcmp(counts->counts[i].name, name)) {
			counts->counts[i].value += value;
			return 0;
		}
	}
	grown = realloc(counts->counts, (counts->count + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	counts->counts = grown;
	grown[counts->count] = (struct via_vmm_count){ .value = value };
	snprintf(grown[counts->count].name, sizeof(grown->name), "%s", name);
	counts->count++;
	return 0;
}

static int read_at(int fd, uint64_t offset, void *data, size_t size_bytes)
{
	return pread(fd, data, size_bytes, (off_t)offset) == (ssize_t)size_bytes ? 0 : -EIO;
}

/* The binary statistics of a vCPU (Documentation/virt/kvm/api.rst, KVM_GET_STATS_FD). */
static int add_kvm_stats(struct via_vmm_counts *counts, int fd)
{
	via_autofree uint8_t *descriptors = NULL, *data = NULL;
	struct kvm_stats_header header;
	size_t descriptor_bytes, data_bytes = 0;
	int rc = read_at(fd, 0, &header, sizeof(header));

	if (rc)
		return rc;
	if (header.name_size > NAME_BYTES_MAX || header.num_desc > DESCRIPTORS_MAX)
		return -EPROTO;
	descriptor_bytes = sizeof(struct kvm_stats_desc) + header.name_size;
	descriptors = malloc(header.num_desc * descriptor_bytes);
	if (!descriptors)
		return -ENOMEM;
	rc = read_at(fd, header.desc_offset, descriptors, header.num_desc * descriptor_bytes);
	if (rc)
		return rc;
	for (uint32_t i = 0; i < header.num_desc; i++) {
		struct kvm_stats_desc desc;

		memcpy(&desc, descriptors + i * descriptor_bytes, sizeof(desc));
		if (desc.offset + desc.size * sizeof(uint64_t) > data_bytes)
			data_bytes = desc.offset + desc.size * sizeof(uint64_t);
	}
	if (data_bytes > DATA_BYTES_MAX)
		return -EPROTO;
	data = malloc(data_bytes);
	if (!data)
		return -ENOMEM;
	rc = read_at(fd, header.data_offset, data, data_bytes);
	for (uint32_t i = 0; !rc && i < header.num_desc; i++) {
		const uint8_t *at = descriptors + i * descriptor_bytes;
		struct kvm_stats_desc desc;
		char name[NAME_BYTES_MAX + 1] = "";
		uint64_t value;

		memcpy(&desc, at, sizeof(desc));
		memcpy(name, at + sizeof(desc), header.name_size);
		/* Counters of events only: no histograms, no times, no states. */
		if ((desc.flags & KVM_STATS_TYPE_MASK) != KVM_STATS_TYPE_CUMULATIVE ||
		    (desc.flags & KVM_STATS_UNIT_MASK) != KVM_STATS_UNIT_NONE || desc.size != 1)
			continue;
		memcpy(&value, data + desc.offset, sizeof(value));
		rc = count_add(counts, name, value);
	}
	return rc;
}

int via_machine_keep_stats(struct via_vmm *vmm)
{
	int rc = 0;

	for (unsigned int i = 0; !rc && i < vmm->cpu_count; i++)
		if (vmm->vcpus[i].stats_fd >= 0)
			rc = add_kvm_stats(&vmm->kept, vmm->vcpus[i].stats_fd);
	return rc;
}

static int gather_vcpus(struct via_vmm *vmm, struct via_vmm_stats *stats)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < vmm->kept.count; i++)
		rc = count_add(&stats->exits, vmm->kept.counts[i].name, vmm->kept.counts[i].value);
	for (unsigned int i = 0; !rc && i < vmm->cpu_count; i++) {
		struct via_vcpu *vcpu = &vmm->vcpus[i];

		rc = count_add(&stats->ioctls, "KVM_RUN",
			       atomic_load_explicit(&vcpu->runs, memory_order_relaxed));
		for (unsigned int reason = 0; !rc && reason < VCPU_EXIT_REASONS; reason++) {
			const char *name = via_vcpu_exit_name(reason);
			uint64_t value =
				atomic_load_explicit(&vcpu->exits[reason], memory_order_relaxed);

			if (value)
				rc = count_add(&stats->user_exits, name ? name : "other", value);
		}
		/* Without, there are only the exits seen here. */
		if (!rc && vcpu->stats_fd >= 0)
			rc = add_kvm_stats(&stats->exits, vcpu->stats_fd);
	}
	return rc;
}

static int gather_accesses(struct via_vmm *vmm, struct via_vmm_stats *stats)
{
	const struct {
		const char *name;
		const struct via_bus_range *range;
	} devices[] = {
		{ "serial", &vmm->serial.ports },
		{ "sleep", &vmm->sleep_ports },
		{ "reset", &vmm->reset_port },
		{ "pci_config", &vmm->pci.ecam },
		{ "hotplug", &vmm->events.hotplug.ports },
	};
	int rc = 0;

	for (size_t i = 0; !rc && i < sizeof(devices) / sizeof(*devices); i++)
		rc = count_add(&stats->accesses, devices[i].name,
			       devices[i].range->reads + devices[i].range->writes);
	if (!rc)
		rc = count_add(&stats->accesses, "unclaimed_pio", vmm->pio.unclaimed);
	if (!rc)
		rc = count_add(&stats->accesses, "unclaimed_mmio", vmm->mmio.unclaimed);
	return rc;
}

static int gather_devices(struct via_vmm *vmm, struct via_vmm_stats *stats)
{
	if (!vmm->space)
		return 0;
	stats->dma = via_iommu_space_stats(vmm->space);
	/* With the last device went what it could reach. */
	if (!vmm->device_count)
		return 0;
	stats->devices = calloc(vmm->device_count, sizeof(*stats->devices));
	stats->mapped = calloc(vmm->memory.piece_count, sizeof(*stats->mapped));
	if (!stats->devices || !stats->mapped)
		return -ENOMEM;
	for (size_t i = 0; i < vmm->memory.piece_count; i++)
		stats->mapped[stats->mapped_count++] = (struct via_range){
			vmm->memory.pieces[i].gpa,
			vmm->memory.pieces[i].gpa + vmm->memory.pieces[i].size_bytes - 1,
		};
	stats->backend = via_iommu_space_backend(vmm->space);
	stats->p2p = via_iommu_space_p2p(vmm->space);
	stats->dirty_tracking = via_iommu_space_tracks_dirty(vmm->space);
	for (size_t i = 0; i < vmm->device_count; i++) {
		int rc = via_passthrough_stats(vmm->devices[i], &stats->devices[i]);

		if (rc)
			return rc;
		stats->device_count++;
	}
	return 0;
}

static int gather_virtio(struct via_vmm *vmm, struct via_vmm_stats *stats)
{
	if (!vmm->virtio_count)
		return 0;
	stats->virtio = calloc(vmm->virtio_count, sizeof(*stats->virtio));
	if (!stats->virtio)
		return -ENOMEM;
	for (size_t i = 0; i < vmm->virtio_count; i++)
		via_virtio_stats(vmm->virtio[i], &stats->virtio[i]);
	stats->virtio_count = vmm->virtio_count;
	return 0;
}

int via_vmm_stats(struct via_vmm *vmm, struct via_vmm_stats *stats, struct via_error *err)
{
	int rc;

	*stats = (struct via_vmm_stats){ 0 };
	stats->reboots = vmm->reboots;
	memcpy(stats->phase_ns, vmm->phase_ns, sizeof(stats->phase_ns));
	for (size_t i = 0; i < vmm->memory.piece_count; i++)
		stats->memory_bytes += vmm->memory.pieces[i].size_bytes;
	via_lock(&vmm->lock);
	rc = gather_vcpus(vmm, stats);
	for (unsigned int nr = 0; !rc && nr < 256; nr++) {
		uint64_t value = atomic_load_explicit(&vmm->kvm.ioctls[nr], memory_order_relaxed);
		const char *name = via_kvm_ioctl_name(nr);

		if (value)
			rc = count_add(&stats->ioctls, name ? name : "other", value);
	}
	if (!rc)
		rc = gather_accesses(vmm, stats);
	if (!rc)
		rc = gather_devices(vmm, stats);
	if (!rc)
		rc = gather_virtio(vmm, stats);
	via_unlock(&vmm->lock);
	if (rc) {
		via_vmm_stats_clear(stats);
		return via_error_sys(err, -rc, "cannot gather the guest's statistics");
	}
	return 0;
}

void via_vmm_stats_clear(struct via_vmm_stats *stats)
{
	free(stats->exits.counts);
	free(stats->user_exits.counts);
	free(stats->ioctls.counts);
	free(stats->accesses.counts);
	free(stats->mapped);
	for (size_t i = 0; i < stats->device_count; i++)
		free(stats->devices[i].vector_interrupts);
	free(stats->devices);
	free(stats->virtio);
	*stats = (struct via_vmm_stats){ 0 };
}
