/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <viaduct/iommu/memlock.h>
#include <viaduct/util/cleanup.h>

#include "output.h"

/* "MemFree" of a node, whose lines begin with "Node 0 "; false when it is not told. */
static bool free_bytes(struct via_host *host, const char *node, uint64_t *bytes)
{
	via_autofclose FILE *file =
		via_host_fopen(host, "sys/devices/system/node/%s/meminfo", node);
	via_autofree char *line = NULL;
	size_t line_bytes = 0;
	uint64_t kib;

	while (file && getline(&line, &line_bytes, file) >= 0)
		if (sscanf(line, "Node %*u MemFree: %" SCNu64 " kB", &kib) == 1 &&
		    kib <= UINT64_MAX / 1024) {
			*bytes = kib * 1024;
			return true;
		}
	return false;
}

/* "hugepages-2048kB" is 2 MiB. */
static void add_huge_pages(struct via_host *host, struct via_host_lines *lines, const char *node)
{
	via_cleanup(via_names_free) struct via_names sizes = { 0 };
	char text[256] = "";

	if (via_host_list(host, &sizes, "sys/devices/system/node/%s/hugepages", node))
		return;
	for (size_t i = 0; i < sizes.count; i++) {
		size_t used = strlen(text);
		uint64_t count, kib;

		if (sscanf(sizes.names[i], "hugepages-%" SCNu64 "kB", &kib) != 1 ||
		    kib > UINT64_MAX / 1024 ||
		    via_host_read_u64(host, &count,
				      "sys/devices/system/node/%s/hugepages/%s/free_hugepages",
				      node, sizes.names[i]))
			continue;
		snprintf(text + used, sizeof(text) - used, "%s%" PRIu64 " of %s", used ? ", " : "",
			 count, via_size_text(kib * 1024).text);
	}
	via_host_line_add(lines, "huge-pages", "free huge pages", VIA_VERDICT_NEUTRAL, NULL,
			  "%s: %s", node, *text ? text : "none");
}

/* "node0". */
static bool is_node(const char *name)
{
	return !strncmp(name, "node", 4) && name[4] && !name[4 + strspn(name + 4, "0123456789")];
}

static void add_nodes(struct via_host *host, struct via_host_lines *lines)
{
	via_cleanup(via_names_free) struct via_names names = { 0 };

	if (via_host_list(host, &names, "sys/devices/system/node"))
		names.count = 0;
	for (size_t i = 0; i < names.count; i++) {
		char cpus[128], memory[64] = "";
		uint64_t bytes;

		if (!is_node(names.names[i]))
			continue;
		if (via_host_read(host, cpus, sizeof(cpus), "sys/devices/system/node/%s/cpulist",
				  names.names[i]))
			strcpy(cpus, "?");
		if (free_bytes(host, names.names[i], &bytes))
			snprintf(memory, sizeof(memory), ", %" PRIu64 " MiB free", bytes >> 20);
		via_host_line_add(lines, "numa-node", "NUMA node", VIA_VERDICT_NEUTRAL, NULL,
				  "%s: processors %s%s", names.names[i], *cpus ? cpus : "none",
				  memory);
		add_huge_pages(host, lines, names.names[i]);
	}
}

/* "always [madvise] never": what is in brackets. */
static bool read_choice(struct via_host *host, const char *path, char *choice, size_t choice_bytes)
{
	char text[128], *begin, *end;

	if (via_host_read(host, text, sizeof(text), "%s", path))
		return false;
	begin = strchr(text, '[');
	end = begin ? strchr(begin, ']') : NULL;
	if (!end)
		return false;
	*end = '\0';
	return snprintf(choice, choice_bytes, "%s", begin + 1) < (int)choice_bytes;
}

/* A guest with devices is given them whatever the policy (MADV_COLLAPSE), if the kernel has them.
 */
static void add_thp(struct via_host *host, struct via_host_lines *lines)
{
	static const char id[] = "thp", title[] = "transparent huge pages";
	char anonymous[16], shared[16];

	if (!via_host_exists(host, "sys/kernel/mm/transparent_hugepage"))
		via_host_line_add(lines, id, title, VIA_VERDICT_NO,
				  "a kernel with CONFIG_TRANSPARENT_HUGEPAGE", "none");
	else if (!read_choice(host, "sys/kernel/mm/transparent_hugepage/enabled", anonymous,
			      sizeof(anonymous)) ||
		 !read_choice(host, "sys/kernel/mm/transparent_hugepage/shmem_enabled", shared,
			      sizeof(shared)))
		via_host_line_add(lines, id, title, VIA_VERDICT_NEUTRAL, NULL,
				  "the kernel does not say");
	else if (!strcmp(shared, "deny"))
		via_host_line_add(lines, id, title, VIA_VERDICT_NO,
				  "echo advise "
				  ">/sys/kernel/mm/transparent_hugepage/shmem_enabled",
				  "%s; shared memory, which guests have: denied", anonymous);
	else
		via_host_line_add(lines, id, title, VIA_VERDICT_OK, NULL,
				  "%s; shared memory, which guests have: %s", anonymous, shared);
}

static void add_ksm(struct via_host *host, struct via_host_lines *lines)
{
	static const char id[] = "ksm", title[] = "merging of pages (KSM)";
	uint64_t run;

	if (!via_host_exists(host, "sys/kernel/mm/ksm"))
		via_host_line_add(lines, id, title, VIA_VERDICT_OK, NULL, "none");
	else if (via_host_read_u64(host, &run, "sys/kernel/mm/ksm/run"))
		via_host_line_add(lines, id, title, VIA_VERDICT_NEUTRAL, NULL,
				  "the kernel does not say");
	else
		via_host_line_add(lines, id, title, run == 1 ? VIA_VERDICT_NO : VIA_VERDICT_OK,
				  run == 1 ? "echo 2 >/sys/kernel/mm/ksm/run" : NULL, "%s",
				  run == 1 ? "on: takes processor time, and guests' memory is not "
					     "merged"
					   : "off");
}

/* From here on, most guests fit; below, none does: 8 MiB is what most systems give. */
#define MEMLOCK_ENOUGH_BYTES (64ULL << 20)

static void add_memlock(struct via_host *host, struct via_host_lines *lines)
{
	static const char id[] = "locked-memory", title[] = "locked-memory limit";
	struct via_iommu_memlock memlock = via_iommu_memlock_read(host);
	bool enough = memlock.limit_bytes >= MEMLOCK_ENOUGH_BYTES;

	if (memlock.unlimited)
		via_host_line_add(lines, id, title, VIA_VERDICT_OK, NULL, "none for this user");
	else
		via_host_line_add(lines, id, title, enough ? VIA_VERDICT_NEUTRAL : VIA_VERDICT_NO,
				  "ulimit -l unlimited, or CAP_IPC_LOCK",
				  "%s: a guest with devices has all its memory locked",
				  via_size_text(memlock.limit_bytes).text);
}

void via_host_add_memory(struct via_host *host, struct via_host_lines *lines)
{
	add_nodes(host, lines);
	add_thp(host, lines);
	add_ksm(host, lines);
	add_memlock(host, lines);
}
