/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "module-private.h"

#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <viaduct/util/bdf.h>
#include <viaduct/util/cleanup.h>
#include <viaduct/util/journal.h>

/* Loaded by who binds without the module: it brings OpenSSL and three libraries to decompress. */
#define LIBRARY "libkmod.so.2"

#define MODULE_NAME_BYTES 64 /* MODULE_NAME_LEN of the kernel is 56 */
#define MODULES_MAX	  32

struct names {
	char names[MODULES_MAX][MODULE_NAME_BYTES];
	size_t count;
};

static void kmod_close(struct via_kmod *kmod)
{
	if (kmod->ctx)
		kmod->kmod_unref(kmod->ctx);
	if (kmod->handle)
		dlclose(kmod->handle);
}

static int kmod_open(struct via_kmod *kmod, struct via_error *err)
{
	kmod->handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!kmod->handle)
		return via_error_set(err, ELIBACC,
				     "modules are loaded with libkmod, which cannot be loaded: %s",
				     dlerror());
#define LOAD(name)                                                                                 \
	kmod->name = (typeof(kmod->name))dlsym(kmod->handle, #name);                               \
	if (!kmod->name)                                                                           \
		return via_error_set(err, ELIBACC, "this libkmod has no " #name "()");
	VIA_KMOD_FUNCTIONS(LOAD)
#undef LOAD
	kmod->ctx = kmod->kmod_new(NULL, NULL);
	return kmod->ctx ? 0 : via_error_sys(err, ENOMEM, "cannot look for kernel modules");
}

static bool add_name(struct names *names, const char *name)
{
	if (names->count == MODULES_MAX || !*name || strlen(name) >= MODULE_NAME_BYTES)
		return false;
	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '_' && *c != '-')
			return false;
	for (size_t i = 0; i < names->count; i++)
		if (!strcmp(names->names[i], name))
			return true;
	strcpy(names->names[names->count++], name);
	return true;
}

/* libkmod's callback is given nothing of its caller's. */
static _Thread_local struct {
	const struct via_kmod *kmod;
	struct names *names;
	bool full;
} collect;

static void collect_one(struct kmod_module *module, bool install, const char *options)
{
	(void)install;
	(void)options;
	if (!add_name(collect.names, collect.kmod->kmod_module_get_name(module)))
		collect.full = true;
}

static int find(const struct via_kmod *kmod, const char *driver, struct kmod_module **module,
		struct via_error *err)
{
	struct kmod_list *list = NULL;
	int rc = kmod->kmod_module_new_from_lookup(kmod->ctx, driver, &list);

	if (rc < 0 || !list)
		return via_error_set(err, ENOENT,
				     "the driver %s is not loaded, and this kernel has no module "
				     "of that name",
				     driver);
	*module = kmod->kmod_module_get_module(list);
	kmod->kmod_module_unref_list(list);
	return 0;
}

/* Those that loading @module would load, in that order. */
static int list_missing(const struct via_kmod *kmod, struct kmod_module *module,
			struct names *names, struct via_error *err)
{
	int rc;

	collect.kmod = kmod;
	collect.names = names;
	collect.full = false;
	rc = kmod->kmod_module_probe_insert_module(module, KMOD_PROBE_DRY_RUN, NULL, NULL, NULL,
						   collect_one);
	if (collect.full)
		return via_error_set(err, E2BIG, "%s takes more modules than can be remembered",
				     kmod->kmod_module_get_name(module));
	return rc < 0 ? via_error_sys(err, -rc, "cannot see what the module %s needs",
				      kmod->kmod_module_get_name(module))
		      : 0;
}

static bool take_field(void *data, const char *key, const char *value)
{
	return !strcmp(key, "module") && add_name(data, value);
}

struct path {
	char text[PATH_MAX];
};

static struct path path_of(const char *name)
{
	struct path path;

	snprintf(path.text, sizeof(path.text), VIA_MODULE_RECORDS "/%.128s", name);
	return path;
}

static int load_record(struct via_host *host, const char *name, struct names *names,
		       struct via_error *err)
{
	struct path path = path_of(name);
	int rc = via_journal_load(host, NULL, path.text, take_field, names, err);

	return !rc && !names->count ? via_journal_damaged(path.text, err) : rc;
}

/* What was not loaded before the first time, and what is not now. */
static int remember(struct via_host *host, const char *name, struct names *missing,
		    struct via_error *err)
{
	char fields[MODULES_MAX * (MODULE_NAME_BYTES + 8)] = "";
	struct names known = { 0 };
	int rc = load_record(host, name, &known, err);

	if (rc && rc != -ENOENT)
		return rc;
	for (size_t i = 0; i < missing->count; i++)
		if (!add_name(&known, missing->names[i]))
			return via_error_set(err, E2BIG,
					     "%s takes more modules than can be remembered", name);
	for (size_t i = 0; i < known.count; i++)
		sprintf(fields + strlen(fields), "module=%s\n", known.names[i]);
	return via_journal_save(host, NULL, fields, path_of(name).text, err);
}

static int open_library(struct via_host *host, const char *driver, struct via_kmod *kmod,
			struct via_error *err)
{
	return via_host_is_real(host)
		       ? kmod_open(kmod, err)
		       : via_error_set(err, ENOENT, "the driver %s is not loaded: modprobe %s",
				       driver, driver);
}

/* Modules are found by either of "-" and "_"; drivers by their own names only. */
static int check_brought(struct via_host *host, const struct via_kmod *kmod,
			 struct kmod_module *module, const char *driver, struct via_error *err)
{
	const char *name = kmod->kmod_module_get_name(module);

	if (via_host_exists(host, "sys/bus/pci/drivers/%s", driver))
		return 0;
	return via_error_set(err, ENOENT,
			     "the module %s brought no driver %s: /sys/module/%s/drivers has what "
			     "it brought",
			     name, driver, name);
}

int via_module_check_with(struct via_host *host, const struct via_kmod *kmod, const char *driver,
			  struct via_error *err)
{
	struct names missing = { 0 };
	struct kmod_module *module;
	int rc = find(kmod, driver, &module, err);

	if (rc)
		return rc;
	rc = list_missing(kmod, module, &missing, err);
	if (!rc && !missing.count)
		rc = check_brought(host, kmod, module, driver, err);
	kmod->kmod_module_unref(module);
	return rc;
}

int via_module_check(struct via_host *host, const char *driver, struct via_error *err)
{
	via_cleanup(kmod_close) struct via_kmod kmod = { 0 };
	int rc = open_library(host, driver, &kmod, err);

	return rc ? rc : via_module_check_with(host, &kmod, driver, err);
}

/* Of a load that failed: what somebody else loads later is not undo's to unload. */
static void forget_missing(struct via_host *host, const char *name)
{
	struct names names = { 0 };

	if (load_record(host, name, &names, NULL))
		return;
	for (size_t i = 0; i < names.count; i++)
		if (via_host_exists(host, "sys/module/%s", names.names[i]))
			return;
	via_journal_remove(host, path_of(name).text, NULL);
}

static int insert_missing(struct via_host *host, const struct via_kmod *kmod,
			  struct kmod_module *module, const char *driver, struct names *missing,
			  struct via_error *err)
{
	int rc = remember(host, kmod->kmod_module_get_name(module), missing, err);

	if (rc)
		return rc;
	rc = kmod->kmod_module_probe_insert_module(module, KMOD_PROBE_APPLY_BLACKLIST_ALIAS_ONLY,
						   NULL, NULL, NULL, NULL);
	if (rc < 0)
		forget_missing(host, kmod->kmod_module_get_name(module));
	if (rc == -EPERM || rc == -EACCES)
		return via_error_set(err, EPERM, "loading the module of %s takes root", driver);
	return rc < 0 ? via_error_sys(err, -rc, "the module of %s cannot be loaded", driver) : 0;
}

int via_module_load_with(struct via_host *host, const struct via_kmod *kmod, const char *driver,
			 struct via_error *err)
{
	struct names missing = { 0 };
	struct kmod_module *module;
	int rc = find(kmod, driver, &module, err);

	if (rc)
		return rc;
	rc = list_missing(kmod, module, &missing, err);
	if (!rc && missing.count)
		rc = insert_missing(host, kmod, module, driver, &missing, err);
	if (!rc)
		rc = check_brought(host, kmod, module, driver, err);
	kmod->kmod_module_unref(module);
	return rc;
}

int via_module_load(struct via_host *host, const char *driver, struct via_error *err)
{
	via_cleanup(kmod_close) struct via_kmod kmod = { 0 };
	int rc = open_library(host, driver, &kmod, err);

	return rc ? rc : via_module_load_with(host, &kmod, driver, err);
}

/* A driver holds its module only while a file of it is open: removed, it lets go of its devices. */
static int check_no_devices(struct via_host *host, const char *name, struct via_error *err)
{
	via_cleanup(via_names_free) struct via_names drivers = { 0 };

	if (via_host_list(host, &drivers, "sys/module/%s/drivers", name))
		return 0;
	for (size_t i = 0; i < drivers.count; i++) {
		via_cleanup(via_names_free) struct via_names devices = { 0 };
		struct via_bdf bdf;

		if (via_host_list(host, &devices, "sys/module/%s/drivers/%s", name,
				  drivers.names[i]))
			continue;
		for (size_t d = 0; d < devices.count; d++)
			if (!via_bdf_parse(devices.names[d], &bdf))
				return via_error_set(err, EBUSY,
						     "the module %s stays loaded: %s is bound to "
						     "it",
						     name, devices.names[d]);
	}
	return 0;
}

static int unload(struct via_host *host, const struct via_kmod *kmod, const char *name,
		  struct via_error *err)
{
	struct kmod_module *module;
	int rc;

	if (!via_host_exists(host, "sys/module/%s", name))
		return 0;
	rc = check_no_devices(host, name, err);
	if (rc)
		return rc;
	rc = kmod->kmod_module_new_from_name(kmod->ctx, name, &module);
	if (rc < 0)
		return via_error_sys(err, -rc, "cannot look for the module %s", name);
	rc = kmod->kmod_module_remove_module(module, O_NONBLOCK);
	kmod->kmod_module_unref(module);
	switch (rc) {
	case 0:
	case -ENOENT:
		return 0;
	case -EAGAIN:
	case -EBUSY:
		return via_error_set(err, EBUSY, "the module %s stays loaded: it is in use", name);
	case -EPERM:
	case -EACCES:
		return via_error_set(err, EPERM, "unloading the module %s takes root", name);
	default:
		return via_error_sys(err, -rc, "the module %s cannot be unloaded", name);
	}
}

int via_module_undo(struct via_host *host, const char *name, struct via_error *err)
{
	via_cleanup(kmod_close) struct via_kmod kmod = { 0 };
	struct names names = { 0 };
	via_autoclose int lock_fd = -1;
	int rc = via_journal_lock_modules(host, &lock_fd, err);

	if (!rc)
		rc = load_record(host, name, &names, err);
	/* A recorded host has no kernel to unload them from. */
	if (!rc && via_host_is_real(host))
		rc = kmod_open(&kmod, err);
	while (!rc && kmod.ctx && names.count--)
		rc = unload(host, &kmod, names.names[names.count], err);
	return rc ? rc : via_journal_remove(host, path_of(name).text, err);
}
