/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "work.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* Where initramfs have a modprobe; busybox's is an applet. */
static const char *const modprobes[] = { "/sbin/modprobe", "/usr/sbin/modprobe", "/bin/modprobe",
					 "/bin/busybox" };

#define ALIASES_MAX 256

static void mount_all(void)
{
	static const struct {
		const char *type, *where;
	} mounts[] = { { "proc", "/proc" }, { "sysfs", "/sys" }, { "devtmpfs", "/dev" } };

	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		mkdir(mounts[i].where, 0755);
		if (mount(mounts[i].type, mounts[i].where, mounts[i].type, 0, NULL) &&
		    errno != EBUSY)
			talk_failed("cannot mount %s: %s", mounts[i].where, strerror(errno));
	}
}

/* Lines come as they are written, and nothing comes back that was not. */
static void open_console(void)
{
	struct termios settings;
	int fd = open("/dev/console", O_RDWR | O_NOCTTY);

	if (fd >= 0) {
		dup2(fd, STDIN_FILENO);
		dup2(fd, STDOUT_FILENO);
		if (fd > STDERR_FILENO)
			close(fd);
	}
	if (tcgetattr(STDIN_FILENO, &settings))
		return;
	settings.c_lflag &= (tcflag_t)~ECHO;
	tcsetattr(STDIN_FILENO, TCSANOW, &settings);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		errno = 0; /* a kernel without it does without it */
	close(fd);
}

/* The modalias of each device of a bus that has no driver, behind those at @count. */
static size_t add_aliases(const char *bus, char **aliases, size_t count)
{
	char path[PATH_MAX], alias[256];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/bus/%s/devices", bus);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)) && count < ALIASES_MAX) {
		snprintf(path, sizeof(path), "/sys/bus/%s/devices/%s/driver", bus, entry->d_name);
		if (entry->d_name[0] == '.' || !access(path, F_OK) ||
		    !read_line(alias, sizeof(alias), "/sys/bus/%s/devices/%s/modalias", bus,
			       entry->d_name))
			continue;
		aliases[count] = strdup(alias);
		if (aliases[count])
			count++;
	}
	if (dir)
		closedir(dir);
	return count;
}

static void run(char **argv)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		execv(argv[0], argv);
		_exit(127);
	}
	if (pid > 0)
		waitpid(pid, &status, 0);
}

/* As a distribution loads drivers: each device asks by its alias, and what appears asks again. */
static void load_by_alias(const char *modprobe)
{
	char *words[ALIASES_MAX + 4];

	for (int round = 0; round < 3; round++) {
		size_t first = 0, count;

		words[first++] = (char *)modprobe;
		if (strstr(modprobe, "busybox"))
			words[first++] = (char *)"modprobe";
		words[first++] = (char *)"-qa";
		count = add_aliases("pci", words + first, 0);
		count = add_aliases("virtio", words + first, count);
		words[first + count] = NULL;
		if (!count)
			return;
		run(words);
		while (count)
			free(words[first + --count]);
	}
}

void guest_load(const char *module)
{
	for (size_t i = 0; i < sizeof(modprobes) / sizeof(modprobes[0]); i++) {
		bool applet = strstr(modprobes[i], "busybox");
		char *words[] = { (char *)modprobes[i], (char *)(applet ? "modprobe" : module),
				  (char *)(applet ? module : NULL), NULL };

		if (!access(modprobes[i], X_OK))
			run(words);
	}
}

static bool insert_module(const char *folder, const char *name)
{
	char path[PATH_MAX];
	int fd, rc;

	snprintf(path, sizeof(path), "%.128s/%.255s", folder, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	rc = (int)syscall(SYS_finit_module, fd, "", 0);
	close(fd);
	return !rc;
}

/* A handful of modules and no tables of them: each waits for those it needs, until none is left
 * that helps. */
static void load_folder(const char *folder)
{
	struct dirent *entry;
	bool progress = true;

	while (progress) {
		DIR *dir = opendir(folder);

		progress = false;
		while (dir && (entry = readdir(dir))) {
			size_t length = strlen(entry->d_name);

			if (length > 3 && !strcmp(entry->d_name + length - 3, ".ko"))
				progress |= insert_module(folder, entry->d_name);
		}
		if (dir)
			closedir(dir);
	}
}

static void load_drivers(void)
{
	char path[PATH_MAX];
	struct utsname name;

	uname(&name);
	snprintf(path, sizeof(path), "/lib/modules/%s", name.release);
	for (size_t i = 0; !access(path, F_OK) && i < sizeof(modprobes) / sizeof(modprobes[0]);
	     i++) {
		if (access(modprobes[i], X_OK))
			continue;
		load_by_alias(modprobes[i]);
		break;
	}
	snprintf(path, sizeof(path), "/modules/%s", name.release);
	load_folder(path);
}

void guest_begin(void)
{
	mount_all();
	open_console();
	talk("init");
	write_file("/proc/sys/kernel/printk", "1");
	load_drivers();
}
