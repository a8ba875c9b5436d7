/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef VIADUCT_IOMMU_IOCTL_H
#define VIADUCT_IOMMU_IOCTL_H

/*
 * How the layers below the VMM ask VFIO. Not installed: for iommu/ and vfio/ only.
 *
 * VFIO's questions share one form (linux/vfio.h): a structure that begins with its size, argsz,
 * and may be followed by a chain of capabilities, each found by an offset in the one before.
 */

#include <stddef.h>
#include <stdint.h>

/* The one place ioctls pass through: counted, and answered by a test instead of the kernel. */
struct via_ioctl_port {
	/* Returns what ioctl(2) returned, or a negative errno. NULL is ioctl(2) itself. */
	int (*call)(void *data, int fd, unsigned long request, void *argument);
	void *data;
	uint64_t calls;
};

/** via_ioctl_call() - Return: what ioctl(2) returned, or a negative errno. */
int via_ioctl_call(struct via_ioctl_port *port, int fd, unsigned long request, void *argument);

/* An answer, as long as the kernel wanted it. */
struct via_ioctl_info {
	void *data; /* free() */
	size_t size_bytes;
};

/**
 * via_ioctl_ask() - ask again with more room until the whole answer fits.
 * @head: the structure of the question, @head_bytes long, but for its argsz.
 *
 * Return: 0; -EPROTO when the kernel keeps asking for more or for more than 1 MiB; -ENOMEM; the
 * errno of the ioctl.
 */
int via_ioctl_ask(struct via_ioctl_port *port, int fd, unsigned long request, const void *head,
		  size_t head_bytes, struct via_ioctl_info *info);

/* A walk along the capabilities of an answer. */
struct via_ioctl_cap {
	uint16_t id;
	uint16_t version;
	const uint8_t *data; /* behind the header; may be unaligned */
	size_t size_bytes;   /* at most: up to the next capability or the end */
	uint32_t next;	     /* offset of the next one, 0 at the end */
};

/**
 * via_ioctl_cap_next() - the capability at @cap->next.
 * @cap: to begin with, { .next = the cap_offset of the answer }.
 * @head_bytes: where capabilities may begin.
 *
 * Offsets must ascend, as the kernel makes them, so no chain is a loop.
 *
 * Return: 1, 0 at the end of the chain, -EPROTO for an offset outside the answer.
 */
int via_ioctl_cap_next(const struct via_ioctl_info *info, size_t head_bytes,
		       struct via_ioctl_cap *cap);

#endif
