/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>
#include <viaduct/util/text.h>

#include "tree.h"

static const struct tree_entry entries[] = {
	{ "sys/a/class", "0x020000\n" },
	{ "sys/a/count", "18446744073709551615\n" },
	{ "sys/a/large", "18446744073709551616\n" },
	{ "sys/a/minus", "-1\n" },
	{ "sys/a/words", "12 apples\n" },
	{ "sys/a/empty", "" },
	{ "sys/a/driver", .link = "../../bus/pci/drivers/igb" },
	{ "sys/list/b", "" },
	{ "sys/list/a", "" },
	{ "sys/list/.hidden", "" },
	{ "sys/none/" },
	{ 0 },
};

static void numbers_are_whole_and_unsigned(void **state)
{
	struct tree tree = tree_make(entries);
	uint64_t value = 7;

	(void)state;
	assert_int_equal(via_host_read_u64(tree.host, &value, "sys/%s/large", "a"), -ERANGE);
	assert_int_equal(via_host_read_u64(tree.host, &value, "sys/a/minus"), -EINVAL);
	assert_int_equal(via_host_read_u64(tree.host, &value, "sys/a/words"), -EINVAL);
	assert_int_equal(via_host_read_u64(tree.host, &value, "sys/a/empty"), -EINVAL);
	assert_int_equal(via_host_read_u64(tree.host, &value, "sys/a/absent"), -ENOENT);
	assert_int_equal(value, 7);
	assert_int_equal(via_host_read_u64(tree.host, &value, "sys/a/class"), 0);
	assert_int_equal(value, 0x020000);
	assert_int_equal(via_host_read_u64(tree.host, &value, "sys/a/count"), 0);
	assert_int_equal(value, UINT64_MAX);
	tree_remove(&tree);
}

static void text_must_fit(void **state)
{
	struct tree tree = tree_make(entries);
	char text[10];

	(void)state;
	assert_int_equal(via_host_read(tree.host, text, sizeof(text), "sys/a/class"), 0);
	assert_string_equal(text, "0x020000");
	assert_int_equal(via_host_read(tree.host, text, 9, "sys/a/class"), -EMSGSIZE);
	assert_int_equal(via_host_read(tree.host, text, sizeof(text), "sys/a/empty"), 0);
	assert_string_equal(text, "");
	tree_remove(&tree);
}

static void links_give_their_last_name(void **state)
{
	struct tree tree = tree_make(entries);
	char name[4];

	(void)state;
	assert_int_equal(via_host_link_name(tree.host, name, sizeof(name), "sys/a/driver"), 0);
	assert_string_equal(name, "igb");
	assert_int_equal(via_host_link_name(tree.host, name, 3, "sys/a/driver"), -ENAMETOOLONG);
	assert_int_equal(via_host_link_name(tree.host, name, sizeof(name), "sys/a/class"), -EINVAL);
	tree_remove(&tree);
}

static void lists_are_sorted_and_whole(void **state)
{
	struct tree tree = tree_make(entries);
	struct via_names names = { 0 };

	(void)state;
	assert_int_equal(via_host_list(tree.host, &names, "sys/list"), 0);
	/* A network interface may be called ".hidden". */
	assert_int_equal(names.count, 3);
	assert_string_equal(names.names[0], ".hidden");
	assert_string_equal(names.names[1], "a");
	assert_string_equal(names.names[2], "b");
	via_names_free(&names);
	assert_int_equal(via_host_list(tree.host, &names, "sys/none"), 0);
	assert_int_equal(names.count, 0);
	via_names_free(&names);
	assert_int_equal(via_host_list(tree.host, &names, "sys/absent"), -ENOENT);
	tree_remove(&tree);
}

static void writes_need_an_existing_file(void **state)
{
	struct tree tree = tree_make(entries);
	char text[32];

	(void)state;
	assert_int_equal(via_host_write(tree.host, "igb", "sys/a/empty"), 0);
	assert_int_equal(via_host_read(tree.host, text, sizeof(text), "sys/a/empty"), 0);
	assert_string_equal(text, "igb");
	assert_int_equal(via_host_write(tree.host, "igb", "sys/a/absent"), -ENOENT);
	tree_remove(&tree);
}

static void a_file_is_replaced_whole(void **state)
{
	struct tree tree = tree_make(entries);
	struct via_names names = { 0 };
	char text[32];

	(void)state;
	assert_int_equal(via_host_remove(tree.host, "run/a/b/%s", "c"), 0);
	assert_int_equal(via_host_replace(tree.host, "old\n", "run/a/b/%s", "c"), 0);
	assert_int_equal(via_host_replace(tree.host, "new\n", "run/a/b/c"), 0);
	assert_int_equal(via_host_read(tree.host, text, sizeof(text), "run/a/b/c"), 0);
	assert_string_equal(text, "new");
	/* Nothing is left beside it. */
	assert_int_equal(via_host_list(tree.host, &names, "run/a/b"), 0);
	assert_int_equal(names.count, 1);
	via_names_free(&names);
	assert_int_equal(via_host_remove(tree.host, "run/a/b/c"), 0);
	assert_false(via_host_exists(tree.host, "run/a/b/c"));
	assert_int_equal(via_host_remove(tree.host, "run/a/b/c"), 0);

	assert_int_equal(via_host_replace(tree.host, "", "file"), -EINVAL);
	assert_int_equal(via_host_replace(tree.host, "", "run/"), -EINVAL);
	assert_int_equal(via_host_replace(tree.host, "", "sys/a/class/x"), -ENOTDIR);
	assert_int_equal(via_host_replace(tree.host, "", "run/a/b"), -EISDIR);
	assert_int_equal(via_host_list(tree.host, &names, "run/a"), 0);
	assert_int_equal(names.count, 1);
	via_names_free(&names);
	tree_remove(&tree);
}

static void descriptors_are_not_inherited(void **state)
{
	struct tree tree = tree_make(entries);
	via_autoclose int fd = via_host_open(tree.host, O_RDONLY, "sys/a/class");

	(void)state;
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	tree_remove(&tree);
}

static void a_sentence_may_quote_the_one_before(void **state)
{
	struct via_error err;
	char large[2 * VIA_ERROR_TEXT_BYTES];

	(void)state;
	assert_int_equal(via_error_set(&err, EPERM, "no"), -EPERM);
	assert_int_equal(via_error_sys(&err, ENOENT, "because %s", err.text), -ENOENT);
	assert_string_equal(err.text, "because no: No such file or directory");
	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	assert_int_equal(via_error_sys(&err, EIO, "%s", large), -EIO);
	assert_int_equal(strlen(err.text), VIA_ERROR_TEXT_BYTES - 1);
	assert_int_equal(via_error_set(NULL, EIO, "dropped"), -EIO);
}

static void what_a_terminal_obeys_is_replaced(void **state)
{
	static const struct {
		const char *text, *printable;
	} rows[] = {
		{ "", "" },
		{ "eth0", "eth0" },
		{ "\033]0;x\007\t\n\177", "?]0;x????" },
		{ "M\303\274ll \342\202\254 \360\237\230\200", "M\303\274ll \342\202\254 \360\237\230\200" },
		/* CSI as one character of UTF-8, and as a bare byte. */
		{ "\302\233m", "??m" },
		{ "\233m", "?m" },
		/* Cut, or no UTF-8 at all. */
		{ "\342\202", "??" },
		{ "\303", "?" },
		{ "\377\300\200", "???" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[32];

		strcpy(text, rows[i].text);
		via_text_make_printable(text);
		assert_string_equal(text, rows[i].printable);
	}
}

static void a_live_machine_has_many_names(void **state)
{
	static const char *const live[] = { "/", "//", "/..", "/proc/self/root" };
	struct tree tree = tree_make(entries);

	(void)state;
	assert_false(via_host_is_real(tree.host));
	for (size_t i = 0; i < sizeof(live) / sizeof(live[0]); i++) {
		struct via_host_options options = { .root = live[i] };
		struct via_host *host;

		assert_int_equal(via_host_new(&options, &host, NULL), 0);
		assert_true(via_host_is_real(host));
		via_host_free(host);
	}
	tree_remove(&tree);
}

static void a_mounted_sysfs_is_no_record(void **state)
{
	struct tree tree = tree_make((struct tree_entry[]){ { "sys", .link = "/sys" }, { 0 } });

	(void)state;
	if (!via_host_exists(tree.host, "sys/kernel/uevent_seqnum"))
		print_message("not checked: no sysfs is mounted on /sys\n");
	else
		assert_true(via_host_is_real(tree.host));
	tree_remove(&tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_whole_and_unsigned),
		cmocka_unit_test(text_must_fit),
		cmocka_unit_test(links_give_their_last_name),
		cmocka_unit_test(lists_are_sorted_and_whole),
		cmocka_unit_test(writes_need_an_existing_file),
		cmocka_unit_test(a_file_is_replaced_whole),
		cmocka_unit_test(descriptors_are_not_inherited),
		cmocka_unit_test(a_sentence_may_quote_the_one_before),
		cmocka_unit_test(a_live_machine_has_many_names),
		cmocka_unit_test(a_mounted_sysfs_is_no_record),
		cmocka_unit_test(what_a_terminal_obeys_is_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
