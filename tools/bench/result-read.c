/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A result from JSON. A file may say anything: each value is checked where it is taken. */
#include "result.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include <viaduct/util/cleanup.h>

/* More than any bench makes; they bound what a file can cost: 2,000 resamples of each sample. */
enum {
	FILE_BYTES_MAX = 64 << 20,
	TEXT_BYTES_MAX = 4096,
	TEXTS_MAX = 1000,
	SUBJECTS_MAX = 32,
	METRICS_MAX = 500,
	COSTS_MAX = 200, /* of a group */
	CPUS_MAX = 1 << 20,
	RUNS_MAX = 100000,
	SAMPLES_MAX = 200000, /* of the whole file */
};

/* Products and quotients of these stay far from what a double cannot hold. */
static const double VALUE_MAX = 1e24;
static const json_int_t COUNT_MAX = 1000000000000000;

struct reader {
	const char *where;
	struct via_error *err;
	int rc; /* of the first error; nothing is taken after it */
	size_t samples;
	struct via_bench_result *result;
};

/* A value and the way to it; @value is NULL or JSON's null when there is none. */
struct place {
	const struct place *in;
	const char *key; /* NULL: at @index */
	size_t index;
	const json_t *value;
};

static void print_place(FILE *out, const struct place *place)
{
	if (!place->in)
		return;
	print_place(out, place->in);
	if (place->key)
		fprintf(out, "%s%s", place->in->in ? "." : "", place->key);
	else
		fprintf(out, "[%zu]", place->index);
}

/* FILE: PLACE @fmt. The first of them counts. */
__attribute__((format(printf, 3, 4))) static void
complain(struct reader *reader, const struct place *place, const char *fmt, ...)
{
	char at[256] = "", why[256];
	FILE *out;
	va_list args;

	if (reader->rc)
		return;
	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	out = fmemopen(at, sizeof(at), "w");
	if (out) {
		print_place(out, place);
		fclose(out);
	}
	reader->rc =
		via_error_set(reader->err, EPROTO, "%s is not a result of 'viaduct bench': %s %s",
			      reader->where, *at ? at : "the whole", why);
}

static struct place member(const struct place *in, const char *key)
{
	return (struct place){ in, key, 0, json_object_get(in->value, key) };
}

static struct place element(const struct place *in, size_t index)
{
	return (struct place){ in, NULL, index, json_array_get(in->value, index) };
}

static bool missing(const struct place *place)
{
	return !place->value || json_is_null(place->value);
}

static bool want_object(struct reader *reader, const struct place *place)
{
	if (!json_is_object(place->value))
		complain(reader, place, "is not an object");
	return !reader->rc;
}

/* Returns how many elements there are, 0 after an error. */
static size_t want_array(struct reader *reader, const struct place *place, size_t max)
{
	size_t count = json_array_size(place->value);

	if (!json_is_array(place->value))
		complain(reader, place, "is not an array");
	else if (count > max)
		complain(reader, place, "has more than %zu elements", max);
	return reader->rc ? 0 : count;
}

/* A text of the file, or NULL. */
static const char *optional_text(struct reader *reader, const struct place *place)
{
	if (missing(place) || reader->rc)
		return NULL;
	if (!json_is_string(place->value))
		complain(reader, place, "is not a string");
	else if (json_string_length(place->value) > TEXT_BYTES_MAX)
		complain(reader, place, "is longer than %d bytes", TEXT_BYTES_MAX);
	return reader->rc ? NULL : json_string_value(place->value);
}

/* "" after an error. */
static const char *want_text(struct reader *reader, const struct place *place)
{
	const char *text = optional_text(reader, place);

	if (!text || !*text)
		complain(reader, place, "is not a string that says something");
	return reader->rc ? "" : text;
}

static double want_number(struct reader *reader, const struct place *place)
{
	double value = json_number_value(place->value);

	if (json_is_number(place->value) && value >= 0 && value <= VALUE_MAX)
		return value;
	complain(reader, place, "is not a number from 0 to %g", VALUE_MAX);
	return 0;
}

static json_int_t want_integer(struct reader *reader, const struct place *place, json_int_t max)
{
	json_int_t value = json_integer_value(place->value);

	if (json_is_integer(place->value) && value >= 0 && value <= max)
		return value;
	complain(reader, place, "is not a whole number from 0 to %lld", (long long)max);
	return 0;
}

/* 0 where there is none. */
static json_int_t optional_integer(struct reader *reader, const struct place *place, json_int_t max)
{
	return missing(place) ? 0 : want_integer(reader, place, max);
}

static bool want_bool(struct reader *reader, const struct place *place)
{
	if (!json_is_boolean(place->value))
		complain(reader, place, "is neither true nor false");
	return json_is_true(place->value);
}

static void set_text(struct reader *reader, char **field, const struct place *in, const char *key)
{
	struct place place = member(in, key);

	via_bench_set(reader->result, field, optional_text(reader, &place));
}

static void read_texts(struct reader *reader, const struct place *in, const char *key,
		       struct via_bench_texts *texts)
{
	struct place array = member(in, key);
	size_t count = want_array(reader, &array, TEXTS_MAX);

	for (size_t i = 0; i < count && !reader->rc; i++) {
		struct place place = element(&array, i);
		const char *text = optional_text(reader, &place);

		if (!text)
			complain(reader, &place, "is not a string");
		else
			via_bench_add_text(reader->result, texts, "%s", text);
	}
}

static void read_facts(struct reader *reader, const struct place *in, const char *key,
		       struct via_bench_facts *facts)
{
	struct place array = member(in, key);
	size_t count = missing(&array) ? 0 : want_array(reader, &array, TEXTS_MAX);

	for (size_t i = 0; i < count && !reader->rc; i++) {
		struct place fact = element(&array, i);
		struct place name = member(&fact, "name"), value = member(&fact, "value");

		via_bench_add_fact(reader->result, facts, want_text(reader, &name), "%s",
				   want_text(reader, &value));
	}
}

/* The place of a text among the names of 0 to @count - 1. */
static unsigned int want_choice(struct reader *reader, const struct place *place,
				const char *(*name)(unsigned int), unsigned int count)
{
	const char *text = want_text(reader, place);

	for (unsigned int i = 0; i < count; i++)
		if (!strcmp(text, name(i)))
			return i;
	complain(reader, place, "is '%.40s', which this viaduct does not know", text);
	return 0;
}

static const char *kind_name(unsigned int i)
{
	return via_bench_kind_name((enum via_bench_kind)i);
}

static const char *unit_name(unsigned int i)
{
	return via_bench_unit_name((enum via_bench_unit)i);
}

static const char *better_name(unsigned int i)
{
	return via_bench_better_name((enum via_bench_better)i);
}

static void read_machine(struct reader *reader, const struct place *in)
{
	struct via_bench_machine *machine = &reader->result->machine;
	struct place object = member(in, "machine");
	struct place cpus = member(&object, "cpus"), memory = member(&object, "memory_bytes");
	struct place emulated = member(&object, "emulated"), pinned = member(&object, "pinned");

	if (!want_object(reader, &object))
		return;
	set_text(reader, &machine->cpu, &object, "cpu");
	machine->cpus = (unsigned int)optional_integer(reader, &cpus, CPUS_MAX);
	set_text(reader, &machine->kernel, &object, "kernel");
	machine->memory_bytes = (uint64_t)optional_integer(reader, &memory, INT64_MAX);
	machine->emulated = want_bool(reader, &emulated);
	set_text(reader, &machine->iommu, &object, "iommu");
	set_text(reader, &machine->governor, &object, "governor");
	machine->pinned = missing(&pinned) ? -1 : want_bool(reader, &pinned);
	read_facts(reader, &object, "facts", &machine->facts);
}

static void read_guest(struct reader *reader, const struct place *in)
{
	struct via_bench_guest *guest = &reader->result->guest;
	struct place object = member(in, "guest");
	struct place memory = member(&object, "memory_bytes"), cpus = member(&object, "cpus");

	if (missing(&object) || !want_object(reader, &object))
		return;
	set_text(reader, &guest->kernel, &object, "kernel");
	set_text(reader, &guest->initrd, &object, "initrd");
	guest->memory_bytes = (uint64_t)optional_integer(reader, &memory, INT64_MAX);
	guest->cpus = (unsigned int)optional_integer(reader, &cpus, CPUS_MAX);
}

static void read_subject(struct reader *reader, const struct place *object)
{
	struct place name = member(object, "name"), vmm = member(object, "vmm");
	struct place what = member(object, "what"), reason = member(object, "reason");
	struct place status = member(object, "status");
	const char *name_text = want_text(reader, &name), *status_text;

	status_text = want_text(reader, &status);
	if (strcmp(status_text, "ok") && strcmp(status_text, "skipped"))
		complain(reader, &status, "is neither \"ok\" nor \"skipped\"");
	if (!strcmp(status_text, "skipped") == missing(&reason))
		complain(reader, &reason, "is given exactly when the subject was skipped");
	if (via_bench_subject_find(reader->result, name_text))
		complain(reader, &name, "is there twice");
	if (!missing(&reason))
		want_text(reader, &reason);
	if (!reader->rc)
		via_bench_add_subject(reader->result, name_text, optional_text(reader, &vmm),
				      optional_text(reader, &what), optional_text(reader, &reason));
}

static void read_subjects(struct reader *reader, const struct place *in)
{
	struct place array = member(in, "subjects");
	size_t count = want_array(reader, &array, SUBJECTS_MAX);

	for (size_t i = 0; i < count && !reader->rc; i++) {
		struct place object = element(&array, i);

		if (want_object(reader, &object))
			read_subject(reader, &object);
	}
}

/* Returns how many samples there are, 0 after an error. */
static size_t want_samples(struct reader *reader, const struct place *array)
{
	size_t count = want_array(reader, array, SAMPLES_MAX);

	reader->samples += count;
	if (reader->samples > SAMPLES_MAX)
		complain(reader, array, "brings the file to more than %d samples", SAMPLES_MAX);
	return reader->rc ? 0 : count;
}

static void read_samples(struct reader *reader, const struct place *in,
			 struct via_bench_figures *figures)
{
	struct place array = member(in, "samples");
	size_t count = want_samples(reader, &array);

	if (!count)
		complain(reader, &array, "is empty");
	for (size_t i = 0; i < count && !reader->rc; i++) {
		struct place place = element(&array, i);

		via_bench_add_sample(reader->result, figures, want_number(reader, &place));
	}
}

static void read_histogram(struct reader *reader, const struct place *in,
			   struct via_bench_figures *figures)
{
	struct place array = member(in, "histogram");
	size_t count = missing(&array) ? 0 : want_array(reader, &array, VIA_HISTOGRAM_BUCKETS);

	for (size_t i = 0; i < count && !reader->rc; i++) {
		struct place pair = element(&array, i);
		struct place upper = element(&pair, 0), times = element(&pair, 1);
		json_int_t value = want_integer(reader, &upper, INT64_MAX);
		json_int_t number = want_integer(reader, &times, COUNT_MAX);

		if (json_array_size(pair.value) != 2)
			complain(reader, &pair, "is not a bound and a count");
		if (!reader->rc)
			via_bench_add_operations(reader->result, figures, (uint64_t)value,
						 (uint64_t)number);
	}
}

static void read_cost(struct reader *reader, const struct place *in,
		      struct via_bench_figures *figures, enum via_bench_cost_group group)
{
	struct place array = member(in, "samples");
	size_t count = want_samples(reader, &array);

	if (!*in->key)
		complain(reader, in, "has no name");
	if (!count)
		complain(reader, &array, "is empty");
	for (size_t i = 0; i < count && !reader->rc; i++) {
		struct place place = element(&array, i);

		via_bench_add_cost(reader->result, figures, group, in->key,
				   want_number(reader, &place));
	}
}

static void read_costs(struct reader *reader, const struct place *in,
		       struct via_bench_figures *figures)
{
	struct place costs = member(in, "costs");

	if (missing(&costs) || !want_object(reader, &costs))
		return;
	for (enum via_bench_cost_group group = 0; group < VIA_BENCH_COST_GROUPS; group++) {
		struct place names = member(&costs, via_bench_cost_group_name(group));
		const char *key;
		json_t *value;

		if (missing(&names) || !want_object(reader, &names))
			continue;
		if (json_object_size(names.value) > COSTS_MAX)
			complain(reader, &names, "has more than %d members", COSTS_MAX);
		/* jansson wants the object writable, and leaves it as it is. */
		json_object_foreach((json_t *)(uintptr_t)names.value, key, value)
		{
			struct place cost = { &names, key, 0, value };

			if (reader->rc)
				return;
			read_cost(reader, &cost, figures, group);
		}
	}
}

static void read_figures(struct reader *reader, const struct place *object,
			 struct via_bench_metric *metric)
{
	struct place subject = member(object, "subject");
	struct place operations = member(object, "operations");
	const char *name = want_text(reader, &subject);
	struct via_bench_figures *figures;

	if (!via_bench_subject_find(reader->result, name))
		complain(reader, &subject, "is no subject of this file");
	if (metric && via_bench_figures_find(metric, name))
		complain(reader, &subject, "is there twice");
	if (reader->rc)
		return;
	figures = via_bench_figures(reader->result, metric, name);
	read_samples(reader, object, figures);
	read_histogram(reader, object, figures);
	read_costs(reader, object, figures);
	if (figures)
		figures->operations = (uint64_t)optional_integer(reader, &operations, COUNT_MAX);
}

static void read_metric(struct reader *reader, const struct place *object)
{
	struct place name = member(object, "name"), title = member(object, "title");
	struct place unit = member(object, "unit"), better = member(object, "better");
	struct place time = member(object, "time"), at = member(object, "at");
	struct place series = member(object, "series"), at_bytes = member(object, "at_bytes");
	struct place array = member(object, "subjects");
	const char *name_text = want_text(reader, &name), *title_text = want_text(reader, &title);
	size_t count = want_array(reader, &array, SUBJECTS_MAX);
	struct via_bench_metric *metric;

	if (via_bench_metric_find(reader->result, name_text))
		complain(reader, &name, "is there twice");
	if (reader->rc)
		return;
	metric = via_bench_add_metric(
		reader->result, name_text, title_text,
		(enum via_bench_unit)want_choice(reader, &unit, unit_name, VIA_BENCH_UNITS),
		(enum via_bench_better)want_choice(reader, &better, better_name, VIA_BENCH_BETTERS),
		want_bool(reader, &time));
	if (metric)
		set_text(reader, &metric->operation, object, "operation");
	if (metric && !missing(&series)) {
		via_bench_set(reader->result, &metric->series, want_text(reader, &series));
		metric->at = want_number(reader, &at);
		metric->at_bytes = !missing(&at_bytes) && want_bool(reader, &at_bytes);
	}
	for (size_t i = 0; i < count && !reader->rc; i++) {
		struct place figures = element(&array, i);

		if (want_object(reader, &figures))
			read_figures(reader, &figures, metric);
	}
}

static void read_metrics(struct reader *reader, const struct place *in)
{
	struct place array = member(in, "metrics");
	size_t count = want_array(reader, &array, METRICS_MAX);

	for (size_t i = 0; i < count && !reader->rc; i++) {
		struct place object = element(&array, i);

		if (want_object(reader, &object))
			read_metric(reader, &object);
	}
}

static void read_result(struct reader *reader, const struct place *top)
{
	struct via_bench_result *result = reader->result;
	struct place kind = member(top, "kind"), runs = member(top, "runs");
	struct place baseline = member(top, "baseline");

	result->kind = (enum via_bench_kind)want_choice(reader, &kind, kind_name, VIA_BENCH_KINDS);
	read_texts(reader, top, "command", &result->command);
	set_text(reader, &result->began, top, "began");
	result->runs = (unsigned int)optional_integer(reader, &runs, RUNS_MAX);
	read_machine(reader, top);
	read_guest(reader, top);
	read_facts(reader, top, "parameters", &result->parameters);
	read_texts(reader, top, "warnings", &result->warnings);
	read_texts(reader, top, "sentences", &result->sentences);
	read_subjects(reader, top);
	set_text(reader, &result->baseline, top, "baseline");
	if (result->baseline && !via_bench_subject_find(result, result->baseline))
		complain(reader, &baseline, "is no subject of this file");
	read_metrics(reader, top);
}

int via_bench_result_from_json(const json_t *json, const char *where,
			       struct via_bench_result **result, struct via_error *err)
{
	struct reader reader = { .where = where, .err = err };
	struct place top = { .value = json };
	struct place version = member(&top, "version");
	json_int_t number;

	if (!want_object(&reader, &top))
		return reader.rc;
	number = want_integer(&reader, &version, INT64_MAX);
	if (reader.rc)
		return reader.rc;
	if (number != VIA_BENCH_VERSION)
		return via_error_set(err, EOPNOTSUPP,
				     "%s is a result in version %lld of the format, and this "
				     "viaduct reads version %d",
				     where, (long long)number, VIA_BENCH_VERSION);
	reader.result = via_bench_result_new(VIA_BENCH_NET);
	if (!reader.result)
		return via_error_sys(err, ENOMEM, "cannot read %s", where);
	read_result(&reader, &top);
	if (!reader.rc && reader.result->failed)
		reader.rc = via_error_sys(err, ENOMEM, "cannot read %s", where);
	if (reader.rc)
		via_bench_result_free(reader.result);
	else
		*result = reader.result;
	return reader.rc;
}

static int load_json(const char *path, json_t **json, struct via_error *err)
{
	via_autofclose FILE *file = fopen(path, "re");
	json_error_t error;
	struct stat status;

	if (!file || fstat(fileno(file), &status))
		return via_error_sys(err, errno, "cannot read %s", path);
	if (status.st_size > FILE_BYTES_MAX)
		return via_error_set(err, EPROTO,
				     "%s is larger than any result of 'viaduct bench': %lld MiB",
				     path, (long long)status.st_size >> 20);
	*json = json_loadf(file, JSON_REJECT_DUPLICATES, &error);
	if (*json)
		return 0;
	if (ferror(file))
		return via_error_sys(err, EIO, "cannot read %s", path);
	return via_error_set(err, EPROTO, "%s is not JSON: line %d, column %d: %s", path,
			     error.line, error.column, error.text);
}

int via_bench_result_load(const char *path, struct via_bench_result **result, struct via_error *err)
{
	struct via_bench_result *loaded = NULL;
	json_t *json = NULL;
	int rc = load_json(path, &json, err);

	if (!rc)
		rc = via_bench_result_from_json(json, path, &loaded, err);
	json_decref(json);
	if (!rc)
		rc = via_bench_result_finish(loaded, err);
	if (rc)
		via_bench_result_free(loaded);
	else
		*result = loaded;
	return rc;
}
