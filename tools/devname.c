/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "devname.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <viaduct/sriov/pf.h>
#include <viaduct/util/cleanup.h>
#include <viaduct/util/pci.h>

/* As many "../" as a class device can be away from its PCI function: nvme0n1 is below nvme0, and
 * eth0 below virtio0. */
static const char *const parents[] = { "", "/..", "/../.." };

/* The PCI function a class device hangs on, from PCI_SLOT_NAME of the nearest uevent file. */
static int class_device(struct via_host *host, const char *class, const char *name,
			struct via_bdf *bdf)
{
	char text[4096];

	for (size_t i = 0; i < sizeof(parents) / sizeof(parents[0]); i++) {
		char *rest = text, *line;

		if (via_host_read(host, text, sizeof(text), "sys/class/%s/%s/device%s/uevent",
				  class, name, parents[i]))
			continue;
		while ((line = strsep(&rest, "\n")))
			if (!strncmp(line, "PCI_SLOT_NAME=", strlen("PCI_SLOT_NAME=")))
				return via_bdf_parse(line + strlen("PCI_SLOT_NAME="), bdf);
	}
	return -ENOTSUP;
}

struct serial {
	const char *wanted;
	size_t bytes;
	int function; /* -1: not said */
	struct via_bdf found;
	size_t count;
	bool hidden; /* some could not be read whole */
};

static void look_for_serial(struct via_host *host, struct via_bdf bdf, struct serial *serial)
{
	struct via_pci_registers registers;
	char text[VIA_PCI_SERIAL_BYTES];

	if (serial->function >= 0 && bdf.function != serial->function)
		return;
	/* A VF is named by its PF: it has the card's number, or none. */
	if (via_host_exists(host, "sys/bus/pci/devices/%s/physfn", via_bdf_text(bdf).text) ||
	    via_pci_registers_read(host, bdf, &registers))
		return;
	serial->hidden |= registers.size_bytes <= 64;
	if (!via_pci_registers_serial(&registers, text) || strlen(text) != serial->bytes ||
	    strncasecmp(text, serial->wanted, serial->bytes))
		return;
	serial->found = bdf;
	serial->count++;
}

/* "serial=00-1b-21-ff-ff-3a-4c-5e", or with ".1" behind it. */
static int resolve_serial(struct via_host *host, const char *name, struct via_bdf *bdf,
			  struct via_error *err)
{
	via_cleanup(via_names_free) struct via_names names = { 0 };
	const char *dot = strchr(name, '.');
	struct serial serial = {
		.wanted = name,
		.bytes = dot ? (size_t)(dot - name) : strlen(name),
		.function = -1,
	};
	int rc;

	if (dot && (dot[1] < '0' || dot[1] > '7' || dot[2]))
		return via_error_set(err, EINVAL,
				     "'serial=%s' names no device: behind the serial number is "
				     "the number of a function, 0 to 7",
				     name);
	if (dot)
		serial.function = dot[1] - '0';
	rc = via_host_list(host, &names, "sys/bus/pci/devices");
	if (rc)
		return via_error_sys(err, -rc, "cannot list the PCI functions");
	for (size_t i = 0; i < names.count; i++) {
		struct via_bdf each;

		if (!via_bdf_parse(names.names[i], &each))
			look_for_serial(host, each, &serial);
	}
	if (serial.count > 1)
		return via_error_set(err, ENODEV,
				     "%zu functions have the serial number %s: say which one, as "
				     "in serial=%.*s.%u",
				     serial.count, name, (int)serial.bytes, name,
				     serial.found.function);
	if (!serial.count)
		return via_error_set(err, ENODEV,
				     "there is no PCI function with the serial number "
				     "%s%s",
				     name, serial.hidden ? ", or only root may read it" : "");
	*bdf = serial.found;
	return 0;
}

static int resolve_whole(struct via_host *host, const char *name, struct via_bdf *bdf,
			 struct via_error *err)
{
	static const struct {
		const char *class, *what;
	} classes[] = { { "net", "network interface" }, { "nvme", "NVMe controller" } };

	if (!via_bdf_parse(name, bdf)) {
		if (!via_host_exists(host, "sys/bus/pci/devices/%s", via_bdf_text(*bdf).text))
			return via_error_set(err, ENODEV, "there is no PCI function %s",
					     via_bdf_text(*bdf).text);
		return 0;
	}
	if (!strncmp(name, "serial=", strlen("serial=")))
		return resolve_serial(host, name + strlen("serial="), bdf, err);
	if (!*name || strchr(name, '/') || name[0] == '.')
		return via_error_set(err, EINVAL,
				     "'%s' names no device: a PCI address, a network interface, an "
				     "NVMe controller, or PF/vfN",
				     name);
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		if (!via_host_exists(host, "sys/class/%s/%s", classes[i].class, name))
			continue;
		if (class_device(host, classes[i].class, name, bdf))
			return via_error_set(err, ENOTSUP,
					     "%s is a %s, but not one of a PCI device", name,
					     classes[i].what);
		return 0;
	}
	if (strchr(name, ':'))
		return via_error_set(err, EINVAL, "'%s' is not a PCI address, as 0000:01:10.0 is",
				     name);
	return via_error_set(err, ENODEV, "there is no network interface and no NVMe controller %s",
			     name);
}

/* "eth0/vf3": the length of "eth0" and 3. */
static bool split_vf(const char *name, size_t *pf_length, unsigned int *index)
{
	const char *slash = strrchr(name, '/');
	char *end;
	unsigned long number;

	if (!slash || slash == name || strncmp(slash, "/vf", 3) || slash[3] < '0' || slash[3] > '9')
		return false;
	errno = 0;
	number = strtoul(slash + 3, &end, 10);
	if (*end || errno || number >= VIA_SRIOV_VFS_MAX)
		return false;
	*pf_length = (size_t)(slash - name);
	*index = (unsigned int)number;
	return true;
}

/* Loads the PF of "PF/vfN"; -EINVAL without a sentence when @name is of another form. */
static int load_pf(struct via_host *host, const char *name, struct via_sriov_pf *pf,
		   unsigned int *index, struct via_error *err)
{
	via_autofree char *pf_name = NULL;
	struct via_bdf bdf;
	size_t length;
	int rc;

	if (!split_vf(name, &length, index))
		return -EINVAL;
	pf_name = strndup(name, length);
	if (!pf_name)
		return via_error_sys(err, ENOMEM, "cannot look for %s", name);
	rc = resolve_whole(host, pf_name, &bdf, err);
	if (rc)
		return rc == -EINVAL ? -ENODEV : rc;
	return via_sriov_pf_load(host, bdf, pf, err);
}

int via_devname_resolve(struct via_host *host, const char *name, struct via_bdf *bdf,
			struct via_error *err)
{
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf pf = { 0 };
	unsigned int index;
	int rc = load_pf(host, name, &pf, &index, err);

	if (rc == -EINVAL)
		return resolve_whole(host, name, bdf, err);
	return rc ? rc : via_sriov_pf_vf(&pf, index, bdf, err);
}

int via_devname_resolve_vf(struct via_host *host, const char *name, struct via_bdf *pf_bdf,
			   unsigned int *index, struct via_error *err)
{
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf pf = { 0 };
	unsigned int found;
	struct via_bdf vf;
	int rc = load_pf(host, name, &pf, &found, err);

	if (rc == -EINVAL) {
		rc = resolve_whole(host, name, &vf, err);
		return rc ? rc : via_sriov_vf_pf(host, vf, pf_bdf, index, err);
	}
	if (!rc)
		rc = via_sriov_pf_vf(&pf, found, &vf, err);
	if (rc)
		return rc;
	*pf_bdf = pf.bdf;
	*index = found;
	return 0;
}
