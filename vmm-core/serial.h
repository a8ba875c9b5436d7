/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_SERIAL_H
#define VIA_VMM_SERIAL_H

#include <stdbool.h>
#include <stdint.h>

#include <viaduct/util/error.h>

#include "bus.h"
#include "loop.h"

/*
 * A 16550A (National Semiconductor PC16550D data sheet, section 8) at COM1. There is no baud
 * clock: the transmitter is busy only while nobody takes what it sent, and input is taken from a
 * descriptor as the guest empties the receive FIFO.
 *
 * Register accesses come from vCPU threads under the machine's lock; the descriptors' handlers
 * run in the main thread and take it.
 */
struct via_machine_lock;

#define SERIAL_FIFO_BYTES 16
#define SERIAL_OUT_BYTES  4096U

struct via_serial {
	struct via_bus_range ports;
	struct via_loop *loop;
	struct via_machine_lock *lock;
	int irq_eventfd; /* signalled for each edge of the interrupt line */

	uint8_t ier, lcr, mcr, fcr, scr;
	uint16_t divisor;
	bool overrun;
	bool line_high;	       /* the interrupt line */
	bool transmitter_full; /* nobody takes the output: less room than a FIFO */
	bool tx_empty_pending; /* THR empty interrupt, cleared by reading IIR */
	uint8_t rx[SERIAL_FIFO_BYTES];
	unsigned int rx_head, rx_count;

	struct via_loop_watch in;
	bool in_watched;

	/*
	 * What the guest sent waits 25 ms for more and goes out by one write(2), in the main
	 * thread, so that a console nobody reads holds up neither processors nor the main thread.
	 */
	struct via_loop_watch flush_timer;
	bool flush_armed;
	int out_fd;
	int out_own_fd; /* the same terminal or pipe, opened again; -1: none */
	uint8_t out[SERIAL_OUT_BYTES];
	unsigned int out_head, out_count;
};

/**
 * via_serial_init() - @in_fd and @out_fd stay the caller's, -1 for none.
 *
 * Return: 0 or the errno of eventfd(2), timerfd_create(2) or epoll_ctl(2).
 */
int via_serial_init(struct via_serial *serial, struct via_loop *loop, struct via_machine_lock *lock,
		    int in_fd, int out_fd, struct via_error *err);

/**
 * via_serial_reset() - as after power-on: registers, FIFOs, no interrupt pending. What the guest
 * sent is still written out. No vCPU runs.
 */
void via_serial_reset(struct via_serial *serial);

/** via_serial_drain() - write out what is left after the guest ended, unless nobody takes it. */
void via_serial_drain(struct via_serial *serial);
void via_serial_close(struct via_serial *serial);

#endif
