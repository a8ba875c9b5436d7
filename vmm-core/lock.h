/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_LOCK_H
#define VIA_VMM_LOCK_H

#include <pthread.h>

/*
 * The machine's lock: guards the buses, the PCI functions, the routing table and the emulated
 * devices. One lock is enough because nothing on a hot path takes it: a passed-through function's
 * registers are mapped and its interrupts never come through userspace. The price: while a
 * function reset by its guest is waited for (at least 100 ms, in the kernel), the other
 * processors' exits to userspace wait too.
 */
struct via_machine_lock {
	pthread_mutex_t mutex;
};

static inline void via_lock(struct via_machine_lock *lock)
{
	pthread_mutex_lock(&lock->mutex);
}

static inline void via_unlock(struct via_machine_lock *lock)
{
	pthread_mutex_unlock(&lock->mutex);
}

#endif
