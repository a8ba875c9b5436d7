/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/work.h"
#include "library.h"

#define LOADER_SECONDS 60
#define FILES_MAX      512U

static const struct {
	const char *name, *package;
	enum via_bench_kind kind;
} tools[VIA_BENCH_TOOLS] = {
	[VIA_BENCH_TOOL_PING] = { "ping", "iputils-ping", VIA_BENCH_NET },
	[VIA_BENCH_TOOL_IPERF3] = { "iperf3", "iperf3", VIA_BENCH_NET },
	[VIA_BENCH_TOOL_FIO] = { "fio", "fio", VIA_BENCH_DISK },
};

const char *via_bench_tool_name(enum via_bench_tool_id id)
{
	return tools[id].name;
}

enum via_bench_kind via_bench_tool_kind(enum via_bench_tool_id id)
{
	return tools[id].kind;
}

/* As execvp(3) looks for it. */
static bool find_in_path(const char *name, char *path, size_t path_bytes)
{
	const char *folders = getenv("PATH");

	if (!folders)
		folders = "/usr/bin:/bin";
	while (*folders) {
		size_t length = strcspn(folders, ":");
		struct stat status;
		int written = snprintf(path, path_bytes, "%.*s/%s", (int)length, folders, name);

		if (length && written > 0 && (size_t)written < path_bytes && !access(path, X_OK) &&
		    !stat(path, &status) && S_ISREG(status.st_mode))
			return true;
		folders += length + (folders[length] == ':');
	}
	return false;
}

static bool has_file(const struct via_bench_tool *tool, const char *name, const char *path)
{
	for (size_t i = 0; i < tool->file_count; i++)
		if (!strcmp(tool->files[i].name, name) || !strcmp(tool->files[i].path, path))
			return true;
	return false;
}

static int add_file(struct via_bench_tool *tool, const char *name, const char *path,
		    struct via_error *err)
{
	struct via_bench_tool_file *files;
	struct stat status;

	if (has_file(tool, name, path))
		return 0;
	if (stat(path, &status))
		return via_error_sys(err, errno, "cannot read %s", path);
	if (tool->file_count == FILES_MAX)
		return via_error_set(err, E2BIG, "it needs more than %u libraries", FILES_MAX);
	files = realloc(tool->files, (tool->file_count + 1) * sizeof(*files));
	if (!files)
		return via_error_sys(err, ENOMEM, "cannot list its libraries");
	tool->files = files;
	files[tool->file_count] = (struct via_bench_tool_file){ strdup(name), strdup(path) };
	tool->bytes += (uint64_t)status.st_size;
	tool->file_count++;
	return files[tool->file_count - 1].name && files[tool->file_count - 1].path
		       ? 0
		       : via_error_sys(err, ENOMEM, "cannot list its libraries");
}

static int add_libraries(struct via_bench_tool *tool, struct via_bench_child *loader,
			 struct via_bench_watch *watch, struct via_error *err)
{
	struct via_bench_library library;
	const char *line;
	int rc;

	do {
		rc = via_bench_child_line(loader, watch, LOADER_SECONDS, &line, err);
		if (rc)
			return rc == -EPIPE ? 0 : rc; /* the end of the list */
		rc = via_bench_library_read(line, &library, err);
		if (rc > 0)
			rc = add_file(tool, library.name, library.path, err);
	} while (!rc);
	return rc;
}

/* Found by who will look for them: nothing of the program itself is run. */
static int run_loader(struct via_bench_tool *tool, char *const *argv, struct via_bench_watch *watch,
		      struct via_error *err)
{
	const struct via_bench_start start = { 0 };
	struct via_bench_child child = { 0 };
	int status, rc = via_bench_child_start(&child, argv, &start, err);

	if (rc)
		return rc;
	rc = add_libraries(tool, &child, watch, err);
	status = via_bench_child_end(&child, rc ? 0 : LOADER_SECONDS);
	if (!rc && (!WIFEXITED(status) || WEXITSTATUS(status)))
		rc = via_error_set(err, ENOEXEC, "%s cannot list its libraries (status %d)",
				   argv[0], status);
	return rc;
}

static bool needs_glibc(const struct via_bench_tool *tool)
{
	for (size_t i = 0; i < tool->file_count; i++)
		if (!strcmp(tool->files[i].name, "libc.so.6"))
			return true;
	return false;
}

static int find_libraries(struct via_bench_tool *tool, char *loader, char *program,
			  struct via_bench_watch *watch, struct via_error *err)
{
	char *list[] = { loader, (char *)"--list", program, NULL };
	/*
	 * No program names this one: glibc loads it when a thread is cancelled, or ends by
	 * pthread_exit(3), and aborts without it. (--preload: glibc 2.30 and newer)
	 */
	char *unwinder[] = {
		loader, (char *)"--preload", (char *)"libgcc_s.so.1", (char *)"--list", program,
		NULL
	};
	struct via_error without = { 0 };
	int rc = run_loader(tool, list, watch, err);

	if (rc || !needs_glibc(tool))
		return rc;
	rc = run_loader(tool, unwinder, watch, &without);
	if (rc == -EINTR)
		*err = without;
	return rc == -EINTR ? rc : 0;
}

int via_bench_tool_find(struct via_bench_tool *tool, enum via_bench_tool_id id,
			struct via_bench_watch *watch, struct via_error *err)
{
	char program[PATH_MAX], loader[PATH_MAX];
	int rc;

	if (!find_in_path(tools[id].name, program, sizeof(program)))
		return via_error_set(err, ENOENT, "%s is not installed: apt install %s",
				     tools[id].name, tools[id].package);
	rc = via_bench_loader_of(program, loader, sizeof(loader), err);
	if (!rc)
		rc = add_file(tool, WORK_TOOL_PROGRAM, program, err);
	if (!rc && loader[0])
		rc = add_file(tool, WORK_TOOL_LOADER, loader, err);
	if (!rc && loader[0])
		rc = find_libraries(tool, loader, program, watch, err);
	tool->ready = !rc;
	return rc;
}

void via_bench_tool_clear(struct via_bench_tool *tool)
{
	for (size_t i = 0; i < tool->file_count; i++) {
		free(tool->files[i].name);
		free(tool->files[i].path);
	}
	free(tool->files);
	*tool = (struct via_bench_tool){ 0 };
}
