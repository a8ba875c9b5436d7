/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_OUTPUT_H
#define VIADUCT_TOOLS_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <viaduct/util/error.h>

#include "command.h"

/** via_error_print() - "viaduct: " and a sentence, made printable, on standard error. */
void via_error_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** via_usage_error() - via_error_print(). Return: VIA_EXIT_USAGE. */
int via_usage_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** via_fail() - print the sentence of @err. Return: VIA_EXIT_FAILED. */
int via_fail(const struct via_error *err);

/* What is said about a cell by its colour, where there is colour. */
enum via_style {
	VIA_STYLE_PLAIN,
	VIA_STYLE_BOLD,
	VIA_STYLE_DIM,
	VIA_STYLE_GOOD,
	VIA_STYLE_WARNING,
	VIA_STYLE_BAD,
};

/* Rows of aligned columns. The last column is not padded. */
struct via_table {
	size_t columns;
	struct via_cell {
		char *text;
		enum via_style style;
	} * cells; /* whole rows; the first is the heading */
	size_t count;
	size_t capacity;
	uint32_t right; /* columns that are aligned to the right, by bit */
	bool failed;	/* memory ran out; printing says so */
};

/** via_table_init() - an empty table. @headings: one for each column. */
void via_table_init(struct via_table *table, size_t columns, const char *const *headings);

/** via_table_add() - the next cell, row by row, made printable. "" is printed as "-". */
void via_table_add(struct via_table *table, enum via_style style, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** via_table_add_number() - the next cell, a number; a negative one is printed as "-". */
void via_table_add_number(struct via_table *table, long number);

/** via_table_print() - print the table and release it. Return: the exit status. */
int via_table_print(const struct via_cli *cli, struct via_table *table);

/** via_table_discard() - release a table unprinted. Return: the exit status, VIA_EXIT_DONE. */
int via_table_discard(struct via_table *table);

/* A size for people, exact: "16 KiB", "4 GiB", "100 bytes". */
struct via_size_text {
	char text[32];
};

struct via_size_text via_size_text(uint64_t bytes);

/** via_json_text() - a string; bytes that are not UTF-8 become '?'. NULL and "" become null. */
json_t *via_json_text(const char *text);

/**
 * via_json_dump() - a value, which is released, as indented text that ends its line.
 *
 * Return: what the caller frees; NULL when memory ran out, also while @value was made (NULL).
 */
char *via_json_dump(json_t *value);

/** via_json_print() - print a value, which is released. Return: the exit status. */
int via_json_print(json_t *value);

#endif
