/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_VFIO_MODULE_PRIVATE_H
#define VIADUCT_VFIO_MODULE_PRIVATE_H

#include <libkmod.h>

#include <viaduct/vfio/module.h>

#define VIA_KMOD_FUNCTIONS(one)                                                                    \
	one(kmod_new) one(kmod_unref) one(kmod_module_new_from_name)                               \
		one(kmod_module_new_from_lookup) one(kmod_module_unref)                            \
			one(kmod_module_unref_list) one(kmod_module_get_module)                    \
				one(kmod_module_get_name) one(kmod_module_probe_insert_module)     \
					one(kmod_module_remove_module)

/* libkmod, or a test that plays it. */
struct via_kmod {
	void *handle;
#define VIA_KMOD_MEMBER(name) typeof(&name) name;
	VIA_KMOD_FUNCTIONS(VIA_KMOD_MEMBER)
#undef VIA_KMOD_MEMBER
	struct kmod_ctx *ctx;
};

int via_module_check_with(struct via_host *host, const struct via_kmod *kmod, const char *driver,
			  struct via_error *err);
int via_module_load_with(struct via_host *host, const struct via_kmod *kmod, const char *driver,
			 struct via_error *err);

#endif
