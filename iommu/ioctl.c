/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <viaduct/iommu/ioctl.h>

#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <viaduct/util/cleanup.h>

/* Far above any answer seen (a few hundred bytes). */
#define ANSWER_MAX_BYTES (1U << 20)
/* Most answers fit at once; IOVA ranges can grow between two questions. */
#define ANSWER_USUAL_BYTES 256U
#define QUESTIONS_MAX	   4

int via_ioctl_call(struct via_ioctl_port *port, int fd, unsigned long request, void *argument)
{
	int rc;

	port->calls++;
	if (port->call)
		return port->call(port->data, fd, request, argument);
	rc = ioctl(fd, request, argument);
	return rc < 0 ? -errno : rc;
}

int via_ioctl_ask(struct via_ioctl_port *port, int fd, unsigned long request, const void *head,
		  size_t head_bytes, struct via_ioctl_info *info)
{
	uint32_t room = head_bytes < ANSWER_USUAL_BYTES ? ANSWER_USUAL_BYTES : (uint32_t)head_bytes;

	for (int i = 0; i < QUESTIONS_MAX; i++) {
		via_autofree void *data = calloc(1, room);
		uint32_t wanted;
		int rc;

		if (!data)
			return -ENOMEM;
		memcpy(data, head, head_bytes);
		memcpy(data, &room, sizeof(room));
		rc = via_ioctl_call(port, fd, request, data);
		if (rc < 0)
			return rc;
		memcpy(&wanted, data, sizeof(wanted));
		if (wanted <= room) {
			info->data = via_steal_ptr(data);
			info->size_bytes = room;
			return 0;
		}
		if (wanted > ANSWER_MAX_BYTES)
			return -EPROTO;
		room = wanted;
	}
	return -EPROTO;
}

int via_ioctl_cap_next(const struct via_ioctl_info *info, size_t head_bytes,
		       struct via_ioctl_cap *cap)
{
	struct vfio_info_cap_header header;
	size_t offset = cap->next;
	size_t floor = cap->data ? (size_t)(cap->data - (const uint8_t *)info->data) : head_bytes;
	size_t end;

	if (!offset)
		return 0;
	if (offset < floor || offset > info->size_bytes ||
	    info->size_bytes - offset < sizeof(header))
		return -EPROTO;
	memcpy(&header, (const uint8_t *)info->data + offset, sizeof(header));
	end = header.next ? header.next : info->size_bytes;
	if (end < offset + sizeof(header) || end > info->size_bytes)
		return -EPROTO;
	*cap = (struct via_ioctl_cap){
		.id = header.id,
		.version = header.version,
		.data = (const uint8_t *)info->data + offset + sizeof(header),
		.size_bytes = end - offset - sizeof(header),
		.next = header.next,
	};
	return 1;
}
