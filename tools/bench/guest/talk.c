/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "work.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void say(const char *fmt, va_list args)
{
	char line[512];

	vsnprintf(line, sizeof(line), fmt, args);
	printf(TALK_PREFIX "%s\n", line);
	fflush(stdout);
}

void talk(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(fmt, args);
	va_end(args);
}

void talk_failed(const char *fmt, ...)
{
	char why[400];
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	talk("failed %s", why);
	work_end(1);
}

void talk_skipped(const char *part, const char *fmt, ...)
{
	char why[400];
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	talk("skipped %s %s", part, why);
}

void await_answer(void)
{
	char c;
	ssize_t got;

	do {
		got = read(STDIN_FILENO, &c, 1);
		if (got <= 0)
			work_end(1);
	} while (c != '\n' && c != '\r');
}

uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

void samples_reset(struct samples *samples)
{
	if (!samples->values)
		samples->values = malloc(SAMPLES_MAX * sizeof(*samples->values));
	if (!samples->values)
		talk_failed("out of memory");
	/* Pages are touched now, not while measuring. */
	memset(samples->values, 0, SAMPLES_MAX * sizeof(*samples->values));
	samples->count = 0;
	memset(samples->buckets, 0, sizeof(samples->buckets));
}

static unsigned int bucket_of(uint64_t value)
{
	unsigned int exponent;

	if (value < (1U << BUCKET_BITS))
		return (unsigned int)value;
	exponent = 63U - (unsigned int)__builtin_clzll(value);
	return (exponent << BUCKET_BITS) +
	       (unsigned int)((value >> (exponent - BUCKET_BITS)) & ((1U << BUCKET_BITS) - 1));
}

/* The value in the middle of a bucket. */
static uint64_t bucket_value(unsigned int bucket)
{
	unsigned int exponent = bucket >> BUCKET_BITS;
	uint64_t sub = bucket & ((1U << BUCKET_BITS) - 1);

	if (exponent < BUCKET_BITS)
		return bucket;
	return ((2 * ((1ULL << BUCKET_BITS) + sub) + 1) << (exponent - BUCKET_BITS)) >> 1;
}

void samples_add(struct samples *samples, uint64_t ns)
{
	samples->buckets[bucket_of(ns)]++;
	if (samples->count < SAMPLES_MAX)
		samples->values[samples->count++] = ns;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* @samples: sorted. */
static void print_samples(const struct samples *s)
{
	const char *comma = "";

	printf(", \"p99\": %llu, \"histogram\": [",
	       (unsigned long long)s->values[s->count - 1 - (s->count - 1) / 100]);
	for (unsigned int i = 0; i < BUCKETS; i++) {
		if (!s->buckets[i])
			continue;
		printf("%s[%llu, %llu]", comma, (unsigned long long)bucket_value(i),
		       (unsigned long long)s->buckets[i]);
		comma = ", ";
	}
	printf("]");
}

static double median_of(struct samples *samples)
{
	qsort(samples->values, samples->count, sizeof(*samples->values), compare);
	return (double)samples->values[samples->count / 2];
}

void window_begin(struct window *window, const char *name, const char *device)
{
	*window = (struct window){ .name = name, .device = device };
	talk("ready %s", name);
	await_answer();
	if (device)
		window->interrupts = interrupts_of(device);
	window->ticks = ticks_now();
	window->ns = now_ns();
}

void window_stop(struct window *window)
{
	window->ns = now_ns() - window->ns;
	window->ticks = ticks_now() - window->ticks;
	if (window->device)
		window->interrupts = interrupts_of(window->device) - window->interrupts;
	talk("done");
	await_answer();
}

static void print_window(const struct window *window)
{
	char driver[64];

	printf(", \"ns\": %llu, \"ticks\": %llu, \"interrupts\": %llu",
	       (unsigned long long)window->ns, (unsigned long long)window->ticks,
	       (unsigned long long)window->interrupts);
	if (window->device && driver_of(window->device, driver, sizeof(driver)))
		printf(", \"driver\": \"%s\"", driver);
}

void window_tool(const struct window *window, int status)
{
	printf(TALK_PREFIX "tool {\"name\": \"%s\", \"status\": %d", window->name, status);
	print_window(window);
	printf("}\n");
	fflush(stdout);
}

void window_end(struct window *window, uint64_t operations, double value, struct samples *samples)
{
	window_stop(window);
	if (samples && samples->count)
		value = median_of(samples);
	printf(TALK_PREFIX "result {\"name\": \"%s\", \"operations\": %llu, \"value\": %.17g",
	       window->name, (unsigned long long)operations, value);
	print_window(window);
	if (samples && samples->count)
		print_samples(samples);
	printf("}\n");
	fflush(stdout);
}

void talk_figure(const char *name, uint64_t operations, double value)
{
	talk("figure {\"name\": \"%s\", \"operations\": %llu, \"value\": %.17g}", name,
	     (unsigned long long)operations, value);
}

void talk_times(const char *name, struct samples *samples)
{
	if (!samples->count)
		return;
	printf(TALK_PREFIX "figure {\"name\": \"%s\", \"operations\": %llu, \"value\": %.17g", name,
	       (unsigned long long)samples->count, median_of(samples));
	print_samples(samples);
	printf("}\n");
	fflush(stdout);
}
