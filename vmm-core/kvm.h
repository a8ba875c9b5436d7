/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_KVM_H
#define VIA_VMM_KVM_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <viaduct/util/error.h>
#include <viaduct/util/host.h>

/* The KVM system and VM descriptors, and the count of every ioctl made on them. */
struct via_kvm {
	int fd;
	int vm_fd;
	int vfio_fd;	 /* the KVM-VFIO device; -1 until the first file is added */
	int *vfio_files; /* what it was told of; theirs who added them */
	size_t vfio_file_count;
	size_t run_bytes; /* of a vCPU's shared page, struct kvm_run and what follows */
	atomic_uint_least64_t ioctls[256]; /* by _IOC_NR(); all are of type KVMIO */
	/* Who answers instead of KVM, in a test; NULL is KVM itself. Returns as via_kvm_ioctl(). */
	int (*call)(void *data, int fd, unsigned long request, void *argument);
	void *data;
};

/** via_kvm_check_file() - whether via_kvm_open() gets its file. Return: the first of its errors. */
int via_kvm_check_file(struct via_host *host, struct via_error *err);

/**
 * via_kvm_check_loaded() - whether KVM is there, asked of sysfs: to open a /dev/kvm that nobody
 * serves yet loads a module. Return: 0, also without sysfs, or -ENODEV as via_kvm_open().
 */
int via_kvm_check_loaded(struct via_host *host, struct via_error *err);

/**
 * via_kvm_open() - open /dev/kvm, check what Viaduct cannot do without, create a VM.
 *
 * Return: 0; -ENOENT or -EACCES with what to do about /dev/kvm; -ENOTSUP naming a capability the
 * host's KVM lacks; the errno of KVM_CREATE_VM.
 */
int via_kvm_open(struct via_host *host, struct via_kvm *kvm, struct via_error *err);
void via_kvm_close(struct via_kvm *kvm);

/**
 * via_kvm_renew() - another VM in place of this one, which knows the same VFIO files. vCPUs and
 * memory slots of the old one must be gone: nothing is left of it.
 *
 * Return: 0, or the errno of KVM_CREATE_VM and what follows; there is no VM then.
 */
int via_kvm_renew(struct via_kvm *kvm, struct via_error *err);

/** via_kvm_ioctl() - a counted ioctl on @fd. Return: its value, or a negative errno. */
int via_kvm_ioctl(struct via_kvm *kvm, int fd, unsigned long request, void *argument);

static inline int via_kvm_vm_ioctl(struct via_kvm *kvm, unsigned long request, void *argument)
{
	return via_kvm_ioctl(kvm, kvm->vm_fd, request, argument);
}

/** via_kvm_capability() - KVM_CHECK_EXTENSION on the VM: 0 when absent. */
int via_kvm_capability(struct via_kvm *kvm, int capability);

/** via_kvm_check_vfio() - whether via_kvm_add_vfio_file() finds what it needs. Return: 0 or the
 * errno of KVM_CREATE_DEVICE.
 */
int via_kvm_check_vfio(struct via_kvm *kvm, struct via_error *err);

/**
 * via_kvm_add_vfio_file() - tell KVM that a device of this VFIO group (or device file) belongs to
 * the guest (Documentation/virt/kvm/devices/vfio.rst): it then honours non-coherent DMA and
 * mitigates what only a guest with devices can exploit. Before the device is opened.
 *
 * Return: 0, or the errno of KVM_CREATE_DEVICE or KVM_SET_DEVICE_ATTR.
 */
int via_kvm_add_vfio_file(struct via_kvm *kvm, int file_fd, struct via_error *err);

/** via_kvm_remove_vfio_file() - drop KVM's reference to one of them, before it is closed. */
void via_kvm_remove_vfio_file(struct via_kvm *kvm, int file_fd);

/** via_kvm_forget_vfio() - drop KVM's references to all of them, before they are closed. */
void via_kvm_forget_vfio(struct via_kvm *kvm);

/** via_kvm_ioctl_name() - "KVM_RUN" for _IOC_NR(KVM_RUN); NULL for one Viaduct does not make. */
const char *via_kvm_ioctl_name(unsigned int nr);

#endif
