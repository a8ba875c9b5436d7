/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tables.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "../layout.h"
#include "dsdt.hex" /* dsdt_aml_code[], from dsdt.asl by iasl */

/* ASL knows no C: what dsdt.asl repeats of layout.h. */
_Static_assert(LAYOUT_ECAM_BASE == 0xe0000000 && LAYOUT_ECAM_BYTES == 0x100000, "MBRD");
_Static_assert(LAYOUT_PORT_SERIAL == 0x3f8 && LAYOUT_GSI_SERIAL == 4, "COM1");
_Static_assert(LAYOUT_PIO_BASE == 0x1000 && LAYOUT_PIO_BYTES == 0xf000, "WIND");
_Static_assert(LAYOUT_MMIO32_BASE == 0xc0000000 && LAYOUT_MMIO32_BYTES == 0x20000000, "WIND");
_Static_assert(LAYOUT_GSI_PCI(0, 1) == 16 && LAYOUT_GSI_PCI(3, 2) == 20 &&
		       LAYOUT_GSI_PCI(7, 2) == 16,
	       "_PRT");
_Static_assert(LAYOUT_SLEEP_TYPE_OFF == 5, "_S5");
_Static_assert(LAYOUT_PORT_HOTPLUG == 0x610 && LAYOUT_PORT_HOTPLUG_BYTES == 12, "MBRD, HPRG");
_Static_assert(LAYOUT_GSI_HOTPLUG == 9 && LAYOUT_SLOTS == 32, "EVNT, S01 to S1F");

/* ACPI 6.5, 5.2.5.3 */
struct rsdp {
	char signature[8];
	uint8_t checksum;
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum;
	uint8_t reserved[3];
} __attribute__((packed));
_Static_assert(sizeof(struct rsdp) == 36, "ACPI 6.5, table 5.3");

/* 5.2.6 */
struct header {
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} __attribute__((packed));
_Static_assert(sizeof(struct header) == 36, "ACPI 6.5, table 5.4");

/* 5.2.3.2 */
struct address {
	uint8_t space, bit_width, bit_offset, access_size;
	uint64_t address;
} __attribute__((packed));

#define SPACE_SYSTEM_IO 1U
#define ACCESS_BYTE	1U

/* 5.2.9; what a hardware-reduced machine does not have stays zero. */
struct fadt {
	struct header header;
	uint8_t legacy_1[73];
	uint16_t boot_architecture;
	uint8_t reserved;
	uint32_t flags;
	struct address reset;
	uint8_t reset_value;
	uint16_t arm_boot;
	uint8_t minor_version;
	uint64_t x_firmware_control;
	uint64_t x_dsdt;
	uint8_t legacy_2[96];
	struct address sleep_control;
	struct address sleep_status;
	uint64_t hypervisor;
} __attribute__((packed));
_Static_assert(offsetof(struct fadt, boot_architecture) == 109, "ACPI 6.5, table 5.9");
_Static_assert(offsetof(struct fadt, x_dsdt) == 140, "ACPI 6.5, table 5.9");
_Static_assert(offsetof(struct fadt, sleep_control) == 244, "ACPI 6.5, table 5.9");
_Static_assert(sizeof(struct fadt) == 276, "ACPI 6.5, table 5.9");

#define FADT_WBINVD  (1U << 0)
#define FADT_RESET   (1U << 10)
#define FADT_REDUCED (1U << 20)
#define BOOT_NO_VGA  (1U << 2)
#define BOOT_NO_RTC  (1U << 5)

/* 5.2.12 */
struct madt {
	struct header header;
	uint32_t lapic;
	uint32_t flags;
} __attribute__((packed));

struct madt_lapic {
	uint8_t type, length, uid, apic_id;
	uint32_t flags;
} __attribute__((packed));

struct madt_ioapic {
	uint8_t type, length, id, reserved;
	uint32_t address, gsi_base;
} __attribute__((packed));

#define MADT_LAPIC	   0U
#define MADT_IOAPIC	   1U
#define MADT_LAPIC_ENABLED 1U

/* PCI Firmware Specification 3.3, 4.1.2 */
struct mcfg {
	struct header header;
	uint64_t reserved;
	uint64_t base;
	uint16_t segment;
	uint8_t bus_first, bus_last;
	uint32_t reserved_2;
} __attribute__((packed));

/* A cursor over the room for the tables. */
struct writer {
	uint8_t *base;
	size_t room_bytes, used_bytes;
	uint64_t gpa;
	bool full;
};

static void *append(struct writer *writer, const void *data, size_t size_bytes)
{
	uint8_t *at = writer->base + writer->used_bytes;

	if (writer->full || size_bytes > writer->room_bytes - writer->used_bytes) {
		writer->full = true;
		return NULL;
	}
	memcpy(at, data, size_bytes);
	writer->used_bytes += size_bytes;
	return at;
}

static uint8_t checksum(const void *data, size_t size_bytes)
{
	const uint8_t *bytes = data;
	uint8_t sum = 0;

	for (size_t i = 0; i < size_bytes; i++)
		sum = (uint8_t)(sum + bytes[i]);
	return (uint8_t)-sum;
}

/* Begins a table at the next 16-byte boundary. */
static struct header *begin(struct writer *writer, const void *table, size_t size_bytes)
{
	static const uint8_t zero[16];

	append(writer, zero, -writer->used_bytes & 15);
	return append(writer, table, size_bytes);
}

/* Closes the table that began at @header; returns the guest's address of it. */
static uint64_t finish(struct writer *writer, struct header *header)
{
	size_t offset;

	if (writer->full)
		return 0;
	offset = (size_t)((uint8_t *)header - writer->base);
	header->length = (uint32_t)(writer->used_bytes - offset);
	header->checksum = 0;
	header->checksum = checksum(header, header->length);
	return writer->gpa + offset;
}

static struct header make_header(const char *signature, uint8_t revision)
{
	struct header header = { .revision = revision, .oem_revision = 1, .creator_revision = 1 };

	memcpy(header.signature, signature, 4);
	memcpy(header.oem_id, "VIADUC", 6);
	memcpy(header.oem_table_id, "VIADUCT ", 8);
	memcpy(header.creator_id, "VIAD", 4);
	return header;
}

/* Puts @value where dsdt.asl has a placeholder: NameOp, name, QWordPrefix, eight bytes. */
static void patch(uint8_t *aml, size_t size_bytes, const char *name, uint64_t value)
{
	bool found = false;

	for (size_t i = 0; !found && i + 14 <= size_bytes; i++) {
		if (aml[i] != 0x08 || memcmp(aml + i + 1, name, 4) || aml[i + 5] != 0x0e)
			continue;
		memcpy(aml + i + 6, &value, sizeof(value));
		found = true;
	}
	assert(found); /* else dsdt.asl has lost a placeholder */
	(void)found;
}

static uint64_t build_dsdt(struct writer *writer, const struct via_acpi_config *config)
{
	struct header *dsdt = begin(writer, dsdt_aml_code, sizeof(dsdt_aml_code));

	if (dsdt) {
		uint8_t *aml = (uint8_t *)dsdt;

		patch(aml, sizeof(dsdt_aml_code), "VIA0", config->mmio64.first);
		patch(aml, sizeof(dsdt_aml_code), "VIA1", config->mmio64.last);
		patch(aml, sizeof(dsdt_aml_code), "VIA2",
		      config->mmio64.last - config->mmio64.first + 1);
		patch(aml, sizeof(dsdt_aml_code), "VIA3", config->slots);
	}
	return finish(writer, dsdt);
}

static struct address port(uint16_t number)
{
	return (struct address){
		.space = SPACE_SYSTEM_IO,
		.bit_width = 8,
		.access_size = ACCESS_BYTE,
		.address = number,
	};
}

static uint64_t build_fadt(struct writer *writer, uint64_t dsdt)
{
	const struct fadt fadt = {
		.header = make_header("FACP", 6),
		.boot_architecture = BOOT_NO_VGA | BOOT_NO_RTC,
		.flags = FADT_WBINVD | FADT_RESET | FADT_REDUCED,
		.reset = port(LAYOUT_PORT_RESET),
		.reset_value = LAYOUT_RESET_VALUE,
		.minor_version = 5,
		.x_dsdt = dsdt,
		.sleep_control = port(LAYOUT_PORT_SLEEP),
		.sleep_status = port(LAYOUT_PORT_SLEEP + 1),
	};

	return finish(writer, begin(writer, &fadt, sizeof(fadt)));
}

static uint64_t build_madt(struct writer *writer, unsigned int cpus)
{
	const struct madt madt = { .header = make_header("APIC", 5), .lapic = LAYOUT_LAPIC_BASE };
	const struct madt_ioapic ioapic = {
		.type = MADT_IOAPIC,
		.length = sizeof(ioapic),
		.address = LAYOUT_IOAPIC_BASE,
	};
	struct header *table = begin(writer, &madt, sizeof(madt));

	for (unsigned int i = 0; i < cpus; i++) {
		const struct madt_lapic lapic = {
			.type = MADT_LAPIC,
			.length = sizeof(lapic),
			.uid = (uint8_t)i,
			.apic_id = (uint8_t)i,
			.flags = MADT_LAPIC_ENABLED,
		};

		append(writer, &lapic, sizeof(lapic));
	}
	append(writer, &ioapic, sizeof(ioapic));
	return finish(writer, table);
}

static uint64_t build_mcfg(struct writer *writer)
{
	const struct mcfg mcfg = {
		.header = make_header("MCFG", 1),
		.base = LAYOUT_ECAM_BASE,
		.bus_last = LAYOUT_ECAM_BYTES / MIB - 1,
	};

	return finish(writer, begin(writer, &mcfg, sizeof(mcfg)));
}

int via_acpi_build(const struct via_acpi_config *config, uint8_t *tables, size_t room_bytes,
		   uint64_t gpa, struct via_error *err)
{
	struct writer writer = { .base = tables, .room_bytes = room_bytes, .gpa = gpa };
	struct rsdp *rsdp = append(&writer, &(struct rsdp){ 0 }, sizeof(*rsdp));
	const struct header xsdt_header = make_header("XSDT", 1);
	uint64_t entries[3], xsdt;
	struct header *table;

	entries[0] = build_fadt(&writer, build_dsdt(&writer, config));
	entries[1] = build_madt(&writer, config->cpus);
	entries[2] = build_mcfg(&writer);
	table = begin(&writer, &xsdt_header, sizeof(xsdt_header));
	append(&writer, entries, sizeof(entries));
	xsdt = finish(&writer, table);
	if (writer.full)
		return via_error_set(err, ENOSPC, "the guest's ACPI tables do not fit in %zu bytes",
				     room_bytes);

	*rsdp = (struct rsdp){ .revision = 2, .length = sizeof(*rsdp), .xsdt = xsdt };
	memcpy(rsdp->signature, "RSD PTR ", 8);
	memcpy(rsdp->oem_id, "VIADUC", 6);
	rsdp->checksum = checksum(rsdp, offsetof(struct rsdp, length));
	rsdp->extended_checksum = checksum(rsdp, sizeof(*rsdp));
	return 0;
}
