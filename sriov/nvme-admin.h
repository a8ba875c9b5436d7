/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_SRIOV_NVME_ADMIN_H
#define VIADUCT_SRIOV_NVME_ADMIN_H

#include <stdint.h>

#include <viaduct/sriov/pf.h>
#include <viaduct/util/error.h>
#include <viaduct/util/host.h>

/*
 * The admin queue of an NVMe controller, as far as VFs need it: NVM Express Base Specification,
 * "Identify command" and "Virtualization Management command". A test answers in the controller's
 * place.
 */
#define VIA_NVME_ANSWER_BYTES 4096U

struct via_nvme_admin {
	/*
	 * Both return 0; the status of the completion, positive, as libnvme has it; or a negative
	 * errno.
	 * @answer: VIA_NVME_ANSWER_BYTES.
	 */
	int (*identify)(void *data, unsigned int cns, unsigned int controller, void *answer);
	int (*virtualize)(void *data, unsigned int action, unsigned int resource,
			  unsigned int controller, unsigned int count);
	/* A status in words; the text stays. */
	const char *(*words)(void *data, int status);
	void (*close)(void *data);
	void *data;
};

/**
 * via_nvme_admin_open() - the admin queue of a PF, through the host's nvme driver.
 * @admin: ended with @admin->close().
 *
 * Return: 0; -ENXIO when another driver or none has the PF; -ENODEV when it has no controller there
 * (it failed, or is being reset); -EACCES without the privilege; -ENOTSUP on a recorded host;
 * -ELIBACC without libnvme; -ENOMEM; -EPROTO when the device file is another one's.
 */
int via_nvme_admin_open(struct via_host *host, const struct via_sriov_pf *pf,
			struct via_nvme_admin *admin, struct via_error *err);

/** via_nvme_admin_check() - whether the nvme driver has the PF. Return: 0 or -ENXIO. */
int via_nvme_admin_check(const struct via_sriov_pf *pf, struct via_error *err);

#endif
