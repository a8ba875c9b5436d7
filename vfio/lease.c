/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <viaduct/vfio/lease.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>
#include <viaduct/util/text.h>

#include "lease-private.h"

#define LOCK	"run/viaduct/lock/lease-%s"
#define VERSION "viaduct-lease 1"

static const char *const states[] = {
	[VIA_LEASE_HELD] = "held",
	[VIA_LEASE_ENDED] = "ended",
	[VIA_LEASE_ASIDE] = "aside",
};

#define STATE_COUNT (sizeof(states) / sizeof(states[0]))

/* sysfs never gives an inode to a second directory. 0 when the function is gone. */
static uintmax_t device_read(struct via_host *host, struct via_bdf bdf)
{
	via_autoclose int fd = via_host_open(host, O_PATH | O_DIRECTORY, "sys/bus/pci/devices/%s",
					     via_bdf_text(bdf).text);
	struct stat status;

	return fd >= 0 && !fstat(fd, &status) ? status.st_ino : 0;
}

static bool text_parse(const char *value, char *text, size_t text_bytes)
{
	if (strlen(value) >= text_bytes)
		return false;
	strcpy(text, value);
	return true;
}

static bool state_parse(const char *value, enum via_lease_state *state)
{
	for (size_t i = 0; i < STATE_COUNT; i++) {
		if (!strcmp(value, states[i])) {
			*state = (enum via_lease_state)i;
			return true;
		}
	}
	return false;
}

static bool number_parse(const char **text, char end, uintmax_t max, uintmax_t *number)
{
	char *after;

	if (**text < '0' || **text > '9')
		return false;
	errno = 0;
	*number = strtoumax(*text, &after, 10);
	if (errno || *after != end || *number > max)
		return false;
	*text = after + (end != '\0');
	return true;
}

static bool process_parse(const char *value, struct via_process_id *id)
{
	uintmax_t pid, start;

	if (!number_parse(&value, ' ', INT32_MAX, &pid) ||
	    !number_parse(&value, '\0', UINT64_MAX, &start))
		return false;
	*id = (struct via_process_id){ (pid_t)pid, start };
	return true;
}

/* Which field a line is, as a bit; 0 for none. */
static unsigned int field_parse(const char *key, const char *value, struct via_lease_record *record,
				uintmax_t *device)
{
	if (!strcmp(key, "pool") && text_parse(value, record->pool, sizeof(record->pool)))
		return 1 << 0;
	if (!strcmp(key, "state") && state_parse(value, &record->state))
		return 1 << 1;
	if (!strcmp(key, "keeper") && process_parse(value, &record->keeper))
		return 1 << 2;
	if (!strcmp(key, "holder") && process_parse(value, &record->holder))
		return 1 << 3;
	if (!strcmp(key, "attrs") && text_parse(value, record->attrs, sizeof(record->attrs)))
		return 1 << 4;
	if (!strcmp(key, "why") && text_parse(value, record->why, sizeof(record->why)))
		return 1 << 5;
	if (!strcmp(key, "device") && number_parse(&value, '\0', UINTMAX_MAX, device))
		return 1 << 6;
	return 0;
}

#define ALL_FIELDS ((1U << 7) - 1)

/* Every field once, nothing else. */
static bool record_parse(char *text, struct via_lease_record *record, uintmax_t *device)
{
	char *line = strsep(&text, "\n");
	unsigned int seen = 0;

	if (strcmp(line, VERSION))
		return false;
	while ((line = strsep(&text, "\n"))) {
		char *value = strchr(line, '=');
		unsigned int field;

		if (!value)
			return false;
		*value++ = '\0';
		field = field_parse(line, value, record, device);
		if (!field || seen & field)
			return false;
		seen |= field;
	}
	return seen == ALL_FIELDS;
}

int via_lease_record_load(struct via_host *host, struct via_bdf bdf,
			  struct via_lease_record *record, struct via_error *err)
{
	struct via_bdf_text where = via_bdf_text(bdf);
	struct via_lease_record found = { 0 };
	char text[VIA_LEASE_RECORD_BYTES];
	uintmax_t device = 0;
	int rc = via_host_read(host, text, sizeof(text), VIA_LEASE_DIRECTORY "/%s", where.text);

	if (rc == -ENOENT)
		return rc;
	if (rc && rc != -EMSGSIZE && rc != -EILSEQ)
		return via_error_sys(err, -rc, "cannot read /" VIA_LEASE_DIRECTORY "/%s",
				     where.text);
	if (rc || !record_parse(text, &found, &device))
		return via_error_set(
			err, EPROTO,
			"the record of the lease of %s is damaged, or of another version "
			"of Viaduct: look at /" VIA_LEASE_DIRECTORY "/%s and remove it",
			where.text, where.text);
	if (!device || device != device_read(host, bdf))
		return -ENOENT;
	*record = found;
	return 0;
}

int via_lease_record_save(struct via_host *host, struct via_bdf bdf,
			  const struct via_lease_record *record, struct via_error *err)
{
	struct via_bdf_text where = via_bdf_text(bdf);
	struct via_lease_record clean = *record;
	char text[VIA_LEASE_RECORD_BYTES];
	int rc;

	via_text_make_printable(clean.pool);
	via_text_make_printable(clean.attrs);
	via_text_make_printable(clean.why);
	/* Last a field that cannot end in white space, which is not read back. */
	snprintf(text, sizeof(text),
		 VERSION "\npool=%s\nstate=%s\nkeeper=%d %" PRIu64 "\nholder=%d %" PRIu64
			 "\nattrs=%s\nwhy=%s\ndevice=%ju\n",
		 clean.pool, states[clean.state], clean.keeper.pid, clean.keeper.start_ticks,
		 clean.holder.pid, clean.holder.start_ticks, clean.attrs, clean.why,
		 device_read(host, bdf));
	rc = via_host_replace(host, text, VIA_LEASE_DIRECTORY "/%s", where.text);
	return rc ? via_error_sys(err, -rc,
				  "cannot record the lease of %s in /" VIA_LEASE_DIRECTORY,
				  where.text)
		  : 0;
}

int via_lease_record_remove(struct via_host *host, struct via_bdf bdf, struct via_error *err)
{
	struct via_bdf_text where = via_bdf_text(bdf);
	int rc = via_host_remove(host, VIA_LEASE_DIRECTORY "/%s", where.text);

	return rc ? via_error_sys(err, -rc, "cannot remove /" VIA_LEASE_DIRECTORY "/%s", where.text)
		  : 0;
}

/* Of the open file, not of the process: children have it, too, and asking does not take it. */
static int lock_control(int fd, int command, short type, struct flock *lock)
{
	*lock = (struct flock){ .l_type = type, .l_whence = SEEK_SET };
	return fcntl(fd, command, lock) ? -errno : 0;
}

int via_lease_lock(struct via_host *host, struct via_bdf bdf, int *lock_fd, struct via_error *err)
{
	struct via_bdf_text where = via_bdf_text(bdf);
	via_autoclose int fd = via_host_create(host, LOCK, where.text);
	struct flock lock;
	int rc = fd < 0 ? fd : lock_control(fd, F_OFD_SETLK, F_WRLCK, &lock);

	if (fd >= 0 && (rc == -EAGAIN || rc == -EACCES))
		return -EBUSY;
	if (rc == -EACCES || rc == -EPERM)
		return via_error_set(err, EACCES,
				     "leasing %s takes root: this user may not write /" LOCK,
				     where.text, where.text);
	if (rc)
		return via_error_sys(err, -rc, "cannot lock /" LOCK, where.text);
	*lock_fd = via_steal_fd(&fd);
	return 0;
}

void via_lease_unlock(int *lock_fd)
{
	struct flock lock;

	if (*lock_fd >= 0)
		lock_control(*lock_fd, F_OFD_SETLK, F_UNLCK, &lock);
	via_close(lock_fd);
}

/* Those who may not open the lock have to do with the processes. */
static bool is_locked(struct via_host *host, struct via_bdf bdf)
{
	via_autoclose int fd = via_host_open(host, O_RDWR, LOCK, via_bdf_text(bdf).text);
	struct flock lock;

	return fd >= 0 && !lock_control(fd, F_OFD_GETLK, F_WRLCK, &lock) && lock.l_type != F_UNLCK;
}

bool via_lease_is_alive(struct via_host *host, const struct via_lease_record *record)
{
	return record->state == VIA_LEASE_HELD && (via_process_is_alive(host, record->holder) ||
						   via_process_is_alive(host, record->keeper));
}

bool via_lease_is_held(struct via_host *host, struct via_bdf bdf,
		       const struct via_lease_record *record)
{
	return via_lease_is_alive(host, record) ||
	       (record->state == VIA_LEASE_HELD && is_locked(host, bdf));
}

int via_lease_check(struct via_host *host, struct via_bdf bdf, struct via_error *err)
{
	struct via_lease_record record;
	struct via_process process;
	int rc = via_lease_record_load(host, bdf, &record, err);

	if (rc)
		return rc == -ENOENT ? 0 : rc;
	if (!via_lease_is_held(host, bdf, &record) ||
	    via_process_is_within(host, getpid(), record.holder) ||
	    via_process_is_within(host, getpid(), record.keeper))
		return 0;
	via_process_describe(host, record.holder.pid ? record.holder.pid : record.keeper.pid,
			     &process);
	return via_error_set(err, EBUSY,
			     "%s is on lease, from pool %s to process %d (%s): the lease ends with "
			     "it, or by 'viaduct vf release %s'",
			     via_bdf_text(bdf).text, record.pool, (int)process.pid, process.comm,
			     via_bdf_text(bdf).text);
}
