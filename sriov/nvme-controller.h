/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_SRIOV_NVME_CONTROLLER_H
#define VIADUCT_SRIOV_NVME_CONTROLLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <viaduct/sriov/pf.h>
#include <viaduct/util/error.h>
#include <viaduct/util/host.h>

#include "nvme-admin.h"

/* The numbers are the Resource Types of the Virtualization Management command. */
enum via_nvme_resource {
	VIA_NVME_QUEUES = 0,
	VIA_NVME_VECTORS = 1,
	VIA_NVME_RESOURCES,
};

/* Flexible resources of one type: Primary Controller Capabilities data structure. */
struct via_nvme_pool {
	bool flexible; /* the controller has some of this type */
	uint32_t free; /* of nobody: VxFRT without VxRFA and VxRFAP */
	uint32_t own;  /* of the PF: VxRFAP */
	uint32_t most; /* for one VF: VxFRSM */
	uint32_t step; /* VxGRAN; at least 1 */
};

/* The controller behind a VF: Secondary Controller Entry. */
struct via_nvme_secondary {
	bool listed;
	bool online;
	uint16_t id;
	uint16_t held[VIA_NVME_RESOURCES]; /* flexible ones */
};

/* A PF that manages its VFs' controllers. */
struct via_nvme {
	struct via_host *host;
	struct via_bdf bdf;
	struct via_nvme_admin admin;
	bool lent;
	uint16_t id;
	struct via_nvme_pool pools[VIA_NVME_RESOURCES];
	size_t count;				 /* as many as the PF can have VFs */
	struct via_nvme_secondary secondaries[]; /* by the index of the VF */
};

/**
 * via_nvme_open() - ask a PF for its resources and secondary controllers.
 * @lent: an admin queue that stays the caller's; NULL opens the PF's.
 * @nvme: closed with via_nvme_close().
 *
 * Return: 0; what via_nvme_admin_open() returns; -ENOTSUP when the controller has no Virtualization
 * Management; what via_nvme_read() returns; -ENOMEM.
 */
int via_nvme_open(struct via_host *host, const struct via_sriov_pf *pf,
		  const struct via_nvme_admin *lent, struct via_nvme **nvme, struct via_error *err);
void via_nvme_close(struct via_nvme *nvme);

static inline void via_nvme_closep(struct via_nvme **nvme)
{
	via_nvme_close(*nvme);
}

/**
 * via_nvme_read() - ask again.
 *
 * Return: 0; -EREMOTEIO when the controller refused; -EPROTO when its numbers contradict each
 * other; or an errno of its driver. Then nothing is known of the secondary controllers.
 */
int via_nvme_read(struct via_nvme *nvme, struct via_error *err);

/** via_nvme_check_listed() - whether the controller knows VFs up to @count. Return: 0 or -EPROTO.
 */
int via_nvme_check_listed(const struct via_nvme *nvme, size_t count, struct via_error *err);

/**
 * via_nvme_assign() - have a VF, which is offline, hold @count resources.
 * via_nvme_online(), via_nvme_offline() - the VF's state; going offline takes its resources.
 *
 * What is in @nvme stays as it was read.
 *
 * Return: 0; -EREMOTEIO when the controller refused; or an errno of its driver.
 */
int via_nvme_assign(struct via_nvme *nvme, size_t vf, enum via_nvme_resource resource,
		    unsigned int count, struct via_error *err);
int via_nvme_online(struct via_nvme *nvme, size_t vf, struct via_error *err);
int via_nvme_offline(struct via_nvme *nvme, size_t vf, struct via_error *err);

/** via_nvme_resource_text() - "1 queue", "3 vectors". @text lives as long as the full expression.
 */
struct via_nvme_text {
	char text[32];
};
struct via_nvme_text via_nvme_resource_text(enum via_nvme_resource resource, uint32_t count);

#endif
