/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A PCI function of the guest by its registers, through sysfs. Whatever fails says so and
 * ends the program: it is a test.
 */
#ifndef REGISTERS_H
#define REGISTERS_H

#include <stddef.h>
#include <stdint.h>

struct function {
	const char *bdf;
	int config_fd;
};

struct bar {
	volatile uint8_t *map; /* memory */
	int fd;		       /* I/O ports */
	size_t size;
};

_Noreturn __attribute__((format(printf, 1, 2))) void die(const char *format, ...);

struct function function_open(const char *bdf);
/* Clears and sets bits of the command register. */
void function_command_change(struct function *function, uint16_t clear, uint16_t set);
struct bar function_bar(struct function *function, int index);
/* The file NAME of the function, a number. */
uint64_t function_number(const struct function *function, const char *name);

uint32_t bar_read(const struct bar *bar, size_t offset, size_t width);
void bar_write(const struct bar *bar, size_t offset, size_t width, uint32_t value);

/* Interrupts so far on the line that is number IRQ. */
uint64_t irq_count(unsigned irq);
/* The IRQ of message INDEX of the function's MSI or MSI-X. */
unsigned function_message_irq(const struct function *function, unsigned index);
/* How long an interrupt may take, on an emulated machine that has little of the processor. */
#define AWAIT_MS 20000

/* The count once it has passed @from; ends the program when it does not in that time. */
uint64_t irq_await(unsigned irq, uint64_t from, const char *what);

/* A page that stays where it is, and its address for a device. */
void *dma_page(uint64_t *address);

int edu(int argc, char **argv);
int testdev(int argc, char **argv);
int ivshmem(int argc, char **argv);
int picture(int argc, char **argv);
int tone(int argc, char **argv);

#endif
