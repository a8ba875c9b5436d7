/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "preflight.h"

#include <errno.h>
#include <string.h>

#include <viaduct/iommu/isolation.h>
#include <viaduct/iommu/predict.h>
#include <viaduct/vfio/bind.h>

#define DRIVER		 "vfio-pci"
#define CLASS_PCI_BRIDGE 0x0604U /* base class and subclass */

static void ignore(void *data, const char *path, const char *before, const char *after)
{
	(void)data;
	(void)path;
	(void)before;
	(void)after;
}

/* @bdf: NULL for what is of the whole host. */
static bool is_said(const struct via_findings *findings, const char *id, const struct via_bdf *bdf)
{
	for (size_t i = 0; i < findings->count; i++) {
		const struct via_finding *finding = &findings->findings[i];

		if (!strcmp(finding->id, id) && finding->has_device == !!bdf &&
		    (!bdf || via_bdf_equal(finding->device, *bdf)))
			return true;
	}
	return false;
}

/* What `viaduct bind` would take all the same. */
static void check_missed(struct via_preflight *preflight, struct via_bdf bdf)
{
	struct via_findings *findings = preflight->findings;
	struct via_error err;

	if (via_vfio_check_last_netdev(preflight->host, bdf, &err)) {
		via_findings_add(findings, VIA_SEVERITY_WARNING, "last-interface", &bdf, "%s",
				 err.text);
		via_findings_why(findings, "nobody reaches the host by another");
		via_findings_fix(findings, "ip link set another one up");
	}
	if (via_vfio_check_console(preflight->host, bdf, &err)) {
		via_findings_add(findings, VIA_SEVERITY_WARNING, "console-display", &bdf, "%s",
				 err.text);
		via_findings_why(findings, "what the kernel says is seen there no more");
		via_findings_fix(findings, "echo 0 >/sys/class/vtconsole/vtcon1/bind, and a serial "
					   "console (console=ttyS0)");
	}
}

/* What `viaduct bind` would refuse it for. */
static void check_bind(struct via_preflight *preflight, struct via_bdf bdf)
{
	struct via_findings *findings = preflight->findings;
	struct via_error err;
	int rc = via_vfio_bind_plan(preflight->host, bdf, DRIVER, ignore, NULL, &err);

	switch (-rc) {
	case 0:
		break;
	case ENOENT:
	case ELIBACC: /* to load it takes libkmod */
		if (is_said(findings, "driver-missing", NULL))
			break;
		via_preflight_error(preflight, "driver-missing", NULL, &err);
		via_findings_fix(findings, "modprobe " DRIVER);
		break;
	case EINVAL:
		via_preflight_error(preflight, "bridge", &bdf, &err);
		return;
	case ENXIO: /* said already */
		break;
	case EBUSY:
		via_preflight_error(preflight, "in-use", &bdf, &err);
		via_findings_fix(findings, "end what uses it");
		return;
	default:
		via_preflight_error(preflight, "unreadable", &bdf, &err);
		return;
	}
	rc = via_vfio_check_unused(preflight->host, bdf, &err);
	if (!rc) {
		check_missed(preflight, bdf);
		return;
	}
	via_preflight_error(preflight, "in-use", &bdf, &err);
	via_findings_why(findings, "what the host uses would be lost to it at once");
	via_findings_fix(findings, "end what uses it, or viaduct bind --force %s",
			 via_bdf_text(bdf).text);
}

/* The members in the way of a group that is not viable, and who keeps each from being bound. */
static void not_viable(struct via_preflight *preflight,
		       const struct via_preflight_function *function,
		       const struct via_iommu_group *group, const struct via_error *err)
{
	struct via_findings *findings = preflight->findings;
	struct via_iommu_causes causes;
	const char *command = strstr(err->text, "viaduct bind ");

	via_preflight_error(preflight, "group-not-viable", &function->bdf, err);
	via_iommu_causes_find(preflight->host, function->bdf, group, &causes);
	if (causes.count)
		via_findings_why(findings, "%s", via_iommu_cause_text(&causes.causes[0]).text);
	if (command)
		via_findings_fix(findings, "%s", command);
	for (size_t i = 0; i < group->member_count; i++) {
		const struct via_iommu_group_member *member = &group->members[i];
		struct via_iommu_group alone = *group;

		alone.members = &group->members[i];
		alone.member_count = 1;
		if (via_iommu_group_check_viable(&alone, NULL))
			check_bind(preflight, member->bdf);
	}
}

/* With all that is asked for bound. */
static void check_group_then(struct via_preflight *preflight,
			     const struct via_preflight_function *function)
{
	struct via_iommu_group group = function->group;
	struct via_error err;

	for (size_t i = 0; i < group.member_count; i++)
		if (via_preflight_asks(preflight, group.members[i].bdf))
			strcpy(group.members[i].driver, DRIVER);
	if (via_iommu_group_check_viable(&group, &err))
		not_viable(preflight, function, &group, &err);
}

static void unbound(struct via_preflight *preflight, const struct via_preflight_function *function)
{
	struct via_bdf_text where = via_bdf_text(function->bdf);
	struct via_error err;

	via_iommu_group_check_bound(&function->group, function->bdf, &err);
	via_preflight_error(preflight, "not-bound", &function->bdf, &err);
	via_findings_fix(preflight->findings, "viaduct bind %s", where.text);
	check_bind(preflight, function->bdf);
	if (!is_said(preflight->findings, "bridge", &function->bdf))
		check_group_then(preflight, function);
}

static void check_file(struct via_preflight *preflight,
		       const struct via_preflight_function *function)
{
	struct via_findings *findings = preflight->findings;
	struct via_bdf_text where = via_bdf_text(function->bdf);
	bool groups = preflight->request->backend == VIA_IOMMU_BACKEND_GROUP;
	struct via_error err;

	switch (-via_iommu_device_check(preflight->host, preflight->request->backend,
					&function->group, function->bdf, &err)) {
	case 0:
		break;
	case EPERM:
		not_viable(preflight, function, &function->group, &err);
		break;
	case EBUSY:
		via_preflight_error(preflight, "held", &function->bdf, &err);
		via_findings_fix(findings, "end the process that has it");
		break;
	case EACCES:
		via_preflight_error(preflight, "device-permission", &function->bdf, &err);
		if (groups)
			via_findings_fix(findings, "run as root, or chown \"$USER\" /dev/vfio/%u",
					 function->group.id);
		else
			via_findings_fix(findings,
					 "run as root, or chown \"$USER\" /dev/vfio/devices/vfioN "
					 "(ls /sys/bus/pci/devices/%s/vfio-dev)",
					 where.text);
		break;
	case EPROTONOSUPPORT: /* said of the backend */
		break;
	default:
		via_preflight_error(preflight, "device-file", &function->bdf, &err);
		via_findings_fix(findings, groups ? "viaduct bind %s again" : "--backend group",
				 where.text);
		break;
	}
}

static void check_others(struct via_preflight *preflight,
			 const struct via_preflight_function *function)
{
	struct via_iommu_causes causes;
	size_t strangers = 0;

	for (size_t i = 0; i < function->group.member_count; i++) {
		const struct via_iommu_group_member *member = &function->group.members[i];

		strangers += member->class_code >> 8 != CLASS_PCI_BRIDGE &&
			     !via_preflight_asks(preflight, member->bdf);
	}
	if (!strangers)
		return;
	via_findings_add(preflight->findings, VIA_SEVERITY_INFO, "group-shared", &function->bdf,
			 "IOMMU group %u has %zu more member%s, which no other guest and not the "
			 "host can have meanwhile",
			 function->group.id, strangers, strangers == 1 ? "" : "s");
	via_iommu_causes_find(preflight->host, function->bdf, &function->group, &causes);
	if (causes.count)
		via_findings_why(preflight->findings, "%s",
				 via_iommu_cause_text(&causes.causes[0]).text);
}

static void check_direct(struct via_preflight *preflight,
			 const struct via_preflight_function *function)
{
	struct via_error err;

	if (!via_iommu_group_check_direct(&function->group, &err))
		return;
	if (via_iommu_refuses_direct(preflight->host)) {
		via_preflight_error(preflight, "direct-mapping", &function->bdf, &err);
	} else {
		via_findings_add(preflight->findings, VIA_SEVERITY_WARNING, "direct-mapping",
				 &function->bdf,
				 "the firmware wants memory of its own mapped for IOMMU group %u, "
				 "which it is not while a guest has it",
				 function->group.id);
		via_findings_why(preflight->findings,
				 "this kernel lets a guest have it; from Linux 6.6 on it does not");
	}
	via_findings_fix(preflight->findings, "a setting of the firmware that frees the device, or "
					      "another device");
}

void via_preflight_open(struct via_preflight *preflight, struct via_preflight_function *function)
{
	struct via_findings *findings = preflight->findings;
	struct via_error err;
	int rc;

	if (!function->has_group) {
		check_bind(preflight, function->bdf);
		return;
	}
	if (function->bound)
		check_file(preflight, function);
	else
		unbound(preflight, function);
	check_direct(preflight, function);
	rc = via_iommu_interrupts_check(preflight->host, preflight->request->backend,
					&function->group, function->bdf, &err);
	if (rc == -EPERM || rc == -ENODATA) {
		via_findings_add(findings, rc == -EPERM ? VIA_SEVERITY_ERROR : VIA_SEVERITY_WARNING,
				 "interrupt-remapping", &function->bdf, "%s", err.text);
		if (rc == -ENODATA)
			via_findings_why(findings, "the module that decides is not loaded, and "
						   "modprobe.d may allow it when it is");
		via_findings_fix(findings, "boot without intremap=off");
	}
	if (via_iommu_token_check(preflight->host, function->bdf, &err)) {
		via_preflight_error(preflight, "vf-token", &function->bdf, &err);
		via_findings_fix(findings, "give the PF back: viaduct unbind");
	}
	if (!is_said(findings, "group-not-viable", &function->bdf))
		check_others(preflight, function);
}
