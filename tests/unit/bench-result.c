/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "format.h"
#include "report-html.h"
#include "result.h"

/* Two subjects that ran, one that did not; a metric with everything. */
static struct via_bench_result *make(double virtio)
{
	struct via_bench_result *result = via_bench_result_new(VIA_BENCH_NET);
	struct via_bench_figures *a, *b;
	struct via_bench_metric *metric;

	assert_non_null(result);
	via_bench_add_text(result, &result->command, "viaduct");
	via_bench_set(result, &result->began, "2026-11-22T04:50:00Z");
	via_bench_set(result, &result->machine.cpu, "a\033processor");
	via_bench_add_fact(result, &result->machine.facts, "turbo", "%s", "off");
	via_bench_add_subject(result, "vhost", "viaduct", NULL, "there is no /dev/vhost-net");
	via_bench_add_subject(result, "passthrough", "viaduct", "0000:01:10.0", NULL);
	via_bench_add_subject(result, "virtio", "viaduct", NULL, NULL);
	metric = via_bench_add_metric(result, "latency", "Round trip", VIA_BENCH_UNIT_NS,
				      VIA_BENCH_BETTER_LOWER, true);
	via_bench_set(result, &metric->operation, "round trip");
	via_bench_set(result, &metric->series, "Round trip by size");
	metric->at = 64;
	metric->at_bytes = true;
	a = via_bench_figures(result, metric, "passthrough");
	b = via_bench_figures(result, metric, "virtio");
	for (int run = 0; run < 6; run++) {
		via_bench_add_sample(result, a, 100 + run);
		via_bench_add_sample(result, b, virtio + run);
		via_bench_add_cost(result, b, VIA_BENCH_EXITS, "halt", 2);
		if (run == 0)
			via_bench_add_cost(result, b, VIA_BENCH_EXITS, "io", 0.5);
		via_bench_add_operations(result, b, (uint64_t)run * 1000, 3);
	}
	return result;
}

static struct via_bench_result *finished(double virtio)
{
	struct via_bench_result *result = make(virtio);
	struct via_error err;

	assert_int_equal(via_bench_result_finish(result, &err), 0);
	return result;
}

static void what_follows_from_the_samples(void **state)
{
	struct via_bench_result *result = finished(200);
	const struct via_bench_metric *metric = via_bench_metric_find(result, "latency");
	const struct via_bench_figures *figures = via_bench_figures_find(metric, "virtio");
	const struct via_bench_cost *io = via_bench_cost_find(figures, VIA_BENCH_EXITS, "io");

	(void)state;
	assert_string_equal(result->machine.cpu, "a?processor");
	/* The first that ran, not the first. */
	assert_true(via_bench_is_baseline(result, "passthrough"));
	assert_true(isnan(via_bench_figures_find(metric, "passthrough")->ratio));
	assert_true(figures->summary.median == 202.5);
	assert_true(fabs(figures->ratio - 202.5 / 102.5) < 1e-12);
	assert_true(figures->ratio_interval.low > 1.9 && figures->ratio_interval.high < 2.1);
	/* A reason that was there in one run only was there 0 times in the others. */
	assert_int_equal(io->samples.count, 6);
	assert_true(io->summary.median == 0);
	assert_true(via_bench_cost_total(figures, VIA_BENCH_EXITS) == 2);
	assert_true(
		via_bench_cost_find(figures, VIA_BENCH_EXITS, VIA_BENCH_TOTAL)->samples.values[0] ==
		2.5);
	assert_true(isnan(via_bench_cost_total(figures, VIA_BENCH_INTERRUPTS)));
	via_bench_result_free(result);
}

static void json_says_all_of_it(void **state)
{
	struct via_bench_result *result = finished(200), *again = NULL;
	json_t *json = via_bench_result_json(result), *second;
	struct via_error err;

	(void)state;
	assert_non_null(json);
	assert_int_equal(via_bench_result_from_json(json, "it", &again, &err), 0);
	assert_int_equal(via_bench_result_finish(again, &err), 0);
	second = via_bench_result_json(again);
	assert_true(json_equal(json, second));
	json_decref(json);
	json_decref(second);
	via_bench_result_free(result);
	via_bench_result_free(again);
}

/* What each change to a good file makes of it: a path, what is put there, and the complaint. */
static const struct {
	const char *path[7];
	const char *json;
	const char *complaint;
} wrong[] = {
	{ { "version" }, "2", "in version 2 of the format" },
	{ { "version" }, "null", "version is not a whole number" },
	{ { "kind" }, "\"tea\"", "kind is 'tea', which" },
	{ { "kind" }, "7", "kind is not a string" },
	{ { "command" }, "{}", "command is not an array" },
	{ { "command" }, "[1]", "command[0] is not a string" },
	{ { "machine" }, "[]", "machine is not an object" },
	{ { "machine", "cpus" }, "-1", "machine.cpus is not a whole number" },
	{ { "machine", "emulated" }, "1", "machine.emulated is neither" },
	{ { "machine", "facts" }, "[{\"name\": \"x\"}]", "machine.facts[0].value is not" },
	{ { "baseline" }, "\"nobody\"", "baseline is no subject" },
	{ { "subjects", "1", "name" }, "\"vhost\"", "subjects[1].name is there twice" },
	{ { "subjects", "1", "status" }, "\"late\"", "subjects[1].status is neither" },
	{ { "subjects", "0", "reason" }, "null", "subjects[0].reason is given exactly" },
	{ { "metrics", "0", "unit" }, "\"miles\"", "metrics[0].unit is 'miles'" },
	{ { "metrics", "0", "at" }, "\"s\"", "metrics[0].at is not a number" },
	{ { "metrics", "0", "at_bytes" }, "1", "metrics[0].at_bytes is neither" },
	{ { "metrics", "0", "operation" }, "1", "metrics[0].operation is not a string" },
	{ { "metrics", "0", "subjects", "0", "subject" },
	  "\"x\"",
	  "metrics[0].subjects[0].subject is no subject" },
	{ { "metrics", "0", "subjects", "0", "subject" },
	  "\"virtio\"",
	  "metrics[0].subjects[1].subject is there twice" },
	{ { "metrics", "0", "subjects", "0", "samples" },
	  "[]",
	  "metrics[0].subjects[0].samples is empty" },
	{ { "metrics", "0", "subjects", "0", "samples" },
	  "[1, -1]",
	  "metrics[0].subjects[0].samples[1] is not a number" },
	{ { "metrics", "0", "subjects", "0", "samples" },
	  "[1e300]",
	  "metrics[0].subjects[0].samples[0] is not a number" },
	{ { "metrics", "0", "subjects", "0", "histogram" },
	  "[[1, 2, 3]]",
	  "metrics[0].subjects[0].histogram[0] is not a bound" },
	{ { "metrics", "0", "subjects", "0", "histogram" },
	  "[[1, -2]]",
	  "metrics[0].subjects[0].histogram[0][1] is not a whole" },
	{ { "metrics", "0", "subjects", "1", "costs", "exits" },
	  "{\"\": {\"samples\": [1]}}",
	  "metrics[0].subjects[1].costs.exits. has no name" },
	{ { "metrics", "0", "subjects", "1", "costs", "exits" },
	  "{\"io\": 1}",
	  "metrics[0].subjects[1].costs.exits.io.samples is not an array" },
};

static void put(json_t *at, const char *const *path, json_t *value)
{
	for (; path[1]; path++)
		at = json_is_array(at) ? json_array_get(at, (size_t)atoi(*path))
				       : json_object_get(at, *path);
	if (json_is_array(at))
		assert_int_equal(json_array_set_new(at, (size_t)atoi(*path), value), 0);
	else
		assert_int_equal(json_object_set_new(at, *path, value), 0);
}

static void a_wrong_file_is_told_where(void **state)
{
	struct via_bench_result *result = finished(200), *read = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		json_t *json = via_bench_result_json(result);
		struct via_error err = { 0 };
		int rc;

		put(json, wrong[i].path, json_loads(wrong[i].json, JSON_DECODE_ANY, NULL));
		rc = via_bench_result_from_json(json, "a.json", &read, &err);
		assert_int_equal(rc, i ? -EPROTO : -EOPNOTSUPP);
		assert_null(read);
		if (!strstr(err.text, wrong[i].complaint) || strncmp(err.text, "a.json is", 9))
			fail_msg("'%s' does not say '%s'", err.text, wrong[i].complaint);
		json_decref(json);
	}
	via_bench_result_free(result);
}

static const struct via_comparison *find(const struct via_comparisons *comparisons,
					 const char *subject, bool is_cost)
{
	for (size_t i = 0; i < comparisons->count; i++)
		if (!strcmp(comparisons->list[i].subject, subject) &&
		    comparisons->list[i].is_cost == is_cost)
			return &comparisons->list[i];
	fail_msg("nothing of %s", subject);
	return NULL;
}

static void check_verdict(double to, bool emulated, enum via_verdict verdict, bool beyond,
			  size_t worse)
{
	struct via_bench_result *a = finished(200), *b = finished(to);
	struct via_comparisons comparisons;
	const struct via_comparison *virtio;
	struct via_error err;

	b->machine.emulated = emulated;
	assert_int_equal(via_bench_compare(a, b, 0.05, &comparisons, &err), 0);
	assert_int_equal(find(&comparisons, "passthrough", false)->verdict, VIA_VERDICT_NONE);
	assert_int_equal(find(&comparisons, "virtio", true)->verdict, VIA_VERDICT_NONE);
	virtio = find(&comparisons, "virtio", false);
	assert_int_equal(virtio->verdict, verdict);
	assert_int_equal(virtio->beyond, beyond);
	assert_int_equal(virtio->decides, !emulated);
	assert_int_equal(comparisons.worse, worse);
	free(comparisons.list);
	via_bench_result_free(a);
	via_bench_result_free(b);
}

static void verdicts(void **state)
{
	(void)state;
	check_verdict(200, false, VIA_VERDICT_NONE, false, 0);
	check_verdict(201, false, VIA_VERDICT_NONE, false, 0);
	check_verdict(206, false, VIA_VERDICT_WORSE, false, 0);
	check_verdict(230, false, VIA_VERDICT_WORSE, true, 1);
	check_verdict(230, true, VIA_VERDICT_WORSE, true, 0);
	check_verdict(150, false, VIA_VERDICT_BETTER, true, 0);
}

/* The host's interrupts have those of its driver, and those of a guest are not the host's. */
static void interrupts_are_counted_once(void **state)
{
	struct via_bench_result *result = make(200);
	struct via_bench_figures *figures =
		via_bench_figures(result, via_bench_metric_find(result, "latency"), "virtio");
	struct via_error err;

	(void)state;
	for (int run = 0; run < 6; run++) {
		via_bench_add_cost(result, figures, VIA_BENCH_INTERRUPTS, "device", 3);
		via_bench_add_cost(result, figures, VIA_BENCH_INTERRUPTS, "timer", 1);
		via_bench_add_cost(result, figures, VIA_BENCH_INTERRUPTS, VIA_BENCH_OF_GUEST, 2);
		via_bench_add_cost(result, figures, VIA_BENCH_INTERRUPTS, VIA_BENCH_OF_DRIVER, 3);
	}
	assert_int_equal(via_bench_result_finish(result, &err), 0);
	assert_true(via_bench_cost_total(figures, VIA_BENCH_INTERRUPTS) == 4);
	via_bench_result_free(result);
}

/* No ratio tells that an exit came back to a path that had none. */
static void a_cost_from_nothing_is_worse(void **state)
{
	struct via_bench_result *results[2];
	struct via_comparisons comparisons;
	struct via_error err;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct via_bench_metric *metric;

		results[i] = make(200);
		metric = via_bench_metric_find(results[i], "latency");
		for (int run = 0; run < 5; run++)
			via_bench_add_cost(results[i],
					   via_bench_figures(results[i], metric, "passthrough"),
					   VIA_BENCH_USER_EXITS, "mmio", i ? 1 : 0);
		assert_int_equal(via_bench_result_finish(results[i], &err), 0);
	}
	assert_int_equal(via_bench_compare(results[0], results[1], 0.05, &comparisons, &err), 0);
	assert_int_equal(find(&comparisons, "passthrough", true)->verdict, VIA_VERDICT_WORSE);
	assert_int_equal(comparisons.worse, 1);
	free(comparisons.list);
	results[1]->kind = VIA_BENCH_BOOT;
	assert_int_equal(via_bench_compare(results[0], results[1], 0.05, &comparisons, &err),
			 -EINVAL);
	via_bench_result_free(results[0]);
	via_bench_result_free(results[1]);
}

static void check_value(enum via_bench_unit unit, double value, const char *text)
{
	assert_string_equal(via_figure_value(unit, value, false).text, text);
}

static void figures_are_written_for_people(void **state)
{
	struct via_scale scale = via_scale_for(VIA_BENCH_UNIT_NS, 15900);

	(void)state;
	check_value(VIA_BENCH_UNIT_NS, 0, "0 ns");
	check_value(VIA_BENCH_UNIT_NS, 950, "950 ns");
	check_value(VIA_BENCH_UNIT_NS, 15900, "15.9 us");
	check_value(VIA_BENCH_UNIT_NS, 2.5e9, "2.50 s");
	check_value(VIA_BENCH_UNIT_BYTES_PER_SECOND, 1.15e8, "115 MB/s");
	check_value(VIA_BENCH_UNIT_PER_SECOND, 54321, "54.3 k/s");
	check_value(VIA_BENCH_UNIT_COUNT, 0.001, "<0.01");
	check_value(VIA_BENCH_UNIT_COUNT, NAN, "-");
	assert_string_equal(via_figure_with_unit(&scale, 12345678, true).text,
			    "12\u202f345.7\u202f\u00b5s");
	assert_string_equal(via_figure_bytes(512 << 20, false).text, "512 MiB");
	assert_string_equal(via_figure_percent(1.1234, false).text, "+12.3%");
	assert_string_equal(via_figure_percent(0.5, false).text, "-50.0%");
	assert_string_equal(via_figure_ratio(1.652, false).text, "1.65x");
}

enum { DEPTH_MAX = 64, NAME_BYTES = 16 };

/* Each element that is opened is closed, in order; returns how many there were. */
static size_t check_nesting(const char *at)
{
	char open[DEPTH_MAX][NAME_BYTES];
	size_t depth = 0, count = 0;

	while ((at = strchr(at, '<'))) {
		bool closing = at[1] == '/';
		const char *end = strchr(at, '>');
		char name[NAME_BYTES];

		assert_non_null(end);
		assert_true(sscanf(at + 1 + closing, "%15[a-z0-9!]", name) == 1);
		at = end;
		count++;
		if (closing) {
			assert_true(depth > 0);
			assert_string_equal(name, open[--depth]);
		} else if (end[-1] != '/' && *name != '!' && strcmp(name, "meta") != 0 &&
			   strcmp(name, "link") != 0) {
			assert_true(depth < DEPTH_MAX);
			strcpy(open[depth++], name);
		}
	}
	assert_int_equal(depth, 0);
	return count;
}

static void a_page_is_whole_and_escaped(void **state)
{
	struct via_bench_result *result = make(200);
	struct via_error err;
	size_t bytes;
	char *page;

	(void)state;
	via_bench_set(result, &result->metrics[0]->title, "<b>\"Round\" & 'trip'");
	via_bench_add_text(result, &result->sentences, "</main><script>alert(1)</script>");
	via_bench_add_text(result, &result->command, "it's");
	assert_int_equal(via_bench_result_finish(result, &err), 0);
	assert_int_equal(via_report_html(result, &page, &bytes, &err), 0);
	assert_int_equal(strlen(page), bytes);
	assert_true(check_nesting(page) > 100);
	assert_null(strstr(page, "<script"));
	assert_null(strstr(page, "<b>&quot;"));
	assert_non_null(strstr(page, "&lt;b&gt;&quot;Round&quot; &amp; &#39;trip&#39;"));
	/* Nothing is fetched. */
	assert_null(strstr(page, "http"));
	assert_null(strstr(page, "url("));
	free(page);
	via_bench_result_free(result);
}

/* What the host calls "other" and what no part tells are one. */
static void there_is_one_other(void **state)
{
	struct via_bench_result *result = make(200);
	struct via_bench_figures *figures = via_bench_figures(result, result->metrics[0], "virtio");
	struct via_error err;
	const char *legend;
	size_t bytes;
	char *page;

	(void)state;
	for (int run = 0; run < 5; run++) {
		via_bench_add_cost(result, figures, VIA_BENCH_EXITS, "other", 1);
		via_bench_add_cost(result, figures, VIA_BENCH_EXITS, VIA_BENCH_TOTAL, 5);
	}
	assert_int_equal(via_bench_result_finish(result, &err), 0);
	assert_int_equal(via_report_html(result, &page, &bytes, &err), 0);
	legend = strstr(page, "</span>other</li>");
	assert_non_null(legend);
	assert_null(strstr(legend + 1, "</span>other</li>"));
	assert_non_null(strstr(page, "<title>other: 3.00</title>"));
	free(page);
	via_bench_result_free(result);
}

/* What a page must bear: nothing to show, or nothing but zeros. */
static void a_page_of_nothing(void **state)
{
	struct via_bench_result *result = via_bench_result_new(VIA_BENCH_MAP);
	struct via_bench_metric *metric;
	struct via_error err;
	size_t bytes;
	char *page;

	(void)state;
	assert_int_equal(via_bench_result_finish(result, &err), 0);
	assert_int_equal(via_report_html(result, &page, &bytes, &err), 0);
	check_nesting(page);
	free(page);
	via_bench_add_subject(result, "host", NULL, NULL, NULL);
	metric = via_bench_add_metric(result, "m", "M", VIA_BENCH_UNIT_COUNT, VIA_BENCH_BETTER_NONE,
				      false);
	via_bench_set(result, &metric->series, "S");
	via_bench_add_sample(result, via_bench_figures(result, metric, "host"), 0);
	via_bench_add_operations(result, via_bench_figures(result, metric, "host"), 0, 1);
	assert_int_equal(via_bench_result_finish(result, &err), 0);
	assert_int_equal(via_report_html(result, &page, &bytes, &err), 0);
	check_nesting(page);
	assert_null(strstr(page, "nan"));
	assert_null(strstr(page, "inf"));
	free(page);
	via_bench_result_free(result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_follows_from_the_samples),
		cmocka_unit_test(json_says_all_of_it),
		cmocka_unit_test(a_wrong_file_is_told_where),
		cmocka_unit_test(interrupts_are_counted_once),
		cmocka_unit_test(verdicts),
		cmocka_unit_test(a_cost_from_nothing_is_worse),
		cmocka_unit_test(figures_are_written_for_people),
		cmocka_unit_test(a_page_is_whole_and_escaped),
		cmocka_unit_test(there_is_one_other),
		cmocka_unit_test(a_page_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
