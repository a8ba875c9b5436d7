/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <viaduct/util/text.h>

#include <stddef.h>

/* Bytes of the UTF-8 sequence at @text that is not a control character; 0 when there is none. */
static size_t printable(const unsigned char *text)
{
	size_t length = *text < 0x80 ? 1 : *text < 0xe0 ? 2 : *text < 0xf0 ? 3 : 4;

	if (*text < 0x20 || *text == 0x7f || (*text >= 0x80 && *text < 0xc2) || *text > 0xf4)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	/* U+0080 to U+009F: terminals obey them as they do an escape. */
	return *text == 0xc2 && text[1] < 0xa0 ? 0 : length;
}

void via_text_make_printable(char *text)
{
	while (*text) {
		size_t length = printable((unsigned char *)text);

		if (!length)
			*text = '?';
		text += length ? length : 1;
	}
}
