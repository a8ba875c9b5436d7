/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "passthrough.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reset.h"

#define HEADER_MULTIFUNCTION 0x80U /* PCI Local Bus 3.0, 6.2.1 */

static bool touches(uint64_t offset, unsigned int size_bytes, uint64_t first, uint64_t bytes)
{
	return offset < first + bytes && first < offset + size_bytes;
}

static void read_config(struct via_passthrough *function, struct via_bus_access *access)
{
	uint32_t device = UINT32_MAX;

	if (function->config.msi && touches(access->offset, access->size_bytes,
					    function->config.msi, function->config.msi_bytes))
		via_msi_show_pending(function);
	if (!via_pci_config_emulates(&function->config, access->offset, access->size_bytes) &&
	    via_vfio_device_read(function->device, VFIO_PCI_CONFIG_REGION_INDEX, access->offset,
				 &device, access->size_bytes))
		device = UINT32_MAX;
	access->value =
		via_pci_config_merge(&function->config, access->offset, access->size_bytes, device);
}

static uint32_t keep_reporting(const struct via_passthrough *function,
			       const struct via_bus_access *access)
{
	uint64_t at = function->config.pcie + PCI_EXP_DEVCTL;
	uint32_t value = (uint32_t)access->value;

	if (function->config.pcie && at >= access->offset &&
	    at < access->offset + access->size_bytes)
		value |= (uint32_t)function->reporting.device_control << (at - access->offset) * 8;
	return value;
}

/* Hands to the device the bytes it is to see, neighbours together. */
static void forward(struct via_passthrough *function, const struct via_bus_access *access)
{
	const struct via_pci_config *config = &function->config;
	uint32_t written = keep_reporting(function, access);
	unsigned int i = 0;

	while (i < access->size_bytes) {
		unsigned int end = i;
		uint32_t value = written >> i * 8;

		while (end < access->size_bytes && config->forward[access->offset + end])
			end++;
		if (end > i)
			via_vfio_device_write(function->device, VFIO_PCI_CONFIG_REGION_INDEX,
					      access->offset + i, &value, end - i);
		i = end + 1;
	}
}

static int write_command(struct via_passthrough *function, uint16_t command)
{
	command = (uint16_t)((command & ~PCI_COMMAND_SERR) | function->reporting.command);
	return via_vfio_device_write(function->device, VFIO_PCI_CONFIG_REGION_INDEX, PCI_COMMAND,
				     &command, sizeof(command));
}

/* The device may have refused the guest's new power state: it is the one to ask. */
static bool is_asleep(struct via_passthrough *function)
{
	uint16_t power = 0;

	via_vfio_device_read(function->device, VFIO_PCI_CONFIG_REGION_INDEX,
			     function->config.pm + PCI_PM_CTRL, &power, sizeof(power));
	return power & PCI_PM_CTRL_STATE_MASK;
}

/* A function raises one kind of interrupt at a time: what goes, goes before what comes. */
static void follow_interrupts(struct via_passthrough *function, uint64_t offset,
			      unsigned int size_bytes)
{
	const struct via_pci_config *config = &function->config;
	bool messages = via_msix_enabled(function) || via_msi_enabled(function);

	if (messages)
		via_intx_update(function, true);
	if (config->msix && touches(offset, size_bytes, config->msix + PCI_MSIX_FLAGS, 2))
		via_msix_update(function);
	if (config->msi && touches(offset, size_bytes, config->msi, config->msi_bytes))
		via_msi_update(function);
	if (!messages)
		via_intx_update(function, false);
}

/* What the guest writes to the byte at @offset; 0 when it writes another. */
static uint8_t byte_written(const struct via_bus_access *access, uint64_t offset)
{
	if (offset < access->offset || offset >= access->offset + access->size_bytes)
		return 0;
	return (uint8_t)(access->value >> (offset - access->offset) * 8);
}

/* PCIe 6.0, 7.5.3.4, and PCI Conventional Advanced Features ECN, 6.x.3. */
static bool asks_for_flr(const struct via_pci_config *config, const struct via_bus_access *access)
{
	return (config->pcie &&
		byte_written(access, config->pcie + PCI_EXP_DEVCTL + 1U) &
			PCI_EXP_DEVCTL_BCR_FLR >> 8 &&
		via_pci_config_get(config, config->pcie + PCI_EXP_DEVCAP, 4) &
			PCI_EXP_DEVCAP_FLR) ||
	       (config->af && byte_written(access, config->af + PCI_AF_CTRL) & PCI_AF_CTRL_FLR &&
		via_pci_config_get(config, config->af + PCI_AF_CAP, 1) & PCI_AF_CAP_FLR);
}

static void silence(struct via_passthrough *function)
{
	via_msix_disable(function);
	via_msi_disable(function);
	via_intx_disable(function);
	via_bars_unmap(function); /* last: without INTx, registers that trapped are mapped again */
}

/* What the guest sees of the function is as at the start, and the device decodes nothing. */
static int begin_anew(struct via_passthrough *function)
{
	function->asleep = false;
	memcpy(function->config.value, function->initial, function->config.size_bytes);
	via_msix_reset(function);
	/* After a reset the kernel restores the command register as it was before. */
	return write_command(function, 0);
}

/* The kernel resets the function as the guest's write reaches it: vfio_exp_config_write(). */
static void reset_by_guest(struct via_passthrough *function, const struct via_bus_access *access)
{
	silence(function);
	forward(function, access);
	begin_anew(function);
	via_pci_host_moved(function->machine.pci);
}

/* Registers leave the guest before the device stops decoding them, and come back after. */
static void write_config(struct via_passthrough *function, const struct via_bus_access *access)
{
	struct via_pci_config *config = &function->config;
	uint64_t offset = access->offset;
	unsigned int size_bytes = access->size_bytes;
	uint16_t old_command = (uint16_t)via_pci_config_get(config, PCI_COMMAND, 2), command;
	bool power, moved;

	if (asks_for_flr(config, access)) {
		reset_by_guest(function, access);
		return;
	}
	via_pci_config_write(config, offset, size_bytes, (uint32_t)access->value);
	command = (uint16_t)via_pci_config_get(config, PCI_COMMAND, 2);
	power = config->pm && touches(offset, size_bytes, config->pm + PCI_PM_CTRL, 1);
	moved = power || command != old_command ||
		touches(offset, size_bytes, PCI_BASE_ADDRESS_0, BARS_MAX * 4) ||
		touches(offset, size_bytes, PCI_ROM_ADDRESS, 4);
	if (power)
		via_bars_unmap(function);
	else if (moved)
		via_bars_retract(function);
	forward(function, access);
	if (power)
		function->asleep = is_asleep(function);
	/*
	 * Again when it wakes: the kernel then restores the command register of before it slept,
	 * whatever was written since, and would let the guest reach registers that are not decoded.
	 */
	if (command != old_command || (power && !function->asleep))
		write_command(function, command);
	if (moved)
		via_pci_host_moved(function->machine.pci);
	follow_interrupts(function, offset, size_bytes);
}

static void access_config(void *owner, struct via_bus_access *access)
{
	struct via_passthrough *function = owner;

	if (access->offset + access->size_bytes > function->config.size_bytes) {
		access->value = 0; /* a function without extended space: nothing there */
		return;
	}
	if (access->write)
		write_config(function, access);
	else
		read_config(function, access);
}

void via_passthrough_complain(struct via_passthrough *function, const char *fmt, ...)
{
	char text[VIA_ERROR_TEXT_BYTES];
	va_list args;

	if (function->complained)
		return;
	function->complained = true;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	via_host_log(function->machine.host, VIA_LOG_WARNING, "%s: %s",
		     via_bdf_text(via_vfio_device_bdf(function->device)).text, text);
}

static void remap(void *owner)
{
	via_bars_update(owner);
}

static int read_snapshot(struct via_passthrough *function, struct via_error *err)
{
	const struct via_vfio_region *region =
		via_vfio_device_region(function->device, VFIO_PCI_CONFIG_REGION_INDEX);
	uint8_t snapshot[PCI_CONFIG_BYTES];
	size_t size_bytes =
		region->size_bytes >= PCI_CONFIG_BYTES ? PCI_CONFIG_BYTES : PCI_CFG_SPACE_SIZE;
	int rc;

	if (region->size_bytes < PCI_CFG_SPACE_SIZE)
		return via_error_set(err, EPROTO,
				     "the kernel shows only %llu bytes of its "
				     "configuration space",
				     (unsigned long long)region->size_bytes);
	rc = via_vfio_device_read(function->device, VFIO_PCI_CONFIG_REGION_INDEX, 0, snapshot,
				  size_bytes);
	if (rc)
		return via_error_sys(err, -rc, "cannot read its configuration space");
	rc = via_pci_config_build(&function->config, snapshot, size_bytes, err);
	if (rc)
		return rc;
	function->reporting.command = (uint16_t)(snapshot[PCI_COMMAND + 1] << 8) & PCI_COMMAND_SERR;
	if (function->config.pcie && (size_t)function->config.pcie + PCI_EXP_DEVCTL < size_bytes)
		function->reporting.device_control =
			snapshot[function->config.pcie + PCI_EXP_DEVCTL] &
			(PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_NFERE | PCI_EXP_DEVCTL_FERE |
			 PCI_EXP_DEVCTL_URRE);
	return 0;
}

int via_passthrough_refuse(struct via_bdf bdf, int rc, const struct via_error *why,
			   struct via_error *err)
{
	return via_error_set(err, -rc, "%s cannot be given to a guest: %s", via_bdf_text(bdf).text,
			     why->text);
}

int via_passthrough_wrap(const struct via_passthrough_machine *machine,
			 struct via_vfio_device *device, const char *rom,
			 struct via_passthrough_place place, struct via_passthrough **function_out,
			 struct via_error *err)
{
	struct via_passthrough *function = calloc(1, sizeof(*function));
	struct via_bdf_text bdf = via_bdf_text(via_vfio_device_bdf(device));
	struct via_error why = { 0 };
	int rc;

	if (!function) {
		via_vfio_device_close(device);
		return via_error_sys(err, ENOMEM, "cannot describe %s", bdf.text);
	}
	function->machine = *machine;
	function->devfn = place.devfn;
	function->device = device;
	function->function = (struct via_pci_function){ .config = access_config,
							.remap = remap,
							.owner = function };
	rc = read_snapshot(function, &why);
	if (!rc)
		rc = via_msix_init(function, &why);
	if (!rc)
		rc = via_msi_init(function, &why);
	if (!rc)
		via_intx_init(function);
	if (!rc)
		rc = via_rom_init(function, rom, &why);
	if (!rc)
		rc = via_bars_init(function, &why);
	if (!rc) {
		function->initial = malloc(function->config.size_bytes);
		if (!function->initial)
			rc = via_error_sys(&why, ENOMEM, "cannot remember how it begins");
	}
	if (rc) {
		via_passthrough_refuse(via_vfio_device_bdf(device), rc, &why, err);
		via_passthrough_free(function);
		return rc;
	}
	if (place.multifunction)
		function->config.value[PCI_HEADER_TYPE] |= HEADER_MULTIFUNCTION;
	memcpy(function->initial, function->config.value, function->config.size_bytes);
	machine->pci->functions[place.devfn] = &function->function;
	*function_out = function;
	return 0;
}

int via_passthrough_new(const struct via_passthrough_machine *machine,
			const struct via_vmm_device *wanted, struct via_passthrough_place place,
			struct via_passthrough **function, struct via_error *err)
{
	struct via_vfio_device *device;
	int rc = via_vfio_device_open_fd(machine->space, wanted->bdf, wanted->fd, &device, err);

	return rc ? rc : via_passthrough_wrap(machine, device, wanted->rom, place, function, err);
}

int via_passthrough_quiesce(struct via_passthrough *function, struct via_error *err)
{
	int rc, reset_rc;

	silence(function);
	rc = via_vfio_device_set_bus_master(function->device, false, err);
	reset_rc = via_reset_quiet(function, rc ? NULL : err);
	/*
	 * The kernel does not reset a function while the host unbinds or removes it, which waits
	 * for us: that is no failure, and bus mastering is off.
	 */
	if (reset_rc == -EAGAIN)
		reset_rc = 0;
	return rc ? rc : reset_rc;
}

int via_passthrough_reset(struct via_passthrough *function, struct via_error *err)
{
	const uint16_t awake = 0;
	int rc;

	/* The kernel wakes a function before it resets it; one it cannot reset stays asleep. */
	if (function->asleep)
		via_vfio_device_write(function->device, VFIO_PCI_CONFIG_REGION_INDEX,
				      function->config.pm + PCI_PM_CTRL, &awake, sizeof(awake));
	rc = via_passthrough_quiesce(function, err);
	if (rc)
		return rc;
	rc = begin_anew(function);
	if (rc)
		return via_error_sys(err, -rc, "cannot turn off the decoding of %s",
				     via_bdf_text(via_vfio_device_bdf(function->device)).text);
	return 0;
}

void via_passthrough_free(struct via_passthrough *function)
{
	if (!function)
		return;
	via_reset_leave(function);
	if (function->machine.pci->functions[function->devfn] == &function->function)
		function->machine.pci->functions[function->devfn] = NULL;
	via_events_free(function);
	via_msix_free(function);
	via_msi_disable(function);
	via_intx_disable(function);
	via_bars_free(function);
	via_rom_free(function);
	via_vfio_device_close(function->device);
	free(function->initial);
	free(function);
}

int via_passthrough_stats(struct via_passthrough *function, struct via_vmm_device_stats *stats)
{
	*stats = (struct via_vmm_device_stats){
		.bdf = via_vfio_device_bdf(function->device),
		.guest_devfn = function->devfn,
		.vector_count = function->msix.table.count,
		.config_reads = function->function.reads,
		.config_writes = function->function.writes,
		.vfio = via_vfio_device_stats(function->device),
	};
	stats->vector_interrupts = calloc(function->msix.table.count + 1U, sizeof(uint64_t));
	if (!stats->vector_interrupts)
		return -ENOMEM;
	via_msix_count(function, stats->vector_interrupts);
	for (uint32_t i = 0; i < function->msix.table.count; i++)
		stats->vectors_enabled += function->msix.table.wires[i].vector.enabled;
	stats->msi_count = function->msi.count;
	via_msi_count(function, stats->msi_interrupts);
	stats->intx_interrupts = via_intx_count(function);
	for (uint32_t i = 0; i < BARS_MAX; i++) {
		const struct via_bar *bar = &function->bars.bars[i];

		for (size_t j = 0; j < bar->segment_count; j++) {
			stats->region_reads += bar->segments[j].range.reads;
			stats->region_writes += bar->segments[j].range.writes;
		}
	}
	return 0;
}
