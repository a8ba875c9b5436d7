/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_VCPU_H
#define VIA_VMM_VCPU_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <viaduct/util/error.h>

struct via_vmm;

#define VCPU_EXIT_REASONS 64

/* A virtual processor and the thread it runs in. */
struct via_vcpu {
	struct via_vmm *vmm;
	unsigned int index; /* also its local APIC ID */
	int fd;
	int stats_fd; /* KVM's counters; -1 before Linux 5.14, which has none */
	struct kvm_run *run;
	pthread_t thread;
	bool started;
	/* Written by its own thread only, read by others. */
	atomic_uint_least64_t runs; /* KVM_RUN calls */
	atomic_uint_least64_t
		exits[VCPU_EXIT_REASONS]; /* returns by KVM_EXIT_*; last: all others */
};

/**
 * via_vcpu_init() - create the processor with its CPUID. Again after via_vcpu_close(), in another
 * VM: then what it counts goes on.
 *
 * Return: 0 or -errno.
 */
int via_vcpu_init(struct via_vcpu *vcpu, struct kvm_cpuid2 *cpuid, struct via_error *err);

/** via_vcpu_start() - run it in a thread of its own. Return: 0 or the errno of pthread_create(). */
int via_vcpu_start(struct via_vcpu *vcpu, struct via_error *err);

/** via_vcpu_join() - kick it out of KVM_RUN and wait for its thread. The VM is stopping. */
void via_vcpu_join(struct via_vcpu *vcpu);
void via_vcpu_close(struct via_vcpu *vcpu);

/** via_vcpu_exit_name() - "io" for KVM_EXIT_IO; NULL for one without a name here. */
const char *via_vcpu_exit_name(unsigned int reason);

#endif
