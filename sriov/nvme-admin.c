/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nvme-admin.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libnvme.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <viaduct/util/cleanup.h>

/*
 * Loaded when an NVMe PF is asked, and no sooner: it brings OpenSSL, whose relocations cost every
 * process 440 kB of private memory, guests among them.
 */
#define LIBRARY "libnvme.so.1"

struct queue {
	int fd;
	void *library;
	typeof(&nvme_identify) identify;
	typeof(&nvme_virtual_mgmt) virtualize;
	typeof(&nvme_status_to_string) words;
};

static int result(int status)
{
	return status < 0 ? -errno : status;
}

static int identify(void *data, unsigned int cns, unsigned int controller, void *answer)
{
	struct queue *queue = data;
	struct nvme_identify_args args = {
		.args_size = sizeof(args),
		.fd = queue->fd,
		.data = answer,
		.cns = (enum nvme_identify_cns)cns,
		.csi = NVME_CSI_NVM,
		.nsid = NVME_NSID_NONE,
		.cntid = (uint16_t)controller,
		.cns_specific_id = NVME_CNSSPECID_NONE,
		.uuidx = NVME_UUID_NONE,
	};

	return result(queue->identify(&args));
}

static int virtualize(void *data, unsigned int action, unsigned int resource,
		      unsigned int controller, unsigned int count)
{
	struct queue *queue = data;
	uint32_t modified;
	struct nvme_virtual_mgmt_args args = {
		.args_size = sizeof(args),
		.fd = queue->fd,
		.result = &modified,
		.act = (enum nvme_virt_mgmt_act)action,
		.rt = (enum nvme_virt_mgmt_rt)resource,
		.cntlid = (uint16_t)controller,
		.nr = (uint16_t)count,
	};

	return result(queue->virtualize(&args));
}

static const char *words(void *data, int status)
{
	struct queue *queue = data;

	return queue->words(status, false);
}

static void close_queue(void *data)
{
	struct queue *queue = data;

	via_close(&queue->fd);
	if (queue->library)
		dlclose(queue->library);
	free(queue);
}

static void close_queuep(struct queue **queue)
{
	if (*queue)
		close_queue(*queue);
}

static int load_library(struct queue *queue, struct via_error *err)
{
	const char *why;

	queue->library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (queue->library) {
		queue->identify = (typeof(queue->identify))dlsym(queue->library, "nvme_identify");
		queue->virtualize =
			(typeof(queue->virtualize))dlsym(queue->library, "nvme_virtual_mgmt");
		queue->words = (typeof(queue->words))dlsym(queue->library, "nvme_status_to_string");
	}
	if (queue->identify && queue->virtualize && queue->words)
		return 0;
	why = dlerror();
	return via_error_set(err, ELIBACC,
			     "NVMe controllers are asked through " LIBRARY
			     ", which cannot be loaded: %s",
			     why ? why : "it is another one");
}

int via_nvme_admin_check(const struct via_sriov_pf *pf, struct via_error *err)
{
	struct via_bdf_text text = via_bdf_text(pf->bdf);

	if (!strcmp(pf->driver, "nvme"))
		return 0;
	return via_error_set(err, ENXIO,
			     "%s is bound to %s; the VFs of an NVMe controller get their queues "
			     "through the driver nvme: 'viaduct unbind %s' gives it back, 'viaduct "
			     "bind --driver nvme %s' gives it there",
			     text.text, pf->driver[0] ? pf->driver : "no driver", text.text,
			     text.text);
}

/* "nvme3": the controller's name, which its device file has too. */
static int controller_name(struct via_host *host, const struct via_sriov_pf *pf, char *name,
			   size_t name_bytes, struct via_error *err)
{
	via_cleanup(via_names_free) struct via_names names = { 0 };
	struct via_bdf_text text = via_bdf_text(pf->bdf);
	int rc = via_host_list(host, &names, "sys/bus/pci/devices/%s/nvme", text.text);

	for (size_t i = 0; !rc && i < names.count; i++) {
		const char *digits = names.names[i] + strlen("nvme");

		if (strncmp(names.names[i], "nvme", strlen("nvme")) || !*digits ||
		    digits[strspn(digits, "0123456789")] || strlen(names.names[i]) >= name_bytes)
			continue;
		strcpy(name, names.names[i]);
		return 0;
	}
	return via_error_set(err, ENODEV,
			     "the driver nvme has %s, but no controller of it: 'dmesg' says why",
			     text.text);
}

/* A container may have the host's sysfs and a /dev of its own. */
static int check_file(struct via_host *host, const struct via_sriov_pf *pf, const char *name,
		      int fd, struct via_error *err)
{
	unsigned int major_number, minor_number;
	struct stat status;
	char text[32];
	int end = 0;

	if (via_host_read(host, text, sizeof(text), "sys/bus/pci/devices/%s/nvme/%s/dev",
			  via_bdf_text(pf->bdf).text, name) ||
	    sscanf(text, "%u:%u%n", &major_number, &minor_number, &end) != 2 || text[end] ||
	    fstat(fd, &status) || !S_ISCHR(status.st_mode) ||
	    status.st_rdev != makedev(major_number, minor_number))
		return via_error_set(err, EPROTO, "/dev/%s is not the controller of %s", name,
				     via_bdf_text(pf->bdf).text);
	return 0;
}

int via_nvme_admin_open(struct via_host *host, const struct via_sriov_pf *pf,
			struct via_nvme_admin *admin, struct via_error *err)
{
	via_cleanup(close_queuep) struct queue *queue = NULL;
	char name[32];
	int rc = via_nvme_admin_check(pf, err);

	if (rc)
		return rc;
	if (!via_host_is_real(host))
		return via_error_set(err, ENOTSUP,
				     "NVMe controllers are not part of a recorded host");
	rc = controller_name(host, pf, name, sizeof(name), err);
	if (rc)
		return rc;
	queue = calloc(1, sizeof(*queue));
	if (!queue)
		return via_error_sys(err, ENOMEM, "cannot ask %s", name);
	queue->fd = via_host_open(host, O_RDWR, "dev/%s", name);
	if (queue->fd == -EACCES || queue->fd == -EPERM)
		return via_error_set(
			err, EACCES,
			"what the VFs of %s have takes root to know: this user may not "
			"open /dev/%s",
			via_bdf_text(pf->bdf).text, name);
	if (queue->fd < 0)
		return via_error_sys(err, -queue->fd, "cannot open /dev/%s, the controller of %s",
				     name, via_bdf_text(pf->bdf).text);
	rc = check_file(host, pf, name, queue->fd, err);
	if (!rc)
		rc = load_library(queue, err);
	if (rc)
		return rc;
	*admin = (struct via_nvme_admin){ .identify = identify,
					  .virtualize = virtualize,
					  .words = words,
					  .close = close_queue,
					  .data = via_steal_ptr(queue) };
	return 0;
}
