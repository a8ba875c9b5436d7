/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vcpu.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <viaduct/util/cleanup.h>

#include "cpuid.h"
#include "machine.h"

/* Blocked everywhere but inside KVM_RUN, so it needs no handler: it only makes KVM_RUN return. */
#define KICK_SIGNAL SIGRTMIN

/* The kernel's sigset_t has 64 bits; glibc's is larger. */
#define KERNEL_SIGSET_BYTES 8

/* Intel SDM volume 3A, 11.11.2.1 */
#define MSR_MTRR_DEF_TYPE 0x2ffU
#define MTRR_ENABLE	  (1U << 11)
#define MTRR_WRITE_BACK	  6U

static int mask_signals(struct via_vcpu *vcpu)
{
	union {
		struct kvm_signal_mask head;
		uint8_t bytes[sizeof(struct kvm_signal_mask) + KERNEL_SIGSET_BYTES];
	} mask = { .head.len = KERNEL_SIGSET_BYTES };
	sigset_t blocked;

	sigfillset(&blocked);
	sigdelset(&blocked, KICK_SIGNAL);
	memcpy(mask.head.sigset, &blocked, KERNEL_SIGSET_BYTES);
	return via_kvm_ioctl(&vcpu->vmm->kvm, vcpu->fd, KVM_SET_SIGNAL_MASK, &mask);
}

/*
 * Firmware turns the MTRRs on, with write-back for what none of them covers. Kernels before 6.3
 * otherwise do without PAT, and so without write-combining for a device's BARs.
 */
static int enable_memory_types(struct via_vcpu *vcpu)
{
	union {
		struct kvm_msrs head;
		uint8_t bytes[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)];
	} msrs = { .head.nmsrs = 1 };
	int rc;

	msrs.head.entries[0] = (struct kvm_msr_entry){
		.index = MSR_MTRR_DEF_TYPE,
		.data = MTRR_ENABLE | MTRR_WRITE_BACK,
	};
	rc = via_kvm_ioctl(&vcpu->vmm->kvm, vcpu->fd, KVM_SET_MSRS, &msrs);
	return rc < 0 ? rc : 0; /* a KVM without MTRRs sets none of them, which is as good */
}

int via_vcpu_init(struct via_vcpu *vcpu, struct kvm_cpuid2 *cpuid, struct via_error *err)
{
	struct via_vmm *vmm = vcpu->vmm;
	unsigned int index = vcpu->index;
	int rc;

	rc = via_kvm_vm_ioctl(&vmm->kvm, KVM_CREATE_VCPU, (void *)(unsigned long)index);
	if (rc < 0)
		return via_error_sys(err, -rc, "KVM refuses to create processor %u of the guest",
				     index);
	vcpu->fd = rc;
	vcpu->run = mmap(NULL, vmm->kvm.run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED) {
		vcpu->run = NULL;
		return via_error_sys(err, errno, "cannot map the shared page of processor %u",
				     index);
	}
	via_cpuid_set_topology(cpuid, index, vmm->cpu_count);
	rc = via_kvm_ioctl(&vmm->kvm, vcpu->fd, KVM_SET_CPUID2, cpuid);
	if (!rc)
		rc = enable_memory_types(vcpu);
	if (!rc)
		rc = mask_signals(vcpu);
	if (rc)
		return via_error_sys(err, -rc, "KVM refuses the set-up of processor %u", index);
	/* Now: a vCPU that runs, or waits to, does not answer an ioctl. */
	vcpu->stats_fd = via_kvm_ioctl(&vmm->kvm, vcpu->fd, KVM_GET_STATS_FD, NULL);
	return 0;
}

static void handle_io(struct via_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;

	/* A string instruction brings several accesses to the same port at once. */
	for (uint32_t i = 0; i < run->io.count; i++, data += run->io.size)
		via_bus_access(&vcpu->vmm->pio, run->io.port, data, run->io.size,
			       run->io.direction == KVM_EXIT_IO_OUT);
}

/* Where the processor stood, for the one message before the end. */
static void report_failure(struct via_vcpu *vcpu, const char *what, uint64_t detail)
{
	struct kvm_regs regs = { 0 };

	via_kvm_ioctl(&vcpu->vmm->kvm, vcpu->fd, KVM_GET_REGS, &regs);
	via_machine_fail(vcpu->vmm, "processor %u of the guest %s (0x%llx) at rip 0x%llx",
			 vcpu->index, what, (unsigned long long)detail,
			 (unsigned long long)regs.rip);
}

/* Its registers are beyond reach, too. */
static void report_given_up(struct via_vcpu *vcpu)
{
	via_machine_fail(vcpu->vmm,
			 "KVM has given the guest up: processor %u, or one that ran beside it, did "
			 "what KVM cannot carry out, such as a system management interrupt without "
			 "memory for it",
			 vcpu->index);
}

/* A PC resets. Told once: a guest may go on like this for ever. */
static void handle_triple_fault(struct via_vcpu *vcpu)
{
	static const char what[] = "shut down: a triple fault";
	struct via_vmm *vmm = vcpu->vmm;
	struct kvm_regs regs = { 0 };

	if (vmm->on_reset == VIA_VMM_ON_RESET_END) {
		report_failure(vcpu, what, KVM_EXIT_SHUTDOWN);
		return;
	}
	via_kvm_ioctl(&vmm->kvm, vcpu->fd, KVM_GET_REGS, &regs);
	if (!atomic_exchange(&vmm->told_of_triple_fault, true))
		via_host_log(vmm->host, VIA_LOG_WARNING,
			     "processor %u of the guest %s at rip 0x%llx; the guest is reset",
			     vcpu->index, what, (unsigned long long)regs.rip);
	via_machine_request_reset(vmm);
}

/* One writer: a load and a store are enough, and cheaper than a locked addition. */
static void count(atomic_uint_least64_t *counter)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}

static void handle_exit(struct via_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	uint32_t reason = run->exit_reason;

	count(&vcpu->exits[reason < VCPU_EXIT_REASONS ? reason : VCPU_EXIT_REASONS - 1]);
	switch (reason) {
	case KVM_EXIT_IO:
		via_lock(&vcpu->vmm->lock);
		handle_io(vcpu);
		via_unlock(&vcpu->vmm->lock);
		break;
	case KVM_EXIT_MMIO:
		via_lock(&vcpu->vmm->lock);
		via_bus_access(&vcpu->vmm->mmio, run->mmio.phys_addr, run->mmio.data, run->mmio.len,
			       run->mmio.is_write);
		via_unlock(&vcpu->vmm->lock);
		break;
	case KVM_EXIT_INTR:
		break;
	case KVM_EXIT_SHUTDOWN:
		handle_triple_fault(vcpu);
		break;
	case KVM_EXIT_UNKNOWN:
		report_failure(vcpu, "left KVM for a reason of the hardware KVM does not know",
			       run->hw.hardware_exit_reason);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		report_failure(vcpu, "could not be entered: hardware reason",
			       run->fail_entry.hardware_entry_failure_reason);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		report_failure(vcpu, "hit something KVM cannot emulate: suberror",
			       run->internal.suberror);
		break;
	default:
		report_failure(vcpu, "left KVM for an unknown reason", reason);
		break;
	}
}

static void *vcpu_main(void *argument)
{
	struct via_vcpu *vcpu = argument;

	while (!atomic_load_explicit(&vcpu->vmm->stopping, memory_order_acquire)) {
		/* Counted here rather than in via_kvm_ioctl(): no shared cache line per exit. */
		int rc = ioctl(vcpu->fd, KVM_RUN, 0);

		count(&vcpu->runs);
		if (!rc)
			handle_exit(vcpu);
		else if (errno == EIO)
			report_given_up(vcpu);
		else if (errno != EINTR && errno != EAGAIN)
			report_failure(vcpu, "cannot run", (uint64_t)errno);
	}
	return NULL;
}

int via_vcpu_start(struct via_vcpu *vcpu, struct via_error *err)
{
	sigset_t all, old;
	char name[16];
	int rc;

	/* The thread inherits the mask, so no signal of the process lands in a vCPU. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&vcpu->thread, NULL, vcpu_main, vcpu);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc)
		return via_error_sys(err, rc, "cannot start the thread of processor %u",
				     vcpu->index);
	vcpu->started = true;
	snprintf(name, sizeof(name), "vcpu%u", vcpu->index);
	pthread_setname_np(vcpu->thread, name);
	return 0;
}

void via_vcpu_join(struct via_vcpu *vcpu)
{
	if (!vcpu->started)
		return;
	/* Blocked outside KVM_RUN, the signal stays pending: it cannot come too early. */
	pthread_kill(vcpu->thread, KICK_SIGNAL);
	pthread_join(vcpu->thread, NULL);
	vcpu->started = false;
}

void via_vcpu_close(struct via_vcpu *vcpu)
{
	if (vcpu->run)
		munmap(vcpu->run, vcpu->vmm->kvm.run_bytes);
	vcpu->run = NULL;
	via_close(&vcpu->stats_fd);
	via_close(&vcpu->fd);
}

static const char *const exit_names[VCPU_EXIT_REASONS] = {
	[KVM_EXIT_UNKNOWN] = "unknown",
	[KVM_EXIT_EXCEPTION] = "exception",
	[KVM_EXIT_IO] = "io",
	[KVM_EXIT_HYPERCALL] = "hypercall",
	[KVM_EXIT_DEBUG] = "debug",
	[KVM_EXIT_HLT] = "hlt",
	[KVM_EXIT_MMIO] = "mmio",
	[KVM_EXIT_IRQ_WINDOW_OPEN] = "irq_window_open",
	[KVM_EXIT_SHUTDOWN] = "shutdown",
	[KVM_EXIT_FAIL_ENTRY] = "fail_entry",
	[KVM_EXIT_INTR] = "intr",
	[KVM_EXIT_INTERNAL_ERROR] = "internal_error",
};

const char *via_vcpu_exit_name(unsigned int reason)
{
	return reason < VCPU_EXIT_REASONS ? exit_names[reason] : NULL;
}
