/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest that attacks its machine: every processor does one random thing after the other to the
 * functions of bus 0, to the registers of the machine and to the interrupt controllers, until
 * the time is up. Its command line:
 *
 *	seed=N seconds=N cpus=N  what is done, for how long, by how many
 *	resets=1		 it also resets itself, now and then
 *	ejects=1		 it ejects its devices in the last tenth of the time
 *	canary=HEX,HEX...	 host addresses that devices are told to write to and read from
 *
 * What must hold whatever it does is checked here too, and told as a line "hostile: WRONG ...": no
 * BAR lies over memory, an APIC or configuration space.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PORT_SERIAL  0x3f8
#define PORT_SLEEP   0x600
#define PORT_HOTPLUG 0x610
#define PORT_RESET   0xcf9
#define SLEEP_OFF    0x34 /* ACPI 6.5, 4.8.3.7: type 5, enable */

#define ECAM   0xe0000000ULL
#define IOAPIC 0xfec00000ULL
#define LAPIC  0xfee00000ULL
#define RESULT 0x50000ULL   /* outlives a reset: nothing clears memory */
#define RINGS  0x2000000ULL /* 1 MiB that only queues and their buffers are in */
#define RAM    0x3000000ULL /* where BARs are laid over memory: 48 MiB */

#define CPUS_MAX	8
#define FUNCTIONS_MAX	16
#define CANARIES_MAX	16
#define FIRST_INTERRUPT 32

/* Part of a BAR: virtio 1.2, 4.1.4. */
struct window {
	uint8_t bar;
	uint32_t offset, bytes;
};

struct function {
	uint8_t devfn;
	uint8_t pm, msi, msix, exp, af; /* offsets of capabilities */
	uint16_t vendor, device;
	uint32_t class;
	uint32_t bars[7]; /* where they were; the ROM last */
	uint32_t sizes[7];
	struct window common, notify, settings; /* of a virtio device, none without bytes */
	uint8_t access;				/* its capability to reach them from here */
	uint32_t notify_step;
};

/* What survives a reset. */
struct result {
	uint64_t magic;
	uint64_t elapsed_ns;
	uint64_t resets;
	uint64_t ops;
	uint64_t told_s;
};

static struct function functions[FUNCTIONS_MAX];
static unsigned int function_count;
static uint64_t canaries[CANARIES_MAX];
static unsigned int canary_count;
static struct {
	uint64_t random, ops, seen, idle_s;
} cpus[CPUS_MAX];
static struct {
	uint64_t seed, seconds, cpus, resets, ejects;
} wanted = { 1, 10, 1, 0, 0 };
static struct {
	uint64_t tsc, mul, before_ns;
	int shift;
} timer;
static uint64_t ops_before;
static volatile uint32_t telling, edu_busy;
static uint64_t interrupts[256];
static struct {
	uint64_t low, high;
} idt[256];
static volatile uint32_t clock_page[1024] __attribute__((aligned(64)));

extern uint8_t stubs[], trampoline[], trampoline_end[];
extern uint64_t pml4[512], pdpts[128][512];
void begin(uint64_t start_info);
void go_on(unsigned int cpu);
int interrupt(unsigned int vector);
void *memcpy(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);

#define PORTS(letter, bits)                                                                        \
	static void out##letter(uint16_t port, uint##bits##_t value)                               \
	{                                                                                          \
		__asm__ volatile("out" #letter " %0, %1" : : "a"(value), "Nd"(port) : "memory");   \
	}                                                                                          \
	static uint##bits##_t in##letter(uint16_t port)                                            \
	{                                                                                          \
		uint##bits##_t value;                                                              \
		__asm__ volatile("in" #letter " %1, %0" : "=a"(value) : "Nd"(port) : "memory");    \
		return value;                                                                      \
	}
PORTS(b, 8)
PORTS(w, 16)
PORTS(l, 32)

static uint64_t rdtsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

void *memcpy(void *to, const void *from, size_t bytes)
{
	void *at = to;

	__asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(bytes) : : "memory");
	return to;
}

void *memset(void *to, int value, size_t bytes)
{
	void *at = to;

	__asm__ volatile("rep stosb" : "+D"(at), "+c"(bytes) : "a"(value) : "memory");
	return to;
}

static uint64_t read_at(uint64_t gpa, unsigned int bytes)
{
	switch (bytes) {
	case 1:
		return *(volatile uint8_t *)gpa;
	case 2:
		return *(volatile uint16_t *)gpa;
	case 4:
		return *(volatile uint32_t *)gpa;
	default:
		return *(volatile uint64_t *)gpa;
	}
}

static void write_at(uint64_t gpa, unsigned int bytes, uint64_t value)
{
	switch (bytes) {
	case 1:
		*(volatile uint8_t *)gpa = (uint8_t)value;
		break;
	case 2:
		*(volatile uint16_t *)gpa = (uint16_t)value;
		break;
	case 4:
		*(volatile uint32_t *)gpa = (uint32_t)value;
		break;
	default:
		*(volatile uint64_t *)gpa = value;
	}
}

/* Telling: one line at a time, and it may take nobody's time for ever. */

static void put(char c)
{
	for (int i = 0; i < 1000 && !(inb(PORT_SERIAL + 5) & 0x20); i++)
		;
	outb(PORT_SERIAL, (uint8_t)c);
}

static void say(const char *text)
{
	while (*text)
		put(*text++);
}

static void say_number(const char *name, uint64_t value, unsigned int base)
{
	char text[24];
	int at = sizeof(text) - 1;

	text[at] = '\0';
	do {
		text[--at] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	say(name);
	say(text + at);
}

static void tell_begin(void)
{
	for (int i = 0; i < 1000000 && __sync_lock_test_and_set(&telling, 1); i++)
		__builtin_ia32_pause();
	/* The port as it must be to be heard: no divisor latch, no loopback. */
	outb(PORT_SERIAL + 3, 3);
	outb(PORT_SERIAL + 4, 0);
	say("\nhostile: ");
}

static void tell_end(void)
{
	say("\n");
	__sync_lock_release(&telling);
}

static void wrong(const char *what, uint64_t value)
{
	tell_begin();
	say("WRONG ");
	say_number(what, value, 16);
	tell_end();
}

/* Random numbers (xorshift64*), one sequence a processor. */

static uint64_t any(unsigned int cpu)
{
	uint64_t x = cpus[cpu].random;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	cpus[cpu].random = x;
	return x * 0x2545f4914f6cdd1dULL;
}

static uint64_t below(unsigned int cpu, uint64_t end)
{
	return (any(cpu) >> 16) % end;
}

static bool one_in(unsigned int cpu, uint64_t n)
{
	return !below(cpu, n);
}

static unsigned int width(unsigned int cpu)
{
	return 1U << below(cpu, 4);
}

static uint64_t value(unsigned int cpu)
{
	static const uint64_t edges[] = { 0,	~0ULL,	    0xfee00000, 0xfec00000,
					  ECAM, 0x80000000, 1,		0xffff };

	switch (below(cpu, 4)) {
	case 0:
		return edges[below(cpu, 8)];
	case 1:
		return 1ULL << below(cpu, 64);
	default:
		return any(cpu);
	}
}

/*
 * No start of a processor just anywhere, where it would only run wild, and neither INIT nor SMI:
 * the first processor then begins where a PC has firmware, which is soon something KVM cannot
 * emulate, and processors that share one state of system management have KVM give up the machine.
 */
static uint32_t tame(uint32_t command)
{
	uint32_t mode = command & 0x700;

	return mode == 0x200 || mode == 0x500 || mode == 0x600 ? command & ~0x700U : command;
}

/* Configuration space. */

static uint64_t config_at(const struct function *function, unsigned int offset)
{
	return ECAM + ((uint64_t)function->devfn << 12) + offset;
}

static uint32_t config_read(const struct function *function, unsigned int offset,
			    unsigned int bytes)
{
	return (uint32_t)read_at(config_at(function, offset), bytes);
}

static void config_write(const struct function *function, unsigned int offset, unsigned int bytes,
			 uint64_t to)
{
	write_at(config_at(function, offset), bytes, to);
}

/*
 * QEMU's edu does not check where in itself it copies to. Nothing but edu_dma() reaches its
 * registers for that: its BAR stays where it is, and no other BAR may be reached there.
 */
static bool is_edu(const struct function *function)
{
	return function->vendor == 0x1234 && function->device == 0x11e8;
}

static bool is_frail(const struct function *function, unsigned int offset, unsigned int bytes)
{
	return is_edu(function) && offset + bytes > 0x10 && offset < 0x28;
}

static void find_virtio(struct function *function, unsigned int at)
{
	const struct window window = {
		.bar = (uint8_t)config_read(function, at + 4, 1),
		.offset = config_read(function, at + 8, 4),
		.bytes = config_read(function, at + 12, 4),
	};

	switch (function->vendor == 0x1af4 ? config_read(function, at + 3, 1) : 0) {
	case 1:
		function->common = window;
		break;
	case 2:
		function->notify = window;
		function->notify_step = config_read(function, at + 16, 4);
		break;
	case 4:
		function->settings = window;
		break;
	case 5:
		function->access = (uint8_t)at;
		break;
	}
}

static void find_capabilities(struct function *function)
{
	unsigned int at = config_read(function, 0x34, 1), left = 48;

	while (at >= 0x40 && left--) {
		switch (config_read(function, at, 1)) {
		case 0x01:
			function->pm = (uint8_t)at;
			break;
		case 0x09:
			find_virtio(function, at);
			break;
		case 0x05:
			function->msi = (uint8_t)at;
			break;
		case 0x10:
			function->exp = (uint8_t)at;
			break;
		case 0x11:
			function->msix = (uint8_t)at;
			break;
		case 0x13:
			function->af = (uint8_t)at;
			break;
		}
		at = config_read(function, at + 1, 1);
	}
}

static unsigned int bar_register(unsigned int bar)
{
	return bar == 6 ? 0x30 : 0x10 + bar * 4;
}

static void find_functions(void)
{
	for (unsigned int devfn = 0; devfn < 256 && function_count < FUNCTIONS_MAX; devfn++) {
		struct function *function = &functions[function_count];

		function->devfn = (uint8_t)devfn;
		if (config_read(function, 0, 2) == 0xffff)
			continue;
		function->vendor = (uint16_t)config_read(function, 0, 2);
		function->device = (uint16_t)config_read(function, 2, 2);
		function->class = config_read(function, 8, 4) >> 8;
		for (unsigned int i = 0; i < 7; i++) {
			function->bars[i] = config_read(function, bar_register(i), 4);
			config_write(function, bar_register(i), 4, i < 6 ? ~0U : ~1U);
			function->sizes[i] = config_read(function, bar_register(i), 4);
			config_write(function, bar_register(i), 4, function->bars[i]);
		}
		find_capabilities(function);
		function_count++;
		tell_begin();
		say_number("function ", devfn, 16);
		say_number(" is ", function->vendor, 16);
		say_number(":", function->device, 16);
		tell_end();
	}
}

static struct function *some(unsigned int cpu)
{
	return &functions[below(cpu, function_count)];
}

/* Everything as firmware had it, and decoded: nonsense is the more fun with it. */
static void behave(const struct function *function)
{
	for (unsigned int i = 0; i < 7; i++)
		config_write(function, bar_register(i), 4, function->bars[i] | (i == 6));
	if (function->pm)
		config_write(function, function->pm + 4U, 2, 0);
	config_write(function, 4, 2, 0x0007);
}

static bool is_wide(const struct function *function, unsigned int bar)
{
	return bar < 5 && (function->bars[bar] & 7) == 4;
}

static uint64_t bar_bytes(const struct function *function, unsigned int bar)
{
	uint32_t mask = function->sizes[bar] & (bar == 6 ? ~0x7ffU : ~0xfU);
	uint64_t bytes = mask & -mask;

	return bytes ? bytes : 0x1000;
}

/* Where BAR @bar is now; 0 where there is none that may be reached. */
static uint64_t bar_now(const struct function *function, unsigned int bar, bool *io)
{
	uint64_t at = config_read(function, bar_register(bar), 4);

	if (!function->sizes[bar] || (bar && bar < 6 && is_wide(function, bar - 1)))
		return 0;
	*io = bar < 6 && at & 1;
	if (*io)
		return at & 0xfffc;
	at &= bar == 6 ? ~0x7ffULL : ~0xfULL;
	if (is_wide(function, bar))
		at |= (uint64_t)config_read(function, bar_register(bar) + 4, 4) << 32;
	/* Memory of ours, what wrecks us rather than the machine, and what is beyond our tables. */
	if (at < 0xc0000000 || (at >= 0xfe000000 && at < 0x100000000ULL) || at >> 46)
		return 0;
	for (unsigned int i = 0; i < function_count && !is_edu(function); i++) {
		uint64_t edu = functions[i].bars[0] & ~0xfULL;

		if (is_edu(&functions[i]) && at < edu + 0x100000 &&
		    edu < at + bar_bytes(function, bar))
			return 0;
	}
	return at;
}

/* What is done. */

static void config_nonsense(unsigned int cpu)
{
	const struct function *function = some(cpu);
	unsigned int bytes = width(cpu), offset;

	switch (below(cpu, 4)) {
	case 0:
		offset = (unsigned int)below(cpu, 4096);
		break;
	case 1:
		offset = (unsigned int)below(cpu, 64);
		break;
	default:
		offset = (unsigned int)below(cpu, 256);
	}
	if (!one_in(cpu, 8))
		offset &= ~(bytes - 1);
	if (one_in(cpu, 3))
		read_at(config_at(function, offset), bytes);
	else if (!is_frail(function, offset, bytes) &&
		 (offset + bytes <= function->msi || offset > function->msi + 14U))
		config_write(function, offset, bytes, value(cpu));
}

static void move_bar(unsigned int cpu)
{
	const struct function *function = some(cpu), *other = some(cpu);
	unsigned int bar = (unsigned int)below(cpu, 7), which = (unsigned int)below(cpu, 7);
	const uint64_t places[] = {
		LAPIC,
		IOAPIC,
		ECAM,
		0,
		RAM,
		other->bars[which],
		other->bars[which] + 0x1000,
		function->bars[bar],
		0xffffffff,
		0xfffff000,
		any(cpu),
		0xdffff000,
		0xc0000000,
	};
	uint64_t place = places[below(cpu, sizeof(places) / sizeof(*places))];

	if (is_frail(function, bar_register(bar), 4))
		return;
	if (one_in(cpu, 2))
		config_write(function, 4, 2, any(cpu) & 0x407);
	config_write(function, bar_register(bar), 4, place | (bar == 6));
	if (is_wide(function, bar) && one_in(cpu, 2))
		config_write(function, bar_register(bar) + 4, 4, one_in(cpu, 2) ? 0 : value(cpu));
	if (one_in(cpu, 2))
		config_write(function, 4, 2, 7);
}

/* Whatever the BARs are said to be, these are what they are. */
static void look(unsigned int cpu)
{
	const struct function *function = some(cpu);
	uint64_t wrote = any(cpu), got, at = RAM + cpu * 0x100000;

	*(volatile uint64_t *)at = wrote;
	got = *(volatile uint64_t *)at;
	if (got != wrote)
		wrong("memory is ", got);
	got = read_at(LAPIC + 0x30, 4) & 0xff;
	if (got < 0x10 || got > 0x1f)
		wrong("the local APIC's version is ", got);
	got = config_read(function, 0, 2);
	if (got != function->vendor && (got != 0xffff || !wanted.ejects))
		wrong("a function's vendor is ", got);
}

static void message(unsigned int cpu, uint32_t words[4])
{
	words[0] = one_in(cpu, 3) ? (uint32_t)value(cpu)
				  : (uint32_t)LAPIC | (uint32_t)below(cpu, wanted.cpus) << 12;
	words[1] = one_in(cpu, 4) ? (uint32_t)value(cpu) : 0;
	words[2] = one_in(cpu, 3) ? tame((uint32_t)value(cpu)) : 0x40 + (uint32_t)below(cpu, 0xa0);
	words[3] = one_in(cpu, 4) ? (uint32_t)value(cpu) : (uint32_t)below(cpu, 2);
}

static void msix_nonsense(unsigned int cpu)
{
	const struct function *function = some(cpu);
	unsigned int bytes = width(cpu), entries;
	uint32_t where, words[4];
	uint64_t at;
	bool io;

	if (!function->msix)
		return;
	where = config_read(function, function->msix + (one_in(cpu, 4) ? 8U : 4U), 4);
	entries = (config_read(function, function->msix + 2U, 2) & 0x7ff) + 1;
	if ((where & 7) > 5)
		return;
	at = bar_now(function, where & 7, &io);
	if (!at || io)
		return;
	at += where & ~7U;
	if (one_in(cpu, 3)) { /* anywhere in the pages it has */
		at += below(cpu, 0x1000);
		if (one_in(cpu, 2))
			read_at(at, bytes);
		else
			write_at(at, bytes, tame((uint32_t)value(cpu)));
		return;
	}
	at += below(cpu, entries) * 16;
	message(cpu, words);
	for (unsigned int i = 0; i < 4; i++)
		write_at(at + i * 4, 4, words[i]);
}

static void msix_flood(unsigned int cpu)
{
	const struct function *function = some(cpu);

	if (!function->msix)
		return;
	for (uint64_t i = below(cpu, 20); i; i--)
		config_write(function, function->msix + 2U, 2, any(cpu) & 0xc000);
	config_write(function, function->msix + 2U, 2, 0x8000);
}

static void msi_nonsense(unsigned int cpu)
{
	const struct function *function = some(cpu);
	unsigned int at = function->msi;
	uint32_t words[4];
	bool wide;

	if (!at)
		return;
	wide = config_read(function, at + 2, 2) & 0x80;
	message(cpu, words);
	if (one_in(cpu, 2))
		config_write(function, at + 2, 2, any(cpu));
	config_write(function, at + 4, 4, words[0]);
	if (wide)
		config_write(function, at + 8, 4, words[1]);
	config_write(function, at + (wide ? 12 : 8), 2, words[2]);
	if (one_in(cpu, 2))
		config_write(function, at + (wide ? 16 : 12), 4, value(cpu));
	for (uint64_t i = below(cpu, 4); i; i--)
		config_write(function, at + 2, 2, any(cpu) & 0x71);
	if (one_in(cpu, 2))
		config_write(function, at + 2, 2, 0);
	read_at(config_at(function, at + (wide ? 20 : 16)), 4);
}

static void intx_flood(unsigned int cpu)
{
	const struct function *function = some(cpu);

	for (uint64_t i = below(cpu, 8); i; i--)
		config_write(function, 4, 2, 7 | (any(cpu) & 0x400));
	config_write(function, 4, 2, 7);
}

static void power(unsigned int cpu)
{
	const struct function *function = some(cpu);

	if (!function->pm)
		return;
	config_write(function, function->pm + 4U, 2, below(cpu, 4));
	if (one_in(cpu, 2))
		config_write(function, 4, 2, below(cpu, 8));
	if (!one_in(cpu, 8))
		config_write(function, function->pm + 4U, 2, 0);
}

static void reset_function(unsigned int cpu)
{
	const struct function *function = some(cpu);

	if (!one_in(cpu, 16))
		return;
	if (function->exp)
		config_write(function, function->exp + 8U, 2, (any(cpu) & 0x70ff) | 0x8000);
	else if (function->af)
		config_write(function, function->af + 4U, 1, 1);
	if (one_in(cpu, 2))
		behave(function);
}

static void bar_nonsense(unsigned int cpu)
{
	const struct function *function = some(cpu);
	unsigned int bar = (unsigned int)below(cpu, 7), bytes = width(cpu);
	uint64_t at, size;
	bool io;

	at = bar_now(function, bar, &io);
	if (!at)
		return;
	size = bar_bytes(function, bar);
	for (uint64_t i = below(cpu, 32); i; i--) {
		uint64_t offset = below(cpu, one_in(cpu, 2) && size > 0x1000 ? 0x1000 : size);

		if (!one_in(cpu, 8))
			offset &= ~(uint64_t)(bytes - 1);
		if (is_edu(function) && offset + 8 > 0x80)
			continue;
		if (io && one_in(cpu, 2))
			outl((uint16_t)(at + offset), (uint32_t)value(cpu));
		else if (io)
			inb((uint16_t)(at + offset));
		else if (one_in(cpu, 3))
			write_at(at + offset, bytes, value(cpu));
		else
			read_at(at + offset, bytes);
	}
}

/* The same value again and again: what makes a doorbell. */
static void ring(unsigned int cpu)
{
	const struct function *function = some(cpu);
	unsigned int bar = (unsigned int)below(cpu, 6), bytes = width(cpu);
	uint64_t at, offset, to = value(cpu);
	bool io;

	at = bar_now(function, bar, &io);
	offset = below(cpu, bar_bytes(function, bar) < 0x100 ? bar_bytes(function, bar) : 0x100) &
		 ~(uint64_t)(bytes - 1);
	if (!at || is_edu(function))
		return;
	for (unsigned int i = 0; i < 80; i++) {
		if (io)
			outl((uint16_t)(at + (offset & ~3ULL)), (uint32_t)to);
		else
			write_at(at + offset, bytes, to);
	}
}

/* From one BAR to another, as string instructions do it. */
static void copy(unsigned int cpu)
{
	const struct function *from = some(cpu), *to = some(cpu);
	uint64_t source, target;
	bool io, other_io;

	source = bar_now(from, (unsigned int)below(cpu, 7), &io);
	target = bar_now(to, (unsigned int)below(cpu, 6), &other_io);
	if (!source || !target || io || other_io || is_edu(from) || is_edu(to))
		return;
	memcpy((void *)(target + below(cpu, 0x100)), (void *)(source + below(cpu, 0x100)),
	       below(cpu, 64));
}

/* Addresses for a device to reach: the host's canary, ends of memory, other devices, anything. */
static uint64_t target(unsigned int cpu)
{
	const struct function *other = some(cpu);

	switch (below(cpu, 4)) {
	case 0:
		return any(cpu) & 0xfffffffff000ULL;
	case 1:
		return other->bars[below(cpu, 6)] & ~0xfffULL;
	case 2:
		return 0x4000000ULL + below(cpu, 0x40000) * 0x1000;
	default:
		return canary_count ? canaries[below(cpu, canary_count)] : 0x100000000ULL;
	}
}

static void edu_dma(unsigned int cpu, const struct function *edu)
{
	uint64_t at = edu->bars[0] & ~0xfULL, host = target(cpu);
	bool from_host = one_in(cpu, 2);

	if (__sync_lock_test_and_set(&edu_busy, 1))
		return;
	config_write(edu, 4, 2, 7);
	if (read_at(at, 4) == 0x010000ed && !(read_at(at + 0x98, 8) & 1)) {
		write_at(at + 0x80, 8, from_host ? host : 0x40000);
		write_at(at + 0x88, 8, from_host ? 0x40000 : host);
		write_at(at + 0x90, 8, 1 + below(cpu, 0x1000));
		write_at(at + 0x98, 8, 1 | (from_host ? 0 : 2) | (any(cpu) & 4));
	}
	__sync_lock_release(&edu_busy);
}

/* NVMe 2.0, 3.1.4: queues anywhere, enabled, and told that they have commands. */
static void nvme_dma(unsigned int cpu, const struct function *nvme)
{
	bool io;
	uint64_t at = bar_now(nvme, 0, &io);

	if (!at)
		return;
	if (one_in(cpu, 4))
		write_at(at + 0x14, 4, 0);
	write_at(at + 0x24, 4, 0x001f001f);
	write_at(at + 0x28, 8, target(cpu));
	write_at(at + 0x30, 8, target(cpu));
	write_at(at + 0x14, 4, 0x00460001);
	for (uint64_t i = 0; i < 8; i++)
		write_at(at + 0x1000 + below(cpu, 4) * 4, 4, below(cpu, 32));
}

/* Intel's gigabit functions: rings anywhere (82576 8.10 and 8.12; a VF has the same registers). */
static void ethernet_dma(unsigned int cpu, const struct function *function)
{
	static const uint16_t rings[] = { 0x2800, 0x3800, 0xc000, 0xe000 };
	bool io;
	uint64_t at = bar_now(function, 0, &io);

	if (!at)
		return;
	for (unsigned int i = 0; i < 4; i++) {
		uint64_t ring = at + rings[i], to = target(cpu);

		if (ring + 0x30 > at + bar_bytes(function, 0))
			break;
		write_at(ring, 4, (uint32_t)to);
		write_at(ring + 4, 4, (uint32_t)(to >> 32));
		write_at(ring + 8, 4, 0x1000);
		write_at(ring + 0x28, 4, 0x02000000);
		write_at(at + 0x100, 4, 0x0000801a); /* receive, all of it */
		write_at(at + 0x400, 4, 0x0000000a); /* transmit */
		write_at(ring + 0x18, 4, below(cpu, 256));
	}
}

/* Where a queue, or a buffer, is said to be. */
static uint64_t some_place(unsigned int cpu)
{
	switch (below(cpu, 8)) {
	case 0:
		return value(cpu);
	case 1:
		return target(cpu);
	case 2:
		return RINGS + below(cpu, 0x100000);
	default:
		return RINGS + below(cpu, 64) * 0x4000;
	}
}

/* Virtio 1.2, 2.7: descriptors at @at, the driver's ring a page behind them. */
static void fill_queue(unsigned int cpu, uint64_t at)
{
	for (unsigned int i = 0; i < 16; i++) {
		uint64_t buffer = some_place(cpu), ours = RINGS + below(cpu, 0xff000);

		write_at(at + i * 16, 8, buffer);
		write_at(at + i * 16 + 8, 4,
			 one_in(cpu, 4) ? value(cpu) : 16 + below(cpu, 2) * 0x600);
		write_at(at + i * 16 + 12, 2, one_in(cpu, 4) ? any(cpu) & 7 : any(cpu) & 3);
		write_at(at + i * 16 + 14, 2, below(cpu, one_in(cpu, 16) ? 0x10000 : 16));
		/* The head of a disk's request (5.2.6), or of a packet (5.1.6). */
		write_at(ours & ~7ULL, 4, below(cpu, 15));
		write_at((ours & ~7ULL) + 8, 8, one_in(cpu, 2) ? below(cpu, 0x8000) : value(cpu));
	}
	for (unsigned int i = 0; i < 16; i++)
		write_at(at + 0x1004 + i * 2, 2, below(cpu, one_in(cpu, 16) ? 0x10000 : 16));
	write_at(at + 0x1000, 2, any(cpu) & 1);
	write_at(at + 0x1002, 2, one_in(cpu, 8) ? any(cpu) : below(cpu, 16));
}

/* Virtio 1.2, 4.1.4.3: its features, then its queues, from the start or in between. */
static void set_up_virtio(unsigned int cpu, uint64_t common)
{
	if (one_in(cpu, 2))
		write_at(common + 20, 1, 0);
	write_at(common + 20, 1, 3);
	for (uint32_t i = 0; i < 2; i++) {
		uint32_t offered;

		write_at(common, 4, i);
		write_at(common + 8, 4, i);
		offered = (uint32_t)read_at(common + 4, 4);
		write_at(common + 12, 4, one_in(cpu, 8) ? value(cpu) : (offered & any(cpu)) | i);
	}
	write_at(common + 20, 1, 0xb);
	write_at(common + 16, 2, one_in(cpu, 4) ? value(cpu) : below(cpu, 4));
	for (uint64_t left = 1 + below(cpu, 4), queue = below(cpu, 3); left; left--, queue++) {
		uint64_t at = some_place(cpu);

		write_at(common + 22, 2, one_in(cpu, 16) ? value(cpu) : queue);
		if (one_in(cpu, 2))
			write_at(common + 24, 2,
				 one_in(cpu, 8) ? value(cpu) : 1ULL << below(cpu, 11));
		write_at(common + 26, 2, one_in(cpu, 4) ? value(cpu) : below(cpu, 4));
		write_at(common + 32, 8, at);
		write_at(common + 40, 8, one_in(cpu, 8) ? some_place(cpu) : at + 0x1000);
		write_at(common + 48, 8, one_in(cpu, 8) ? some_place(cpu) : at + 0x2000);
		write_at(common + 28, 2, 1);
	}
	write_at(common + 20, 1, one_in(cpu, 8) ? value(cpu) : 0xf);
	if (one_in(cpu, 8))
		write_at(common + 58, 2, 1);
}

static void virtio(unsigned int cpu)
{
	const struct function *function = some(cpu);
	uint64_t common, notify, settings;
	bool io;

	for (unsigned int i = 0; i < 8 && !function->common.bytes; i++)
		function = some(cpu);
	if (!function->common.bytes)
		return;
	if (one_in(cpu, 2))
		config_write(function, 4, 2, 7);
	if (function->access && one_in(cpu, 4)) {
		config_write(function, function->access + 4U, 1, one_in(cpu, 8) ? value(cpu) : 0);
		config_write(function, function->access + 8U, 4,
			     one_in(cpu, 4) ? value(cpu) : below(cpu, 0x4000));
		config_write(function, function->access + 12U, 4, width(cpu));
		config_write(function, function->access + 16U, width(cpu) & 7, value(cpu));
	}
	common = bar_now(function, function->common.bar, &io);
	notify = bar_now(function, function->notify.bar, &io);
	settings = bar_now(function, function->settings.bar, &io);
	if (!common || !notify || io)
		return;
	common += function->common.offset;
	notify += function->notify.offset;
	if (one_in(cpu, 2))
		set_up_virtio(cpu, common);
	for (uint64_t i = below(cpu, 8); i; i--) {
		uint64_t queue = below(cpu, 4);

		fill_queue(cpu, RINGS + below(cpu, 63) * 0x4000);
		write_at(notify + queue * function->notify_step, 2,
			 one_in(cpu, 8) ? value(cpu) : queue);
	}
	if (one_in(cpu, 8))
		write_at(common + below(cpu, function->common.bytes), width(cpu), value(cpu));
	if (one_in(cpu, 8))
		write_at(notify + below(cpu, function->notify.bytes), width(cpu), value(cpu));
	if (settings && function->settings.bytes)
		write_at(settings + function->settings.offset +
				 below(cpu, function->settings.bytes),
			 width(cpu), value(cpu));
}

static void dma(unsigned int cpu)
{
	const struct function *function = some(cpu);

	if (one_in(cpu, 4))
		config_write(function, 4, 2, 7);
	if (is_edu(function))
		edu_dma(cpu, function);
	else if (function->class >> 8 == 0x0108)
		nvme_dma(cpu, function);
	else if (function->class >> 8 == 0x0200)
		ethernet_dma(cpu, function);
}

static void rom(unsigned int cpu)
{
	const struct function *function = some(cpu);
	uint64_t at;
	bool io;

	if (!function->sizes[6])
		return;
	config_write(function, 0x30, 4, function->bars[6] | 1);
	at = bar_now(function, 6, &io);
	for (unsigned int i = 0; at && i < 64; i++) {
		uint64_t word = at + (below(cpu, bar_bytes(function, 6)) & ~7ULL);

		if (one_in(cpu, 8))
			write_at(word, 8, any(cpu));
		else
			read_at(word, width(cpu));
	}
	if (one_in(cpu, 2))
		config_write(function, 0x30, 4, 0);
}

static void port_nonsense(unsigned int cpu)
{
	static const uint16_t ports[] = { PORT_SERIAL,	PORT_SERIAL + 4,  PORT_SLEEP,
					  PORT_HOTPLUG, PORT_HOTPLUG + 8, PORT_RESET };
	uint16_t port = (uint16_t)(one_in(cpu, 3) ? any(cpu) : ports[below(cpu, 6)]);
	unsigned int bytes = width(cpu);
	uint32_t to = (uint32_t)value(cpu);

	port = (uint16_t)(port + below(cpu, 8));
	/* Not the end, a reset, a slot ejected, or megabytes on the console. */
	if ((port <= PORT_SLEEP && port + 4 > PORT_SLEEP) ||
	    (port <= PORT_RESET && port + 4 > PORT_RESET) ||
	    (port <= PORT_HOTPLUG + 8 && port + 4 > PORT_HOTPLUG + 8))
		to &= 0x03030303;
	if (port <= PORT_SERIAL && port + 4 > PORT_SERIAL && !one_in(cpu, 64))
		return;
	if (port >= PORT_HOTPLUG + 5 && port <= PORT_HOTPLUG + 8 && !wanted.ejects)
		to = 0;
	if (one_in(cpu, 2)) {
		switch (bytes) {
		case 1:
			inb(port);
			break;
		case 2:
			inw(port);
			break;
		default:
			inl(port);
		}
		return;
	}
	switch (bytes) {
	case 1:
		outb(port, (uint8_t)to);
		break;
	case 2:
		outw(port, (uint16_t)to);
		break;
	default:
		if (port != PORT_HOTPLUG + 8)
			outl(port, to);
	}
}

/* Several bytes in one instruction: one exit with a count. */
static void port_strings(unsigned int cpu)
{
	static uint8_t bytes[CPUS_MAX][64];
	uint16_t port = (uint16_t)(one_in(cpu, 2) ? PORT_SERIAL + 5 + below(cpu, 3)
						  : 0x1000 + below(cpu, 0xe000));
	uint64_t count = below(cpu, 16);
	void *at = bytes[cpu];

	if (one_in(cpu, 2))
		__asm__ volatile("rep insl" : "+D"(at), "+c"(count) : "d"(port) : "memory");
	else
		__asm__ volatile("rep outsl" : "+S"(at), "+c"(count) : "d"(port) : "memory");
}

static void memory_nonsense(unsigned int cpu)
{
	static const uint64_t places[] = { 0xc0000000,	    0xdffff000,	    0xe0100000, 0xf0000000,
					   0xfec00000,	    0xfed00000,	    0xfeeff000, 0xff000000,
					   0x4000000000ULL, 0x7ffffff000ULL };
	uint64_t at = places[below(cpu, 10)] + below(cpu, 0x2000) - 8;
	unsigned int bytes = width(cpu);

	for (unsigned int i = 0; i < function_count; i++) {
		uint64_t edu = functions[i].bars[0] & ~0xfULL;

		if (is_edu(&functions[i]) && at + 8 > edu && at < edu + 0x100000)
			return;
	}
	if (one_in(cpu, 2))
		read_at(at, bytes);
	else
		write_at(at, bytes, value(cpu));
}

static void ioapic_nonsense(unsigned int cpu)
{
	if (one_in(cpu, 8)) {
		write_at(IOAPIC + below(cpu, 0x400), width(cpu), tame((uint32_t)value(cpu)));
		return;
	}
	write_at(IOAPIC, 4, one_in(cpu, 4) ? any(cpu) & 0xff : 0x10 + below(cpu, 48));
	write_at(IOAPIC + 0x10, 4,
		 one_in(cpu, 2) ? (value(cpu) & ~0x700ULL) : 0x20 + below(cpu, 0xd0) + 0x8000);
}

static void lapic_nonsense(unsigned int cpu)
{
	unsigned int offset = (unsigned int)below(cpu, 64) * 16;
	uint32_t to = tame((uint32_t)value(cpu));

	if (one_in(cpu, 2))
		read_at(LAPIC + offset, 4);
	else
		write_at(LAPIC + offset, 4, to);
	write_at(LAPIC + 0xf0, 4, 0x1ff); /* on again */
	write_at(LAPIC + 0x80, 4, 0);	  /* and hears every interrupt */
}

static void hotplug(unsigned int cpu)
{
	inl(PORT_HOTPLUG + 4 * (uint16_t)below(cpu, 3));
	outl(PORT_HOTPLUG + 4 * (uint16_t)below(cpu, 2), (uint32_t)any(cpu));
	/* An empty slot, or none at all. */
	outl(PORT_HOTPLUG + 8, one_in(cpu, 2) ? 0x20 | (uint32_t)any(cpu) : 31);
}

static void (*const deeds[])(unsigned int cpu) = {
	config_nonsense,
	config_nonsense,
	move_bar,
	move_bar,
	look,
	msix_nonsense,
	msix_nonsense,
	msix_flood,
	msi_nonsense,
	intx_flood,
	power,
	reset_function,
	bar_nonsense,
	bar_nonsense,
	ring,
	copy,
	dma,
	dma,
	virtio,
	virtio,
	rom,
	port_nonsense,
	port_strings,
	memory_nonsense,
	ioapic_nonsense,
	lapic_nonsense,
	hotplug,
};

/* Time, the processors that were stopped, and the end. */

static uint64_t elapsed_ns(void)
{
	uint64_t ticks = rdtsc() - timer.tsc;

	ticks = timer.shift < 0 ? ticks >> -timer.shift : ticks << timer.shift;
	return (uint64_t)((unsigned __int128)ticks * timer.mul >> 32);
}

/* KVM tells how fast the time stamp counter is: struct pvclock_vcpu_time_info. */
static void timer_init(void)
{
	uint64_t at = (uintptr_t)clock_page | 1;

	__asm__ volatile("wrmsr" : : "c"(0x4b564d01), "a"((uint32_t)at), "d"(0) : "memory");
	outb(0x80, 0); /* out of the guest and in again, where KVM fills it in */
	timer.mul = clock_page[6];
	timer.shift = (int8_t)(clock_page[7] & 0xff);
	__asm__ volatile("wrmsr" : : "c"(0x4b564d01), "a"(0), "d"(0) : "memory");
	timer.tsc = rdtsc();
}

static void send(unsigned int to, uint32_t command)
{
	write_at(LAPIC + 0xf0, 4, 0x1ff);
	write_at(LAPIC + 0x310, 4, (uint64_t)to << 24);
	write_at(LAPIC + 0x300, 4, command);
}

/* What stopped a processor, another starts again; but the first, which then is where firmware is.
 */
static void revive(unsigned int self)
{
	for (unsigned int i = 1; i < wanted.cpus; i++) {
		uint64_t ops = cpus[i].ops;

		cpus[i].idle_s = ops == cpus[i].seen ? cpus[i].idle_s + 1 : 0;
		cpus[i].seen = ops;
		if (i == self || cpus[i].idle_s < 3)
			continue;
		cpus[i].idle_s = 0;
		send(i, 0x4500);
		send(i, 0x4608);
		send(i, 0x4608);
	}
}

static void eject_all(void)
{
	for (unsigned int i = 0; i < function_count; i++)
		outl(PORT_HOTPLUG + 8, functions[i].devfn >> 3);
}

static void check_time(unsigned int cpu)
{
	struct result *result = (struct result *)RESULT;
	uint64_t ns = timer.before_ns + elapsed_ns(), ops = 0;
	uint64_t second = ns / 1000000000, told = result->told_s;

	for (unsigned int i = 0; i < wanted.cpus; i++)
		ops += cpus[i].ops;
	if (second > told && __sync_bool_compare_and_swap(&result->told_s, told, second)) {
		tell_begin();
		say_number("second ", second, 10);
		result->elapsed_ns = ns;
		result->ops = ops_before + ops;
		say_number(" deeds ", result->ops, 10);
		say_number(" resets ", result->resets, 10);
		say_number(" interrupts ", interrupts[0], 10);
		say_number(" exceptions ", interrupts[1], 10);
		tell_end();
		revive(cpu);
		for (unsigned int i = 0; i < function_count; i++)
			behave(&functions[i]);
		if (wanted.ejects && second * 10 >= wanted.seconds * 9 && one_in(cpu, 2))
			eject_all();
		if (wanted.resets && second % 8 == 7 && second < wanted.seconds) {
			outb(PORT_RESET, 6);
		}
	}
	if (second < wanted.seconds)
		return;
	tell_begin();
	say_number("ends after ", ops_before + ops, 10);
	say(" deeds");
	tell_end();
	for (;;)
		outb(PORT_SLEEP, SLEEP_OFF);
}

void go_on(unsigned int cpu)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) pointer = { sizeof(idt) - 1, (uintptr_t)idt };

	__asm__ volatile("lidt %0" : : "m"(pointer));
	write_at(LAPIC + 0xf0, 4, 0x1ff);
	write_at(LAPIC + 0x80, 4, 0);
	__asm__ volatile("sti" : : : "memory");
	for (;;) {
		deeds[below(cpu, sizeof(deeds) / sizeof(*deeds))](cpu);
		if (!(++cpus[cpu].ops & 15))
			check_time(cpu);
	}
}

/* Return: whether what was interrupted goes on. */
int interrupt(unsigned int vector)
{
	vector &= 0xff;
	interrupts[vector >= FIRST_INTERRUPT || vector == 2 ? 0 : 1]++;
	if (vector < FIRST_INTERRUPT && vector != 2)
		return 0;
	if (vector != 2)
		write_at(LAPIC + 0xb0, 4, 0);
	return 1;
}

static bool option(const char *text, const char *name, uint64_t *value_out)
{
	while (*name)
		if (*text++ != *name++)
			return false;
	*value_out = 0;
	for (; *text >= '0' && *text <= '9'; text++)
		*value_out = *value_out * 10 + (uint64_t)(*text - '0');
	return true;
}

static uint64_t hex(const char **text)
{
	uint64_t got = 0;

	for (;; (*text)++) {
		char c = **text;

		if (c >= '0' && c <= '9')
			got = got << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			got = got << 4 | (uint64_t)(c - 'a' + 10);
		else
			return got;
	}
}

static void parse(const char *text)
{
	uint64_t ignored;

	for (; *text; text++) {
		if (option(text, "canary=", &ignored)) {
			for (text += 7; canary_count < CANARIES_MAX; text++) {
				canaries[canary_count++] = hex(&text);
				if (*text != ',')
					break;
			}
			if (!*text)
				return;
		}
		if (!option(text, "seed=", &wanted.seed) &&
		    !option(text, "seconds=", &wanted.seconds) &&
		    !option(text, "cpus=", &wanted.cpus) &&
		    !option(text, "resets=", &wanted.resets))
			option(text, "ejects=", &wanted.ejects);
	}
	if (wanted.cpus < 1 || wanted.cpus > CPUS_MAX)
		wanted.cpus = 1;
}

static void init_tables(void)
{
	/* Above the first 4 GiB nothing of ours is memory: uncached, as device registers are. */
	for (uint64_t i = 3; i < 128 * 512; i++)
		pdpts[i / 512][i % 512] = i << 30 | 0x9b;
	for (uint64_t i = 0; i < 128; i++)
		pml4[i] = (uintptr_t)pdpts[i] | 7;
	for (uint64_t i = 0; i < 256; i++) {
		uint64_t stub = (uintptr_t)stubs + i * 16;

		idt[i].low = (stub & 0xffff) | 0x10ULL << 16 | 0x8e00ULL << 32 |
			     (stub >> 16 & 0xffff) << 48;
		idt[i].high = stub >> 32;
	}
	memcpy((void *)0x8000, trampoline, (size_t)(trampoline_end - trampoline));
	*(volatile uint16_t *)0x38000 = 0xaa0f; /* rsm: what a system management interrupt enters */
}

void begin(uint64_t start_info)
{
	static const uint64_t magic = 0x656c6974736f6800;
	struct result *result = (struct result *)RESULT;

	init_tables();
	parse((const char *)(uintptr_t) * (uint64_t *)(start_info + 24));
	timer_init();
	if (result->magic != magic)
		*result = (struct result){ .magic = magic };
	else
		result->resets++;
	timer.before_ns = result->elapsed_ns;
	ops_before = result->ops;
	for (unsigned int i = 0; i < CPUS_MAX; i++)
		cpus[i].random = (wanted.seed + i * 0x9e3779b97f4a7c15ULL) ^
				 (result->resets + 1) * 0xbf58476d1ce4e5b9ULL;
	find_functions();
	tell_begin();
	say_number("begins with ", function_count, 10);
	say_number(" functions, seed ", wanted.seed, 10);
	say_number(", resets ", result->resets, 10);
	tell_end();
	if (!function_count) {
		tell_begin();
		say("ends: there is nothing left to attack");
		tell_end();
		outb(PORT_SLEEP, SLEEP_OFF);
	}
	for (unsigned int i = 0; i < function_count; i++)
		behave(&functions[i]);
	for (unsigned int i = 1; i < wanted.cpus; i++) {
		send(i, 0x4500);
		send(i, 0x4608);
		send(i, 0x4608);
	}
	go_on(0);
}
