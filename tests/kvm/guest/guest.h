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

/* Slot and function of test=ecam and test=function. */
#define GUEST_DEVFN (5 << 3)

#endif
