/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "journal-private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>
#include <viaduct/util/text.h>

#define LOCK "run/viaduct/lock/%s"

/* Making VFs waits for udev for 30 seconds, and is to end before others give up on it. */
#define LOCK_TIMEOUT_MS 45000U
#define LOCK_PERIOD_MS	10

static struct via_bdf_text lock_name(struct via_host *host, struct via_bdf bdf)
{
	struct via_bdf_text own = via_bdf_text(bdf);
	struct via_bdf pf;
	char name[VIA_BDF_TEXT_BYTES];

	if (via_host_link_name(host, name, sizeof(name), "sys/bus/pci/devices/%s/physfn",
			       own.text) ||
	    via_bdf_parse(name, &pf))
		return own;
	return via_bdf_text(pf);
}

static int cannot_lock(const char *name, int rc, struct via_error *err)
{
	if (rc == -EACCES || rc == -EPERM)
		return via_error_set(err, EACCES,
				     "changing %s takes root: this user may not write /" LOCK, name,
				     name);
	return via_error_sys(err, -rc, "cannot lock %s by /" LOCK, name, name);
}

static int held_by_another(struct via_host *host, const char *name, struct via_error *err)
{
	char comm[32] = "";
	uint64_t pid;

	if (via_host_read_u64(host, &pid, LOCK, name))
		return via_error_set(err, EBUSY, "%s is being changed by another process", name);
	if (via_host_read(host, comm, sizeof(comm), "proc/%llu/comm", (unsigned long long)pid))
		strcpy(comm, "?");
	via_text_make_printable(comm);
	return via_error_set(err, EBUSY,
			     "%s is being changed by process %llu (%s): try again when "
			     "it has ended",
			     name, (unsigned long long)pid, comm);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* Only for the sentence of somebody who waits in vain. */
static void sign(int fd)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%d\n", getpid());

	if (!ftruncate(fd, 0) && pwrite(fd, text, (size_t)length, 0) != length)
		return;
}

static int lock_by_name(struct via_host *host, const char *name, unsigned int timeout_ms,
			int *lock_fd, struct via_error *err)
{
	static const struct timespec period = { .tv_nsec = LOCK_PERIOD_MS * 1000000L };
	int64_t deadline = now_ms() + timeout_ms;
	via_autoclose int fd = via_host_create(host, LOCK, name);

	if (fd < 0)
		return cannot_lock(name, fd, err);
	while (flock(fd, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return cannot_lock(name, -errno, err);
		if (now_ms() >= deadline)
			return held_by_another(host, name, err);
		nanosleep(&period, NULL);
	}
	sign(fd);
	*lock_fd = via_steal_fd(&fd);
	return 0;
}

int via_journal_lock_within(struct via_host *host, struct via_bdf bdf, unsigned int timeout_ms,
			    int *lock_fd, struct via_error *err)
{
	return lock_by_name(host, lock_name(host, bdf).text, timeout_ms, lock_fd, err);
}

int via_journal_lock(struct via_host *host, struct via_bdf bdf, int *lock_fd, struct via_error *err)
{
	return via_journal_lock_within(host, bdf, LOCK_TIMEOUT_MS, lock_fd, err);
}

int via_journal_lock_modules(struct via_host *host, int *lock_fd, struct via_error *err)
{
	return lock_by_name(host, "modules", LOCK_TIMEOUT_MS, lock_fd, err);
}
