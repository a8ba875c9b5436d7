/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "output.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <viaduct/util/cleanup.h>
#include <viaduct/util/text.h>

static void print_sentence(const char *fmt, va_list args)
{
	via_autofree char *sentence = NULL;

	if (vasprintf(&sentence, fmt, args) < 0)
		sentence = NULL;
	if (sentence)
		via_text_make_printable(sentence);
	fflush(stdout);
	fprintf(stderr, "viaduct: %s\n", sentence ? sentence : "out of memory");
}

void via_error_print(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_sentence(fmt, args);
	va_end(args);
}

int via_usage_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_sentence(fmt, args);
	va_end(args);
	return VIA_EXIT_USAGE;
}

int via_fail(const struct via_error *err)
{
	via_error_print("%s", err->text);
	return VIA_EXIT_FAILED;
}

static const char *style_code(enum via_style style)
{
	switch (style) {
	case VIA_STYLE_PLAIN:
		return NULL;
	case VIA_STYLE_BOLD:
		return "1";
	case VIA_STYLE_DIM:
		return "2";
	case VIA_STYLE_GOOD:
		return "32";
	case VIA_STYLE_WARNING:
		return "33";
	case VIA_STYLE_BAD:
		return "31";
	}
	return NULL;
}

/* Takes @text, which may be NULL when memory ran out. */
static void add_cell(struct via_table *table, enum via_style style, char *text)
{
	if (table->count == table->capacity) {
		size_t more = table->capacity ? table->capacity * 2 : 64;
		struct via_cell *grown = realloc(table->cells, more * sizeof(*grown));

		if (!grown) {
			table->failed = true;
			free(text);
			return;
		}
		table->cells = grown;
		table->capacity = more;
	}
	table->failed |= !text;
	table->cells[table->count++] = (struct via_cell){ text, style };
}

void via_table_init(struct via_table *table, size_t columns, const char *const *headings)
{
	*table = (struct via_table){ .columns = columns };
	for (size_t i = 0; i < columns; i++)
		add_cell(table, VIA_STYLE_BOLD, strdup(headings[i]));
}

void via_table_add(struct via_table *table, enum via_style style, const char *fmt, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	if (text && !*text) {
		free(text);
		text = strdup("-");
		style = VIA_STYLE_DIM;
	}
	if (text)
		via_text_make_printable(text);
	add_cell(table, style, text);
}

void via_table_add_number(struct via_table *table, long number)
{
	if (number < 0)
		via_table_add(table, VIA_STYLE_PLAIN, "%s", "");
	else
		via_table_add(table, VIA_STYLE_PLAIN, "%ld", number);
}

/* Characters, each taken to be one column wide. */
static size_t text_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += (*text & 0xc0) != 0x80;
	return width;
}

static size_t column_width(const struct via_table *table, size_t column)
{
	size_t width = 0;

	for (size_t i = column; i < table->count; i += table->columns)
		if (text_width(table->cells[i].text) > width)
			width = text_width(table->cells[i].text);
	return width;
}

static void print_cell(const struct via_cli *cli, const struct via_table *table, size_t place,
		       size_t width)
{
	const struct via_cell *cell = &table->cells[place];
	const char *code = cli->colour ? style_code(cell->style) : NULL;
	bool right = table->right >> place % table->columns & 1;
	bool last = (place + 1) % table->columns == 0;
	int padding = (int)(width - text_width(cell->text));

	if (right)
		printf("%*s", padding, "");
	if (code)
		printf("\033[%sm%s\033[0m", code, cell->text);
	else
		fputs(cell->text, stdout);
	if (last)
		putchar('\n');
	else
		printf("%*s", (right ? 0 : padding) + 2, "");
}

int via_table_discard(struct via_table *table)
{
	for (size_t i = 0; i < table->count; i++)
		free(table->cells[i].text);
	free(table->cells);
	*table = (struct via_table){ 0 };
	return VIA_EXIT_DONE;
}

int via_table_print(const struct via_cli *cli, struct via_table *table)
{
	via_autofree size_t *widths = calloc(table->columns, sizeof(*widths));
	int status = VIA_EXIT_FAILED;

	if (table->failed || !widths) {
		via_error_print("out of memory");
		goto release;
	}
	for (size_t i = 0; i < table->columns; i++)
		widths[i] = column_width(table, i);
	for (size_t i = 0; i < table->count; i++)
		print_cell(cli, table, i, widths[i % table->columns]);
	status = VIA_EXIT_DONE;
release:
	via_table_discard(table);
	return status;
}

struct via_size_text via_size_text(uint64_t bytes)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
	struct via_size_text out;
	size_t unit = 0;

	while (bytes && bytes % 1024 == 0 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		bytes /= 1024;
		unit++;
	}
	snprintf(out.text, sizeof(out.text), "%" PRIu64 " %s", bytes, units[unit]);
	return out;
}

json_t *via_json_text(const char *text)
{
	via_autofree char *ascii = NULL;
	json_t *value;

	if (!text || !*text)
		return json_null();
	value = json_string(text);
	if (value)
		return value;
	ascii = strdup(text);
	if (!ascii)
		return NULL;
	for (char *c = ascii; *c; c++)
		if (*c & 0x80)
			*c = '?';
	return json_string(ascii);
}

char *via_json_dump(json_t *value)
{
	via_autofree char *text =
		value ? json_dumps(value, JSON_INDENT(2) | JSON_REAL_PRECISION(15)) : NULL;
	char *line = NULL;

	json_decref(value);
	return text && asprintf(&line, "%s\n", text) >= 0 ? line : NULL;
}

int via_json_print(json_t *value)
{
	via_autofree char *text = via_json_dump(value);

	if (!text) {
		via_error_print("cannot print JSON: out of memory");
		return VIA_EXIT_FAILED;
	}
	fputs(text, stdout);
	return VIA_EXIT_DONE;
}
