/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_BENCH_WORK_H
#define VIADUCT_BENCH_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The program that does the work 'viaduct bench' measures: as a guest's init, and on the host. It
 * is told what to do in words, and talks to 'viaduct bench' by lines that begin with TALK_PREFIX;
 * each answer is one line "go". Nothing is printed while something is measured:
 *
 *   ready NAME      about to begin; waits for the answer
 *   done            it has ended; waits for the answer
 *   result {...}    what came out of it, JSON
 *   figure {...}    something else that came out of it
 *   output TEXT     a line of what a standard tool said
 *   tool {...}      it has said all: how it ended, and what a result has
 *   init            a guest's first line
 *   give            the host's program wants its device bound to vfio-pci; waits for the answer
 *   skipped NAME WHY    this part cannot be done here
 *   failed WHY      nothing can
 *   end             the last line
 */
#define TALK_PREFIX "viaduct-bench: "

/*
 * The first word, if time is to be told from work: a window in which the processor spins says what
 * a tick of the clock costs.
 */
#define WORK_CLOCK "clock"

/* Where a guest finds what to do, a word a line; 'viaduct bench' puts it in the initramfs. */
#define WORK_FOLDER "/viaduct-bench"
#define WORK_WORDS  WORK_FOLDER "/words"

/* There it finds each tool in a folder of its name, with the libraries it needs. */
#define WORK_TOOLS	  WORK_FOLDER "/tools"
#define WORK_TOOL_PROGRAM "program"
#define WORK_TOOL_LOADER  "loader" /* none: the program is static */

/* Where a tool finds iperf3 serve: beside the peer, who has the port that iperf3 takes. */
#define WORK_IPERF3_PORT "5202"

void talk(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The last line before the end: a failure. Never returns in a guest, which powers off. */
void talk_failed(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/* One part of the work cannot be done here. */
void talk_skipped(const char *part, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The answer to a line that waits for one. */
void await_answer(void);

/* Ends the program, in a guest by powering off. */
void work_end(int status) __attribute__((noreturn));

uint64_t now_ns(void);

/* Durations of operations. What does not fit is counted in the histogram and left out of the
 * percentiles: one in a million is none of them. */
#define SAMPLES_MAX (1U << 20)

/* Sub-buckets of each power of two: a bucket's bounds are at most 12.5 % apart. */
#define BUCKET_BITS 3
#define BUCKETS	    (64U << BUCKET_BITS)

struct samples {
	uint64_t *values;
	size_t count;
	uint64_t buckets[BUCKETS];
};

/* Empties them; allocates at first use. */
void samples_reset(struct samples *samples);
void samples_add(struct samples *samples, uint64_t ns);

/* One part of the work, measured by itself. */
struct window {
	const char *name;
	const char *device; /* PCI device in sysfs whose interrupts are counted; NULL: none */
	uint64_t interrupts, ticks, ns; /* at its begin, then how many there were */
};

/* How often the timers of processors have interrupted them, of all of them together. */
uint64_t ticks_now(void);

void window_begin(struct window *window, const char *name, const char *device);

/* @operations: what costs are counted by. @value: the figure, in the metric's unit; with @samples
 * their median is. */
void window_end(struct window *window, uint64_t operations, double value, struct samples *samples);

/* The same of what another program does: window_stop(), then what it said as lines "output". */
void window_stop(struct window *window);
void window_tool(const struct window *window, int status);

/* A figure that follows from the window before, and costs nothing of its own. */
void talk_figure(const char *name, uint64_t operations, double value);

/* Likewise, what each operation took: their median is the figure. */
void talk_times(const char *name, struct samples *samples);

/* The PCI device a class device hangs on ("/sys/class/net/eth0"), through virtio0 and the like. */
bool pci_device_of(const char *class_path, char *path, size_t path_bytes);

/* The driver of a PCI device of sysfs; false when it has none. */
bool driver_of(const char *device, char *name, size_t name_bytes);

/* The name in /dev of a disk of /sys/block: a path to an NVMe namespace that may have several is
 * not there itself. False for one that is in neither way. */
bool disk_name(const char *block, char *name, size_t name_bytes);

/* Interrupts that the kernel counted for a PCI device of sysfs. */
uint64_t interrupts_of(const char *device);

/* A small file of one line; false when it cannot be read. */
bool read_line(char *text, size_t text_bytes, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Mounts, drivers, console: what a guest's init does first. */
void guest_begin(void);

/* A module by its name, where there is a modprobe. */
void guest_load(const char *module);

/* The kinds of work; words[0] is the kind, ended by a NULL. */
void work_net(char **words);
void work_disk(char **words);
void work_irq(char **words);
void work_bar(char **words);

/*
 * A standard tool (words[0], ended by a NULL), for about @duration_ns, as a part of the work: in a
 * guest the one that was put there, on the host the one that is installed.
 */
void work_tool(const char *part, const char *device, uint64_t duration_ns,
	       const char *const *words);

/* A part of work_irq(): a device's, or "auto", vector is masked and unmasked @count times. */
void work_mask(const char *name, const char *device, uint64_t count);

/* Answers work_net() from the other end, until it is killed. */
void work_peer(char **words);

#endif
