/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_VFIO_FACTS_H
#define VIADUCT_VFIO_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <viaduct/util/bdf.h>
#include <viaduct/util/error.h>
#include <viaduct/util/host.h>

/*
 * What a function has, for who decides whether to give it away: from sysfs
 * (Documentation/ABI/testing/sysfs-bus-pci) and its configuration space, without opening it.
 * What this user may not read, and what makes no sense, is not known.
 */
#define VIA_VFIO_BARS 6U

struct via_vfio_bar {
	uint64_t size_bytes; /* 0: there is none, or it is the upper half of the one before */
	uint64_t address;    /* on the host's bus; 0 when it was given none */
	bool io;
	bool wide; /* 64-bit */
	bool prefetchable;
	bool mappable_known;
	/* What can be mapped into a guest: whole pages of 4 KiB, without those of the MSI-X table
	 * and pending bits. */
	uint64_t mappable_bytes;
};

/* A piece of a BAR. */
struct via_vfio_place {
	unsigned int bar;
	uint32_t offset_bytes;
	uint32_t size_bytes; /* 0: there is none */
};

struct via_vfio_link {
	unsigned int speed_mts; /* megatransfers a second of a lane: 2500, 5000, 8000; 0: unknown */
	unsigned int width;	/* lanes; 0: unknown */
};

/* How much of the configuration space was read. */
enum via_vfio_config {
	VIA_VFIO_CONFIG_NONE,	/* nothing that is a header */
	VIA_VFIO_CONFIG_HEADER, /* the first 64 bytes: the rest takes CAP_SYS_ADMIN */
	VIA_VFIO_CONFIG_WHOLE,
	VIA_VFIO_CONFIG_GONE, /* it reads as all ones: the function is gone or powered off */
};

struct via_vfio_facts {
	struct via_bdf bdf;
	enum via_vfio_config config;
	struct via_vfio_bar bars[VIA_VFIO_BARS];
	uint64_t rom_bytes; /* 0: it has none */
	int intx_pin;	    /* 1 to 4 for INTA to INTD; 0 for none; -1 unknown */
	int msi_vectors;    /* most it can have; 0 without MSI; -1 unknown */
	int msix_vectors;
	struct via_vfio_place msix_table;
	struct via_vfio_place msix_pba;
	struct via_vfio_link link;	/* now; of PCI Express only */
	struct via_vfio_link link_most; /* that the function could have */
	bool reset_known;
	char reset_methods[64]; /* as the kernel would try them: "flr bus"; "" for none */
	/* What a reset of its bus reaches, itself included; by address. NULL on a root bus. */
	struct via_bdf *bus;
	size_t bus_count;
};

/**
 * via_vfio_facts_load() - what can be learnt of a function.
 * @facts: zero-initialised; released with via_vfio_facts_clear().
 *
 * Return: 0; -ENODEV when there is no such function; -ENOMEM.
 */
VIA_API int via_vfio_facts_load(struct via_host *host, struct via_bdf bdf,
				struct via_vfio_facts *facts, struct via_error *err);
VIA_API void via_vfio_facts_clear(struct via_vfio_facts *facts);

/**
 * via_vfio_vf_bars_load() - the BARs that each VF of a PF has: of the first one that there is, or
 * from the SR-IOV capability and what the kernel keeps for all VFs. How much can be mapped is not
 * known.
 *
 * Return: true, and @bars are filled; false when they are not known.
 */
VIA_API bool via_vfio_vf_bars_load(struct via_host *host, struct via_bdf pf,
				   struct via_vfio_bar bars[VIA_VFIO_BARS]);

/**
 * via_vfio_vf_bars_unplaced() - whether the kernel, which knows of the SR-IOV of a PF, has found no
 * addresses for the BARs of its VFs: then it makes none.
 */
VIA_API bool via_vfio_vf_bars_unplaced(struct via_host *host, struct via_bdf pf);

#endif
