/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_VIRTIO_NET_SLIRP_H
#define VIA_VMM_VIRTIO_NET_SLIRP_H

#include <libslirp.h>

#include <viaduct/util/error.h>

/*
 * libslirp, loaded when a guest has a card of this kind, and no sooner: it brings GLib, which
 * every other guest's process can do without.
 */
struct via_slirp_library {
	void *handle;
	__typeof__(&slirp_new) new;
	__typeof__(&slirp_cleanup) cleanup;
	__typeof__(&slirp_pollfds_fill) fill;
	__typeof__(&slirp_pollfds_poll) poll;
	__typeof__(&slirp_input) input;
};

/** via_slirp_load() - Return: 0; -ENOENT when it is not installed, or not the one this needs. */
int via_slirp_load(struct via_slirp_library *library, struct via_error *err);
void via_slirp_unload(struct via_slirp_library *library);

#endif
