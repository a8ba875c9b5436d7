/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>

#include "capabilities.h"
#include "layout.h"

int via_kvm_ioctl(struct via_kvm *kvm, int fd, unsigned long request, void *argument)
{
	int rc;

	atomic_fetch_add_explicit(&kvm->ioctls[_IOC_NR(request)], 1, memory_order_relaxed);
	if (kvm->call)
		return kvm->call(kvm->data, fd, request, argument);
	rc = ioctl(fd, request, argument);
	return rc < 0 ? -errno : rc;
}

int via_kvm_capability(struct via_kvm *kvm, int capability)
{
	int rc = via_kvm_ioctl(kvm, kvm->vm_fd, KVM_CHECK_EXTENSION, (void *)(long)capability);

	return rc < 0 ? 0 : rc;
}

#define NAMED(request) [_IOC_NR(request)] = #request

static const char *const ioctl_names[256] = {
	NAMED(KVM_GET_API_VERSION),
	NAMED(KVM_CREATE_VM),
	NAMED(KVM_CHECK_EXTENSION),
	NAMED(KVM_GET_VCPU_MMAP_SIZE),
	NAMED(KVM_GET_SUPPORTED_CPUID),
	NAMED(KVM_CREATE_VCPU),
	NAMED(KVM_SET_USER_MEMORY_REGION),
	NAMED(KVM_SET_TSS_ADDR),
	NAMED(KVM_SET_IDENTITY_MAP_ADDR),
	NAMED(KVM_CREATE_IRQCHIP),
	NAMED(KVM_SET_GSI_ROUTING),
	NAMED(KVM_IRQFD),
	NAMED(KVM_IOEVENTFD),
	NAMED(KVM_IRQ_LINE),
	NAMED(KVM_RUN),
	NAMED(KVM_SET_REGS),
	NAMED(KVM_GET_SREGS),
	NAMED(KVM_SET_SREGS),
	NAMED(KVM_SET_SIGNAL_MASK),
	NAMED(KVM_SET_CPUID2),
	NAMED(KVM_GET_STATS_FD),
	NAMED(KVM_SET_MSRS),
	NAMED(KVM_GET_REGS),
	NAMED(KVM_CREATE_DEVICE),
	NAMED(KVM_SET_DEVICE_ATTR),
	NAMED(KVM_SET_TSC_KHZ),
};

const char *via_kvm_ioctl_name(unsigned int nr)
{
	return nr < 256 ? ioctl_names[nr] : NULL;
}

static int missing(int rc, struct via_error *err)
{
	return via_error_set(err, -rc,
			     "this host offers no /dev/kvm: enable VT-x or SVM in the firmware "
			     "and load the module (modprobe kvm_intel or kvm_amd)");
}

int via_kvm_check_loaded(struct via_host *host, struct via_error *err)
{
	if (via_host_exists(host, "sys/class/misc/kvm") || !via_host_exists(host, "sys/class/misc"))
		return 0;
	return missing(-ENODEV, err);
}

static int open_device(struct via_host *host, struct via_error *err)
{
	int fd = via_host_open(host, O_RDWR, "dev/kvm");

	switch (fd < 0 ? -fd : 0) {
	case 0:
		return fd;
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return missing(fd, err);
	case EACCES:
	case EPERM:
		return via_error_set(
			err, -fd,
			"no permission to open /dev/kvm: run as root or join the group "
			"that owns it (usually kvm)");
	default:
		return via_error_sys(err, -fd, "cannot open /dev/kvm");
	}
}

static int check_capabilities(struct via_kvm *kvm, struct via_error *err)
{
	for (const struct via_kvm_capability *each = via_kvm_capabilities; each->name; each++)
		if (!each->without && !via_kvm_capability(kvm, each->capability))
			return via_error_set(
				err, ENOTSUP,
				"this host's KVM lacks %s, which Viaduct needs: a newer "
				"kernel has it",
				each->name);
	return 0;
}

/*
 * A guest's TSC runs at the rate at which this host's runs, as the kernel knows it now (0). Else it
 * would be the rate that was known when KVM was started, which with KVM built in is before the
 * kernel had measured it well; and where the processor cannot scale, KVM then has guests catch
 * up again and again, and their timers are lost. Linux before 5.16 cannot be told, and
 * KVM_CAP_VM_TSC_CONTROL speaks of scaling only, so it is not asked.
 */
static void keep_host_rate(struct via_kvm *kvm)
{
	via_kvm_vm_ioctl(kvm, KVM_SET_TSC_KHZ, NULL);
}

static int create_vm(struct via_kvm *kvm, struct via_error *err)
{
	int rc;

	do
		rc = via_kvm_ioctl(kvm, kvm->fd, KVM_CREATE_VM, NULL);
	while (rc == -EINTR);
	if (rc < 0)
		return via_error_sys(err, -rc, "KVM refuses to create a virtual machine");
	kvm->vm_fd = rc;
	keep_host_rate(kvm);
	return 0;
}

static int create_irqchips(struct via_kvm *kvm, struct via_error *err)
{
	uint64_t identity_map = LAYOUT_IDENTITY_MAP;
	int rc;

	rc = via_kvm_vm_ioctl(kvm, KVM_SET_TSS_ADDR, (void *)LAYOUT_TSS);
	if (!rc && via_kvm_capability(kvm, KVM_CAP_SET_IDENTITY_MAP_ADDR))
		rc = via_kvm_vm_ioctl(kvm, KVM_SET_IDENTITY_MAP_ADDR, &identity_map);
	if (!rc)
		rc = via_kvm_vm_ioctl(kvm, KVM_CREATE_IRQCHIP, NULL);
	if (rc)
		return via_error_sys(err, -rc, "KVM refuses to create the interrupt controllers");
	return 0;
}

int via_kvm_check_file(struct via_host *host, struct via_error *err)
{
	int fd = open_device(host, err);

	if (fd < 0)
		return fd;
	via_close(&fd);
	return 0;
}

int via_kvm_open(struct via_host *host, struct via_kvm *kvm, struct via_error *err)
{
	int rc;

	*kvm = (struct via_kvm){ .fd = -1, .vm_fd = -1, .vfio_fd = -1 };
	rc = open_device(host, err);
	if (rc < 0)
		return rc;
	kvm->fd = rc;

	rc = via_kvm_ioctl(kvm, kvm->fd, KVM_GET_API_VERSION, NULL);
	if (rc != KVM_API_VERSION) {
		rc = via_error_set(err, ENOTSUP, "/dev/kvm speaks version %d, not %d", rc,
				   KVM_API_VERSION);
		goto fail;
	}
	rc = via_kvm_ioctl(kvm, kvm->fd, KVM_GET_VCPU_MMAP_SIZE, NULL);
	if (rc < 0) {
		via_error_sys(err, -rc, "KVM does not tell the size of a vCPU's shared page");
		goto fail;
	}
	kvm->run_bytes = (size_t)rc;
	rc = create_vm(kvm, err);
	if (!rc)
		rc = check_capabilities(kvm, err);
	if (!rc)
		rc = create_irqchips(kvm, err);
	if (rc)
		goto fail;
	return 0;

fail:
	via_kvm_close(kvm);
	return rc;
}

static int set_vfio_file(struct via_kvm *kvm, uint64_t what, int file_fd)
{
	int32_t fd = file_fd;
	/* The group and its attributes are KVM_DEV_VFIO_FILE* since Linux 6.6: the same numbers. */
	struct kvm_device_attr attr = {
		.group = KVM_DEV_VFIO_GROUP,
		.attr = what,
		.addr = (uintptr_t)&fd,
	};

	return via_kvm_ioctl(kvm, kvm->vfio_fd, KVM_SET_DEVICE_ATTR, &attr);
}

static int no_vfio_device(int errnum, struct via_error *err)
{
	return via_error_sys(err, errnum, "KVM offers no VFIO device");
}

int via_kvm_check_vfio(struct via_kvm *kvm, struct via_error *err)
{
	struct kvm_create_device device = {
		.type = KVM_DEV_TYPE_VFIO,
		.flags = KVM_CREATE_DEVICE_TEST,
	};
	int rc = via_kvm_vm_ioctl(kvm, KVM_CREATE_DEVICE, &device);

	return rc < 0 ? no_vfio_device(-rc, err) : 0;
}

static int tell_of_vfio_file(struct via_kvm *kvm, int file_fd, struct via_error *err)
{
	int rc;

	if (kvm->vfio_fd < 0) {
		struct kvm_create_device device = { .type = KVM_DEV_TYPE_VFIO };

		rc = via_kvm_vm_ioctl(kvm, KVM_CREATE_DEVICE, &device);
		if (rc)
			return no_vfio_device(-rc, err);
		kvm->vfio_fd = (int)device.fd;
	}
	rc = set_vfio_file(kvm, KVM_DEV_VFIO_GROUP_ADD, file_fd);
	if (rc)
		return via_error_sys(err, -rc, "KVM refuses to know of a VFIO group");
	return 0;
}

int via_kvm_add_vfio_file(struct via_kvm *kvm, int file_fd, struct via_error *err)
{
	int *grown = realloc(kvm->vfio_files, (kvm->vfio_file_count + 1) * sizeof(*grown));
	int rc;

	if (!grown)
		return via_error_sys(err, ENOMEM, "cannot keep track of VFIO files");
	kvm->vfio_files = grown;
	rc = tell_of_vfio_file(kvm, file_fd, err);
	if (!rc)
		grown[kvm->vfio_file_count++] = file_fd;
	return rc;
}

int via_kvm_renew(struct via_kvm *kvm, struct via_error *err)
{
	int number = kvm->vm_fd, rc;

	via_close(&kvm->vfio_fd);
	/*
	 * VFIO holds on to the VM a device was opened with (Linux 6.4), so the first one lives on,
	 * empty. KVM names a VM's debugfs directory after its descriptor: no other may be created
	 * with the first one's number, which is therefore never free.
	 */
	kvm->vm_fd = -1;
	if (dup3(kvm->fd, number, O_CLOEXEC) < 0) {
		rc = via_error_sys(err, errno, "cannot give up the virtual machine");
		via_close(&number);
		return rc;
	}
	rc = create_vm(kvm, err);
	if (!rc && dup3(kvm->vm_fd, number, O_CLOEXEC) < 0)
		rc = via_error_sys(err, errno, "cannot keep the virtual machine");
	via_close(&kvm->vm_fd);
	if (rc) {
		via_close(&number);
		return rc;
	}
	kvm->vm_fd = number;
	rc = create_irqchips(kvm, err);
	for (size_t i = 0; !rc && i < kvm->vfio_file_count; i++)
		rc = tell_of_vfio_file(kvm, kvm->vfio_files[i], err);
	return rc;
}

void via_kvm_remove_vfio_file(struct via_kvm *kvm, int file_fd)
{
	for (size_t i = 0; i < kvm->vfio_file_count; i++)
		if (kvm->vfio_files[i] == file_fd)
			kvm->vfio_files[i] = kvm->vfio_files[--kvm->vfio_file_count];
	if (kvm->vfio_fd >= 0)
		set_vfio_file(kvm, KVM_DEV_VFIO_GROUP_DEL, file_fd);
}

void via_kvm_forget_vfio(struct via_kvm *kvm)
{
	via_close(&kvm->vfio_fd);
	free(kvm->vfio_files);
	kvm->vfio_files = NULL;
	kvm->vfio_file_count = 0;
}

void via_kvm_close(struct via_kvm *kvm)
{
	via_kvm_forget_vfio(kvm);
	via_close(&kvm->vm_fd);
	via_close(&kvm->fd);
}
