/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file that is said to be a result of 'viaduct bench', and the page made of it. */
#include <errno.h>

#include "fuzz.h"
#include "report-html.h"
#include "result.h"

/* Intervals take a millisecond of each figure and cost: more than a few say nothing new. */
static bool is_small(const struct via_bench_result *result)
{
	size_t count = 0, samples = 0;

	for (size_t i = 0; i < result->metric_count; i++)
		for (size_t j = 0; j < result->metrics[i]->figure_count; j++) {
			const struct via_bench_figures *figures = result->metrics[i]->figures[j];

			count += 1 + figures->cost_count;
			samples += figures->samples.count;
			for (size_t k = 0; k < figures->cost_count; k++)
				samples += figures->costs[k]->samples.count;
		}
	return count <= 8 && samples <= 100;
}

/* What was read and finished can be shown, written, and read again as the same. */
static void check(struct via_bench_result *result)
{
	struct via_bench_result *again = NULL;
	struct via_error err = { 0 };
	json_t *json, *second;
	size_t bytes;
	char *page;

	MUST(!via_bench_result_finish(result, &err));
	MUST(!via_report_html(result, &page, &bytes, &err));
	MUST(strlen(page) == bytes && !strstr(page, "<script") && !strstr(page, "=\"nan"));
	free(page);
	json = via_bench_result_json(result);
	MUST(json);
	MUST(!via_bench_result_from_json(json, "again", &again, &err));
	MUST(!via_bench_result_finish(again, &err));
	second = via_bench_result_json(again);
	MUST(json_equal(json, second));
	json_decref(json);
	json_decref(second);
	via_bench_result_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *json = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	struct via_bench_result *result = NULL;
	struct via_error err = { 0 };
	int rc;

	if (!json)
		return -1;
	rc = via_bench_result_from_json(json, "input", &result, &err);
	json_decref(json);
	if (rc) {
		MUST((rc == -EPROTO || rc == -EOPNOTSUPP) && err.text[0] && !result);
		return 0;
	}
	if (is_small(result))
		check(result);
	via_bench_result_free(result);
	return 0;
}
