/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_PASSTHROUGH_RESET_H
#define VIA_VMM_PASSTHROUGH_RESET_H

#include <stdbool.h>
#include <stddef.h>

#include <viaduct/util/bdf.h>
#include <viaduct/util/error.h>

struct via_passthrough;

/*
 * How a guest's functions are reset. Most are alone, by VFIO as it opens them and at the end. Those
 * that cannot be are by a hot reset of their bus or slot, when all functions it reaches are this
 * guest's: once before the guest runs, and once each time the last of them became quiet. What is
 * left is only made quiet.
 */
struct via_reset_domain {
	struct via_reset_domain *next;
	struct via_passthrough **members; /* of a hot reset */
	size_t count;
	bool broken; /* a member left, or the kernel refused: no hot reset any more */
};

/** via_reset_warning() - the sentence for a function that is given away although nothing resets
 * it: @why says why no hot reset does.
 */
struct via_error via_reset_warning(struct via_bdf bdf, const struct via_error *why);

/**
 * via_reset_plan() - decide for all functions of a guest, once all are open, and reset those that
 * need a hot reset. One that cannot be reset is told as a warning.
 * @require: that is a failure instead, before anything was reset.
 * @domains: the list, to be released with via_reset_forget() after the functions.
 *
 * Return: 0; -ENOTSUP for @require; the errno of a hot reset that failed, for @require; -ENOMEM.
 */
int via_reset_plan(struct via_passthrough **functions, size_t count, bool require,
		   struct via_reset_domain **domains, struct via_error *err);
void via_reset_forget(struct via_reset_domain *domains);

/** via_reset_quiet() - @function became quiet: reset what can be now. Return: 0 or the errno. */
int via_reset_quiet(struct via_passthrough *function, struct via_error *err);

/** via_reset_leave() - @function will be closed. */
void via_reset_leave(struct via_passthrough *function);

#endif
