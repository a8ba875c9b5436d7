/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "initrd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>

#include "guest/work.h"

/* A newc archive ("initramfs buffer format", Documentation/driver-api/early-userspace). */
struct archive {
	FILE *file;
	unsigned int inode;
};

static void pad(FILE *file)
{
	while (ftell(file) & 3)
		fputc(0, file);
}

static void add_header(struct archive *archive, const char *name, mode_t mode, size_t bytes)
{
	name += name[0] == '/';
	pad(archive->file);
	/* magic, inode, mode, uid, gid, links, mtime, size, device, rdevice, name size, check */
	fprintf(archive->file, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		++archive->inode, (unsigned int)mode, 0, 0, 1, 0, (unsigned int)bytes, 0, 0, 0, 0,
		(unsigned int)strlen(name) + 1, 0);
	fwrite(name, 1, strlen(name) + 1, archive->file);
	pad(archive->file);
}

static int copy(FILE *to, const char *path, struct via_error *err)
{
	via_autofclose FILE *from = fopen(path, "re");
	char buffer[65536];
	size_t got;

	if (!from)
		return via_error_sys(err, errno, "cannot read %s", path);
	while ((got = fread(buffer, 1, sizeof(buffer), from)))
		fwrite(buffer, 1, got, to);
	return ferror(from) ? via_error_sys(err, EIO, "cannot read %s", path) : 0;
}

static int add_program(struct archive *archive, const char *name, const char *program,
		       struct via_error *err)
{
	struct stat status;

	if (stat(program, &status))
		return via_error_sys(err, errno, "cannot read %s", program);
	add_header(archive, name, S_IFREG | 0755, (size_t)status.st_size);
	return copy(archive->file, program, err);
}

static int add_tool(struct archive *archive, const char *name, const struct via_bench_tool *tool,
		    struct via_error *err)
{
	char path[PATH_MAX];
	int rc = 0;

	snprintf(path, sizeof(path), WORK_TOOLS "/%s", name);
	add_header(archive, path, S_IFDIR | 0755, 0);
	for (size_t i = 0; !rc && i < tool->file_count; i++) {
		snprintf(path, sizeof(path), WORK_TOOLS "/%s/%s", name, tool->files[i].name);
		rc = add_program(archive, path, tool->files[i].path, err);
	}
	return rc;
}

static int add_tools(struct archive *archive, const struct via_bench_tool *tools,
		     struct via_error *err)
{
	int rc = 0;

	add_header(archive, WORK_TOOLS, S_IFDIR | 0755, 0);
	for (unsigned int i = 0; !rc && i < VIA_BENCH_TOOLS; i++)
		if (tools[i].ready)
			rc = add_tool(archive, via_bench_tool_name((enum via_bench_tool_id)i),
				      &tools[i], err);
	return rc;
}

static void add_words(struct archive *archive, const char *const *words)
{
	size_t bytes = 0;

	for (size_t i = 0; words[i]; i++)
		bytes += strlen(words[i]) + 1;
	add_header(archive, WORK_WORDS, S_IFREG | 0644, bytes);
	for (size_t i = 0; words[i]; i++)
		fprintf(archive->file, "%s\n", words[i]);
}

int via_bench_initrd_write(const char *path, const char *base, const char *program,
			   const char *const *words, const struct via_bench_tool *tools,
			   struct via_error *err)
{
	via_autofclose FILE *file = fopen(path, "we");
	struct archive archive = { .file = file };
	int rc;

	if (!file)
		return via_error_sys(err, errno, "cannot write %s", path);
	rc = base ? copy(file, base, err) : 0;
	if (rc)
		return rc;
	add_header(&archive, WORK_FOLDER, S_IFDIR | 0755, 0);
	rc = add_program(&archive, VIA_BENCH_INIT, program, err);
	if (!rc)
		rc = add_tools(&archive, tools, err);
	if (rc)
		return rc;
	add_words(&archive, words);
	add_header(&archive, "TRAILER!!!", 0, 0);
	pad(file);
	return fflush(file) || ferror(file) ? via_error_sys(err, EIO, "cannot write %s", path) : 0;
}
