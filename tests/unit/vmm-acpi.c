/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "acpi/tables.h"
#include "layout.h"

static const struct via_range window = { 1ULL << 44, (1ULL << 45) - 1 };
static uint8_t room[LAYOUT_ACPI_BYTES];

static int build(unsigned int cpus, size_t room_bytes)
{
	const struct via_acpi_config config = { .cpus = cpus,
						.mmio64 = window,
						.slots = 0x80000002 };
	struct via_error err;

	memset(room, 0, sizeof(room));
	return via_acpi_build(&config, room, room_bytes, LAYOUT_ACPI, &err);
}

static uint64_t get(const uint8_t *at, unsigned int bytes)
{
	uint64_t value = 0;

	memcpy(&value, at, bytes);
	return value;
}

static uint8_t sum(const uint8_t *at, size_t bytes)
{
	uint8_t total = 0;

	while (bytes--)
		total = (uint8_t)(total + *at++);
	return total;
}

/* The table at @gpa, which must have this signature, lie inside the room and add up to zero. */
static const uint8_t *table(uint64_t gpa, const char *signature)
{
	const uint8_t *at = room + (gpa - LAYOUT_ACPI);

	assert_in_range(gpa, LAYOUT_ACPI, LAYOUT_ACPI + sizeof(room) - 36);
	assert_memory_equal(at, signature, 4);
	assert_in_range(get(at + 4, 4), 36, sizeof(room) - (size_t)(at - room));
	assert_int_equal(sum(at, get(at + 4, 4)), 0);
	return at;
}

/* Whichever place of the XSDT it has. */
static const uint8_t *find(const char *signature)
{
	const uint8_t *xsdt = table(get(room + 24, 8), "XSDT");

	for (size_t at = 36; at < get(xsdt + 4, 4); at += 8) {
		uint64_t gpa = get(xsdt + at, 8);

		if (!memcmp(room + (gpa - LAYOUT_ACPI), signature, 4))
			return table(gpa, signature);
	}
	fail_msg("no table %s", signature);
	return NULL;
}

static void every_table_is_found_from_the_first(void **state)
{
	(void)state;
	assert_int_equal(build(1, sizeof(room)), 0);
	assert_memory_equal(room, "RSD PTR ", 8);
	assert_int_equal(room[15], 2);
	assert_int_equal(sum(room, 20), 0);
	assert_int_equal(sum(room, 36), 0);
	assert_int_equal(get(table(get(room + 24, 8), "XSDT") + 4, 4), 36 + 3 * 8);
	find("FACP");
	find("APIC");
	find("MCFG");
	table(get(find("FACP") + 140, 8), "DSDT");
}

static void the_machine_is_hardware_reduced_and_turns_off_by_ports(void **state)
{
	const uint8_t *fadt;

	(void)state;
	assert_int_equal(build(1, sizeof(room)), 0);
	fadt = find("FACP");
	assert_int_equal(get(fadt + 4, 4), 276);
	assert_true(get(fadt + 112, 4) & 1 << 20); /* reduced */
	assert_true(get(fadt + 112, 4) & 1 << 10); /* has a reset register */
	assert_int_equal(fadt[116], 1);		   /* I/O ports */
	assert_int_equal(get(fadt + 120, 8), 0xcf9);
	assert_int_equal(fadt[128], 6);
	assert_int_equal(get(fadt + 248, 8), LAYOUT_PORT_SLEEP);
	assert_int_equal(get(fadt + 260, 8), LAYOUT_PORT_SLEEP + 1);
}

static void each_processor_is_listed(void **state)
{
	static const unsigned int counts[] = { 1, 2, 64 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const uint8_t *madt;
		unsigned int lapics = 0, ioapics = 0;

		assert_int_equal(build(counts[i], sizeof(room)), 0);
		madt = find("APIC");
		assert_int_equal(get(madt + 36, 4), LAYOUT_LAPIC_BASE);
		for (const uint8_t *at = madt + 44; at < madt + get(madt + 4, 4); at += at[1]) {
			if (at[0] == 0) {
				assert_int_equal(at[3], lapics++);
				assert_int_equal(get(at + 4, 4), 1);
			} else if (at[0] == 1) {
				ioapics++;
				assert_int_equal(get(at + 4, 4), LAYOUT_IOAPIC_BASE);
				assert_int_equal(get(at + 8, 4), 0);
			}
			assert_true(at[1] > 0);
		}
		assert_int_equal(lapics, counts[i]);
		assert_int_equal(ioapics, 1);
	}
}

static void configuration_space_is_where_the_layout_has_it(void **state)
{
	const uint8_t *mcfg;

	(void)state;
	assert_int_equal(build(1, sizeof(room)), 0);
	mcfg = find("MCFG");
	assert_int_equal(get(mcfg + 4, 4), 60);
	assert_int_equal(get(mcfg + 44, 8), LAYOUT_ECAM_BASE);
	assert_int_equal(mcfg[54], 0);
	assert_int_equal(mcfg[55], 0);
}

/* As long as it does not fit it says so, and writes nothing beyond (which a sanitizer sees). */
static void too_little_room_is_told(void **state)
{
	size_t needed = sizeof(room);

	(void)state;
	assert_int_equal(build(64, sizeof(room)), 0);
	while (needed && !room[needed - 1])
		needed--;
	assert_true(needed < sizeof(room) / 2);
	for (size_t bytes = 0; bytes < needed; bytes += 7) {
		const struct via_acpi_config config = { .cpus = 64, .mmio64 = window };
		uint8_t *exactly = malloc(bytes ? bytes : 1);
		struct via_error err = { 0 };

		assert_int_equal(via_acpi_build(&config, exactly, bytes, LAYOUT_ACPI, &err),
				 -ENOSPC);
		assert_non_null(strstr(err.text, "do not fit"));
		free(exactly);
	}
}

/* What the compiler of ACPI tables reads out of them again. */
static void iasl_understands_the_tables(void **state)
{
	static const char *const names[] = { "DSDT", "FACP", "APIC", "MCFG" };
	char directory[] = "/tmp/viaduct-acpi-XXXXXX", command[256], text[65536];
	size_t got;
	FILE *file;

	(void)state;
	if (system("command -v iasl >/dev/null 2>&1")) {
		print_message("SKIP: there is no iasl\n");
		skip();
	}
	assert_int_equal(build(2, sizeof(room)), 0);
	assert_non_null(mkdtemp(directory));
	for (size_t i = 0; i < 4; i++) {
		const uint8_t *at = i ? find(names[i]) : table(get(find("FACP") + 140, 8), "DSDT");

		snprintf(command, sizeof(command), "%s/%s.aml", directory, names[i]);
		file = fopen(command, "w");
		assert_non_null(file);
		assert_int_equal(fwrite(at, get(at + 4, 4), 1, file), 1);
		assert_int_equal(fclose(file), 0);
		snprintf(command, sizeof(command), "cd %s && iasl -d %s.aml >%s.log 2>&1",
			 directory, names[i], names[i]);
		assert_int_equal(system(command), 0);
	}
	snprintf(command, sizeof(command), "cat %s/*.dsl", directory);
	file = popen(command, "r");
	assert_non_null(file);
	got = fread(text, 1, sizeof(text) - 1, file);
	text[got] = '\0';
	assert_int_equal(pclose(file), 0);
	assert_non_null(strstr(text, "Name (VIA0, 0x0000100000000000)"));
	assert_non_null(strstr(text, "Name (VIA1, 0x00001FFFFFFFFFFF)"));
	assert_non_null(strstr(text, "Name (VIA2, 0x0000100000000000)"));
	assert_non_null(strstr(text, "Name (VIA3, 0x0000000080000002)"));
	assert_non_null(strstr(text, "Base Address : 00000000E0000000"));
	assert_null(strstr(text, "Incorrect checksum"));
	assert_null(strstr(text, "Invalid"));
	snprintf(command, sizeof(command), "rm -r %s", directory);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_table_is_found_from_the_first),
		cmocka_unit_test(the_machine_is_hardware_reduced_and_turns_off_by_ports),
		cmocka_unit_test(each_processor_is_listed),
		cmocka_unit_test(configuration_space_is_where_the_layout_has_it),
		cmocka_unit_test(too_little_room_is_told),
		cmocka_unit_test(iasl_understands_the_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
