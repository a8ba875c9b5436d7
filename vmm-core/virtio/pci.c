/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <linux/kvm.h>
#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include <viaduct/util/cleanup.h>

#include "transport.h"

/*
 * Virtio over PCI (virtio 1.2, 4.1), without anything from before 1.0.
 *
 * It has no interrupt pin: a level-triggered line shared with others would cost each handler of it
 * an exit to read the ISR status, and every driver of a modern device takes MSI-X.
 */
#define VENDOR	       0x1af4 /* 4.1.2 */
#define DEVICE_ID_BASE 0x1040
#define REVISION       1

/* 4.1.4.9: registers for who cannot map the BAR. */
static void access_window(struct via_virtio *virtio, bool write)
{
	const struct via_pci_endpoint *endpoint = &virtio->endpoint;
	uint64_t at = virtio->window_at, data = at + sizeof(struct virtio_pci_cap);
	struct via_bus_access access = {
		.offset = via_pci_endpoint_get(endpoint, at + VIRTIO_PCI_CAP_OFFSET, 4),
		.value = write ? via_pci_endpoint_get(endpoint, data, 4) : UINT64_MAX,
		.write = write,
	};
	uint32_t size_bytes = via_pci_endpoint_get(endpoint, at + VIRTIO_PCI_CAP_LENGTH, 4);

	if (via_pci_endpoint_get(endpoint, at + VIRTIO_PCI_CAP_BAR, 1) ||
	    (size_bytes != 1 && size_bytes != 2 && size_bytes != 4) || access.offset % size_bytes ||
	    access.offset >= VIRTIO_BAR_BYTES)
		return;
	access.size_bytes = size_bytes;
	via_virtio_registers_access(virtio, &access);
	if (!write)
		via_pci_endpoint_set(&virtio->endpoint, data, size_bytes, (uint32_t)access.value);
}

static bool touches(uint64_t offset, unsigned int size_bytes, uint64_t first, uint64_t bytes)
{
	return offset < first + bytes && first < offset + size_bytes;
}

static bool touches_window(const struct via_virtio *virtio, uint64_t offset,
			   unsigned int size_bytes)
{
	return touches(offset, size_bytes, virtio->window_at + sizeof(struct virtio_pci_cap), 4);
}

static void config_read(void *owner, uint64_t offset, unsigned int size_bytes)
{
	struct via_virtio *virtio = owner;

	if (touches_window(virtio, offset, size_bytes))
		access_window(virtio, false);
}

/*
 * A system that hands over to another (kexec) takes bus mastering away, and the new one does not
 * know of buffers the old one left with the device.
 */
static void follow_mastering(struct via_virtio *virtio)
{
	bool mastered =
		via_pci_endpoint_get(&virtio->endpoint, PCI_COMMAND, 2) & PCI_COMMAND_MASTER;

	if (virtio->mastered && !mastered && virtio->started) {
		via_virtio_halt(virtio);
		atomic_fetch_and(&virtio->status, (uint8_t)~VIRTIO_CONFIG_S_DRIVER_OK);
	}
	virtio->mastered = mastered;
}

static void config_written(void *owner, uint64_t offset, unsigned int size_bytes)
{
	struct via_virtio *virtio = owner;

	if (touches(offset, size_bytes, PCI_COMMAND, 2))
		follow_mastering(virtio);
	if (touches(offset, size_bytes, virtio->msix_at + PCI_MSIX_FLAGS, 2))
		via_msix_table_update(&virtio->msix, 0, virtio->msix.count);
	if (touches_window(virtio, offset, size_bytes))
		access_window(virtio, true);
}

static int set_ioeventfd(struct via_virtio *virtio, unsigned int index, uint64_t base,
			 uint32_t flags)
{
	/* Whatever is written there: each queue has an address of its own. */
	struct kvm_ioeventfd ioeventfd = {
		.addr = base + VIRTIO_NOTIFY + (uint64_t)index * VIRTIO_NOTIFY_BYTES,
		.len = virtio->notify_bytes,
		.fd = virtio->queues[index].kick_fd,
		.flags = flags,
	};

	return via_kvm_vm_ioctl(virtio->machine.memory->kvm, KVM_IOEVENTFD, &ioeventfd);
}

static void listen_at(struct via_virtio *virtio, uint64_t base, bool listen)
{
	for (unsigned int i = 0; i < virtio->description.queue_count; i++) {
		struct via_virtio_queue *queue = &virtio->queues[i];
		bool wanted = listen && queue->enabled;
		int rc;

		if (queue->direct == wanted)
			continue;
		rc = set_ioeventfd(virtio, i, base, wanted ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN);
		queue->direct = wanted && !rc;
		if (rc && wanted)
			via_virtio_complain(virtio,
					    "KVM does not take notifications of queue %u: %s", i,
					    strerror(-rc));
	}
}

/* Only while the device runs: KVM takes milliseconds to forget an eventfd. */
void via_virtio_pci_listen(struct via_virtio *virtio, bool listen)
{
	if (virtio->endpoint.mapped)
		listen_at(virtio, virtio->endpoint.bar.base, listen);
}

static void moved(void *owner, bool mapped, uint64_t base)
{
	struct via_virtio *virtio = owner;

	if (virtio->started)
		listen_at(virtio, base, mapped);
}

void via_virtio_pci_unwire(struct via_virtio *virtio, unsigned int wire)
{
	struct via_msix_wire *unused = &virtio->msix.wires[wire];

	via_vector_unroute(virtio->msix.irq, &unused->vector);
	via_virtio_drain(unused->vector.eventfd);
	unused->entry = MSIX_NO_ENTRY;
}

void via_virtio_pci_forget(struct via_virtio *virtio)
{
	for (uint16_t i = 0; i < virtio->msix.wire_count; i++)
		via_virtio_pci_unwire(virtio, i);
}

static void complain_of_vector(void *owner, uint32_t entry, const char *what, const char *why)
{
	via_virtio_complain(owner, "MSI-X vector %u cannot be %s: %s", entry, what, why);
}

static struct virtio_pci_cap structure(uint8_t type, uint8_t cap_bytes, uint32_t offset,
				       uint32_t size_bytes)
{
	return (struct virtio_pci_cap){
		.cap_vndr = PCI_CAP_ID_VNDR,
		.cap_len = cap_bytes,
		.cfg_type = type,
		.offset = offset,
		.length = size_bytes,
	};
}

static void add_capabilities(struct via_virtio *virtio)
{
	const struct via_virtio_description *description = &virtio->description;
	struct via_pci_endpoint *endpoint = &virtio->endpoint;
	const uint8_t cap_bytes = sizeof(struct virtio_pci_cap);
	const struct virtio_pci_cap common = structure(VIRTIO_PCI_CAP_COMMON_CFG, cap_bytes,
						       VIRTIO_COMMON, VIRTIO_COMMON_BYTES),
				    isr = structure(VIRTIO_PCI_CAP_ISR_CFG, cap_bytes, VIRTIO_ISR,
						    1),
				    device = structure(VIRTIO_PCI_CAP_DEVICE_CFG, cap_bytes,
						       VIRTIO_CONFIG,
						       (uint32_t)description->kind->config_bytes);
	const struct virtio_pci_notify_cap notify = {
		.cap = structure(VIRTIO_PCI_CAP_NOTIFY_CFG, sizeof(notify), VIRTIO_NOTIFY,
				 description->queue_count * VIRTIO_NOTIFY_BYTES),
		.notify_off_multiplier = VIRTIO_NOTIFY_BYTES,
	};
	const struct virtio_pci_cfg_cap window = {
		.cap = structure(VIRTIO_PCI_CAP_PCI_CFG, sizeof(window), 0, 0),
	};
	const struct virtio_pci_cfg_cap window_writable = {
		.cap = { .bar = 0xff, .offset = UINT32_MAX, .length = UINT32_MAX },
		.pci_cfg_data = { 0xff, 0xff, 0xff, 0xff },
	};
	const uint16_t last = (uint16_t)(virtio->msix.count - 1);
	const uint8_t msix[PCI_CAP_MSIX_SIZEOF] = {
		PCI_CAP_ID_MSIX,
		0,
		(uint8_t)last,
		(uint8_t)(last >> 8),
		[PCI_MSIX_TABLE + 1] = VIRTIO_TABLE >> 8,
		[PCI_MSIX_PBA + 1] = VIRTIO_PBA >> 8,
	};
	const uint8_t msix_writable[PCI_CAP_MSIX_SIZEOF] = {
		[PCI_MSIX_FLAGS + 1] = (PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL) >> 8,
	};

	virtio->msix_at = via_pci_endpoint_add(endpoint, msix, msix_writable, sizeof(msix));
	via_pci_endpoint_add(endpoint, &common, NULL, sizeof(common));
	via_pci_endpoint_add(endpoint, &notify, NULL, sizeof(notify));
	via_pci_endpoint_add(endpoint, &isr, NULL, sizeof(isr));
	if (description->kind->config_bytes)
		via_pci_endpoint_add(endpoint, &device, NULL, sizeof(device));
	virtio->window_at =
		via_pci_endpoint_add(endpoint, &window, &window_writable, sizeof(window));
	virtio->msix.control = &endpoint->value[virtio->msix_at + PCI_MSIX_FLAGS + 1];
}

static int new_eventfd(int *fd)
{
	*fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return *fd < 0 ? -errno : 0;
}

static int open_queues(struct via_virtio *virtio, struct via_error *err)
{
	unsigned int count = virtio->description.queue_count;
	int rc = 0;

	virtio->queues = calloc(count, sizeof(*virtio->queues));
	for (unsigned int i = 0; virtio->queues && i < count; i++)
		virtio->queues[i].kick_fd = -1;
	if (!virtio->queues || via_msix_table_init(&virtio->msix))
		return via_error_sys(err, ENOMEM, "cannot describe its queues");
	for (unsigned int i = 0; !rc && i < count; i++)
		rc = new_eventfd(&virtio->queues[i].kick_fd);
	for (unsigned int i = 0; !rc && i < virtio->msix.wire_count; i++)
		rc = new_eventfd(&virtio->msix.wires[i].vector.eventfd);
	return rc ? via_error_set(err, -rc, "cannot open its eventfds: %s", via_vector_reason(rc))
		  : 0;
}

static int init(struct via_virtio *virtio, struct via_error *err)
{
	static const struct via_pci_endpoint_owner endpoint_ops = {
		.registers = via_virtio_registers_access,
		.config_read = config_read,
		.config_written = config_written,
		.moved = moved,
	};
	static const struct via_msix_owner msix_ops = { .complain = complain_of_vector };
	const struct via_virtio_description *description = &virtio->description;
	const struct via_pci_endpoint_identity identity = {
		.vendor = VENDOR,
		.device = (uint16_t)(DEVICE_ID_BASE + description->kind->id),
		.subsystem_vendor = VENDOR,
		.subsystem = (uint16_t)(DEVICE_ID_BASE + description->kind->id),
		.revision = REVISION,
		.class = description->kind->pci_class,
	};
	const uint16_t vectors = (uint16_t)(description->queue_count + 1);
	int rc;

	virtio->msix = (struct via_msix_table){
		.irq = virtio->machine.irq,
		.ops = &msix_ops,
		.owner = virtio,
		.count = vectors,
		.wire_count = vectors,
	};
	virtio->features = description->features | 1ULL << VIRTIO_F_VERSION_1 |
			   1ULL << VIRTIO_RING_F_INDIRECT_DESC | 1ULL << VIRTIO_RING_F_EVENT_IDX |
			   (description->kind->queue_stop ? 1ULL << VIRTIO_F_RING_RESET : 0);
	virtio->notify_bytes =
		via_kvm_capability(virtio->machine.memory->kvm, KVM_CAP_IOEVENTFD_ANY_LENGTH) > 0
			? 0
			: sizeof(uint16_t);
	rc = open_queues(virtio, err);
	if (!rc)
		rc = via_pci_endpoint_init(&virtio->endpoint, virtio->machine.pci,
					   virtio->machine.mmio, &identity, VIRTIO_BAR_BYTES,
					   &endpoint_ops, virtio, err);
	if (rc)
		return rc;
	add_capabilities(virtio);
	via_virtio_forget(virtio);
	via_pci_endpoint_show(&virtio->endpoint);
	return 0;
}

static void release(struct via_virtio *virtio)
{
	via_pci_endpoint_hide(&virtio->endpoint);
	for (unsigned int i = 0; virtio->queues && i < virtio->description.queue_count; i++)
		via_close(&virtio->queues[i].kick_fd);
	via_msix_table_free(&virtio->msix);
	free(virtio->queues);
	free(virtio);
}

int via_virtio_new(const struct via_virtio_machine *machine,
		   const struct via_virtio_description *description, struct via_virtio **virtio_out,
		   struct via_error *err)
{
	struct via_virtio *virtio = calloc(1, sizeof(*virtio));
	struct via_error why;
	int rc;

	if (!virtio)
		return via_error_sys(err, ENOMEM, "cannot describe %s", description->name);
	virtio->machine = *machine;
	virtio->description = *description;
	rc = init(virtio, &why);
	if (rc) {
		via_error_set(err, -rc, "%s cannot be given to a guest: %s", description->name,
			      why.text);
		release(virtio);
		return rc;
	}
	*virtio_out = virtio;
	return 0;
}

void via_virtio_stop(struct via_virtio *virtio)
{
	via_virtio_halt(virtio);
}

void via_virtio_reset(struct via_virtio *virtio)
{
	via_virtio_forget(virtio);
	via_pci_endpoint_reset(&virtio->endpoint);
	via_msix_table_reset(&virtio->msix);
	virtio->mastered = false;
}

void via_virtio_free(struct via_virtio *virtio)
{
	if (!virtio)
		return;
	via_virtio_halt(virtio);
	virtio->description.kind->free(virtio->description.device);
	release(virtio);
}

uint8_t via_virtio_devfn(const struct via_virtio *virtio)
{
	return virtio->endpoint.devfn;
}

void via_virtio_stats(struct via_virtio *virtio, struct via_vmm_virtio_stats *stats)
{
	const struct via_virtio_description *description = &virtio->description;

	*stats = (struct via_vmm_virtio_stats){
		.guest_devfn = virtio->endpoint.devfn,
		.queues = description->queue_count,
		.interrupts = atomic_load_explicit(&virtio->interrupts, memory_order_relaxed),
		.config_reads = virtio->endpoint.function.reads,
		.config_writes = virtio->endpoint.function.writes,
		.register_reads = virtio->endpoint.bar.reads,
		.register_writes = virtio->endpoint.bar.writes,
	};
	memcpy(stats->name, description->name, sizeof(stats->name));
	if (description->kind->stats)
		description->kind->stats(description->device, stats);
}
