/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "private.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <viaduct/util/cleanup.h>
#include <viaduct/vfio/reset.h>

/* Flags since Linux 6.6; of older headers the same bits are reserved and zero. */
#define INFO_BY_ID	 (1U << 0)
#define INFO_BY_ID_OWNED (1U << 1)
#ifdef VFIO_PCI_HOT_RESET_FLAG_DEV_ID
static_assert(INFO_BY_ID == VFIO_PCI_HOT_RESET_FLAG_DEV_ID, "linux/vfio.h");
static_assert(INFO_BY_ID_OWNED == VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED, "linux/vfio.h");
#endif
#define ID_NOT_OWNED UINT32_MAX /* VFIO_PCI_DEVID_NOT_OWNED */

#define FUNCTIONS_USUAL 16U
#define FUNCTIONS_MAX	(1U << 16) /* of a segment */
#define QUESTIONS_MAX	4

static struct via_bdf affected_bdf(const struct vfio_pci_dependent_device *affected)
{
	return (struct via_bdf){
		.domain = affected->segment,
		.bus = affected->bus,
		.device = affected->devfn >> 3,
		.function = affected->devfn & 7,
	};
}

int via_vfio_reset_parse(const struct via_ioctl_info *info, struct via_bdf self,
			 struct via_vfio_reset_domain *domain, bool *by_id)
{
	struct vfio_pci_hot_reset_info head;
	bool found = false, lost = false;

	if (info->size_bytes < sizeof(head))
		return -EPROTO;
	memcpy(&head, info->data, sizeof(head));
	if (!head.count || head.count > (info->size_bytes - sizeof(head)) /
						sizeof(struct vfio_pci_dependent_device))
		return -EPROTO;
	*by_id = head.flags & INFO_BY_ID;
	domain->functions = calloc(head.count, sizeof(*domain->functions));
	if (!domain->functions)
		return -ENOMEM;
	domain->owned = !*by_id || head.flags & INFO_BY_ID_OWNED;
	for (uint32_t i = 0; i < head.count; i++) {
		struct vfio_pci_dependent_device affected;

		memcpy(&affected, (const char *)info->data + sizeof(head) + i * sizeof(affected),
		       sizeof(affected));
		domain->functions[i] = affected_bdf(&affected);
		domain->count++;
		found |= via_bdf_equal(domain->functions[i], self);
		/* The ID shares its place with the group's number. */
		if (*by_id && affected.group_id == ID_NOT_OWNED && !lost) {
			lost = true;
			domain->owned = false;
			domain->lacks = i;
		}
	}
	return found ? 0 : -EPROTO;
}

/* Not via_ioctl_ask(): an answer that does not fit is ENOSPC here, and argsz stays what it was. */
static int info_ask(struct via_vfio_device *device, struct via_ioctl_info *info)
{
	uint32_t room = FUNCTIONS_USUAL;

	for (int i = 0; i < QUESTIONS_MAX; i++) {
		struct vfio_pci_hot_reset_info head = { 0 };
		size_t size_bytes = sizeof(head) + room * sizeof(struct vfio_pci_dependent_device);
		via_autofree void *data = calloc(1, size_bytes);
		int rc;

		if (!data)
			return -ENOMEM;
		head.argsz = (uint32_t)size_bytes;
		memcpy(data, &head, sizeof(head));
		device->info++;
		rc = via_ioctl_call(&device->port, device->fd, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO,
				    data);
		if (!rc) {
			info->data = via_steal_ptr(data);
			info->size_bytes = size_bytes;
			return 0;
		}
		if (rc != -ENOSPC)
			return rc;
		memcpy(&head, data, sizeof(head));
		if (head.count <= room || head.count > FUNCTIONS_MAX)
			return -EPROTO;
		room = head.count;
	}
	return -EPROTO;
}

/* With groups it is for us to know what is ours, and to prove it with each group's file. */
static int groups_find(struct via_vfio_device *device, struct via_vfio_reset_domain *domain)
{
	domain->group_fds = calloc(domain->count, sizeof(*domain->group_fds));
	if (!domain->group_fds)
		return -ENOMEM;
	for (size_t i = 0; i < domain->count; i++) {
		bool known = false;
		int fd;

		if (!via_iommu_space_owns(device->space, domain->functions[i], &fd) || fd < 0) {
			domain->owned = false;
			domain->lacks = i;
			break;
		}
		for (size_t j = 0; j < domain->group_fd_count; j++)
			known |= domain->group_fds[j] == fd;
		if (!known)
			domain->group_fds[domain->group_fd_count++] = fd;
	}
	return 0;
}

static int domain_load(struct via_vfio_device *device, struct via_vfio_reset_domain *domain)
{
	struct via_ioctl_info info = { 0 };
	bool by_id = false;
	int rc = info_ask(device, &info);

	if (!rc)
		rc = via_vfio_reset_parse(&info, device->bdf, domain, &by_id);
	free(info.data);
	return rc || by_id ? rc : groups_find(device, domain);
}

static int no_bus(struct via_bdf bdf, struct via_error *err)
{
	return via_error_set(err, ENODEV, "the kernel cannot reset the bus of %s",
			     via_bdf_text(bdf).text);
}

int via_vfio_reset_load(struct via_vfio_device *device, struct via_vfio_reset_domain *out,
			struct via_error *err)
{
	via_cleanup(via_vfio_reset_clear) struct via_vfio_reset_domain domain = { 0 };
	struct via_bdf_text where = via_bdf_text(device->bdf);
	int rc = domain_load(device, &domain);

	if (rc == -ENODEV)
		return no_bus(device->bdf, err);
	if (rc)
		return via_error_sys(err, -rc, "cannot learn what a bus reset of %s reaches",
				     where.text);
	*out = domain;
	domain = (struct via_vfio_reset_domain){ 0 };
	return 0;
}

void via_vfio_reset_clear(struct via_vfio_reset_domain *domain)
{
	free(domain->functions);
	free(domain->group_fds);
	*domain = (struct via_vfio_reset_domain){ 0 };
}

static int not_owned(struct via_bdf bdf, struct via_bdf other, struct via_error *err)
{
	return via_error_set(err, EPERM,
			     "a bus reset of %s would reach %s too, which is not this guest's",
			     via_bdf_text(bdf).text, via_bdf_text(other).text);
}

enum via_vfio_reset_kind via_vfio_reset_predict(const struct via_vfio_facts *facts,
						bool (*owns)(void *data, struct via_bdf bdf),
						void *data, struct via_error *why)
{
	if (!facts->reset_known || *facts->reset_methods)
		return VIA_VFIO_RESET_FUNCTION;
	for (size_t i = 0; i < facts->bus_count; i++)
		if (!owns(data, facts->bus[i])) {
			not_owned(facts->bdf, facts->bus[i], why);
			return VIA_VFIO_RESET_NONE;
		}
	if (facts->bus_count)
		return VIA_VFIO_RESET_HOT;
	no_bus(facts->bdf, why);
	return VIA_VFIO_RESET_NONE;
}

enum via_vfio_reset_kind via_vfio_reset_find(struct via_vfio_device *device,
					     struct via_vfio_reset_domain *domain,
					     struct via_error *why)
{
	if (device->can_reset)
		return VIA_VFIO_RESET_FUNCTION;
	if (via_vfio_reset_load(device, domain, why))
		return VIA_VFIO_RESET_NONE;
	if (domain->owned)
		return VIA_VFIO_RESET_HOT;
	not_owned(device->bdf, domain->functions[domain->lacks], why);
	via_vfio_reset_clear(domain);
	return VIA_VFIO_RESET_NONE;
}

int via_vfio_reset_hot(struct via_vfio_device *device, struct via_error *err)
{
	via_cleanup(via_vfio_reset_clear) struct via_vfio_reset_domain domain = { 0 };
	via_autofree struct vfio_pci_hot_reset *reset = NULL;
	size_t fds_bytes, size_bytes;
	int rc = via_vfio_reset_load(device, &domain, err);

	if (rc)
		return rc;
	if (!domain.owned)
		return not_owned(device->bdf, domain.functions[domain.lacks], err);
	fds_bytes = domain.group_fd_count * sizeof(*domain.group_fds);
	size_bytes = sizeof(*reset) + fds_bytes;
	reset = calloc(1, size_bytes);
	if (!reset)
		return via_error_sys(err, ENOMEM, "cannot reset the bus of %s",
				     via_bdf_text(device->bdf).text);
	reset->argsz = (uint32_t)size_bytes;
	reset->count = (uint32_t)domain.group_fd_count;
	if (fds_bytes)
		memcpy(reset->group_fds, domain.group_fds, fds_bytes);
	device->resets++;
	rc = via_ioctl_call(&device->port, device->fd, VFIO_DEVICE_PCI_HOT_RESET, reset);
	return rc < 0 ? via_error_sys(err, -rc, "cannot reset the bus of %s",
				      via_bdf_text(device->bdf).text)
		      : 0;
}
