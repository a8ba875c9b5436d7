/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stats.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <viaduct/util/cleanup.h>

/* SplitMix64 (Steele, Lea, Flood 2014): enough for resampling, and eight lines. */
struct generator {
	uint64_t state;
};

static uint64_t generator_next(struct generator *generator)
{
	uint64_t z = generator->state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* A number below @bound; its bias, @bound / 2^64, is nothing beside 2,000 draws. */
static size_t generator_below(struct generator *generator, size_t bound)
{
	return (size_t)(((unsigned __int128)generator_next(generator) * bound) >> 64);
}

bool via_interval_known(struct via_interval interval)
{
	return !isnan(interval.low) && !isnan(interval.high);
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* A copy in ascending order, to be freed; NULL when memory runs out, or there is none. */
static double *sorted_copy(const double *values, size_t count)
{
	double *copy = calloc(count ? count : 1, sizeof(*copy));

	if (!copy)
		return NULL;
	if (count)
		memcpy(copy, values, count * sizeof(*copy));
	qsort(copy, count, sizeof(*copy), compare_doubles);
	return copy;
}

double via_stats_quantile(const double *sorted, size_t count, double p)
{
	double place, floor_place;
	size_t below;

	if (!count)
		return NAN;
	place = p * (double)(count - 1);
	floor_place = floor(place);
	below = (size_t)floor_place;
	if (below + 1 >= count)
		return sorted[count - 1];
	return sorted[below] + (place - floor_place) * (sorted[below + 1] - sorted[below]);
}

double via_stats_median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare_doubles);
	return via_stats_quantile(values, count, 0.5);
}

/*
 * The median of @count draws with replacement from @sorted. Draws are counted by place, so nothing
 * is sorted again. @drawn: room for @count numbers.
 */
static double resampled_median(struct generator *generator, const double *sorted, size_t count,
			       size_t *drawn)
{
	size_t upper = count / 2, lower = (count - 1) / 2, seen = 0, i = 0;
	double low;

	memset(drawn, 0, count * sizeof(*drawn));
	for (size_t n = 0; n < count; n++)
		drawn[generator_below(generator, count)]++;
	while ((seen += drawn[i]) <= lower)
		i++;
	low = sorted[i];
	while (seen <= upper)
		seen += drawn[++i];
	return low + (sorted[i] - low) / 2;
}

/* The middle VIA_STATS_CONFIDENCE of @results, which are put in order. */
static struct via_interval middle_of(double *results, size_t count)
{
	double tail = (1 - VIA_STATS_CONFIDENCE) / 2;

	qsort(results, count, sizeof(*results), compare_doubles);
	return (struct via_interval){ via_stats_quantile(results, count, tail),
				      via_stats_quantile(results, count, 1 - tail) };
}

static const struct via_interval unknown_interval = { NAN, NAN };

/* Any fixed numbers; two, so that the two sides of a ratio are drawn independently. */
enum { SEED_VALUES = 0x76696164, SEED_BASE = 0x75637421 };

int via_stats_summarise(const double *values, size_t count, struct via_summary *summary)
{
	via_autofree double *sorted = sorted_copy(values, count);
	via_autofree size_t *drawn = calloc(count ? count : 1, sizeof(*drawn));
	via_autofree double *results = calloc(VIA_STATS_RESAMPLES, sizeof(*results));
	struct generator generator = { SEED_VALUES };

	if (!sorted || !drawn || !results)
		return -ENOMEM;
	*summary = (struct via_summary){
		.median = via_stats_quantile(sorted, count, 0.5),
		.q1 = via_stats_quantile(sorted, count, 0.25),
		.q3 = via_stats_quantile(sorted, count, 0.75),
		.min = via_stats_quantile(sorted, count, 0),
		.max = via_stats_quantile(sorted, count, 1),
		.interval = unknown_interval,
	};
	if (count < VIA_STATS_INTERVAL_MIN)
		return 0;
	for (size_t i = 0; i < VIA_STATS_RESAMPLES; i++)
		results[i] = resampled_median(&generator, sorted, count, drawn);
	summary->interval = middle_of(results, VIA_STATS_RESAMPLES);
	return 0;
}

int via_stats_ratio(const double *values, size_t count, const double *base, size_t base_count,
		    double *ratio, struct via_interval *interval)
{
	via_autofree double *above = sorted_copy(values, count);
	via_autofree double *below = sorted_copy(base, base_count);
	via_autofree size_t *drawn =
		calloc((count > base_count ? count : base_count) + 1, sizeof(*drawn));
	via_autofree double *results = calloc(VIA_STATS_RESAMPLES, sizeof(*results));
	struct generator above_generator = { SEED_VALUES }, below_generator = { SEED_BASE };
	double divisor;

	if (!above || !below || !drawn || !results)
		return -ENOMEM;
	*interval = unknown_interval;
	divisor = via_stats_quantile(below, base_count, 0.5);
	*ratio = divisor > 0 ? via_stats_quantile(above, count, 0.5) / divisor : NAN;
	if (isnan(*ratio) || count < VIA_STATS_INTERVAL_MIN || base_count < VIA_STATS_INTERVAL_MIN)
		return 0;
	for (size_t i = 0; i < VIA_STATS_RESAMPLES; i++) {
		double median = resampled_median(&above_generator, above, count, drawn);

		divisor = resampled_median(&below_generator, below, base_count, drawn);
		if (!(divisor > 0))
			return 0;
		results[i] = median / divisor;
	}
	*interval = middle_of(results, VIA_STATS_RESAMPLES);
	return 0;
}

static struct via_interval range_of(const double *values, size_t count)
{
	struct via_interval range = { values[0], values[0] };

	for (size_t i = 1; i < count; i++) {
		range.low = fmin(range.low, values[i]);
		range.high = fmax(range.high, values[i]);
	}
	return range;
}

bool via_stats_differ(const double *values, size_t count, const double *base, size_t base_count,
		      struct via_interval ratio)
{
	size_t least = count < base_count ? count : base_count;
	struct via_interval a, b;

	if (via_interval_known(ratio))
		return ratio.low > 1 || ratio.high < 1;
	if (least < VIA_STATS_RANGE_MIN || least >= VIA_STATS_INTERVAL_MIN)
		return false;
	a = range_of(values, count);
	b = range_of(base, base_count);
	return a.low > b.high || a.high < b.low;
}

size_t via_histogram_bucket(uint64_t value)
{
	unsigned int shift;

	if (value < 64)
		return (size_t)value;
	/* Six leading bits tell the bucket: 32 to 63 at each shift. */
	shift = 58 - (unsigned int)__builtin_clzll(value);
	return (size_t)(64 + (shift - 1) * 32 + (value >> shift) - 32);
}

uint64_t via_histogram_upper(size_t bucket)
{
	unsigned int shift;

	if (bucket < 64)
		return bucket;
	shift = (unsigned int)((bucket - 64) / 32 + 1);
	return ((uint64_t)((bucket - 64) % 32 + 32) << shift) + (((uint64_t)1 << shift) - 1);
}

void via_histogram_add(struct via_histogram *histogram, uint64_t value, uint64_t times)
{
	histogram->counts[via_histogram_bucket(value)] += times;
	histogram->total += times;
}

uint64_t via_histogram_quantile(const struct via_histogram *histogram, double p)
{
	double wanted = p * (double)histogram->total;
	uint64_t seen = 0, last = 0;

	for (size_t i = 0; i < VIA_HISTOGRAM_BUCKETS; i++) {
		if (!histogram->counts[i])
			continue;
		seen += histogram->counts[i];
		last = via_histogram_upper(i);
		if ((double)seen >= wanted)
			break;
	}
	return last;
}

bool via_histogram_tells(const struct via_histogram *histogram, double p)
{
	return p >= 1 || (double)histogram->total * (1 - p) > 0.999;
}
