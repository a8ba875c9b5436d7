/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TESTS_UNIT_VIRTIO_BENCH_H
#define VIADUCT_TESTS_UNIT_VIRTIO_BENCH_H

#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>

#include "virtio/virtio.h"

/*
 * A virtio device in a machine without KVM, which is played: it remembers what is wired, routed
 * and listened to, and aborts when that makes no sense. The device answers each request by filling
 * what it may write with 5Ah, when it is asked to, in the caller's thread.
 */
#define VBENCH_RAM_BYTES    0x100000U
#define VBENCH_QUEUES	    3U
#define VBENCH_QUEUE_SIZE   16U
#define VBENCH_CONFIG_BYTES 12U
#define VBENCH_FEATURES	    (1ULL << 5 | 1ULL << 23)

#define VBENCH_WIRES_MAX  64U
#define VBENCH_ROUTES_MAX 128U
#define VBENCH_BELLS_MAX  16U

struct vbench_kvm {
	struct kvm_irqfd wires[VBENCH_WIRES_MAX];
	size_t wire_count;
	unsigned int delivered; /* what waited in an eventfd when it was wired */
	struct kvm_irq_routing_entry routes[VBENCH_ROUTES_MAX];
	size_t route_count;
	struct kvm_ioeventfd bells[VBENCH_BELLS_MAX];
	size_t bell_count;
	int any_length;	   /* what it says of KVM_CAP_IOEVENTFD_ANY_LENGTH */
	int refuses_bells; /* -errno */
};

struct vbench {
	struct via_host *host;
	char log[512]; /* what was said */
	struct vbench_kvm kernel;
	struct via_kvm kvm;
	struct via_memory memory;
	struct via_irq *irq;
	struct via_bus mmio;
	struct via_pci_host pci;
	struct via_machine_lock lock;
	struct via_virtio_machine machine;
	struct via_virtio *virtio;

	/* The device. */
	bool started, freed;
	unsigned int starts;
	uint32_t stopped; /* queues, a bit each */
	uint64_t features;
	int start_fails; /* -errno */
	uint8_t config[VBENCH_CONFIG_BYTES];
	struct via_virtq_chain chain;
	unsigned int requests;
};

/** vbench_init() - the machine; vbench_add() - with the device, too. */
void vbench_init(struct vbench *bench);
void vbench_add(struct vbench *bench);
/** vbench_fini() - frees the device, and aborts when anything of it is left in KVM. */
void vbench_fini(struct vbench *bench);

/** vbench_serve() - answer requests of all queues that are there, until none is. */
void vbench_serve(struct vbench *bench);

/** vbench_signalled() - whether an eventfd was, and take that back. */
bool vbench_signalled(int eventfd);

/* As the guest would. */
uint32_t vbench_config_read(struct vbench *bench, uint64_t offset, unsigned int size_bytes);
void vbench_config_write(struct vbench *bench, uint64_t offset, unsigned int size_bytes,
			 uint32_t value);
uint64_t vbench_read(struct vbench *bench, uint64_t offset, unsigned int size_bytes);
void vbench_write(struct vbench *bench, uint64_t offset, unsigned int size_bytes, uint64_t value);
/** vbench_bar() - where it says its BAR is. */
uint64_t vbench_bar(struct vbench *bench);

#endif
