/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vmm-bench.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int bench_setup(void **state)
{
	struct bench *f = calloc(1, sizeof(*f));

	vmm_function_init(&f->vf);
	f->kvm.fd = f->kvm.vm_fd = -1;
	f->memory.kvm = &f->kvm;
	via_pci_host_init(&f->pci, (struct via_range){ 1ULL << 34, (1ULL << 35) - 1 });
	f->lock.mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	if (via_loop_init(&f->loop))
		return -1;
	*state = f;
	return via_irq_new(&f->kvm, &f->irq, &f->err);
}

int bench_teardown(void **state)
{
	struct bench *f = *state;

	via_passthrough_free(f->function);
	via_irq_free(f->irq);
	free(f->memory.slot_used);
	via_loop_close(&f->loop);
	via_bus_clear(&f->mmio);
	via_bus_clear(&f->pio);
	vmm_function_fini(&f->vf);
	free(f);
	return 0;
}

int bench_try(struct bench *f)
{
	const struct via_passthrough_machine machine = {
		.host = f->vf.host,
		.irq = f->irq,
		.loop = &f->loop,
		.lock = &f->lock,
		.memory = &f->memory,
		.mmio = &f->mmio,
		.pio = &f->pio,
		.pci = &f->pci,
		.space = f->vf.space,
		.peers = f->peers,
	};

	via_passthrough_free(f->function);
	f->function = NULL;
	via_pci_host_init(&f->pci, f->pci.windows[VIA_PCI_MMIO64]);
	return via_passthrough_wrap(&machine, vmm_function_open(&f->vf), f->rom,
				    (struct via_passthrough_place){ .devfn = BENCH_DEVFN },
				    &f->function, &f->err);
}

void bench_add(struct bench *f)
{
	if (bench_try(f))
		fail_msg("no function: %s", f->err.text);
}

void bench_refused(struct bench *f, int rc, const char *why)
{
	assert_int_equal(bench_try(f), rc);
	if (!strstr(f->err.text, why))
		fail_msg("\"%s\" does not say \"%s\"", f->err.text, why);
	assert_non_null(strstr(f->err.text, "0000:01:10.0 cannot be given to a guest: "));
	assert_null(f->pci.functions[BENCH_DEVFN]);
}

uint32_t bench_config_read(struct bench *f, size_t offset, unsigned int size_bytes)
{
	struct via_bus_access access = { offset, UINT64_MAX, size_bytes, false };

	f->function->function.config(f->function, &access);
	return (uint32_t)access.value & UINT32_MAX >> (32 - size_bytes * 8);
}

void bench_config_write(struct bench *f, size_t offset, unsigned int size_bytes, uint32_t value)
{
	struct via_bus_access access = { offset, value, size_bytes, true };

	f->function->function.config(f->function, &access);
}

uint64_t bench_bar(struct bench *f, unsigned int index)
{
	size_t at = PCI_BASE_ADDRESS_0 + index * 4;
	uint64_t low = bench_config_read(f, at, 4);

	if (low & 1)
		return low & ~3ULL;
	if (low & 4)
		low |= (uint64_t)bench_config_read(f, at + 4, 4) << 32;
	return low & ~15ULL;
}

uint64_t bench_bus_read(struct via_bus *bus, uint64_t address, unsigned int size_bytes)
{
	uint64_t value = 0;

	via_bus_access(bus, address, &value, size_bytes, false);
	return value;
}

void bench_bus_write(struct via_bus *bus, uint64_t address, unsigned int size_bytes, uint64_t value)
{
	via_bus_access(bus, address, &value, size_bytes, true);
}

void bench_region(struct bench *f, uint32_t index, uint64_t offset, uint64_t size_bytes,
		  uint32_t flags)
{
	fake_region(&f->vf.fake, index, offset, size_bytes, flags);
}

void bench_add_trapping(struct bench *f)
{
	vmm_function_put(&f->vf, 0x10, 4, 0x8);
	vmm_function_put(&f->vf, 0x1c, 4, 0x8);
	bench_region(f, 0, 0, 0x4000, BENCH_RW);
	bench_region(f, 3, 0x10000, 0x4000, BENCH_RW);
	bench_add(f);
	assert_int_equal(pwrite(f->vf.fake.device_fd, "registers", 9, 0x100), 9);
	assert_int_equal(pwrite(f->vf.fake.device_fd, "others", 6, 0x13100), 6);
}

/* Whatever the machine asks of KVM is done; it has no capability that is asked for. */
static int accept(void *data, int fd, unsigned long request, void *argument)
{
	(void)data;
	(void)fd;
	(void)request;
	(void)argument;
	return 0;
}

void bench_give_slots(struct bench *f)
{
	f->kvm.call = accept;
	f->memory.slot_count = 32;
	f->memory.slot_used = calloc((size_t)f->memory.slot_count, 1);
	assert_non_null(f->memory.slot_used);
}
