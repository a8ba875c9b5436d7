/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "layout.h"
#include "passthrough/passthrough.h"
#include "pci/hotplug.h"
#include "vmm-bench.h"

#define CAME  LAYOUT_PORT_HOTPLUG
#define GOES  (LAYOUT_PORT_HOTPLUG + 4)
#define EJECT (LAYOUT_PORT_HOTPLUG + 8)

struct registers {
	struct via_bus pio;
	struct via_hotplug hotplug;
	char ejected[256]; /* slots, in order */
};

static void note_eject(void *owner, unsigned int slot)
{
	struct registers *r = owner;

	snprintf(r->ejected + strlen(r->ejected), sizeof(r->ejected) - strlen(r->ejected), "%u ",
		 slot);
}

static int setup(void **state)
{
	struct registers *r = calloc(1, sizeof(*r));

	*state = r;
	return via_hotplug_init(&r->hotplug, note_eject, r) ||
	       via_bus_add(&r->pio, &r->hotplug.ports);
}

static int teardown(void **state)
{
	struct registers *r = *state;

	via_hotplug_close(&r->hotplug);
	via_bus_clear(&r->pio);
	free(r);
	return 0;
}

static uint32_t read_port(struct registers *r, uint16_t port)
{
	uint32_t value = 0;

	via_bus_access(&r->pio, port, &value, 4, false);
	return value;
}

static void write_port(struct registers *r, uint16_t port, uint32_t value)
{
	via_bus_access(&r->pio, port, &value, 4, true);
}

static unsigned int interrupts(struct registers *r)
{
	uint64_t count;

	return read(r->hotplug.irq_eventfd, &count, sizeof(count)) == sizeof(count)
		       ? (unsigned int)count
		       : 0;
}

static void a_slot_is_told_once(void **state)
{
	struct registers *r = *state;

	assert_int_equal(read_port(r, GOES), 0);
	via_hotplug_remove(&r->hotplug, 1);
	assert_int_equal(interrupts(r), 1);
	via_hotplug_remove(&r->hotplug, 31);
	via_hotplug_insert(&r->hotplug, 7);
	assert_int_equal(interrupts(r), 2);
	assert_int_equal(read_port(r, GOES), 1U << 31 | 1U << 1);
	assert_int_equal(read_port(r, GOES), 0);
	assert_int_equal(read_port(r, CAME), 1U << 7);
	assert_int_equal(read_port(r, CAME), 0);
	assert_string_equal(r->ejected, "");
}

static void what_was_not_read_is_signalled_again(void **state)
{
	struct registers *r = *state;

	via_hotplug_remove(&r->hotplug, 3);
	interrupts(r);
	via_hotplug_remind(&r->hotplug);
	assert_int_equal(interrupts(r), 1);
	read_port(r, GOES);
	via_hotplug_remind(&r->hotplug);
	assert_int_equal(interrupts(r), 0);
	via_hotplug_remove(&r->hotplug, 3);
	interrupts(r);
	via_hotplug_forget(&r->hotplug, 3);
	via_hotplug_remind(&r->hotplug);
	assert_int_equal(interrupts(r), 0);
	assert_int_equal(read_port(r, GOES), 0);
}

static void only_slots_are_ejected(void **state)
{
	struct registers *r = *state;

	write_port(r, EJECT, 1);
	write_port(r, EJECT, 31);
	write_port(r, EJECT, 1);
	assert_string_equal(r->ejected, "1 31 1 ");
	r->ejected[0] = '\0';
	write_port(r, EJECT, 0);
	write_port(r, EJECT, 32);
	write_port(r, EJECT, UINT32_MAX);
	write_port(r, CAME, 1);
	write_port(r, GOES, 1);
	assert_string_equal(r->ejected, "");
	assert_int_equal(read_port(r, EJECT), UINT32_MAX);
}

/* Any port, any size: only whole registers mean something. */
static void odd_accesses_mean_nothing(void **state)
{
	static const unsigned int sizes[] = { 1, 2, 4 };
	struct registers *r = *state;

	via_hotplug_remove(&r->hotplug, 5);
	via_hotplug_insert(&r->hotplug, 5);
	for (uint16_t port = CAME; port < CAME + LAYOUT_PORT_HOTPLUG_BYTES; port++)
		for (size_t i = 0; i < 3; i++) {
			uint32_t value = 1;

			if (sizes[i] == 4 && port % 4 == 0)
				continue;
			via_bus_access(&r->pio, port, &value, sizes[i], true);
			via_bus_access(&r->pio, port, &value, sizes[i], false);
		}
	assert_string_equal(r->ejected, "");
	assert_int_equal(read_port(r, GOES), 1U << 5);
	assert_int_equal(read_port(r, CAME), 1U << 5);
}

/* What happened to a function. */
static char happened[32];

static void error_happened(struct via_passthrough *function)
{
	(void)function;
	strcat(happened, "error ");
}

static void request_happened(struct via_passthrough *function)
{
	strcat(happened, "request ");
	via_events_free(function);
}

static const via_event_fn handlers[VIA_EVENTS] = {
	[VIA_EVENT_ERROR] = error_happened,
	[VIA_EVENT_REQUEST] = request_happened,
};

static int watch(struct bench *w)
{
	happened[0] = '\0';
	if (!w->function)
		bench_add(w);
	return via_events_init(w->function, &w->loop, handlers, &w->err);
}

static void has(struct bench *w, uint32_t index)
{
	w->vf.fake.irqs[index].count = 1;
	w->vf.fake.irqs[index].flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE;
	w->vf.fake.irq_rc[index] = 0;
}

static void signal_fd(int fd)
{
	uint64_t one = 1;

	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
}

static void each_event_reaches_its_handler(void **state)
{
	struct bench *w = *state;
	int error_fd;

	has(w, VFIO_PCI_ERR_IRQ_INDEX);
	has(w, VFIO_PCI_REQ_IRQ_INDEX);
	assert_int_equal(watch(w), 0);
	assert_int_equal(fake_vfio_called(&w->vf.fake, VFIO_DEVICE_SET_IRQS), 2);
	assert_int_equal(w->vf.fake.set.index, VFIO_PCI_REQ_IRQ_INDEX);
	assert_int_equal(w->vf.fake.set.count, 1);
	error_fd = w->function->events.events[VIA_EVENT_ERROR].watch.fd;
	signal_fd(error_fd);
	signal_fd(error_fd);
	assert_int_equal(via_loop_wait(&w->loop), 0);
	assert_string_equal(happened, "error ");
	/* A handler may end the watching: the kernel is told, and nothing comes any more. */
	signal_fd(w->vf.fake.set.fds[0]);
	assert_int_equal(via_loop_wait(&w->loop), 0);
	assert_string_equal(happened, "error request ");
	assert_int_equal(fake_vfio_called(&w->vf.fake, VFIO_DEVICE_SET_IRQS), 4);
	assert_int_equal(w->vf.fake.set.flags,
			 VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER);
	assert_int_equal(w->vf.fake.set.count, 0);
	assert_int_equal(w->function->events.events[VIA_EVENT_ERROR].watch.fd, -1);
	via_events_free(w->function);
}

static void a_function_without_events_has_none(void **state)
{
	struct bench *w = *state;

	assert_int_equal(watch(w), 0);
	assert_int_equal(fake_vfio_called(&w->vf.fake, VFIO_DEVICE_SET_IRQS), 0);
	assert_int_equal(w->function->events.events[VIA_EVENT_REQUEST].watch.fd, -1);
}

static void an_event_the_kernel_refuses_is_told(void **state)
{
	struct bench *w = *state;

	has(w, VFIO_PCI_REQ_IRQ_INDEX);
	w->vf.fake.set_irqs_rc = -EIO;
	assert_int_equal(watch(w), -EIO);
	assert_non_null(strstr(w->err.text, "0000:01:10.0"));
	assert_int_equal(w->function->events.events[VIA_EVENT_REQUEST].watch.fd, -1);
	w->vf.fake.set_irqs_rc = 0;
	assert_int_equal(watch(w), 0);
}

/* One that is gone reads as all ones and refuses everything. */
static void a_function_that_is_gone_is_released(void **state)
{
	struct bench *w = *state;

	has(w, VFIO_PCI_REQ_IRQ_INDEX);
	assert_int_equal(watch(w), 0);
	for (size_t at = 0; at < PCI_CONFIG_BYTES; at += 4)
		vmm_function_put(&w->vf, at, 4, UINT32_MAX);
	w->vf.fake.set_irqs_rc = w->vf.fake.reset_rc = -ENODEV;
	via_events_free(w->function);
	assert_int_equal(via_passthrough_quiesce(w->function, &w->err), -ENODEV);
	assert_int_equal(vmm_function_get(&w->vf, PCI_COMMAND, 2) & PCI_COMMAND_MASTER, 0);
	via_passthrough_free(w->function);
	w->function = NULL;
	assert_null(w->pci.functions[BENCH_DEVFN]);
}

#define TEST(name)    cmocka_unit_test_setup_teardown(name, setup, teardown)
#define WATCHED(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_slot_is_told_once),
		TEST(what_was_not_read_is_signalled_again),
		TEST(only_slots_are_ejected),
		TEST(odd_accesses_mean_nothing),
		WATCHED(each_event_reaches_its_handler),
		WATCHED(a_function_without_events_has_none),
		WATCHED(an_event_the_kernel_refuses_is_told),
		WATCHED(a_function_that_is_gone_is_released),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
