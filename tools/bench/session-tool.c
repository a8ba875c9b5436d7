/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <viaduct/util/text.h>

#include "guest/work.h"
#include "session.h"

/* What a guest sends is no longer than a tool's report. */
#define OUTPUT_MAX     (1U << 20)
#define SERVER_SECONDS 30

/* As of the program that does the work, and of shells. */
#define TIMED_OUT 124

/* One client, and at its end: it waits for no others. */
static int start_iperf3(struct via_bench_session *session, struct via_error *err)
{
	char *argv[] = { (char *)"iperf3",	   (char *)"--server",	   (char *)"--one-off",
			 (char *)"--bind",	   (char *)VIA_BENCH_PEER, (char *)"--port",
			 (char *)WORK_IPERF3_PORT, (char *)"--forceflush", NULL };
	const struct via_bench_start start = { 0 };
	const char *line;
	int rc;

	via_bench_child_end(&session->server, 0);
	rc = via_bench_child_start(&session->server, argv, &start, err);
	do {
		if (!rc)
			rc = via_bench_child_line(&session->server, &session->bench->watch,
						  SERVER_SECONDS, &line, err);
	} while (!rc && strncmp(line, "Server listening", 16));
	return rc;
}

int via_bench_tool_begin(struct via_bench_session *session, const struct via_bench_part *part,
			 struct via_error *err)
{
	struct via_error why = { 0 };
	int rc;

	session->output.length = 0;
	if (part->by->tool != VIA_BENCH_TOOL_IPERF3 || session->bench->options.peer)
		return 0;
	rc = start_iperf3(session, &why);
	if (rc == -EINTR)
		return via_error_set(err, EINTR, "%s", why.text);
	/* Then its client says that there is none. */
	return 0;
}

int via_bench_tool_said(struct via_bench_session *session, const char *line, struct via_error *err)
{
	struct via_bench_output *output = &session->output;
	size_t length = strlen(line), needed = output->length + length + 2;
	char *text;

	if (needed > OUTPUT_MAX)
		return via_error_set(err, EFBIG, "a tool said too much");
	if (needed > output->capacity) {
		text = realloc(output->text, 2 * needed);
		if (!text)
			return via_error_sys(err, ENOMEM, "cannot keep what a tool says");
		output->text = text;
		output->capacity = 2 * needed;
	}
	memcpy(output->text + output->length, line, length);
	output->length += length;
	output->text[output->length++] = '\n';
	output->text[output->length] = '\0';
	return 0;
}

/* Its last line, most often of errors. */
static void last_line(char *text, char *why, size_t why_bytes)
{
	size_t length = strlen(text);
	char *line;

	while (length && text[length - 1] == '\n')
		text[--length] = '\0';
	line = strrchr(text, '\n');
	snprintf(why, why_bytes, "%.300s", line ? line + 1 : text);
	via_text_make_printable(why);
}

/* What it says itself (iperf3, in JSON), or its status and the last it said. */
static void explain(struct via_bench_session *session, const struct via_bench_part *part,
		    char *text, int status)
{
	const char *name = via_bench_tool_name(part->by->tool);
	struct via_bench_tool_figures figures;
	struct via_error err = { 0 };
	char said[320];

	if (via_bench_tool_read(part->by->what, text, &figures, &err) == -ENODATA) {
		via_bench_session_skipped(session, part, err.text);
		return;
	}
	last_line(text, said, sizeof(said));
	if (status == TIMED_OUT)
		via_error_set(&err, ETIMEDOUT, "%s did not end", name);
	else if (status)
		via_error_set(&err, EIO, "%s ended with status %d%s%s", name, status,
			      said[0] ? ": " : "", said);
	via_bench_session_skipped(session, part, err.text);
}

void via_bench_tool_ended(struct via_bench_session *session, const struct via_bench_part *part,
			  const json_t *window)
{
	char nothing[] = "", *text = session->output.length ? session->output.text : nothing;
	int status = (int)json_integer_value(json_object_get(window, "status"));
	struct via_bench_tool_figures figures;
	struct via_error err;

	if (status || via_bench_tool_read(part->by->what, text, &figures, &err)) {
		explain(session, part, text, status);
		return;
	}
	via_bench_session_add(session, part, figures.operations, figures.value, window);
	part = part->by->times ? via_bench_part_find(session->bench, part->by->times) : NULL;
	if (part && !isnan(figures.time_ns))
		via_bench_session_add(session, part, figures.operations, figures.time_ns, NULL);
}

void via_bench_tool_end(struct via_bench_session *session)
{
	via_bench_child_end(&session->server, 0);
	free(session->output.text);
}
