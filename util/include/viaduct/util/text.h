/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_UTIL_TEXT_H
#define VIADUCT_UTIL_TEXT_H

#include <viaduct/util/error.h>

/**
 * via_text_make_printable() - for a terminal: control characters (C0, C1, DEL) and bytes that are
 * not UTF-8 become '?', a byte each. Names of interfaces, processes and files may hold anything.
 */
VIA_API void via_text_make_printable(char *text);

#endif
