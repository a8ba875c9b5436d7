/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <string.h>

#include <viaduct/util/cleanup.h>

#include <viaduct/vfio/bind.h>

#include "unused.h"

static bool is_up(struct via_host *host, const char *netdev)
{
	uint64_t flags;

	return !via_host_read_u64(host, &flags, "sys/class/net/%s/flags", netdev) &&
	       flags & IFF_UP && !(flags & IFF_LOOPBACK);
}

int via_vfio_check_last_netdev(struct via_host *host, struct via_bdf bdf, struct via_error *err)
{
	via_cleanup(via_names_free) struct via_names names = { 0 };
	struct via_bdf_text where = via_bdf_text(bdf);
	const char *own = NULL;

	if (via_host_list(host, &names, "sys/class/net"))
		return 0;
	for (size_t i = 0; i < names.count; i++) {
		char path[PATH_MAX];

		if (!is_up(host, names.names[i]))
			continue;
		if (via_vfio_class_path(host, "net", names.names[i], path, sizeof(path)) ||
		    !via_vfio_path_has(path, where.text))
			return 0;
		own = names.names[i];
	}
	return own ? via_error_set(
			     err, EBUSY,
			     "%s, of %s, is the last network interface of the host that is up", own,
			     where.text)
		   : 0;
}

/* Whether a console of text is drawn into frame buffers. */
static bool console_is_drawn(struct via_host *host)
{
	via_cleanup(via_names_free) struct via_names names = { 0 };

	if (via_host_list(host, &names, "sys/class/vtconsole"))
		return false;
	for (size_t i = 0; i < names.count; i++) {
		char name[64];
		uint64_t bound;

		if (!via_host_read(host, name, sizeof(name), "sys/class/vtconsole/%s/name",
				   names.names[i]) &&
		    strstr(name, "frame buffer") &&
		    !via_host_read_u64(host, &bound, "sys/class/vtconsole/%s/bind",
				       names.names[i]) &&
		    bound)
			return true;
	}
	return false;
}

int via_vfio_check_console(struct via_host *host, struct via_bdf bdf, struct via_error *err)
{
	via_cleanup(via_names_free) struct via_names names = { 0 };
	struct via_bdf_text where = via_bdf_text(bdf);
	uint64_t boot = 0;

	if (!console_is_drawn(host) || via_host_list(host, &names, "sys/class/graphics"))
		return 0;
	/* The firmware's display, whose frame buffer then hangs on no PCI function. */
	if (via_host_read_u64(host, &boot, "sys/bus/pci/devices/%s/boot_vga", where.text))
		boot = 0;
	for (size_t i = 0; i < names.count; i++) {
		char path[PATH_MAX];

		if (strncmp(names.names[i], "fb", 2) || !strcmp(names.names[i], "fbcon") ||
		    via_vfio_class_path(host, "graphics", names.names[i], path, sizeof(path)))
			continue;
		if (via_vfio_path_has(path, where.text) ||
		    (boot && via_vfio_path_has(path, "platform")))
			return via_error_set(err, EBUSY,
					     "the host's console is on the display of %s (%s)",
					     where.text, names.names[i]);
	}
	return 0;
}
