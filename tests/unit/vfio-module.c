/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "module-private.h"
#include "tree.h"

#define RECORD VIA_MODULE_RECORDS "/vfio_pci"

/* A kernel with a module, vfio_pci, which brings the driver vfio-pci; and may take vfio. */
static int insert_rc;
static bool needs_vfio;

static int lookup(struct kmod_ctx *ctx, const char *alias, struct kmod_list **list)
{
	(void)ctx;
	if (!strcmp(alias, "vfio_pci") || !strcmp(alias, "vfio-pci"))
		*list = (struct kmod_list *)&insert_rc;
	return 0;
}

static struct kmod_module *get_module(const struct kmod_list *entry)
{
	(void)entry;
	return (struct kmod_module *)&insert_rc;
}

static int unref_list(struct kmod_list *list)
{
	(void)list;
	return 0;
}

static struct kmod_module *unref(struct kmod_module *module)
{
	(void)module;
	return NULL;
}

static const char *get_name(const struct kmod_module *module)
{
	return module ? "vfio_pci" : "vfio";
}

static int probe_insert(struct kmod_module *module, unsigned int flags, const char *options,
			int (*run)(struct kmod_module *, const char *, void *), const void *data,
			void (*print)(struct kmod_module *, bool, const char *))
{
	(void)options;
	(void)run;
	(void)data;
	if (via_host_exists(tree_fresh.host, "sys/module/vfio_pci"))
		return 0;
	if (flags & KMOD_PROBE_DRY_RUN) {
		if (needs_vfio)
			print(NULL, false, "");
		print(module, false, "");
		return 0;
	}
	if (!insert_rc) {
		tree_put("sys/module/vfio_pci/refcnt", "0\n");
		tree_put("sys/bus/pci/drivers/vfio-pci/unbind", "");
	}
	return insert_rc;
}

static const struct via_kmod kmod = {
	.kmod_module_new_from_lookup = lookup,
	.kmod_module_unref = unref,
	.kmod_module_unref_list = unref_list,
	.kmod_module_get_module = get_module,
	.kmod_module_get_name = get_name,
	.kmod_module_probe_insert_module = probe_insert,
};

static int begin(void **state)
{
	insert_rc = 0;
	needs_vfio = false;
	return tree_fresh_begin(state);
}

static int load(const char *driver, struct via_error *err)
{
	return via_module_load_with(tree_fresh.host, &kmod, driver, err);
}

static void what_was_loaded_is_recorded(void **state)
{
	struct via_error err;

	(void)state;
	assert_int_equal(via_module_check_with(tree_fresh.host, &kmod, "vfio-pci", &err), 0);
	assert_false(via_host_exists(tree_fresh.host, RECORD));
	assert_int_equal(load("vfio-pci", &err), 0);
	assert_true(via_host_exists(tree_fresh.host, RECORD));
}

/* The module's name finds the module, and no driver. */
static void a_module_is_no_driver(void **state)
{
	struct via_error err;

	(void)state;
	tree_put("sys/module/vfio_pci/refcnt", "0\n");
	tree_put("sys/bus/pci/drivers/vfio-pci/unbind", "");
	assert_int_equal(via_module_check_with(tree_fresh.host, &kmod, "vfio_pci", &err), -ENOENT);
	assert_non_null(strstr(err.text, "/sys/module/vfio_pci/drivers"));
	assert_int_equal(load("vfio_pci", &err), -ENOENT);
	assert_non_null(strstr(err.text, "/sys/module/vfio_pci/drivers"));
	assert_false(via_host_exists(tree_fresh.host, RECORD));
	assert_int_equal(load("nonesuch", &err), -ENOENT);
}

/* What an administrator loads after that is not Viaduct's to unload. */
static void what_could_not_be_loaded_is_not_recorded(void **state)
{
	struct via_error err;

	(void)state;
	insert_rc = -EPERM;
	assert_int_equal(load("vfio-pci", &err), -EPERM);
	assert_non_null(strstr(err.text, "takes root"));
	assert_false(via_host_exists(tree_fresh.host, RECORD));

	/* One of those it needs stays loaded. */
	insert_rc = -ENODEV;
	tree_put("sys/module/vfio/refcnt", "0\n");
	needs_vfio = true;
	assert_int_equal(load("vfio-pci", &err), -ENODEV);
	assert_true(via_host_exists(tree_fresh.host, RECORD));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, tree_fresh_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_loaded_is_recorded),
		TEST(a_module_is_no_driver),
		TEST(what_could_not_be_loaded_is_not_recorded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
