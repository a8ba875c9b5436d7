/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tool-output.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <viaduct/util/cleanup.h>
#include <viaduct/util/text.h>

/* Up to here a double has all whole numbers, and no machine does more within a run. */
#define MOST 9007199254740992.0

#define MIB 1048576.0

static int not_understood(const char *tool, struct via_error *err)
{
	return via_error_set(err, EPROTO, "%s did not say what it measured", tool);
}

/* A number that a figure can be made of; else NAN. */
static double figure(double value)
{
	return value >= 0 && value <= MOST ? value : NAN;
}

static double number_at(const json_t *json, const char *name)
{
	const json_t *number = json_object_get(json, name);

	return json_is_number(number) ? figure(json_number_value(number)) : NAN;
}

/* Return: -EPROTO when one of them is none. */
static int set(struct via_bench_tool_figures *figures, double operations, double value,
	       const char *tool, struct via_error *err)
{
	if (!(operations >= 1) || isnan(figure(value)) || isnan(figure(operations)))
		return not_understood(tool, err);
	figures->operations = (uint64_t)operations;
	figures->value = value;
	return 0;
}

/* The number behind @word, in the same line. */
static double number_behind(const char *text, const char *word)
{
	const char *at = strstr(text, word);
	char *end;
	double value;

	if (!at)
		return NAN;
	at += strlen(word);
	if (*at < '0' || *at > '9')
		return NAN;
	value = strtod(at, &end);
	return figure(value);
}

/*
 * "100 packets transmitted, 99 received, ..." and "rtt min/avg/max/mdev = 0.021/0.030/0.112/0.01
 * ms"; busybox: "99 packets received" and "round-trip min/avg/max = ...".
 */
static int read_ping(const char *text, struct via_bench_tool_figures *figures,
		     struct via_error *err)
{
	double received = number_behind(text, " packets transmitted, ");
	const char *times = strstr(text, " min/avg/max"), *mean;
	char *end;
	double ms;

	if (received == 0)
		return via_error_set(err, ENODATA, "no answer came to ping");
	times = times ? strchr(times, '=') : NULL;
	mean = times ? strchr(times, '/') : NULL;
	if (!mean || mean[1] < '0' || mean[1] > '9')
		return not_understood("ping", err);
	ms = strtod(mean + 1, &end);
	return set(figures, received, *end == '/' ? ms * 1e6 : NAN, "ping", err);
}

/* What C prints where a number is none is not JSON: a number that no figure can be of. */
static void replace_nan(char *text)
{
	bool in_string = false;

	for (; *text; text++) {
		if (*text == '"')
			in_string = !in_string;
		else if (in_string && *text == '\\' && text[1])
			text++;
		else if (!in_string && (!strncmp(text, "nan", 3) || !strncmp(text, "inf", 3)))
			memcpy(text, " -1", 3);
		else if (!in_string && *text == '-' && (text[1] == 'n' || text[1] == 'i'))
			*text = ' ';
	}
}

/* From the first line that begins with a brace: programs warn before it. */
static int find_json(const char *text, const char *tool, json_t **json, struct via_error *err)
{
	json_error_t why;
	char said[sizeof(why.text)];
	via_autofree char *copy = NULL;

	while (*text != '{') {
		text = strchr(text, '\n');
		if (!text)
			return not_understood(tool, err);
		text++;
	}
	copy = strdup(text);
	if (!copy)
		return via_error_sys(err, ENOMEM, "cannot read what %s said", tool);
	replace_nan(copy);
	*json = json_loads(copy, JSON_DISABLE_EOF_CHECK, &why);
	if (*json)
		return 0;
	snprintf(said, sizeof(said), "%s", why.text);
	via_text_make_printable(said);
	return via_error_set(err, EPROTO, "%s did not say what it measured (JSON, line %d: %s)",
			     tool, why.line, said);
}

static int refused(const char *tool, const char *why, struct via_error *err)
{
	char said[200];

	snprintf(said, sizeof(said), "%s", why);
	via_text_make_printable(said);
	return via_error_set(err, ENODATA, "%s: %s", tool, said);
}

static int read_iperf3(const json_t *json, struct via_bench_tool_figures *figures,
		       struct via_error *err)
{
	const char *why = json_string_value(json_object_get(json, "error"));
	const json_t *sum = json_object_get(json_object_get(json, "end"), "sum_received");

	if (why)
		return refused("iperf3", why, err);
	return set(figures, ceil(number_at(sum, "bytes") / MIB),
		   number_at(sum, "bits_per_second") / 8, "iperf3", err);
}

static int read_fio(const json_t *json, enum via_bench_tool_what what,
		    struct via_bench_tool_figures *figures, struct via_error *err)
{
	const json_t *job = json_array_get(json_object_get(json, "jobs"), 0);
	bool writes = what == VIA_BENCH_FIO_WRITES || what == VIA_BENCH_FIO_WRITING;
	bool is_rate = what == VIA_BENCH_FIO_READS || what == VIA_BENCH_FIO_WRITES;
	const json_t *done = json_object_get(job, writes ? "write" : "read");
	const json_t *times = json_object_get(json_object_get(done, "clat_ns"), "percentile");
	double error = number_at(job, "error");

	if (error > 0 && error < 4096)
		return refused("fio", strerror((int)error), err);
	figures->time_ns = number_at(times, "50.000000");
	return set(figures, number_at(done, "total_ios"),
		   number_at(done, is_rate ? "iops" : "bw_bytes"), "fio", err);
}

int via_bench_tool_read(enum via_bench_tool_what what, const char *text,
			struct via_bench_tool_figures *figures, struct via_error *err)
{
	bool is_iperf3 = what == VIA_BENCH_IPERF3;
	json_t *json = NULL;
	int rc;

	*figures = (struct via_bench_tool_figures){ .time_ns = NAN };
	if (what == VIA_BENCH_PING)
		return read_ping(text, figures, err);
	rc = find_json(text, is_iperf3 ? "iperf3" : "fio", &json, err);
	if (!rc)
		rc = is_iperf3 ? read_iperf3(json, figures, err)
			       : read_fio(json, what, figures, err);
	json_decref(json);
	return rc;
}
