/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rom.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <viaduct/util/cleanup.h>

#include "passthrough.h"

#define PAGE_BYTES 4096U

static int allocate(struct via_rom *rom, uint64_t size_bytes)
{
	void *image;

	rom->size_bytes = via_rom_bar_bytes(size_bytes);
	rom->map_bytes = rom->size_bytes < PAGE_BYTES ? PAGE_BYTES : rom->size_bytes;
	image = mmap(NULL, rom->map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		     0);
	if (image == MAP_FAILED)
		return -errno;
	rom->image = image;
	return 0;
}

static int read_all(int fd, uint8_t *data, size_t size_bytes)
{
	size_t done = 0;

	while (done < size_bytes) {
		ssize_t got = read(fd, data + done, size_bytes - done);

		if (got <= 0)
			return got < 0 ? -errno : -EIO;
		done += (size_t)got;
	}
	return 0;
}

static int load_file(struct via_rom *rom, const char *path, struct via_error *err)
{
	via_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status;
	int rc;

	if (fd < 0 || fstat(fd, &status))
		return via_error_sys(err, errno, "its ROM %s cannot be opened", path);
	if (!S_ISREG(status.st_mode) || status.st_size < 3)
		return via_error_set(err, EINVAL, "its ROM %s is not a file with an image", path);
	if (status.st_size > VIA_ROM_MAX_BYTES)
		return via_error_set(err, EFBIG,
				     "its ROM %s is larger than the 16 MiB of the "
				     "largest ROM there can be",
				     path);
	rc = allocate(rom, (uint64_t)status.st_size);
	if (!rc)
		rc = read_all(fd, rom->image, (size_t)status.st_size);
	if (rc)
		return via_error_sys(err, -rc, "its ROM %s cannot be read", path);
	if (rom->image[0] != 0x55 || rom->image[1] != 0xaa)
		return via_error_set(err, EINVAL,
				     "its ROM %s is no expansion ROM: it does not begin with 55 AA",
				     path);
	rom->loaded = true;
	return 0;
}

int via_rom_init(struct via_passthrough *function, const char *source, struct via_error *err)
{
	uint64_t region_bytes =
		via_vfio_device_region(function->device, VFIO_PCI_ROM_REGION_INDEX)->size_bytes;
	int rc;

	if (source && !strcmp(source, "off"))
		return 0;
	if (source)
		return load_file(&function->rom, source, err);
	if (!region_bytes || region_bytes > VIA_ROM_MAX_BYTES)
		return 0;
	rc = allocate(&function->rom, region_bytes);
	return rc ? via_error_sys(err, -rc, "its ROM finds no memory") : 0;
}

void via_rom_load(struct via_passthrough *function)
{
	struct via_rom *rom = &function->rom;
	int rc;

	if (rom->loaded)
		return;
	rom->loaded = true;
	rc = via_vfio_device_read(
		function->device, VFIO_PCI_ROM_REGION_INDEX, 0, rom->image,
		via_vfio_device_region(function->device, VFIO_PCI_ROM_REGION_INDEX)->size_bytes);
	if (!rc)
		return;
	memset(rom->image, 0xff, rom->size_bytes);
	via_passthrough_complain(function, "its ROM cannot be read: %s (rom=FILE gives another)",
				 strerror(-rc));
}

void via_rom_free(struct via_passthrough *function)
{
	if (function->rom.image)
		munmap(function->rom.image, function->rom.map_bytes);
	function->rom = (struct via_rom){ 0 };
}
