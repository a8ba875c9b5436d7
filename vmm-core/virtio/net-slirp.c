/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net-slirp.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#define LIBRARY "libslirp.so.0"

int via_slirp_load(struct via_slirp_library *library, struct via_error *err)
{
	struct via_slirp_library loaded = { .handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL) };
	const struct {
		const char *name;
		void *place;
	} symbols[] = {
		{ "slirp_new", &loaded.new },		{ "slirp_cleanup", &loaded.cleanup },
		{ "slirp_pollfds_fill", &loaded.fill }, { "slirp_pollfds_poll", &loaded.poll },
		{ "slirp_input", &loaded.input },
	};

	if (!loaded.handle)
		return via_error_set(err, ENOENT,
				     "a network without privileges (--net user) takes libslirp, "
				     "which cannot be loaded: %s",
				     dlerror());
	for (size_t i = 0; i < sizeof(symbols) / sizeof(*symbols); i++) {
		void *found = dlsym(loaded.handle, symbols[i].name);

		if (!found) {
			dlclose(loaded.handle);
			return via_error_set(err, ENOENT, "%s has no %s", LIBRARY, symbols[i].name);
		}
		memcpy(symbols[i].place, &found, sizeof(found));
	}
	*library = loaded;
	return 0;
}

void via_slirp_unload(struct via_slirp_library *library)
{
	if (library->handle)
		dlclose(library->handle);
	library->handle = NULL;
}
