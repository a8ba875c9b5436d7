/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "change-driver.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <viaduct/vfio/bind.h>

bool via_driver_is_recorded(struct via_host *host, struct via_bdf bdf)
{
	return via_host_exists(host, "run/viaduct/devices/%s", via_bdf_text(bdf).text);
}

static void add_file(struct via_changes *changes, const char *before, const char *after,
		     const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static void add_file(struct via_changes *changes, const char *before, const char *after,
		     const char *fmt, ...)
{
	char path[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(path, sizeof(path), fmt, args);
	va_end(args);
	via_changes_add(changes, path, before, after);
}

/* What the file driver_override holds; "" for none. */
static void read_override(struct via_host *host, struct via_bdf bdf,
			  char override[static VIA_DRIVER_NAME_BYTES])
{
	if (via_host_read(host, override, VIA_DRIVER_NAME_BYTES,
			  "sys/bus/pci/devices/%s/driver_override", via_bdf_text(bdf).text) ||
	    !strcmp(override, "(null)"))
		override[0] = '\0';
}

static void add_override(struct via_changes *changes, struct via_bdf bdf, const char *before,
			 const char *after)
{
	if (strcmp(before, after))
		add_file(changes, before, after, "/sys/bus/pci/devices/%s/driver_override",
			 via_bdf_text(bdf).text);
}

static void add_release(struct via_changes *changes, struct via_bdf bdf)
{
	char driver[VIA_DRIVER_NAME_BYTES];

	if (!via_vfio_driver(changes->cli->host, bdf, driver, NULL) && driver[0])
		add_file(changes, NULL, via_bdf_text(bdf).text,
			 "/sys/bus/pci/devices/%s/driver/unbind", via_bdf_text(bdf).text);
}

static void add_probe(struct via_changes *changes, struct via_bdf bdf)
{
	via_changes_add(changes, "/sys/bus/pci/drivers_probe", NULL, via_bdf_text(bdf).text);
}

void via_changes_add_bind(struct via_changes *changes, struct via_bdf bdf, const char *driver)
{
	char override[VIA_DRIVER_NAME_BYTES];

	read_override(changes->cli->host, bdf, override);
	add_override(changes, bdf, override, driver);
	add_release(changes, bdf);
	add_probe(changes, bdf);
}

/* A line "key=value" of what via_vfio_bind() remembers; "" when it is not there. */
static void read_record(struct via_host *host, struct via_bdf bdf, const char *key,
			char value[static VIA_DRIVER_NAME_BYTES])
{
	char text[1024];
	char *rest = text, *line;

	value[0] = '\0';
	if (via_host_read(host, text, sizeof(text), "run/viaduct/devices/%s",
			  via_bdf_text(bdf).text))
		return;
	while ((line = strsep(&rest, "\n"))) {
		size_t length = strlen(key);

		if (!strncmp(line, key, length) && line[length] == '=')
			snprintf(value, VIA_DRIVER_NAME_BYTES, "%s", line + length + 1);
	}
}

void via_changes_add_unbind(struct via_changes *changes, struct via_bdf bdf)
{
	struct via_host *host = changes->cli->host;
	char now[VIA_DRIVER_NAME_BYTES], driver[VIA_DRIVER_NAME_BYTES];
	char override[VIA_DRIVER_NAME_BYTES];

	read_override(host, bdf, now);
	if (!via_driver_is_recorded(host, bdf)) {
		add_override(changes, bdf, now, "");
		add_release(changes, bdf);
		add_probe(changes, bdf);
		return;
	}
	read_record(host, bdf, "driver", driver);
	read_record(host, bdf, "override", override);
	add_release(changes, bdf);
	if (driver[0]) {
		add_override(changes, bdf, now, driver);
		add_probe(changes, bdf);
	}
	add_override(changes, bdf, driver[0] ? driver : now, override);
}
