/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TESTS_KVM_GUEST_RUN_H
#define VIADUCT_TESTS_KVM_GUEST_RUN_H

#include <asm/bootparam.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <viaduct/vmm/vmm.h>

#include "bus.h"

/*
 * Runs the guest of guest/ on a real KVM. What it says is collected; it can have the test do
 * something in the middle (guest/guest.h, GUEST_STEP_PORT). Anything that goes wrong in here,
 * and not in what is tested, ends the program.
 */
struct guest {
	struct via_host *host;
	char kernel[64]; /* of the guest, as a bzImage */
	char append[2048];
	struct via_vmm_config config; /* 1 processor, 32 MiB, that kernel and command line */
	struct via_vmm *vmm;
	int kernel_fd;
	int out[2]; /* the console: the guest's end is out[1] */
	int in[2];  /* the guest's end is in[0]; not given to it unless a test does */
	int timer_fd;

	/* A step of the guest, in its vCPU's thread under the machine's lock. */
	uint32_t (*step)(struct guest *guest, uint32_t number);
	void *data;
	struct via_bus_range step_port;
	uint32_t answer;
	char written[64]; /* bytes the guest wrote to the port one by one */
	size_t written_count;

	bool deaf; /* leave what the guest says where it is */
	/* What the main thread does when the guest has said something new. */
	void (*said)(struct guest *guest);
	char text[16384];
	size_t text_bytes;
	int rc;
	enum via_vmm_end end;
	struct via_error err;
	bool late; /* ended by the watchdog */
};

/**
 * guest_main() - what every program here begins with: remembers the guest's image, the first
 * argument, and sees whether KVM can be used.
 *
 * Return: 0, or 77 when the tests cannot run, after a line that says why.
 */
int guest_main(int argc, char **argv);

/** guest_init() - a guest that will run @test. */
void guest_init(struct guest *guest, const char *test);

/** guest_new() - its machine; fails the test if there is none. */
void guest_new(struct guest *guest);

/** guest_run() - run it to its end, or for a minute. Fails the test if it does not end by itself.
 */
void guest_run(struct guest *guest);
void guest_fini(struct guest *guest);

/** guest_said() - fail the test unless the guest said this line. */
#define guest_said(guest, line) guest_said_at(guest, line, __FILE__, __LINE__)
void guest_said_at(struct guest *guest, const char *line, const char *file, int at);

/** guest_has_said() - whether it did. */
bool guest_has_said(const struct guest *guest, const char *line);

/* A bzImage in the making. */
struct guest_image {
	struct setup_header setup;
	uint8_t *payload;
	size_t payload_bytes;
};

/** guest_image_init() - that of the guest, as guest_init() uses it. */
void guest_image_init(struct guest_image *image);
void guest_image_fini(struct guest_image *image);

/** guest_image_write() - the file. Return: a memfd; its /proc/self/fd/N is the path. */
int guest_image_write(const struct guest_image *image);

/** guest_file() - a memfd with these bytes. */
int guest_file(const void *data, size_t bytes);

/** guest_open_files() - how many descriptors this process has. */
size_t guest_open_files(void);

#endif
