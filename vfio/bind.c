/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bind-private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>
#include <viaduct/util/journal.h>
#include <viaduct/vfio/lease.h>
#include <viaduct/vfio/module.h>

#include "record.h"

/* linux/pci_ids.h is not for userspace: PCI Code and ID Assignment, 1.7. */
#define PCI_CLASS_BRIDGE_PCI	 0x0604
#define PCI_CLASS_BRIDGE_CARDBUS 0x0607

/* A function and what it has; what is changed below is changed here, too. */
struct function {
	const struct via_vfio_sysfs *sysfs;
	struct via_bdf bdf;
	struct via_bdf_text where;
	char driver[VIA_DRIVER_NAME_BYTES];
	char override[VIA_DRIVER_NAME_BYTES];
};

int via_vfio_driver(struct via_host *host, struct via_bdf bdf,
		    char driver[static VIA_DRIVER_NAME_BYTES], struct via_error *err)
{
	struct via_bdf_text where = via_bdf_text(bdf);
	char name[VIA_DRIVER_NAME_BYTES] = "";
	int rc;

	if (!via_host_exists(host, "sys/bus/pci/devices/%s", where.text))
		return via_error_set(err, ENODEV, "there is no PCI function %s", where.text);
	rc = via_host_link_name(host, name, sizeof(name), "sys/bus/pci/devices/%s/driver",
				where.text);
	if (rc && rc != -ENOENT)
		return via_error_sys(err, -rc, "cannot read the driver of %s", where.text);
	strcpy(driver, name);
	return 0;
}

static int function_load(struct function *function, const struct via_vfio_sysfs *sysfs,
			 struct via_bdf bdf, struct via_error *err)
{
	struct via_bdf_text where = via_bdf_text(bdf);
	int rc;

	*function = (struct function){ .sysfs = sysfs, .bdf = bdf, .where = where };
	rc = via_vfio_driver(sysfs->host, bdf, function->driver, err);
	if (rc)
		return rc;
	rc = via_host_read(sysfs->host, function->override, sizeof(function->override),
			   "sys/bus/pci/devices/%s/driver_override", where.text);
	if (!strcmp(function->override, "(null)"))
		*function->override = '\0';
	if (!rc && *function->override && !via_vfio_driver_name_valid(function->override))
		rc = -EPROTO;
	return rc ? via_error_sys(err, -rc, "cannot read the driver_override of %s", where.text)
		  : 0;
}

/* A plan changes nothing, and may be asked for by anybody. Whose lease begins after is behind the
 * lock.
 */
static int lock(const struct via_vfio_sysfs *sysfs, struct via_bdf bdf, int *fd,
		struct via_error *err)
{
	int rc = sysfs->change ? 0 : via_journal_lock(sysfs->host, bdf, fd, err);

	return rc ? rc : via_lease_check(sysfs->host, bdf, err);
}

/* Who binds to a VFIO driver, or back to one, and who unloads its module wait for each other: the
 * module would take its driver from the function. After the lock of the function. */
static int lock_modules(const struct via_vfio_sysfs *sysfs, const char *driver, const char *other,
			int *fd, struct via_error *err)
{
	if (sysfs->change ||
	    (!via_iommu_driver_is_vfio(driver) && !via_iommu_driver_is_vfio(other)))
		return 0;
	return via_journal_lock_modules(sysfs->host, fd, err);
}

static int host_write(void *data, struct via_host *host, const char *text, const char *path)
{
	(void)data;
	return via_host_write(host, text, "%s", path);
}

/* @before: what the file holds; NULL for one that is only written to. */
static int write_file(const struct function *function, const char *path, const char *before,
		      const char *text)
{
	const struct via_vfio_sysfs *sysfs = function->sysfs;

	if (sysfs->change) {
		sysfs->change(sysfs->data, path, before, text);
		return 0;
	}
	return sysfs->write(sysfs->data, sysfs->host, *text ? text : "\n", path);
}

static int override_write(struct function *function, const char *override, struct via_error *err)
{
	char path[PATH_MAX];
	int rc;

	if (!strcmp(function->override, override))
		return 0;
	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/driver_override",
		 function->where.text);
	rc = write_file(function, path, function->override, override);
	if (rc)
		return via_error_sys(err, -rc, "cannot set the driver_override of %s",
				     function->where.text);
	strcpy(function->override, override);
	return 0;
}

static int release(struct function *function, struct via_error *err)
{
	char path[PATH_MAX];
	int rc;

	if (!*function->driver)
		return 0;
	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/driver/unbind", function->where.text);
	rc = write_file(function, path, NULL, function->where.text);
	if (rc)
		return via_error_sys(err, -rc, "cannot take %s from %s", function->where.text,
				     function->driver);
	*function->driver = '\0';
	return 0;
}

/* Let the kernel find a driver; with an override it can only be that one. */
static int probe(struct function *function, int *probe_rc, struct via_error *err)
{
	*probe_rc = write_file(function, "sys/bus/pci/drivers_probe", NULL, function->where.text);
	return via_vfio_driver(function->sysfs->host, function->bdf, function->driver, err);
}

static int probe_for(struct function *function, const char *driver, struct via_error *err)
{
	int probe_rc, rc = probe(function, &probe_rc, err);

	if (function->sysfs->change)
		strcpy(function->driver, driver);
	if (rc || !strcmp(function->driver, driver))
		return rc;
	if (probe_rc == -EACCES || probe_rc == -EPERM)
		return via_error_sys(err, -probe_rc, "cannot give %s to %s", function->where.text,
				     driver);
	return via_error_set(err, EIO, "%s refused %s (%s): the kernel's log may say why", driver,
			     function->where.text,
			     probe_rc ? strerror(-probe_rc) : "without an error");
}

/*
 * To @driver, which may be "", and then @override. The function has no driver. The override names
 * the driver for as long as it takes: the kernel chooses no other, and a VF is taken even where
 * its PF says sriov_drivers_autoprobe=0.
 */
static int give(struct function *function, const char *driver, const char *override,
		struct via_error *err)
{
	int rc = 0;

	if (*driver) {
		rc = override_write(function, driver, err);
		if (!rc)
			rc = probe_for(function, driver, err);
	}
	if (rc) {
		override_write(function, override, NULL);
		return rc;
	}
	return override_write(function, override, err);
}

static void record_change_show(const struct function *function, const char *after)
{
	const struct via_vfio_sysfs *sysfs = function->sysfs;
	char before[2 * VIA_VFIO_RECORD_BYTES], path[PATH_MAX];

	snprintf(path, sizeof(path), VIA_VFIO_RECORD_DIRECTORY "/%s", function->where.text);
	if (via_host_read(sysfs->host, before, sizeof(before), "%s", path))
		*before = '\0';
	sysfs->change(sysfs->data, path, before, after);
}

static int remember(const struct function *function, const struct via_vfio_record *record,
		    struct via_error *err)
{
	struct via_host *host = function->sysfs->host;
	via_autofree char *text = NULL;
	int rc;

	if (!function->sysfs->change)
		return via_vfio_record_save(host, function->bdf, record, err);
	rc = via_vfio_record_format(host, function->bdf, record, &text, err);
	if (rc)
		return rc;
	text[strlen(text) - 1] = '\0';
	record_change_show(function, text);
	return 0;
}

static int forget(const struct function *function, struct via_error *err)
{
	struct via_host *host = function->sysfs->host;

	if (!function->sysfs->change)
		return via_vfio_record_remove(host, function->bdf, err);
	if (via_host_exists(host, VIA_VFIO_RECORD_DIRECTORY "/%s", function->where.text))
		record_change_show(function, "");
	return 0;
}

/* Whether the override is one that stands only while a function is bound or given back. */
static bool override_is_left(const struct function *function, const struct via_vfio_record *record)
{
	return strcmp(function->override, record->override) &&
	       (!strcmp(function->override, record->target) ||
		!strcmp(function->override, record->driver));
}

/* It was taken from a VFIO driver that Viaduct had not given it to; who gives it on, sets one. */
static bool is_kernels_choice(const struct function *function, const struct via_vfio_record *record)
{
	return !*record->target && !*function->override;
}

/*
 * Whether the function is where its record says, on the way there or on the way back, wherever
 * that ended; else somebody else has given it a driver since.
 */
static bool is_held(const struct function *function, const struct via_vfio_record *record)
{
	return !*function->driver || !strcmp(function->driver, record->target) ||
	       (!strcmp(function->driver, record->driver) && override_is_left(function, record)) ||
	       is_kernels_choice(function, record);
}

static bool is_as_it_was(const struct function *function, const struct via_vfio_record *record)
{
	return !strcmp(function->driver, record->driver) &&
	       !strcmp(function->override, record->override);
}

bool via_vfio_is_remembered(struct via_host *host, struct via_bdf bdf)
{
	const struct via_vfio_sysfs sysfs = { .host = host };
	struct via_vfio_record record;
	struct function function;

	return !function_load(&function, &sysfs, bdf, NULL) &&
	       !via_vfio_record_load(host, bdf, &record, NULL) && *record.target &&
	       is_held(&function, &record);
}

/* The header type; where the configuration space cannot be read, the one that its class has. */
static int header_type_read(struct via_host *host, struct via_bdf bdf, uint8_t *type,
			    struct via_error *err)
{
	struct via_bdf_text where = via_bdf_text(bdf);
	via_autoclose int fd =
		via_host_open(host, O_RDONLY, "sys/bus/pci/devices/%s/config", where.text);
	uint64_t class_code;
	int rc;

	if (fd >= 0 && pread(fd, type, 1, PCI_HEADER_TYPE) == 1) {
		*type &= PCI_HEADER_TYPE_MASK;
		return 0;
	}
	rc = via_host_read_u64(host, &class_code, "sys/bus/pci/devices/%s/class", where.text);
	if (rc)
		return via_error_sys(err, -rc, "cannot read the PCI class of %s", where.text);
	*type = class_code >> 8 == PCI_CLASS_BRIDGE_PCI	      ? PCI_HEADER_TYPE_BRIDGE
		: class_code >> 8 == PCI_CLASS_BRIDGE_CARDBUS ? PCI_HEADER_TYPE_CARDBUS
							      : PCI_HEADER_TYPE_NORMAL;
	return 0;
}

/* VFIO takes endpoints only; finding out by trying would take a bridge from its driver first. */
static int endpoint_check(struct via_host *host, struct via_bdf bdf, struct via_error *err)
{
	uint8_t type;
	int rc = header_type_read(host, bdf, &type, err);

	if (rc || (type != PCI_HEADER_TYPE_BRIDGE && type != PCI_HEADER_TYPE_CARDBUS))
		return rc;
	return via_error_set(err, EINVAL, "%s is a bridge; only what is behind it can be assigned",
			     via_bdf_text(bdf).text);
}

static bool host_has_iommu(struct via_host *host)
{
	via_cleanup(via_names_free) struct via_names iommus = { 0 };

	return !via_host_list(host, &iommus, "sys/class/iommu") && iommus.count;
}

/* @now is the driver the function has, or "". */
static int driver_check(struct via_host *host, struct via_bdf bdf, const char *now,
			const char *driver, struct via_error *err)
{
	via_cleanup(via_iommu_group_clear) struct via_iommu_group group = { 0 };
	int rc;

	bool vfio = via_iommu_driver_is_vfio(driver);

	if (!via_host_exists(host, "sys/bus/pci/drivers/%s", driver)) {
		if (!vfio)
			return via_error_set(err, ENOENT,
					     "the driver %s is not loaded: modprobe %s", driver,
					     driver);
		rc = via_module_check(host, driver, err);
		if (rc)
			return rc;
	}
	if (!vfio)
		return 0;
	rc = endpoint_check(host, bdf, err);
	if (!rc)
		rc = via_iommu_group_load(host, bdf, &group, err);
	/*
	 * Where a firmware table names the IOMMU of a function (VIOT, for a virtio-iommu), the
	 * kernel reads it when it first offers the function to a driver; vfio-pci refuses then.
	 */
	return rc == -ENXIO && !*now && host_has_iommu(host) ? 0 : rc;
}

static int driver_load(const struct via_vfio_sysfs *sysfs, const char *driver,
		       struct via_error *err)
{
	char path[PATH_MAX];

	if (via_host_exists(sysfs->host, "sys/bus/pci/drivers/%s", driver))
		return 0;
	if (!sysfs->change)
		return via_module_load(sysfs->host, driver, err);
	snprintf(path, sizeof(path), "sys/bus/pci/drivers/%s", driver);
	sysfs->change(sysfs->data, path, "", "loaded");
	return 0;
}

/* VFs go with the driver of their PF, and the kernel waits for who holds one, without end. */
static int check_functions_free(struct via_host *host, struct via_bdf pf, struct via_error *err)
{
	via_cleanup(via_names_free) struct via_names names = { 0 };
	struct via_bdf_text where = via_bdf_text(pf);
	int rc = via_host_list(host, &names, "sys/bus/pci/devices/%s", where.text);

	if (rc)
		return via_error_sys(err, -rc, "cannot look for the VFs of %s", where.text);
	for (size_t i = 0; i < names.count && !rc; i++) {
		char name[16];
		struct via_bdf vf;

		if (strncmp(names.names[i], "virtfn", strlen("virtfn")) ||
		    via_host_link_name(host, name, sizeof(name), "sys/bus/pci/devices/%s/%s",
				       where.text, names.names[i]) ||
		    via_bdf_parse(name, &vf))
			continue;
		rc = via_lease_check(host, vf, err);
		if (!rc)
			rc = via_vfio_check_not_open(host, vf, err);
	}
	return rc;
}

/* Back to @had, and to its record @before, or none. There is nothing better to do with a failure
 * than to tell. */
static int bind_undo(struct function *function, const struct function *had,
		     const struct via_vfio_record *before, struct via_error *err)
{
	int rc = 0;

	if (before)
		rc = remember(function, before, err);
	if (!rc && strcmp(function->driver, had->driver))
		rc = give(function, had->driver, had->override, err);
	else if (!rc)
		rc = override_write(function, had->override, err);
	if (!rc && !before)
		rc = forget(function, err);
	return rc;
}

/*
 * A record is there before the first change. It holds the function by the driver it is on the way
 * to: on from one to another, it changes while the function has none.
 */
static int bind_change(struct function *function, const struct via_vfio_record *record,
		       const struct via_vfio_record *before, struct via_error *err)
{
	const struct function had = *function;
	struct via_error undo_err;
	int rc = before ? 0 : remember(function, record, err);

	if (!rc)
		rc = override_write(function, record->target, err);
	if (!rc)
		rc = release(function, err);
	if (!rc && before)
		rc = remember(function, record, err);
	if (!rc)
		rc = probe_for(function, record->target, err);
	if (rc && bind_undo(function, &had, before, &undo_err) && err)
		via_error_set(err, -rc, "%s; and it could not be undone: %s", err->text,
			      undo_err.text);
	return rc;
}

/* The same for one that via_vfio_unbind() took from a VFIO driver: while it is on the way, its
 * record names the driver that the kernel chose. */
static int bind_chosen(struct function *function, const struct via_vfio_record *record,
		       const struct via_vfio_record *before, struct via_error *err)
{
	struct via_vfio_record between = *before;
	int rc = 0;

	strcpy(between.target, function->driver);
	if (*between.target)
		rc = remember(function, &between, err);
	if (!rc)
		rc = bind_change(function, record, &between, err);
	if (!rc)
		return is_as_it_was(function, record) ? forget(function, err) : 0;
	if (is_held(function, before))
		remember(function, before, NULL);
	return rc;
}

int via_vfio_bind_with(const struct via_vfio_sysfs *sysfs, struct via_bdf bdf, const char *driver,
		       struct via_error *err)
{
	struct via_host *host = sysfs->host;
	struct via_vfio_record before, record = { 0 };
	char now[VIA_DRIVER_NAME_BYTES];
	via_autoclose int lock_fd = -1, modules_fd = -1;
	struct function function;
	bool held;
	int rc;

	if (!via_vfio_driver_name_valid(driver))
		return via_error_set(err, EINVAL, "\"%s\" is no driver's name", driver);
	rc = via_vfio_driver(host, bdf, now, err);
	if (!rc)
		rc = lock(sysfs, bdf, &lock_fd, err);
	if (!rc)
		rc = via_vfio_driver(host, bdf, now, err);
	if (rc)
		return rc;
	if (!strcmp(now, driver))
		return 0;
	rc = lock_modules(sysfs, driver, now, &modules_fd, err);
	if (!rc)
		rc = driver_check(host, bdf, now, driver, err);
	if (!rc && via_iommu_driver_is_vfio(now))
		rc = via_vfio_check_not_open(host, bdf, err);
	if (!rc)
		rc = check_functions_free(host, bdf, err);
	if (!rc)
		rc = function_load(&function, sysfs, bdf, err);
	if (!rc)
		rc = driver_load(sysfs, driver, err);
	if (rc)
		return rc;
	rc = via_vfio_record_load(host, bdf, &before, err);
	if (rc && rc != -ENOENT)
		return rc;
	held = !rc && is_held(&function, &before);
	if (held) {
		record = before;
	} else {
		strcpy(record.driver, function.driver);
		strcpy(record.override, function.override);
	}
	strcpy(record.target, driver);
	if (held && !*before.target)
		return bind_chosen(&function, &record, &before, err);
	return bind_change(&function, &record, held ? &before : NULL, err);
}

int via_vfio_bind(struct via_host *host, struct via_bdf bdf, const char *driver,
		  struct via_error *err)
{
	const struct via_vfio_sysfs sysfs = { .host = host, .write = host_write };

	return via_vfio_bind_with(&sysfs, bdf, driver, err);
}

int via_vfio_bind_plan(struct via_host *host, struct via_bdf bdf, const char *driver,
		       via_vfio_change_fn change, void *data, struct via_error *err)
{
	const struct via_vfio_sysfs sysfs = { .host = host, .change = change, .data = data };

	return via_vfio_bind_with(&sysfs, bdf, driver, err);
}

static int give_to_kernel(struct function *function, struct via_error *err)
{
	int probe_rc, rc = override_write(function, "", err);

	if (!rc)
		rc = release(function, err);
	/* No driver is an answer too, and the kernel reports it as an error. */
	if (!rc)
		rc = probe(function, &probe_rc, err);
	if (!rc && !function->sysfs->change && via_iommu_driver_is_vfio(function->driver))
		return via_error_set(err, EIO,
				     "the kernel gave %s to %s again: its ID is in new_id of that "
				     "driver, remove it with remove_id",
				     function->where.text, function->driver);
	return rc;
}

/* Whatever the kernel has for it; a function with a driver of its own is left alone. */
static int unbind_unrecorded(struct function *function, struct via_error *err)
{
	struct via_vfio_record record = { 0 };
	int rc = 0;

	if (!via_iommu_driver_is_vfio(*function->driver ? function->driver : function->override))
		return forget(function, err);
	if (*function->driver)
		rc = via_vfio_check_unused(function->sysfs->host, function->bdf, err);
	if (rc)
		return rc;
	strcpy(record.driver, function->driver);
	strcpy(record.override, function->override);
	rc = remember(function, &record, err);
	if (!rc)
		rc = give_to_kernel(function, err);
	if (rc && is_as_it_was(function, &record))
		forget(function, NULL);
	return rc;
}

/* On from where a former one was killed. Its record stays: it is what undo is for. */
static int unbind_again(struct function *function, struct via_error *err)
{
	int rc = 0;

	if (*function->driver && !via_iommu_driver_is_vfio(function->driver))
		return 0;
	if (*function->driver)
		rc = via_vfio_check_unused(function->sysfs->host, function->bdf, err);
	return rc ? rc : give_to_kernel(function, err);
}

/* The caller has the lock of the function. */
static int give_back(struct function *function, const char *driver, const char *override,
		     struct via_error *err)
{
	struct via_host *host = function->sysfs->host;
	via_autoclose int modules_fd = -1;
	int rc = 0;

	if (!strcmp(function->driver, driver))
		return override_write(function, override, err);
	rc = lock_modules(function->sysfs, driver, "", &modules_fd, err);
	if (rc)
		return rc;
	if (*driver && !via_host_exists(host, "sys/bus/pci/drivers/%s", driver))
		return via_error_set(err, ENOENT,
				     "%s had the driver %s, which is not loaded: modprobe %s",
				     function->where.text, driver, driver);
	if (*function->driver)
		rc = via_vfio_check_unused(host, function->bdf, err);
	if (!rc)
		rc = release(function, err);
	return rc ? rc : give(function, driver, override, err);
}

static int unbind_held(struct function *function, const struct via_vfio_record *record,
		       struct via_error *err)
{
	return give_back(function, record->driver, record->override, err);
}

/* An override that Viaduct left on a function that is somebody else's by now. */
static int override_put_back(struct function *function, const struct via_vfio_record *record,
			     struct via_error *err)
{
	return override_is_left(function, record) ? override_write(function, record->override, err)
						  : 0;
}

static int load_locked(const struct via_vfio_sysfs *sysfs, struct via_bdf bdf,
		       struct function *function, struct via_vfio_record *record, bool *recorded,
		       int *lock_fd, struct via_error *err)
{
	int rc = function_load(function, sysfs, bdf, err);

	if (!rc)
		rc = lock(sysfs, bdf, lock_fd, err);
	if (!rc)
		rc = function_load(function, sysfs, bdf, err);
	if (rc)
		return rc;
	rc = via_vfio_record_load(sysfs->host, bdf, record, err);
	*recorded = !rc;
	return rc == -ENOENT ? 0 : rc;
}

/* @record: NULL for none. */
static int unbind(struct function *function, const struct via_vfio_record *record,
		  struct via_error *err)
{
	bool back = record && (is_held(function, record) || is_as_it_was(function, record));
	int rc = 0;

	if (back && !*record->target)
		return unbind_again(function, err);
	if (back) {
		rc = unbind_held(function, record, err);
		return rc ? rc : forget(function, err);
	}
	if (record)
		rc = override_put_back(function, record, err);
	return rc ? rc : unbind_unrecorded(function, err);
}

int via_vfio_unbind_with(const struct via_vfio_sysfs *sysfs, struct via_bdf bdf,
			 char driver[static VIA_DRIVER_NAME_BYTES], struct via_error *err)
{
	struct via_vfio_record record;
	via_autoclose int lock_fd = -1;
	struct function function;
	bool recorded;
	int rc = load_locked(sysfs, bdf, &function, &record, &recorded, &lock_fd, err);

	if (rc)
		return rc;
	rc = unbind(&function, recorded ? &record : NULL, err);
	if (!rc)
		strcpy(driver, function.driver);
	return rc;
}

int via_vfio_undo_with(const struct via_vfio_sysfs *sysfs, struct via_bdf bdf,
		       struct via_error *err)
{
	struct via_vfio_record record;
	via_autoclose int lock_fd = -1;
	struct function function;
	bool recorded;
	int rc = load_locked(sysfs, bdf, &function, &record, &recorded, &lock_fd, err);

	if (rc || !recorded)
		return rc;
	rc = is_held(&function, &record) ? unbind_held(&function, &record, err)
					 : override_put_back(&function, &record, err);
	return rc ? rc : forget(&function, err);
}

int via_vfio_undo(struct via_host *host, struct via_bdf bdf, struct via_error *err)
{
	const struct via_vfio_sysfs sysfs = { .host = host, .write = host_write };

	return via_vfio_undo_with(&sysfs, bdf, err);
}

int via_vfio_undo_plan(struct via_host *host, struct via_bdf bdf, via_vfio_change_fn change,
		       void *data, struct via_error *err)
{
	const struct via_vfio_sysfs sysfs = { .host = host, .change = change, .data = data };

	return via_vfio_undo_with(&sysfs, bdf, err);
}

int via_vfio_unbind(struct via_host *host, struct via_bdf bdf,
		    char driver[static VIA_DRIVER_NAME_BYTES], struct via_error *err)
{
	const struct via_vfio_sysfs sysfs = { .host = host, .write = host_write };

	return via_vfio_unbind_with(&sysfs, bdf, driver, err);
}

int via_vfio_unbind_plan(struct via_host *host, struct via_bdf bdf, via_vfio_change_fn change,
			 void *data, struct via_error *err)
{
	const struct via_vfio_sysfs sysfs = { .host = host, .change = change, .data = data };
	char driver[VIA_DRIVER_NAME_BYTES];

	return via_vfio_unbind_with(&sysfs, bdf, driver, err);
}

int via_vfio_had(struct via_host *host, struct via_bdf bdf,
		 char driver[static VIA_DRIVER_NAME_BYTES],
		 char override[static VIA_DRIVER_NAME_BYTES], struct via_error *err)
{
	const struct via_vfio_sysfs sysfs = { .host = host };
	struct via_vfio_record record;
	struct function function;
	int rc = function_load(&function, &sysfs, bdf, err);

	if (!rc)
		rc = via_vfio_record_load(host, bdf, &record, err);
	if (rc && rc != -ENOENT)
		return rc;
	if (!rc && is_held(&function, &record)) {
		strcpy(driver, record.driver);
		strcpy(override, record.override);
		return 0;
	}
	strcpy(driver, function.driver);
	strcpy(override, function.override);
	return 0;
}

int via_vfio_restore(struct via_host *host, struct via_bdf bdf, const char *driver,
		     const char *override, struct via_error *err)
{
	const struct via_vfio_sysfs sysfs = { .host = host, .write = host_write };
	struct function function;
	int rc = function_load(&function, &sysfs, bdf, err);

	return rc ? rc : give_back(&function, driver, override, err);
}

int via_vfio_forget(struct via_host *host, struct via_bdf bdf, struct via_error *err)
{
	return via_vfio_record_remove(host, bdf, err);
}

void via_vfio_forget_plan(struct via_host *host, struct via_bdf bdf, via_vfio_change_fn change,
			  void *data)
{
	const struct via_vfio_sysfs sysfs = { .host = host, .change = change, .data = data };
	const struct function function = { &sysfs, .bdf = bdf, .where = via_bdf_text(bdf) };

	forget(&function, NULL);
}
