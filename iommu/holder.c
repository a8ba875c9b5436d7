/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <viaduct/iommu/group.h>

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>

static bool process_has_open(struct via_host *host, const char *pid, const char *path)
{
	via_autoclosedir DIR *dir = NULL;
	int fd = via_host_open(host, O_RDONLY | O_DIRECTORY, "proc/%s/fd", pid);
	struct dirent *entry;

	if (fd < 0)
		return false;
	dir = fdopendir(fd);
	if (!dir) {
		via_close(&fd);
		return false;
	}
	while ((entry = readdir(dir))) {
		char target[64];
		ssize_t length = readlinkat(fd, entry->d_name, target, sizeof(target));

		if (length == (ssize_t)strlen(path) && !memcmp(target, path, strlen(path)))
			return true;
	}
	return false;
}

/* A process names itself as it likes: what a terminal would obey does not reach the sentence. */
static void comm_read(struct via_host *host, const char *pid, char *comm, size_t comm_bytes)
{
	if (via_host_read(host, comm, comm_bytes, "proc/%s/comm", pid))
		comm[0] = '\0';
	for (char *c = comm; *c; c++)
		if (!isprint((unsigned char)*c))
			*c = '?';
}

int via_iommu_group_find_holder(struct via_host *host, unsigned int group_id,
				struct via_iommu_group_holder *holder)
{
	via_cleanup(via_names_free) struct via_names names = { 0 };
	char path[32];
	int rc = via_host_list(host, &names, "proc");

	if (rc)
		return rc == -ENOMEM ? rc : -ENOENT;
	snprintf(path, sizeof(path), "/dev/vfio/%u", group_id);
	for (size_t i = 0; i < names.count; i++) {
		struct via_iommu_group_holder found = { 0 };

		if (!isdigit((unsigned char)names.names[i][0]) ||
		    !process_has_open(host, names.names[i], path))
			continue;
		found.pid = (pid_t)strtol(names.names[i], NULL, 10);
		comm_read(host, names.names[i], found.comm, sizeof(found.comm));
		*holder = found;
		return 0;
	}
	return -ENOENT;
}
