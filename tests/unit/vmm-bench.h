/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TESTS_UNIT_VMM_BENCH_H
#define VIADUCT_TESTS_UNIT_VMM_BENCH_H

#include <stddef.h>
#include <stdint.h>

#include "lock.h"
#include "loop.h"
#include "passthrough/passthrough.h"
#include "vmm-function.h"

#define BENCH_DEVFN 8
#define BENCH_RW    (VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE)
#define BENCH_MMAP  (BENCH_RW | VFIO_REGION_INFO_FLAG_MMAP)

/* A passed-through function in a machine without KVM: no memory slots, no interrupts. */
struct bench {
	struct vmm_function vf;
	struct via_kvm kvm;
	struct via_memory memory;
	struct via_irq *irq;
	struct via_bus mmio, pio;
	struct via_pci_host pci;
	struct via_loop loop;
	struct via_machine_lock lock;
	bool peers;	 /* other functions are there */
	const char *rom; /* as in struct via_vmm_device */
	struct via_passthrough *function;
	struct via_error err;
};

/* A cmocka fixture: the machine, but no function yet. */
int bench_setup(void **state);
int bench_teardown(void **state);

/** bench_give_slots() - let the machine have memory slots, which nobody runs in. */
void bench_give_slots(struct bench *f);

/** bench_try() - open what is in @f->vf; in place of the function before. */
int bench_try(struct bench *f);

/** bench_add() - the same; fails the test if it does not work. */
void bench_add(struct bench *f);

/** bench_add_trapping() - with regions that trap, so that no memory slot is needed. */
void bench_add_trapping(struct bench *f);

/** bench_refused() - fail the test unless it is refused with @rc and these words. */
void bench_refused(struct bench *f, int rc, const char *why);

/** bench_region() - say of what size a region is, and where in the device's file. */
void bench_region(struct bench *f, uint32_t index, uint64_t offset, uint64_t size_bytes,
		  uint32_t flags);

/* As the guest would. */
uint32_t bench_config_read(struct bench *f, size_t offset, unsigned int size_bytes);
void bench_config_write(struct bench *f, size_t offset, unsigned int size_bytes, uint32_t value);
uint64_t bench_bus_read(struct via_bus *bus, uint64_t address, unsigned int size_bytes);
void bench_bus_write(struct via_bus *bus, uint64_t address, unsigned int size_bytes,
		     uint64_t value);

/** bench_bar() - where the function says this BAR is. */
uint64_t bench_bar(struct bench *f, unsigned int index);

#endif
