/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_SRIOV_YAML_H
#define VIADUCT_SRIOV_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include <viaduct/util/error.h>

/*
 * A YAML document as it is written, each piece with its place, so that a sentence can name it. Of
 * YAML 1.2 only what a file of settings needs: no anchors, aliases or tags, which would let a few
 * bytes mean millions of nodes.
 */
#define VIA_YAML_BYTES_MAX (1U << 20)
#define VIA_YAML_DEPTH_MAX 8U
#define VIA_YAML_ITEMS_MAX 4096U /* of one list or mapping */

enum via_yaml_kind {
	VIA_YAML_TEXT, /* a scalar; a value that was left out is an empty one */
	VIA_YAML_LIST,
	VIA_YAML_MAP,
};

struct via_yaml {
	enum via_yaml_kind kind;
	unsigned int line, column; /* from 1 */
	char *text;		   /* of a scalar */
	struct via_yaml *items;	   /* of a mapping: key, value, key, value ... */
	size_t count;		   /* of items; of a mapping: of pairs */
};

/**
 * via_yaml_parse() - the only document of a text. The keys of each mapping are scalars, and no two
 * are the same.
 * @file: what sentences call the text.
 * @root: freed with via_yaml_free().
 *
 * Return: 0; -EINVAL with a sentence that names file, line and column; -E2BIG; -ELIBACC when
 * libfyaml cannot be loaded; -ENOMEM.
 */
int via_yaml_parse(const char *file, const char *text, size_t bytes, struct via_yaml **root,
		   struct via_error *err);
void via_yaml_free(struct via_yaml *root);

static inline void via_yaml_freep(struct via_yaml **root)
{
	via_yaml_free(*root);
}

#endif
