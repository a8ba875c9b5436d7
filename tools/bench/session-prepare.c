/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>

#include "guest/work.h"
#include "session.h"

#define DISK_SECONDS 10

static void name_disk(struct via_bench_session *session)
{
	struct via_bench_result *result = session->bench->result;
	struct via_bench_subject *subject = via_bench_subject_find(result, session->plan->name);
	char what[80];

	snprintf(what, sizeof(what), "/dev/%s", session->line.disk);
	/* What is passed through is the function. */
	if (subject && session->plan->way != VIA_BENCH_PASSTHROUGH &&
	    (!subject->what || subject->what[0] != '/'))
		via_bench_set(result, &subject->what, what);
}

static bool is_disk_of(struct via_bench_session *session, const char *name, struct via_bdf bdf)
{
	char path[128], device[256];

	snprintf(path, sizeof(path), "/sys/block/%.40s", name);
	return pci_device_of(path, device, sizeof(device)) &&
	       !strcmp(strrchr(device, '/') + 1, via_bdf_text(bdf).text) &&
	       disk_name(name, session->line.disk, sizeof(session->line.disk));
}

/* The host's own disk of the function, or of its PF; nvme looks for namespaces after it has bound.
 */
static int find_disk(struct via_bench_session *session, struct via_error *err)
{
	const struct via_bench_hold *hold = &session->bench->hold;
	struct via_bdf bdf = hold->is_vf ? hold->pf : hold->bdf;

	for (int tries = 0; tries < DISK_SECONDS * 20; tries++) {
		via_cleanup(via_names_free) struct via_names names = { 0 };
		int rc;

		via_host_list(session->bench->cli->host, &names, "sys/block");
		for (size_t i = 0; i < names.count; i++)
			if (is_disk_of(session, names.names[i], bdf)) {
				name_disk(session);
				return 0;
			}
		rc = via_bench_watch_sleep(&session->bench->watch, 50, err);
		if (rc)
			return rc;
	}
	return via_error_set(err, ENODEV, "the host has no disk of %s", via_bdf_text(bdf).text);
}

static int give_device(struct via_bench *bench, enum via_bench_way way, struct via_error *err)
{
	static const char uio[] = "uio_pci_generic";
	char *load[] = { (char *)"modprobe", (char *)"-q", (char *)uio, NULL };

	const char *driver = uio;
	int rc = 0;

	if (way == VIA_BENCH_PASSTHROUGH)
		driver = "vfio-pci";
	/* A driver that claims the registers would keep programs from mapping them. */
	else if (bench->options.kind != VIA_BENCH_IRQ && bench->options.kind != VIA_BENCH_BAR)
		driver = NULL;
	else
		via_bench_run(load);
	if (bench->hold.found)
		rc = via_bench_hold_give(&bench->hold, driver, err);
	if (!rc && bench->msix.found)
		rc = via_bench_hold_give(&bench->msix, driver, err);
	return rc;
}

/* An address of the host behind which the VF's packets arrive. */
static int prepare_network(struct via_bench_session *session, struct via_error *err)
{
	struct via_bench *bench = session->bench;
	char pf[IFNAMSIZ];
	int rc;

	/* The guest's connections are made by this host, to itself. */
	if (session->plan->way == VIA_BENCH_USER)
		return bench->options.peer ? 0 : via_bench_hold_address(&bench->hold, "lo", err);
	if (session->plan->way == VIA_BENCH_HOST) {
		rc = via_bench_hold_netdev(&bench->hold, false, session->line.netdev, err);
		if (rc)
			return rc;
	}
	if (bench->options.peer)
		return 0;
	if (!bench->hold.is_vf)
		return via_error_set(
			err, ENOTSUP,
			"%s is no VF, so nobody on this host can answer it; --peer names "
			"who does",
			via_bdf_text(bench->hold.bdf).text);
	rc = via_bench_hold_netdev(&bench->hold, true, pf, err);
	return rc ? rc : via_bench_hold_address(&bench->hold, pf, err);
}

/* It must be the one that was named, and nobody else's: open(2) with O_EXCL says so. */
static int check_written(struct via_bench_session *session, struct via_error *err)
{
	const char *named = session->bench->options.write;
	via_autoclose int fd = -1;
	char path[PATH_MAX], disk[80];

	snprintf(disk, sizeof(disk), "/dev/%s", session->line.disk);
	if (!realpath(named, path) || strcmp(path, disk) != 0)
		return via_error_set(err, EINVAL,
				     "--write %s is not the disk of %s, which is %s: nothing is "
				     "written",
				     named, via_bdf_text(session->bench->hold.bdf).text, disk);
	fd = open(disk, O_RDWR | O_EXCL | O_CLOEXEC);
	if (fd < 0)
		return via_error_sys(err, errno, "%s is in use, or cannot be written to", disk);
	/* The function may have others; the guest looks for this one. */
	if (session->plan->way == VIA_BENCH_PASSTHROUGH &&
	    via_host_read(session->bench->cli->host, session->line.identity,
			  sizeof(session->line.identity), "sys/block/%s/wwid", session->line.disk))
		return via_error_set(err, ENOTSUP,
				     "%s has no identity (wwid) by which a guest knows it: "
				     "nothing is written",
				     disk);
	return 0;
}

/* Before the function is given away: a guest writes to the same disk. */
static int prepare_written(struct via_bench_session *session, struct via_error *err)
{
	int rc = 0;

	if (!session->bench->options.write)
		return 0;
	if (!session->bench->hold.is_vf)
		rc = give_device(session->bench, VIA_BENCH_HOST, err);
	if (!rc)
		rc = find_disk(session, err);
	return rc ? rc : check_written(session, err);
}

int via_bench_session_prepare(struct via_bench_session *session, struct via_error *err)
{
	enum via_bench_kind kind = session->bench->options.kind;
	enum via_bench_way way = session->plan->way;
	int rc = 0;

	if (way == VIA_BENCH_USER)
		return prepare_network(session, err);
	if (!via_bench_needs_device(kind, way))
		return 0;
	if (kind == VIA_BENCH_DISK)
		rc = prepare_written(session, err);
	if (rc)
		return rc;
	if (kind == VIA_BENCH_DISK && way != VIA_BENCH_PASSTHROUGH) {
		/* A VF may stay with the guest: the disk is its PF's. */
		if (!session->bench->hold.is_vf)
			rc = give_device(session->bench, way, err);
		return rc ? rc : find_disk(session, err);
	}
	rc = give_device(session->bench, way, err);
	if (!rc && (kind == VIA_BENCH_NET || kind == VIA_BENCH_BOOT))
		rc = prepare_network(session, err);
	return rc;
}
