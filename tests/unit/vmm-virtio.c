/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "layout.h"
#include "pci/msix.h"
#include "virtio-bench.h"
#include "virtio/rng.h"

/* Offsets in the BAR, as the capabilities tell them. */
static struct {
	uint64_t common, notify, isr, device, table, pba;
	uint32_t multiplier;
	uint8_t msix, window;
} where;

#define ACKNOWLEDGED (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER)
#define AGREED	     (ACKNOWLEDGED | VIRTIO_CONFIG_S_FEATURES_OK)
#define RUNNING	     (AGREED | VIRTIO_CONFIG_S_DRIVER_OK)
#define BROKEN	     VIRTIO_CONFIG_S_NEEDS_RESET
#define VERSION_1    (1ULL << VIRTIO_F_VERSION_1)
#define RING_RESET   (1ULL << VIRTIO_F_RING_RESET)
#define RING	     (1ULL << VIRTIO_RING_F_INDIRECT_DESC | 1ULL << VIRTIO_RING_F_EVENT_IDX)
#define MESSAGE	     0xfee01000U
#define RINGS	     0x10000ULL /* 4 KiB for each queue */
#define DATA	     0x80000ULL

static void find_structures(struct vbench *b)
{
	uint8_t at = (uint8_t)vbench_config_read(b, PCI_CAPABILITY_LIST, 1);

	memset(&where, 0xff, sizeof(where));
	while (at) {
		uint64_t offset = vbench_config_read(b, at + VIRTIO_PCI_CAP_OFFSET, 4);

		if (vbench_config_read(b, at, 1) == PCI_CAP_ID_MSIX) {
			where.msix = at;
			where.table = vbench_config_read(b, at + PCI_MSIX_TABLE, 4);
			where.pba = vbench_config_read(b, at + PCI_MSIX_PBA, 4);
		} else {
			assert_int_equal(vbench_config_read(b, at, 1), PCI_CAP_ID_VNDR);
			switch (vbench_config_read(b, at + VIRTIO_PCI_CAP_CFG_TYPE, 1)) {
			case VIRTIO_PCI_CAP_COMMON_CFG:
				where.common = offset;
				break;
			case VIRTIO_PCI_CAP_NOTIFY_CFG:
				where.notify = offset;
				where.multiplier =
					vbench_config_read(b, at + VIRTIO_PCI_NOTIFY_CAP_MULT, 4);
				break;
			case VIRTIO_PCI_CAP_ISR_CFG:
				where.isr = offset;
				break;
			case VIRTIO_PCI_CAP_DEVICE_CFG:
				where.device = offset;
				assert_int_equal(
					vbench_config_read(b, at + VIRTIO_PCI_CAP_LENGTH, 4),
					VBENCH_CONFIG_BYTES);
				break;
			case VIRTIO_PCI_CAP_PCI_CFG:
				where.window = at;
				break;
			default:
				fail_msg("a structure of an unknown type");
			}
		}
		at = (uint8_t)vbench_config_read(b, at + PCI_CAP_LIST_NEXT, 1);
	}
}

static void decode(struct vbench *b)
{
	vbench_config_write(b, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static int setup(void **state)
{
	struct vbench *b = malloc(sizeof(*b));

	assert_non_null(b);
	vbench_init(b);
	vbench_add(b);
	find_structures(b);
	decode(b);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	vbench_fini(*state);
	free(*state);
	return 0;
}

static uint64_t get(struct vbench *b, uint64_t offset, unsigned int size_bytes)
{
	return vbench_read(b, where.common + offset, size_bytes);
}

static void set(struct vbench *b, uint64_t offset, unsigned int size_bytes, uint64_t value)
{
	vbench_write(b, where.common + offset, size_bytes, value);
}

static uint8_t status(struct vbench *b)
{
	return (uint8_t)get(b, VIRTIO_PCI_COMMON_STATUS, 1);
}

static void set_status(struct vbench *b, unsigned int status)
{
	set(b, VIRTIO_PCI_COMMON_STATUS, 1, status);
}

static void accept(struct vbench *b, uint64_t features)
{
	for (uint32_t i = 0; i < 2; i++) {
		set(b, VIRTIO_PCI_COMMON_GFSELECT, 4, i);
		set(b, VIRTIO_PCI_COMMON_GF, 4, (uint32_t)(features >> i * 32));
	}
}

static void agree(struct vbench *b, uint64_t features)
{
	set_status(b, 0);
	set_status(b, ACKNOWLEDGED);
	accept(b, features);
	set_status(b, AGREED);
}

static void place_queue(struct vbench *b, uint16_t index, uint64_t rings)
{
	set(b, VIRTIO_PCI_COMMON_Q_SELECT, 2, index);
	set(b, VIRTIO_PCI_COMMON_Q_DESCLO, 4, (uint32_t)rings);
	set(b, VIRTIO_PCI_COMMON_Q_DESCHI, 4, rings >> 32);
	set(b, VIRTIO_PCI_COMMON_Q_AVAILLO, 8, rings + 0x400);
	set(b, VIRTIO_PCI_COMMON_Q_USEDLO, 8, rings + 0x800);
	set(b, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
}

static void set_vector(struct vbench *b, uint64_t offset, uint16_t vector)
{
	set(b, offset, 2, vector);
}

/* Queues 0 and 2, each with the vector of one more; the configuration has the first. */
static void run(struct vbench *b)
{
	agree(b, VERSION_1);
	set_vector(b, VIRTIO_PCI_COMMON_MSIX, 0);
	for (uint16_t i = 0; i < VBENCH_QUEUES; i += 2) {
		place_queue(b, i, RINGS + i * 0x1000ULL);
		set_vector(b, VIRTIO_PCI_COMMON_Q_MSIX, (uint16_t)(i + 1));
	}
	set_status(b, RUNNING);
}

static void enable_msix(struct vbench *b)
{
	vbench_config_write(b, where.msix + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
}

static void mask(struct vbench *b, unsigned int vector, bool masked)
{
	uint64_t at = where.table + vector * PCI_MSIX_ENTRY_SIZE;

	vbench_write(b, at, 8, MESSAGE);
	vbench_write(b, at + 8, 4, 0x40 + vector);
	vbench_write(b, at + 12, 4, masked);
}

/* The message that a signal of @eventfd sends; 0: none. */
static uint32_t message(struct vbench *b, int eventfd)
{
	for (size_t i = 0; i < b->kernel.wire_count; i++)
		for (size_t j = 0; j < b->kernel.route_count; j++)
			if ((int)b->kernel.wires[i].fd == eventfd &&
			    b->kernel.routes[j].gsi == b->kernel.wires[i].gsi)
				return b->kernel.routes[j].u.msi.data;
	return 0;
}

static int call_fd(struct vbench *b, unsigned int queue)
{
	return via_virtio_call_fd(b->virtio, queue);
}

static void what_it_looks_like(void **state)
{
	struct vbench *b = *state;

	assert_int_equal(via_virtio_devfn(b->virtio), 1 << 3);
	assert_int_equal(vbench_config_read(b, PCI_VENDOR_ID, 4), 0x10691af4);
	assert_int_equal(vbench_config_read(b, PCI_SUBSYSTEM_VENDOR_ID, 4), 0x10691af4);
	assert_int_equal(vbench_config_read(b, PCI_CLASS_REVISION, 4), 0x02800001);
	assert_int_equal(vbench_config_read(b, PCI_INTERRUPT_PIN, 1), 0);
	assert_int_equal(vbench_config_read(b, PCI_HEADER_TYPE, 1), 0);
	assert_int_equal(vbench_config_read(b, PCI_CFG_SPACE_SIZE, 4), 0);
	assert_int_equal(vbench_config_read(b, where.msix + PCI_MSIX_FLAGS, 2), VBENCH_QUEUES);
	assert_int_equal(where.multiplier, 4);
	assert_int_equal(where.common % 4 | where.device % 4 | where.notify % 2, 0);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_NUMQ, 2), VBENCH_QUEUES);
	for (uint16_t i = 0; i < VBENCH_QUEUES; i++) {
		set(b, VIRTIO_PCI_COMMON_Q_SELECT, 2, i);
		assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_SIZE, 2), VBENCH_QUEUE_SIZE);
		assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_NOFF, 2), i);
		assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_MSIX, 2), VIRTIO_MSI_NO_VECTOR);
		assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
	}
	set(b, VIRTIO_PCI_COMMON_Q_SELECT, 2, VBENCH_QUEUES);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_SIZE, 2), 0);
	/* Read-only. */
	vbench_config_write(b, PCI_VENDOR_ID, 4, 0);
	vbench_config_write(b, where.msix, 2, 0);
	assert_int_equal(vbench_config_read(b, PCI_VENDOR_ID, 4), 0x10691af4);
	assert_int_equal(vbench_config_read(b, where.msix, 1), PCI_CAP_ID_MSIX);
}

static void its_registers_are_where_the_guest_puts_them(void **state)
{
	struct vbench *b = *state;
	uint64_t placed = vbench_bar(b);
	uint64_t count = 0;

	assert_int_equal(placed % 0x4000, 0);
	assert_true(placed >= 1ULL << 34);
	/* How long it is. */
	vbench_config_write(b, PCI_COMMAND, 2, 0);
	assert_int_equal(b->mmio.count, 0);
	vbench_config_write(b, PCI_BASE_ADDRESS_0, 4, UINT32_MAX);
	vbench_config_write(b, PCI_BASE_ADDRESS_1, 4, UINT32_MAX);
	assert_int_equal(vbench_config_read(b, PCI_BASE_ADDRESS_0, 4), 0xffffc004);
	assert_int_equal(vbench_config_read(b, PCI_BASE_ADDRESS_1, 4), UINT32_MAX);
	/* Neither there nor over memory it answers. */
	decode(b);
	assert_int_equal(b->mmio.count, 0);
	vbench_config_write(b, PCI_BASE_ADDRESS_1, 4, 0);
	vbench_config_write(b, PCI_BASE_ADDRESS_0, 4, 0x10000);
	assert_int_equal(b->mmio.count, 0);
	/* The window below 4 GiB is as good. */
	vbench_config_write(b, PCI_BASE_ADDRESS_0, 4, LAYOUT_MMIO32_BASE);
	assert_int_equal(b->mmio.count, 1);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_NUMQ, 2), VBENCH_QUEUES);
	via_bus_access(&b->mmio, placed + VIRTIO_PCI_COMMON_NUMQ, &count, 2, false);
	assert_int_equal(count, 0xffff);
	via_virtio_reset(b->virtio);
	assert_int_equal(vbench_bar(b), placed);
	assert_int_equal(b->mmio.count, 0);
}

static uint64_t offered(struct vbench *b)
{
	uint64_t features = 0;

	for (uint32_t i = 0; i < 2; i++) {
		set(b, VIRTIO_PCI_COMMON_DFSELECT, 4, i);
		features |= get(b, VIRTIO_PCI_COMMON_DF, 4) << i * 32;
	}
	set(b, VIRTIO_PCI_COMMON_DFSELECT, 4, 2);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_DF, 4), 0);
	return features;
}

static void features_are_agreed_on(void **state)
{
	struct vbench *b = *state;

	assert_int_equal(offered(b), VBENCH_FEATURES | VERSION_1 | RING | RING_RESET);
	agree(b, VERSION_1 | 1ULL << 5 | RING);
	assert_int_equal(status(b), AGREED);
	/* Too late. */
	accept(b, VERSION_1);
	set_status(b, RUNNING);
	assert_int_equal(status(b), RUNNING);
	assert_int_equal(b->features, VERSION_1 | 1ULL << 5 | RING);

	agree(b, VERSION_1 | 1ULL << 6); /* not offered */
	assert_int_equal(status(b), ACKNOWLEDGED);
	agree(b, 1ULL << 5); /* a driver from before 1.0 */
	assert_int_equal(status(b), ACKNOWLEDGED);
	set_status(b, 0);
	accept(b, VERSION_1);
	set(b, VIRTIO_PCI_COMMON_GFSELECT, 4, 2);
	set(b, VIRTIO_PCI_COMMON_GF, 4, 1);
	set_status(b, AGREED);
	assert_int_equal(status(b), ACKNOWLEDGED);
	/* And then it may not begin. */
	set_status(b, RUNNING);
	assert_int_equal(status(b), (RUNNING ^ VIRTIO_CONFIG_S_FEATURES_OK) | BROKEN);
	assert_false(b->started);
}

static void it_runs_and_is_reset(void **state)
{
	struct vbench *b = *state;
	const struct via_virtq_places *places;

	run(b);
	assert_true(b->started);
	assert_non_null(via_virtio_queue(b->virtio, 0));
	assert_null(via_virtio_queue(b->virtio, 1));
	places = via_virtio_places(b->virtio, 2);
	assert_int_equal(places->size, VBENCH_QUEUE_SIZE);
	assert_int_equal(places->desc, RINGS + 0x2000);
	assert_int_equal(places->driver, RINGS + 0x2400);
	assert_int_equal(places->device, RINGS + 0x2800);
	/* Fixed while it is enabled; a bit that is taken back changes nothing. */
	set(b, VIRTIO_PCI_COMMON_Q_DESCLO, 4, 0);
	set(b, VIRTIO_PCI_COMMON_Q_SIZE, 2, 1);
	set(b, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 0);
	set_status(b, ACKNOWLEDGED);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_DESCLO, 8), RINGS + 0x2000);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 1);
	assert_int_equal(places->size, VBENCH_QUEUE_SIZE);
	assert_int_equal(status(b), RUNNING);
	assert_int_equal(b->starts, 1);

	set_status(b, 0);
	assert_false(b->started);
	assert_int_equal(status(b), 0);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_MSIX, 2), VIRTIO_MSI_NO_VECTOR);
	set(b, VIRTIO_PCI_COMMON_Q_SELECT, 2, 2);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_USEDLO, 8), 0);
	run(b);
	assert_int_equal(b->starts, 2);
	assert_string_equal(b->log, "");
}

static void notifications_reach_the_device(void **state)
{
	struct vbench *b = *state;
	uint64_t notify = vbench_bar(b) + where.notify;

	assert_int_equal(b->kernel.bell_count, 0);
	run(b);
	/* One of each queue that is enabled, at an address of its own. */
	assert_int_equal(b->kernel.bell_count, 2);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(b->kernel.bells[i].addr, notify + 8 * i);
		assert_int_equal(b->kernel.bells[i].fd, via_virtio_kick_fd(b->virtio, 2 * i));
	}
	/* They move with the BAR. */
	vbench_config_write(b, PCI_BASE_ADDRESS_0, 4, (uint32_t)vbench_bar(b) + 0x4000);
	assert_int_equal(b->kernel.bell_count, 2);
	assert_int_equal(b->kernel.bells[0].addr, notify + 0x4000);
	vbench_config_write(b, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
	assert_int_equal(b->kernel.bell_count, 0);
	decode(b);
	assert_int_equal(b->kernel.bell_count, 2);
	set_status(b, 0);
	assert_int_equal(b->kernel.bell_count, 0);
}

static void an_older_kvm_wants_a_length(void **state)
{
	struct vbench *b = *state;

	vbench_fini(b);
	vbench_init(b);
	b->kernel.any_length = 0;
	vbench_add(b);
	decode(b);
	run(b);
	assert_int_equal(b->kernel.bell_count, 2);
	assert_int_equal(b->kernel.bells[0].len, 2);
}

static void notifications_kvm_does_not_take(void **state)
{
	struct vbench *b = *state;
	int kick;

	b->kernel.refuses_bells = -ENOSPC;
	kick = via_virtio_kick_fd(b->virtio, 2);
	agree(b, VERSION_1);
	place_queue(b, 2, RINGS);
	vbench_write(b, where.notify + 8, 2, 2);
	assert_false(vbench_signalled(kick)); /* it does not run */
	run(b);
	assert_non_null(strstr(b->log, "bench0: KVM does not take notifications of queue 0: No "
				       "space left on device"));
	vbench_write(b, where.notify + 8, 2, 2);
	assert_true(vbench_signalled(kick));
	vbench_write(b, where.notify + 4, 2, 1); /* not enabled */
	vbench_write(b, where.notify + 12, 2, 3);
	vbench_write(b, where.notify + 0xffc, 4, 3);
	assert_false(vbench_signalled(via_virtio_kick_fd(b->virtio, 1)));
	assert_false(vbench_signalled(kick));
}

static uint32_t through_window(struct vbench *b, uint64_t offset, uint32_t size_bytes,
			       const uint32_t *value)
{
	vbench_config_write(b, where.window + VIRTIO_PCI_CAP_BAR, 1, 0);
	vbench_config_write(b, where.window + VIRTIO_PCI_CAP_OFFSET, 4, (uint32_t)offset);
	vbench_config_write(b, where.window + VIRTIO_PCI_CAP_LENGTH, 4, size_bytes);
	if (value)
		vbench_config_write(b, where.window + sizeof(struct virtio_pci_cap), 4, *value);
	return vbench_config_read(b, where.window + sizeof(struct virtio_pci_cap), 4);
}

static void registers_through_the_window(void **state)
{
	struct vbench *b = *state;
	uint32_t value = ACKNOWLEDGED;

	vbench_config_write(b, PCI_COMMAND, 2, 0);
	through_window(b, where.common + VIRTIO_PCI_COMMON_STATUS, 1, &value);
	assert_int_equal(through_window(b, where.common + VIRTIO_PCI_COMMON_STATUS, 1, NULL) & 0xff,
			 ACKNOWLEDGED);
	assert_int_equal(through_window(b, where.common + VIRTIO_PCI_COMMON_NUMQ, 2, NULL) & 0xffff,
			 VBENCH_QUEUES);
	/* What makes no sense does nothing. */
	value = 0;
	through_window(b, where.common + VIRTIO_PCI_COMMON_STATUS, 3, &value);
	through_window(b, where.common + VIRTIO_PCI_COMMON_STATUS, 0, &value);
	through_window(b, UINT32_MAX - 3, 4, &value);
	through_window(b, 0x4000, 4, &value);
	through_window(b, 0x3ffe, 4, &value);
	vbench_config_write(b, where.window + VIRTIO_PCI_CAP_BAR, 1, 1);
	vbench_config_write(b, where.window + VIRTIO_PCI_CAP_LENGTH, 4, 1);
	vbench_config_write(b, where.window + VIRTIO_PCI_CAP_OFFSET, 4,
			    (uint32_t)where.common + VIRTIO_PCI_COMMON_STATUS);
	vbench_config_write(b, where.window + sizeof(struct virtio_pci_cap), 4, 0);
	decode(b);
	assert_int_equal(status(b), ACKNOWLEDGED);
}

static void interrupts_reach_the_guest(void **state)
{
	struct vbench *b = *state;
	int first = call_fd(b, 0), third = call_fd(b, 2);

	run(b);
	enable_msix(b);
	assert_int_equal(b->kernel.wire_count, 0); /* all are masked */
	mask(b, 1, false);
	assert_int_equal(message(b, first), 0x41);
	assert_int_equal(message(b, third), 0);

	/* Two queues may share a vector, and one that is masked remembers. */
	set(b, VIRTIO_PCI_COMMON_Q_SELECT, 2, 2);
	set_vector(b, VIRTIO_PCI_COMMON_Q_MSIX, 1);
	assert_int_equal(message(b, third), 0x41);
	mask(b, 1, true);
	assert_int_equal(b->kernel.wire_count, 0);
	assert_int_equal(vbench_read(b, where.pba, 8), 0);
	via_virtio_interrupt(b->virtio, 2);
	assert_int_equal(vbench_read(b, where.pba, 8), 1 << 1);
	assert_int_equal(b->kernel.delivered, 0);
	mask(b, 1, false);
	assert_int_equal(message(b, third), 0x41);
	assert_int_equal(b->kernel.delivered, 1);
	assert_false(vbench_signalled(third));

	/* Back to its own; what is no vector is none. */
	set_vector(b, VIRTIO_PCI_COMMON_Q_MSIX, 3);
	assert_int_equal(message(b, third), 0);
	mask(b, 3, false);
	assert_int_equal(message(b, third), 0x43);
	set_vector(b, VIRTIO_PCI_COMMON_Q_MSIX, VBENCH_QUEUES + 1);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_MSIX, 2), VIRTIO_MSI_NO_VECTOR);
	assert_int_equal(message(b, third), 0);
	/* What came while there was none is lost. */
	via_virtio_interrupt(b->virtio, 2);
	set_vector(b, VIRTIO_PCI_COMMON_Q_MSIX, 1);
	assert_int_equal(message(b, third), 0x41);
	assert_int_equal(b->kernel.delivered, 1);

	/* All go with the function's mask, or MSI-X as a whole. */
	vbench_config_write(b, where.msix + PCI_MSIX_FLAGS, 2,
			    PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	assert_int_equal(b->kernel.wire_count, 0);
	enable_msix(b);
	assert_int_equal(message(b, first), 0x41);
	vbench_config_write(b, where.msix + PCI_MSIX_FLAGS, 2, 0);
	assert_int_equal(b->kernel.wire_count, 0);

	/* A reset by the driver leaves the table alone, but uses none of it. */
	enable_msix(b);
	set_status(b, 0);
	assert_int_equal(b->kernel.wire_count, 0);
	assert_int_equal(vbench_read(b, where.table + 16 + 8, 4), 0x41);
	assert_int_equal(call_fd(b, 0), first);
	assert_int_equal(call_fd(b, 2), third);
}

static void requests_are_served(void **state)
{
	struct vbench *b = *state;
	struct vring_desc *desc = via_memory_at(&b->memory, RINGS, 4096);
	struct vring_avail *avail = via_memory_at(&b->memory, RINGS + 0x400, 4);
	struct vring_used *used = via_memory_at(&b->memory, RINGS + 0x800, 4);
	struct via_vmm_virtio_stats stats;

	run(b);
	desc[3] = (struct vring_desc){ DATA, 100, VRING_DESC_F_WRITE, 0 };
	avail->ring[0] = 3;
	avail->idx = 1;
	vbench_serve(b);
	assert_int_equal(used->idx, 1);
	assert_int_equal(used->ring[0].id, 3);
	assert_int_equal(used->ring[0].len, 100);
	assert_int_equal(*(uint8_t *)via_memory_at(&b->memory, DATA + 99, 1), 0x5a);
	assert_true(vbench_signalled(call_fd(b, 0)));
	assert_int_equal(vbench_read(b, where.isr, 1), 1);
	assert_int_equal(vbench_read(b, where.isr, 1), 0);

	via_virtio_stats(b->virtio, &stats);
	assert_string_equal(stats.name, "bench0");
	assert_int_equal(stats.guest_devfn, 8);
	assert_int_equal(stats.queues, VBENCH_QUEUES);
	assert_int_equal(stats.interrupts, 1);
	assert_true(stats.register_writes > 10 && stats.config_reads > 10);
}

static void expect_broken(struct vbench *b, const char *why)
{
	assert_true(status(b) & BROKEN);
	assert_non_null(strstr(b->log, "bench0: stopped until the guest's driver resets it: "));
	if (!strstr(b->log, why))
		fail_msg("'%s' does not say '%s'", b->log, why);
	/* It says so in its status, and by an interrupt: of the configuration. */
	assert_int_equal(vbench_read(b, where.isr, 1) & 2, 2);
	/* More of it is said neither to the guest nor to the user. */
	via_virtio_break(b->virtio, "again");
	assert_int_equal(vbench_read(b, where.isr, 1) & 2, 0);
	assert_null(strstr(b->log, "again"));
	/* The driver makes it whole. */
	set_status(b, 0);
	assert_int_equal(status(b), 0);
	run(b);
	assert_int_equal(status(b), RUNNING);
	assert_true(b->started);
	set_status(b, 0);
}

static void a_driver_that_breaks_the_rules(void **state)
{
	struct vbench *b = *state;
	struct vring_avail *avail = via_memory_at(&b->memory, RINGS + 0x400, 4);

	run(b);
	avail->idx = 1000;
	vbench_serve(b);
	avail->idx = 0;
	expect_broken(b, "more requests than the queue has entries");
	/* A guest that does it over and over does not fill the user's log. */
	b->log[0] = '\0';
	via_virtio_stop(b->virtio);
	via_virtio_reset(b->virtio);
	decode(b);
	run(b);
	via_virtio_break(b->virtio, "again");
	assert_true(status(b) & BROKEN);
	assert_string_equal(b->log, "");
}

static void a_queue_outside_of_memory(void **state)
{
	struct vbench *b = *state;

	agree(b, VERSION_1);
	place_queue(b, 0, VBENCH_RAM_BYTES);
	set_status(b, RUNNING);
	assert_false(b->started);
	expect_broken(b, "its queue 0 lies outside of memory");
}

static void a_queue_of_no_size(void **state)
{
	struct vbench *b = *state;

	agree(b, VERSION_1);
	set(b, VIRTIO_PCI_COMMON_Q_SELECT, 2, 1);
	set(b, VIRTIO_PCI_COMMON_Q_SIZE, 2, 12);
	place_queue(b, 1, RINGS);
	set_status(b, RUNNING);
	assert_false(b->started);
	expect_broken(b, "its queue 1 has a size or place it cannot have");
}

static void a_queue_that_comes_late(void **state)
{
	struct vbench *b = *state;

	run(b);
	place_queue(b, 1, RINGS + 0x1000);
	assert_null(via_virtio_queue(b->virtio, 1));
	expect_broken(b, "the driver enables queue 1 of a running device");
}

static void reset_queue(struct vbench *b, uint16_t index)
{
	set(b, VIRTIO_PCI_COMMON_Q_SELECT, 2, index);
	set(b, VIRTIO_PCI_COMMON_Q_RESET, 2, 1);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_RESET, 2), 0);
}

static void run_with(struct vbench *b, uint64_t features)
{
	agree(b, features);
	for (uint16_t i = 0; i < VBENCH_QUEUES; i += 2) {
		place_queue(b, i, RINGS + i * 0x1000ULL);
		set_vector(b, VIRTIO_PCI_COMMON_Q_MSIX, (uint16_t)(i + 1));
	}
	set_status(b, RUNNING);
}

static void a_queue_is_reset(void **state)
{
	struct vbench *b = *state;
	struct vring_avail *avail = via_memory_at(&b->memory, RINGS + 0x400, 4);
	size_t bells;

	run_with(b, VERSION_1 | RING_RESET);
	bells = b->kernel.bell_count;
	avail->idx = 1;
	vbench_serve(b);
	assert_int_equal(b->requests, 1);
	vbench_write(b, where.notify, 2, 0);
	reset_queue(b, 0);
	assert_int_equal(b->stopped, 1);
	assert_int_equal(b->kernel.bell_count, bells - 1);
	assert_false(vbench_signalled(via_virtio_kick_fd(b->virtio, 0)));
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_SIZE, 2), VBENCH_QUEUE_SIZE);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_DESCLO, 8), 0);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_MSIX, 2), VIRTIO_MSI_NO_VECTOR);
	/* One that is not there is not reset again, and none that was not can come late. */
	reset_queue(b, 0);
	reset_queue(b, 1);
	assert_int_equal(status(b), RUNNING);
	assert_non_null(via_virtio_queue(b->virtio, 2));
	/* It begins anew, in another size. */
	avail->idx = 0;
	set(b, VIRTIO_PCI_COMMON_Q_SELECT, 2, 0);
	set(b, VIRTIO_PCI_COMMON_Q_SIZE, 2, VBENCH_QUEUE_SIZE / 2);
	place_queue(b, 0, RINGS);
	assert_int_equal(b->stopped, 0);
	assert_int_equal(b->kernel.bell_count, bells);
	assert_int_equal(via_virtio_queue(b->virtio, 0)->size, VBENCH_QUEUE_SIZE / 2);
	vbench_serve(b);
	assert_int_equal(b->requests, 1);
	avail->idx = 1;
	vbench_serve(b);
	assert_int_equal(b->requests, 2);
	assert_int_equal(b->starts, 1);
	assert_int_equal(status(b), RUNNING);
	assert_string_equal(b->log, "");
	/* Enabled twice is once. */
	set(b, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
	assert_int_equal(status(b), RUNNING);
	/* Without the feature it is no register. */
	run_with(b, VERSION_1);
	reset_queue(b, 0);
	assert_int_equal(b->stopped, 0);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 1);
	/* Before it runs, too. */
	agree(b, VERSION_1 | RING_RESET);
	place_queue(b, 0, RINGS);
	reset_queue(b, 0);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
	assert_int_equal(b->stopped, 0);
	place_queue(b, 0, RINGS);
	set_status(b, RUNNING);
	assert_int_equal(status(b), RUNNING);
	assert_non_null(via_virtio_queue(b->virtio, 0));
}

static void a_queue_that_comes_late_after_resets(void **state)
{
	struct vbench *b = *state;

	run_with(b, VERSION_1 | RING_RESET);
	reset_queue(b, 0);
	run_with(b, VERSION_1 | RING_RESET);
	place_queue(b, 1, RINGS + 0x1000);
	expect_broken(b, "the driver enables queue 1 of a running device");
}

static void a_queue_that_comes_back_outside_of_memory(void **state)
{
	struct vbench *b = *state;

	run_with(b, VERSION_1 | RING_RESET);
	reset_queue(b, 2);
	place_queue(b, 2, VBENCH_RAM_BYTES);
	assert_null(via_virtio_queue(b->virtio, 2));
	assert_int_equal(b->stopped, 4);
	expect_broken(b, "its queue 2 lies outside of memory");
}

static void a_queue_that_cannot_come_back(void **state)
{
	struct vbench *b = *state;

	run_with(b, VERSION_1 | RING_RESET);
	reset_queue(b, 2);
	b->start_fails = -EIO;
	place_queue(b, 2, RINGS);
	b->start_fails = 0;
	expect_broken(b, "its queue 2 cannot start: ");
}

/* When it needs a reset, one of a queue does not help. */
static void a_queue_of_a_broken_device(void **state)
{
	struct vbench *b = *state;

	run_with(b, VERSION_1 | RING_RESET);
	via_virtio_break(b->virtio, "as a test");
	reset_queue(b, 2);
	place_queue(b, 2, RINGS);
	assert_null(via_virtio_queue(b->virtio, 2));
	expect_broken(b, "as a test");
}

static void a_driver_that_begins_too_early(void **state)
{
	struct vbench *b = *state;

	set_status(b, ACKNOWLEDGED | VIRTIO_CONFIG_S_DRIVER_OK);
	assert_false(b->started);
	expect_broken(b, "the driver begins before features are agreed on");
}

static void a_device_that_cannot_start(void **state)
{
	struct vbench *b = *state;

	b->start_fails = -EIO;
	run(b);
	b->start_fails = 0;
	expect_broken(b, "it does not want to");
}

static void configuration_of_its_own(void **state)
{
	struct vbench *b = *state;
	uint8_t generation = (uint8_t)get(b, VIRTIO_PCI_COMMON_CFGGENERATION, 1);

	memcpy(b->config, "abcdefghijkl", VBENCH_CONFIG_BYTES);
	assert_int_equal(vbench_read(b, where.device, 4), 0x64636261);
	assert_int_equal(vbench_read(b, where.device + 11, 1), 'l');
	assert_int_equal(vbench_read(b, where.device + 8, 8), 0); /* half of it outside */
	assert_int_equal(vbench_read(b, where.device + 12, 4), 0);
	vbench_write(b, where.device + 1, 1, 'B');
	vbench_write(b, where.device + 12, 4, 0);
	assert_memory_equal(b->config, "aBcdefghijkl", VBENCH_CONFIG_BYTES);

	run(b);
	via_virtio_config_changed(b->virtio);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_CFGGENERATION, 1), (uint8_t)(generation + 1));
	assert_int_equal(vbench_read(b, where.isr, 1), 2);
}

static void fields_of_another_width(void **state)
{
	struct vbench *b = *state;

	set(b, VIRTIO_PCI_COMMON_STATUS, 2, ACKNOWLEDGED);
	set(b, VIRTIO_PCI_COMMON_STATUS, 4, ACKNOWLEDGED);
	assert_int_equal(status(b), 0);
	set(b, VIRTIO_PCI_COMMON_Q_SELECT, 1, 2);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_SELECT, 2), 0);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_NUMQ, 4), 0);
	assert_int_equal(get(b, 56, 8), 0);
	assert_int_equal(vbench_read(b, where.isr + 1, 1), 0);
}

/* A system that hands over to another takes bus mastering away. */
static void without_bus_mastering_it_stops(void **state)
{
	struct vbench *b = *state;

	run(b);
	vbench_config_write(b, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	assert_false(b->started);
	assert_int_equal(status(b), AGREED);
	assert_int_equal(b->kernel.bell_count, 0);
}

static void a_machine_that_is_reset(void **state)
{
	struct vbench *b = *state;
	uint64_t placed = vbench_bar(b);

	run(b);
	enable_msix(b);
	mask(b, 1, false);
	vbench_config_write(b, PCI_BASE_ADDRESS_0, 4, (uint32_t)placed + 0x8000);
	through_window(b, where.common + VIRTIO_PCI_COMMON_STATUS, 1, NULL);
	via_virtio_stop(b->virtio);
	assert_false(b->started);
	via_virtio_reset(b->virtio);
	assert_int_equal(b->kernel.wire_count, 0);
	assert_int_equal(vbench_config_read(b, PCI_COMMAND, 2), 0);
	assert_int_equal(vbench_config_read(b, where.msix + PCI_MSIX_FLAGS, 2), VBENCH_QUEUES);
	assert_int_equal(vbench_config_read(b, where.window + VIRTIO_PCI_CAP_OFFSET, 4), 0);
	assert_int_equal(vbench_config_read(b, where.window + VIRTIO_PCI_CAP_LENGTH, 4), 0);
	assert_int_equal(vbench_config_read(b, where.window + sizeof(struct virtio_pci_cap), 4), 0);
	assert_int_equal(vbench_bar(b), placed);
	decode(b);
	assert_int_equal(status(b), 0);
	assert_int_equal(vbench_read(b, where.table + 16, 8), 0);
	assert_int_equal(vbench_read(b, where.table + 16 + 12, 4), 1);
	run(b);
	assert_true(b->started);
}

/* Of a device that could not be made. */
static void a_table_that_never_was(void **state)
{
	struct vbench *b = *state;
	struct via_msix_table table = { .irq = b->irq, .count = 2, .wire_count = 2 };

	via_msix_table_free(&table);
	assert_int_equal(table.wire_count, 0);
}

static void there_are_only_so_many_slots(void **state)
{
	struct vbench *b = *state;
	struct via_virtio *more[LAYOUT_SLOTS] = { NULL };
	struct via_error err;
	unsigned int count = 0;

	while (!via_virtio_rng_new(&b->machine, &more[count], &err)) {
		assert_int_equal(via_virtio_devfn(more[count]), (count + 2) << 3);
		count++;
	}
	assert_int_equal(count, LAYOUT_SLOTS - 2);
	assert_string_equal(err.text, "rng0 cannot be given to a guest: a guest has at most 31 "
				      "devices");
	while (count--)
		via_virtio_free(more[count]);
}

/* A device of which another thread takes care. */
static void random_numbers(void **state)
{
	struct vbench *b = *state;
	struct vring_desc *desc = via_memory_at(&b->memory, RINGS, 4096);
	struct vring_avail *avail = via_memory_at(&b->memory, RINGS + 0x400, 4);
	struct vring_used *used = via_memory_at(&b->memory, RINGS + 0x800, 4);
	struct via_virtio *bench = b->virtio;
	struct via_vmm_virtio_stats stats;
	struct pollfd answered = { .events = POLLIN };
	struct via_virtio *rng;
	struct via_error err;
	uint64_t words[5];

	assert_int_equal(via_virtio_rng_new(&b->machine, &rng, &err), 0);
	b->virtio = rng;
	decode(b);
	agree(b, VERSION_1);
	place_queue(b, 0, RINGS);
	set_status(b, RUNNING);
	answered.fd = call_fd(b, 0);
	/* Two segments, with a gap; then far more than it gives at once. */
	desc[0] = (struct vring_desc){ DATA, 16, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 1 };
	desc[1] = (struct vring_desc){ DATA + 24, 16, VRING_DESC_F_WRITE, 0 };
	desc[2] = (struct vring_desc){ DATA, VBENCH_RAM_BYTES / 2, VRING_DESC_F_WRITE, 0 };
	for (uint16_t i = 0; i < 2; i++) {
		avail->ring[i] = (uint16_t)(i * 2);
		__atomic_store_n(&avail->idx, i + 1, __ATOMIC_RELEASE);
		via_virtio_interrupt(rng, 0); /* so that the worker's own is one of many */
		assert_true(vbench_signalled(answered.fd));
		vbench_write(b, where.notify, 2, 0);
		assert_int_equal(poll(&answered, 1, 60000), 1);
		assert_true(vbench_signalled(answered.fd));
		assert_int_equal(__atomic_load_n(&used->idx, __ATOMIC_ACQUIRE), i + 1);
		if (i)
			continue;
		memcpy(words, via_memory_at(&b->memory, DATA, 40), sizeof(words));
		assert_int_equal(used->ring[0].len, 32);
		assert_true(words[0] && words[1] && !words[2] && words[3] && words[4]);
	}
	assert_int_equal(used->ring[1].len, 0x10000);
	via_virtio_stats(rng, &stats);
	assert_string_equal(stats.backend, "getrandom");
	assert_int_equal(stats.requests, 2);
	assert_int_equal(stats.bytes, 32 + 0x10000);
	assert_int_equal(stats.kicks, 2);
	assert_true(stats.cpu_ns > 0);

	/* A reset half-way, and then what no driver does. */
	set_status(b, 0);
	agree(b, VERSION_1);
	place_queue(b, 0, RINGS);
	avail->idx = 0;
	set_status(b, RUNNING);
	avail->ring[0] = 200;
	__atomic_store_n(&avail->idx, 1, __ATOMIC_RELEASE);
	vbench_write(b, where.notify, 2, 0);
	for (unsigned int i = 0; i < 60000 && !(status(b) & BROKEN); i++)
		usleep(1000);
	assert_int_equal(status(b), RUNNING | BROKEN);
	vbench_write(b, where.notify, 2, 0);
	via_virtio_free(rng);
	b->virtio = bench;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_it_looks_like),
		TEST(its_registers_are_where_the_guest_puts_them),
		TEST(features_are_agreed_on),
		TEST(it_runs_and_is_reset),
		TEST(notifications_reach_the_device),
		TEST(an_older_kvm_wants_a_length),
		TEST(notifications_kvm_does_not_take),
		TEST(registers_through_the_window),
		TEST(interrupts_reach_the_guest),
		TEST(requests_are_served),
		TEST(a_driver_that_breaks_the_rules),
		TEST(a_queue_outside_of_memory),
		TEST(a_queue_of_no_size),
		TEST(a_queue_that_comes_late),
		TEST(a_queue_is_reset),
		TEST(a_queue_that_comes_late_after_resets),
		TEST(a_queue_that_comes_back_outside_of_memory),
		TEST(a_queue_that_cannot_come_back),
		TEST(a_queue_of_a_broken_device),
		TEST(a_driver_that_begins_too_early),
		TEST(a_device_that_cannot_start),
		TEST(configuration_of_its_own),
		TEST(fields_of_another_width),
		TEST(without_bus_mastering_it_stops),
		TEST(a_machine_that_is_reset),
		TEST(a_table_that_never_was),
		TEST(there_are_only_so_many_slots),
		TEST(random_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
