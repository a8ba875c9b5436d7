/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/serial_reg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lock.h"
#include "serial.h"

/* A serial port between two pipes, and the processor's side of it. */
struct fixture {
	struct via_loop loop;
	struct via_machine_lock lock;
	struct via_serial serial;
	int in[2], out[2];
	struct via_error err;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->lock.mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	if (via_loop_init(&f->loop) || pipe2(f->in, O_CLOEXEC) ||
	    pipe2(f->out, O_CLOEXEC | O_NONBLOCK) || fcntl(f->out[1], F_SETFL, 0) ||
	    via_serial_init(&f->serial, &f->loop, &f->lock, f->in[0], f->out[1], &f->err))
		return -1;
	*state = f;
	return 0;
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	via_serial_close(&f->serial);
	via_loop_close(&f->loop);
	for (int i = 0; i < 2; i++) {
		close_one(&f->in[i]);
		close_one(&f->out[i]);
	}
	free(f);
	return 0;
}

static uint64_t access_port(struct fixture *f, uint64_t offset, unsigned int size_bytes, bool write,
			    uint64_t value)
{
	struct via_bus_access access = {
		.offset = offset,
		.size_bytes = size_bytes,
		.write = write,
		.value = write ? value : UINT64_MAX,
	};

	via_lock(&f->lock);
	f->serial.ports.access(f->serial.ports.owner, &access);
	via_unlock(&f->lock);
	return access.value;
}

static uint8_t in(struct fixture *f, uint64_t offset)
{
	return (uint8_t)access_port(f, offset, 1, false, 0);
}

static void out(struct fixture *f, uint64_t offset, uint8_t value)
{
	access_port(f, offset, 1, true, value);
}

/* How many edges the interrupt line had since it was asked last. */
static uint64_t edges(struct fixture *f)
{
	uint64_t count = 0;

	return read(f->serial.irq_eventfd, &count, sizeof(count)) < 0 ? 0 : count;
}

static const char *heard(struct fixture *f)
{
	static char text[8192];
	ssize_t got = read(f->out[0], text, sizeof(text) - 1);

	text[got < 0 ? 0 : got] = '\0';
	return text;
}

static void say(struct fixture *f, const char *text)
{
	while (*text)
		out(f, UART_TX, (uint8_t)*text++);
}

static void type(struct fixture *f, const char *text)
{
	assert_int_equal(write(f->in[1], text, strlen(text)), strlen(text));
	assert_int_equal(via_loop_wait(&f->loop), 0);
}

static void registers_are_those_of_a_16550a(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(in(f, UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
	assert_int_equal(in(f, UART_MSR), UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS);
	assert_int_equal(in(f, UART_IIR), UART_IIR_NO_INT);
	assert_int_equal(in(f, UART_RX), 0);
	out(f, UART_SCR, 0x5a);
	assert_int_equal(in(f, UART_SCR), 0x5a);
	out(f, UART_IER, 0xff);
	assert_int_equal(in(f, UART_IER), 0x0f);
	out(f, UART_MCR, 0xff);
	assert_int_equal(in(f, UART_MCR), 0x1f);
	/* How drivers tell a 16550A: FIFOs it says it has, once they are enabled. */
	out(f, UART_IER, 0);
	out(f, UART_FCR, UART_FCR_ENABLE_FIFO);
	assert_int_equal(in(f, UART_IIR), 0xc0 | UART_IIR_NO_INT);
	out(f, UART_FCR, 0);
	assert_int_equal(in(f, UART_IIR), UART_IIR_NO_INT);
	/* Read-only ones. */
	out(f, UART_LSR, 0);
	out(f, UART_MSR, 0);
	assert_int_equal(in(f, UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
}

static void the_divisor_is_behind_dlab(void **state)
{
	struct fixture *f = *state;

	out(f, UART_LCR, UART_LCR_DLAB | 3);
	out(f, UART_DLL, 0x34);
	out(f, UART_DLM, 0x12);
	assert_int_equal(in(f, UART_DLL), 0x34);
	assert_int_equal(in(f, UART_DLM), 0x12);
	out(f, UART_LCR, 3);
	assert_int_equal(in(f, UART_LCR), 3);
	assert_int_equal(in(f, UART_IER), 0);
	assert_int_equal(f->serial.divisor, 0x1234);
	via_serial_drain(&f->serial);
	assert_string_equal(heard(f), "");
}

static void output_arrives_in_one_piece(void **state)
{
	struct fixture *f = *state;

	say(f, "Hello\nthere");
	assert_string_equal(heard(f), "");
	assert_int_equal(via_loop_wait(&f->loop), 0);
	assert_string_equal(heard(f), "Hello\nthere");
	say(f, "again");
	via_serial_drain(&f->serial);
	assert_string_equal(heard(f), "again");
	via_serial_drain(&f->serial);
	assert_string_equal(heard(f), "");
}

static void an_empty_transmitter_interrupts_once(void **state)
{
	struct fixture *f = *state;

	out(f, UART_MCR, UART_MCR_OUT2);
	assert_int_equal(edges(f), 0);
	out(f, UART_IER, UART_IER_THRI);
	assert_int_equal(edges(f), 1);
	assert_int_equal(in(f, UART_IIR), UART_IIR_THRI);
	assert_int_equal(in(f, UART_IIR), UART_IIR_NO_INT);
	assert_int_equal(edges(f), 0);
	out(f, UART_TX, 'a');
	assert_int_equal(edges(f), 1);
	assert_int_equal(in(f, UART_IIR), UART_IIR_THRI);
	/* Enabled once more it tells once more. */
	out(f, UART_IER, 0);
	out(f, UART_IER, UART_IER_THRI);
	assert_int_equal(edges(f), 1);
}

static void out2_gates_the_interrupt(void **state)
{
	struct fixture *f = *state;

	out(f, UART_IER, UART_IER_THRI);
	assert_int_equal(edges(f), 0);
	assert_int_equal(in(f, UART_IIR), UART_IIR_THRI);
	out(f, UART_TX, 'a');
	assert_int_equal(edges(f), 0);
	out(f, UART_MCR, UART_MCR_OUT2);
	assert_int_equal(edges(f), 1);
}

static void input_is_received_and_tells(void **state)
{
	struct fixture *f = *state;

	out(f, UART_MCR, UART_MCR_OUT2);
	out(f, UART_IER, UART_IER_RDI);
	type(f, "abc");
	assert_int_equal(edges(f), 1);
	assert_int_equal(in(f, UART_IIR), UART_IIR_RDI);
	assert_int_equal(in(f, UART_LSR) & UART_LSR_DR, UART_LSR_DR);
	assert_int_equal(in(f, UART_RX), 'a');
	assert_int_equal(in(f, UART_RX), 'b');
	assert_int_equal(in(f, UART_IIR), UART_IIR_RDI);
	assert_int_equal(in(f, UART_RX), 'c');
	assert_int_equal(in(f, UART_IIR), UART_IIR_NO_INT);
	assert_int_equal(in(f, UART_LSR) & UART_LSR_DR, 0);
	type(f, "d");
	assert_int_equal(edges(f), 1);
	/* What came before the interrupt was enabled tells when it is. */
	assert_int_equal(in(f, UART_RX), 'd');
	out(f, UART_IER, 0);
	type(f, "e");
	assert_int_equal(edges(f), 0);
	out(f, UART_IER, UART_IER_RDI);
	assert_int_equal(edges(f), 1);
	out(f, UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	assert_int_equal(in(f, UART_LSR) & UART_LSR_DR, 0);
}

/* What the FIFO cannot hold waits outside, and nothing is lost. */
static void a_full_fifo_leaves_input_outside(void **state)
{
	struct fixture *f = *state;
	const char text[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	size_t got = 0;

	type(f, text);
	assert_int_equal(f->serial.rx_count, SERIAL_FIFO_BYTES);
	assert_int_equal(via_loop_wait(&f->loop), 0);
	assert_false(f->serial.in_watched);
	while (got < strlen(text)) {
		while (in(f, UART_LSR) & UART_LSR_DR)
			assert_int_equal(in(f, UART_RX), text[got++]);
		assert_int_equal(in(f, UART_LSR) & UART_LSR_OE, 0);
		if (got < strlen(text))
			assert_int_equal(via_loop_wait(&f->loop), 0);
	}
}

static void the_end_of_input_is_no_event_any_more(void **state)
{
	struct fixture *f = *state;

	close_one(&f->in[1]);
	assert_int_equal(via_loop_wait(&f->loop), 0);
	assert_false(f->serial.in_watched);
	assert_int_equal(f->serial.in.fd, -1);
	out(f, UART_FCR, UART_FCR_CLEAR_RCVR);
	assert_false(f->serial.in_watched);
}

static void loopback_feeds_itself(void **state)
{
	struct fixture *f = *state;

	out(f, UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_RTS);
	assert_int_equal(in(f, UART_MSR) & 0xf0, UART_MSR_DCD | UART_MSR_CTS);
	out(f, UART_MCR, UART_MCR_LOOP | UART_MCR_OUT1 | UART_MCR_DTR);
	assert_int_equal(in(f, UART_MSR) & 0xf0, UART_MSR_RI | UART_MSR_DSR);
	for (int i = 0; i < SERIAL_FIFO_BYTES; i++)
		out(f, UART_TX, (uint8_t)('a' + i));
	assert_int_equal(in(f, UART_LSR) & UART_LSR_OE, 0);
	out(f, UART_TX, 'z');
	out(f, UART_IER, UART_IER_RLSI | UART_IER_RDI);
	assert_int_equal(in(f, UART_IIR), UART_IIR_RLSI);
	assert_int_equal(in(f, UART_LSR) & UART_LSR_OE, UART_LSR_OE);
	assert_int_equal(in(f, UART_IIR), UART_IIR_RDI);
	for (int i = 0; i < SERIAL_FIFO_BYTES; i++)
		assert_int_equal(in(f, UART_RX), 'a' + i);
	via_serial_drain(&f->serial);
	assert_string_equal(heard(f), "");
}

static void wide_accesses_reach_neighbours(void **state)
{
	struct fixture *f = *state;

	access_port(f, UART_LCR, 2, true, (UART_MCR_DTR << 8) | 3);
	assert_int_equal(in(f, UART_LCR), 3);
	assert_int_equal(in(f, UART_MCR), UART_MCR_DTR);
	out(f, UART_SCR, 0x77);
	assert_int_equal(access_port(f, UART_LCR, 4, false, 0) & 0xffffffff, 0xb0600103);
	assert_int_equal(access_port(f, UART_MSR, 2, false, 0) & 0xffff, 0x77b0);
}

/* A console nobody reads makes the transmitter busy; nothing waits for it but the guest. */
static void a_console_nobody_reads_is_a_busy_transmitter(void **state)
{
	struct fixture *f = *state;
	unsigned int sent = 0;

	assert_int_equal(fcntl(f->out[1], F_SETPIPE_SZ, SERIAL_OUT_BYTES), SERIAL_OUT_BYTES);
	out(f, UART_MCR, UART_MCR_OUT2);
	while (in(f, UART_LSR) & UART_LSR_THRE) {
		out(f, UART_TX, 'x');
		assert_true(++sent <= SERIAL_OUT_BYTES);
	}
	/* Whoever found it empty just before may go on to the FIFO's end. */
	for (int i = 1; i < SERIAL_FIFO_BYTES; i++, sent++)
		out(f, UART_TX, 'x');
	assert_int_equal(sent, SERIAL_OUT_BYTES);
	out(f, UART_TX, 'y'); /* lost, as on a wire */
	out(f, UART_IER, UART_IER_THRI);
	assert_int_equal(edges(f), 0);
	assert_int_equal(in(f, UART_IIR), UART_IIR_NO_INT);
	/* The pipe takes this much; it tells the guest that waits. */
	assert_int_equal(via_loop_wait(&f->loop), 0);
	assert_int_equal(edges(f), 1);
	assert_int_equal(in(f, UART_IIR), UART_IIR_THRI);
	assert_true(in(f, UART_LSR) & UART_LSR_THRE);
	for (unsigned int i = 0; i < SERIAL_OUT_BYTES; i++)
		out(f, UART_TX, 'z');
	/* Full now, so nothing goes out, and it takes no time. */
	assert_int_equal(via_loop_wait(&f->loop), 0);
	assert_false(in(f, UART_LSR) & UART_LSR_THRE);
	assert_int_equal(strspn(heard(f), "x"), SERIAL_OUT_BYTES);
	assert_int_equal(via_loop_wait(&f->loop), 0);
	assert_int_equal(strspn(heard(f), "z"), SERIAL_OUT_BYTES);
	assert_true(in(f, UART_LSR) & UART_LSR_THRE);
}

static char nth(unsigned int at)
{
	return (char)('A' + at % 53);
}

/* As Linux's 8250 driver does it: an interrupt, and a FIFO's bytes at a time. */
static void send_fifos(struct fixture *f, unsigned int *sent, unsigned int total)
{
	if (!edges(f))
		return;
	while (*sent < total && in(f, UART_IIR) == (UART_IIR_THRI | 0xc0) &&
	       (in(f, UART_LSR) & UART_LSR_THRE))
		for (int i = 0; i < SERIAL_FIFO_BYTES && *sent < total; i++)
			out(f, UART_TX, (uint8_t)nth((*sent)++));
}

static void a_slow_reader_loses_nothing(void **state)
{
	const unsigned int total = 5 * SERIAL_OUT_BYTES;
	unsigned int sent = 0, got = 0, idle = 0;
	struct fixture *f = *state;
	char text[777];

	assert_int_equal(fcntl(f->out[1], F_SETPIPE_SZ, SERIAL_OUT_BYTES), SERIAL_OUT_BYTES);
	assert_int_equal(fcntl(f->out[1], F_SETFL, O_NONBLOCK), 0);
	out(f, UART_FCR, UART_FCR_ENABLE_FIFO);
	out(f, UART_MCR, UART_MCR_OUT2);
	/* Not in step with the ring. */
	while (sent < 5)
		out(f, UART_TX, (uint8_t)nth(sent++));
	out(f, UART_IER, UART_IER_THRI);
	while (got < total && ++idle < 20) {
		ssize_t count;

		send_fifos(f, &sent, total);
		if (f->serial.out_count)
			assert_int_equal(via_loop_wait(&f->loop), 0);
		count = read(f->out[0], text, sizeof(text));
		for (ssize_t i = 0; i < count; i++, idle = 0)
			assert_int_equal(text[i], nth(got++));
	}
	assert_int_equal(got, total);
}

/* Pieces that go around the end of the ring stay in order. */
static void the_ring_goes_round(void **state)
{
	struct fixture *f = *state;
	unsigned int next = 0, expected = 0;

	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 3000; i++)
			out(f, UART_TX, (uint8_t)('A' + next++ % 26));
		via_serial_drain(&f->serial);
		for (const char *c = heard(f); *c; c++)
			assert_int_equal(*c, 'A' + expected++ % 26);
		assert_int_equal(expected, next);
	}
}

static void nobody_at_either_end_is_fine(void **state)
{
	struct fixture *f = *state;

	via_serial_close(&f->serial);
	assert_int_equal(via_serial_init(&f->serial, &f->loop, &f->lock, -1, -1, &f->err), 0);
	for (unsigned int i = 0; i < 2 * SERIAL_OUT_BYTES; i++)
		out(f, UART_TX, 'x');
	assert_true(in(f, UART_LSR) & UART_LSR_THRE);
	via_serial_drain(&f->serial);
}

static void a_reset_is_a_power_on(void **state)
{
	struct fixture *f = *state;

	out(f, UART_LCR, UART_LCR_DLAB);
	out(f, UART_DLL, 0x34);
	out(f, UART_DLM, 0x12);
	out(f, UART_LCR, 3);
	out(f, UART_SCR, 0x5a);
	out(f, UART_FCR, UART_FCR_ENABLE_FIFO);
	out(f, UART_MCR, UART_MCR_OUT2 | UART_MCR_DTR);
	out(f, UART_IER, UART_IER_RDI | UART_IER_THRI);
	say(f, "last words");
	type(f, "0123456789abcdef");
	assert_int_equal(via_loop_poll(&f->loop), 0);
	type(f, "not yet taken"); /* the FIFO is full */

	via_serial_reset(&f->serial);
	assert_int_equal(edges(f), 0);
	assert_int_equal(in(f, UART_IER), 0);
	assert_int_equal(in(f, UART_IIR), UART_IIR_NO_INT);
	assert_int_equal(in(f, UART_LCR), 0);
	assert_int_equal(in(f, UART_MCR), 0);
	assert_int_equal(in(f, UART_SCR), 0);
	assert_int_equal(in(f, UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
	assert_int_equal(f->serial.divisor, 1);
	/* Nothing sent is lost, and what was not yet received comes. */
	via_serial_drain(&f->serial);
	assert_string_equal(heard(f), "last words");
	assert_int_equal(via_loop_poll(&f->loop), 0);
	assert_int_equal(in(f, UART_RX), 'n');
	assert_int_equal(edges(f), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(registers_are_those_of_a_16550a),
		TEST(the_divisor_is_behind_dlab),
		TEST(output_arrives_in_one_piece),
		TEST(an_empty_transmitter_interrupts_once),
		TEST(out2_gates_the_interrupt),
		TEST(input_is_received_and_tells),
		TEST(a_full_fifo_leaves_input_outside),
		TEST(the_end_of_input_is_no_event_any_more),
		TEST(loopback_feeds_itself),
		TEST(wide_accesses_reach_neighbours),
		TEST(a_console_nobody_reads_is_a_busy_transmitter),
		TEST(a_slow_reader_loses_nothing),
		TEST(the_ring_goes_round),
		TEST(nobody_at_either_end_is_fine),
		TEST(a_reset_is_a_power_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
