/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_VFIO_MODULE_H
#define VIADUCT_VFIO_MODULE_H

#include <stddef.h>

#include <viaduct/util/error.h>
#include <viaduct/util/host.h>

/*
 * The modules of VFIO drivers, loaded when a function is given to one of them, and what was loaded
 * for it: records (viaduct/util/journal.h) in run/viaduct/modules. Of a running host only.
 */
#define VIA_MODULE_RECORDS "run/viaduct/modules"

/**
 * via_module_check() - whether a driver's module could be loaded, or whether it is and brought
 * no such driver.
 *
 * Return: 0; -ENOENT when there is none, with a sentence, or the host is a recorded one; -ELIBACC
 * without libkmod; or an errno of libkmod.
 */
VIA_API int via_module_check(struct via_host *host, const char *driver, struct via_error *err);

/**
 * via_module_load() - load the module of a driver and what it needs, remembering what was not
 * loaded before. The caller has via_journal_lock_modules(), until a function is bound to the driver:
 * who unloads modules takes those that nobody is bound to.
 *
 * Return: as via_module_check(); what via_journal_save() returns; -EPERM.
 */
VIA_API int via_module_load(struct via_host *host, const char *driver, struct via_error *err);

/**
 * via_module_undo() - unload what a record names, unless somebody uses it; and remove the record.
 * @name: of the record.
 *
 * Return: 0; -EBUSY with a sentence that says who uses it; what via_journal_load() returns; -EPERM;
 * or another errno of libkmod.
 */
VIA_API int via_module_undo(struct via_host *host, const char *name, struct via_error *err);

#endif
