/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_BENCH_STATS_H
#define VIADUCT_TOOLS_BENCH_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Robust statistics of a few runs. Everything is deterministic: resampling draws from a generator
 * of our own with a fixed seed, so that the same samples make the same report on any machine.
 */

/* How often a bootstrap draws, and the share of its results an interval holds. */
#define VIA_STATS_RESAMPLES  2000
#define VIA_STATS_CONFIDENCE 0.95
/*
 * Of fewer samples no interval has that confidence, however wide: the least and the most of six
 * have the median between them in 96.9% of cases, those of five in 93.8%, those of three in 75%.
 */
#define VIA_STATS_INTERVAL_MIN 6
/* Of fewer not even ranges that do not meet tell something. */
#define VIA_STATS_RANGE_MIN 3

/* A range of values, NAN at both ends when it is not known. */
struct via_interval {
	double low, high;
};

/* NAN everywhere when there is no sample. */
struct via_summary {
	double median, q1, q3, min, max;
	struct via_interval interval; /* of the median */
};

/** via_interval_known() - whether there is one. */
bool via_interval_known(struct via_interval interval);

/**
 * via_stats_quantile() - by linear interpolation between order statistics (Hyndman and Fan's
 * type 7, which R and NumPy use).
 * @sorted: ascending.
 * @p: 0 to 1.
 *
 * Return: NAN without samples.
 */
double via_stats_quantile(const double *sorted, size_t count, double p);

/** via_stats_median() - of @values in any order, which it puts in order. Return: NAN without any.
 */
double via_stats_median(double *values, size_t count);

/**
 * via_stats_summarise() - median, quartiles, extremes, and the percentile bootstrap interval of
 * the median.
 * @values: in any order; they are finite.
 *
 * Return: 0, or -ENOMEM.
 */
int via_stats_summarise(const double *values, size_t count, struct via_summary *summary);

/**
 * via_stats_ratio() - median(@values) / median(@base) and its bootstrap interval.
 * @ratio: NAN when it has no value (no sample, or a base of 0).
 * @interval: not known with too few samples on either side, or when a resample had a base of 0.
 *
 * Return: 0, or -ENOMEM.
 */
int via_stats_ratio(const double *values, size_t count, const double *base, size_t base_count,
		    double *ratio, struct via_interval *interval);

/**
 * via_stats_differ() - whether samples show a difference: the interval of the ratio leaves 1 out;
 * with fewer than VIA_STATS_INTERVAL_MIN on a side, all of one lie beyond all of the other. By
 * chance, three do that to three once in ten times.
 * @ratio: of via_stats_ratio().
 */
bool via_stats_differ(const double *values, size_t count, const double *base, size_t base_count,
		      struct via_interval ratio);

/*
 * A distribution in logarithmic buckets, 32 for each power of two: a value is known to 3.2%, from 1
 * to 2^64, in 15 KiB whatever the number of operations. Below 64 each value has its own.
 */
#define VIA_HISTOGRAM_BUCKETS (64 + (63 - 5) * 32)

struct via_histogram {
	uint64_t counts[VIA_HISTOGRAM_BUCKETS];
	uint64_t total;
};

/** via_histogram_bucket() - the bucket of a value. */
size_t via_histogram_bucket(uint64_t value);

/** via_histogram_upper() - the largest value of a bucket. */
uint64_t via_histogram_upper(size_t bucket);

/** via_histogram_add() - @times a value. */
void via_histogram_add(struct via_histogram *histogram, uint64_t value, uint64_t times);

/**
 * via_histogram_quantile() - the upper bound of the bucket in which the share @p of the values is
 * reached.
 *
 * Return: 0 when it is empty.
 */
uint64_t via_histogram_quantile(const struct via_histogram *histogram, double p);

/** via_histogram_tells() - whether so many are in it that one lies beyond the quantile @p. */
bool via_histogram_tells(const struct via_histogram *histogram, double p);

#endif
