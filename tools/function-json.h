/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_FUNCTION_JSON_H
#define VIADUCT_TOOLS_FUNCTION_JSON_H

#include <jansson.h>

#include "function.h"
#include "pciname.h"

/** via_function_json() - a function as `viaduct list --json` prints it; NULL when memory ran out.
 */
json_t *via_function_json(struct via_pciname *names, const struct via_function *function);

#endif
