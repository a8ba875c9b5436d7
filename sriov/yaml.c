/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "yaml.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libfyaml.h>

#include <viaduct/util/cleanup.h>

/* Loaded by the two commands that read such a file, and by no guest's start. */
#define LIBRARY "libfyaml.so.0"

#define FUNCTIONS(one)                                                                             \
	one(fy_diag_cfg_default) one(fy_diag_create) one(fy_diag_destroy)                          \
		one(fy_diag_set_collect_errors) one(fy_diag_errors_iterate) one(fy_parser_create)  \
			one(fy_parser_destroy) one(fy_parser_set_string) one(fy_parser_parse)      \
				one(fy_parser_event_free) one(fy_event_start_mark)                 \
					one(fy_event_get_token) one(fy_event_get_tag_token)        \
						one(fy_event_get_anchor_token)                     \
							one(fy_token_get_text)

struct library {
	void *handle;
#define MEMBER(name) typeof(&name) name;
	FUNCTIONS(MEMBER)
#undef MEMBER
};

struct reader {
	struct library fy;
	struct fy_diag *diag;
	struct fy_parser *parser;
	const char *file;
	struct via_error *err;
};

static int library_load(struct library *fy, struct via_error *err)
{
	/* Stays: sanitizers tell what it leaks of what it is. */
	fy->handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!fy->handle)
		return via_error_set(err, ELIBACC,
				     "YAML is read with libfyaml, which cannot be loaded: %s",
				     dlerror());
#define LOAD(name)                                                                                 \
	fy->name = (typeof(fy->name))dlsym(fy->handle, #name);                                     \
	if (!fy->name)                                                                             \
		return via_error_set(err, ELIBACC, "this libfyaml has no " #name "()");
	FUNCTIONS(LOAD)
#undef LOAD
	return 0;
}

static void reader_close(struct reader *reader)
{
	if (reader->parser)
		reader->fy.fy_parser_destroy(reader->parser);
	if (reader->diag)
		reader->fy.fy_diag_destroy(reader->diag);
	if (reader->fy.handle)
		dlclose(reader->fy.handle);
}

static int reader_open(struct reader *reader, const char *text, size_t bytes)
{
	struct fy_parse_cfg parse = { .flags = FYPCF_QUIET | FYPCF_DEFAULT_VERSION_1_2 };
	struct fy_diag_cfg diag;
	int rc = library_load(&reader->fy, reader->err);

	if (rc)
		return rc;
	reader->fy.fy_diag_cfg_default(&diag);
	diag.fp = NULL;
	reader->diag = reader->fy.fy_diag_create(&diag);
	if (reader->diag) {
		reader->fy.fy_diag_set_collect_errors(reader->diag, true);
		parse.diag = reader->diag;
		reader->parser = reader->fy.fy_parser_create(&parse);
	}
	if (!reader->parser || reader->fy.fy_parser_set_string(reader->parser, text, bytes))
		return via_error_sys(reader->err, ENOMEM, "cannot read %s", reader->file);
	return 0;
}

/* What the library found wrong first. */
static int not_yaml(struct reader *reader)
{
	void *at = NULL;
	const struct fy_diag_error *found = reader->fy.fy_diag_errors_iterate(reader->diag, &at);

	if (!found)
		return via_error_set(reader->err, EINVAL, "%s is not YAML", reader->file);
	return via_error_set(reader->err, EINVAL, "%s:%d:%d: this is not YAML: %.200s",
			     reader->file, found->line < 1 ? 1 : found->line,
			     found->column < 1 ? 1 : found->column, found->msg);
}

static int refuse(const struct reader *reader, const struct via_yaml *node, const char *why)
{
	return via_error_set(reader->err, EINVAL, "%s:%u:%u: %s", reader->file, node->line,
			     node->column, why);
}

static void clear(struct via_yaml *node)
{
	size_t count = node->kind == VIA_YAML_MAP ? 2 * node->count : node->count;

	for (size_t i = 0; node->items && i < count; i++)
		clear(&node->items[i]);
	free(node->items);
	free(node->text);
}

void via_yaml_free(struct via_yaml *root)
{
	if (root)
		clear(root);
	free(root);
}

/* 0 and an event, or NULL at the end. */
static int next(struct reader *reader, struct fy_event **event)
{
	void *at = NULL;

	*event = reader->fy.fy_parser_parse(reader->parser);
	if (!*event && reader->fy.fy_diag_errors_iterate(reader->diag, &at))
		return not_yaml(reader);
	return 0;
}

static int read_text(struct reader *reader, struct fy_event *event, struct via_yaml *node)
{
	struct fy_token *token = reader->fy.fy_event_get_token(event);
	size_t bytes = 0;
	const char *text = token ? reader->fy.fy_token_get_text(token, &bytes) : "";

	node->kind = VIA_YAML_TEXT;
	if (text && memchr(text, '\0', bytes))
		return refuse(reader, node, "a NUL byte is in no name and no number");
	node->text = strndup(text ? text : "", bytes);
	return node->text ? 0 : via_error_sys(reader->err, ENOMEM, "cannot read %s", reader->file);
}

static int read_node(struct reader *reader, struct fy_event *event, unsigned int depth,
		     struct via_yaml *node);

static int check_key(const struct reader *reader, const struct via_yaml *map)
{
	const struct via_yaml *key = &map->items[2 * map->count];

	if (key->kind != VIA_YAML_TEXT)
		return refuse(reader, key, "a key is a word, not a list or a mapping");
	for (size_t i = 0; i < map->count; i++)
		if (!strcmp(map->items[2 * i].text, key->text))
			return via_error_set(reader->err, EINVAL,
					     "%s:%u:%u: the key '%.40s' is there already, in line "
					     "%u",
					     reader->file, key->line, key->column, key->text,
					     map->items[2 * i].line);
	return 0;
}

/* One more child, or both of a pair; counted once they are whole. */
static int grow(struct reader *reader, struct via_yaml *node)
{
	size_t width = node->kind == VIA_YAML_MAP ? 2 : 1;
	struct via_yaml *items;

	if (node->count == VIA_YAML_ITEMS_MAX)
		return refuse(reader, node, "this has more than 4096 entries");
	items = reallocarray(node->items, (node->count + 1) * width, sizeof(*items));
	if (!items)
		return via_error_sys(reader->err, ENOMEM, "cannot read %s", reader->file);
	node->items = items;
	memset(&items[node->count * width], 0, width * sizeof(*items));
	return 0;
}

/* The children of a list or mapping, up to the event that ends it. */
static int read_items(struct reader *reader, unsigned int depth, struct via_yaml *node)
{
	bool is_map = node->kind == VIA_YAML_MAP;
	enum fy_event_type end = is_map ? FYET_MAPPING_END : FYET_SEQUENCE_END;

	for (;;) {
		struct fy_event *event;
		int rc = next(reader, &event);

		if (rc)
			return rc;
		if (!event)
			return not_yaml(reader);
		if (event->type == end) {
			reader->fy.fy_parser_event_free(reader->parser, event);
			return 0;
		}
		rc = grow(reader, node);
		if (rc) {
			reader->fy.fy_parser_event_free(reader->parser, event);
			return rc;
		}
		if (!is_map) {
			rc = read_node(reader, event, depth + 1, &node->items[node->count++]);
		} else {
			struct via_yaml *pair = &node->items[2 * node->count];

			rc = read_node(reader, event, depth + 1, &pair[0]);
			if (!rc)
				rc = check_key(reader, node);
			node->count++;
			if (!rc)
				rc = next(reader, &event);
			if (!rc && !event)
				rc = not_yaml(reader);
			if (!rc)
				rc = read_node(reader, event, depth + 1, &pair[1]);
		}
		if (rc)
			return rc;
	}
}

/* Takes @event, and what is below it. */
static int read_node(struct reader *reader, struct fy_event *event, unsigned int depth,
		     struct via_yaml *node)
{
	const struct fy_mark *mark = reader->fy.fy_event_start_mark(event);
	int rc = 0;

	if (mark && mark->line >= 0 && mark->column >= 0) {
		node->line = (unsigned int)mark->line + 1;
		node->column = (unsigned int)mark->column + 1;
	}
	if (event->type == FYET_ALIAS || reader->fy.fy_event_get_anchor_token(event) ||
	    reader->fy.fy_event_get_tag_token(event))
		rc = refuse(reader, node, "anchors, aliases and tags are not read here");
	else if (depth > VIA_YAML_DEPTH_MAX)
		rc = refuse(reader, node, "this is nested deeper than anything that is read here");
	else if (event->type == FYET_SCALAR)
		rc = read_text(reader, event, node);
	else
		node->kind = event->type == FYET_MAPPING_START ? VIA_YAML_MAP : VIA_YAML_LIST;
	reader->fy.fy_parser_event_free(reader->parser, event);
	if (rc || node->kind == VIA_YAML_TEXT)
		return rc;
	return read_items(reader, depth, node);
}

static bool is_node(const struct fy_event *event)
{
	return event->type == FYET_SCALAR || event->type == FYET_ALIAS ||
	       event->type == FYET_MAPPING_START || event->type == FYET_SEQUENCE_START;
}

static int read_stream(struct reader *reader, struct via_yaml *root, bool *found)
{
	*found = false;
	for (;;) {
		struct fy_event *event;
		int rc = next(reader, &event);

		if (rc || !event)
			return rc;
		if (!is_node(event)) {
			reader->fy.fy_parser_event_free(reader->parser, event);
			continue;
		}
		if (*found) {
			reader->fy.fy_parser_event_free(reader->parser, event);
			return via_error_set(reader->err, EINVAL,
					     "%s holds more than one YAML document", reader->file);
		}
		*found = true;
		rc = read_node(reader, event, 1, root);
		if (rc)
			return rc;
	}
}

/*
 * What no such file holds, and what the library is not to see: it loops for ever over a directive
 * that is cut off (0.7.12).
 */
static int check_text(const char *file, const char *text, size_t bytes, struct via_error *err)
{
	unsigned int line = 1;
	size_t begin = 0;

	for (size_t i = 0; i < bytes; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '%' && i == begin)
			return via_error_set(
				err, EINVAL,
				"%s:%u:1: a line that begins with '%%' is a directive, "
				"and these are not read here",
				file, line);
		if ((c < ' ' && c != '\n' && c != '\r' && c != '\t') || c == 0x7f)
			return via_error_set(err, EINVAL,
					     "%s:%u:%zu: this is not YAML: a control character",
					     file, line, i - begin + 1);
		if (c == '\n' || (c == '\r' && (i + 1 == bytes || text[i + 1] != '\n'))) {
			line++;
			begin = i + 1;
		}
	}
	return 0;
}

int via_yaml_parse(const char *file, const char *text, size_t bytes, struct via_yaml **root,
		   struct via_error *err)
{
	via_cleanup(reader_close) struct reader reader = { .file = file, .err = err };
	via_cleanup(via_yaml_freep) struct via_yaml *tree = NULL;
	bool found;
	int rc;

	if (bytes > VIA_YAML_BYTES_MAX)
		return via_error_set(err, E2BIG, "%s is larger than the 1 MiB that is read", file);
	rc = check_text(file, text, bytes, err);
	if (rc)
		return rc;
	tree = calloc(1, sizeof(*tree));
	if (!tree)
		return via_error_sys(err, ENOMEM, "cannot read %s", file);
	rc = reader_open(&reader, text, bytes);
	if (!rc)
		rc = read_stream(&reader, tree, &found);
	if (rc)
		return rc;
	if (!found)
		return via_error_set(err, EINVAL, "%s holds nothing", file);
	*root = via_steal_ptr(tree);
	return 0;
}
