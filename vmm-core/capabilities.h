/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIA_VMM_CAPABILITIES_H
#define VIA_VMM_CAPABILITIES_H

/* What Viaduct uses of KVM (KVM_CHECK_EXTENSION). */
struct via_kvm_capability {
	int capability;
	const char *name;
	const char *without; /* what is so without it; NULL: there is no guest */
};

/* Ended by a row without a name. */
extern const struct via_kvm_capability via_kvm_capabilities[];

#endif
