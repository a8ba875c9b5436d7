/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "machine.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>

#include "acpi/tables.h"
#include "cpuid.h"
#include "layout.h"

/* ACPI 6.5, 4.8.3.7 and table 4.16 */
#define SLEEP_ENABLE	 (1U << 5)
#define SLEEP_TYPE_SHIFT 2

struct watch_node {
	struct via_loop_watch watch;
	struct watch_node *next;
};

static void reached(struct via_vmm *vmm, enum via_vmm_phase phase)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	vmm->phase_ns[phase] = (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

static void wake_main(struct via_vmm *vmm)
{
	uint64_t one = 1;

	atomic_store_explicit(&vmm->stopping, true, memory_order_release);
	if (write(vmm->end_fd, &one, sizeof(one)) < 0)
		return; /* the counter cannot overflow at 1 */
}

static bool set_end(struct via_vmm *vmm, int end)
{
	int now = atomic_load(&vmm->end);

	while (now == MACHINE_RUNS || now == MACHINE_REBOOTS)
		if (atomic_compare_exchange_weak(&vmm->end, &now, end))
			return true;
	return false;
}

void via_machine_request_end(struct via_vmm *vmm, int end)
{
	if (set_end(vmm, end))
		wake_main(vmm);
}

void via_machine_request_reset(struct via_vmm *vmm)
{
	via_machine_request_end(vmm, vmm->on_reset == VIA_VMM_ON_RESET_END ? VIA_VMM_END_RESET
									   : MACHINE_REBOOTS);
}

void via_machine_fail(struct via_vmm *vmm, const char *fmt, ...)
{
	va_list args;

	/* Whoever is first writes the sentence; it is read after all threads were joined. */
	if (!set_end(vmm, MACHINE_FAILED))
		return;
	va_start(args, fmt);
	vsnprintf(vmm->failure.text, sizeof(vmm->failure.text), fmt, args);
	va_end(args);
	wake_main(vmm);
}

void via_vmm_stop(struct via_vmm *vmm)
{
	via_machine_request_end(vmm, VIA_VMM_END_STOPPED);
}

static void access_sleep(void *owner, struct via_bus_access *access)
{
	const uint64_t off = SLEEP_ENABLE | LAYOUT_SLEEP_TYPE_OFF << SLEEP_TYPE_SHIFT;

	if (!access->write)
		access->value = 0; /* no wake event, ever */
	else if (!access->offset && (access->value & 0xff) == off)
		via_machine_request_end(owner, VIA_VMM_END_POWER_OFF);
}

static void access_reset(void *owner, struct via_bus_access *access)
{
	if (!access->write)
		access->value = 0;
	else if (access->value & 0x04) /* a PC's reset control register: reset the processor */
		via_machine_request_reset(owner);
}

int via_machine_check_devices(const struct via_vmm_device *devices, size_t count,
			      struct via_error *err)
{
	if (count > VIA_VMM_DEVICES_MAX)
		return via_error_set(err, EINVAL, "a guest has at most %d devices, not %zu",
				     VIA_VMM_DEVICES_MAX, count);
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < i; j++)
			if (via_bdf_equal(devices[i].bdf, devices[j].bdf))
				return via_error_set(err, EINVAL, "%s is given to the guest twice",
						     via_bdf_text(devices[i].bdf).text);
	return 0;
}

static int check_config(const struct via_vmm_config *config, struct via_error *err)
{
	int rc;

	if (!config->kernel)
		return via_error_set(err, EINVAL, "a guest needs a kernel (--kernel FILE)");
	if (config->cpus < 1 || config->cpus > VIA_VMM_CPUS_MAX)
		return via_error_set(err, EINVAL, "a guest has 1 to %d processors, not %u (--cpus)",
				     VIA_VMM_CPUS_MAX, config->cpus);
	rc = via_machine_check_devices(config->devices, config->device_count, err);
	return rc ? rc : via_virtio_devices_check(config, err);
}

static int init_buses(struct via_vmm *vmm, struct via_error *err)
{
	int rc;

	vmm->sleep_ports = (struct via_bus_range){
		.base = LAYOUT_PORT_SLEEP,
		.size_bytes = 2,
		.access = access_sleep,
		.owner = vmm,
	};
	vmm->reset_port = (struct via_bus_range){
		.base = LAYOUT_PORT_RESET,
		.size_bytes = 1,
		.access = access_reset,
		.owner = vmm,
	};
	rc = via_bus_add(&vmm->pio, &vmm->serial.ports);
	if (!rc)
		rc = via_bus_add(&vmm->pio, &vmm->sleep_ports);
	if (!rc)
		rc = via_bus_add(&vmm->pio, &vmm->reset_port);
	if (!rc)
		rc = via_bus_add(&vmm->mmio, &vmm->pci.ecam);
	if (rc)
		return via_error_sys(err, -rc, "cannot lay out the guest's devices");
	return 0;
}

static int describe_cpus(struct via_vmm *vmm, unsigned int count, struct via_error *err)
{
	int most = via_kvm_capability(&vmm->kvm, KVM_CAP_MAX_VCPUS);

	if (most > 0 && count > (unsigned int)most)
		return via_error_set(err, EINVAL,
				     "this host's KVM runs at most %d processors in a "
				     "guest, not %u (--cpus)",
				     most, count);
	vmm->vcpus = calloc(count, sizeof(*vmm->vcpus));
	if (!vmm->vcpus)
		return via_error_sys(err, ENOMEM, "cannot describe %u processors", count);
	vmm->cpu_count = count;
	for (unsigned int i = 0; i < count; i++)
		vmm->vcpus[i] =
			(struct via_vcpu){ .vmm = vmm, .index = i, .fd = -1, .stats_fd = -1 };
	return 0;
}

int via_machine_init_cpus(struct via_vmm *vmm, struct kvm_cpuid2 *cpuid, struct via_error *err)
{
	int rc = 0;

	for (unsigned int i = 0; !rc && i < vmm->cpu_count; i++)
		rc = via_vcpu_init(&vmm->vcpus[i], cpuid, err);
	return rc;
}

static int open_files(struct via_vmm *vmm, const struct via_vmm_config *config,
		      struct via_error *err)
{
	const struct via_boot_config boot = {
		.kernel = config->kernel,
		.initrd = config->initrd,
		.append = config->append ? config->append : "",
	};

	return via_boot_open(&boot, &vmm->boot, err);
}

static int build_tables(struct via_vmm *vmm, struct via_error *err)
{
	struct via_acpi_config acpi = {
		.cpus = vmm->cpu_count,
		.mmio64 = vmm->pci.windows[VIA_PCI_MMIO64],
	};

	for (size_t i = 0; i < vmm->device_count; i++)
		acpi.slots |= 1U << (vmm->devices[i]->devfn >> 3);
	return via_acpi_build(&acpi, via_memory_at(&vmm->memory, LAYOUT_ACPI, LAYOUT_ACPI_BYTES),
			      LAYOUT_ACPI_BYTES, LAYOUT_ACPI, err);
}

int via_machine_load(struct via_vmm *vmm, struct via_error *err)
{
	int rc = via_boot_load(&vmm->memory, &vmm->boot, &vmm->entry, err);

	if (!rc)
		rc = build_tables(vmm, err);
	if (!rc)
		rc = via_boot_enter(&vmm->memory, &vmm->vcpus[0], &vmm->entry, err);
	return rc;
}

static size_t memory_mappings(const struct via_vmm *vmm,
			      struct via_iommu_mapping mappings[static 2])
{
	for (size_t i = 0; i < vmm->memory.piece_count; i++)
		mappings[i] = (struct via_iommu_mapping){
			.iova = vmm->memory.pieces[i].gpa,
			.hva = vmm->memory.pieces[i].hva,
			.size_bytes = vmm->memory.pieces[i].size_bytes,
		};
	return vmm->memory.piece_count;
}

/* Before the time is spent to allocate it all. */
static int check_memory(struct via_vmm *vmm, struct via_error *err)
{
	struct via_iommu_mapping mappings[2];

	return via_iommu_space_check_memory(vmm->space, mappings, memory_mappings(vmm, mappings),
					    err);
}

static int map_memory(struct via_vmm *vmm, struct via_error *err)
{
	struct via_iommu_mapping mappings[2];

	return via_iommu_space_map_memory(vmm->space, mappings, memory_mappings(vmm, mappings),
					  err);
}

static int group_attached(void *data, int file_fd, struct via_error *err)
{
	struct via_vmm *vmm = data;

	return via_kvm_add_vfio_file(&vmm->kvm, file_fd, err);
}

static void group_detached(void *data, int file_fd)
{
	struct via_vmm *vmm = data;

	via_kvm_remove_vfio_file(&vmm->kvm, file_fd);
}

static int open_space(struct via_vmm *vmm, const struct via_vmm_config *config,
		      struct via_error *err)
{
	struct via_bdf functions[VIA_VMM_DEVICES_MAX];
	enum via_iommu_backend backend = config->backend;

	for (size_t i = 0; i < config->device_count; i++) {
		functions[i] = config->devices[i].bdf;
		/* What is handed over is of use to one backend only. */
		if (backend == VIA_IOMMU_BACKEND_AUTO && config->devices[i].fd >= 0)
			backend = VIA_IOMMU_BACKEND_IOMMUFD;
	}
	if (backend == VIA_IOMMU_BACKEND_AUTO && config->iommufd >= 0)
		backend = VIA_IOMMU_BACKEND_IOMMUFD;
	backend = via_iommu_backend_choose(vmm->host, backend, functions, config->device_count);
	return via_iommu_space_new(vmm->host, backend, config->iommufd, &vmm->space, err);
}

static int add_devices(struct via_vmm *vmm, const struct via_vmm_config *config,
		       struct via_error *err)
{
	struct via_passthrough_machine machine = {
		.vmm = vmm,
		.host = vmm->host,
		.lock = &vmm->lock,
		.loop = &vmm->loop,
		.irq = vmm->irq,
		.memory = &vmm->memory,
		.mmio = &vmm->mmio,
		.pio = &vmm->pio,
		.pci = &vmm->pci,
		.peers = config->device_count > 1,
	};
	struct via_passthrough_place places[VIA_VMM_DEVICES_MAX];
	int rc;

	if (!config->device_count)
		return 0;
	rc = via_passthrough_slots(vmm->host, config->devices, config->device_count, places, err);
	if (rc)
		return rc;
	vmm->devices = calloc(config->device_count, sizeof(struct via_passthrough *));
	if (!vmm->devices)
		return via_error_sys(err, ENOMEM, "cannot describe the guest's devices");
	rc = open_space(vmm, config, err);
	machine.space = vmm->space;
	if (!rc)
		rc = check_memory(vmm, err);
	if (rc)
		return rc;
	rc = via_device_events_init(vmm, config, err);
	if (rc)
		return rc;
	via_iommu_space_on_attach(vmm->space, group_attached, group_detached, vmm);
	for (size_t i = 0; i < config->device_count; i++) {
		rc = via_passthrough_new(&machine, &config->devices[i], places[i], &vmm->devices[i],
					 err);
		if (rc)
			return rc;
		vmm->device_count++;
		rc = via_device_events_watch(vmm, vmm->devices[i], err);
		if (rc)
			return rc;
	}
	rc = via_reset_plan(vmm->devices, vmm->device_count, config->require_reset,
			    &vmm->reset_domains, err);
	if (rc)
		return rc;
	reached(vmm, VIA_VMM_PHASE_DEVICES);
	rc = check_memory(vmm, err);
	if (rc)
		return rc;
	via_memory_back_with_huge_pages(&vmm->memory);
	rc = map_memory(vmm, err);
	if (!rc)
		reached(vmm, VIA_VMM_PHASE_MAPPED);
	return rc;
}

static void end_requested(void *data)
{
	struct via_vmm *vmm = data;
	uint64_t requests;

	/* via_vmm_run() looks at vmm->stopping. */
	if (read(vmm->end_fd, &requests, sizeof(requests)) < 0)
		return;
}

static int init(struct via_vmm *vmm, const struct via_vmm_config *config, struct via_error *err)
{
	via_autofree struct kvm_cpuid2 *cpuid = NULL;
	struct via_range mmio64;
	int rc;

	rc = check_config(config, err);
	if (rc)
		return rc;
	vmm->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vmm->end_fd < 0)
		return via_error_sys(err, errno, "cannot set up the guest's event loop");
	vmm->end_watch =
		(struct via_loop_watch){ .fd = vmm->end_fd, .ready = end_requested, .data = vmm };
	rc = via_loop_init(&vmm->loop);
	if (!rc)
		rc = via_loop_add(&vmm->loop, &vmm->end_watch);
	if (rc)
		return via_error_sys(err, -rc, "cannot set up the guest's event loop");

	rc = via_kvm_open(vmm->host, &vmm->kvm, err);
	if (!rc)
		rc = via_memory_init(&vmm->memory, &vmm->kvm, config->memory_bytes, err);
	if (!rc)
		rc = via_irq_new(&vmm->kvm, &vmm->irq, err);
	if (!rc)
		rc = via_cpuid_new(&vmm->kvm, &cpuid, err);
	if (!rc)
		rc = via_pci_mmio64_window(via_memory_end(&vmm->memory),
					   via_cpuid_physical_bits(cpuid), &mmio64, err);
	if (rc)
		return rc;
	via_pci_host_init(&vmm->pci, mmio64);
	rc = via_serial_init(&vmm->serial, &vmm->loop, &vmm->lock, config->console_in,
			     config->console_out, err);
	if (rc)
		return rc;
	rc = via_irq_attach(vmm->irq, LAYOUT_GSI_SERIAL, vmm->serial.irq_eventfd);
	if (rc)
		return via_error_sys(err, -rc, "KVM refuses the serial port's interrupt");
	rc = init_buses(vmm, err);
	if (!rc)
		rc = describe_cpus(vmm, config->cpus, err);
	if (!rc)
		rc = via_machine_init_cpus(vmm, cpuid, err);
	if (rc)
		return rc;
	reached(vmm, VIA_VMM_PHASE_KVM);
	rc = open_files(vmm, config, err);
	if (!rc)
		rc = via_machine_load(vmm, err);
	if (rc)
		return rc;
	reached(vmm, VIA_VMM_PHASE_LOADED);
	if (config->populate && !config->device_count)
		via_memory_back_with_huge_pages(&vmm->memory);
	rc = add_devices(vmm, config, err);
	if (!rc)
		rc = via_virtio_devices_add(vmm, config, err);
	/* Again, now that it is known which slots have devices. */
	return rc ? rc : build_tables(vmm, err);
}

int via_vmm_new(struct via_host *host, const struct via_vmm_config *config,
		struct via_vmm **vmm_out, struct via_error *err)
{
	struct via_vmm *vmm = calloc(1, sizeof(*vmm));
	int rc;

	if (!vmm)
		return via_error_sys(err, ENOMEM, "cannot describe the guest");
	vmm->host = host;
	vmm->on_reset = config->on_reset;
	vmm->boot = (struct via_boot)VIA_BOOT_NONE;
	vmm->lock.mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	vmm->loop.epoll_fd = vmm->end_fd = vmm->kvm.fd = vmm->kvm.vm_fd = -1;
	vmm->kvm.vfio_fd = vmm->memory.memfd = -1;
	vmm->serial.irq_eventfd = vmm->serial.flush_timer.fd = vmm->serial.in.fd = -1;
	vmm->serial.out_own_fd = -1;
	vmm->events.hotplug.irq_eventfd = vmm->events.ejected.fd = vmm->events.timer.fd = -1;
	atomic_store(&vmm->end, MACHINE_RUNS);
	rc = init(vmm, config, err);
	if (rc) {
		via_vmm_free(vmm);
		return rc;
	}
	*vmm_out = vmm;
	return 0;
}

int via_vmm_watch(struct via_vmm *vmm, int fd, void (*ready)(void *data), void *data,
		  struct via_error *err)
{
	struct watch_node *node = calloc(1, sizeof(*node));
	int rc;

	if (!node)
		return via_error_sys(err, ENOMEM, "cannot watch a file descriptor");
	node->watch = (struct via_loop_watch){ .fd = fd, .ready = ready, .data = data };
	rc = via_loop_add(&vmm->loop, &node->watch);
	if (rc) {
		free(node);
		return via_error_sys(err, -rc, "cannot watch a file descriptor");
	}
	node->next = vmm->watches;
	vmm->watches = node;
	return 0;
}

/* In this order: no device may reach memory that is about to be given back. */
static int quiesce(struct via_vmm *vmm, struct via_error *err)
{
	int rc = 0;

	if (vmm->quiet)
		return 0;
	vmm->quiet = true;
	via_virtio_devices_stop(vmm);
	for (size_t i = 0; i < vmm->device_count; i++) {
		int device_rc = via_passthrough_quiesce(vmm->devices[i], rc ? NULL : err);

		rc = rc ? rc : device_rc;
	}
	if (vmm->space) {
		int unmap_rc = via_iommu_space_unmap_all(vmm->space, rc ? NULL : err);

		rc = rc ? rc : unmap_rc;
	}
	return rc;
}

/* Until one of them, or anybody else, has it end or reset. */
static int run_cpus(struct via_vmm *vmm, struct via_error *err)
{
	int rc = 0;

	for (unsigned int i = 0; !rc && i < vmm->cpu_count; i++)
		rc = via_vcpu_start(&vmm->vcpus[i], err);
	while (!rc && !atomic_load_explicit(&vmm->stopping, memory_order_acquire)) {
		rc = via_loop_wait(&vmm->loop);
		if (rc)
			via_error_sys(err, -rc, "the guest's event loop failed");
	}
	if (rc)
		via_vmm_stop(vmm);
	for (unsigned int i = 0; i < vmm->cpu_count; i++)
		via_vcpu_join(&vmm->vcpus[i]);
	return rc;
}

/* Return: whether the guest goes on. */
static bool resume(struct via_vmm *vmm)
{
	int reboots = MACHINE_REBOOTS;

	/* In this order: whoever ends the guest sets both the other way round. */
	atomic_store(&vmm->stopping, false);
	return atomic_compare_exchange_strong(&vmm->end, &reboots, MACHINE_RUNS);
}

int via_vmm_run(struct via_vmm *vmm, enum via_vmm_end *end, struct via_error *err)
{
	struct via_error quiesce_err;
	int rc, quiesce_rc, reason;

	reached(vmm, VIA_VMM_PHASE_RUN);
	do {
		rc = run_cpus(vmm, err);
		if (rc || atomic_load(&vmm->end) != MACHINE_REBOOTS)
			break;
		rc = via_machine_reboot(vmm, err);
	} while (!rc && resume(vmm));
	reached(vmm, VIA_VMM_PHASE_END);
	quiesce_rc = quiesce(vmm, &quiesce_err);
	via_serial_drain(&vmm->serial);
	if (rc)
		return rc;
	reason = atomic_load(&vmm->end);
	if (reason == MACHINE_FAILED)
		return via_error_set(err, EIO, "%s", vmm->failure.text);
	if (quiesce_rc)
		return via_error_set(err, -quiesce_rc, "%s", quiesce_err.text);
	*end = (enum via_vmm_end)reason;
	return 0;
}

void via_vmm_free(struct via_vmm *vmm)
{
	if (!vmm)
		return;
	quiesce(vmm, NULL);
	via_virtio_devices_free(vmm);
	for (size_t i = 0; i < vmm->device_count; i++)
		via_passthrough_free(vmm->devices[i]);
	free(vmm->devices);
	via_reset_forget(vmm->reset_domains);
	via_device_events_close(vmm);
	via_kvm_forget_vfio(&vmm->kvm);
	via_iommu_space_free(vmm->space);
	for (unsigned int i = 0; i < vmm->cpu_count; i++)
		via_vcpu_close(&vmm->vcpus[i]);
	free(vmm->vcpus);
	free(vmm->kept.counts);
	via_boot_close(&vmm->boot);
	via_serial_close(&vmm->serial);
	while (vmm->watches) {
		struct watch_node *node = vmm->watches;

		vmm->watches = node->next;
		free(node);
	}
	via_bus_clear(&vmm->pio);
	via_bus_clear(&vmm->mmio);
	via_irq_free(vmm->irq);
	via_memory_free(&vmm->memory);
	via_kvm_close(&vmm->kvm);
	via_loop_close(&vmm->loop);
	via_close(&vmm->end_fd);
	free(vmm);
}
