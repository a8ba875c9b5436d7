// SPDX-License-Identifier: LGPL-2.1-or-later
/* Plays a square wave through /dev/dsp, which begins with 8000 samples a second of 8 bits. */
#include "registers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/soundcard.h>
#include <unistd.h>

#define RATE 8000

/* tone HERTZ SECONDS */
int tone(int argc, char **argv)
{
	static uint8_t samples[RATE];
	int fd, format = AFMT_U8, channels = 1, rate = RATE;
	long hertz, seconds;

	if (argc != 3)
		return 2;
	hertz = strtol(argv[1], NULL, 10);
	seconds = strtol(argv[2], NULL, 10);
	for (long index = 0; index < RATE; index++)
		samples[index] = index * hertz * 2 / RATE % 2 ? 0xe0 : 0x20;
	fd = open("/dev/dsp", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, SNDCTL_DSP_SETFMT, &format) ||
	    ioctl(fd, SNDCTL_DSP_CHANNELS, &channels) || ioctl(fd, SNDCTL_DSP_SPEED, &rate))
		die("/dev/dsp: %s", strerror(errno));
	if (rate != RATE)
		die("/dev/dsp plays %d samples a second", rate);
	while (seconds--)
		if (write(fd, samples, sizeof(samples)) != sizeof(samples))
			die("/dev/dsp: %s", strerror(errno));
	if (ioctl(fd, SNDCTL_DSP_SYNC, 0))
		die("/dev/dsp: %s", strerror(errno));
	close(fd);
	return 0;
}
