/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <elf.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "library.h"
#include "tool-output.h"

/* As the programs say it, shortened: iputils, busybox, iperf3 3.18, fio 3.39. */
static const char ping[] =
	"PING 198.18.0.1 (198.18.0.1) 56(84) bytes of data.\n"
	"\n"
	"--- 198.18.0.1 ping statistics ---\n"
	"1012 packets transmitted, 1011 received, 0.0988142% packet loss, time 1000ms\n"
	"rtt min/avg/max/mdev = 0.401/0.425/9.268/0.001 ms, pipe 2, ipg/ewma 0.007/0.005 ms\n";
static const char ping_busybox[] = "--- 127.0.0.1 ping statistics ---\n"
				   "3 packets transmitted, 3 packets received, 0% packet loss\n"
				   "round-trip min/avg/max = 0.050/0.075/0.100 ms\n";
static const char ping_unanswered[] =
	"--- 198.18.0.9 ping statistics ---\n"
	"4 packets transmitted, 0 received, +3 errors, 100% packet loss, time 3060ms\n";
static const char iperf3[] =
	"{\n\t\"start\":\t{\"version\": \"iperf 3.18\"},\n\t\"intervals\":\t[],\n"
	"\t\"end\":\t{\n\t\t\"sum_sent\":\t{\"bytes\": 1270087681, \"bits_per_second\": "
	"10147479274.5},\n"
	"\t\t\"sum_received\":\t{\"bytes\": 1048577, \"bits_per_second\": 8000.5}\n\t}\n}\n";
static const char iperf3_refused[] =
	"{\n\t\"start\":\t{},\n\t\"intervals\":\t[],\n\t\"end\":\t{\n\t},\n"
	"\t\"error\":\t\"unable to connect to server: \\u001b[31mConnection refused\"\n}\n";
static const char fio[] =
	"fio: a warning {that is not it}\n"
	"{\n  \"fio version\" : \"fio-3.39\",\n  \"jobs\" : [\n    {\n      \"error\" : 0,\n"
	"      \"read\" : {\"bw_bytes\" : 680164007, \"iops\" : 166055.5, \"total_ios\" : 83526,\n"
	"        \"clat_ns\" : {\"percentile\" : {\"50.000000\" : 53504}}},\n"
	"      \"write\" : {\"bw_bytes\" : 4096, \"iops\" : 1.5, \"total_ios\" : 3,\n"
	"        \"clat_ns\" : {\"percentile\" : {\"50.000000\" : 7}}}\n    }\n  ]\n}\n"
	"and something behind it\n";

static void assert_reads(enum via_bench_tool_what what, const char *text, uint64_t operations,
			 double value, double time_ns)
{
	struct via_bench_tool_figures figures;
	struct via_error err = { 0 };

	if (via_bench_tool_read(what, text, &figures, &err))
		fail_msg("%s", err.text);
	assert_int_equal(figures.operations, operations);
	if (!(fabs(figures.value - value) < 1e-6 * value))
		fail_msg("%g, not %g", figures.value, value);
	if (isnan(time_ns) ? !isnan(figures.time_ns) : figures.time_ns != time_ns)
		fail_msg("%g ns, not %g", figures.time_ns, time_ns);
}

static void what_tools_say_is_read(void **state)
{
	(void)state;
	assert_reads(VIA_BENCH_PING, ping, 1011, 425e3, NAN);
	assert_reads(VIA_BENCH_PING, ping_busybox, 3, 75e3, NAN);
	assert_reads(VIA_BENCH_IPERF3, iperf3, 2, 1000.0625, NAN);
	assert_reads(VIA_BENCH_FIO_READS, fio, 83526, 166055.5, 53504);
	assert_reads(VIA_BENCH_FIO_READING, fio, 83526, 680164007, 53504);
	assert_reads(VIA_BENCH_FIO_WRITES, fio, 3, 1.5, 7);
	assert_reads(VIA_BENCH_FIO_WRITING, fio, 3, 4096, 7);
}

static void assert_refused(enum via_bench_tool_what what, const char *text, int rc,
			   const char *because)
{
	struct via_bench_tool_figures figures;
	struct via_error err = { 0 };
	int is = via_bench_tool_read(what, text, &figures, &err);

	if (is != rc)
		fail_msg("%d, not %d, of: %s", is, rc, text);
	if (!strstr(err.text, because))
		fail_msg("'%s' has no '%s'", err.text, because);
}

static void a_tool_says_why_it_measured_nothing(void **state)
{
	(void)state;
	assert_refused(VIA_BENCH_PING, ping_unanswered, -ENODATA, "no answer");
	/* Printable, as everything a guest says. */
	assert_refused(VIA_BENCH_IPERF3, iperf3_refused, -ENODATA,
		       "iperf3: unable to connect to server: ?[31mConnection refused");
	assert_refused(VIA_BENCH_FIO_READS, "{\"jobs\": [{\"error\": 5}]}", -ENODATA,
		       "fio: Input/output error");
}

/* Of any length; never more than was said, and never a figure that is none. */
static void truncated(enum via_bench_tool_what what, const char *whole)
{
	for (size_t length = 0; length < strlen(whole); length++) {
		char *text = strndup(whole, length);
		struct via_bench_tool_figures figures;
		struct via_error err;
		int rc = via_bench_tool_read(what, text, &figures, &err);

		if (!rc && (figures.operations < 1 || !isfinite(figures.value)))
			fail_msg("%g of: %s", figures.value, text);
		/* JSON is all there or not at all. */
		if (!rc && what != VIA_BENCH_PING && !strchr(text, '}'))
			fail_msg("understood: %s", text);
		free(text);
	}
}

static void what_is_cut_off_is_refused(void **state)
{
	(void)state;
	truncated(VIA_BENCH_PING, ping);
	truncated(VIA_BENCH_IPERF3, iperf3);
	truncated(VIA_BENCH_FIO_READS, fio);
	assert_refused(VIA_BENCH_PING, "", -EPROTO, "ping");
	assert_refused(VIA_BENCH_IPERF3, "", -EPROTO, "iperf3");
	assert_refused(VIA_BENCH_FIO_WRITES, "", -EPROTO, "fio");
}

static void what_makes_no_figure_is_refused(void **state)
{
	static const char *const pings[] = {
		"9 packets transmitted, 9 received\nrtt min/avg/max = 1/-2/3 ms",
		"9 packets transmitted, 9 received\nrtt min/avg/max = 1/nan/3 ms",
		"9 packets transmitted, 9 received\nrtt min/avg/max = 1/1e300/3 ms",
		"9 packets transmitted, -9 received\nrtt min/avg/max = 1/2/3 ms",
		"9 packets transmitted, 0x9 received\nrtt min/avg/max",
		"9 packets transmitted, 1e99 received\nrtt min/avg/max = 1/2/3 ms",
		"rtt min/avg/max = 1/2/3 ms",
		"9 packets transmitted, 9 received\nrtt min/avg/max = 1",
		"9 packets transmitted, 9 received\nrtt min/avg/max = 0.1/0.2",
	};
	static const char *const iperf3s[] = {
		"[]",
		"{}",
		"{\"end\": []}",
		"{\"end\": {\"sum_received\": {\"bytes\": \"1\", \"bits_per_second\": 1}}}",
		"{\"end\": {\"sum_received\": {\"bytes\": 0, \"bits_per_second\": 1}}}",
		"{\"end\": {\"sum_received\": {\"bytes\": -5, \"bits_per_second\": 1}}}",
		"{\"end\": {\"sum_received\": {\"bytes\": 5, \"bits_per_second\": -1}}}",
		"{\"end\": {\"sum_received\": {\"bytes\": 1e300, \"bits_per_second\": 1}}}",
		"{\"end\": {\"sum_received\": {\"bytes\": 5, \"bits_per_second\": 1e301}}}",
		"{\"end\": {\"sum_received\": {\"bytes\": 5, \"bits_per_second\": null}}}",
		"{\"error\": 7}",
	};
	static const char *const fios[] = {
		"{\"jobs\": {}}",
		"{\"jobs\": []}",
		"{\"jobs\": [7]}",
		"{\"jobs\": [{\"error\": 1e9}]}",
		"{\"jobs\": [{\"read\": {\"total_ios\": 0, \"iops\": 0}}]}",
		"{\"jobs\": [{\"read\": {\"total_ios\": true, \"iops\": 3}}]}",
		"{\"jobs\": [{\"read\": {\"total_ios\": 3, \"iops\": -3}}]}",
		"{\"jobs\": [{\"read\": {\"total_ios\": 9e18, \"iops\": 3}}]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pings) / sizeof(pings[0]); i++)
		assert_refused(VIA_BENCH_PING, pings[i], -EPROTO, "did not say");
	for (size_t i = 0; i < sizeof(iperf3s) / sizeof(iperf3s[0]); i++)
		assert_refused(VIA_BENCH_IPERF3, iperf3s[i], -EPROTO, "did not say");
	for (size_t i = 0; i < sizeof(fios) / sizeof(fios[0]); i++)
		assert_refused(VIA_BENCH_FIO_READS, fios[i], -EPROTO, "did not say");
}

/* As printf(3) has them, where a program divided nothing by nothing. */
static void numbers_that_are_none_are_read_over(void **state)
{
	(void)state;
	assert_reads(
		VIA_BENCH_FIO_READS,
		"{\"jobs\": [{\"read\": {\"a\": nan, \"\\\"-inf\": \"nan\", \"total_ios\": 3,\n"
		"\"b\": -nan, \"iops\": 2, \"c\": [inf, -inf], \"clat_ns\": {\"percentile\":\n"
		"{\"50.000000\": -nan}}}}]}",
		3, 2, NAN);
	assert_refused(VIA_BENCH_FIO_READS,
		       "{\"jobs\": [{\"read\": {\"total_ios\": 3, \"iops\": nan}}]}", -EPROTO,
		       "did not say");
	assert_refused(VIA_BENCH_FIO_READS, "{\n\"jobs\": x}", -EPROTO, "line 2");
	assert_refused(VIA_BENCH_FIO_READS, "{\"-", -EPROTO, "did not say");
	assert_refused(VIA_BENCH_FIO_READS, "{\"\\", -EPROTO, "did not say");
	assert_refused(VIA_BENCH_FIO_READS, "{na", -EPROTO, "did not say");
}

/* Deeper than any stack: jansson has a limit. */
static void nothing_is_nested_too_deep(void **state)
{
	size_t depth = 1 << 20;
	char *text = malloc(depth + 1);

	(void)state;
	memset(text, '{', 1);
	memset(text + 1, '[', depth - 1);
	text[depth] = '\0';
	assert_refused(VIA_BENCH_FIO_READS, text, -EPROTO, "fio");
	for (size_t i = 0; i + 5 < depth; i += 5)
		memcpy(text + i, "{\"a\":", 5);
	assert_refused(VIA_BENCH_IPERF3, text, -EPROTO, "iperf3");
	free(text);
}

/* A time that is none is left out; what was counted stands. */
static void a_time_that_is_missing_is_not_told(void **state)
{
	(void)state;
	assert_reads(VIA_BENCH_FIO_READS,
		     "{\"jobs\": [{\"read\": {\"total_ios\": 3, \"iops\": 2, \"clat_ns\": "
		     "{\"percentile\": {\"50.000000\": -1}}}}]}",
		     3, 2, NAN);
	assert_reads(VIA_BENCH_FIO_READS,
		     "{\"jobs\": [{\"read\": {\"total_ios\": 3, \"iops\": 2}}]}", 3, 2, NAN);
}

static void assert_library(const char *line, const char *name, const char *path)
{
	struct via_bench_library library;
	struct via_error err;

	assert_int_equal(via_bench_library_read(line, &library, &err), 1);
	assert_string_equal(library.name, name);
	assert_string_equal(library.path, path);
}

static void libraries_are_listed_as_the_loader_does(void **state)
{
	struct via_bench_library library;
	struct via_error err = { 0 };

	(void)state;
	assert_library("\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f21a244b000)",
		       "libm.so.6", "/lib/x86_64-linux-gnu/libm.so.6");
	assert_library("\t/lib64/ld-linux-x86-64.so.2 (0x00007f21a2599000)", "ld-linux-x86-64.so.2",
		       "/lib64/ld-linux-x86-64.so.2");
	assert_library("\t/lib64/ld-linux-x86-64.so.2 => /usr/lib/ld.so (0x00007f21a2599000)",
		       "ld-linux-x86-64.so.2", "/usr/lib/ld.so");
	assert_library("\tlibc.musl-x86_64.so.1 => /lib/ld-musl-x86_64.so.1 (0x7f0d)",
		       "libc.musl-x86_64.so.1", "/lib/ld-musl-x86_64.so.1");
	assert_library("\tlibb.so => /with a space/libb.so (0x1)", "libb.so",
		       "/with a space/libb.so");
	assert_int_equal(
		via_bench_library_read("\tlinux-vdso.so.1 (0x00007f21a2597000)", &library, &err),
		0);
}

static void a_library_that_is_missing_is_told(void **state)
{
	static const char *const lines[] = {
		"\tlibrbd.so.1 => not found",
		"fio: error while loading shared libraries: libnbd.so.0: no such file",
		"",
		"\t(0x1)",
		"\t (0x1)",
		"\tlib.so => (0x1)",
		"\tlib.so =>  (0x1)",
		"\tlib.so => relative (0x1)",
		"\tfolder/ => /lib/x (0x1)",
		"\t/ (0x1)",
	};
	struct via_bench_library library;
	struct via_error err = { 0 };
	char *longest = malloc(PATH_MAX + 64);

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (via_bench_library_read(lines[i], &library, &err) != -ENOENT)
			fail_msg("understood: %s", lines[i]);
	assert_int_equal(via_bench_library_read(lines[0], &library, &err), -ENOENT);
	assert_non_null(strstr(err.text, "librbd.so.1 => not found"));
	memset(longest, 'l', PATH_MAX + 63);
	memcpy(longest, "a => /", 6);
	strcpy(longest + PATH_MAX + 8, " (0x1)");
	assert_int_equal(via_bench_library_read(longest, &library, &err), -ENOENT);
	memset(longest, 'l', NAME_MAX + 2);
	strcpy(longest + NAME_MAX + 1, " => /l (0x1)");
	assert_int_equal(via_bench_library_read(longest, &library, &err), -ENOENT);
	free(longest);
}

static char *write_program(const void *bytes, size_t count)
{
	static char path[64];
	int fd;

	strcpy(path, "/tmp/viaduct-test.XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, count), count);
	close(fd);
	return path;
}

static int loader_of(const void *bytes, size_t count, char *loader, size_t loader_bytes)
{
	const char *path = write_program(bytes, count);
	struct via_error err;
	int rc = via_bench_loader_of(path, loader, loader_bytes, &err);

	unlink(path);
	return rc;
}

static void a_program_names_its_loader(void **state)
{
	static const char named[] = "/lib/ld-some.so.1";
	struct {
		Elf64_Ehdr header;
		Elf64_Phdr segments[2];
		char name[sizeof(named)];
	} program = {
		.header = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64 },
			    .e_type = ET_DYN,
			    .e_phoff = sizeof(Elf64_Ehdr),
			    .e_phentsize = sizeof(Elf64_Phdr),
			    .e_phnum = 2 },
		.segments = { { .p_type = PT_LOAD }, { .p_type = PT_INTERP } },
	}, good;
	char loader[64];

	(void)state;
	program.segments[1].p_offset = (uint64_t)((char *)program.name - (char *)&program);
	program.segments[1].p_filesz = sizeof(named);
	memcpy(program.name, named, sizeof(named));
	good = program;
	assert_int_equal(loader_of(&program, sizeof(program), loader, sizeof(loader)), 0);
	assert_string_equal(loader, named);
	/* None of it may be missing, or lie elsewhere. */
	for (size_t bytes = 0; bytes < (size_t)(program.name + sizeof(named) - (char *)&program);
	     bytes++)
		assert_int_equal(loader_of(&program, bytes, loader, sizeof(loader)), -ENOEXEC);
	assert_int_equal(loader_of(&program, sizeof(program), loader, sizeof(named) - 1), -ENOEXEC);
	program.name[sizeof(named) - 1] = 'x';
	assert_int_equal(loader_of(&program, sizeof(program), loader, sizeof(loader)), -ENOEXEC);
	program = good;
	program.segments[1].p_filesz = UINT64_MAX;
	assert_int_equal(loader_of(&program, sizeof(program), loader, sizeof(loader)), -ENOEXEC);
	program.segments[1].p_filesz = 0;
	assert_int_equal(loader_of(&program, sizeof(program), loader, sizeof(loader)), -ENOEXEC);
	program = good;
	program.segments[1].p_offset = UINT64_MAX;
	assert_int_equal(loader_of(&program, sizeof(program), loader, sizeof(loader)), -ENOEXEC);
	program = good;
	program.header.e_phoff = UINT64_MAX - 8;
	assert_int_equal(loader_of(&program, sizeof(program), loader, sizeof(loader)), -ENOEXEC);
	program = good;
	program.header.e_phnum = 0xffff;
	assert_int_equal(loader_of(&program, sizeof(program), loader, sizeof(loader)), -ENOEXEC);
	/* A static program has none. */
	program = good;
	program.segments[1].p_type = PT_NOTE;
	assert_int_equal(loader_of(&program, sizeof(program), loader, sizeof(loader)), 0);
	assert_string_equal(loader, "");
	assert_int_equal(loader_of("#!/bin/sh\nexec fio\n", 19, loader, sizeof(loader)), -ENOEXEC);
	/* A real one: this. */
	assert_int_equal(via_bench_loader_of("/proc/self/exe", loader, sizeof(loader), NULL), 0);
	assert_int_equal(access(loader, X_OK), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_tools_say_is_read),
		cmocka_unit_test(a_tool_says_why_it_measured_nothing),
		cmocka_unit_test(what_is_cut_off_is_refused),
		cmocka_unit_test(what_makes_no_figure_is_refused),
		cmocka_unit_test(numbers_that_are_none_are_read_over),
		cmocka_unit_test(nothing_is_nested_too_deep),
		cmocka_unit_test(a_time_that_is_missing_is_not_told),
		cmocka_unit_test(libraries_are_listed_as_the_loader_does),
		cmocka_unit_test(a_library_that_is_missing_is_told),
		cmocka_unit_test(a_program_names_its_loader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
