/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file behind a virtio disk: what is refused, what is locked, what it can do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "virtio/blk-file.h"

struct fixture {
	struct via_host *host;
	char directory[64], path[80];
	struct via_error err;
};

static void resize(const struct fixture *f, off_t bytes)
{
	int fd = open(f->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, bytes), 0);
	close(fd);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(via_host_new(NULL, &f->host, &f->err), 0);
	/* On a filesystem with O_DIRECT, unlike some /tmp: where the tests are built. */
	snprintf(f->directory, sizeof(f->directory), "disk.XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	snprintf(f->path, sizeof(f->path), "%s/image", f->directory);
	resize(f, 1 << 20);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	unlink(f->path);
	rmdir(f->directory);
	via_host_free(f->host);
	free(f);
	return 0;
}

static int try_open(struct fixture *f, const char *path, bool read_only, bool direct,
		    struct via_blk_file *file)
{
	const struct via_vmm_disk disk = {
		.path = path,
		.read_only = read_only,
		.direct = direct,
	};

	return via_blk_file_open(f->host, &disk, file, &f->err);
}

static void refused(struct fixture *f, const char *path, bool read_only, int rc, const char *why)
{
	struct via_blk_file file = { .fd = -2 };

	assert_int_equal(try_open(f, path, read_only, false, &file), rc);
	if (!strstr(f->err.text, why) || !strstr(f->err.text, path))
		fail_msg("\"%s\" does not say \"%s\"", f->err.text, why);
	assert_int_equal(file.fd, -2);
}

static void test_image(void **state)
{
	struct fixture *f = *state;
	struct via_blk_file file;

	assert_int_equal(try_open(f, f->path, false, false, &file), 0);
	assert_int_equal(file.size_bytes, 1 << 20);
	assert_int_equal(file.block_bytes, 512);
	assert_false(file.read_only);
	/* io_uring fails what would block on one with O_NONBLOCK. */
	assert_int_equal(fcntl(file.fd, F_GETFL) & (O_NONBLOCK | O_DIRECT), 0);
	assert_int_equal(fcntl(file.fd, F_GETFL) & O_ACCMODE, O_RDWR);
	assert_true(fcntl(file.fd, F_GETFD) & FD_CLOEXEC);
	via_blk_file_close(&file);
	assert_int_equal(file.fd, -1);
}

static void test_refused(void **state)
{
	struct fixture *f = *state;

	refused(f, "/nosuch/disk", false, -ENOENT, "there is no disk");
	refused(f, f->directory, false, -EISDIR, "is a directory");
	refused(f, f->directory, true, -EISDIR, "is a directory");
	refused(f, "/dev/null", false, -EINVAL, "neither a file nor a block device");
	resize(f, 0);
	refused(f, f->path, false, -EINVAL, "is empty");
	resize(f, 1000);
	refused(f, f->path, false, -EINVAL, "1000 bytes, which is no multiple of 512");
	/* Nobody waits for the other end of a pipe. */
	unlink(f->path);
	assert_int_equal(mkfifo(f->path, 0600), 0);
	refused(f, f->path, true, -EINVAL, "neither a file nor a block device");
	refused(f, f->path, false, -EINVAL, "neither a file nor a block device");
}

static void test_locked(void **state)
{
	struct fixture *f = *state;
	struct via_blk_file writer, reader, another;

	assert_int_equal(try_open(f, f->path, false, false, &writer), 0);
	refused(f, f->path, false, -EBUSY, "has it locked");
	refused(f, f->path, true, -EBUSY, "writes to it");
	via_blk_file_close(&writer);
	assert_int_equal(try_open(f, f->path, true, false, &reader), 0);
	assert_int_equal(try_open(f, f->path, true, false, &another), 0);
	refused(f, f->path, false, -EBUSY, "has it locked");
	via_blk_file_close(&reader);
	refused(f, f->path, false, -EBUSY, "has it locked");
	via_blk_file_close(&another);
	assert_int_equal(try_open(f, f->path, false, false, &writer), 0);
	via_blk_file_close(&writer);
}

static void test_read_only(void **state)
{
	struct fixture *f = *state;
	struct via_blk_file file;

	assert_int_equal(try_open(f, f->path, true, false, &file), 0);
	assert_true(file.read_only);
	assert_false(file.can_punch || file.can_zero);
	assert_int_equal(fcntl(file.fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	via_blk_file_close(&file);
}

static void test_direct(void **state)
{
	struct fixture *f = *state;
	struct via_blk_file file;
	int rc = try_open(f, f->path, false, true, &file);
	uint8_t *memory = NULL;

	if (rc == -ENOTSUP) {
		assert_non_null(strstr(f->err.text, "leave out ',direct'"));
		return;
	}
	assert_int_equal(rc, 0);
	assert_int_equal(fcntl(file.fd, F_GETFL) & (O_NONBLOCK | O_DIRECT), O_DIRECT);
	assert_int_equal(posix_memalign((void **)&memory, 8192, 8192), 0);
	/* What it says is aligned enough is. */
	assert_int_equal(
		pread(file.fd, memory + file.block_bytes, file.block_bytes, file.block_bytes),
		file.block_bytes);
	free(memory);
	via_blk_file_close(&file);
}

/* Finding out what it can do leaves it as it was. */
static void test_untouched(void **state)
{
	struct fixture *f = *state;
	struct via_blk_file file;
	struct stat before, after;

	assert_int_equal(stat(f->path, &before), 0);
	assert_int_equal(try_open(f, f->path, false, false, &file), 0);
	via_blk_file_close(&file);
	assert_int_equal(stat(f->path, &after), 0);
	assert_int_equal(before.st_size, after.st_size);
	assert_int_equal(before.st_blocks, after.st_blocks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_image, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_locked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_only, setup, teardown),
		cmocka_unit_test_setup_teardown(test_direct, setup, teardown),
		cmocka_unit_test_setup_teardown(test_untouched, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
