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

#include "record.h"

/* linux/pci_ids.h is not for userspace: PCI Code and ID Assignment, 1.7. */
#define PCI_CLASS_BRIDGE_PCI	 0x0604
#define PCI_CLASS_BRIDGE_CARDBUS 0x0607

static int host_write(void *data, struct via_host *host, const char *text, const char *path)
{
	(void)data;
	return via_host_write(host, text, "%s", path);
}

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

static int override_read(struct via_host *host, struct via_bdf bdf,
			 char override[static VIA_DRIVER_NAME_BYTES], struct via_error *err)
{
	struct via_bdf_text where = via_bdf_text(bdf);
	int rc = via_host_read(host, override, VIA_DRIVER_NAME_BYTES,
			       "sys/bus/pci/devices/%s/driver_override", where.text);

	if (!rc && *override && strcmp(override, "(null)") && !via_vfio_driver_name_valid(override))
		rc = -EPROTO;
	if (rc)
		return via_error_sys(err, -rc, "cannot read the driver_override of %s", where.text);
	if (!strcmp(override, "(null)"))
		*override = '\0';
	return 0;
}

static int override_write(const struct via_vfio_sysfs *sysfs, struct via_bdf bdf,
			  const char *override, struct via_error *err)
{
	struct via_bdf_text where = via_bdf_text(bdf);
	char path[PATH_MAX];
	int rc;

	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/driver_override", where.text);
	rc = sysfs->write(sysfs->data, sysfs->host, *override ? override : "\n", path);
	return rc ? via_error_sys(err, -rc, "cannot set the driver_override of %s", where.text) : 0;
}

static int release(const struct via_vfio_sysfs *sysfs, struct via_bdf bdf, const char *driver,
		   struct via_error *err)
{
	struct via_bdf_text where = via_bdf_text(bdf);
	char path[PATH_MAX];
	int rc;

	if (!*driver)
		return 0;
	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/driver/unbind", where.text);
	rc = sysfs->write(sysfs->data, sysfs->host, where.text, path);
	return rc ? via_error_sys(err, -rc, "cannot take %s from %s", where.text, driver) : 0;
}

/* Let the kernel find a driver; with an override it can only be that one. */
static int probe(const struct via_vfio_sysfs *sysfs, struct via_bdf bdf)
{
	return sysfs->write(sysfs->data, sysfs->host, via_bdf_text(bdf).text,
			    "sys/bus/pci/drivers_probe");
}

static int probe_for(const struct via_vfio_sysfs *sysfs, struct via_bdf bdf, const char *driver,
		     struct via_error *err)
{
	struct via_bdf_text where = via_bdf_text(bdf);
	char now[VIA_DRIVER_NAME_BYTES];
	int probe_rc = probe(sysfs, bdf);
	int rc = via_vfio_driver(sysfs->host, bdf, now, err);

	if (rc || !strcmp(now, driver))
		return rc;
	if (probe_rc == -EACCES || probe_rc == -EPERM)
		return via_error_sys(err, -probe_rc, "cannot give %s to %s", where.text, driver);
	return via_error_set(err, EIO, "%s refused %s (%s): the kernel's log may say why", driver,
			     where.text, probe_rc ? strerror(-probe_rc) : "without an error");
}

/*
 * To @driver, which may be "", and then @override. The function has no driver. The override names
 * the driver for as long as it takes: the kernel chooses no other, and a VF is taken even where
 * its PF says sriov_drivers_autoprobe=0.
 */
static int give(const struct via_vfio_sysfs *sysfs, struct via_bdf bdf, const char *driver,
		const char *override, struct via_error *err)
{
	int rc = 0;

	if (*driver) {
		rc = override_write(sysfs, bdf, driver, err);
		if (!rc)
			rc = probe_for(sysfs, bdf, driver, err);
	}
	if (rc) {
		override_write(sysfs, bdf, override, NULL);
		return rc;
	}
	return override_write(sysfs, bdf, override, err);
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

static int driver_check(struct via_host *host, struct via_bdf bdf, const char *driver,
			struct via_error *err)
{
	via_cleanup(via_iommu_group_clear) struct via_iommu_group group = { 0 };
	int rc;

	if (!via_vfio_driver_name_valid(driver))
		return via_error_set(err, EINVAL, "\"%s\" is no driver's name", driver);
	if (!via_host_exists(host, "sys/bus/pci/drivers/%s", driver))
		return via_error_set(err, ENOENT, "the driver %s is not loaded: modprobe %s",
				     driver, driver);
	if (!via_iommu_driver_is_vfio(driver))
		return 0;
	rc = endpoint_check(host, bdf, err);
	return rc ? rc : via_iommu_group_load(host, bdf, &group, err);
}

/* Put back what @before was; there is nothing better to do with a failure than to tell. */
static void record_restore(struct via_host *host, struct via_bdf bdf,
			   const struct via_vfio_record *before)
{
	struct via_error err;
	int rc = before ? via_vfio_record_save(host, bdf, before, &err)
			: via_vfio_record_remove(host, bdf, &err);

	if (rc)
		via_host_log(host, VIA_LOG_WARNING, "%s", err.text);
}

/*
 * The changes of a bind in order, and back in reverse. @had is what the function has now.
 * @undone: on failure, whether it has that again.
 */
static int bind_change(const struct via_vfio_sysfs *sysfs, struct via_bdf bdf, const char *driver,
		       const struct via_vfio_record *had, bool *undone, struct via_error *err)
{
	struct via_error undo_err;
	int rc = override_write(sysfs, bdf, driver, err);

	*undone = true;
	if (rc)
		return rc;
	rc = release(sysfs, bdf, had->driver, err);
	if (rc) {
		override_write(sysfs, bdf, had->override, NULL);
		return rc;
	}
	rc = probe_for(sysfs, bdf, driver, err);
	if (rc && give(sysfs, bdf, had->driver, had->override, &undo_err)) {
		*undone = false;
		if (err)
			via_error_set(err, -rc, "%s; and %s could not be given back to %s: %s",
				      err->text, via_bdf_text(bdf).text, had->driver,
				      undo_err.text);
	}
	return rc;
}

int via_vfio_bind_with(const struct via_vfio_sysfs *sysfs, struct via_bdf bdf, const char *driver,
		       struct via_error *err)
{
	struct via_host *host = sysfs->host;
	struct via_vfio_record had = { 0 }, before, record;
	bool ours, undone;
	int rc = via_vfio_driver(host, bdf, had.driver, err);

	if (rc || !strcmp(had.driver, driver))
		return rc;
	rc = driver_check(host, bdf, driver, err);
	if (!rc && via_iommu_driver_is_vfio(had.driver))
		rc = via_vfio_check_not_open(host, bdf, err);
	if (!rc)
		rc = override_read(host, bdf, had.override, err);
	if (rc)
		return rc;

	/* A record holds as long as the function is where it says, or on the way there; another
	 * one is left over from a function that is gone, or that somebody has bound since. */
	rc = via_vfio_record_load(host, bdf, &before, err);
	if (rc && rc != -ENOENT)
		return rc;
	ours = !rc && !strcmp(before.target, *had.driver ? had.driver : had.override);
	record = ours ? before : had;
	strcpy(record.target, driver);
	rc = via_vfio_record_save(host, bdf, &record, err);
	if (rc)
		return rc;
	rc = bind_change(sysfs, bdf, driver, &had, &undone, err);
	if (rc && undone)
		record_restore(host, bdf, ours ? &before : NULL);
	return rc;
}

int via_vfio_bind(struct via_host *host, struct via_bdf bdf, const char *driver,
		  struct via_error *err)
{
	const struct via_vfio_sysfs sysfs = { .host = host, .write = host_write };

	return via_vfio_bind_with(&sysfs, bdf, driver, err);
}

/* Whatever the kernel has for it; a function with a driver of its own is left alone. */
static int unbind_unrecorded(const struct via_vfio_sysfs *sysfs, struct via_bdf bdf,
			     const char *now, struct via_error *err)
{
	char override[VIA_DRIVER_NAME_BYTES];
	char after[VIA_DRIVER_NAME_BYTES];
	int rc = override_read(sysfs->host, bdf, override, err);

	if (rc || !(*now ? via_iommu_driver_is_vfio(now) : *override))
		return rc;
	rc = override_write(sysfs, bdf, "", err);
	if (!rc)
		rc = release(sysfs, bdf, now, err);
	if (rc)
		return rc;
	/* No driver is an answer too, and the kernel reports it as an error. */
	probe(sysfs, bdf);
	rc = via_vfio_driver(sysfs->host, bdf, after, err);
	if (!rc && via_iommu_driver_is_vfio(after))
		return via_error_set(err, EIO,
				     "the kernel gave %s to %s again: its ID is in new_id of that "
				     "driver, remove it with remove_id",
				     via_bdf_text(bdf).text, after);
	return rc;
}

static int unbind_recorded(const struct via_vfio_sysfs *sysfs, struct via_bdf bdf, const char *now,
			   const struct via_vfio_record *record, struct via_error *err)
{
	int rc;

	if (*record->driver &&
	    !via_host_exists(sysfs->host, "sys/bus/pci/drivers/%s", record->driver))
		return via_error_set(err, ENOENT,
				     "%s had the driver %s, which is not loaded: modprobe %s",
				     via_bdf_text(bdf).text, record->driver, record->driver);
	rc = release(sysfs, bdf, now, err);
	if (!rc)
		rc = give(sysfs, bdf, record->driver, record->override, err);
	if (!rc)
		rc = via_vfio_record_remove(sysfs->host, bdf, err);
	return rc;
}

int via_vfio_unbind_with(const struct via_vfio_sysfs *sysfs, struct via_bdf bdf,
			 char driver[static VIA_DRIVER_NAME_BYTES], struct via_error *err)
{
	struct via_host *host = sysfs->host;
	char now[VIA_DRIVER_NAME_BYTES];
	struct via_vfio_record record;
	bool recorded;
	int rc = via_vfio_driver(host, bdf, now, err);

	if (!rc && via_iommu_driver_is_vfio(now))
		rc = via_vfio_check_not_open(host, bdf, err);
	if (rc)
		return rc;
	rc = via_vfio_record_load(host, bdf, &record, err);
	if (rc && rc != -ENOENT)
		return rc;
	recorded = !rc;
	if (recorded && *now && strcmp(now, record.target)) {
		/* Somebody else has given it a driver since. */
		rc = via_vfio_record_remove(host, bdf, err);
		if (rc)
			return rc;
		recorded = false;
	}
	rc = recorded ? unbind_recorded(sysfs, bdf, now, &record, err)
		      : unbind_unrecorded(sysfs, bdf, now, err);
	return rc ? rc : via_vfio_driver(host, bdf, driver, err);
}

int via_vfio_unbind(struct via_host *host, struct via_bdf bdf,
		    char driver[static VIA_DRIVER_NAME_BYTES], struct via_error *err)
{
	const struct via_vfio_sysfs sysfs = { .host = host, .write = host_write };

	return via_vfio_unbind_with(&sysfs, bdf, driver, err);
}
