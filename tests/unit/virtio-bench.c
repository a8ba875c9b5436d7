/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "virtio-bench.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Like assert(), but never compiled out. */
#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);  \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static int set_wire(struct vbench_kvm *kernel, const struct kvm_irqfd *wanted)
{
	struct pollfd waiting = { .fd = (int)wanted->fd, .events = POLLIN };
	bool routed = false;

	for (size_t i = 0; i < kernel->wire_count; i++) {
		struct kvm_irqfd *wire = &kernel->wires[i];

		if (wire->fd != wanted->fd)
			continue;
		MUST(wanted->flags & KVM_IRQFD_FLAG_DEASSIGN && wire->gsi == wanted->gsi);
		*wire = kernel->wires[--kernel->wire_count];
		return 0;
	}
	for (size_t i = 0; i < kernel->route_count; i++)
		routed |= kernel->routes[i].gsi == wanted->gsi;
	MUST(!(wanted->flags & KVM_IRQFD_FLAG_DEASSIGN) && routed &&
	     kernel->wire_count < VBENCH_WIRES_MAX);
	kernel->wires[kernel->wire_count++] = *wanted;
	kernel->delivered += poll(&waiting, 1, 0) > 0;
	return 0;
}

static int set_routes(struct vbench_kvm *kernel, const struct kvm_irq_routing *table)
{
	MUST(table->nr <= VBENCH_ROUTES_MAX);
	memcpy(kernel->routes, table->entries, table->nr * sizeof(*table->entries));
	kernel->route_count = table->nr;
	return 0;
}

static int set_bell(struct vbench_kvm *kernel, const struct kvm_ioeventfd *wanted)
{
	MUST(!(wanted->flags & ~(uint32_t)KVM_IOEVENTFD_FLAG_DEASSIGN));
	MUST(wanted->len == (kernel->any_length ? 0 : 2));
	for (size_t i = 0; i < kernel->bell_count; i++) {
		struct kvm_ioeventfd *bell = &kernel->bells[i];

		if (bell->addr != wanted->addr)
			continue;
		MUST(wanted->flags & KVM_IOEVENTFD_FLAG_DEASSIGN && bell->fd == wanted->fd);
		*bell = kernel->bells[--kernel->bell_count];
		return 0;
	}
	MUST(!(wanted->flags & KVM_IOEVENTFD_FLAG_DEASSIGN) &&
	     kernel->bell_count < VBENCH_BELLS_MAX);
	if (kernel->refuses_bells)
		return kernel->refuses_bells;
	kernel->bells[kernel->bell_count++] = *wanted;
	return 0;
}

static int call(void *data, int fd, unsigned long request, void *argument)
{
	struct vbench_kvm *kernel = data;

	(void)fd;
	switch (request) {
	case KVM_CHECK_EXTENSION:
		switch ((long)argument) {
		case KVM_CAP_IRQ_ROUTING:
			return VBENCH_ROUTES_MAX;
		case KVM_CAP_IOEVENTFD_ANY_LENGTH:
			return kernel->any_length;
		default:
			return 0;
		}
	case KVM_SET_GSI_ROUTING:
		return set_routes(kernel, argument);
	case KVM_IRQFD:
		return set_wire(kernel, argument);
	case KVM_IOEVENTFD:
		return set_bell(kernel, argument);
	default:
		fprintf(stderr, "an ioctl that is none of virtio: 0x%lx\n", request);
		abort();
	}
}

static int start(void *device, uint64_t features, struct via_error *err)
{
	struct vbench *bench = device;

	MUST(!bench->started && !bench->freed);
	if (bench->start_fails)
		return via_error_set(err, -bench->start_fails, "it does not want to");
	bench->started = true;
	bench->stopped = 0;
	bench->starts++;
	bench->features = features;
	return 0;
}

static void stop(void *device)
{
	struct vbench *bench = device;

	MUST(bench->started);
	/* What could still kick it is gone by now. */
	MUST(!bench->kernel.bell_count);
	bench->started = false;
}

/* The transport has it neither enabled nor listened to while it is stopped. */
static void queue_stop(void *device, unsigned int index)
{
	struct vbench *bench = device;

	MUST(bench->started && index < VBENCH_QUEUES && !(bench->stopped & 1U << index));
	MUST(!via_virtio_queue(bench->virtio, index));
	for (size_t i = 0; i < bench->kernel.bell_count; i++)
		MUST(bench->kernel.bells[i].fd != via_virtio_kick_fd(bench->virtio, index));
	bench->stopped |= 1U << index;
}

static int queue_start(void *device, unsigned int index)
{
	struct vbench *bench = device;

	MUST(bench->started && index < VBENCH_QUEUES);
	MUST(via_virtio_queue(bench->virtio, index));
	bench->stopped &= ~(1U << index);
	return bench->start_fails;
}

static void config_read(void *device, size_t offset, void *data, size_t size_bytes)
{
	struct vbench *bench = device;

	MUST(offset < VBENCH_CONFIG_BYTES && size_bytes <= VBENCH_CONFIG_BYTES - offset);
	memcpy(data, bench->config + offset, size_bytes);
}

static void config_write(void *device, size_t offset, const void *data, size_t size_bytes)
{
	struct vbench *bench = device;

	MUST(offset < VBENCH_CONFIG_BYTES && size_bytes <= VBENCH_CONFIG_BYTES - offset);
	memcpy(bench->config + offset, data, size_bytes);
}

static void end(void *device)
{
	struct vbench *bench = device;

	MUST(!bench->started && !bench->freed);
	bench->freed = true;
}

static const struct via_virtio_kind kind = {
	.name = "bench",
	.id = 0x29,
	.pci_class = 0x028000,
	.config_bytes = VBENCH_CONFIG_BYTES,
	.start = start,
	.stop = stop,
	.queue_stop = queue_stop,
	.queue_start = queue_start,
	.config_read = config_read,
	.config_write = config_write,
	.free = end,
};

/* Chains promise what they say, whatever the driver does meanwhile. */
static uint32_t answer(struct vbench *bench)
{
	const uint8_t *ram = bench->memory.pieces[0].hva;
	uint64_t bytes[2] = { 0 };
	unsigned int count = (unsigned int)bench->chain.out_count + bench->chain.in_count;

	MUST(bench->chain.head < VBENCH_QUEUE_SIZE && count <= VIA_VIRTQ_SIZE_MAX);
	for (unsigned int i = 0; i < count; i++) {
		const struct iovec *segment = &bench->chain.segments[i];
		const uint8_t *at = segment->iov_base;
		bool in = i >= bench->chain.out_count;

		MUST(segment->iov_len && at >= ram && at < ram + VBENCH_RAM_BYTES);
		MUST(segment->iov_len <= (size_t)(ram + VBENCH_RAM_BYTES - at));
		bytes[in] += segment->iov_len;
		if (in)
			memset(segment->iov_base, 0x5a, segment->iov_len);
	}
	MUST(bytes[0] == bench->chain.out_bytes && bytes[1] == bench->chain.in_bytes);
	return (uint32_t)bytes[1];
}

static void serve(struct vbench *bench, unsigned int index)
{
	struct via_virtq *queue = via_virtio_queue(bench->virtio, index);
	int rc = 0;

	if (!queue || queue->broken)
		return;
	/* A guest that offers requests as fast as they are served must not hold us up. */
	for (unsigned int i = 0; i < VBENCH_QUEUE_SIZE; i++) {
		rc = via_virtq_pop(queue, &bench->chain);
		if (rc <= 0)
			break;
		via_virtq_push(queue, bench->chain.head, answer(bench));
		bench->requests++;
	}
	if (via_virtq_publish(queue))
		via_virtio_interrupt(bench->virtio, index);
	if (rc < 0)
		via_virtio_break(bench->virtio, "%s", queue->broken);
	else
		via_virtq_arm(queue);
}

void vbench_serve(struct vbench *bench)
{
	for (unsigned int i = 0; bench->started && i < VBENCH_QUEUES; i++)
		serve(bench, i);
}

static void heard(void *data, enum via_log_level level, const char *message)
{
	struct vbench *bench = data;
	size_t used = strlen(bench->log);

	(void)level;
	snprintf(bench->log + used, sizeof(bench->log) - used, "%s\n", message);
}

void vbench_init(struct vbench *bench)
{
	const struct via_host_options options = { .log = heard, .log_data = bench };
	struct via_error err;

	*bench = (struct vbench){ .kernel.any_length = 1 };
	MUST(!via_host_new(&options, &bench->host, &err));
	bench->kvm = (struct via_kvm){
		.fd = -1, .vm_fd = -1, .vfio_fd = -1, .call = call, .data = &bench->kernel
	};
	bench->memory = (struct via_memory){
		.kvm = &bench->kvm,
		.memfd = -1,
		.pieces[0] = { .size_bytes = VBENCH_RAM_BYTES,
			       .hva = aligned_alloc(4096, VBENCH_RAM_BYTES) },
		.piece_count = 1,
	};
	MUST(bench->memory.pieces[0].hva);
	memset(bench->memory.pieces[0].hva, 0, VBENCH_RAM_BYTES);
	bench->lock.mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	MUST(!via_irq_new(&bench->kvm, &bench->irq, &err));
	via_pci_host_init(&bench->pci, (struct via_range){ 1ULL << 34, (1ULL << 35) - 1 });
	bench->machine = (struct via_virtio_machine){
		.host = bench->host,
		.lock = &bench->lock,
		.irq = bench->irq,
		.memory = &bench->memory,
		.mmio = &bench->mmio,
		.pci = &bench->pci,
		.cpus = 1,
	};
}

void vbench_add(struct vbench *bench)
{
	const struct via_virtio_description description = {
		.kind = &kind,
		.device = bench,
		.name = "bench0",
		.features = VBENCH_FEATURES,
		.queue_count = VBENCH_QUEUES,
		.queue_size = VBENCH_QUEUE_SIZE,
	};
	struct via_error err;

	MUST(!via_virtio_new(&bench->machine, &description, &bench->virtio, &err));
}

void vbench_fini(struct vbench *bench)
{
	via_virtio_free(bench->virtio);
	MUST(!bench->virtio || bench->freed || bench->start_fails);
	MUST(!bench->kernel.bell_count && !bench->kernel.wire_count);
	MUST(!bench->mmio.count);
	via_bus_clear(&bench->mmio);
	via_irq_free(bench->irq);
	free(bench->memory.pieces[0].hva);
	via_host_free(bench->host);
}

bool vbench_signalled(int eventfd)
{
	uint64_t count;

	return read(eventfd, &count, sizeof(count)) == sizeof(count);
}

static void access_config(struct vbench *bench, struct via_bus_access *access)
{
	access->offset += (uint64_t)via_virtio_devfn(bench->virtio) * PCI_CONFIG_BYTES;
	bench->pci.ecam.access(bench->pci.ecam.owner, access);
}

uint32_t vbench_config_read(struct vbench *bench, uint64_t offset, unsigned int size_bytes)
{
	struct via_bus_access access = { offset, UINT64_MAX, size_bytes, false };

	access_config(bench, &access);
	return (uint32_t)access.value & UINT32_MAX >> (32 - size_bytes * 8);
}

void vbench_config_write(struct vbench *bench, uint64_t offset, unsigned int size_bytes,
			 uint32_t value)
{
	struct via_bus_access access = { offset, value, size_bytes, true };

	access_config(bench, &access);
}

uint64_t vbench_bar(struct vbench *bench)
{
	uint64_t bar = vbench_config_read(bench, PCI_BASE_ADDRESS_0, 4);

	return (bar | (uint64_t)vbench_config_read(bench, PCI_BASE_ADDRESS_1, 4) << 32) & ~15ULL;
}

uint64_t vbench_read(struct vbench *bench, uint64_t offset, unsigned int size_bytes)
{
	uint64_t value = 0;

	via_bus_access(&bench->mmio, vbench_bar(bench) + offset, &value, size_bytes, false);
	return value;
}

void vbench_write(struct vbench *bench, uint64_t offset, unsigned int size_bytes, uint64_t value)
{
	via_bus_access(&bench->mmio, vbench_bar(bench) + offset, &value, size_bytes, true);
}
