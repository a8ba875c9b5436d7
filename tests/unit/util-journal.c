/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "journal-private.h"
#include "tree.h"

static const struct via_bdf pf = { .bus = 1 }, vf = { .bus = 1, .device = 0x10 },
			    other = { .bus = 2 };

static const struct tree_entry entries[] = {
	{ "sys/bus/pci/devices/0000:01:00.0/class", "0x020000\n" },
	{ "sys/bus/pci/devices/0000:01:10.0/physfn", .link = "../0000:01:00.0" },
	{ "sys/bus/pci/devices/0000:02:00.0/class", "0x020000\n" },
	{ 0 },
};

static int lock(const struct tree *tree, struct via_bdf bdf, int *fd, struct via_error *err)
{
	return via_journal_lock_within(tree->host, bdf, 30, fd, err);
}

static void a_vf_has_the_lock_of_its_pf(void **state)
{
	struct tree tree = tree_make(entries);
	int pf_fd, other_fd, fd;
	char expected[128];
	struct via_error err;

	(void)state;
	snprintf(expected, sizeof(expected), "proc/%d/comm", getpid());
	tree_add(&tree, (struct tree_entry){ expected, "holder\033[2J\n" });
	assert_int_equal(lock(&tree, pf, &pf_fd, &err), 0);
	assert_int_equal(lock(&tree, other, &other_fd, &err), 0);
	snprintf(expected, sizeof(expected),
		 "0000:01:00.0 is being changed by process %d (holder?[2J): try again when it has "
		 "ended",
		 getpid());
	assert_int_equal(lock(&tree, vf, &fd, &err), -EBUSY);
	assert_string_equal(err.text, expected);
	close(pf_fd);
	assert_int_equal(lock(&tree, vf, &fd, &err), 0);
	assert_int_equal(lock(&tree, pf, &pf_fd, &err), -EBUSY);
	close(fd);
	close(other_fd);
	tree_remove(&tree);
}

/* Two at once: the second gets it when the first has let go. */
static void who_comes_second_waits(void **state)
{
	struct tree tree = tree_make(entries);
	struct via_error err;
	int fd, status, pipes[2];
	char byte;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(lock(&tree, pf, &fd, &err), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		close(fd); /* or it would hold the lock with its parent */
		assert_int_equal(write(pipes[1], "", 1), 1);
		_exit(via_journal_lock(tree.host, vf, &fd, &err) ? 1 : 0);
	}
	assert_int_equal(read(pipes[0], &byte, 1), 1);
	usleep(20000);
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
	close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
	close(pipes[0]);
	close(pipes[1]);
	tree_remove(&tree);
}

static void a_lock_ends_with_its_process(void **state)
{
	struct tree tree = tree_make(entries);
	struct via_error err;
	int fd, status;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (!pid) {
		if (lock(&tree, pf, &fd, &err))
			_exit(1);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(lock(&tree, pf, &fd, &err), 0);
	close(fd);
	tree_remove(&tree);
}

/* Nobody else may hold root up by holding the lock. */
static void a_lock_is_its_users_alone(void **state)
{
	struct tree tree = tree_make(entries);
	struct via_error err;
	struct stat status;
	int fd;

	(void)state;
	assert_int_equal(lock(&tree, pf, &fd, &err), 0);
	assert_int_equal(fstat(fd, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	close(fd);
	tree_drop(&tree, "run/viaduct/lock/0000:01:00.0");
	tree_add(&tree,
		 (struct tree_entry){ "run/viaduct/lock/0000:01:00.0", .link = "../elsewhere" });
	assert_int_equal(lock(&tree, pf, &fd, &err), -ELOOP);
	assert_non_null(strstr(err.text, "/run/viaduct/lock/0000:01:00.0"));
	assert_false(via_host_exists(tree.host, "run/viaduct/elsewhere"));
	tree_remove(&tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_vf_has_the_lock_of_its_pf),
		cmocka_unit_test(who_comes_second_waits),
		cmocka_unit_test(a_lock_ends_with_its_process),
		cmocka_unit_test(a_lock_is_its_users_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
