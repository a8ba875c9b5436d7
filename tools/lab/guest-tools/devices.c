// SPDX-License-Identifier: LGPL-2.1-or-later
/* devices WHAT ARGUMENT...: work with one kind of device, as the part of that name tells. */
#include "registers.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} parts[] = { { "edu", edu },
		      { "testdev", testdev },
		      { "ivshmem", ivshmem },
		      { "picture", picture },
		      { "tone", tone } };

	for (size_t index = 0; argc > 1 && index < sizeof(parts) / sizeof(parts[0]); index++)
		if (!strcmp(argv[1], parts[index].name))
			return parts[index].run(argc - 1, argv + 1);
	fprintf(stderr, "devices: edu, testdev, ivshmem, picture or tone\n");
	return 2;
}
