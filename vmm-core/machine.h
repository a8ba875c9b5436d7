/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_MACHINE_H
#define VIA_VMM_MACHINE_H

#include <stdatomic.h>
#include <stdbool.h>

#include <viaduct/vmm/vmm.h>

#include "boot/boot.h"
#include "bus.h"
#include "device-events.h"
#include "irq.h"
#include "kvm.h"
#include "lock.h"
#include "loop.h"
#include "memory.h"
#include "passthrough/passthrough.h"
#include "passthrough/reset.h"
#include "pci/host.h"
#include "serial.h"
#include "vcpu.h"
#include "virtio/devices.h"
#include "virtio/virtio.h"

/* The guest, whole: struct via_vmm of the public header. */
struct via_vmm {
	struct via_host *host;
	struct via_machine_lock lock;
	struct via_loop loop;
	struct via_kvm kvm;
	struct via_memory memory;
	struct via_irq *irq;
	struct via_bus pio, mmio;
	struct via_pci_host pci;
	struct via_serial serial;
	struct via_bus_range sleep_ports, reset_port;

	struct via_iommu_space *space; /* NULL without devices */
	struct via_passthrough **devices;
	size_t device_count;
	struct via_reset_domain *reset_domains;
	struct via_device_events events;
	struct via_virtio **virtio;
	size_t virtio_count;
	bool quiet; /* devices are quiesced and their memory unmapped */

	struct via_boot boot;
	struct via_boot_entry entry;
	struct via_vcpu *vcpus;
	unsigned int cpu_count;

	enum via_vmm_on_reset on_reset;
	uint64_t reboots;
	struct via_vmm_counts kept; /* KVM's, of the vCPUs before the last reboot */
	atomic_bool told_of_triple_fault;

	/* When set vCPUs leave their loops; end_fd wakes the main thread. */
	atomic_bool stopping;
	atomic_int end; /* enum via_vmm_end, or one of the below */
	int end_fd;
	struct via_loop_watch end_watch;
	struct via_error failure; /* of the first vCPU that failed */

	struct watch_node *watches;
	uint64_t phase_ns[VIA_VMM_PHASES];
};

enum { MACHINE_RUNS = -1, MACHINE_FAILED = -2, MACHINE_REBOOTS = -3 };

/** via_machine_check_devices() - neither too many nor one twice. Return: 0 or -EINVAL. */
int via_machine_check_devices(const struct via_vmm_device *devices, size_t count,
			      struct via_error *err);

/**
 * via_machine_request_end() - end the guest; the first reason counts, and any more than a reset
 * that is under way. Async-signal-safe.
 */
void via_machine_request_end(struct via_vmm *vmm, int end);

/** via_machine_request_reset() - the guest asks for a reset: it reboots, or ends. */
void via_machine_request_reset(struct via_vmm *vmm);

/** via_machine_init_cpus() - the vCPUs, in a VM that has none. Return: 0 or -errno. */
int via_machine_init_cpus(struct via_vmm *vmm, struct kvm_cpuid2 *cpuid, struct via_error *err);

/** via_machine_load() - kernel, tables and the first vCPU's registers. Return: 0 or -errno. */
int via_machine_load(struct via_vmm *vmm, struct via_error *err);

/**
 * via_machine_reboot() - put the machine back to its start. No vCPU thread runs.
 *
 * Return: 0; or -errno: the machine can only be ended.
 */
int via_machine_reboot(struct via_vmm *vmm, struct via_error *err);

/** via_machine_keep_stats() - before vCPUs are closed. Return: 0, or why they cannot be read. */
int via_machine_keep_stats(struct via_vmm *vmm);

/** via_machine_fail() - end the guest because a processor cannot go on. */
void via_machine_fail(struct via_vmm *vmm, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
