/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_SRIOV_AUTOPROBE_H
#define VIADUCT_SRIOV_AUTOPROBE_H

#include <stdbool.h>

#include <viaduct/util/bdf.h>
#include <viaduct/util/error.h>
#include <viaduct/util/host.h>

/*
 * sriov_drivers_autoprobe of a PF, turned off for a while by who has the PF's lock
 * (via_journal_lock()). What it was is in run/viaduct/autoprobe/<BDF> for that while: a record
 * found by the next one is of a process that did not live to set it back.
 */
struct via_sriov_autoprobe {
	struct via_host *host;
	struct via_bdf bdf;
	bool was_on;
};

/**
 * via_sriov_autoprobe_hold() - turn it off, recorded before.
 * @held: given to via_sriov_autoprobe_release().
 *
 * Return: 0, or the errno of what could not be read, recorded or written: then it is as it was.
 */
int via_sriov_autoprobe_hold(struct via_host *host, struct via_bdf bdf,
			     struct via_sriov_autoprobe *held, struct via_error *err);

/** via_sriov_autoprobe_release() - as it was. A failure is logged, and the record stays. */
void via_sriov_autoprobe_release(struct via_sriov_autoprobe *held);

/** via_sriov_autoprobe_check() - whether there is a record. Return: as via_journal_load(). */
int via_sriov_autoprobe_check(struct via_host *host, struct via_bdf bdf, struct via_error *err);

/**
 * via_sriov_autoprobe_recover() - set back what a process that was killed left. No record: nothing
 * to do.
 *
 * Return: 0; -EPROTO when the record is damaged; the errno of what could not be read or written.
 */
int via_sriov_autoprobe_recover(struct via_host *host, struct via_bdf bdf, struct via_error *err);

#endif
