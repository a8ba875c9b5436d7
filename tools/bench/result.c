/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "result.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <viaduct/util/text.h>

const char *via_bench_kind_name(enum via_bench_kind kind)
{
	static const char *const names[VIA_BENCH_KINDS] = {
		[VIA_BENCH_NET] = "net", [VIA_BENCH_DISK] = "disk", [VIA_BENCH_IRQ] = "irq",
		[VIA_BENCH_MAP] = "map", [VIA_BENCH_BOOT] = "boot", [VIA_BENCH_BAR] = "bar",
	};

	return names[kind];
}

const char *via_bench_cost_group_name(enum via_bench_cost_group group)
{
	static const char *const names[VIA_BENCH_COST_GROUPS] = {
		[VIA_BENCH_EXITS] = "exits",
		[VIA_BENCH_USER_EXITS] = "user_exits",
		[VIA_BENCH_INTERRUPTS] = "interrupts",
		[VIA_BENCH_CPU_NS] = "cpu_ns",
		[VIA_BENCH_CONTEXT_SWITCHES] = "context_switches",
		[VIA_BENCH_INSTRUCTIONS] = "instructions",
	};

	return names[group];
}

const char *via_bench_unit_name(enum via_bench_unit unit)
{
	static const char *const names[VIA_BENCH_UNITS] = {
		[VIA_BENCH_UNIT_NS] = "ns",	     [VIA_BENCH_UNIT_BYTES_PER_SECOND] = "bytes/s",
		[VIA_BENCH_UNIT_PER_SECOND] = "1/s", [VIA_BENCH_UNIT_COUNT] = "count",
		[VIA_BENCH_UNIT_BYTES] = "bytes",
	};

	return names[unit];
}

const char *via_bench_better_name(enum via_bench_better better)
{
	static const char *const names[VIA_BENCH_BETTERS] = {
		[VIA_BENCH_BETTER_NONE] = "none",
		[VIA_BENCH_BETTER_LOWER] = "lower",
		[VIA_BENCH_BETTER_HIGHER] = "higher",
	};

	return names[better];
}

struct via_bench_result *via_bench_result_new(enum via_bench_kind kind)
{
	struct via_bench_result *result = calloc(1, sizeof(*result));

	if (!result)
		return NULL;
	result->kind = kind;
	result->machine.pinned = -1;
	return result;
}

static void free_texts(struct via_bench_texts *texts)
{
	for (size_t i = 0; i < texts->count; i++)
		free(texts->texts[i]);
	free(texts->texts);
}

static void free_facts(struct via_bench_facts *facts)
{
	for (size_t i = 0; i < facts->count; i++) {
		free(facts->facts[i].name);
		free(facts->facts[i].value);
	}
	free(facts->facts);
}

static void free_subject(struct via_bench_subject *subject)
{
	free(subject->name);
	free(subject->vmm);
	free(subject->what);
	free(subject->reason);
	free(subject);
}

static void free_cost(struct via_bench_cost *cost)
{
	free(cost->name);
	free(cost->samples.values);
	free(cost);
}

static void free_figures(struct via_bench_figures *figures)
{
	for (size_t i = 0; i < figures->cost_count; i++)
		free_cost(figures->costs[i]);
	free(figures->costs);
	free(figures->subject);
	free(figures->samples.values);
	free(figures->histogram);
	free(figures);
}

static void free_metric(struct via_bench_metric *metric)
{
	for (size_t i = 0; i < metric->figure_count; i++)
		free_figures(metric->figures[i]);
	free(metric->figures);
	free(metric->name);
	free(metric->title);
	free(metric->operation);
	free(metric->series);
	free(metric);
}

void via_bench_result_free(struct via_bench_result *result)
{
	if (!result)
		return;
	free_texts(&result->command);
	free_texts(&result->warnings);
	free_texts(&result->sentences);
	free_facts(&result->parameters);
	free_facts(&result->machine.facts);
	free(result->began);
	free(result->baseline);
	free(result->machine.cpu);
	free(result->machine.kernel);
	free(result->machine.iommu);
	free(result->machine.governor);
	free(result->guest.kernel);
	free(result->guest.initrd);
	for (size_t i = 0; i < result->subject_count; i++)
		free_subject(result->subjects[i]);
	free(result->subjects);
	for (size_t i = 0; i < result->metric_count; i++)
		free_metric(result->metrics[i]);
	free(result->metrics);
	free(result);
}

/* @array with room for one more than @count elements; NULL, and @array as it was, without memory.
 */
static void *grow(struct via_bench_result *result, void *array, size_t count, size_t size)
{
	void *grown = reallocarray(array, count + 1, size);

	result->failed |= !grown;
	return grown;
}

void via_bench_set(struct via_bench_result *result, char **field, const char *text)
{
	free(*field);
	*field = text ? strdup(text) : NULL;
	result->failed |= text && !*field;
	if (*field)
		via_text_make_printable(*field);
}

static char *vtext(struct via_bench_result *result, const char *fmt, va_list args)
{
	char *text;

	if (vasprintf(&text, fmt, args) >= 0) {
		via_text_make_printable(text);
		return text;
	}
	result->failed = true;
	return NULL;
}

void via_bench_add_text(struct via_bench_result *result, struct via_bench_texts *texts,
			const char *fmt, ...)
{
	char **grown = grow(result, texts->texts, texts->count, sizeof(*grown));
	va_list args;

	if (!grown)
		return;
	texts->texts = grown;
	va_start(args, fmt);
	grown[texts->count] = vtext(result, fmt, args);
	va_end(args);
	if (grown[texts->count])
		texts->count++;
}

void via_bench_add_fact(struct via_bench_result *result, struct via_bench_facts *facts,
			const char *name, const char *fmt, ...)
{
	struct via_bench_fact *grown = grow(result, facts->facts, facts->count, sizeof(*grown));
	struct via_bench_fact fact = { 0 };
	va_list args;

	if (!grown)
		return;
	facts->facts = grown;
	via_bench_set(result, &fact.name, name);
	va_start(args, fmt);
	fact.value = vtext(result, fmt, args);
	va_end(args);
	if (fact.name && fact.value) {
		grown[facts->count++] = fact;
		return;
	}
	free(fact.name);
	free(fact.value);
}

struct via_bench_subject *via_bench_add_subject(struct via_bench_result *result, const char *name,
						const char *vmm, const char *what,
						const char *reason)
{
	struct via_bench_subject **grown =
		grow(result, result->subjects, result->subject_count, sizeof(*grown));
	struct via_bench_subject *subject = calloc(1, sizeof(*subject));

	if (grown)
		result->subjects = grown;
	if (!grown || !subject) {
		result->failed = true;
		free(subject);
		return NULL;
	}
	grown[result->subject_count++] = subject;
	via_bench_set(result, &subject->name, name);
	via_bench_set(result, &subject->vmm, vmm);
	via_bench_set(result, &subject->what, what);
	via_bench_set(result, &subject->reason, reason);
	return subject;
}

struct via_bench_metric *via_bench_add_metric(struct via_bench_result *result, const char *name,
					      const char *title, enum via_bench_unit unit,
					      enum via_bench_better better, bool time)
{
	struct via_bench_metric **grown =
		grow(result, result->metrics, result->metric_count, sizeof(*grown));
	struct via_bench_metric *metric = calloc(1, sizeof(*metric));

	if (grown)
		result->metrics = grown;
	if (!grown || !metric) {
		result->failed = true;
		free(metric);
		return NULL;
	}
	grown[result->metric_count++] = metric;
	via_bench_set(result, &metric->name, name);
	via_bench_set(result, &metric->title, title);
	metric->unit = unit;
	metric->better = better;
	metric->time = time;
	return metric;
}

/* Names are NULL only after memory ran out. */
static bool same(const char *a, const char *b)
{
	return a && b && !strcmp(a, b);
}

struct via_bench_subject *via_bench_subject_find(const struct via_bench_result *result,
						 const char *name)
{
	for (size_t i = 0; i < result->subject_count; i++)
		if (same(result->subjects[i]->name, name))
			return result->subjects[i];
	return NULL;
}

struct via_bench_metric *via_bench_metric_find(const struct via_bench_result *result,
					       const char *name)
{
	for (size_t i = 0; i < result->metric_count; i++)
		if (same(result->metrics[i]->name, name))
			return result->metrics[i];
	return NULL;
}

struct via_bench_figures *via_bench_figures_find(const struct via_bench_metric *metric,
						 const char *subject)
{
	for (size_t i = 0; i < metric->figure_count; i++)
		if (same(metric->figures[i]->subject, subject))
			return metric->figures[i];
	return NULL;
}

struct via_bench_figures *via_bench_figures(struct via_bench_result *result,
					    struct via_bench_metric *metric, const char *subject)
{
	struct via_bench_figures *figures = metric ? via_bench_figures_find(metric, subject) : NULL;
	struct via_bench_figures **grown;

	if (figures || !metric)
		return figures;
	grown = grow(result, metric->figures, metric->figure_count, sizeof(*grown));
	if (grown)
		metric->figures = grown;
	figures = calloc(1, sizeof(*figures));
	if (!grown || !figures) {
		result->failed = true;
		free(figures);
		return NULL;
	}
	grown[metric->figure_count++] = figures;
	via_bench_set(result, &figures->subject, subject);
	return figures;
}

static void add_sample(struct via_bench_result *result, struct via_bench_samples *samples,
		       double value)
{
	if (samples->count == samples->capacity) {
		size_t more = samples->capacity ? samples->capacity * 2 : 8;
		double *grown = reallocarray(samples->values, more, sizeof(*grown));

		if (!grown) {
			result->failed = true;
			return;
		}
		samples->values = grown;
		samples->capacity = more;
	}
	samples->values[samples->count++] = value;
}

void via_bench_add_sample(struct via_bench_result *result, struct via_bench_figures *figures,
			  double value)
{
	if (figures)
		add_sample(result, &figures->samples, value);
}

static struct via_bench_cost *cost_find(const struct via_bench_figures *figures,
					enum via_bench_cost_group group, const char *name)
{
	for (size_t i = 0; i < figures->cost_count; i++)
		if (figures->costs[i]->group == group && same(figures->costs[i]->name, name))
			return figures->costs[i];
	return NULL;
}

const struct via_bench_cost *via_bench_cost_find(const struct via_bench_figures *figures,
						 enum via_bench_cost_group group, const char *name)
{
	return cost_find(figures, group, name);
}

bool via_bench_cost_is_part(const struct via_bench_cost *cost)
{
	return !same(cost->name, VIA_BENCH_TOTAL) && !same(cost->name, VIA_BENCH_OF_CLOCK) &&
	       !(cost->group == VIA_BENCH_INTERRUPTS &&
		 (same(cost->name, VIA_BENCH_OF_GUEST) || same(cost->name, VIA_BENCH_OF_DRIVER)));
}

double via_bench_cost_total(const struct via_bench_figures *figures,
			    enum via_bench_cost_group group)
{
	const struct via_bench_cost *total = cost_find(figures, group, VIA_BENCH_TOTAL);

	return total ? total->summary.median : NAN;
}

static struct via_bench_cost *cost_add(struct via_bench_result *result,
				       struct via_bench_figures *figures,
				       enum via_bench_cost_group group, const char *name)
{
	struct via_bench_cost **grown =
		grow(result, figures->costs, figures->cost_count, sizeof(*grown));
	struct via_bench_cost *cost = calloc(1, sizeof(*cost));

	if (grown)
		figures->costs = grown;
	if (!grown || !cost) {
		result->failed = true;
		free(cost);
		return NULL;
	}
	grown[figures->cost_count++] = cost;
	cost->group = group;
	via_bench_set(result, &cost->name, name);
	return cost;
}

void via_bench_add_cost(struct via_bench_result *result, struct via_bench_figures *figures,
			enum via_bench_cost_group group, const char *name, double value)
{
	struct via_bench_cost *cost;

	if (!figures)
		return;
	cost = cost_find(figures, group, name);
	if (!cost)
		cost = cost_add(result, figures, group, name);
	if (cost)
		add_sample(result, &cost->samples, value);
}

void via_bench_add_operations(struct via_bench_result *result, struct via_bench_figures *figures,
			      uint64_t value, uint64_t times)
{
	if (!figures)
		return;
	if (!figures->histogram)
		figures->histogram = calloc(1, sizeof(*figures->histogram));
	if (figures->histogram)
		via_histogram_add(figures->histogram, value > INT64_MAX ? INT64_MAX : value, times);
	else
		result->failed = true;
}

bool via_bench_has_figures(const struct via_bench_result *result, const char *subject)
{
	for (size_t i = 0; i < result->metric_count; i++)
		if (via_bench_figures_find(result->metrics[i], subject))
			return true;
	return false;
}

bool via_bench_is_baseline(const struct via_bench_result *result, const char *subject)
{
	return same(result->baseline, subject);
}

/* A reason that some runs did not have was there 0 times in them. */
static void fill_costs(struct via_bench_result *result, struct via_bench_figures *figures)
{
	size_t most[VIA_BENCH_COST_GROUPS] = { 0 };

	for (size_t i = 0; i < figures->cost_count; i++) {
		const struct via_bench_cost *cost = figures->costs[i];

		if (cost->samples.count > most[cost->group])
			most[cost->group] = cost->samples.count;
	}
	for (size_t i = 0; i < figures->cost_count; i++) {
		struct via_bench_cost *cost = figures->costs[i];

		while (cost->samples.count < most[cost->group] && !result->failed)
			add_sample(result, &cost->samples, 0);
	}
}

/* A group that came in parts has a total too, of each run: medians do not add up. */
static void add_totals(struct via_bench_result *result, struct via_bench_figures *figures)
{
	for (enum via_bench_cost_group group = 0; group < VIA_BENCH_COST_GROUPS; group++) {
		size_t parts = figures->cost_count;
		bool any = true;

		if (cost_find(figures, group, VIA_BENCH_TOTAL))
			continue;
		for (size_t run = 0; any && !result->failed; run++) {
			double sum = 0;

			any = false;
			for (size_t i = 0; i < parts; i++) {
				const struct via_bench_cost *cost = figures->costs[i];

				if (cost->group != group || run >= cost->samples.count ||
				    !via_bench_cost_is_part(cost))
					continue;
				sum += cost->samples.values[run];
				any = true;
			}
			if (any)
				via_bench_add_cost(result, figures, group, VIA_BENCH_TOTAL, sum);
		}
	}
}

static int summarise(struct via_bench_result *result, struct via_bench_figures *figures)
{
	int rc = via_stats_summarise(figures->samples.values, figures->samples.count,
				     &figures->summary);

	fill_costs(result, figures);
	add_totals(result, figures);
	for (size_t i = 0; !rc && i < figures->cost_count; i++) {
		struct via_bench_cost *cost = figures->costs[i];

		rc = via_stats_summarise(cost->samples.values, cost->samples.count, &cost->summary);
	}
	return rc;
}

static int compare_to_baseline(const struct via_bench_result *result,
			       const struct via_bench_metric *metric,
			       struct via_bench_figures *figures)
{
	const struct via_bench_figures *base =
		result->baseline ? via_bench_figures_find(metric, result->baseline) : NULL;

	int rc;

	figures->ratio = NAN;
	figures->differs = false;
	figures->ratio_interval = (struct via_interval){ NAN, NAN };
	if (!base || base == figures)
		return 0;
	rc = via_stats_ratio(figures->samples.values, figures->samples.count, base->samples.values,
			     base->samples.count, &figures->ratio, &figures->ratio_interval);
	figures->differs = !rc && !isnan(figures->ratio) &&
			   via_stats_differ(figures->samples.values, figures->samples.count,
					    base->samples.values, base->samples.count,
					    figures->ratio_interval);
	return rc;
}

int via_bench_result_finish(struct via_bench_result *result, struct via_error *err)
{
	int rc = 0;

	for (size_t i = 0; !result->baseline && i < result->subject_count; i++)
		if (!result->subjects[i]->reason)
			via_bench_set(result, &result->baseline, result->subjects[i]->name);
	for (size_t i = 0; i < result->metric_count; i++) {
		struct via_bench_metric *metric = result->metrics[i];

		for (size_t j = 0; !rc && !result->failed && j < metric->figure_count; j++)
			rc = summarise(result, metric->figures[j]);
		for (size_t j = 0; !rc && !result->failed && j < metric->figure_count; j++)
			rc = compare_to_baseline(result, metric, metric->figures[j]);
	}
	return rc || result->failed ? via_error_sys(err, ENOMEM, "cannot summarise the result") : 0;
}
