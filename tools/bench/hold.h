/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TOOLS_BENCH_HOLD_H
#define VIADUCT_TOOLS_BENCH_HOLD_H

#include <net/if.h>
#include <stdbool.h>

#include <viaduct/iommu/group.h>
#include <viaduct/util/bdf.h>
#include <viaduct/util/error.h>
#include <viaduct/util/host.h>

#include "../command.h"

/*
 * What a measurement takes of the host, and gives back: one function, VFs made for it, its driver,
 * an address on an interface. Everything is undone by via_bench_hold_release(), in reverse.
 */
struct via_bench_hold {
	struct via_host *host;
	struct via_bdf bdf;
	bool found;
	bool is_vf, is_network;
	struct via_bdf pf; /* of a VF */
	bool made_vf;
	bool bound;			    /* via_vfio_bind() was called */
	char first[VIA_DRIVER_NAME_BYTES];  /* what it had before that */
	bool remembered;		    /* and 'viaduct bind' had given it that */
	char driver[VIA_DRIVER_NAME_BYTES]; /* the host's own; "": not known */
	bool command_kept;		    /* the upper byte of its command register, as it was */
	unsigned char command;
	char interface[IFNAMSIZ]; /* that has our address; "" for none */
};

/* Which functions a kind of measurement can use. */
struct via_bench_wanted {
	unsigned int class_code;	   /* base class and subclass; 0: any */
	unsigned int vendor_id, device_id; /* 0: any */
	const char *what;		   /* "a network function", for a sentence */
};

/**
 * via_bench_hold_find() - the function @name, or the first that nobody uses: a VF, else one is made
 * of a PF that has none.
 */
int via_bench_hold_find(struct via_bench_hold *hold, const struct via_cli *cli,
			const struct via_bench_wanted *wanted, const char *name,
			struct via_error *err);

/**
 * via_bench_hold_give() - the function to a driver.
 * @driver: NULL: the host's own.
 */
int via_bench_hold_give(struct via_bench_hold *hold, const char *driver, struct via_error *err);

/** via_bench_hold_netdev() - wait for the interface of the held function; of its PF: @pf. */
int via_bench_hold_netdev(const struct via_bench_hold *hold, bool pf, char name[static IFNAMSIZ],
			  struct via_error *err);

/** via_bench_hold_address() - VIA_BENCH_PEER on an interface, beside the addresses it has. */
int via_bench_hold_address(struct via_bench_hold *hold, const char *interface,
			   struct via_error *err);
void via_bench_hold_no_address(struct via_bench_hold *hold);

/** via_bench_hold_move() - an interface into the network namespace of a process. */
int via_bench_hold_move(const char *interface, pid_t pid, struct via_error *err);

/** via_bench_interface_up() - bring one up, with VIA_BENCH_PEER as its address. */
int via_bench_interface_up(const char *interface, struct via_error *err);

void via_bench_hold_release(struct via_bench_hold *hold);

/* RFC 2544 has 198.18.0.0/15 for benchmarks. */
#define VIA_BENCH_PEER	  "198.18.0.1"
#define VIA_BENCH_ADDRESS "198.18.0.2"

#endif
