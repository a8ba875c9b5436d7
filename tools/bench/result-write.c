/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A result as JSON. What jansson is given as NULL, it passes on: memory ran out. */
#include "result.h"

#include <math.h>

static json_t *text_json(const char *text)
{
	return text ? json_string(text) : json_null();
}

/* Whole numbers are written as such: a count of 3 is not 3.0. */
json_t *via_bench_number_json(double value)
{
	if (!isfinite(value))
		return json_null();
	if (fabs(value) < 1e15 && value == floor(value))
		return json_integer((json_int_t)value);
	return json_real(value);
}

static json_t *integer_json(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *interval_json(struct via_interval interval)
{
	if (!via_interval_known(interval))
		return json_null();
	return json_pack("[o, o]", via_bench_number_json(interval.low),
			 via_bench_number_json(interval.high));
}

static json_t *texts_json(const struct via_bench_texts *texts)
{
	json_t *array = json_array();

	for (size_t i = 0; i < texts->count; i++)
		if (json_array_append_new(array, json_string(texts->texts[i])))
			goto failed;
	return array;
failed:
	json_decref(array);
	return NULL;
}

static json_t *facts_json(const struct via_bench_facts *facts)
{
	json_t *array = json_array();

	for (size_t i = 0; i < facts->count; i++)
		if (json_array_append_new(array,
					  json_pack("{s:s, s:s}", "name", facts->facts[i].name,
						    "value", facts->facts[i].value)))
			goto failed;
	return array;
failed:
	json_decref(array);
	return NULL;
}

static json_t *samples_json(const struct via_bench_samples *samples)
{
	json_t *array = json_array();

	for (size_t i = 0; i < samples->count; i++)
		if (json_array_append_new(array, via_bench_number_json(samples->values[i])))
			goto failed;
	return array;
failed:
	json_decref(array);
	return NULL;
}

static json_t *histogram_json(const struct via_histogram *histogram)
{
	json_t *array;

	if (!histogram || !histogram->total)
		return json_null();
	array = json_array();
	for (size_t i = 0; i < VIA_HISTOGRAM_BUCKETS; i++)
		if (histogram->counts[i] &&
		    json_array_append_new(array,
					  json_pack("[o, o]", integer_json(via_histogram_upper(i)),
						    integer_json(histogram->counts[i]))))
			goto failed;
	return array;
failed:
	json_decref(array);
	return NULL;
}

static json_t *percentile_json(const struct via_histogram *histogram, double p)
{
	if (!via_histogram_tells(histogram, p))
		return json_null();
	return integer_json(via_histogram_quantile(histogram, p));
}

static json_t *percentiles_json(const struct via_histogram *histogram)
{
	if (!histogram || !histogram->total)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "50", percentile_json(histogram, 0.5), "90",
			 percentile_json(histogram, 0.9), "99", percentile_json(histogram, 0.99),
			 "99.9", percentile_json(histogram, 0.999), "100",
			 percentile_json(histogram, 1));
}

/* Of one group: by name, or null when it was not counted. */
static json_t *group_json(const struct via_bench_figures *figures, enum via_bench_cost_group group)
{
	json_t *object = NULL;

	for (size_t i = 0; i < figures->cost_count; i++) {
		const struct via_bench_cost *cost = figures->costs[i];

		if (cost->group != group)
			continue;
		if (!object)
			object = json_object();
		if (json_object_set_new(object, cost->name,
					json_pack("{s:o, s:o, s:o}", "median",
						  via_bench_number_json(cost->summary.median),
						  "interval", interval_json(cost->summary.interval),
						  "samples", samples_json(&cost->samples))))
			goto failed;
	}
	return object ? object : json_null();
failed:
	json_decref(object);
	return NULL;
}

static json_t *costs_json(const struct via_bench_figures *figures)
{
	json_t *object = json_object();

	for (enum via_bench_cost_group group = 0; group < VIA_BENCH_COST_GROUPS; group++)
		if (json_object_set_new(object, via_bench_cost_group_name(group),
					group_json(figures, group)))
			goto failed;
	return object;
failed:
	json_decref(object);
	return NULL;
}

static json_t *ratio_json(const struct via_bench_result *result,
			  const struct via_bench_figures *figures)
{
	if (isnan(figures->ratio))
		return json_null();
	return json_pack("{s:s, s:o, s:o}", "to", result->baseline, "value",
			 via_bench_number_json(figures->ratio), "interval",
			 interval_json(figures->ratio_interval));
}

static json_t *figures_json(const struct via_bench_result *result,
			    const struct via_bench_figures *figures)
{
	const struct via_summary *summary = &figures->summary;

	return json_pack(
		"{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "subject",
		figures->subject, "samples", samples_json(&figures->samples), "median",
		via_bench_number_json(summary->median), "q1", via_bench_number_json(summary->q1),
		"q3", via_bench_number_json(summary->q3), "min",
		via_bench_number_json(summary->min), "max", via_bench_number_json(summary->max),
		"interval", interval_json(summary->interval), "ratio", ratio_json(result, figures),
		"operations", figures->operations ? integer_json(figures->operations) : json_null(),
		"histogram", histogram_json(figures->histogram), "percentiles",
		percentiles_json(figures->histogram), "costs", costs_json(figures));
}

static json_t *metric_json(const struct via_bench_result *result,
			   const struct via_bench_metric *metric)
{
	json_t *array = json_array();

	for (size_t i = 0; i < metric->figure_count; i++)
		if (json_array_append_new(array, figures_json(result, metric->figures[i])))
			goto failed;
	return json_pack("{s:s, s:s, s:s, s:s, s:b, s:o, s:o, s:o, s:b, s:o}", "name", metric->name,
			 "title", metric->title, "unit", via_bench_unit_name(metric->unit),
			 "better", via_bench_better_name(metric->better), "time", metric->time,
			 "operation", text_json(metric->operation), "series",
			 text_json(metric->series), "at",
			 metric->series ? via_bench_number_json(metric->at) : json_null(),
			 "at_bytes", metric->at_bytes, "subjects", array);
failed:
	json_decref(array);
	return NULL;
}

static json_t *metrics_json(const struct via_bench_result *result)
{
	json_t *array = json_array();

	for (size_t i = 0; i < result->metric_count; i++)
		if (json_array_append_new(array, metric_json(result, result->metrics[i])))
			goto failed;
	return array;
failed:
	json_decref(array);
	return NULL;
}

static json_t *subjects_json(const struct via_bench_result *result)
{
	json_t *array = json_array();

	for (size_t i = 0; i < result->subject_count; i++) {
		const struct via_bench_subject *subject = result->subjects[i];

		if (json_array_append_new(array,
					  json_pack("{s:s, s:o, s:o, s:s, s:o}", "name",
						    subject->name, "vmm", text_json(subject->vmm),
						    "what", text_json(subject->what), "status",
						    subject->reason ? "skipped" : "ok", "reason",
						    text_json(subject->reason))))
			goto failed;
	}
	return array;
failed:
	json_decref(array);
	return NULL;
}

static json_t *machine_json(const struct via_bench_machine *machine)
{
	return json_pack(
		"{s:o, s:i, s:o, s:o, s:b, s:o, s:o, s:o, s:o}", "cpu", text_json(machine->cpu),
		"cpus", (int)machine->cpus, "kernel", text_json(machine->kernel), "memory_bytes",
		integer_json(machine->memory_bytes), "emulated", machine->emulated, "iommu",
		text_json(machine->iommu), "governor", text_json(machine->governor), "pinned",
		machine->pinned < 0 ? json_null() : json_boolean(machine->pinned), "facts",
		facts_json(&machine->facts));
}

static json_t *guest_json(const struct via_bench_guest *guest)
{
	return json_pack("{s:o, s:o, s:o, s:i}", "kernel", text_json(guest->kernel), "initrd",
			 text_json(guest->initrd), "memory_bytes",
			 integer_json(guest->memory_bytes), "cpus", (int)guest->cpus);
}

json_t *via_bench_result_json(const struct via_bench_result *result)
{
	return json_pack("{s:i, s:s, s:o, s:o, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			 "version", VIA_BENCH_VERSION, "kind", via_bench_kind_name(result->kind),
			 "command", texts_json(&result->command), "began", text_json(result->began),
			 "runs", (int)result->runs, "machine", machine_json(&result->machine),
			 "guest", guest_json(&result->guest), "parameters",
			 facts_json(&result->parameters), "warnings", texts_json(&result->warnings),
			 "baseline", text_json(result->baseline), "subjects", subjects_json(result),
			 "metrics", metrics_json(result), "sentences",
			 texts_json(&result->sentences));
}
