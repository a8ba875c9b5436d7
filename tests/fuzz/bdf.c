/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A PCI address as a person or sysfs writes it. */
#include <viaduct/util/bdf.h>

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct via_bdf bdf, again;

	MUST(text);
	memcpy(text, data, size);
	text[size] = '\0';
	if (!via_bdf_parse(text, &bdf)) {
		MUST(bdf.device < 32 && bdf.function < 8);
		MUST(!via_bdf_parse(via_bdf_text(bdf).text, &again));
		MUST(via_bdf_equal(bdf, again));
		MUST(!via_bdf_compare(bdf, again));
	}
	free(text);
	return 0;
}
