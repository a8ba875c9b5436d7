/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reset.h"

#include <errno.h>
#include <stdlib.h>

#include <viaduct/util/cleanup.h>
#include <viaduct/vfio/reset.h>

#include "passthrough.h"

static bool reaches(const struct via_vfio_reset_domain *domain,
		    const struct via_passthrough *function)
{
	for (size_t i = 0; i < domain->count; i++)
		if (via_bdf_equal(domain->functions[i], via_vfio_device_bdf(function->device)))
			return true;
	return false;
}

static int domain_new(struct via_passthrough **functions, size_t count,
		      const struct via_vfio_reset_domain *reach, struct via_reset_domain **domains)
{
	struct via_reset_domain *domain = calloc(1, sizeof(*domain));

	if (!domain)
		return -ENOMEM;
	domain->members = calloc(count, sizeof(*domain->members));
	if (!domain->members) {
		free(domain);
		return -ENOMEM;
	}
	for (size_t i = 0; i < count; i++) {
		if (!reaches(reach, functions[i]))
			continue;
		functions[i]->domain = domain;
		domain->members[domain->count++] = functions[i];
	}
	domain->next = *domains;
	*domains = domain;
	return 0;
}

struct via_error via_reset_warning(struct via_bdf bdf, const struct via_error *why)
{
	struct via_error text;

	via_error_set(&text, ENOTSUP,
		      "%s cannot be reset: not alone, and %s; the guest gets it as it is, and "
		      "leaves it with interrupts and bus mastering off (--require-reset refuses "
		      "it)",
		      via_bdf_text(bdf).text, why->text);
	return text;
}

static int plan(struct via_passthrough **functions, size_t count, size_t at, bool require,
		struct via_reset_domain **domains, struct via_error *err)
{
	via_cleanup(via_vfio_reset_clear) struct via_vfio_reset_domain reach = { 0 };
	struct via_passthrough *function = functions[at];
	struct via_bdf_text where = via_bdf_text(via_vfio_device_bdf(function->device));
	struct via_error why;

	switch (via_vfio_reset_find(function->device, &reach, &why)) {
	case VIA_VFIO_RESET_FUNCTION:
		return 0;
	case VIA_VFIO_RESET_HOT:
		return domain_new(functions, count, &reach, domains)
			       ? via_error_sys(err, ENOMEM, "cannot plan the reset of %s",
					       where.text)
			       : 0;
	case VIA_VFIO_RESET_NONE:
		break;
	}
	if (require)
		return via_error_set(err, ENOTSUP, "%s cannot be reset: not alone, and %s",
				     where.text, why.text);
	via_host_log(function->machine.host, VIA_LOG_WARNING, "%s",
		     via_reset_warning(via_vfio_device_bdf(function->device), &why).text);
	return 0;
}

int via_reset_plan(struct via_passthrough **functions, size_t count, bool require,
		   struct via_reset_domain **domains, struct via_error *err)
{
	for (size_t i = 0; i < count; i++) {
		int rc =
			functions[i]->domain ? 0 : plan(functions, count, i, require, domains, err);

		if (rc)
			return rc;
	}
	for (struct via_reset_domain *domain = *domains; domain; domain = domain->next) {
		struct via_passthrough *first = domain->members[0];
		struct via_error why;
		int rc = via_vfio_reset_hot(first->device, &why);

		if (rc && require)
			return via_error_set(err, -rc, "%s", why.text);
		if (!rc)
			continue;
		via_host_log(first->machine.host, VIA_LOG_WARNING, "%s", why.text);
		domain->broken = true;
	}
	return 0;
}

void via_reset_forget(struct via_reset_domain *domains)
{
	while (domains) {
		struct via_reset_domain *domain = domains;

		domains = domain->next;
		free(domain->members);
		free(domain);
	}
}

int via_reset_quiet(struct via_passthrough *function, struct via_error *err)
{
	struct via_reset_domain *domain = function->domain;

	if (!domain || domain->broken)
		return via_vfio_device_can_reset(function->device)
			       ? via_vfio_device_reset(function->device, err)
			       : 0;
	function->waits = true;
	for (size_t i = 0; i < domain->count; i++)
		if (!domain->members[i]->waits)
			return 0;
	for (size_t i = 0; i < domain->count; i++)
		domain->members[i]->waits = false;
	return via_vfio_reset_hot(function->device, err);
}

void via_reset_leave(struct via_passthrough *function)
{
	if (function->domain)
		function->domain->broken = true;
	function->domain = NULL;
}
