/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest-run.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "guest/guest.h"
#include "layout.h"
#include "machine.h"

#define SKIPPED	       77
#define WATCHDOG_S     60
#define PATIENCE_S     5 /* beyond it, for a via_vmm_stop() that does not work either */
#define SETUP_OFFSET   0x1f1
#define PAYLOAD_OFFSET 1024 /* boot sector and one of set-up */
/* Of the local APIC (Intel SDM 3, table 10-1): eight words each, 16 bytes apart. */
#define APIC_ISR     0x100U
#define APIC_ISR_END 0x180U
#define APIC_IRR     0x200U
#define APIC_IRR_END 0x280U
#define HEADER_MAGIC 0x53726448 /* "HdrS" */
#define VERSION	     0x020f

static uint8_t *guest_payload;
static size_t guest_payload_bytes;

static void die(const char *what)
{
	fprintf(stderr, "guest-run: %s: %s\n", what, strerror(errno));
	abort();
}

static void read_payload(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t bytes = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);

	if (bytes <= 0)
		die(path);
	guest_payload_bytes = (size_t)bytes;
	guest_payload = malloc(guest_payload_bytes);
	if (!guest_payload || pread(fd, guest_payload, guest_payload_bytes, 0) != bytes)
		die(path);
	close(fd);
}

int guest_main(int argc, char **argv)
{
	int fd, vm_fd;

	if (argc != 2) {
		fprintf(stderr, "usage: %s GUEST\n", argv[0]);
		return 2;
	}
	fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		printf("SKIP: /dev/kvm cannot be opened: %s\n", strerror(errno));
		return SKIPPED;
	}
	vm_fd = ioctl(fd, KVM_CREATE_VM, 0);
	close(fd);
	if (vm_fd < 0) {
		printf("SKIP: /dev/kvm makes no machine: %s\n", strerror(errno));
		return SKIPPED;
	}
	close(vm_fd);
	read_payload(argv[1]);
	/* Guests whose console nobody reads are part of it. */
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

void guest_image_init(struct guest_image *image)
{
	*image = (struct guest_image){
		.setup = {
			.setup_sects = 1,
			.boot_flag = 0xaa55,
			.header = HEADER_MAGIC,
			.version = VERSION,
			.loadflags = LOADED_HIGH,
			.xloadflags = XLF_KERNEL_64,
			.syssize = (uint32_t)(guest_payload_bytes + 15) / 16,
			.cmdline_size = 255,
			.kernel_alignment = 0x200000,
			.pref_address = 0x100000,
			.init_size = 0x100000,
			.initrd_addr_max = 0x7fffffff,
		},
		.payload = malloc(guest_payload_bytes),
		.payload_bytes = guest_payload_bytes,
	};
	if (!image->payload)
		die("no memory");
	memcpy(image->payload, guest_payload, guest_payload_bytes);
}

void guest_image_fini(struct guest_image *image)
{
	free(image->payload);
}

int guest_file(const void *data, size_t bytes)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, bytes) != (ssize_t)bytes)
		die("cannot make a file");
	return fd;
}

int guest_image_write(const struct guest_image *image)
{
	static const uint8_t zero[PAYLOAD_OFFSET];
	int fd = guest_file(zero, sizeof(zero));

	if (pwrite(fd, &image->setup, sizeof(image->setup), SETUP_OFFSET) !=
		    (ssize_t)sizeof(image->setup) ||
	    pwrite(fd, image->payload, image->payload_bytes, PAYLOAD_OFFSET) !=
		    (ssize_t)image->payload_bytes)
		die("cannot write a kernel");
	return fd;
}

static void access_step(void *owner, struct via_bus_access *access)
{
	struct guest *guest = owner;

	if (!access->write)
		access->value = access->size_bytes == 1 && guest->written_count
					? (uint8_t)guest->written[--guest->written_count]
					: guest->answer;
	else if (access->size_bytes == 1 && guest->written_count < sizeof(guest->written))
		guest->written[guest->written_count++] = (char)access->value;
	else if (guest->step)
		guest->answer = guest->step(guest, (uint32_t)access->value);
}

void guest_init(struct guest *guest, const char *test)
{
	struct guest_image image;

	memset(guest, 0, sizeof(*guest));
	guest_image_init(&image);
	guest->kernel_fd = guest_image_write(&image);
	guest_image_fini(&image);
	snprintf(guest->kernel, sizeof(guest->kernel), "/proc/self/fd/%d", guest->kernel_fd);
	snprintf(guest->append, sizeof(guest->append), "test=%s", test);
	if (pipe2(guest->out, O_CLOEXEC | O_NONBLOCK) || pipe2(guest->in, O_CLOEXEC))
		die("cannot make a pipe");
	/* The guest's end is a plain one, as a terminal or a log would be. */
	if (fcntl(guest->out[1], F_SETFL, 0))
		die("cannot make a pipe");
	guest->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (guest->timer_fd < 0 || via_host_new(NULL, &guest->host, NULL))
		die("cannot make a host");
	guest->config = (struct via_vmm_config){
		.iommufd = -1,
		.kernel = guest->kernel,
		.append = guest->append,
		.cpus = 1,
		.memory_bytes = 32 << 20,
		.on_reset = VIA_VMM_ON_RESET_END,
		.console_in = -1,
		.console_out = guest->out[1],
	};
}

static void collect(void *data)
{
	struct guest *guest = data;
	ssize_t got = read(guest->out[0], guest->text + guest->text_bytes,
			   sizeof(guest->text) - 1 - guest->text_bytes);

	if (got <= 0)
		return;
	guest->text_bytes += (size_t)got;
	if (guest->said)
		guest->said(guest);
}

static void time_is_up(void *data)
{
	struct guest *guest = data;

	guest->late = true;
	via_vmm_stop(guest->vmm);
}

void guest_new(struct guest *guest)
{
	guest->rc = via_vmm_new(guest->host, &guest->config, &guest->vmm, &guest->err);
	if (guest->rc)
		fail_msg("no guest: %s", guest->err.text);
	guest->step_port = (struct via_bus_range){
		.base = GUEST_STEP_PORT,
		.size_bytes = 4,
		.access = access_step,
		.owner = guest,
	};
	assert_int_equal(via_bus_add(&guest->vmm->pio, &guest->step_port), 0);
	if (!guest->deaf)
		assert_int_equal(
			via_vmm_watch(guest->vmm, guest->out[0], collect, guest, &guest->err), 0);
	assert_int_equal(via_vmm_watch(guest->vmm, guest->timer_fd, time_is_up, guest, &guest->err),
			 0);
}

static uint32_t lapic_word(const struct kvm_lapic_state *lapic, unsigned int at)
{
	uint32_t word;

	memcpy(&word, lapic->regs + at, sizeof(word));
	return word;
}

/* What its processors were at: whether an interrupt waits there, or none came. */
static void tell_vcpus(struct guest *guest)
{
	for (unsigned int i = 0; i < guest->vmm->cpu_count; i++) {
		int fd = guest->vmm->vcpus[i].fd;
		struct kvm_vcpu_events events = { 0 };
		struct kvm_lapic_state lapic = { 0 };
		struct kvm_mp_state state = { 0 };
		struct kvm_regs regs = { 0 };

		if (ioctl(fd, KVM_GET_REGS, &regs) || ioctl(fd, KVM_GET_MP_STATE, &state) ||
		    ioctl(fd, KVM_GET_LAPIC, &lapic) || ioctl(fd, KVM_GET_VCPU_EVENTS, &events))
			continue;
		print_error("cpu%u: state %u, at %llx, flags %llx, KVM_RUN %llu times\n", i,
			    state.mp_state, regs.rip, regs.rflags,
			    (unsigned long long)atomic_load(&guest->vmm->vcpus[i].runs));
		print_error(
			"      exception %u, interrupt %u, shadow %u, being serviced, requested:",
			events.exception.injected, events.interrupt.injected,
			events.interrupt.shadow);
		for (unsigned int at = APIC_ISR; at < APIC_ISR_END; at += 0x10)
			print_error(" %x", lapic_word(&lapic, at));
		print_error(",");
		for (unsigned int at = APIC_IRR; at < APIC_IRR_END; at += 0x10)
			print_error(" %x", lapic_word(&lapic, at));
		print_error("\n");
	}
}

void guest_run(struct guest *guest)
{
	const struct itimerspec in_time = { .it_value.tv_sec = WATCHDOG_S };

	if (timerfd_settime(guest->timer_fd, 0, &in_time, NULL))
		die("cannot set a timer");
	alarm(WATCHDOG_S + PATIENCE_S);
	guest->rc = via_vmm_run(guest->vmm, &guest->end, &guest->err);
	alarm(0);
	collect(guest);
	if (guest->late) {
		tell_vcpus(guest);
		fail_msg("the guest did not end; it said:\n%s", guest->text);
	}
}

void guest_fini(struct guest *guest)
{
	via_vmm_free(guest->vmm);
	via_host_free(guest->host);
	close(guest->kernel_fd);
	close(guest->timer_fd);
	for (int i = 0; i < 2; i++) {
		if (guest->out[i] >= 0)
			close(guest->out[i]);
		if (guest->in[i] >= 0)
			close(guest->in[i]);
	}
}

bool guest_has_said(const struct guest *guest, const char *line)
{
	size_t length = strlen(line);

	for (const char *at = guest->text; (at = strstr(at, line)); at++)
		if ((at == guest->text || at[-1] == '\n') && at[length] == '\n')
			return true;
	return false;
}

void guest_said_at(struct guest *guest, const char *line, const char *file, int at)
{
	if (guest_has_said(guest, line))
		return;
	print_error("the guest did not say \"%s\", but:\n%s\n", line, guest->text);
	_fail(file, at);
}

size_t guest_open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t count = 0;

	if (!dir)
		die("/proc/self/fd");
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}
