/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guest. Written for the poorest KVM there is, one whose ring 0 is emulated: no vector
 * registers, no waiting but in `hlt`, and as few instructions as will do.
 */
#include <asm/bootparam.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest.h"

#define PORT_SERIAL 0x3f8
#define PORT_SLEEP  0x600
#define PORT_RESET  0xcf9
#define ECAM	    0xe0000000ULL
#define IOAPIC	    0xfec00000ULL

void guest_main(const struct boot_params *params);
void interrupt(uint64_t vector, uint64_t where);
void another_main(void);

static const char *cmdline;
static const struct boot_params *zero_page;

static void outb(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static void outw(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static void outl(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static uint8_t inb(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static uint16_t inw(uint16_t port)
{
	uint16_t value;

	__asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static uint32_t inl(uint16_t port)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static void wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
}

static uint64_t rdmsr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

/* Accesses of exactly one width each. */
#define ACCESS(bits)                                                                               \
	static uint##bits##_t read##bits(uint64_t gpa)                                             \
	{                                                                                          \
		return *(volatile uint##bits##_t *)gpa;                                            \
	}                                                                                          \
	static void write##bits(uint64_t gpa, uint##bits##_t value)                                \
	{                                                                                          \
		*(volatile uint##bits##_t *)gpa = value;                                           \
	}
ACCESS(8)
ACCESS(16)
ACCESS(32)
ACCESS(64)

/* The compiler may call these for what it finds too long to write out. */
void *memcpy(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);

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

static void say(const char *text)
{
	while (*text)
		outb(PORT_SERIAL, (uint8_t)*text++);
}

static void say_hex(uint64_t value)
{
	char text[17];
	int at = 16;

	text[at] = '\0';
	do {
		text[--at] = "0123456789abcdef"[value & 15];
		value >>= 4;
	} while (value);
	say(text + at);
}

static void say_value(const char *name, uint64_t value)
{
	say(name);
	say(" ");
	say_hex(value);
	say("\n");
}

/* Has the test program do something, and takes its answer. */
static uint32_t step(uint32_t number)
{
	outl(GUEST_STEP_PORT, number);
	return inl(GUEST_STEP_PORT);
}

static bool same(const char *a, const char *b, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (a[i] != b[i])
			return false;
	return true;
}

/* Interrupts: Intel SDM volume 3A, 6.14 (IDT) and 10.12 (x2APIC registers). */
#define MSR_APIC_BASE	  0x1b
#define APIC_BASE_ENABLES 0xc00 /* enabled, x2APIC */
#define MSR_X2APIC_ID	  0x802
#define MSR_X2APIC_EOI	  0x80b
#define MSR_X2APIC_SVR	  0x80f
#define MSR_X2APIC_ICR	  0x830

extern const uint8_t stubs[];
static uint64_t idt[256][2];
static volatile uint64_t counts[256];
static uint64_t status[2]; /* registers a driver's handler reads to see whether it is meant */

void interrupt(uint64_t vector, uint64_t where)
{
	if (vector < 32) {
		say_value("exception", vector);
		say_value("at", where);
		outb(PORT_SLEEP, 0x34);
		for (;;)
			__asm__ volatile("cli; hlt");
	}
	counts[vector]++;
	for (int i = 0; i < 2; i++)
		if (status[i])
			*(volatile uint32_t *)status[i];
	wrmsr(MSR_X2APIC_EOI, 0);
}

static void set_idt(void *base, uint16_t limit)
{
	struct {
		uint16_t limit;
		void *base;
	} __attribute__((packed)) pointer = { limit, base };

	__asm__ volatile("lidt %0" : : "m"(pointer));
}

static void init_idt(void)
{
	for (uint64_t vector = 0; vector < 256; vector++) {
		uint64_t at = (uintptr_t)stubs + vector * 16;

		idt[vector][0] =
			(at & 0xffff) | 0x10ULL << 16 | 0x8eULL << 40 | (at >> 16 & 0xffff) << 48;
		idt[vector][1] = at >> 32;
	}
	set_idt(idt, sizeof(idt) - 1);
}

static void init_apic(void)
{
	/* The PIC, whose vectors nobody has programmed, would answer first. */
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLES);
	wrmsr(MSR_X2APIC_SVR, 0x1ff);
}

/* Intel 82093AA, 3.2.4: a redirection entry, for the first processor. */
#define PIN_LEVEL_LOW 0xa000

static void set_pin(uint32_t pin, uint32_t entry)
{
	write32(IOAPIC, 0x10 + 2 * pin + 1);
	write32(IOAPIC + 0x10, 0);
	write32(IOAPIC, 0x10 + 2 * pin);
	write32(IOAPIC + 0x10, entry);
}

/* Sleeps until @vector has come @count times in all. */
static void wait_for(unsigned int vector, uint64_t count)
{
	for (;;) {
		__asm__ volatile("cli" : : : "memory");
		if (counts[vector] >= count)
			return;
		__asm__ volatile("sti; hlt" : : : "memory");
	}
}

/* Takes what is there to be taken: each exit is a chance to deliver it. */
static void let_in(void)
{
	__asm__ volatile("sti" : : : "memory");
	for (int i = 0; i < 20; i++)
		inb(GUEST_EMPTY_PORT);
	__asm__ volatile("cli" : : : "memory");
}

/* The tests. */

static void test_hello(void)
{
	say("hello\n");
}

/* A table's bytes add up to zero. */
static uint8_t sum(uint64_t gpa, uint64_t bytes)
{
	uint8_t total = 0;

	for (uint64_t i = 0; i < bytes; i++)
		total = (uint8_t)(total + read8(gpa + i));
	return total;
}

static void say_table(uint64_t gpa)
{
	char line[] = "table ....";

	for (unsigned int i = 0; i < 4; i++)
		line[6 + i] = (char)read8(gpa + i);
	say(line);
	say_value(" sum", sum(gpa, read32(gpa + 4)));
}

static void test_params(void)
{
	uint64_t rsdp = zero_page->acpi_rsdp_addr, xsdt, fadt;

	for (uint8_t i = 0; i < zero_page->e820_entries; i++) {
		const struct boot_e820_entry *entry = &zero_page->e820_table[i];

		say("e820 ");
		say_hex(entry->addr);
		say(" ");
		say_hex(entry->size);
		say_value("", entry->type);
	}
	say("cmdline ");
	say(cmdline);
	say("\n");
	say_value("initrd bytes", zero_page->hdr.ramdisk_size);
	if (zero_page->hdr.ramdisk_size) {
		say_value("initrd first", read32(zero_page->hdr.ramdisk_image));
		say_value("initrd last",
			  read32(zero_page->hdr.ramdisk_image + zero_page->hdr.ramdisk_size - 4));
	}
	say_value("rsdp sum", sum(rsdp, 20));
	say_value("rsdp all", sum(rsdp, 36));
	xsdt = read64(rsdp + 24);
	say_table(xsdt);
	for (uint64_t at = xsdt + 36; at < xsdt + read32(xsdt + 4); at += 8)
		say_table(read64(at));
	fadt = read64(xsdt + 36);
	say_table(read64(fadt + 140));
}

static void test_echo(void)
{
	uint32_t total = 0, bytes = 0;
	bool more = true;

	init_apic();
	set_pin(4, GUEST_VECTOR_SERIAL);
	outb(PORT_SERIAL + 2, 0x07); /* FIFOs on and empty */
	outb(PORT_SERIAL + 4, 0x0b); /* DTR, RTS, OUT2 */
	outb(PORT_SERIAL + 1, 0x01); /* interrupt on received data */
	say("ready\n");
	for (uint64_t seen = 1; more; seen++) {
		wait_for(GUEST_VECTOR_SERIAL, seen);
		seen = counts[GUEST_VECTOR_SERIAL];
		while (inb(PORT_SERIAL + 5) & 1) {
			uint8_t byte = inb(PORT_SERIAL);

			if (byte == '\n')
				more = false;
			else
				total += byte, bytes++;
		}
	}
	say_value("bytes", bytes);
	say_value("total", total);
}

static void test_reset(void)
{
	outb(PORT_RESET, 0x02); /* what a hard reset will be; no reset yet */
	say("before\n");
	outb(PORT_RESET, 0x06);
	say("after\n");
}

static void fault_three_times(void)
{
	set_idt(idt, 0);
	__asm__ volatile("ud2");
}

static void test_triple(void)
{
	say("before\n");
	fault_three_times();
}

/* A PC goes on in its firmware. */
static void test_init(void)
{
	init_apic();
	say("before\n");
	wrmsr(MSR_X2APIC_ICR, 0x4500);
	for (;;)
		inb(GUEST_EMPTY_PORT);
}

/*
 * System management mode, whose handler moves its memory to where there is none: AMD64 APM
 * volume 2, 10.2. The second time KVM cannot save the processor's state.
 */
static void test_smi(void)
{
	static const uint8_t handler[] = {
		0x66, 0x2e, 0xc7, 0x06, 0x00,
		0xff, 0,    0,	  0,	0xd0, /* movl $0xd0000000, %cs:0xff00 */
		0x0f, 0xaa,		      /* rsm */
	};

	init_apic();
	memcpy((void *)0x38000, handler, sizeof(handler));
	say("before\n");
	for (int i = 0; i < 1000; i++) {
		wrmsr(MSR_X2APIC_ICR, 0x4200);
		inb(GUEST_EMPTY_PORT);
	}
	say("no system management\n");
	outb(PORT_RESET, 0x06);
}

/* What a guest can change and a reset puts back: Intel SDM volumes 3A and 4; for 4b564dxxh
 * Documentation/virt/kvm/x86/msr.rst.
 */
#define MSR_EFER	0xc0000080
#define MSR_KVM_CLOCK	0x4b564d01
#define MSR_KVM_EOI	0x4b564d04
#define MSR_X2APIC_TPR	0x808
#define MSR_X2APIC_LVTT 0x832
#define MSR_X2APIC_TMIC 0x838
#define IOAPIC_SERIAL	(0x10 + 2 * 4) /* the entry of pin 4 */
#define SURVIVES	0x1800000
#define WRITTEN_BY_KVM	0x1900000
#define PATTERN		0x5a5a5a5a5a5a5a5aULL

static const struct {
	const char *name;
	uint32_t msr;
	uint64_t other;
} msrs[] = {
	{ "sysenter_cs", 0x174, 0x10 },
	{ "sysenter_esp", 0x175, 0x1234000 },
	{ "sysenter_eip", 0x176, 0x1235000 },
	{ "pat", 0x277, 0x0007010600070106 },
	{ "mtrr_def_type", 0x2ff, 0xc00 },
	{ "mtrr_base", 0x200, 0x1000000 },
	{ "star", 0xc0000081, 0x10ULL << 32 },
	{ "lstar", 0xc0000082, 0x1236000 },
	{ "sfmask", 0xc0000084, 0x200 },
	{ "kernel_gs_base", 0xc0000102, 0x1237000 },
	{ "kvm_clock", MSR_KVM_CLOCK, WRITTEN_BY_KVM | 1 },
	{ "kvm_eoi", MSR_KVM_EOI, (WRITTEN_BY_KVM + 0x100) | 1 },
};

static uint32_t ioapic_read(uint8_t index)
{
	write32(IOAPIC, index);
	return read32(IOAPIC + 0x10);
}

static void ioapic_write(uint8_t index, uint32_t value)
{
	write32(IOAPIC, index);
	write32(IOAPIC + 0x10, value);
}

static void say_state(void)
{
	static uint32_t data = 0x11, bss;
	uint64_t value;

	for (size_t i = 0; i < sizeof(msrs) / sizeof(*msrs); i++)
		say_value(msrs[i].name, rdmsr(msrs[i].msr));
	say_value("efer", rdmsr(MSR_EFER));
	say_value("apic_base", rdmsr(MSR_APIC_BASE));
	__asm__ volatile("mov %%cr0, %0" : "=r"(value));
	say_value("cr0", value);
	__asm__ volatile("mov %%cr2, %0" : "=r"(value));
	say_value("cr2", value);
	__asm__ volatile("mov %%cr4, %0" : "=r"(value));
	say_value("cr4", value);
	__asm__ volatile("mov %%dr0, %0" : "=r"(value));
	say_value("dr0", value);
	say_value("ioapic", ioapic_read(IOAPIC_SERIAL));
	say_value("ioapic id", ioapic_read(0));
	say_value("pic", inb(0x21));
	say_value("ier", inb(PORT_SERIAL + 1));
	say_value("iir", inb(PORT_SERIAL + 2));
	say_value("lcr", inb(PORT_SERIAL + 3));
	say_value("mcr", inb(PORT_SERIAL + 4));
	say_value("scr", inb(PORT_SERIAL + 7));
	outb(PORT_SERIAL + 3, 0x80);
	value = inb(PORT_SERIAL) | inb(PORT_SERIAL + 1) << 8;
	outb(PORT_SERIAL + 3, 0);
	say_value("divisor", value);
	say_value("data", data);
	say_value("bss", bss);
	say_value("initrd", read32(zero_page->hdr.ramdisk_image));
	say_value("rsdp", sum(zero_page->acpi_rsdp_addr, 20));
	say_value("ebda", read32(0x9fc00));
	data = bss = 0x22;

	init_apic();
	say_value("svr", rdmsr(MSR_X2APIC_SVR));
	say_value("tpr", rdmsr(MSR_X2APIC_TPR));
	say_value("timer", rdmsr(MSR_X2APIC_LVTT));
	say_value("count", rdmsr(MSR_X2APIC_TMIC));
	/* What of the former guest KVM would still write to memory or interrupt with. */
	for (uint64_t at = 0; at < 0x200; at += 8)
		write64(WRITTEN_BY_KVM + at, PATTERN);
	let_in();
	for (uint64_t at = 0; at < 0x200; at += 8)
		if (read64(WRITTEN_BY_KVM + at) != PATTERN)
			say_value("written by KVM", at);
	say_value("interrupts", counts[GUEST_VECTOR_A] + counts[GUEST_VECTOR_SERIAL]);
	/* And the serial port still has a line. */
	ioapic_write(IOAPIC_SERIAL, GUEST_VECTOR_SERIAL);
	outb(PORT_SERIAL + 4, 0x08);
	outb(PORT_SERIAL + 1, 0x02);
	wait_for(GUEST_VECTOR_SERIAL, 1);
	outb(PORT_SERIAL + 1, 0);
	say_value("interrupts then", counts[GUEST_VECTOR_SERIAL]);
}

static void change_state(void)
{
	for (size_t i = 0; i < sizeof(msrs) / sizeof(*msrs); i++)
		wrmsr(msrs[i].msr, msrs[i].other);
	__asm__ volatile("mov %0, %%cr2" : : "r"(0x1238000ULL));
	__asm__ volatile("mov %0, %%dr0" : : "r"(0x1239000ULL));
	wrmsr(MSR_X2APIC_TPR, 0x20);
	wrmsr(MSR_X2APIC_LVTT, 0x20000 | GUEST_VECTOR_A); /* periodic */
	wrmsr(MSR_X2APIC_TMIC, 0x100000);
	ioapic_write(IOAPIC_SERIAL, GUEST_VECTOR_SERIAL);
	ioapic_write(0, 3U << 24);
	outb(0x21, 0x5a);
	outb(PORT_SERIAL + 3, 0x80);
	outb(PORT_SERIAL, 0x34);
	outb(PORT_SERIAL + 1, 0x12);
	outb(PORT_SERIAL + 3, 0x1b);
	outb(PORT_SERIAL + 2, 0x01);
	outb(PORT_SERIAL + 7, 0x5a);
	outb(PORT_SERIAL + 4, 0x0b);
	outb(PORT_SERIAL + 1, 0x0f);
	write32(zero_page->hdr.ramdisk_image, 0);
	write32(zero_page->acpi_rsdp_addr, 0);
	write32(0x9fc00, 0x5f504d5f);
	*(volatile char *)cmdline = '!';
	memset((void *)(uintptr_t)zero_page, 0xff, sizeof(*zero_page));
}

static void test_reboot(void)
{
	uint32_t what;

	say("boot\n");
	say_state();
	write32(SURVIVES, read32(SURVIVES) + 1);
	what = step(read32(SURVIVES));
	if (what == GUEST_REBOOT_NO_MORE)
		return;
	change_state();
	if (what == GUEST_REBOOT_BY_FAULT)
		fault_three_times();
	outb(PORT_RESET, 0x06);
	say("after\n");
}

static void test_sleep(void)
{
	outb(PORT_SLEEP, 0x14);	    /* a type without the enable bit */
	outb(PORT_SLEEP, 0x20);	    /* S0 */
	outb(PORT_SLEEP + 1, 0x34); /* the status register */
	say_value("status", inw(PORT_SLEEP));
	say("awake\n");
}

static void test_halt(void)
{
	say("halted\n");
	for (;;)
		__asm__ volatile("cli; hlt");
}

static void test_busy(void)
{
	say("busy\n");
	for (;;)
		__asm__ volatile("");
}

static void test_flood(void)
{
	for (;;) {
		while (!(inb(PORT_SERIAL + 5) & 0x20))
			; /* the transmitter is full */
		outb(PORT_SERIAL, 'x');
	}
}

extern const uint8_t trampoline[], trampoline_end[];
static volatile uint32_t others;
static volatile uint32_t other_ids;

void another_main(void)
{
	uint32_t a = 1, b, c, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
	other_ids = other_ids | 1U << (b >> 24 & 31);
	others = others + 1;
}

/* Intel SDM volume 3A, 8.4.4: INIT, then a startup interrupt, one processor after the other. */
static void test_smp(void)
{
	uint32_t cpus = step(0);

	init_apic();
	memcpy((void *)0x8000, trampoline, (size_t)(trampoline_end - trampoline));
	for (uint32_t id = 1; id < cpus; id++) {
		wrmsr(MSR_X2APIC_ICR, (uint64_t)id << 32 | 0x4500);
		wrmsr(MSR_X2APIC_ICR, (uint64_t)id << 32 | 0x4608);
		/* Each look is an exit, so that the other gets to run. */
		for (int i = 0; i < 100000 && others != id; i++)
			inb(GUEST_EMPTY_PORT);
	}
	say_value("others", others);
	say_value("ids", other_ids);
}

/* What the processors say of themselves, without starting them. */
static void test_topology(void)
{
	uint32_t a = 1, b, c = 0, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	say_value("id", b >> 24);
	say_value("logical", b >> 16 & 0xff);
	say_value("features", (c >> 21 & 1) | (c >> 31) << 1 | (d >> 28 & 1) << 2);
	a = 0xb;
	c = 1;
	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	say_value("cores", c >> 8 == 2 ? b & 0xffff : 0);
}

#define HIGH (4ULL << 30)

/* Adds 4 GiB and up to the tables we began with. */
static void test_high(void)
{
	static uint64_t directory[512] __attribute__((aligned(4096)));
	uint64_t *pointers = (uint64_t *)(*(uint64_t *)0x9000 & ~0xfffULL), last = 0;

	for (uint8_t i = 0; i < zero_page->e820_entries; i++)
		if (zero_page->e820_table[i].addr == HIGH)
			last = HIGH + zero_page->e820_table[i].size - 8;
	for (uint64_t i = 0; i < 512; i++)
		directory[i] = (HIGH + (i << 21)) | 0x87;
	pointers[4] = (uintptr_t)directory | 7;
	say_value("last", last);
	say_value("was", read64(HIGH));
	write64(HIGH, 0x1122334455667788);
	write64(last, 0x99aabbccddeeff00);
	say_value("first reads", read64(HIGH));
	say_value("last reads", read64(last));
	say_value("step", step(0));
	say_value("then reads", read32(HIGH + 8));
}

static void test_ports(void)
{
	static uint8_t bytes[8] = "abcdefgh";
	const void *from = bytes;
	void *to = bytes;
	uint64_t count = 8;

	say_value("in8", inb(GUEST_EMPTY_PORT));
	say_value("in16", inw(GUEST_EMPTY_PORT));
	say_value("in32", inl(GUEST_EMPTY_PORT));
	outb(GUEST_EMPTY_PORT, 1);
	outw(GUEST_EMPTY_PORT, 2);
	outl(GUEST_EMPTY_PORT, 3);
	say_value("in beyond", inl(GUEST_STEP_PORT + 2));
	__asm__ volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(GUEST_STEP_PORT) : "memory");
	count = 8;
	__asm__ volatile("rep insb" : "+D"(to), "+c"(count) : "d"(GUEST_STEP_PORT) : "memory");
	for (int i = 0; i < 8; i++)
		say_value("ins", bytes[i]);
	count = 2;
	to = bytes;
	__asm__ volatile("rep insl" : "+D"(to), "+c"(count) : "d"(GUEST_EMPTY_PORT) : "memory");
	say_value("ins nobody", *(uint64_t *)bytes);
}

static void test_mmio(void)
{
	say_value("read8", read8(GUEST_EMPTY_GPA + 1));
	say_value("read16", read16(GUEST_EMPTY_GPA + 2));
	say_value("read32", read32(GUEST_EMPTY_GPA + 4));
	say_value("read64", read64(GUEST_EMPTY_GPA + 8));
	write8(GUEST_EMPTY_GPA, 1);
	write16(GUEST_EMPTY_GPA, 2);
	write32(GUEST_EMPTY_GPA, 3);
	write64(GUEST_EMPTY_GPA, 4);
	/* Over the edge of a page: KVM makes two of it, whatever their sizes. */
	say_value("edge", read64(GUEST_EMPTY_GPA + 0xffd));
	write64(GUEST_EMPTY_GPA + 0xffb, 5);
	say_value("step", step(0));
	write64(GUEST_EMPTY_GPA + 0x1ffd, 0x0807060504030201);
	say_value("odd", read64(GUEST_EMPTY_GPA + 0x1ffd));
}

static void test_ecam(void)
{
	uint64_t absent = ECAM + (0x1f << 15), here = ECAM + ((uint64_t)GUEST_DEVFN << 12);

	say_value("absent8", read8(absent + 1));
	say_value("absent16", read16(absent));
	say_value("absent32", read32(absent));
	say_value("absent64", read64(absent));
	write32(absent, 0);
	say_value("id", read32(here));
	say_value("vendor", read16(here));
	say_value("device", read16(here + 2));
	say_value("byte", read8(here + 3));
	say_value("both", read64(here));
	say_value("last", read32(here + 0xffc));
	say_value("function 1", read32(here + 0x1000));
	say_value("unaligned", read32(here + 2));
	write8(here + 0x40, 0x11);
	write16(here + 0x42, 0x2233);
	write32(here + 0x44, 0x44556677);
	write64(here + 0x48, 0x8899aabbccddeeff);
	write32(here + 0x52, 0xffffffff);
}

static void test_slots(void)
{
	say_value("empty", read32(GUEST_SLOT_GPA));
	step(1);
	say_value("added", read32(GUEST_SLOT_GPA));
	write32(GUEST_SLOT_GPA + 4, 0xcafe);
	say_value("direct", step(2));
	step(3);
	say_value("moved away", read32(GUEST_SLOT_GPA));
	say_value("moved", read32(GUEST_OTHER_SLOT_GPA));
	say_value("moved too", read32(GUEST_OTHER_SLOT_GPA + 4));
	step(4);
	say_value("removed", read32(GUEST_OTHER_SLOT_GPA));
}

static void say_counts(const char *when)
{
	let_in();
	say(when);
	say(" ");
	say_hex(counts[GUEST_VECTOR_A]);
	say(" ");
	say_hex(counts[GUEST_VECTOR_B]);
	say("\n");
}

static void test_msi(void)
{
	init_apic();
	say_counts("begin");
	step(1); /* route to A, attach, signal */
	wait_for(GUEST_VECTOR_A, 1);
	say_counts("first");
	step(2); /* re-route to B, signal */
	wait_for(GUEST_VECTOR_B, 1);
	say_counts("re-routed");
	step(3); /* detach, signal twice */
	say_counts("detached");
	step(4); /* attach */
	wait_for(GUEST_VECTOR_B, 2);
	say_counts("attached");
	step(5); /* a second GSI to A, one commit for both changes */
	wait_for(GUEST_VECTOR_A, 2);
	say_counts("second");
}

/* A passed-through function as a driver would use it; the table is in BAR 3, as in an igb VF. */
static void test_function(void)
{
	uint64_t config = ECAM + ((uint64_t)GUEST_DEVFN << 12), registers, table, msix;
	uint8_t at;

	init_apic();
	say_value("id", read32(config));
	for (at = read8(config + 0x34); at && read8(config + at) != 0x11;
	     at = read8(config + at + 1))
		;
	say_value("msix at", at);
	msix = config + at;
	/* Its BARs are above what our page tables reach: two places below 4 GiB instead. */
	registers = GUEST_SLOT_GPA;
	table = GUEST_OTHER_SLOT_GPA;
	write32(config + 0x10, GUEST_SLOT_GPA);
	write32(config + 0x14, 0);
	write32(config + 0x1c, GUEST_OTHER_SLOT_GPA);
	write32(config + 0x20, 0);
	say_value("undecoded", read32(registers + 8));
	write16(config + 4, 0x6);
	say_value("register", read32(registers + 8));
	write32(registers + 12, 0xfeed);
	say_value("reached", step(1));
	say_value("masked", read32(table + 12));
	write32(table, 0xfee00000);
	write32(table + 4, 0);
	write32(table + 8, GUEST_VECTOR_A);
	write16(msix + 2, 0x8000);
	say_value("connected", step(2));
	write32(table + 12, 0);
	say_value("connected", step(2));
	step(3); /* the device signals vector 0 */
	wait_for(GUEST_VECTOR_A, 1);
	say_counts("delivered");
	write32(table + 12, 1);
	step(3);
	say_counts("masked");
	say_value("pending", read32(table + 0x2000));
	write64(table + 8, GUEST_VECTOR_B);
	wait_for(GUEST_VECTOR_B, 1);
	say_counts("unmasked elsewhere");
	say_value("pending", read32(table + 0x2000));
	/* Delivered is delivered. */
	write32(table + 12, 1);
	write32(table + 12, 0);
	say_counts("once");
	/* Moved while decoded, as a guest that resizes windows would. */
	write32(config + 0x10, GUEST_EMPTY_GPA);
	say_value("old place", read32(registers + 8));
	say_value("new place", read32(GUEST_EMPTY_GPA + 8));
	write16(config + 4, 0);
	say_value("off", read32(GUEST_EMPTY_GPA + 8));
}

/* Each step makes the device send an interrupt, whose vector is its answer; 0 is the end. */
static void test_vectors(void)
{
	static uint64_t sent[256];
	uint64_t all = 0, came = 0;
	uint32_t vector;

	init_apic();
	while ((vector = step(0) & 255)) {
		wait_for(vector, ++sent[vector]);
		all++;
	}
	let_in();
	for (int i = 32; i < 256; i++)
		came += counts[i];
	say_value("sent", all);
	say_value("came", came);
}

/* One or two functions on one line, with a handler that reads a register of each. */
static void test_intx(void)
{
	static const uint32_t devfns[] = { GUEST_DEVFN, GUEST_OTHER_DEVFN };
	static const uint64_t bars[] = { GUEST_SLOT_GPA, GUEST_OTHER_SLOT_GPA };
	uint32_t present = 0, trapped;

	init_apic();
	set_pin(GUEST_INTX_PIN, PIN_LEVEL_LOW | GUEST_VECTOR_A);
	for (int i = 0; i < 2; i++) {
		uint64_t config = ECAM + ((uint64_t)devfns[i] << 12);

		if (read16(config) == 0xffff)
			continue;
		say_value("pin", read8(config + 0x3d));
		write32(config + 0x10, (uint32_t)bars[i]);
		write32(config + 0x14, 0);
		write16(config + 4, 0x2);
		status[i] = bars[i];
		present |= 1U << i;
	}
	for (int times = 0; times < 3; times++) {
		uint32_t unmasked = 0;

		step(GUEST_INTX_SIGNAL | present << 8);
		while (unmasked != present) {
			let_in();
			unmasked |= step(GUEST_INTX_UNMASKED);
		}
		say_counts("interrupts");
		say_value("unmasked", unmasked | step(GUEST_INTX_UNMASKED) << 8);
	}
	while (!step(GUEST_INTX_DIRECT))
		;
	trapped = step(GUEST_INTX_TRAPPED);
	read32(GUEST_SLOT_GPA);
	say_value("trapped", step(GUEST_INTX_TRAPPED) - trapped);
}

/* A register that traps, written again and again. */
static void test_doorbell(void)
{
	uint64_t config = ECAM + ((uint64_t)GUEST_DEVFN << 12), bell = GUEST_SLOT_GPA + 0x18;

	write32(config + 0x10, GUEST_SLOT_GPA);
	write32(config + 0x14, 0);
	write16(config + 4, 0x2);
	for (int i = 0; i < 63; i++)
		write32(bell, 7);
	say_value("before", step(1));
	write32(bell, 7);
	say_value("made", step(1));
	for (int i = 0; i < 1000; i++)
		write32(bell, 7);
	say_value("rung", step(1));
	write32(bell, 8);
	write16(bell, 7);
	write32(bell + 4, 7);
	say_value("others", step(1));
	write32(config + 0x10, GUEST_OTHER_SLOT_GPA);
	write32(bell, 7);
	say_value("left", step(1));
	write32(GUEST_OTHER_SLOT_GPA + 0x18, 7);
	say_value("moved", step(1));
	write32(config + 0x10, GUEST_SLOT_GPA);
	write32(bell, 7);
	say_value("back", step(1));
}

/*
 * A driver of the virtio device in the first slot, a source of random numbers (virtio 1.2, 3.1,
 * 4.1 and 5.4), in as few lines as will do.
 */
#define VIRTIO_DESC	0x1a00000ULL
#define VIRTIO_AVAIL	0x1a01000ULL
#define VIRTIO_USED	0x1a02000ULL
#define VIRTIO_DATA	0x1a03000ULL
#define VIRTIO_FEATURES 0x1 /* of the second word: VERSION_1 */

enum { VIRTIO_COMMON = 1, VIRTIO_NOTIFY, VIRTIO_STRUCTURES = 6 };

static void virtio_set_vector(uint64_t table, uint64_t entry, uint32_t vector)
{
	write32(table + 16 * entry, 0xfee00000);
	write32(table + 16 * entry + 4, 0);
	write32(table + 16 * entry + 8, vector);
	write32(table + 16 * entry + 12, 0);
}

/* Return: where notifications of the queue go. */
static uint64_t virtio_start(uint64_t *common_at)
{
	uint64_t config = ECAM + ((uint64_t)GUEST_VIRTIO_DEVFN << 12), at, common;
	uint64_t structures[VIRTIO_STRUCTURES] = { 0 };

	say_value("id", read32(config));
	write32(config + 0x10, GUEST_SLOT_GPA);
	write32(config + 0x14, 0);
	write16(config + 4, 0x6);
	for (at = config + read8(config + 0x34); at != config; at = config + read8(at + 1)) {
		if (read8(at) == 0x09 && read8(at + 3) < VIRTIO_STRUCTURES) {
			structures[read8(at + 3)] = GUEST_SLOT_GPA + read32(at + 8);
		} else if (read8(at) == 0x11) {
			virtio_set_vector(GUEST_SLOT_GPA + read32(at + 4), 0, GUEST_VECTOR_A);
			virtio_set_vector(GUEST_SLOT_GPA + read32(at + 4), 1, GUEST_VECTOR_B);
			write16(at + 2, 0x8000);
		}
	}
	*common_at = common = structures[VIRTIO_COMMON];
	memset((void *)VIRTIO_DESC, 0, 0x4000);
	write8(common + 20, 0);
	write8(common + 20, 3);
	write32(common + 8, 1);
	write32(common + 12, VIRTIO_FEATURES);
	write8(common + 20, 11);
	say_value("agreed", read8(common + 20));
	write16(common + 16, 1); /* vectors */
	write16(common + 22, 0);
	write16(common + 26, 0);
	say_value("size", read16(common + 24));
	write64(common + 32, VIRTIO_DESC);
	write64(common + 40, VIRTIO_AVAIL);
	write64(common + 48, VIRTIO_USED);
	write16(common + 28, 1);
	write8(common + 20, 15);
	say_value("running", read8(common + 20));
	return structures[VIRTIO_NOTIFY] + 4ULL * read16(common + 30);
}

static void virtio_offer(uint64_t notify, uint16_t number, uint16_t head)
{
	write16(VIRTIO_AVAIL + 4 + 2 * (number % 8), head);
	__asm__ volatile("" : : : "memory");
	write16(VIRTIO_AVAIL + 2, number + 1);
	write16(notify, 0);
}

static void test_virtio(void)
{
	uint64_t a = counts[GUEST_VECTOR_A], b = counts[GUEST_VECTOR_B], notify, common;
	uint32_t wrong = 0, what;
	uint16_t number;

	say("boot\n");
	write32(SURVIVES, read32(SURVIVES) + 1);
	init_apic();
	notify = virtio_start(&common);
	for (number = 0; number < GUEST_VIRTIO_REQUESTS; number++) {
		uint16_t head = number % 8;

		write64(VIRTIO_DATA, 0);
		write64(VIRTIO_DATA + 8, 0);
		write64(VIRTIO_DESC + 16 * head, VIRTIO_DATA);
		write32(VIRTIO_DESC + 16 * head + 8, 8);
		write16(VIRTIO_DESC + 16 * head + 12, 2);
		virtio_offer(notify, number, head);
		wait_for(GUEST_VECTOR_A, ++a);
		if (read16(VIRTIO_USED + 2) != number + 1 ||
		    read32(VIRTIO_USED + 4 + 8 * head) != head ||
		    read32(VIRTIO_USED + 8 + 8 * head) != 8 || !read64(VIRTIO_DATA) ||
		    read64(VIRTIO_DATA + 8))
			wrong++;
	}
	say_value("wrong", wrong);
	/* What no driver does; the device then wants to be reset, and says so. */
	virtio_offer(notify, number, 200);
	wait_for(GUEST_VECTOR_B, b + 1);
	say_value("broken", read8(common + 20));
	what = step(read32(SURVIVES));
	if (what == GUEST_REBOOT_NO_MORE)
		return;
	if (what == GUEST_REBOOT_BY_FAULT)
		fault_three_times();
	outb(PORT_RESET, 0x06);
	say("after\n");
}

/* xorshift64 (Marsaglia) */
static uint64_t chance_state;

static uint64_t chance(uint64_t below)
{
	chance_state ^= chance_state << 13;
	chance_state ^= chance_state >> 7;
	chance_state ^= chance_state << 17;
	return (chance_state >> 11) % below;
}

/* Inside of memory, but nowhere that this program needs; over its edges; and nowhere. */
static uint64_t hostile_address(void)
{
	static const uint64_t places[] = { VIRTIO_DATA,	    VIRTIO_DESC,    VIRTIO_AVAIL,
					   VIRTIO_USED,	    0x1fffff0ULL,   0x2000000ULL,
					   GUEST_EMPTY_GPA, GUEST_SLOT_GPA, 1ULL << 40,
					   -16ULL };

	return places[chance(10)] + (chance(4) ? 0 : chance(64));
}

static void hostile_write(uint64_t gpa, uint64_t value)
{
	switch (chance(4)) {
	case 0:
		write8(gpa, (uint8_t)value);
		break;
	case 1:
		write16(gpa, (uint16_t)value);
		break;
	case 2:
		write32(gpa, (uint32_t)value);
		break;
	default:
		write64(gpa, value);
	}
}

static void hostile_rings(void)
{
	static const uint32_t lengths[] = { 0, 1, 16, 48, 100, 4096, 0xffffffff };

	for (int i = 0; i < 8; i++) {
		uint64_t at = VIRTIO_DESC + 16 * chance(8);

		write64(at, hostile_address());
		write32(at + 8, lengths[chance(7)]);
		write16(at + 12, (uint16_t)chance(8));
		write16(at + 14, (uint16_t)chance(9));
		write16(VIRTIO_AVAIL + 4 + 2 * chance(8), (uint16_t)chance(9));
	}
	write16(VIRTIO_AVAIL + 2, (uint16_t)(read16(VIRTIO_AVAIL + 2) + chance(9)));
}

/* The registers of a device, as this program knows Viaduct to lay them out. */
static void hostile_register(uint64_t bar)
{
	uint64_t common = chance(56);

	switch (chance(5)) {
	case 0: /* an address of a queue */
		write64(bar + 32 + 8 * chance(3), hostile_address());
		break;
	case 1:
		if (common < 32)
			hostile_write(bar + common, chance(2) ? chance(16) : chance(1ULL << 32));
		break;
	case 2:
		hostile_write(bar + 0x1000 + 4 * chance(4), chance(4));
		break;
	case 3: /* vectors, that come to nobody or to a handler that counts */
		write32(bar + 0x2000 + 16 * chance(4) + 4 * chance(3), 0xfee00000 | GUEST_VECTOR_B);
		write32(bar + 0x2000 + 16 * chance(4) + 12, (uint32_t)chance(2));
		break;
	default:
		read32(bar + chance(0x4000 - 4));
	}
}

static void hostile_step(uint64_t config)
{
	switch (chance(12)) {
	case 0:
		hostile_write(config + chance(0x100), chance(1ULL << 32));
		break;
	case 1:
		write32(config + 0x10, (uint32_t)hostile_address());
		break;
	case 2:
		write8(GUEST_SLOT_GPA + 20, (uint8_t)chance(16));
		break;
	case 3: /* all as it should be */
		memset((void *)VIRTIO_DESC, 0, 0x4000);
		write8(GUEST_SLOT_GPA + 20, 0);
		write32(GUEST_SLOT_GPA + 8, 1);
		write32(GUEST_SLOT_GPA + 12, VIRTIO_FEATURES);
		write8(GUEST_SLOT_GPA + 20, 11);
		write64(GUEST_SLOT_GPA + 32, VIRTIO_DESC);
		write64(GUEST_SLOT_GPA + 40, VIRTIO_AVAIL);
		write64(GUEST_SLOT_GPA + 48, VIRTIO_USED);
		write16(GUEST_SLOT_GPA + 28, 1);
		write8(GUEST_SLOT_GPA + 20, 15);
		break;
	case 4: /* likewise */
		write64(VIRTIO_DESC, VIRTIO_DATA);
		write32(VIRTIO_DESC + 8, (uint32_t)chance(100));
		write16(VIRTIO_DESC + 12, 2);
		virtio_offer(GUEST_SLOT_GPA + 0x1000, read16(VIRTIO_AVAIL + 2), 0);
		break;
	case 5:
		if (!chance(4))
			hostile_rings();
		break;
	default:
		hostile_register(GUEST_SLOT_GPA);
	}
	if (!chance(4)) {
		write32(config + 0x10, GUEST_SLOT_GPA);
		write32(config + 0x14, 0);
		write16(config + 4, 0x6);
	}
}

/* A driver that does anything, and then one that finds the device as good as new. */
static void test_hostile(void)
{
	uint64_t config = ECAM + ((uint64_t)GUEST_VIRTIO_DEVFN << 12);

	init_apic();
	chance_state = step(0) | 1ULL << 32;
	for (int i = 0; i < GUEST_HOSTILE_STEPS; i++) {
		hostile_step(config);
		if (!chance(64))
			let_in();
	}
	let_in();
	test_virtio();
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "hello", test_hello },       { "params", test_params },     { "echo", test_echo },
	{ "reset", test_reset },       { "triple", test_triple },     { "sleep", test_sleep },
	{ "halt", test_halt },	       { "busy", test_busy },	      { "flood", test_flood },
	{ "smp", test_smp },	       { "topology", test_topology }, { "high", test_high },
	{ "ports", test_ports },       { "mmio", test_mmio },	      { "ecam", test_ecam },
	{ "reboot", test_reboot },     { "slots", test_slots },	      { "msi", test_msi },
	{ "function", test_function }, { "vectors", test_vectors },   { "intx", test_intx },
	{ "doorbell", test_doorbell }, { "virtio", test_virtio },     { "hostile", test_hostile },
	{ "init", test_init },	       { "smi", test_smi },
};

void guest_main(const struct boot_params *params)
{
	zero_page = params;
	cmdline = (const char *)(uintptr_t)params->hdr.cmd_line_ptr;
	init_idt();
	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
		size_t length = 0;

		while (tests[i].name[length])
			length++;
		if (!same(cmdline, "test=", 5) || !same(cmdline + 5, tests[i].name, length) ||
		    (cmdline[5 + length] && cmdline[5 + length] != ' '))
			continue;
		tests[i].run();
		say("end\n");
		outb(PORT_SLEEP, 0x34);
	}
	say("no such test\n");
	outb(PORT_SLEEP, 0x34);
}
