/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "serial.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/serial_reg.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>

#include "layout.h"
#include "lock.h"

#define FLUSH_DELAY_NS	  25000000L /* below what a person notices */
#define DRAIN_PATIENCE_MS 1000

static void raise_edge(struct via_serial *serial)
{
	uint64_t one = 1;

	if (write(serial->irq_eventfd, &one, sizeof(one)) < 0)
		return; /* full: an edge is pending already */
}

/* Highest priority first, as the IIR reports them (PC16550D, table III). */
static uint8_t interrupt_id(const struct via_serial *serial)
{
	if ((serial->ier & UART_IER_RLSI) && serial->overrun)
		return UART_IIR_RLSI;
	if ((serial->ier & UART_IER_RDI) && serial->rx_count)
		return UART_IIR_RDI;
	if ((serial->ier & UART_IER_THRI) && serial->tx_empty_pending)
		return UART_IIR_THRI;
	return UART_IIR_NO_INT;
}

/* Signals only when the line rises: a driver that fills the FIFO costs one edge, not sixteen. */
static void update_interrupt(struct via_serial *serial)
{
	/* MCR OUT2 gates the interrupt line on a PC. */
	bool high = interrupt_id(serial) != UART_IIR_NO_INT && (serial->mcr & UART_MCR_OUT2);

	if (high && !serial->line_high)
		raise_edge(serial);
	serial->line_high = high;
}

static void watch_input(struct via_serial *serial, bool on)
{
	if (serial->in.fd < 0 || serial->in_watched == on)
		return;
	if (on && via_loop_add(serial->loop, &serial->in))
		return;
	if (!on)
		via_loop_remove(serial->loop, &serial->in);
	serial->in_watched = on;
}

static void receive(struct via_serial *serial, uint8_t byte)
{
	if (serial->rx_count == SERIAL_FIFO_BYTES) {
		serial->overrun = true;
		return;
	}
	serial->rx[(serial->rx_head + serial->rx_count++) % SERIAL_FIFO_BYTES] = byte;
}

static uint8_t take_received(struct via_serial *serial)
{
	uint8_t byte;

	if (!serial->rx_count)
		return 0;
	byte = serial->rx[serial->rx_head];
	serial->rx_head = (serial->rx_head + 1) % SERIAL_FIFO_BYTES;
	if (!--serial->rx_count)
		watch_input(serial, true);
	update_interrupt(serial);
	return byte;
}

static void input_ready(void *data)
{
	struct via_serial *serial = data;
	uint8_t bytes[SERIAL_FIFO_BYTES];
	ssize_t got;

	via_lock(serial->lock);
	if (serial->rx_count == SERIAL_FIFO_BYTES) {
		/* The guest does not read: wait until it does rather than spin. */
		watch_input(serial, false);
		goto out;
	}
	got = read(serial->in.fd, bytes, SERIAL_FIFO_BYTES - serial->rx_count);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		goto out;
	if (got <= 0) {
		/* End of input: the guest runs on without. */
		watch_input(serial, false);
		serial->in.fd = -1;
		goto out;
	}
	for (ssize_t i = 0; i < got; i++)
		receive(serial, bytes[i]);
	update_interrupt(serial);
out:
	via_unlock(serial->lock);
}

/* A driver that finds the transmitter empty fills the FIFO without looking again. */
static bool has_room(const struct via_serial *serial)
{
	return SERIAL_OUT_BYTES - serial->out_count >= SERIAL_FIFO_BYTES;
}

/*
 * Writes a piece of what waits, if somebody takes it within @timeout_ms. Called without the lock:
 * a write may take its time, and only this side shortens the ring.
 */
static bool write_piece(struct via_serial *serial, int timeout_ms)
{
	struct pollfd pollfd = { .fd = serial->out_fd, .events = POLLOUT };
	unsigned int head, count;
	ssize_t wrote;

	via_lock(serial->lock);
	head = serial->out_head;
	count = serial->out_count;
	via_unlock(serial->lock);
	if (count > SERIAL_OUT_BYTES - head)
		count = SERIAL_OUT_BYTES - head;
	if (!count || poll(&pollfd, 1, timeout_ms) <= 0)
		return false;
	wrote = write(serial->out_fd, serial->out + head, count);
	if (wrote <= 0 && (errno == EINTR || errno == EAGAIN))
		return false;
	if (wrote <= 0)
		wrote = (ssize_t)count; /* nobody listens any more: dropped */

	via_lock(serial->lock);
	serial->out_head = (head + (unsigned int)wrote) % SERIAL_OUT_BYTES;
	serial->out_count -= (unsigned int)wrote;
	if (serial->transmitter_full && has_room(serial)) {
		serial->transmitter_full = false;
		serial->tx_empty_pending = true;
		update_interrupt(serial);
	}
	via_unlock(serial->lock);
	return true;
}

static void arm_flush(struct via_serial *serial)
{
	const struct itimerspec soon = { .it_value.tv_nsec = FLUSH_DELAY_NS };
	const struct itimerspec now = { .it_value.tv_nsec = 1 };

	if (!serial->flush_armed)
		serial->flush_armed = !timerfd_settime(serial->flush_timer.fd, 0, &soon, NULL);
	else if (serial->out_count == SERIAL_OUT_BYTES / 2)
		timerfd_settime(serial->flush_timer.fd, 0, &now, NULL);
}

static void flush_due(void *data)
{
	struct via_serial *serial = data;
	uint64_t expirations;

	if (read(serial->flush_timer.fd, &expirations, sizeof(expirations)) < 0)
		return;
	/* Twice, because the ring may wrap; not until it is empty, or a guest could keep us here.
	 */
	if (write_piece(serial, 0))
		write_piece(serial, 0);
	via_lock(serial->lock);
	serial->flush_armed = false;
	if (serial->out_count)
		arm_flush(serial);
	via_unlock(serial->lock);
}

void via_serial_reset(struct via_serial *serial)
{
	uint64_t edges;

	serial->ier = serial->lcr = serial->mcr = serial->fcr = serial->scr = 0;
	serial->divisor = 1;
	serial->overrun = serial->line_high = serial->tx_empty_pending = false;
	serial->rx_head = serial->rx_count = 0;
	watch_input(serial, true);
	if (read(serial->irq_eventfd, &edges, sizeof(edges)) < 0)
		return; /* none */
}

void via_serial_drain(struct via_serial *serial)
{
	while (write_piece(serial, DRAIN_PATIENCE_MS))
		;
}

static void transmit(struct via_serial *serial, uint8_t byte)
{
	unsigned int tail = (serial->out_head + serial->out_count) % SERIAL_OUT_BYTES;

	if (serial->mcr & UART_MCR_LOOP) {
		receive(serial, byte);
		return;
	}
	/* A guest that does not wait for the transmitter loses bytes, as on a wire. */
	if (serial->out_fd < 0 || serial->out_count == SERIAL_OUT_BYTES)
		return;
	serial->out[tail] = byte;
	serial->out_count++;
	serial->transmitter_full = !has_room(serial);
	arm_flush(serial);
}

static void write_register(struct via_serial *serial, uint64_t offset, uint8_t value)
{
	bool dlab = serial->lcr & UART_LCR_DLAB;

	switch (offset) {
	case UART_TX:
		if (dlab) {
			serial->divisor = (uint16_t)((serial->divisor & 0xff00) | value);
			return;
		}
		transmit(serial, value);
		serial->tx_empty_pending = !serial->transmitter_full;
		break;
	case UART_IER:
		if (dlab) {
			serial->divisor = (uint16_t)((serial->divisor & 0xff) | value << 8);
			return;
		}
		/* Enabling THRI while the transmitter is empty raises it. */
		if (value & ~serial->ier & UART_IER_THRI)
			serial->tx_empty_pending = !serial->transmitter_full;
		serial->ier = value & 0xf;
		break;
	case UART_FCR:
		serial->fcr = value;
		if (value & UART_FCR_CLEAR_RCVR) {
			serial->rx_count = 0;
			watch_input(serial, true);
		}
		break;
	case UART_LCR:
		serial->lcr = value;
		break;
	case UART_MCR:
		serial->mcr = value & 0x1f;
		break;
	case UART_SCR:
		serial->scr = value;
		break;
	default:
		return; /* LSR and MSR are read-only */
	}
	update_interrupt(serial);
}

static uint8_t modem_status(const struct via_serial *serial)
{
	uint8_t msr = 0;

	if (!(serial->mcr & UART_MCR_LOOP))
		return UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS;
	/* Loopback feeds the modem outputs to the inputs; drivers detect the chip by it. */
	if (serial->mcr & UART_MCR_RTS)
		msr |= UART_MSR_CTS;
	if (serial->mcr & UART_MCR_DTR)
		msr |= UART_MSR_DSR;
	if (serial->mcr & UART_MCR_OUT1)
		msr |= UART_MSR_RI;
	if (serial->mcr & UART_MCR_OUT2)
		msr |= UART_MSR_DCD;
	return msr;
}

static uint8_t read_register(struct via_serial *serial, uint64_t offset)
{
	bool dlab = serial->lcr & UART_LCR_DLAB;
	uint8_t value;

	switch (offset) {
	case UART_RX:
		return dlab ? (uint8_t)serial->divisor : take_received(serial);
	case UART_IER:
		return dlab ? (uint8_t)(serial->divisor >> 8) : serial->ier;
	case UART_IIR:
		value = interrupt_id(serial);
		if (value == UART_IIR_THRI)
			serial->tx_empty_pending = false;
		update_interrupt(serial);
		if (serial->fcr & UART_FCR_ENABLE_FIFO)
			value |= 0xc0;
		return value;
	case UART_LCR:
		return serial->lcr;
	case UART_MCR:
		return serial->mcr;
	case UART_LSR:
		value = serial->transmitter_full ? 0 : UART_LSR_THRE | UART_LSR_TEMT;
		if (serial->rx_count)
			value |= UART_LSR_DR;
		if (serial->overrun)
			value |= UART_LSR_OE;
		serial->overrun = false;
		update_interrupt(serial);
		return value;
	case UART_MSR:
		return modem_status(serial);
	default:
		return serial->scr;
	}
}

static void access_ports(void *owner, struct via_bus_access *access)
{
	struct via_serial *serial = owner;

	/* A byte-wide chip: a wider access reaches consecutive registers. */
	for (unsigned int i = 0; i < access->size_bytes; i++) {
		unsigned int shift = i * 8;

		if (access->write) {
			write_register(serial, access->offset + i,
				       (uint8_t)(access->value >> shift));
		} else {
			access->value &= ~(0xffULL << shift);
			access->value |= (uint64_t)read_register(serial, access->offset + i)
					 << shift;
		}
	}
}

/*
 * A terminal or pipe of our own that never blocks: O_NONBLOCK set on the caller's descriptor would
 * also be set for everyone it is shared with. Files, which do not block, keep their position.
 */
static int reopen_nonblocking(int fd)
{
	char path[32];
	struct stat status;

	if (fstat(fd, &status) || !(S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode)))
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

int via_serial_init(struct via_serial *serial, struct via_loop *loop, struct via_machine_lock *lock,
		    int in_fd, int out_fd, struct via_error *err)
{
	int rc;

	*serial = (struct via_serial){
		.ports = {
			.base = LAYOUT_PORT_SERIAL,
			.size_bytes = 8,
			.access = access_ports,
			.owner = serial,
		},
		.loop = loop,
		.lock = lock,
		.divisor = 1,
		.in = { .fd = in_fd, .ready = input_ready, .data = serial },
		.flush_timer = { .ready = flush_due, .data = serial },
		.out_fd = out_fd,
		.out_own_fd = -1,
	};
	if (out_fd >= 0)
		serial->out_own_fd = reopen_nonblocking(out_fd);
	if (serial->out_own_fd >= 0)
		serial->out_fd = serial->out_own_fd;
	serial->irq_eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	serial->flush_timer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (serial->irq_eventfd < 0 || serial->flush_timer.fd < 0) {
		rc = -errno;
		goto fail;
	}
	rc = via_loop_add(loop, &serial->flush_timer);
	if (rc)
		goto fail;
	/* A regular file cannot be waited for: a guest reads no console from one. */
	watch_input(serial, true);
	return 0;

fail:
	via_serial_close(serial);
	return via_error_sys(err, -rc, "cannot set up the guest's serial port");
}

void via_serial_close(struct via_serial *serial)
{
	watch_input(serial, false);
	via_close(&serial->flush_timer.fd);
	via_close(&serial->irq_eventfd);
	via_close(&serial->out_own_fd);
}
