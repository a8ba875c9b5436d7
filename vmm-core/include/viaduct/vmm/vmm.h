/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_VMM_VMM_H
#define VIADUCT_VMM_VMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <viaduct/iommu/space.h>
#include <viaduct/util/bdf.h>
#include <viaduct/util/error.h>
#include <viaduct/util/host.h>
#include <viaduct/vfio/device.h>

/*
 * A guest: a KVM machine with RAM, vCPUs, a serial console and PCI functions of the host.
 *
 * The life of a guest: via_vmm_new() takes what it needs and undoes all of it on failure;
 * via_vmm_run() runs it until it ends; via_vmm_free() quiesces its devices and gives everything
 * back. One thread makes these calls; via_vmm_stop() may come from any thread or a signal handler.
 *
 * Signals: each vCPU is a thread that blocks all signals. SIGRTMIN is used between them and must
 * not be given another meaning by the process.
 */
struct via_vmm;

#define VIA_VMM_CPUS_MAX    64
#define VIA_VMM_DEVICES_MAX 31 /* slots 1 to 31 of bus 0, virtio devices' too */

/* A function of the host that the guest gets, and how. */
struct via_vmm_device {
	struct via_bdf bdf; /* bound to vfio-pci */
	int fd; /* -1, or its open VFIO device file (via_iommu_cdev_bdf()); stays the caller's */
	const char *rom; /* NULL: its own expansion ROM; "off": none; else the path of an image */
};

/* A virtio network card, and what is behind it. */
enum via_vmm_net_backend {
	VIA_VMM_NET_USER,      /* libslirp in this process: needs no privilege */
	VIA_VMM_NET_TAP,       /* a tap interface, served by this process */
	VIA_VMM_NET_TAP_VHOST, /* a tap interface, served by the host's kernel */
};

#define VIA_VMM_NETS_MAX   8
#define VIA_VMM_DISKS_MAX  16
#define VIA_VMM_QUEUES_MAX 16 /* queue pairs of a card, queues of a disk */

struct via_vmm_net {
	enum via_vmm_net_backend backend;
	const char *tap;     /* name of the interface; created when there is none */
	uint8_t mac[6];	     /* all zero: one is made up, the same for the same place */
	unsigned int queues; /* pairs; 0 is 1 */
};

/* A virtio disk on a file or block device of the host. */
struct via_vmm_disk {
	const char *path;
	bool read_only;
	bool direct;	     /* past the host's page cache (O_DIRECT) */
	unsigned int queues; /* 0: one for each processor, at most VIA_VMM_QUEUES_MAX */
};

/* What happens when the guest asks for a reset, or one of its processors faults three times. */
enum via_vmm_on_reset {
	VIA_VMM_ON_RESET_REBOOT, /* it starts anew; devices, memory and DMA mappings stay */
	VIA_VMM_ON_RESET_END,	 /* it ends: VIA_VMM_END_RESET, or -EIO after a triple fault */
};

/* What to do when a device reports an uncorrectable error (PCI Express AER). */
enum via_vmm_on_error {
	VIA_VMM_ON_ERROR_STOP,	 /* end the guest: via_vmm_run() fails */
	VIA_VMM_ON_ERROR_REPORT, /* warn; the guest goes on */
	VIA_VMM_ON_ERROR_RESET,	 /* quiesce and reset the devices, and start the guest again */
};

#define VIA_VMM_UNPLUG_TIMEOUT_S 10

struct via_vmm_config {
	const char *kernel;    /* path of a bzImage, or of an ELF file with a PVH note */
	const char *initrd;    /* path, or NULL */
	const char *append;    /* kernel command line; NULL is "" */
	unsigned int cpus;     /* 1 to VIA_VMM_CPUS_MAX */
	uint64_t memory_bytes; /* a multiple of the page size, at least 16 MiB */
	bool populate; /* all of it at the start, of huge pages if possible; devices do so anyhow */
	const struct via_vmm_device *devices;
	size_t device_count;
	const struct via_vmm_net *nets;
	size_t net_count;
	const struct via_vmm_disk *disks;
	size_t disk_count;
	bool rng; /* random numbers of the host */
	enum via_iommu_backend backend;
	int iommufd; /* -1, or an open /dev/iommu; stays the caller's */
	enum via_vmm_on_reset on_reset;
	bool require_reset; /* refuse a function that cannot be reset; else it is a warning */
	enum via_vmm_on_error on_error;
	/*
	 * How long the guest may take to let go of a device the host wants back; then it is taken
	 * away. 0: VIA_VMM_UNPLUG_TIMEOUT_S.
	 */
	unsigned int unplug_timeout_s;
	int console_in;	 /* read for the guest's serial port; -1 for none. Stays the caller's. */
	int console_out; /* written by it; -1 drops it. Stays the caller's. */
};

enum via_vmm_end {
	VIA_VMM_END_POWER_OFF, /* the guest turned itself off */
	VIA_VMM_END_RESET,     /* the guest asked for a reset: VIA_VMM_ON_RESET_END */
	VIA_VMM_END_STOPPED,   /* via_vmm_stop() */
};

/**
 * via_vmm_new() - a guest, ready to run: files loaded, devices opened and mapped.
 *
 * Every input is checked before the first device is opened. Nothing is left behind on failure.
 *
 * Return: 0; -EINVAL for a bad count or size, or a path that is no file; -ENOENT/-EACCES for a
 * file or /dev/kvm that cannot be opened; -ENOEXEC for a kernel that is none, or truncated;
 * -EFBIG when kernel or initrd do not fit; -E2BIG for a command line too long; the errors of
 * via_vfio_device_open() and via_iommu_space_map_memory(); -ENOTSUP when the host's KVM is too
 * old; -ENOMEM. Always with a sentence in @err.
 */
VIA_API int via_vmm_new(struct via_host *host, const struct via_vmm_config *config,
			struct via_vmm **vmm, struct via_error *err);

/**
 * via_vmm_watch() - have via_vmm_run() call @ready in its thread when @fd is readable.
 * @fd: stays the caller's, and must stay open until via_vmm_free().
 *
 * Return: 0 or the errno of epoll_ctl(2).
 */
VIA_API int via_vmm_watch(struct via_vmm *vmm, int fd, void (*ready)(void *data), void *data,
			  struct via_error *err);

/**
 * via_vmm_run() - run the guest until it ends; once per guest. A reset of the guest is done in
 * here: nothing is opened by path and nothing mapped for DMA again. When it returns, the devices
 * are quiet: interrupts off, bus mastering off, reset, and guest memory is out of their reach.
 * @end: why it ended.
 *
 * Return: 0; -EIO when a vCPU cannot go on, with the reason and where it was; the errno of
 * creating threads; when the guest cannot be reset, -EIO or the errno of what refused.
 */
VIA_API int via_vmm_run(struct via_vmm *vmm, enum via_vmm_end *end, struct via_error *err);

/** via_vmm_stop() - end the guest. Async-signal-safe; later calls change nothing. */
VIA_API void via_vmm_stop(struct via_vmm *vmm);

/**
 * via_vmm_free() - quiesce the devices if via_vmm_run() has not, close them, and free the guest.
 * NULL is allowed.
 */
VIA_API void via_vmm_free(struct via_vmm *vmm);

/*
 * Statistics. Counters that belong to running vCPUs are read without stopping them.
 */
struct via_vmm_count {
	char name[48];
	uint64_t value;
};

struct via_vmm_counts {
	struct via_vmm_count *counts;
	size_t count;
};

struct via_vmm_device_stats {
	struct via_bdf bdf;
	uint8_t guest_devfn;
	uint64_t *vector_interrupts; /* by MSI-X vector, as the host's kernel counted them */
	size_t vector_count;
	uint64_t msi_interrupts[32]; /* likewise, by MSI message */
	size_t msi_count;
	uint64_t intx_interrupts;
	uint64_t vectors_enabled;	      /* how often an MSI-X vector was connected */
	uint64_t config_reads, config_writes; /* exits for its configuration space */
	uint64_t region_reads,
		region_writes; /* exits for its BARs: trapped pages, not the mapped */
	struct via_vfio_device_stats vfio;
};

/* A virtio device's, whose counts are read without stopping it. */
struct via_vmm_virtio_stats {
	char name[16];	  /* "net0", "disk1" */
	char backend[16]; /* "user", "tap", "vhost", "io_uring" */
	uint8_t guest_devfn;
	unsigned int queues;
	uint64_t kicks;	     /* wake-ups by the driver; 0 with vhost, whose kernel takes them */
	uint64_t interrupts; /* that this process sent; likewise */
	uint64_t requests;   /* packets or disk requests */
	uint64_t bytes;
	uint64_t config_reads, config_writes;	  /* exits for its configuration space */
	uint64_t register_reads, register_writes; /* exits for its registers */
	uint64_t cpu_ns;			  /* of its threads in this process */
};

enum via_vmm_phase {
	VIA_VMM_PHASE_KVM,     /* VM, interrupt controllers and RAM exist */
	VIA_VMM_PHASE_LOADED,  /* kernel, initrd and tables are in guest memory */
	VIA_VMM_PHASE_DEVICES, /* devices are open */
	VIA_VMM_PHASE_MAPPED,  /* the IOMMU maps guest memory */
	VIA_VMM_PHASE_RUN,     /* vCPUs started */
	VIA_VMM_PHASE_END,     /* the guest ended */
	VIA_VMM_PHASES,
};

struct via_vmm_stats {
	uint64_t reboots;
	uint64_t phase_ns[VIA_VMM_PHASES]; /* CLOCK_MONOTONIC when it was reached; 0: not yet */
	struct via_vmm_counts exits;	   /* KVM's own, summed over vCPUs (KVM_GET_STATS_FD) */
	struct via_vmm_counts user_exits;  /* returns of KVM_RUN, by exit reason */
	struct via_vmm_counts ioctls;	   /* on KVM descriptors, by name */
	struct via_vmm_counts accesses;	   /* exits by the emulated device that answered */
	uint64_t memory_bytes;		   /* guest RAM */
	struct via_iommu_space_stats dma;
	enum via_iommu_backend backend; /* AUTO: without devices there is none */
	enum via_iommu_answer p2p;	/* devices reach each other's registers */
	bool dirty_tracking;		/* the IOMMU can tell what devices wrote */
	struct via_range *mapped;	/* IOVA ranges devices can reach */
	size_t mapped_count;
	struct via_vmm_device_stats *devices;
	size_t device_count;
	struct via_vmm_virtio_stats *virtio;
	size_t virtio_count;
};

/**
 * via_vmm_stats() - what happened so far.
 * @stats: released with via_vmm_stats_clear().
 *
 * Return: 0 or -ENOMEM.
 */
VIA_API int via_vmm_stats(struct via_vmm *vmm, struct via_vmm_stats *stats, struct via_error *err);
VIA_API void via_vmm_stats_clear(struct via_vmm_stats *stats);

#endif
