// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Draws: the pixels, left to right and line by line, are those of a generator, so that each
 * is another and whoever knows the seed knows them all.
 */
#include "registers.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

/* The same line again and again, moved by a prime: the host can make it in a moment. */
#define STEP 331u

#define VBE(index)	  (0x500u + 2 * (index))
#define VBE_XRES	  1
#define VBE_YRES	  2
#define VBE_VIRTUAL_WIDTH 6
#define VBE_X_OFFSET	  8
#define VBE_Y_OFFSET	  9

/* Where the screen begins in the video memory, Bochs VBE display interface by memory. */
static size_t scanout(struct function *function, const struct fb_var_screeninfo *screen)
{
	struct bar registers = function_bar(function, 2);
	uint32_t width, x, y;

	if (!registers.map)
		die("BAR 2 cannot be mapped");
	if (bar_read(&registers, VBE(VBE_XRES), 2) != screen->xres ||
	    bar_read(&registers, VBE(VBE_YRES), 2) != screen->yres)
		die("the display has another mode than its driver");
	width = bar_read(&registers, VBE(VBE_VIRTUAL_WIDTH), 2);
	x = bar_read(&registers, VBE(VBE_X_OFFSET), 2);
	y = bar_read(&registers, VBE(VBE_Y_OFFSET), 2);
	return ((size_t)y * width + x) * 4;
}

/* picture BDF /dev/fbN SEED: the driver sets the mode, the pixels go straight into BAR 0. */
int picture(int argc, char **argv)
{
	struct fb_var_screeninfo screen;
	struct fb_fix_screeninfo fixed;
	struct function function;
	struct bar memory;
	uint32_t seed, *noise;
	size_t at;
	int fd;

	if (argc != 4)
		return 2;
	function = function_open(argv[1]);
	seed = (uint32_t)strtoul(argv[3], NULL, 10);
	fd = open(argv[2], O_RDWR | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, FBIOGET_VSCREENINFO, &screen) ||
	    ioctl(fd, FBIOGET_FSCREENINFO, &fixed))
		die("%s: %s", argv[2], strerror(errno));
	if (screen.bits_per_pixel != 32 || screen.red.offset != 16 || screen.blue.offset)
		die("%s has %u bits for a pixel", argv[2], screen.bits_per_pixel);
	/* Without a console on it, the screen shows nothing until it is given its mode. */
	screen.activate = FB_ACTIVATE_NOW | FB_ACTIVATE_FORCE;
	if (ioctl(fd, FBIOPUT_VSCREENINFO, &screen) || ioctl(fd, FBIOBLANK, FB_BLANK_UNBLANK))
		die("%s: setting its mode: %s", argv[2], strerror(errno));
	memory = function_bar(&function, 0);
	at = scanout(&function, &screen);
	noise = calloc(2, screen.xres * sizeof(*noise));
	if (!noise || !memory.map)
		die("BAR 0 cannot be mapped");
	for (uint32_t x = 0; x < screen.xres; x++) {
		seed = seed * 1664525u + 1013904223u;
		noise[x] = noise[x + screen.xres] = seed >> 8;
	}
	for (uint32_t y = 0; y < screen.yres; y++, at += fixed.line_length)
		for (uint32_t x = 0; x < screen.xres; x++)
			bar_write(&memory, at + x * 4, 4,
				  noise[(size_t)y * STEP % screen.xres + x]);
	printf("pixels %ux%u\n", screen.xres, screen.yres);
	return 0;
}
