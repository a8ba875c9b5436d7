/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <viaduct/sriov/pf.h>

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include <viaduct/util/cleanup.h>
#include <viaduct/vfio/bind.h>

/* A file of the function that holds a number no larger than @max. */
static int read_number(struct via_host *host, struct via_bdf bdf, const char *file, uint64_t max,
		       unsigned int *number, struct via_error *err)
{
	uint64_t value;
	int rc = via_host_read_u64(host, &value, "sys/bus/pci/devices/%s/%s",
				   via_bdf_text(bdf).text, file);

	if (!rc && value > max)
		rc = -ERANGE;
	if (rc == -EINVAL || rc == -ERANGE)
		return via_error_set(err, EPROTO, "%s of %s does not hold a number up to %llu",
				     file, via_bdf_text(bdf).text, (unsigned long long)max);
	if (rc)
		return via_error_sys(err, -rc, "cannot read %s of %s", file,
				     via_bdf_text(bdf).text);
	*number = (unsigned int)value;
	return 0;
}

/* The same, of a file older kernels do not have. */
static int read_optional(struct via_host *host, struct via_bdf bdf, const char *file,
			 unsigned int otherwise, unsigned int *number, struct via_error *err)
{
	int rc = read_number(host, bdf, file, 0xffff, number, err);

	if (rc == -ENOENT) {
		*number = otherwise;
		return 0;
	}
	return rc;
}

/* sriov_vf_device is hexadecimal without 0x. */
static int read_vf_device_id(struct via_host *host, struct via_bdf bdf, unsigned int *id,
			     struct via_error *err)
{
	char text[16];
	size_t digits;
	int rc = via_host_read(host, text, sizeof(text), "sys/bus/pci/devices/%s/sriov_vf_device",
			       via_bdf_text(bdf).text);

	*id = 0;
	if (rc == -ENOENT)
		return 0;
	digits = rc ? 0 : strspn(text, "0123456789abcdefABCDEF");
	if (!digits || digits > 4 || text[digits])
		return via_error_set(err, EPROTO, "sriov_vf_device of %s holds no device ID",
				     via_bdf_text(bdf).text);
	*id = (unsigned int)strtoul(text, NULL, 16);
	return 0;
}

static int vf_compare(const void *a, const void *b)
{
	unsigned int x = ((const struct via_sriov_vf *)a)->index;
	unsigned int y = ((const struct via_sriov_vf *)b)->index;

	return (x > y) - (x < y);
}

/* "virtfn3" is 3. */
static bool vf_link_index(const char *name, unsigned int *index)
{
	const char *digits = name + strlen("virtfn");
	char *end;
	unsigned long number;

	if (strncmp(name, "virtfn", strlen("virtfn")) || *digits < '0' || *digits > '9')
		return false;
	errno = 0;
	number = strtoul(digits, &end, 10);
	if (*end || errno || number >= VIA_SRIOV_VFS_MAX)
		return false;
	*index = (unsigned int)number;
	return true;
}

static int load_vfs(struct via_host *host, struct via_sriov_pf *pf, struct via_error *err)
{
	via_cleanup(via_names_free) struct via_names names = { 0 };
	struct via_bdf_text text = via_bdf_text(pf->bdf);
	int rc = via_host_list(host, &names, "sys/bus/pci/devices/%s", text.text);

	if (rc)
		return via_error_sys(err, -rc, "cannot list the VFs of %s", text.text);
	pf->vfs = calloc(names.count ? names.count : 1, sizeof(*pf->vfs));
	if (!pf->vfs)
		return via_error_sys(err, ENOMEM, "cannot list the VFs of %s", text.text);
	for (size_t i = 0; i < names.count; i++) {
		struct via_sriov_vf *vf = &pf->vfs[pf->vf_count];
		char target[64];

		if (!vf_link_index(names.names[i], &vf->index))
			continue;
		rc = via_host_link_name(host, target, sizeof(target), "sys/bus/pci/devices/%s/%s",
					text.text, names.names[i]);
		if (rc == -ENOENT)
			continue; /* it went away meanwhile */
		if (rc || via_bdf_parse(target, &vf->bdf))
			return via_error_set(err, EPROTO, "%s of %s does not link to a VF",
					     names.names[i], text.text);
		pf->vf_count++;
	}
	qsort(pf->vfs, pf->vf_count, sizeof(*pf->vfs), vf_compare);
	return 0;
}

static int not_a_pf(struct via_host *host, struct via_bdf bdf, struct via_error *err)
{
	struct via_bdf pf;

	if (!via_sriov_vf_pf(host, bdf, &pf, NULL, NULL)) {
		struct via_bdf_text pf_text = via_bdf_text(pf);

		return via_error_set(err, ENOTSUP, "%s is a VF; its PF is %s",
				     via_bdf_text(bdf).text, pf_text.text);
	}
	return via_error_set(err, ENOTSUP, "%s has no SR-IOV capability, so it can have no VFs",
			     via_bdf_text(bdf).text);
}

static int load(struct via_host *host, struct via_sriov_pf *pf, struct via_error *err)
{
	struct via_bdf_text text = via_bdf_text(pf->bdf);
	unsigned int autoprobe;
	int rc = via_vfio_driver(host, pf->bdf, pf->driver, err);

	if (rc)
		return rc;
	rc = read_number(host, pf->bdf, "sriov_totalvfs", VIA_SRIOV_VFS_MAX, &pf->total_vfs, err);
	if (rc == -ENOENT)
		return not_a_pf(host, pf->bdf, err);
	if (!rc)
		rc = read_number(host, pf->bdf, "sriov_numvfs", VIA_SRIOV_VFS_MAX, &pf->num_vfs,
				 err);
	if (!rc)
		rc = read_optional(host, pf->bdf, "sriov_offset", 0, &pf->offset, err);
	if (!rc)
		rc = read_optional(host, pf->bdf, "sriov_stride", 0, &pf->stride, err);
	if (!rc)
		rc = read_optional(host, pf->bdf, "sriov_drivers_autoprobe", 1, &autoprobe, err);
	if (!rc)
		rc = read_vf_device_id(host, pf->bdf, &pf->vf_device_id, err);
	if (rc)
		return rc;
	pf->autoprobe = autoprobe;

	rc = via_host_list(host, &pf->netdevs, "sys/bus/pci/devices/%s/net", text.text);
	if (rc && rc != -ENOENT)
		return via_error_sys(err, -rc, "cannot list the network interfaces of %s",
				     text.text);
	return load_vfs(host, pf, err);
}

int via_sriov_pf_load(struct via_host *host, struct via_bdf bdf, struct via_sriov_pf *pf,
		      struct via_error *err)
{
	struct via_sriov_pf found = { .bdf = bdf };
	int rc = load(host, &found, err);

	if (rc) {
		via_sriov_pf_clear(&found);
		return rc;
	}
	*pf = found;
	return 0;
}

void via_sriov_pf_clear(struct via_sriov_pf *pf)
{
	free(pf->vfs);
	via_names_free(&pf->netdevs);
	*pf = (struct via_sriov_pf){ 0 };
}

int via_sriov_pf_vf(const struct via_sriov_pf *pf, unsigned int index, struct via_bdf *vf,
		    struct via_error *err)
{
	for (size_t i = 0; i < pf->vf_count; i++) {
		if (pf->vfs[i].index == index) {
			*vf = pf->vfs[i].bdf;
			return 0;
		}
	}
	if (!pf->vf_count)
		return via_error_set(err, ENOENT,
				     "%s has no VF %u, and no VFs at all: 'viaduct vf create %s "
				     "COUNT' makes them",
				     via_bdf_text(pf->bdf).text, index, via_bdf_text(pf->bdf).text);
	return via_error_set(err, ENOENT, "%s has no VF %u; it has %zu VF%s, counted from 0",
			     via_bdf_text(pf->bdf).text, index, pf->vf_count,
			     pf->vf_count == 1 ? "" : "s");
}

/* A PF may have several interfaces, one per port; one that is up is enough. */
int via_sriov_pf_check_up(struct via_host *host, const struct via_sriov_pf *pf,
			  struct via_error *err)
{
	for (size_t i = 0; i < pf->netdevs.count; i++) {
		uint64_t flags;

		if (via_host_read_u64(host, &flags, "sys/bus/pci/devices/%s/net/%s/flags",
				      via_bdf_text(pf->bdf).text, pf->netdevs.names[i]))
			continue;
		if (flags & IFF_UP)
			return 0;
	}
	if (!pf->netdevs.count)
		return 0;
	return via_error_set(
		err, ENETDOWN,
		"%s, the network interface of %s, is down, and the drivers of its VFs would get no "
		"answer from it: 'ip link set %s up' first",
		pf->netdevs.names[0], via_bdf_text(pf->bdf).text, pf->netdevs.names[0]);
}

int via_sriov_vf_check_pf_up(struct via_host *host, struct via_bdf vf, struct via_error *err)
{
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf pf = { 0 };
	struct via_bdf pf_bdf;

	if (via_sriov_vf_pf(host, vf, &pf_bdf, NULL, NULL) ||
	    via_sriov_pf_load(host, pf_bdf, &pf, NULL))
		return 0;
	return via_sriov_pf_check_up(host, &pf, err);
}

long via_sriov_vf_msix_total(struct via_host *host, struct via_bdf pf)
{
	uint64_t total;

	/* 0 is what drivers that cannot say. */
	if (via_host_read_u64(host, &total, "sys/bus/pci/devices/%s/sriov_vf_total_msix",
			      via_bdf_text(pf).text) ||
	    !total || total > UINT32_MAX)
		return -1;
	return (long)total;
}

int via_sriov_vf_pf(struct via_host *host, struct via_bdf vf, struct via_bdf *pf_out,
		    unsigned int *index, struct via_error *err)
{
	via_cleanup(via_sriov_pf_clear) struct via_sriov_pf pf = { 0 };
	struct via_bdf_text text = via_bdf_text(vf);
	char target[64];
	int rc = via_host_link_name(host, target, sizeof(target), "sys/bus/pci/devices/%s/physfn",
				    text.text);

	if (rc == -ENOENT && !via_host_exists(host, "sys/bus/pci/devices/%s", text.text))
		return via_error_set(err, ENODEV, "there is no PCI function %s", text.text);
	if (rc == -ENOENT)
		return via_error_set(err, ENOTSUP, "%s is not a VF", text.text);
	if (rc || via_bdf_parse(target, &pf.bdf))
		return via_error_set(err, EPROTO, "physfn of %s does not link to a PF", text.text);
	if (index) {
		size_t i = 0;

		rc = load_vfs(host, &pf, err);
		if (rc)
			return rc;
		while (i < pf.vf_count && !via_bdf_equal(pf.vfs[i].bdf, vf))
			i++;
		if (i == pf.vf_count)
			return via_error_set(err, EPROTO, "no virtfn link of %s names its VF %s",
					     via_bdf_text(pf.bdf).text, text.text);
		*index = pf.vfs[i].index;
	}
	*pf_out = pf.bdf;
	return 0;
}
