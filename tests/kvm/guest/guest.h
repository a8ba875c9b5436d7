/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_TESTS_KVM_GUEST_GUEST_H
#define VIADUCT_TESTS_KVM_GUEST_GUEST_H

/*
 * What a test and its guest agree on. The guest does what test=NAME of its command line says,
 * tells it line by line over its serial port, and turns itself off.
 */

/* A port of the test program: a write is a step it does for the guest, a read the step's answer. */
#define GUEST_STEP_PORT 0x510

/* Nobody is at these. */
#define GUEST_EMPTY_PORT 0x900
#define GUEST_EMPTY_GPA	 0xd0000000ULL

/* Where memory slots come and go, inside the PCI window. */
#define GUEST_SLOT_GPA	     0xc8000000ULL
#define GUEST_OTHER_SLOT_GPA 0xc8400000ULL

/* Interrupt vectors, from above those of exceptions. */
#define GUEST_VECTOR_A	    0x41
#define GUEST_VECTOR_B	    0x42
#define GUEST_VECTOR_SERIAL 0x44

/* What test=reboot does after it said what it found, as the step's answer. */
#define GUEST_REBOOT_BY_PORT  0
#define GUEST_REBOOT_BY_FAULT 1
#define GUEST_REBOOT_NO_MORE  2

/* Of test=virtio. */
#define GUEST_VIRTIO_DEVFN    (1 << 3)
#define GUEST_VIRTIO_REQUESTS 1000

/* Of test=hostile: how often it is mistreated. */
#define GUEST_HOSTILE_STEPS 1000

/* Slot and function of test=ecam, test=function and test=intx. */
#define GUEST_DEVFN (5 << 3)

/* Slot 13 shares its pins with slot 5: interrupt pin A of both is this one of the I/O APIC. */
#define GUEST_OTHER_DEVFN (13 << 3)
#define GUEST_INTX_PIN	  21

/* The steps of test=intx. */
#define GUEST_INTX_SIGNAL 1 /* have the devices interrupt whose bits are set from bit 8 on */
#define GUEST_INTX_UNMASKED                                                                        \
	2		     /* bits of the devices the host was told to unmask since last asked   \
			      */
#define GUEST_INTX_DIRECT  3 /* whether registers are reached without an exit */
#define GUEST_INTX_TRAPPED 4 /* how many accesses to registers were exits */

#endif
